//! What became of everything that came in: nothing is lost without a name and a count.
//!
//! The names carry the rule: `messages` came in, and each has met one fate called `messages_..`; the same with `readings`.
//! A new fate is one line in the list below, and [`Totals::missing`] counts it in.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::budget::Budgets;
use crate::decode::{Readings, Refusal};
use crate::siblings::Siblings;

/// Bytes of a text that came from outside and is kept to be shown.
const SHOWN: usize = 256;

/// Names of what is counted or gauged: from one line an arm, its place in the ledger and its name in the status.
macro_rules! names {
    ($(#[$about:meta])* $kind:ident: $($(#[$doc:meta])* $arm:ident = $name:literal),+ $(,)?) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $kind {
            $($(#[$doc])* $arm),+
        }

        impl $kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$arm),+];

            /// The name in the status.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$arm => $name),+ }
            }
        }
    };
}

names! {
    /// What is so now, and may be otherwise later.
    Gauge:
    /// 1 while the broker has confirmed the subscriptions.
    Receiving = "receiving",
    /// 1 while the connection that publishes is up.
    Publishing = "publishing",
    /// Workers that publish fewer scores because readings come too fast.
    ThinScores = "thin_scores",
    /// Workers among them that pass over readings.
    SkipLearning = "skip_learning",
    /// Workers among them that refuse new channels.
    RefuseNew = "refuse_new",
}

names! {
    /// What is counted.
    Count:
    /// Messages and frames that came in.
    Messages = "messages",
    /// Messages whose payload was understood.
    Decoded = "messages_decoded",
    /// Messages refused; the reasons are counted beside.
    Refused = "messages_refused",
    /// Frames that a device sent twice, and commands that the broker sent again.
    Repeated = "messages_repeated",
    /// Commands.
    Commands = "messages_commands",
    /// Retained messages delivered on subscribing: no new readings.
    Retained = "messages_retained",
    /// Brooklet's own messages, seen through a broad topic filter.
    Own = "messages_own",
    /// Messages of no configured stream: an earlier configuration subscribed to them, and the broker kept that.
    Unmapped = "messages_unmapped",
    /// QoS 1 messages given back to the broker because the queue stayed full; they come again.
    Returned = "messages_returned",
    /// QoS 0 messages lost because the queue stayed full.
    Dropped = "messages_dropped",
    /// Readings found in payloads.
    Readings = "readings",
    /// Readings that are held until older ones cannot come any more: a gauge. Stands before what becomes of them: see
    /// [`Ledger::totals`].
    Held = "readings_held",
    /// Readings scored and learnt.
    Used = "readings_used",
    /// Readings with a time behind the channel's watermark.
    Late = "readings_late",
    /// Readings with a time that the channel's last one, or one that is held, has.
    Duplicate = "readings_duplicate",
    /// Readings from too far in the future.
    Future = "readings_future",
    /// Readings from too far in the past.
    Past = "readings_past",
    /// Readings that are not finite numbers.
    NonFinite = "readings_non_finite",
    /// Readings of channels that no task covers.
    Unwatched = "readings_unwatched",
    /// Readings of new channels beyond the cap on channels.
    OverCap = "readings_over_cap",
    /// Readings beyond what one device may send.
    Flooded = "readings_flooded",
    /// Readings passed over because the agent is overloaded.
    Skipped = "readings_skipped",
    /// Readings of new channels while the agent is overloaded.
    Deferred = "readings_deferred",
    /// Times that a late reading found its place: it was used, after one that came before it was held.
    Reordered = "times_reordered",
    /// Times that a device's clock was set back and followed.
    Reset = "times_reset",
    /// Readings used at the time of their arrival, because their own could not be.
    Replaced = "times_replaced",
    /// Times that this machine's clock was set.
    ClockJumps = "clock_jumps",
    /// Readings whose learner panicked, and those that came while it was not there.
    Failed = "readings_failed",
    /// Learners that panicked.
    Panics = "panics",
    /// Frames that never came, as the sequence numbers tell.
    Lost = "frames_lost",
    /// Answers and pieces of models that nobody asked for, or not any more.
    Unasked = "frames_unasked",
    /// Frames for a device on a line that was full or gone; they are sent again.
    DownlinkDropped = "downlink_dropped",
    /// Alerts that started.
    Alerts = "alerts",
    /// Beginnings and ends of alerts without an event of their own, because of a storm.
    HeldBack = "events_held_back",
    /// Channels of silent devices that made room; they come back from the store.
    Evicted = "channels_evicted",
    /// Messages for the broker dropped because the outbox was full.
    OutboxDropped = "outbox_dropped",
    /// Changes of alerts among them.
    OutboxDroppedAlerts = "outbox_dropped_alerts",
    /// What changed channels while the journal could not be written.
    Unjournalled = "steps_unjournalled",
    /// What the journal told at the start, and was repeated.
    Replayed = "steps_replayed",
    /// What the journal should have told and did not.
    ReplayGaps = "steps_missing",
    /// What the journal told of channels that are not followed any more.
    NotReplayed = "steps_not_replayed",
    /// Messages longer than mqtt.max_packet_bytes, or than the broker takes.
    OutboxTooLong = "outbox_too_long",
    /// Messages that the broker refused; it says so with MQTT 5 only.
    OutboxRefused = "outbox_refused",
    /// Times that the broker confirmed the subscriptions.
    Subscribed = "subscriptions",
    /// Sessions that the broker was to keep and did not: messages may have been lost meanwhile.
    SessionsLost = "sessions_lost",
    /// Connections lost.
    Disconnects = "disconnects",
    /// Channels restored from the disk.
    Restored = "channels_restored",
    /// Stored channels that could not be restored.
    NotRestored = "channels_not_restored",
    /// Channels being learnt.
    Channels = "channels",
    /// Rows of devices whose channels are judged together, scored and learnt.
    Rows = "rows_used",
    /// Such rows for which there was no room to learn them.
    RowsOverCap = "rows_over_cap",
    /// Such rows that came while their learner, which panicked, was not there.
    RowsFailed = "rows_failed",
    /// Models of channels that are judged together: a gauge, as the next one.
    JointModels = "joint_models",
    /// Bytes that they take.
    JointBytes = "joint_bytes",
}

