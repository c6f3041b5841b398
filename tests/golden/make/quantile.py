"""Quantiles."""

from ddsketch.ddsketch import LogCollapsingLowestDenseDDSketch
from river import stats

from common import Rng, single, write


def p2():
    rng = Rng(11)
    # Shares that binary numbers hold exactly: ranks that should be equal are, in river's sums as in ours.
    shares = {"q25": 0.25, "q50": 0.5, "q9375": 0.9375}
    xs = [single((rng.normal() + 2.0) ** 2 + (8.0 if i > 300 else 0.0)) for i in range(500)]
    columns = {"x": xs} | {name: [] for name in shares}
    for name, share in shares.items():
        quantile = stats.Quantile(share)
        for x in xs:
            quantile.update(x)
            columns[name].append(quantile.get())
    write("quantile", "p2", "river.stats.Quantile", columns)


def ddsketch():
    rng = Rng(12)
    shares = {"q0": 0.0, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q100": 1.0}
    # Over more powers of ten than the bins reach, so that the lowest are collapsed.
    xs = [single(10.0 ** (1.2 * rng.normal()) * (-1.0 if rng.uniform() < 0.3 else 1.0)) for i in range(300)]
    xs[7], xs[50] = 0.0, 0.0
    sketch = LogCollapsingLowestDenseDDSketch(0.02, 64)
    columns = {"x": xs} | {name: [] for name in shares}
    for x in xs:
        sketch.add(x)
        for name, share in shares.items():
            columns[name].append(sketch.get_quantile_value(share))
    write("quantile", "ddsketch", "ddsketch.LogCollapsingLowestDenseDDSketch(0.02, 64)", columns)


p2()
ddsketch()
