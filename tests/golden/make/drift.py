"""Alarms of drift detectors.

The streams are made of the core's random numbers, here and in cases/drift.rs alike, so the files hold alarms only: the
stream, the place in it, and 1 for a warning that begins or 2 for an alarm."""

import math

import numpy as np
from common import Rng, single, write
from river import drift


def level(i):
    return 2.0 if 1500 <= i < 2400 else -1.0 if i >= 2400 else 0.0


# Measurements: the value at place i, with random numbers at hand.
VALUES = {
    "abrupt": lambda i, rng: level(i) + rng.normal(),
    "offset": lambda i, rng: 20_000.0 + level(i) + rng.normal(),
    "gradual": lambda i, rng: i / 1000.0 + rng.uniform(),
    "none": lambda i, rng: rng.normal(),
    "spread": lambda i, rng: (1.0 if i < 1500 else 3.0) * rng.normal(),
}

# Errors: the error rate at place i.
RATES = {
    "worse": lambda i: 0.1 if i < 1500 else 0.3,
    "better": lambda i: 0.5 if i < 1500 else 0.1,
    "gradual": lambda i: 0.05 + i / 6000.0,
    "none": lambda i: 0.2,
    "flawless": lambda i: 0.0 if i < 1000 else 0.5,
}
LEN = 3000


def values():
    for seed, (name, value) in enumerate(VALUES.items()):
        rng = Rng(seed)
        yield seed, [single(value(i, rng)) for i in range(LEN)]


def errors():
    for seed, rate in enumerate(RATES.values()):
        rng = Rng(100 + seed)
        yield seed, [1.0 if rng.uniform() < rate(i) else 0.0 for i in range(LEN)]


def alarms(name, source, streams, make):
    columns = {"stream": [], "index": [], "alarm": []}
    for stream, xs in streams():
        detector, warned = make(), False
        for i, x in enumerate(xs):
            detector.update(x)
            now = getattr(detector, "warning_detected", False)
            if detector.drift_detected or (now and not warned):
                columns["stream"].append(stream)
                columns["index"].append(i)
                columns["alarm"].append(2 if detector.drift_detected else 1)
            # What a detector that starts over says of the past is no warning.
            warned = now and not detector.drift_detected
    write("drift", name, source, columns)


class Drawn:
    """Floyd's algorithm with the core's random numbers, for random.Random."""

    def __init__(self, seed):
        self.rng = Rng(seed)

    def sample(self, population, k):
        n, taken = len(population), set()
        for j in range(n - k, n):
            t = (self.rng.next_u64() >> 32) * (j + 1) >> 32
            taken.add(j if t in taken else t)
        return [population[i] for i in sorted(taken)]


class KSWIN(drift.KSWIN):
    """River's, drawing as the core does."""

    def _reset(self):
        super()._reset()
        self._rng = Drawn(self.seed)


def p_values():
    xs, detector, ps = next(values())[1][1400:1700], KSWIN(seed=7), []
    for x in xs:
        detector.update(x)
        ps.append(float(detector.p_value) if len(detector.window) == 100 or detector.drift_detected else None)
    write("drift", "kswin_p_values", "river.drift.KSWIN(seed=7), drawing as the core does", {"x": xs, "p": ps})


class Chart:
    """A control chart as its paper has it, with a baseline from 100 samples, learnt anew after an alarm."""

    def __init__(self, step, start):
        self.step, self.start, self.drift_detected = step, start, False
        self.state, self.past = start, []

    def update(self, x):
        if self.drift_detected:
            self.state, self.past, self.drift_detected = self.start, [], False
        if len(self.past) < 100:
            self.past.append(x)
            self.mean, self.sd = np.mean(self.past), np.std(self.past, ddof=len(self.past) > 1)
            return
        self.state, self.drift_detected = self.step(self.state, (x - self.mean) / self.sd)


def cusum(k, h):
    def step(state, z):
        up, down = max(0.0, state[0] + z - k), max(0.0, state[1] - z - k)
        return (up, down), up > h or down > h

    return lambda: Chart(step, (0.0, 0.0))


def ewma(lam, l):
    def step(state, z):
        average = lam * z + (1.0 - lam) * state
        return average, abs(average) > l * math.sqrt(lam / (2.0 - lam))

    return lambda: Chart(step, 0.0)


alarms("adwin", "river.drift.ADWIN()", values, drift.ADWIN)
alarms("adwin_errors", "river.drift.ADWIN(delta=0.01, clock=1)", errors, lambda: drift.ADWIN(delta=0.01, clock=1))
alarms("page_hinkley", "river.drift.PageHinkley()", values, drift.PageHinkley)
alarms(
    "page_hinkley_up",
    "river.drift.PageHinkley(mode='up', threshold=10, delta=0.1, alpha=0.99, min_instances=50)",
    values,
    lambda: drift.PageHinkley(mode="up", threshold=10, delta=0.1, alpha=0.99, min_instances=50),
)
alarms("kswin", "river.drift.KSWIN(seed=7), drawing as the core does", values, lambda: KSWIN(seed=7))
p_values()
alarms("cusum", "numpy, Page 1954 with k 0.5, h 8", values, cusum(0.5, 8.0))
alarms("ewma", "numpy, Roberts 1959 with lambda 0.1, L 4", values, ewma(0.1, 4.0))
for name, make in {
    "ddm": drift.binary.DDM,
    "eddm": drift.binary.EDDM,
    "hddm_a": drift.binary.HDDMA,
    "hddm_w": drift.binary.HDDMW,
}.items():
    source = f"river.drift.binary.{make.__name__}"
    alarms(name, f"{source}()", errors, make)
    if name.startswith("hddm"):
        alarms(f"{name}_two_sided", f"{source}(two_sided_test=True)", errors, lambda: make(two_sided_test=True))
