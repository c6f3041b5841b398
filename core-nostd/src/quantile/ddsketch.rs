use core::f32::consts::LN_2;

use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Merge, Statistic, Validate};

/// All quantiles of a stream within a share `accuracy` of their value, in bins of equal ratio.
///
/// Formula: a value counts in bin `ceil(log x / log g)`, `g = (1 + accuracy) / (1 - accuracy)`; a bin stands for
/// `(1 - accuracy) g^bin`, no further than `accuracy` from all that is in it. When the bins no longer reach from the
/// smallest to the largest value, the lowest ones become one: high quantiles keep the guarantee.
///
/// For latencies, currents, energies: values over several powers of ten. `BINS` bins reach over a ratio of `g^BINS`: 64
/// bins at 5 % over 600, 128 over 370,000. Two sketches of the same accuracy merge without loss, in any order.
///
/// `BINS`: bins for values above 0, 1..=4096. `NEGATIVE_BINS`: the same for values below 0, 0..=4096; with 0 of them such
/// values count as 0. `q`: 0..=1. `accuracy`: 0.001..=0.5. Memory: `4 (BINS + NEGATIVE_BINS) + 24` bytes. Cost: a logarithm; a
/// quantile adds up the bins. Values below 1e-30 count as 0, input is limited to ±1e18; f32 adds 1e-5 to the accuracy.
/// ```
/// use brooklet_core::quantile::DdSketch;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut p99 = DdSketch::<128, 0>::new(0.99, 0.02);
/// for i in 1..=1000u16 { p99.learn_one(&f32::from(i)); }
/// assert!((p99.value().unwrap() / 990.0 - 1.0).abs() < 0.02);
/// assert!((p99.quantile(0.5).unwrap() / 500.0 - 1.0).abs() < 0.02);
/// ```
/// Source: C. Masson, J. E. Rim, H. K. Lee, DDSketch: a fast and fully-mergeable quantile sketch with relative-error
/// guarantees, PVLDB 12 (2019), doi:10.14778/3352063.3352135. Checked against its authors' Python package and, for the
/// guarantee, against exact quantiles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DdSketch<const BINS: usize, const NEGATIVE_BINS: usize> {
    q: f32,
    accuracy: f32,
    bins_an_octave: f32,
    zeros: u32,
    positive: Bins<BINS>,
    negative: Bins<NEGATIVE_BINS>,
}

impl<const BINS: usize, const NEGATIVE_BINS: usize> DdSketch<BINS, NEGATIVE_BINS> {
    const SHAPE: () = assert!(0 < BINS && BINS <= 4096 && NEGATIVE_BINS <= 4096);
    /// What is smaller counts as 0.
    const LEAST: f32 = 1e-30;

    /// Nothing learnt; `value` will be the quantile `q`.
    #[must_use]
    pub const fn new(q: f32, accuracy: f32) -> Self {
        let () = Self::SHAPE;
        let accuracy = math::clamp(accuracy, 0.001, 0.5);
        Self {
            q: math::clamp(q, 0.0, 1.0),
            accuracy,
            bins_an_octave: bins_an_octave(accuracy),
            zeros: 0,
            positive: Bins::new(),
            negative: Bins::new(),
        }
    }

    /// The relative accuracy.
    #[must_use]
    pub const fn accuracy(&self) -> f32 {
        self.accuracy
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        let (positive, negative) = (self.positive.count(), self.negative.count());
        positive.saturating_add(negative).saturating_add(u64::from(self.zeros))
    }

    /// The quantile `q` (0..=1); `None` before the first value. It is the value of rank `floor(q (n - 1))`, from 0.
    #[must_use]
    pub fn quantile(&self, q: f32) -> Option<f32> {
        let last = self.count().checked_sub(1)?;
        let rank = Ord::min((math::clamp(q, 0.0, 1.0) * last as f32) as u64, last);
        let negative = self.negative.count();
        // Values below 0 are in the order of their size, so the rank counts from the other end.
        if let Some(rank) = negative.checked_sub(rank).and_then(|rank| rank.checked_sub(1)) {
            return Some(-self.worth(self.negative.at_rank(rank)?));
        }
        let rank = rank.saturating_sub(negative);
        match rank.checked_sub(u64::from(self.zeros)) {
            None => Some(0.0),
            Some(rank) => Some(self.worth(self.positive.at_rank(rank)?)),
        }
    }

