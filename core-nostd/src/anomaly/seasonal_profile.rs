use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Moment;
use crate::stats::{EwMeanVar, Period};
use crate::traits::{Learner, Validate};
use crate::window::MovingMean;

const SLOTS: usize = 96;
/// Milliseconds.
const HALF_HOUR: u32 = 1_800_000;
/// In units of 1024 ms.
const WEEK: u32 = 7 * 48 * HALF_HOUR / 1024;

/// A slot, and the usual value there if it was ever visited.
#[derive(Clone, Copy)]
pub(super) struct Place {
    slot: usize,
    pub(super) expected: Option<f32>,
}

/// What a value usually is at this half hour of a weekday, or of a weekend day.
///
/// Formula: slot mean with weight `max(1/count, 1/(10 visits))`, a visit being the samples of one half hour, so about
/// ten days of that slot; score = |mean of the last 6 residuals| / deviation of the values over `HORIZON` samples.
///
/// For anything with a daily or weekly cycle. Slots never visited and values without a time are silent.
///
/// `HORIZON`: 1..=2^24, in samples. Memory: 648 bytes, the largest part of it the 96 slots. Cost: four divisions to learn;
/// a root and a division to score.
/// ```
/// use brooklet_core::{anomaly::SeasonalProfile, sample::Moment, stats::Period, traits::Learner};
/// let mut profile = SeasonalProfile::<5000>::new();
/// let half_hourly = |i: i64| (if i % 48 < 24 { 10.0 } else { 20.0 }, Some(i * 1_800_000));
/// for i in 0..480 {
///     let (value, time) = half_hourly(i);
///     profile.learn_one(&Moment::new(value, time).unwrap());
/// }
/// assert_eq!(profile.expected(Some(480 * 1_800_000)), Some(10.0));
/// ```
/// Source: Brooklet's own. Checked as a part of [`DefaultDetector`](super::DefaultDetector).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeasonalProfile<const HORIZON: u32> {
    #[serde(with = "crate::array")]
    means: [f32; SLOTS],
    #[serde(with = "crate::array")]
    counts: [u16; SLOTS],
    residual: MovingMean<6>,
    values: EwMeanVar<HORIZON>,
    period: Period,
}

