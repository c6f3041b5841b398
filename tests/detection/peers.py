"""What River's detectors and AWS's random cut forest say about the recordings that Brooklet is judged on.

peers.py DIR OUT     one score a row, in the form of NAB's result files: OUT/<detector>/<folder>/<detector>_<file>

Each detector scores a reading before it learns it. A raw score has a scale of its own, and NAB has one threshold for all
files, so each is given a second time as what Brooklet makes of a scorer's strangeness: the rank among all that was seen
in this file so far, in powers of ten. What a detector costs is printed as JSON: microseconds a row, bytes of its state.
"""

import argparse
import bisect
import csv
import json
import math
import multiprocessing
import os
import pickle
import sys
import time

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

    def __init__(self, channels, trees=50, sample=256):
        self.model = krcf.RandomCutForest({
            "dimensions": channels, "shingle_size": SHINGLE, "num_trees": trees, "sample_size": sample,
            "random_seed": 1, "parallel_execution_enabled": False, "internal_shingling": True,
        })

    def step(self, values):
        score = self.model.score(values) if self.model.is_output_ready() else 0.0
        self.model.update(values)
        return score

    def size(self):
        return len(self.model.to_msgpack())


def half_space():
    """With River's own defaults: 10 trees of height 8, windows of 250."""
    return compose.Pipeline(preprocessing.MinMaxScaler(), anomaly.HalfSpaceTrees(seed=1))


DETECTORS = {
    "river_hst": lambda channels: River(half_space, channels, 1),
    "river_hst_shingle": lambda channels: River(half_space, channels, SHINGLE),
    "river_svm": lambda channels: River(
        lambda: compose.Pipeline(preprocessing.StandardScaler(), anomaly.OneClassSVM(nu=0.1)), channels, 1),
    "river_gaussian": Gaussian,
    "aws_rcf": Forest,
}


class Rank:
    """-log10 of the share of former scores that were at least as large."""

    def __init__(self):
        self.seen = []

    def step(self, score):
        at = bisect.bisect_left(self.seen, score)
        evidence = -math.log10((len(self.seen) - at + 0.5) / (len(self.seen) + 1)) if len(self.seen) >= 20 else 0.0
        self.seen.insert(bisect.bisect_right(self.seen, score), score)
        return max(evidence, 0.0)


def run(name, rows):
    """Raw scores and ranks of rows of values; seconds and bytes."""
    model, rank, raw = DETECTORS[name](len(rows[0])), Rank(), []
    start = time.perf_counter()
    for values in rows:
        raw.append(float(model.step(values)))
    seconds = time.perf_counter() - start
    return raw, [rank.step(score) for score in raw], seconds, model.size()


def nab_file(task):
    name, data, path, out = task
    with open(os.path.join(data, path), newline="") as file:
        rows = [(row["timestamp"], float(row["value"])) for row in csv.DictReader(file)]
    raw, ranks, seconds, size = run(name, [[value] for _, value in rows])
    for label, scores in ((name, raw), (name + "_ranked", ranks)):
        folder, file = os.path.split(path)
        os.makedirs(os.path.join(out, label, folder), exist_ok=True)
        with open(os.path.join(out, label, folder, f"{label}_{file}"), "w", newline="") as result:
            writer = csv.writer(result)
            writer.writerow(["timestamp", "value", "anomaly_score"])
            writer.writerows((at, value, repr(score)) for (at, value), score in zip(rows, scores))
    return name, len(rows), seconds, size


def nab(args):
    data = os.path.join(args.dir, "data")
    paths = [os.path.relpath(os.path.join(folder, file), data)
             for folder, _, files in os.walk(data) for file in files if file.endswith(".csv")]
    tasks = [(name, data, path, args.out) for name in DETECTORS for path in sorted(paths)]
    costs = {}
    with multiprocessing.Pool() as pool:
        for i, (name, rows, seconds, size) in enumerate(pool.imap_unordered(nab_file, tasks)):
            cost = costs.setdefault(name, {"rows": 0, "seconds": 0.0, "bytes": 0})
            cost.update(rows=cost["rows"] + rows, seconds=cost["seconds"] + seconds, bytes=max(cost["bytes"], size))
            if sys.stderr.isatty():
                print(f"\r{i + 1}/{len(tasks)} {name:<20}", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(json.dumps(summary(costs)))


def summary(costs):
    return {name: {"microseconds": 1e6 * cost["seconds"] / cost["rows"], "bytes": cost["bytes"]}
            for name, cost in costs.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir")
    parser.add_argument("out")
    nab(parser.parse_args())


if __name__ == "__main__":
    main()
