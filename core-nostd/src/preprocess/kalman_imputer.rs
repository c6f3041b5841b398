use serde::{Deserialize, Serialize};

use super::Filled;
use crate::math;
use crate::traits::{Learner, Transformer, Validate};

/// A missing value is taken to be what a Kalman filter of level and trend expects.
///
/// Formula: `level' = level + trend`, both with noise; a measured value corrects both by their shares of the surprise.
/// Variances are in units of the measurement's, which then needs no setting. The first value measured is the first
/// level, with the variance of a measurement; the trend starts at 0 with the same.
///
/// Smooths what [`LinearImputer`](super::LinearImputer) takes at face value, and widens its mind the longer a gap lasts,
/// so that the first value after it counts fully. The trend goes on through a gap however long.
///
/// `level`, `trend`: variance of the level's and the trend's steps by that of the measurement, 1e-9..=1e6; 0.1 and 0.001
/// suit a sensor that moves slowly. Memory: 32 bytes. Cost: two divisions, some 20 operations. Input and output are
/// limited to ±1e18.
/// ```
/// use brooklet_core::preprocess::KalmanImputer;
/// use brooklet_core::traits::{Learner, Transformer};
/// let mut imputer = KalmanImputer::new(0.1, 0.001);
/// for i in 0..200u16 { imputer.learn_one(&(i % 10 > 0).then(|| 3.0 + 0.5 * f32::from(i))); }
/// assert!((imputer.transform_one(&None).unwrap().value - 103.0).abs() < 0.01);
/// ```
/// Source: A. C. Harvey, Forecasting, structural time series models and the Kalman filter, 1989,
/// doi:10.1017/CBO9781107049994. Checked against statsmodels' local linear trend.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KalmanImputer {
    level_noise: f32,
    trend_noise: f32,
    known: bool,
    level: f32,
    trend: f32,
    /// Covariance of level and trend: both levels, one each, both trends.
    p: [f32; 3],
}

impl KalmanImputer {
    /// From here on a gap's length makes no difference; squares stay finite.
    const VAGUE: f32 = 1e12;
    /// No variance goes beyond.
    const MOST: f32 = 1e14;

    /// Nothing seen.
    #[must_use]
    pub const fn new(level: f32, trend: f32) -> Self {
        let (level_noise, trend_noise) = (math::clamp(level, 1e-9, 1e6), math::clamp(trend, 1e-9, 1e6));
        Self { level_noise, trend_noise, known: false, level: 0.0, trend: 0.0, p: [1.0, 0.0, 1.0] }
    }

    /// The level expected for the next sample.
    fn next(&self) -> f32 {
        math::limit(self.level + self.trend)
    }
}

impl Learner for KalmanImputer {
    type Input = Option<f32>;

    fn learn_one(&mut self, x: &Option<f32>) {
        let x = x.map(math::limit);
        if !self.known {
            if let Some(x) = x {
                (self.level, self.known) = (x, true);
            }
            return;
        }
        self.level = self.next();
        let [mut a, mut b, mut c] = self.p;
        if a < Self::VAGUE {
            // The bounds are those of a forged state; no sample leads to them.
            a = math::clamp(a + 2.0 * b + c + self.level_noise, 0.0, Self::MOST);
            b = math::clamp(b + c, -Self::MOST, Self::MOST);
            c = math::min(c + self.trend_noise, Self::MOST);
        }
        if let Some(x) = x {
            let surprise = x - self.level;
            let (gain, trend_gain) = (a / (a + 1.0), b / (a + 1.0));
            self.level = math::limit(self.level + gain * surprise);
            self.trend = math::limit(self.trend + trend_gain * surprise);
            // (1 - gain) a, without the difference.
            (a, b, c) = (gain, trend_gain, math::max(c - trend_gain * b, 0.0));
        }
        self.p = [a, b, c];
    }

    fn reset(&mut self) {
        *self = Self::new(self.level_noise, self.trend_noise);
    }
}

impl Transformer for KalmanImputer {
    type Output = Filled;

    fn transform_one(&self, x: &Option<f32>) -> Option<Filled> {
        Filled::or_else(*x, || self.known.then(|| self.next()))
    }
}

impl Validate for KalmanImputer {
    fn is_valid(&self) -> bool {
        let (settings, [a, b, c]) = (1e-9..=1e6, self.p);
        settings.contains(&self.level_noise)
            && settings.contains(&self.trend_noise)
            && math::abs(self.level) <= math::LIMIT
            && math::abs(self.trend) <= math::LIMIT
            && (0.0..=Self::MOST).contains(&a)
            && (0.0..=Self::MOST).contains(&c)
            && math::abs(b) <= Self::MOST
    }
}
