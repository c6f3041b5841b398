use serde::{Deserialize, Serialize};

use super::{Verdict, confidence};
use crate::math;
use crate::traits::{DriftDetector, Learner, Validate};

/// Drift detection by McDiarmid's bound on moving averages: the recent error rate against the best one so far.
///
/// Formula: a moving average `e = lambda x + (1 - lambda) e` with the sum of its squared weights
/// `b = lambda² + (1 - lambda)² b`; the cut is where `e + sqrt(b ln(1/c)/2)` was least; change if the average since the
/// cut is above the one at the cut by more than `sqrt((b1 + b2) ln(1/c)/2)`; warning the same with its own `c`.
/// Two-sided: also the mirror image, a rate that falls.
///
/// Sees gradual change sooner than [`HddmA`](super::HddmA), as the past fades.
///
/// Confidences: 1e-9 to 0.5. `lambda`: 0.0001 to 0.99. Input: 0..1, limited to it. Memory: 64 bytes. Cost: a square
/// root, twenty operations; two-sided twice that.
/// ```
/// use brooklet_core::drift::HddmW;
/// use brooklet_core::traits::{DriftDetector, Learner};
/// let mut hddm = HddmW::new(0.001, 0.005, 0.05);
/// let wrong = |i: u16| u8::from(if i < 500 { i % 10 == 0 } else { i % 2 == 0 });
/// let alarm = (0..1000u16).find(|i| { hddm.learn_one(&f32::from(wrong(*i))); hddm.drifted() });
/// assert_eq!(alarm, Some(566));
/// ```
/// Source: Frías-Blanco and others: Online and non-parametric drift detection methods based on Hoeffding's bounds, IEEE
/// TKDE 2015, doi:10.1109/TKDE.2014.2345382. Same alarms and warnings as River 0.26's `HDDMW`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HddmW {
    all: Average,
    rise: Cut,
    fall: Cut,
    lambda: f32,
    /// `ln(1/c) / 2` of the alarm and of the warning.
    drift: f32,
    warning: f32,
    two_sided: bool,
    verdict: Verdict,
}

/// A moving average and the sum of its squared weights, which is 1 while it is empty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Average {
    mean: f32,
    weights: f32,
}

impl Average {
    const EMPTY: Self = Self { mean: 0.0, weights: 1.0 };

    fn learn(&mut self, x: f32, lambda: f32) {
        let keep = 1.0 - lambda;
        self.mean = if self.weights < 1.0 { lambda * x + keep * self.mean } else { x };
        self.weights = lambda * lambda + keep * keep * self.weights;
    }

    fn is_valid(&self) -> bool {
        math::abs(self.mean) <= 1.001 && (0.0..=1.0).contains(&self.weights)
    }
}

/// Averages up to the best cut and since.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Cut {
    best: f32,
    before: Average,
    after: Average,
}

impl Cut {
    const NONE: Self = Self { best: 9.0, before: Average::EMPTY, after: Average::EMPTY };

    /// Learns `x`, which made `all`; the bound is that of the alarm.
    fn learn(&mut self, x: f32, all: Average, bound: f32, lambda: f32) {
        if all.mean + bound < self.best {
            *self = Self { best: all.mean + bound, before: all, after: Average::EMPTY };
        } else {
            self.after.learn(x, lambda);
        }
    }

    /// Difference of the averages in units in which McDiarmid's bound is `ln(1/c) / 2`.
    fn evidence(&self) -> f32 {
        let difference = self.after.mean - self.before.mean;
        if difference <= 0.0 || self.after.weights >= 1.0 || self.before.weights >= 1.0 {
            return 0.0;
        }
        difference * difference / (self.before.weights + self.after.weights)
    }
}

impl HddmW {
    /// Nothing learnt; sees a rate that rises.
    #[must_use]
    pub const fn new(drift: f32, warning: f32, lambda: f32) -> Self {
        let (drift, warning) =
            (-0.5 * math::const_ln(confidence(drift)), -0.5 * math::const_ln(confidence(warning)));
        Self::empty(drift, warning, math::clamp(lambda, 0.0001, 0.99), false)
    }

    /// Sees also a rate that falls.
    #[must_use]
    pub const fn two_sided(self) -> Self {
        Self { two_sided: true, ..self }
    }

    const fn empty(drift: f32, warning: f32, lambda: f32, two_sided: bool) -> Self {
        let (all, rise, fall) = (Average::EMPTY, Cut::NONE, Cut::NONE);
        Self { all, rise, fall, lambda, drift, warning, two_sided, verdict: Verdict::Calm }
    }
}

impl Learner for HddmW {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        if self.verdict.drifted() {
            self.reset();
        }
        let x = math::clamp(*x, 0.0, 1.0);
        self.all.learn(x, self.lambda);
        let bound = math::sqrt(self.all.weights * self.drift);
        self.rise.learn(x, self.all, bound, self.lambda);
        let mut evidence = self.rise.evidence();
        if self.two_sided {
            // A rate that falls is one of the opposite that rises.
            let all = Average { mean: -self.all.mean, ..self.all };
            self.fall.learn(-x, all, bound, self.lambda);
            evidence = math::max(evidence, self.fall.evidence());
        }
        self.verdict = Verdict::of(evidence > self.drift, evidence > self.warning);
    }

    fn reset(&mut self) {
        *self = Self::empty(self.drift, self.warning, self.lambda, self.two_sided);
    }
}

impl DriftDetector for HddmW {
    fn drifted(&self) -> bool {
        self.verdict.drifted()
    }

    fn warned(&self) -> bool {
        self.verdict.warned()
    }
}

impl Validate for HddmW {
    fn is_valid(&self) -> bool {
        [self.all, self.rise.before, self.rise.after, self.fall.before, self.fall.after]
            .iter()
            .all(Average::is_valid)
            && [self.rise.best, self.fall.best].iter().all(|best| math::abs(*best) <= 9.0)
            && (0.0001..=0.99).contains(&self.lambda)
            && [self.drift, self.warning].iter().all(|level| (0.0..=15.0).contains(level))
    }
}
