"""River on the stream of all benches: CPU time an event of each learner that it has, in nanoseconds.

`tables --stream 20000 | python against_river.py [FILTER] > measured/river.csv`. The names are those of the races in peers.rs and
`family/name` of registered learners, with the same settings where both have them.
"""

import itertools
import sys
import time

from river import (
    anomaly,
    cluster,
    drift,
    forest,
    linear_model,
    naive_bayes,
    optim,
    preprocessing,
    stats,
    time_series,
    tree,
    utils,
)

WARM_UP = 1000
SECONDS = 1.5


def statistic(learner):
    def step(row):
        learner.update(row.value)
        learner.get()

    return step


def pair(learner):
    def step(row):
        learner.update(row.value, row.second)
        learner.get()

    return step


def rolling(learner, **settings):
    return statistic(utils.Rolling(learner, window_size=256, **settings))


def transformer(learner):
    def step(row):
        learner.transform_one(row.x)
        learner.learn_one(row.x)

    return step


def regressor(learner):
    def step(row):
        learner.predict_one(row.x)
        learner.learn_one(row.x, row.target)

    return step


def classifier(learner):
    def step(row):
        learner.predict_proba_one(row.x)
        learner.learn_one(row.x, row.label)

    return step


def decider(learner):
    """A classifier without shares."""

    def step(row):
        learner.predict_one(row.x)
        learner.learn_one(row.x, row.label)

    return step


def scorer(learner):
    def step(row):
        learner.score_one(row.x)
        learner.learn_one(row.x)

    return step


def clusterer(learner):
    def step(row):
        learner.predict_one(row.x)
        learner.learn_one(row.x)

    return step


def watcher(learner):
    def step(row):
        learner.update(row.value)
        _ = learner.drift_detected

    return step


def watcher_of_errors(learner):
    def step(row):
        learner.update(row.label)
        _ = learner.drift_detected

    return step


def forecaster(learner):
    def step(row):
        if row.index > 100:
            learner.forecast(1)
        learner.learn_one(row.value)

    return step


SGD = optim.SGD(0.01)

LEARNERS = {
    # The races.
    "linear SGD": lambda: regressor(linear_model.LinearRegression(SGD.clone())),
    "logistic SGD": lambda: classifier(linear_model.LogisticRegression(SGD.clone())),
    "passive-aggressive": lambda: regressor(linear_model.PARegressor()),
    "one-class SVM": lambda: scorer(anomaly.OneClassSVM()),
    "RLS 8x8": lambda: regressor(linear_model.BayesianLinearRegression()),
    "standard scaler": lambda: transformer(preprocessing.StandardScaler()),
    "min-max scaler": lambda: transformer(preprocessing.MinMaxScaler()),
    "Gaussian naive Bayes 2 classes": lambda: classifier(naive_bayes.GaussianNB()),
    "k-means k=5": lambda: clusterer(cluster.KMeans(n_clusters=5, seed=1)),
    "half-space trees 10 x h8": lambda: scorer(anomaly.HalfSpaceTrees(10, 8, 250, seed=1)),
    "half-space trees 25 x h15": lambda: scorer(anomaly.HalfSpaceTrees(25, 15, 250, seed=1)),
    "Hoeffding tree": lambda: classifier(tree.HoeffdingTreeClassifier()),
    "adaptive random forest of 10": lambda: classifier(forest.ARFClassifier(10, seed=1)),
    "ADWIN": lambda: watcher_of_errors(drift.ADWIN()),
    "Page-Hinkley": lambda: watcher(drift.PageHinkley()),
    "Holt-Winters 24": lambda: forecaster(time_series.HoltWinters(0.3, 0.1, 0.1, seasonality=24)),
    "mean": lambda: statistic(stats.Mean()),
    "variance": lambda: statistic(stats.Var()),
    "EW mean": lambda: statistic(stats.EWMean(0.01)),
    "P² quantile": lambda: statistic(stats.Quantile(0.9)),
    "rolling mean+variance 256": lambda: rolling(stats.Var),
    "rolling median 256": lambda: statistic(stats.RollingQuantile(0.5, 256)),
    "rolling min 256": lambda: statistic(stats.RollingMin(256)),
    # Registered learners.
}


class Row:
    __slots__ = ("index", "x", "value", "second", "label", "target")

    def __init__(self, index, line):
        *features, label, target = line.split(",")
        values = [float(v) for v in features]
        self.index = index
        self.x = dict(enumerate(values))
        self.value = values[0]
        self.second = values[1]
        self.label = int(label)
        self.target = float(target)


def measure(step, rows):
    """Nanoseconds an event; the median of slices of about a twentieth of the time."""
    stream = itertools.cycle(rows)
    for row in itertools.islice(stream, WARM_UP):
        step(row)
    slices, size, total = [], 1, 0
    while total < SECONDS * 1e9:
        batch = list(itertools.islice(stream, size))
        begun = time.thread_time_ns()
        for row in batch:
            step(row)
        taken = time.thread_time_ns() - begun
        total += taken
        if taken < SECONDS * 1e9 / 40:
            size *= 2
        else:
            slices.append(taken / size)
    return sorted(slices)[len(slices) // 2]


def main():
    rows = [Row(i, line) for i, line in enumerate(sys.stdin)]
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    import river

    print(f"# river {river.__version__}, Python {sys.version.split()[0]}")
    for name, make in LEARNERS.items():
        if wanted in name:
            print(f"{name.replace('/', ',')},{measure(make(), rows):.0f}", flush=True)


if __name__ == "__main__":
    main()
