use serde::{Deserialize, Serialize};

use super::TINY;
use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Transformer, Validate};

/// Each feature minus its running mean, in units of its running deviation.
///
/// Formula: with `r = max(1/n, 1/HORIZON)`, `d = x - mean`: `mean += r d`, `var += r ((1 - r) d² - var)`; the output is
/// `(x - mean) / sd`, `sd` at least what f32 resolves at the mean.
///
/// What linear learners and distances need. A feature that never changed gives 0. A `HORIZON` of `u32::MAX` weighs all
/// samples alike, as river does, also beyond ten million, because the sums are compensated. Needs no more than a few
/// samples, but those decide the first scale.
///
/// `HORIZON`: 1 and up, in samples. Memory: `16 N + 4` bytes. Cost: one division for all features, 13 operations each; a
/// root and a division each to transform. Input is limited to ±1e18.
/// ```
/// use brooklet_core::{preprocess::StandardScaler, sample::Sample};
/// use brooklet_core::traits::{Learner, Transformer};
/// let mut scaler = StandardScaler::<2, 1000>::new();
/// for x in [-1.0, 1.0] { scaler.learn_one(&Sample::new([x, 10.0 * x]).unwrap()); }
/// assert_eq!(scaler.transform_one(&Sample::new([2.0, -20.0]).unwrap()).unwrap().values(), &[2.0, -2.0]);
/// ```
/// Source: T. Finch, Incremental calculation of weighted mean and variance, University of Cambridge 2009. Checked
/// against river's `StandardScaler` (without a horizon) and an f64 twin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StandardScaler<const N: usize, const HORIZON: u32> {
    #[serde(with = "crate::array")]
    mean: [f32; N],
    #[serde(with = "crate::array")]
    var: [f32; N],
    /// What rounding took from the means and variances: without it they would stop moving once 1/n is small.
    #[serde(with = "crate::array::nested")]
    lost: [[f32; N]; 2],
    n: u32,
}

impl<const N: usize, const HORIZON: u32> StandardScaler<N, HORIZON> {
    const SHAPE: () = assert!(HORIZON > 0);

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { mean: [0.0; N], var: [0.0; N], lost: [[0.0; N]; 2], n: 0 }
    }

    /// Number of samples, up to `HORIZON`.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.n
    }

    /// The means and variances (nothing taken off the count).
    #[must_use]
    pub const fn moments(&self) -> (&[f32; N], &[f32; N]) {
        (&self.mean, &self.var)
    }
}

/// What f32 resolves, as a share of a number. No deviation counts as less.
const LAST_DIGIT: f32 = 1.2e-7;

/// Adds a small step, and what earlier steps lost by rounding (Kahan's summation).
const fn nudge(sum: &mut f32, lost: &mut f32, step: f32) {
    let step = step + *lost;
    let moved = *sum + step;
    *lost = step - (moved - *sum);
    *sum = moved;
}

impl<const N: usize, const HORIZON: u32> Learner for StandardScaler<N, HORIZON> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        self.n = Ord::min(self.n.saturating_add(1), HORIZON);
        let r = 1.0 / self.n as f32;
        let keep = 1.0 - r;
        let [lost_mean, lost_var] = &mut self.lost;
        let means = self.mean.iter_mut().zip(lost_mean);
        let vars = self.var.iter_mut().zip(lost_var);
        for (((mean, lost_mean), (var, lost_var)), x) in means.zip(vars).zip(x.values()) {
            let d = math::limit(*x) - *mean;
            nudge(mean, lost_mean, r * d);
            nudge(var, lost_var, r * (keep * d * d - *var));
            // What was lost may be more than what is left.
            *var = math::max(*var, 0.0);
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const N: usize, const HORIZON: u32> Transformer for StandardScaler<N, HORIZON> {
    type Output = Sample<N>;

    /// `None` before the second sample.
    fn transform_one(&self, x: &Sample<N>) -> Option<Sample<N>> {
        if self.n < 2 {
            return None;
        }
        // Roots first: they are calls, and the rest goes several features at a time without them.
        let mut scaled = self.var.map(math::sqrt);
        for ((out, mean), x) in scaled.iter_mut().zip(&self.mean).zip(x.values()) {
            let resolved = math::max(LAST_DIGIT * math::abs(*mean), TINY);
            *out = (math::limit(*x) - mean) / math::max(*out, resolved);
        }
        Sample::new(scaled)
    }
}

impl<const N: usize, const HORIZON: u32> Validate for StandardScaler<N, HORIZON> {
    fn is_valid(&self) -> bool {
        let [lost_mean, lost_var] = &self.lost;
        self.n <= HORIZON
            && self.mean.iter().all(|mean| math::abs(*mean) <= 2.0 * math::LIMIT)
            && self.var.iter().all(|var| (0.0..=1e37).contains(var))
            // A last digit of the largest.
            && lost_mean.iter().all(|lost| math::abs(*lost) <= 1e12)
            && lost_var.iter().all(|lost| math::abs(*lost) <= 1e30)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// A pressure in pascal: the deviation is a millionth of the mean.
    #[test]
    fn a_large_mean_does_not_shrink_the_scale() {
        let (mut rng, mut scaler) = (Rng::new(2), StandardScaler::<1, 5000>::new());
        for _ in 0..20_000 {
            scaler.learn_one(&Sample::new([1e6 + rng.normal()]).unwrap());
        }
        let [scaled] = *scaler.transform_one(&Sample::new([1e6 + 3.0]).unwrap()).unwrap().values();
        assert!((scaled - 3.0).abs() < 0.15, "{scaled}");
    }

    /// Where 1/n of the deviation is below what f32 resolves at the mean.
    #[test]
    fn without_a_horizon_all_samples_count_alike() {
        let (mut rng, mut scaler) = (Rng::new(1), StandardScaler::<1, { u32::MAX }>::new());
        let mut sum = 0.0f64;
        for i in 0..1_500_000u32 {
            let x = 1000.0 + rng.normal() + if i < 500_000 { 0.0 } else { 1.0 };
            scaler.learn_one(&Sample::new([x]).unwrap());
            sum += f64::from(x);
        }
        let ([mean], [var]) = scaler.moments();
        assert!((f64::from(*mean) - sum / 1.5e6).abs() < 1e-4, "{mean}");
        assert!((var - (1.0 + 2.0 / 9.0)).abs() < 0.01, "{var}");
    }
}
