#!/usr/bin/env python3
"""Made-up recordings of devices with several channels and known faults, to judge the joint detector on.

    plants.py FOLDER [--seed N] [--files N]

writes FOLDER/{design,judge}/<family>-<n>.csv: `time;<channels>;anomaly`. The families under `design` were looked at
while the detector was made, those under `judge` to see by its figures whether a change helps: a dozen times. The same seed gives the same files.
"""
import argparse
import pathlib
import numpy as np


def ar(rng, n, a, sd=1.0):
    """An AR(1) process of unit-like variance `sd`."""
    x, e = np.zeros(n), rng.normal(0, sd * np.sqrt(1 - a * a), n)
    x[0] = rng.normal(0, sd)
    for i in range(1, n):
        x[i] = a * x[i - 1] + e[i]
    return x


def lag(x, k):
    """First-order response with time constant `k` rows."""
    y, a = np.empty_like(x, dtype=float), 1 / k
    y[0] = x[0]
    for i in range(1, len(x)):
        y[i] = y[i - 1] + a * (x[i] - y[i - 1])
    return y


def spans(rng, n, first, count, short, long):
    """`count` stretches of faults, none before `first`, not touching each other."""
    cuts = np.sort(rng.uniform(0, 1, count))
    room = n - first - count * long * 1.3
    found = []
    for i, cut in enumerate(cuts):
        start = int(first + cut * max(room, 1) + i * long * 1.3)
        end = min(start + int(rng.integers(short, long + 1)), n - 20)
        if start < end:
            found.append((start, end))
    return found


def labels(n, where):
    y = np.zeros(n, int)
    for a, b in where:
        y[a:b] = 1
    return y


def dwell(rng, n, low, high, states):
    """A state that changes after `low` to `high` rows."""
    s, out = int(rng.integers(states)), np.empty(n, int)
    i = 0
    while i < n:
        k = int(rng.integers(low, high))
        out[i:i + k] = s
        s, i = (s + 1 + int(rng.integers(max(states - 1, 1)))) % states if states > 1 else 0, i + k
    return out


# ---- design ----------------------------------------------------------------------------------------------------------

