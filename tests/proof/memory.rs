//! Memory stays where it is: over millions of messages, and when somebody invents a million names.

use brooklet::reading::Timestamp;
use brooklet_tests::agent;
use brooklet_tests::broker::Broker;
use brooklet_tests::client::Counts;
use indicatif::ProgressBar;
use serde_json::Value;

use crate::gateway::{Durability, Gateway};
use crate::peers::{PATIENCE, Passed, Publisher, Tap};
use crate::readings;
use crate::report::{Chart, Report, grouped, line};

/// Beside the models, in KiB.
const BESIDES: u64 = 64 * 1024;
/// Channels at most, as shipped.
const CAP: u64 = 10_000;
/// Messages between two looks at the memory.
const LOOK: u64 = 2_000;
/// Messages that may wait at the broker.
const LEAD: u64 = 20_000;

/// What the documentation says that a channel's model takes, in bytes.
fn model_bytes() -> u64 {
    let fit =
        ["fit", "--learner", "monitor/default", "--core", "m4f", "--ram", "1M", "--flash", "1M", "--json"];
    let told = agent::run(&fit);
    let json: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    json["tasks"][0]["state_bytes"].as_u64().expect("the bytes of a model")
}

/// Publishes `all` messages, never too far ahead of the agent; looks at its own memory (in KiB) meanwhile.
fn pour(
    gateway: &Gateway,
    tap: &Tap,
    port: u16,
    all: u64,
    bar: &ProgressBar,
    message: impl Fn(u64) -> (String, Vec<u8>),
) -> Vec<(f64, f64)> {
    let before = tap.passed().with(|passed| passed.acknowledged());
    let mut publisher = Publisher::new(port, "plant");
    let mut memory = Vec::new();
    for i in 0..all {
        let (topic, payload) = message(i);
        publisher.publish(&topic, &payload);
        if (i + 1) % LOOK == 0 {
            let near = |passed: &mut Passed| (before + i < passed.acknowledged() + LEAD).then_some(());
            tap.passed().wait(PATIENCE, near).expect("the agent goes on learning");
            memory.push((i as f64, gateway.agent().own_memory() as f64));
            bar.inc(LOOK);
        }
    }
    publisher.finish();
    let through = |passed: &mut Passed| (passed.acknowledged() >= before + all).then_some(());
    tap.passed().wait(PATIENCE, through).expect("the agent acknowledges everything");
    memory.push((all as f64, gateway.agent().own_memory() as f64));
    memory
}

/// The slope of the line that fits best, in percent of the mean a million messages.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let both: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let square: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    both / square / y * 1e8
}

fn most(points: &[(f64, f64)]) -> u64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "KiB")]
    let most = points.iter().map(|point| point.1).fold(0.0, f64::max) as u64;
    most
}

fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

/// Messages over ten thousand channels, with a checkpoint every few seconds. `flat`: whether enough of them are sent to
/// tell a slope.
pub(crate) fn soak(messages: u64, flat: bool, durability: Durability, bar: &ProgressBar) -> Report {
    const DEVICES: u64 = CAP / 2;
    let broker = Broker::start_as_shipped("");
    let tap = Tap::start(broker.port(), false);
    let mut gateway = Gateway::start(tap.port(), durability, "checkpoint_seconds = 10\n");
    bar.set_length(messages);
    let begin = Timestamp::now().0 - 3_000_000;
    let message = |i: u64| {
        let (device, n) = (i % DEVICES, i / DEVICES);
        let time = begin + i64::try_from(n).expect("a count") * 1000;
        let (machine, n) = (usize::try_from(device).expect("a count"), usize::try_from(n).expect("a count"));
        (format!("plant/p{device}"), readings::machine(machine, n, time))
    };
    let memory = pour(&gateway, &tap, broker.port(), messages, bar, message);
    let peak = gateway.agent().peak_memory();
    let totals = gateway.stop();

    let mut report = Report::default();
    report.figure("messages, channels", format!("{}, {}", grouped(messages), totals["channels"]));
    assert_eq!(totals["readings_used"].as_u64(), Some(2 * messages), "all are learnt: {totals}");
    let models = model_bytes() * CAP / 1024;
    let room = models + BESIDES;
    report.promise("memory at most (RSS)", mib(peak), &format!("<= {}", mib(room)), peak <= room);
    report.figure("of it the models, as documented", mib(models));
    // The first half, and never less than five readings of each channel, is warm-up: a checkpoint is written in it. What that
    // wrote keeps further ones away for long (`checkpoint_mib_a_day`).
    let warm = (messages as f64 / 2.0).max(5.0 * DEVICES as f64);
    let after: Vec<_> = memory.iter().copied().filter(|point| point.0 > warm).collect();
    let slope = slope(&after);
    let told = format!("{slope:+.3} % a million");
    if flat {
        report.promise("slope of its own (RssAnon) after warm-up", told, "<= 0.1 %", slope <= 0.1);
        let svg =
            line("Memory of the agent over messages", &memory_in_mib(&memory), &grouped(messages), "MiB");
        report.charts.push(Chart {
            file: "reliability-memory.svg",
            title: "memory over messages".to_owned(),
            svg,
        });
    } else {
        report.figure("slope of its own (the long form judges it)", told);
    }
    report
}

