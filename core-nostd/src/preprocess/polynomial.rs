use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Transformer, Validate};

/// All features, then all products of two of them: `M = N (N + 3) / 2` features of `N`.
///
/// Formula: `x_0 .. x_{N-1}, x_0 x_0, x_0 x_1, .., x_{N-1} x_{N-1}`, the order of scikit-learn's without the constant.
///
/// Lets a linear learner see curves and interactions; scale first, or squares of large features drown all else. Learns
/// nothing.
///
/// `M`: as given by `N`; anything else does not compile. Memory: none. Cost: `M - N` multiplications. Input and products
/// are limited to ±1e18.
/// ```
/// use brooklet_core::{preprocess::Polynomial, sample::Sample, traits::Transformer};
/// let squares = Polynomial::<2, 5>::new();
/// let x = Sample::new([2.0, 3.0]).unwrap();
/// assert_eq!(squares.transform_one(&x).unwrap().values(), &[2.0, 3.0, 4.0, 6.0, 9.0]);
/// ```
/// Checked against scikit-learn's `PolynomialFeatures`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Polynomial<const N: usize, const M: usize> {}

impl<const N: usize, const M: usize> Polynomial<N, M> {
    #[allow(clippy::arithmetic_side_effects, reason = "at compile time, where overflow is an error")]
    const SHAPE: () = assert!(M == N * (N + 3) / 2);

    /// The expansion.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self {}
    }
}

impl<const N: usize, const M: usize> Learner for Polynomial<N, M> {
    type Input = Sample<N>;

    fn learn_one(&mut self, _: &Sample<N>) {}

    fn reset(&mut self) {}
}

impl<const N: usize, const M: usize> Transformer for Polynomial<N, M> {
    type Output = Sample<M>;

    fn transform_one(&self, x: &Sample<N>) -> Option<Sample<M>> {
        let x = x.values().map(math::limit);
        let products = (0..N).zip(&x).flat_map(|(i, a)| x.iter().skip(i).map(move |b| math::limit(a * b)));
        let mut all = [0.0; M];
        for (out, value) in all.iter_mut().zip(x.iter().copied().chain(products)) {
            *out = value;
        }
        Sample::new(all)
    }
}

impl<const N: usize, const M: usize> Validate for Polynomial<N, M> {
    fn is_valid(&self) -> bool {
        true
    }
}
