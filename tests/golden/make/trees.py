"""Accuracy of River's Hoeffding tree on two made-up streams, which cases/trees.rs makes as well."""

from common import single, write
from prequential_trees import rbf, sea
from river import tree

MODES = {"adaptive": "nba", "bayes": "nb", "majority": "mc"}
LEN = 12_000
for name, stream in {"sea": sea, "rbf": rbf}.items():
    rows = [({i: single(v) for i, v in enumerate(x)}, y) for _, (x, y) in zip(range(LEN), stream())]
    columns = {}
    for mode, leaves in MODES.items():
        model, right, shares = tree.HoeffdingTreeClassifier(leaf_prediction=leaves), 0, []
        for i, (x, y) in enumerate(rows, 1):
            right += (model.predict_one(x) or 0) == y
            model.learn_one(x, y)
            if i % 1000 == 0:
                shares.append(right / i)
        columns[mode] = shares
    write("trees", name, "river.tree.HoeffdingTreeClassifier", columns)
