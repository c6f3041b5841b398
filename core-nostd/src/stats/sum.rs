use serde::{Deserialize, Serialize};

use super::compensated::Compensated;
use crate::math;
use crate::traits::{Learner, Merge, Statistic, Validate};

/// Sum of all samples, compensated.
///
/// Formula: Neumaier's summation: `s' = s + x`, and what rounding took from it is summed beside it.
///
/// About twice the digits of f32, so ten million samples of 0.1 still add up; sums that go on for years are better taken
/// over windows.
///
/// Memory: 8 bytes. Cost: 8 additions, of which a sample waits for one. Input is limited to ±1e18.
/// ```
/// use brooklet_core::stats::Sum;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut sum = Sum::new();
/// for x in [1e10, 1.0, -1e10] { sum.learn_one(&x); }
/// assert_eq!(sum.value(), Some(1.0)); // plain f32 says 0
/// ```
/// Source: A. Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, ZAMM 54 (1974),
/// doi:10.1002/zamm.19740540106. Checked against `math.fsum` of Python and numpy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sum {
    sum: Compensated,
}

impl Sum {
    /// A billion billion of the largest samples; no stream lasts so long.
    const MOST: f32 = 1e36;

    /// The empty sum.
    #[must_use]
    pub const fn new() -> Self {
        Self { sum: Compensated::new() }
    }
}

impl Learner for Sum {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.sum.add(math::limit(*x));
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Statistic for Sum {
    type Output = f32;

    /// Known from the start: 0.
    fn value(&self) -> Option<f32> {
        Some(self.sum.value())
    }
}

impl Merge for Sum {
    fn merge(&mut self, other: &Self) {
        self.sum.add_all(&other.sum);
    }
}

impl Validate for Sum {
    fn is_valid(&self) -> bool {
        self.sum.is_within(Self::MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_million_tenths_add_up() {
        let mut sum = Sum::new();
        for _ in 0..10_000_000 {
            sum.learn_one(&0.1);
        }
        let exact = 1e7 * f64::from(0.1f32);
        assert!((f64::from(sum.value().unwrap()) / exact - 1.0).abs() < 1e-7);
    }
}
