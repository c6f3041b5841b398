use serde::{Deserialize, Serialize};

use crate::math;

/// Samples that the statistics remember at most.
pub(super) const HORIZON: f32 = 5000.0;
/// Fewer samples than this give no deviation.
const WARM_UP: f32 = 5.0;
/// Deviations below this share of the mean are what sensors cannot resolve.
const RESOLUTION: f32 = 1e-5;
/// A mean of fewer samples jumps about.
const SETTLED: f32 = 20.0;
const TINY: f32 = 1e-20;

/// An exponentially weighted mean and variance that learns at a pace: 1 in full, next to 0 while something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Gated {
    n: f32,
    mean: f32,
    var: f32,
}

/// How fast a mean moves for good, a sample: back and forth does not count.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Drift {
    trend: f32,
    speed: f32,
}

impl Drift {
    pub(super) const fn new() -> Self {
        Self { trend: 0.0, speed: 0.0 }
    }

    pub(super) fn is_valid(&self) -> bool {
        math::abs(self.trend) <= 4.0 * math::LIMIT && (0.0..=4.0 * math::LIMIT).contains(&self.speed)
    }
}

impl Gated {
    pub(super) const fn new() -> Self {
        Self { n: 0.0, mean: 0.0, var: 0.0 }
    }

    pub(super) const fn count(&self) -> f32 {
        self.n
    }

    pub(super) const fn mean(&self) -> f32 {
        self.mean
    }

    pub(super) fn sd(&self) -> f32 {
        least(self.mean, math::sqrt(self.var))
    }

    pub(super) fn learn(&mut self, x: f32, pace: f32) {
        self.n = math::clamp(self.n + pace, 1.0, HORIZON);
        let a = math::min(pace / self.n, 1.0);
        let d = math::limit(x) - self.mean;
        self.mean += a * d;
        self.var = (1.0 - a) * (self.var + a * d * d);
    }

    /// As [`learn`](Self::learn), but the mean goes on drifting as it used to: while the pace is low it follows `x` by up to
    /// twice its usual speed.
    pub(super) fn learn_drifting(&mut self, x: f32, pace: f32, drift: &mut Drift) {
        let before = self.mean;
        let wanted = (math::limit(x) - before) / math::max(self.n, 1.0);
        self.learn(x, pace);
        if pace < 1.0 {
            let most = 2.0 * drift.speed;
            self.mean += math::clamp(wanted, -most, most);
        } else if self.n > SETTLED {
            drift.trend += (self.mean - before - drift.trend) / self.n;
            drift.speed += (math::abs(drift.trend) - drift.speed) / self.n;
        }
    }

    /// Trusts what was learnt no more than that many samples.
    pub(super) const fn doubt(&mut self, most: f32) {
        self.n = math::min(self.n, most);
    }

    /// The deviation of `x` as if it were learnt already, within ±`most`: no value can be stranger than the samples are
    /// many, so a constant that changes for the first time is not infinitely strange.
    pub(super) fn deviation(&self, x: f32, most: f32) -> f32 {
        if self.n < WARM_UP {
            return 0.0;
        }
        let d = math::limit(x) - self.mean;
        let a = 1.0 / (self.n + 1.0);
        let sd = math::sqrt((1.0 - a) * (self.var + a * d * d));
        math::clamp(d / least(self.mean, sd), -most, most)
    }

    pub(super) fn is_valid(&self) -> bool {
        (0.0..=HORIZON).contains(&self.n)
            && math::abs(self.mean) <= 2.0 * math::LIMIT
            && (0.0..=f32::MAX).contains(&self.var)
    }
}

const fn least(mean: f32, sd: f32) -> f32 {
    math::max(math::max(sd, RESOLUTION * math::abs(mean)), TINY)
}
