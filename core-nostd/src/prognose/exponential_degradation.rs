use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Prognoser, Remaining, Validate};

use super::NEVER;

/// What is believed of a number: normal, with a mean and a variance.
/// ```
/// use brooklet_core::prognose::{Belief, ExponentialDegradation};
/// use brooklet_core::traits::{Learner, Prognoser};
/// let left = |slope| {
///     let mut crack = ExponentialDegradation::new(100.0, 1e-4, Belief { mean: 0.0, variance: 1.0 }, slope);
///     for length in [1.0, 2.0] { crack.learn_one(&length); }
///     crack.remaining().unwrap().samples
/// };
/// let (sure, unsure) = (Belief { mean: 0.1, variance: 1e-9 }, Belief { mean: 0.1, variance: 1.0 });
/// assert!(left(sure) > 30.0 && left(unsure) < 10.0); // two samples outweigh a vague belief only
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Belief {
    /// The mean, within ±1e6.
    pub mean: f32,
    /// The variance, 1e-12 to 1e6.
    pub variance: f32,
}

impl Belief {
    const fn within_range(self) -> Self {
        Self { mean: math::clamp(self.mean, -1e6, 1e6), variance: math::clamp(self.variance, 1e-12, 1e6) }
    }

    fn is_valid(self) -> bool {
        math::abs(self.mean) <= 1e6 && (1e-12..=1e6).contains(&self.variance)
    }
}

/// Time left of a machine whose wear feeds on itself: the logarithm of the signal grows along a line whose intercept and
/// slope are believed from the fleet and corrected by this machine.
///
/// Formula: `L(t) = ln x(t) = theta + beta t + noise W(t)`, `W` Brownian. With priors `theta ~ N(m0, v0)`, `beta ~ N(m1, v1)` and
/// `s` the noise's variance a sample, after `t` samples
/// `beta | L ~ N(m, v)`, `D = (v0 + s) (v1 t + s) - v0 v1`, `m = ((v1 L(t) + m1 s)(v0 + s) - v1 (v0 L(1) + m0 s)) / D`,
/// `v = v1 s (v0 + s) / D`. `h` samples on, `L` is normal with mean `L(t) + m h` and variance `v h² + s h`; that is beyond
/// `ln limit` with chances 1, 5 and 9 in ten at `soonest`, `samples` (the median; a mean does not exist) and `latest`
/// ([`f32::MAX`] where the slope is too uncertain for nine in ten).
///
/// For signals above 0 that grow in proportion to themselves (cracks, bearing vibration). Between the first and the last
/// sample nothing counts, so a noisy last sample moves it: smooth the signal first. A wrong prior is forgotten with time.
///
/// `limit`: above 0. `noise`: variance of the logarithm's steps, 1e-12 to 1e6. Memory: 36 bytes. Cost: a logarithm.
/// Values count as at least 1e-18 and at most 1e18; time as at most 2^24 samples.
/// ```
/// use brooklet_core::prognose::{Belief, ExponentialDegradation};
/// use brooklet_core::traits::{Learner, Prognoser};
/// let fleet = Belief { mean: 0.05, variance: 0.01 };
/// let mut crack = ExponentialDegradation::new(100.0, 1e-4, Belief { mean: 0.0, variance: 1.0 }, fleet);
/// for length in [1.0, 2.0, 4.0, 8.0] { crack.learn_one(&length); } // doubles a sample
/// let left = crack.remaining().unwrap();
/// assert!((left.samples - 3.65).abs() < 0.02); // log2 of 100 / 8
/// assert!(left.soonest < left.samples && left.samples < left.latest);
/// ```
/// Source: N. Z. Gebraeel, M. A. Lawley, R. Li, J. K. Ryan: Residual-life distributions from component degradation
/// signals: a Bayesian approach, 2005, doi:10.1080/07408170590929018, the model with Brownian error without its drift
/// of half the variance. Checked against the posterior by numpy's linear algebra and scipy's normal distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExponentialDegradation {
    log_limit: f32,
    noise: f32,
    intercept: Belief,
    slope: Belief,
    first: f32,
    last: f32,
    time: u32,
}