impl Count {
    /// What a person can do about readings that are not learnt.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Future => {
                "its time lies ahead of this machine's clock: is the clock right, and does the sender give a time zone? \
                 gateway.max_future_seconds sets how far is too far"
            }
            Self::Past => {
                "its time lies behind this machine's clock: is the sender's clock right? For recordings set \
                 gateway.max_past_seconds = 0, which takes any; otherwise it sets how far is too far"
            }
            Self::Late => {
                "its time is before that of readings that are learnt already: gateway.max_lateness_seconds sets how long \
                 these may wait for it at most"
            }
            Self::Duplicate => "another reading of this channel has its time",
            Self::OverCap => {
                "there are more channels than gateway.max_channels or gateway.memory_mib allow; silent ones make room after \
                 gateway.evict_after_seconds"
            }
            Self::Flooded => "the device sends more than gateway.device_readings_per_second allow for long",
            Self::Skipped => "readings come faster than they can be learnt: see `brooklet status`",
            Self::Deferred => "no new channels while readings come faster than they can be learnt",
            Self::Unwatched => "no task covers this channel",
            _ => "it is counted",
        }
    }
}

/// What a person has to mend; shown in the status message for as long as it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// The broker refuses a subscription.
    Subscription,
    /// Another client has this one's id.
    ClientId,
    /// A message that is too long comes again for ever.
    TooLong,
    /// The broker remembers subscriptions that nobody made in this run.
    OldSubscription,
}

/// Counters shared by all threads.
#[derive(Debug)]
pub struct Ledger {
    counts: [AtomicU64; Count::ALL.len()],
    gauges: [AtomicU64; Gauge::ALL.len()],
    /// Reasons come from the decoders; there are few of them.
    refusals: Mutex<Refusals>,
    problems: Mutex<BTreeMap<Problem, String>>,
    /// Which channels use their budget of alerts up.
    pub budgets: Budgets,
    /// What new channels may start from.
    pub siblings: Siblings,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            gauges: Default::default(),
            refusals: Mutex::default(),
            problems: Mutex::default(),
            budgets: Budgets::default(),
            siblings: Siblings::default(),
        }
    }
}

#[derive(Debug, Default)]
struct Refusals {
    times: BTreeMap<&'static str, u64>,
    samples: BTreeMap<&'static str, Sample>,
}

/// A name of the list above.
type Key = Cow<'static, str>;

/// A reading of all counters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Refused messages by reason.
    pub refused: BTreeMap<Key, u64>,
    /// Every counter by its name.
    #[serde(flatten)]
    pub counts: BTreeMap<Key, u64>,
}

/// What came in and has not met its fate yet: zero when nothing is under way, below zero never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Messages without a fate.
    pub messages: i64,
    /// Readings without a fate.
    pub readings: i64,
    /// Refused messages without a reason.
    pub reasons: i64,
}

