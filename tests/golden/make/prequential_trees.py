"""River's trees and forest, predicting first and learning afterwards: files/prequential/trees.csv.

The streams, their order and the settings are those of prequential/trees.rs. The two made-up streams come from the
core's random numbers, here and there alike."""

import csv
import sys
from concurrent.futures import ProcessPoolExecutor

from common import Rng, data, single, write_figures
from river import forest, metrics, tree


def elec2():
    with data("electricity_elec2/electricity.csv").open() as file:
        for row in csv.reader(file):
            if row[0] != "period":
                yield [float(v) for v in row[:6]], int(row[6])


def occupancy():
    """In the order of time."""
    for part in ["datatest", "datatraining", "datatest2"]:
        with data(f"occupancy/{part}.txt").open() as file:
            for row in csv.reader(file):
                if row[0] != "sno":
                    yield [float(v) for v in row[2:7]], int(row[7])


def ai4i2020():
    with data("ai4i2020/ai4i2020.csv").open(encoding="utf-8-sig") as file:
        for row in csv.reader(file):
            if row[0] != "UDI":
                yield ["LMH".index(row[2]), *(float(v) for v in row[3:8])], int(row[8])


def sea():
    """Three features of which two decide, the threshold changing twice; one answer in ten is wrong."""
    rng = Rng(11)
    for i in range(20_000):
        x = [10.0 * rng.uniform() for _ in range(3)]
        y = x[0] + x[1] > [8.0, 9.5, 7.0][i // 7000]
        yield x, int(y != (rng.uniform() < 0.1))


def rbf():
    """Five features around fifteen centres of three classes."""
    rng = Rng(12)
    centres = [([rng.uniform() for _ in range(5)], 0.05 + 0.1 * rng.uniform()) for _ in range(15)]
    for _ in range(20_000):
        k = min(int(rng.uniform() * 15.0), 14)
        place, spread = centres[k]
        yield [c + spread * (2.0 * rng.uniform() - 1.0) * 1.7 for c in place], k % 3


STREAMS = {"elec2": elec2, "occupancy": occupancy, "ai4i2020": ai4i2020, "sea": sea, "rbf": rbf}
LEARNERS = {
    "hoeffding_tree": lambda: tree.HoeffdingTreeClassifier(),
    "hoeffding_tree majority": lambda: tree.HoeffdingTreeClassifier(leaf_prediction="mc"),
    "hoeffding_tree bayes": lambda: tree.HoeffdingTreeClassifier(leaf_prediction="nb"),
    "adaptive_forest": lambda: forest.ARFClassifier(n_models=10, seed=1),
}


def figures(job):
    stream, learner = job
    model, accuracy, kappa = LEARNERS[learner](), metrics.Accuracy(), metrics.CohenKappa()
    for x, y in STREAMS[stream]():
        x = {i: single(v) for i, v in enumerate(x)}
        said = model.predict_one(x)
        # Before anything was learnt, class 0.
        said = 0 if said is None else said
        accuracy.update(y, said)
        kappa.update(y, said)
        model.learn_one(x, y)
    extra = (model.n_leaves,) if hasattr(model, "n_leaves") else ()
    print(stream, learner, accuracy.get(), kappa.get(), *extra, file=sys.stderr, flush=True)
    return [(stream, learner, "accuracy", accuracy.get()), (stream, learner, "kappa", kappa.get())]


if __name__ == "__main__":
    jobs = [(stream, learner) for learner in LEARNERS for stream in STREAMS]
    with ProcessPoolExecutor(2) as pool:
        rows = [row for rows in pool.map(figures, jobs) for row in rows]
    write_figures("trees", "river 0.26.1: HoeffdingTreeClassifier, ARFClassifier(n_models=10, seed=1)", rows)
