use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Forecast, Forecaster, Learner, Validate};

use super::errors::Errors;

/// How a cycle acts on the level.
/// ```
/// use brooklet_core::forecast::{HoltWinters, Season};
/// use brooklet_core::traits::{Forecaster, Learner};
/// let next = |season| {
///     let mut cycle = HoltWinters::<2>::new(season, 0.2, 0.0, 0.0).with_states(10.0, 0.0, &[1.0, 1.5]);
///     cycle.learn_one(&10.0);
///     cycle.forecast(1).unwrap().value
/// };
/// assert!(next(Season::Multiplicative) == 15.0 && next(Season::Additive) < 12.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Season {
    /// It is added: swings of one size whatever the level.
    Additive,
    /// It multiplies: swings grow with the level. For values above 0; seasonal factors are held within 0.001..=1000.
    Multiplicative,
}

/// Level, trend and a cycle of `PERIOD` samples, smoothed exponentially.
///
/// Formula, with `e` the error of the one-step forecast and `s` the season of this sample:
/// additive `e = y - (l + phi b + s)`, multiplicative `e = y / s - (l + phi b)`; then
/// `l' = l + phi b + alpha e`, `b' = phi b + alpha beta e`, and `s' = s + gamma e` or
/// `s' = s + gamma (y / (l + phi b) - s)`. Forecast: `l + (phi + .. + phi^h) b` with its season.
/// Band: `sd(h)² = sd(1)² (1 + sum for j < h of c(j)²)`, `c(j) = alpha + alpha beta (phi + .. + phi^j)`, `+ gamma` where
/// `j` is a whole number of periods; in the multiplicative case times the season, to first order.
///
/// The first two periods set the states: the level is the second's mean, the trend 0, the seasons what both have in common:
/// their mean course times `1 - D / (4 V)`, `D` the variance of their difference, `V` of their mean (Spearman's and Brown's
/// reliability), since a wrong season is unlearnt slowly where `alpha` is large. River takes the first period as it is. Known
/// states: [`HoltWinters::with_states`]. Forecasts far ahead without damping run away with every trend. One period only: a
/// day, or a week, not both. Ready after two periods and a sample.
///
/// `alpha`, `beta`, `gamma`: 0 to 1, how fast level, trend and seasons follow. `PERIOD`: 2 to 65535. Memory:
/// `4 (PERIOD + 2) + 28` bytes, of which 16 are settings and 8 for the band. Cost: a dozen additions and
/// multiplications, multiplicative two divisions. Input, level and trend are limited to ±1e18.
/// ```
/// use brooklet_core::forecast::{HoltWinters, Season};
/// use brooklet_core::traits::{Forecaster, Learner};
/// let mut day = HoltWinters::<4>::new(Season::Additive, 0.5, 0.1, 0.3);
/// for _ in 0..100 {
///     for y in [1.0, 5.0, 9.0, 5.0] { day.learn_one(&y); }
/// }
/// assert!((day.forecast(3).unwrap().value - 9.0).abs() < 0.01);
/// ```
/// Source: P. R. Winters: Forecasting sales by exponentially weighted moving averages, 1960,
/// doi:10.1287/mnsc.6.3.324; bands: R. J. Hyndman et al.: Prediction intervals for exponential smoothing using two new
/// classes of state space models, 2005, doi:10.1002/for.938. Checked against statsmodels (same initial states) and River.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoltWinters<const PERIOD: usize> {
    /// While the first two periods run: the first's values, then the mean of both.
    #[serde(with = "crate::array")]
    seasons: [f32; PERIOD],
    level: f32,
    trend: f32,
    alpha: f32,
    beta: f32,
    gamma: f32,
    damping: f32,
    errors: Errors,
    next: u16,
    /// Whole periods seen, up to two: ready.
    periods: u8,
    season: Season,
}

impl<const PERIOD: usize> HoltWinters<PERIOD> {
    const SHAPE: () = assert!(PERIOD >= 2 && PERIOD <= 65_535);
    const LEAST_FACTOR: f32 = 1e-3;
    const MOST_FACTOR: f32 = 1e3;
    const MOST_DAMPING: f32 = 0.98;

    /// Nothing learnt, trend undamped.
    #[must_use]
    pub const fn new(season: Season, alpha: f32, beta: f32, gamma: f32) -> Self {
        let () = Self::SHAPE;
        Self {
            seasons: [0.0; PERIOD],
            level: 0.0,
            trend: 0.0,
            alpha: math::clamp(alpha, 0.0, 1.0),
            beta: math::clamp(beta, 0.0, 1.0),
            gamma: math::clamp(gamma, 0.0, 1.0),
            damping: 1.0,
            errors: Errors::new(),
            next: 0,
            periods: 0,
            season,
        }
    }

