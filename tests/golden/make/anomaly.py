"""Detectors and scorers beside River, scikit-learn, and the formulas in numpy.

files/anomaly/random_cut_forest.csv is not made here but by krcf, a crate: its first line says how.
"""

import math

import numpy as np
from river import anomaly
from sklearn.decomposition import PCA

from common import Rng, single, write

RESOLUTION = 1e-5


def channel(rng, n):
    """One channel with a level shift, a spike and repeated values."""
    out = []
    for i in range(n):
        x = 20.0 + rng.normal() + (6.0 if 250 <= i < 300 else 0.0) + (40.0 if i == 200 else 0.0)
        out.append(single(round(x * 16) / 16))
    return out


class EwMeanVar:
    def __init__(self, horizon):
        self.horizon, self.n, self.mean, self.var = horizon, 0, 0.0, 0.0

    def learn(self, x):
        self.n = min(self.n + 1, self.horizon)
        a, d = 1.0 / self.n, x - self.mean
        self.mean += a * d
        self.var = (1.0 - a) * (self.var + a * d * d)

    def sd(self):
        return max(math.sqrt(self.var), RESOLUTION * abs(self.mean))


def evidence(z):
    return min(z * z / (2.0 * math.log(10.0)), 6.0)


def one_channel():
    xs = channel(Rng(1), 400)
    z, robust = [], []
    ew = EwMeanVar(100)
    for i, x in enumerate(xs):
        z.append(evidence((x - ew.mean) / ew.sd()) if ew.n >= 20 else None)
        ew.learn(x)
        window = np.array(xs[max(0, i - 50) : i])
        if len(window) < 20:
            robust.append(None)
            continue
        median = np.median(window)
        mad = 1.482602218505602 * np.median(np.abs(window - median))
        robust.append(evidence((x - median) / mad))
    columns = {"x": xs, "zscore": z, "robust_z": robust, "tail_rank": tail_ranks(xs, 200)}
    write("anomaly", "one_channel", "numpy formulas of the documentation", columns)


def tail_ranks(xs, half_life):
    ew, out = EwMeanVar(half_life), []
    above, below = [], []

    def place(score):
        return min(max(4.0 * (math.log2(score) + 6.0), 0.0), 63.99) if score > 0 else 0.0

    def tail(seen, deviation):
        # A decaying count of all that was seen: a bin counts for the share of it above the place.
        at = place(deviation)
        weights = np.array([(1.0 + math.log(2.0) / half_life) ** -(len(seen) - i) for i in range(len(seen))])
        bins = np.floor(np.array([place(s) for s in seen]))
        share = np.where(bins == math.floor(at), 1.0 - (at - math.floor(at)), (bins > at).astype(float))
        p = (np.sum(weights * share) + 0.5) / (np.sum(weights) + 1.0)
        return max(max(-math.log10(p), 0.0) - math.log10(2.0), 0.0)

    for x in xs:
        deviation = (x - ew.mean) / ew.sd() if ew.n > 0 else 0.0
        seen = above if deviation > 0 else below
        out.append(tail(seen, abs(deviation)) if len(seen) >= 20 else None)
        if ew.n > 0:
            above.append(max(deviation, 0.0))
            below.append(max(-deviation, 0.0))
        ew.learn(x)
    return out


def cloud(rng, n):
    """Three correlated raw channels of very different size, with outliers now and then."""
    rows = []
    for i in range(n):
        a, b, c = rng.normal(), rng.normal(), rng.normal()
        wild = 5.0 if i % 40 == 39 else 0.0
        rows.append([single(v) for v in (20.0 + a, 1000.0 + 50.0 * a + 20.0 * (b + wild), 0.01 * (c - wild))])
    return rows


def columns_of(rows, prefix="x"):
    return {f"{prefix}{j}": list(column) for j, column in enumerate(zip(*rows))}


def mahalanobis():
    rows, raws, horizon, shrinkage = cloud(Rng(2), 300), [], 100, 0.01
    # The weights of the formula, spelt out: what one sample is worth after all later ones.
    for i, x in enumerate(rows):
        if i < 5:
            raws.append(None)
            continue
        past, weights = np.array(rows[:i]), np.ones(i)
        for n in range(2, i + 1):
            weights[: n - 1] *= 1.0 - 1.0 / min(n, horizon)
            weights[n - 1] = 1.0 / min(n, horizon)
        mean = weights @ past
        c = (past - mean).T @ (weights[:, None] * (past - mean))
        sd = np.maximum(np.sqrt(np.diag(c)), RESOLUTION * np.abs(mean))
        r = (1.0 - shrinkage) * c / np.outer(sd, sd)
        np.fill_diagonal(r, 1.0)
        z = (np.array(x) - mean) / sd
        raws.append(math.sqrt(z @ np.linalg.solve(r, z)))
    write("anomaly", "mahalanobis", "numpy.linalg.solve", {**columns_of(rows), "raw": raws})


