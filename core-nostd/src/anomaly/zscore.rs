use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Moment;
use crate::stats::EwMeanVar;
use crate::traits::{AnomalyDetector, Explain, Learner, Protect, Stepper, Validate};

use super::Because;

/// The distance from the running mean, as evidence under a normal distribution.
///
/// Formula: `z = |x - mean| / sd`, evidence `-log10 P(|Z| > z)` by the bound `exp(-z²/2)`, so `z² / (2 ln 10)`, at most
/// 6. Ready after 20 samples.
///
/// For a channel without cycles and with light tails; heavy tails ring far too often.
///
/// `HORIZON`: 1..=2^24, in samples. Memory: 12 bytes. Cost: a division to learn; a root and a division to score.
/// ```
/// use brooklet_core::{anomaly::ZScore, sample::Moment};
/// use brooklet_core::traits::{AnomalyDetector, Learner};
/// let mut z = ZScore::<1000>::new();
/// for i in 0..100u8 { z.learn_one(&Moment::new(f32::from(i % 2), None).unwrap()); }
/// assert!((z.score_one(&Moment::new(2.0, None).unwrap()).unwrap() - 1.954).abs() < 0.001); // z = 3
/// ```
/// Source: the bound is H. Chernoff's, Annals of Mathematical Statistics 1952, doi:10.1214/aoms/1177729330. Checked
/// against numpy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ZScore<const HORIZON: u32> {
    values: EwMeanVar<HORIZON>,
}

impl<const HORIZON: u32> ZScore<HORIZON> {
    const WARM_UP: f32 = 20.0;
    const MOST: f32 = 6.0;
    const TWO_LN_10: f32 = 2.0 * core::f32::consts::LN_10;

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { values: EwMeanVar::new() }
    }
}

impl<const HORIZON: u32> Learner for ZScore<HORIZON> {
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        self.values.learn_one(&x.value());
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const HORIZON: u32> AnomalyDetector for ZScore<HORIZON> {
    fn score_one(&self, x: &Moment) -> Option<f32> {
        if self.values.count() < Self::WARM_UP {
            return None;
        }
        // Bounded before it is squared: a deviation of nearly 0 gives huge distances.
        let z = math::abs(math::limit(x.value()) - self.values.mean()) / self.values.sd();
        let z = math::min(z, 1e9);
        Some(math::min(z * z / Self::TWO_LN_10, Self::MOST))
    }
}

/// Learns on while an alert is open: it adapts within `HORIZON` samples.
impl<const HORIZON: u32> Protect for ZScore<HORIZON> {
    fn protect(&mut self, _: &Moment) {}

    fn release(&mut self) {}

    fn level_one(&self, x: &Moment) -> f32 {
        self.score_one(x).unwrap_or(0.0)
    }
}

impl<const HORIZON: u32> Explain for ZScore<HORIZON> {
    type Because = Because;

    fn explain_one(&self, x: &Moment) -> Because {
        let (expected, half) = (self.values.mean(), 3.0 * self.values.sd());
        let [evidence, ..] = [self.score_one(x).unwrap_or(0.0)];
        Because {
            evidence: [evidence, 0.0, 0.0, 0.0, 0.0, 0.0],
            expected,
            low: expected - half,
            high: expected + half,
        }
    }
}

impl<const HORIZON: u32> Stepper for ZScore<HORIZON> {}

impl<const HORIZON: u32> Validate for ZScore<HORIZON> {
    fn is_valid(&self) -> bool {
        self.values.is_valid()
    }
}
