use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::stats::EwMeanVar;
use crate::traits::{Learner, Transformer, Validate};

/// Each feature minus its running mean, in units of its running deviation.
///
/// A feature that never changed gives 0. `HORIZON`: samples remembered, see [`EwMeanVar`]. Memory: `12 N` bytes.
/// ```
/// use brooklet_core::{preprocess::StandardScaler, sample::Sample};
/// use brooklet_core::traits::{Learner, Transformer};
/// let mut scaler = StandardScaler::<2, 1000>::new();
/// for x in [-1.0, 1.0] { scaler.learn_one(&Sample::new([x, 10.0 * x]).unwrap()); }
/// assert_eq!(scaler.transform_one(&Sample::new([2.0, -20.0]).unwrap()).unwrap().values(), &[2.0, -2.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StandardScaler<const N: usize, const HORIZON: u32> {
    #[serde(with = "crate::array")]
    features: [EwMeanVar<HORIZON>; N],
}

impl<const N: usize, const HORIZON: u32> StandardScaler<N, HORIZON> {
    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { features: [EwMeanVar::new(); N] }
    }
}

impl<const N: usize, const HORIZON: u32> Learner for StandardScaler<N, HORIZON> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        for (feature, value) in self.features.iter_mut().zip(x.values()) {
            feature.learn_one(value);
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const N: usize, const HORIZON: u32> Transformer for StandardScaler<N, HORIZON> {
    type Output = Sample<N>;

    /// `None` before the second sample.
    fn transform_one(&self, x: &Sample<N>) -> Option<Sample<N>> {
        if self.features.first().is_some_and(|feature| feature.count() < 2.0) {
            return None;
        }
        let mut scaled = [0.0; N];
        for ((out, feature), value) in scaled.iter_mut().zip(&self.features).zip(x.values()) {
            *out = (math::limit(*value) - feature.mean()) / feature.sd();
        }
        Sample::new(scaled)
    }
}

impl<const N: usize, const HORIZON: u32> Validate for StandardScaler<N, HORIZON> {
    fn is_valid(&self) -> bool {
        self.features.iter().all(Validate::is_valid)
    }
}
