//! What became of everything that came in: nothing is lost without a name and a count.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tracing::warn;

use crate::decode::Refusal;

/// Names of counters: from one line an arm, its place in the ledger and its name in the health message.
macro_rules! counts {
    ($($(#[$doc:meta])* $arm:ident = $name:literal),+ $(,)?) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Count {
            $($(#[$doc])* $arm),+
        }

        impl Count {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$arm),+];

            /// The name in the health message.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$arm => $name),+ }
            }
        }
    };
}

counts! {
    /// Messages and frames that came in. Each is decoded, refused, a repeat, a command, retained, own, unmapped,
    /// returned or dropped.
    Messages = "messages",
    /// Messages whose payload was understood.
    Decoded = "messages_decoded",
    /// Messages refused; the reasons are counted beside.
    Refused = "messages_refused",
    /// Frames that a device sent twice.
    Repeated = "messages_repeated",
    /// Commands.
    Commands = "messages_commands",
    /// Retained messages delivered on subscribing: no new readings.
    Retained = "messages_retained",
    /// Brooklet's own messages, seen through a broad topic filter.
    Own = "messages_own",
    /// Messages of no configured stream.
    Unmapped = "messages_unmapped",
    /// QoS 1 messages given back to the broker because the queue stayed full; they come again.
    Returned = "messages_returned",
    /// QoS 0 messages lost because the queue stayed full.
    Dropped = "messages_dropped",
    /// Readings found in payloads. Each is used, late, a duplicate, .. or over the cap.
    Readings = "readings",
    /// Readings scored and learnt.
    Used = "readings_used",
    /// Readings with a time before that of the channel's last one.
    Late = "readings_late",
    /// Readings with the time of the channel's last one.
    Duplicate = "readings_duplicate",
    /// Readings from too far in the future.
    Future = "readings_future",
    /// Readings that are not finite numbers.
    NonFinite = "readings_non_finite",
    /// Readings of channels that no task covers.
    Unwatched = "readings_unwatched",
    /// Readings of new channels beyond the cap on channels.
    OverCap = "readings_over_cap",
    /// Frames that never came, as the sequence numbers tell.
    Lost = "frames_lost",
    /// Answers and pieces of models that nobody asked for, or not any more.
    Unasked = "frames_unasked",
    /// Frames for a device on a line that was full or gone; they are sent again.
    DownlinkDropped = "downlink_dropped",
    /// Alerts that started.
    Alerts = "alerts",
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
    /// Connections lost.
    Disconnects = "disconnects",
    /// Channels restored from the disk.
    Restored = "channels_restored",
    /// Stored channels that could not be restored.
    NotRestored = "channels_not_restored",
    /// Channels being learnt.
    Channels = "channels",
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
            Self::Late => "its time is before that of the reading before it",
            Self::Duplicate => "its time is that of the reading before it",
            Self::OverCap => "there are more channels than gateway.max_channels",
            Self::Unwatched => "no task covers this channel",
            _ => "it is counted",
        }
    }
}

/// Counters shared by all threads.
#[derive(Debug)]
pub struct Ledger {
    counts: [AtomicU64; Count::ALL.len()],
    /// Reasons come from the decoders; there are few of them.
    refusals: Mutex<BTreeMap<&'static str, u64>>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| AtomicU64::new(0)), refusals: Mutex::default() }
    }
}

/// A reading of all counters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Every counter by its name.
    #[serde(flatten)]
    pub counts: BTreeMap<&'static str, u64>,
    /// Refused messages by reason.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Ledger {
    /// Adds to a counter and returns what it was.
    pub fn add(&self, count: Count, n: u64) -> u64 {
        self.counts[count as usize].fetch_add(n, Ordering::Relaxed)
    }

    /// One counter now.
    #[must_use]
    pub fn get(&self, count: Count) -> u64 {
        self.counts[count as usize].load(Ordering::Relaxed)
    }

    /// Counts a refused message; returns how often that reason came before.
    pub fn refuse(&self, reason: &'static str) -> u64 {
        self.add(Count::Refused, 1);
        let mut refusals = match self.refusals.lock() {
            Ok(refusals) => refusals,
            Err(poisoned) => poisoned.into_inner(), // a count is never half done
        };
        let times = refusals.entry(reason).or_insert(0);
        *times += 1;
        *times - 1
    }

    /// Counts a message that is not understood, and says so at times.
    pub(crate) fn refuse_message(&self, source: &str, refusal: &Refusal) {
        let times = self.refuse(refusal.name()) + 1;
        // The first of each kind is worth a person's attention, and then each power of two.
        if times.is_power_of_two() {
            warn!(source, reason = refusal.name(), times, "message refused: {refusal}");
        }
    }

    /// All counters now.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let refused = match self.refusals.lock() {
            Ok(refusals) => refusals.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        };
        let counts = Count::ALL.iter().map(|count| (count.name(), self.get(*count))).collect();
        Totals { counts, refused }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_name() {
        let ledger = Ledger::default();
        ledger.add(Count::Used, 3);
        assert_eq!((ledger.refuse("not_json"), ledger.refuse("not_json")), (0, 1));
        let json = serde_json::to_value(ledger.totals()).unwrap();
        assert_eq!(
            (json["readings_used"].as_u64(), json["refused"]["not_json"].as_u64()),
            (Some(3), Some(2))
        );
        assert_eq!(json["messages_refused"], 2);
    }
}
