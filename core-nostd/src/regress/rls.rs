use serde::{Deserialize, Serialize};

use crate::linear::{Linear, dot, features};
use crate::math;
use crate::sample::Sample;
use crate::traits::{Regressor, Supervised, Validate};

/// Recursive least squares with forgetting: after every sample the least-squares line of what was seen, older samples
/// counting less.
///
/// Formula, `z` being the features and a 1: `g = P z`, `q = forgetting + z g`, `(w, b) += g e / q` with
/// `e = y - w x - b`, `P = (P - g gᵀ / q) / forgetting`, starting from `P = start I`.
///
/// Learns a line in about `2 N` samples whatever the correlation of the features and however large they are; no rate to
/// tune. A feature below about `1 / sqrt(start)` is held back by the ridge penalty: scale it, or raise `start`. What
/// the features do not excite, `P` forgets: its trace is therefore kept below ten times its start by not forgetting
/// while it is there. Rounding could cost `P` its definiteness: it is updated symmetrically to the bit, and starts
/// over, with the weights kept, should a variance turn negative.
///
/// `forgetting`: 0.9 to 1; remembers about `1 / (1 - forgetting)` samples. `start`: 0.001 to 1e6; large trusts the
/// first samples at once, small is a ridge penalty of `1 / start`. Memory: `4 N² + 8 N + 20` bytes: the whole matrix,
/// although symmetric, since rows of equal length are what processors add fastest. Cost: O(N²). Features are limited
/// to ±1e12, the answer to ±1e18.
/// ```
/// use brooklet_core::{regress::Rls, sample::Sample};
/// use brooklet_core::traits::{Regressor, Supervised};
/// let mut rls = Rls::<1>::new(1.0, 1e4);
/// for x in [1.0, 2.0, 4.0, 3.0] {
///     rls.learn_one(&Sample::new([x]).unwrap(), &(3.0 * x + 1.0));
/// }
/// assert!((rls.predict_one(&Sample::new([10.0]).unwrap()).unwrap() - 31.0).abs() < 0.01);
/// ```
/// Source: Plackett, Some theorems in least squares, Biometrika 37 (1950), doi:10.2307/2332158. Checked against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rls<const N: usize> {
    line: Linear<N>,
    /// `P` without the row and column of the intercept.
    #[serde(with = "crate::array::nested")]
    inner: [[f32; N]; N],
    /// The intercept's row of `P`, its own variance aside.
    #[serde(with = "crate::array")]
    edge: [f32; N],
    corner: f32,
    forgetting: f32,
    start: f32,
    ready: bool,
}

impl<const N: usize> Rls<N> {
    /// Nothing learnt; settings are brought into range.
    #[must_use]
    pub const fn new(forgetting: f32, start: f32) -> Self {
        Self {
            line: Linear::new(),
            inner: [[0.0; N]; N],
            edge: [0.0; N],
            corner: 0.0,
            forgetting: math::clamp(forgetting, 0.9, 1.0),
            start: math::clamp(start, 0.001, 1e6),
            ready: false,
        }
    }

    /// `P = start I`.
    fn start_over(&mut self) {
        for (i, row) in self.inner.iter_mut().enumerate() {
            *row = [0.0; N];
            if let Some(variance) = row.get_mut(i) {
                *variance = self.start;
            }
        }
        self.edge = [0.0; N];
        self.corner = self.start;
    }

    /// The weights and the intercept.
    #[must_use]
    pub const fn line(&self) -> &Linear<N> {
        &self.line
    }

    /// The largest trace of `P`.
    fn bound(&self) -> f32 {
        10.0 * self.start * (N as f32 + 1.0)
    }
}

impl<const N: usize> Supervised for Rls<N> {
    type Input = Sample<N>;
    type Target = f32;

