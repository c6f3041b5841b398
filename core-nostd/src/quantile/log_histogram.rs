use core::f32::consts::LN_2;

use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Validate};

const BLOCKS: usize = 4;
const BLOCK: usize = 16;
const BINS: usize = BLOCKS * BLOCK;
const BINS_AN_OCTAVE: f32 = 4.0;
/// The lowest octave that the histogram covers.
const LOWEST: i32 = -6;

/// Where the later quarters of an octave begin: `2^23 (2^(q/4) - 1)`; the last is the next octave.
const QUARTERS: [u32; 4] = [1_587_188, 3_474_676, 5_719_293, 1 << 23];
/// As near as this to the begin of a quarter, rounding decides to which it belongs.
const ROUNDING: u32 = 32;

/// A score and the bin in which it counts.
#[derive(Clone, Copy)]
pub(crate) struct Binned {
    score: f32,
    bin: usize,
}

impl Binned {
    pub(crate) fn new(score: f32) -> Self {
        Self { score, bin: bin(score) }
    }

    pub(crate) const fn score(self) -> f32 {
        self.score
    }
}

/// A decaying histogram of the logarithm of a non-negative score, which turns a score into evidence.
///
/// A quarter of an octave a bin, from 2^-6 to 2^10; what lies outside counts in the outermost bins. Decay is a growing
/// increment; when it reaches 2, it and all bins are halved, which is exact: no multiplication of all bins a sample.
///
/// `HALF_LIFE`: 1 and up, in samples. Memory: 280 bytes. Cost: a multiplication, two additions; evidence two
/// logarithms and up to 22 additions.
/// ```
/// use brooklet_core::quantile::LogHistogram;
/// use brooklet_core::traits::Learner;
/// let mut seen = LogHistogram::<4000>::new();
/// for i in 0..1000u16 { seen.learn_one(&(1.0 + f32::from(i % 10))); }
/// assert!(seen.evidence(2.0, 0.0).unwrap() < 0.5);
/// assert!(seen.evidence(1000.0, 0.0).unwrap() > 3.0); // never seen in 1000: just over 10^-3
/// ```
/// Source: the p-value is the conformal one of Vovk, Gammerman, Shafer: Algorithmic learning in a random world, 2005,
/// doi:10.1007/b106715. Checked by simulation: evidence above 2 comes once in a hundred samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogHistogram<const HALF_LIFE: u32> {
    #[serde(with = "crate::array")]
    bins: [f32; BINS],
    /// Sums of 16 bins, so that a tail needs few additions.
    blocks: [f32; BLOCKS],
    increment: f32,
    seen: u8,
}

impl<const HALF_LIFE: u32> LogHistogram<HALF_LIFE> {
    const SHAPE: () = assert!(HALF_LIFE > 0);
    /// Fewer samples than this say nothing.
    const WARM_UP: u8 = 20;

    /// Nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { bins: [0.0; BINS], blocks: [0.0; BLOCKS], increment: 1.0, seen: 0 }
    }

    /// True if more than a tenth of what was seen is stranger than the score, by `margin`: its evidence is then below
    /// 1, which takes no logarithm to know. Of most scores it is true.
    pub(crate) fn is_common(&self, score: Binned, margin: f32) -> bool {
        let bin = score.bin.saturating_sub(margin as usize);
        let block = bin / BLOCK;
        let [first, second, third, fourth] = self.blocks;
        let from_third = third + fourth;
        let from_second = second + from_third;
        let enough = 0.1 * (first + from_second);
        // The tail from the next block on; then the bins before it, until that is enough.
        let mut tail = match block {
            0 => from_second,
            1 => from_third,
            2 => fourth,
            _ => 0.0,
        };
        let next_block = block.saturating_add(1).saturating_mul(BLOCK);
        tail > enough
            || self.bins.iter().take(next_block).skip(bin.saturating_add(1)).any(|count| {
                tail += count;
                tail > enough
            })
    }

    /// As [`learn_one`](Learner::learn_one).
    pub(crate) fn learn_binned(&mut self, score: Binned) {
        let bin = score.bin;
        if let Some(count) = self.bins.get_mut(bin) {
            *count += self.increment;
        }
        if let Some(count) = self.blocks.get_mut(bin / BLOCK) {
            *count += self.increment;
        }
        self.seen = self.seen.saturating_add(1);
        self.increment *= 1.0 + LN_2 / HALF_LIFE as f32;
        if self.increment >= 2.0 {
            self.increment *= 0.5;
            self.bins.iter_mut().chain(&mut self.blocks).for_each(|count| *count *= 0.5);
        }
    }

    /// Evidence in powers of ten: `-log10` of the share of scores seen that were at least `score / 2^(margin/4)`,
    /// half a sample added to the tail and one to the total, so that a young histogram is humble by construction.
    ///
    /// `margin` (0 and up, in quarter octaves) asks that a score not only be rare but stand clear of what was seen.
    /// `None` before the 20th sample.
    #[must_use]
    pub fn evidence(&self, score: f32, margin: f32) -> Option<f32> {
        if self.seen < Self::WARM_UP {
            return None;
        }
        let place = math::max(place(score) - margin, 0.0);
        let bin = place as usize;
        let inside = place - bin as f32;
        let block = bin / BLOCK;
        let own = self.bins.get(bin).copied().unwrap_or(0.0) * (1.0 - inside);
        let next_block = block.saturating_add(1);
        let near: f32 =
            self.bins.iter().take(next_block.saturating_mul(BLOCK)).skip(bin.saturating_add(1)).sum();
        let far: f32 = self.blocks.iter().skip(next_block).sum();
        let all: f32 = self.blocks.iter().sum();
        let (tail, all) = ((own + near + far) / self.increment, all / self.increment);
        Some(math::max(-math::log10((tail + 0.5) / (all + 1.0)), 0.0))
    }
}

