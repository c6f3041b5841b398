//! Holds a detector's alerts against the labelled faults.

use std::time::Duration;

use super::fault::Fault;
use crate::reading::Timestamp;

/// How long after a repair an alert still belongs to the fault: bearings cool, a cold room settles, and the
/// return to normal is itself a change worth a word.
pub const GRACE: Duration = Duration::from_secs(2 * 3600);

/// A fault that an alert belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which fault, by its place in the list.
    pub fault: usize,
    /// From the fault's start to the first alert, milliseconds.
    pub delay_ms: i64,
    /// The earliest alert of it, by its place in the list.
    pub alert: usize,
}

/// What a detector found, what it missed and where it cried wolf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// In the order of the faults.
    pub found: Vec<Found>,
    /// Faults without an alert, by their place.
    pub missed: Vec<usize>,
    /// Alerts that belong to no fault, by their place.
    pub false_alerts: Vec<usize>,
}

/// Which alerts (device, channel, start) belong to which fault.
///
/// An alert belongs to a fault of its device if it starts in `[start, end + grace]`, whichever of the device's
/// channels raised it; [`GRACE`] is the usual grace. Of two such faults the one that began last counts.
/// Repeats within a fault are not false alerts; an alert before the fault's start is one.
///
/// ```
/// use brooklet::reading::Timestamp;
/// use brooklet::source::simulate::{GRACE, Plant, judge};
///
/// let plant = Plant::new(1, Timestamp(1_767_571_200_000), 20.0);
/// let first = &plant.faults()[0];
/// let alert = (first.device, first.channels[0], Timestamp(first.start.0 + 60_000));
/// let judgement = judge(plant.faults(), &[alert], GRACE);
/// assert_eq!(judgement.found[0].delay_ms, 60_000);
/// assert_eq!(judgement.missed.len(), plant.faults().len() - 1);
/// assert!(judgement.false_alerts.is_empty());
/// ```
#[must_use]
pub fn judge(faults: &[Fault], alerts: &[(&str, &str, Timestamp)], grace: Duration) -> Judgement {
    let grace = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX);
    let mut first: Vec<Option<usize>> = vec![None; faults.len()];
    let mut false_alerts = Vec::new();
    for (i, &(device, _, time)) in alerts.iter().enumerate() {
        let owner = faults
            .iter()
            .enumerate()
            .filter(|(_, f)| f.device == device && f.start <= time && time.0 <= f.end.0.saturating_add(grace))
            .max_by_key(|(_, f)| f.start);
        match owner {
            Some((fault, _)) => {
                if first[fault].is_none_or(|earlier| time < alerts[earlier].2) {
                    first[fault] = Some(i);
                }
            }
            None => false_alerts.push(i),
        }
    }
    let mut judgement = Judgement { false_alerts, ..Judgement::default() };
    for (fault, alert) in first.into_iter().enumerate() {
        match alert {
            Some(alert) => {
                let delay_ms = alerts[alert].2.0 - faults[fault].start.0;
                judgement.found.push(Found { fault, delay_ms, alert });
            }
            None => judgement.missed.push(fault),
        }
    }
    judgement
}

#[cfg(test)]
mod tests {
    use super::super::fault::FaultKind;
    use super::*;

    fn fault(device: &'static str, start: i64, end: i64) -> Fault {
        Fault {
            device,
            channels: vec!["flow"],
            kind: FaultKind::BlockedFilter,
            start: Timestamp(start),
            end: Timestamp(end),
            description: String::new(),
            magnitude: 0.3,
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_window_is_closed_on_both_sides() {
        let faults = [fault("a", 10_000, 20_000)];
        let at = |time| judge(&faults, &[("a", "flow", Timestamp(time))], SECOND);
        assert_eq!(at(9_999).false_alerts, [0]);
        assert_eq!(at(9_999).missed, [0]);
        assert_eq!(at(10_000).found, [Found { fault: 0, delay_ms: 0, alert: 0 }]);
        assert_eq!(at(21_000).found, [Found { fault: 0, delay_ms: 11_000, alert: 0 }]);
        assert_eq!(at(21_001).false_alerts, [0]);
    }

    #[test]
    fn any_channel_of_the_device_counts_but_no_other_device() {
        let faults = [fault("a", 0, 100)];
        let alerts = [("b", "flow", Timestamp(50)), ("a", "pressure", Timestamp(60))];
        let judgement = judge(&faults, &alerts, SECOND);
        assert_eq!(judgement.found, [Found { fault: 0, delay_ms: 60, alert: 1 }]);
        assert_eq!(judgement.false_alerts, [0]);
    }

    #[test]
    fn the_earliest_alert_finds_and_repeats_are_not_false() {
        let faults = [fault("a", 0, 100)];
        let alerts = [("a", "x", Timestamp(70)), ("a", "y", Timestamp(30)), ("a", "x", Timestamp(90))];
        let judgement = judge(&faults, &alerts, SECOND);
        assert_eq!(judgement.found, [Found { fault: 0, delay_ms: 30, alert: 1 }]);
        assert!(judgement.false_alerts.is_empty());
    }

    #[test]
    fn in_the_grace_of_one_fault_the_next_one_counts() {
        let faults = [fault("a", 0, 1_000), fault("a", 1_500, 3_000)];
        let judgement = judge(&faults, &[("a", "x", Timestamp(1_700))], SECOND);
        assert_eq!(judgement.found, [Found { fault: 1, delay_ms: 200, alert: 0 }]);
        assert_eq!(judgement.missed, [0]);
    }

    #[test]
    fn nothing_to_judge() {
        assert_eq!(judge(&[], &[], GRACE), Judgement::default());
        assert_eq!(judge(&[], &[("a", "x", Timestamp(1))], GRACE).false_alerts, [0]);
        assert_eq!(judge(&[fault("a", 0, 1)], &[], GRACE).missed, [0]);
        let endless = [fault("a", 0, i64::MAX)];
        assert_eq!(judge(&endless, &[("a", "x", Timestamp(i64::MAX))], Duration::MAX).found.len(), 1);
    }
}
