use serde::{Deserialize, Serialize};

use super::compensated::Compensated;
use crate::math;
use crate::traits::{Learner, Merge, Statistic, Validate};

/// Mean of all samples.
///
/// Formula: a compensated sum, divided by the count when asked.
///
/// Right to the last digit of f32 however long the stream; never forgets, so a level that changes shows late. From
/// 2^32 samples on what is older counts half.
///
/// Memory: 12 bytes. Cost: 8 additions; the division waits until the value is asked for. Input is limited to ±1e18.
/// ```
/// use brooklet_core::stats::Mean;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut mean = Mean::new();
/// assert_eq!(mean.value(), None);
/// for x in [1.0, 2.0, 6.0] { mean.learn_one(&x); }
/// assert_eq!(mean.value(), Some(3.0));
/// ```
/// Source: as [`Sum`](super::Sum). Checked against numpy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    sum: Compensated,
    n: u32,
}

impl Mean {
    /// 2^32 samples of 1e18, with room.
    const MOST: f32 = 1e29;

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { sum: Compensated::new(), n: 0 }
    }

    /// Number of samples.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.n
    }

    fn halve(&mut self) {
        self.n /= 2;
        self.sum.scale(0.5);
    }
}

impl Learner for Mean {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        if self.n == u32::MAX {
            self.halve();
        }
        self.n = self.n.saturating_add(1);
        self.sum.add(math::limit(*x));
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Statistic for Mean {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        (self.n > 0).then(|| self.sum.value() / self.n as f32)
    }
}

impl Merge for Mean {
    fn merge(&mut self, other: &Self) {
        let mut other = *other;
        if self.n.checked_add(other.n).is_none() {
            self.halve();
            other.halve();
        }
        self.n = self.n.saturating_add(other.n);
        self.sum.add_all(&other.sum);
    }
}

impl Validate for Mean {
    fn is_valid(&self) -> bool {
        self.sum.is_within(Self::MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_comes_to_its_end_and_the_mean_does_not() {
        let mut mean = Mean { sum: Compensated::new(), n: u32::MAX - 1 };
        mean.sum.add((u32::MAX - 1) as f32 * 3.0);
        let other = mean;
        for _ in 0..4 {
            mean.learn_one(&3.0);
        }
        mean.merge(&other);
        assert!((mean.value().unwrap() - 3.0).abs() < 1e-6 && mean.count() > u32::MAX / 2);
    }
}
