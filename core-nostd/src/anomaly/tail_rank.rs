use serde::{Deserialize, Serialize};

use crate::math;
use crate::quantile::LogHistogram;
use crate::sample::Moment;
use crate::stats::EwMeanVar;
use crate::traits::{AnomalyDetector, Explain, Learner, Protect, Stepper, Validate};

use super::Because;

/// Where a value lies among those seen, from the nearer end.
///
/// Formula: `e = (x - mean) / sd`; one decaying histogram of `max(e, 0)`, one of `max(-e, 0)`; evidence is
/// `-log10(2 p)`, `p` being the share of values at least that far out on that side ([`LogHistogram`]).
///
/// Assumes no distribution: heavy and lopsided tails are as they were seen. Blind to gaps between two modes. At most
/// about 3.5, once in what is remembered: at first a new extreme is only as rare as the samples are many. Ready after
/// 21 samples.
///
/// `HORIZON`: 1 and up, in samples: of the mean and the half-life of the ranks. Memory: 572 bytes. Cost: two logarithms
/// to learn, two to score.
/// ```
/// use brooklet_core::{anomaly::TailRank, sample::Moment};
/// use brooklet_core::traits::{AnomalyDetector, Learner};
/// let mut rank = TailRank::<4000>::new();
/// for i in 0..2000u16 { rank.learn_one(&Moment::new(f32::from(i % 100).powi(2), None).unwrap()); }
/// let score = |x| rank.score_one(&Moment::new(x, None).unwrap()).unwrap();
/// assert!(score(3000.0) < 0.5 && score(30_000.0) > 2.5 && score(-5000.0) > 2.5);
/// ```
/// Source: the conformal p-value of Vovk, Gammerman, Shafer: Algorithmic learning in a random world, 2005,
/// doi:10.1007/b106715. Checked by simulation: evidence above 2 comes once in a hundred samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TailRank<const HORIZON: u32> {
    values: EwMeanVar<HORIZON>,
    above: LogHistogram<HORIZON>,
    below: LogHistogram<HORIZON>,
}

const LOG10_2: f32 = core::f32::consts::LOG10_2;

impl<const HORIZON: u32> TailRank<HORIZON> {
    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { values: EwMeanVar::new(), above: LogHistogram::new(), below: LogHistogram::new() }
    }

    fn deviation(&self, x: &Moment) -> f32 {
        (math::limit(x.value()) - self.values.mean()) / self.values.sd()
    }
}

impl<const HORIZON: u32> Learner for TailRank<HORIZON> {
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        // The first has nothing to be compared with.
        if self.values.count() > 0.0 {
            let deviation = self.deviation(x);
            self.above.learn_one(&math::max(deviation, 0.0));
            self.below.learn_one(&math::max(-deviation, 0.0));
        }
        self.values.learn_one(&x.value());
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const HORIZON: u32> AnomalyDetector for TailRank<HORIZON> {
    fn score_one(&self, x: &Moment) -> Option<f32> {
        let deviation = self.deviation(x);
        let side = if deviation > 0.0 { &self.above } else { &self.below };
        Some(math::max(side.evidence(math::abs(deviation), 0.0)? - LOG10_2, 0.0))
    }
}

/// Learns on while an alert is open: what lasts becomes part of the tail.
impl<const HORIZON: u32> Protect for TailRank<HORIZON> {
    fn protect(&mut self, _: &Moment) {}

    fn release(&mut self) {}

    fn level_one(&self, x: &Moment) -> f32 {
        self.score_one(x).unwrap_or(0.0)
    }
}

impl<const HORIZON: u32> Explain for TailRank<HORIZON> {
    type Because = Because;

    fn explain_one(&self, x: &Moment) -> Because {
        let (expected, half) = (self.values.mean(), 3.0 * self.values.sd());
        let evidence = [self.score_one(x).unwrap_or(0.0), 0.0, 0.0, 0.0, 0.0, 0.0];
        Because { evidence, expected, low: expected - half, high: expected + half }
    }
}

impl<const HORIZON: u32> Stepper for TailRank<HORIZON> {}

impl<const HORIZON: u32> Validate for TailRank<HORIZON> {
    fn is_valid(&self) -> bool {
        self.values.is_valid() && self.above.is_valid() && self.below.is_valid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn evidence_is_calibrated_whatever_the_tails() {
        for cube in [false, true] {
            let (mut rng, mut rank, mut rare) = (Rng::new(5), TailRank::<4000>::new(), 0);
            for i in 0..60_000 {
                let normal = rng.normal();
                let x = Moment::new(if cube { normal * normal * normal } else { normal }, None).unwrap();
                if i >= 10_000 {
                    rare += u32::from(rank.score_one(&x).unwrap() >= 2.0);
                }
                rank.learn_one(&x);
            }
            // Once in a hundred: 500 expected of 50,000.
            assert!((400..600).contains(&rare), "{rare}, cube: {cube}");
        }
    }
}
