use serde::{Deserialize, Serialize};

use super::Binary;
use crate::linear::{Linear, dot, features};
use crate::math;
use crate::sample::Sample;
use crate::traits::{Supervised, Validate};

/// Adaptive regularisation of weights: every weight knows how sure it is, and moves the less the surer.
///
/// Formula, `y` being 1 or -1 and `z` the features and a 1: where `y m < 1` with `m = w z`,
/// `beta = 1 / (sum(s z²) + r)`, `w += beta (1 - y m) y s z`, `s -= beta (s z)²`, from `s = 1`.
///
/// Learns fast and bears wrong answers well, since it never jumps to be right at one sample. Weights only ever become
/// surer: it stops following drift; reset it when a drift detector rings. Shares are margins pressed into 0..1 by the
/// logistic function: an order, not frequencies.
///
/// `r`: 0.001 to 1e6, large for noisy answers. Memory: `8 N + 16` bytes. Cost: three dot products, one division.
/// Features are limited to ±1e12.
/// ```
/// use brooklet_core::classify::{Arow, Binary};
/// use brooklet_core::{sample::Sample, traits::Supervised};
/// let mut arow = Arow::<1>::new(1.0);
/// for i in 0..100u8 {
///     let x = f32::from(i % 10) - 4.5;
///     arow.learn_one(&Sample::new([x]).unwrap(), &(x > 0.0));
/// }
/// assert!(arow.yes_one(&Sample::new([2.0]).unwrap()).unwrap() > 0.6);
/// ```
/// Source: Crammer, Kulesza, Dredze: Adaptive regularization of weight vectors, NIPS 2009, with the diagonal of the
/// covariance only. Checked against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arow<const N: usize> {
    line: Linear<N>,
    #[serde(with = "crate::array")]
    variances: [f32; N],
    variance_edge: f32,
    r: f32,
    ready: bool,
}

impl<const N: usize> Arow<N> {
    /// Nothing learnt; `r` is brought into range.
    #[must_use]
    pub const fn new(r: f32) -> Self {
        Self {
            line: Linear::new(),
            variances: [1.0; N],
            variance_edge: 1.0,
            r: math::clamp(r, 0.001, 1e6),
            ready: false,
        }
    }

    /// The weights and the intercept.
    #[must_use]
    pub const fn line(&self) -> &Linear<N> {
        &self.line
    }
}

impl<const N: usize> Default for Arow<N> {
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl<const N: usize> Supervised for Arow<N> {
    type Input = Sample<N>;
    type Target = bool;

    fn learn_one(&mut self, x: &Sample<N>, y: &bool) {
        let x = features(x);
        let y = if *y { 1.0 } else { -1.0 };
        let loss = 1.0 - y * self.line.at(&x);
        self.ready = true;
        if loss <= 0.0 {
            return;
        }
        let mut gain = self.variances;
        for (gain, x) in gain.iter_mut().zip(&x) {
            *gain *= x;
        }
        let own = self.variance_edge + self.r;
        let beta = 1.0 / (dot(&gain, &x) + own);
        let step = beta * loss * y;
        self.line.step(&gain, step, step * self.variance_edge);
        // 1 - beta s z² is the share of all but z in the sum, added up from both ends: as a difference it would have no
        // digits for a feature that is nearly all of the sum, and a variance of 0 would never learn again.
        let (mut others, mut before, mut after) = ([0.0; N], own, 0.0);
        for ((others, gain), x) in others.iter_mut().zip(&gain).zip(&x) {
            *others = before;
            before += gain * x;
        }
        let features = self.variances.iter_mut().zip(&others).zip(gain.iter().zip(&x));
        for ((variance, others), (gain, x)) in features.rev() {
            *variance = math::min(*variance * (beta * (others + after)), *variance);
            after += gain * x;
        }
        self.variance_edge -= beta * self.variance_edge * self.variance_edge;
    }

    fn reset(&mut self) {
        *self = Self::new(self.r);
    }
}

impl<const N: usize> Binary for Arow<N> {
    fn margin_one(&self, x: &Sample<N>) -> Option<f32> {
        self.ready.then(|| self.line.at(&features(x)))
    }
}

impl<const N: usize> Validate for Arow<N> {
    fn is_valid(&self) -> bool {
        self.line.is_valid()
            && self.variances.iter().chain([&self.variance_edge]).all(|v| (0.0..=1.0).contains(v))
            && (0.001..=1e6).contains(&self.r)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_features_leave_a_variance_to_learn_with() {
        for k in 1..1000u16 {
            let (mut arow, x) = (Arow::<2>::new(1.0), 1000.0 * f32::from(k));
            arow.learn_one(&Sample::new([x, 1.0]).unwrap(), &true);
            let square = f64::from(x) * f64::from(x);
            let ratio = f64::from(arow.variances[0]) / (3.0 / (square + 3.0));
            assert!((ratio - 1.0).abs() < 1e-5, "{x}: {ratio}");
        }
    }
}
