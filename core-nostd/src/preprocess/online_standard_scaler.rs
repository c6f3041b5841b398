use serde::{Deserialize, Serialize};

use super::StandardScaler;
use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Transformer, Validate};

/// Flink ML's online standard scaler: a new model at the end of every window, from all samples so far.
///
/// Formula: after every `WINDOW` samples the model becomes `mean` and `sd = sqrt(sum (x - mean)² / (n - 1))` of all
/// samples since the start (of the first alone: `sd = 0`); the output is `(x - mean) / sd`, and 0 where `sd` is 0.
///
/// For results that agree with a Flink job's, and wherever a scale must not move with every sample. Never forgets;
/// between windows it transforms with the last model. Flink's windows over time are this one's caller's business; its
/// sums of squares are replaced by Welford's form, which is the same number without their loss of digits.
///
/// `WINDOW`: 1 and up, in samples. `with_mean`, `with_std`: whether to shift and to scale (Flink's defaults: only to
/// scale). Memory: `24 N + 12` bytes. Cost: one division for all features, 13 operations each; a root and a
/// division each at the end of a window. Input is limited to ±1e18.
/// ```
/// use brooklet_core::{preprocess::OnlineStandardScaler, sample::Sample};
/// use brooklet_core::traits::{Learner, Transformer};
/// let mut scaler = OnlineStandardScaler::<1, 3>::new(true, true);
/// let sample = |x| Sample::new([x]).unwrap();
/// for x in [1.0, 2.0] { scaler.learn_one(&sample(x)); }
/// assert_eq!(scaler.transform_one(&sample(4.0)), None); // the first window is still open
/// for x in [3.0, 900.0] { scaler.learn_one(&sample(x)); }
/// let [scaled] = *scaler.transform_one(&sample(4.0)).unwrap().values();
/// assert!((scaled - 2.0).abs() < 1e-6); // of 1, 2, 3
/// ```
/// Source: Apache Flink ML 2.3, `OnlineStandardScaler`. Checked against its formula in numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnlineStandardScaler<const N: usize, const WINDOW: u32> {
    all: StandardScaler<N, { u32::MAX }>,
    #[serde(with = "crate::array")]
    mean: [f32; N],
    /// 1 / sd of the model, or 0.
    #[serde(with = "crate::array")]
    scale: [f32; N],
    in_window: u32,
    with_mean: bool,
    with_std: bool,
    ready: bool,
}

impl<const N: usize, const WINDOW: u32> OnlineStandardScaler<N, WINDOW> {
    const SHAPE: () = assert!(WINDOW > 0);
    /// What is below counts as no deviation; its reciprocal stays finite.
    const LEAST: f32 = 1e-20;

    /// Nothing learnt.
    #[must_use]
    pub const fn new(with_mean: bool, with_std: bool) -> Self {
        let () = Self::SHAPE;
        let (all, zero) = (StandardScaler::new(), [0.0; N]);
        Self { all, mean: zero, scale: zero, in_window: 0, with_mean, with_std, ready: false }
    }

    fn close_window(&mut self) {
        let n = self.all.count();
        let correction = n as f32 / Ord::max(n.saturating_sub(1), 1) as f32;
        let (mean, var) = self.all.moments();
        self.mean = *mean;
        for (scale, var) in self.scale.iter_mut().zip(var) {
            let sd = math::sqrt(var * correction);
            *scale = if sd > Self::LEAST { 1.0 / sd } else { 0.0 };
        }
        (self.in_window, self.ready) = (0, true);
    }
}

impl<const N: usize, const WINDOW: u32> Learner for OnlineStandardScaler<N, WINDOW> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        self.all.learn_one(x);
        self.in_window = self.in_window.saturating_add(1);
        if self.in_window >= WINDOW {
            self.close_window();
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.with_mean, self.with_std);
    }
}

impl<const N: usize, const WINDOW: u32> Transformer for OnlineStandardScaler<N, WINDOW> {
    type Output = Sample<N>;

    /// `None` before the first window has closed.
    fn transform_one(&self, x: &Sample<N>) -> Option<Sample<N>> {
        if !self.ready {
            return None;
        }
        let mut scaled = [0.0; N];
        for (((out, mean), scale), x) in scaled.iter_mut().zip(&self.mean).zip(&self.scale).zip(x.values()) {
            let shifted = math::limit(*x) - if self.with_mean { *mean } else { 0.0 };
            *out = shifted * if self.with_std { *scale } else { 1.0 };
        }
        Sample::new(scaled)
    }
}

impl<const N: usize, const WINDOW: u32> Validate for OnlineStandardScaler<N, WINDOW> {
    fn is_valid(&self) -> bool {
        self.all.is_valid()
            && self.in_window < WINDOW
            && self.mean.iter().all(|mean| math::abs(*mean) <= 2.0 * math::LIMIT)
            && self.scale.iter().all(|scale| (0.0..=1.0 / Self::LEAST).contains(scale))
    }
}
