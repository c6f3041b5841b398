use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Transformer, Validate};

/// What `N` channels are in control: their means and covariances, given or learnt from the first samples (phase I).
/// Transforms a sample into `N` independent numbers of mean 0 and deviation 1.
///
/// Formula: `C = L Lᵀ` (Cholesky), `w = L⁻¹ (x - mean)`; so `|w|²` is the squared Mahalanobis distance. In phase I the
/// means and `C` are the running ones of `n` samples, with `1/(n - 1)`.
///
/// Channels that are sums of others are let in: what a channel's own variance does not exceed by 1e-6 counts as that
/// share; so are channels that stand still, whose learnt deviation is at least 1e-6 of their mean. Learn from many more samples than channels: with `n` samples distances come out larger by about `N/n`.
///
/// `n`: 2 to 65,535. Memory: `4 N² + 4 N + 4` bytes. Cost: `N²/2` multiplications; in phase I as many, and at its end
/// `N³/6`. Input is limited to ±1e15.
/// ```
/// use brooklet_core::{sample::Sample, spc::VectorBaseline, traits::Transformer};
/// let baseline = VectorBaseline::given([1.0, 2.0], [[4.0, 2.0], [2.0, 2.0]]);
/// let w = baseline.transform_one(&Sample::new([3.0, 4.0]).unwrap()).unwrap();
/// assert_eq!(w.values(), &[1.0, 1.0]); // L = [[2, 0], [1, 1]]
/// ```
/// Source: Golub, Van Loan: Matrix computations, 4th edition 2013, algorithm 4.2.1. Checked against numpy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VectorBaseline<const N: usize> {
    #[serde(with = "crate::array")]
    mean: [f32; N],
    /// Sums of products in phase I; then `L`, with the reciprocals of its diagonal in the diagonal. Lower half only.
    #[serde(with = "crate::array::nested")]
    matrix: [[f32; N]; N],
    n: u16,
    of: u16,
}

const LIMIT: f32 = 1e15;
/// Least share of a channel's variance that is its own.
const OWN: f32 = 1e-6;
const TINY: f32 = 1e-20;
/// Deviations below this share of the mean are rounding noise.
const RESOLUTION: f32 = 1e-6;

impl<const N: usize> VectorBaseline<N> {
    const SHAPE: () = assert!(N > 0);

    /// Means and covariances are known; of the matrix the lower half is read.
    #[must_use]
    pub fn given(mean: [f32; N], covariance: [[f32; N]; N]) -> Self {
        let () = Self::SHAPE;
        let limit = |x: f32| if x.is_finite() { math::clamp(x, -LIMIT, LIMIT) } else { 0.0 };
        let mut baseline =
            Self { mean: mean.map(limit), matrix: covariance.map(|row| row.map(limit)), n: 0, of: 0 };
        baseline.factor();
        baseline
    }

    /// Learnt from the first `n` samples, 2 and up.
    #[must_use]
    pub const fn learnt(n: u16) -> Self {
        let () = Self::SHAPE;
        Self { mean: [0.0; N], matrix: [[0.0; N]; N], n: 0, of: if n < 2 { 2 } else { n } }
    }

    /// True once phase I is over.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.n >= self.of
    }

    /// Squared Mahalanobis distance; `None` in phase I.
    /// ```
    /// use brooklet_core::{sample::Sample, spc::VectorBaseline};
    /// let baseline = VectorBaseline::given([1.0, 2.0], [[4.0, 0.0], [0.0, 1.0]]);
    /// assert_eq!(baseline.distance(&Sample::new([3.0, 4.0]).unwrap()), Some(5.0)); // 1² + 2²
    /// ```
    #[must_use]
    pub fn distance(&self, x: &Sample<N>) -> Option<f32> {
        Some(self.transform_one(x)?.values().iter().map(|w| w * w).sum())
    }

    /// Puts `L` in the place of the covariances.
    fn factor(&mut self) {
        for i in 0..N {
            let Some((above, below)) = self.matrix.split_at_mut_checked(i) else { return };
            let Some(row) = below.first_mut() else { return };
            for (j, other) in above.iter().enumerate() {
                let known = dot(row, other, j);
                let scale = other.get(j).copied().unwrap_or(0.0);
                if let Some(cell) = row.get_mut(j) {
                    *cell = (*cell - known) * scale;
                }
            }
            let known = dot(row, row, i);
            if let Some(cell) = row.get_mut(i) {
                let own = math::max(*cell - known, math::max(OWN * *cell, TINY));
                *cell = 1.0 / math::sqrt(own);
            }
            row.iter_mut().skip(i.saturating_add(1)).for_each(|cell| *cell = 0.0);
        }
    }
}

/// Scalar product of the first `len` numbers.
fn dot<const N: usize>(a: &[f32; N], b: &[f32; N], len: usize) -> f32 {
    a.iter().zip(b).take(len).map(|(a, b)| a * b).sum()
}

