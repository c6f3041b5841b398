"""Forecasters."""

import numpy as np
from common import Rng, single, write
from river import time_series
from statsmodels.tsa.holtwinters import ExponentialSmoothing
from statsmodels.tsa.statespace.structural import UnobservedComponents


def cycle(n, seed, period=12):
    rng = Rng(seed)
    day = [5.0 * np.sin(2 * np.pi * i / period) + 2.0 * (i % period == 3) for i in range(period)]
    return [single(40.0 + 0.05 * i + day[i % period] * (1 + 0.002 * i) + rng.normal()) for i in range(n)]


def holt_winters():
    m, n = 12, 240
    ys = cycle(n, 11)
    seasons = [single(np.sin(2 * np.pi * i / m)) for i in range(m)]
    factors = [single(1.0 + 0.1 * np.sin(2 * np.pi * i / m)) for i in range(m)]
    columns = {"y": ys, "season": [*seasons, *[None] * (n - m)], "factor": [*factors, *[None] * (n - m)]}
    for name, seasonal, phi, start in (
        ("additive", "add", None, seasons),
        ("damped", "add", 0.9, seasons),
        ("multiplicative", "mul", None, factors),
        ("multiplicative_damped", "mul", 0.9, factors),
    ):
        model = ExponentialSmoothing(
            np.array(ys), trend="add", damped_trend=phi is not None, seasonal=seasonal, seasonal_periods=m,
            initialization_method="known", initial_level=38.0, initial_trend=0.125, initial_seasonal=np.array(start),
        )
        extra = {} if phi is None else {"damping_trend": phi}
        fit = model.fit(smoothing_level=0.3, smoothing_trend=0.1, smoothing_seasonal=0.2, optimized=False, **extra)
        # What is forecast after learning i is fitted[i + 1]; at the end up to 30 steps ahead.
        fitted = list(fit.fittedvalues)
        columns[name] = [*fitted[1:], fit.forecast(1)[0]]
        # A whole number of periods ahead it takes the last season as it was before its last update: left out.
        ahead = [v if (h + 1) % m else None for h, v in enumerate(fit.forecast(30))]
        columns[f"{name}_ahead"] = [*ahead, *[None] * (n - 30)]
    write("forecast", "holt_winters", "statsmodels.tsa.holtwinters.ExponentialSmoothing", columns)

    # River starts from its own states: they are handed over with the series.
    columns = {"y": ys[m:]}
    for name, multiplicative in (("additive", False), ("multiplicative", True)):
        model = time_series.HoltWinters(0.3, 0.1, 0.2, seasonality=m, multiplicative=multiplicative)
        one, far = [], []
        for i, y in enumerate(ys):
            model.learn_one(y)
            if i == m - 1:
                rest = [None] * (n - m - 1)
                columns[f"{name}_level"] = [model.level[-1], *rest]
                columns[f"{name}_trend"] = [model.trend[-1], *rest]
                columns[f"{name}_season"] = [*model.season, *[None] * (n - 2 * m)]
            if i >= m:
                forecast = model.forecast(20)
                one.append(forecast[0])
                far.append(forecast[19])
        columns[name], columns[f"{name}_20"] = one, far
    write("forecast", "holt_winters_river", "river.time_series.HoltWinters", columns)


def kalman():
    n = 200
    rng = Rng(12)
    ys, level, slope = [], 5.0, 0.0
    for _ in range(n):
        slope += 0.02 * rng.normal()
        level += slope + 0.3 * rng.normal()
        ys.append(single(level + rng.normal()))
    columns = {"y": ys}
    for name, spec, variances in (("level", "llevel", [1.0, 0.125]), ("trend", "lltrend", [1.0, 0.125, 0.03125])):
        model = UnobservedComponents(np.array(ys), spec, use_exact_diffuse=True)
        # Order of the parameters: irregular, level, trend.
        assert model.param_names == ["sigma2.irregular", "sigma2.level", "sigma2.trend"][: len(variances)]
        # Otherwise it stops updating the variances at 1e-10.
        model.ssm.tolerance = 0
        result = model.filter(variances)
        first = len(variances) - 1
        predicted = result.predicted_state[0]
        spread = [result.predicted_state_cov[0, 0, i] + 1.0 for i in range(n + 1)]
        columns[name] = [None if i < first else predicted[i + 1] for i in range(n)]
        columns[f"{name}_var"] = [None if i < first else spread[i + 1] for i in range(n)]
        ahead = result.get_forecast(40)
        columns[f"{name}_ahead"] = [*ahead.predicted_mean, *[None] * (n - 40)]
        columns[f"{name}_ahead_var"] = [*ahead.var_pred_mean, *[None] * (n - 40)]
        errors = result.forecasts_error[0] ** 2 / result.forecasts_error_cov[0, 0]
        columns[f"{name}_noise"] = [None if i < first else float(np.mean(errors[first : i + 1])) for i in range(n)]
    for name in list(columns)[1:]:
        columns[name] = [v if "ahead" in name or i % 3 == 2 else None for i, v in enumerate(columns[name])]
    write("forecast", "kalman", "statsmodels.tsa.statespace.structural.UnobservedComponents, exact diffuse start", columns)


