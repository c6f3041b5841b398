use serde::{Deserialize, Serialize};

use super::Binary;
use crate::linear::{Linear, features};
use crate::math;
use crate::sample::Sample;
use crate::traits::{Supervised, Validate};

/// Linear support vector machine by Pegasos.
///
/// Formula, `y` being 1 or -1: `rate = 1 / (lambda t)`, `w = (1 - rate lambda) w`, and where `y (w x + b) < 1` was,
/// `w += rate y x`; the intercept is the weight of a feature that is always 1. `t` counts samples, up to `remember`.
///
/// The widest margin between two classes; ignores samples far on the right side. The first samples move it far, by
/// `1 / lambda`. Needs features of similar scale, about 1. Shares are margins pressed into 0..1 by the logistic
/// function: an order, not frequencies.
///
/// `lambda`: 1e-6 to 1, small for a narrow margin. `remember`: 2 and up; the rate stays above `1 / (lambda remember)`,
/// so that drift is followed. Memory: `4 N + 16` bytes. Cost: two dot products, a division. Features are limited to
/// ±1e12.
/// ```
/// use brooklet_core::classify::{Binary, Pegasos};
/// use brooklet_core::{sample::Sample, traits::Supervised};
/// let mut svm = Pegasos::<1>::new(0.01, 100_000);
/// for i in 0..500u16 {
///     let x = f32::from(i % 10) - 4.5;
///     svm.learn_one(&Sample::new([x]).unwrap(), &(x > 0.0));
/// }
/// assert!(svm.yes_one(&Sample::new([2.0]).unwrap()).unwrap() > 0.5);
/// ```
/// Source: Shalev-Shwartz, Singer, Srebro: Pegasos, ICML 2007, doi:10.1145/1273496.1273598, without its optional
/// projection. Checked against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pegasos<const N: usize> {
    line: Linear<N>,
    lambda: f32,
    remember: u32,
    t: u32,
}

impl<const N: usize> Pegasos<N> {
    /// Nothing learnt; settings are brought into range.
    #[must_use]
    pub const fn new(lambda: f32, remember: u32) -> Self {
        let remember = if remember > 2 { remember } else { 2 };
        Self { line: Linear::new(), lambda: math::clamp(lambda, 1e-6, 1.0), remember, t: 0 }
    }

    /// The weights and the intercept.
    #[must_use]
    pub const fn line(&self) -> &Linear<N> {
        &self.line
    }
}

impl<const N: usize> Default for Pegasos<N> {
    fn default() -> Self {
        Self::new(0.01, 10_000)
    }
}

impl<const N: usize> Supervised for Pegasos<N> {
    type Input = Sample<N>;
    type Target = bool;

    fn learn_one(&mut self, x: &Sample<N>, y: &bool) {
        let x = features(x);
        let y = if *y { 1.0 } else { -1.0 };
        self.t = Ord::min(self.t.saturating_add(1), self.remember);
        let share = 1.0 / self.t as f32;
        let inside = y * self.line.at(&x) < 1.0;
        self.line.shrink_all(1.0 - share);
        if inside {
            let step = y * share / self.lambda;
            self.line.step(&x, step, step);
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.lambda, self.remember);
    }
}

impl<const N: usize> Binary for Pegasos<N> {
    fn margin_one(&self, x: &Sample<N>) -> Option<f32> {
        (self.t > 0).then(|| self.line.at(&features(x)))
    }
}

impl<const N: usize> Validate for Pegasos<N> {
    fn is_valid(&self) -> bool {
        self.line.is_valid()
            && (1e-6..=1.0).contains(&self.lambda)
            && self.remember >= 2
            && self.t <= self.remember
    }
}
