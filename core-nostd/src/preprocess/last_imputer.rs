use serde::{Deserialize, Serialize};

use super::Filled;
use crate::math;
use crate::traits::{Learner, Transformer, Validate};

/// A missing value is taken to be the last one measured.
///
/// Right for what changes seldom; a long gap looks like a stuck sensor, which the quality bit tells apart.
///
/// Memory: 8 bytes. Cost: a copy. Input is limited to ±1e18.
/// ```
/// use brooklet_core::preprocess::{Filled, LastImputer};
/// use brooklet_core::traits::{Learner, Transformer};
/// let mut imputer = LastImputer::new();
/// assert_eq!(imputer.transform_one(&None), None);
/// for x in [Some(3.0), Some(5.0), None] { imputer.learn_one(&x); }
/// assert_eq!(imputer.transform_one(&None), Some(Filled { value: 5.0, measured: false }));
/// ```
/// Checked against river's `PreviousImputer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LastImputer {
    last: Option<f32>,
}

impl LastImputer {
    /// Nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None }
    }
}

impl Learner for LastImputer {
    type Input = Option<f32>;

    fn learn_one(&mut self, x: &Option<f32>) {
        self.last = x.map(math::limit).or(self.last);
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Transformer for LastImputer {
    type Output = Filled;

    fn transform_one(&self, x: &Option<f32>) -> Option<Filled> {
        Filled::or_else(*x, || self.last)
    }
}

impl Validate for LastImputer {
    fn is_valid(&self) -> bool {
        self.last.is_none_or(|last| math::abs(last) <= math::LIMIT)
    }
}
