use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

use super::block::Block;
use super::{LARGEST, bounded};

/// Root of the mean square, over blocks of `BLOCK` samples: what vibration limits are given in.
///
/// Formula: `sqrt(sum of x² / BLOCK)`. An offset counts: take it away first if the sensor has one.
///
/// The figure of the last whole block. A short knock drowns in it: see [`CrestFactor`](super::CrestFactor) and
/// [`Kurtosis`](super::Kurtosis).
///
/// `BLOCK`: 2 to 65535 samples. Memory: 16 bytes. Cost: one multiplication. Input is limited to ±1e12.
/// ```
/// use brooklet_core::spectral::Rms;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut rms = Rms::<4>::new();
/// for x in [1.0, -7.0, 7.0, -1.0] { rms.learn_one(&x); }
/// assert_eq!(rms.value(), Some(5.0));
/// ```
/// Checked against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rms<const BLOCK: u16> {
    squares: f32,
    block: Block<BLOCK>,
}

impl<const BLOCK: u16> Rms<BLOCK> {
    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { squares: 0.0, block: Block::new() }
    }
}

impl<const BLOCK: u16> Learner for Rms<BLOCK> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = bounded(*x);
        self.squares += x * x;
        if self.block.count() {
            self.block.figure = Some(math::sqrt(self.squares / f32::from(BLOCK)));
            self.squares = 0.0;
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const BLOCK: u16> Statistic for Rms<BLOCK> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.block.figure
    }
}

impl<const BLOCK: u16> Validate for Rms<BLOCK> {
    fn is_valid(&self) -> bool {
        (0.0..=1e5 * LARGEST * LARGEST).contains(&self.squares) && self.block.is_valid(2.0 * LARGEST)
    }
}
