"""What River's detectors and AWS's random cut forest say about the recordings that Brooklet is judged on.

peers.py nab DIR OUT            a checkout of NAB, in the form of its results: OUT/<detector>/<folder>/<detector>_<file>
peers.py files DIR OUT          each DIR/<set>/<recording>.csv: OUT/<set>/<detector>/<recording>.csv
peers.py time RUNS -- COMMAND   microseconds a row and bytes of state as JSON, with what COMMAND prints each run

Each detector scores a reading before it learns it; all channels of a recording are its input. Only raw scores are written:
`brooklet eval --results` makes ranks of them and rings at these. A recording that was scored already by the same detectors is
not scored again.
"""

import csv
import hashlib
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import time

import numpy

from detectors import DETECTORS


def version():
    """Stands for the detectors and their packages' versions."""
    here = os.path.dirname(os.path.abspath(__file__))
    digest = hashlib.sha256()
    for name in ("detectors.py", "requirements.txt"):
        with open(os.path.join(here, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def read(path):
    """The times of a recording, if it has any, and its rows of values."""
    with open(path, newline="") as file:
        header, *rows = csv.reader(file)
    timed = header[0] in ("timestamp", "time")
    end = len(header) - 1 if header[-1] == "label" else len(header)
    times = [row[0] for row in rows] if timed else None
    return times, [[float(value) for value in row[int(timed):end]] for row in rows]


def score(task):
    name, path, out, key = task
    times, rows = read(path)
    model = DETECTORS[name](len(rows[0]))
    scores = [repr(float(model.step(values))) for values in rows]
    os.makedirs(os.path.dirname(out), exist_ok=True)
    # Whole or not at all: what is there need not be scored again.
    with open(out + ".new", "w", newline="") as file:
        writer = csv.writer(file)
        if times:
            writer.writerow(["timestamp", "anomaly_score"])
            writer.writerows(zip(times, scores))
        else:
            writer.writerow(["anomaly_score"])
            writer.writerows([score] for score in scores)
    os.replace(out + ".new", out)
    with open(out + ".key", "w") as file:
        file.write(key)
    return name


def score_all(recordings):
    """Of (path, what makes of a detector's name the place of its scores)."""
    tasks, code = [], version()
    for path, place in recordings:
        with open(path, "rb") as file:
            data = file.read()
        for name in DETECTORS:
            out, key = place(name), hashlib.sha256(code.encode() + name.encode() + data).hexdigest()
            known = os.path.exists(out) and os.path.exists(out + ".key") and open(out + ".key").read() == key
            if not known:
                tasks.append((list(DETECTORS).index(name), -len(data), (name, path, out, key)))
    tasks = [task for *_, task in sorted(tasks)]
    print(f"peers: {len(tasks)} of {len(recordings) * len(DETECTORS)} to be scored", file=sys.stderr)
    start = time.monotonic()
    with multiprocessing.Pool() as pool:
        for i, name in enumerate(pool.imap_unordered(score, tasks), 1):
            if i % 50 == 0 or i == len(tasks):
                print(f"peers: {i}/{len(tasks)} {name}, {time.monotonic() - start:.0f} s", file=sys.stderr)


def below(folder):
    """The recordings in a folder and its folders, by their paths in it."""
    found = (os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names)
    return sorted(path for path in found if path.endswith(".csv"))


def forget_others(folder):
    """Scores of detectors that are no longer asked: they lack the new recordings."""
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if name not in DETECTORS:
            shutil.rmtree(os.path.join(folder, name))


def nab(folder, out):
    forget_others(out)

    def place(path):
        category, file = os.path.split(path)
        return lambda name: os.path.join(out, name, category, f"{name}_{file}")
    data = os.path.join(folder, "data")
    score_all([(os.path.join(data, path), place(path)) for path in below(data)])


def files(folder, out):
    def place(path):
        which, file = os.path.split(path)
        return lambda name: os.path.join(out, which, name, file)
    for which in os.listdir(folder):
        forget_others(os.path.join(out, which))
    score_all([(os.path.join(folder, path), place(path)) for path in below(folder)])


def race(runs, command, rows=2000):
    """Runs of the command and of the peers by turns, so that they meet the same machine."""
    widths, lines, peers = (1, 5, 24), [], {}
    noise = numpy.random.default_rng(1).normal(20, 1, (rows, max(widths)))
    for run in range(runs):
        print(f"time: {run + 1}/{runs}", file=sys.stderr)
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        lines.append([json.loads(line) for line in printed.splitlines()])
        for name, make in DETECTORS.items():
            for width in widths:
                model, values = make(width), noise[:, :width].tolist()
                start = time.perf_counter()
                for row in values:
                    model.step(row)
                seconds = time.perf_counter() - start
                cost = peers.setdefault(name, {}).setdefault(width, {"bytes": model.size(), "all": []})
                cost["all"].append(1e6 * seconds / rows)
    ours = [dict(line) for line in lines[0]]
    for i, line in enumerate(ours):
        if "nanoseconds" in line:
            line["microseconds"] = statistics.median(run[i]["nanoseconds"] for run in lines) / 1000
    for costs in peers.values():
        for cost in costs.values():
            cost["microseconds"] = statistics.median(cost.pop("all"))
    print(json.dumps({"ours": ours, "peers": peers}, indent=1))


def main():
    match sys.argv[1:]:
        case ["nab", folder, out]:
            nab(folder, out)
        case ["files", folder, out]:
            files(folder, out)
        case ["time", runs, "--", *command]:
            race(int(runs), command)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
