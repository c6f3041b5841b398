//! What was found: a table for people, JSON for programs, a page of the documentation.

use std::fmt::Write as _;

pub(crate) use brooklet::cli::grouped;
use serde_json::{Value, json};

/// One figure, and what was promised of it.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    what: String,
    measured: String,
    promised: String,
    kept: bool,
}

/// A picture for the page.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    pub(crate) file: &'static str,
    pub(crate) title: String,
    pub(crate) svg: String,
}

/// What one scenario found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) facts: Vec<Fact>,
    pub(crate) charts: Vec<Chart>,
}

impl Report {
    /// A figure that must be as promised.
    pub(crate) fn promise(&mut self, what: &str, measured: impl ToString, promised: &str, kept: bool) {
        self.push(what, measured.to_string(), promised.to_owned(), kept);
    }

    /// A count that must be 0.
    pub(crate) fn none(&mut self, what: &str, count: u64) {
        self.push(what, grouped(count), "0".to_owned(), count == 0);
    }

    /// A figure of which nothing was promised.
    pub(crate) fn figure(&mut self, what: &str, measured: impl ToString) {
        self.push(what, measured.to_string(), String::new(), true);
    }

    fn push(&mut self, what: &str, measured: String, promised: String, kept: bool) {
        self.facts.push(Fact { what: what.to_owned(), measured, promised, kept });
    }

    /// A scenario that did not come to its end.
    pub(crate) fn broken(why: &str) -> Self {
        let mut report = Self::default();
        report.promise("came to its end", format!("no: {}", why.lines().next().unwrap_or("")), "yes", false);
        report
    }

    pub(crate) fn kept(&self) -> bool {
        self.facts.iter().all(|fact| fact.kept)
    }
}

/// Everything found in one go.
pub(crate) struct Findings {
    /// Command, date and machine.
    pub(crate) about: Vec<(&'static str, String)>,
    /// Of each scenario: its name, what it does, what it found.
    pub(crate) scenarios: Vec<(&'static str, String, Report)>,
}

impl Findings {
    pub(crate) fn kept(&self) -> bool {
        self.scenarios.iter().all(|(_, _, report)| report.kept())
    }

    pub(crate) fn json(&self) -> Value {
        let facts = |report: &Report| {
            let fact = |fact: &Fact| json!({ "what": fact.what, "measured": fact.measured, "promised": fact.promised, "kept": fact.kept });
            report.facts.iter().map(fact).collect::<Value>()
        };
        let scenario = |(name, does, report): &(&str, String, Report)| json!({ "scenario": name, "does": does, "kept": report.kept(), "facts": facts(report) });
        json!({
            "about": self.about.iter().map(|(what, is)| ((*what).to_owned(), json!(is))).collect::<serde_json::Map<_, _>>(),
            "kept": self.kept(),
            "scenarios": self.scenarios.iter().map(scenario).collect::<Value>(),
        })
    }

    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        for (name, does, report) in &self.scenarios {
            let _ = writeln!(text, "\n{name}: {does}");
            for Fact { what, measured, promised, kept } in &report.facts {
                let mark = if !kept {
                    "BROKEN"
                } else if promised.is_empty() {
                    ""
                } else {
                    "kept"
                };
                let _ = writeln!(text, "  {what:<46} {measured:>18}  {promised:<14} {mark}");
            }
        }
        text
    }

    /// The page; `pictures` is where they lie, seen from it.
    pub(crate) fn page(&self, pictures: &str) -> String {
        let mut text = String::from(
            "# What is promised, and what was measured\n\nWritten by `./tests/prove --write` (`--long` beside it for the counts of the promises): the release build of \
             the agent, a real mosquitto on this machine's loopback with the settings of \
             [deploy-raspberry-pi.md](deploy-raspberry-pi.md) (but open to everyone on the machine), real kills. It \
             fails where a promise does not hold; without the measures of speed it is a part of `./tests/run`.\n\n",
        );
        for (what, is) in &self.about {
            let _ = writeln!(text, "- {what}: {is}");
        }
        for (name, does, report) in &self.scenarios {
            let _ = write!(text, "\n## {name}\n\n{does}\n\n| | measured | promised | |\n|---|---|---|---|\n");
            for Fact { what, measured, promised, kept } in &report.facts {
                let mark = if *kept { "" } else { "**broken**" };
                let _ = writeln!(text, "| {what} | {measured} | {promised} | {mark} |");
            }
            for chart in &report.charts {
                let _ = writeln!(text, "\n![{}]({pictures}/{})", chart.title, chart.file);
            }
        }
        text
    }
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 240.0;
/// Room for what is written around a picture.
const EDGE: f64 = 52.0;

/// A frame, its lower right and upper left corner labelled, around `inside`.
fn picture(title: &str, across: &str, top: &str, inside: &str) -> String {
    let (right, bottom) = (WIDTH - 12.0, HEIGHT - EDGE / 1.5);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{EDGE}\" y=\"16\" font-weight=\"bold\">{title}</text>\n\
         <path d=\"M{EDGE} 26V{bottom}H{right}\" fill=\"none\" stroke=\"#888\"/>\n\
         <text x=\"{}\" y=\"34\" text-anchor=\"end\">{top}</text>\n\
         <text x=\"{}\" y=\"{bottom}\" text-anchor=\"end\">0</text>\n\
         <text x=\"{right}\" y=\"{}\" text-anchor=\"end\">{across}</text>\n{inside}</svg>\n",
        EDGE - 6.0,
        EDGE - 6.0,
        HEIGHT - 14.0,
    )
}

fn place(x: f64, y: f64) -> (f64, f64) {
    let (right, bottom) = (WIDTH - 12.0, HEIGHT - EDGE / 1.5);
    (EDGE + x * (right - EDGE), bottom - y * (bottom - 30.0))
}

/// A line through points.
pub(crate) fn line(title: &str, points: &[(f64, f64)], across: &str, unit: &str) -> String {
    let most = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).fold(f64::MIN_POSITIVE, f64::max);
    let (last, top) = (most(|point| point.0), most(|point| point.1) * 1.1);
    let mut path = String::new();
    for (i, (x, y)) in points.iter().enumerate() {
        let (x, y) = place(x / last, y / top);
        let _ = write!(path, "{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" });
    }
    let inside = format!("<path d=\"{path}\" fill=\"none\" stroke=\"#06c\" stroke-width=\"1.5\"/>\n");
    picture(title, across, &format!("{top:.0} {unit}"), &inside)
}

