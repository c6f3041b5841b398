use serde::{Deserialize, Serialize};

use super::Binary;
use crate::linear::{Aggressive, Linear, dot, features};
use crate::sample::Sample;
use crate::traits::{Supervised, Validate};

/// Passive-aggressive classification: leaves the weights alone while a sample is on the right side by a margin of 1,
/// else changes them as little as makes it so.
///
/// Formula, `y` being 1 or -1: `loss = max(1 - y (w x + b), 0)`, `s = y tau(loss, |x|²)`, `w += s x`, `b += s`, `tau` as
/// in [`Aggressive`].
///
/// Learns from few samples and needs no rate; wrong answers in the stream go straight into the weights, so `c` must be
/// small then. Shares are margins pressed into 0..1 by the logistic function: an order, not frequencies. The intercept
/// does not count in `|x|²`, as in River and scikit-learn.
///
/// `how`: see [`Aggressive`]. Memory: `4 N + 16` bytes. Cost: three dot products, one division. Features are limited to
/// ±1e12.
/// ```
/// use brooklet_core::classify::{Binary, PaClassifier};
/// use brooklet_core::{linear::Aggressive, sample::Sample, traits::Supervised};
/// let mut pa = PaClassifier::<1>::new(Aggressive::I { c: 1.0 });
/// for i in 0..100u8 {
///     let x = f32::from(i % 10) - 4.5;
///     pa.learn_one(&Sample::new([x]).unwrap(), &(x > 0.0));
/// }
/// assert!(pa.yes_one(&Sample::new([2.0]).unwrap()).unwrap() > 0.7);
/// ```
/// Source: Crammer et al., Online passive-aggressive algorithms, JMLR 7 (2006), section 4. Checked against River.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaClassifier<const N: usize> {
    line: Linear<N>,
    how: Aggressive,
    ready: bool,
}

impl<const N: usize> PaClassifier<N> {
    /// Nothing learnt; the setting is brought into range.
    #[must_use]
    pub const fn new(how: Aggressive) -> Self {
        Self { line: Linear::new(), how: how.bounded(), ready: false }
    }

    /// The weights and the intercept.
    #[must_use]
    pub const fn line(&self) -> &Linear<N> {
        &self.line
    }
}

impl<const N: usize> Default for PaClassifier<N> {
    fn default() -> Self {
        Self::new(Aggressive::I { c: 0.01 })
    }
}

impl<const N: usize> Supervised for PaClassifier<N> {
    type Input = Sample<N>;
    type Target = bool;

    fn learn_one(&mut self, x: &Sample<N>, y: &bool) {
        let x = features(x);
        let y = if *y { 1.0 } else { -1.0 };
        let tau = self.how.step(1.0 - y * self.line.at(&x), dot(&x, &x));
        if tau > 0.0 {
            self.line.step(&x, y * tau, y * tau);
        }
        self.ready = true;
    }

    fn reset(&mut self) {
        *self = Self::new(self.how);
    }
}

impl<const N: usize> Binary for PaClassifier<N> {
    fn margin_one(&self, x: &Sample<N>) -> Option<f32> {
        self.ready.then(|| self.line.at(&features(x)))
    }
}

impl<const N: usize> Validate for PaClassifier<N> {
    fn is_valid(&self) -> bool {
        self.line.is_valid() && self.how.is_valid()
    }
}
