//! What the demo says in the end: each fault and whether it was found, then the false alerts.

use std::fmt::Write as _;

use super::board::{clock, plural};
use crate::reading::Timestamp;
use crate::source::simulate::{Fault, Found, Judgement};

/// False alerts that are listed one by one.
const LISTED: usize = 10;

/// What the summary is made of.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// The labelled faults.
    pub faults: &'a [Fault],
    /// Every alert: device, channel, start.
    pub alerts: &'a [(&'a str, &'a str, Timestamp)],
    /// How the alerts fared.
    pub judgement: &'a Judgement,
    /// Simulated days.
    pub days: f64,
    /// Channels watched.
    pub channels: usize,
}

/// The summary as text of at most 80 columns: a table of the faults, then the false alerts, then one line that
/// sums both up.
#[must_use]
pub fn summary_table(summary: &Summary<'_>) -> String {
    let Summary { faults, alerts, judgement, .. } = summary;
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    if !faults.is_empty() {
        let _ = line(&mut text, ["device", "fault", "started", "found", "by"]);
        let _ = writeln!(text, "{}", "─".repeat(78));
    }
    for (i, fault) in faults.iter().enumerate() {
        let found = judgement.found.iter().find(|f| f.fault == i);
        let (after, by) = match found {
            Some(f) => {
                let channel = alerts.get(f.alert).map_or("", |a| a.1);
                (format!("after {}", human_duration(f.delay_ms)), channel)
            }
            None => ("MISSED".to_owned(), ""),
        };
        let started = clock(fault.start, "%a %d %b %H:%M");
        let _ = line(&mut text, [fault.device, fault.kind.name(), &started, &after, by]);
    }
    if !judgement.false_alerts.is_empty() {
        text.push_str("\nFalse alerts:\n");
    }
    for &(device, channel, time) in judgement.false_alerts.iter().take(LISTED).filter_map(|&i| alerts.get(i))
    {
        let name: String = format!("{device}.{channel}").chars().take(56).collect();
        let _ = writeln!(text, "  {}  {name}", clock(time, "%a %d %b %H:%M"));
    }
    if judgement.false_alerts.len() > LISTED {
        let _ = writeln!(text, "  and {} more", judgement.false_alerts.len() - LISTED);
    }
    text.push('\n');
    let _ = writeln!(text, "{}", verdict(summary));
    text
}

fn line(text: &mut String, [device, fault, started, found, by]: [&str; 5]) -> std::fmt::Result {
    let row = format!("{device:<10.10} {fault:<18.18}  {started:<16}  {found:<17}  {by:.11}");
    writeln!(text, "{}", row.trim_end())
}

/// `Found 9 of 10 faults, half of them within 2 h 5 min.` and how often it cried wolf.
fn verdict(summary: &Summary<'_>) -> String {
    let Summary { faults, judgement, days, channels, .. } = summary;
    let mut text = format!("Found {} of {}", judgement.found.len(), plural(faults.len(), "fault"));
    if let Some(delay) = median(&judgement.found) {
        let _ = write!(text, ", half of them within {}", human_duration(delay));
    }
    let wrong = judgement.false_alerts.len();
    let days_long = plural(days.round() as usize, "day");
    let _ = write!(text, ".\n{} in {days_long} on {channels} channels", plural(wrong, "false alert"));
    if wrong > 0 && *days > 0.0 {
        let _ = write!(text, ": one every {}", human_duration((days * 86_400_000.0 / wrong as f64) as i64));
    }
    text.push('.');
    text
}

/// The delay by which half of the found faults were found.
fn median(found: &[Found]) -> Option<i64> {
    let mut delays: Vec<i64> = found.iter().map(|f| f.delay_ms).collect();
    delays.sort_unstable();
    delays.get(delays.len().checked_sub(1)? / 2).copied()
}

/// Milliseconds in two units at most: `20 s`, `5 min`, `3 h 10 min`, `1 d 4 h`.
#[must_use]
pub fn human_duration(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let two = |big: i64, big_unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{big} {big_unit}")
        } else {
            format!("{big} {big_unit} {small} {small_unit}")
        }
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::simulate::{GRACE, Plant, judge};

    #[test]
    fn durations_for_people() {
        let minute = 60_000;
        assert_eq!(human_duration(-5), "0 s");
        assert_eq!(human_duration(20_900), "20 s");
        assert_eq!(human_duration(5 * minute), "5 min");
        assert_eq!(human_duration(190 * minute), "3 h 10 min");
        assert_eq!(human_duration(120 * minute), "2 h");
        assert_eq!(human_duration(28 * 60 * minute), "1 d 4 h");
    }

    #[test]
    fn every_fault_has_its_line_and_none_is_wider_than_80() {
        let plant = Plant::new(1, Timestamp(1_767_571_200_000), 20.0);
        let faults = plant.faults();
        let mut alerts: Vec<_> = faults[1..]
            .iter()
            .map(|f| (f.device, f.channels[0], Timestamp(f.start.0 + 11_400_000.min(f.end.0 - f.start.0))))
            .collect();
        alerts.extend((0..12).map(|i| ("pump-1", "flow", Timestamp(plant.start().0 + i * 3_600_000))));
        let judgement = judge(faults, &alerts, GRACE);
        let text = summary_table(&Summary {
            faults,
            alerts: &alerts,
            judgement: &judgement,
            days: 20.0,
            channels: 28,
        });
        assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
        assert_eq!(text.matches("MISSED").count(), 1, "{text}");
        assert_eq!(text.matches("after 3 h 10 min").count(), faults.len() - 1 - 3, "{text}");
        for fault in faults {
            assert!(text.contains(fault.kind.name()), "{text}");
        }
        assert!(text.contains("Mon 05 Jan 00:00  pump-1.flow"), "{text}");
        assert!(text.contains("and 2 more"), "{text}");
        assert!(text.contains("Found 9 of 10 faults, half of them within 3 h 10 min."), "{text}");
        assert!(text.contains("12 false alerts in 20 days on 28 channels: one every 1 d 16 h."), "{text}");
    }

    #[test]
    fn nothing_happened() {
        let judgement = Judgement::default();
        let text = summary_table(&Summary {
            faults: &[],
            alerts: &[],
            judgement: &judgement,
            days: 1.0,
            channels: 2,
        });
        assert_eq!(text, "\nFound 0 of 0 faults.\n0 false alerts in 1 day on 2 channels.\n");
    }
}
