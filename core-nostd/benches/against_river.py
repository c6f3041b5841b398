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
    metrics,
    naive_bayes,
    neighbors,
    optim,
    preprocessing,
    sketch,
    stats,
    time_series,
    tree,
    utils,
)

WARM_UP = 1000
SECONDS = 1.0


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


def imputer(learner):
    """Of one channel, every tenth value missing."""

    def step(row):
        x = {0: None if row.index % 10 == 3 else row.value}
        learner.transform_one(x)
        learner.learn_one(x)

    return step


def univariate_scorer(learner):
    def step(row):
        learner.score_one(None, row.value)
        learner.learn_one(None, row.value)

    return step


def counter(learner):
    def step(row):
        key = int(row.value * 1000)
        _ = learner[key]
        learner.update(key)

    return step


def container(learner):
    def step(row):
        key = int(row.value * 1000)
        _ = key in learner
        learner.add(key)

    return step


def metric(learner):
    def step(row):
        learner.update(row.value, row.second)
        learner.get()

    return step


def metric_of_classes(learner):
    def step(row):
        learner.update(row.label == 1, row.value > 0.7)
        learner.get()

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
    # Registered learners, by family and name.
    "stats/count": lambda: statistic(stats.Count()),
    "stats/sum": lambda: statistic(stats.Sum()),
    "stats/mean": lambda: statistic(stats.Mean()),
    "stats/variance": lambda: statistic(stats.Var()),
    "stats/skewness": lambda: statistic(stats.Skew()),
    "stats/kurtosis": lambda: statistic(stats.Kurtosis()),
    "stats/min": lambda: statistic(stats.Min()),
    "stats/max": lambda: statistic(stats.Max()),
    "stats/ew_mean": lambda: statistic(stats.EWMean(0.007)),
    "stats/ew_variance": lambda: statistic(stats.EWVar(0.007)),
    "stats/mad": lambda: statistic(stats.MAD()),
    "quantile/p2_median": lambda: statistic(stats.Quantile(0.5)),
    "quantile/p2_95": lambda: statistic(stats.Quantile(0.95)),
    "rolling/mean": lambda: rolling(stats.Mean),
    "rolling/variance": lambda: rolling(stats.Var),
    "rolling/min": lambda: statistic(stats.RollingMin(256)),
    "rolling/max": lambda: statistic(stats.RollingMax(256)),
    "rolling/median": lambda: statistic(stats.RollingQuantile(0.5, 256)),
    "rolling/quantile": lambda: statistic(stats.RollingQuantile(0.9, 256)),
    "rolling/sum": lambda: rolling(stats.Sum),
    "preprocess/standard": lambda: transformer(preprocessing.AdaptiveStandardScaler(0.0002)),
    "preprocess/standard_all": lambda: transformer(preprocessing.StandardScaler()),
    "preprocess/min_max": lambda: transformer(preprocessing.MinMaxScaler()),
    "preprocess/max_abs": lambda: transformer(preprocessing.MaxAbsScaler()),
    "preprocess/robust": lambda: transformer(preprocessing.RobustScaler()),
    "impute/last": lambda: imputer(preprocessing.PreviousImputer()),
    "impute/mean": lambda: imputer(preprocessing.StatImputer((0, stats.Mean()))),
    "impute/ew_mean": lambda: imputer(preprocessing.StatImputer((0, stats.EWMean(0.007)))),
    "impute/median": lambda: imputer(preprocessing.StatImputer((0, stats.Quantile(0.5)))),
    "anomaly/zscore": lambda: univariate_scorer(anomaly.StandardAbsoluteDeviation()),
    "scorer/half_space_trees": lambda: scorer(
        preprocessing.StandardScaler() | anomaly.HalfSpaceTrees(10, 8, 250, seed=1)
    ),
    "scorer/loda": lambda: scorer(preprocessing.StandardScaler() | anomaly.LODA()),
    "scorer/one_class_svm": lambda: scorer(preprocessing.StandardScaler() | anomaly.OneClassSVM()),
    "drift/adwin": lambda: watcher(drift.ADWIN()),
    "drift/page_hinkley": lambda: watcher(drift.PageHinkley()),
    "drift/ddm": lambda: watcher_of_errors(drift.binary.DDM()),
    "drift/eddm": lambda: watcher_of_errors(drift.binary.EDDM()),
    "drift/hddm_a": lambda: watcher_of_errors(drift.binary.HDDMA()),
    "drift/hddm_w": lambda: watcher_of_errors(drift.binary.HDDMW()),
    "drift/kswin": lambda: watcher(drift.KSWIN()),
    "regress/sgd": lambda: regressor(linear_model.LinearRegression(SGD.clone())),
    "regress/huber": lambda: regressor(linear_model.LinearRegression(SGD.clone(), loss=optim.losses.Huber())),
    "regress/quantile_90": lambda: regressor(
        linear_model.LinearRegression(SGD.clone(), loss=optim.losses.Quantile(0.9))
    ),
    "regress/svr": lambda: regressor(
        linear_model.LinearRegression(SGD.clone(), loss=optim.losses.EpsilonInsensitiveHinge())
    ),
    "regress/rls": lambda: regressor(linear_model.BayesianLinearRegression()),
    "regress/passive_aggressive": lambda: regressor(linear_model.PARegressor(mode=1)),
    "regress/passive_aggressive_2": lambda: regressor(linear_model.PARegressor(mode=2)),
    "classify/logistic": lambda: classifier(linear_model.LogisticRegression(SGD.clone())),
    "classify/logistic_ftrl": lambda: classifier(linear_model.LogisticRegression(optim.FTRLProximal())),
    "classify/softmax": lambda: classifier(linear_model.SoftmaxRegression(SGD.clone())),
    "classify/passive_aggressive": lambda: decider(linear_model.PAClassifier()),
    "classify/gaussian_nb": lambda: classifier(naive_bayes.GaussianNB()),
    "classify/k_nearest": lambda: classifier(
        neighbors.KNNClassifier(3, neighbors.LazySearch(window_size=64))
    ),
    "classify/hoeffding_tree": lambda: classifier(tree.HoeffdingTreeClassifier()),
    "cluster/k_means": lambda: clusterer(cluster.KMeans(n_clusters=5, seed=1)),
    "forecast/holt_winters_24": lambda: forecaster(time_series.HoltWinters(0.3, 0.01, 0.1, seasonality=24)),
    "forecast/holt_winters_multiplicative_24": lambda: forecaster(
        time_series.HoltWinters(0.3, 0.01, 0.1, seasonality=24, multiplicative=True)
    ),
    "forecast/autoregression_4": lambda: forecaster(time_series.SNARIMAX(p=4, d=0, q=0)),
    "forecast/autoregression_12": lambda: forecaster(time_series.SNARIMAX(p=12, d=0, q=0)),
    "sketch/count_min": lambda: counter(sketch.Counter()),
    "sketch/space_saving": lambda: counter(sketch.HeavyHitters()),
    "sketch/rotating_bloom": lambda: container(sketch.Set(1000)),
    "evaluate/mae": lambda: metric(metrics.MAE()),
    "evaluate/rmse": lambda: metric(metrics.RMSE()),
    "evaluate/r2": lambda: metric(metrics.R2()),
    "evaluate/accuracy": lambda: metric_of_classes(metrics.Accuracy()),
    "evaluate/precision": lambda: metric_of_classes(metrics.Precision()),
    "evaluate/recall": lambda: metric_of_classes(metrics.Recall()),
    "evaluate/f1": lambda: metric_of_classes(metrics.F1()),
    "evaluate/kappa": lambda: metric_of_classes(metrics.CohenKappa()),
    "evaluate/mcc": lambda: metric_of_classes(metrics.MCC()),
    "evaluate/auc": lambda: metric_of_classes(metrics.RollingROCAUC()),
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
