use serde::{Deserialize, Serialize};

use super::{Aggregate, DabaLite};
use crate::traits::{Learner, Statistic, Validate};

/// Any [`Aggregate`] of the last `W` values.
///
/// No sample costs more than five combinations: see [`DabaLite`]. For minimum, maximum and variance alone the rolling
/// learners beside it are several times faster on average, but take a turn of the window now and then.
///
/// `W`: 1..=65534. Memory: `W + 2` partials and 12 bytes. Cost: at most 5 combinations to learn, 1 to ask.
/// ```
/// use brooklet_core::window::{LargestDrop, Sliding};
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut drop = Sliding::<LargestDrop, 3>::new();
/// for x in [9.0, 2.0, 3.0, 5.0, 4.0] { drop.learn_one(&x); }
/// assert_eq!(drop.value(), Some(1.0)); // 9 and 2 are out; from 5 to 4
/// ```
/// Source: Tangwongsan, Hirzel, Schneider 2021, doi:10.1007/s00778-021-00668-3. Checked against brute force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Sliding<A: Aggregate, const W: usize> {
    window: DabaLite<A, W>,
}

impl<A: Aggregate, const W: usize> Sliding<A, W> {
    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        Self { window: DabaLite::new() }
    }

    /// How many values the window holds, up to `W`.
    #[must_use]
    pub const fn len(&self) -> u16 {
        self.window.len()
    }

    /// True before the first value.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.window.is_empty()
    }
}

impl<A: Aggregate, const W: usize> Learner for Sliding<A, W> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        if self.window.is_full() {
            self.window.evict();
        }
        self.window.insert(*x);
    }

    fn reset(&mut self) {
        self.window.clear();
    }
}

impl<A: Aggregate, const W: usize> Statistic for Sliding<A, W> {
    type Output = A::Output;

    fn value(&self) -> Option<A::Output> {
        if self.window.is_empty() { None } else { self.window.lower() }
    }
}

impl<A: Aggregate, const W: usize> Validate for Sliding<A, W> {
    fn is_valid(&self) -> bool {
        self.window.is_valid()
    }
}
