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

/// A moving average. The sum of its squared weights is `c + (1 - c) fade` with `c = lambda / (2 - lambda)`: kept as
/// what fades, it has digits for as long as it differs from `c`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Average {
    mean: f32,
    /// `(1 - lambda)^(2 n)`: 1 while it is empty.
    fade: f32,
}

impl Average {
    const EMPTY: Self = Self { mean: 0.0, fade: 1.0 };

    const fn is_empty(&self) -> bool {
        self.fade >= 1.0
    }

    fn learn(&mut self, x: f32, lambda: f32) {
        let keep = 1.0 - lambda;
        self.mean = if self.is_empty() { x } else { not_subnormal(lambda * x + keep * self.mean) };
        self.fade = not_subnormal(keep * keep * self.fade);
    }

    fn weights(&self, lambda: f32) -> f32 {
        let rest = rest(lambda);
        rest + (1.0 - rest) * self.fade
    }

    fn is_valid(&self) -> bool {
        math::abs(self.mean) <= 1.001 && (0.0..=1.0).contains(&self.fade)
    }
}

/// 0 for what is nearly 0: arithmetic with subnormal numbers is slow.
fn not_subnormal(x: f32) -> f32 {
    if math::abs(x) < 1e-30 { 0.0 } else { x }
}

/// The sum of the squared weights of an average over many samples.
fn rest(lambda: f32) -> f32 {
    lambda / (2.0 - lambda)
}

/// Averages up to the best cut, with its bound, and since.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Cut {
    bound: f32,
    before: Average,
    after: Average,
}

impl Cut {
    const NONE: Self = Self { bound: 0.0, before: Average::EMPTY, after: Average::EMPTY };
    /// In a long run without errors the bound shrinks for ever; River's shrinks until f64 no longer tells.
    const TELLS: f32 = 1.1e-16;

    /// Learns `x`, which made `all`; the bound is that of the alarm, `drift` times the weights under a root.
    fn learn(&mut self, x: f32, all: Average, bound: f32, drift: f32, lambda: f32) {
        // How much lower mean + bound is than at the best cut, from the differences of its parts,
        // times both bounds: a difference of roots is that of the squares by their sum.
        let both = self.bound + bound;
        let shrunk = drift * (1.0 - rest(lambda)) * (self.before.fade - all.fade);
        let gain = (self.before.mean - all.mean) * both + shrunk;
        if self.before.is_empty() || gain > Self::TELLS * (all.mean + bound) * both {
            *self = Self { bound, before: all, after: Average::EMPTY };
        } else {
            self.after.learn(x, lambda);
        }
    }

    /// Difference of the averages in units in which McDiarmid's bound is `ln(1/c) / 2`.
    fn evidence(&self, lambda: f32) -> f32 {
        let difference = self.after.mean - self.before.mean;
        if difference <= 0.0 || self.after.is_empty() || self.before.is_empty() {
            return 0.0;
        }
        difference * difference / (self.before.weights(lambda) + self.after.weights(lambda))
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
        let bound = math::sqrt(self.all.weights(self.lambda) * self.drift);
        self.rise.learn(x, self.all, bound, self.drift, self.lambda);
        let mut evidence = self.rise.evidence(self.lambda);
        if self.two_sided {
            // A rate that falls is one of the opposite that rises.
            let all = Average { mean: -self.all.mean, ..self.all };
            self.fall.learn(-x, all, bound, self.drift, self.lambda);
            evidence = math::max(evidence, self.fall.evidence(self.lambda));
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
            && [self.rise.bound, self.fall.bound].iter().all(|bound| (0.0..=9.0).contains(bound))
            && (0.0001..=0.99).contains(&self.lambda)
            && [self.drift, self.warning].iter().all(|level| (0.0..=15.0).contains(level))
    }
}
