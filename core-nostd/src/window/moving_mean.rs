use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// Mean of the last `LEN` values.
///
/// Formula: `sum of the last LEN / LEN`, of fewer while there are fewer. The rolling sum is recomputed once a turn, so
/// rounding errors cannot pile up.
///
/// Smooths noise and lags by half of `LEN`; one wild value shows for `LEN` samples and then not at all.
///
/// `LEN`: 1..=65534. Memory: `4 LEN + 8` bytes. Cost: O(1), once a turn O(LEN).
/// ```
/// use brooklet_core::window::MovingMean;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut mean = MovingMean::<3>::new();
/// for x in [1.0, 2.0, 3.0, 7.0] { mean.learn_one(&x); }
/// assert_eq!(mean.value(), Some(4.0));
/// ```
/// Checked against pandas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MovingMean<const LEN: usize> {
    #[serde(with = "crate::array")]
    values: [f32; LEN],
    sum: f32,
    next: u16,
    len: u16,
}

impl<const LEN: usize> MovingMean<LEN> {
    const SHAPE: () = assert!(LEN > 0 && LEN < 65_535);

    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { values: [0.0; LEN], sum: 0.0, next: 0, len: 0 }
    }

    /// The mean as it would be with `x` as the newest value.
    /// ```
    /// use brooklet_core::{traits::{Learner, Statistic}, window::MovingMean};
    /// let mut mean = MovingMean::<2>::new();
    /// for x in [1.0, 3.0] { mean.learn_one(&x); }
    /// assert_eq!((mean.mean_with(5.0), mean.value()), (4.0, Some(2.0)));
    /// ```
    #[must_use]
    pub fn mean_with(&self, x: f32) -> f32 {
        let x = math::limit(x);
        if usize::from(self.len) < LEN {
            (self.sum + x) / (f32::from(self.len) + 1.0)
        } else {
            let oldest = self.values.get(usize::from(self.next)).copied().unwrap_or(0.0);
            (self.sum - oldest + x) / LEN as f32
        }
    }
}

impl<const LEN: usize> Learner for MovingMean<LEN> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = math::limit(*x);
        if let Some(slot) = self.values.get_mut(usize::from(self.next)) {
            self.sum += x - *slot;
            *slot = x;
        }
        self.next = self.next.saturating_add(1);
        self.len = Ord::max(self.len, self.next);
        if usize::from(self.next) >= LEN {
            self.next = 0;
            self.sum = self.values.iter().sum();
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const LEN: usize> Statistic for MovingMean<LEN> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        (self.len > 0).then(|| self.sum / f32::from(self.len))
    }
}

impl<const LEN: usize> Validate for MovingMean<LEN> {
    fn is_valid(&self) -> bool {
        let (next, len) = (usize::from(self.next), usize::from(self.len));
        next < LEN
            && (len == LEN || len == next)
            && self.sum.is_finite()
            && self.values.iter().all(|v| math::abs(*v) <= math::LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_value_leaves_nothing_behind() {
        let mut mean = MovingMean::<4>::new();
        for x in [1e18, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0] {
            mean.learn_one(&x);
        }
        assert_eq!(mean.value(), Some(5.5));
        assert_eq!(mean.mean_with(8.0), 6.5);
    }
}