fn memory_in_mib(memory: &[(f64, f64)]) -> Vec<(f64, f64)> {
    memory.iter().map(|(x, y)| (*x, y / 1024.0)).collect()
}

/// A million names that nobody configured: as topics, and as fields of payloads. Known channels are learnt all the while.
pub(crate) fn names(ids: u64, durability: Durability, bar: &ProgressBar) -> Report {
    const KNOWN: u64 = 100;
    /// Every so many messages one of a known channel.
    const EVERY: u64 = 50;
    /// Invented fields in one message.
    const FIELDS: u64 = 10;
    let broker = Broker::start_as_shipped("");
    let tap = Tap::start(broker.port(), false);
    let mut gateway = Gateway::start(tap.port(), durability, "");
    let begin = Timestamp::now().0 - 3_000_000;
    let at = |n: u64| begin + i64::try_from(n).expect("a count") * 100;
    let known = |n: u64| {
        (format!("plant/known{}", n % KNOWN), format!(r#"{{"ts":{},"t":20}}"#, at(n / KNOWN)).into_bytes())
    };
    pour(&gateway, &tap, broker.port(), KNOWN, bar, known);

    // Half the names are topics; the others come ten in a message.
    let invented = ids / 2 + ids / 2 / FIELDS;
    let messages = invented * EVERY / (EVERY - 1);
    bar.set_length(messages);
    let message = |i: u64| {
        if i.is_multiple_of(EVERY) {
            return known(KNOWN + i / EVERY);
        }
        if i < messages * FIELDS / (FIELDS + 1) {
            return (
                format!("plant/invented-by-somebody-{i}"),
                format!(r#"{{"ts":{},"t":20}}"#, at(i)).into_bytes(),
            );
        }
        let fields: Vec<_> = (0..FIELDS).map(|field| format!(r#""field-{i}-{field}":20"#)).collect();
        ("plant/fields".to_owned(), format!(r#"{{{}}}"#, fields.join(",")).into_bytes())
    };
    let memory = pour(&gateway, &tap, broker.port(), messages, bar, message);
    let peak = gateway.agent().peak_memory();
    let totals = gateway.stop();
    // Only an agent at rest can be asked whether its counts add up.
    Counts::of(&totals).expect("counts").assert_complete();
    let count = |name: &str| totals[name].as_u64().unwrap_or(0);

    let mut report = Report::default();
    report.figure("names invented", grouped(ids));
    let channels = count("channels");
    report.promise("channels", grouped(channels), &format!("<= {}", grouped(CAP)), channels <= CAP);
    report.figure("readings refused over the cap", grouped(count("readings_over_cap")));
    let room = model_bytes() * CAP / 1024 + BESIDES;
    report.promise("memory at most (RSS)", mib(peak), &format!("<= {}", mib(room)), peak <= room);
    // From the moment at which there is no room for another channel.
    let full: Vec<_> = memory.iter().copied().filter(|point| point.0 > 3.0 * CAP as f64).collect();
    let growth = most(&full).saturating_sub(full.first().map_or(0, |point| most(&[*point])));
    report.promise("its growth once the cap is reached", mib(growth), "<= 8 MiB", growth <= 8 * 1024);
    // Of the names that came first some have channels, and of each one reading was learnt.
    let of_known = count("readings_used").saturating_sub(channels.saturating_sub(KNOWN));
    let expected = KNOWN + messages.div_ceil(EVERY);
    report.promise(
        "readings of known channels learnt",
        grouped(of_known),
        &grouped(expected),
        of_known == expected,
    );
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_told_in_percent_a_million() {
        let points =
            |a: f64| (0..100).map(|i| (f64::from(i) * 1e4, 1000.0 + a * f64::from(i))).collect::<Vec<_>>();
        assert!(slope(&points(0.0)).abs() < 1e-9);
        // 10 % over a million messages, of a mean of 5 % above the first.
        assert!((slope(&points(1.0)) - 100.0 / 1049.5 * 100.0).abs() < 0.01);
        assert!(slope(&points(-1.0)) < -9.0);
    }
}
