"""Windows: rolling figures and summaries of stretches."""

import numpy as np
import pandas as pd

from common import Rng, single, write

W = 32


def values(seed, n):
    """A noisy level in steps of 1/64, so with ties, a step and spikes."""
    rng = Rng(seed)
    xs = []
    for i in range(n):
        x = 20.0 + rng.normal() + (15.0 if 150 <= i < 260 else 0.0) + (500.0 if i in (60, 310) else 0.0)
        xs.append(single(round(x * 64) / 64))
    return xs


def cells(series):
    return [None if np.isnan(v) else float(v) for v in series]


def rolling():
    xs = values(1, 400)
    s = pd.Series(xs, dtype="float64")
    window = s.rolling(W, min_periods=1)
    write("window", "rolling", "pandas.Series.rolling, window 32", {
        "x": xs,
        "min": cells(window.min()),
        "max": cells(window.max()),
        "median": cells(window.median()),
        "q90": cells(window.quantile(0.9)),
        "mean": cells([np.mean(xs[max(0, i - W + 1): i + 1]) for i in range(len(xs))]),
        "var": cells([np.nan if i == 0 else np.var(xs[max(0, i - W + 1): i + 1], ddof=1) for i in range(len(xs))]),
    })
    # Mean and variance above are numpy's, window by window: pandas updates them and so has rounding errors of its own.
    write("window", "cumulative", "pandas.Series.cumsum", {"x": xs, "sum": cells(s.cumsum())})


def summary(name, source, stream, groups, bounds):
    """A file of a stream with, in the row of the sample that closes a window, what the window holds.

    groups: for each sample the number of its window; bounds: window's frame, next sample -> (start, end).
    """
    times, xs = zip(*stream)
    frame = pd.DataFrame({"time": times, "x": xs, "group": groups})
    columns = {key: [None] * len(xs) for key in ["start", "end", "count", "mean", "min", "max", "sd", "first", "last"]}
    for _, part in list(frame.groupby("group"))[:-1]:
        closing = part.index[-1] + 1
        start, end = bounds(part, frame.loc[closing])
        x = part["x"].astype("float64")
        row = {"start": start, "end": end, "count": len(x), "mean": x.mean(), "min": x.min(), "max": x.max(),
               "sd": x.std(ddof=1) if len(x) > 1 else 0.0, "first": x.iloc[0], "last": x.iloc[-1]}
        for key, value in row.items():
            columns[key][closing] = value
    write("window", name, source, {"time": list(times), "x": list(xs), **columns})


def windows():
    rng = Rng(2)
    xs, time, stream = values(3, 300), -40_000, []
    for i, x in enumerate(xs):
        time += int(rng.uniform() * 4000) + (45_000 if i % 70 == 69 else 0)
        stream.append((time, x))
    frame = pd.DataFrame(stream, columns=["time", "x"])
    stamp = pd.to_datetime(frame["time"], unit="ms")
    minute = stamp.dt.floor("10s").astype("datetime64[ms]").astype("int64")
    summary("tumbling", "pandas.Series.dt.floor and groupby, 10 s", stream, minute,
            lambda part, _: (minute[part.index[0]], minute[part.index[0]] + 10_000))
    session = (frame["time"].diff() >= 3500).cumsum()
    summary("session", "pandas.DataFrame.diff and groupby, gap 3.5 s", stream, session,
            lambda part, _: (part["time"].iloc[0], part["time"].iloc[-1] + 3500))
    above = frame["x"] >= 20.0
    state = (above != above.shift()).cumsum()
    summary("state", "pandas.DataFrame.shift and groupby, threshold 20", stream, state,
            lambda part, after: (part["time"].iloc[0], after["time"]))


rolling()
windows()