/// Place of a score in bins; the whole part is the bin.
fn place(score: f32) -> f32 {
    if score > 0.0 {
        (BINS_AN_OCTAVE * (math::log2(score) - LOWEST as f32)).clamp(0.0, BINS as f32 - 0.01)
    } else {
        0.0
    }
}

/// The whole part of the [`place`], by the bits of the score: a logarithm only where it would be rounded.
fn bin(score: f32) -> usize {
    let (octave, fraction) = math::octave(score);
    if !(score > 0.0 && octave >= LOWEST) {
        return 0;
    }
    let quarter = |fraction| {
        QUARTERS
            .iter()
            .fold(0_usize, |quarter, begin| quarter.saturating_add(usize::from(fraction >= *begin)))
    };
    let own = quarter(fraction.saturating_add(ROUNDING));
    if own != quarter(fraction.saturating_sub(ROUNDING)) {
        return place(score) as usize;
    }
    let octave = octave.saturating_sub(LOWEST) as usize;
    Ord::min(octave.saturating_mul(4).saturating_add(own), BINS - 1)
}

impl<const HALF_LIFE: u32> Default for LogHistogram<HALF_LIFE> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const HALF_LIFE: u32> Learner for LogHistogram<HALF_LIFE> {
    /// A score, 0 and up.
    type Input = f32;

    fn learn_one(&mut self, score: &f32) {
        self.learn_binned(Binned::new(*score));
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const HALF_LIFE: u32> Validate for LogHistogram<HALF_LIFE> {
    fn is_valid(&self) -> bool {
        // Decay bounds every count by a few half-lives; the bound here is generous and keeps sums finite.
        let bound = 0.0..=1e12;
        (1.0..2.0).contains(&self.increment)
            && self.bins.iter().chain(&self.blocks).all(|count| bound.contains(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn evidence_is_calibrated() {
        let (mut rng, mut seen) = (Rng::new(3), LogHistogram::<4000>::new());
        let mut rare = 0;
        for i in 0..60_000 {
            let score = rng.normal().abs();
            if i >= 10_000 {
                rare += u32::from(seen.evidence(score, 0.0).unwrap() >= 2.0);
            }
            seen.learn_one(&score);
        }
        // Once in a hundred: 500 expected of 50,000.
        assert!((425..575).contains(&rare), "{rare}");
        assert!(seen.is_valid());
    }

    /// All scores were compared once (`step_by(1)`); what could go wrong does so near the edges of bins.
    #[test]
    fn bins_are_those_of_the_logarithm() {
        let edges = (100..160u32).flat_map(|octave| QUARTERS.map(|quarter| (octave << 23) + quarter));
        let near = edges.flat_map(|edge| edge - 500..edge + 500);
        for bits in near.chain((0..=f32::INFINITY.to_bits()).step_by(997)) {
            for score in [f32::from_bits(bits), -f32::from_bits(bits)] {
                assert_eq!(bin(score), place(score) as usize, "{score}");
            }
        }
        assert_eq!(bin(f32::NAN), 0);
    }

    #[test]
    fn what_is_common_has_little_evidence() {
        let (mut rng, mut seen, mut common) = (Rng::new(5), LogHistogram::<300>::new(), 0);
        for _ in 0..20_000 {
            let score = rng.normal().abs() * 10.0;
            if seen.is_common(Binned::new(score), 2.0) {
                common += 1;
                assert!(seen.evidence(score, 2.0).is_none_or(|evidence| evidence < 1.0), "{score}");
            }
            seen.learn_one(&score);
        }
        assert!(common > 15_000, "{common}");
    }

    #[test]
    fn forgets_by_half_in_a_half_life() {
        let mut seen = LogHistogram::<100>::new();
        for _ in 0..1000 {
            seen.learn_one(&8.0);
        }
        for _ in 0..100 {
            seen.learn_one(&1.0);
        }
        let share = libm::powf(10.0, -seen.evidence(4.0, 0.0).unwrap());
        assert!((share - 0.5).abs() < 0.01, "{share}");
    }
}
