"""Writes the labelled data sets as recordings that `brooklet eval --label-column label` and the peers read alike.

sets.py DATA OUT     OUT/<set>/<recording>.csv: an optional time, the channels, label; prints what was made as JSON

A set that is not below DATA is left out and named. What was labelled, and how, is told with it.
"""

import csv
import json
import os
import shutil
import sys
from datetime import datetime, timedelta

import plants


def write(out, name, header, rows):
    """A recording; `rows` have the label last."""
    os.makedirs(out, exist_ok=True)
    path = os.path.join(out, name + ".csv")
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header + ["label"])
        writer.writerows(rows)


def table(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def occupancy(data, out):
    channels = ["Temperature", "Humidity", "Light", "CO2", "HumidityRatio"]
    for name in ("datatraining", "datatest", "datatest2"):
        rows = table(os.path.join(data, name + ".txt"))
        write(out, name, ["time"] + channels,
              ([row["date"]] + [row[channel] for channel in channels] + [row["Occupancy"]] for row in rows))


def ai4i2020(data, out):
    rows = table(os.path.join(data, "ai4i2020.csv"))
    channels = [name for name in rows[0] if name not in ("UDI", "Product ID", "Type", "Machine failure")]
    write(out, "ai4i2020", channels, ([row[channel] for channel in channels] + [row["Machine failure"]] for row in rows))


def cmapss(part, last):
    """Engines that run until they fail, or, of the test sets, until so many cycles before."""
    def convert(data, out):
        header = [f"setting_{i}" for i in range(1, 4)] + [f"s{i}" for i in range(1, 22)]
        engines = {}
        with open(os.path.join(data, part + ".txt")) as file:
            for line in file:
                engine, *values = line.split() or [""]
                if engine.isdigit():  # not a header
                    engines.setdefault(int(engine), []).append(values[1:])
        left = [0] * len(engines)
        if part.startswith("test"):
            with open(os.path.join(data, part.replace("test", "RUL") + ".txt")) as file:
                left = [int(line) for line in file if line.strip()]
        for (engine, rows), left in zip(sorted(engines.items()), left):
            write(out, f"{part}-{engine:03}", header,
                  (row + [int(len(rows) - 1 - i + left < last)] for i, row in enumerate(rows)))
    return convert


def electricity(data, out):
    rows = table(os.path.join(data, "electricity.csv"))
    channels = [name for name in rows[0] if name not in ("period", "class")]
    first = datetime(1996, 5, 7)
    write(out, "electricity", ["time"] + channels,
          ([first + timedelta(minutes=30 * i)] + [row[channel] for channel in channels] + [0] for i, row in enumerate(rows)))


def ett(data, out):
    for name in ("ETTh1", "ETTh2"):
        rows = table(os.path.join(data, name + ".csv"))
        channels = [channel for channel in rows[0] if channel != "date"]
        write(out, name, ["time"] + channels,
              ([row["date"]] + [row[channel] for channel in channels] + [0] for row in rows))


def made_up(_, out):
    for name, channels, rows in plants.recordings("judge", seed=1, files=4):
        write(out, name, ["time"] + channels, rows)


# Name, folder below DATA, title, how it is made, what it is, and the longest buffer around its labels in rows: about as
# long as they are. Sets without a buffer carry no labels of faults.
SETS = [
    ("plants", "", "Made-up plants", made_up,
     "machines, tanks, servers with faults, 5 to 64 channels, of `tests/detection/plants.py`: six families that were "
     "judged a dozen times while the detector was made; the label is the fault", 100),
    ("occupancy", "occupancy", "Occupancy", occupancy,
     "an office by the minute; the label says that somebody is there, **which is no fault**, and is so for a fifth to a third of the time", 100),
    ("ai4i2020", "ai4i2020", "AI4I 2020", ai4i2020,
     "made-up milling machine, a row a product and no time stream; the label is machine failure, 339 rows, most of them alone", 0),
    ("cmapss_FD001", "cmapss", "C-MAPSS FD001", cmapss("train_FD001", 30),
     "turbofans from new to failure, one operating mode, a recording an engine; the label is the last 30 cycles", 30),
    ("cmapss_FD003", "cmapss", "C-MAPSS FD003", cmapss("test_FD003", 30),
     "the same with two kinds of faults, cut off before the failure; the label is what lies in the last 30 cycles before it", 30),
    ("elec2", "electricity_elec2", "Elec2", electricity, "prices and demand of electricity by the half-hour", None),
    ("ett", "ett", "ETT", ett, "oil temperature and loads of two transformers by the hour", None),
]


def main():
    data, out = sys.argv[1:3]
    made = []
    for name, folder, title, convert, about, buffer in SETS:
        shutil.rmtree(os.path.join(out, name), ignore_errors=True)
        try:
            convert(os.path.join(data, folder), os.path.join(out, name))
            files = sorted(os.path.join(out, name, file) for file in os.listdir(os.path.join(out, name)))
            missing = None
        except FileNotFoundError as error:
            files, missing = [], f"{folder}/{os.path.basename(error.filename)}"
        made.append({"name": name, "title": title, "about": about, "files": files, "missing": missing,
                     "buffer": buffer})
    print(json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
