use serde::{Deserialize, Serialize};

use super::spread;
use crate::traits::{Learner, Merge, Sketch, Validate};

/// How often each key came, in a table that does not grow with the number of keys.
///
/// Formula: a key has one counter in each of the `ROWS` rows of `WIDTH`, found by hashing; learning adds 1 to each, the
/// estimate is the smallest. It is never too small, and too large by more than `e/WIDTH` of all samples only once in
/// `e^ROWS` keys.
///
/// For many keys of which a few are frequent. Rare keys are over-estimated by what collides with them; where only the
/// frequent ones matter [`SpaceSaving`](super::SpaceSaving) is more exact.
///
/// `WIDTH`: a power of two, 2..=65536; `ROWS`: 1..=4. Memory: `4 ROWS WIDTH` bytes. Cost: one hash, `ROWS` additions.
/// Counters stop at 4,294,967,295.
/// ```
/// use brooklet_core::sketch::CountMin;
/// use brooklet_core::traits::{Learner, Sketch};
/// let mut counts = CountMin::<128, 4>::new();
/// for key in [7, 7, 7, 1, 2] { counts.learn_one(&key); }
/// assert_eq!((counts.estimate_one(7), counts.estimate_one(3)), (3.0, 0.0));
/// ```
/// Source: G. Cormode, S. Muthukrishnan, An improved data stream summary: the count-min sketch, Journal of Algorithms
/// 2005, doi:10.1016/j.jalgor.2003.12.001. Checked against exact counts and Apache DataSketches' error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CountMin<const WIDTH: usize, const ROWS: usize> {
    #[serde(with = "crate::array::nested")]
    rows: [[u32; WIDTH]; ROWS],
}

impl<const WIDTH: usize, const ROWS: usize> CountMin<WIDTH, ROWS> {
    const SHAPE: () =
        assert!(WIDTH.is_power_of_two() && WIDTH > 1 && WIDTH <= 65_536 && ROWS > 0 && ROWS <= 4);
    const LAST: usize = WIDTH.wrapping_sub(1);

    /// Nothing counted.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { rows: [[0; WIDTH]; ROWS] }
    }

    /// At least as often as `key` came.
    #[must_use]
    pub fn count(&self, key: u64) -> u32 {
        let counters = self.rows.iter().zip(spread(key)).map(|(row, at)| row.get(at & Self::LAST).copied());
        counters.flatten().min().unwrap_or(0)
    }

    /// Counts a key as having come `times` times.
    pub fn add(&mut self, key: u64, times: u32) {
        for (row, at) in self.rows.iter_mut().zip(spread(key)) {
            if let Some(counter) = row.get_mut(at & Self::LAST) {
                *counter = counter.saturating_add(times);
            }
        }
    }
}

impl<const WIDTH: usize, const ROWS: usize> Learner for CountMin<WIDTH, ROWS> {
    type Input = u64;

    fn learn_one(&mut self, key: &u64) {
        self.add(*key, 1);
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

/// How often the key came.
impl<const WIDTH: usize, const ROWS: usize> Sketch for CountMin<WIDTH, ROWS> {
    fn estimate_one(&self, key: u64) -> f32 {
        self.count(key) as f32
    }
}

/// Exact: as if one sketch had seen both streams.
impl<const WIDTH: usize, const ROWS: usize> Merge for CountMin<WIDTH, ROWS> {
    fn merge(&mut self, other: &Self) {
        for (own, theirs) in self.rows.iter_mut().flatten().zip(other.rows.iter().flatten()) {
            *own = own.saturating_add(*theirs);
        }
    }
}

impl<const WIDTH: usize, const ROWS: usize> Validate for CountMin<WIDTH, ROWS> {
    fn is_valid(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::tests::skewed;

    #[test]
    fn never_too_small_and_seldom_too_large() {
        let (keys, exact) = skewed(1, 50_000, 5000);
        let mut counts = CountMin::<256, 4>::new();
        keys.iter().for_each(|key| counts.learn_one(key));
        let bound = core::f32::consts::E / 256.0 * keys.len() as f32;
        let mut beyond = 0;
        for (key, count) in &exact {
            assert!(counts.count(*key) >= *count);
            beyond += u32::from(counts.estimate_one(*key) > *count as f32 + bound);
        }
        assert!((beyond as f32) < (-4f32).exp() * exact.len() as f32, "{beyond} of {}", exact.len());
    }

    #[test]
    fn merging_is_having_seen_both() {
        let (keys, _) = skewed(2, 10_000, 500);
        let (mut both, mut parts) = (CountMin::<64, 3>::new(), [CountMin::<64, 3>::new(), CountMin::new()]);
        for (i, key) in keys.iter().enumerate() {
            both.learn_one(key);
            parts[i % 2].learn_one(key);
        }
        let [mut a, b] = parts;
        a.merge(&b);
        assert_eq!(a, both);
    }
}
