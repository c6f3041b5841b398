use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Moment;
use crate::stats::{EwMeanVar, Period};
use crate::traits::{Learner, Validate};
use crate::window::MovingMean;

const SLOTS: usize = 96;
const DAY: i64 = 86_400_000;
const HALF_HOUR: i64 = 1_800_000;

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

    fn slot(time: i64) -> usize {
        // 1970-01-01 was a Thursday: 0 is Monday, 5 and 6 are the weekend.
        let weekday = time.div_euclid(DAY).saturating_add(3).rem_euclid(7);
        let half_hour = (time.rem_euclid(DAY) / HALF_HOUR) as usize;
        if weekday >= 5 { half_hour.saturating_add(SLOTS / 2) } else { half_hour }
    }

    /// The usual value at that time; `None` where nothing was seen yet.
    #[must_use]
    pub fn expected(&self, time: Option<i64>) -> Option<f32> {
        let slot = Self::slot(time?);
        if *self.counts.get(slot)? == 0 { None } else { self.means.get(slot).copied() }
    }

    /// Mean of the last six residuals with that of `x` as the newest, signed, in units of the value.
    #[must_use]
    pub fn deviation(&self, x: &Moment) -> Option<f32> {
        Some(self.residual.mean_with(math::limit(x.value()) - self.expected(x.time())?))
    }

    /// The size of [`deviation`](Self::deviation) in deviations of the values.
    #[must_use]
    pub fn score(&self, x: &Moment) -> Option<f32> {
        Some(math::abs(self.deviation(x)?) / self.values.sd())
    }

    /// Learns; the slots at `rate` (0 to 1) of their usual speed.
    pub fn learn_at_rate(&mut self, x: &Moment, rate: f32) {
        let value = math::limit(x.value());
        self.period.learn_one(&x.time());
        self.values.learn_one(&value);
        let Some(time) = x.time() else { return };
        if let Some(expected) = self.expected(Some(time)) {
            self.residual.learn_one(&(value - expected));
        }
        let slot = Self::slot(time);
        if let (Some(mean), Some(count)) = (self.means.get_mut(slot), self.counts.get_mut(slot)) {
            *count = count.saturating_add(1);
            let visit = math::max(HALF_HOUR as f32 / self.period.or_unknown(), 1.0);
            let rate = if *count > 1 { rate } else { 1.0 };
            let alpha = math::max(1.0 / f32::from(*count), 1.0 / (Self::DAYS * visit));
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
