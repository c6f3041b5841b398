//! `./tests/prove`: what Brooklet promises about reliability, proved on the release binary and a real mosquitto.
//!
//! ```text
//! losses   agent killed, broker restarted, broker killed     alerts   none is lost
//! memory   millions of messages, a million names             speed    throughput, latency
//! wear     bytes written a day, the unit's exposure
//! gateway  the agent and what it learnt      peers   publisher, witness, and a tap in between
//! wire     MQTT as bytes                     report  table, JSON, page
//! ```
//! Every scenario ends in figures, and in promises that are kept or broken; one that is broken fails the command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a proof may stop where it fails")]
#![allow(clippy::print_stdout, reason = "what was found is data")]
#![allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]

mod alerts;
mod gateway;
mod losses;
mod memory;
mod peers;
mod readings;
mod report;
mod shared;
mod speed;
mod wear;
mod wire;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Instant;

use clap::Parser;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::gateway::Durability;
use crate::losses::Trouble;
use crate::report::{Findings, Report};

/// What Brooklet promises about reliability, proved on the release binary and a real mosquitto on loopback.
#[derive(Debug, Parser)]
#[command(name = "prove")]
struct Arguments {
    /// The counts that the promises are about; takes most of an hour. Without it the same with smaller counts.
    #[arg(long)]
    long: bool,
    /// Write docs/reliability.md and its pictures.
    #[arg(long)]
    write: bool,
    /// Print JSON instead of the table.
    #[arg(long)]
    json: bool,
    /// Only scenarios whose name contains this; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Run what needs the journal in another durability, to see it fail.
    #[arg(long, value_enum, default_value = "journal")]
    durability: Durability,
}

/// Something to prove.
struct Scenario {
    name: &'static str,
    does: String,
    /// Figures of speed and memory are taken while nothing else runs.
    alone: bool,
    run: Box<dyn FnOnce(&ProgressBar) -> Report + Send>,
}

fn scenarios(long: bool, journal: Durability) -> Vec<Scenario> {
    let pick = |short: usize, of_issue: usize| if long { of_issue } else { short };
    let mut all = Vec::new();
    let mut add = |name, alone, does: String, run: Box<dyn FnOnce(&ProgressBar) -> Report + Send>| {
        all.push(Scenario { name, does, alone, run });
    };
    let readings = pick(20_000, 200_000);
    let kills = pick(5, 50);
    add(
        "agent-killed",
        false,
        "the agent is killed again and again while it learns; its models in the end are held against those of an \
         undisturbed run"
            .to_owned(),
        Box::new(move |bar| losses::nothing_lost(Trouble::AgentKilled, kills, readings, journal, bar)),
    );
    let restarts = pick(4, 20);
    add(
        "broker-restarted",
        false,
        "the same while the broker is stopped and started".to_owned(),
        Box::new(move |bar| losses::nothing_lost(Trouble::BrokerRestarted, restarts, readings, journal, bar)),
    );
    let (kills, readings) = (pick(4, 20), pick(5_000, 20_000));
    add(
        "broker-killed",
        false,
        "a broker that is killed forgets what it acknowledged; each reading has a device of its own, to tell which are \
         missing and whose fault it is"
            .to_owned(),
        Box::new(move |bar| losses::broker_killed(kills, readings, journal, bar)),
    );
    for (durability, name) in Durability::BOTH.into_iter().zip(["alerts-checkpoint", "alerts-journal"]) {
        let durability = if durability == Durability::Journal { journal } else { durability };
        let (count, troubles) = ((pick(200, 1000), pick(10, 20)), (pick(3, 20), pick(2, 10)));
        add(
            name,
            false,
            format!(
                "devices raise and end alerts while the agent is killed and the broker restarted; durability \"{}\"",
                durability.name()
            ),
            Box::new(move |bar| alerts::none_lost(count, troubles, durability, bar)),
        );
    }
    for (durability, name) in Durability::BOTH.into_iter().zip(["written-checkpoint", "written-journal"]) {
        let durability = if durability == Durability::Journal { journal } else { durability };
        let seconds = pick(45, 620) as u64;
        add(
            name,
            false,
            format!(
                "bytes that go to the disk at 100 readings a second, durability \"{}\"",
                durability.name()
            ),
            Box::new(move |bar| wear::written(seconds, durability, bar)),
        );
    }
    // As many again to warm up.
    let messages = pick(200_000, 2 * 2_000_000) as u64;
    add(
        "soak",
        true,
        "ten thousand channels of five thousand machines, with a checkpoint on the way".to_owned(),
        Box::new(move |bar| memory::soak(messages, long, Durability::Checkpoint, bar)),
    );
    let ids = pick(100_000, 1_000_000) as u64;
    add(
        "names",
        true,
        "somebody invents names of devices and channels without end".to_owned(),
        Box::new(move |bar| memory::names(ids, Durability::Checkpoint, bar)),
    );
    for (qos, name) in [(0, "throughput-qos0"), (1, "throughput-qos1")] {
        let (messages, rounds) = (pick(150_000, 600_000), pick(3, 5));
        add(
            name,
            true,
            format!(
                "a backlog queued at the broker, taken at QoS {qos} by a bare client of the agent's own library and by the \
                 agent in turns; 2,000 channels with the default detector"
            ),
            Box::new(move |bar| speed::throughput(qos, messages, rounds, Durability::Checkpoint, bar)),
        );
    }
    for (durability, name) in Durability::BOTH.into_iter().zip(["latency-checkpoint", "latency-journal"]) {
        let durability = if durability == Durability::Journal { journal } else { durability };
        let devices = pick(150, 400);
        add(
            name,
            true,
            format!(
                "from publishing a reading to hearing its alert, at 100 readings a second, durability \"{}\"",
                durability.name()
            ),
            Box::new(move |bar| speed::latency(devices, durability, bar)),
        );
    }
    add("unit", false, "systemd-analyze security on the shipped unit".to_owned(), Box::new(|_| wear::unit()));
    all
}

