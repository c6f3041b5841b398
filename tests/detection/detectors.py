"""The detectors that Brooklet is put beside: of River, and AWS's random cut forest. Each scores a row, then learns it."""

import pickle

import krcf
from river import anomaly, compose, preprocessing

SHINGLE = 8


class River:
    """A detector of River, over the values as they are or over the last few."""

    def __init__(self, make, channels, shingle):
        self.model, self.width, self.recent = make(), channels * shingle, []

    def step(self, values):
        self.recent = (self.recent + values)[-self.width:]
        if len(self.recent) < self.width:
            return 0.0
        x = dict(enumerate(self.recent))
        score = self.model.score_one(x)
        self.model.learn_one(x)
        return score

    def size(self):
        return len(pickle.dumps(self.model))


class Gaussian:
    """River's GaussianScorer: how far a value is from the mean of what was seen, as a probability."""

    def __init__(self, channels):
        self.models = [anomaly.GaussianScorer() for _ in range(channels)]

    def step(self, values):
        score = max(model.score_one(None, value) for model, value in zip(self.models, values))
        for model, value in zip(self.models, values):
            model.learn_one(None, value)
        return score

    def size(self):
        return len(pickle.dumps(self.models))


class Forest:
    """AWS's random cut forest, the implementation in Rust that AWS published."""

    def __init__(self, channels, shingle, trees=50, sample=256):
        self.model = krcf.RandomCutForest({
            "dimensions": channels, "shingle_size": shingle, "num_trees": trees, "sample_size": sample,
            "random_seed": 1, "parallel_execution_enabled": False, "internal_shingling": True,
        })

    def step(self, values):
        score = self.model.score(values) if self.model.is_output_ready() else 0.0
        self.model.update(values)
        return score

    def size(self):
        return len(self.model.to_msgpack())


def half_space(window=250):
    """With River's own defaults: 10 trees of height 8, windows of 250."""
    return compose.Pipeline(preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(window_size=window, seed=1))


# The slowest first, so that no core is left with them at the end.
DETECTORS = {
    "aws_rcf_shingle": lambda channels: Forest(channels, SHINGLE),
    "aws_rcf": lambda channels: Forest(channels, 1),
    "river_hst_shingle": lambda channels: River(half_space, channels, SHINGLE),
    "river_hst": lambda channels: River(half_space, channels, 1),
    "river_hst_50": lambda channels: River(lambda: half_space(50), channels, 1),
    "river_svm": lambda channels: River(
        lambda: compose.Pipeline(preprocessing.StandardScaler(), anomaly.OneClassSVM(nu=0.1)), channels, 1),
    "river_gaussian": Gaussian,
}
