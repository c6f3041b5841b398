"""Classifiers."""

import math

import numpy as np
from common import Rng, single, write
from river import linear_model, multiclass, naive_bayes, optim
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid

N = 4
LEN = 260


def stream(seed, classes, length=LEN):
    """Clouds of different widths that overlap."""
    rng = Rng(seed)
    centres = np.array([[1.0, 0.0, -0.5, 0.0], [-1.0, 0.5, 0.5, 0.0], [0.0, -1.5, 1.0, 0.5]])
    xs, ys = [], []
    for _ in range(length):
        y = rng.next_u64() % classes
        xs.append([single(c + (0.5 + 0.5 * y) * rng.normal()) for c in centres[y]])
        ys.append(y if rng.uniform() > 0.05 else rng.next_u64() % classes)
    return np.array(xs), np.array(ys)


def table(xs, ys, figures):
    return {**{f"x{i}": list(xs[:, i]) for i in range(N)}, "y": list(map(int, ys)), **figures}


def river_shares(model, xs, ys, classes):
    """Shares before each sample is learnt, where all classes were seen."""
    columns = {c: [] for c in range(classes)}
    seen = set()
    for x, y in zip(xs, ys):
        x = dict(enumerate(map(float, x)))
        shares = model.predict_proba_one(x) if len(seen) == classes else {}
        for c in columns:
            columns[c].append(shares.get(c, shares.get(bool(c)) if classes == 2 else None))
        model.learn_one(x, bool(y) if classes == 2 else int(y))
        seen.add(int(y))
    return columns


def logistic():
    xs, ys = stream(1, 2)
    plain = linear_model.LogisticRegression(optimizer=optim.SGD(0.125), intercept_lr=0.125)
    ridge = linear_model.LogisticRegression(optimizer=optim.SGD(0.125), intercept_lr=0.125, l2=0.0625)
    figures = {"plain": river_shares(plain, xs, ys, 2)[1], "l2": river_shares(ridge, xs, ys, 2)[1]}
    write("classify", "logistic", "river.linear_model.LogisticRegression", table(xs, ys, figures))


def one_vs_rest():
    xs, ys = stream(2, 3)
    # River makes a class's learner when the class is first seen; ours are there from the start. The same from a
    # beginning that shows every class once with all features 0 and no intercept to learn: nothing is learnt from it.
    model = multiclass.OneVsRestClassifier(linear_model.LogisticRegression(optimizer=optim.SGD(0.125), intercept_lr=0.0))
    for y in range(3):
        model.learn_one({i: 0.0 for i in range(N)}, y)
    ones = [{**dict(enumerate(map(float, x))), "one": 1.0} for x in xs]
    columns = {f"share{c}": [] for c in range(3)}
    for i, (x, y) in enumerate(zip(ones, ys)):
        shares = model.predict_proba_one(x)
        for c in range(3):
            columns[f"share{c}"].append(shares[c] if i > 0 else None)
        model.learn_one(x, int(y))
    write("classify", "one_vs_rest", "river.multiclass.OneVsRestClassifier of LogisticRegression", table(xs, ys, columns))


def softmax():
    xs, ys = stream(3, 3)
    model = linear_model.SoftmaxRegression(optimizer=optim.SGD(0.125))
    for y in range(3):
        model.weights[y]["one"] = 0.0
    columns = {f"share{c}": [] for c in range(3)}
    for i, (x, y) in enumerate(zip(xs, ys)):
        x = {**dict(enumerate(map(float, x))), "one": 1.0}
        shares = model.predict_proba_one(x)
        for c in range(3):
            columns[f"share{c}"].append(shares[c] if i > 0 else None)
        model.learn_one(x, int(y))
    write("classify", "softmax", "river.linear_model.SoftmaxRegression with a feature that is always 1", table(xs, ys, columns))


def passive_aggressive():
    xs, ys = stream(4, 2)
    figures = {
        f"pa{mode}": river_shares(linear_model.PAClassifier(C=0.125, mode=mode), xs, ys, 2)[1] for mode in (1, 2)
    }
    # Ours speaks after the first sample of either class.
    write("classify", "passive_aggressive", "river.linear_model.PAClassifier", table(xs, ys, figures))


