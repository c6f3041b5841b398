use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Forecast, Forecaster, Learner, Validate};

use super::errors::Errors;

/// A level that wanders under noise, by Kalman's filter.
///
/// Formula: `y = l + noise`, `l' = l + step`, `ratio = var(step) / var(noise)`. With `p` the variance of the level in units
/// of the noise's: `p = p + ratio`, gain `k = p / (p + 1)`, `l += k (y - l)`, `p = k`. The noise's variance itself is the mean
/// of `(y - l)² / (p + 1)`. Forecast: `l`, `sd(h)² = noise (p + h ratio + 1)`.
///
/// Exponential smoothing that begins quickly and knows its own uncertainty. For channels without cycle and trend.
/// The first sample starts it as an exact diffuse prior does; ready after the second.
///
/// `ratio`: 0 (a constant) to 1e6 (a random walk without noise). Memory: 24 bytes. Cost: two divisions. Input is limited
/// to ±1e18.
/// ```
/// use brooklet_core::forecast::LocalLevel;
/// use brooklet_core::traits::{Forecaster, Learner};
/// let mut level = LocalLevel::new(0.0); // a constant: the plain mean
/// for y in [1.0, 2.0, 3.0, 6.0] { level.learn_one(&y); }
/// assert!((level.forecast(1).unwrap().value - 3.0).abs() < 1e-6);
/// ```
/// Source: A. C. Harvey: Forecasting, structural time series models and the Kalman filter, 1989,
/// doi:10.1017/CBO9781107049994. Checked against statsmodels' UnobservedComponents with the same variances.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalLevel {
    ratio: f32,
    level: f32,
    /// Variance of the level in units of the noise's; 0 before the first sample.
    variance: f32,
    errors: Errors,
    seen: bool,
}

impl LocalLevel {
    /// Nothing learnt.
    #[must_use]
    pub const fn new(ratio: f32) -> Self {
        let ratio = math::clamp(ratio, 0.0, 1e6);
        Self { ratio, level: 0.0, variance: 0.0, errors: Errors::new(), seen: false }
    }

    /// Variance of the forecast's error in units of the noise's.
    #[must_use]
    pub fn relative_variance(&self, ahead: u16) -> f32 {
        self.variance + f32::from(ahead.max(1)) * self.ratio + 1.0
    }
}

impl Learner for LocalLevel {
    type Input = f32;

    fn learn_one(&mut self, y: &f32) {
        let y = math::limit(*y);
        if !self.seen {
            (self.level, self.variance, self.seen) = (y, 1.0, true);
            return;
        }
        let variance = self.variance + self.ratio;
        let (gain, error) = (variance / (variance + 1.0), y - self.level);
        self.level = math::limit(self.level + gain * error);
        self.variance = gain;
        self.errors.learn(error / math::sqrt(variance + 1.0));
    }

    fn reset(&mut self) {
        *self = Self::new(self.ratio);
    }
}

impl Forecaster for LocalLevel {
    fn forecast(&self, ahead: u16) -> Option<Forecast> {
        let sd = self.errors.sd()? * math::sqrt(self.relative_variance(ahead));
        Some(Forecast { value: self.level, sd })
    }
}

impl Validate for LocalLevel {
    fn is_valid(&self) -> bool {
        (0.0..=1e6).contains(&self.ratio)
            && math::abs(self.level) <= math::LIMIT
            && (0.0..=1.0).contains(&self.variance)
            && self.errors.is_valid()
    }
}
