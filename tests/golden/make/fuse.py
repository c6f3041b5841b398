"""Four scores made one."""

import numpy as np
from common import Rng, single, write
from scipy import stats

rng = Rng(51)
scores = [[single(max(0.0, 1.5 * rng.normal() + 0.5)) for _ in range(4)] for _ in range(200)]
scores += [[0.0] * 4, [6.0] * 4, [0.0, 0.0, 0.0, 12.0], [30.0] * 4]
columns = {f"s{i}": [row[i] for row in scores] for i in range(4)}
columns["p_norm3"] = [np.mean(np.array(row) ** 3) ** (1 / 3) for row in scores]
columns["fisher"] = [-np.log10(stats.combine_pvalues(10.0 ** -np.array(row)).pvalue) + 0.0 for row in scores]


def cauchy(row):
    p = np.minimum(10.0 ** -np.array(row), 0.99)
    return -np.log10(stats.cauchy.sf(np.mean(np.cos(np.pi * p) / np.sin(np.pi * p))))


columns["cauchy"] = [cauchy(row) for row in scores]
weights, hedge = np.full(4, 0.25), []
for row in scores:
    hedge.append(weights @ row)
    weights = weights * np.exp(-0.25 * np.minimum(np.array(row) / 4.0, 1.0))
    weights = np.maximum(weights / weights.sum(), 0.25e-3)
columns["hedge"] = hedge
write("fuse", "fusers", "scipy.stats.combine_pvalues, scipy.stats.cauchy, numpy", columns)
