use serde::{Deserialize, Serialize};

use super::variance::shares;
use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Merge, Statistic, Validate};

/// Means, covariances and correlations of `N` features.
///
/// Formula: with `r = max(1/n, 1/HORIZON)`, `d = x - mean`: `mean += r d`, `C += r ((1 - r) d dᵀ - C)`; covariance
/// `C n / (n - ddof)`, correlation `C_ij / sqrt(C_ii C_jj)`.
///
/// Sees which channels move together; straight relations only. `HORIZON` of `u32::MAX` weighs all samples alike; in f32
/// that means those beyond some ten million hardly count.
///
/// `HORIZON`: 1 and up, in samples. `ddof`: what is taken off the count, 0 or 1; less than `HORIZON`. Memory:
/// `4 N² + 4 N + 8` bytes. Cost: one division, `4 N²` operations. Input is limited to ±1e18.
/// ```
/// use brooklet_core::{sample::Sample, stats::Covariance};
/// use brooklet_core::traits::Learner;
/// let mut covariance = Covariance::<2, { u32::MAX }>::new(1);
/// for x in [[0.0, 2.0], [1.0, 4.0]] { covariance.learn_one(&Sample::new(x).unwrap()); }
/// assert_eq!((covariance.covariance(0, 1), covariance.correlation(0, 1)), (Some(1.0), Some(1.0)));
/// ```
/// Source: P. Pébay, Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical
/// moments, Sandia 2008, doi:10.2172/1028931. Checked against numpy's `cov` and `corrcoef`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Covariance<const N: usize, const HORIZON: u32> {
    #[serde(with = "crate::array")]
    mean: [f32; N],
    #[serde(with = "crate::array::nested")]
    products: [[f32; N]; N],
    n: u32,
    ddof: u8,
}

impl<const N: usize, const HORIZON: u32> Covariance<N, HORIZON> {
    const SHAPE: () = assert!(N > 0 && HORIZON > 0);

    /// Nothing learnt.
    #[must_use]
    pub const fn new(ddof: u8) -> Self {
        let () = Self::SHAPE;
        Self { mean: [0.0; N], products: [[0.0; N]; N], n: 0, ddof }
    }

    /// Number of samples, up to `HORIZON`.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.n
    }

    /// The means; `None` before the first sample.
    #[must_use]
    pub fn mean(&self) -> Option<&[f32; N]> {
        (self.n > 0).then_some(&self.mean)
    }

    /// The covariance of features `i` and `j`; `None` for `ddof` samples or fewer, or if there is no such feature.
    #[must_use]
    pub fn covariance(&self, i: usize, j: usize) -> Option<f32> {
        Some(self.products.get(i)?.get(j)? * self.correction()?)
    }

    /// The correlation of features `i` and `j`, -1 to 1; `None` while one of them never changed.
    #[must_use]
    pub fn correlation(&self, i: usize, j: usize) -> Option<f32> {
        let (of_i, of_j) = (self.products.get(i)?, self.products.get(j)?);
        // Two roots instead of one of the product, which may not fit.
        let sds = math::sqrt(*of_i.get(i)?) * math::sqrt(*of_j.get(j)?);
        (sds > 0.0).then(|| of_i.get(j).map(|c| math::clamp(c / sds, -1.0, 1.0)))?
    }

    fn correction(&self) -> Option<f32> {
        let free = self.n.checked_sub(u32::from(self.ddof)).filter(|free| *free > 0)?;
        Some(self.n as f32 / free as f32)
    }
}

impl<const N: usize, const HORIZON: u32> Learner for Covariance<N, HORIZON> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        self.n = Ord::min(self.n.saturating_add(1), HORIZON);
        let r = 1.0 / self.n as f32;
        let mut d = [0.0; N];
        for ((d, mean), x) in d.iter_mut().zip(&mut self.mean).zip(x.values()) {
            *d = math::limit(*x) - *mean;
            *mean += r * *d;
        }
        let keep = 1.0 - r;
        for (row, d_i) in self.products.iter_mut().zip(&d) {
            let d_i = keep * d_i;
            for (c, d_j) in row.iter_mut().zip(&d) {
                *c += r * (d_i * d_j - *c);
            }
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.ddof);
    }
}

impl<const N: usize, const HORIZON: u32> Statistic for Covariance<N, HORIZON> {
    /// The covariances.
    type Output = [[f32; N]; N];

    fn value(&self) -> Option<[[f32; N]; N]> {
        let correction = self.correction()?;
        Some(self.products.map(|row| row.map(|c| c * correction)))
    }
}

