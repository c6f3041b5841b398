use serde::{Deserialize, Serialize};

use crate::traits::{Learner, Statistic, Validate};

use super::{Spectrum, Taper};

/// Where the middle of a signal's spectrum lies: a machine that begins to hiss or to rattle moves it up.
///
/// Formula: `sum of f P[f] / sum of P[f]` over the powers of a [`Spectrum`] under Hann's window.
///
/// The figure of the last whole block that was not constant. A louder machine does not move it, a new tone does; in
/// silence it shows the noise.
///
/// `N`: a power of two from 4 to 1024. Memory: `4 N + 12` bytes. Cost: see [`Spectrum`].
/// ```
/// use brooklet_core::spectral::SpectralCentroid;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut middle = SpectralCentroid::<64>::new();
/// for i in 0..64u8 { middle.learn_one(&[0.0, 3.0, 0.0, -3.0][usize::from(i % 4)]); }
/// assert!((middle.value().unwrap() - 0.25).abs() < 1e-6); // cycles a sample
/// ```
/// Source: J. M. Grey, J. W. Gordon: Perceptual effects of spectral modifications on musical timbres, 1978,
/// doi:10.1121/1.381843. Checked against the same sums over scipy.signal.periodogram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpectralCentroid<const N: usize> {
    spectrum: Spectrum<N>,
    centroid: Option<f32>,
}

impl<const N: usize> SpectralCentroid<N> {
    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { spectrum: Spectrum::new(Taper::Hann), centroid: None }
    }
}

impl<const N: usize> Learner for SpectralCentroid<N> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.spectrum.learn_one(x);
        if let Some(powers) = self.spectrum.powers() {
            let all: f32 = powers.iter().sum();
            let weighted: f32 = (0..=u16::MAX).zip(powers).map(|(k, power)| f32::from(k) * power).sum();
            if all > 0.0 {
                self.centroid = Some(weighted / all / N as f32);
            }
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const N: usize> Statistic for SpectralCentroid<N> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.centroid
    }
}

impl<const N: usize> Validate for SpectralCentroid<N> {
    fn is_valid(&self) -> bool {
        // Subnormal powers leave a quotient with few bits.
        self.spectrum.is_valid() && self.centroid.is_none_or(|centroid| (0.0..=1.0).contains(&centroid))
    }
}
