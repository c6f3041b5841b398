use serde::{Deserialize, Serialize};

use super::hash;
use crate::math;
use crate::traits::{Learner, Merge, Sketch, Validate};

/// How many different keys came.
///
/// Formula: the hash of a key chooses one of `M` registers, which remembers the longest run of leading zeros in the rest
/// of the hash, plus 1. `E = a M² / sum 2^-register`, `a = 0.7213 / (1 + 1.079/M)`; while `E <= 2.5 M` and some register
/// is 0, `M ln(M / zeros)` instead (linear counting). The standard error is `1.04 / sqrt(M)`.
///
/// For any number of keys, up to billions; of a few hundred keys it is nearly exact. About where one formula takes over
/// from the other (2.5 M to 5 M keys) it is some per cent too large. Nothing is ever forgotten: reset it by the clock.
///
/// `M`: a power of two, 16..=65536. Memory: `M` bytes. Cost: one hash to learn, `M` additions to ask.
/// ```
/// use brooklet_core::sketch::HyperLogLog;
/// use brooklet_core::traits::{Learner, Sketch};
/// let mut different = HyperLogLog::<1024>::new();
/// for i in 0..10_000u64 { different.learn_one(&(i % 200)); }
/// assert!((different.count() - 200.0).abs() < 5.0);
/// ```
/// Source: P. Flajolet, É. Fusy, O. Gandouet, F. Meunier, HyperLogLog, AofA 2007, doi:10.46298/dmtcs.3545. The hash has 64
/// bits, so the paper's correction for large ranges is not needed. Checked against exact counts and Apache DataSketches'
/// error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HyperLogLog<const M: usize> {
    #[serde(with = "crate::array")]
    registers: [u8; M],
}

impl<const M: usize> HyperLogLog<M> {
    const SHAPE: () = assert!(M.is_power_of_two() && M >= 16 && M <= 65_536);
    const LAST: usize = M.wrapping_sub(1);
    const ONE: u64 = 1 << 47;
    /// Bits of the hash that choose the register.
    const BITS: u32 = M.trailing_zeros();
    /// The longest run of zeros there can be, plus 1.
    const MOST: u8 = 65u32.saturating_sub(Self::BITS) as u8;

    /// Nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { registers: [0; M] }
    }

    /// How many different keys came.
    #[must_use]
    pub fn count(&self) -> f32 {
        let m = M as f32;
        // 2^-register in whole numbers of 2^-47: 65,536 of them fit, and sums are exact.
        let (mut sum, mut zeros) = (0u64, 0u32);
        for register in &self.registers {
            sum = sum.wrapping_add(Self::ONE.wrapping_shr(u32::from(*register)));
            zeros = zeros.wrapping_add(u32::from(*register == 0));
        }
        let sum = Ord::max(sum, 1) as f32 / Self::ONE as f32;
        let a = match M {
            16 => 0.673,
            32 => 0.697,
            64 => 0.709,
            _ => 0.7213 / (1.0 + 1.079 / m),
        };
        let estimate = a * m * m / sum;
        if estimate <= 2.5 * m && zeros > 0 { m * math::ln(m / zeros as f32) } else { estimate }
    }
}

impl<const M: usize> Learner for HyperLogLog<M> {
    type Input = u64;

    fn learn_one(&mut self, key: &u64) {
        let hash = hash(*key);
        // The lowest bits choose; a 1 below the others ends the longest run.
        let rest = (hash >> Self::BITS).leading_zeros().saturating_sub(Self::BITS).saturating_add(1);
        if let Some(register) = self.registers.get_mut(hash as usize & Self::LAST) {
            *register = Ord::max(*register, rest as u8);
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

/// How many different keys came, whatever is asked.
impl<const M: usize> Sketch for HyperLogLog<M> {
    fn estimate_one(&self, _: u64) -> f32 {
        self.count()
    }
}

/// Exact: as if one sketch had seen both streams.
impl<const M: usize> Merge for HyperLogLog<M> {
    fn merge(&mut self, other: &Self) {
        for (own, theirs) in self.registers.iter_mut().zip(&other.registers) {
            *own = Ord::max(*own, *theirs);
        }
    }
}

impl<const M: usize> Validate for HyperLogLog<M> {
    fn is_valid(&self) -> bool {
        self.registers.iter().all(|register| *register <= Self::MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Root of the mean squared relative error over 60 streams, against the paper's 1.04 / sqrt(M).
    #[test]
    fn the_error_is_the_papers() {
        for (different, allowed) in [(50, 1.0), (1000, 1.0), (20_000, 1.15), (200_000, 1.15)] {
            let squares = (0..60).map(|seed| {
                let (mut rng, mut sketch) = (Rng::new(seed), HyperLogLog::<256>::new());
                (0..different).for_each(|_| sketch.learn_one(&rng.next_u64()));
                assert!(sketch.is_valid());
                (sketch.count() / different as f32 - 1.0).powi(2)
            });
            let error = (squares.sum::<f32>() / 60.0).sqrt();
            assert!(error < allowed * 1.04 / 16.0, "{different}: {error}");
        }
    }

    #[test]
    fn merging_is_having_seen_both() {
        let (mut both, mut a, mut b) =
            (HyperLogLog::<64>::new(), HyperLogLog::<64>::new(), HyperLogLog::<64>::new());
        for key in 0..900u64 {
            both.learn_one(&key);
            if key < 600 { a.learn_one(&key) } else { b.learn_one(&key) }
        }
        a.merge(&b);
        assert_eq!(a, both);
    }
}
