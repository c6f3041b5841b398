//! Between the workers and the broker: what was learnt and what is to be told is made durable, then told, then
//! acknowledged, in that order.
//!
//! Work is committed in groups, since each sync of a file costs a card two pages however little was written: each
//! `gateway.sync_milliseconds` while a journal is kept, at once where somebody waits for an alert or an answer, or where much
//! has come together. A disk that fails is left alone for a while: alerts flow from memory, acknowledgements go on, and
//! the status says so.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::{error, info, warn};

use crate::ledger::{Count, Ledger};
use crate::link::Way;
use crate::sink::compose::{Composed, Composer};
use crate::sink::outbox::{Outbox, Outgoing, Priority};
use crate::source::mqtt::Ack;
use crate::store::journal::{Entry, Journal};
use crate::store::told::{Change, Message, Told};
use crate::store::{Disk, Record, Vitals};
use crate::worker::Finding;

/// So many messages are not made to wait for others.
const MANY_ACKS: usize = 2048;
/// So many bytes of the journal.
const MANY_BYTES: usize = 256 << 10;
/// Between two attempts to use a disk that failed.
const RETRY: Duration = Duration::from_secs(10);
/// How long acknowledged messages may stay on disk: sent again after a crash, under the same id.
const CLEAN_UP: Duration = Duration::from_secs(2);
/// Between two looks at the outbox and at a storm while there is something in them and nothing comes in.
const LOOK: Duration = Duration::from_secs(2);

/// What a worker made of some messages.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// What changed the channels, if a journal is kept.
    pub(crate) entries: Vec<Entry>,
    /// What is to be told.
    pub(crate) findings: Vec<Finding>,
    /// The channels that tell something, as they are now.
    pub(crate) records: Vec<Record>,
    /// To be acknowledged at the end.
    pub(crate) acks: Vec<Ack>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.findings.is_empty() && self.acks.is_empty()
    }

    fn is_urgent(&self) -> bool {
        self.findings.iter().any(|finding| !matches!(finding, Finding::Score(_)))
    }
}

/// The journal, or why there is none.
#[derive(Debug)]
enum Log {
    /// Not wanted.
    Off,
    On(Journal),
    /// The disk failed; to be tried again.
    Failed {
        next_try: Instant,
    },
}

/// Everything the commit needs.
pub(crate) struct Committer {
    disk: Option<Arc<dyn Disk>>,
    log: Log,
    /// The segment that comes next.
    segment: u64,
    told: Option<Told>,
    /// Of messages on disk: the next number.
    number: u64,
    /// What could not be written yet.
    unwritten: Change,
    retry_at: Option<Instant>,
    composer: Composer,
    outbox: Arc<Outbox>,
    lines: Vec<mpsc::Sender<Vec<u8>>>,
    ledger: Arc<Ledger>,
    vitals: Arc<Vitals>,
    sync_every: Duration,
    waiting: Waiting,
    clean_up_at: Option<Instant>,
    look_at: Option<Instant>,
}

/// What waits for the next commit.
#[derive(Default)]
struct Waiting {
    since: Option<Instant>,
    urgent: bool,
    findings: Vec<Finding>,
    records: Vec<Record>,
    acks: Vec<Ack>,
}

/// What a [`Committer`] is made of.
pub(crate) struct Parts {
    /// Where the journal goes; none if none is kept.
    pub(crate) disk: Option<Arc<dyn Disk>>,
    /// The journal's first segment of this run.
    pub(crate) segment: u64,
    pub(crate) told: Option<Told>,
    /// The first number that no message on disk has.
    pub(crate) number: u64,
    pub(crate) composer: Composer,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) lines: Vec<mpsc::Sender<Vec<u8>>>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) sync_every: Duration,
}

impl Committer {
    pub(crate) fn new(parts: Parts, now: Instant) -> Self {
        let Parts { disk, segment, told, number, composer, outbox, lines, ledger, vitals, sync_every } =
            parts;
        let log = if disk.is_some() { Log::Failed { next_try: now } } else { Log::Off };
        let mut committer = Self {
            disk,
            log,
            segment,
            told,
            number,
            unwritten: Change::default(),
            retry_at: None,
            composer,
            outbox,
            lines,
            ledger,
            vitals,
            sync_every,
            waiting: Waiting::default(),
            clean_up_at: None,
            look_at: Some(now),
        };
        committer.begin_segment(now);
        committer
    }

