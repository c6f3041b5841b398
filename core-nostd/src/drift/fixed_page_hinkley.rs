use serde::{Deserialize, Serialize};

use super::{Side, Verdict};
use crate::fixed;
use crate::stats::FixedEwMean;
use crate::traits::{DriftDetector, Learner, Validate};

/// Page-Hinkley test in whole numbers.
///
/// Formula: `U = (1 - f) U + (x - m) - delta`, `D = (1 - f) D + (x - m) + delta` with `f = 2^-13`; change if
/// `U - min U > threshold` or `max D - D > threshold`. `m` is a [`FixedEwMean`] with `SHIFT` 16, in place of the
/// running mean of [`PageHinkley`](super::PageHinkley), which would take a division: each value weighs
/// `2^-floor(log2 n)` instead of `1/n`.
///
/// Works for a level that shifts, abruptly or slowly. The threshold is in units of the value (about 50 standard
/// deviations ring seldom). A trend that never stops rings for ever.
///
/// `FRACTION`: 0..=30, see [`fixed`]. `threshold`: 0 and up. `delta`: the slack, 0 and up. Both as far as a value goes.
/// Others by `with_`. Memory: 64 bytes. Cost: two shifts, a dozen additions, all of 64 bits; no multiplication, no
/// division. On a Cortex-M0 249 instructions a reading, the sibling takes 2,665.
///
/// Error: sums are exact but for the input's rounding to a step of 2^-`FRACTION` and 2^-16 of one. The mean is another
/// than the sibling's: with a threshold of 50 deviations both find each of 50 shifts by two, at most 30 samples apart,
/// and this one rings less in between. Values outside of ±2^(31 - `FRACTION`) count as that.
/// ```
/// use brooklet_core::drift::FixedPageHinkley;
/// use brooklet_core::traits::DriftDetector;
/// let mut test = FixedPageHinkley::<4>::new(50.0, 0.0625);
/// let mut alarms = (0..1000).filter(|i| {
///     test.learn_raw((i % 2 + if *i < 500 { 0 } else { 3 }) << 4);
///     test.drifted()
/// });
/// assert_eq!((alarms.next(), alarms.next()), (Some(517), None));
/// ```
/// Source: Page: Continuous inspection schemes, Biometrika 1954, doi:10.1093/biomet/41.1-2.100. Checked against
/// [`PageHinkley`](super::PageHinkley) on the streams on which that one is checked against River.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FixedPageHinkley<const FRACTION: u32> {
    mean: FixedEwMean<FRACTION, 16>,
    /// Sums in steps of 2^-(FRACTION + 16).
    up: i64,
    least: i64,
    down: i64,
    most: i64,
    threshold: i32,
    delta: i32,
    grace: u16,
    side: Side,
    verdict: Verdict,
}

const FADE: u32 = 13;
/// Sums stay below what the largest step gives again and again; their differences still fit.
const BOUND: i64 = 1 << 62;

impl<const FRACTION: u32> FixedPageHinkley<FRACTION> {
    /// Nothing learnt. Both sides, at least 30 samples.
    #[must_use]
    pub const fn new(threshold: f32, delta: f32) -> Self {
        Self::of(
            not_below_zero(fixed::to_raw::<FRACTION>(threshold)),
            not_below_zero(fixed::to_raw::<FRACTION>(delta)),
        )
    }

    const fn of(threshold: i32, delta: i32) -> Self {
        Self {
            mean: FixedEwMean::new(),
            up: 0,
            least: i64::MAX,
            down: 0,
            most: i64::MIN,
            threshold,
            delta,
            grace: 30,
            side: Side::Both,
            verdict: Verdict::Calm,
        }
    }

    /// No alarm before this many samples.
    #[must_use]
    pub const fn with_grace(self, grace: u16) -> Self {
        Self { grace, ..self }
    }

    /// Increases, decreases or both.
    #[must_use]
    pub const fn with_side(self, side: Side) -> Self {
        Self { side, ..self }
    }

    /// Learns a raw number.
    pub fn learn_raw(&mut self, raw: i32) {
        if self.verdict.drifted() {
            self.reset();
        }
        self.mean.learn_raw(raw);
        let (d, delta) = (self.mean.off(raw), i64::from(self.delta) << 16);
        self.up = self.up.wrapping_add(d.wrapping_sub(delta).wrapping_sub(self.up >> FADE));
        self.down = self.down.wrapping_add(d.wrapping_add(delta).wrapping_sub(self.down >> FADE));
        self.least = Ord::min(self.least, self.up);
        self.most = Ord::max(self.most, self.down);
        let threshold = i64::from(self.threshold) << 16;
        let up = self.side.up() && self.up.wrapping_sub(self.least) > threshold;
        let down = self.side.down() && self.most.wrapping_sub(self.down) > threshold;
        self.verdict = Verdict::of((up || down) && self.mean.count() >= u32::from(self.grace), false);
    }
}

const fn not_below_zero(raw: i32) -> i32 {
    if raw < 0 { 0 } else { raw }
}

impl<const FRACTION: u32> Learner for FixedPageHinkley<FRACTION> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.learn_raw(fixed::to_raw::<FRACTION>(*x));
    }

    fn reset(&mut self) {
        *self = Self { grace: self.grace, side: self.side, ..Self::of(self.threshold, self.delta) };
    }
}

impl<const FRACTION: u32> DriftDetector for FixedPageHinkley<FRACTION> {
    fn drifted(&self) -> bool {
        self.verdict.drifted()
    }
}

impl<const FRACTION: u32> Validate for FixedPageHinkley<FRACTION> {
    fn is_valid(&self) -> bool {
        let within = |sum: i64| sum.unsigned_abs() < BOUND.unsigned_abs();
        self.mean.is_valid()
            && within(self.up)
            && within(self.down)
            && (within(self.least) || self.least == i64::MAX)
            && (within(self.most) || self.most == i64::MIN)
            && self.threshold >= 0
            && self.delta >= 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::PageHinkley;
    use crate::rng::Rng;

    #[test]
    fn sums_stay_within_their_bound() {
        let mut test = FixedPageHinkley::<12>::new(f32::MAX, f32::MAX).with_grace(u16::MAX);
        for x in [f32::MAX, f32::MIN] {
            for _ in 0..200_000 {
                test.learn_one(&x);
                assert!(test.is_valid(), "{test:?}");
            }
        }
    }

    /// Shifts of two deviations every 2000 samples; between them both ring now and then, the sibling more often.
    #[test]
    fn finds_what_its_sibling_finds() {
        let (mut rng, mut fixed) = (Rng::new(4), FixedPageHinkley::<12>::new(50.0, 0.005));
        let (mut sibling, mut calm) = (PageHinkley::new(50.0, 0.005), [0u32; 2]);
        for shift in 0..50u32 {
            let mut first = [None; 2];
            for i in 0..2000u32 {
                let x = rng.normal() + 2.0 * f32::from((shift % 3) as u8);
                fixed.learn_one(&x);
                sibling.learn_one(&x);
                for (which, drifted) in [fixed.drifted(), sibling.drifted()].into_iter().enumerate() {
                    if drifted && first[which].is_none() {
                        first[which] = Some(i);
                    } else if drifted {
                        calm[which] += 1;
                    }
                }
            }
            let [fixed, sibling] = first.map(|at| at.unwrap_or(2000));
            assert!(shift == 0 || (fixed < 100 && fixed.abs_diff(sibling) <= 30), "{shift}: {first:?}");
        }
        assert!(calm[0] <= calm[1], "{calm:?}");
    }
}
