use serde::{Deserialize, Serialize};

use super::TINY;
use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Transformer, Validate};

/// Each feature by where it lies between its smallest and its largest value: 0 to 1.
///
/// Formula: with `range = high - low`: `low = min(x, low + forget range)`, `high = max(x, high - forget range)`; the
/// output is `(x - low) / range`, and 0 while the range is 0.
///
/// For learners that want bounded features. Outside the range seen so far the output is below 0 or above 1; one wild
/// value flattens all others until it is forgotten, which without `forget` is never.
///
/// `forget`: what the range shrinks by on each side in a sample, 0..=0.5; 0.001 halves what a wild value left in about 700. Memory:
/// `8 N + 8` bytes. Cost: 6 operations a feature; a division each to transform. Input is limited to ±1e18.
/// ```
/// use brooklet_core::{preprocess::MinMaxScaler, sample::Sample};
/// use brooklet_core::traits::{Learner, Transformer};
/// let mut scaler = MinMaxScaler::<1>::new(0.0);
/// for x in [10.0, 30.0, 20.0] { scaler.learn_one(&Sample::new([x]).unwrap()); }
/// assert_eq!(scaler.transform_one(&Sample::new([25.0]).unwrap()).unwrap().values(), &[0.75]);
/// ```
/// Checked against river's `MinMaxScaler` (without forgetting) and numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MinMaxScaler<const N: usize> {
    forget: f32,
    #[serde(with = "crate::array")]
    low: [f32; N],
    #[serde(with = "crate::array")]
    high: [f32; N],
    seen: bool,
}

impl<const N: usize> MinMaxScaler<N> {
    /// Nothing learnt.
    #[must_use]
    pub const fn new(forget: f32) -> Self {
        Self { forget: math::clamp(forget, 0.0, 0.5), low: [0.0; N], high: [0.0; N], seen: false }
    }
}

impl<const N: usize> Learner for MinMaxScaler<N> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        if !self.seen {
            self.low = x.values().map(math::limit);
            (self.high, self.seen) = (self.low, true);
            return;
        }
        for ((low, high), x) in self.low.iter_mut().zip(&mut self.high).zip(x.values()) {
            let (x, shrink) = (math::limit(*x), self.forget * (*high - *low));
            *low = math::min(x, *low + shrink);
            *high = math::max(x, *high - shrink);
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.forget);
    }
}

impl<const N: usize> Transformer for MinMaxScaler<N> {
    type Output = Sample<N>;

    /// `None` before the first sample.
    fn transform_one(&self, x: &Sample<N>) -> Option<Sample<N>> {
        if !self.seen {
            return None;
        }
        let mut scaled = [0.0; N];
        for (((out, low), high), x) in scaled.iter_mut().zip(&self.low).zip(&self.high).zip(x.values()) {
            let range = high - low;
            *out = if range > TINY { (math::limit(*x) - low) / range } else { 0.0 };
        }
        Sample::new(scaled)
    }
}

impl<const N: usize> Validate for MinMaxScaler<N> {
    fn is_valid(&self) -> bool {
        (0.0..=0.5).contains(&self.forget)
            && self.low.iter().chain(&self.high).all(|v| math::abs(*v) <= math::LIMIT)
            && self.low.iter().zip(&self.high).all(|(low, high)| low <= high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wild_value_is_forgotten() {
        let (mut fading, mut plain) = (MinMaxScaler::<1>::new(0.001), MinMaxScaler::<1>::new(0.0));
        for i in 0..30_000u16 {
            let x = Sample::new([if i == 100 { 1e6 } else { f32::from(i % 11) }]).unwrap();
            fading.learn_one(&x);
            plain.learn_one(&x);
        }
        let ten = Sample::new([10.0]).unwrap();
        assert!((fading.transform_one(&ten).unwrap().values()[0] - 1.0).abs() < 0.02);
        assert!(plain.transform_one(&ten).unwrap().values()[0] < 1e-4);
    }
}
