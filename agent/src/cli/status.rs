//! `brooklet status`: how is the agent?
#![allow(clippy::print_stdout, reason = "the answer of a command is data")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use super::{exit, grouped};
use crate::check::{self, Problems};
use crate::health::Report;
use crate::status::ask;

/// Columns of a terminal.
const WIDTH: usize = 80;
/// Where the state of a service is.
const SERVICE: &str = "/var/lib/brooklet";

/// Ask a running agent how it is.
///
/// Works without the broker: the agent answers on a socket in its state folder, to its own user and root. Exit code 0 if all
/// is well, 1 if the agent tells of a problem, 75 if none answers, 78 if the configuration is wrong.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// The configuration that the agent runs by.
    #[arg(long, value_name = "FILE", conflicts_with = "state_dir")]
    config: Option<PathBuf>,
    /// Where it keeps its models.
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
    /// JSON, as on the status topic.
    #[arg(long)]
    json: bool,
}

impl StatusArgs {
    /// Where an agent may be, likeliest first.
    fn folders(&self) -> Result<Vec<PathBuf>, Problems> {
        if let Some(folder) = &self.state_dir {
            return Ok(vec![folder.clone()]);
        }
        let usual = check::zero_config(None, &[])?.gateway.state_dir;
        let folder = match &self.config {
            Some(config) => check::load(config)?.gateway.state_dir,
            None => usual.clone(),
        };
        // Where no folder is set, a service has another one than the person who asks.
        let service = (folder == usual).then(|| SERVICE.into());
        Ok([folder].into_iter().chain(service).collect())
    }
}

/// Asks, and prints the answer.
#[must_use]
pub fn run(args: &StatusArgs) -> ExitCode {
    let folders = match args.folders() {
        Ok(folders) => folders,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(exit::CONFIG);
        }
    };
    let mut complaints = Vec::new();
    for folder in &folders {
        match ask(folder) {
            Ok(report) => return tell(args, &report),
            Err(error) => complaints.push(complaint(folder, &error)),
        }
    }
    complaints.dedup();
    eprintln!("{}", complaints.join("\n"));
    ExitCode::from(exit::TEMPORARY)
}

fn tell(args: &StatusArgs, report: &Report) -> ExitCode {
    if args.json {
        println!("{}", serde_json::to_string_pretty(report).unwrap_or_default());
    } else {
        print!("{}", table(report));
    }
    ExitCode::from(if report.problems.is_empty() { 0 } else { exit::FAILED })
}

fn complaint(folder: &Path, error: &std::io::Error) -> String {
    use std::io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied};
    let folder = folder.display();
    match error.kind() {
        NotFound | ConnectionRefused => {
            format!("no agent runs with the state folder {folder}; name another with --state-dir or --config")
        }
        PermissionDenied => {
            format!("the state folder {folder} belongs to another user: ask as that user, or with sudo")
        }
        _ => format!("the agent with the state folder {folder} does not answer: {error}"),
    }
}

/// For people: at most [`WIDTH`] columns.
fn table(report: &Report) -> String {
    let mut lines = Vec::new();
    let up = duration(report.uptime_seconds);
    lines.push(format!("brooklet {} on {}, running for {up}", report.version, report.gateway));
    lines.push(String::new());
    let yes = |up: bool| if up { "yes" } else { "NO" };
    let links = report.broker;
    lines.push(row(
        "broker",
        &format!("receiving {}, publishing {}", yes(links.receiving), yes(links.publishing)),
    ));
    let (channels, groups) = (report.counts.get("channels"), report.counts.get("joint_models"));
    let together = match groups {
        0 => String::new(),
        1 => ", 1 group of them judged together too".to_owned(),
        _ => format!(", {} groups of them judged together too", grouped(groups)),
    };
    lines.push(row("channels", &(grouped(channels) + &together)));
    for (what, missing) in [("messages", report.under_way.messages), ("readings", report.under_way.readings)]
    {
        let all = grouped(report.counts.get(what));
        let rest = match missing {
            0 => "every one is accounted for".to_owned(),
            1.. => format!("{} under way", grouped(missing.unsigned_abs())),
            _ => format!("{} TOO MANY are accounted for", grouped(missing.unsigned_abs())),
        };
        lines.push(row(what, &format!("{all}; {rest}")));
        for (fate, n) in report.counts.fates(what).filter(|(_, n)| *n > 0) {
            lines.push(format!("  {:<20} {:>15}", plain(fate), grouped(n)));
        }
    }
    for (name, section) in &report.sections {
        match shown(name, section) {
            Some(text) => lines.push(row(name, &text)),
            None => lines.push(plain(name)),
        }
        for (key, value) in section.as_object().into_iter().flatten() {
            if let Some(text) = shown(key, value) {
                lines.push(format!("  {:<20} {text:>15}", plain(unit(key).0)));
            }
            let shares = value.as_object().filter(|_| key == "most_used");
            for (channel, share) in shares.into_iter().flatten() {
                lines.push(format!("  {:>5.0} %  {channel}", 100.0 * share.as_f64().unwrap_or(0.0)));
            }
        }
    }
    if !report.refused_samples.is_empty() {
        lines.push("refused, for example".to_owned());
    }
    for (reason, sample) in &report.refused_samples {
        let times = report.counts.refused.get(reason.as_str()).copied().unwrap_or(0);
        lines.push(format!("  {} ({}): {}", plain(reason), grouped(times), sample.why));
        lines.push(format!("    {}: {}", sample.source, sample.payload));
    }
    lines.push(String::new());
    if report.problems.is_empty() {
        lines.push("all is well".to_owned());
    }
    lines.extend(report.problems.iter().map(|problem| format!("PROBLEM {problem}")));
    lines.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{}", clipped(line));
        text
    })
}

