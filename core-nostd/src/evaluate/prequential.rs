use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};
use crate::window::MovingMean;

/// What one wrong prediction costs.
/// ```
/// use brooklet_core::evaluate::{Loss, MeanLoss};
/// use brooklet_core::traits::{Learner, Statistic};
/// let mean = |loss| {
///     let mut mean = MeanLoss::new(loss, 1.0);
///     for pair in [(1.0, 3.0), (4.0, 2.0)] { mean.learn_one(&pair); } // predicted, actual
///     mean.value().unwrap()
/// };
/// assert_eq!([Loss::Absolute, Loss::Squared, Loss::RootSquared, Loss::Signed].map(mean), [2.0, 4.0, 2.0, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Loss {
    /// `|predicted - actual|`: the mean is the MAE.
    Absolute,
    /// `(predicted - actual)²`: the mean is the MSE.
    Squared,
    /// The same, and the root of the mean is told: the RMSE.
    RootSquared,
    /// `predicted - actual`: the mean is the bias.
    Signed,
    /// The loss that the given quantile (0 to 1) makes least.
    Pinball(f32),
    /// Not a loss: 1 if both round to the same whole number, 0 if not; the mean is the accuracy.
    Right,
}

/// Squares of this stay finite.
const LIMIT: f32 = 1e18;

impl Loss {
    fn of(self, predicted: f32, actual: f32) -> f32 {
        let (predicted, actual) = (math::limit(predicted), math::limit(actual));
        let error = predicted - actual;
        match self {
            Self::Absolute => math::abs(error),
            Self::Squared | Self::RootSquared => error * error,
            Self::Signed => error,
            Self::Pinball(quantile) => {
                let quantile = math::clamp(quantile, 0.0, 1.0);
                if error > 0.0 { (1.0 - quantile) * error } else { -quantile * error }
            }
            Self::Right => {
                if math::round(predicted) == math::round(actual) {
                    1.0
                } else {
                    0.0
                }
            }
        }
    }

    fn told(self, mean: f32) -> f32 {
        if self == Self::RootSquared { math::sqrt(math::max(mean, 0.0)) } else { mean }
    }

    fn is_valid(self) -> bool {
        if let Self::Pinball(quantile) = self { (0.0..=1.0).contains(&quantile) } else { true }
    }
}

/// The mean loss of a stream of predictions, older ones fading.
///
/// Formula: `n = 1 + fading n`, `mean += (loss - mean) / n`: the same as the sum of faded losses by the sum of faded
/// ones.
///
/// With a fading of 1 it is the mean over all, to which a change of today shows in a year; with 0.999 about the last
/// thousand count. Exact means over a window are in [`WindowedLoss`].
///
/// `fading`: 0 to 1. Memory: 20 bytes. Cost: a division.
/// ```
/// use brooklet_core::evaluate::{Loss, MeanLoss};
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut mae = MeanLoss::new(Loss::Absolute, 1.0);
/// for pair in [(1.0, 2.0), (5.0, 2.0)] { mae.learn_one(&pair); }
/// assert_eq!(mae.value(), Some(2.0));
/// ```
/// Source: Gama, Sebastião, Rodrigues: On evaluating stream learning algorithms, 2013, doi:10.1007/s10994-012-5320-9.
/// Checked against scikit-learn's metrics with weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanLoss {
    loss: Loss,
    fading: f32,
    n: f32,
    mean: f32,
}

impl MeanLoss {
    /// Nothing seen.
    #[must_use]
    pub const fn new(loss: Loss, fading: f32) -> Self {
        Self { loss, fading: math::clamp(fading, 0.0, 1.0), n: 0.0, mean: 0.0 }
    }
}

impl Learner for MeanLoss {
    /// Predicted, actual.
    type Input = (f32, f32);

    fn learn_one(&mut self, (predicted, actual): &(f32, f32)) {
        self.n = 1.0 + self.fading * self.n;
        self.mean += (self.loss.of(*predicted, *actual) - self.mean) / self.n;
    }

    fn reset(&mut self) {
        *self = Self::new(self.loss, self.fading);
    }
}

impl Statistic for MeanLoss {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        (self.n > 0.0).then(|| self.loss.told(self.mean))
    }
}

impl Validate for MeanLoss {
    fn is_valid(&self) -> bool {
        self.loss.is_valid()
            && (0.0..=1.0).contains(&self.fading)
            && (0.0..=f32::MAX).contains(&self.n)
            && math::abs(self.mean) <= 8.0 * LIMIT * LIMIT
    }
}

/// The mean loss of the last `W` predictions.
///
/// Formula: the [`MovingMean`] of the losses. Forgets all at once what a fading [`MeanLoss`] forgets little by little.
///
/// `W`: 1..=65534. Memory: `4 W + 16` bytes. Cost: an addition, once a turn `W`.
/// ```
/// use brooklet_core::evaluate::{Loss, WindowedLoss};
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut accuracy = WindowedLoss::<2>::new(Loss::Right);
/// for pair in [(0.0, 1.0), (1.0, 1.0), (2.0, 2.0)] { accuracy.learn_one(&pair); }
/// assert_eq!(accuracy.value(), Some(1.0));
/// ```
/// Source: as [`MeanLoss`]. Checked against scikit-learn's metrics over the window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowedLoss<const W: usize> {
    loss: Loss,
    losses: MovingMean<W>,
}

impl<const W: usize> WindowedLoss<W> {
    /// Nothing seen.
    #[must_use]
    pub const fn new(loss: Loss) -> Self {
        Self { loss, losses: MovingMean::new() }
    }
}

impl<const W: usize> Learner for WindowedLoss<W> {
    /// Predicted, actual.
    type Input = (f32, f32);

    fn learn_one(&mut self, (predicted, actual): &(f32, f32)) {
        self.losses.learn_one(&self.loss.of(*predicted, *actual));
    }

    fn reset(&mut self) {
        self.losses.reset();
    }
}

impl<const W: usize> Statistic for WindowedLoss<W> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.losses.value().map(|mean| self.loss.told(mean))
    }
}

impl<const W: usize> Validate for WindowedLoss<W> {
    fn is_valid(&self) -> bool {
        self.loss.is_valid() && self.losses.is_valid()
    }
}