    fn learn(&mut self, x: f32, times: u32) {
        let size = math::min(math::abs(x), math::LIMIT);
        if size < Self::LEAST || (x < 0.0 && NEGATIVE_BINS == 0) {
            self.zeros = self.zeros.saturating_add(times);
            return;
        }
        let key = math::ceil(math::log2(size) * self.bins_an_octave) as i32;
        if x > 0.0 { self.positive.add(key, times) } else { self.negative.add(key, times) }
    }

    /// What a bin stands for: in the middle of its ends, relatively.
    fn worth(&self, key: i32) -> f32 {
        math::limit((1.0 - self.accuracy) * math::pow(2.0, key as f32 / self.bins_an_octave))
    }
}

/// `ln 2 / ln((1 + a) / (1 - a))` by the series of the area tangent, because libm cannot be called for a static.
const fn bins_an_octave(accuracy: f32) -> f32 {
    let square = accuracy * accuracy;
    let (mut sum, mut k) = (0.0, 61.0);
    while k > 0.5 {
        sum = sum * square + 1.0 / k;
        k -= 2.0;
    }
    LN_2 / (2.0 * accuracy * sum)
}

impl<const BINS: usize, const NEGATIVE_BINS: usize> Learner for DdSketch<BINS, NEGATIVE_BINS> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.learn(*x, 1);
    }

    fn reset(&mut self) {
        *self = Self::new(self.q, self.accuracy);
    }
}

impl<const BINS: usize, const NEGATIVE_BINS: usize> Statistic for DdSketch<BINS, NEGATIVE_BINS> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.quantile(self.q)
    }
}

/// Exact, to the bit, if both have the same accuracy; otherwise the other's bins are learnt as what they stand for.
impl<const BINS: usize, const NEGATIVE_BINS: usize> Merge for DdSketch<BINS, NEGATIVE_BINS> {
    fn merge(&mut self, other: &Self) {
        let same = self.accuracy == other.accuracy;
        for (key, times) in other.positive.counts() {
            if same { self.positive.add(key, times) } else { self.learn(other.worth(key), times) }
        }
        for (key, times) in other.negative.counts() {
            if same { self.negative.add(key, times) } else { self.learn(-other.worth(key), times) }
        }
        self.zeros = self.zeros.saturating_add(other.zeros);
    }
}

impl<const BINS: usize, const NEGATIVE_BINS: usize> Validate for DdSketch<BINS, NEGATIVE_BINS> {
    fn is_valid(&self) -> bool {
        (0.0..=1.0).contains(&self.q)
            && (0.001..=0.5).contains(&self.accuracy)
            && self.bins_an_octave == bins_an_octave(self.accuracy)
            && self.positive.is_valid()
            && self.negative.is_valid()
            && [self.positive.top, self.negative.top].iter().all(|top| self.worth(*top).is_finite())
    }
}

/// Counts of the highest `LEN` keys up to the highest seen; lower keys count in the lowest bin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Bins<const LEN: usize> {
    #[serde(with = "crate::array")]
    counts: [u32; LEN],
    /// The key of the last bin; `EMPTY` while nothing is counted.
    top: i32,
}

impl<const LEN: usize> Bins<LEN> {
    /// Below every key: nothing counted yet.
    const EMPTY: i32 = i32::MIN;
    /// Far more than the range of f32 has bins.
    const MOST: i32 = 1 << 20;

    const fn new() -> Self {
        Self { counts: [0; LEN], top: Self::EMPTY }
    }

    fn add(&mut self, key: i32, times: u32) {
        if key > self.top {
            self.raise(key);
        }
        let down = self.top.saturating_sub(key).unsigned_abs() as usize;
        let bin = LEN.saturating_sub(1).saturating_sub(down);
        if let Some(count) = self.counts.get_mut(bin) {
            *count = count.saturating_add(times);
        }
    }

    /// Makes `key` the last bin's; what falls out below counts in the lowest.
    fn raise(&mut self, key: i32) {
        let by = Ord::min(key.saturating_sub(self.top).unsigned_abs() as usize, LEN);
        let mut moved = [0; LEN];
        for (to, from) in moved.iter_mut().zip(self.counts.iter().skip(by)) {
            *to = *from;
        }
        if let Some(lowest) = moved.first_mut() {
            *lowest = self.counts.iter().take(by).fold(*lowest, |sum, count| sum.saturating_add(*count));
        }
        self.counts = moved;
        self.top = key;
    }

    fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(u64::from(*count)))
    }

    /// Keys and counts of the bins that are not empty, from below.
    fn counts(&self) -> impl Iterator<Item = (i32, u32)> {
        let lowest = self.top.saturating_sub(LEN as i32).saturating_add(1);
        let keys = (0..LEN as i32).map(move |bin| lowest.saturating_add(bin));
        keys.zip(self.counts).filter(|(_, count)| *count > 0)
    }

    /// The key of the value of that rank, from 0.
    fn at_rank(&self, rank: u64) -> Option<i32> {
        let mut below = 0u64;
        self.counts().find_map(|(key, count)| {
            below = below.saturating_add(u64::from(count));
            (below > rank).then_some(key)
        })
    }

    fn is_valid(&self) -> bool {
        let empty = self.counts.iter().all(|count| *count == 0);
        if self.top == Self::EMPTY { empty } else { (-Self::MOST..=Self::MOST).contains(&self.top) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn log_normal(rng: &mut Rng) -> f32 {
        math::exp(1.5 * rng.normal())
    }

    #[test]
    fn the_guarantee_holds() {
        let (mut rng, mut sketch) = (Rng::new(1), DdSketch::<1024, 1024>::new(0.5, 0.01));
        let mut values: std::vec::Vec<f32> = (0..5000)
            .map(|i| log_normal(&mut rng) * if i % 3 == 0 { -1.0 } else { f32::from(i % 7 != 0) })
            .collect();
        values.iter().for_each(|x| sketch.learn_one(x));
        values.sort_by(f32::total_cmp);
        for permille in 0..=1000u16 {
            let q = f32::from(permille) / 1000.0;
            let exact = values[(q * 4999.0) as usize];
            let off = (sketch.quantile(q).unwrap() - exact).abs();
            assert!(off <= (0.01 + 1e-5) * exact.abs(), "{q}: {exact} off by {off}");
        }
    }

    #[test]
    fn merging_is_learning_both_to_the_bit() {
        let mut rng = Rng::new(2);
        let new = DdSketch::<32, 16>::new(0.9, 0.05);
        let (mut all, mut left, mut right) = (new, new, new);
        for i in 0..3000 {
            // One of the two sees larger values: it has to fold its low bins into one.
            let x = log_normal(&mut rng) * if i % 2 == 0 { 1.0 } else { 80.0 } - 2.0;
            all.learn_one(&x);
            if i % 2 == 0 { left.learn_one(&x) } else { right.learn_one(&x) }
        }
        let mut other_way = right;
        other_way.merge(&left);
        left.merge(&right);
        assert_eq!(left, all);
        assert_eq!(other_way, all);
    }

    #[test]
    fn folded_bins_cost_the_low_quantiles_only() {
        let mut sketch = DdSketch::<64, 0>::new(0.99, 0.02);
        let (mut rng, mut values) = (Rng::new(3), std::vec::Vec::new());
        for _ in 0..4000 {
            values.push(log_normal(&mut rng));
            sketch.learn_one(values.last().unwrap());
        }
        values.sort_by(f32::total_cmp);
        let exact = values[(0.99 * 3999.0) as usize];
        assert!((sketch.value().unwrap() / exact - 1.0).abs() < 0.02 + 1e-5);
        assert!(sketch.quantile(0.0).unwrap() > 2.0 * values[0] && sketch.is_valid());
    }

    #[test]
    fn another_accuracy_merges_by_value() {
        let (mut fine, mut coarse) =
            (DdSketch::<256, 256>::new(0.5, 0.01), DdSketch::<256, 256>::new(0.5, 0.05));
        for x in [-4.0, -2.0, 0.0, 8.0, 8.0] {
            coarse.learn_one(&x);
        }
        fine.merge(&coarse);
        assert!(fine.count() == 5 && (fine.quantile(1.0).unwrap() / 8.0 - 1.0).abs() < 0.06);
        assert!((fine.quantile(0.0).unwrap() / -4.0 - 1.0).abs() < 0.06);
    }
}
