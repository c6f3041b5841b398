use serde::{Deserialize, Serialize};

use crate::linear::Linear;
use crate::math;
use crate::regress::Rls;
use crate::sample::Sample;
use crate::traits::{Forecast, Forecaster, Learner, Regressor, Supervised, Validate};

use super::errors::Errors;

/// The next value as a weighted sum of the last `P`, weights by recursive least squares with forgetting.
///
/// Formula: `y = c + w1 y(t-1) + .. + wP y(t-P)` fitted by [`Rls`]. Further ahead the forecasts are fed back;
/// `sd(h)² = sd(1)² (1 + psi(1)² + .. + psi(h-1)²)` with `psi` the response to an impulse.
///
/// Learns any short memory, oscillations and, with `P` of a period, cycles. Values are taken relative to the first one and in
/// units of the first step away from it (at least 1/10000 of the value), so neither an offset nor the unit matters. Weights
/// can be unstable while they are learnt: values and forecasts are limited to 1e6 units, and what is further ahead than 128
/// samples counts as 128. Ready `P + 1` samples after the first step.
///
/// `P`: 1 and up. `lambda`: 0.9 to 1, remembers about `1 / (1 - lambda)` samples; take at least `10 P`. Memory:
/// `4 P² + 12 P + 44` bytes. Cost: that of [`Rls`]; of a forecast `2 P` multiplications for each sample ahead. Input is
/// limited to ±1e18.
/// ```
/// use brooklet_core::forecast::Autoregression;
/// use brooklet_core::traits::{Forecaster, Learner};
/// let mut swing = Autoregression::<2>::new(0.99);
/// let mut y = [1.0, 0.9]; // y = 1.8 y(t-1) - y(t-2): an undamped swing
/// for _ in 0..200 {
///     swing.learn_one(&y[1]);
///     y = [y[1], 1.8 * y[1] - y[0]];
/// }
/// assert!((swing.forecast(1).unwrap().value - y[1]).abs() < 1e-3);
/// ```
/// Source: L. Ljung, T. Söderström: Theory and practice of recursive identification, 1983. Checked against the plain
/// recursion in numpy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Autoregression<const P: usize> {
    model: Rls<P>,
    /// The last values, newest first.
    #[serde(with = "crate::array")]
    lags: [f32; P],
    origin: f32,
    /// About the first step away from the origin; 0 before there was one.
    unit: f32,
    errors: Errors,
    seen: u16,
    lambda: f32,
}

impl<const P: usize> Autoregression<P> {
    const SHAPE: () = assert!(P >= 1 && P < 65_535);
    /// Variance of the weights before anything is known, in units of the noise's.
    const PRIOR: f32 = 1e3;
    /// Bound of all that is in units of the first step.
    const BOUND: f32 = 1e6;
    /// A first step that is noise of the last digit is no unit.
    const LEAST_UNIT: f32 = 1e-4;
    const FURTHEST: u16 = 128;

    /// Nothing learnt.
    #[must_use]
    pub const fn new(lambda: f32) -> Self {
        let () = Self::SHAPE;
        let lambda = math::clamp(lambda, 0.9, 1.0);
        let model = Rls::new(lambda, Self::PRIOR);
        Self { model, lags: [0.0; P], origin: 0.0, unit: 0.0, errors: Errors::new(), seen: 0, lambda }
    }

    /// The line from the lags, newest first, to the next value, in units of [`Autoregression::unit`].
    #[must_use]
    pub const fn line(&self) -> &Linear<P> {
        self.model.line()
    }

    /// What the line counts in; 0 before two different values were seen.
    #[must_use]
    pub const fn unit(&self) -> f32 {
        self.unit
    }

    fn bounded(x: f32) -> f32 {
        math::clamp(x, -Self::BOUND, Self::BOUND)
    }

    /// The newest value goes in front; all others move on.
    fn push(lags: &mut [f32; P], value: f32) {
        let mut carried = value;
        for slot in lags {
            carried = core::mem::replace(slot, carried);
        }
    }
}

impl<const P: usize> Learner for Autoregression<P> {
    type Input = f32;

    fn learn_one(&mut self, y: &f32) {
        let y = math::limit(*y);
        if self.seen == 0 {
            (self.origin, self.seen) = (y, 1);
            return;
        }
        let from_origin = y - self.origin;
        if self.unit == 0.0 {
            // Smaller steps than this have no reciprocal in f32.
            if math::abs(from_origin) < 1e-30 {
                return;
            }
            self.unit = math::max(math::abs(from_origin), Self::LEAST_UNIT * math::abs(self.origin));
        }
        let value = Self::bounded(from_origin / self.unit);
        if usize::from(self.seen) > P
            && let Some(lags) = Sample::new(self.lags)
        {
            // Before the first sample: 0, as all weights are.
            let expected = Self::bounded(self.model.predict_one(&lags).unwrap_or(0.0));
            self.errors.learn(value - expected);
            self.model.learn_one(&lags, &value);
        }
        self.seen = self.seen.saturating_add(1);
        Self::push(&mut self.lags, value);
    }

    fn reset(&mut self) {
        *self = Self::new(self.lambda);
    }
}

impl<const P: usize> Forecaster for Autoregression<P> {
    fn forecast(&self, ahead: u16) -> Option<Forecast> {
        let (sd, line) = (self.errors.sd()?, self.model.line());
        let (mut lags, mut impulse, mut squares) = (self.lags, [0.0; P], 1.0);
        let mut value = Self::bounded(line.at(&lags));
        let mut response = 1.0;
        for _ in 1..ahead.clamp(1, Self::FURTHEST) {
            Self::push(&mut lags, value);
            value = Self::bounded(line.at(&lags));
            Self::push(&mut impulse, response);
            // Without the intercept, which does not answer to impulses.
            response = Self::bounded(impulse.iter().zip(line.weights()).map(|(x, w)| x * w).sum());
            squares += response * response;
        }
        let value = math::limit(self.origin + self.unit * value);
        Some(Forecast { value, sd: math::limit(self.unit * sd * math::sqrt(squares)) })
    }
}

impl<const P: usize> Validate for Autoregression<P> {
    fn is_valid(&self) -> bool {
        (0.9..=1.0).contains(&self.lambda)
            && self.model.is_valid()
            && self.lags.iter().all(|lag| math::abs(*lag) <= Self::BOUND)
            && math::abs(self.origin) <= math::LIMIT
            && (0.0..=2.0 * math::LIMIT).contains(&self.unit)
            && self.errors.is_valid()
    }
}