    /// Takes back a retained state that nobody would ever end: an alert's, under a topic that is not ours any more.
    pub(crate) fn retract(&mut self, topic: String) {
        info!(topic, "its alert goes on under the gateway's new name, and this one is taken back");
        // Without a payload the broker forgets it.
        let empty = Outgoing {
            topic: topic.clone(),
            payload: Vec::new(),
            retain: true,
            priority: Priority::Alert,
            number: Some(self.number),
        };
        self.unwritten.messages.push((self.number, stored(&empty)));
        self.unwritten.firing.push((topic, None));
        self.number += 1;
        self.outbox.push([empty], &self.ledger);
    }

    /// Takes what a worker has done. Frames for devices go at once; all else waits for [`commit`](Self::commit).
    pub(crate) fn take(&mut self, batch: Batch, now: Instant) {
        self.waiting.since.get_or_insert(now);
        self.waiting.urgent |= batch.is_urgent();
        if let Log::On(journal) = &mut self.log {
            batch.entries.into_iter().for_each(|entry| journal.push(entry));
        } else if matches!(self.log, Log::Failed { .. }) && !batch.entries.is_empty() {
            self.ledger.add(Count::Unjournalled, batch.entries.len() as u64);
        }
        for finding in batch.findings {
            match finding {
                // Never waits: what does not go down now is sent again.
                Finding::Down { way: Way::Line(line), frame, .. } => {
                    if self.lines.get(line).is_none_or(|line| line.try_send(frame).is_err()) {
                        self.ledger.add(Count::DownlinkDropped, 1);
                    }
                }
                finding => self.waiting.findings.push(finding),
            }
        }
        self.waiting.records.extend(batch.records);
        self.waiting.acks.extend(batch.acks);
    }

    /// When there is something to do, if nothing comes in.
    pub(crate) fn due(&self) -> Option<Instant> {
        let group = self.waiting.since.map(|since| {
            let bytes = if let Log::On(journal) = &self.log { journal.waiting() } else { 0 };
            // Without bytes for the journal there is nothing to wait for.
            let now = bytes == 0 || bytes >= MANY_BYTES || self.waiting.acks.len() >= MANY_ACKS;
            if now || self.waiting.urgent { since } else { since + self.sync_every }
        });
        let journal = match &self.log {
            Log::Failed { next_try } => Some(*next_try),
            Log::Off | Log::On(_) => None,
        };
        [group, journal, self.retry_at, self.clean_up_at, self.look_at].into_iter().flatten().min()
    }

    /// Makes everything durable that was taken, then tells and acknowledges it.
    pub(crate) fn commit(&mut self, now: Instant) {
        if let Log::Failed { next_try } = &self.log
            && *next_try <= now
        {
            self.begin_segment(now);
        }
        if let Log::On(journal) = &mut self.log
            && let Err(error) = journal.sync()
        {
            self.lose_journal(&error, now);
        }
        let Waiting { findings, records, acks, .. } = std::mem::take(&mut self.waiting);
        let mut composed = Composed::default();
        for finding in findings {
            self.composer.compose(finding, now, &mut composed);
        }
        self.composer.look(now, &mut composed);
        self.unwritten.channels.extend(records);
        for firing in composed.firing {
            if firing.is_news {
                self.unwritten.firing.push((firing.topic.clone(), firing.payload.clone()));
            }
            self.outbox.set_firing(firing.topic, firing.payload);
        }
        composed.messages.retain(|message| self.outbox.fits(message, &self.ledger));
        for message in &mut composed.messages {
            if message.priority == Priority::Alert && self.told.is_some() {
                message.number = Some(self.number);
                self.unwritten.messages.push((self.number, stored(message)));
                self.number += 1;
            }
        }
        self.write(now);
        self.outbox.push(composed.messages, &self.ledger);
        acks.into_iter().for_each(Ack::done);
        let (messages, bytes) = self.outbox.size();
        self.vitals.set_outbox(messages, bytes);
        let is_over = self.outbox.is_idle() && !self.composer.storm.is_raging();
        self.look_at = (!is_over).then(|| now + LOOK);
        self.vitals.set_journal(if let Log::On(journal) = &self.log { journal.length() } else { 0 });
    }

