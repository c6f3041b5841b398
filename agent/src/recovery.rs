//! At the start: what an earlier run left is taken up. What the journal tells is repeated, told where that is still to be done, and stored.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::check::{Durability, Plan};
use crate::commit::{Batch, Committer, Parts};
use crate::ledger::{Count, Ledger};
use crate::reading::{ChannelId, DeviceId};
use crate::sink::Topics;
use crate::sink::compose::Composer;
use crate::sink::outbox::{Outbox, Outgoing};
use crate::store::{Checkpoints, Restored, Store, Vitals};
use crate::storm::{self, Storm};
use crate::worker::Worker;

/// Channels at once on their way to the disk.
const CHUNK: usize = 64;

/// What is kept, and what keeps it.
pub(crate) struct State {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) committer: Committer,
    pub(crate) checkpoints: Option<Checkpoints>,
    pub(crate) restored: Arc<Restored>,
}

impl State {
    /// Takes up what an earlier run left in the store, if there is one.
    pub(crate) fn take_up(
        plan: &Arc<Plan>,
        store: Option<Store>,
        topics: &Topics,
        lines: Vec<mpsc::Sender<Vec<u8>>>,
        ledger: &Arc<Ledger>,
    ) -> io::Result<Self> {
        let gateway = &plan.gateway;
        let disk = store.as_ref().map(|store| store.disk.clone());
        let vitals = Arc::new(Vitals::new(disk.clone(), gateway.card_endurance));
        let outbox = Arc::new(Outbox::new(gateway.outbox_bytes, plan.broker.max_packet_bytes));
        let mut storm = Storm::new(plan.alert.most_a_minute);
        let mut number = 0;
        let mut segment = 0;
        // Alerts that were open under another name of this gateway.
        let mut foreign = Vec::new();
        if let Some(store) = &store {
            let left = store.left.messages.iter().map(|(number, message)| Outgoing::left(*number, message));
            outbox.push(left, ledger);
            let (device, channel) = (DeviceId(storm::DEVICE.into()), ChannelId(storm::CHANNEL.into()));
            let of_storm = topics.alert(&device, &channel);
            let base = format!("{}/", topics.base());
            for (topic, payload) in &store.left.firing {
                if !topic.starts_with(&base) {
                    foreign.push(topic.clone());
                    continue;
                }
                if *topic == of_storm {
                    storm.resume(payload, Instant::now());
                }
                outbox.set_firing(topic.clone(), Some(payload.clone()));
            }
            number = store.left.messages.last().map_or(0, |(number, _)| number + 1);
            let marked = store.marks.iter().map(|mark| mark.segment).max().unwrap_or(0);
            segment = store.segments()?.last().map_or(0, |last| last + 1).max(marked);
        }
        let restored = Arc::new(store.as_ref().map(Store::restored).unwrap_or_default());
        let journal = disk.clone().filter(|_| gateway.durability == Durability::Journal);
        let told = store.as_ref().map(|store| store.told.clone());
        let parts = Parts {
            disk: journal,
            segment,
            told,
            number,
            composer: Composer {
                topics: topics.clone(),
                events: plan.publish.events,
                storm,
                ledger: ledger.clone(),
            },
            outbox: outbox.clone(),
            lines,
            ledger: ledger.clone(),
            vitals: vitals.clone(),
            sync_every: gateway.sync,
        };
        let mut committer = Committer::new(parts, Instant::now());
        foreign.into_iter().for_each(|topic| committer.retract(topic));
        let mut checkpoints = store.as_ref().map(|store| {
            let (models, marks) = (store.models.clone(), store.marks);
            let (every, budget) = (gateway.checkpoint, gateway.checkpoint_bytes_a_day);
            Checkpoints::new(store.disk.clone(), models, vitals.clone(), marks, every, budget)
        });
        if let (Some(store), Some(checkpoints)) = (&store, &mut checkpoints) {
            recover(plan, store, &mut committer, checkpoints, ledger)?;
        }
        Ok(Self { outbox, vitals, committer, checkpoints, restored })
    }
}

/// Repeats the journal, if there is one, from the state of the last checkpoints, and writes what came of it to both
/// generations.
///
/// # Errors
/// What the disk reports: the journal is left as it is.
fn recover(
    plan: &Arc<Plan>,
    store: &Store,
    committer: &mut Committer,
    checkpoints: &mut Checkpoints,
    ledger: &Ledger,
) -> io::Result<()> {
    // A ledger of its own: these channels are not followed yet, and their readings were counted before.
    let own = Arc::new(Ledger::default());
    // What is repeated was judged when it came in.
    let mut worker = Worker::new(plan.clone(), own.clone(), Arc::default(), Arc::new(store.restored()));
    worker.begin_round(checkpoints.call());
    let mut findings = Vec::new();
    store.replay(|entry| worker.replay(entry, &mut findings))?;
    for count in [Count::Replayed, Count::ReplayGaps, Count::NotReplayed, Count::NotRestored] {
        ledger.add(count, own.get(count));
    }
    let [steps, missing, passed] =
        [Count::Replayed, Count::ReplayGaps, Count::NotReplayed].map(|count| own.get(count));
    if steps + passed == 0 {
        return Ok(());
    }
    info!(
        steps,
        alerts = findings.len(),
        "what was learnt since the last checkpoint is repeated from the journal"
    );
    if missing > 0 {
        warn!(missing, "the journal has gaps: its disk was away for a while, or is damaged");
    }
    if passed > 0 {
        warn!(
            passed,
            "the journal tells of channels that this configuration does not watch, or has no room for: these steps are \
             not learnt"
        );
    }
    let now = Instant::now();
    let records = worker.told(&findings);
    committer.take(Batch { findings, records, ..Batch::default() }, now);
    let segment = committer.rotate(now);
    // What this version cannot use is about to be written over.
    checkpoints.set_aside(worker.take_refused());
    // Twice, for each generation: then nobody needs this journal. Left there, it would be taken for the journal of steps
    // that are done with the same numbers from now on.
    for _ in 0..2 {
        checkpoints.begin(segment);
        worker.begin_round(checkpoints.call());
        loop {
            let records = worker.next_records(CHUNK);
            if records.is_empty() {
                break;
            }
            checkpoints.save(&records);
        }
        checkpoints.finish();
    }
    checkpoints.failure().map_or(Ok(()), |failure| Err(io::Error::other(failure)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests;
