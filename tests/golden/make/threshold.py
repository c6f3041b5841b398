"""Thresholds by peaks over threshold.

The streams are made of the core's random numbers, here and in cases/threshold.rs alike, so the file holds what came of
them only: a row for each new fit, with the maximum of the likelihood found by scipy, and libspot's threshold where that
found the same maximum. (libspot 3.1 mostly keeps to the distribution with the excesses' mean and variance, which is
less likely than the maximum.)"""

import math

import libspot
import numpy as np
from common import Rng, single, write
from scipy.optimize import brentq

PHASE, Q, LEN, MOST = 1000, 1e-3, 5000, 50


def value(stream, rng):
    if stream == 0:
        return rng.normal()
    # Pareto, gamma 0.25: a square root of a square root is exact in every language.
    if stream == 1:
        return 1.0 / math.sqrt(math.sqrt(1.0 - rng.uniform()))
    # The largest of two: a tail that ends.
    return max(rng.uniform(), rng.uniform()) + 0.5 * rng.uniform()


def likelihood(y, gamma, sigma):
    if gamma == 0.0:
        return -len(y) * math.log(sigma) - y.sum() / sigma
    return -len(y) * math.log(sigma) - (1.0 + 1.0 / gamma) * np.log1p(gamma / sigma * y).sum()


def fit(excesses):
    """Grimshaw's estimate: the best inner maximum, else by moments."""
    mean = np.mean(excesses)
    y = np.array(excesses) / mean

    def slope(x):
        if abs(x) < 1e-7:
            return (y @ y) / len(y) / 2.0 - 1.0
        gamma, share = np.log1p(x * y).mean(), (x * y / (1.0 + x * y)).mean()
        return (gamma - share - share * gamma) / x**2

    grid = np.concatenate([(np.geomspace(5e-4, 0.999, 600) - 1.0) / y.max(), [0.0], np.geomspace(1e-3, 1e3, 300)])
    slopes = [slope(x) for x in grid]
    best = None
    for i in range(len(grid) - 1):
        if slopes[i] > 0.0 >= slopes[i + 1]:
            x = brentq(slope, grid[i], grid[i + 1], xtol=1e-14)
            gamma = np.log1p(x * y).mean()
            found = likelihood(y, gamma, gamma / x), gamma, gamma / x * mean
            best = max(best, found) if best else found
    if best:
        return best[1:]
    ratio = 1.0 / np.var(y)
    return 0.5 * (1.0 - ratio), 0.5 * mean * (1.0 + ratio)


def spot():
    columns = {name: [] for name in ["stream", "index", "tail", "gamma", "sigma", "threshold", "libspot"]}
    agreed = 0
    for stream in range(3):
        rng = Rng(20 + stream)
        xs = [single(value(stream, rng)) for _ in range(LEN)]
        reference = libspot.Spot(Q, level=0.98, discard_anomalies=True, max_excess=MOST)
        reference.fit(np.array(xs[:PHASE]))
        tail = single(reference.excess_threshold)
        excesses = [x - tail for x in xs[:PHASE] if x > tail]
        n, n_tail, threshold = PHASE, len(excesses), math.inf
        for i, x in enumerate(xs):
            if i >= PHASE:
                if x > threshold:
                    # Both let it out, or they are no longer comparable.
                    reference.step(x)
                    continue
                reference.step(x)
                n += 1
                if x <= tail:
                    continue
                n_tail += 1
                excesses.append(x - tail)
            elif i < PHASE - 1:
                continue
            excesses = excesses[-MOST:]
            gamma, sigma = fit(excesses)
            threshold = tail + sigma / gamma * ((Q * n / n_tail) ** -gamma - 1.0)
            y = np.array(excesses)
            same = (reference.n, reference.Nt) == (n, n_tail) and likelihood(
                y, reference.gamma, reference.sigma
            ) > likelihood(y, gamma, sigma) - 1e-7
            agreed += same
            row = [stream, i, tail, gamma, sigma, threshold, reference.anomaly_threshold if same else None]
            for column, cell in zip(columns.values(), row):
                column.append(cell)
    print(f"libspot found the maximum in {agreed} of {len(columns['index'])} fits")
    write("threshold", "spot", "libspot.Spot and scipy", columns)


spot()
