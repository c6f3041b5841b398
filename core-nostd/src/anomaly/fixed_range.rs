use serde::{Deserialize, Serialize};

use crate::fixed;
use crate::sample::Moment;
use crate::traits::{AnomalyDetector, Explain, Learner, Protect, Stepper, Validate};

use super::Because;

/// The lowest and highest value so far, in whole numbers: evidence by how far outside of them a value lies.
///
/// Formula: that of [`Range`](super::Range): `r = max(x - hi, lo - x, 0) / (hi - lo)`, evidence
/// `min(60 r, 6, log10(n + 1))`.
///
/// Finds what was never there before. Never forgets: one wild outlier blinds it for good. `None` while all values are
/// equal. While an alert is open it learns on.
///
/// `FRACTION`: 0..=30, see [`fixed`]. Memory: 12 bytes. Cost: two comparisons to learn and two to score; 13 steps of a
/// long division for what lies outside. On a Cortex-M0 89 instructions to score and learn a reading (at most 650).
///
/// Error: bounds are off by half a step of 2^-`FRACTION`; evidence by at most 0.02 where the width is 10,000 steps or
/// more. Values outside of ±2^(31 - `FRACTION`) count as that.
/// ```
/// use brooklet_core::anomaly::FixedRange;
/// let mut range = FixedRange::<4>::new();
/// for adc in 0..100 { range.learn_raw(adc << 4); }
/// assert_eq!(range.evidence_raw(50 << 4), Some(0));
/// assert!(range.evidence_raw(120 << 4) > Some(2 * 256)); // in 1/256 of a power of ten
/// ```
/// Source: Brooklet's own. Checked against [`Range`](super::Range).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FixedRange<const FRACTION: u32> {
    lo: i32,
    hi: i32,
    n: u32,
}

impl<const FRACTION: u32> FixedRange<FRACTION> {
    /// Evidence for each width of the range by which a value lies outside.
    const SLOPE: u64 = 60;

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { lo: i32::MAX, hi: i32::MIN, n: 0 }
    }

    /// The lowest and highest raw number; `None` before the first.
    #[must_use]
    pub const fn bounds_raw(&self) -> Option<(i32, i32)> {
        if self.lo <= self.hi { Some((self.lo, self.hi)) } else { None }
    }

    /// How far a raw number lies outside; 0 inside.
    #[must_use]
    pub const fn excess_raw(&self, raw: i32) -> u32 {
        if raw > self.hi {
            raw.abs_diff(self.hi)
        } else if raw < self.lo {
            raw.abs_diff(self.lo)
        } else {
            0
        }
    }

    /// Evidence in 1/256 of a power of ten, 0 to 1536; `None` before two different values.
    #[must_use]
    pub fn evidence_raw(&self, raw: i32) -> Option<u16> {
        if self.lo >= self.hi {
            return None;
        }
        let excess = self.excess_raw(raw);
        if excess == 0 {
            return Some(0); // nearly always
        }
        let width = self.hi.abs_diff(self.lo);
        let steep = fixed::ratio(u64::from(excess).wrapping_mul(Self::SLOPE), u64::from(width));
        let humble = fixed::log10_of_log2(fixed::log2(self.n.saturating_add(1)));
        let bounded = Ord::min(steep, humble);
        Some(Ord::min(bounded, u32::from(fixed::MOST_EVIDENCE)) as u16)
    }

    /// Learns a raw number.
    pub const fn learn_raw(&mut self, raw: i32) {
        if raw < self.lo {
            self.lo = raw;
        }
        if raw > self.hi {
            self.hi = raw;
        }
        self.n = self.n.saturating_add(1);
    }
}

impl<const FRACTION: u32> Default for FixedRange<FRACTION> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const FRACTION: u32> Learner for FixedRange<FRACTION> {
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        self.learn_raw(fixed::to_raw::<FRACTION>(x.value()));
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const FRACTION: u32> AnomalyDetector for FixedRange<FRACTION> {
    fn score_one(&self, x: &Moment) -> Option<f32> {
        self.evidence_raw(fixed::to_raw::<FRACTION>(x.value())).map(fixed::evidence)
    }
}

impl<const FRACTION: u32> Protect for FixedRange<FRACTION> {
    fn protect(&mut self, _: &Moment) {}

    fn release(&mut self) {}

    fn level_one(&self, x: &Moment) -> f32 {
        self.score_one(x).unwrap_or(0.0)
    }
}

impl<const FRACTION: u32> Stepper for FixedRange<FRACTION> {}

impl<const FRACTION: u32> Explain for FixedRange<FRACTION> {
    type Because = Because;

    /// What is expected is the middle.
    fn explain_one(&self, x: &Moment) -> Because {
        let raw = fixed::to_raw::<FRACTION>(x.value());
        let (lo, hi) = self.bounds_raw().unwrap_or((raw, raw));
        let [low, high, expected] = [lo, hi, lo.midpoint(hi)].map(fixed::to_float::<FRACTION>);
        Because { evidence: [self.level_one(x), 0.0, 0.0, 0.0, 0.0, 0.0], expected, low, high }
    }
}

impl<const FRACTION: u32> Validate for FixedRange<FRACTION> {
    fn is_valid(&self) -> bool {
        if self.n == 0 { self.lo == i32::MAX && self.hi == i32::MIN } else { self.lo <= self.hi }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::Range;
    use crate::rng::Rng;

    #[test]
    fn evidence_is_its_sibling_s_within_two_hundredths() {
        let (mut rng, mut fixed, mut range) = (Rng::new(3), FixedRange::<12>::new(), Range::new());
        let mut outside = 0;
        for n in 0..30_000u32 {
            let x = 20.0 + rng.normal() * if n % 100 == 0 { 2.0 } else { 1.0 };
            let moment = Moment::new(x, None).unwrap();
            if n > 20 {
                // Asked for more than comes: learning it would blind both.
                for x in [x, 20.0 + 5.0 * (x - 20.0), 20.0 + 1.5 * (x - 20.0)] {
                    let wanted = range.evidence(x);
                    let got = fixed.score_one(&Moment::new(x, None).unwrap()).unwrap();
                    assert!((got - wanted).abs() <= 0.02, "{n}: {got} {wanted} {fixed:?}");
                    outside += u32::from(wanted > 0.5);
                }
            }
            fixed.learn_one(&moment);
            range.learn_one(&x);
        }
        assert!(outside > 500, "{outside}");
    }
}
