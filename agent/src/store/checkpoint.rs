//! Rounds of checkpoints: which channels are due, when, and which segments of the journal nobody needs any more.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info, warn};

use super::disk::Disk;
use super::journal;
use super::models::{Mark, Models, Round};
use super::record::Record;
use super::vitals::Vitals;

/// A journal longer than this is not left to grow until a checkpoint's time has come.
const LONG_JOURNAL: u64 = 64 << 20;
const DAY: f64 = 86_400.0;

/// What the workers are told: which round it is, and what belongs in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Call {
    /// The round; 0 before the first.
    pub(crate) round: u64,
    /// By file: the round since which changes are not in it.
    pub(crate) since: [u64; 2],
}

impl Call {
    /// A channel that changed in this round or later belongs in the round that is under way.
    pub(crate) fn since(&self) -> u64 {
        let [even, odd] = self.since;
        if self.round.is_multiple_of(2) { even } else { odd }
    }

    /// What changed in this round or later is not in both files.
    pub(crate) fn since_either(&self) -> u64 {
        let [even, odd] = self.since;
        even.min(odd)
    }
}

/// What the workers send.
#[derive(Debug)]
pub(crate) enum Chunk {
    /// Channels as they are now.
    Records(Vec<Record>),
    /// Records that this version could not use, kept for one that can.
    Refused(Vec<Record>),
    /// This worker has no more for the round.
    Done,
}

/// The one who writes checkpoints.
pub(crate) struct Checkpoints {
    disk: Arc<dyn Disk>,
    models: Arc<Models>,
    vitals: Arc<Vitals>,
    call: Call,
    /// The journal's segments from this one on are newer than a file.
    segments: [u64; 2],
    /// That of the round under way.
    segment: u64,
    open: Option<Round>,
    channels: u64,
    refused: Vec<Record>,
    every: Duration,
    /// Bytes a day that checkpoints may write.
    budget: u64,
    written_before: u64,
    /// Why the last round failed, if it did.
    failure: Option<String>,
}

impl Checkpoints {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        models: Arc<Models>,
        vitals: Arc<Vitals>,
        marks: [Mark; 2],
        every: Duration,
        budget: u64,
    ) -> Self {
        let [a, b] = marks;
        let round = a.round.max(b.round);
        let call = Call { round, since: [round; 2] };
        let segments = [a.segment, b.segment];
        Self {
            disk,
            models,
            vitals,
            call,
            segments,
            segment: segments.into_iter().max().unwrap_or(0),
            open: None,
            channels: 0,
            refused: Vec::new(),
            every,
            budget,
            written_before: 0,
            failure: None,
        }
    }

    /// What the workers are to know; changes with each round.
    pub(crate) const fn call(&self) -> Call {
        self.call
    }

    /// Begins a round; all of the journal before `segment` is older than what the workers will send.
    pub(crate) fn begin(&mut self, segment: u64) {
        self.call.round += 1;
        self.segment = segment;
        self.channels = 0;
        self.written_before = self.vitals.written();
        match self.models.begin(self.call.round) {
            Ok(round) => self.open = Some(round),
            Err(error) => self.fail(&error),
        }
    }

    /// Why the last round failed, if it did.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Begins a round at the end, if none is under way.
    pub(crate) fn begin_last(&mut self) {
        if self.open.is_none() {
            self.begin(self.segment);
        }
    }

    /// Takes what a worker has for the round; after a failure it is let go, and comes with the next round.
    pub(crate) fn save(&mut self, records: &[Record]) {
        let Some(round) = &mut self.open else { return };
        match round.save(records) {
            Ok(()) => self.channels += records.len() as u64,
            Err(error) => self.fail(&error),
        }
    }

    /// Takes what is to be kept for another version; written with the round that is under way, or the next one.
    pub(crate) fn set_aside(&mut self, refused: Vec<Record>) {
        self.refused.extend(refused);
        self.write_refused();
    }

    fn write_refused(&mut self) {
        let Some(round) = &mut self.open else { return };
        match round.set_aside(&self.refused) {
            Ok(()) => self.refused.clear(),
            Err(error) => self.fail(&error),
        }
    }

    /// Ends the round: durable as a whole, or not at all. Returns how long to wait for the next one.
    pub(crate) fn finish(&mut self) -> Duration {
        if !self.refused.is_empty() {
            self.write_refused();
        }
        let Some(round) = self.open.take() else { return self.every };
        if let Err(error) = round.commit(self.segment) {
            self.fail(&error);
            return self.every;
        }
        if self.vitals.clear("checkpoint") {
            info!("checkpoints are written again");
        }
        self.failure = None;
        let file = usize::from(self.call.round % 2 == 1);
        if let (Some(since), Some(segment)) = (self.call.since.get_mut(file), self.segments.get_mut(file)) {
            (*since, *segment) = (self.call.round, self.segment);
        }
        self.forget_segments();
        let wait = self.wait();
        if self.channels > 0 {
            info!(channels = self.channels, "checkpoint");
        }
        self.vitals.checkpointed(self.channels, wait);
        wait
    }

    /// The next round waits so long that the bytes of this one fit the budget of a day, and no longer than a day.
    fn wait(&self) -> Duration {
        let written = self.vitals.written().saturating_sub(self.written_before);
        let share = written as f64 / self.budget.max(1) as f64;
        self.every.max(Duration::from_secs_f64(DAY * share.min(1.0)))
    }

    /// A round should not wait for its time.
    pub(crate) fn is_wanted(&self) -> bool {
        self.vitals.take_wanted() || self.vitals.journal() > LONG_JOURNAL
    }

    fn forget_segments(&self) {
        let needed = self.segments.into_iter().min().unwrap_or(0);
        let Ok(names) = self.disk.list() else { return };
        for name in names.iter().filter(|name| journal::segment(name).is_some_and(|segment| segment < needed))
        {
            if let Err(error) = self.disk.remove(name) {
                warn!("an old part of the journal, {name}, cannot be removed: {error}");
            }
        }
    }

    fn fail(&mut self, error: &io::Error) {
        if !self.vitals.problem("checkpoint", format!("models cannot be written: {error}")) {
            error!("checkpoint not written, the next one will try again: {error}");
        }
        self.failure = Some(error.to_string());
        self.open = None;
        self.models.give_up(self.call.round);
    }
}
