//! Static pipelines: no heap, no dynamic dispatch, memory is the sum of the parts.

use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{
    AnomalyDetector, Classifier, Clusterer, Learner, Regressor, Scorer, Statistic, Supervised, Transformer,
    Validate,
};

/// First `A`, then `B` on what came out of `A`. It has the role of `B`.
///
/// `B` learns what `A` made of a sample with what it knew before, and only then `A` learns the sample: as in prediction,
/// which is always of a sample that nothing has learnt yet. (River's pipelines let `A` learn first. The two differ while
/// `A` still changes much: here the first samples, of which `A` can say nothing, do not reach `B`.)
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
/// With answers:
/// ```
/// use brooklet_core::{compose::Then, preprocess::StandardScaler, regress::{Loss, Sgd}, sample::Sample};
/// use brooklet_core::traits::{Regressor, Supervised};
///
/// let mut model = Then::new(StandardScaler::<1, 1000>::new(), Sgd::<1>::new(Loss::Squared, 0.1, 0.0));
/// for i in 0..500u16 {
///     let load = f32::from(i * 37 % 100);
///     model.learn_one(&Sample::new([1000.0 * load]).unwrap(), &(2.0 * load + 5.0));
/// }
/// let got = model.predict_one(&Sample::new([30_000.0]).unwrap()).unwrap();
/// assert!((got - 65.0).abs() < 1.0);
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

impl<A: Transformer, B: Clusterer<Input = A::Output>> Clusterer for Then<A, B> {
    fn assign_one(&self, x: &A::Input) -> Option<u8> {
        self.second.assign_one(&self.first.transform_one(x)?)
    }
}

impl<A: Transformer, B: Statistic<Input = A::Output>> Statistic for Then<A, B> {
    type Output = B::Output;

    fn value(&self) -> Option<B::Output> {
        self.second.value()
    }
}

impl<A: Transformer, B: Supervised<Input = A::Output>> Supervised for Then<A, B> {
    type Input = A::Input;
    type Target = B::Target;

    /// What reaches `B` was transformed by what `A` knew before.
    fn learn_one(&mut self, x: &A::Input, y: &B::Target) {
        if let Some(z) = self.first.transform_one(x) {
            self.second.learn_one(&z, y);
        }
        self.first.learn_one(x);
    }

    fn reset(&mut self) {
        self.first.reset();
        self.second.reset();
    }
}

impl<A: Transformer, B: Regressor<Input = A::Output>> Regressor for Then<A, B> {
    fn predict_one(&self, x: &A::Input) -> Option<f32> {
        self.second.predict_one(&self.first.transform_one(x)?)
    }
}

impl<A: Transformer, B: Classifier<Input = A::Output>> Classifier for Then<A, B> {
    type Shares = B::Shares;

    fn proba_one(&self, x: &A::Input) -> Option<B::Shares> {
        self.second.proba_one(&self.first.transform_one(x)?)
    }

    fn predict_one(&self, x: &A::Input) -> Option<u8> {
        self.second.predict_one(&self.first.transform_one(x)?)
    }
}

impl<A: Validate, B: Validate> Validate for Then<A, B> {
    fn is_valid(&self) -> bool {
        self.first.is_valid() && self.second.is_valid()
    }
}

/// `A` and `B` side by side on the same sample.
///
/// As a detector it gives the stronger evidence of the two; as a transformer or a statistic, both outputs; as a
/// regressor, the mean of the two, or of the one that knows. Other roles have no answer that is right for any two.
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

impl<A: Statistic, B: Statistic<Input = A::Input>> Statistic for Join<A, B> {
    type Output = (A::Output, B::Output);

    fn value(&self) -> Option<Self::Output> {
        Some((self.left.value()?, self.right.value()?))
    }
}

impl<A: Supervised, B: Supervised<Input = A::Input, Target = A::Target>> Supervised for Join<A, B> {
    type Input = A::Input;
    type Target = A::Target;

    fn learn_one(&mut self, x: &A::Input, y: &A::Target) {
        self.left.learn_one(x, y);
        self.right.learn_one(x, y);
    }

    fn reset(&mut self) {
        self.left.reset();
        self.right.reset();
    }
}

impl<A: Regressor, B: Regressor<Input = A::Input>> Regressor for Join<A, B> {
    fn predict_one(&self, x: &A::Input) -> Option<f32> {
        match (self.left.predict_one(x), self.right.predict_one(x)) {
            // Halved first: the sum may not fit.
            (Some(a), Some(b)) => Some(0.5 * a + 0.5 * b),
            (a, b) => a.or(b),
        }
    }
}

impl<A: Validate, B: Validate> Validate for Join<A, B> {
    fn is_valid(&self) -> bool {
        self.left.is_valid() && self.right.is_valid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::NearestCentroid;
    use crate::cluster::OnlineKMeans;
    use crate::preprocess::{Clip, StandardScaler};
    use crate::sample::Sample;
    use crate::stats::{Max, Mean};

    fn sample(a: f32, b: f32) -> Sample<2> {
        Sample::new([a, b]).unwrap()
    }

    #[test]
    fn a_pipeline_has_the_role_of_its_last() {
        let scaler = StandardScaler::<2, 100>::new;
        let mut classifier =
            Then::new(Then::new(scaler(), Clip::new(-3.0, 3.0)), NearestCentroid::<2, 2, 1000>::new());
        let mut groups = Then::new(scaler(), OnlineKMeans::<2, 2>::new(0.99, 10));
        for i in 0..200u16 {
            let (side, noise) = (f32::from(i % 2), f32::from(i % 7));
            let x = sample(1e6 * side + noise, -1e-3 * side);
            Supervised::learn_one(&mut classifier, &x, &u8::from(i % 2 == 1));
            Learner::learn_one(&mut groups, &x);
        }
        let (low, high) = (sample(1.0, 0.0), sample(1e6, -1e-3));
        assert_eq!([&low, &high].map(|x| classifier.predict_one(x)), [Some(0), Some(1)]);
        assert_ne!(groups.assign_one(&low), groups.assign_one(&high));
        assert!(classifier.is_valid() && groups.is_valid());
    }

    #[test]
    fn two_statistics_side_by_side() {
        let mut both = Join::new(Mean::new(), Max::new());
        assert_eq!(both.value(), None);
        for x in [1.0, 2.0, 6.0] {
            both.learn_one(&x);
        }
        assert_eq!(both.value(), Some((3.0, 6.0)));
    }
}
