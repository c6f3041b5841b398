"""Transformers and imputers."""

import numpy as np
import pandas as pd
from river import preprocessing, stats
from sklearn.preprocessing import PolynomialFeatures
from statsmodels.tsa.statespace.structural import UnobservedComponents

from common import Rng, single, write


def rows(seed, length):
    rng = Rng(seed)
    data = []
    for i in range(length):
        a = rng.normal()
        data.append([single(10.0 + 2.0 * a), single(a * a - 1.0 + 0.01 * i), single(0.001 * rng.normal())])
    return data


def features(prefix, data):
    width = max(len(row) for row in data if row is not None)
    return {f"{prefix}{i}": [None if row is None else row[i] for row in data] for i in range(width)}


def scalers():
    data = rows(21, 130)
    river = {
        "standard": preprocessing.StandardScaler(),
        "min_max": preprocessing.MinMaxScaler(),
        "max_abs": preprocessing.MaxAbsScaler(),
        "robust": preprocessing.RobustScaler(),
    }
    columns = features("x", data)
    for name, scaler in river.items():
        out = []
        for i, row in enumerate(data):
            x = dict(enumerate(row))
            # What comes next, by what was learnt before.
            known = i > 1 if name == "standard" else i > 0
            out.append(list(scaler.transform_one(x).values()) if known else None)
            scaler.learn_one(x)
        columns |= features(name, out)
    write("preprocess", "scalers", "river.preprocessing: StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler", columns)


def fading():
    data = np.array(rows(22, 150))
    mean, var, low, high, most = data[0].copy(), np.zeros(3), data[0].copy(), data[0].copy(), np.abs(data[0])
    out = {"standard": [None], "min_max": [None], "max_abs": [None]}
    for n, x in enumerate(data[1:], 1):
        out["standard"].append(list((x - mean) / np.sqrt(var)) if n > 1 else None)
        out["min_max"].append(list(np.where(high > low, (x - low) / np.where(high > low, high - low, 1.0), 0.0)))
        out["max_abs"].append(list(x / most))
        a = max(1.0 / (n + 1), 1.0 / 30.0)
        d = x - mean
        mean, var = mean + a * d, (1.0 - a) * (var + a * d * d)
        shrink = 0.0625 * (high - low)
        low, high, most = np.minimum(x, low + shrink), np.maximum(x, high - shrink), np.maximum(np.abs(x), 0.9375 * most)
    columns = features("x", data.tolist())
    for name, values in out.items():
        columns |= features(name, values)
    write("preprocess", "fading", "Finch 2009 with a = max(1/n, 1/30); range and largest value less 1/16 a sample", columns)


def online():
    """Flink ML's OnlineStandardScaler on count windows of 32: sums and sums of squares, one model a window."""
    data = np.array(rows(23, 200))
    data[:, 2] = 4.0
    total, squares, n, model, out = np.zeros(3), np.zeros(3), 0, None, []
    for x in data:
        if model is None:
            out.append(None)
        else:
            mean, std = model
            out.append(list((x - mean) * np.where(std == 0.0, 0.0, 1.0 / np.where(std == 0.0, 1.0, std))))
        total, squares, n = total + x, squares + x * x, n + 1
        if n % 32 == 0:
            mean = total / n
            model = mean, np.sqrt((squares - n * mean * mean) / (n - 1))
    write("preprocess", "online_standard", "OnlineStandardScaler of Flink ML 2.3, by its formula in numpy", features("x", data.tolist()) | features("y", out))


def shapes():
    data = rows(24, 60)
    expanded = PolynomialFeatures(2, include_bias=False).fit_transform(np.array(data))
    lagged = [None if np.isnan(row[0]) else list(row) for row in pd.DataFrame(data).shift(3).to_numpy()]
    columns = features("x", data) | features("poly", expanded.tolist()) | features("lag", lagged)
    columns |= features("clip", np.clip(np.array(data), -1.0, 1.5).tolist())
    write("preprocess", "shapes", "sklearn.preprocessing.PolynomialFeatures, pandas shift(3), numpy clip(-1, 1.5)", columns)


def one_hot():
    rng = Rng(25)
    keys = [int(6 * rng.uniform()) for _ in range(60)]
    order = list(dict.fromkeys(keys))
    encoder, out = preprocessing.OneHotEncoder(), []
    for i, key in enumerate(keys):
        encoder.learn_one({"k": key})
        made = encoder.transform_one({"k": key})
        out.append([made.get(f"k_{name}", 0) for name in order])
    write("preprocess", "one_hot", "river.preprocessing.OneHotEncoder, features by first appearance", {"key": keys} | features("y", out))


def imputers():
    rng = Rng(26)
    xs = []
    for i in range(300):
        missing = rng.uniform() < 0.2 or 100 <= i < 130 or i == 0
        xs.append(None if missing else single(5.0 + 0.1 * i + rng.normal()))
    previous, average = preprocessing.PreviousImputer(), preprocessing.StatImputer(("x", stats.Mean()))
    last, mean = [], []
    for x in xs:
        value = previous.transform_one({"x": x})["x"]
        last.append(value)
        mean.append(None if value is None else float(average.transform_one({"x": x})["x"]))
        previous.learn_one({"x": x})
        average.learn_one({"x": x})
    # The first measured value is the first level; the filter starts at the sample after it.
    first = next(i for i, x in enumerate(xs) if x is not None)
    rest = np.array([np.nan if x is None else x for x in xs[first + 1 :]])
    model = UnobservedComponents(rest, "local linear trend")
    step = np.array([[1.0, 1.0], [0.0, 1.0]])
    model.initialize_known(step @ [xs[first], 0.0], step @ step.T + np.diag([0.1, 0.001]))
    model.loglikelihood_burn = 0
    result = model.filter([1.0, 0.1, 0.001])
    kalman = [None] * (first + 1) + list(result.filter_results.forecasts[0])
    write("preprocess", "imputers", "river.preprocessing PreviousImputer and StatImputer(Mean); statsmodels local linear trend, forecast of each sample", {
        "x": xs, "last": last, "mean": mean, "kalman": kalman,
    })


scalers()
fading()
online()
shapes()
one_hot()
imputers()