fn row(name: &str, text: &str) -> String {
    format!("{name:<10} {text}")
}

fn plain(name: &str) -> String {
    name.replace('_', " ")
}

/// A name without its unit, and the unit.
fn unit(key: &str) -> (&str, Option<&str>) {
    for unit in ["seconds", "bytes"] {
        if let Some(name) = key.strip_suffix(unit).and_then(|name| name.strip_suffix('_')) {
            return (name, Some(unit));
        }
    }
    (key, None)
}

/// A section's number or text; objects and what is not known are left out.
fn shown(key: &str, value: &Value) -> Option<String> {
    match (value, value.as_u64()) {
        (_, Some(n)) => Some(match unit(key).1 {
            Some("seconds") => duration(n),
            Some(unit) => format!("{} {unit}", grouped(n)),
            None => grouped(n),
        }),
        (Value::Number(number), None) => Some(number.to_string()),
        (Value::String(text), None) => Some(text.clone()),
        (Value::Bool(yes), None) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        _ => None,
    }
}

/// The two largest units of a duration.
fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

fn clipped(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    line.chars().take(WIDTH - 1).chain(['…']).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where it fails")]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::decode::Refusal;
    use crate::health::Health;
    use crate::ledger::{Count, Gauge, Ledger};

    #[test]
    fn the_table_tells_each_fate_the_sum_and_what_is_wrong() {
        let ledger = Arc::new(Ledger::default());
        ledger.add(Count::Messages, 1_234_567);
        ledger.add(Count::Decoded, 1_234_566);
        ledger.add(Count::Readings, 10);
        ledger.add(Count::Used, 8);
        ledger.refuse_message(&"topic/".repeat(50), b"21,5", &Refusal::NotANumber);
        ledger.set(Gauge::Publishing, 1);
        let state = || json!({ "checkpoint_age_seconds": 7320, "written_bytes": 4096, "card_life_years": 12.5, "x": null });
        let budget = || json!({ "used_up": 1, "most_used": { "pump-1/t": 1.42 } });
        let health = Health::new("cellar", ledger).with("state", state).with("alert_budget", budget);
        let table = table(&health.report());
        for part in [
            "on cellar, running for 0 s\n",
            "receiving NO, publishing yes\n",
            "messages   1,234,567; every one is accounted for\n",
            "readings   10; 2 under way\n",
            "  used                               8\n",
            "  checkpoint age             2 h 2 min\n",
            "  written                  4,096 bytes\n",
            "  card life years                 12.5\n",
            "  not a number (1): the text is",
            "  used up                            1\n",
            "    142 %  pump-1/t\n",
            "PROBLEM no readings can come in",
        ] {
            assert!(table.contains(part), "{part:?} is not in\n{table}");
        }
        assert!(table.lines().all(|line| line.chars().count() <= WIDTH), "{table}");
    }

    #[test]
    fn a_service_is_found_by_a_configuration_that_sets_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let folders = |gateway: &str| {
            let config = folder.path().join("brooklet.toml");
            let text =
                format!("{gateway}[mqtt]\nurl = 'mqtt://localhost'\n[[stream]]\nname = 'a'\ntopic = 'a/#'\n");
            std::fs::write(&config, text).unwrap();
            StatusArgs { config: Some(config), state_dir: None, json: false }.folders().unwrap()
        };
        assert_eq!(folders("").last().unwrap(), Path::new(SERVICE));
        assert_eq!(folders("[gateway]\nstate_dir = '/x'\n"), [Path::new("/x")]);
    }

    #[test]
    fn numbers_and_durations_are_readable() {
        assert_eq!([0, 999, 1000, 1_000_000].map(grouped), ["0", "999", "1,000", "1,000,000"]);
        assert_eq!([5, 125, 7_325, 200_000].map(duration), ["5 s", "2 min 5 s", "2 h 2 min", "2 d 7 h"]);
    }
}
