use serde::{Deserialize, Serialize};

use crate::math;
use crate::rng::Rng;
use crate::sample::Sample;
use crate::traits::{Learner, Transformer, Validate};

/// `K` named values as a sample of `N` features, however many names there are.
///
/// Formula: a name's hash gives a feature and a sign; the value, with that sign, is added to that feature.
///
/// For fields that come and go, and for categories (the name `"state=running"` with the value 1). Names that meet in a
/// feature disturb each other; the sign makes that cancel out on average. Learns nothing: the same name always goes to
/// the same feature, on every device.
///
/// `N`: 1 and up; several times the number of names for few meetings. Memory: none. Cost: a hash a value. Input is
/// limited to ±1e18.
/// ```
/// use brooklet_core::{preprocess::FeatureHasher, traits::Transformer};
/// let hasher = FeatureHasher::<2, 8>::new();
/// let (state, pump) = (FeatureHasher::<2, 8>::key("state=running"), FeatureHasher::<2, 8>::key("pump=7"));
/// let sample = hasher.transform_one(&[(state, 1.0), (pump, 1.0)]).unwrap();
/// assert_eq!(sample.values(), &[0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.0]);
/// ```
/// Source: K. Weinberger, A. Dasgupta, J. Langford, A. Smola, J. Attenberg, Feature hashing for large scale multitask
/// learning, ICML 2009, doi:10.1145/1553374.1553516. Checked by simulation: names spread evenly and signs cancel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FeatureHasher<const K: usize, const N: usize> {}

impl<const K: usize, const N: usize> FeatureHasher<K, N> {
    const SHAPE: () = assert!(N > 0 && N <= 65_536);

    /// The hasher.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self {}
    }

    /// The key of a name: FNV-1a, 64 bits.
    #[must_use]
    pub fn key(name: &str) -> u64 {
        name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        })
    }

    /// The feature of a key, and whether its sign is turned.
    fn place(key: u64) -> (usize, bool) {
        let hash = Rng::new(key).next_u64();
        ((hash >> 32).wrapping_mul(N as u64).wrapping_shr(32) as usize, hash & 1 == 1)
    }
}

impl<const K: usize, const N: usize> Learner for FeatureHasher<K, N> {
    type Input = [(u64, f32); K];

    fn learn_one(&mut self, _: &Self::Input) {}

    fn reset(&mut self) {}
}

impl<const K: usize, const N: usize> Transformer for FeatureHasher<K, N> {
    type Output = Sample<N>;

    fn transform_one(&self, named: &[(u64, f32); K]) -> Option<Sample<N>> {
        let mut sample = [0.0; N];
        for (key, value) in named {
            let (feature, turned) = Self::place(*key);
            if let Some(sum) = sample.get_mut(feature) {
                *sum += math::limit(if turned { -*value } else { *value });
            }
        }
        Sample::new(sample)
    }
}

impl<const K: usize, const N: usize> Validate for FeatureHasher<K, N> {
    fn is_valid(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_evenly_and_signs_cancel() {
        let (mut features, mut turned) = ([0u32; 16], 0u32);
        for i in 0..16_000u64 {
            let (feature, sign) = FeatureHasher::<1, 16>::place(i);
            features[feature] += 1;
            turned += u32::from(sign);
        }
        assert!(features.iter().all(|n| (900..1100).contains(n)), "{features:?}");
        assert!((7800..8200).contains(&turned), "{turned}");
        assert_eq!(FeatureHasher::<1, 16>::key("a"), 0xAF63_DC4C_8601_EC8C); // published test vector of FNV-1a
    }
}