impl ExponentialDegradation {
    const LEAST: f32 = 1e-18;
    const LATEST_TIME: u32 = 1 << 24;
    #[allow(clippy::excessive_precision, reason = "f32 takes what it can hold")]
    const ONE_IN_TEN: f32 = 1.281_551_565_544_600_4;

    /// Nothing learnt but the fleet's intercept and slope.
    #[must_use]
    pub fn new(limit: f32, noise: f32, intercept: Belief, slope: Belief) -> Self {
        Self {
            log_limit: Self::log(limit),
            noise: math::clamp(noise, 1e-12, 1e6),
            intercept: intercept.within_range(),
            slope: slope.within_range(),
            first: 0.0,
            last: 0.0,
            time: 0,
        }
    }

    fn log(x: f32) -> f32 {
        math::ln(math::clamp(x, Self::LEAST, math::LIMIT))
    }

    /// What is believed of the slope now.
    #[must_use]
    pub fn slope(&self) -> Belief {
        if self.time == 0 {
            return self.slope;
        }
        let (s, t) = (self.noise, self.time as f32);
        let (m0, v0) = (self.intercept.mean, self.intercept.variance);
        let (m1, v1) = (self.slope.mean, self.slope.variance);
        // The determinant without the difference of nearly equal products: (v0 + s)(v1 t + s) - v0 v1.
        let determinant = v0 * v1 * (t - 1.0) + s * (v0 + v1 * t + s);
        // (v1 L(t) + m1 s)(v0 + s) - v1 (v0 L(1) + m0 s), sorted by what belongs together.
        let rise = v1 * v0 * (self.last - self.first);
        let pulled = s * (v1 * (self.last - m0) + m1 * (v0 + s));
        Belief { mean: (rise + pulled) / determinant, variance: v1 * s * (v0 + s) / determinant }
    }

    /// Time until the logarithm is `distance` further, with the chance that `z` stands for.
    fn crossing(&self, distance: f32, slope: Belief, z: f32) -> f32 {
        // m h - distance = z sqrt(v h² + s h), squared: a h² - 2 b h + distance² = 0.
        let m = slope.mean;
        let (spread, noise) = (z * z * slope.variance, 0.5 * z * z * self.noise);
        let (a, b) = (m * m - spread, m * distance + noise);
        // b² - a distance² without the difference of nearly equal numbers.
        let root = math::sqrt(noise * (2.0 * m * distance + noise) + spread * distance * distance);
        let h = if z > 0.0 {
            if a <= 0.0 {
                return NEVER;
            }
            (b + root) / a
        } else {
            // The smaller root, without a difference: also right where a is 0 or below.
            distance * distance / (b + root)
        };
        if h.is_finite() { h } else { NEVER }
    }
}

impl Learner for ExponentialDegradation {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.last = Self::log(*x);
        if self.time == 0 {
            self.first = self.last;
        }
        self.time = self.time.saturating_add(1).min(Self::LATEST_TIME);
    }

    fn reset(&mut self) {
        (self.first, self.last, self.time) = (0.0, 0.0, 0);
    }
}

impl Prognoser for ExponentialDegradation {
    /// `None` before the first sample, and while the slope is believed to be 0 or less.
    fn remaining(&self) -> Option<Remaining> {
        if self.time == 0 {
            return None;
        }
        let distance = self.log_limit - self.last;
        if distance <= 0.0 {
            return Some(Remaining { samples: 0.0, soonest: 0.0, latest: 0.0 });
        }
        let slope = self.slope();
        if slope.mean <= 0.0 {
            return None;
        }
        let at = |z| self.crossing(distance, slope, z);
        Some(Remaining { samples: at(0.0), soonest: at(-Self::ONE_IN_TEN), latest: at(Self::ONE_IN_TEN) })
    }
}

impl Validate for ExponentialDegradation {
    fn is_valid(&self) -> bool {
        let log = |x: f32| math::abs(x) <= 50.0;
        log(self.log_limit)
            && (1e-12..=1e6).contains(&self.noise)
            && self.intercept.is_valid()
            && self.slope.is_valid()
            && log(self.first)
            && log(self.last)
            && self.time <= Self::LATEST_TIME
    }
}