impl Totals {
    /// One count; 0 if there is none of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    /// What became of `messages` or `readings`.
    pub fn fates<'a>(&'a self, of: &str) -> impl Iterator<Item = (&'a str, u64)> {
        let prefix = format!("{of}_");
        self.counts.iter().filter_map(move |(name, n)| Some((name.strip_prefix(&*prefix)?, *n)))
    }

    /// The one rule that nothing is lost: what came in less what met a fate.
    #[must_use]
    pub fn missing(&self) -> Missing {
        let less = |n: u64, fates: u64| i64::try_from(n).unwrap_or(i64::MAX).saturating_sub_unsigned(fates);
        let of = |name| less(self.get(name), self.fates(name).map(|(_, n)| n).sum());
        let reasons = less(self.get(Count::Refused.name()), self.refused.values().sum());
        Missing { messages: of(Count::Messages.name()), readings: of(Count::Readings.name()), reasons }
    }
}

/// A message that was not understood, as far as it can be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Its topic, or the line's name.
    pub source: String,
    /// The beginning of its payload; what is not printable is escaped.
    pub payload: String,
    /// The payload's length in bytes, as far as it was read.
    pub bytes: usize,
    /// What was wrong with it.
    pub why: String,
}

impl Ledger {
    /// Adds to a counter and returns what it was.
    pub fn add(&self, count: Count, n: u64) -> u64 {
        self.counts[count as usize].fetch_add(n, Ordering::Release)
    }

    /// One counter now.
    #[must_use]
    pub fn get(&self, count: Count) -> u64 {
        self.counts[count as usize].load(Ordering::Acquire)
    }

    /// Sets a gauge.
    pub(crate) fn set(&self, gauge: Gauge, value: u64) {
        self.gauges[gauge as usize].store(value, Ordering::Relaxed);
    }

    /// Moves a gauge up or down by one.
    pub(crate) fn move_by_one(&self, gauge: Gauge, up: bool) {
        let by = if up { 1 } else { 1u64.wrapping_neg() };
        self.gauges[gauge as usize].fetch_add(by, Ordering::Relaxed);
    }

    /// A gauge now.
    #[must_use]
    pub fn gauge(&self, gauge: Gauge) -> u64 {
        self.gauges[gauge as usize].load(Ordering::Relaxed)
    }

    /// Counts a message that is not understood; at times says so, and keeps it to be shown.
    pub(crate) fn refuse_message(&self, source: &str, payload: &[u8], refusal: &Refusal) {
        let reason = refusal.name();
        let mut refusals = self.refusals();
        // The reason first: a reading of the counters finds no refusal without one.
        let times = *refusals.times.entry(reason).and_modify(|times| *times += 1).or_insert(1);
        self.add(Count::Refused, 1);
        // The first of each kind is worth a person's attention, and then each power of two.
        if times.is_power_of_two() {
            let sample = Sample::of(source, payload, refusal);
            warn!(
                source = sample.source,
                reason,
                times,
                payload = sample.payload,
                "message refused: {refusal}"
            );
            refusals.samples.insert(reason, sample);
        }
    }

    /// Counts a message that was understood and the readings in it.
    pub(crate) fn decoded(&self, source: &str, payload: &[u8], readings: &Readings) {
        self.add(Count::Decoded, 1);
        let non_finite = u64::from(readings.non_finite());
        self.add(Count::Readings, readings.len() as u64 + non_finite);
        if non_finite == 0 {
            return;
        }
        let before = self.add(Count::NonFinite, non_finite);
        if before == 0 || before.ilog2() < (before + non_finite).ilog2() {
            let sample = Sample::of(source, payload, &Refusal::NonFinite);
            let (times, name) = (before + non_finite, Count::NonFinite.name());
            warn!(
                source = sample.source,
                times,
                payload = sample.payload,
                "not learnt, {name}; the others are"
            );
            self.refusals().samples.insert(Refusal::NonFinite.name(), sample);
        }
    }

    /// A message of each kind that was not understood, or not as a whole, by reason: not the newest, one that is in the log.
    #[must_use]
    pub fn samples(&self) -> BTreeMap<String, Sample> {
        self.refusals().samples.iter().map(|(reason, one)| ((*reason).to_owned(), one.clone())).collect()
    }

    /// There is this problem, in words for the person who can mend it.
    pub fn problem(&self, problem: Problem, words: String) {
        self.lock_problems().insert(problem, words);
    }

    /// There is no such problem any more.
    pub fn solved(&self, problem: Problem) {
        self.lock_problems().remove(&problem);
    }

