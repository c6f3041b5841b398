//! What of a worker outlives it: entries for the journal, records for the store; and how a channel goes on after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::{error, warn};

use super::{Finding, Origin, Worker};
use crate::alert::Change;
use crate::device::Op;
use crate::joint;
use crate::ledger::Count;
use crate::reading::{ChannelId, DeviceId, Timestamp};
use crate::store::journal::Entry;
use crate::store::{Call, Record};

/// A channel whose learner panicked so often rests until the agent is started anew.
pub(super) const MOST_PANICS: u32 = 3;

/// So many steps are not made to wait for others: a few hundred kilobytes.
const MANY_ENTRIES: usize = 2048;

impl Worker {
    /// Gives up a channel whose learner panicked: it goes on from its checkpoint and the journal, a few times. `held`: how
    /// many readings waited before.
    pub(super) fn fail(&mut self, names: (DeviceId, ChannelId), op: &Op, held: usize) {
        let (device, channel) = &names;
        let known = self.devices.get_mut(&device.0).and_then(|known| known.remove(&channel.0));
        if let Some(group) = known.filter(|known| known.members().is_some()) {
            self.close_group(group.size());
        } else {
            self.ledger.add(Count::Channels, 1u64.wrapping_neg());
        }
        let held = held as u64;
        self.ledger.add(Count::Held, held.wrapping_neg());
        self.ledger.add(Count::Failed, held);
        self.holding.remove(&names);
        let times = self.failed.entry(names.clone()).or_default();
        *times += 1;
        let times = *times;
        error!(%device, %channel, times, ?op, "a learner panicked; its channel goes on from its last checkpoint: please report this");
        self.ledger.add(Count::Panics, 1);
        if times < MOST_PANICS {
            self.suspended.push(names);
        }
    }

    /// Channels whose learners panicked, and that wait for [`resume`](Self::resume).
    #[must_use]
    pub(crate) const fn has_suspended(&self) -> bool {
        !self.suspended.is_empty()
    }

    /// Takes up the channels whose learners panicked as they were before: from their checkpoints, and from a journal on
    /// disk that has all that was done with them.
    pub(crate) fn resume(&mut self, findings: &mut Vec<Finding>) {
        let suspended = std::mem::take(&mut self.suspended);
        if self.entries.is_none() {
            return;
        }
        let restored = self.restored.clone();
        restored.replay(|entry| {
            let is_it = |(device, channel): &(DeviceId, ChannelId)| {
                device.0 == entry.device && channel.0 == entry.channel
            };
            if suspended.iter().any(is_it) {
                self.replay(entry, findings);
            }
        });
    }

    /// What changed channels takes so much memory that it should be taken.
    pub(crate) fn has_many_entries(&self) -> bool {
        self.entries.as_ref().is_some_and(|entries| entries.len() >= MANY_ENTRIES)
    }

    /// What changed channels since the last call.
    pub(crate) fn take_entries(&mut self) -> Vec<Entry> {
        self.entries.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Repeats what a journal tells, unless the channel is past it already.
    pub(crate) fn replay(&mut self, entry: Entry, findings: &mut Vec<Finding>) {
        let Entry { device, channel, source, step, op } = entry;
        // Not heard yet in this run, and so silent from now on.
        let now = Timestamp::now();
        let device = DeviceId(device);
        let position = self.sources.iter().position(|name| *name == source);
        let from = position.map(|position| Origin { position, device: &device, received: now });
        let is_open = from.is_some_and(|from| match joint::group(&channel) {
            Some(_) => self.open_for_replay(from, &channel, &op),
            None => self.make_sure(from, &channel).is_ok(),
        });
        if !is_open {
            self.ledger.add(Count::NotReplayed, 1);
            return;
        }
        let known = self.devices.get_mut(&device.0).and_then(|known| known.channel_mut(&channel));
        let Some((device, channel)) = known else { return };
        if step <= channel.steps() {
            return;
        }
        let missing = step - channel.steps() - 1;
        if missing > 0 {
            self.ledger.add(Count::ReplayGaps, missing);
            channel.skip_to(step);
        }
        self.ledger.add(Count::Replayed, 1);
        let (round, before, members) = (self.round, channel.held(), channel.size());
        let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| channel.apply(device, &op, round))) else {
            let names = (device.clone(), channel.name().clone());
            return self.fail(names, &op, before);
        };
        let after = channel.size();
        // What its checkpoint held was counted when it was restored: so is what is held now.
        let more = (channel.held() as u64).wrapping_sub(before as u64);
        self.ledger.add(Count::Readings, more);
        self.ledger.add(Count::Held, more);
        if channel.held() > 0 {
            self.holding.insert((device.clone(), channel.name().clone()));
        } else if !self.holding.is_empty() {
            self.holding.remove(&(device.clone(), channel.name().clone()));
        }
        if members != after {
            self.note_growth(members, after);
        }
        findings.extend(outcome.changes().map(|(change, alert)| Finding::Alert(change, alert)));
    }

    /// The channels whose alerts began or ended, or whose models came from their devices, as they are now: what is told
    /// must not be forgotten.
    #[must_use]
    pub fn told(&mut self, findings: &[Finding]) -> Vec<Record> {
        let mut tellers = Vec::new();
        for finding in findings {
            let teller = match finding {
                Finding::Alert(Change::Fired | Change::Resolved, alert) => (&alert.device, &alert.channel),
                Finding::Model { device, channel, .. } => (device, channel),
                _ => continue,
            };
            if !tellers.contains(&teller) {
                tellers.push(teller);
            }
        }
        let mut records = Vec::new();
        for (device, channel) in tellers {
            let known = self.devices.get_mut(&device.0).and_then(|known| known.channel_mut(&channel.0));
            if let Some(Ok(saved)) = known.map(|(_, channel)| channel.save()) {
                records.push(Record { device: device.clone(), channel: channel.clone(), saved });
            }
        }
        records
    }

    /// Stored states that could not be used, to be kept.
    pub(crate) fn take_refused(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.refused)
    }

    /// A round of checkpoints begins: notes the channels that are due. The last one may still be under way; what it lacks
    /// is due in this one.
    pub(crate) fn begin_round(&mut self, call: Call) {
        self.round = call.round;
        self.kept_since = call.since_either();
        self.note_changes(call.since());
    }

    /// As [`begin_round`](Self::begin_round), for the end: notes what either file lacks.
    pub(crate) fn begin_last_round(&mut self, call: Call) {
        self.note_changes(call.since_either());
    }

    pub(super) fn note_changes(&mut self, since: u64) {
        self.unsaved.clear();
        for device in self.devices.values_mut() {
            let (id, channels) = device.channels_mut();
            let due = channels.filter(|channel| channel.changed_since(since));
            self.unsaved.extend(due.map(|channel| (id.clone(), channel.name().clone())));
        }
    }

    /// Some of the round's channels as they are now; none once all were there.
    pub(crate) fn next_records(&mut self, most: usize) -> Vec<Record> {
        let mut records = Vec::new();
        while records.len() < most
            && let Some((device, channel)) = self.unsaved.pop()
        {
            let Some(known) = self.devices.get_mut(&device.0) else { continue };
            let position = known.position();
            match known.channel_mut(&channel.0).map(|(_, channel)| channel.save()) {
                Some(Ok(saved)) => {
                    self.offer(position, &device, &channel, &saved);
                    records.push(Record { device, channel, saved });
                }
                Some(Err(error)) => warn!(%device, %channel, "not saved: {error}"),
                None => {}
            }
        }
        records
    }
}
