use serde::{Deserialize, Serialize};

use crate::traits::{Learner, Statistic, Validate};
use crate::window::SortedWindow;

/// Median absolute deviation of the last `LEN` samples.
///
/// Formula: the median of `|x - median|`, both over the window; of an even number the mean of the middle two.
///
/// Exact, and forgets what left the window; a [`SortedWindow`].
///
/// `LEN`: 1..=65534. Memory: `8 LEN + 4` bytes. Cost: O(log LEN) comparisons and a copy of `4 LEN / 3` bytes a sample, O(LEN) a value. Input is limited to ±1e18.
/// ```
/// use brooklet_core::stats::RollingMad;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut mad = RollingMad::<5>::new();
/// for x in [900.0, 1.0, 1.0, 2.0, 4.0, 6.0] { mad.learn_one(&x); }
/// assert_eq!((mad.median(), mad.value()), (Some(2.0), Some(1.0)));
/// ```
/// Checked against numpy on every window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollingMad<const LEN: usize> {
    window: SortedWindow<LEN>,
}

impl<const LEN: usize> RollingMad<LEN> {
    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        Self { window: SortedWindow::new() }
    }

    /// The window's median; `None` before the first sample.
    #[must_use]
    pub fn median(&self) -> Option<f32> {
        self.window.median()
    }
}

impl<const LEN: usize> Learner for RollingMad<LEN> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.window.learn_one(x);
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const LEN: usize> Statistic for RollingMad<LEN> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.window.median_absolute_deviation()
    }
}

impl<const LEN: usize> Validate for RollingMad<LEN> {
    fn is_valid(&self) -> bool {
        self.window.is_valid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;
    use crate::rng::Rng;
    use std::vec::Vec;

    #[test]
    fn the_order_holds_whatever_comes() {
        let (mut rng, mut mad, mut all) = (Rng::new(9), RollingMad::<8>::new(), Vec::new());
        for _ in 0..5000 {
            let x = [0.0, -0.0, 1.0, f32::MAX, f32::MIN, 1e-45, -1.0, rng.normal()]
                [(rng.next_u64() % 8) as usize];
            mad.learn_one(&x);
            all.push(math::limit(x));
            let mut last = all[all.len().saturating_sub(8)..].to_vec();
            last.sort_by(f32::total_cmp);
            assert!(mad.is_valid() && mad.window.sorted() == last, "{mad:?}");
            assert!(mad.value().unwrap().is_finite(), "{mad:?}");
        }
    }
}
