use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Scorer, Validate};

/// Distance from the running mean in units of the running covariance.
///
/// Formula: `a = max(1/n, 1/HORIZON)`, `d = x - mean`, `mean += a d`, `C = (1 - a)(C + a d dᵀ)`;
/// raw = `sqrt(zᵀ R⁻¹ z)` with `z_i = d_i / sd_i`, `R_ij = (1 - shrinkage) C_ij / (sd_i sd_j)`, `R_ii = 1`. Working on
/// the shrunk correlations bounds their condition by `N / shrinkage`, so constant and collinear features do no harm
/// in f32. Scales features by itself: feed raw channels.
///
/// Finds what breaks the usual relation between features although each alone is ordinary. One normal cloud only: with
/// several operating modes the middle between them looks best. Ready after `N + 2` samples.
///
/// `HORIZON`: 1 and up, in samples; `shrinkage`: 1e-4 to 1, brought into range. Memory: `4 N² + 4 N + 8` bytes. Cost:
/// `N²` multiplications to learn, `N³/3` and `2 N` divisions to score.
/// ```
/// use brooklet_core::{anomaly::Mahalanobis, sample::Sample};
/// use brooklet_core::traits::{Learner, Scorer};
/// let mut m = Mahalanobis::<2, 1000>::new(0.01);
/// for i in 0..100u8 {
///     let (a, b) = (f32::from(i % 10), f32::from(i % 3));
///     m.learn_one(&Sample::new([a, 2.0 * a + b]).unwrap());
/// }
/// let raw = |x| m.raw_one(&Sample::new(x).unwrap()).unwrap();
/// assert!(raw([8.0, 17.0]) < 2.0 && raw([8.0, 3.0]) > 8.0); // the second breaks the relation
/// ```
/// Source: P. C. Mahalanobis, On the generalised distance in statistics, 1936; shrinkage: O. Ledoit, M. Wolf,
/// doi:10.1016/S0047-259X(03)00096-4. Checked against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mahalanobis<const N: usize, const HORIZON: u32> {
    n: u32,
    shrinkage: f32,
    #[serde(with = "crate::array")]
    mean: [f32; N],
    #[serde(with = "crate::array::nested")]
    covariance: [[f32; N]; N],
}

/// Deviations below this share of the value itself are rounding noise: f32 resolves 6e-8, sensors less.
const RESOLUTION: f32 = 1e-5;
const TINY: f32 = 1e-20;
/// No feature counts for more deviations than this.
const MOST: f32 = 1e9;

impl<const N: usize, const HORIZON: u32> Mahalanobis<N, HORIZON> {
    const SHAPE: () = assert!(N > 0 && N < 65_536 && HORIZON > 0);

    /// Nothing learnt.
    #[must_use]
    pub const fn new(shrinkage: f32) -> Self {
        let () = Self::SHAPE;
        let shrinkage = math::clamp(shrinkage, 1e-4, 1.0);
        Self { n: 0, shrinkage, mean: [0.0; N], covariance: [[0.0; N]; N] }
    }
}

impl<const N: usize, const HORIZON: u32> Learner for Mahalanobis<N, HORIZON> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        self.n = Ord::min(self.n.saturating_add(1), HORIZON);
        let a = 1.0 / self.n as f32;
        let mut d = [0.0; N];
        for ((d, mean), x) in d.iter_mut().zip(&mut self.mean).zip(x.values()) {
            *d = math::limit(*x) - *mean;
            *mean += a * *d;
        }
        for (row, d_i) in self.covariance.iter_mut().zip(&d) {
            let weight = a * d_i;
            for (c, d_j) in row.iter_mut().zip(&d) {
                *c = (1.0 - a) * (*c + weight * d_j);
            }
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.shrinkage);
    }
}

