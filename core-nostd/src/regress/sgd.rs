use serde::{Deserialize, Serialize};

use crate::linear::{Linear, features};
use crate::math;
use crate::sample::Sample;
use crate::traits::{Regressor, Supervised, Validate};

/// What an error costs; `e` is prediction minus answer.
///
/// ```
/// use brooklet_core::regress::Loss;
/// assert_eq!(Loss::Huber { epsilon: 0.5 }.gradient(3.0, 1.0), 0.5);
/// assert_eq!(Loss::Quantile { alpha: 0.75 }.gradient(3.0, 1.0), 0.25);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Loss {
    /// `e² / 2`: the mean. River's squared loss is twice this one, scikit-learn's is this one.
    Squared,
    /// `e² / 2` up to `epsilon`, then linear: the mean without the outliers' pull (Huber 1964,
    /// doi:10.1214/aoms/1177703732).
    Huber {
        /// Where outliers begin, in units of the answer; 1e-6 to 1e12.
        epsilon: f32,
    },
    /// `(1 - alpha) e` above, `-alpha e` below: the value that a share of `alpha` of the answers stays below (Koenker
    /// and Bassett 1978, doi:10.2307/1913643).
    Quantile {
        /// The share, 0.001 to 0.999.
        alpha: f32,
    },
    /// `max(|e| - epsilon, 0)`: linear support vector regression (Vapnik 1995, doi:10.1007/978-1-4757-3264-1).
    EpsilonInsensitive {
        /// Errors that cost nothing, in units of the answer; 0 to 1e12.
        epsilon: f32,
    },
}

impl Loss {
    /// No gradient is larger: an exploding model must not carry the numbers out of range.
    const STEEPEST: f32 = 1e12;

    /// With its parameter brought into range.
    #[must_use]
    pub const fn bounded(self) -> Self {
        match self {
            Self::Squared => Self::Squared,
            Self::Huber { epsilon } => Self::Huber { epsilon: math::clamp(epsilon, 1e-6, 1e12) },
            Self::Quantile { alpha } => Self::Quantile { alpha: math::clamp(alpha, 0.001, 0.999) },
            Self::EpsilonInsensitive { epsilon } => {
                Self::EpsilonInsensitive { epsilon: math::clamp(epsilon, 0.0, 1e12) }
            }
        }
    }

    /// The loss's slope at `predicted` where `y` is the answer; within ±1e12.
    #[must_use]
    pub const fn gradient(&self, predicted: f32, y: f32) -> f32 {
        let e = predicted - y;
        match self {
            Self::Squared => e.clamp(-Self::STEEPEST, Self::STEEPEST),
            Self::Huber { epsilon } => math::clamp(e, -*epsilon, *epsilon),
            Self::Quantile { alpha } => {
                if e > 0.0 {
                    1.0 - *alpha
                } else {
                    -*alpha
                }
            }
            Self::EpsilonInsensitive { epsilon } => {
                if e > *epsilon {
                    1.0
                } else if e < -*epsilon {
                    -1.0
                } else {
                    0.0
                }
            }
        }
    }
}

impl Validate for Loss {
    fn is_valid(&self) -> bool {
        // NaN is unequal to itself and so invalid too.
        self.bounded() == *self
    }
}

/// Linear regression by stochastic gradient descent.
///
/// Formula: `g = loss'(w x + b, y)`, `w = (1 - rate l2) w - rate g x`, `b = b - rate g`.
///
/// Follows slow changes by itself. Features must be of similar scale, about 1: put a
/// [`StandardScaler`](crate::preprocess::StandardScaler) in front. With the squared loss a rate above `2 / |x|²` makes
/// it explode (bounded, but useless); the other losses have bounded gradients.
///
/// `loss`: see [`Loss`]. `rate`: 1e-6 to 1. `l2`: 0 to 1. Memory: `4 N + 24` bytes. Cost: two dot products. Features
/// are limited to ±1e12, the answer to ±1e18.
/// ```
/// use brooklet_core::regress::{Loss, Sgd};
/// use brooklet_core::sample::Sample;
/// use brooklet_core::traits::{Regressor, Supervised};
/// let mut sgd = Sgd::<1>::new(Loss::Squared, 0.1, 0.0);
/// for i in 0..200u8 {
///     let x = f32::from(i % 5) - 2.0;
///     sgd.learn_one(&Sample::new([x]).unwrap(), &(3.0 * x + 1.0));
/// }
/// assert!((sgd.predict_one(&Sample::new([4.0]).unwrap()).unwrap() - 13.0).abs() < 1e-3);
/// ```
/// Source: Robbins and Monro 1951, doi:10.1214/aoms/1177729586. Checked against scikit-learn's `SGDRegressor`, the
/// quantile against River.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sgd<const N: usize> {
    line: Linear<N>,
    loss: Loss,
    rate: f32,
    l2: f32,
    ready: bool,
}

impl<const N: usize> Sgd<N> {
    /// Nothing learnt; settings are brought into range.
    #[must_use]
    pub const fn new(loss: Loss, rate: f32, l2: f32) -> Self {
        Self {
            line: Linear::new(),
            loss: loss.bounded(),
            rate: math::clamp(rate, 1e-6, 1.0),
            l2: math::clamp(l2, 0.0, 1.0),
            ready: false,
        }
    }

    /// The weights and the intercept.
    #[must_use]
    pub const fn line(&self) -> &Linear<N> {
        &self.line
    }
}

impl<const N: usize> Supervised for Sgd<N> {
    type Input = Sample<N>;
    type Target = f32;

    fn learn_one(&mut self, x: &Sample<N>, y: &f32) {
        let x = features(x);
        let step = -self.rate * self.loss.gradient(self.line.at(&x), math::limit(*y));
        if self.l2 > 0.0 {
            self.line.shrink(1.0 - self.rate * self.l2);
        }
        self.line.step(&x, step, step);
        self.ready = true;
    }

    fn reset(&mut self) {
        *self = Self::new(self.loss, self.rate, self.l2);
    }
}

impl<const N: usize> Regressor for Sgd<N> {
    fn predict_one(&self, x: &Sample<N>) -> Option<f32> {
        self.ready.then(|| self.line.at(&features(x)))
    }
}

impl<const N: usize> Validate for Sgd<N> {
    fn is_valid(&self) -> bool {
        self.line.is_valid()
            && self.loss.is_valid()
            && (1e-6..=1.0).contains(&self.rate)
            && (0.0..=1.0).contains(&self.l2)
    }
}
