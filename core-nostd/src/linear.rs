//! What linear models share: sums over features in a fixed order that compilers vectorise, weights that stay finite,
//! and the passive-aggressive step.

use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::Validate;

/// Features are brought into this range, so that products with weights and squares stay finite.
/// ```
/// use brooklet_core::{linear, sample::Sample};
/// assert_eq!(linear::features(&Sample::new([1e30]).unwrap()), [linear::REACH]);
/// ```
pub const REACH: f32 = 1e12;

/// The features, each within ±[`REACH`].
/// ```
/// use brooklet_core::{linear, sample::Sample};
/// assert_eq!(linear::features(&Sample::new([2.5, -1e30]).unwrap()), [2.5, -1e12]);
/// ```
#[must_use]
pub fn features<const N: usize>(x: &Sample<N>) -> [f32; N] {
    x.values().map(|v| v.clamp(-REACH, REACH))
}

/// The sum of a term of two features each, in a fixed order: four sums side by side, since one long chain of additions
/// would wait for each of them.
pub(crate) fn sum_of<const N: usize>(a: &[f32; N], b: &[f32; N], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0; 4];
    let ((heads_a, tail_a), (heads_b, tail_b)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    for (head_a, head_b) in heads_a.iter().zip(heads_b) {
        for ((lane, a), b) in lanes.iter_mut().zip(head_a).zip(head_b) {
            *lane += term(*a, *b);
        }
    }
    for ((lane, a), b) in lanes.iter_mut().zip(tail_a).zip(tail_b) {
        *lane += term(*a, *b);
    }
    let [a, b, c, d] = lanes;
    (a + c) + (b + d)
}

/// The dot product, added up in a fixed order.
/// ```
/// assert_eq!(brooklet_core::linear::dot(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), 32.0);
/// ```
#[must_use]
pub fn dot<const N: usize>(a: &[f32; N], b: &[f32; N]) -> f32 {
    sum_of(a, b, |a, b| a * b)
}

/// The squared Euclidean distance, added up in a fixed order.
/// ```
/// assert_eq!(brooklet_core::linear::distance_squared(&[1.0, 2.0], &[4.0, 6.0]), 25.0);
/// ```
#[must_use]
pub fn distance_squared<const N: usize>(a: &[f32; N], b: &[f32; N]) -> f32 {
    sum_of(a, b, |a, b| (a - b) * (a - b))
}

/// Which of `points` is nearest to `x`, of equally near ones the first, and its squared distance; `None` without points.
/// ```
/// use brooklet_core::linear::nearest;
/// assert_eq!(nearest(&[[5.0], [1.0], [3.0]], &[2.0]), Some((1, 1.0)));
/// assert_eq!(nearest::<1>(&[], &[2.0]), None);
/// ```
#[must_use]
pub fn nearest<'a, const N: usize>(
    points: impl IntoIterator<Item = &'a [f32; N]>,
    x: &[f32; N],
) -> Option<(usize, f32)> {
    let (mut best, mut least) = (0, f32::INFINITY);
    for (i, point) in points.into_iter().enumerate() {
        let distance = distance_squared(point, x);
        // Two selections rather than a branch: which point is nearest cannot be foretold.
        let closer = distance < least;
        best = if closer { i } else { best };
        least = if closer { distance } else { least };
    }
    (least < f32::INFINITY).then_some((best, least))
}

/// Weights and an intercept: `w x + b`. Memory: `4 (N + 1)` bytes.
/// ```
/// use brooklet_core::linear::Linear;
/// let mut line = Linear::<2>::new();
/// line.step(&[1.0, -2.0], 0.5, 0.5);
/// assert_eq!((line.weights(), line.intercept()), (&[0.5, -1.0], 0.5));
/// assert_eq!(line.at(&[2.0, 1.0]), 0.5);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linear<const N: usize> {
    #[serde(with = "crate::array")]
    weights: [f32; N],
    intercept: f32,
}

