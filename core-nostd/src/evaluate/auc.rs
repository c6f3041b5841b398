use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Merge, Statistic, Validate};

/// Area under the ROC curve: the chance that a positive scores above a negative.
///
/// Formula: over bins of the score from the lowest, `sum positives (negatives below + negatives / 2) / (P N)`.
///
/// Exact for scores that take no more values than there are bins; else two scores of one bin count as a tie, so the area
/// is off by at most half the chance that a positive and a negative share a bin. Counts stop at 4 billion; merging is
/// exact.
///
/// `low`, `high`: the range of the score; what is outside counts in the outermost bins. `B`: 1 and up. Memory:
/// `8 B + 8` bytes. Cost: a multiplication; the area adds up `B` bins.
/// ```
/// use brooklet_core::evaluate::StreamingAuc;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut auc = StreamingAuc::<10>::new(0.0, 1.0);
/// for pair in [(0.9, 1.0), (0.4, 1.0), (0.6, 0.0), (0.1, 0.0)] { auc.learn_one(&pair); }
/// assert_eq!(auc.value(), Some(0.75));
/// ```
/// Source: Hanley, McNeil 1982, doi:10.1148/radiology.143.1.7063747. Checked against scikit-learn's `roc_auc_score` on
/// binned scores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamingAuc<const B: usize> {
    #[serde(with = "crate::array")]
    positives: [u32; B],
    #[serde(with = "crate::array")]
    negatives: [u32; B],
    low: f32,
    high: f32,
}

impl<const B: usize> StreamingAuc<B> {
    const SHAPE: () = assert!(B > 0);

    /// Nothing seen; `high` is brought above `low`.
    #[must_use]
    pub const fn new(low: f32, high: f32) -> Self {
        let () = Self::SHAPE;
        let low = math::limit(low);
        let high = math::limit(high);
        let (low, high) = if high > low { (low, high) } else { (0.0, 1.0) };
        Self { positives: [0; B], negatives: [0; B], low, high }
    }
}

impl<const B: usize> Learner for StreamingAuc<B> {
    /// Score, and above one half for a positive.
    type Input = (f32, f32);

    fn learn_one(&mut self, (score, actual): &(f32, f32)) {
        let place = (math::limit(*score) - self.low) / (self.high - self.low) * B as f32;
        // No cast of what is below 0: the same on every platform, but said here.
        let bin = Ord::min(math::max(place, 0.0) as usize, B.saturating_sub(1));
        let counts = if *actual > 0.5 { &mut self.positives } else { &mut self.negatives };
        if let Some(count) = counts.get_mut(bin) {
            *count = count.saturating_add(1);
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.low, self.high);
    }
}

impl<const B: usize> Statistic for StreamingAuc<B> {
    type Output = f32;

    /// `None` before there were a positive and a negative.
    fn value(&self) -> Option<f32> {
        let sum =
            |counts: &[u32; B]| counts.iter().fold(0u64, |sum, count| sum.saturating_add(u64::from(*count)));
        let (positives, negatives) = (sum(&self.positives), sum(&self.negatives));
        if positives == 0 || negatives == 0 {
            return None;
        }
        let (mut below, mut area) = (0u64, 0.0);
        let (positives, negatives) = (positives as f32, negatives as f32);
        for (p, n) in self.positives.iter().zip(&self.negatives) {
            area += *p as f32 / positives * ((below as f32 + 0.5 * *n as f32) / negatives);
            below = below.saturating_add(u64::from(*n));
        }
        Some(area)
    }
}

impl<const B: usize> Merge for StreamingAuc<B> {
    fn merge(&mut self, other: &Self) {
        let counts = self.positives.iter_mut().chain(&mut self.negatives);
        for (count, more) in counts.zip(other.positives.iter().chain(&other.negatives)) {
            *count = count.saturating_add(*more);
        }
    }
}

impl<const B: usize> Validate for StreamingAuc<B> {
    fn is_valid(&self) -> bool {
        math::abs(self.low) <= math::LIMIT && self.low < self.high && self.high <= math::LIMIT
    }
}