    /// The same with a trend that shrinks by `phi` a step, 0 to 0.98.
    /// ```
    /// use brooklet_core::forecast::{HoltWinters, Season};
    /// use brooklet_core::traits::{Forecaster, Learner};
    /// let ahead = |trend: HoltWinters<2>| {
    ///     let mut trend = trend.with_states(0.0, 1.0, &[0.0, 0.0]);
    ///     for y in 1..=20u8 { trend.learn_one(&f32::from(y)); }
    ///     trend.forecast(50).unwrap().value
    /// };
    /// let trend = HoltWinters::new(Season::Additive, 0.5, 0.1, 0.1);
    /// assert!((ahead(trend.clone()) - 70.0).abs() < 0.01 && ahead(trend.damped(0.9)) < 35.0);
    /// ```
    #[must_use]
    pub const fn damped(mut self, phi: f32) -> Self {
        self.damping = math::clamp(phi, 0.0, Self::MOST_DAMPING);
        self
    }

    /// The same with known states instead of those of the first period; `seasons` begins with the next sample's.
    #[must_use]
    pub fn with_states(mut self, level: f32, trend: f32, seasons: &[f32; PERIOD]) -> Self {
        self.level = math::limit(level);
        self.trend = math::limit(trend);
        self.seasons = seasons.map(|s| self.held(s));
        self.next = 0;
        self.periods = 2;
        self
    }

    /// A seasonal term within its range.
    const fn held(&self, season: f32) -> f32 {
        match self.season {
            Season::Additive => math::limit(season),
            Season::Multiplicative => math::clamp(season, Self::LEAST_FACTOR, Self::MOST_FACTOR),
        }
    }

    /// Closes the first period, then takes level and seasons from the first two.
    fn begin(&mut self) {
        let mean = self.seasons.iter().sum::<f32>() / PERIOD as f32;
        if self.periods == 0 {
            (self.level, self.periods) = (mean, 1);
            return;
        }
        let rise = 2.0 * (mean - self.level);
        let difference = math::max(self.errors.mean_square() - rise * rise, 0.0);
        let common = self.seasons.iter().map(|y| (y - mean) * (y - mean)).sum::<f32>() / PERIOD as f32;
        let share = if common > 0.0 { math::clamp(1.0 - 0.25 * difference / common, 0.0, 1.0) } else { 0.0 };
        let inverse = 1.0 / math::max(mean, f32::MIN_POSITIVE);
        for y in &mut self.seasons {
            *y = match self.season {
                Season::Additive => math::limit(share * (*y - mean)),
                Season::Multiplicative => {
                    let factor = 1.0 + share * (*y - mean) * inverse;
                    math::clamp(factor, Self::LEAST_FACTOR, Self::MOST_FACTOR)
                }
            };
        }
        self.level = math::limit(self.level + rise);
        self.errors = Errors::new();
        self.periods = 2;
    }

    /// `phi + .. + phi^n`.
    fn damped_steps(&self, n: f32) -> f32 {
        if self.damping < 1.0 {
            self.damping * (1.0 - math::pow(self.damping, n)) / (1.0 - self.damping)
        } else {
            n
        }
    }

    /// `1 + sum for j < h of c(j)²`, in closed form. The seasonal terms are those of `c = a + gamma`.
    fn growth(&self, h: f32, whole_periods: f32) -> f32 {
        let (a, b, phi, gamma) = (self.alpha, self.alpha * self.beta, self.damping, self.gamma);
        let (n, k, m) = (h - 1.0, whole_periods, PERIOD as f32);
        let (level, seasons) = if phi < 1.0 {
            // c(j) = far - near phi^j
            let near = b * phi / (1.0 - phi);
            let far = a + near;
            let power = math::pow(phi, n);
            let once = phi * (1.0 - power) / (1.0 - phi);
            let twice = phi * phi * (1.0 - power * power) / (1.0 - phi * phi);
            let period = math::pow(phi, m);
            let over_periods = period * (1.0 - math::pow(period, k)) / (1.0 - period);
            (n * far * far - 2.0 * far * near * once + near * near * twice, k * far - near * over_periods)
        } else {
            let squares = n * (n + 1.0) * (2.0 * n + 1.0) / 6.0;
            (n * a * a + a * b * n * (n + 1.0) + b * b * squares, k * a + 0.5 * b * m * k * (k + 1.0))
        };
        1.0 + math::max(level, 0.0) + gamma * (gamma * k + 2.0 * seasons)
    }
}

impl<const PERIOD: usize> Learner for HoltWinters<PERIOD> {
    type Input = f32;

