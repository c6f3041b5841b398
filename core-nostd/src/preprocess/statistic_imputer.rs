use serde::{Deserialize, Serialize};

use super::Filled;
use crate::traits::{Learner, Statistic, Transformer, Validate};

/// A missing value is taken to be a statistic of those measured: their mean, their fading mean, their median.
///
/// Keeps the level of a channel and takes away from its variance; wrong wherever the value now depends on the value
/// before. Any [`Statistic`] of one channel will do.
///
/// Memory and cost: the statistic's.
/// ```
/// use brooklet_core::preprocess::{Filled, StatisticImputer};
/// use brooklet_core::stats::Mean;
/// use brooklet_core::traits::{Learner, Transformer};
/// let mut imputer = StatisticImputer::new(Mean::new());
/// for x in [Some(3.0), None, Some(5.0)] { imputer.learn_one(&x); }
/// assert_eq!(imputer.transform_one(&None), Some(Filled { value: 4.0, measured: false }));
/// ```
/// Checked against river's `StatImputer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatisticImputer<S> {
    statistic: S,
}

impl<S> StatisticImputer<S> {
    /// Fills with `statistic`.
    #[must_use]
    pub const fn new(statistic: S) -> Self {
        Self { statistic }
    }
}

impl<S: Statistic<Input = f32, Output = f32>> Learner for StatisticImputer<S> {
    type Input = Option<f32>;

    fn learn_one(&mut self, x: &Option<f32>) {
        if let Some(x) = x {
            self.statistic.learn_one(x);
        }
    }

    fn reset(&mut self) {
        self.statistic.reset();
    }
}

impl<S: Statistic<Input = f32, Output = f32>> Transformer for StatisticImputer<S> {
    type Output = Filled;

    fn transform_one(&self, x: &Option<f32>) -> Option<Filled> {
        Filled::or_else(*x, || self.statistic.value())
    }
}

impl<S: Validate> Validate for StatisticImputer<S> {
    fn is_valid(&self) -> bool {
        self.statistic.is_valid()
    }
}
