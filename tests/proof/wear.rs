//! What the agent writes to its disk in a day, and what systemd lets it do.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use brooklet::reading::Timestamp;
use brooklet_tests::broker::Broker;
use indicatif::ProgressBar;

use crate::gateway::{Durability, Gateway};
use crate::peers::Publisher;
use crate::readings;
use crate::report::Report;

/// Readings a second; one a message.
const RATE: u32 = 100;
/// Seconds between two checkpoints, as shipped.
const SHIPPED: f64 = 300.0;
const DAY: f64 = 86_400.0;

/// A hundred channels, each with a reading a second. Where there is no time for checkpoints as shipped they come more
/// often, and what they write is told apart: it comes with them, the rest all the time.
pub(crate) fn written(seconds: u64, durability: Durability, bar: &ProgressBar) -> Report {
    let every = (seconds / 3).min(300);
    let broker = Broker::start_as_shipped("");
    let gateway = Gateway::start(broker.port(), durability, &format!("checkpoint_seconds = {every}\n"));
    let mut publisher = Publisher::new(broker.port(), "plant");
    bar.set_length(seconds);
    let began = Instant::now();
    let before = gateway.agent().written();
    let (mut last, mut each_second, mut n) = (before, Vec::new(), 0_usize);
    while began.elapsed() < Duration::from_secs(seconds) {
        let machine = n % RATE as usize;
        publisher.publish(&format!("plant/p{machine}"), &readings::one(machine, n, Timestamp::now().0));
        publisher.flush();
        n += 1;
        if machine == 0 {
            let now = gateway.agent().written();
            each_second.push(now - last);
            last = now;
            bar.set_position(began.elapsed().as_secs());
        }
        let due = Duration::from_secs(1) / RATE * u32::try_from(n).expect("a count");
        thread::sleep(due.saturating_sub(began.elapsed()));
    }
    let took = began.elapsed().as_secs_f64();
    let total = (gateway.agent().written() - before) as f64;
    let checkpoints = gateway.agent().lines(" checkpoint ").len() as f64;
    each_second.sort_unstable();
    // The seconds in which most was written are those of checkpoints; one can fall into two of them.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few")]
    let quiet = each_second.len().saturating_sub(2 * checkpoints as usize).max(1);
    let steady = each_second.iter().take(quiet).sum::<u64>() as f64 / quiet as f64;
    let checkpoint = if checkpoints > 0.0 { ((total - steady * took) / checkpoints).max(0.0) } else { 0.0 };
    let day = steady * DAY + checkpoint * DAY / SHIPPED;

    let mut report = Report::default();
    report.figure("measured for, readings", format!("{took:.0} s, {n}"));
    report.figure("checkpoints in that time", checkpoints);
    // A folder in memory would prove nothing.
    report.promise("bytes written in all", format!("{total:.0}"), "> 0", total > 0.0);
    report.figure("of it a second, without checkpoints", format!("{:.1} kB", steady / 1e3));
    report.figure("of it a checkpoint of 100 channels", format!("{:.1} kB", checkpoint / 1e3));
    let gigabytes = day / 1e9;
    report.promise("a day, extrapolated", format!("{gigabytes:.3} GB"), "<= 1 GB", gigabytes <= 1.0);
    report
}

/// What the shipped unit leaves open.
pub(crate) fn unit() -> Report {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/brooklet.service");
    let mut analyze = Command::new("systemd-analyze");
    let told = analyze.args(["security", "--offline=true", "--no-pager"]).arg(unit).output();
    let mut report = Report::default();
    let Ok(told) = told else {
        report.figure("exposure", "no systemd-analyze here");
        return report;
    };
    let text = String::from_utf8_lossy(&told.stdout);
    let exposure =
        text.lines().find_map(|line| line.split_once("exposure level for")).and_then(|(_, rest)| {
            let (_, level) = rest.split_once(": ")?;
            level.split_whitespace().next()?.parse::<f64>().ok()
        });
    match exposure {
        Some(level) => report.promise("exposure, 0 (none) to 10", level, "<= 1.5", level <= 1.5),
        None => {
            let why = String::from_utf8_lossy(&told.stderr).trim().to_owned();
            report.promise("exposure, 0 (none) to 10", why, "<= 1.5", false);
        }
    }
    report
}
