//! At the start: what the journal tells is repeated, told where that is still to be done, and stored.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tracing::{info, warn};

use crate::check::{ClockTrust, Plan};
use crate::clock::Clock;
use crate::commit::{Batch, Committer};
use crate::ledger::{Count, Ledger};
use crate::store::{Checkpoints, Store};
use crate::worker::Worker;

/// Channels at once on their way to the disk.
const CHUNK: usize = 64;

/// Repeats the journal, if there is one, from the state of the last checkpoints, and writes what came of it to both
/// generations.
///
/// # Errors
/// What the disk reports: the journal is left as it is.
pub(crate) fn recover(
    plan: &Arc<Plan>,
    store: &Store,
    committer: &mut Committer,
    checkpoints: &mut Checkpoints,
    ledger: &Ledger,
) -> io::Result<()> {
    // A ledger of its own: these channels are not followed yet, and their readings were counted before.
    let own = Arc::new(Ledger::default());
    // What is repeated was judged when it came in.
    let clock = Arc::new(Clock::new(ClockTrust::Trusted, own.clone()));
    let mut worker = Worker::new(plan.clone(), own.clone(), clock, Arc::new(store.restored()));
    worker.begin_round(checkpoints.call());
    let mut findings = Vec::new();
    store.replay(|entry| worker.replay(entry, &mut findings))?;
    for count in [Count::Replayed, Count::ReplayGaps, Count::NotReplayed] {
        ledger.add(count, own.get(count));
    }
    if own.get(Count::Replayed) == 0 {
        return Ok(());
    }
    let (steps, missing) = (own.get(Count::Replayed), own.get(Count::ReplayGaps));
    info!(
        steps,
        alerts = findings.len(),
        "what was learnt since the last checkpoint is repeated from the journal"
    );
    if missing > 0 {
        warn!(missing, "the journal has gaps: its disk was away for a while, or is damaged");
    }
    let now = Instant::now();
    let records = worker.told(&findings);
    committer.take(Batch { findings, records, ..Batch::default() }, now);
    let segment = committer.rotate(now);
    // Twice: for each generation.
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
