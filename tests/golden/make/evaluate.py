"""Metrics of predictions, with the samples weighted by fading^age where a metric fades."""

import numpy as np
from common import Rng, single, write
from sklearn import metrics

rng = Rng(41)
LEN, FADING = 220, 0.96875
actual = np.array([single(3.0 + rng.normal()) for _ in range(LEN)])
predicted = np.array([single(a + 0.5 * rng.normal() + 0.1) for a in actual])


def prequential(figure):
    """After each pair, from all so far with their weights."""
    out = []
    for i in range(1, LEN + 1):
        out.append(figure(actual[:i], predicted[:i], FADING ** np.arange(i)[::-1]))
    return out


def r2(a, p, w):
    return metrics.r2_score(a, p, sample_weight=w) if len(a) > 1 else None


def windowed(a, p, _):
    return metrics.mean_absolute_error(a[-32:], p[-32:])


write(
    "evaluate",
    "numbers",
    "sklearn.metrics with sample_weight",
    {
        "predicted": predicted,
        "actual": actual,
        "mae": prequential(lambda a, p, w: metrics.mean_absolute_error(a, p, sample_weight=w)),
        "mse": prequential(lambda a, p, w: metrics.mean_squared_error(a, p, sample_weight=w)),
        "rmse": prequential(lambda a, p, w: metrics.root_mean_squared_error(a, p, sample_weight=w)),
        "bias": prequential(lambda a, p, w: np.average(p - a, weights=w)),
        "pinball": prequential(lambda a, p, w: metrics.mean_pinball_loss(a, p, sample_weight=w, alpha=0.75)),
        "r2": prequential(r2),
        "windowed_mae": prequential(windowed),
    },
)

came = np.array([int(3.0 * rng.uniform()) for _ in range(LEN)])
said = np.array([c if rng.uniform() < 0.7 else int(3.0 * rng.uniform()) for c in came])
classes = {name: [] for name in ["accuracy", "precision1", "recall1", "f1_1", "macro_f1", "kappa", "mcc", "faded"]}
for i in range(1, LEN + 1):
    a, p = came[:i], said[:i]
    # Where a figure is not defined, the core says nothing.
    one = metrics.f1_score(a, p, labels=[1], average=None, zero_division=np.nan)[0]
    classes["accuracy"].append(metrics.accuracy_score(a, p))
    classes["precision1"].append(metrics.precision_score(a, p, labels=[1], average=None)[0] if 1 in p else None)
    classes["recall1"].append(metrics.recall_score(a, p, labels=[1], average=None)[0] if 1 in a else None)
    classes["f1_1"].append(None if np.isnan(one) else one)
    classes["macro_f1"].append(metrics.f1_score(a, p, average="macro"))
    chance = len(set(a) | set(p)) == 1
    classes["kappa"].append(None if chance else metrics.cohen_kappa_score(a, p))
    classes["mcc"].append(metrics.matthews_corrcoef(a, p))
    classes["faded"].append(metrics.accuracy_score(a, p, sample_weight=FADING ** np.arange(i)[::-1]))
write("evaluate", "classes", "sklearn.metrics", {"predicted": said, "actual": came} | classes)

positive = np.array([int(rng.uniform() < 0.3) for _ in range(LEN)])
score = np.array([single(min(max(0.35 + 0.25 * p + 0.2 * rng.normal(), 0.0), 0.999)) for p in positive])
binned = np.floor(score * 32.0)
auc = []
for i in range(1, LEN + 1):
    both = 0 < positive[:i].sum() < i
    auc.append(metrics.roc_auc_score(positive[:i], binned[:i]) if both else None)
write("evaluate", "auc", "sklearn.metrics.roc_auc_score of 32 bins", {"score": score, "actual": positive, "auc": auc})

low = np.array([single(p - 1.0) for p in predicted])
high = np.array([single(p + 0.75) for p in predicted])
faded = {"share": [], "width": [], "interval": []}
score = (high - low) + 2.0 / 0.25 * np.maximum(np.maximum(low - actual, actual - high), 0.0)
for i in range(1, LEN + 1):
    w = FADING ** np.arange(i)[::-1]
    inside = (low[:i] <= actual[:i]) & (actual[:i] <= high[:i])
    faded["share"].append(np.average(inside, weights=w))
    faded["width"].append(np.average((high - low)[:i], weights=w))
    faded["interval"].append(np.average(score[:i], weights=w))
write("evaluate", "coverage", "numpy", {"low": low, "high": high, "actual": actual} | faded)
