"""What all golden scripts share: the core's random numbers and the form of the files."""

import csv
import importlib.metadata
import os
import pathlib

import numpy as np

FILES = pathlib.Path(__file__).resolve().parent.parent / "files"
MASK = (1 << 64) - 1


class Rng:
    """SplitMix64, the same numbers as brooklet_core::rng::Rng."""

    def __init__(self, seed):
        self.state = seed

    def next_u64(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def uniform(self):
        """In 0..1, one of 2^24 values."""
        return (self.next_u64() >> 40) / 16_777_216.0

    def normal(self):
        """About normal (twelve uniform numbers), exact in every language."""
        return sum(self.uniform() for _ in range(12)) - 6.0


def single(x):
    """The nearest f32, as a Python float: what goes into a file as an input."""
    return float(np.float32(x))


def write(family, name, source, columns):
    """Writes files/<family>/<name>.csv.

    source: what made it, such as "river.stats.Var"; the version of the package in its first word is added.
    columns: name -> list of numbers, of booleans, or of None for "not known yet"; all of one length.
    """
    lengths = {key: len(values) for key, values in columns.items()}
    assert len(set(lengths.values())) == 1, lengths
    package = source.split(".")[0].split(" ")[0]
    package = {"sklearn": "scikit-learn"}.get(package, package)
    try:
        version = f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        version = "formula as given"
    path = FILES / family / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        file.write(f"# {source} ({version})\n")
        out = csv.writer(file, lineterminator="\n")
        out.writerow(columns)
        for row in zip(*columns.values()):
            out.writerow(["" if cell is None else text(cell) for cell in row])


def write_figures(family, source, rows):
    """Writes files/prequential/<family>.csv; rows are (data, learner, metric, value)."""
    path = FILES / "prequential" / f"{family}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        file.write(f"# {source}\n")
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["data", "learner", "metric", "value"])
        for data, learner, metric, value in rows:
            out.writerow([data, learner, metric, f"{value:.6f}"])


def data(name):
    """A file of the data sets, which are not part of the repository: $BROOKLET_DATA or ../shared/data."""
    beside = pathlib.Path(__file__).resolve().parents[4] / "shared" / "data"
    return pathlib.Path(os.environ.get("BROOKLET_DATA", beside)) / name


def text(cell):
    if isinstance(cell, (bool, np.bool_)):
        return str(int(cell))
    if isinstance(cell, (int, np.integer)):
        return str(int(cell))
    cell = float(cell)
    assert np.isfinite(cell), "NaN and infinity have no place in a golden file"
    short = f"{cell:.9g}"
    return short if float(short) == cell else repr(cell)
