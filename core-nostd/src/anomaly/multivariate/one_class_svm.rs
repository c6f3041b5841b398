use serde::{Deserialize, Serialize};

use crate::linear::{Linear, features};
use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Scorer, Validate};

/// One-class support vector machine by stochastic gradient descent: a plane that keeps most samples away from the
/// origin.
///
/// Formula: strangeness `1 - b - w x`, above 0 on the origin's side of the plane; where it was 0 and above, `w += rate x`
/// and `b += rate`; always `w -= rate nu/2 w` and `b -= rate nu`.
///
/// Sees only what lies towards the origin. Features centred on 0 show it nothing at all; put a
/// [`StandardScaler`](crate::preprocess::StandardScaler) and then a [`Bump`](crate::preprocess::Bump) in front, and it sees
/// what is too high and what is too low.
///
/// `nu`: 0.001 to 1, about the share of samples to be beyond the plane. `rate`: 1e-6 to 1. Memory: `4 N + 16` bytes.
/// Cost: two dot products. Features are limited to ±1e12.
/// ```
/// use brooklet_core::{anomaly::OneClassSvm, sample::Sample};
/// use brooklet_core::traits::{Learner, Scorer};
/// let mut svm = OneClassSvm::<2>::new(0.1, 0.01);
/// for i in 0..2000u16 {
///     let t = f32::from(i % 10) / 10.0;
///     svm.learn_one(&Sample::new([0.5 + 0.1 * t, 0.7 - 0.1 * t]).unwrap());
/// }
/// let raw = |x| svm.raw_one(&Sample::new(x).unwrap()).unwrap();
/// assert!(raw([0.1, 0.1]) > 0.1 && raw([0.55, 0.65]) < 0.1);
/// ```
/// Source: Schölkopf et al. 2001, doi:10.1162/089976601750264965. Checked against River's `OneClassSVM`, whose score
/// `w x` grows with normality.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneClassSvm<const N: usize> {
    line: Linear<N>,
    nu: f32,
    rate: f32,
    ready: bool,
}

impl<const N: usize> OneClassSvm<N> {
    /// Nothing learnt; settings are brought into range. River's are 0.1 and 0.01.
    #[must_use]
    pub const fn new(nu: f32, rate: f32) -> Self {
        Self {
            line: Linear::of([0.0; N], 1.0),
            nu: math::clamp(nu, 0.001, 1.0),
            rate: math::clamp(rate, 1e-6, 1.0),
            ready: false,
        }
    }

    /// The weights and the intercept `b`.
    #[must_use]
    pub const fn line(&self) -> &Linear<N> {
        &self.line
    }
}

impl<const N: usize> Learner for OneClassSvm<N> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        let x = features(x);
        let inside = self.line.at(&x) <= 1.0;
        let step = if inside { self.rate } else { 0.0 };
        self.line.shrink(1.0 - 0.5 * self.rate * self.nu);
        self.line.step(&x, step, step - self.rate * self.nu);
        self.ready = true;
    }

    fn reset(&mut self) {
        *self = Self::new(self.nu, self.rate);
    }
}

impl<const N: usize> Scorer for OneClassSvm<N> {
    fn raw_one(&self, x: &Sample<N>) -> Option<f32> {
        self.ready.then(|| 1.0 - self.line.at(&features(x)))
    }
}

impl<const N: usize> Validate for OneClassSvm<N> {
    fn is_valid(&self) -> bool {
        self.line.is_valid() && (0.001..=1.0).contains(&self.nu) && (1e-6..=1.0).contains(&self.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Then;
    use crate::preprocess::{Bump, StandardScaler};
    use crate::rng::Rng;

    /// Strays of four deviations to either side: how often one scores above an ordinary sample.
    #[test]
    fn sees_both_sides_behind_a_bump() {
        let mut rng = Rng::new(2);
        let mut svm = Then::new(
            StandardScaler::<4, 5000>::new(),
            Then::new(Bump::<4>::new(), OneClassSvm::<4>::new(0.1, 0.01)),
        );
        let (mut usual, mut strays) = (std::vec::Vec::new(), std::vec::Vec::new());
        for i in 0..10_000u16 {
            let off = [0.0, 4.0, -4.0][if i % 50 == 49 { 1 + usize::from(i / 50 % 2) } else { 0 }];
            let x = core::array::from_fn(|j| 20.0 + rng.normal() + if j < 2 { off } else { 0.0 });
            let x = Sample::new(x).unwrap();
            if let Some(raw) = svm.raw_one(&x) {
                if off == 0.0 { usual.push(raw) } else { strays.push(raw) }
            }
            svm.learn_one(&x);
        }
        let above: usize = strays.iter().map(|s| usual.iter().filter(|u| *u < s).count()).sum();
        let area = above as f32 / (usual.len() * strays.len()) as f32;
        assert!(area > 0.93, "{area}");
    }
}
