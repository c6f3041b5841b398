"""Writes docs/detection.md and docs/detection.svg.

page.py WORK NAB BROOKLET WHERE >docs/detection.md

WORK has what `run` made: sets.json, costs.json, the recordings in data, the peers' scores in nab and scores. All figures are
those of BROOKLET's own commands, made here and named on the page."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from textwrap import wrap

PEERS = {
    "river_hst": "River half-space trees",
    "river_hst_50": ".. with windows of 50",
    "river_hst_shingle": ".. over a shingle of 8",
    "river_svm": "River one-class SVM",
    "river_gaussian": "River GaussianScorer",
    "aws_rcf": "AWS random cut forest",
    "aws_rcf_shingle": ".. over a shingle of 8",
}
PUBLISHED = [
    ("ARTime (unbounded memory, knows each file's range)", "74.9 / 65.2 / 80.4"),
    ("Numenta HTM", "70.1 / 63.1 / 74.3"),
    ("CAD OSE", "69.9 / 67.0 / 73.2"),
    ("KNN-CAD", "58.0"),
    ("random cut forest, with a rule for alarms", "51.7"),
    ("windowed Gaussian", "39.6"),
]
PROFILES = ("standard", "low_fp", "low_fn")


class Brooklet:
    """The command, and what it says."""

    def __init__(self, work, nab, command):
        self.work, self.checkout, self.command = work, nab, command

    def ask(self, what, *args):
        print(f"page: {what}", file=sys.stderr)
        done = subprocess.run([self.command, "eval", *args, "--json", "--quiet"], stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    def nab(self, *args):
        return self.ask(f"nab {' '.join(args)}", "nab", self.checkout, *args)

    def judge(self, which, *args):
        buffer = [] if which["buffer"] is None else ["--buffer", str(which["buffer"])]
        return self.ask(f"{which['name']} {' '.join(args)}", *which["files"], "--label-column", "label", *buffer, *args)


def three(score):
    return " / ".join(f"{score[profile]:.1f}" for profile in PROFILES)


def figure(value, decimals=2):
    return "-" if value is None else f"{value:.{decimals}f}"


def table(header, rows):
    """Lines of a table; the first column is text, the others are numbers."""
    yield "| " + " | ".join(header) + " |"
    yield "|---|" + "---:|" * (len(header) - 1)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def nab_section(brooklet):
    report = brooklet.nab("--results", os.path.join(brooklet.work, "nab"))
    detectors = {row["name"]: row for row in report["detectors"]}
    yield "## Numenta Anomaly Benchmark"
    yield ""
    yield "58 recordings of one channel, 365,558 rows, 116 labelled windows: standard / low false positives / low false negatives, each"
    yield "at the one threshold that is best for all files. `brooklet eval nab NAB --results target/detection/nab`"
    yield ""
    rows = [["**Brooklet**", f"**{three(report['nab'])}**", "", ""]]
    rows += [[title, three(detectors[name]["score"]), three(detectors[name]["ranked"]), three(detectors[name]["rung"])]
             for name, title in PEERS.items()]
    yield from table(["detector", "as it is", "ranked", "ranked, with Brooklet's alarm"], rows)
    yield f"At Brooklet's own fixed threshold, as users get it: {three(report['fixed'])}."
    yield ""
    rows = []
    for part in report["folders"] + report["halves"] + [report["all"]]:
        fixed = figure(part["fixed"] and part["fixed"]["standard"], 1)
        counts = (part["windows"], part["hits"], part["misses"], part["false_rows"])
        rows.append([f"{part['name']} ({part['files']})", *map(str, counts), fixed])
    yield from table(["files", "windows", "found", "missed", "false rows", "standard"], rows)
    yield "Published by others, for the same benchmark:"
    yield ""
    yield from table(["detector", "standard / low FP / low FN"], map(list, PUBLISHED))


def sets_section(brooklet, sets, bars):
    yield "## Recordings with labels"
    yield ""
    yield "Areas of the scores as they are / of their ranks. *Found*: events with an alert; *right*: share of the alerts that are about an"
    yield "event; alerts are those of Brooklet's alarm, for the peers at their ranks. Intervals: 95 %, by bootstrap over the recordings."
    yield ""
    for which in sets:
        if which["buffer"] is None:
            continue
        yield f"### {which['title']}"
        yield ""
        if which["missing"]:
            yield f"Not there when this page was made: `{which['missing']}`."
            yield ""
            continue
        report = brooklet.judge(which, "--results", os.path.join(brooklet.work, "scores", which["name"]))
        total, rows = report["total"], sum(file["readings"]["rows"] for file in report["files"])
        timed = total["days"] is not None
        about = which["about"]
        yield from wrap(f"{about[0].upper()}{about[1:]}.", 128)
        many = "a recording" if len(which["files"]) == 1 else f"{len(which['files'])} recordings"
        days = f", {total['days']:.1f} days" if timed else ""
        yield f"{many[0].upper()}{many[1:]}, {rows:,} rows{days}, {total['events']} events."
        yield f"`brooklet eval target/detection/data/{which['name']}/*.csv --label-column label --buffer {which['buffer']}"
        yield f"--results target/detection/scores/{which['name']}`"
        yield ""

        def both(scores, ranks, name):
            return figure(scores[name]) if ranks is None else f"{figure(scores[name])} / {figure(ranks[name])}"

        def row(title, scores, ranks):
            told = ranks or scores
            false = told["false_alerts_a_day"] if timed else 1000 * told["false_alerts"] / rows
            return [title, *(both(scores, ranks, name) for name in ("auc_pr", "vus_pr", "vus_roc")),
                    str(told["found"]), str(told["alerts"]), figure(told["event_precision"]), figure(false)]

        lines = [row("**Brooklet**", total, None)]
        bars.append((which["title"], [("Brooklet", total["vus_pr"] or 0)]))
        for other in report["others"]:
            # The better of both, so that it is not our ranks that make a peer look small.
            best = max(other["scores"]["vus_pr"] or 0, other["ranks"]["vus_pr"] or 0)
            bars[-1][1].append((other["name"], best))
        others = {other["name"]: other for other in report["others"]}
        lines += [row(title, others[name]["scores"], others[name]["ranks"]) for name, title in PEERS.items()]
        yield from table(["detector", "AUC-PR", "VUS-PR", "VUS-ROC", "found", "alerts", "right",
                          "false a day" if timed else "false in 1,000 rows"], lines)
        spans = [(name, report["intervals"].get(key)) for name, key in (("AUC-PR", "auc_pr"), ("VUS-PR", "vus_pr"))]
        spans = [f"{name} {low:.2f} to {high:.2f}" for name, (low, high) in ((n, s) for n, s in spans if s)]
        if spans:
            yield f"Brooklet's {', '.join(spans)}."
        best = dict(bars[-1][1])
        better = [f"{title} ({best[name]:.2f})" for name, title in whole_names().items() if best[name] > best["Brooklet"]]
        yield from wrap(f"Better than Brooklet here, by VUS-PR: {', '.join(better) or 'none'}.", 128)
        yield ""


def unlabelled_section(brooklet, sets):
    yield "## Recordings without labels"
    yield ""
    yield "Nobody knows what was wrong in them, so this is only how often the phone would have rung: alerts of a device in 30 days."
    yield "Ten a channel is what the default budget allows, about."
    yield ""
    rows = []
    for which in sets:
        if which["buffer"] is not None:
            continue
        if which["missing"]:
            rows.append([f"{which['title']}: `{which['missing']}` was not there", "-", "-"])
            continue
        report = brooklet.judge(which, "--results", os.path.join(brooklet.work, "scores", which["name"]))
        month = lambda figures: figure(30 * figures["false_alerts_a_day"], 1)
        others = {other["name"]: month(other["ranks"]) for other in report["others"]}
        rows.append([f"{which['title']}, {which['about']}", month(report["total"]), *(others[name] for name in PEERS)])
    header = ["recordings", "Brooklet", "trees", "50", "shingle", "SVM", "Gauss", "RCF", "shingle"]
    yield from table(header, [row + ["-"] * (len(header) - len(row)) for row in rows])


def ablation_section(brooklet, sets, ours):
    names = {of: [line["name"] for line in ours if line["kind"] == f"{of} expert"] for of in ("channel", "joint")}
    yield "## What each expert is worth"
    yield ""
    yield "The benchmark without one expert of a channel, `brooklet eval nab NAB --without EXPERT`:"
    yield ""
    without = lambda name: ["--without", name] if name else []
    titled = lambda name: f"without {name}" if name else "all"
    rows = []
    for name in [None, *names["channel"]]:
        report = brooklet.nab(*without(name))
        rows.append([titled(name), three(report["nab"]), three(report["fixed"])])
    yield from table(["", "best threshold", "own threshold"], rows)
    yield "VUS-PR on devices without an expert of the joint detector, without the joint detector, without what the channels say each by"
    yield "itself, and without an expert of the channels, `brooklet eval FILES .. --without EXPERT`. *Found* and *false a day* are of the"
    yield "made-up plants:"
    yield ""
    there = [which for which in sets if which["buffer"] is not None and not which["missing"]]
    rows = []
    for name in [None, *names["joint"], "joint", "channels", *names["channel"]]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            totals = [report["total"] for report in pool.map(lambda which: brooklet.judge(which, *without(name)), there)]
        rows.append([titled(name), *(figure(total["vus_pr"], 3) for total in totals),
                     str(totals[0]["found"]), figure(totals[0]["false_alerts_a_day"], 1)])
    yield from table(["", *(which["title"].replace("Made-up p", "P") for which in there), "found", "false a day"], rows)


def choice_section(brooklet, sets):
    yield "## What the joint detector was chosen over"
    yield ""
    yield "VUS-PR of the core's other learners of several channels on the same recordings, `cargo run --release -p brooklet-core"
    yield "--example joint_others`: each as it is / held to learn little of what it finds strange and averaged over ten rows, as the"
    yield "joint detector does. That one alone, without what the channels say, is `brooklet eval FILES .. --without channels`."
    yield ""
    there = [which for which in sets if which["buffer"] is not None and not which["missing"]]
    columns = []
    for which in there:
        folder = os.path.join(brooklet.work, "others", which["name"])
        report = brooklet.judge(which, "--without", "channels", "--results", folder)
        columns.append((report["total"]["vus_pr"], {other["name"]: other["scores"]["vus_pr"] for other in report["others"]}))
    rows = [["**joint**", *(figure(joint) for joint, _ in columns)]]
    plain = sorted(name for name in columns[0][1] if not name.endswith(", held")) if columns else []
    rows += [[name, *(f"{figure(of[name])} / {figure(of[name + ', held'])}" for _, of in columns)] for name in plain]
    yield from table(["", *(which["title"].replace("Made-up p", "P") for which in there)], rows)


def costs_section(costs):
    ours, peers = costs["ours"], costs["peers"]
    kind = lambda kind: {line["name"]: line for line in ours if line["kind"] == kind}
    experts, joint, device = kind("expert"), kind("joint"), kind("device")
    yield "## Memory and time"
    yield ""
    yield "Scoring and learning one row; medians of five runs, Brooklet's and the peers' by turns (`peers.py time`). Brooklet's bytes"
    yield "are the state in memory with alarm and sensor faults, `cargo run --release -p brooklet-core --example costs`; the peers' the"
    yield "saved state. The peers' time includes Python's calls, for River it is Python."
    yield ""
    rows = [["**Brooklet**", *(f"{line['microseconds']:.2f} / {line['bytes']:,}" for line in device.values())]]
    for name, title in PEERS.items():
        rows.append([title, *(f"{cost['microseconds']:.0f} / {cost['bytes']:,}" for cost in peers[name].values())])
    yield from table(["us a row / bytes", *(f"{n} channel{'s' * (n != '1')}" for n in device)], rows)
    yield "Each expert by itself with its calibration; the detector as a whole spares itself most of their logarithms. The joint"
    yield "detector's experts share all their sums, so it is shown as a whole, with its alarm:"
    yield ""
    rows = []
    for line in (line for line in ours if line["kind"] == "channel expert"):
        cost = experts.get(line["name"])
        rows.append([line["name"], *(("-", "-") if cost is None else (f"{cost['bytes']:,}", f"{1000 * cost['microseconds']:,.0f}"))])
    rows += [[f"joint, {name} channels", f"{cost['bytes']:,}", f"{1000 * cost['microseconds']:,.0f}"] for name, cost in joint.items()]
    yield from table(["expert", "bytes", "ns a reading"], rows)


def svg(bars):
    """VUS-PR by set and detector as bars; text and lines are grey enough for light and dark pages."""
    names = ["Brooklet", *PEERS]
    colours = ["#d9480f", "#1864ab", "#4dabf7", "#a5d8ff", "#5c940d", "#a9e34b", "#5f3dc4", "#b197fc"]
    height, group = 160, 12 * len(names) + 24
    width = 50 + group * len(bars)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + 115}" font-family="sans-serif" font-size="11" fill="#888">'
    yield "<title>VUS-PR by recordings and detector; of a peer the better of its scores and its ranks</title>"
    for tenth in range(0, 11, 2):
        y = 10 + height * (1 - tenth / 10)
        yield f'<path d="M40 {y:.0f}H{width}" stroke="#888" stroke-opacity=".3"/><text x="34" y="{y + 4:.0f}" text-anchor="end">{tenth / 10}</text>'
    for i, (title, values) in enumerate(bars):
        known, left = dict(values), 50 + i * group
        for j, (name, colour) in enumerate(zip(names, colours)):
            tall = height * known.get(name, 0)
            yield (f'<rect x="{left + 12 * j}" y="{10 + height - tall:.1f}" width="10" height="{tall:.1f}" fill="{colour}">'
                   f"<title>{PEERS.get(name, name)}: {known.get(name, 0):.2f}</title></rect>")
        yield f'<text x="{left + 6 * len(names)}" y="{height + 26}" text-anchor="middle">{title}</text>'
    full = ["Brooklet", *whole_names().values()]
    for j, (title, colour) in enumerate(zip(full, colours)):
        x, y = 50 + (j % 2) * (width - 50) / 2, height + 48 + 18 * (j // 2)
        yield f'<rect x="{x:.0f}" y="{y - 9}" width="10" height="10" fill="{colour}"/><text x="{x + 14:.0f}" y="{y}">{title}</text>'
    yield "</svg>"


def whole_names():
    """The peers' names, each with that of its family."""
    names, family = {}, ""
    for name, title in PEERS.items():
        family = title if not title.startswith("..") else family
        names[name] = title.replace("..", family)
    return names


def main():
    work, nab, command, where = sys.argv[1:]
    brooklet = Brooklet(work, nab, command)
    sets, costs = (json.load(open(os.path.join(work, name))) for name in ("sets.json", "costs.json"))
    bars = []
    lines = [
        *nab_section(brooklet),
        *sets_section(brooklet, sets, bars),
        *unlabelled_section(brooklet, sets),
        *ablation_section(brooklet, sets, costs["ours"]),
        *choice_section(brooklet, sets),
        *costs_section(costs),
    ]
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "words.md")) as file:
        before, after = file.read().split("<!-- figures -->\n")
    print(before.replace("WHERE", where) + "\n".join(lines) + "\n" + after, end="")
    with open(os.path.join(here, "../../docs/detection.svg"), "w") as file:
        file.write("\n".join(svg(bars)) + "\n")


if __name__ == "__main__":
    main()