def bench(rng, i):
    """A 1 Hz pump bench of 8 channels: one fault in each short file, put right before the end."""
    n = int(rng.integers(950, 1250))
    a = int(rng.integers(380, 620))
    b = min(a + int(rng.integers(250, 420)), n - int(rng.integers(20, 150)))
    y, t = labels(n, [(a, b)]), np.arange(n)
    closed = np.zeros(n)
    kind = i % 4
    if kind == 0:  # a valve is closed step by step and opened again
        steps = np.clip((t - a) // max((b - a) // 6, 1) + 1, 0, 5) * (y == 1)
        closed = steps / 5 * rng.uniform(0.25, 0.8)
    wander = ar(rng, n, 0.98)
    flow = 32 * (1 - 0.5 * closed) + 0.4 * wander + rng.normal(0, 0.5, n)
    pressure = 0.3 + 0.25 * closed - 0.004 * (flow - 32) + rng.normal(0, 0.15, n)
    current = 1.1 + 0.12 * (flow - 32) / 10 + rng.normal(0, 0.06, n)
    voltage = 230 + 2 * ar(rng, n, 0.95) + rng.normal(0, 4, n)
    accel = [0.2 + 0.006 * np.abs(rng.normal(0, 1, n)), 0.26 + 0.008 * np.abs(rng.normal(0, 1, n))]
    if kind == 1:  # imbalance of the rotor
        for k in range(2):
            accel[k] = accel[k] + y * rng.uniform(0.004, 0.02) * (1 + 0.5 * np.sin(t / 5))
        current = current + y * rng.uniform(0.02, 0.06)
    if kind == 2:  # cavitation
        flow = flow + y * rng.normal(-1.0, 1.5, n)
        accel[0] = accel[0] + y * rng.exponential(0.01, n)
        pressure = pressure + y * rng.normal(0, 0.15, n)
    if kind == 3:  # air in the water: everything a little
        flow = flow - y * rng.uniform(0.8, 2.0)
        pressure = pressure - y * rng.uniform(0.1, 0.2)
        current = current - y * 0.05
    heat = lag(70 + 6 * (1 - np.exp(-t / 900)) + 2 * closed, 60) + rng.normal(0, 0.05, n)
    couple = lag(26 + 3 * (1 - np.exp(-t / 700)) + 0.01 * (heat - 70), 40) + rng.normal(0, 0.03, n)
    return np.column_stack([accel[0], accel[1], current, pressure, heat, couple, voltage, flow]), y


def tanks(rng, i):
    """Water treatment: tanks, pumps and valves that switch; 10 to 50 channels."""
    n, units = int(rng.integers(5000, 9000)), int(rng.integers(2, 10))
    where = spans(rng, n, 1500, int(rng.integers(3, 7)), 60, 300)
    y, columns = labels(n, where), []
    hit = [int(rng.integers(units)) for _ in where]
    how = [int(rng.integers(4)) for _ in where]
    for u in range(units):
        level, filling, inflow = rng.uniform(400, 800), True, rng.uniform(4, 16)
        out = inflow * rng.uniform(0.3, 0.6)
        rows = np.zeros((n, 5))
        for t in range(n):
            bad = next((h for (a, b), w, h in zip(where, hit, how) if w == u and a <= t < b), None)
            if bad == 0:  # the valve stays open
                filling = True
            elif level > 800:
                filling = False
            elif level < 400:
                filling = True
            flow = inflow * filling * (0.5 if bad == 1 else 1.0)
            drawn = out * (0.4 if bad == 3 else 1.0)
            level = np.clip(level + flow - drawn + rng.normal(0, 0.3), 0, 1200)
            shown = level + (150 if bad == 2 else 0)
            rows[t] = [shown + rng.normal(0, 1), flow + rng.normal(0, 0.03) * filling, filling + 1,
                       1 + t // 350 % 2, drawn + rng.normal(0, 0.05)]
        columns.append(rows)
    return np.column_stack(columns), y


def servers(rng, i):
    """38 figures of a machine a minute, many constant, bursts that are normal."""
    n = int(rng.integers(6000, 12000))
    t = np.arange(n)
    where = spans(rng, n, 1500, int(rng.integers(4, 10)), 10, 250)
    y, x = labels(n, where), np.zeros((n, 38))
    load = 0.3 + 0.15 * np.sin(t / 1440 * 2 * np.pi) + 0.05 * ar(rng, n, 0.95)
    burst = np.convolve((rng.uniform(0, 1, n) < 0.003) * rng.uniform(0.1, 0.4, n), np.exp(-np.arange(30) / 8))[:n]
    for c in range(38):
        kind = c % 5
        if kind in (0, 1):
            g, h = rng.uniform(0.3, 1.0), rng.uniform(0, 1.0)
            x[:, c] = g * load + h * burst + rng.normal(0, 0.02, n)
        elif kind == 2:
            x[:, c] = rng.poisson(0.3, n) * 0.01 + 0.2 * burst
        elif kind == 3:
            x[:, c] = 0.1 + 0.02 * ar(rng, n, 0.995)
    for a, b in where:
        for c in rng.choice(38, int(rng.integers(2, 12)), replace=False):
            x[a:b, c] += rng.choice([-1, 1, 1]) * rng.uniform(0.1, 0.6)
    return np.clip(x, 0, 1.5), y


def process(rng, i):
    """A chemical process: few hidden states, many channels; correlations break and means shift by 1 to 3 deviations."""
    n, c, k = int(rng.integers(2500, 6000)), int(rng.integers(12, 53)), int(rng.integers(3, 7))
    hidden = np.column_stack([ar(rng, n, rng.uniform(0.8, 0.99)) for _ in range(k)])
    w = rng.normal(0, 1, (k, c)) * (rng.uniform(0, 1, (k, c)) < 0.5)
    x = hidden @ w + rng.normal(0, 0.4, (n, c))
    sd = x.std(0)
    where = spans(rng, n, 700, int(rng.integers(2, 6)), 80, 400)
    for a, b in where:
        few = rng.choice(c, int(rng.integers(1, 5)), replace=False)
        kind = rng.integers(4)
        for f in few:
            if kind == 0:
                x[a:b, f] += rng.uniform(1, 3) * sd[f]
            elif kind == 1:
                x[a:b, f] = rng.permutation(x[a:b, f])
            elif kind == 2:
                x[a:b, f] += 1.5 * sd[f] * np.sin(np.arange(b - a) / rng.uniform(2, 8))
            else:
                x[a:b, f] = 2 * x[:, f].mean() - x[a:b, f] + sd[f]
    return x * rng.uniform(0.1, 100, c) + rng.uniform(-50, 500, c), labels(n, where)


def telemetry(rng, i):
    """One telemetry channel and two dozen commands that are 0 or 1, most of them rarely."""
    n, c = int(rng.integers(2000, 5000)), int(rng.integers(25, 56))
    x = np.zeros((n, c))
    t, period = np.arange(n), rng.uniform(60, 300)
    for k in range(1, c):
        if rng.uniform() < 0.5:
            p = rng.choice([0.0005, 0.005, 0.05])
            x[:, k] = rng.uniform(0, 1, n) < p
    cause = int(rng.integers(1, c))
    x[:, cause] = dwell(rng, n, 20, 120, 2)
    wave = np.sin(t / period * 2 * np.pi) if i % 2 else np.sign(np.sin(t / period * 2 * np.pi))
    x[:, 0] = 0.5 * wave + 0.3 * lag(x[:, cause], 5) + rng.normal(0, 0.03, n)
    where = spans(rng, n, 800, int(rng.integers(1, 4)), 40, 250)
    for a, b in where:
        kind = rng.integers(4)
        if kind == 0:
            x[a:b, 0] = x[a, 0] + rng.normal(0, 0.01, b - a)
        elif kind == 1:
            x[a:b, 0] += rng.uniform(0.5, 1.0)
        elif kind == 2:
            x[a:b, 0] *= rng.uniform(1.5, 2.5)
        else:
            x[a:b, 0] += 0.5 * np.sin(np.arange(b - a) / 2)
    return x, labels(n, where)


def small(rng, i):
    """2 to 5 channels of a machine with two modes; sticking, contextual faults, oscillation, spikes that are normal."""
    n, c = int(rng.integers(1500, 4000)), int(rng.integers(2, 6))
    mode = dwell(rng, n, 60, 200, 2)
    speed = lag(20 + 25 * mode, 4) + 0.5 * ar(rng, n, 0.9)
    x = np.column_stack([speed if k == 0 else rng.uniform(0.5, 2) * lag(speed, rng.uniform(1, 25))
                         + rng.normal(0, 0.5, n) for k in range(c)])
    spikes = rng.uniform(0, 1, (n, c)) < 0.003
    x += spikes * rng.normal(0, 12, (n, c))
    where = spans(rng, n, 500, int(rng.integers(2, 5)), 40, 220)
    for a, b in where:
        f, kind = int(rng.integers(1, c)) if c > 1 else 0, rng.integers(4)
        if kind == 0:
            x[a:b, f] = x[a, f]
        elif kind == 1:
            x[a:b, f] = x[a:b, f].max() + x[a:b, f].min() - x[a:b, f]
        elif kind == 2:
            x[a:b, f] += 4 * np.sin(np.arange(b - a) / 1.5)
        else:
            x[a:b, f] *= rng.uniform(1.15, 1.4)
    return x, labels(n, where)


# ---- judge: made differently -----------------------------------------------------------------------------------------------

def compressor(rng, i):
    """A compressor at 1 Hz with a cycle of its own, 6 to 9 channels; leak, worn bearing, blocked filter, fan off."""
    n, c = int(rng.integers(900, 1600)), int(rng.integers(6, 10))
    t = np.arange(n)
    a = int(rng.integers(350, 600))
    b = int(rng.integers(a + 180, min(a + 450, n - 20)))
    y = labels(n, [(a, b)])
    ramp = np.clip((t - a) / rng.uniform(20, 120), 0, 1) * y
    kind = i % 4
    cycle = (np.sin(t / rng.uniform(4, 15)) > -0.3).astype(float)
    leak = 0.35 * ramp if kind == 0 else 0
    pressure = 7 + 0.3 * lag(cycle, 6) - leak + rng.normal(0, 0.03, n)
    power = 5 + 2.5 * cycle + (0.8 * ramp if kind == 2 else 0) + (0.5 * ramp if kind == 0 else 0) + rng.normal(0, 0.2, n)
    oil = lag(60 + 5 * t / n + 3 * cycle + (8 * ramp if kind == 3 else 0), 90) + rng.normal(0, 0.1, n)
    shake = np.abs(rng.normal(1, 0.2, n)) * (1 + (1.2 * ramp if kind == 1 else 0)) * (0.6 + 0.4 * cycle)
    inlet = 1.0 - (0.04 * ramp if kind == 2 else 0) + rng.normal(0, 0.01, n)
    room = 20 + 2 * np.sin(t / 1500) + 0.2 * ar(rng, n, 0.99)
    more = [rng.uniform(0.2, 2) * pressure + rng.uniform(0, 1) * power + rng.normal(0, 0.3, n) for _ in range(c - 6)]
    return np.column_stack([pressure, power, oil, shake, inlet, room] + more), y


def batches(rng, i):
    """Batches of four phases with valves and set points; a phase too long, a valve stuck, a sensor off, a weak heater."""
    n, extra = int(rng.integers(4000, 8000)), int(rng.integers(4, 20))
    where = spans(rng, n, 1200, int(rng.integers(3, 7)), 80, 350)
    y, x = labels(n, where), np.zeros((n, 9 + extra))
    kinds = [int(rng.integers(4)) for _ in where]
    phase, left, temp, level, press = 0, 50, 20.0, 0.0, 1.0
    mean = [60, 120, 90, 45]
    for t in range(n):
        bad = next((k for (a, b), k in zip(where, kinds) if a <= t < b), None)
        left -= 0 if bad == 0 else 1
        if left <= 0:
            phase = (phase + 1) % 4
            left = int(mean[phase] * rng.uniform(0.8, 1.2))
        fill, heat, hold, drain = (phase == k for k in range(4))
        level += (100 - level) * 0.05 * fill * (0.5 if bad == 1 else 1) - level * 0.08 * drain
        goal = 80 if heat else 78 if hold else 20
        temp += (goal - temp) * 0.04 * (0.4 if bad == 3 and heat else 1)
        press += (1 + temp / 40 + level / 200 - press) * 0.2
        x[t, :9] = [level + rng.normal(0, 0.5), temp + rng.normal(0, 0.3) + (6 if bad == 2 else 0), press
                    + rng.normal(0, 0.03), fill, heat, drain, hold, goal, 10 * heat + 3 * hold + rng.normal(0, 0.2)]
    for k in range(extra):
        source = x[:, int(rng.integers(0, 3))]
        x[:, 9 + k] = 5 if k % 3 == 0 else rng.uniform(0.5, 2) * lag(source, rng.uniform(1, 40)) + rng.normal(0, 1, n)
    return x, y


def cluster(rng, i):
    """25 figures of an application: trends, deployments that shift levels for good, correlated incidents."""
    n, c = int(rng.integers(6000, 14000)), 25
    t = np.arange(n)
    day = np.abs(np.sin(t / 1440 * np.pi)) ** 3
    common = np.column_stack([ar(rng, n, 0.99) * 0.1 + day, np.cumsum(rng.normal(0, 0.004, n)), rng.gamma(2, 0.05, n)])
    x = common @ rng.uniform(-0.3, 1, (3, c)) + np.abs(rng.normal(0, 0.03, (n, c)))
    for _ in range(2):  # a deployment: from then on normal
        x[int(rng.integers(n // 3, n)):, int(rng.integers(c))] += rng.uniform(0.1, 0.3)
    where = spans(rng, n, 1500, int(rng.integers(4, 9)), 20, 400)
    for a, b in where:
        few, shape = rng.choice(c, int(rng.integers(3, 10)), replace=False), np.hanning(2 * (b - a))[:b - a] ** 0.3
        for f in few:
            x[a:b, f] += rng.choice([-1, 1]) * rng.uniform(0.3, 1.0) * shape
    return np.round(x, 3), labels(n, where)


def loops(rng, i):
    """Control loops around moving set points, 10 to 64 channels; spoofed sensors, oscillating loops, drifts to stay."""
    n, m = int(rng.integers(4000, 9000)), int(rng.integers(3, 17))
    where = spans(rng, n, 1000, int(rng.integers(3, 7)), 60, 400)
    y, columns = labels(n, where), []
    hit, kinds = [int(rng.integers(m)) for _ in where], [int(rng.integers(4)) for _ in where]
    for k in range(m):
        goals = rng.uniform(20, 60, 4)
        goal = goals[dwell(rng, n, 200, 700, 4)]
        noise = 0.3 * ar(rng, n, 0.9)
        value, valve, out = goal[0], 50.0, np.zeros((n, 4))
        for t in range(n):
            bad = next((h for (a, b), w, h in zip(where, hit, kinds) if w == k and a <= t < b), None)
            shown = value + (4 if bad == 0 else 0)
            valve = np.clip(valve + (3.0 if bad == 1 else 0.4) * (goal[t] - shown), 0, 100) if bad != 2 else valve
            value += 0.08 * (0.6 * valve * (0.75 if bad == 3 else 1) + 8 - value) + 0.2 * noise[t]
            out[t] = [shown + rng.normal(0, 0.1), valve + rng.normal(0, 0.3), goal[t], 0.5 * valve + rng.normal(0, 0.5)]
        columns.append(out)
    x = np.column_stack(columns)
    return x + 0.0002 * np.arange(n)[:, None] * rng.normal(0, 1, x.shape[1]), y


def orbit(rng, i):
    """A spacecraft: channels that follow the orbit with lags, switched heaters, constant flags; 8 to 64 channels."""
    n, c = int(rng.integers(3000, 7000)), int(rng.integers(8, 65))
    t, period = np.arange(n), rng.uniform(90, 400)
    sun = np.clip(np.sin(t / period * 2 * np.pi) + 0.3, 0, 1)
    x = np.zeros((n, c))
    for k in range(c):
        kind = rng.integers(4)
        if kind == 0:
            x[:, k] = lag(sun, rng.uniform(1, 60)) * rng.uniform(5, 30) + rng.normal(0, 0.2, n)
        elif kind == 1:
            x[:, k] = (lag(sun, 40) < rng.uniform(0.2, 0.5)).astype(float)
        elif kind == 2:
            x[:, k] = float(rng.integers(3))
        else:
            x[:, k] = 28 + 2 * sun + 0.3 * ar(rng, n, 0.97) + rng.normal(0, 0.1, n)
    where = spans(rng, n, 900, int(rng.integers(2, 6)), 50, 300)
    for a, b in where:
        for f in rng.choice(c, min(c, int(rng.integers(2, 8))), replace=False):
            kind = rng.integers(3)
            if kind == 0:
                x[a:b, f] = x[max(a - 40, 0):b - 40, f][:b - a]
            elif kind == 1:
                x[a:b, f] = x[a, f]
            else:
                x[a:b, f] += rng.choice([-1, 1]) * (0.4 * x[:, f].std() + 0.05) * rng.uniform(1, 3)
    return x, labels(n, where)


def line(rng, i):
    """A conveyor with products that come in waves: counts, on/off, heavy tails; blockage, slow belt, lost sensor."""
    n, c = int(rng.integers(2000, 5000)), int(rng.integers(5, 15))
    rate = np.exp(0.5 * ar(rng, n, 0.99)) * (dwell(rng, n, 150, 400, 3) > 0)
    count = rng.poisson(4 * rate)
    belt = 1.2 * (rate > 0) + rng.normal(0, 0.01, n)
    x = [count, belt, lag(count, 8) + rng.gamma(1, 0.3, n), (rate > 0).astype(float), 3 * belt + 0.4 * lag(count, 3)
         + rng.normal(0, 0.15, n)]
    x += [rng.uniform(0.5, 3) * lag(count, rng.uniform(2, 20)) + rng.standard_t(4, n) * 0.2 for _ in range(c - 5)]
    x = np.column_stack(x).astype(float)
    where = spans(rng, n, 700, int(rng.integers(2, 5)), 50, 250)
    for a, b in where:
        kind = rng.integers(4)
        if kind == 0:
            x[a:b, 1] *= 0.8
            x[a:b, 4] *= 1.3
        elif kind == 1:
            x[a:b, 0] = 0
        elif kind == 2:
            x[a:b, 4] += 1.2
        else:
            x[a:b, 2] = rng.permutation(x[a:b, 2]) + 2
    return x, labels(n, where)


HALVES = {
    "design": [bench, tanks, servers, process, telemetry, small],
    "judge": [compressor, batches, cluster, loops, orbit, line],
}


def recordings(half, seed, files):
    """The name, the channels' names and the rows of each recording: time, channels, label."""
    for number, family in enumerate(HALVES[half]):
        for i in range(files):
            x, y = family(np.random.default_rng([seed, half == "judge", number, i]), i)
            stamps = 1_700_000_000 + np.arange(len(y)) * (60 if family in (servers, cluster) else 1)
            rows = ([stamp, *(f"{v:.6g}" for v in row), label] for stamp, row, label in zip(stamps, x, y))
            yield f"{family.__name__}-{i}", [f"c{k}" for k in range(x.shape[1])], rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", type=int, default=8, help="files a family")
    args = parser.parse_args()
    for half in HALVES:
        (args.folder / half).mkdir(parents=True, exist_ok=True)
        for name, channels, rows in recordings(half, args.seed, args.files):
            with open(args.folder / half / f"{name}.csv", "w", encoding="ascii") as out:
                out.write(";".join(["time", *channels, "anomaly"]) + "\n")
                out.writelines(";".join(map(str, row)) + "\n" for row in rows)


if __name__ == "__main__":
    main()
