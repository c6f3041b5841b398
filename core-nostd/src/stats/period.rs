use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// The sampling period, from the times of the samples.
///
/// Formula: the exponentially weighted mean (weight 0.02) of positive steps, one step counting as at most eight
/// periods, so that a gap does not look like a slow sensor. Times that stand still or go back are passed over.
///
/// Memory: 24 bytes. Cost: two multiplications.
/// ```
/// use brooklet_core::stats::Period;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut period = Period::new();
/// for i in 0..10 { period.learn_one(&Some(i * 1000)); }
/// assert_eq!(period.value(), Some(1000.0));
/// ```
/// Source: as [`EwMean`](super::EwMean). Checked by hand-worked cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Period {
    last: Option<i64>,
    period: f32,
}

impl Period {
    /// Milliseconds taken where samples carry no time: five minutes.
    pub const UNKNOWN: f32 = 300_000.0;
    const ALPHA: f32 = 0.02;
    const LONGEST_STEP: f32 = 8.0;
    /// Beyond that nobody knows how many there would have been.
    const MOST_MISSING: f32 = 1e6;
    /// A century: no sensor is slower.
    const MAX: f32 = 3.2e12;

    /// Nothing known.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None, period: 0.0 }
    }

    /// Milliseconds between samples, or [`Period::UNKNOWN`].
    #[must_use]
    pub const fn or_unknown(&self) -> f32 {
        if self.period > 0.0 { self.period } else { Self::UNKNOWN }
    }

    /// Samples that are missing between the last one and one at this time; 0 if that is not known.
    pub(crate) fn missing(&self, time: Option<i64>) -> u32 {
        let (Some(last), Some(time)) = (self.last, time) else { return 0 };
        let step = time.saturating_sub(last) as f32;
        if self.period <= 0.0 || step < 1.5 * self.period {
            return 0;
        }
        math::min(step / self.period - 0.5, Self::MOST_MISSING) as u32
    }
}

impl Learner for Period {
    /// Milliseconds since 1970-01-01, if known.
    type Input = Option<i64>;

    fn learn_one(&mut self, time: &Option<i64>) {
        let Some(time) = *time else { return };
        if let Some(last) = self.last
            && time > last
        {
            let step = math::min(time.saturating_sub(last) as f32, Self::MAX);
            self.period = if self.period > 0.0 {
                let step = math::min(step, Self::LONGEST_STEP * self.period);
                self.period + Self::ALPHA * (step - self.period)
            } else {
                step
            };
        }
        self.last = Some(time);
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Statistic for Period {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        (self.period > 0.0).then_some(self.period)
    }
}

impl Validate for Period {
    fn is_valid(&self) -> bool {
        (0.0..=Self::MAX).contains(&self.period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_and_a_clock_that_jumps_move_it_little() {
        let mut period = Period::new();
        for i in 0..100 {
            period.learn_one(&Some(i * 1000));
        }
        period.learn_one(&Some(i64::MAX));
        period.learn_one(&Some(i64::MIN));
        period.learn_one(&Some(i64::MIN + 1000));
        assert_eq!(
            [Some(99_000 + 1400), Some(99_000 + 1600), Some(0), None].map(|t| Period {
                last: Some(99_000),
                period: 1000.0
            }
            .missing(t)),
            [0, 1, 0, 0]
        );
        assert!((1000.0..1200.0).contains(&period.or_unknown()) && period.is_valid());
    }
}