def ftrl():
    """Flink ML's OnlineLogisticRegression for dense vectors: batches, penalties, a feature that is always 1."""
    xs, ys = stream(5, 2)
    zs = np.hstack([xs, np.ones((LEN, 1))])

    def run(alpha, beta, l1, l2, batch):
        w, z, n = np.zeros(N + 1), np.zeros(N + 1), np.zeros(N + 1)
        g, filled, out = np.zeros(N + 1), 0, []
        for i in range(LEN):
            p = 1.0 / (1.0 + math.exp(-(zs[i] @ w)))
            out.append(p if i > 0 else None)
            g += (p - ys[i]) * zs[i]
            filled += 1
            if filled == batch:
                g /= batch
                sigma = (np.sqrt(n + g * g) - np.sqrt(n)) / alpha
                z += g - sigma * w
                n += g * g
                w = np.where(np.abs(z) <= l1, 0.0, (np.where(z < 0, -1, 1) * l1 - z) / ((beta + np.sqrt(n)) / alpha + l2))
                g, filled = np.zeros(N + 1), 0
        return out

    figures = {"defaults": run(0.125, 0.125, 0.0, 0.0, 1), "penalties": run(0.5, 1.0, 2.0, 0.5, 8)}
    write("classify", "ftrl", "numpy, Flink ML's OnlineLogisticRegression (dense) as in its source", table(xs, ys, figures))


def pegasos():
    xs, ys = stream(6, 2)
    zs = np.hstack([xs, np.ones((LEN, 1))])
    w, out, lam, remember = np.zeros(N + 1), [], 0.0625, 200
    for i in range(LEN):
        out.append(1.0 / (1.0 + math.exp(-(zs[i] @ w))) if i > 0 else None)
        y, rate = 2 * ys[i] - 1, 1.0 / (lam * min(i + 1, remember))
        inside = y * (zs[i] @ w) < 1.0
        w = (1.0 - rate * lam) * w + (rate * y * zs[i] if inside else 0.0)
    write("classify", "pegasos", "numpy, Shalev-Shwartz 2007 without projection", table(xs, ys, {"share": out}))


def arow():
    xs, ys = stream(7, 2)
    zs = np.hstack([xs, np.ones((LEN, 1))])
    w, s, out, r = np.zeros(N + 1), np.ones(N + 1), [], 0.5
    for i in range(LEN):
        out.append(1.0 / (1.0 + math.exp(-(zs[i] @ w))) if i > 0 else None)
        y, m = 2 * ys[i] - 1, zs[i] @ w
        if y * m < 1.0:
            beta = 1.0 / (s @ zs[i] ** 2 + r)
            w = w + (1.0 - y * m) * beta * y * s * zs[i]
            s = s - beta * (s * zs[i]) ** 2
    write("classify", "arow", "numpy, Crammer 2009 with the diagonal", table(xs, ys, {"share": out}))


def gaussian_nb():
    """The last feature never varies in class 2, and one row in fifty is far from all classes."""
    xs, ys = stream(8, 3)
    for i, y in enumerate(ys):
        xs[i][0] = single(xs[i][0] + 100.0)
        xs[i][1] = single(xs[i][1] * 20.0)
        if y == 2:
            xs[i][3] = 0.5
        if i % 50 == 49:
            xs[i][2] = 40.0
    columns = river_shares(naive_bayes.GaussianNB(), xs, ys, 3)
    write("classify", "gaussian_nb", "river.naive_bayes.GaussianNB", table(xs, ys, {f"share{c}": columns[c] for c in range(3)}))


def nearest_centroid():
    xs, ys = stream(9, 3)
    out = []
    for n in range(LEN):
        known = n > 0 and len(set(ys[:n])) == 3
        out.append(int(NearestCentroid().fit(xs[:n], ys[:n]).predict(xs[n][None])[0]) if known else None)
    write("classify", "nearest_centroid", "sklearn.neighbors.NearestCentroid fitted anew at each row", table(xs, ys, {"class": out}))


def k_nearest():
    xs, ys = stream(10, 3, 200)
    columns = {f"share{c}": [] for c in range(3)}
    for n in range(200):
        if n < 5 or len(set(ys[:n])) < 3:
            shares = [None] * 3
        else:
            shares = KNeighborsClassifier(5, algorithm="brute").fit(xs[:n], ys[:n]).predict_proba(xs[n][None])[0]
        for c in range(3):
            columns[f"share{c}"].append(shares[c])
    write("classify", "k_nearest", "sklearn.neighbors.KNeighborsClassifier fitted anew at each row", table(xs, ys, columns))


logistic()
one_vs_rest()
softmax()
passive_aggressive()
ftrl()
pegasos()
arow()
gaussian_nb()
nearest_centroid()
k_nearest()
