"""Time left."""

import numpy as np
from common import Rng, single, write
from scipy.optimize import brentq
from scipy.stats import invgauss, norm


def quantile(law, p):
    """scipy's own inversion stops at some 1e-9; its distribution function knows better."""
    near = law.ppf(p)
    return brentq(lambda t: law.cdf(t) - p, near * 0.999, near * 1.001, xtol=1e-15, rtol=1e-14)


def first_passage():
    columns = {name: [] for name in ("distance", "drift", "variance", "mean", "time", "chance", "q10", "q50", "q90")}
    for distance in (0.5, 10.0, 3000.0):
        for drift in (0.015625, 0.5, 4.0):
            for variance in (0.0078125, 0.5, 8.0, 512.0):
                mean, shape = distance / drift, distance**2 / variance
                law = invgauss(mean / shape, scale=shape)
                time = single(mean * 0.75)
                values = (distance, drift, variance, mean, time, law.cdf(time), *(quantile(law, p) for p in (0.1, 0.5, 0.9)))
                for name, value in zip(columns, values):
                    columns[name].append(value)
    write("prognose", "first_passage", "scipy.stats.invgauss", columns)


def wiener():
    rng = Rng(21)
    n, limit = 200, 100.0
    xs, x = [], 0.0
    for _ in range(n):
        x += 0.25 + 0.5 * rng.normal()
        xs.append(single(x))
    samples, soonest, latest = [None] * n, [None] * n, [None] * n
    for i in range(20, n, 4):
        steps = np.diff(xs[: i + 1])
        drift, variance, distance = steps.mean(), steps.var(), limit - xs[i]
        if drift > 0:
            mean, shape = distance / drift, distance**2 / variance
            samples[i] = mean
            law = invgauss(mean / shape, scale=shape)
            soonest[i], latest[i] = quantile(law, 0.1), quantile(law, 0.9)
    write("prognose", "wiener", "scipy.stats.invgauss of the steps' mean and variance", {"x": xs, "samples": samples, "soonest": soonest, "latest": latest})


def exponential():
    rng = Rng(22)
    n, log_limit, noise = 120, np.log(100.0), 0.0009765625
    m0, v0, m1, v1 = 0.25, 0.5, 0.03125, 0.0009765625
    xs, x = [], 0.4
    for _ in range(n):
        x += 0.035 + np.sqrt(noise) * rng.normal()
        xs.append(single(np.exp(x)))
    columns = {"x": xs, "slope": [], "slope_var": [], "samples": [], "soonest": [], "latest": []}
    for i in range(n):
        steps = np.diff(np.log(xs[: i + 1]), prepend=0.0)
        design = np.ones((i + 1, 2))
        design[1:, 0] = 0.0
        precision = np.diag([1 / v0, 1 / v1]) + design.T @ design / noise
        cov = np.linalg.inv(precision)
        mean = cov @ (np.array([m0 / v0, m1 / v1]) + design.T @ steps / noise)
        m, v, distance = mean[1], cov[1, 1], log_limit - np.log(xs[i])
        columns["slope"].append(m)
        columns["slope_var"].append(v)

        def reach(p):
            beyond = lambda h: norm.cdf((m * h - distance) / np.sqrt(v * h * h + noise * h)) - p
            return brentq(beyond, 1e-6, 1e7, xtol=1e-12, rtol=1e-14)

        reached = distance <= 0
        columns["samples"].append(0.0 if reached else distance / m)
        columns["soonest"].append(0.0 if reached else reach(0.1))
        # The slope may be too uncertain at first: then there is no bound.
        certain = norm.cdf(m / np.sqrt(v)) > 0.901
        columns["latest"].append(0.0 if reached else reach(0.9) if certain else None)
    write("prognose", "exponential_degradation", "scipy.optimize.brentq over scipy.stats.norm; the posterior by numpy.linalg.inv", columns)


first_passage()
wiener()
exponential()
