use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Transformer, Validate};

/// Each feature brought into `low..=high`.
///
/// After a scaler, what keeps one wild value from moving everything that learns behind it. Learns nothing.
///
/// `low`, `high`: any, within ±1e18; a `high` below `low` counts as `low`. Memory: 8 bytes. Cost: two comparisons a
/// feature.
/// ```
/// use brooklet_core::{preprocess::Clip, sample::Sample, traits::Transformer};
/// let clip = Clip::<3>::new(-3.0, 3.0);
/// assert_eq!(clip.transform_one(&Sample::new([-9.0, 0.5, 3.5]).unwrap()).unwrap().values(), &[-3.0, 0.5, 3.0]);
/// ```
/// Checked against numpy's `clip`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clip<const N: usize> {
    low: f32,
    high: f32,
}

impl<const N: usize> Clip<N> {
    /// The bounds of all features.
    #[must_use]
    pub const fn new(low: f32, high: f32) -> Self {
        let low = math::limit(low);
        Self { low, high: math::max(low, math::limit(high)) }
    }
}

impl<const N: usize> Learner for Clip<N> {
    type Input = Sample<N>;

    fn learn_one(&mut self, _: &Sample<N>) {}

    fn reset(&mut self) {}
}

impl<const N: usize> Transformer for Clip<N> {
    type Output = Sample<N>;

    fn transform_one(&self, x: &Sample<N>) -> Option<Sample<N>> {
        Sample::new(x.values().map(|x| math::clamp(x, self.low, self.high)))
    }
}

impl<const N: usize> Validate for Clip<N> {
    fn is_valid(&self) -> bool {
        -math::LIMIT <= self.low && self.low <= self.high && self.high <= math::LIMIT
    }
}
