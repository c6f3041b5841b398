use core::f32::consts::PI;

use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::{Fuser, Learner, Validate};

use super::evidence;

/// The Cauchy combination: p-values that may depend on each other.
///
/// Formula: `t = mean cot(pi p)` with `p = 10^-s`, fused `p = 1/2 - atan(t) / pi`.
///
/// Holds its false alarm rate under nearly any dependence, unlike Fisher's method; follows the strongest evidence, less
/// the logarithm of `K`. A single score of exactly 0 is bounded, so that it does not outvote all others.
///
/// Scores below 0 count as 0, above 30 as 30. Memory: none. Cost: a sine, a cosine and a power a score.
/// ```
/// use brooklet_core::{fuse::Cauchy, sample::Sample, traits::Fuser};
/// let fused = Cauchy::<2>::new().fuse(&Sample::new([3.0, 0.30103]).unwrap()).unwrap();
/// assert!((fused - 2.699).abs() < 1e-3); // half of the weight: 3 - log10 2
/// ```
/// Source: Liu, Xie: Cauchy combination test, JASA 2020, doi:10.1080/01621459.2018.1554485. Checked against numpy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cauchy<const K: usize>;

/// f32 still holds `10^30` and sums of it.
const LARGEST: f32 = 30.0;
/// No p-value nearer to 1 than this: its cotangent would be minus infinity.
const NEAR_ONE: f32 = 0.99;

impl<const K: usize> Cauchy<K> {
    const SHAPE: () = assert!(K > 0 && K < 1000);

    /// The fuser.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self
    }
}

impl<const K: usize> Learner for Cauchy<K> {
    type Input = Sample<K>;

    /// Nothing to learn.
    fn learn_one(&mut self, _: &Sample<K>) {}

    fn reset(&mut self) {}
}

impl<const K: usize> Fuser for Cauchy<K> {
    fn fuse(&self, scores: &Sample<K>) -> Option<f32> {
        let cotangent = |score: &f32| {
            let angle = PI * math::min(math::pow(10.0, -math::min(evidence(*score), LARGEST)), NEAR_ONE);
            math::cos(angle) / math::sin(angle)
        };
        let t = scores.values().iter().map(cotangent).sum::<f32>() / K as f32;
        // Above 0 by the reciprocal: 1/2 - atan(t) would cancel all digits of a small p-value.
        let p = if t > 0.0 { math::atan(1.0 / t) / PI } else { 0.5 - math::atan(t) / PI };
        Some(math::max(-math::log10(p), 0.0))
    }
}

impl<const K: usize> Validate for Cauchy<K> {
    fn is_valid(&self) -> bool {
        true
    }
}
