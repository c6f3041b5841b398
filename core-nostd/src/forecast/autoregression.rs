use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Forecast, Forecaster, Learner, Validate};

use super::errors::Errors;

/// The next value as a weighted sum of the last `P`, weights by recursive least squares with forgetting.
///
/// Formula: `y = c + w1 y(t-1) + .. + wP y(t-P)`; `k = P x / (lambda + x' P x)`, `w += k (y - w' x)`,
/// `P = (P - k x' P) / lambda`, with `P` held as `U D U'` (Bierman), which stays positive definite in f32. Further ahead the
/// forecasts are fed back; `sd(h)² = sd(1)² (1 + psi(1)² + .. + psi(h-1)²)` with `psi` the response to an impulse.
///
/// Learns any short memory, oscillations and, with `P` of a period, cycles. Values are taken relative to the first one and in
/// units of the first step away from it (at least 1/10000 of the value), so neither an offset nor the unit matters. In a quiet stretch nothing is forgotten
/// beyond what was known at the start, so it does not burst afterwards. Weights can be unstable while they are learnt:
/// values and forecasts are limited to 1e6 units, and what is further ahead than 128 samples counts as 128.
/// Ready `P + 1` samples after the first step.
///
/// `N` is `P + 1`, checked when compiled. `lambda`: 0.5 to 1, remembers about `1 / (1 - lambda)` samples; take at least
/// `10 P`. Memory: `4 N² + 8 N + 28` bytes. Cost: about `1.5 N²` multiplications, `N` divisions. Input is limited to ±1e18.
/// ```
/// use brooklet_core::forecast::Autoregression;
/// use brooklet_core::traits::{Forecaster, Learner};
/// let mut swing = Autoregression::<2, 3>::new(0.99);
/// let mut y = [1.0, 0.9]; // y = 1.8 y(t-1) - y(t-2): an undamped swing
/// for _ in 0..200 {
///     swing.learn_one(&y[1]);
///     y = [y[1], 1.8 * y[1] - y[0]];
/// }
/// assert!((swing.forecast(1).unwrap().value - y[1]).abs() < 1e-3);
/// ```
/// Source: L. Ljung, T. Söderström: Theory and practice of recursive identification, 1983; the factors:
/// G. J. Bierman: Factorization methods for discrete sequential estimation, 1977. Checked against the plain recursion in
/// numpy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Autoregression<const P: usize, const N: usize> {
    lambda: f32,
    origin: f32,
    /// About the first step away from the origin; 0 before there was one.
    unit: f32,
    errors: Errors,
    seen: u16,
    #[serde(with = "crate::array")]
    weights: [f32; N],
    /// 1, then the last values, newest first.
    #[serde(with = "crate::array")]
    regressors: [f32; N],
    /// Column `j` holds `U` above its unit diagonal and, in place `j`, `D`.
    #[serde(with = "crate::array::nested")]
    factors: [[f32; N]; N],
}

impl<const P: usize, const N: usize> Autoregression<P, N> {
    const SHAPE: () = assert!(P >= 1 && N == P + 1 && P < 1000);
    /// Variance of the weights before anything is known, in units of the noise's.
    const PRIOR: f32 = 1e4;
    const LEAST_VARIANCE: f32 = 1e-30;
    const MOST_VARIANCE: f32 = 10.0 * Self::PRIOR;
    /// Bound of all that is in units of the first step.
    const BOUND: f32 = 1e6;
    /// A first step that is noise of the last digit is no unit.
    const LEAST_UNIT: f32 = 1e-4;
    const FURTHEST: u16 = 128;

    /// Nothing learnt.
    #[must_use]
    pub const fn new(lambda: f32) -> Self {
        let () = Self::SHAPE;
        Self {
            lambda: math::clamp(lambda, 0.5, 1.0),
            origin: 0.0,
            unit: 0.0,
            errors: Errors::new(),
            seen: 0,
            weights: [0.0; N],
            regressors: [0.0; N],
            factors: [[0.0; N]; N],
        }
    }

    fn bounded(x: f32) -> f32 {
        math::clamp(x, -Self::BOUND, Self::BOUND)
    }

