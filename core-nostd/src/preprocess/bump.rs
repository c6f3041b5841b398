use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Transformer, Validate};

/// Each feature by how near to 0 it is: 1 there, falling to 0 on both sides.
///
/// Formula: `1 / (1 + x²)`.
///
/// Behind a [`StandardScaler`](super::StandardScaler) it says how ordinary a feature is, so that a learner with a straight
/// boundary sees what is too high and what is too low alike: what
/// [`OneClassSvm`](crate::anomaly::OneClassSvm) needs. Learns nothing.
///
/// Memory: none. Cost: one division a feature.
/// ```
/// use brooklet_core::{preprocess::Bump, sample::Sample, traits::Transformer};
/// let bump = Bump::<3>::new();
/// assert_eq!(bump.transform_one(&Sample::new([0.0, -1.0, 3.0]).unwrap()).unwrap().values(), &[1.0, 0.5, 0.1]);
/// ```
/// Source: Cauchy's weight, as in robust statistics. Checked by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bump<const N: usize>;

impl<const N: usize> Bump<N> {
    /// The transformer; it has no state.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<const N: usize> Learner for Bump<N> {
    type Input = Sample<N>;

    fn learn_one(&mut self, _: &Sample<N>) {}

    fn reset(&mut self) {}
}

impl<const N: usize> Transformer for Bump<N> {
    type Output = Sample<N>;

    fn transform_one(&self, x: &Sample<N>) -> Option<Sample<N>> {
        Sample::new(x.values().map(|x| {
            let x = math::limit(x);
            1.0 / (1.0 + x * x)
        }))
    }
}

impl<const N: usize> Validate for Bump<N> {
    fn is_valid(&self) -> bool {
        true
    }
}
