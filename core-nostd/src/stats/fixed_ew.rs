use serde::{Deserialize, Serialize};

use crate::traits::{Learner, Statistic, Validate};
use crate::{fixed, math};

/// Exponentially weighted mean in whole numbers.
///
/// Formula: `mean += (x - mean) / 2^k`, `k = min(SHIFT, floor(log2 n))`: about a plain average of the first `2^SHIFT`
/// samples, fading after that.
///
/// What [`EwMeanVar`](super::EwMeanVar) is for, on a processor without an FPU. While it starts, the newer half of the
/// samples weighs a little more than the older.
///
/// `FRACTION`: 0..=30, see [`fixed`]. `SHIFT`: 0..=16; half of a past is forgotten after `0.69 * 2^SHIFT` samples.
/// Memory: 16 bytes. Cost: two shifts, four additions; no multiplication, no division. On a Cortex-M0
/// 331 instructions to learn a reading and tell the mean, most of them to tell it as a float; [`EwMean`](super::EwMean)
/// takes 910.
///
/// Error: rounding costs half a step of 2^-`FRACTION`, the input's own rounding as much again. Against
/// `EwMeanVar<2^SHIFT>`, which starts otherwise: at most one step and the 1e-5 of the mean by which f32 itself is off,
/// once `10 * 2^SHIFT` samples were seen. Holds while values lie within ±2^(31 - `FRACTION`); others count as that.
/// ```
/// use brooklet_core::stats::FixedEwMean;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut mean = FixedEwMean::<8, 4>::new();
/// for x in [1.0, 3.0, 5.0] { mean.learn_one(&x); }
/// assert_eq!(mean.value(), Some(3.5));
/// mean.learn_raw(5 << 8); // from here on a quarter
/// assert_eq!(mean.mean_raw(), 992);
/// ```
/// Source: T. Finch, Incremental calculation of weighted mean and variance, University of Cambridge 2009. Checked
/// against its formula in f64 and against [`EwMeanVar`](super::EwMeanVar).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FixedEwMean<const FRACTION: u32, const SHIFT: u32> {
    /// In steps of 2^-(FRACTION + SHIFT).
    mean: i64,
    seen: u32,
    shift: u8,
}

/// `x / 2^shift`, the nearest; of halves the upper.
const fn nearest_share(x: i64, shift: u32) -> i64 {
    let half = 1i64.wrapping_shl(shift) >> 1;
    x.wrapping_add(half).wrapping_shr(shift)
}

impl<const FRACTION: u32, const SHIFT: u32> FixedEwMean<FRACTION, SHIFT> {
    const SHAPE: () = assert!(FRACTION <= 30 && SHIFT <= 16);

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { mean: 0, seen: 0, shift: 0 }
    }

    /// Number of samples, up to `2^SHIFT`.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.seen
    }

    /// The mean, to the nearest raw number; 0 before the first sample.
    #[must_use]
    pub const fn mean_raw(&self) -> i32 {
        nearest_share(self.mean, SHIFT) as i32
    }

    /// `raw - mean` in steps of 2^-(FRACTION + SHIFT).
    pub(crate) const fn off(&self, raw: i32) -> i64 {
        ((raw as i64) << SHIFT).wrapping_sub(self.mean)
    }

    /// What a share of is to be taken, by the sample that comes: constant once it has started.
    const fn share(&self, x: i64) -> i64 {
        if self.shift as u32 == SHIFT { nearest_share(x, SHIFT) } else { nearest_share(x, self.shift as u32) }
    }

    /// Learns a raw number.
    pub const fn learn_raw(&mut self, raw: i32) {
        if self.seen >> SHIFT == 0 {
            self.seen = self.seen.wrapping_add(1);
            if self.seen.wrapping_shr(self.shift as u32) > 1 {
                self.shift = self.shift.wrapping_add(1);
            }
        }
        self.mean = self.mean.wrapping_add(self.share(self.off(raw)));
    }
}

