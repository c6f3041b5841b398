use serde::{Deserialize, Serialize};

use super::compensated::Compensated;
use crate::math;
use crate::traits::{Learner, Merge, Statistic, Validate};

/// Mean and variance of all samples.
///
/// Formula: Welford's, on averages instead of sums, with `r = 1/n`, `d = x - mean`: `mean += r d`,
/// `var += r ((1 - r) d² - var)`; both sums compensated. `value` is `var n / (n - ddof)`.
///
/// Keeps its digits when the mean is large beside the deviation and over millions of samples; never forgets. From 2^32
/// samples on what is older counts half.
///
/// `ddof`: what is taken off the count: 0 for the variance of the samples themselves, 1 for the usual estimate of the
/// source's. Memory: 24 bytes. Cost: one division, about 25 additions and multiplications. Input is limited to ±1e18.
/// ```
/// use brooklet_core::stats::Variance;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut variance = Variance::new(1);
/// for x in [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0] { variance.learn_one(&x); }
/// assert_eq!(variance.mean(), Some(5.0));
/// assert!((variance.value().unwrap() - 32.0 / 7.0).abs() < 1e-6);
/// ```
/// Source: B. P. Welford, Note on a method for calculating corrected sums of squares and products, Technometrics 4
/// (1962), doi:10.1080/00401706.1962.10490022; merge: P. Pébay, Formulas for robust, one-pass parallel computation of
/// covariances and arbitrary-order statistical moments, Sandia 2008, doi:10.2172/1028931. Checked against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variance {
    mean: Compensated,
    var: Compensated,
    n: u32,
    ddof: u8,
}

impl Variance {
    const MOST: f32 = 8e36;

    /// Nothing learnt.
    #[must_use]
    pub const fn new(ddof: u8) -> Self {
        Self { mean: Compensated::new(), var: Compensated::new(), n: 0, ddof }
    }

    /// Number of samples.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.n
    }

    /// The mean; `None` before the first sample.
    #[must_use]
    pub fn mean(&self) -> Option<f32> {
        (self.n > 0).then_some(self.mean.value())
    }
}

impl Learner for Variance {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.n = more(self.n, 1);
        let r = 1.0 / self.n as f32;
        let d = math::limit(*x) - self.mean.rounded();
        self.mean.nudge(r * d);
        self.var.nudge(r * ((1.0 - r) * d * d - self.var.rounded()));
    }

    fn reset(&mut self) {
        *self = Self::new(self.ddof);
    }
}

impl Statistic for Variance {
    type Output = f32;

    /// `None` for `ddof` samples or fewer.
    fn value(&self) -> Option<f32> {
        let free = self.n.checked_sub(u32::from(self.ddof)).filter(|free| *free > 0)?;
        // `ddof` is not known to be 0 or 1: divided first, so that nothing overflows.
        Some(math::max(self.var.value(), 0.0) * (self.n as f32 / free as f32))
    }
}

impl Merge for Variance {
    fn merge(&mut self, other: &Self) {
        let Some((mine, theirs)) = shares(self.n, other.n) else { return };
        let d = self.mean.below(other.mean.value());
        let var = theirs * (other.var.value() - self.var.value()) + d * d * mine * theirs;
        self.n = more(self.n, other.n);
        self.mean.add(d * theirs);
        self.var.add(var);
    }
}

impl Validate for Variance {
    fn is_valid(&self) -> bool {
        self.mean.is_within(2.0 * math::LIMIT)
            && self.var.is_within(Self::MOST)
            && self.var.value() >= -1e-3 * Self::MOST
    }
}

/// A count and `by` more; one that came to its end goes on from its half, which makes what is older count half.
pub(super) fn more(n: u32, by: u32) -> u32 {
    n.checked_add(by).unwrap_or_else(|| (n / 2).saturating_add(by / 2).saturating_add(1))
}

/// What part of two counts each is; `None` if the second is 0.
pub(super) fn shares(mine: u32, theirs: u32) -> Option<(f32, f32)> {
    if theirs == 0 {
        return None;
    }
    let (mine, theirs) = (mine as f32, theirs as f32);
    let all = mine + theirs;
    Some((mine / all, theirs / all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn a_large_mean_and_a_million_samples_cost_no_digits() {
        let (mut rng, mut variance) = (Rng::new(4), Variance::new(0));
        let (mut n, mut mean, mut var) = (0.0f64, 0.0f64, 0.0f64);
        for _ in 0..1_000_000 {
            let x = 1000.0 + rng.normal();
            variance.learn_one(&x);
            n += 1.0;
            let d = f64::from(x) - mean;
            mean += d / n;
            var += (d * (f64::from(x) - mean) - var) / n;
        }
        assert!((f64::from(variance.mean().unwrap()) / mean - 1.0).abs() < 1e-7);
        assert!((f64::from(variance.value().unwrap()) / var - 1.0).abs() < 1e-6);
    }
}
