use serde::{Deserialize, Serialize};

use super::{Side, Verdict};
use crate::math;
use crate::traits::{DriftDetector, Learner, Validate};

/// Page-Hinkley test: the fading sum of distances from the running mean against its least and its most.
///
/// Formula: `m += (x - m)/n`, `U = (1 - f) U + (x - m) - delta`, `D = (1 - f) D + (x - m) + delta`; change if
/// `U - min U > threshold` or `max D - D > threshold`.
///
/// Works for a level that shifts, abruptly or slowly. The threshold is in units of the value: scale the stream, or give
/// a threshold in its units (about 50 standard deviations ring seldom). A trend that never stops rings for ever.
///
/// `threshold`: 0 and up. `delta`: the slack, 0 and up; changes smaller than this are let pass. Others by `with_`.
/// Memory: 44 bytes. Cost: a division, a dozen additions. Input is limited to ±1e18.
/// ```
/// use brooklet_core::drift::PageHinkley;
/// use brooklet_core::traits::{DriftDetector, Learner};
/// let mut test = PageHinkley::new(50.0, 0.005);
/// let mut alarms = (0..1000u16).filter(|i| {
///     test.learn_one(&(f32::from(i % 2) + if *i < 500 { 0.0 } else { 3.0 }));
///     test.drifted()
/// });
/// assert_eq!((alarms.next(), alarms.next()), (Some(517), None));
/// ```
/// Source: Page: Continuous inspection schemes, Biometrika 1954, doi:10.1093/biomet/41.1-2.100. Same alarms as River
/// 0.26's `PageHinkley`. Distances are taken from the first value, so that a large level costs no digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PageHinkley {
    threshold: f32,
    delta: f32,
    fade: f32,
    origin: f32,
    mean: f32,
    n: u32,
    up: f32,
    least: f32,
    down: f32,
    most: f32,
    grace: u16,
    side: Side,
    verdict: Verdict,
}

impl PageHinkley {
    /// Nothing learnt. Both sides, at least 30 samples, forgets `f` = 0.0001 of the sums a sample.
    #[must_use]
    pub const fn new(threshold: f32, delta: f32) -> Self {
        Self {
            threshold: math::clamp(threshold, 0.0, math::LIMIT),
            delta: math::clamp(delta, 0.0, math::LIMIT),
            fade: 0.0001,
            origin: 0.0,
            mean: 0.0,
            n: 0,
            up: 0.0,
            least: f32::MAX,
            down: 0.0,
            most: f32::MIN,
            grace: 30,
            side: Side::Both,
            verdict: Verdict::Calm,
        }
    }

    /// Forgets this share of the sums a sample, 0 to 1 (River's `alpha` is 1 minus this).
    #[must_use]
    pub const fn with_fade(self, fade: f32) -> Self {
        Self { fade: math::clamp(fade, 0.0, 1.0), ..self }
    }

    /// No alarm before this many samples.
    /// ```
    /// use brooklet_core::{drift::PageHinkley, traits::{DriftDetector, Learner}};
    /// let alarm = |mut test: PageHinkley| (0..200u8).find(|i| {
    ///     test.learn_one(&if *i < 10 { 0.0 } else { 50.0 });
    ///     test.drifted()
    /// });
    /// assert_eq!(alarm(PageHinkley::new(50.0, 0.005).with_grace(100)), Some(99));
    /// assert!(alarm(PageHinkley::new(50.0, 0.005)) < Some(99));
    /// ```
    #[must_use]
    pub const fn with_grace(self, grace: u16) -> Self {
        Self { grace, ..self }
    }

    /// Increases, decreases or both.
    #[must_use]
    pub const fn with_side(self, side: Side) -> Self {
        Self { side, ..self }
    }
}

impl Learner for PageHinkley {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        if self.verdict.drifted() {
            self.reset();
        }
        let x = math::limit(*x);
        if self.n == 0 {
            self.origin = x;
        }
        let x = x - self.origin;
        self.n = self.n.saturating_add(1);
        self.mean += (x - self.mean) / self.n as f32;
        let d = x - self.mean;
        // As a difference: 1 - f would lose most digits of a small f.
        self.up += d - self.delta - self.fade * self.up;
        self.down += d + self.delta - self.fade * self.down;
        self.least = math::min(self.least, self.up);
        self.most = math::max(self.most, self.down);
        let up = self.side.up() && self.up - self.least > self.threshold;
        let down = self.side.down() && self.most - self.down > self.threshold;
        self.verdict = Verdict::of(self.n >= u32::from(self.grace) && (up || down), false);
    }

    fn reset(&mut self) {
        *self = Self {
            fade: self.fade,
            grace: self.grace,
            side: self.side,
            ..Self::new(self.threshold, self.delta)
        };
    }
}

impl DriftDetector for PageHinkley {
    fn drifted(&self) -> bool {
        self.verdict.drifted()
    }
}

impl Validate for PageHinkley {
    fn is_valid(&self) -> bool {
        let finite = [self.up, self.down, self.least, self.most].iter().all(|v| v.is_finite());
        let near = [self.origin, self.mean].iter().all(|v| math::abs(*v) <= 4.0 * math::LIMIT);
        let settings = [self.threshold, self.delta].iter().all(|v| (0.0..=math::LIMIT).contains(v));
        finite && near && settings && (0.0..=1.0).contains(&self.fade)
    }
}
