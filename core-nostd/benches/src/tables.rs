//! Makes the tables of README.md here and of LEARNERS.md from the registries and from what was measured
//! (`measured/*.csv`): `cargo run --release --bin tables`. `tables --stream ROWS` prints the stream of all benches.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use brooklet_benches::every::{Family, Stream, Visitor, each};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Lines of `measured/FILE`, split at commas; nothing if it was never measured.
fn measured(file: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(Path::new(HERE).join("measured").join(file)).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// The last column by the first ones, joined by a slash.
fn by_name(file: &str) -> HashMap<String, f64> {
    let lines = measured(file).into_iter();
    let pairs = lines.filter_map(|mut line| {
        let figure = line.pop()?.parse().ok()?;
        Some((line.join("/"), figure))
    });
    pairs.collect()
}

/// What the first line of a measured file says about where it comes from.
fn heading(file: &str) -> String {
    let text = fs::read_to_string(Path::new(HERE).join("measured").join(file)).unwrap_or_default();
    text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or("not measured yet").to_owned()
}

fn figure(value: f64) -> String {
    let text =
        if value < 10.0 && value.fract() != 0.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    // Groups of three.
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if rest.is_empty() { grouped } else { format!("{grouped}.{rest}") }
}

fn cell(value: Option<&f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| figure(*v))
}

struct Learners {
    ns: HashMap<String, f64>,
    instructions: HashMap<String, f64>,
    cortex: HashMap<String, f64>,
    river: HashMap<String, f64>,
    text: String,
    against_river: String,
    missed: Vec<String>,
    count: usize,
}

impl Visitor for Learners {
    fn family<F: Family>(&mut self) {
        let _ = writeln!(self.text, "\n## {} ({})\n", F::NAME, F::ROLE);
        self.text.push_str("| name | learner | RAM, bytes | ns | instructions |");
        self.text.push_str(if self.cortex.is_empty() {
            "\n|---|---|---:|---:|---:|\n"
        } else {
            " on Cortex-M4F |\n|---|---|---:|---:|---:|---:|\n"
        });
        for row in F::ROWS {
            let key = format!("{}/{}", F::NAME, row.name);
            let _ = writeln!(
                self.text,
                "| `{}` | {} | {} | {} | {} |{}",
                row.name,
                row.about,
                figure(row.bytes as f64),
                cell(self.ns.get(&key)),
                cell(self.instructions.get(&key)),
                if self.cortex.is_empty() {
                    String::new()
                } else {
                    format!(" {} |", cell(self.cortex.get(&key)))
                },
            );
            self.count += 1;
            if let (Some(ns), Some(river)) = (self.ns.get(&key), self.river.get(&key)) {
                let times = river / ns;
                let met = if times >= 100.0 { "yes" } else { "**no**" };
                let _ = writeln!(
                    self.against_river,
                    "| {} | `{}` | {} | {} | {} | {met} |",
                    F::NAME,
                    row.name,
                    figure(*ns),
                    figure(*river),
                    figure(times)
                );
                if times < 100.0 {
                    self.missed.push(format!("{key}: {times:.0} times River, not 100"));
                }
            }
        }
    }
}

/// One row of `measured/peers.csv`: race, contender, ours or peer, target, rows, ns.
fn races(river: &HashMap<String, f64>, missed: &mut Vec<String>) -> String {
    let mut order: Vec<String> = Vec::new();
    let mut races: HashMap<String, Vec<Vec<String>>> = HashMap::new();
    for line in measured("peers.csv") {
        let Some(name) = line.first().cloned() else { continue };
        if !order.contains(&name) {
            order.push(name.clone());
        }
        races.entry(name).or_default().push(line);
    }
    let mut text = String::from(
        "| learner | Brooklet, ns | fastest peer, ns | times faster | target | met | River, ns | times faster | met |\n\
         |---|---:|---|---:|---:|---|---:|---:|---|\n",
    );
    for name in order {
        let number = |line: &[String], at: usize| line.get(at).and_then(|v| v.parse::<f64>().ok());
        let lines = &races[&name];
        let ours =
            lines.iter().find(|l| l.get(2).is_some_and(|who| who == "ours")).and_then(|l| number(l, 5));
        let peers = lines.iter().filter(|l| l.get(2).is_some_and(|who| who == "peer"));
        let peers: Vec<(&str, f64)> =
            peers.filter_map(|l| Some((l.get(1)?.as_str(), number(l, 5)?))).collect();
        let fastest = peers.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
        let target = lines.first().and_then(|l| number(l, 3)).unwrap_or(1.0);
        let river = river.get(&name).copied();
        let mut verdict = |times: Option<f64>, target: f64, whom: &str| match times {
            Some(times) if times >= target => "yes",
            Some(times) => {
                missed.push(format!("{name}: {times:.2} times {whom}, not {target}"));
                "**no**"
            }
            None => "–",
        };
        let against_peer = ours.zip(fastest).map(|(ns, (_, peer))| peer / ns);
        let against_river = ours.zip(river).map(|(ns, river)| river / ns);
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {target} | {} | {} | {} | {} |",
            cell(ours.as_ref()),
            fastest.map_or_else(|| "–".to_owned(), |(who, ns)| format!("{} ({who})", figure(ns))),
            against_peer.map_or_else(|| "–".to_owned(), |v| format!("{v:.2}")),
            verdict(against_peer, target, "the fastest peer"),
            cell(river.as_ref()),
            cell(against_river.as_ref()),
            verdict(against_river, 100.0, "River"),
        );
    }
    text
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("--stream") {
        let rows = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(10_000);
        for row in Stream::new(1).take(rows) {
            let features: Vec<String> = row.features.iter().map(f32::to_string).collect();
            println!("{},{},{}", features.join(","), row.label, row.target);
        }
        return;
    }
    let mut learners = Learners {
        ns: by_name("learners.csv"),
        instructions: by_name("instructions.csv"),
        cortex: by_name("cortex-m4f.csv"),
        river: by_name("river.csv"),
        text: String::new(),
        against_river: String::new(),
        missed: Vec::new(),
        count: 0,
    };
    each(&mut learners);
    let mut missed = Vec::new();
    let races = races(&learners.river, &mut missed);
    missed.append(&mut learners.missed);

    let count = learners.count;
    let listed = format!(
        "<!-- Generated by core-nostd/benches/run; do not edit. -->\n\
         All {count} registered learners, a table a family. RAM is the state of one learner with the sizes of its row. Time is \
         CPU time of one answer (score, predict, transform, forecast) and one learning, with 8 features and 2 classes where \
         there are features and classes, after 20,000 rows; instructions are counted, for the same step, and the same on \
         every x86_64.\n\n\
         Measured: {}. Counted: {}.\n{}",
        heading("learners.csv"),
        heading("instructions.csv"),
        learners.text
    );
    write("../LEARNERS.md", &listed);

    let missed = if missed.is_empty() {
        "All targets are met.".to_owned()
    } else {
        format!("Not met:\n- {}", missed.join("\n- "))
    };
    let readme = format!(
        include_str!("README.template.md"),
        peers = heading("peers.csv"),
        river = heading("river.csv"),
        races = races,
        missed = missed,
        against_river = learners.against_river,
    );
    write("README.md", &readme);
    println!("{count} learners; {missed}");
}

fn write(file: &str, text: &str) {
    let path = Path::new(HERE).join(file);
    fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
