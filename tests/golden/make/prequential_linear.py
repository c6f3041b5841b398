"""River's figures on real streams for the linear learners and naive Bayes: the scaler learns a sample, the model predicts
for it scaled, then learns it."""

import csv

import numpy as np
from common import data, single, write_figures
from river import linear_model, naive_bayes, optim, preprocessing
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, roc_auc_score


def rows(file, columns, first=None):
    """The named columns as f32; `first` maps text to numbers."""
    with data(file).open(encoding="utf-8-sig") as lines:
        for row in csv.DictReader(lines):
            yield [single((first or {}).get(row[c], row[c])) for c in columns]


def occupancy():
    # In the order of time.
    columns = ["Temperature", "Humidity", "Light", "CO2", "HumidityRatio", "Occupancy"]
    return [row for part in ("datatest", "datatraining", "datatest2") for row in rows(f"occupancy/{part}.txt", columns)]


def ai4i():
    columns = ["Type", "Air temperature [K]", "Process temperature [K]", "Rotational speed [rpm]", "Torque [Nm]"]
    columns += ["Tool wear [min]", "Machine failure"]
    return list(rows("ai4i2020/ai4i2020.csv", columns, {"L": 0, "M": 1, "H": 2}))


def elec2():
    columns = ["period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer", "class"]
    return list(rows("electricity_elec2/electricity.csv", columns))


def ett():
    """The oil temperature from the loads and the temperature an hour before."""
    columns = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]
    all_rows = list(rows("ett/ETTh1.csv", columns))
    return [now[:6] + [before[6], now[6]] for before, now in zip(all_rows, all_rows[1:])]


def scaled(stream):
    """Samples scaled with what is known including themselves, with a feature that is always 1, and answers."""
    scaler = preprocessing.StandardScaler()
    for *x, y in stream:
        x = dict(enumerate(x))
        scaler.learn_one(x)
        yield scaler.transform_one(x), y


def classify(model, stream, one=False):
    shares, answers = [], []
    for x, y in stream:
        if one:
            x = {**x, "one": 1.0}
        shares.append(model.predict_proba_one(x).get(True, 0.0))
        answers.append(y == 1.0)
        model.learn_one(x, y == 1.0)
    return np.array(shares[1:]), np.array(answers[1:])


def regress(model, stream, one=False):
    predictions, answers = [], []
    for x, y in stream:
        if one:
            x = {**x, "one": 1.0}
        predictions.append(model.predict_one(x))
        answers.append(y)
        model.learn_one(x, y)
    return np.array(predictions[1:]), np.array(answers[1:])


def classifiers():
    yield "logistic", linear_model.LogisticRegression(optimizer=optim.SGD(0.01), intercept_lr=0.01), False
    ftrl = optim.FTRLProximal(alpha=0.1, beta=0.1, l1=0.0, l2=0.0)
    yield "logistic_ftrl", linear_model.LogisticRegression(optimizer=ftrl, intercept_lr=0.0), True
    softmax = linear_model.SoftmaxRegression(optimizer=optim.SGD(0.01))
    for answer in (False, True):
        softmax.weights[answer]["one"] = 0.0  # told of both classes from the start, as ours is
    yield "softmax", softmax, True
    yield "passive_aggressive", linear_model.PAClassifier(C=0.01, mode=1), False
    yield "gaussian_nb", naive_bayes.GaussianNB(), False


def regressors():
    def line(loss, rate):
        return linear_model.LinearRegression(optimizer=optim.SGD(rate), loss=loss, intercept_lr=rate)

    # River's squared loss has twice the gradient.
    yield "sgd", line(optim.losses.Squared(), 0.005), False
    yield "huber", line(optim.losses.Huber(1.0), 0.1), False
    yield "quantile_50", line(optim.losses.Quantile(0.5), 0.1), False
    yield "passive_aggressive", linear_model.PARegressor(C=0.1, mode=1, eps=0.1), False
    # Least squares with a ridge penalty of 1, recursively: what RLS is without forgetting.
    yield "rls", linear_model.BayesianLinearRegression(alpha=1.0, beta=1.0), True


figures = []
for name, stream, balanced in (("occupancy", occupancy(), False), ("ai4i2020", ai4i(), False), ("elec2", elec2(), True)):
    samples = list(scaled(stream))
    for learner, model, one in classifiers():
        shares, answers = classify(model, samples, one)
        chosen = shares > 0.5
        figures.append((name, learner, "accuracy", accuracy_score(answers, chosen)))
        if balanced:
            figures.append((name, learner, "kappa", cohen_kappa_score(answers, chosen)))
        else:
            figures.append((name, learner, "f1", f1_score(answers, chosen)))
            figures.append((name, learner, "auc", roc_auc_score(answers, shares)))
samples = list(scaled(ett()))
for learner, model, one in regressors():
    predictions, answers = regress(model, samples, one)
    error = predictions - answers
    figures.append(("etth1", learner, "mae", np.abs(error).mean()))
    figures.append(("etth1", learner, "rmse", np.sqrt((error**2).mean())))
write_figures("linear", "river 0.26.1, the learners of this name with the settings in make/prequential_linear.py", figures)
