use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// What a process is in control: its mean and standard deviation, given or learnt from the first samples (phase I).
///
/// Formula: Welford's mean and sum of squares over the first `n` samples, `sd = sqrt(S / (n - 1))`; fixed after that.
/// The deviation is at least what f32 resolves at the mean's magnitude, so that a constant phase I divides by no 0.
///
/// A change during phase I widens the limits for good: learn from quiet hours. Limits learnt from few samples ring more
/// often than the tables say: 100 samples or more.
///
/// `n`: 2 to 65,535. Memory: 20 bytes. Cost: a division a sample in phase I, nothing after. Input is limited to ±1e18.
/// ```
/// use brooklet_core::drift::Baseline;
/// use brooklet_core::traits::Learner;
/// let mut baseline = Baseline::learnt(4);
/// for x in [1.0, 3.0, 1.0, 3.0] { baseline.learn_one(&x); }
/// assert_eq!(baseline.z(2.0), Some(0.0));
/// assert!((baseline.z(4.0).unwrap() - 3f32.sqrt()).abs() < 1e-6); // sd = sqrt(4/3)
/// ```
/// Source: Welford: Note on a method for calculating corrected sums of squares and products, Technometrics 1962,
/// doi:10.1080/00401706.1962.10490022.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// The first sample, or the mean if that is given: digits go to the distances from it.
    origin: f32,
    mean: f32,
    /// One over the standard deviation.
    scale: f32,
    squares: f32,
    n: u16,
    of: u16,
}

/// Deviations below this share of the mean are rounding noise.
const RESOLUTION: f32 = 1e-6;
const TINY: f32 = 1e-20;

impl Baseline {
    /// Mean and standard deviation are known.
    #[must_use]
    pub const fn given(mean: f32, sd: f32) -> Self {
        let sd = math::clamp(sd, TINY, math::LIMIT);
        Self { origin: math::limit(mean), mean: 0.0, scale: 1.0 / sd, squares: 0.0, n: 0, of: 0 }
    }

    /// Learnt from the first `n` samples, 2 and up.
    #[must_use]
    pub const fn learnt(n: u16) -> Self {
        Self { origin: 0.0, mean: 0.0, scale: 1.0, squares: 0.0, n: 0, of: if n < 2 { 2 } else { n } }
    }

    /// True once phase I is over.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.n >= self.of
    }

    /// Distance of `x` from the mean in standard deviations, within ±1e9; `None` in phase I.
    #[must_use]
    pub fn z(&self, x: f32) -> Option<f32> {
        self.is_ready()
            .then(|| math::clamp((math::limit(x) - self.origin - self.mean) * self.scale, -1e9, 1e9))
    }
}

impl Learner for Baseline {
    type Input = f32;

    /// Learns in phase I; later samples change nothing.
    fn learn_one(&mut self, x: &f32) {
        if self.is_ready() {
            return;
        }
        let x = math::limit(*x);
        if self.n == 0 {
            self.origin = x;
        }
        let x = x - self.origin;
        self.n = self.n.saturating_add(1);
        let before = x - self.mean;
        self.mean += before / f32::from(self.n);
        self.squares = math::min(self.squares + before * (x - self.mean), f32::MAX);
        if self.is_ready() {
            let sd = math::sqrt(math::max(self.squares, 0.0) / (f32::from(self.of) - 1.0));
            self.scale = 1.0 / math::max(math::max(sd, RESOLUTION * math::abs(self.origin)), TINY);
        }
    }

    fn reset(&mut self) {
        if self.of > 0 {
            *self = Self::learnt(self.of);
        }
    }
}

impl Statistic for Baseline {
    /// Mean and standard deviation.
    type Output = (f32, f32);

    fn value(&self) -> Option<(f32, f32)> {
        self.is_ready().then(|| (self.origin + self.mean, 1.0 / self.scale))
    }
}

impl Validate for Baseline {
    fn is_valid(&self) -> bool {
        [self.origin, self.mean].iter().all(|v| math::abs(*v) <= 4.0 * math::LIMIT)
            && self.scale > 0.0
            && self.scale <= 2.0 / TINY
            && self.squares.is_finite()
            && self.n <= self.of
    }
}
