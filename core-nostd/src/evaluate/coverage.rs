use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// A forecast's band.
/// ```
/// use brooklet_core::evaluate::{Band, Coverage};
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut coverage = Coverage::new(0.9, 1.0);
/// coverage.learn_one(&(Band { low: 1.0, high: 3.0 }, 3.0)); // the ends belong to it
/// assert_eq!(coverage.value(), Some(1.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// Lower end; finite.
    pub low: f32,
    /// Upper end; finite.
    pub high: f32,
}

/// How often the answer lies in its band, and how wide the bands are, older ones fading.
///
/// Formula: faded means as in [`MeanLoss`](super::MeanLoss), of `low <= y <= high`, of `high - low`, and of the interval
/// score `high - low + 2 / (1 - level) * (distance of y from the band)`, which is least for the band that is as narrow
/// as its level allows.
///
/// `level`: the share that the band is meant to hold, 0 to 0.9999. `fading`: 0 to 1. Memory: 24 bytes. Cost: a division.
/// ```
/// use brooklet_core::evaluate::{Band, Coverage};
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut coverage = Coverage::new(0.9, 1.0);
/// for y in [1.0, 2.0, 3.0, 5.0] { coverage.learn_one(&(Band { low: 0.0, high: 4.0 }, y)); }
/// assert_eq!((coverage.value(), coverage.width()), (Some(0.75), Some(4.0)));
/// ```
/// Source: Gneiting, Raftery: Strictly proper scoring rules, 2007, doi:10.1198/016214506000001437. Checked against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    level: f32,
    fading: f32,
    n: f32,
    inside: f32,
    width: f32,
    score: f32,
}

impl Coverage {
    /// Nothing seen.
    #[must_use]
    pub const fn new(level: f32, fading: f32) -> Self {
        let (level, fading) = (math::clamp(level, 0.0, 0.9999), math::clamp(fading, 0.0, 1.0));
        Self { level, fading, n: 0.0, inside: 0.0, width: 0.0, score: 0.0 }
    }

    /// Mean width of the bands.
    #[must_use]
    pub fn width(&self) -> Option<f32> {
        (self.n > 0.0).then_some(self.width)
    }

    /// Mean interval score: the smaller the better.
    /// ```
    /// use brooklet_core::evaluate::{Band, Coverage};
    /// use brooklet_core::traits::Learner;
    /// let mut coverage = Coverage::new(0.5, 1.0);
    /// coverage.learn_one(&(Band { low: 0.0, high: 4.0 }, 5.0));
    /// assert_eq!(coverage.interval_score(), Some(8.0)); // 4 wide, and 2 / 0.5 times 1 outside
    /// ```
    #[must_use]
    pub fn interval_score(&self) -> Option<f32> {
        (self.n > 0.0).then_some(self.score)
    }
}

impl Learner for Coverage {
    /// The band, and what came.
    type Input = (Band, f32);

    fn learn_one(&mut self, (band, y): &(Band, f32)) {
        let (low, high, y) = (math::limit(band.low), math::limit(band.high), math::limit(*y));
        self.n = 1.0 + self.fading * self.n;
        let rate = 1.0 / self.n;
        let (width, outside) = (high - low, math::max(math::max(low - y, y - high), 0.0));
        let inside = if outside > 0.0 { 0.0 } else { 1.0 };
        self.inside += rate * (inside - self.inside);
        self.width += rate * (width - self.width);
        self.score += rate * (width + 2.0 / (1.0 - self.level) * outside - self.score);
    }

    fn reset(&mut self) {
        *self = Self::new(self.level, self.fading);
    }
}

impl Statistic for Coverage {
    type Output = f32;

    /// Share inside.
    fn value(&self) -> Option<f32> {
        (self.n > 0.0).then_some(self.inside)
    }
}

impl Validate for Coverage {
    fn is_valid(&self) -> bool {
        (0.0..=0.9999).contains(&self.level)
            && (0.0..=1.0).contains(&self.fading)
            && (0.0..=f32::MAX).contains(&self.n)
            && (-1e-3..=1.001).contains(&self.inside)
            && [self.width, self.score].iter().all(|mean| math::abs(*mean) <= 1e6 * math::LIMIT)
    }
}
