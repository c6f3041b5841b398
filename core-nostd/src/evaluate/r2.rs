use serde::{Deserialize, Serialize};

use crate::math;
use crate::stats::Compensated;
use crate::traits::{Learner, Statistic, Validate};

/// R²: the share of the answers' variance that the predictions explain, older ones fading.
///
/// Formula: `1 - mse / var`, both weighted by `fading^age`. 1 is perfect, 0 is what the mean would do, below 0 is worse.
///
/// Undefined, so `None`, before the second answer and while all answers are equal. Answers whose mean is far above their
/// spread cost digits: f32 resolves a deviation of 1e-7 of the mean.
///
/// `fading`: 0 to 1. Memory: 32 bytes. Cost: a division. Input is limited to ±1e15.
/// ```
/// use brooklet_core::evaluate::RSquared;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut r2 = RSquared::new(1.0);
/// for pair in [(1.0, 1.0), (2.0, 2.0), (4.0, 3.0)] { r2.learn_one(&pair); }
/// assert_eq!(r2.value(), Some(0.5));
/// ```
/// Source: Gama, Sebastião, Rodrigues 2013, doi:10.1007/s10994-012-5320-9. Checked against scikit-learn's `r2_score`
/// with weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RSquared {
    fading: f32,
    n: f32,
    mean: Compensated,
    var: Compensated,
    mse: Compensated,
}

const LIMIT: f32 = 1e15;

impl RSquared {
    /// Nothing seen.
    #[must_use]
    pub const fn new(fading: f32) -> Self {
        Self {
            fading: math::clamp(fading, 0.0, 1.0),
            n: 0.0,
            mean: Compensated::new(),
            var: Compensated::new(),
            mse: Compensated::new(),
        }
    }
}

impl Learner for RSquared {
    /// Predicted, actual.
    type Input = (f32, f32);

    fn learn_one(&mut self, (predicted, actual): &(f32, f32)) {
        let (predicted, actual) =
            (math::clamp(*predicted, -LIMIT, LIMIT), math::clamp(*actual, -LIMIT, LIMIT));
        self.n = 1.0 + self.fading * self.n;
        let rate = 1.0 / self.n;
        let (error, step) = (predicted - actual, actual - self.mean.value());
        self.mse.nudge(rate * self.mse.below(error * error));
        self.mean.nudge(rate * self.mean.below(actual));
        self.var.nudge(rate * self.var.below(step * (actual - self.mean.value())));
    }

    fn reset(&mut self) {
        *self = Self::new(self.fading);
    }
}

impl Statistic for RSquared {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        let (mse, var) = (self.mse.value(), self.var.value());
        (self.n > 1.0 && var > 0.0).then(|| 1.0 - math::min(mse / var, 1e30))
    }
}

impl Validate for RSquared {
    fn is_valid(&self) -> bool {
        (0.0..=1.0).contains(&self.fading)
            && (0.0..=f32::MAX).contains(&self.n)
            && self.mean.is_within(2.0 * LIMIT)
            && [self.var, self.mse].iter().all(|mean| mean.is_within(16.0 * LIMIT * LIMIT))
    }
}
