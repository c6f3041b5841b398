//! This machine's clock: whether it is known to be set, and whether it was set just now.
//!
//! A board without a battery boots in the past: in 1970, or when it was switched off. Until its clock is set it says
//! nothing about a reading, and a reading without a time of its own has none.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;
use tracing::{info, warn};

use crate::check::ClockTrust;
use crate::ledger::{Count, Ledger};
use crate::reading::Timestamp;

/// 2026-11-01, when this version was made: a clock that stands before it is wrong.
const MADE: Timestamp = Timestamp(1_793_491_200_000);
/// A clock that goes on this far from where it should be was set, and not only kept in step.
const JUMP: i64 = 2000;
/// A clock that was kept by a battery is as near as this, in milliseconds.
const NEAR: i64 = 60_000;
/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Where systemd-timesyncd is, if it runs, and says that it has set the clock.
const TIMESYNC: (&str, &str) = ("/run/systemd/timesync", "/run/systemd/timesync/synchronized");
/// Seconds since 1970 by the clock with the battery, if there is one.
const BATTERY: &str = "/sys/class/rtc/rtc0/since_epoch";

/// What the system says about its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Evidence {
    /// Whether it was set from the network; `None` if nobody says so.
    synchronised: Option<bool>,
    /// The clock with the battery.
    battery: Option<Timestamp>,
}

impl Evidence {
    fn now() -> Self {
        let (running, done) = TIMESYNC;
        let synchronised = Path::new(running).exists().then(|| Path::new(done).exists());
        let seconds = std::fs::read_to_string(BATTERY).ok().and_then(|text| text.trim().parse::<i64>().ok());
        Self { synchronised, battery: seconds.map(|seconds| Timestamp(seconds.saturating_mul(1000))) }
    }

    /// Whether a clock that stands at `now` is known to be set. Where nobody sets it that we know of, it is believed.
    fn is_set(self, now: Timestamp) -> bool {
        let agrees = |battery: Timestamp| battery.0.saturating_sub(now.0).saturating_abs() <= NEAR;
        now >= MADE && (self.synchronised != Some(false) || self.battery.is_some_and(agrees))
    }
}

/// Finds jumps: a clock that is set goes on elsewhere than one that only counts.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// Where the wall's clock stood when the other began.
    origin: Option<i64>,
}

impl Pace {
    /// By how many milliseconds the clock was set since the last look, forward or back.
    fn look(&mut self, wall: Timestamp, steady: Duration) -> Option<i64> {
        let steady = i64::try_from(steady.as_millis()).unwrap_or(i64::MAX);
        let origin = wall.0.saturating_sub(steady);
        // What drifts slowly is followed.
        let before = self.origin.replace(origin)?;
        let jump = origin.saturating_sub(before);
        (jump.saturating_abs() > JUMP).then_some(jump)
    }
}

/// This machine's clock, as all threads see it.
#[derive(Debug)]
pub struct Clock {
    trust: ClockTrust,
    ledger: Arc<Ledger>,
    set: AtomicBool,
    seen: Mutex<Seen>,
}

impl Default for Clock {
    /// One that is believed.
    fn default() -> Self {
        Self::new(ClockTrust::Trusted, Arc::default())
    }
}

/// What the status says of the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// It is known to be set.
    pub set: bool,
    /// That it is not, unless that is how it shall be.
    pub problems: BTreeMap<&'static str, &'static str>,
}

#[derive(Debug)]
struct Seen {
    started: Instant,
    next: Duration,
    pace: Pace,
}

impl Clock {
    /// Looks at the clock for the first time.
    #[must_use]
    pub fn new(trust: ClockTrust, ledger: Arc<Ledger>) -> Self {
        let seen = Seen { started: Instant::now(), next: EVERY, pace: Pace::default() };
        let clock = Self { trust, ledger, set: AtomicBool::new(true), seen: Mutex::new(seen) };
        let (now, evidence) = (Timestamp::now(), Evidence::now());
        if !clock.judge(now, evidence) {
            warn!(%now, "this machine's clock is not known to be set: {}", match trust {
                ClockTrust::Auto => "until it is, readings are not judged by it; gateway.clock says otherwise",
                ClockTrust::Trusted | ClockTrust::Untrusted => "gateway.clock says so",
            });
        }
        clock
    }