impl<const FRACTION: u32, const SHIFT: u32> Learner for FixedEwMean<FRACTION, SHIFT> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.learn_raw(fixed::to_raw::<FRACTION>(*x));
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const FRACTION: u32, const SHIFT: u32> Statistic for FixedEwMean<FRACTION, SHIFT> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        (self.seen > 0).then_some(self.mean as f32 * const { fixed::step(FRACTION + SHIFT) })
    }
}

impl<const FRACTION: u32, const SHIFT: u32> Validate for FixedEwMean<FRACTION, SHIFT> {
    fn is_valid(&self) -> bool {
        self.mean.unsigned_abs() <= const { 1 << (31 + SHIFT) }
            && self.seen <= const { 1 << SHIFT }
            && u32::from(self.shift) == self.seen.checked_ilog2().unwrap_or(0)
    }
}

/// Exponentially weighted variance in whole numbers.
///
/// Formula: with `d = x - mean`, `a = 2^-k` and `k` of [`FixedEwMean`]: `mean += a d`, `var = (1 - a)(var + a d²)`.
///
/// What [`EwMeanVar`](super::EwMeanVar) is for, on a processor without an FPU.
///
/// `FRACTION`: 0..=30, see [`fixed`]. `SHIFT`: 0..=12. Memory: 24 bytes. Cost: three multiplications of 32 bits, five
/// shifts, a dozen additions; no division. On a Cortex-M0 409 instructions to learn a reading and tell
/// the variance; [`EwVariance`](super::EwVariance) takes 2,166.
///
/// Error: rounding moves its root, the deviation, by at most one step of 2^-`FRACTION`. Against `EwMeanVar<2^SHIFT>`,
/// which starts otherwise, it is one step and 0.01 % once `10 * 2^SHIFT` samples were seen. Both hold while values lie
/// within ±2^(31 - `FRACTION`), and within ±2^(25 - `FRACTION`) of their mean: farther ones count as that far off.
/// ```
/// use brooklet_core::stats::FixedEwVariance;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut variance = FixedEwVariance::<8, 4>::new();
/// for x in [1.0, 3.0, 5.0] { variance.learn_one(&x); }
/// assert_eq!((variance.value(), variance.mean_raw()), (Some(2.75), 3 * 256 + 128));
/// ```
/// Source: T. Finch, Incremental calculation of weighted mean and variance, University of Cambridge 2009, equation 143.
/// Checked against its formula in f64 and against [`EwMeanVar`](super::EwMeanVar).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FixedEwVariance<const FRACTION: u32, const SHIFT: u32> {
    mean: FixedEwMean<FRACTION, SHIFT>,
    /// In steps of 2^-(2 FRACTION + SHIFT); not negative.
    var: i64,
}

impl<const FRACTION: u32, const SHIFT: u32> FixedEwVariance<FRACTION, SHIFT> {
    const SHAPE: () = assert!(SHIFT <= 12);
    /// The largest deviation: its square and `SHIFT` bits fit into 63.
    const FARTHEST: u32 = 1 << 25;

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { mean: FixedEwMean::new(), var: 0 }
    }

    /// Number of samples, up to `2^SHIFT`.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.mean.count()
    }

    /// The mean, to the nearest raw number; 0 before the first sample.
    #[must_use]
    pub const fn mean_raw(&self) -> i32 {
        self.mean.mean_raw()
    }

    /// The standard deviation; 0 before the second sample. A root in f32: for explanations, not for every sample.
    #[must_use]
    pub fn sd(&self) -> f32 {
        math::sqrt(self.value().unwrap_or(0.0))
    }

    /// The variance in steps of 2^-(2 FRACTION + SHIFT).
    pub(crate) const fn variance(&self) -> u64 {
        self.var.unsigned_abs()
    }

    /// The squared distance of `raw` from the mean in the same steps, below 2^63.
    pub(crate) const fn squared_distance(&self, raw: i32) -> u64 {
        let far = raw.abs_diff(self.mean.mean_raw());
        fixed::square(if far > Self::FARTHEST { Self::FARTHEST } else { far }) << SHIFT
    }

    /// Learns a raw number.
    pub const fn learn_raw(&mut self, raw: i32) {
        let squared = self.squared_distance(raw) as i64;
        self.mean.learn_raw(raw);
        let squared = squared.wrapping_sub(self.mean.share(squared));
        self.var = self.var.wrapping_add(self.mean.share(squared.wrapping_sub(self.var)));
    }
}

