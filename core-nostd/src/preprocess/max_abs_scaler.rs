use serde::{Deserialize, Serialize};

use super::TINY;
use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Transformer, Validate};

/// Each feature as a share of its largest absolute value: -1 to 1, and 0 stays 0.
///
/// Formula: `most = max(|x|, (1 - forget) most)`; the output is `x / most`, and 0 while that is 0.
///
/// For features that are mostly 0 or swing around it; a large mean makes all outputs look alike. One wild value shrinks
/// all others until it is forgotten, which without `forget` is never.
///
/// `forget`: what the largest value shrinks by in a sample, 0..=0.5; 0.001 halves it in about 700. Memory: `4 N + 8`
/// bytes. Cost: 3 operations a feature; a division each to transform. Input is limited to ±1e18.
/// ```
/// use brooklet_core::{preprocess::MaxAbsScaler, sample::Sample};
/// use brooklet_core::traits::{Learner, Transformer};
/// let mut scaler = MaxAbsScaler::<1>::new(0.0);
/// for x in [-4.0, 2.0] { scaler.learn_one(&Sample::new([x]).unwrap()); }
/// assert_eq!(scaler.transform_one(&Sample::new([3.0]).unwrap()).unwrap().values(), &[0.75]);
/// ```
/// Checked against river's `MaxAbsScaler` (without forgetting) and numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MaxAbsScaler<const N: usize> {
    forget: f32,
    #[serde(with = "crate::array")]
    most: [f32; N],
    seen: bool,
}

impl<const N: usize> MaxAbsScaler<N> {
    /// Nothing learnt.
    #[must_use]
    pub const fn new(forget: f32) -> Self {
        Self { forget: math::clamp(forget, 0.0, 0.5), most: [0.0; N], seen: false }
    }
}

impl<const N: usize> Learner for MaxAbsScaler<N> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        let keep = 1.0 - self.forget;
        for (most, x) in self.most.iter_mut().zip(x.values()) {
            *most = math::max(math::abs(math::limit(*x)), keep * *most);
        }
        self.seen = true;
    }

    fn reset(&mut self) {
        *self = Self::new(self.forget);
    }
}

impl<const N: usize> Transformer for MaxAbsScaler<N> {
    type Output = Sample<N>;

    /// `None` before the first sample.
    fn transform_one(&self, x: &Sample<N>) -> Option<Sample<N>> {
        if !self.seen {
            return None;
        }
        let mut scaled = [0.0; N];
        for ((out, most), x) in scaled.iter_mut().zip(&self.most).zip(x.values()) {
            *out = if *most > TINY { math::limit(*x) / most } else { 0.0 };
        }
        Sample::new(scaled)
    }
}

impl<const N: usize> Validate for MaxAbsScaler<N> {
    fn is_valid(&self) -> bool {
        (0.0..=0.5).contains(&self.forget) && self.most.iter().all(|most| (0.0..=math::LIMIT).contains(most))
    }
}
