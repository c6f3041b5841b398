//! Is every thread alive? Each shows its pulse; systemd is told as long as all do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tracing::{debug, error, warn};

/// Between two beats of a thread that has nothing to do.
const REST: Duration = Duration::from_secs(1);
/// A thread without a pulse for so long hangs. A worn card may hold up a sync for half a minute.
const DEAD: Duration = Duration::from_secs(90);

/// The pulses of all threads.
#[derive(Clone, Debug)]
pub struct Pulses {
    started: Instant,
    all: Arc<Mutex<Vec<Named>>>,
}

/// A thread's name and its last beat, in milliseconds since the start.
type Named = (String, Arc<AtomicU64>);

/// The pulse of one thread.
#[derive(Clone, Debug)]
pub(crate) struct Pulse {
    started: Instant,
    last: Arc<AtomicU64>,
}

impl Pulses {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), all: Arc::default() }
    }

    /// A pulse for a thread that begins now.
    pub(crate) fn add(&self, name: &str) -> Pulse {
        let pulse = Pulse { started: self.started, last: Arc::default() };
        pulse.beat();
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push((name.to_owned(), pulse.last.clone()));
        pulse
    }

    /// The threads that have not shown a pulse for so long.
    fn without(&self, dead: Duration) -> Vec<String> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = millis(self.started.elapsed().saturating_sub(dead));
        let silent = all.iter().filter(|(_, last)| last.load(Ordering::Relaxed) < earliest);
        silent.map(|(name, _)| name.clone()).collect()
    }

    /// Tells systemd, if it started this process, that the agent is ready, and from then on that it lives; for ever. It
    /// does not say so of an agent in which a thread hangs: systemd then starts it anew.
    pub async fn watch(self) {
        notify(&[NotifyState::Ready]);
        let Some(limit) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
        debug!(?limit, "systemd watches");
        let mut beat = tokio::time::interval((limit / 3).max(Duration::from_millis(10)));
        loop {
            beat.tick().await;
            let silent = self.without(DEAD.min(limit));
            if silent.is_empty() {
                notify(&[NotifyState::Watchdog]);
            } else {
                error!(?silent, "these threads hang; systemd will start the agent anew");
            }
        }
    }

    /// Tells systemd that the agent stops.
    pub fn stopping() {
        notify(&[NotifyState::Stopping]);
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(problem) = sd_notify::notify(state) {
        warn!("systemd does not hear: {problem}");
    }
}

impl Pulse {
    pub(crate) fn beat(&self) {
        self.last.store(millis(self.started.elapsed()), Ordering::Relaxed);
    }

    /// Beats for as long as its thread's runtime gets its turn.
    pub(crate) async fn beat_on(self) {
        let mut rest = tokio::time::interval(REST);
        loop {
            rest.tick().await;
            self.beat();
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_shows_no_pulse_is_named() {
        let pulses = Pulses { started: Instant::now() - Duration::from_secs(100), ..Pulses::new() };
        let (busy, hung) = (pulses.add("busy"), pulses.add("hung"));
        assert!(pulses.without(DEAD).is_empty());
        hung.last.store(5_000, Ordering::Relaxed);
        busy.beat();
        assert_eq!(pulses.without(DEAD), ["hung"]);
    }
}
