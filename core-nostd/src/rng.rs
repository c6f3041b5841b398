//! Seeded random numbers: the same seed gives the same numbers on every platform.

use serde::{Deserialize, Serialize};

use crate::math;

/// SplitMix64. Memory: 8 bytes.
///
/// Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014,
/// doi:10.1145/2660193.2660195. Not for secrets.
///
/// ```
/// use brooklet_core::rng::Rng;
/// assert_eq!(Rng::new(0).next_u64(), 0xE220_A839_7B1D_CDAF);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// A generator; any seed is as good as any other.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 random bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `0.0..1.0`, one of 2^24 values.
    /// ```
    /// use brooklet_core::rng::Rng;
    /// let mut rng = Rng::new(1);
    /// assert!((0..1000).all(|_| (0.0..1.0).contains(&rng.uniform())));
    /// ```
    pub const fn uniform(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / 16_777_216.0
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller 1958, doi:10.1214/aoms/1177706645), within ±5.8.
    /// ```
    /// use brooklet_core::{rng::Rng, stats::Variance, traits::{Learner, Statistic}};
    /// let (mut rng, mut variance) = (Rng::new(1), Variance::new(1));
    /// for _ in 0..10_000 { variance.learn_one(&rng.normal()); }
    /// assert!((variance.value().unwrap() - 1.0).abs() < 0.05);
    /// ```
    pub fn normal(&mut self) -> f32 {
        let radius = math::sqrt(-2.0 * math::ln(1.0 - self.uniform()));
        radius * math::cos(core::f32::consts::TAU * self.uniform())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_right() {
        let mut rng = Rng::new(7);
        let (mut sum, mut squares) = (0.0f64, 0.0f64);
        for _ in 0..100_000 {
            let x = f64::from(rng.normal());
            sum += x;
            squares += x * x;
        }
        assert!((sum / 1e5).abs() < 0.02 && (squares / 1e5 - 1.0).abs() < 0.02);
    }
}
