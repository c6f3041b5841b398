//! A simulated sensor: the same readings on every board and on the host.

use core::f32::consts::TAU;
use core::ops::Range;

use brooklet_core::math;
use brooklet_core::rng::Rng;
use brooklet_core::sample::Moment;

/// Readings a day: one in five minutes.
pub const DAY: u32 = 288;
/// The readings for which the level is shifted: the first fault.
pub const SHIFTED: Range<u32> = 2000..2100;
/// The readings for which the sensor says what it said before: the second fault.
pub const STUCK: Range<u32> = 2500..2700;

/// 2026-01-01, in milliseconds since 1970-01-01.
const START: i64 = 1_767_225_600_000;
const FIVE_MINUTES: i64 = 300_000;

/// A temperature in a room: a daily cycle with noise, later two faults. Endless.
///
/// Memory: 24 bytes.
/// ```
/// use brooklet_firmware::signal::Signal;
/// let first = Signal::new(1).next().unwrap();
/// assert!((18.0..24.0).contains(&first.value()));
/// assert_eq!(first.time(), Some(1_767_225_600_000));
/// ```
#[derive(Clone, Debug)]
pub struct Signal {
    rng: Rng,
    index: u32,
    last: f32,
}

impl Signal {
    /// From the first reading.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), index: 0, last: 21.0 }
    }
}

impl Iterator for Signal {
    type Item = Moment;

    fn next(&mut self) -> Option<Moment> {
        let phase = (self.index % DAY) as f32 / DAY as f32;
        let shift = if SHIFTED.contains(&self.index) { 4.0 } else { 0.0 };
        let value = 21.0 + 1.5 * math::sin(TAU * phase) + 0.2 * self.rng.normal() + shift;
        if !STUCK.contains(&self.index) {
            self.last = value;
        }
        let time = START + i64::from(self.index) * FIVE_MINUTES;
        self.index = self.index.saturating_add(1);
        Moment::new(self.last, Some(time))
    }
}
