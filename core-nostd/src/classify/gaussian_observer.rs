//! What a leaf of a Hoeffding tree watches: a normal distribution a class and feature.

use core::f32::consts::{FRAC_1_SQRT_2, TAU};

use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::Validate;

/// Values beyond are brought to it, so that sums of squares of [`MOST`] samples stay finite.
const LIMIT: f32 = 1e15;
/// Weight after which a leaf's counts are halved: f32 counts on from there.
pub(super) const MOST: f32 = 4_194_304.0;
/// Sums of squares below are rounding: such a feature has no spread and says nothing.
const NO_SPREAD: f32 = 1e-30;
/// Bounds a squared distance in units of a variance, so that every vote stays finite.
const FAR: f32 = 1e27;
/// The log of no chance at all, finite.
pub(super) const NEVER: f32 = -1e30;
/// Points between the smallest and the largest value of a feature that are tried as thresholds.
const POINTS: u8 = 10;
/// A split leaves at least this share on each side.
const LEAST_SIDE: f32 = 0.01;

/// One class in one leaf: weight, and of each of `M` features mean, sum of squares, least and largest value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Gaussians<const M: usize> {
    n: f32,
    /// Log of the prior and of all densities at their means: a vote without its distance. Kept, because it changes
    /// with this class's own samples only.
    peak: f32,
    #[serde(with = "crate::array")]
    mean: [f32; M],
    #[serde(with = "crate::array")]
    squares: [f32; M],
    #[serde(with = "crate::array")]
    low: [f32; M],
    #[serde(with = "crate::array")]
    high: [f32; M],
}

impl<const M: usize> Gaussians<M> {
    const fn new() -> Self {
        Self { n: 0.0, peak: NEVER, mean: [0.0; M], squares: [0.0; M], low: [LIMIT; M], high: [-LIMIT; M] }
    }

    fn learn(&mut self, x: &[f32; M], weight: f32) {
        self.n += weight;
        let rate = weight / self.n;
        let places = self.mean.iter_mut().zip(&mut self.squares).zip(&mut self.low).zip(&mut self.high);
        for ((((mean, squares), low), high), x) in places.zip(x) {
            let step = x - *mean;
            *mean += rate * step;
            *squares += math::max(weight * step * (x - *mean), 0.0);
            *low = math::min(*low, *x);
            *high = math::max(*high, *x);
        }
    }

    /// `ln count - 1/2 sum ln(2 pi var)` over the features that have a spread. One logarithm of a product where it fits.
    fn log_peak(&self, count: f32) -> f32 {
        if self.n <= 1.0 {
            return math::ln(count);
        }
        let scale = TAU / (self.n - 1.0);
        let (mut sum, mut product) = (0.0, 1.0);
        for squares in &self.squares {
            if *squares > NO_SPREAD {
                product *= math::max(squares * scale, NO_SPREAD);
                if !(1e-6..1e6).contains(&product) {
                    sum += math::ln(product);
                    product = 1.0;
                }
            }
        }
        0.5 * (math::ln(count * count / product) - sum)
    }

    /// Log of prior and density at `x`.
    fn vote(&self, x: &[f32; M]) -> f32 {
        let mut distance = 0.0;
        for ((mean, squares), x) in self.mean.iter().zip(&self.squares).zip(x) {
            let step = x - mean;
            let far = math::min(step * step / math::max(*squares, NO_SPREAD), FAR);
            distance += if *squares > NO_SPREAD { far } else { 0.0 };
        }
        self.peak - 0.5 * math::max(self.n - 1.0, 0.0) * distance
    }

    fn is_valid(&self) -> bool {
        let inside = |x: &f32| math::abs(*x) <= LIMIT;
        (0.0..=2.0 * MOST).contains(&self.n)
            && math::abs(self.peak) <= 2.0 * -NEVER
            && self.mean.iter().chain(&self.low).chain(&self.high).all(inside)
            && self.squares.iter().all(|s| (0.0..=f32::MAX).contains(s))
    }
}

/// A threshold on one feature, and what it would make of the leaf.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Split<const C: usize> {
    /// Entropy left behind it, in bits: the smaller the better.
    pub(super) entropy: f32,
    pub(super) feature: u8,
    pub(super) threshold: f32,
    /// Weight of each class on the two sides.
    pub(super) sides: [[f32; C]; 2],
}

/// The observers of one leaf: `M` features, `C` classes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Observer<const C: usize, const M: usize> {
    /// The features watched; numbers beyond the last feature stand for none.
    #[serde(with = "crate::array")]
    features: [u8; M],
    #[serde(with = "crate::array")]
    classes: [Gaussians<M>; C],
}

impl<const C: usize, const M: usize> Observer<C, M> {
    pub(super) const fn new() -> Self {
        Self { features: [0; M], classes: [Gaussians::new(); C] }
    }

    pub(super) fn of_features(features: [u8; M], counts: &[f32; C]) -> Self {
        let mut observer = Self { features, ..Self::new() };
        observer.recompute(counts);
        observer
    }