    /// The problems there are now.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        self.lock_problems().values().cloned().collect()
    }

    fn lock_problems(&self) -> MutexGuard<'_, BTreeMap<Problem, String>> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All counters now.
    #[must_use]
    pub fn totals(&self) -> Totals {
        // Fates stand behind what came in, and are read before it: under way is never less than nothing. Reasons come
        // last: each is counted before its message.
        let counts: BTreeMap<Key, u64> =
            Count::ALL.iter().rev().map(|count| (count.name().into(), self.get(*count))).collect();
        let refused: BTreeMap<Key, u64> =
            self.refusals().times.iter().map(|(reason, times)| ((*reason).into(), *times)).collect();
        Totals { refused, counts }
    }

    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        // A count is never half done.
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sample {
    fn of(source: &str, payload: &[u8], refusal: &Refusal) -> Self {
        let (source, bytes) = (shown(source.as_bytes()), payload.len());
        Self { source, payload: shown(payload), bytes, why: refusal.to_string() }
    }
}

/// The beginning of a text in at most [`SHOWN`] bytes: nothing in it moves a cursor, breaks a line or ends a quote.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        let whole = chunk.valid().chars().map(|c| c.escape_debug().to_string());
        let broken = chunk.invalid().iter().map(|byte| byte.escape_ascii().to_string());
        for piece in whole.chain(broken) {
            if text.len() + piece.len() > SHOWN {
                return text;
            }
            text.push_str(&piece);
        }
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where it fails")]
mod tests {
    use super::*;
    use crate::decode::Decoder;

    #[test]
    fn counts_by_name() {
        let ledger = Ledger::default();
        ledger.add(Count::Used, 3);
        for _ in 0..2 {
            ledger.refuse_message("a", b"x", &Refusal::NotANumber);
        }
        let json = serde_json::to_value(ledger.totals()).unwrap();
        assert_eq!(
            (json["readings_used"].as_u64(), json["refused"]["not_a_number"].as_u64()),
            (Some(3), Some(2))
        );
        assert_eq!(json["messages_refused"], 2);
        assert_eq!(serde_json::from_value::<Totals>(json).unwrap(), ledger.totals());
    }

    #[test]
    fn each_message_and_reading_has_one_fate_or_is_missing() {
        let ledger = Ledger::default();
        ledger.add(Count::Messages, 10);
        ledger.add(Count::Readings, 20);
        // Every fate there is, by its name.
        for count in Count::ALL.iter().filter(|count| count.name().contains('_')) {
            let before = ledger.totals().missing();
            ledger.add(*count, 1);
            let (missing, name) = (ledger.totals().missing(), count.name());
            assert_eq!(
                before.messages - missing.messages,
                i64::from(name.starts_with("messages_")),
                "{name}"
            );
            assert_eq!(
                before.readings - missing.readings,
                i64::from(name.starts_with("readings_")),
                "{name}"
            );
        }
        assert_eq!(ledger.totals().missing().reasons, 1, "a refusal without a reason");
        ledger.refuse_message("a", b"x", &Refusal::Empty);
        assert_eq!(ledger.totals().missing().reasons, 1);
    }

    #[test]
    fn a_sample_of_what_is_refused_is_kept_short_and_harmless() {
        let ledger = Ledger::default();
        let payload = [b"\x1b[31m\nred \xff\"q\" \xc2\xb0\xe2\x80\xae".as_slice(), &[b'x'; 70_000]].concat();
        for source in ["a", "b", "c"] {
            ledger.refuse_message(source, &payload, &Refusal::Empty);
        }
        let samples = ledger.samples();
        assert_eq!(samples.len(), 1);
        let sample = &samples["empty"];
        assert_eq!((sample.source.as_str(), sample.bytes), ("b", payload.len()), "the second, as in the log");
        assert!(
            sample.payload.starts_with(r#"\u{1b}[31m\nred \xff\"q\" °\u{202e}xxx"#),
            "{}",
            sample.payload
        );
        assert!(sample.payload.len() <= 256 && shown(&[0xff; 1000]).len() <= 256);
    }

    #[test]
    fn numbers_that_are_not_finite_are_readings_and_their_message_is_kept() {
        let (ledger, mut out) = (Ledger::default(), Readings::new());
        let payload = br#"{"a":NaN,"b":1,"c":1e999}"#;
        Decoder::Auto.decode(payload, &mut out).unwrap();
        ledger.decoded("pump", payload, &out);
        assert_eq!(
            [Count::Decoded, Count::Readings, Count::NonFinite].map(|count| ledger.get(count)),
            [1, 3, 2]
        );
        assert_eq!(ledger.samples()["non_finite"].source, "pump");
        assert_eq!(ledger.totals().missing().readings, 1, "the finite one is to be learnt");
    }
}