    /// The newest value goes behind the constant; all others move on.
    fn push(regressors: &mut [f32; N], value: f32) {
        let mut carried = value;
        for slot in regressors.iter_mut().skip(1) {
            carried = core::mem::replace(slot, carried);
        }
    }

    fn dot(&self, regressors: &[f32; N]) -> f32 {
        let sum: f32 = self.weights.iter().zip(regressors).map(|(w, x)| w * x).sum();
        Self::bounded(sum)
    }

    /// One step of least squares.
    fn fit(&mut self, error: f32) {
        let mut gains = [0.0; N];
        let mut spread = self.lambda;
        for (j, column) in self.factors.iter_mut().enumerate() {
            let mut projected = 0.0;
            for (u, x) in column.iter().zip(&self.regressors).take(j) {
                projected += u * x;
            }
            projected += self.regressors.get(j).copied().unwrap_or(0.0);
            let Some(variance) = column.get_mut(j) else { continue };
            let weighted = *variance * projected;
            let before = spread;
            spread += projected * weighted;
            let kept = *variance * before / (spread * self.lambda);
            *variance = math::clamp(kept, Self::LEAST_VARIANCE, Self::MOST_VARIANCE);
            let back = -projected / before;
            for (u, gain) in column.iter_mut().zip(&mut gains).take(j) {
                let old = *u;
                *u = Self::bounded(old + back * *gain);
                *gain += old * weighted;
            }
            if let Some(gain) = gains.get_mut(j) {
                *gain = weighted;
            }
        }
        let step = error / spread;
        for (weight, gain) in self.weights.iter_mut().zip(&gains) {
            *weight = Self::bounded(*weight + gain * step);
        }
    }
}

impl<const P: usize, const N: usize> Learner for Autoregression<P, N> {
    type Input = f32;

    fn learn_one(&mut self, y: &f32) {
        let y = math::limit(*y);
        if self.seen == 0 {
            self.origin = y;
            self.seen = 1;
            if let Some(constant) = self.regressors.first_mut() {
                *constant = 1.0;
            }
            for (j, column) in self.factors.iter_mut().enumerate() {
                if let Some(variance) = column.get_mut(j) {
                    *variance = Self::PRIOR;
                }
            }
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
        if usize::from(self.seen) > P {
            let error = value - self.dot(&self.regressors);
            self.errors.learn(error);
            self.fit(error);
        }
        self.seen = self.seen.saturating_add(1);
        Self::push(&mut self.regressors, value);
    }

    fn reset(&mut self) {
        *self = Self::new(self.lambda);
    }
}

impl<const P: usize, const N: usize> Forecaster for Autoregression<P, N> {
    fn forecast(&self, ahead: u16) -> Option<Forecast> {
        let sd = self.errors.sd()?;
        let (mut values, mut impulse, mut squares) = (self.regressors, [0.0; N], 1.0);
        let mut value = self.dot(&values);
        let mut response = 1.0;
        for _ in 1..ahead.clamp(1, Self::FURTHEST) {
            Self::push(&mut values, value);
            value = self.dot(&values);
            Self::push(&mut impulse, response);
            response = self.dot(&impulse);
            squares += response * response;
        }
        let value = math::limit(self.origin + self.unit * value);
        Some(Forecast { value, sd: math::limit(self.unit * sd * math::sqrt(squares)) })
    }
}

impl<const P: usize, const N: usize> Validate for Autoregression<P, N> {
    fn is_valid(&self) -> bool {
        let bounded = |x: &f32| math::abs(*x) <= Self::BOUND;
        (0.5..=1.0).contains(&self.lambda)
            && math::abs(self.origin) <= math::LIMIT
            && (0.0..=2.0 * math::LIMIT).contains(&self.unit)
            && self.errors.is_valid()
            && self.weights.iter().chain(&self.regressors).all(bounded)
            && self.factors.iter().enumerate().all(|(j, column)| {
                column.iter().all(bounded)
                    && column.get(j).is_some_and(|variance| (0.0..=Self::MOST_VARIANCE).contains(variance))
            })
    }
}