/// Runs a scenario; a panic is what broke it.
fn run(scenario: Scenario, bars: &MultiProgress) -> (&'static str, String, Report) {
    let Scenario { name, does, run, .. } = scenario;
    let style = ProgressStyle::with_template("{prefix:20} [{bar:30}] {percent:>3} % {elapsed} {msg}");
    let bar = bars.add(ProgressBar::new(1)).with_prefix(name);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let began = Instant::now();
    let (say, its) = (bars.clone(), bar.clone());
    let report = thread::spawn(move || run(&its)).join().unwrap_or_else(|panic| {
        let why = panic.downcast_ref::<String>().map(String::as_str);
        Report::broken(why.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it stopped"))
    });
    bar.finish_and_clear();
    let verdict = if report.kept() { "kept" } else { "BROKEN" };
    let line = format!("{name}: {verdict}, {} s", began.elapsed().as_secs());
    if say.is_hidden() {
        eprintln!("{line}");
    } else {
        let _ = say.println(line);
    }
    (name, does, report)
}

fn about(long: bool) -> Vec<(&'static str, String)> {
    let first = |command: &str, arguments: &[&str]| {
        let told = Command::new(command).args(arguments).output().ok();
        let text = told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned());
        text.filter(|text| !text.is_empty()).unwrap_or_else(|| "unknown".to_owned())
    };
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let processor = processor.map_or("unknown", |(_, name)| name);
    let cores = thread::available_parallelism().map_or(0, usize::from);
    vec![
        ("command", format!("./tests/prove{}", if long { " --long" } else { "" })),
        ("date", first("date", &["+%F"])),
        ("machine", format!("{cores} cores, {processor}")),
        ("kernel", first("uname", &["-sr"])),
        ("commit", first("git", &["describe", "--always", "--dirty"])),
    ]
}

fn write(findings: &Findings) -> std::io::Result<()> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    std::fs::write(docs.join("reliability.md"), findings.page("."))?;
    let charts = findings.scenarios.iter().flat_map(|(_, _, report)| &report.charts);
    charts.into_iter().try_for_each(|chart| std::fs::write(docs.join(chart.file), &chart.svg))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let wanted = |scenario: &Scenario| {
        arguments.only.is_empty() || arguments.only.iter().any(|part| scenario.name.contains(part.as_str()))
    };
    let all = scenarios(arguments.long, arguments.durability);
    let names: Vec<_> = all.iter().map(|scenario| scenario.name).collect();
    let (alone, together): (Vec<_>, Vec<_>) =
        all.into_iter().filter(wanted).partition(|scenario| scenario.alone);
    let bars = MultiProgress::new();
    // First those that want the machine for themselves; then, side by side, those that wait more than they work.
    let mut found: Vec<_> = alone.into_iter().map(|scenario| run(scenario, &bars)).collect();
    found.extend(thread::scope(|scope| {
        let running: Vec<_> =
            together.into_iter().map(|scenario| scope.spawn(|| run(scenario, &bars))).collect();
        running.into_iter().filter_map(|one| one.join().ok()).collect::<Vec<_>>()
    }));
    if found.is_empty() {
        eprintln!("no scenario of that name; there are: {}", names.join(", "));
        return ExitCode::from(2);
    }
    let findings = Findings { about: about(arguments.long), scenarios: found };
    if arguments.json {
        println!("{:#}", findings.json());
    } else {
        println!("{}", findings.table());
    }
    if arguments.write
        && let Err(error) = write(&findings)
    {
        eprintln!("cannot write docs/reliability.md: {error}");
        return ExitCode::FAILURE;
    }
    if findings.kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
