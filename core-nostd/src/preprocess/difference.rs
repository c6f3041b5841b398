use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Moment;
use crate::traits::{Learner, Transformer, Validate};

/// The step from the last value to this one.
///
/// Formula: `x - last`; `None` before the first value. For counters and slowly drifting channels; doubles the noise of a
/// noisy one.
///
/// Memory: 8 bytes. Cost: a subtraction. Input is limited to ±1e18.
/// ```
/// use brooklet_core::{preprocess::Difference, sample::Moment};
/// use brooklet_core::traits::{Learner, Transformer};
/// let mut step = Difference::new();
/// step.learn_one(&Moment::new(40.0, None).unwrap());
/// assert_eq!(step.transform_one(&Moment::new(42.5, None).unwrap()), Moment::new(2.5, None));
/// ```
/// Checked by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    last: Option<f32>,
}

impl Difference {
    /// Nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None }
    }
}

impl Learner for Difference {
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        self.last = Some(math::limit(x.value()));
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Transformer for Difference {
    type Output = Moment;

    fn transform_one(&self, x: &Moment) -> Option<Moment> {
        Moment::new(math::limit(x.value()) - self.last?, x.time())
    }
}

impl Validate for Difference {
    fn is_valid(&self) -> bool {
        self.last.is_none_or(|last| math::abs(last) <= math::LIMIT)
    }
}
