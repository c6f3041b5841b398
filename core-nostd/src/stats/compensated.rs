use serde::{Deserialize, Serialize};

use crate::math;

/// A sum that keeps what rounding takes from it, so that f32 sums about as well as f64.
///
/// Neumaier's: the errors are summed beside the sum, and returned to it when they have grown. Each error is found by
/// Knuth's TwoSum instead of by comparing magnitudes; the next addition has to wait for one addition only.
///
/// Source: A. Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, ZAMM 54 (1974),
/// doi:10.1002/zamm.19740540106.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Compensated {
    sum: f32,
    lost: f32,
}

impl Compensated {
    pub(crate) const fn new() -> Self {
        Self { sum: 0.0, lost: 0.0 }
    }

    pub(crate) const fn add(&mut self, x: f32) {
        let (sum, lost) = two_sum(self.sum, x);
        (self.sum, self.lost) = (sum, self.lost + lost);
        // What was lost is a sum of its own, which would lose digits when it grew large.
        if math::abs(self.lost) > 1e-6 * math::abs(self.sum) {
            (self.sum, self.lost) = two_sum(self.sum, self.lost);
        }
    }

    /// Adds what is small beside the sum. Kahan's way, which lets the next small step be computed sooner: from the
    /// rounded sum, with what was lost added to the step.
    pub(crate) const fn nudge(&mut self, x: f32) {
        let step = x + self.lost;
        let sum = self.sum + step;
        self.lost = step - (sum - self.sum);
        self.sum = sum;
    }

    pub(crate) const fn add_all(&mut self, other: &Self) {
        self.add(other.sum);
        self.lost += other.lost;
    }

    /// Exact for powers of two.
    pub(crate) const fn scale(&mut self, factor: f32) {
        self.sum *= factor;
        self.lost *= factor;
    }

    /// The sum as far as f32 goes.
    pub(crate) const fn rounded(&self) -> f32 {
        self.sum
    }

    pub(crate) const fn value(&self) -> f32 {
        self.sum + self.lost
    }

    /// `x` minus the sum, without rounding the sum first.
    pub(crate) const fn below(&self, x: f32) -> f32 {
        (x - self.sum) - self.lost
    }

    /// True if the sum is finite and within `±bound`.
    pub(crate) fn is_within(&self, bound: f32) -> bool {
        math::abs(self.sum) <= bound && math::abs(self.lost) <= bound
    }
}

/// The sum as f32 has it, and what rounding took from it, exactly.
const fn two_sum(a: f32, b: f32) -> (f32, f32) {
    let sum = a + b;
    let of_b = sum - a;
    (sum, (a - (sum - of_b)) + (b - of_b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_beside_large_ones_are_kept() {
        let mut sum = Compensated::new();
        for x in [1e10, 1.0, 1.0, 1.0, -1e10] {
            sum.add(x);
        }
        assert_eq!(sum.value(), 3.0);
    }
}
