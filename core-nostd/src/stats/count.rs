use serde::{Deserialize, Serialize};

use crate::traits::{Learner, Merge, Statistic, Validate};

/// Number of samples.
///
/// Formula: `n += 1`.
///
/// Never wrong and never stops: the counter is whole and has 64 bits. As a figure in f32 it is rounded to 7 digits;
/// [`Count::count`] is exact.
///
/// Memory: 8 bytes. Cost: an addition.
/// ```
/// use brooklet_core::stats::Count;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut count = Count::new();
/// for x in [5.0, -1.0, 0.0] { count.learn_one(&x); }
/// assert_eq!((count.value(), count.count()), (Some(3.0), 3));
/// ```
/// Checked by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    n: u64,
}

impl Count {
    /// Nothing counted.
    #[must_use]
    pub const fn new() -> Self {
        Self { n: 0 }
    }

    /// The exact number.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.n
    }
}

impl Learner for Count {
    type Input = f32;

    fn learn_one(&mut self, _: &f32) {
        self.n = self.n.saturating_add(1);
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Statistic for Count {
    type Output = f32;

    /// Known from the start: 0.
    fn value(&self) -> Option<f32> {
        Some(self.n as f32)
    }
}

impl Merge for Count {
    fn merge(&mut self, other: &Self) {
        self.n = self.n.saturating_add(other.n);
    }
}

impl Validate for Count {
    fn is_valid(&self) -> bool {
        true
    }
}