/// How often what was measured: bars over powers of two.
pub(crate) fn histogram(title: &str, milliseconds: &[f64]) -> String {
    let bin = |ms: f64| ((ms.max(0.0625).log2() + 4.0) * 2.0).floor().clamp(0.0, 31.0);
    let mut bins = [0.0_f64; 32];
    for ms in milliseconds {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 31")]
        if let Some(count) = bins.get_mut(bin(*ms) as usize) {
            *count += 1.0;
        }
    }
    let most = bins.iter().copied().fold(1.0, f64::max);
    let mut inside = String::new();
    for (i, count) in bins.iter().enumerate() {
        let i = u32::try_from(i).unwrap_or(0);
        let (x, y) = place(f64::from(i) / 32.0, count / most);
        let (next, bottom) = place(f64::from(i + 1) / 32.0, 0.0);
        if *count > 0.0 {
            let _ = writeln!(
                inside,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"#06c\"/>",
                next - x - 1.0,
                bottom - y
            );
        }
        if i.is_multiple_of(4) {
            let ms = 2_f64.powf(f64::from(i) / 2.0 - 4.0);
            let _ = writeln!(inside, "<text x=\"{x:.1}\" y=\"{:.1}\">{ms}</text>", bottom + 14.0);
        }
    }
    picture(title, "ms", &format!("{most:.0}"), &inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_promise_broken_is_all_broken() {
        let mut report = Report::default();
        report.none("lost", 0);
        report.figure("repeats", 5);
        assert!(report.kept());
        report.none("lost later", 1);
        let findings = Findings { about: Vec::new(), scenarios: vec![("kills", "kills".to_owned(), report)] };
        assert!(!findings.kept() && findings.table().contains("BROKEN"));
        assert_eq!(findings.json()["scenarios"][0]["facts"][2]["kept"], false);
        assert_eq!((grouped(1_234_567), grouped(12)), ("1,234,567".to_owned(), "12".to_owned()));
    }
}
