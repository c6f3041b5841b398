use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::Validate;

use super::gated::HORIZON;

/// Part of every correlation that is taken off; of the few rows of the beginning, more.
const RIDGE: f32 = 0.02;
const RIDGE_WHEN_YOUNG: f32 = 0.3;
/// No pivot is smaller than this share of its variance, or than what channels that never move have.
const LEAST_PIVOT: f32 = 1e-4;
const LEAST_VARIANCE: f32 = 1e-3;
/// Larger numbers come from a matrix that rounding made indefinite.
const MOST: f32 = 1e6;
/// Deviations that are filled in at most.
const MOST_FILLED: f32 = 30.0;

/// How `N` standardised channels go together: their covariance and, made anew every `N` rows, its Cholesky factor.
///
/// One square holds both: the covariance on and below the diagonal, the factor above it, its diagonal apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Relations<const N: usize> {
    n: f32,
    /// Rows since the factor was made.
    since: u8,
    #[serde(with = "crate::array::nested")]
    square: [[f32; N]; N],
    /// 0 before the first factor.
    #[serde(with = "crate::array")]
    diagonal: [f32; N],
}

impl<const N: usize> Relations<N> {
    pub(super) const fn new() -> Self {
        Self { n: 0.0, since: 0, square: [[0.0; N]; N], diagonal: [0.0; N] }
    }

    pub(super) fn learn(&mut self, z: &[f32; N], pace: f32) {
        let first = self.n <= 0.0;
        self.n = math::clamp(self.n + pace, 1.0, HORIZON);
        let a = math::min(pace / self.n, 1.0);
        for (i, (row, z_i)) in (0..N).zip(self.square.iter_mut().zip(z)) {
            for (c, z_j) in row.iter_mut().zip(z).take(i.saturating_add(1)) {
                *c += a * (z_i * z_j - *c);
            }
        }
        self.since = self.since.saturating_add(1);
        if first || usize::from(self.since) >= N {
            self.since = 0;
            self.factor();
        }
    }

    pub(super) const fn doubt(&mut self, most: f32) {
        self.n = math::min(self.n, most);
    }

    /// Cholesky, row by row: what is above the diagonal becomes the factor's transpose.
    fn factor(&mut self) {
        let young = N as f32 / (self.n + N as f32);
        let keep = 1.0 - (RIDGE + (1.0 - RIDGE) * RIDGE_WHEN_YOUNG * young);
        let mut variance = [0.0; N];
        for i in 0..N {
            variance.get_mut(i).into_iter().for_each(|v| *v = math::max(self.at(i, i), LEAST_VARIANCE));
            for j in 0..i {
                let covariance = keep * self.at(i, j);
                if let Some(upper) = self.square.get_mut(j).and_then(|row| row.get_mut(i)) {
                    *upper = covariance;
                }
            }
        }
        self.diagonal = variance;
        let (mut rows, mut k): (&mut [[f32; N]], usize) = (&mut self.square, 0);
        let (mut pivots, mut variances): (&mut [f32], &[f32]) = (&mut self.diagonal, &variance);
        while let ([row, below @ ..], [pivot, others @ ..], [variance, rest @ ..]) = (rows, pivots, variances)
        {
            *pivot = math::sqrt(math::max(*pivot, LEAST_PIVOT * *variance));
            let inverse = 1.0 / *pivot;
            k = k.saturating_add(1);
            row.iter_mut().skip(k).for_each(|u| *u *= inverse);
            // The i-th row below has its part of the factor to the right of its diagonal.
            for (i, (other, pivot)) in (0..N).zip(below.iter_mut().zip(others.iter_mut())) {
                let column = k.saturating_add(i);
                let u = row.get(column).copied().unwrap_or(0.0);
                *pivot -= u * u;
                let right = column.saturating_add(1);
                for (a, b) in other.iter_mut().zip(row.iter()).skip(right) {
                    *a -= u * b;
                }
            }
            (rows, pivots, variances) = (below, others, rest);
        }
    }

