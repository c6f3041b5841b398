use serde::{Deserialize, Serialize};

use super::{Share, Verdict};
use crate::math;
use crate::traits::{DriftDetector, Learner, Validate};

/// Drift detection method: the error rate against its best so far.
///
/// Formula: `p` = share of errors of all samples, `s = sqrt(p (1 - p)/n)`; the least `p + s` is kept with its parts;
/// warning if `p + s > p_min + 2 s_min`, change if `p + s > p_min + 3 s_min`.
///
/// Works for the errors of a learner on a stream that changes abruptly. The longer the quiet, the later a slow change
/// is seen: the rate is one of all samples since the last alarm. After a stretch without any error the first one rings.
///
/// Input: 1 for an error, 0 for none, or a loss in between; limited to 0..1. Memory: 28 bytes. Cost: two divisions, a
/// square root. After 8.4 million samples the past weighs half.
/// ```
/// use brooklet_core::drift::Ddm;
/// use brooklet_core::traits::{DriftDetector, Learner};
/// let mut ddm = Ddm::new();
/// let wrong = |i: u16| u8::from(if i < 500 { i % 10 == 0 } else { i % 2 == 0 });
/// let alarm = (0..1000u16).find(|i| { ddm.learn_one(&f32::from(wrong(*i))); ddm.drifted() });
/// assert_eq!(alarm, Some(534));
/// ```
/// Source: Gama, Medas, Castillo, Rodrigues: Learning with drift detection, SBIA 2004,
/// doi:10.1007/978-3-540-28645-5_29. Same alarms and warnings as River 0.26's `DDM`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ddm {
    errors: Share,
    p_min: f32,
    s_min: f32,
    warning: f32,
    drift: f32,
    grace: u16,
    verdict: Verdict,
}

impl Ddm {
    /// Warns at 2 and rings at 3 deviations, after 30 samples.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_levels(2.0, 3.0, 30)
    }

    /// Warns and rings at these numbers of deviations, 0 to 100, after `grace` samples.
    #[must_use]
    pub const fn with_levels(warning: f32, drift: f32, grace: u16) -> Self {
        Self {
            errors: Share::EMPTY,
            p_min: 2.0,
            s_min: 2.0,
            warning: math::clamp(warning, 0.0, 100.0),
            drift: math::clamp(drift, 0.0, 100.0),
            grace,
            verdict: Verdict::Calm,
        }
    }

    /// Share of errors since the last alarm; 0 before the first sample.
    #[must_use]
    pub fn error_rate(&self) -> f32 {
        self.errors.mean()
    }
}

impl Learner for Ddm {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        if self.verdict.drifted() {
            self.reset();
        }
        self.errors.learn(*x);
        if self.errors.n <= u32::from(self.grace) {
            return;
        }
        let p = self.errors.mean();
        let s = math::sqrt(math::max(p * (1.0 - p), 0.0) / self.errors.n as f32);
        if p + s <= self.p_min + self.s_min {
            (self.p_min, self.s_min) = (p, s);
        }
        let beyond = |level: f32| p + s > self.p_min + level * self.s_min;
        self.verdict = Verdict::of(beyond(self.drift), beyond(self.warning));
        if self.errors.n >= Share::MOST {
            self.errors.fade();
        }
    }

    fn reset(&mut self) {
        *self = Self::with_levels(self.warning, self.drift, self.grace);
    }
}

impl DriftDetector for Ddm {
    fn drifted(&self) -> bool {
        self.verdict.drifted()
    }

    fn warned(&self) -> bool {
        self.verdict.warned()
    }
}

impl Validate for Ddm {
    fn is_valid(&self) -> bool {
        self.errors.is_valid()
            && (0.0..=2.0).contains(&self.p_min)
            && (0.0..=2.0).contains(&self.s_min)
            && (0.0..=100.0).contains(&self.warning)
            && (0.0..=100.0).contains(&self.drift)
    }
}
