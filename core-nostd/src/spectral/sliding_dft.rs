use core::f32::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

use super::fft::{magnitude, square};
use super::{LARGEST, bounded};

/// The amplitude of one bin over the last `N` samples, after every sample.
///
/// Formula: `S = (S + x - oldest) e^(2 pi i bin / N)`, `amplitude = 2 |S| / N` (at half the rate `|S| / N`). A second sum is built from nothing during
/// each turn of the window and takes the place of the first at the turn's end: rounding errors never get older than `2 N`
/// samples, without a damping factor and without a slow sample once a turn.
///
/// Like [`Goertzel`](super::Goertzel) without the wait for a block's end; needs the window. Ready after `N` samples.
///
/// `bin`: whole periods in a window, brought into `1..=N/2`. `N`: 2 to 32768. Memory: `4 N + 32` bytes. Cost: eight
/// multiplications. Input is limited to ±1e12.
/// ```
/// use brooklet_core::spectral::SlidingDft;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut tone = SlidingDft::<8>::new(2);
/// for i in 0..20usize { tone.learn_one(&[7.0, 5.0, 3.0, 5.0][i % 4]); }
/// assert!((tone.value().unwrap() - 2.0).abs() < 1e-6);
/// ```
/// Source: E. Jacobsen, R. Lyons: The sliding DFT, 2003, doi:10.1109/MSP.2003.1184347; the renewal is our own. Checked
/// against numpy.fft of every window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlidingDft<const N: usize> {
    #[serde(with = "crate::array")]
    values: [f32; N],
    turn: [f32; 2],
    sum: [f32; 2],
    renewed: [f32; 2],
    next: u16,
    bin: u16,
    full: bool,
}

impl<const N: usize> SlidingDft<N> {
    const SHAPE: () = assert!(N >= 2 && N <= 32_768);

    /// An empty window.
    #[must_use]
    pub const fn new(bin: u16) -> Self {
        let () = Self::SHAPE;
        let most = (N / 2) as u16;
        let bin = if bin < 1 {
            1
        } else if bin > most {
            most
        } else {
            bin
        };
        Self { values: [0.0; N], turn: [0.0; 2], sum: [0.0; 2], renewed: [0.0; 2], next: 0, bin, full: false }
    }

    fn turned(&self, [re, im]: [f32; 2], by: f32) -> [f32; 2] {
        let ([cos, sin], re) = (self.turn, re + by);
        [re * cos - im * sin, re * sin + im * cos]
    }
}

impl<const N: usize> Learner for SlidingDft<N> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = bounded(*x);
        if self.next == 0 {
            let angle = TAU * (f32::from(self.bin) / N as f32);
            self.turn = [math::cos(angle), math::sin(angle)];
            self.renewed = [0.0; 2];
        }
        if let Some(slot) = self.values.get_mut(usize::from(self.next)) {
            let oldest = core::mem::replace(slot, x);
            self.sum = self.turned(self.sum, x - oldest);
            self.renewed = self.turned(self.renewed, x);
        }
        self.next = self.next.saturating_add(1);
        if usize::from(self.next) >= N {
            self.next = 0;
            self.full = true;
            self.sum = self.renewed;
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.bin);
    }
}

impl<const N: usize> Statistic for SlidingDft<N> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        // All of a tone at half the rate is in its bin, elsewhere half of it.
        let parts = if usize::from(self.bin).saturating_mul(2) == N { 1.0 } else { 2.0 };
        self.full.then(|| parts / N as f32 * magnitude(self.sum))
    }
}

impl<const N: usize> Validate for SlidingDft<N> {
    fn is_valid(&self) -> bool {
        // Every sample adds its value to one sum and its step to the other.
        let (turned, all) = (1.01 * LARGEST * f32::from(self.next), 1.01 * LARGEST * N as f32);
        let renewed = if self.next > 0 { turned } else { all };
        usize::from(self.next) < N
            && (1..=N / 2).contains(&usize::from(self.bin))
            && square(self.turn) <= 1.000_001
            && magnitude(self.sum) <= all + 2.0 * turned
            && magnitude(self.renewed) <= renewed
            && self.values.iter().all(|v| math::abs(*v) <= LARGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_amplitude_at_half_the_rate() {
        let (mut sliding, mut block) = (SlidingDft::<8>::new(4), crate::spectral::Goertzel::<8>::new(0.5));
        for i in 0..16 {
            let x = [3.0, -3.0][i % 2];
            sliding.learn_one(&x);
            block.learn_one(&x);
        }
        assert!((sliding.value().unwrap() - 3.0).abs() < 1e-5, "{:?}", sliding.value());
        assert!((block.value().unwrap() - 3.0).abs() < 1e-5, "{:?}", block.value());
    }

    #[test]
    fn a_huge_value_leaves_nothing_behind() {
        let mut tone = SlidingDft::<8>::new(2);
        for i in 0..40 {
            tone.learn_one(&if i == 3 { 1e12 } else { [7.0, 5.0, 3.0, 5.0][i % 4] });
        }
        assert!((tone.value().unwrap() - 2.0).abs() < 1e-6);
    }
}