    /// The watched features of `x`; all in order where all are watched.
    fn project<const N: usize>(&self, x: &[f32; N]) -> [f32; M] {
        let mut seen = [0.0; M];
        if N == M {
            for (seen, x) in seen.iter_mut().zip(x) {
                *seen = math::clamp(*x, -LIMIT, LIMIT);
            }
        } else {
            for (seen, feature) in seen.iter_mut().zip(&self.features) {
                *seen = x.get(usize::from(*feature)).map_or(0.0, |x| math::clamp(*x, -LIMIT, LIMIT));
            }
        }
        seen
    }

    /// Learns a sample of class `y`, whose weight in the leaf is `count` with it.
    pub(super) fn learn<const N: usize>(&mut self, x: &[f32; N], y: u8, weight: f32, count: f32) {
        let x = self.project(x);
        if let Some(class) = self.classes.get_mut(usize::from(y)) {
            class.learn(&x, weight);
            class.peak = class.log_peak(count);
        }
    }

    /// Log of the joint density of `x` and each class, up to a constant; at most twice [`NEVER`] below 0.
    pub(super) fn votes<const N: usize>(&self, x: &[f32; N]) -> [f32; C] {
        let x = self.project(x);
        let mut votes = [0.0; C];
        for (vote, class) in votes.iter_mut().zip(&self.classes) {
            *vote = class.vote(&x);
        }
        votes
    }

    /// After the leaf's counts changed by other than learning.
    pub(super) fn recompute(&mut self, counts: &[f32; C]) {
        for (class, count) in self.classes.iter_mut().zip(counts) {
            // The square of the count must not vanish.
            class.peak = if *count > 1e-12 { class.log_peak(*count) } else { NEVER };
        }
    }

    /// Halves the weight of what was learnt.
    pub(super) fn halve(&mut self) {
        for class in &mut self.classes {
            class.n *= 0.5;
            class.squares.iter_mut().for_each(|s| *s *= 0.5);
        }
    }

    /// The best split of each feature, in the order of the features, for those that have one.
    pub(super) fn splits(&self) -> impl Iterator<Item = Split<C>> + '_ {
        (0..M).zip(&self.features).filter_map(|(place, feature)| self.best_split(place, *feature))
    }

    fn best_split(&self, place: usize, feature: u8) -> Option<Split<C>> {
        let (mut low, mut high) = (LIMIT, -LIMIT);
        for class in self.classes.iter().filter(|class| class.n > 0.0) {
            low = math::min(low, *class.low.get(place)?);
            high = math::max(high, *class.high.get(place)?);
        }
        let width = (high - low) / (f32::from(POINTS) + 1.0);
        let mut best: Option<Split<C>> = None;
        for i in 1..=POINTS {
            let threshold = low + width * f32::from(i);
            if !(low < threshold && threshold < high) {
                continue;
            }
            let sides = self.sides(place, threshold)?;
            if let Some(entropy) = entropy_of_split(&sides)
                && best.is_none_or(|best| entropy < best.entropy)
            {
                best = Some(Split { entropy, feature, threshold, sides });
            }
        }
        best
    }

    /// How much of each class lies on either side of a threshold, by its normal distribution.
    fn sides(&self, place: usize, threshold: f32) -> Option<[[f32; C]; 2]> {
        let (mut left, mut right) = ([0.0; C], [0.0; C]);
        for ((left, right), class) in left.iter_mut().zip(&mut right).zip(&self.classes) {
            let share = if threshold < *class.low.get(place)? {
                0.0
            } else if threshold >= *class.high.get(place)? {
                1.0
            } else {
                let sd = math::sqrt(class.squares.get(place)? / math::max(class.n - 1.0, 1e-3));
                let z = (threshold - class.mean.get(place)?) / math::max(sd, NO_SPREAD);
                0.5 * math::erfc(-z * FRAC_1_SQRT_2)
            };
            *left = class.n * share;
            *right = class.n - *left;
        }
        Some([left, right])
    }

    pub(super) fn is_valid(&self) -> bool {
        self.classes.iter().all(Gaussians::is_valid)
    }
}

impl<const M: usize> Default for Gaussians<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const C: usize, const M: usize> Default for Observer<C, M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const C: usize, const M: usize> Validate for Observer<C, M> {
    fn is_valid(&self) -> bool {
        self.is_valid()
    }
}

/// Entropy of a distribution of weights, in bits; 0 of none.
fn entropy(weights: &[f32]) -> f32 {
    let total: f32 = weights.iter().sum();
    if total <= 0.0 {
        return 0.0;
    }
    let scale = 1.0 / total;
    let bits = |weight: &f32| {
        let share = weight * scale;
        if share > 0.0 { share * math::log2(share) } else { 0.0 }
    };
    -weights.iter().map(bits).sum::<f32>()
}

/// Mean entropy of two sides by their weight; `None` if either is too small.
fn entropy_of_split<const C: usize>(sides: &[[f32; C]; 2]) -> Option<f32> {
    let [left, right] = sides;
    let (left_weight, right_weight) = (left.iter().sum::<f32>(), right.iter().sum::<f32>());
    let total = left_weight + right_weight;
    if left_weight <= LEAST_SIDE * total || right_weight <= LEAST_SIDE * total {
        return None;
    }
    Some((left_weight * entropy(left) + right_weight * entropy(right)) / total)
}
