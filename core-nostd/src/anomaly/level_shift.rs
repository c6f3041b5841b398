use serde::{Deserialize, Serialize};

use crate::math;
use crate::stats::EwMeanVar;
use crate::traits::{Learner, Statistic, Validate};
use crate::window::MovingMean;

/// How far the mean of the last `LEN` values lies from where such means usually are.
///
/// Formula: `|x̄ - m| / s` with `x̄` the moving mean, `m` and `s` its exponentially weighted mean and deviation over
/// `HORIZON` samples. A raw score: calibrate it with a [`LogHistogram`](crate::quantile::LogHistogram).
///
/// Finds steps and drifts faster than `HORIZON`; a short `LEN` is quick, a long one sees small shifts in noise. Ready
/// after 5 samples.
///
/// `LEN`: 1..=65534, `HORIZON`: 1..=2^24, in samples. Memory: `4 LEN + 20` bytes. Cost: a division to learn; a root and a
/// division to score.
/// ```
/// use brooklet_core::anomaly::LevelShift;
/// use brooklet_core::traits::Learner;
/// let mut shift = LevelShift::<10, 1000>::new();
/// for i in 0..100u8 { shift.learn_one(&f32::from(i % 10)); }
/// assert!(shift.score(4.5).unwrap() < 3.0 && shift.score(400.0).unwrap() > 20.0);
/// ```
/// Source: Brooklet's own: a z-score of moving means. Checked as a part of [`DefaultDetector`](super::DefaultDetector).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LevelShift<const LEN: usize, const HORIZON: u32> {
    recent: MovingMean<LEN>,
    usual: EwMeanVar<HORIZON>,
}

impl<const LEN: usize, const HORIZON: u32> LevelShift<LEN, HORIZON> {
    const WARM_UP: f32 = 5.0;

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { recent: MovingMean::new(), usual: EwMeanVar::new() }
    }

    /// The moving mean with `x` as its newest value.
    #[must_use]
    pub fn mean_with(&self, x: f32) -> f32 {
        self.recent.mean_with(x)
    }

    /// The moving mean of what was learnt; `None` before the first value.
    #[must_use]
    pub fn mean(&self) -> Option<f32> {
        self.recent.value()
    }

    /// Where the moving mean usually is.
    #[must_use]
    pub const fn usual(&self) -> f32 {
        self.usual.mean()
    }

    /// The distance in deviations, 0 and up; `None` for the first five values.
    #[must_use]
    pub fn score(&self, x: f32) -> Option<f32> {
        self.score_of(self.mean_with(x))
    }

    /// The score of a value with which the moving mean is `mean`.
    pub(super) fn score_of(&self, mean: f32) -> Option<f32> {
        (self.usual.count() >= Self::WARM_UP).then(|| math::abs(mean - self.usual.mean()) / self.usual.sd())
    }

    /// Learns a value with which the moving mean is `mean`.
    pub(super) fn learn_with(&mut self, x: f32, mean: f32) {
        self.usual.learn_one(&mean);
        self.recent.learn_one(&x);
    }
}

impl<const LEN: usize, const HORIZON: u32> Learner for LevelShift<LEN, HORIZON> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.learn_with(*x, self.mean_with(*x));
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const LEN: usize, const HORIZON: u32> Validate for LevelShift<LEN, HORIZON> {
    fn is_valid(&self) -> bool {
        self.recent.is_valid() && self.usual.is_valid()
    }
}
