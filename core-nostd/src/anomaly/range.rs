use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Validate};

/// The lowest and highest value so far: evidence by how far outside of them a value lies.
///
/// Formula: `r = max(x - hi, lo - x, 0) / (hi - lo)`, evidence `min(60 r, 6, log10(n + 1))`: the last bound keeps
/// a young range humble, as a new extreme comes about once in n.
///
/// Finds what was never there before. Never forgets: one wild outlier blinds it for good. Silent while all values are
/// equal.
///
/// Memory: 12 bytes. Cost: two comparisons to learn; a division and a logarithm to score what lies outside.
/// ```
/// use brooklet_core::anomaly::Range;
/// use brooklet_core::traits::Learner;
/// let mut range = Range::new();
/// for x in 0..100u8 { range.learn_one(&f32::from(x)); }
/// assert_eq!(range.evidence(50.0), 0.0);
/// assert!(range.evidence(120.0) > 1.9);
/// ```
/// Source: Brooklet's own. Checked as a part of [`DefaultDetector`](super::DefaultDetector).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Range {
    lo: f32,
    hi: f32,
    n: u32,
}

impl Range {
    /// Evidence for each width of the range by which a value lies outside.
    const SLOPE: f32 = 60.0;
    const MOST: f32 = 6.0;

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { lo: 0.0, hi: 0.0, n: 0 }
    }

    /// The lowest and highest value; `None` before the first.
    #[must_use]
    pub const fn bounds(&self) -> Option<(f32, f32)> {
        if self.n > 0 { Some((self.lo, self.hi)) } else { None }
    }

    /// How far `x` lies outside; 0 inside.
    #[must_use]
    pub const fn excess(&self, x: f32) -> f32 {
        math::max(math::max(x - self.hi, self.lo - x), 0.0)
    }

    /// Evidence in powers of ten, 0 to 6.
    #[must_use]
    pub fn evidence(&self, x: f32) -> f32 {
        let width = self.hi - self.lo;
        let excess = self.excess(math::limit(x));
        if width <= 0.0 || excess <= 0.0 {
            return 0.0; // nearly always; spares the logarithm
        }
        let humble = math::log10(self.n as f32 + 1.0);
        math::min(math::min(Self::SLOPE * (excess / width), Self::MOST), humble)
    }
}

impl Learner for Range {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = math::limit(*x);
        if self.n == 0 {
            (self.lo, self.hi) = (x, x);
        }
        self.n = self.n.saturating_add(1);
        self.lo = math::min(self.lo, x);
        self.hi = math::max(self.hi, x);
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Validate for Range {
    fn is_valid(&self) -> bool {
        self.lo <= self.hi && math::abs(self.lo) <= math::LIMIT && math::abs(self.hi) <= math::LIMIT
    }
}
