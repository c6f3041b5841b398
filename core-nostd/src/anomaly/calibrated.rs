use serde::{Deserialize, Serialize};

use crate::math;
use crate::quantile::LogHistogram;
use crate::stats::EwMeanVar;
use crate::traits::{AnomalyDetector, Learner, Protect, Scorer, Validate};

/// Makes evidence in powers of ten of any scorer's strangeness.
///
/// Formula: `e = (raw - mean raw) / sd raw` over the past 5000 samples; evidence is `-log10` of the share of past `e`
/// that were at least as large, half a sample added ([`LogHistogram`]): a conformal p-value. What is at most as
/// strange as the average has evidence near 0.
///
/// As good as the scorer; at most about 4, once in what is remembered. Before a scorer is ready its samples are not
/// ranked; while it still gets better, evidence is a little too high. While an alert is open nothing is learnt, for at most 5000
/// samples: then what lasts is the new normal.
///
/// Memory: the scorer's and 296 bytes. Cost: learning scores too, so the scorer's cost of both, and two logarithms.
/// ```
/// use brooklet_core::anomaly::{Calibrated, Mahalanobis};
/// use brooklet_core::{rng::Rng, sample::Sample};
/// use brooklet_core::traits::{AnomalyDetector, Learner};
/// let (mut rng, mut detector) = (Rng::new(1), Calibrated::new(Mahalanobis::<2, 1000>::new(0.01)));
/// for _ in 0..2000 { detector.learn_one(&Sample::new([rng.normal(), rng.normal()]).unwrap()); }
/// let score = |x| detector.score_one(&Sample::new(x).unwrap()).unwrap();
/// assert!(score([0.5, -0.5]) < 1.0 && score([6.0, -6.0]) > 3.0);
/// ```
/// Source: V. Vovk, A. Gammerman, G. Shafer, Algorithmic learning in a random world, 2005, doi:10.1007/b106715.
/// Checked by simulation over every registered scorer: about one ordinary sample in ten has evidence above 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibrated<S> {
    scorer: S,
    usual: EwMeanVar<HORIZON>,
    seen: LogHistogram<HALF_LIFE>,
    open: bool,
    /// Samples not learnt since the alert opened.
    withheld: u16,
}

const HORIZON: u32 = 5000;
const HALF_LIFE: u32 = 4000;
/// Samples that an alert may withhold from learning.
const PATIENCE: u16 = 5000;
/// More than this many deviations make no difference.
const MOST: f32 = 1e6;

impl<S> Calibrated<S> {
    /// Nothing ranked yet.
    #[must_use]
    pub const fn new(scorer: S) -> Self {
        Self { scorer, usual: EwMeanVar::new(), seen: LogHistogram::new(), open: false, withheld: 0 }
    }

    /// The scorer.
    #[must_use]
    pub const fn scorer(&self) -> &S {
        &self.scorer
    }

    /// Deviations by which a raw score is above the average; 0 below.
    fn excess(&self, raw: f32) -> f32 {
        math::clamp((math::limit(raw) - self.usual.mean()) / self.usual.sd(), 0.0, MOST)
    }
}

impl<S: Scorer> Learner for Calibrated<S> {
    type Input = S::Input;

    fn learn_one(&mut self, x: &S::Input) {
        if self.open && self.withheld < PATIENCE {
            self.withheld = self.withheld.saturating_add(1);
            return;
        }
        if let Some(raw) = self.scorer.raw_one(x) {
            // The first has nothing to be compared with.
            if self.usual.count() > 1.0 {
                self.seen.learn_one(&self.excess(raw));
            }
            self.usual.learn_one(&raw);
        }
        self.scorer.learn_one(x);
    }

    fn reset(&mut self) {
        self.scorer.reset();
        self.usual.reset();
        self.seen.reset();
        (self.open, self.withheld) = (false, 0);
    }
}

impl<S: Scorer> AnomalyDetector for Calibrated<S> {
    fn score_one(&self, x: &S::Input) -> Option<f32> {
        self.seen.evidence(self.excess(self.scorer.raw_one(x)?), 0.0)
    }
}

impl<S: Scorer> Protect for Calibrated<S> {
    fn protect(&mut self, _: &S::Input) {
        self.open = true;
    }

    fn release(&mut self) {
        (self.open, self.withheld) = (false, 0);
    }

    /// The evidence itself: what is frozen holds its level by itself.
    fn level_one(&self, x: &S::Input) -> f32 {
        self.score_one(x).unwrap_or(0.0)
    }
}

impl<S: Validate> Validate for Calibrated<S> {
    fn is_valid(&self) -> bool {
        self.scorer.is_valid()
            && self.usual.is_valid()
            && self.seen.is_valid()
            && self.withheld <= PATIENCE
            && (self.open || self.withheld == 0)
    }
}
