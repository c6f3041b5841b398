use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

use super::block::Block;

/// How much of the variance comes from rare peaks, over blocks of `BLOCK` samples.
///
/// Formula: `m4 / m2²` with `mk` the mean of `(x - mean)^k`, Pearson's: 1.5 for a sine, 3 for normal noise, from 4 on
/// something knocks. The moments run as in Pébay's equations 2.1 and 3.1, so an offset does no harm.
///
/// The figure of the last whole block that was not constant; blocks of less than some 200 samples scatter much.
///
/// `BLOCK`: 2 to 65535 samples. Memory: 28 bytes. Cost: one division, a dozen multiplications. Input is limited to ±1e8,
/// and variances below 1e-15 count as constant: fourth powers have no room for more in f32.
/// ```
/// use brooklet_core::spectral::Kurtosis;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut peaks = Kurtosis::<4>::new();
/// for x in [1.0, 2.0, 3.0, 4.0] { peaks.learn_one(&x); }
/// assert!((peaks.value().unwrap() - 1.64).abs() < 1e-6);
/// ```
/// Source: P. Pébay: Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical
/// moments, Sandia report SAND2008-6212, doi:10.2172/1028931. Checked against scipy.stats.kurtosis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kurtosis<const BLOCK: u16> {
    mean: f32,
    m2: f32,
    m3: f32,
    m4: f32,
    block: Block<BLOCK>,
}

impl<const BLOCK: u16> Kurtosis<BLOCK> {
    const MOST: f32 = 1e8;
    const LEAST_VARIANCE: f32 = 1e-15;

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { mean: 0.0, m2: 0.0, m3: 0.0, m4: 0.0, block: Block::new() }
    }
}

impl<const BLOCK: u16> Learner for Kurtosis<BLOCK> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = math::clamp(*x, -Self::MOST, Self::MOST);
        if self.block.begins() {
            (self.mean, self.m2, self.m3, self.m4) = (x, 0.0, 0.0, 0.0);
        }
        let before = f32::from(self.block.seen());
        let n = before + 1.0;
        let delta = x - self.mean;
        let step = delta / n;
        let square = step * step;
        let term = delta * step * before;
        self.m4 += term * square * (n * n - 3.0 * n + 3.0) + 6.0 * square * self.m2 - 4.0 * step * self.m3;
        self.m3 += term * step * (n - 2.0) - 3.0 * step * self.m2;
        self.m2 += term;
        self.mean += step;
        if self.block.count() {
            let len = f32::from(BLOCK);
            let variance = self.m2 / len;
            if variance > Self::LEAST_VARIANCE {
                // By the law that holds for all blocks; f32 may miss it in the last digits.
                self.block.figure = Some(math::clamp(self.m4 / variance / self.m2, 1.0, len));
            }
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
        math::abs(self.mean) <= 2.0 * Self::MOST
            && (0.0..=1e22).contains(&self.m2)
            && math::abs(self.m3) <= 1e30
            && math::abs(self.m4) <= 3e38
            && self.block.is_valid(65_535.0)
    }
}
