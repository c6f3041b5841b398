"""Statistics."""

import math

import numpy as np
import pandas as pd
import scipy.stats
from river import stats

from common import Rng, single, write


def ew_mean_var():
    rng = Rng(1)
    xs = [single(5.0 + 2.0 * rng.normal() + (20.0 if i == 150 else 0.0)) for i in range(300)]
    n, mean, var, means, variances = 0, 0.0, 0.0, [], []
    for x in xs:
        n = min(n + 1, 50)
        a, d = 1.0 / n, x - mean
        mean += a * d
        var = (1.0 - a) * (var + a * d * d)
        means.append(mean)
        variances.append(var)
    write("stats", "ew_mean_var", "Finch 2009, equations 124 and 143 with a = max(1/n, 1/50)", {"x": xs, "mean": means, "var": variances})


def skewed(seed, length):
    """A mean that is large beside the deviation, and a long tail on the right."""
    rng = Rng(seed)
    return [single(50.0 + rng.normal() + 4.0 * rng.uniform() ** 6) for _ in range(length)]


def all_samples():
    xs = skewed(2, 220)
    heads = [np.array(xs[: i + 1]) for i in range(len(xs))]

    def known(values):
        return [None if not np.isfinite(v) else v for v in values]

    write("stats", "all_samples", "numpy and scipy.stats of all samples up to each; sum by math.fsum", {
        "x": xs,
        "sum": [math.fsum(h) for h in heads],
        "mean": [h.mean() for h in heads],
        "var0": [h.var() for h in heads],
        "var1": [None if len(h) < 2 else h.var(ddof=1) for h in heads],
        "skewness": known([scipy.stats.skew(h) if len(h) > 1 else np.nan for h in heads]),
        "kurtosis": known([scipy.stats.kurtosis(h) if len(h) > 1 else np.nan for h in heads]),
        "min": [h.min() for h in heads],
        "max": [h.max() for h in heads],
    })


def half_life():
    # Around 0: river takes the square of the mean from the mean of squares, which costs digits elsewhere.
    xs = [single(x - 50.0) for x in skewed(3, 300)]
    share = 1.0 - 2.0 ** (-1.0 / 20.0)
    mean, var, means, variances = stats.EWMean(share), stats.EWVar(share), [], []
    for x in xs:
        mean.update(x)
        var.update(x)
        means.append(mean.get())
        variances.append(var.get())
    ewm = pd.Series(xs).ewm(halflife=20, adjust=False)
    write("stats", "half_life", "river.stats.EWMean and EWVar, pandas ewm(halflife=20, adjust=False)", {
        "x": xs, "mean": means, "var": variances, "pandas_mean": list(ewm.mean()), "pandas_var": list(ewm.var(bias=True)),
    })


def covariance():
    rng = Rng(4)
    rows = []
    for _ in range(200):
        a, b = rng.normal(), rng.normal()
        rows.append([single(20.0 + a), single(3.0 * a + b - 5.0), single(b - 0.5 * a + 0.2 * rng.normal())])
    columns = {f"x{i}": [row[i] for row in rows] for i in range(3)}
    pairs = [(i, j) for i in range(3) for j in range(i, 3)]
    for i, j in pairs:
        for name in ("cov", "cor"):
            columns[f"{name}{i}{j}"] = [None] * len(rows)
    for n in range(9, len(rows), 10):
        cov, cor = np.cov(np.array(rows[: n + 1]).T), np.corrcoef(np.array(rows[: n + 1]).T)
        for i, j in pairs:
            columns[f"cov{i}{j}"][n], columns[f"cor{i}{j}"][n] = cov[i, j], cor[i, j]
    write("stats", "covariance", "numpy.cov and corrcoef", columns)


def deviation():
    xs = skewed(5, 400)
    mad, median, mads, medians = stats.MAD(), stats.Quantile(0.5), [], []
    for x in xs:
        mad.update(x)
        median.update(x)
        mads.append(mad.get())
        medians.append(median.get())
    rolling = [np.array(xs[max(0, i - 13) : i + 1]) for i in range(len(xs))]
    write("stats", "deviation", "river.stats.MAD; rolling: numpy over the last 14", {
        "x": xs, "median": medians, "mad": mads,
        "rolling": [np.median(np.abs(w - np.median(w))) for w in rolling],
    })


ew_mean_var()
all_samples()
half_life()
covariance()
deviation()