impl<const HORIZON: u32> SeasonalProfile<HORIZON> {
    /// Days that a slot remembers.
    const DAYS: f32 = 10.0;

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            means: [0.0; SLOTS],
            counts: [0; SLOTS],
            residual: MovingMean::new(),
            values: EwMeanVar::new(),
            period: Period::new(),
        }
    }

    /// 0 to 47 on weekdays, 48 to 95 at the weekend.
    fn slot(time: i64) -> usize {
        // A week is 590,625 times 1024 ms, so that for all but forged times 32 bits are enough: 64 are slow to divide.
        let (of_1024, rest) = (time >> 10, time as u32 & 0x3ff);
        let of_1024 = match u32::try_from(of_1024) {
            Ok(few) => few % WEEK,
            Err(_) => of_1024.rem_euclid(i64::from(WEEK)) as u32,
        };
        let half_hour = ((of_1024 << 10) | rest) / HALF_HOUR;
        // 1970-01-01 was a Thursday: from there on the weekend begins after two days, and lasts two.
        let day = half_hour / 48;
        let of_day = half_hour.wrapping_sub(day.wrapping_mul(48)) as usize;
        if day == 2 || day == 3 { of_day.saturating_add(SLOTS / 2) } else { of_day }
    }

    /// Where a time belongs in the profile; `None` without one.
    pub(super) fn place(&self, time: Option<i64>) -> Option<Place> {
        let slot = Self::slot(time?);
        let visited = *self.counts.get(slot)? > 0;
        Some(Place { slot, expected: if visited { self.means.get(slot).copied() } else { None } })
    }

    /// The usual value at that time; `None` where nothing was seen yet.
    #[must_use]
    pub fn expected(&self, time: Option<i64>) -> Option<f32> {
        self.place(time)?.expected
    }

    /// Mean of the last six residuals with that of `x` as the newest, signed, in units of the value.
    #[must_use]
    pub fn deviation(&self, x: &Moment) -> Option<f32> {
        Some(self.deviation_from(x, self.expected(x.time())?))
    }

    pub(super) fn deviation_from(&self, x: &Moment, expected: f32) -> f32 {
        self.residual.mean_with(math::limit(x.value()) - expected)
    }

    /// The size of [`deviation`](Self::deviation) in deviations of the values.
    #[must_use]
    pub fn score(&self, x: &Moment) -> Option<f32> {
        Some(self.score_of(self.deviation(x)?))
    }

    pub(super) fn score_of(&self, deviation: f32) -> f32 {
        math::abs(deviation) / self.values.sd()
    }

    /// Samples that are missing before one of that time.
    pub(super) fn missing(&self, time: Option<i64>) -> u32 {
        self.period.missing(time)
    }

    /// Mean and deviation of the values.
    pub(super) const fn values(&self) -> &EwMeanVar<HORIZON> {
        &self.values
    }

    /// Learns; the slots at `rate` (0 to 1) of their usual speed.
    pub fn learn_at_rate(&mut self, x: &Moment, rate: f32) {
        self.learn_at(x, self.place(x.time()), rate);
    }

    /// As [`learn_at_rate`](Self::learn_at_rate), with the place of `x`.
    pub(super) fn learn_at(&mut self, x: &Moment, place: Option<Place>, rate: f32) {
        let value = math::limit(x.value());
        self.period.learn_one(&x.time());
        self.values.learn_one(&value);
        let Some(Place { slot, expected }) = place else { return };
        if let Some(expected) = expected {
            self.residual.learn_one(&(value - expected));
        }
        if let (Some(mean), Some(count)) = (self.means.get_mut(slot), self.counts.get_mut(slot)) {
            *count = count.saturating_add(1);
            let visit = math::max(HALF_HOUR as f32 / self.period.or_unknown(), 1.0);
            let rate = if *count > 1 { rate } else { 1.0 };
            let alpha = 1.0 / math::min(f32::from(*count), Self::DAYS * visit);
            *mean += rate * alpha * (value - *mean);
        }
    }
}

impl<const HORIZON: u32> Learner for SeasonalProfile<HORIZON> {
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        self.learn_at_rate(x, 1.0);
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const HORIZON: u32> Validate for SeasonalProfile<HORIZON> {
    fn is_valid(&self) -> bool {
        self.means.iter().all(|m| math::abs(*m) <= 2.0 * math::LIMIT)
            && self.residual.is_valid()
            && self.values.is_valid()
            && self.period.is_valid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    const DAY: i64 = 86_400_000;

    #[test]
    fn slots_are_those_of_the_calendar() {
        let mut rng = Rng::new(1);
        let any = (0..100_000).map(|_| rng.next_u64() as i64 >> (rng.next_u64() % 64));
        let near = (-1000..1000).flat_map(|half_hour| [0, 1, -1].map(|ms| half_hour * 1_800_000 + ms));
        for time in any.chain(near).chain([i64::MIN, i64::MAX, (1 << 42) - 1, 1 << 42]) {
            let weekday = (time.div_euclid(DAY) + 3).rem_euclid(7);
            let half_hour = time.rem_euclid(DAY) as usize / 1_800_000;
            let slot = half_hour + if weekday >= 5 { 48 } else { 0 };
            assert_eq!(SeasonalProfile::<1>::slot(time), slot, "{time}");
        }
    }

    #[test]
    fn slots_by_half_hour_and_weekend() {
        let slot = SeasonalProfile::<1>::slot;
        assert_eq!(slot(0), 0); // Thursday, midnight
        assert_eq!(slot(2 * DAY - 1), 47); // Friday, last half hour
        assert_eq!(slot(2 * DAY), 48); // Saturday
        assert_eq!(slot(4 * DAY), 0); // Monday
        assert_eq!(slot(-DAY), 0); // Wednesday
        assert!(slot(i64::MIN) < SLOTS && slot(i64::MAX) < SLOTS);
    }
}
