use serde::{Deserialize, Serialize};

use super::{Share, Verdict, confidence};
use crate::math;
use crate::traits::{DriftDetector, Learner, Validate};

/// Drift detection by Hoeffding's bound on plain means: the error rate since its best cut.
///
/// Formula: the cut is where `mean + sqrt(ln(1/c) / (2 n))` was least; change if the mean of all samples is above that
/// of the `n_cut` up to the cut by `sqrt((n - n_cut)/(2 n n_cut) ln(2/c))` or more, `c` the confidence of the alarm;
/// warning the same with its own. Two-sided: also the mirror image, a rate that falls.
///
/// Works for errors and losses without any assumption on their distribution, best for abrupt change.
///
/// Confidences: 1e-9 to 0.5. Input: 0..1, limited to it. Memory: 44 bytes. Cost: three divisions, a square root. After
/// 8.4 million samples the past weighs half.
/// ```
/// use brooklet_core::drift::HddmA;
/// use brooklet_core::traits::{DriftDetector, Learner};
/// let mut hddm = HddmA::new(0.001, 0.005);
/// let wrong = |i: u16| u8::from(if i < 500 { i % 10 == 0 } else { i % 2 == 0 });
/// let alarm = (0..1000u16).find(|i| { hddm.learn_one(&f32::from(wrong(*i))); hddm.drifted() });
/// assert_eq!(alarm, Some(522));
/// ```
/// Source: Frías-Blanco and others: Online and non-parametric drift detection methods based on Hoeffding's bounds, IEEE
/// TKDE 2015, doi:10.1109/TKDE.2014.2345382. Same alarms and warnings as River 0.26's `HDDMA`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HddmA {
    all: Share,
    low: Share,
    high: Share,
    /// Least upper and greatest lower bound of the mean, at the cuts.
    least: f32,
    most: f32,
    /// `ln(1/c)` of the alarm and of the warning.
    drift: f32,
    warning: f32,
    two_sided: bool,
    verdict: Verdict,
}

impl HddmA {
    /// Nothing learnt; sees a rate that rises.
    #[must_use]
    pub const fn new(drift: f32, warning: f32) -> Self {
        Self::empty(-math::const_ln(confidence(drift)), -math::const_ln(confidence(warning)), false)
    }

    /// Sees also a rate that falls.
    /// ```
    /// use brooklet_core::{drift::HddmA, traits::{DriftDetector, Learner}};
    /// let falls = |mut hddm: HddmA| (0..600u16).any(|i| {
    ///     hddm.learn_one(&f32::from(u8::from(i < 300 && i % 2 == 0)));
    ///     hddm.drifted()
    /// });
    /// assert!(!falls(HddmA::new(0.001, 0.005)) && falls(HddmA::new(0.001, 0.005).two_sided()));
    /// ```
    #[must_use]
    pub const fn two_sided(self) -> Self {
        Self { two_sided: true, ..self }
    }

    const fn empty(drift: f32, warning: f32, two_sided: bool) -> Self {
        let (all, low, high) = (Share::EMPTY, Share::EMPTY, Share::EMPTY);
        Self { all, low, high, least: 9.0, most: -9.0, drift, warning, two_sided, verdict: Verdict::Calm }
    }

    /// `difference` in units in which Hoeffding's bound is `ln(2/c)`, for a cut of `n` of all samples.
    fn evidence(&self, difference: f32, n: u32) -> f32 {
        let (n, all) = (n as f32, self.all.n as f32);
        // n = 0 or n = all: nothing to compare.
        if difference <= 0.0 || n <= 0.0 || all <= n {
            return 0.0;
        }
        2.0 * difference * difference * n * all / (all - n)
    }
}

const LN_2: f32 = core::f32::consts::LN_2;

impl Learner for HddmA {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        if self.verdict.drifted() {
            self.reset();
        }
        self.all.learn(*x);
        let mean = self.all.mean();
        let bound = math::sqrt(0.5 * self.drift / self.all.n as f32);
        if mean + bound <= self.least {
            (self.low, self.least) = (self.all, mean + bound);
        }
        if mean - bound >= self.most {
            (self.high, self.most) = (self.all, mean - bound);
        }
        let rise = self.evidence(mean - self.low.mean(), self.low.n);
        let fall = if self.two_sided { self.evidence(self.high.mean() - mean, self.high.n) } else { 0.0 };
        let beyond = |level: f32| rise >= level + LN_2 || fall >= level + LN_2;
        self.verdict = Verdict::of(beyond(self.drift), beyond(self.warning));
        if self.all.n >= Share::MOST {
            [&mut self.all, &mut self.low, &mut self.high].into_iter().for_each(Share::fade);
        }
    }

    fn reset(&mut self) {
        *self = Self::empty(self.drift, self.warning, self.two_sided);
    }
}

impl DriftDetector for HddmA {
    fn drifted(&self) -> bool {
        self.verdict.drifted()
    }

    fn warned(&self) -> bool {
        self.verdict.warned()
    }
}

impl Validate for HddmA {
    fn is_valid(&self) -> bool {
        [self.all, self.low, self.high].iter().all(Share::is_valid)
            && [self.least, self.most].iter().all(|bound| math::abs(*bound) <= 9.0)
            && [self.drift, self.warning].iter().all(|level| (0.0..=30.0).contains(level))
    }
}
