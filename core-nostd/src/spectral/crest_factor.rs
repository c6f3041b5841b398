use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

use super::block::Block;
use super::{LARGEST, bounded};

/// The highest peak in units of the root mean square, over blocks of `BLOCK` samples.
///
/// Formula: `max |x| / sqrt(sum of x² / BLOCK)`: 1 for a square wave, 1.41 for a sine, about 3 to 4 for noise, more when a
/// bearing begins to knock. Falls again when the damage is everywhere: read it beside [`Rms`](super::Rms).
///
/// The figure of the last whole block that was not all zeros. An offset counts: take it away first.
///
/// `BLOCK`: 2 to 65535 samples. Memory: 20 bytes. Cost: one multiplication. Input is limited to ±1e12.
/// ```
/// use brooklet_core::spectral::CrestFactor;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut crest = CrestFactor::<4>::new();
/// for x in [1.0, -7.0, 7.0, -1.0] { crest.learn_one(&x); }
/// assert_eq!(crest.value(), Some(1.4)); // 7 of 5
/// ```
/// Checked against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrestFactor<const BLOCK: u16> {
    squares: f32,
    peak: f32,
    block: Block<BLOCK>,
}

impl<const BLOCK: u16> CrestFactor<BLOCK> {
    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { squares: 0.0, peak: 0.0, block: Block::new() }
    }
}

impl<const BLOCK: u16> Learner for CrestFactor<BLOCK> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = bounded(*x);
        self.squares += x * x;
        self.peak = math::max(self.peak, math::abs(x));
        if self.block.count() {
            let rms = math::sqrt(self.squares / f32::from(BLOCK));
            if rms > 0.0 {
                // Squares that are subnormal have few bits: the law that holds for all blocks keeps it in range.
                self.block.figure = Some(math::clamp(self.peak / rms, 1.0, math::sqrt(f32::from(BLOCK))));
            }
            (self.squares, self.peak) = (0.0, 0.0);
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const BLOCK: u16> Statistic for CrestFactor<BLOCK> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.block.figure
    }
}

impl<const BLOCK: u16> Validate for CrestFactor<BLOCK> {
    fn is_valid(&self) -> bool {
        (0.0..=1e5 * LARGEST * LARGEST).contains(&self.squares)
            && (0.0..=LARGEST).contains(&self.peak)
            && self.block.is_valid(256.0)
    }
}
