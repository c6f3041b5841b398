use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// The sum of all values since the start.
///
/// Formula: what each addition rounds off is kept in a second number and added in the end, so that small steps still count
/// when the sum is large: a plain f32 stops counting at 2^24.
///
/// For energy, volume, running hours. A single absurd value stays in the sum for ever: guard it, or use a window. The sum
/// is limited to ±1e30. Memory: 12 bytes. Cost: six additions.
/// ```
/// use brooklet_core::window::CumulativeSum;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut sum = CumulativeSum::new();
/// sum.learn_one(&16_777_216.0);
/// for _ in 0..4 { sum.learn_one(&0.5); }
/// assert_eq!(sum.value(), Some(16_777_218.0));
/// ```
/// Source: A. Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, ZAMM 1974,
/// doi:10.1002/zamm.19740540106. Checked against pandas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CumulativeSum {
    sum: f32,
    rounded_off: f32,
    begun: bool,
}

impl CumulativeSum {
    const MOST: f32 = 1e30;

    /// Nothing summed.
    #[must_use]
    pub const fn new() -> Self {
        Self { sum: 0.0, rounded_off: 0.0, begun: false }
    }
}

impl Learner for CumulativeSum {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = math::limit(*x);
        let sum = self.sum + x;
        self.rounded_off +=
            if math::abs(self.sum) >= math::abs(x) { (self.sum - sum) + x } else { (x - sum) + self.sum };
        // What was rounded off must not itself grow until it rounds.
        self.sum = math::clamp(sum + self.rounded_off, -Self::MOST, Self::MOST);
        self.rounded_off = math::limit(self.rounded_off + (sum - self.sum));
        self.begun = true;
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Statistic for CumulativeSum {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.begun.then_some(self.sum)
    }
}

impl Validate for CumulativeSum {
    fn is_valid(&self) -> bool {
        math::abs(self.sum) <= Self::MOST && math::abs(self.rounded_off) <= math::LIMIT
    }
}

/// How many values there were since the start, up to 4,294,967,295.
///
/// Memory: 4 bytes. Cost: an addition.
/// ```
/// use brooklet_core::window::CumulativeCount;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut count = CumulativeCount::new();
/// for x in [0.5, 0.5, 7.0] { count.learn_one(&x); }
/// assert_eq!((count.value(), count.count()), (Some(3.0), 3));
/// ```
/// Checked by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CumulativeCount {
    count: u32,
}

impl CumulativeCount {
    /// Nothing counted.
    #[must_use]
    pub const fn new() -> Self {
        Self { count: 0 }
    }

    /// The count to the last digit, which [`value`](Statistic::value) has up to 2^24.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }
}

impl Learner for CumulativeCount {
    type Input = f32;

    fn learn_one(&mut self, _: &f32) {
        self.count = self.count.saturating_add(1);
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

/// 0 before the first value: nothing was counted, and that is known.
impl Statistic for CumulativeCount {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        Some(self.count as f32)
    }
}

impl Validate for CumulativeCount {
    fn is_valid(&self) -> bool {
        true
    }
}
