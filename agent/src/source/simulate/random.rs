//! Seeded random numbers: the same seed gives the same plant, on every machine and in every version.

use std::f64::consts::TAU;

/// One step of splitmix64 (Steele, Lea and Flood 2014): turns any seed, also 0, into well mixed bits.
pub(super) fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A xoshiro256++ generator (Blackman and Vigna 2019).
#[derive(Clone, Debug)]
pub(super) struct Random {
    state: [u64; 4],
    /// Box-Muller makes two numbers at a time; the second waits here.
    spare: Option<f64>,
}

impl Random {
    /// A generator of its own for each `stream`, so that one device's draws never shift another's.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut mix = seed ^ stream.wrapping_mul(0xD134_2543_DE82_EF95);
        Self { state: std::array::from_fn(|_| splitmix64(&mut mix)), spare: None }
    }

    fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in `[0, 1)`.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `[low, high)`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform in `0..n`; 0 where `n` is 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.uniform() * n as f64) as usize
    }

    /// Standard normal (Box and Muller 1958).
    pub(super) fn gauss(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt(); // 1 - u is never 0
        let (sin, cos) = (TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }

    /// Fisher and Yates' shuffle.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// A first-order autoregressive wander of unit standard deviation: what is a little high now stays so for
/// a while, as real noise does.
#[derive(Clone, Debug)]
pub(super) struct Wander {
    value: f64,
    keep: f64,
}

impl Wander {
    /// `keep` in `[0, 1)` is the correlation from one step to the next.
    pub(super) const fn new(keep: f64) -> Self {
        Self { value: 0.0, keep }
    }

    pub(super) fn next(&mut self, random: &mut Random) -> f64 {
        self.value = self.keep * self.value + (1.0 - self.keep * self.keep).sqrt() * random.gauss();
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mut next: impl FnMut() -> f64) -> (f64, f64) {
        const N: usize = 50_000;
        let values: Vec<f64> = (0..N).map(|_| next()).collect();
        let mean = values.iter().sum::<f64>() / N as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / N as f64;
        (mean, variance)
    }

    #[test]
    fn the_published_first_numbers_of_splitmix64() {
        let mut state = 1_234_567;
        assert_eq!(splitmix64(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(splitmix64(&mut state), 3_203_168_211_198_807_973);
    }

    #[test]
    fn distributions_have_their_moments() {
        let mut random = Random::new(7, 0);
        let (mean, variance) = moments(|| random.uniform());
        assert!((mean - 0.5).abs() < 0.01 && (variance - 1.0 / 12.0).abs() < 0.005, "{mean} {variance}");
        let (mean, variance) = moments(|| random.gauss());
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
        let mut wander = Wander::new(0.8);
        let (mean, variance) = moments(|| wander.next(&mut random));
        assert!(mean.abs() < 0.06 && (variance - 1.0).abs() < 0.08, "{mean} {variance}");
    }

    #[test]
    fn streams_of_one_seed_differ() {
        let (mut a, mut b) = (Random::new(1, 1), Random::new(1, 2));
        assert!((0..20).any(|_| a.below(1000) != b.below(1000)));
        assert_eq!(a.below(0), 0);
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<u32> = (0..50).collect();
        Random::new(3, 3).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<u32>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<u32>>());
    }
}