    fn learn_one(&mut self, x: &Sample<N>, y: &f32) {
        let x = features(x);
        let error = math::limit(*y) - self.line.at(&x);
        if !self.ready {
            self.start_over();
        }
        // P is symmetric: adding up its rows needs no sum across a row.
        let mut gain = self.edge;
        for (row, x) in self.inner.iter().zip(&x) {
            for (gain, p) in gain.iter_mut().zip(row) {
                *gain += p * x;
            }
        }
        let gain_edge = dot(&self.edge, &x) + self.corner;
        let spread = dot(&gain, &x) + gain_edge;
        let trace = self.inner.iter().enumerate().fold(self.corner, |trace, (i, row)| {
            let variance = row.get(i).copied().unwrap_or(0.0);
            if variance >= 0.0 { trace + variance } else { f32::INFINITY }
        });
        if !(spread >= 0.0 && self.corner >= 0.0 && trace < f32::INFINITY) {
            self.start_over();
            return;
        }
        let inverse = 1.0 / (self.forgetting + spread);
        self.line.step(&gain, error * inverse, gain_edge * error * inverse);

        // g gᵀ / q as a product of equal factors: P stays symmetric to the bit.
        let root = math::sqrt(inverse);
        // Rounding may overshoot for a sample, until a variance below 0 lets it start over.
        let bound = 2.0 * self.bound();
        let grow = if trace < self.bound() { 1.0 / self.forgetting } else { 1.0 };
        let (share, share_edge) = (gain.map(|g| g * root), gain_edge * root);
        for (row, by) in self.inner.iter_mut().zip(&share) {
            for (p, share) in row.iter_mut().zip(&share) {
                *p = math::clamp((*p - by * share) * grow, -bound, bound);
            }
        }
        for (p, share) in self.edge.iter_mut().zip(&share) {
            *p = math::clamp((*p - share * share_edge) * grow, -bound, bound);
        }
        self.corner = math::clamp((self.corner - share_edge * share_edge) * grow, -bound, bound);
        self.ready = true;
    }

    fn reset(&mut self) {
        *self = Self::new(self.forgetting, self.start);
    }
}

impl<const N: usize> Regressor for Rls<N> {
    fn predict_one(&self, x: &Sample<N>) -> Option<f32> {
        self.ready.then(|| self.line.at(&features(x)))
    }
}

impl<const N: usize> Validate for Rls<N> {
    fn is_valid(&self) -> bool {
        // Twice the bound on the trace is more than any entry of a covariance can reach.
        let bound = 2.0 * self.bound();
        self.line.is_valid()
            && self
                .inner
                .iter()
                .flatten()
                .chain(&self.edge)
                .chain([&self.corner])
                .all(|p| math::abs(*p) <= bound)
            && (0.9..=1.0).contains(&self.forgetting)
            && (0.001..=1e6).contains(&self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn keeps_learning_after_a_long_dull_stretch() {
        let (mut rng, mut rls) = (Rng::new(1), Rls::<3>::new(0.99, 100.0));
        let mut learn = |rls: &mut Rls<3>, n: usize, noise: f32, slope: f32| {
            for _ in 0..n {
                let x = [rng.normal(), rng.normal(), 20.0 + rng.normal()].map(|x| x * noise);
                rls.learn_one(&Sample::new(x).unwrap(), &(slope * x[0] - x[1] + 0.1 * x[2] + 5.0));
            }
        };
        learn(&mut rls, 500, 1.0, 2.0);
        learn(&mut rls, 100_000, 1e-4, 2.0);
        assert!(rls.is_valid(), "{rls:?}");
        learn(&mut rls, 2000, 1.0, 3.0);
        let at = rls.predict_one(&Sample::new([1.0, 1.0, 20.0]).unwrap()).unwrap();
        assert!((at - 9.0).abs() < 0.01 && rls.is_valid(), "{at}");
    }

    #[test]
    fn stays_symmetric_to_the_bit() {
        let (mut rng, mut rls) = (Rng::new(2), Rls::<5>::new(0.98, 1000.0));
        for _ in 0..5000 {
            let x = core::array::from_fn(|_| 10.0 * rng.normal());
            rls.learn_one(&Sample::new(x).unwrap(), &rng.normal());
        }
        for i in 0..5 {
            for j in 0..5 {
                assert_eq!(rls.inner[i][j].to_bits(), rls.inner[j][i].to_bits());
            }
        }
    }
}
