"""Packs forests of scikit-learn into the core's format (see classify::packed_forest), and what they predict.

`pack(model)` gives the bytes of a fitted RandomForestClassifier, ExtraTreesClassifier, RandomForestRegressor,
ExtraTreesRegressor, GradientBoostingClassifier or GradientBoostingRegressor."""

import binascii
import struct

import numpy as np
from common import FILES, Rng, single, write
from sklearn import ensemble

SHARES, SUM, LOGISTIC, SOFTMAX = range(4)


def threshold(value):
    """The largest f32 that is not above: for an f32 input the same question."""
    nearest = np.float32(value)
    return nearest if float(nearest) <= value else np.nextafter(nearest, np.float32(-np.inf))


def pack_tree(tree, leaf, nodes):
    """Appends a tree: a node, all of its left side, all of its right side."""

    def walk(node):
        if tree.children_left[node] < 0:
            nodes.append(leaf(tree.value[node]) + struct.pack("<HH", 0xFFFF, 0))
            return
        here = len(nodes)
        nodes.append(None)
        walk(tree.children_left[node])
        skip = len(nodes) - here
        assert skip < 0x10000, "a tree of more than 65535 nodes"
        walk(tree.children_right[node])
        nodes[here] = struct.pack("<fHH", threshold(tree.threshold[node]), tree.feature[node], skip)

    walk(0)


def pack(model):
    rows, nodes, trees = {}, [], []
    if hasattr(model, "learning_rate"):
        estimators = model.estimators_
        classes = getattr(model, "n_classes_", 1)
        kind = SUM if not hasattr(model, "n_classes_") else LOGISTIC if classes == 2 else SOFTMAX
        bases = model._raw_predict_init(np.zeros((1, model.n_features_in_), np.float32))[0]
        scale = model.learning_rate
        jobs = [(tree.tree_, output) for stage in estimators for output, tree in enumerate(stage)]
        leaf = lambda value: struct.pack("<f", scale * value[0, 0])
    elif hasattr(model, "n_classes_"):
        kind, bases = SHARES, np.zeros(model.n_classes_)
        jobs = [(tree.tree_, 0) for tree in model.estimators_]

        def leaf(value):
            row = struct.pack(f"<{len(bases)}f", *(value[0] / value[0].sum()))
            return struct.pack("<I", rows.setdefault(row, len(rows)))
    else:
        kind, bases, scale = SUM, np.zeros(1), 1.0 / len(model.estimators_)
        jobs = [(tree.tree_, 0) for tree in model.estimators_]
        leaf = lambda value: struct.pack("<f", scale * value[0, 0])
    for tree, output in jobs:
        trees.append(struct.pack("<II", len(nodes), output))
        pack_tree(tree, leaf, nodes)
    header = struct.pack(
        "<4sBBHBBHII", b"BKPF", 1, kind, model.n_features_in_, len(bases), 0, len(trees), len(nodes), len(rows)
    )
    body = header + b"".join(trees) + struct.pack(f"<{len(bases)}f", *bases) + b"".join(nodes) + b"".join(rows)
    return body + struct.pack("<I", binascii.crc32(body))


def main():
    rng = Rng(31)
    xs = np.array([[single(rng.normal()) for _ in range(4)] for _ in range(600)])
    noise = np.array([rng.normal() for _ in xs])
    number = xs[:, 0] * xs[:, 1] + xs[:, 2] + 0.1 * noise
    two = (number > 0.3).astype(int)
    three = two + (xs[:, 3] > 0.7)
    models = {
        "forest": (ensemble.RandomForestClassifier(20, max_depth=6, random_state=1), three),
        "extra_trees": (ensemble.ExtraTreesClassifier(12, max_depth=6, random_state=1), two),
        "boosting_two": (ensemble.GradientBoostingClassifier(n_estimators=30, max_depth=3, random_state=1), two),
        "boosting_three": (ensemble.GradientBoostingClassifier(n_estimators=12, max_depth=3, random_state=1), three),
        "boosting_number": (ensemble.GradientBoostingRegressor(n_estimators=40, max_depth=3, random_state=1), number),
        "forest_number": (ensemble.RandomForestRegressor(10, max_depth=5, random_state=1), number),
    }
    train, ask = slice(0, 400), slice(400, 600)
    for name, (model, answers) in models.items():
        model.fit(xs[train], answers[train])
        columns = {f"x{i}": list(xs[ask, i]) for i in range(4)}
        if hasattr(model, "predict_proba"):
            shares = model.predict_proba(xs[ask])
            columns |= {f"y{i}": list(shares[:, i]) for i in range(shares.shape[1])}
            columns["class"] = list(model.predict(xs[ask]))
        else:
            columns["y0"] = list(model.predict(xs[ask]))
        write("packed", name, f"sklearn.ensemble.{type(model).__name__}", columns)
        (FILES / "packed" / f"{name}.bin").write_bytes(pack(model))


if __name__ == "__main__":
    main()
