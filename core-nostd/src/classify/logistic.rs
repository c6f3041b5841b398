use serde::{Deserialize, Serialize};

use super::Binary;
use crate::linear::{Linear, features};
use crate::math;
use crate::sample::Sample;
use crate::traits::{Supervised, Validate};

/// Logistic regression by stochastic gradient descent.
///
/// Formula: `p = 1 / (1 + e^-(w x + b))`, `g = p - y` with `y` 0 or 1, `w = (1 - rate l2) w - rate g x`,
/// `b = b - rate g`.
///
/// Its shares are honest probabilities where a straight boundary is right. Needs features of similar scale, about 1.
/// Follows slow changes by itself.
///
/// `rate`: 1e-6 to 1. `l2`: 0 to 1. Memory: `4 N + 16` bytes. Cost: two dot products, an exponential. Features are
/// limited to ±1e12.
/// ```
/// use brooklet_core::classify::{Binary, Logistic};
/// use brooklet_core::{sample::Sample, traits::Supervised};
/// let mut logistic = Logistic::<1>::new(0.1, 0.0);
/// for i in 0..500u16 {
///     let x = f32::from(i % 10) - 4.5;
///     logistic.learn_one(&Sample::new([x]).unwrap(), &(x > 0.0));
/// }
/// assert!(logistic.yes_one(&Sample::new([3.0]).unwrap()).unwrap() > 0.95);
/// ```
/// Source: Robbins and Monro 1951, doi:10.1214/aoms/1177729586. Checked against River's `LogisticRegression`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logistic<const N: usize> {
    line: Linear<N>,
    rate: f32,
    l2: f32,
    ready: bool,
}

impl<const N: usize> Logistic<N> {
    /// Nothing learnt; settings are brought into range.
    #[must_use]
    pub const fn new(rate: f32, l2: f32) -> Self {
        let (rate, l2) = (math::clamp(rate, 1e-6, 1.0), math::clamp(l2, 0.0, 1.0));
        Self { line: Linear::new(), rate, l2, ready: false }
    }

    /// The weights and the intercept.
    #[must_use]
    pub const fn line(&self) -> &Linear<N> {
        &self.line
    }
}

impl<const N: usize> Default for Logistic<N> {
    fn default() -> Self {
        Self::new(0.01, 0.0)
    }
}

impl<const N: usize> Supervised for Logistic<N> {
    type Input = Sample<N>;
    type Target = bool;

    fn learn_one(&mut self, x: &Sample<N>, y: &bool) {
        let x = features(x);
        let step = self.rate * (f32::from(u8::from(*y)) - math::sigmoid(self.line.at(&x)));
        if self.l2 > 0.0 {
            self.line.shrink(1.0 - self.rate * self.l2);
        }
        self.line.step(&x, step, step);
        self.ready = true;
    }

    fn reset(&mut self) {
        *self = Self::new(self.rate, self.l2);
    }
}

impl<const N: usize> Binary for Logistic<N> {
    fn margin_one(&self, x: &Sample<N>) -> Option<f32> {
        self.ready.then(|| self.line.at(&features(x)))
    }
}

impl<const N: usize> Validate for Logistic<N> {
    fn is_valid(&self) -> bool {
        self.line.is_valid() && (1e-6..=1.0).contains(&self.rate) && (0.0..=1.0).contains(&self.l2)
    }
}
