use serde::{Deserialize, Serialize};

use crate::fixed;
use crate::sample::Moment;
use crate::stats::FixedEwVariance;
use crate::traits::{AnomalyDetector, Explain, Learner, Protect, Stepper, Validate};

use super::Because;

/// How far the mean of the last `LEN` values lies from where such means usually are, in whole numbers.
///
/// Formula: `z² = (x̄ - m)² / v` with `x̄` the moving mean, `m` and `v` its exponentially weighted mean and variance
/// over `2^SHIFT` samples, as [`LevelShift`](super::LevelShift) has it; evidence `z² / (2 ln 10)` as
/// [`ZScore`](super::ZScore) has it, at most 6, and 0 below half a power of ten, which spares the division.
///
/// Finds steps and drifts faster than `2^SHIFT`. Means of neighbours are alike, so it rings more often than its
/// evidence says; heavy tails make it worse. Learns on while an alert is open. Ready after `LEN + 4` samples.
///
/// `FRACTION`: 0..=30, see [`fixed`]. `LEN`: a power of two, 1..=256. `SHIFT`: 3..=12. Memory: `4 LEN + 40` bytes.
/// Cost: three multiplications of 32 bits to learn and three to score; 13 steps of a long division for the unusual. On
/// a Cortex-M0 486 instructions to score and learn a reading (at most 890), [`ZScore`](super::ZScore) in floats 2,597.
///
/// Error: the moving mean is off by at most one step of 2^-`FRACTION`, so `z` by two steps of the deviation of such
/// means; that deviation counts as a step at least. Against the sibling, where it is 50 steps or more and once
/// `10 * 2^SHIFT` samples were seen: at most 0.05 and 5 % of the evidence. Holds while values lie within
/// ±2^(31 - `FRACTION`) and means within ±2^(25 - `FRACTION`) of each other; farther ones count as that far off.
/// ```
/// use brooklet_core::anomaly::FixedLevelShift;
/// let mut shift = FixedLevelShift::<4, 8, 7>::new();
/// for i in 0..100 { shift.learn_raw((i % 10) << 4); }
/// assert_eq!(shift.evidence_raw(0), Some(0));
/// assert_eq!(shift.evidence_raw(400 << 4), Some(6 * 256)); // in 1/256 of a power of ten
/// ```
/// Source: Brooklet's own: a z-score of moving means. Checked against [`LevelShift`](super::LevelShift).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FixedLevelShift<const FRACTION: u32, const LEN: usize, const SHIFT: u32> {
    sum: i64,
    usual: FixedEwVariance<FRACTION, SHIFT>,
    #[serde(with = "crate::array")]
    recent: [i32; LEN],
    next: u16,
    full: bool,
}

impl<const FRACTION: u32, const LEN: usize, const SHIFT: u32> FixedLevelShift<FRACTION, LEN, SHIFT> {
    const SHAPE: () = assert!(LEN.is_power_of_two() && LEN <= 256 && SHIFT >= 3);
    const WARM_UP: u32 = 5;
    const HALVINGS: u32 = LEN.trailing_zeros();
    /// `256 * 256 / (2 ln 10)`.
    const OF_SQUARE: u32 = 14_231;

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { sum: 0, usual: FixedEwVariance::new(), recent: [0; LEN], next: 0, full: false }
    }

    fn oldest(&self) -> i32 {
        self.recent.get(usize::from(self.next)).copied().unwrap_or(0)
    }

    /// The moving mean with `raw` as its newest value, to the nearest raw number. As if there had been zeros before the
    /// first `LEN` values.
    #[must_use]
    pub fn mean_with_raw(&self, raw: i32) -> i32 {
        let sum = self.sum.wrapping_sub(i64::from(self.oldest())).wrapping_add(i64::from(raw));
        let half = (LEN >> 1) as i64;
        (sum.wrapping_add(half) >> Self::HALVINGS) as i32
    }

    /// Where the moving mean usually is.
    #[must_use]
    pub const fn usual_raw(&self) -> i32 {
        self.usual.mean_raw()
    }

    /// `z²` as a fraction; `None` for the first values.
    fn squared(&self, raw: i32) -> Option<(u64, u64)> {
        let least = 1 << SHIFT;
        (self.usual.count() >= Self::WARM_UP).then(|| {
            let far = self.usual.squared_distance(self.mean_with_raw(raw));
            (far, Ord::max(self.usual.variance(), least))
        })
    }

    /// Evidence in 1/256 of a power of ten, 0 to 1536; `None` for the first `LEN + 4` values.
    #[must_use]
    pub fn evidence_raw(&self, raw: i32) -> Option<u16> {
        let (far, usual) = self.squared(raw)?;
        // ln 10 is 2.3: nearly always below.
        if far < usual.wrapping_add(usual) {
            return Some(0);
        }
        let evidence = fixed::ratio(far, usual).wrapping_mul(Self::OF_SQUARE) >> 16;
        let counts = if evidence < 128 { 0 } else { evidence };
        Some(Ord::min(counts, u32::from(fixed::MOST_EVIDENCE)) as u16)
    }

    /// Learns a raw number.
    pub fn learn_raw(&mut self, raw: i32) {
        let last = usize::from(self.next).wrapping_add(1) == LEN;
        if self.full || last {
            self.usual.learn_raw(self.mean_with_raw(raw));
        }
        self.sum = self.sum.wrapping_sub(i64::from(self.oldest())).wrapping_add(i64::from(raw));
        if let Some(slot) = self.recent.get_mut(usize::from(self.next)) {
            *slot = raw;
        }
        self.next = if last { 0 } else { self.next.wrapping_add(1) };
        self.full |= last;
    }
}