def half_space_trees():
    rng, trees, height, window = Rng(3), 5, 5, 100
    rows = []
    for i in range(450):
        wild = 0.45 if i % 25 == 24 else 0.0
        rows.append([single(0.5 + 0.08 * rng.normal() + wild * s) for s in (1, -1, 0)])
    model = anomaly.HalfSpaceTrees(n_trees=trees, height=height, window_size=window, seed=42)
    model.learn_one(dict(enumerate(rows[0])))
    # The same splits for both: rounded to f32 in River's trees.
    splits = []
    for t, tree in enumerate(model.trees):
        level = [tree]
        for _ in range(height):
            for node in level:
                node.threshold = single(node.threshold)
                splits.append((t, node.feature, node.threshold))
            level = [child for node in level for child in node.children]
    # The first sample again, now with the rounded splits.
    for tree in model._tree_nodes:
        for node in tree:
            node.l_mass = node.r_mass = 0
    model.counter = 0
    raws = []
    for i, row in enumerate(rows):
        x = dict(enumerate(row))
        raws.append(None if i < window else model.score_one(x))
        model.learn_one(x)
    write("anomaly", "half_space_trees", "river.anomaly.HalfSpaceTrees", {**columns_of(rows), "raw": raws})
    t, feature, threshold = zip(*splits)
    columns = {"tree": t, "feature": feature, "threshold": threshold}
    write("anomaly", "half_space_splits", "river.anomaly.HalfSpaceTrees", columns)


def streaming_pca():
    rng = Rng(4)
    basis = np.linalg.qr(np.array([[rng.normal() for _ in range(4)] for _ in range(4)]))[0]
    rows = []
    for _ in range(900):
        y = basis @ np.array([s * rng.normal() for s in (4.0, 1.5, 0.3, 0.2)]) + np.array([3.0, -2.0, 0.0, 1.0])
        rows.append([round(v * 32) / 32 for v in y])
    pca = PCA(n_components=2).fit(np.array(rows))
    columns = columns_of(rows)
    for k in range(2):
        for j in range(4):
            columns[f"v{k}_{j}"] = [None] * 899 + [pca.components_[k][j]]
    columns["variance0"] = [None] * 899 + [pca.explained_variance_[0]]
    columns["variance1"] = [None] * 899 + [pca.explained_variance_[1]]
    write("anomaly", "streaming_pca", "sklearn.decomposition.PCA", columns)


def os_elm():
    rng, inputs, hidden, ridge, forgetting = Rng(7), 3, 4, 0.125, 0.998046875
    weights, biases = np.zeros((hidden, inputs)), np.zeros(hidden)
    for i in range(hidden):
        biases[i] = 2.0 * rng.uniform() - 1.0
        for j in range(inputs):
            weights[i, j] = 2.0 * rng.uniform() - 1.0
    draw, rows, raws = Rng(5), [], []
    for i in range(400):
        a, b = draw.normal(), draw.normal()
        x = (a, math.sin(a) + 0.1 * b, -a if i % 50 != 49 else 3.0)
        rows.append([single(v) for v in x])
    for i, row in enumerate(rows):
        if i < 2 * hidden or i % 7:
            raws.append(None)
            continue
        past = np.array(rows[:i])
        h = 1.0 / (1.0 + np.exp(-(past @ weights.T + biases)))
        w = forgetting ** np.arange(i - 1, -1, -1.0)
        left = h.T @ (w[:, None] * h) + forgetting**i * ridge * np.eye(hidden)
        output = np.linalg.solve(left, h.T @ (w[:, None] * past))
        x = np.array(row)
        error = x - (1.0 / (1.0 + np.exp(-(weights @ x + biases)))) @ output
        raws.append(math.sqrt(np.mean(error**2)))
    write("anomaly", "os_elm", "numpy.linalg.solve of the weighted ridge regression", {**columns_of(rows), "raw": raws})


one_channel()
mahalanobis()
half_space_trees()
streaming_pca()
os_elm()