impl<const N: usize> Default for Linear<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Linear<N> {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        Self { weights: [0.0; N], intercept: 0.0 }
    }

    /// Of given weights, within ±[`math::LIMIT`].
    #[must_use]
    pub const fn of(weights: [f32; N], intercept: f32) -> Self {
        Self { weights, intercept }
    }

    /// A weight a feature.
    #[must_use]
    pub const fn weights(&self) -> &[f32; N] {
        &self.weights
    }

    /// What is added to the weighted features.
    #[must_use]
    pub const fn intercept(&self) -> f32 {
        self.intercept
    }

    /// `w x + b` for features within ±[`REACH`].
    #[must_use]
    pub fn at(&self, x: &[f32; N]) -> f32 {
        dot(&self.weights, x) + self.intercept
    }

    /// `w += by x`, `b += by_intercept`; `by` finite.
    pub fn step(&mut self, x: &[f32; N], by: f32, by_intercept: f32) {
        for (weight, x) in self.weights.iter_mut().zip(x) {
            *weight = math::limit(*weight + by * x);
        }
        self.intercept = math::limit(self.intercept + by_intercept);
    }

    /// `w *= keep`, the step of an L2 penalty; not the intercept.
    pub fn shrink(&mut self, keep: f32) {
        for weight in &mut self.weights {
            *weight *= keep;
        }
    }

    /// [`shrink`](Self::shrink) the intercept too.
    pub fn shrink_all(&mut self, keep: f32) {
        self.shrink(keep);
        self.intercept *= keep;
    }
}

impl<const N: usize> Validate for Linear<N> {
    fn is_valid(&self) -> bool {
        self.weights.iter().chain([&self.intercept]).all(|w| math::abs(*w) <= math::LIMIT)
    }
}

/// How far a passive-aggressive learner goes to be right at the sample at hand: just far enough (`tau = loss / |x|²`),
/// bounded by `c` in one of two ways.
///
/// Source: Crammer et al., Online passive-aggressive algorithms, JMLR 7 (2006), section 3.
/// ```
/// use brooklet_core::linear::Aggressive;
/// assert_eq!(Aggressive::I { c: 0.1 }.step(1.0, 4.0), 0.1);
/// assert_eq!(Aggressive::II { c: 0.5 }.step(1.0, 4.0), 0.2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Aggressive {
    /// `tau = min(c, loss / |x|²)`.
    I {
        /// The largest step, above 0, up to 1e6.
        c: f32,
    },
    /// `tau = loss / (|x|² + 1 / 2c)`.
    II {
        /// The larger, the further, above 0, up to 1e6.
        c: f32,
    },
}

impl Aggressive {
    const LEAST: f32 = 1e-6;
    const MOST: f32 = 1e6;

    /// With `c` brought into its range.
    #[must_use]
    pub const fn bounded(self) -> Self {
        match self {
            Self::I { c } => Self::I { c: math::clamp(c, Self::LEAST, Self::MOST) },
            Self::II { c } => Self::II { c: math::clamp(c, Self::LEAST, Self::MOST) },
        }
    }

    /// `tau` for a loss of 0 and up and the squared length of the sample; 0 where the sample is 0.
    #[must_use]
    pub const fn step(&self, loss: f32, length_squared: f32) -> f32 {
        match self {
            _ if length_squared <= 0.0 || loss <= 0.0 => 0.0,
            Self::I { c } => math::min(loss / length_squared, *c),
            Self::II { c } => loss / (length_squared + 0.5 / *c),
        }
    }
}

impl Validate for Aggressive {
    fn is_valid(&self) -> bool {
        let (Self::I { c } | Self::II { c }) = self;
        (Self::LEAST..=Self::MOST).contains(c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_take_every_feature_whatever_their_number() {
        assert_eq!(dot(&[1.0; 1], &[2.0; 1]), 2.0);
        assert_eq!(dot(&[1.0; 7], &[2.0; 7]), 14.0);
        assert_eq!(dot::<13>(&core::array::from_fn(|i| i as f32), &[1.0; 13]), 78.0);
        assert_eq!(distance_squared(&[1.0; 9], &[3.0; 9]), 36.0);
        assert_eq!(nearest([&[5.0], &[1.0], &[3.0]], &[2.0]), Some((1, 1.0)));
    }
}