impl<const FRACTION: u32, const LEN: usize, const SHIFT: u32> Default
    for FixedLevelShift<FRACTION, LEN, SHIFT>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const FRACTION: u32, const LEN: usize, const SHIFT: u32> Learner
    for FixedLevelShift<FRACTION, LEN, SHIFT>
{
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        self.learn_raw(fixed::to_raw::<FRACTION>(x.value()));
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const FRACTION: u32, const LEN: usize, const SHIFT: u32> AnomalyDetector
    for FixedLevelShift<FRACTION, LEN, SHIFT>
{
    fn score_one(&self, x: &Moment) -> Option<f32> {
        self.evidence_raw(fixed::to_raw::<FRACTION>(x.value())).map(fixed::evidence)
    }
}

impl<const FRACTION: u32, const LEN: usize, const SHIFT: u32> Protect
    for FixedLevelShift<FRACTION, LEN, SHIFT>
{
    fn protect(&mut self, _: &Moment) {}

    fn release(&mut self) {}

    fn level_one(&self, x: &Moment) -> f32 {
        self.score_one(x).unwrap_or(0.0)
    }
}

impl<const FRACTION: u32, const LEN: usize, const SHIFT: u32> Stepper
    for FixedLevelShift<FRACTION, LEN, SHIFT>
{
}

impl<const FRACTION: u32, const LEN: usize, const SHIFT: u32> Explain
    for FixedLevelShift<FRACTION, LEN, SHIFT>
{
    type Because = Because;

    /// Of the moving mean: its usual place, give and take three deviations.
    fn explain_one(&self, x: &Moment) -> Because {
        let expected = fixed::to_float::<FRACTION>(self.usual_raw());
        let half = 3.0 * self.usual.sd();
        let evidence = [self.level_one(x), 0.0, 0.0, 0.0, 0.0, 0.0];
        Because { evidence, expected, low: expected - half, high: expected + half }
    }
}

impl<const FRACTION: u32, const LEN: usize, const SHIFT: u32> Validate
    for FixedLevelShift<FRACTION, LEN, SHIFT>
{
    fn is_valid(&self) -> bool {
        let sum = self.recent.iter().fold(0, |sum: i64, raw| sum.wrapping_add(i64::from(*raw)));
        usize::from(self.next) < LEN && self.sum == sum && self.usual.is_valid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::LevelShift;
    use crate::math;
    use crate::rng::Rng;

    #[test]
    fn evidence_is_its_sibling_s_within_five_hundredths() {
        let (mut rng, mut fixed) = (Rng::new(3), FixedLevelShift::<12, 16, 9>::new());
        let (mut shift, mut unusual) = (LevelShift::<16, 512>::new(), 0);
        for n in 0..60_000u32 {
            let x = 20.0 + 0.1 * rng.normal() + if n % 3000 < 20 { 0.05 } else { 0.0 };
            let moment = Moment::new(x, None).unwrap();
            assert_eq!(fixed.score_one(&moment).is_some(), n >= 16 + 4);
            if n > 5120 {
                let (got, z) = (fixed.score_one(&moment).unwrap(), shift.score(x).unwrap());
                let wanted = z * z / (2.0 * core::f32::consts::LN_10);
                let wanted = math::min(wanted, 6.0);
                let tolerance = 0.05 + 0.05 * wanted;
                let cut = got == 0.0 && wanted < 0.5 + tolerance;
                assert!(cut || (got - wanted).abs() <= tolerance, "{n}: {got} {wanted}");
                unusual += u32::from(got > 2.0);
            }
            fixed.learn_one(&moment);
            shift.learn_one(&x);
        }
        assert!(unusual > 50, "{unusual}");
    }
}
