use serde::{Deserialize, Serialize};

use super::compensated::Compensated;
use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// What share of the whole a new sample gets, so that after `half_life` samples what is older counts half:
/// `1 - 2^(-1 / half_life)`. Half-lives below 1 count as 1, above 1e6 as 1e6.
///
/// ```
/// use brooklet_core::stats::share_of_half_life;
/// assert_eq!(share_of_half_life(1.0), 0.5);
/// assert!((share_of_half_life(100.0) - 0.006_907_505).abs() < 1e-9);
/// ```
#[must_use]
pub const fn share_of_half_life(half_life: f32) -> f32 {
    // 1 - e^-y by its series, because libm cannot be called for a static; y is at most ln 2.
    let y = core::f32::consts::LN_2 / math::clamp(half_life, 1.0, 1e6);
    let (mut term, mut k) = (1.0, 20.0);
    while k > 1.5 {
        term = 1.0 - y / k * term;
        k -= 1.0;
    }
    y * term
}

/// Below the share of the longest half-life, which is 6.9e-7.
const LEAST_SHARE: f32 = 5e-7;

/// Exponentially weighted mean.
///
/// Formula: `mean += share (x - mean)`; the first sample is the first mean.
///
/// The cheapest way to follow a level; the first sample weighs much until a few half-lives are over
/// ([`EwMeanVar`](super::EwMeanVar) starts as a plain average instead).
///
/// `share`: what a new sample counts, 5e-7..=1; [`EwMean::by_half_life`] takes samples. Memory: 16 bytes. Cost: six
/// operations. Input is limited to ±1e18.
/// ```
/// use brooklet_core::stats::EwMean;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut mean = EwMean::new(0.5);
/// for x in [1.0, 3.0, 5.0] { mean.learn_one(&x); }
/// assert_eq!(mean.value(), Some(3.5));
/// ```
/// Source: T. Finch, Incremental calculation of weighted mean and variance, University of Cambridge 2009. Checked
/// against river's `EWMean` and pandas' `ewm(adjust=False)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EwMean {
    share: f32,
    /// Compensated: a small share of a step is below the last digit of the mean.
    mean: Compensated,
    seen: bool,
}

impl EwMean {
    /// A new sample counts `share`.
    #[must_use]
    pub const fn new(share: f32) -> Self {
        Self { share: math::clamp(share, LEAST_SHARE, 1.0), mean: Compensated::new(), seen: false }
    }

    /// After `half_life` samples (1..=1e6) what is older counts half.
    #[must_use]
    pub const fn by_half_life(half_life: f32) -> Self {
        Self::new(share_of_half_life(half_life))
    }

    /// What the next sample counts: the first one fully.
    const fn next_share(&self) -> f32 {
        if self.seen { self.share } else { 1.0 }
    }
}

impl Learner for EwMean {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.mean.nudge(self.next_share() * (math::limit(*x) - self.mean.rounded()));
        self.seen = true;
    }

    fn reset(&mut self) {
        *self = Self::new(self.share);
    }
}

impl Statistic for EwMean {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.seen.then(|| self.mean.value())
    }
}

impl Validate for EwMean {
    fn is_valid(&self) -> bool {
        (LEAST_SHARE..=1.0).contains(&self.share)
            && self.mean.is_within(2.0 * math::LIMIT)
            && math::abs(self.mean.value() - self.mean.rounded()) <= 1e12
    }
}

/// Exponentially weighted variance.
///
/// Formula: with `d = x - mean`: `mean += share d`, `var = (1 - share) (var + share d²)`; the first sample is the first
/// mean.
///
/// Follows how restless a channel is. Starts at 0 and needs a few half-lives; heavy tails make it jump.
///
/// `share`: what a new sample counts, 5e-7..=1; [`EwVariance::by_half_life`] takes samples. Memory: 24 bytes. Cost: 15
/// operations. Input is limited to ±1e18.
/// ```
/// use brooklet_core::stats::EwVariance;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut variance = EwVariance::new(0.5);
/// for x in [1.0, 3.0, 5.0] { variance.learn_one(&x); }
/// assert_eq!(variance.value(), Some(2.75));
/// ```
/// Source: T. Finch, Incremental calculation of weighted mean and variance, University of Cambridge 2009, equation 143.
/// Checked against river's `EWVar` and pandas' `ewm(adjust=False).var(bias=True)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EwVariance {
    mean: EwMean,
    var: Compensated,
}

impl EwVariance {
    /// A new sample counts `share`.
    #[must_use]
    pub const fn new(share: f32) -> Self {
        Self { mean: EwMean::new(share), var: Compensated::new() }
    }

    /// After `half_life` samples (1..=1e6) what is older counts half.
    #[must_use]
    pub const fn by_half_life(half_life: f32) -> Self {
        Self::new(share_of_half_life(half_life))
    }

    /// The mean; `None` before the first sample.
    #[must_use]
    pub fn mean(&self) -> Option<f32> {
        self.mean.value()
    }
}

impl Learner for EwVariance {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let (share, d) = (self.mean.next_share(), self.mean.mean.below(math::limit(*x)));
        self.mean.learn_one(x);
        self.var.nudge(share * ((1.0 - share) * d * d - self.var.rounded()));
        // What was lost may be more than what is left.
        if self.var.rounded() < 0.0 {
            self.var = Compensated::new();
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.mean.share);
    }
}

impl Statistic for EwVariance {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.mean.seen.then(|| math::max(self.var.value(), 0.0))
    }
}

impl Validate for EwVariance {
    fn is_valid(&self) -> bool {
        let (var, rounded) = (self.var.value(), self.var.rounded());
        self.mean.is_valid() && (0.0..=1e37).contains(&rounded) && math::abs(var - rounded) <= 1e30
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Steps of the mean are below its last digit: a pressure in pascal, and a day's half-life at ten samples a second.
    #[test]
    fn a_large_mean_and_a_small_share_cost_no_digits() {
        for (offset, half_life) in [(1e6f32, 100.0), (20.0, 864_000.0)] {
            let (mut rng, mut ew) = (Rng::new(4), EwVariance::by_half_life(half_life));
            let share = f64::from(share_of_half_life(half_life));
            let (mut mean, mut var) = (0.0f64, 0.0f64);
            for i in 0..2_000_000 {
                let x = offset + 0.5 * rng.normal();
                ew.learn_one(&x);
                let (share, d) = (if i == 0 { 1.0 } else { share }, f64::from(x) - mean);
                mean += share * d;
                var = (1.0 - share) * (var + share * d * d);
            }
            assert!((f64::from(ew.mean().unwrap()) / mean - 1.0).abs() < 1e-7, "{offset}: {ew:?} {mean}");
            assert!((f64::from(ew.value().unwrap()) / var - 1.0).abs() < 1e-3, "{offset}: {ew:?} {var}");
        }
    }
}
