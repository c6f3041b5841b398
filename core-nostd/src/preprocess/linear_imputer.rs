use serde::{Deserialize, Serialize};

use super::Filled;
use crate::math;
use crate::traits::{Learner, Transformer, Validate};

/// A missing value is taken to lie on the line through the last two measured.
///
/// Formula: `last + slope steps`, `slope` from the last two measured and the samples between them, `steps` since the
/// last but no more than `reach`; from one measured alone, that one.
///
/// It goes on with the line instead of drawing it to the next value: a stream does not know that yet. Good for a few
/// samples of what moves steadily; noise goes fully into the slope, so `reach` should be short.
///
/// `reach`: 0 and up, in samples. Memory: 20 bytes. Cost: one division. Input and output are limited to ±1e18.
/// ```
/// use brooklet_core::preprocess::{Filled, LinearImputer};
/// use brooklet_core::traits::{Learner, Transformer};
/// let mut imputer = LinearImputer::new(10);
/// for x in [Some(1.0), None, Some(5.0), None] { imputer.learn_one(&x); }
/// assert_eq!(imputer.transform_one(&None), Some(Filled { value: 9.0, measured: false }));
/// ```
/// Checked by hand-worked cases: references interpolate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinearImputer {
    last: Option<f32>,
    slope: f32,
    /// Missing since the last measured.
    missing: u32,
    reach: u16,
}

impl LinearImputer {
    /// Nothing seen.
    #[must_use]
    pub const fn new(reach: u16) -> Self {
        Self { last: None, slope: 0.0, missing: 0, reach }
    }
}

impl Learner for LinearImputer {
    type Input = Option<f32>;

    fn learn_one(&mut self, x: &Option<f32>) {
        let Some(x) = x.map(math::limit) else {
            self.missing = self.missing.saturating_add(1);
            return;
        };
        if let Some(last) = self.last {
            self.slope = (x - last) / self.missing.saturating_add(1) as f32;
        }
        (self.last, self.missing) = (Some(x), 0);
    }

    fn reset(&mut self) {
        *self = Self::new(self.reach);
    }
}

impl Transformer for LinearImputer {
    type Output = Filled;

    fn transform_one(&self, x: &Option<f32>) -> Option<Filled> {
        let steps = Ord::min(self.missing.saturating_add(1), u32::from(self.reach)) as f32;
        Filled::or_else(*x, || self.last.map(|last| math::limit(last + self.slope * steps)))
    }
}

impl Validate for LinearImputer {
    fn is_valid(&self) -> bool {
        self.last.is_none_or(|last| math::abs(last) <= math::LIMIT)
            && math::abs(self.slope) <= 2.0 * math::LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_then_a_new_slope_then_the_end_of_the_reach() {
        let mut imputer = LinearImputer::new(2);
        let value = |imputer: &LinearImputer| imputer.transform_one(&None).map(|filled| filled.value);
        let mut wanted = std::vec::Vec::new();
        for x in [None, Some(10.0), None, None, Some(7.0), None, None, None, Some(7.0)] {
            wanted.push(value(&imputer));
            imputer.learn_one(&x);
        }
        // From 10 to 7 in three samples: 1 a sample, twice, then no further.
        let expected =
            [None, None, Some(10.0), Some(10.0), Some(10.0), Some(6.0), Some(5.0), Some(5.0), Some(5.0)];
        assert_eq!(wanted[..], expected);
        assert_eq!(value(&imputer), Some(7.0));
        assert_eq!(imputer.transform_one(&Some(3.0)), Some(Filled { value: 3.0, measured: true }));
    }
}
