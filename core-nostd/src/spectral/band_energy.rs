use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

use super::{Spectrum, Taper};

/// How much of a signal lies between two frequencies.
///
/// Formula: the sum of the powers of a [`Spectrum`] under Hann's window whose frequency is in `low..=high`: a mean
/// square, so its root is the band's RMS, and all bands together make the variance.
///
/// The figure of the last whole block: it lags by up to a block. A line at the edge of a band spreads over its
/// neighbour bins and counts in part.
///
/// `low`, `high`: cycles a sample, 0 to 0.5, brought into order. `N`: a power of two from 4 to 1024. Memory: `4 N + 20`
/// bytes. Cost: see [`Spectrum`].
/// ```
/// use brooklet_core::spectral::BandEnergy;
/// use brooklet_core::traits::{Learner, Statistic};
/// let (mut low, mut high) = (BandEnergy::<64>::new(0.0, 0.2), BandEnergy::<64>::new(0.2, 0.5));
/// for i in 0..64u8 {
///     let x = [0.0, 3.0, 0.0, -3.0][usize::from(i % 4)]; // amplitude 3 at 0.25
///     low.learn_one(&x);
///     high.learn_one(&x);
/// }
/// assert!(low.value().unwrap() < 1e-6);
/// assert!((high.value().unwrap() - 4.5).abs() < 1e-5);
/// ```
/// Checked against scipy.signal.periodogram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BandEnergy<const N: usize> {
    spectrum: Spectrum<N>,
    low: f32,
    high: f32,
    energy: Option<f32>,
}

impl<const N: usize> BandEnergy<N> {
    /// Nothing learnt.
    #[must_use]
    pub const fn new(low: f32, high: f32) -> Self {
        let low = math::clamp(low, 0.0, 0.5);
        Self { spectrum: Spectrum::new(Taper::Hann), low, high: math::clamp(high, low, 0.5), energy: None }
    }
}

impl<const N: usize> Learner for BandEnergy<N> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.spectrum.learn_one(x);
        if let Some(powers) = self.spectrum.powers() {
            let first = math::ceil(self.low * N as f32) as usize;
            let last = math::floor(self.high * N as f32) as usize;
            self.energy = Some(powers.iter().take(last.saturating_add(1)).skip(first).sum());
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.low, self.high);
    }
}

impl<const N: usize> Statistic for BandEnergy<N> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.energy
    }
}

impl<const N: usize> Validate for BandEnergy<N> {
    fn is_valid(&self) -> bool {
        self.spectrum.is_valid()
            && (0.0..=0.5).contains(&self.low)
            && (self.low..=0.5).contains(&self.high)
            && self.energy.is_none_or(|energy| (0.0..=f32::MAX).contains(&energy))
    }
}
