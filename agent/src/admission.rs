//! How much one device may send: a bucket that leaks, so that a device gone wild does not take the time of all others.

use crate::reading::Timestamp;

/// So many seconds' worth of readings may come at once: what a device kept while the line was down is no flood.
const BURST_SECONDS: f64 = 600.0;

/// A device's bucket: each reading fills it by one, time empties it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Bucket {
    level: f64,
    /// When the last reading came in.
    pub(crate) heard: Option<Timestamp>,
}

impl Bucket {
    /// Takes a reading that came in now, or says that there is no room for it; `rate`: readings a second that may come
    /// for ever.
    pub(crate) fn take(&mut self, rate: u32, now: Timestamp) -> bool {
        let rate = f64::from(rate);
        // A clock that is set back empties nothing.
        let passed = self.heard.map_or(0, |heard| now.0.saturating_sub(heard.0).max(0));
        self.heard = Some(now);
        self.level = (self.level - passed as f64 / 1000.0 * rate).max(0.0);
        let fits = self.level + 1.0 <= rate * BURST_SECONDS;
        if fits {
            self.level += 1.0;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_worth_may_come_at_once_and_then_the_rate() {
        let mut bucket = Bucket::default();
        let taken = |bucket: &mut Bucket, n: usize, now: i64| {
            (0..n).filter(|_| bucket.take(2, Timestamp(now))).count()
        };
        assert_eq!(taken(&mut bucket, 2000, 0), 1200);
        assert_eq!(taken(&mut bucket, 100, 10_000), 20);
        // Set back, and on again: nothing is gained by it.
        assert_eq!(taken(&mut bucket, 100, -5000), 0);
        assert_eq!(taken(&mut bucket, 100, -4000), 2);
        // A long silence gains no more than a full bucket.
        assert_eq!(taken(&mut bucket, 5000, 1_000_000_000), 1200);
    }
}