impl<const FRACTION: u32, const SHIFT: u32> Learner for FixedEwVariance<FRACTION, SHIFT> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.learn_raw(fixed::to_raw::<FRACTION>(*x));
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const FRACTION: u32, const SHIFT: u32> Statistic for FixedEwVariance<FRACTION, SHIFT> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        let step = const { fixed::step(FRACTION) * fixed::step(FRACTION + SHIFT) };
        (self.count() > 0).then_some(self.var as f32 * step)
    }
}

impl<const FRACTION: u32, const SHIFT: u32> Validate for FixedEwVariance<FRACTION, SHIFT> {
    fn is_valid(&self) -> bool {
        self.mean.is_valid() && (0..=1 << 62).contains(&self.var)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::stats::EwMeanVar;

    /// Its own formula in f64, on a level with steps and noise; and the sibling, which starts otherwise.
    fn error<const FRACTION: u32, const SHIFT: u32, const HORIZON: u32>(level: f32, sd: f32) {
        let (mut rng, mut fixed) = (Rng::new(2), FixedEwVariance::<FRACTION, SHIFT>::new());
        let (mut sibling, mut mean, mut var) = (EwMeanVar::<HORIZON>::new(), 0.0f64, 0.0f64);
        let step = 0.5f64.powi(FRACTION as i32);
        for n in 1..60_000u32 {
            let x = level + sd * rng.normal() + if n / 9000 % 2 == 1 { 10.0 * sd } else { 0.0 };
            fixed.learn_one(&x);
            sibling.learn_one(&x);
            let (a, d) = (0.5f64.powi(n.ilog2().min(SHIFT) as i32), f64::from(x) - mean);
            mean += a * d;
            var = (1.0 - a) * (var + a * d * d);
            let (got_mean, got) = (f64::from(fixed.mean.value().unwrap()), f64::from(fixed.value().unwrap()));
            let rounding = 1e-7 * mean.abs();
            assert!((got_mean - mean).abs() <= step + rounding, "{n}: {got_mean} {mean}");
            assert!((got.sqrt() - var.sqrt()).abs() <= step + 1e-6 * var.sqrt(), "{n}: {got} {var}");
            if n > 10 * HORIZON {
                let (mean, sd) = (f64::from(sibling.mean()), f64::from(sibling.sd()));
                assert!((got_mean - mean).abs() <= step + 1e-5 * mean.abs(), "{n}: {got_mean} {mean}");
                assert!((got.sqrt() - sd).abs() <= step + 1e-4 * sd, "{n}: {got} {sd}");
            }
        }
    }

    #[test]
    fn errors_are_those_of_the_documentation() {
        error::<12, 7, 128>(20.0, 0.5);
        error::<12, 12, 4096>(-300.0, 2.0);
        error::<4, 8, 256>(100_000.0, 30.0);
        error::<16, 4, 16>(0.0, 0.01);
        error::<0, 6, 64>(2048.0, 4.0);
    }

    #[test]
    fn what_is_too_far_saturates() {
        let mut variance = FixedEwVariance::<12, 12>::new();
        for i in 0..20_000 {
            variance.learn_one(&if i % 2 == 0 { f32::MAX } else { f32::MIN });
            assert!(variance.is_valid(), "{variance:?}");
        }
        assert!((variance.value().unwrap() / (8192.0 * 8192.0) - 1.0).abs() < 1e-3, "{variance:?}");
    }
}
