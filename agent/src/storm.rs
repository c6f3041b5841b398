//! A fault of the plant can raise hundreds of alerts at once. Each channel's state is told all the same; what rings a phone,
//! the event, is held back beyond a number a minute, and one alert of the gateway itself says how many there are.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::alert::{Severity, State};
use crate::reading::Timestamp;

/// The time over which onsets are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// The device and the channel under which a storm is told.
pub(crate) const DEVICE: &str = "_gateway";
pub(crate) const CHANNEL: &str = "storm";

/// Counts onsets, and knows whether there is a storm.
#[derive(Debug)]
pub(crate) struct Storm {
    most: usize,
    /// The onsets of the last minute, at most one more than are told.
    onsets: VecDeque<Instant>,
    raging: Option<Raging>,
}

#[derive(Debug)]
struct Raging {
    told: Summary,
    told_at: Instant,
}

/// A storm as subscribers see it: the fields that it shares with an alert have the same names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    id: String,
    device: String,
    channel: String,
    kind: String,
    severity: Severity,
    pub(crate) state: State,
    started_at: String,
    updated_at: String,
    ended_at: Option<String>,
    /// Alerts whose events are held back.
    pub(crate) held_back: u64,
    because: Because,
    sequence: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Because {
    sentence: String,
}

impl Storm {
    /// At most so many onsets a minute are told one by one.
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, onsets: VecDeque::new(), raging: None }
    }

    /// Goes on with the storm that raged when the agent was stopped, if `payload` is one: its end is still to be told.
    pub(crate) fn resume(&mut self, payload: &[u8], now: Instant) {
        if let Ok(told) = serde_json::from_slice(payload) {
            self.raging = Some(Raging { told, told_at: now });
        }
    }

    /// An alert begins; true if its event is held back.
    pub(crate) fn onset(&mut self, now: Instant) -> bool {
        self.onsets.push_back(now);
        if self.onsets.len() > self.most.saturating_add(1) {
            self.onsets.pop_front();
        }
        if let Some(raging) = &mut self.raging {
            raging.told.held_back += 1;
            return true;
        }
        self.forget(now);
        self.onsets.len() > self.most
    }

    /// True while ends of alerts are held back too.
    pub(crate) const fn is_raging(&self) -> bool {
        self.raging.is_some()
    }

    /// What is to be told of a storm now: that it began, how many alerts it has once a minute, that it is over; true if it
    /// is news. It is over when less than half as many alerts as are told begin in a minute.
    pub(crate) fn look(&mut self, now: Instant, clock: Timestamp) -> Option<(Summary, bool)> {
        self.forget(now);
        let Some(Raging { told, told_at }) = &mut self.raging else {
            if self.onsets.len() <= self.most {
                return None;
            }
            let told = Summary::new(clock, self.most);
            self.raging = Some(Raging { told: told.clone(), told_at: now });
            return Some((told, true));
        };
        let is_over = self.onsets.len() <= self.most / 2;
        if !is_over && now.duration_since(*told_at) < WINDOW {
            return None;
        }
        *told_at = now;
        told.update(clock, is_over);
        let told = told.clone();
        if is_over {
            self.raging = None;
        }
        Some((told, is_over))
    }

    fn forget(&mut self, now: Instant) {
        while self.onsets.front().is_some_and(|onset| now.duration_since(*onset) >= WINDOW) {
            self.onsets.pop_front();
        }
    }
}

impl Summary {
    fn new(clock: Timestamp, most: usize) -> Self {
        let now = clock.to_string();
        let sentence = format!(
            "More than {most} alerts began within a minute: something is wrong with more than one sensor. The next ones are \
             not told one by one; the state of each is on its alert topic."
        );
        Self {
            id: format!("storm-{}", clock.0),
            device: DEVICE.to_owned(),
            channel: CHANNEL.to_owned(),
            kind: "storm".to_owned(),
            severity: Severity::Critical,
            state: State::Firing,
            started_at: now.clone(),
            updated_at: now,
            ended_at: None,
            // The one that was too many.
            held_back: 1,
            because: Because { sentence },
            sequence: 1,
        }
    }

    fn update(&mut self, clock: Timestamp, is_over: bool) {
        self.updated_at = clock.to_string();
        self.sequence += 1;
        if is_over {
            self.state = State::Resolved;
            self.ended_at = Some(clock.to_string());
            self.because.sentence =
                format!("The storm of alerts is over; {} were not told one by one.", self.held_back);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    /// Onsets at these seconds, a look after each and at each full minute: what is held back, and what is told when.
    fn play(most: usize, onsets: &[u64], until: u64) -> (usize, Vec<(u64, State, u64)>) {
        let start = Instant::now();
        let mut storm = Storm::new(most);
        let (mut held, mut told) = (0, Vec::new());
        for second in 0..until {
            let now = start + Duration::from_secs(second);
            for _ in onsets.iter().filter(|onset| **onset == second) {
                held += usize::from(storm.onset(now));
                if let Some((summary, _)) = storm.look(now, Timestamp(0)) {
                    told.push((second, summary.state, summary.held_back));
                }
            }
            if let Some((summary, _)) = storm.look(now, Timestamp(0)) {
                told.push((second, summary.state, summary.held_back));
            }
            assert!(storm.onsets.len() <= most + 1);
        }
        (held, told)
    }

    #[test]
    fn alerts_now_and_then_are_no_storm() {
        let onsets: Vec<_> = (0..100).map(|i| i * 30).collect();
        assert_eq!(play(3, &onsets, 3000), (0, vec![]));
    }

    #[test]
    fn a_storm_that_outlived_the_agent_is_ended_by_the_next() {
        let now = Instant::now();
        let mut storm = Storm::new(0);
        storm.onset(now);
        let (told, _) = storm.look(now, Timestamp(0)).unwrap();
        let mut next = Storm::new(3);
        next.resume(b"21.5", now);
        assert_eq!(next.look(now, Timestamp(1)), None);
        next.resume(&serde_json::to_vec(&told).unwrap(), now);
        let (over, is_news) = next.look(now, Timestamp(1)).unwrap();
        assert_eq!((over.id, over.state, over.sequence, is_news), (told.id, State::Resolved, 2, true));
    }

    #[test]
    fn a_storm_is_told_once_counted_and_ended_when_it_ebbs() {
        // Ten at once, then one every ten seconds for two minutes.
        let onsets: Vec<_> = std::iter::repeat_n(5, 10).chain((1..=12).map(|i| 5 + i * 10)).collect();
        let (held, told) = play(4, &onsets, 400);
        assert_eq!(held, 6 + 12);
        use State::{Firing, Resolved};
        assert_eq!(told, [(5, Firing, 1), (65, Firing, 12), (125, Firing, 18), (165, Resolved, 18)]);
    }
}