    /// Whether it is known to be set. Looks once a second, if it is asked.
    pub fn is_set(&self) -> bool {
        // Who looks just now looks for all.
        if let Ok(mut seen) = self.seen.try_lock() {
            let steady = seen.started.elapsed();
            if steady >= seen.next {
                seen.next = steady.saturating_add(EVERY);
                self.look(&mut seen.pace, Timestamp::now(), steady, Evidence::now());
            }
        }
        self.set.load(Ordering::Relaxed)
    }

    /// How it is, for the status.
    #[must_use]
    pub fn report(&self) -> Report {
        let set = self.is_set();
        let wrong = (!set && self.trust == ClockTrust::Auto).then_some((
            "clock",
            "not known to be set: is there a time server? gateway.clock says what it is worth",
        ));
        Report { set, problems: wrong.into_iter().collect() }
    }

    fn look(&self, pace: &mut Pace, now: Timestamp, steady: Duration, evidence: Evidence) {
        if let Some(jump) = pace.look(now, steady) {
            self.ledger.add(Count::ClockJumps, 1);
            let seconds = jump / 1000;
            warn!(%now, seconds, "this machine's clock was set, or it slept; readings without a time go on at the new one");
        }
        let before = self.set.load(Ordering::Relaxed);
        match (before, self.judge(now, evidence)) {
            (false, true) => info!(%now, "this machine's clock is set"),
            (true, false) => warn!(%now, "this machine's clock is not known to be set any more"),
            _ => {}
        }
    }

    fn judge(&self, now: Timestamp, evidence: Evidence) -> bool {
        let set = match self.trust {
            ClockTrust::Auto => evidence.is_set(now),
            ClockTrust::Trusted => true,
            ClockTrust::Untrusted => false,
        };
        self.set.store(set, Ordering::Relaxed);
        set
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(MADE.0 + 86_400_000);

    #[test]
    fn a_clock_is_set_unless_something_says_that_it_is_not() {
        let day = 86_400_000;
        for (now, synchronised, battery, set) in [
            (NOW, None, None, true),
            (NOW, Some(true), None, true),
            (NOW, Some(false), None, false),
            // No network, but a battery.
            (NOW, Some(false), Some(Timestamp(NOW.0 + 900)), true),
            // A clock whose battery is missing begins in 1970, or stood still.
            (NOW, Some(false), Some(Timestamp(5_000)), false),
            (NOW, Some(false), Some(Timestamp(NOW.0 - day)), false),
            // Whatever is said: this version was not made yet.
            (Timestamp(5_000), Some(true), Some(Timestamp(5_000)), false),
            (Timestamp(MADE.0 - day), None, None, false),
        ] {
            assert_eq!(
                Evidence { synchronised, battery }.is_set(now),
                set,
                "{now} {synchronised:?} {battery:?}"
            );
        }
    }

    #[test]
    fn a_clock_that_is_set_is_told_from_one_that_drifts() {
        let mut pace = Pace::default();
        let mut look = |wall: i64, seconds: u64| pace.look(Timestamp(wall), Duration::from_secs(seconds));
        assert_eq!(look(1_000_000, 10), None);
        // A second in ten thousand, for a day: never a jump.
        assert!((1..86_400).all(|i| look(1_000_000 + i * 1000 + i / 10, 10 + i.unsigned_abs()).is_none()));
        assert_eq!(look(0, 86_410), Some(-87_408_639));
        assert_eq!(look(1000, 86_411), None);
        assert!(look(i64::MIN, 86_412).is_some() && look(i64::MAX, 86_413).is_some());
    }

    #[test]
    fn a_board_without_a_battery_is_believed_once_its_clock_is_set() {
        let ledger = Arc::new(Ledger::default());
        let clock = Clock::new(ClockTrust::Auto, ledger.clone());
        let (mut pace, waits) = (Pace::default(), Evidence { synchronised: Some(false), battery: None });
        let mut look = |now: i64, seconds, evidence| {
            clock.look(&mut pace, Timestamp(now), Duration::from_secs(seconds), evidence);
            (clock.set.load(Ordering::Relaxed), ledger.get(Count::ClockJumps))
        };
        assert_eq!(look(5_000, 0, waits), (false, 0));
        assert_eq!(look(6_000, 1, waits), (false, 0));
        assert_eq!(look(NOW.0, 2, Evidence { synchronised: Some(true), ..waits }), (true, 1));
        for (trust, set) in [(ClockTrust::Trusted, true), (ClockTrust::Untrusted, false)] {
            assert_eq!(Clock::new(trust, Arc::default()).is_set(), set);
        }
    }
}
