use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Validate};

use super::fft::{real_fft, square, twiddles};
use super::{LARGEST, bounded};

/// How a block is faded in and out before its transform.
/// ```
/// use brooklet_core::spectral::{Spectrum, Taper};
/// use brooklet_core::traits::Learner;
/// let leaks = |taper| {
///     let mut spectrum = Spectrum::<64>::new(taper);
///     for i in 0..64u8 { spectrum.learn_one(&brooklet_core::math::sin(f32::from(i) * 0.45)); } // 4.6 periods
///     spectrum.powers().unwrap()[20]
/// };
/// assert!(leaks(Taper::Hann) < 0.01 * leaks(Taper::None));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Taper {
    /// Not at all: right for whole periods in a block, otherwise every peak leaks over the whole spectrum.
    None,
    /// Hann's raised cosine `0.5 - 0.5 cos(2 pi n / N)`: peaks are three bins wide, but leak little.
    Hann,
}

/// The power spectrum of blocks of `N` samples.
///
/// Formula: the block's mean is taken away, the rest tapered by `w`, and `P[k] = 2 |X[k]|² / (N sum w²)`, without the 2
/// at both ends: the mean square that lies at `k / N` cycles a sample, so that all bins add up to the variance.
///
/// Collects a block in place and transforms it in place with its last sample; the bins can be read until the next sample
/// is learnt. Follows nothing faster than a block.
///
/// `N`: a power of two from 4 to 1024, checked when compiled. Memory: `4 N + 4` bytes. Cost: one store a sample; once a
/// block a transform of real numbers, see [`real_fft`](super::real_fft). Input is limited to ±1e12.
/// ```
/// use brooklet_core::spectral::{Spectrum, Taper};
/// use brooklet_core::traits::Learner;
/// let mut spectrum = Spectrum::<8>::new(Taper::None);
/// for x in [7.0, 5.0, 3.0, 5.0, 7.0, 5.0, 3.0, 5.0] { spectrum.learn_one(&x); }
/// assert_eq!(spectrum.powers(), Some(&[0.0, 0.0, 2.0, 0.0, 0.0][..])); // amplitude 2 at a quarter of the rate
/// ```
/// Source: P. D. Welch: The use of fast Fourier transform for the estimation of power spectra, 1967,
/// doi:10.1109/TAU.1967.1161901. Checked against scipy.signal.periodogram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spectrum<const N: usize> {
    /// The samples of the block; when it is full, the powers of bins 0 to `N/2`.
    #[serde(with = "crate::array")]
    block: [f32; N],
    filled: u16,
    taper: Taper,
}

impl<const N: usize> Spectrum<N> {
    const SHAPE: () = assert!(N.is_power_of_two() && N >= 4 && N <= 1024);

    /// An empty block.
    #[must_use]
    pub const fn new(taper: Taper) -> Self {
        let () = Self::SHAPE;
        Self { block: [0.0; N], filled: 0, taper }
    }

    /// The powers of bins 0 to `N/2`, if the last sample completed a block.
    #[must_use]
    pub fn powers(&self) -> Option<&[f32]> {
        let bins = (N / 2).saturating_add(1);
        if usize::from(self.filled) == N { self.block.get(..bins) } else { None }
    }

    fn transform(&mut self) {
        let mean = self.block.iter().sum::<f32>() / N as f32;
        self.block.iter_mut().for_each(|x| *x -= mean);
        let mut weights = N as f32;
        if self.taper == Taper::Hann {
            weights *= 0.375; // the mean square of the window
            let (front, back) = self.block.split_at_mut(N / 2);
            for ((a, b), [cos, _]) in front.iter_mut().zip(back).zip(twiddles(N)) {
                *a *= 0.5 - 0.5 * cos;
                *b *= 0.5 + 0.5 * cos;
            }
        }
        real_fft(&mut self.block);
        let scale = 2.0 / (N as f32 * weights);
        let [zero, half, ..] = self.block.as_slice() else { return };
        let (zero, half) = (0.5 * scale * zero * zero, 0.5 * scale * half * half);
        // Power k goes into place k, which lies at or before the pair that it comes from.
        for k in 1..N / 2 {
            let at = k.saturating_mul(2);
            let (re, im) = (self.block.get(at), self.block.get(at.saturating_add(1)));
            let power = scale * square([*re.unwrap_or(&0.0), *im.unwrap_or(&0.0)]);
            if let Some(slot) = self.block.get_mut(k) {
                *slot = power;
            }
        }
        if let Some(first) = self.block.first_mut() {
            *first = zero;
        }
        // Bin N/2 and, after it, nothing: what is left of the transform would be no state worth keeping.
        self.block.iter_mut().skip(N / 2).for_each(|slot| *slot = 0.0);
        if let Some(slot) = self.block.get_mut(N / 2) {
            *slot = half;
        }
    }
}

impl<const N: usize> Learner for Spectrum<N> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        if usize::from(self.filled) >= N {
            self.filled = 0;
        }
        if let Some(slot) = self.block.get_mut(usize::from(self.filled)) {
            *slot = bounded(*x);
        }
        self.filled = self.filled.saturating_add(1);
        if usize::from(self.filled) == N {
            self.transform();
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.taper);
    }
}

impl<const N: usize> Validate for Spectrum<N> {
    fn is_valid(&self) -> bool {
        // Samples, or powers.
        let most = if usize::from(self.filled) == N { 1e30 } else { LARGEST };
        let collected = self.block.iter().take(usize::from(self.filled));
        usize::from(self.filled) <= N
            && self.block.iter().all(|v| math::abs(*v) <= 1e30)
            && collected.into_iter().all(|v| math::abs(*v) <= most)
    }
}
