"""The one-class support vector machine."""

from common import Rng, single, write
from river import anomaly, optim


def one_class_svm():
    rng = Rng(1)
    svm = anomaly.OneClassSVM(nu=0.125, optimizer=optim.SGD(0.0625), intercept_lr=0.0625)
    columns = {"x0": [], "x1": [], "x2": [], "raw": []}
    for i in range(300):
        x = {j: single(0.5 + 0.25 * rng.normal() + (2.0 if i % 60 == 50 else 0.0)) for j in range(3)}
        for j in range(3):
            columns[f"x{j}"].append(x[j])
        columns["raw"].append(1.0 - svm.intercept - svm.score_one(x) if i > 0 else None)
        svm.learn_one(x)
    write("one_class_svm", "one_class_svm", "river.anomaly.OneClassSVM, 1 - intercept - score", columns)


one_class_svm()
