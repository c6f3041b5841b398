//! Anomaly detectors: from a reading to evidence that it does not belong.
//!
//! [`Detector`] holds any of the registered ones; its table below is the registry. To add one: a file here, a line in
//! the registry.

mod default_detector;
mod hold;
mod level_shift;
mod one_class_svm;
mod range;
mod seasonal_profile;
mod zscore;

pub use default_detector::DefaultDetector;
pub use level_shift::LevelShift;
pub use one_class_svm::OneClassSvm;
pub use range::Range;
pub use seasonal_profile::SeasonalProfile;
pub use zscore::ZScore;

use serde::{Deserialize, Serialize};

use crate::registry::registry;

/// Why a score is what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Because {
    /// Evidence of each expert that counts, in powers of ten, in the order of [`EXPERT_NAMES`]; 0 for the others. A
    /// detector without experts puts its own evidence first.
    pub evidence: [f32; 5],
    /// The value that was expected.
    pub expected: f32,
    /// Lower end of where the value usually lies.
    pub low: f32,
    /// Upper end of where the value usually lies.
    pub high: f32,
}

/// The experts of [`DefaultDetector`], in the order of [`Because::evidence`].
pub const EXPERT_NAMES: [&str; 5] = ["range", "seasonal", "shift_10", "shift_60", "unrest"];

registry! {
    /// Any registered detector of one channel.
    detector Detector: family "anomaly", kind 2 {
        /// Five calibrated experts; what a channel gets when nobody configures anything.
        "default" => Default(DefaultDetector) = DefaultDetector::new(),
        /// Distance from a running mean of 5000 samples.
        "zscore" => ZScore(ZScore<5000>) = ZScore::new(),
    }
}

impl core::default::Default for Detector {
    fn default() -> Self {
        Self::Default(DefaultDetector::new())
    }
}
