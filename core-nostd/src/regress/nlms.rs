use serde::{Deserialize, Serialize};

use crate::linear::{Linear, dot, features};
use crate::math;
use crate::sample::Sample;
use crate::traits::{Regressor, Supervised, Validate};

/// Normalised least mean squares: gradient descent whose step fits the size of the sample.
///
/// Formula: `e = y - w x - b`, `s = rate e / (|x|² + 1)`, `w += s x`, `b += s`: the intercept is the weight of a
/// feature that is always 1.
///
/// Cannot explode whatever the scale of the features, unlike plain gradient descent. Features much larger than the
/// others still learn fastest, and features much smaller than 1 slowly.
///
/// `rate`: 0.001 to 1.9; 1 is right at the sample at hand after learning it, small averages noise out. Memory:
/// `4 N + 12` bytes. Cost: two dot products, one division. Features are limited to ±1e12, the answer to ±1e18.
/// ```
/// use brooklet_core::{regress::Nlms, sample::Sample};
/// use brooklet_core::traits::{Regressor, Supervised};
/// let mut nlms = Nlms::<1>::new(0.5);
/// for i in 0..200u8 {
///     let x = f32::from(i % 5);
///     nlms.learn_one(&Sample::new([x]).unwrap(), &(3.0 * x + 1.0));
/// }
/// assert!((nlms.predict_one(&Sample::new([9.0]).unwrap()).unwrap() - 28.0).abs() < 1e-3);
/// ```
/// Source: Widrow and Hoff 1960, doi:10.21236/ad0241531; normalised by Nagumo and Noda 1967,
/// doi:10.1109/TAC.1967.1098599. Checked against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nlms<const N: usize> {
    line: Linear<N>,
    rate: f32,
    ready: bool,
}

impl<const N: usize> Nlms<N> {
    /// Nothing learnt; `rate` is brought into range.
    #[must_use]
    pub const fn new(rate: f32) -> Self {
        Self { line: Linear::new(), rate: math::clamp(rate, 0.001, 1.9), ready: false }
    }

    /// The weights and the intercept.
    #[must_use]
    pub const fn line(&self) -> &Linear<N> {
        &self.line
    }
}

impl<const N: usize> Supervised for Nlms<N> {
    type Input = Sample<N>;
    type Target = f32;

    fn learn_one(&mut self, x: &Sample<N>, y: &f32) {
        let x = features(x);
        let error = math::limit(*y) - self.line.at(&x);
        let step = self.rate * error / (dot(&x, &x) + 1.0);
        self.line.step(&x, step, step);
        self.ready = true;
    }

    fn reset(&mut self) {
        *self = Self::new(self.rate);
    }
}

impl<const N: usize> Regressor for Nlms<N> {
    fn predict_one(&self, x: &Sample<N>) -> Option<f32> {
        self.ready.then(|| self.line.at(&features(x)))
    }
}

impl<const N: usize> Validate for Nlms<N> {
    fn is_valid(&self) -> bool {
        self.line.is_valid() && (0.001..=1.9).contains(&self.rate)
    }
}
