use serde::{Deserialize, Serialize};

use super::spread;
use crate::math;
use crate::traits::{Learner, Sketch, Validate};

/// Was this key seen lately, and how many different ones were?
///
/// Two Bloom filters of `8 BYTES` bits with four bits a key: the young one takes in every key; every `turn` keys it
/// becomes the old one, and the old one is emptied and starts anew. So a key is remembered for at least the next `turn`
/// keys and at most twice as many.
///
/// Never says "not seen" of a key among the last `turn`. Says "seen" of another with a chance of at most `2 (1 - e^(-turn /
/// (2 BYTES)))^4`: 0.5 % if `turn` is half of `BYTES`, 5 % if they are equal. Keys that repeat make it smaller.
///
/// `BYTES`: a power of two, 2..=8192; `turn`: 1 and up. Memory: `2 BYTES + 8` bytes. Cost: one hash, four bits; once a
/// turn `BYTES` more.
/// ```
/// use brooklet_core::sketch::RotatingBloom;
/// use brooklet_core::traits::{Learner, Sketch};
/// let mut seen = RotatingBloom::<64>::new(10);
/// for key in 0..100 { seen.learn_one(&key); }
/// assert_eq!((seen.estimate_one(95), seen.estimate_one(20)), (1.0, 0.0));
/// ```
/// Source: B. Bloom, Space/time trade-offs in hash coding, CACM 1970, doi:10.1145/362686.362692; two buffers by F. Chang, W.
/// Feng, K. Li, Approximate caches for packet classification, INFOCOM 2004, doi:10.1109/INFCOM.2004.1354643. Checked against
/// exact sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RotatingBloom<const BYTES: usize> {
    #[serde(with = "crate::array")]
    young: [u8; BYTES],
    #[serde(with = "crate::array")]
    old: [u8; BYTES],
    turn: u32,
    seen: u32,
}

impl<const BYTES: usize> RotatingBloom<BYTES> {
    const SHAPE: () = assert!(BYTES.is_power_of_two() && BYTES > 1 && BYTES <= 8192);
    const HASHES: f32 = 4.0;
    const LAST: usize = BYTES.wrapping_sub(1);

    /// Remembers the last `turn` keys at least; 0 counts as 1.
    #[must_use]
    pub const fn new(turn: u32) -> Self {
        let () = Self::SHAPE;
        Self { young: [0; BYTES], old: [0; BYTES], turn: if turn == 0 { 1 } else { turn }, seen: 0 }
    }

    /// True if the key came among the last keys; rarely also of one that did not.
    #[must_use]
    pub fn contains(&self, key: u64) -> bool {
        let all = |bits: &[u8; BYTES]| {
            spread(key)
                .into_iter()
                .all(|at| bits.get((at / 8) & Self::LAST).is_some_and(|b| b & mask(at) != 0))
        };
        all(&self.young) || all(&self.old)
    }

    /// About how many different keys came among the last `turn` to `2 turn`: from the share of bits that are set, so far
    /// too small when nearly all are.
    /// ```
    /// use brooklet_core::{sketch::RotatingBloom, traits::Learner};
    /// let mut seen = RotatingBloom::<256>::new(1000);
    /// for key in 0..500 { seen.learn_one(&(key % 50)); }
    /// assert!((seen.distinct() - 50.0).abs() < 3.0);
    /// ```
    #[must_use]
    pub fn distinct(&self) -> f32 {
        let either = self.young.iter().zip(&self.old).map(|(a, b)| (a | b).count_ones());
        let bits = 8.0 * BYTES as f32;
        let clear = math::max(bits - either.sum::<u32>() as f32, 0.5);
        -bits / Self::HASHES * math::ln(clear / bits)
    }
}

/// The bit's place in its byte.
const fn mask(at: usize) -> u8 {
    1u8.wrapping_shl(at as u32 % 8)
}

impl<const BYTES: usize> Learner for RotatingBloom<BYTES> {
    type Input = u64;

    fn learn_one(&mut self, key: &u64) {
        if self.seen >= self.turn {
            (self.old, self.young, self.seen) = (self.young, [0; BYTES], 0);
        }
        for at in spread(*key) {
            if let Some(byte) = self.young.get_mut((at / 8) & Self::LAST) {
                *byte |= mask(at);
            }
        }
        self.seen = self.seen.saturating_add(1);
    }

    fn reset(&mut self) {
        *self = Self::new(self.turn);
    }
}

/// 1 for seen lately, 0 for not seen.
impl<const BYTES: usize> Sketch for RotatingBloom<BYTES> {
    fn estimate_one(&self, key: u64) -> f32 {
        f32::from(u8::from(self.contains(key)))
    }
}

impl<const BYTES: usize> Validate for RotatingBloom<BYTES> {
    fn is_valid(&self) -> bool {
        self.turn > 0 && self.seen <= self.turn
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::rng::Rng;

    #[test]
    fn against_exact_sets() {
        let (mut rng, mut bloom) = (Rng::new(1), RotatingBloom::<512>::new(200));
        let mut keys = std::vec::Vec::new();
        let (mut false_alarms, mut error) = (0, 0.0);
        for i in 0..20_000usize {
            let key = rng.next_u64() % 100_000;
            keys.push(key);
            bloom.learn_one(&key);
            let last = &keys[i.saturating_sub(199)..];
            assert!(last.iter().step_by(37).all(|key| bloom.contains(*key)));
            false_alarms += u32::from(bloom.contains(rng.next_u64() | 1 << 40));
            if i > 1000 {
                let generation = i % 200 + 1;
                let window: HashSet<_> = keys[i + 1 - generation - 200..=i].iter().collect();
                error = math::max(error, (bloom.distinct() / window.len() as f32 - 1.0).abs());
            }
        }
        // Half full on average: (1 - e^(-100/1024))^4 + (1 - e^(-200/1024))^4 is 1.1e-3 at the most.
        assert!(false_alarms < 30, "{false_alarms}");
        assert!(error < 0.06, "{error}");
        assert!(bloom.is_valid());
    }
}
