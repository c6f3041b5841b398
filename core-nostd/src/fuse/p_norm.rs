use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::{Fuser, Learner, Validate};

use super::evidence;

/// The power mean of scores.
///
/// Formula: `(sum s^p / K)^(1/p)`: the mean at `p = 1`, nearly the largest score from `p = 10` on.
///
/// Takes no account of how many scores agree by chance; a single detector that rings much still rings at
/// `K^(-1/p)` of its score.
///
/// `p`: 1 to 64. Scores below 0 count as 0. Memory: 4 bytes. Cost: a power a score.
/// ```
/// use brooklet_core::{fuse::PNorm, sample::Sample, traits::Fuser};
/// let fused = PNorm::<2>::new(2.0).fuse(&Sample::new([6.0, 8.0]).unwrap()).unwrap();
/// assert!((fused - 50f32.sqrt()).abs() < 1e-5);
/// ```
/// Source: the power mean, as in Aggarwal, Sathe: Theoretical foundations and algorithms for outlier ensembles, 2015,
/// doi:10.1145/2830544.2830549. Checked against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PNorm<const K: usize> {
    p: f32,
}

impl<const K: usize> PNorm<K> {
    const SHAPE: () = assert!(K > 0);

    /// A fuser with this power.
    #[must_use]
    pub const fn new(p: f32) -> Self {
        let () = Self::SHAPE;
        Self { p: math::clamp(p, 1.0, 64.0) }
    }
}

impl<const K: usize> Learner for PNorm<K> {
    type Input = Sample<K>;

    /// Nothing to learn.
    fn learn_one(&mut self, _: &Sample<K>) {}

    fn reset(&mut self) {}
}

impl<const K: usize> Fuser for PNorm<K> {
    fn fuse(&self, scores: &Sample<K>) -> Option<f32> {
        // In units of the largest, so that no power overflows.
        let most = scores.values().iter().fold(0.0, |most, s| math::max(most, evidence(*s)));
        if most <= 0.0 {
            return Some(0.0);
        }
        let sum: f32 = scores.values().iter().map(|s| math::pow(evidence(*s) / most, self.p)).sum();
        Some(most * math::pow(sum / K as f32, 1.0 / self.p))
    }
}

impl<const K: usize> Validate for PNorm<K> {
    fn is_valid(&self) -> bool {
        (1.0..=64.0).contains(&self.p)
    }
}