impl<const N: usize, const HORIZON: u32> Scorer for Mahalanobis<N, HORIZON> {
    fn raw_one(&self, x: &Sample<N>) -> Option<f32> {
        if (self.n as usize) < N.saturating_add(2) && self.n < HORIZON {
            return None;
        }
        let (mut z, mut inverse_sd) = ([0.0; N], [0.0; N]);
        let rows = self.covariance.iter().enumerate().zip(&self.mean).zip(x.values());
        for ((z, inverse), (((i, row), mean), x)) in z.iter_mut().zip(&mut inverse_sd).zip(rows) {
            let sd = math::sqrt(row.get(i).copied().unwrap_or(0.0));
            *inverse = 1.0 / math::max(math::max(sd, RESOLUTION * math::abs(*mean)), TINY);
            *z = math::clamp((math::limit(*x) - mean) * *inverse, -MOST, MOST);
        }
        let most = 1.0 - self.shrinkage;
        let mut r = [[0.0; N]; N];
        for ((row, covariance), inverse_i) in r.iter_mut().zip(&self.covariance).zip(&inverse_sd) {
            for ((r, c), inverse_j) in row.iter_mut().zip(covariance).zip(&inverse_sd) {
                *r = math::clamp(most * (c * inverse_i * inverse_j), -most, most);
            }
        }
        for (i, row) in r.iter_mut().enumerate() {
            if let Some(diagonal) = row.get_mut(i) {
                *diagonal = 1.0;
            }
        }
        Some(math::sqrt(math::min(quadratic_form(&mut r, &mut z, 0.5 * self.shrinkage), math::LIMIT)))
    }
}

/// `zᵀ R⁻¹ z` by elimination, row by row, without roots; no pivot below `least`. Uses up both.
fn quadratic_form<const N: usize>(r: &mut [[f32; N]; N], z: &mut [f32; N], least: f32) -> f32 {
    let (mut rows, mut rest, mut k, mut sum): (&mut [[f32; N]], &mut [f32], _, _) = (r, z, 0usize, 0.0);
    while let ([row, below @ ..], [z_k, z_below @ ..]) = (rows, rest) {
        let inverse = 1.0 / math::max(row.get(k).copied().unwrap_or(1.0), least);
        sum += *z_k * *z_k * inverse;
        k = k.saturating_add(1);
        for ((other, z_i), r_ki) in below.iter_mut().zip(z_below.iter_mut()).zip(row.iter().skip(k)) {
            let factor = r_ki * inverse;
            for (a, b) in other.iter_mut().zip(row.iter()) {
                *a -= factor * b;
            }
            // Bounded, so that a matrix that rounding made indefinite stays harmless.
            *z_i = math::clamp(*z_i - factor * *z_k, -1e15, 1e15);
        }
        (rows, rest) = (below, z_below);
    }
    sum
}

impl<const N: usize, const HORIZON: u32> Validate for Mahalanobis<N, HORIZON> {
    fn is_valid(&self) -> bool {
        self.n <= HORIZON
            && (1e-4..=1.0).contains(&self.shrinkage)
            && self.mean.iter().all(|m| math::abs(*m) <= 2.0 * math::LIMIT)
            && self.covariance.iter().flatten().all(|c| c.is_finite())
            && self.covariance.iter().enumerate().all(|(i, row)| row.get(i).is_some_and(|v| *v >= 0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn constant_and_collinear_features_do_no_harm() {
        let (mut rng, mut m) = (Rng::new(1), Mahalanobis::<4, 500>::new(0.01));
        for _ in 0..2000 {
            let a = rng.normal();
            m.learn_one(&Sample::new([a, 1000.0 * a, 7.0, -a]).unwrap());
        }
        let raw = |x| m.raw_one(&Sample::new(x).unwrap()).unwrap();
        assert!(raw([1.0, 1000.0, 7.0, -1.0]) < 1.5);
        assert!(raw([1.0, -1000.0, 7.0, -1.0]) > 10.0);
        assert!(raw([0.0, 0.0, 7.1, 0.0]) > 100.0);
    }
}
