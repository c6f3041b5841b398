"""Regressors."""

import warnings

import numpy as np
from common import Rng, single, write
from river import linear_model, optim
from sklearn.linear_model import PassiveAggressiveRegressor, SGDRegressor

warnings.filterwarnings("ignore", category=FutureWarning)

N = 4
LEN = 240


def stream(seed, features=N, scale=1.0):
    """A line with noise, a few outliers, and other weights from the middle on."""
    rng = Rng(seed)
    xs = np.array([[single(scale * rng.normal()) for _ in range(features)] for _ in range(LEN)])
    weights = np.array([[1.5, -2.0, 0.5, 0.0][:features], [0.5, 1.0, 0.5, -1.0][:features]])
    ys = []
    for i, x in enumerate(xs):
        outlier = 20.0 if i % 50 == 40 else 0.0
        ys.append(single(x @ weights[int(i >= LEN // 2)] / scale + 3.0 + 0.3 * rng.normal() + outlier))
    return xs, np.array(ys)


def table(xs, ys, predictions):
    columns = {f"x{i}": list(xs[:, i]) for i in range(xs.shape[1])}
    return {**columns, "y": list(ys), **predictions}


def sklearn(model, xs, ys):
    """Predictions before each sample is learnt."""
    out = []
    for i, (x, y) in enumerate(zip(xs, ys)):
        out.append(None if i == 0 else float(model.predict(x[None])[0]))
        model.partial_fit(x[None], [y])
    return out


def sgd():
    xs, ys = stream(1)
    settings = {"learning_rate": "constant", "eta0": 0.03125, "penalty": "l2"}
    predictions = {
        "squared": sklearn(SGDRegressor(loss="squared_error", alpha=0.0, **settings), xs, ys),
        "squared_l2": sklearn(SGDRegressor(loss="squared_error", alpha=0.125, **settings), xs, ys),
        "huber": sklearn(SGDRegressor(loss="huber", epsilon=0.5, alpha=0.0, **settings), xs, ys),
        "svr": sklearn(SGDRegressor(loss="epsilon_insensitive", epsilon=0.25, alpha=0.125, **settings), xs, ys),
    }
    write("regress", "sgd", "sklearn.linear_model.SGDRegressor, one sample a partial_fit", table(xs, ys, predictions))


def sgd_river():
    """River has the quantile; its squared loss has twice the gradient."""
    xs, ys = stream(2)
    quantile = linear_model.LinearRegression(
        optimizer=optim.SGD(0.125), loss=optim.losses.Quantile(0.75), intercept_lr=0.125, l2=0.015625
    )
    squared = linear_model.LinearRegression(optimizer=optim.SGD(0.015625), intercept_lr=0.015625)
    predictions = {"quantile": [], "squared": []}
    for i, (x, y) in enumerate(zip(xs, ys)):
        x = dict(enumerate(map(float, x)))
        for name, model in (("quantile", quantile), ("squared", squared)):
            predictions[name].append(None if i == 0 else model.predict_one(x))
            model.learn_one(x, float(y))
    write("regress", "sgd_river", "river.linear_model.LinearRegression", table(xs, ys, predictions))


def passive_aggressive():
    xs, ys = stream(3)
    settings = {"epsilon": 0.125}
    predictions = {
        "pa1": sklearn(PassiveAggressiveRegressor(C=0.125, loss="epsilon_insensitive", **settings), xs, ys),
        "pa2": sklearn(PassiveAggressiveRegressor(C=0.125, loss="squared_epsilon_insensitive", **settings), xs, ys),
    }
    write(
        "regress",
        "passive_aggressive",
        "sklearn.linear_model.PassiveAggressiveRegressor, one sample a partial_fit",
        table(xs, ys, predictions),
    )


def nlms():
    xs, ys = stream(4, scale=30.0)
    w, out = np.zeros(N + 1), []
    for i, (x, y) in enumerate(zip(xs, ys)):
        z = np.append(x, 1.0)
        out.append(None if i == 0 else float(w @ z))
        w += 0.25 * (y - w @ z) * z / (z @ z)
    write("regress", "nlms", "numpy, Nagumo and Noda 1967 with a feature that is always 1", table(xs, ys, {"prediction": out}))


def rls():
    """At each row the weighted ridge problem is solved as a whole, not recursively."""
    xs, ys = stream(5, features=3)
    forgetting, start = 0.984375, 128.0
    zs = np.hstack([xs, np.ones((LEN, 1))])
    out = [None]
    for n in range(1, LEN):
        weights = forgetting ** np.arange(n - 1, -1, -1)
        ridge = np.eye(4) * forgetting**n / start
        a = (zs[:n].T * weights) @ zs[:n] + ridge
        out.append(float(zs[n] @ np.linalg.solve(a, (zs[:n].T * weights) @ ys[:n])))
    write("regress", "rls", "numpy.linalg.solve of the weighted ridge problem at each row", table(xs, ys, {"prediction": out}))


sgd()
sgd_river()
passive_aggressive()
nlms()
rls()
