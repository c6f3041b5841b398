//! Anomaly detectors: from a reading to evidence that it does not belong.
//!
//! [`Detector`] holds any of the registered ones for one channel, [`AnyScorer`] any for several features, [`AnyJoint`] any
//! for the channels of a device, which come and go; their tables below are the registry. To add one: a file here, a line in the registry. [`Calibrated`] makes evidence of a scorer's
//! strangeness.

mod calibrated;
mod cycle_finder;
mod cycle_profile;
mod default_detector;
mod fixed_level_shift;
mod fixed_range;
mod hold;
mod joint;
mod level_shift;
mod multivariate;
mod range;
mod robust_z;
mod seasonal_profile;
mod tail_rank;
mod zscore;

pub use calibrated::Calibrated;
pub use cycle_finder::CycleFinder;
pub use cycle_profile::CycleProfile;
pub use default_detector::DefaultDetector;
pub use fixed_level_shift::FixedLevelShift;
pub use fixed_range::FixedRange;
pub use joint::{AnyJoint, JOINT_EXPERT_NAMES, Joint, JointBecause, Part, Row};
pub use level_shift::LevelShift;
pub use multivariate::{
    AnyScorer, GivenSplits, HalfSpaceTrees, Halving, Loda, Mahalanobis, OneClassSvm, OsElm, RandomCutForest,
    Residual, RsHash, Splits, StreamingPca,
};
pub use range::Range;
pub use robust_z::RobustZ;
pub use seasonal_profile::SeasonalProfile;
pub use tail_rank::TailRank;
pub use zscore::ZScore;

use serde::{Deserialize, Serialize};

use crate::registry::registry;

/// Why a score is what it is.
/// ```
/// use brooklet_core::{anomaly::ZScore, sample::Moment};
/// use brooklet_core::traits::{Explain, Learner};
/// let mut detector = ZScore::<100>::new();
/// for i in 0..50u8 { detector.learn_one(&Moment::new(f32::from(i % 3), None).unwrap()); }
/// let because = detector.explain_one(&Moment::new(9.0, None).unwrap());
/// assert!(because.evidence[0] > 3.0 && because.low < because.expected && because.high < 9.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Because {
    /// Evidence of each expert that counts, in powers of ten, in the order of [`EXPERT_NAMES`]; 0 for the others. A
    /// detector without experts puts its own evidence first.
    pub evidence: [f32; 6],
    /// The value that was expected.
    pub expected: f32,
    /// Lower end of where the value usually lies.
    pub low: f32,
    /// Upper end of where the value usually lies.
    pub high: f32,
}

/// The experts of [`DefaultDetector`], in the order of [`Because::evidence`].
/// ```
/// assert_eq!(brooklet_core::anomaly::EXPERT_NAMES[1], "seasonal");
/// ```
pub const EXPERT_NAMES: [&str; 6] = ["range", "seasonal", "shift_10", "shift_60", "unrest", "cycle"];

/// Takes the evidence of some experts away, a bit each in their order.
fn leave_out(muted: u8, evidence: &mut [f32]) {
    let mut muted = muted;
    for evidence in evidence {
        if muted & 1 == 1 {
            *evidence = 0.0;
        }
        muted >>= 1;
    }
}

registry! {
    /// Any registered detector of one channel.
    detector Detector: family "anomaly", kind 2 {
        /// Six calibrated experts; what a channel gets when nobody configures anything.
        "default" => Default(DefaultDetector) = DefaultDetector::new(),
        /// Distance from a running mean of 5000 samples.
        "zscore" => ZScore(ZScore<5000>) = ZScore::new(),
        /// Distance from the median of 128 samples, in units of their median absolute deviation.
        "robust_z" => RobustZ(RobustZ<128>) = RobustZ::new(),
        /// Rank among the values seen, from the nearer end.
        "tail_rank" => TailRank(TailRank<4000>) = TailRank::new(),
        /// Distance outside of all values so far, in whole numbers, for ±524,288 in steps of 1/4096.
        "fixed_range" => FixedRange(FixedRange<12>) = FixedRange::new(),
        /// Distance of the mean of 16 from its usual place, in whole numbers, for ±524,288 in steps of 1/4096.
        "fixed_level_shift" => FixedLevelShift(FixedLevelShift<12, 16, 12>) = FixedLevelShift::new(),
    }
}

impl core::default::Default for Detector {
    fn default() -> Self {
        Self::Default(DefaultDetector::new())
    }
}