    /// Writes what is to outlive the process; keeps it for another time if that fails.
    fn write(&mut self, now: Instant) {
        let Some(told) = &self.told else { return };
        let acknowledged = self.outbox.take_done();
        if !acknowledged.is_empty() {
            self.unwritten.done.extend(acknowledged);
            self.clean_up_at.get_or_insert(now + CLEAN_UP);
        }
        let tidy = self.clean_up_at.is_some_and(|at| at <= now);
        let news = !(self.unwritten.messages.is_empty() && self.unwritten.channels.is_empty());
        if self.retry_at.is_some_and(|at| at > now) {
            self.clean_up_at = None;
            return self.forget_what_is_over();
        }
        if !(news || tidy || self.retry_at.is_some()) {
            return;
        }
        match told.commit(&self.unwritten) {
            Ok(()) => {
                if self.retry_at.take().is_some() {
                    info!("alerts are written to disk again");
                    self.vitals.clear("outbox");
                }
                self.unwritten = Change::default();
                self.clean_up_at = None;
            }
            Err(error) => {
                if self.retry_at.is_none() {
                    error!("alerts cannot be written to disk and flow from memory: {error}");
                }
                self.vitals.problem("outbox", format!("alerts are kept in memory only: {error}"));
                self.retry_at = Some(now + RETRY);
                self.clean_up_at = None;
                self.forget_what_is_over();
            }
        }
    }

    /// While the disk is away: of each channel and alert only the newest counts, and messages that are gone need not be
    /// written at all.
    fn forget_what_is_over(&mut self) {
        let Change { messages, done, firing, channels } = &mut self.unwritten;
        if messages.len() + firing.len() + channels.len() < 1024 {
            return;
        }
        let over: std::collections::HashSet<u64> = done.iter().copied().collect();
        messages.retain(|(number, _)| !over.contains(number));
        let newest: BTreeMap<_, _> = std::mem::take(firing).into_iter().collect();
        *firing = newest.into_iter().collect();
        let newest: BTreeMap<_, _> =
            std::mem::take(channels).into_iter().map(|record| (record.key(), record)).collect();
        *channels = newest.into_values().collect();
    }

    fn begin_segment(&mut self, now: Instant) {
        let Some(disk) = &self.disk else { return };
        match Journal::begin(&**disk, self.segment) {
            Ok(journal) => {
                if self.vitals.clear("journal") {
                    info!(segment = self.segment, "the journal is written again");
                    // What was not journalled meanwhile is safe with the next checkpoint.
                    self.vitals.want_checkpoint();
                }
                self.log = Log::On(journal);
                self.segment += 1;
            }
            Err(error) => self.lose_journal(&error, now),
        }
    }

    fn lose_journal(&mut self, error: &io::Error, now: Instant) {
        if !self.vitals.problem("journal", format!("readings are not journalled: {error}")) {
            error!(
                "the journal cannot be written; until it can, readings since the last checkpoint are not safe: {error}"
            );
        }
        if let Log::On(journal) = &self.log {
            // They are acknowledged all the same.
            self.ledger.add(Count::Unjournalled, journal.unsynced());
        }
        self.log = Log::Failed { next_try: now + RETRY };
    }

    /// Ends the segment and begins another; the channels' state of now is newer than all before it. Returns its number,
    /// or that which the next one will have.
    pub(crate) fn rotate(&mut self, now: Instant) -> u64 {
        self.commit(now);
        if let Log::On(journal) = &self.log {
            if journal.is_empty() {
                return journal.segment();
            }
            self.begin_segment(now);
        }
        match &self.log {
            Log::On(journal) => journal.segment(),
            Log::Off | Log::Failed { .. } => self.segment,
        }
    }

    /// The agent stops, and messages wait to be acknowledged before it can: no more waiting for others.
    pub(crate) const fn hurry(&mut self) {
        self.sync_every = Duration::ZERO;
    }

    /// Enough for one commit.
    pub(crate) fn is_full(&self) -> bool {
        let bytes = if let Log::On(journal) = &self.log { journal.waiting() } else { 0 };
        self.waiting.acks.len() >= 2 * MANY_ACKS || bytes >= 4 * MANY_BYTES
    }

    /// The last commit; nothing is taken any more.
    pub(crate) fn finish(&mut self, now: Instant) {
        self.commit(now);
        if matches!(self.log, Log::Failed { .. }) {
            warn!("stopped without a journal: readings since the last checkpoint may be lost");
        }
        self.outbox.close();
    }

    /// Once the sender has ended: what it sent need not be sent again.
    pub(crate) fn clean_up(&mut self, now: Instant) {
        self.clean_up_at = Some(now);
        self.write(now);
    }
}

fn stored(message: &Outgoing) -> Message {
    Message { topic: message.topic.clone(), payload: message.payload.clone(), retain: message.retain }
}
