use serde::{Deserialize, Serialize};

use crate::math;
use crate::stats::Moments;
use crate::traits::{Learner, Statistic, Validate};

use super::block::Block;

/// How much of the variance comes from rare peaks, over blocks of `BLOCK` samples.
///
/// Formula: `m4 / m2²` with `mk` the mean of `(x - mean)^k`, Pearson's: 1.5 for a sine, 3 for normal noise, from 4 on
/// something knocks. From [`Moments`], so an offset does no harm.
///
/// The figure of the last whole block that was not constant; blocks of less than some 200 samples scatter much.
///
/// `BLOCK`: 2 to 65535 samples. Memory: 48 bytes. Cost, limits of the input: those of [`Moments`].
/// ```
/// use brooklet_core::spectral::Kurtosis;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut peaks = Kurtosis::<4>::new();
/// for x in [1.0, 2.0, 3.0, 4.0] { peaks.learn_one(&x); }
/// assert!((peaks.value().unwrap() - 1.64).abs() < 1e-6);
/// ```
/// Checked against scipy.stats.kurtosis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kurtosis<const BLOCK: u16> {
    moments: Moments,
    block: Block<BLOCK>,
}

impl<const BLOCK: u16> Kurtosis<BLOCK> {
    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { moments: Moments::new(), block: Block::new() }
    }
}

impl<const BLOCK: u16> Learner for Kurtosis<BLOCK> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.moments.learn_one(x);
        if self.block.count() {
            if let Some(excess) = self.moments.kurtosis() {
                // By the law that holds for all blocks; f32 may miss it in the last digits.
                self.block.figure = Some(math::clamp(3.0 + excess, 1.0, f32::from(BLOCK)));
            }
            self.moments.reset();
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const BLOCK: u16> Statistic for Kurtosis<BLOCK> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.block.figure
    }
}

impl<const BLOCK: u16> Validate for Kurtosis<BLOCK> {
    fn is_valid(&self) -> bool {
        self.moments.is_valid() && self.block.is_valid(65_535.0)
    }
}