impl<const N: usize> Learner for VectorBaseline<N> {
    type Input = Sample<N>;

    /// Learns in phase I; later samples change nothing.
    fn learn_one(&mut self, x: &Sample<N>) {
        if self.is_ready() {
            return;
        }
        self.n = self.n.saturating_add(1);
        let share = 1.0 / f32::from(self.n);
        let mut before = [0.0; N];
        for ((before, mean), x) in before.iter_mut().zip(&mut self.mean).zip(x.values()) {
            *before = math::clamp(*x, -LIMIT, LIMIT) - *mean;
            *mean += *before * share;
        }
        let keep = 1.0 - share;
        for (i, (row, a)) in (0..N).zip(self.matrix.iter_mut().zip(&before)) {
            let cells = row.iter_mut().zip(&before).take(i.saturating_add(1));
            cells.for_each(|(cell, b)| *cell += keep * a * b);
        }
        if self.is_ready() {
            let scale = 1.0 / (f32::from(self.of) - 1.0);
            self.matrix.iter_mut().flatten().for_each(|cell| *cell *= scale);
            for (i, (row, mean)) in (0..N).zip(self.matrix.iter_mut().zip(&self.mean)) {
                if let Some(variance) = row.get_mut(i) {
                    *variance = math::max(*variance, RESOLUTION * mean * (RESOLUTION * mean));
                }
            }
            self.factor();
        }
    }

    fn reset(&mut self) {
        if self.of > 0 {
            *self = Self::learnt(self.of);
        }
    }
}

impl<const N: usize> Transformer for VectorBaseline<N> {
    type Output = Sample<N>;

    /// `None` in phase I. Each number is within ±1e9.
    fn transform_one(&self, x: &Sample<N>) -> Option<Sample<N>> {
        if !self.is_ready() {
            return None;
        }
        let mut w = [0.0; N];
        for (i, ((row, mean), x)) in (0..N).zip(self.matrix.iter().zip(&self.mean).zip(x.values())) {
            let apart = math::clamp(*x, -LIMIT, LIMIT) - mean - dot(row, &w, i);
            let scale = row.get(i).copied().unwrap_or(0.0);
            if let Some(w) = w.get_mut(i) {
                *w = math::clamp(apart * scale, -1e9, 1e9);
            }
        }
        Sample::new(w)
    }
}

impl<const N: usize> Validate for VectorBaseline<N> {
    fn is_valid(&self) -> bool {
        self.n <= self.of
            && self.mean.iter().all(|mean| math::abs(*mean) <= 2.0 * LIMIT)
            && self.matrix.iter().flatten().all(|cell| math::abs(*cell) <= 1e37)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn what_it_gives_is_independent_and_of_deviation_1() {
        let (mut rng, mut baseline) = (Rng::new(1), VectorBaseline::<3>::learnt(20_000));
        let mut draw = || {
            let [a, b, c] = [rng.normal(), rng.normal(), rng.normal()];
            Sample::new([500.0 + a, 3.0 * a + b, 0.01 * (a - b + c)]).unwrap()
        };
        for _ in 0..20_000 {
            baseline.learn_one(&draw());
        }
        let mut products = [[0.0; 3]; 3];
        for _ in 0..20_000 {
            let w = *baseline.transform_one(&draw()).unwrap().values();
            products
                .iter_mut()
                .zip(w)
                .for_each(|(row, a)| row.iter_mut().zip(w).for_each(|(p, b)| *p += a * b));
        }
        for (i, row) in products.iter().enumerate() {
            for (j, product) in row.iter().enumerate() {
                assert!((product / 20_000.0 - f32::from(u8::from(i == j))).abs() < 0.06, "{products:?}");
            }
        }
    }

    #[test]
    fn a_channel_that_stands_still_may_move_by_a_rounding() {
        let mut baseline = VectorBaseline::<2>::learnt(50);
        for i in 0..50u8 {
            baseline.learn_one(&Sample::new([f32::from(i % 5), 20.1]).unwrap());
        }
        let distance = |still: f32| baseline.distance(&Sample::new([2.0, still]).unwrap()).unwrap();
        assert!(distance(20.1f32.next_up()) < 1.0 && distance(20.2) > 1e6);
    }

    #[test]
    fn a_channel_that_repeats_another_is_let_in() {
        let (mut rng, mut baseline) = (Rng::new(1), VectorBaseline::<2>::learnt(50));
        for _ in 0..50 {
            let a = rng.normal();
            baseline.learn_one(&Sample::new([a, 2.0 * a]).unwrap());
        }
        assert!(baseline.is_valid());
        assert!(baseline.distance(&Sample::new([1.0, 2.0]).unwrap()).unwrap() < 10.0);
        assert!(baseline.distance(&Sample::new([1.0, -2.0]).unwrap()).unwrap() > 1000.0);
    }
}
