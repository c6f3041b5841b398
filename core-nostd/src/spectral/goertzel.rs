use core::f32::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

use super::{LARGEST, bounded};

/// The amplitude at one frequency, over blocks of `BLOCK` samples.
///
/// Formula: `s0 = x + 2 cos(w) s1 - s2` for each sample, and at the end of a block
/// `amplitude = 2 / BLOCK sqrt(s1² + s2² - 2 cos(w) s1 s2)` (half of that at 0 and 0.5): one bin of a Fourier transform, at
/// any frequency. `x` is taken relative to the first sample of its block, so that a large offset does not drown the rest.
///
/// Right for a known tone: mains hum, a blade or tooth frequency. Sharp to `1 / BLOCK` cycles a sample; exact for
/// frequencies that fit a whole number of times into a block, others leak. Near 0 and 0.5 rounding grows like the square
/// of the block's length; take [`BandEnergy`](super::BandEnergy) there.
///
/// `frequency`: cycles a sample, 0 to 0.5. `BLOCK`: 2 to 65535 samples. Memory: 32 bytes. Cost: two multiplications, and
/// a square root a block. Input is limited to ±1e12.
/// ```
/// use brooklet_core::spectral::Goertzel;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut hum = Goertzel::<8>::new(0.25);
/// for x in [7.0, 5.0, 3.0, 5.0, 7.0, 5.0, 3.0, 5.0] { hum.learn_one(&x); }
/// assert!((hum.value().unwrap() - 2.0).abs() < 1e-6);
/// ```
/// Source: G. Goertzel: An algorithm for the evaluation of finite trigonometric series, 1958, doi:10.2307/2310304.
/// Checked against the sum itself in numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goertzel<const BLOCK: u16> {
    frequency: f32,
    twice_cos: f32,
    first: f32,
    s1: f32,
    s2: f32,
    seen: u16,
    amplitude: Option<f32>,
}

impl<const BLOCK: u16> Goertzel<BLOCK> {
    const SHAPE: () = assert!(BLOCK >= 2);

    /// Nothing learnt.
    #[must_use]
    pub const fn new(frequency: f32) -> Self {
        let () = Self::SHAPE;
        let frequency = math::clamp(frequency, 0.0, 0.5);
        // The cosine follows with the first sample: it is not for the compiler to work out.
        Self { frequency, twice_cos: 0.0, first: 0.0, s1: 0.0, s2: 0.0, seen: 0, amplitude: None }
    }

    /// Amplitude by the transform's magnitude: all of a tone at half the rate is in its bin, elsewhere half of it.
    fn scale(&self) -> f32 {
        let parts = if 0.0 < self.frequency && self.frequency < 0.5 { 2.0 } else { 1.0 };
        parts / f32::from(BLOCK)
    }
}

impl<const BLOCK: u16> Learner for Goertzel<BLOCK> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = bounded(*x);
        if self.seen == 0 {
            self.twice_cos = 2.0 * math::cos(TAU * self.frequency);
            self.first = x;
            (self.s1, self.s2) = (0.0, 0.0);
        }
        let s = (x - self.first) + (self.twice_cos * self.s1 - self.s2);
        (self.s1, self.s2) = (s, self.s1);
        self.seen = self.seen.saturating_add(1);
        if self.seen >= BLOCK {
            self.seen = 0;
            // Near 0 and 0.5 the sums of long blocks are so large that their squares are infinite.
            let scale = self.scale();
            let (s1, s2) = (math::limit(scale * self.s1), math::limit(scale * self.s2));
            let power = math::max(s1 * s1 + s2 * s2 - self.twice_cos * s1 * s2, 0.0);
            self.amplitude = Some(math::sqrt(power));
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.frequency);
    }
}

impl<const BLOCK: u16> Statistic for Goertzel<BLOCK> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.amplitude
    }
}

impl<const BLOCK: u16> Validate for Goertzel<BLOCK> {
    fn is_valid(&self) -> bool {
        // At frequency 0 the sums of sums grow to twice the square of the block's length.
        let summed = f32::from(if self.seen > 0 { self.seen } else { BLOCK });
        let bound = 4.0 * LARGEST * summed * summed;
        (0.0..=0.5).contains(&self.frequency)
            && math::abs(self.twice_cos) <= 2.0
            && math::abs(self.first) <= LARGEST
            && math::abs(self.s1) <= bound
            && math::abs(self.s2) <= bound
            && self.seen < BLOCK
            && self.amplitude.is_none_or(|amplitude| (0.0..=f32::MAX).contains(&amplitude))
    }
}
