use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Forecast, Forecaster, Learner, Validate};

use super::errors::Errors;

/// A level and a slope that wander under noise, by Kalman's filter.
///
/// Formula: `y = l + noise`, `l' = l + b + step`, `b' = b + bend`; `level_ratio = var(step) / var(noise)`,
/// `slope_ratio = var(bend) / var(noise)`. Kalman's equations for two states, all variances in units of the noise's, whose own
/// variance is the mean of the squared errors in units of theirs. Forecast: `l + h b`, and with the states' variances `p`
/// `sd(h)² = noise (p_ll + 2 h p_lb + h² p_bb + h level_ratio + (h-1) h (2h-1) / 6 slope_ratio + 1)`.
///
/// For wear, fill levels, temperatures that drift: what [`TimeToLimit`](crate::prognose::TimeToLimit) takes by default. Far
/// ahead the band opens with the power 1.5 of the distance, as it should: slopes do not last.
/// The first two samples start it as an exact diffuse prior does; ready after the third.
///
/// `level_ratio`, `slope_ratio`: 0 to 1e6; slopes of sensors rarely need more than 0.01. Memory: 40 bytes. Cost: three
/// divisions. Input is limited to ±1e18.
/// ```
/// use brooklet_core::forecast::LocalLinearTrend;
/// use brooklet_core::traits::{Forecaster, Learner};
/// let mut fill = LocalLinearTrend::new(0.1, 0.001);
/// for y in [1.0, 2.0, 3.0, 4.0] { fill.learn_one(&y); }
/// assert!((fill.forecast(10).unwrap().value - 14.0).abs() < 1e-5);
/// ```
/// Source: A. C. Harvey: Forecasting, structural time series models and the Kalman filter, 1989,
/// doi:10.1017/CBO9781107049994. Checked against statsmodels' UnobservedComponents with the same variances.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocalLinearTrend {
    level_ratio: f32,
    slope_ratio: f32,
    level: f32,
    slope: f32,
    /// Of the level, of level and slope, of the slope; in units of the noise's variance.
    variances: [f32; 3],
    errors: Errors,
    seen: u8,
}

impl LocalLinearTrend {
    /// No variance goes beyond.
    const MOST: f32 = 1e7;

    /// Nothing learnt.
    #[must_use]
    pub const fn new(level_ratio: f32, slope_ratio: f32) -> Self {
        Self {
            level_ratio: math::clamp(level_ratio, 0.0, 1e6),
            slope_ratio: math::clamp(slope_ratio, 0.0, 1e6),
            level: 0.0,
            slope: 0.0,
            variances: [0.0; 3],
            errors: Errors::new(),
            seen: 0,
        }
    }

    /// Variance of the forecast's error in units of the noise's.
    #[must_use]
    pub fn relative_variance(&self, ahead: u16) -> f32 {
        let ([level, both, slope], h) = (self.variances, f32::from(ahead.max(1)));
        let bends = (h - 1.0) * h * (2.0 * h - 1.0) / 6.0;
        let states = math::max(level + h * (2.0 * both + h * slope), 0.0);
        states + h * self.level_ratio + bends * self.slope_ratio + 1.0
    }

    /// The slope a sample; `None` before the second.
    #[must_use]
    pub fn slope(&self) -> Option<f32> {
        (self.seen > 1).then_some(self.slope)
    }
}

impl Learner for LocalLinearTrend {
    type Input = f32;

    fn learn_one(&mut self, y: &f32) {
        let y = math::limit(*y);
        match self.seen {
            0 => (self.level, self.seen) = (y, 1),
            1 => {
                self.slope = math::limit(y - self.level);
                self.variances = [1.0, 1.0, 2.0 + self.level_ratio + self.slope_ratio];
                (self.level, self.seen) = (y, 2);
            }
            _ => {
                let [level, both, slope] = self.variances;
                // The bounds are those of a forged state; no sample leads to them.
                let level = math::max(level + 2.0 * both + slope + self.level_ratio, 0.0);
                let both = math::clamp(both + slope, -Self::MOST, Self::MOST);
                let slope = math::min(slope + self.slope_ratio, Self::MOST);
                let spread = 1.0 / (level + 1.0);
                let (level_gain, slope_gain) = (level * spread, both * spread);
                let expected = self.level + self.slope;
                let error = y - expected;
                self.level = math::limit(expected + level_gain * error);
                self.slope = math::limit(self.slope + slope_gain * error);
                // What p - k k' (p_ll + 1) comes to; the slope's must not fall below 0 by rounding.
                self.variances = [level_gain, slope_gain, math::max(slope - slope_gain * both, 0.0)];
                self.errors.learn(error * math::sqrt(spread));
            }
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.level_ratio, self.slope_ratio);
    }
}

impl Forecaster for LocalLinearTrend {
    fn forecast(&self, ahead: u16) -> Option<Forecast> {
        let sd = self.errors.sd()? * math::sqrt(self.relative_variance(ahead));
        Some(Forecast { value: self.level + f32::from(ahead.max(1)) * self.slope, sd })
    }
}

impl Validate for LocalLinearTrend {
    fn is_valid(&self) -> bool {
        let [level, both, slope] = self.variances;
        (0.0..=1e6).contains(&self.level_ratio)
            && (0.0..=1e6).contains(&self.slope_ratio)
            && math::abs(self.level) <= math::LIMIT
            && math::abs(self.slope) <= math::LIMIT
            && (0.0..=1.0).contains(&level)
            // Below 0 it could make a variance negative; learning never does.
            && (0.0..=Self::MOST).contains(&both)
            && (0.0..=Self::MOST).contains(&slope)
            && self.errors.is_valid()
            && self.seen <= 2
    }
}
