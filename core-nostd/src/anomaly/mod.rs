//! Anomaly detectors: from a reading to evidence that it does not belong.
//!
//! [`Detector`] holds any of the registered ones; its table below is the registry. To add one: a file here, a line in
//! the registry.

mod default_detector;
mod hold;
mod level_shift;
mod range;
mod seasonal_profile;
mod zscore;

pub use default_detector::DefaultDetector;
pub use level_shift::LevelShift;
pub use range::Range;
pub use seasonal_profile::SeasonalProfile;
pub use zscore::ZScore;

use serde::{Deserialize, Serialize};

use crate::sample::Moment;
use crate::traits::{AnomalyDetector, Explain, Learner, Protect, Validate};

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

/// One row of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name in configuration files.
    pub name: &'static str,
    /// State in bytes.
    pub bytes: usize,
}

/// From one line a detector: its name, its arm of the enum and so its tag in snapshots, its row in the documentation
/// and its place in the conformance tests. Rows are only ever appended: their order is the stored format.
macro_rules! registry {
    ($($(#[$doc:meta])* $name:literal => $arm:ident($type:ty)),+ $(,)?) => {
        /// Any registered detector.
        ///
        /// | name | detector |
        /// |---|---|
        #[doc = concat!($("| `", $name, "` | [`", stringify!($arm), "`](Detector::", stringify!($arm), ") |\n",)+)]
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub enum Detector {
            $($(#[$doc])* $arm($type)),+
        }

        impl Detector {
            /// The registry.
            pub const ROWS: &'static [Row] = &[$(Row { name: $name, bytes: size_of::<$type>() }),+];

            /// The detector of that name, with nothing learnt.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$arm(<$type>::new())),)+
                    _ => None,
                }
            }

            /// The name in configuration files.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$arm(_) => $name),+ }
            }
        }

        impl Learner for Detector {
            type Input = Moment;

            fn learn_one(&mut self, x: &Moment) {
                match self { $(Self::$arm(d) => d.learn_one(x)),+ }
            }

            fn reset(&mut self) {
                match self { $(Self::$arm(d) => d.reset()),+ }
            }
        }

        impl AnomalyDetector for Detector {
            fn score_one(&self, x: &Moment) -> Option<f32> {
                match self { $(Self::$arm(d) => d.score_one(x)),+ }
            }
        }

        impl Protect for Detector {
            fn protect(&mut self, x: &Moment) {
                match self { $(Self::$arm(d) => d.protect(x)),+ }
            }

            fn release(&mut self) {
                match self { $(Self::$arm(d) => d.release()),+ }
            }

            fn level_one(&self, x: &Moment) -> f32 {
                match self { $(Self::$arm(d) => d.level_one(x)),+ }
            }
        }

        impl Explain for Detector {
            type Because = Because;

            fn explain_one(&self, x: &Moment) -> Because {
                match self { $(Self::$arm(d) => d.explain_one(x)),+ }
            }
        }

        impl Validate for Detector {
            fn is_valid(&self) -> bool {
                match self { $(Self::$arm(d) => d.is_valid()),+ }
            }
        }
    };
}

registry! {
    /// Five calibrated experts; what a channel gets when nobody configures anything.
    "default" => Default(DefaultDetector),
    /// Distance from a running mean of 5000 samples.
    "zscore" => ZScore(ZScore<5000>),
}

impl core::default::Default for Detector {
    fn default() -> Self {
        Self::Default(DefaultDetector::new())
    }
}
