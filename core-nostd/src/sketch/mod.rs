//! Sketches: questions about many keys answered in little memory, with errors that are known beforehand.
//!
//! A key is any number; a name or an address is made one by hashing. What sketches count depends on the key alone, so they
//! give the same answers on every platform, and a sender who can choose keys can make them collide.

mod count_min;
mod hyper_log_log;
mod rotating_bloom;
mod space_saving;

pub use count_min::CountMin;
pub use hyper_log_log::HyperLogLog;
pub use rotating_bloom::RotatingBloom;
pub use space_saving::{Frequent, SpaceSaving};

use crate::registry::registry;
use crate::rng::Rng;

/// The finaliser of SplitMix64: every bit of the key moves every bit of the hash.
const fn hash(key: u64) -> u64 {
    Rng::new(key).next_u64()
}

/// Four independent places of 16 bits.
fn spread(key: u64) -> [usize; 4] {
    let hash = hash(key);
    [hash, hash >> 16, hash >> 32, hash >> 48].map(|bits| usize::from(bits as u16))
}

registry! {
    /// Any registered sketch.
    sketch AnySketch: family "sketch", kind 11 {
        /// How often each key came: 4 rows of 128 counters.
        "count_min" => CountMin(CountMin<128, 4>) = CountMin::new(),
        /// How many different keys came, within 3 %.
        "hyperloglog" => HyperLogLog(HyperLogLog<1024>) = HyperLogLog::new(),
        /// Whether a key came among the last 400 to 800.
        "rotating_bloom" => RotatingBloom(RotatingBloom<1024>) = RotatingBloom::new(400),
        /// The 32 most frequent keys.
        "space_saving" => SpaceSaving(SpaceSaving<32>) = SpaceSaving::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::vec::Vec;

    use crate::rng::Rng;

    /// Keys of which few are frequent (share of the k-th about 1/k), and how often each came.
    pub(crate) fn skewed(seed: u64, len: usize, different: u32) -> (Vec<u64>, HashMap<u64, u32>) {
        let mut rng = Rng::new(seed);
        let top = f64::from(different).ln();
        let key = |uniform: f32| (f64::from(uniform) * top).exp() as u64 * 7919;
        let keys: Vec<u64> = (0..len).map(|_| key(rng.uniform())).collect();
        let mut exact = HashMap::new();
        keys.iter().for_each(|key| *exact.entry(*key).or_insert(0) += 1);
        (keys, exact)
    }
}