    fn at(&self, i: usize, j: usize) -> f32 {
        self.square.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0.0)
    }

    /// `y` of `L y = z`: the channels made independent. All 0 before there is a factor.
    pub(super) fn whiten(&self, z: &[f32; N]) -> [f32; N] {
        let mut y = *z;
        let mut rest: &mut [f32] = &mut y;
        for (k, (row, pivot)) in (0..N).zip(self.square.iter().zip(&self.diagonal)) {
            let Some((first, below)) = rest.split_first_mut() else { break };
            *first = if *pivot > 0.0 { math::clamp(*first / *pivot, -MOST, MOST) } else { 0.0 };
            for (value, u) in below.iter_mut().zip(row.iter().skip(k.saturating_add(1))) {
                *value -= u * *first;
            }
            rest = below;
        }
        y
    }

    /// `r` of `Lᵀ r = y`: what of each channel the others do not explain, in units of its precision.
    pub(super) fn unexplained(&self, y: &[f32; N]) -> [f32; N] {
        let mut r = *y;
        for (k, (row, pivot)) in self.square.iter().zip(&self.diagonal).enumerate().rev() {
            let Some((first, below)) = r.get_mut(k..).and_then(<[f32]>::split_first_mut) else { continue };
            let others: f32 =
                row.iter().skip(k.saturating_add(1)).zip(below.iter()).map(|(u, r)| u * r).sum();
            *first = if *pivot > 0.0 { math::clamp((*first - others) / *pivot, -MOST, MOST) } else { 0.0 };
        }
        r
    }

    /// The precisions of channel `i` with each: its own is the inverse of the variance that the others leave.
    pub(super) fn precisions(&self, i: usize) -> [f32; N] {
        let mut unit = [0.0; N];
        unit.get_mut(i).into_iter().for_each(|one| *one = 1.0);
        self.unexplained(&self.whiten(&unit))
    }

    /// Makes of a channel that is missing what the others say of it, so that it has nothing unexplained.
    pub(super) fn fill(&self, i: usize, z: &mut [f32; N], unexplained: &mut [f32; N]) {
        let precisions = self.precisions(i);
        let (Some(z), Some(r), Some(own)) = (z.get_mut(i), unexplained.get(i), precisions.get(i)) else {
            return;
        };
        if *own <= 0.0 {
            return;
        }
        let change = math::clamp(-*r / *own, -MOST_FILLED - *z, MOST_FILLED - *z);
        *z += change;
        for (r, precision) in unexplained.iter_mut().zip(&precisions) {
            *r = math::clamp(*r + change * precision, -MOST, MOST);
        }
    }
}

impl<const N: usize> Validate for Relations<N> {
    fn is_valid(&self) -> bool {
        (0.0..=HORIZON).contains(&self.n)
            && usize::from(self.since) < N
            && self.square.iter().flatten().all(|c| math::abs(*c) <= MOST)
            && self.diagonal.iter().all(|d| (0.0..=MOST).contains(d))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    const N: usize = 5;

    /// Gauss and Jordan, in f64.
    fn solve(mut a: [[f64; N]; N], mut b: [f64; N]) -> [f64; N] {
        for k in 0..N {
            let pivot = a[k][k];
            a[k].iter_mut().for_each(|x| *x /= pivot);
            b[k] /= pivot;
            for i in (0..N).filter(|i| *i != k) {
                let factor = a[i][k];
                (0..N).for_each(|j| a[i][j] -= factor * a[k][j]);
                b[i] -= factor * b[k];
            }
        }
        b
    }

    #[test]
    fn by_its_definition() {
        let (mut rng, mut relations) = (Rng::new(2), Relations::<N>::new());
        let rows: [[f32; N]; 401] = core::array::from_fn(|_| {
            let state = rng.normal();
            core::array::from_fn(|i| state * i as f32 * 0.3 + rng.normal())
        });
        rows.iter().for_each(|z| relations.learn(z, 1.0));
        let young = N as f64 / (401.0 + N as f64);
        let keep = 1.0 - (0.02 + 0.98 * 0.3 * young);
        let mut r = [[0.0; N]; N];
        for (i, row) in r.iter_mut().enumerate() {
            for (j, c) in row.iter_mut().enumerate() {
                let sum: f64 = rows.iter().map(|z| f64::from(z[i]) * f64::from(z[j])).sum();
                *c = sum / 401.0 * if i == j { 1.0 } else { keep };
            }
        }
        let z = [1.0f32, -2.0, 0.5, 3.0, -1.0];
        let wanted = solve(r, z.map(f64::from));
        let white = relations.whiten(&z);
        for (found, wanted) in relations.unexplained(&white).iter().zip(wanted) {
            assert!((f64::from(*found) - wanted).abs() < 1e-3, "{found} {wanted}");
        }
        let t2: f64 = z.iter().zip(wanted).map(|(z, r)| f64::from(*z) * r).sum();
        let found: f32 = white.iter().map(|y| y * y).sum();
        assert!((f64::from(found) - t2).abs() < 1e-3 * t2);
        let (mut filled, mut left) = (z, relations.unexplained(&white));
        relations.fill(2, &mut filled, &mut left);
        let again = relations.unexplained(&relations.whiten(&filled));
        assert!(left[2].abs() < 1e-4 && left.iter().zip(again).all(|(a, b)| (a - b).abs() < 1e-4));
        let unit = solve(r, [0.0, 0.0, 1.0, 0.0, 0.0]);
        assert!((f64::from(relations.precisions(2)[2]) - unit[2]).abs() < 1e-3 * unit[2]);
    }
}
