use serde::{Deserialize, Serialize};

use crate::linear::{Aggressive, Linear, dot, features};
use crate::math;
use crate::sample::Sample;
use crate::traits::{Regressor, Supervised, Validate};

/// Passive-aggressive regression: leaves the weights alone while the error is within `epsilon`, else changes them as
/// little as makes it so.
///
/// Formula: `loss = max(|y - w x - b| - epsilon, 0)`, `s = sign(y - w x - b) tau(loss, |x|²)`, `w += s x`, `b += s`,
/// `tau` as in [`Aggressive`].
///
/// Learns from few samples and needs little tuning; noise in the answers goes straight into the weights, so `c` must
/// be small then. The intercept does not count in `|x|²`, as in scikit-learn and River.
///
/// `how`: see [`Aggressive`]. `epsilon`: 0 to 1e12, in units of the answer. Memory: `4 N + 20` bytes. Cost: three dot
/// products, one division. Features are limited to ±1e12, the answer to ±1e18.
/// ```
/// use brooklet_core::{linear::Aggressive, regress::PaRegressor, sample::Sample};
/// use brooklet_core::traits::{Regressor, Supervised};
/// let mut pa = PaRegressor::<1>::new(Aggressive::I { c: 1.0 }, 0.01);
/// for i in 0..200u8 {
///     let x = f32::from(i % 5) - 2.0;
///     pa.learn_one(&Sample::new([x]).unwrap(), &(3.0 * x));
/// }
/// assert!((pa.predict_one(&Sample::new([4.0]).unwrap()).unwrap() - 12.0).abs() < 0.1);
/// ```
/// Source: Crammer et al., Online passive-aggressive algorithms, JMLR 7 (2006), section 5. Checked against
/// scikit-learn. River's `PARegressor` maps answers from 0..1 to -1..1 before it takes the loss, which the paper does
/// not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PaRegressor<const N: usize> {
    line: Linear<N>,
    how: Aggressive,
    epsilon: f32,
    ready: bool,
}

impl<const N: usize> PaRegressor<N> {
    /// Nothing learnt; settings are brought into range.
    #[must_use]
    pub const fn new(how: Aggressive, epsilon: f32) -> Self {
        let epsilon = math::clamp(epsilon, 0.0, 1e12);
        Self { line: Linear::new(), how: how.bounded(), epsilon, ready: false }
    }

    /// The weights and the intercept.
    #[must_use]
    pub const fn line(&self) -> &Linear<N> {
        &self.line
    }
}

impl<const N: usize> Supervised for PaRegressor<N> {
    type Input = Sample<N>;
    type Target = f32;

    fn learn_one(&mut self, x: &Sample<N>, y: &f32) {
        let x = features(x);
        let error = math::limit(*y) - self.line.at(&x);
        let tau = self.how.step(math::abs(error) - self.epsilon, dot(&x, &x));
        if tau > 0.0 {
            let step = if error > 0.0 { tau } else { -tau };
            self.line.step(&x, step, step);
        }
        self.ready = true;
    }

    fn reset(&mut self) {
        *self = Self::new(self.how, self.epsilon);
    }
}

impl<const N: usize> Regressor for PaRegressor<N> {
    fn predict_one(&self, x: &Sample<N>) -> Option<f32> {
        self.ready.then(|| self.line.at(&features(x)))
    }
}

impl<const N: usize> Validate for PaRegressor<N> {
    fn is_valid(&self) -> bool {
        self.line.is_valid() && self.how.is_valid() && (0.0..=1e12).contains(&self.epsilon)
    }
}
