use core::f32::consts::LN_10;

use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::{Fuser, Learner, Validate};

use super::evidence;

/// Fisher's method: how surprising all scores are together.
///
/// Formula: `h = ln 10 sum s` is half of a chi-squared variable of `2 K` degrees of freedom, so the fused evidence is
/// `(h - ln(sum h^i / i!, i < K)) / ln 10`.
///
/// Right where the scores are independent: then three weak hints make a strong one. Where they see the same thing they
/// are counted several times: take [`Cauchy`](super::Cauchy).
///
/// Scores below 0 count as 0. Memory: none. Cost: a multiplication a score and a logarithm.
/// ```
/// use brooklet_core::{fuse::Fisher, sample::Sample, traits::Fuser};
/// let fused = Fisher::<3>::new().fuse(&Sample::new([2.0, 2.0, 2.0]).unwrap()).unwrap();
/// assert!((fused - 3.9576).abs() < 1e-3);
/// ```
/// Source: Fisher: Statistical methods for research workers, 1925, doi:10.1007/978-1-4612-4380-9_6. Checked against
/// `scipy.stats.combine_pvalues`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fisher<const K: usize>;

impl<const K: usize> Fisher<K> {
    const SHAPE: () = assert!(K > 0 && K < 1000);

    /// The fuser.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self
    }
}

impl<const K: usize> Learner for Fisher<K> {
    type Input = Sample<K>;

    /// Nothing to learn.
    fn learn_one(&mut self, _: &Sample<K>) {}

    fn reset(&mut self) {}
}

impl<const K: usize> Fuser for Fisher<K> {
    fn fuse(&self, scores: &Sample<K>) -> Option<f32> {
        let half = LN_10 * scores.values().iter().map(|s| evidence(*s)).sum::<f32>();
        let (mut term, mut sum, mut scaled) = (1.0, 1.0, 0.0);
        for i in (1..K).map(|i| i as f32) {
            term *= half / i;
            sum += term;
            if sum > 1e24 {
                (term, sum, scaled) = (term * 1e-24, sum * 1e-24, scaled + 24.0);
            }
        }
        Some(math::max(half / LN_10 - scaled - math::log10(sum), 0.0))
    }
}

impl<const K: usize> Validate for Fisher<K> {
    fn is_valid(&self) -> bool {
        true
    }
}