    fn learn_one(&mut self, y: &f32) {
        let y = math::limit(*y);
        let base = self.level + self.damping * self.trend;
        let Some(slot) = self.seasons.get_mut(usize::from(self.next)) else { return };
        if self.periods >= 2 {
            let season = *slot;
            let error = match self.season {
                Season::Additive => {
                    let error = y - base - season;
                    *slot = math::limit(season + self.gamma * error);
                    error
                }
                Season::Multiplicative => {
                    // A level of 0 or less has no factors: they wait.
                    if base > f32::MIN_POSITIVE {
                        let factor = season + self.gamma * (y / base - season);
                        *slot = math::clamp(factor, Self::LEAST_FACTOR, Self::MOST_FACTOR);
                    }
                    y / season - base
                }
            };
            let step = self.alpha * error;
            self.level = math::limit(base + step);
            self.trend = math::limit(self.damping * self.trend + self.beta * step);
            self.errors.learn(error);
        } else if self.periods == 1 {
            self.errors.learn(y - *slot);
            *slot = 0.5 * (*slot + y);
        } else {
            *slot = y;
        }
        self.next = self.next.saturating_add(1);
        if usize::from(self.next) >= PERIOD {
            self.next = 0;
            if self.periods < 2 {
                self.begin();
            }
        }
    }

    /// Also forgets states that were given.
    fn reset(&mut self) {
        let damping = self.damping;
        *self = Self::new(self.season, self.alpha, self.beta, self.gamma);
        self.damping = damping;
    }
}

impl<const PERIOD: usize> Forecaster for HoltWinters<PERIOD> {
    /// `None` before one forecast could be held against its sample.
    fn forecast(&self, ahead: u16) -> Option<Forecast> {
        if self.periods < 2 {
            return None;
        }
        let sd = self.errors.sd()?;
        let beyond = usize::from(ahead.max(1)).saturating_sub(1);
        let at = usize::from(self.next).saturating_add(beyond).checked_rem(PERIOD)?;
        let season = *self.seasons.get(at)?;
        let h = f32::from(ahead.max(1));
        let base = self.level + self.damped_steps(h) * self.trend;
        let sd = sd * math::sqrt(self.growth(h, beyond.checked_div(PERIOD)? as f32));
        Some(match self.season {
            Season::Additive => Forecast { value: base + season, sd },
            Season::Multiplicative => Forecast { value: base * season, sd: sd * season },
        })
    }
}

impl<const PERIOD: usize> Validate for HoltWinters<PERIOD> {
    fn is_valid(&self) -> bool {
        let share = |x: f32| (0.0..=1.0).contains(&x);
        let seasons = |low, high| self.seasons.iter().all(|s| (low..=high).contains(s));
        usize::from(self.next) < PERIOD
            && self.periods <= 2
            && share(self.alpha)
            && share(self.beta)
            && share(self.gamma)
            && ((0.0..=Self::MOST_DAMPING).contains(&self.damping) || self.damping == 1.0)
            && math::abs(self.level) <= math::LIMIT
            && math::abs(self.trend) <= math::LIMIT
            && self.errors.is_valid()
            && match self.season {
                Season::Multiplicative if self.periods >= 2 => seasons(Self::LEAST_FACTOR, Self::MOST_FACTOR),
                _ => seasons(-math::LIMIT, math::LIMIT),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The closed form against the sum.
    #[test]
    fn bands_grow_by_the_models_formula() {
        for damping in [1.0, 0.98, 0.8, 0.0] {
            let mut model = HoltWinters::<6>::new(Season::Additive, 0.4, 0.2, 0.3);
            model.damping = damping;
            let (mut sum, mut steps, mut power) = (1.0f64, 0.0f64, 1.0f64);
            for h in 1..200u16 {
                let got = f64::from(model.growth(f32::from(h), f32::from((h - 1) / 6)));
                assert!((got / sum - 1.0).abs() < 2e-5, "{damping} {h}: {got} {sum}");
                power *= f64::from(damping);
                steps += power;
                let c = 0.4 + 0.4 * 0.2 * steps + if h % 6 == 0 { 0.3 } else { 0.0 };
                sum += c * c;
            }
        }
    }

    #[test]
    fn the_band_holds_what_it_promises() {
        use crate::rng::Rng;
        let (mut rng, mut model) = (Rng::new(5), HoltWinters::<8>::new(Season::Additive, 0.1, 0.0, 0.05));
        let (mut inside, mut all) = (0, 0);
        for i in 0..6000u16 {
            let y = 3.0 * f32::from(i % 8) + rng.normal();
            if i > 1000 {
                let f = model.forecast(1).unwrap();
                inside += u16::from((y - f.value).abs() < 1.96 * f.sd);
                all += 1;
            }
            model.learn_one(&y);
        }
        let share = f32::from(inside) / all as f32;
        assert!((share - 0.95).abs() < 0.01, "{share}");
    }
}
