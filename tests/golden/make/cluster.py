"""Clusterers."""

import numpy as np
from common import Rng, single, write
from river import cluster

N, K, LEN = 3, 4, 320
START = np.array([[2.0, 0.0, 0.0], [-2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]])


def stream(seed):
    """Clouds that move."""
    rng = Rng(seed)
    xs = []
    for i in range(LEN):
        centre = START[rng.next_u64() % K] * (1.0 + i / 200.0)
        xs.append([single(c + 0.75 * rng.normal()) for c in centre])
    return np.array(xs)


def table(xs, figures):
    return {**{f"x{i}": list(xs[:, i]) for i in range(N)}, **figures}


def online_k_means():
    """Flink ML's ModelDataLocalUpdater with one subtask; the state after every batch."""
    xs, batch, decay = stream(1), 16, 0.75
    centroids, weights = START.copy(), np.array([0.0, 1.0, 4.0, 16.0])
    columns = {f"{name}{i}": [] for name, size in (("c", K * N), ("w", K)) for i in range(size)}
    assigned = []
    for begin in range(0, LEN, batch):
        points = xs[begin : begin + batch]
        nearest = [int(np.argmin(((centroids - p) ** 2).sum(axis=1))) for p in points]
        assigned += nearest
        weights *= decay
        for k in range(K):
            own = points[np.array(nearest) == k]
            if len(own) == 0:
                continue
            weights[k] += len(own)
            share = len(own) / weights[k]
            centroids[k] = (1.0 - share) * centroids[k] + share / len(own) * own.sum(axis=0)
        for i in range(batch):
            last = i == batch - 1
            for j in range(K * N):
                columns[f"c{j}"].append(float(centroids.ravel()[j]) if last else None)
            for j in range(K):
                columns[f"w{j}"].append(float(weights[j]) if last else None)
    write("cluster", "online_k_means", "numpy, Flink ML's OnlineKMeans as in its source", table(xs, {"cluster": assigned, **columns}))


def k_means():
    xs = stream(2)
    model = cluster.KMeans(n_clusters=K, halflife=0.0625, seed=1)
    for k in range(K):
        for i in range(N):
            model.centers[k][i] = float(START[k][i])
    columns = {"cluster": [], **{f"c{i}": [] for i in range(K * N)}}
    for n, x in enumerate(xs):
        x = dict(enumerate(map(float, x)))
        columns["cluster"].append(model.predict_one(x))
        model.learn_one(x)
        for j in range(K * N):
            columns[f"c{j}"].append(model.centers[j // N][j % N] if n % 20 == 19 else None)
    write("cluster", "k_means", "river.cluster.KMeans", table(xs, columns))


online_k_means()
k_means()
