use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Moment;
use crate::traits::{AnomalyDetector, Explain, Learner, Protect, Stepper, Validate};
use crate::window::SortedWindow;

use super::Because;

/// The distance from the median of the last values, in units of their median absolute deviation.
///
/// Formula: `z = |x - median| / (1.4826 MAD)`, evidence `z² / (2 ln 10)`, at most 6, as for
/// [`ZScore`](super::ZScore). Where more than half of the window is one value, the MAD is 0 and the mean absolute
/// deviation, times 1.2533, takes its place.
///
/// Up to half of the window may be faulty without moving what is normal; a longer fault becomes normal. Heavy tails
/// ring too often. Ready after 20 samples.
///
/// `LEN`: 20 to 65,534, in samples. Memory: `8 LEN + 4` bytes. Cost: a [`SortedWindow`]'s to learn, half a pass over it to
/// score.
/// ```
/// use brooklet_core::{anomaly::RobustZ, sample::Moment};
/// use brooklet_core::traits::{AnomalyDetector, Learner};
/// let mut z = RobustZ::<100>::new();
/// for i in 0..100u8 { z.learn_one(&Moment::new(f32::from(i % 5), None).unwrap()); } // median 2, MAD 1
/// assert!((z.score_one(&Moment::new(6.0, None).unwrap()).unwrap() - 1.5806).abs() < 0.001); // z = 2.698
/// ```
/// Source: F. R. Hampel, The influence curve and its role in robust estimation, JASA 1974,
/// doi:10.1080/01621459.1974.10482962. Checked against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RobustZ<const LEN: usize> {
    window: SortedWindow<LEN>,
}

const WARM_UP: usize = 20;
const MOST: f32 = 6.0;
const TWO_LN_10: f32 = 2.0 * core::f32::consts::LN_10;
/// Deviation of a normal distribution in units of its median, and of its mean, absolute deviation.
#[allow(clippy::excessive_precision, reason = "checked in f64 too")]
const FROM_MAD: f32 = 1.482_602_218_505_602;
#[allow(clippy::excessive_precision, reason = "checked in f64 too")]
const FROM_MEAN: f32 = 1.253_314_137_315_500;
/// Deviations below this share of the value itself are rounding noise.
const RESOLUTION: f32 = 1e-5;
const TINY: f32 = 1e-20;

impl<const LEN: usize> RobustZ<LEN> {
    const SHAPE: () = assert!(LEN >= WARM_UP && LEN < 65_535);

    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { window: SortedWindow::new() }
    }

    /// Median and deviation of the window, the deviation never 0; `None` before the first value.
    #[must_use]
    pub fn centre(&self) -> Option<(f32, f32)> {
        let median = self.window.median()?;
        let deviation = FROM_MAD * self.window.median_absolute_deviation()?;
        let floor = math::max(RESOLUTION * math::abs(median), TINY);
        if deviation > floor {
            return Some((median, deviation));
        }
        let values = self.window.sorted();
        let sum: f32 = values.iter().map(|v| math::abs(v - median)).sum();
        Some((median, math::max(FROM_MEAN * (sum / values.len() as f32), floor)))
    }
}

impl<const LEN: usize> Learner for RobustZ<LEN> {
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        self.window.learn_one(&x.value());
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const LEN: usize> AnomalyDetector for RobustZ<LEN> {
    fn score_one(&self, x: &Moment) -> Option<f32> {
        let (median, deviation) = self.centre().filter(|_| self.window.sorted().len() >= WARM_UP)?;
        // Bounded before it is squared: a deviation of nearly 0 gives huge distances.
        let z = math::min(math::abs(math::limit(x.value()) - median) / deviation, 1e9);
        Some(math::min(z * z / TWO_LN_10, MOST))
    }
}

/// Learns on while an alert is open: the median stays until half of the window is faulty.
impl<const LEN: usize> Protect for RobustZ<LEN> {
    fn protect(&mut self, _: &Moment) {}

    fn release(&mut self) {}

    fn level_one(&self, x: &Moment) -> f32 {
        self.score_one(x).unwrap_or(0.0)
    }
}

impl<const LEN: usize> Explain for RobustZ<LEN> {
    type Because = Because;

    fn explain_one(&self, x: &Moment) -> Because {
        let (expected, deviation) = self.centre().unwrap_or((math::limit(x.value()), math::LIMIT));
        let half = 3.0 * deviation;
        let evidence = [self.score_one(x).unwrap_or(0.0), 0.0, 0.0, 0.0, 0.0, 0.0];
        Because { evidence, expected, low: expected - half, high: expected + half }
    }
}

impl<const LEN: usize> Stepper for RobustZ<LEN> {}

impl<const LEN: usize> Validate for RobustZ<LEN> {
    fn is_valid(&self) -> bool {
        self.window.is_valid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use std::vec::Vec;

    #[test]
    fn median_and_deviation_are_those_of_a_sorted_copy() {
        let (mut rng, mut z, mut all) = (Rng::new(1), RobustZ::<25>::new(), Vec::new());
        let median = |mut v: Vec<f32>| {
            v.sort_by(f32::total_cmp);
            0.5 * (v[v.len() / 2] + v[(v.len() - 1) / 2])
        };
        for _ in 0..500 {
            // Whole numbers, so that many are equal.
            let x = math::round(3.0 * rng.normal());
            z.learn_one(&Moment::new(x, None).unwrap());
            all.push(x);
            let window = all[all.len().saturating_sub(25)..].to_vec();
            let m = median(window.clone());
            let mad = FROM_MAD * median(window.iter().map(|v| (v - m).abs()).collect());
            let mean: f32 = window.iter().map(|v| (v - m).abs()).sum::<f32>() / window.len() as f32;
            let expected = if mad > 0.0 { mad } else { FROM_MEAN * mean };
            let (centre, deviation) = z.centre().unwrap();
            assert_eq!(centre, m);
            assert!((deviation - expected).abs() < 1e-4 * (1.0 + expected), "{deviation} {expected}");
            assert!(z.is_valid());
        }
    }
}
