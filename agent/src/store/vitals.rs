//! How the state on disk is doing: for the status, and between the threads that write.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::disk::Disk;

const DAY: f64 = 86_400.0;
/// Less than this says nothing about a day.
const SHORTEST: Duration = Duration::from_secs(60);

/// Shared by all threads that write.
#[derive(Debug)]
pub struct Vitals {
    disk: Option<Arc<dyn Disk>>,
    began: Instant,
    /// What a card endures, in bytes.
    endurance: u64,
    wanted: AtomicBool,
    journal: AtomicU64,
    messages: AtomicU64,
    bytes: AtomicU64,
    round: Mutex<Option<Round>>,
    problems: Mutex<BTreeMap<&'static str, String>>,
}

#[derive(Clone, Copy, Debug)]
struct Round {
    at: Instant,
    channels: u64,
    next_in: Duration,
}

/// How it is now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Seconds since the last checkpoint; none so far if null.
    pub checkpoint_age_seconds: Option<u64>,
    /// Channels that the last checkpoint wrote.
    pub checkpoint_channels: u64,
    /// Seconds between two checkpoints: longer than configured if the budget of bytes asks for it.
    pub checkpoint_every_seconds: Option<u64>,
    /// Bytes of the journal that a restart would read.
    pub journal_bytes: u64,
    /// Messages that wait for the broker.
    pub outbox_messages: u64,
    /// Bytes of them.
    pub outbox_bytes: u64,
    /// Bytes written to the card since the start: whole pages.
    pub written_bytes: u64,
    /// The same in a day, at the rate since the start; null in the first minute.
    pub written_bytes_a_day: Option<u64>,
    /// For how many years a card of `gateway.card_endurance_gb` endures that rate.
    pub card_life_years: Option<f64>,
    /// What cannot be written, by what it concerns; empty if all is well.
    pub problems: BTreeMap<&'static str, String>,
}

impl Vitals {
    /// For a folder, if there is one. `endurance`: bytes that its card endures.
    pub(crate) fn new(disk: Option<Arc<dyn Disk>>, endurance: u64) -> Self {
        Self {
            disk,
            began: Instant::now(),
            endurance,
            wanted: AtomicBool::new(false),
            journal: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            round: Mutex::default(),
            problems: Mutex::default(),
        }
    }

    fn problems(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something cannot be written; true if that was known.
    pub(crate) fn problem(&self, what: &'static str, text: String) -> bool {
        self.problems().insert(what, text).is_some()
    }

    /// It can again; true if it could not.
    pub(crate) fn clear(&self, what: &'static str) -> bool {
        self.problems().remove(what).is_some()
    }

    pub(crate) fn set_outbox(&self, messages: usize, bytes: usize) {
        self.messages.store(messages as u64, Ordering::Relaxed);
        self.bytes.store(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn set_journal(&self, bytes: u64) {
        self.journal.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn journal(&self) -> u64 {
        self.journal.load(Ordering::Relaxed)
    }

    pub(crate) fn written(&self) -> u64 {
        self.disk.as_ref().map_or(0, |disk| disk.written())
    }

    /// A checkpoint should not wait for its time.
    pub(crate) fn want_checkpoint(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Whether one was wanted since the last call.
    pub(crate) fn take_wanted(&self) -> bool {
        self.wanted.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn checkpointed(&self, channels: u64, next_in: Duration) {
        let round = Round { at: Instant::now(), channels, next_in };
        *self.round.lock().unwrap_or_else(PoisonError::into_inner) = Some(round);
    }

    /// How it is now.
    #[must_use]
    pub fn report(&self) -> Report {
        let round = *self.round.lock().unwrap_or_else(PoisonError::into_inner);
        let (written, age) = (self.written(), self.began.elapsed());
        let a_day =
            (age >= SHORTEST && self.disk.is_some()).then(|| written as f64 / age.as_secs_f64() * DAY);
        let years = a_day.filter(|a_day| *a_day > 0.0).map(|a_day| self.endurance as f64 / a_day / 365.25);
        Report {
            checkpoint_age_seconds: round.map(|round| round.at.elapsed().as_secs()),
            checkpoint_channels: round.map_or(0, |round| round.channels),
            checkpoint_every_seconds: round.map(|round| round.next_in.as_secs()),
            journal_bytes: self.journal(),
            outbox_messages: self.messages.load(Ordering::Relaxed),
            outbox_bytes: self.bytes.load(Ordering::Relaxed),
            written_bytes: written,
            written_bytes_a_day: a_day.map(|a_day| a_day as u64),
            card_life_years: years.map(|years| (years * 10.0).round() / 10.0),
            problems: self.problems().clone(),
        }
    }
}
