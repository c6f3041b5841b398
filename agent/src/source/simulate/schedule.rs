//! When which fault happens: spread over the run, never two at once on one device, quiet at the beginning.

use super::device::{DEVICES, PUMPS};
use super::fault::{Fault, FaultKind};
use super::random::Random;
use super::works::{DAY, HOUR, calendar};
use super::{INTERVAL, next_message};
use crate::reading::Timestamp;

/// No fault ends later than this before the end of the run: a late alert must still fit in.
const TAIL: i64 = 3 * HOUR;

/// A repaired device stays healthy for at least this long.
const REST: i64 = 12 * HOUR;

/// Tries for one place before another kind gets it.
const TRIES: usize = 200;

/// The faults of a run, by start.
///
/// None before the later of 3 days and a quarter of the run, or before half of it where the run is shorter
/// than 6 days; one for two days of the run, at least one from 2 days on, each kind from 15 days on.
pub(super) fn schedule(seed: u64, start: Timestamp, days: f64) -> Vec<Fault> {
    let mut random = Random::new(seed, 2000);
    let count = wanted(days);
    if count == 0 {
        return Vec::new();
    }
    let quiet = if days >= 6.0 { (days / 4.0).max(3.0) } else { days / 2.0 };
    let first = start.0 + (quiet * DAY as f64) as i64;
    let last = start.0 + (days * DAY as f64) as i64 - TAIL;
    let mut waiting = kinds(count, &mut random);
    let mut faults: Vec<Fault> = Vec::new();
    // One fault a slot, so that they are spread; whichever kind fits.
    let slot = (last - first) / count as i64;
    for i in 0..count as i64 {
        let from = first + i * slot;
        let found = waiting.iter().enumerate().find_map(|(at, &kind)| {
            place(kind, (from, from + slot), (start, last), &faults, &mut random).map(|fault| (at, fault))
        });
        if let Some((at, fault)) = found {
            waiting.remove(at);
            faults.push(fault);
        }
    }
    // What fitted into no slot (a long one into the last) goes wherever there is room.
    for kind in waiting {
        if faults.len() < count {
            faults.extend(place(kind, (first, last), (start, last), &faults, &mut random));
        }
    }
    faults.sort_by_key(|f| (f.start, f.device));
    faults
}

/// How many faults a run of `days` wants.
fn wanted(days: f64) -> usize {
    if days < 2.0 {
        return 0;
    }
    let least = if days >= 15.0 { FaultKind::ALL.len() } else { 1 };
    ((days / 2.0).round() as usize).max(least)
}

/// At least `count` kinds in random order, each as often as any other, give or take one. A short run gets all
/// of them to choose from, as the long ones may not fit into it.
fn kinds(count: usize, random: &mut Random) -> Vec<FaultKind> {
    let mut result = Vec::with_capacity(count + FaultKind::ALL.len());
    while result.len() < count {
        let mut round = FaultKind::ALL;
        random.shuffle(&mut round);
        result.extend(round);
    }
    result.truncate(count.max(FaultKind::ALL.len()));
    result
}

/// A fault of `kind` that starts in `window` and ends by the end of `run`, if a few tries find room for one.
fn place(
    kind: FaultKind,
    window: (i64, i64),
    run: (Timestamp, i64),
    others: &[Fault],
    random: &mut Random,
) -> Option<Fault> {
    (0..TRIES).find_map(|attempt| {
        let start = random.between(window.0 as f64, window.1 as f64) as i64;
        let fault = aligned(Fault::draw(kind, Timestamp(start), random), run);
        let fits = fault.start.0 >= window.0 && fault.end.0 <= run.1;
        // Half of the tries insist on a pump that had its share of faults no more than any other.
        let fair = attempt >= TRIES / 2 || is_turn_of(fault.device, others);
        (fits && fair && suits(&fault) && others.iter().all(|o| apart(&fault, o))).then_some(fault)
    })
}

/// A spike starts just before a message, and so hits exactly as many readings as it lasts intervals.
fn aligned(mut fault: Fault, run: (Timestamp, i64)) -> Fault {
    if fault.kind == FaultKind::Spike {
        let shift = next_message(run.0, fault.device, fault.start) - 10_000 - fault.start.0;
        fault.start.0 += shift;
        fault.end.0 += shift;
        debug_assert_eq!((fault.end.0 - fault.start.0) % INTERVAL, 0);
    }
    fault
}

/// Whether the hour makes sense: doors are forgotten when people go home, and a stuck sensor shows only
/// while the load moves.
fn suits(fault: &Fault) -> bool {
    let (hour, weekday) = calendar(fault.start.0);
    match fault.kind {
        FaultKind::DoorOpen => weekday < 5 && (16.0..20.0).contains(&hour),
        // 18 h from here hold a morning or an evening of a working day.
        FaultKind::StuckSensor => {
            weekday < 4 || (weekday == 4 && hour < 21.0) || (weekday == 6 && hour > 13.0)
        }
        _ => true,
    }
}

/// Whether no pump has had fewer faults than this device; the other devices have no choice.
fn is_turn_of(device: &str, others: &[Fault]) -> bool {
    let had = |name: &str| others.iter().filter(|o| o.device == name).count();
    let pumps = &DEVICES[..PUMPS];
    !pumps.iter().any(|p| p.name == device) || pumps.iter().all(|p| had(p.name) >= had(device))
}

/// Whether the two leave each other room.
fn apart(a: &Fault, b: &Fault) -> bool {
    a.device != b.device || a.start.0 >= b.end.0 + REST || b.start.0 >= a.end.0 + REST
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONDAY: Timestamp = Timestamp(1_767_571_200_000);

    #[test]
    fn every_run_keeps_the_rules() {
        for days in [2.0, 2.5, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 90.0] {
            for seed in 0..200 {
                let start = Timestamp(MONDAY.0 + seed as i64 * 7 * HOUR);
                let faults = schedule(seed, start, days);
                let what = format!("{days} days, seed {seed}: {faults:#?}");
                assert!(!faults.is_empty(), "{what}");
                assert!(faults.len() <= wanted(days), "{what}");
                let quiet = if days >= 6.0 { f64::max(3.0, days / 4.0) } else { days / 2.0 };
                for (i, fault) in faults.iter().enumerate() {
                    assert!(fault.start.0 >= start.0 + (quiet * DAY as f64) as i64 - 10_000, "{what}");
                    assert!(fault.start < fault.end, "{what}");
                    assert!(fault.end.0 <= start.0 + (days * DAY as f64) as i64, "{what}");
                    assert!(!fault.channels.is_empty() && !fault.description.is_empty(), "{what}");
                    assert!(faults[..i].iter().all(|o| apart(fault, o)), "{what}");
                }
                if days >= 15.0 {
                    for kind in FaultKind::ALL {
                        assert!(faults.iter().any(|f| f.kind == kind), "no {kind}: {what}");
                    }
                    assert!(faults.len() + 1 >= wanted(days), "{what}");
                }
            }
        }
    }

    #[test]
    fn too_short_a_run_has_no_fault() {
        assert!(schedule(1, MONDAY, 1.9).is_empty());
        assert!(schedule(1, MONDAY, 0.0).is_empty());
        assert!(schedule(1, MONDAY, f64::NAN).is_empty());
    }
}