/// Exact as long as both together are within the horizon.
impl<const N: usize, const HORIZON: u32> Merge for Covariance<N, HORIZON> {
    fn merge(&mut self, other: &Self) {
        let Some((mine, theirs)) = shares(self.n, other.n) else { return };
        let mut d = [0.0; N];
        for ((d, mean), other) in d.iter_mut().zip(&mut self.mean).zip(&other.mean) {
            *d = other - *mean;
            *mean += theirs * *d;
        }
        for ((row, others), d_i) in self.products.iter_mut().zip(&other.products).zip(&d) {
            for ((c, other), d_j) in row.iter_mut().zip(others).zip(&d) {
                *c += theirs * (other - *c) + mine * theirs * d_i * d_j;
            }
        }
        self.n = Ord::min(self.n.saturating_add(other.n), HORIZON);
    }
}

impl<const N: usize, const HORIZON: u32> Validate for Covariance<N, HORIZON> {
    fn is_valid(&self) -> bool {
        let mut diagonal = (0..N).zip(&self.products).filter_map(|(i, row)| row.get(i));
        self.n <= HORIZON
            && self.mean.iter().all(|mean| math::abs(*mean) <= 2.0 * math::LIMIT)
            && self.products.iter().flatten().all(|c| math::abs(*c) <= 8e36)
            && diagonal.all(|c| *c >= 0.0)
    }
}

/// Correlation of two channels.
///
/// [`Covariance`] of two features; its figure is their correlation, -1 to 1.
///
/// Two channels that always moved together and part are worth a look. `HORIZON`: 1 and up, in samples. Memory: 32
/// bytes. Cost: one division, about 25 operations.
/// ```
/// use brooklet_core::stats::Correlation;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut correlation = Correlation::<1000>::new();
/// for x in [(0.0, 3.0), (1.0, 2.0), (2.0, 1.0)] { correlation.learn_one(&x); }
/// assert_eq!(correlation.value(), Some(-1.0));
/// ```
/// Source: as [`Covariance`]. Checked against numpy's `corrcoef`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correlation<const HORIZON: u32> {
    covariance: Covariance<2, HORIZON>,
}

impl<const HORIZON: u32> Correlation<HORIZON> {
    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { covariance: Covariance::new(0) }
    }

    /// Both channels' means and covariances.
    #[must_use]
    pub const fn covariance(&self) -> &Covariance<2, HORIZON> {
        &self.covariance
    }
}

impl<const HORIZON: u32> Learner for Correlation<HORIZON> {
    type Input = (f32, f32);

    fn learn_one(&mut self, (x, y): &(f32, f32)) {
        if let Some(pair) = Sample::new([*x, *y]) {
            self.covariance.learn_one(&pair);
        }
    }

    fn reset(&mut self) {
        self.covariance.reset();
    }
}

impl<const HORIZON: u32> Statistic for Correlation<HORIZON> {
    type Output = f32;

    /// `None` while one of the two never changed.
    fn value(&self) -> Option<f32> {
        self.covariance.correlation(0, 1)
    }
}

impl<const HORIZON: u32> Merge for Correlation<HORIZON> {
    fn merge(&mut self, other: &Self) {
        self.covariance.merge(&other.covariance);
    }
}

impl<const HORIZON: u32> Validate for Correlation<HORIZON> {
    fn is_valid(&self) -> bool {
        self.covariance.is_valid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn merging_is_learning_both() {
        let mut rng = Rng::new(7);
        let new = Covariance::<3, { u32::MAX }>::new(1);
        let (mut all, mut left, mut right) = (new, new, new);
        for i in 0..500 {
            let a = rng.normal();
            let x = Sample::new([a, a + rng.normal(), 5.0 - 2.0 * a]).unwrap();
            all.learn_one(&x);
            if i % 3 == 0 { left.learn_one(&x) } else { right.learn_one(&x) }
        }
        left.merge(&right);
        for (a, b) in left.value().unwrap().iter().flatten().zip(all.value().unwrap().iter().flatten()) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        assert!(left.count() == 500 && left.correlation(0, 2).unwrap() < -0.999);
    }

    #[test]
    fn extremes_stay_finite_and_round_trip() {
        let mut covariance = Covariance::<2, 10>::new(1);
        for x in [[f32::MAX, 1e-45], [f32::MIN, f32::MAX], [f32::MAX, 0.0], [0.0, f32::MIN]] {
            for _ in 0..100 {
                covariance.learn_one(&Sample::new(x).unwrap());
                covariance.learn_one(&Sample::new([-x[1], x[0]]).unwrap());
                assert!(covariance.is_valid(), "{covariance:?}");
            }
            assert!(covariance.correlation(0, 1).is_some_and(f32::is_finite));
        }
        let mut bytes = [0; 64];
        let stored = postcard::to_slice(&covariance, &mut bytes).unwrap();
        assert_eq!(postcard::from_bytes::<Covariance<2, 10>>(stored).unwrap(), covariance);
        covariance.reset();
        assert_eq!(covariance, Covariance::new(1));
    }
}
