use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// Exponentially weighted mean and variance.
///
/// Formula: `a = max(1/n, 1/HORIZON)`, `d = x - mean`, `mean += a d`, `var = (1 - a)(var + a d²)`: a plain average of
/// the first `HORIZON` samples, fading after that.
///
/// Works for any slowly moving quantity; a single wild value moves it by `1/HORIZON` of its distance, so heavy tails
/// widen the variance for long.
///
/// `HORIZON`: 1..=2^24, in samples: from there on f32 stops counting. Memory: 12 bytes. Cost: one division. Input is
/// limited to ±1e18.
/// ```
/// use brooklet_core::stats::EwMeanVar;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut ew = EwMeanVar::<100>::new();
/// for x in [1.0, 2.0, 3.0, 4.0] { ew.learn_one(&x); }
/// assert_eq!(ew.value(), Some((2.5, 1.25)));
/// ```
/// Source: T. Finch, Incremental calculation of weighted mean and variance, University of Cambridge 2009,
/// equations 124 and 143. Checked against them in numpy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EwMeanVar<const HORIZON: u32> {
    n: f32,
    mean: f32,
    var: f32,
}

/// Deviations below this share of the value itself are rounding noise: f32 resolves 6e-8, sensors less.
const RESOLUTION: f32 = 1e-5;
const TINY: f32 = 1e-20;

/// A standard deviation that is never 0: at least what f32 resolves at the magnitude of the mean.
const fn at_least_resolved(mean: f32, sd: f32) -> f32 {
    math::max(math::max(sd, RESOLUTION * math::abs(mean)), TINY)
}

impl<const HORIZON: u32> EwMeanVar<HORIZON> {
    const SHAPE: () = assert!(0 < HORIZON && HORIZON <= 1 << 24);
    const SLOWEST: f32 = 1.0 / HORIZON as f32;

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { n: 0.0, mean: 0.0, var: 0.0 }
    }

    /// Number of samples, up to `HORIZON`.
    #[must_use]
    pub const fn count(&self) -> f32 {
        self.n
    }

    /// The mean; 0 before the first sample.
    #[must_use]
    pub const fn mean(&self) -> f32 {
        self.mean
    }

    /// The standard deviation, never 0: at least what f32 resolves at this magnitude.
    /// ```
    /// use brooklet_core::{stats::EwMeanVar, traits::Learner};
    /// let mut stuck = EwMeanVar::<100>::new();
    /// for _ in 0..50 { stuck.learn_one(&20.0); }
    /// assert!(stuck.sd() > 0.0 && stuck.sd() < 0.001);
    /// ```
    #[must_use]
    pub fn sd(&self) -> f32 {
        at_least_resolved(self.mean, math::sqrt(self.var))
    }
}

impl<const HORIZON: u32> Learner for EwMeanVar<HORIZON> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let a = if self.n < HORIZON as f32 {
            self.n = math::min(self.n + 1.0, HORIZON as f32);
            1.0 / self.n
        } else {
            Self::SLOWEST
        };
        let d = math::limit(*x) - self.mean;
        self.mean += a * d;
        self.var = (1.0 - a) * (self.var + a * d * d);
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const HORIZON: u32> Statistic for EwMeanVar<HORIZON> {
    /// Mean and variance.
    type Output = (f32, f32);

    fn value(&self) -> Option<(f32, f32)> {
        (self.n > 0.0).then_some((self.mean, self.var))
    }
}

impl<const HORIZON: u32> Validate for EwMeanVar<HORIZON> {
    fn is_valid(&self) -> bool {
        (0.0..=HORIZON as f32).contains(&self.n)
            && math::abs(self.mean) <= 2.0 * math::LIMIT
            && (0.0..=f32::MAX).contains(&self.var)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn follows_its_f64_twin() {
        let (mut rng, mut ew) = (Rng::new(1), EwMeanVar::<500>::new());
        let (mut n, mut mean, mut var) = (0.0f64, 0.0f64, 0.0f64);
        for _ in 0..20_000 {
            let x = 5.0 + 2.0 * rng.normal();
            ew.learn_one(&x);
            n = (n + 1.0).min(500.0);
            let (a, d) = (1.0 / n, f64::from(x) - mean);
            mean += a * d;
            var = (1.0 - a) * (var + a * d * d);
        }
        assert!((f64::from(ew.mean()) - mean).abs() < 1e-5 * mean);
        assert!((f64::from(ew.sd()) - var.sqrt()).abs() < 1e-5 * var.sqrt());
    }

    #[test]
    fn extremes_stay_finite_and_valid() {
        let mut ew = EwMeanVar::<10>::new();
        for x in [f32::MAX, f32::MIN, 0.0, 1e-45, f32::MAX] {
            ew.learn_one(&x);
            assert!(ew.is_valid() && ew.sd().is_finite() && ew.sd() > 0.0);
        }
    }
}
