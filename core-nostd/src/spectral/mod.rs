//! What a vibration or a current looks like in frequency and in time: one frequency, a whole spectrum, and the figures
//! that condition monitoring reads from a block of samples.
//!
//! Frequencies are in cycles a sample: 0.5 is half the sampling rate, the highest that can be seen. Inputs count as at
//! most ±1e12, so that squares of whole blocks stay finite.

mod band_energy;
mod block;
mod crest_factor;
mod envelope;
mod fft;
mod goertzel;
mod kurtosis;
mod rms;
mod sliding_dft;
mod spectral_centroid;
mod spectrum;

pub use band_energy::BandEnergy;
pub use crest_factor::CrestFactor;
pub use envelope::Envelope;
pub use fft::{fft, real_fft};
pub use goertzel::Goertzel;
pub use kurtosis::Kurtosis;
pub use rms::Rms;
pub use sliding_dft::SlidingDft;
pub use spectral_centroid::SpectralCentroid;
pub use spectrum::{Spectrum, Taper};

use crate::math;
use crate::registry::registry;

/// The largest value taken as it is; see the module's text.
const LARGEST: f32 = 1e12;

fn bounded(x: f32) -> f32 {
    math::clamp(x, -LARGEST, LARGEST)
}

registry! {
    /// Any registered figure of a signal's frequencies or of its shape.
    statistic AnySpectral: family "spectral", kind 18 {
        /// Amplitude at an eighth of the sampling rate, over blocks of 256 samples.
        "goertzel" => Goertzel(Goertzel<256>) = Goertzel::new(0.125),
        /// Amplitude at an eighth of the sampling rate, over the last 64 samples.
        "sliding_dft" => SlidingDft(SlidingDft<64>) = SlidingDft::new(8),
        /// Mean square of what lies between a quarter and half the sampling rate, over blocks of 256 samples.
        "band_energy" => BandEnergy(BandEnergy<256>) = BandEnergy::new(0.25, 0.5),
        /// Where the middle of the spectrum lies, over blocks of 256 samples.
        "spectral_centroid" => SpectralCentroid(SpectralCentroid<256>) = SpectralCentroid::new(),
        /// Root of the mean square, over blocks of 256 samples.
        "rms" => Rms(Rms<256>) = Rms::new(),
        /// Highest peak in units of the root mean square, over blocks of 256 samples.
        "crest_factor" => CrestFactor(CrestFactor<256>) = CrestFactor::new(),
        /// How much of a block's variance comes from rare peaks; 3 is normal. Blocks of 256 samples.
        "kurtosis" => Kurtosis(Kurtosis<256>) = Kurtosis::new(),
        /// The amplitude that a signal swings with now: rectified and smoothed.
        "envelope" => Envelope(Envelope) = Envelope::new(0.05),
    }
}
