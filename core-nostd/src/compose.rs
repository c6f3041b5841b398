//! Static pipelines: no heap, no dynamic dispatch, memory is the sum of the parts.

use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{AnomalyDetector, Learner, Scorer, Transformer, Validate};

/// First `A`, then `B` on what came out of `A`.
///
/// ```
/// use brooklet_core::{anomaly::ZScore, compose::Then, preprocess::Difference, sample::Moment};
/// use brooklet_core::traits::{AnomalyDetector, Learner};
///
/// // The steps between readings, not the readings: a counter that grows steadily is normal.
/// let mut steps = Then::new(Difference::new(), ZScore::<1000>::new());
/// for i in 0..100u8 {
///     steps.learn_one(&Moment::new(f32::from(i) + 0.1 * f32::from(i % 2), None).unwrap());
/// }
/// assert!(steps.score_one(&Moment::new(100.0, None).unwrap()).unwrap() < 1.0);
/// assert!(steps.score_one(&Moment::new(150.0, None).unwrap()).unwrap() > 3.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Then<A, B> {
    first: A,
    second: B,
}

impl<A, B> Then<A, B> {
    /// A pipeline of two.
    pub const fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<A: Transformer, B: Learner<Input = A::Output>> Learner for Then<A, B> {
    type Input = A::Input;

    /// What reaches `B` was transformed by what `A` knew before.
    fn learn_one(&mut self, x: &A::Input) {
        if let Some(y) = self.first.transform_one(x) {
            self.second.learn_one(&y);
        }
        self.first.learn_one(x);
    }

    fn reset(&mut self) {
        self.first.reset();
        self.second.reset();
    }
}

impl<A: Transformer, B: AnomalyDetector<Input = A::Output>> AnomalyDetector for Then<A, B> {
    fn score_one(&self, x: &A::Input) -> Option<f32> {
        self.second.score_one(&self.first.transform_one(x)?)
    }
}

impl<A: Transformer, B: Scorer<Input = A::Output>> Scorer for Then<A, B> {
    fn raw_one(&self, x: &A::Input) -> Option<f32> {
        self.second.raw_one(&self.first.transform_one(x)?)
    }
}

impl<A: Transformer, B: Transformer<Input = A::Output>> Transformer for Then<A, B> {
    type Output = B::Output;

    fn transform_one(&self, x: &A::Input) -> Option<B::Output> {
        self.second.transform_one(&self.first.transform_one(x)?)
    }
}

impl<A: Validate, B: Validate> Validate for Then<A, B> {
    fn is_valid(&self) -> bool {
        self.first.is_valid() && self.second.is_valid()
    }
}

/// `A` and `B` side by side on the same sample.
///
/// As a detector it gives the stronger evidence of the two; as a transformer, both outputs.
/// ```
/// use brooklet_core::{compose::Join, preprocess::Difference, sample::Moment};
/// use brooklet_core::traits::{Learner, Transformer};
///
/// let mut both = Join::new(Difference::new(), Difference::new());
/// both.learn_one(&Moment::new(3.0, None).unwrap());
/// let (a, b) = both.transform_one(&Moment::new(5.0, None).unwrap()).unwrap();
/// assert_eq!((a.value(), b.value()), (2.0, 2.0));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Join<A, B> {
    left: A,
    right: B,
}

impl<A, B> Join<A, B> {
    /// Two learners side by side.
    pub const fn new(left: A, right: B) -> Self {
        Self { left, right }
    }
}

impl<A: Learner, B: Learner<Input = A::Input>> Learner for Join<A, B> {
    type Input = A::Input;

    fn learn_one(&mut self, x: &A::Input) {
        self.left.learn_one(x);
        self.right.learn_one(x);
    }

    fn reset(&mut self) {
        self.left.reset();
        self.right.reset();
    }
}

impl<A: AnomalyDetector, B: AnomalyDetector<Input = A::Input>> AnomalyDetector for Join<A, B> {
    fn score_one(&self, x: &A::Input) -> Option<f32> {
        match (self.left.score_one(x), self.right.score_one(x)) {
            (Some(a), Some(b)) => Some(math::max(a, b)),
            (a, b) => a.or(b),
        }
    }
}

impl<A: Transformer, B: Transformer<Input = A::Input>> Transformer for Join<A, B> {
    type Output = (A::Output, B::Output);

    fn transform_one(&self, x: &A::Input) -> Option<Self::Output> {
        Some((self.left.transform_one(x)?, self.right.transform_one(x)?))
    }
}

impl<A: Validate, B: Validate> Validate for Join<A, B> {
    fn is_valid(&self) -> bool {
        self.left.is_valid() && self.right.is_valid()
    }
}
