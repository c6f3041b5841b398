"""River's figures on real streams for forecasters and for the time left of engines."""

import csv

import numpy as np
from common import data, single, write_figures
from river import linear_model, optim, preprocessing, time_series

PERIOD, FIRST = 24, 14 * 24


def oil(file):
    with data(file).open() as lines:
        return [single(row["OT"]) for row in csv.DictReader(lines)]


def evaluate(model, ys, xs=None):
    """Mean absolute errors one step and a day ahead, from the third week on."""
    one, day = [], []
    forecasts = {}
    for i, y in enumerate(ys):
        if i >= FIRST:
            one.append(abs(forecasts[i - 1][0] - y))
            day.append(abs(forecasts[i - PERIOD][-1] - y))
        model.learn_one(y, xs) if xs else model.learn_one(y)
        if i >= FIRST - PERIOD:
            forecasts[i] = model.forecast(PERIOD, xs=[xs] * PERIOD) if xs else model.forecast(PERIOD)
            forecasts.pop(i - PERIOD, None)
    return np.mean(one), np.mean(day)


def forecasters():
    yield "holt_winters", time_series.HoltWinters(0.8, 0.01, 0.1, seasonality=PERIOD), None
    line = linear_model.BayesianLinearRegression(alpha=0.001, beta=1.0)
    yield "autoregression_12", time_series.SNARIMAX(p=12, d=0, q=0, regressor=line), {"one": 1.0}


SENSORS = [2, 3, 4, 7, 8, 9, 11, 12, 13, 14, 15, 17, 20, 21]


def engines(file):
    """The sensors that say anything, smoothed, engine by engine: a plain mean of up to ten samples, fading after that."""
    units = {}
    with data(f"cmapss/{file}").open() as lines:
        for line in lines:
            cells = line.split()
            if cells and cells[0].isdigit():
                units.setdefault(int(cells[0]), []).append([single(cells[4 + s]) for s in SENSORS])
    for rows in units.values():
        mean = np.zeros(len(SENSORS))
        smooth = []
        for n, row in enumerate(rows, 1):
            mean = mean + (np.array(row) - mean) / min(n, 10)
            smooth.append(mean)
        yield smooth


def time_left(model):
    """Trained on the runs to failure, one pass; says the time left, at most 125, of engines that were stopped before."""
    scaler = preprocessing.StandardScaler()
    for run in engines("train_FD001.txt"):
        for i, row in enumerate(run):
            x = dict(enumerate(map(float, row)))
            scaler.learn_one(x)
            x = scaler.transform_one(x)
            x["one"] = 1.0
            model.learn_one(x, float(min(len(run) - 1 - i, 125)))
    errors = []
    with data("cmapss/RUL_FD001.txt").open() as lines:
        truth = [float(line) for line in lines if line.strip().isdigit()]
    for run, left in zip(engines("test_FD001.txt"), truth, strict=True):
        x = scaler.transform_one(dict(enumerate(map(float, run[-1]))))
        x["one"] = 1.0
        errors.append(min(max(model.predict_one(x), 0.0), 125.0) - left)
    return np.sqrt(np.mean(np.square(errors)))


figures = []
for name, file in (("etth1", "ett/ETTh1.csv"), ("etth2", "ett/ETTh2.csv")):
    ys = oil(file)
    naive = np.mean([abs(ys[i] - ys[i - PERIOD]) for i in range(FIRST, len(ys))])
    for learner, model, xs in forecasters():
        one, day = evaluate(model, ys, xs)
        figures.append((name, learner, "mae_1", one))
        figures.append((name, learner, "mae_24", day))
        # Against what was a day ago.
        figures.append((name, learner, "skill_1", 1 - one / naive))
        figures.append((name, learner, "skill_24", 1 - day / naive))
line = linear_model.LinearRegression(optimizer=optim.SGD(0.0005), intercept_lr=0.0)
figures.append(("cmapss_fd001", "sgd", "rmse", time_left(line)))
figures.append(("cmapss_fd001", "rls", "rmse", time_left(linear_model.BayesianLinearRegression(alpha=0.001, beta=1.0))))
write_figures("forecast", "river 0.26.1, the learners of this name with the settings in make/prequential_forecast.py", figures)