def autoregression():
    n, p, lam = 400, 3, 0.984375
    rng = Rng(13)
    zs = [0.0, 0.5, 1.0]
    for _ in range(n - 3):
        zs.append(0.3 + 1.2 * zs[-1] - 0.5 * zs[-2] + 0.1 * zs[-3] + rng.normal())
    ys = [single(100.0 + 4.0 * z) for z in zs]
    origin = ys[0]
    unit = max(abs(ys[1] - origin), 1e-4 * abs(origin))
    z = [(y - origin) / unit for y in ys]
    cov, w = 1e3 * np.eye(p + 1), np.zeros(p + 1)
    one, far, sd, far_sd, count, square = [], [], [], [], 0, 0.0
    for i in range(n):
        if i >= p + 1:
            x = np.array([1.0, *z[i - p : i][::-1]])
            error = z[i] - w @ x
            count += 1
            square += (error**2 - square) / min(count, 500)
            gain = cov @ x / (lam + x @ cov @ x)
            w = w + gain * error
            cov = (cov - np.outer(gain, x @ cov)) / lam
        if count == 0:
            for column in (one, far, sd, far_sd):
                column.append(None)
            continue
        past = [1.0, *z[i - p + 1 : i + 1][::-1]]
        psi, ahead = [1.0], []
        for h in range(20):
            ahead.append(w @ past)
            past = [1.0, ahead[-1], *past[1:p]]
            psi.append(sum(w[k] * psi[-k] for k in range(1, min(p, len(psi)) + 1)))
        one.append(origin + unit * ahead[0])
        far.append(origin + unit * ahead[19])
        sd.append(unit * np.sqrt(square))
        far_sd.append(unit * np.sqrt(square * np.sum(np.square(psi[:20]))))
    # Early weights are those of nearly singular equations, where f32 and f64 go apart: from the 50th on.
    early = 50
    columns = {"y": ys}
    for name, values in (("one", one), ("far", far), ("sd", sd), ("far_sd", far_sd)):
        columns[name] = [v if i >= early and i % 3 == 0 else None for i, v in enumerate(values)]
    write("forecast", "autoregression", "recursive least squares with forgetting as given, in numpy", columns)


def naive():
    """The last value and the value a season ago; bands by the root mean square of their own errors so far."""
    rng, season = Rng(23), 7
    ys = [single(20.0 + 4.0 * ((i % season) - 3.0) + rng.normal()) for i in range(90)]
    columns = {"y": ys}
    for name, lag in (("naive", 1), ("seasonal", season)):
        errors = np.array([np.nan] * lag + [ys[i] - ys[i - lag] for i in range(lag, len(ys))])
        for ahead in (1, 10):
            value, sd = [], []
            for i in range(len(ys)):
                known = i >= lag
                back = lag * -(-ahead // lag)  # the least whole number of lags that reaches what was seen
                value.append(ys[i + ahead - back] if known else None)
                sd.append(np.sqrt(np.nanmean(errors[: i + 1] ** 2) * (back // lag)) if known else None)
            columns[f"{name}_{ahead}"], columns[f"{name}_{ahead}_sd"] = value, sd
    write("forecast", "naive", "numpy, Hyndman and Athanasopoulos 2021, section 5.5", columns)


naive()
holt_winters()
kalman()
autoregression()
