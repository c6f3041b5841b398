//! The one bridge between the agent's values and the core's learners.

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::{Because, DefaultDetector, Detector, EXPERT_NAMES, JOINT_EXPERT_NAMES};
use brooklet_core::monitor::{Monitor, Verdict};
use brooklet_core::sample::Moment;
use brooklet_core::sensor::Finding;
use brooklet_core::snapshot;
use brooklet_core::traits::Explain as _;

use crate::reading::Timestamp;

pub use brooklet_core::snapshot::Error as SnapshotError;

/// What is left out of the default detector, so that one sees what it is worth; nothing, unless somebody measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// Experts of a channel, a bit each in the order of [`EXPERT_NAMES`].
    pub experts: u8,
    /// Experts of the joint detector, in the order of [`JOINT_EXPERT_NAMES`].
    pub joint_experts: u8,
    /// The joint detector as a whole.
    pub joint: bool,
    /// What the channels of a device say each for itself.
    pub channels: bool,
}

impl Without {
    /// All that can be left out, by name.
    pub fn all() -> impl Iterator<Item = (&'static str, Self)> {
        let experts =
            (0..).zip(EXPERT_NAMES).map(|(i, name)| (name, Self { experts: 1 << i, ..Self::default() }));
        let joint = (0..).zip(JOINT_EXPERT_NAMES);
        let joint = joint.map(|(i, name)| (name, Self { joint_experts: 1 << i, ..Self::default() }));
        let whole = [
            ("joint", Self { joint: true, ..Self::default() }),
            ("channels", Self { channels: true, ..Self::default() }),
        ];
        experts.chain(joint).chain(whole)
    }

    /// What both leave out.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            experts: self.experts | other.experts,
            joint_experts: self.joint_experts | other.joint_experts,
            joint: self.joint || other.joint,
            channels: self.channels || other.channels,
        }
    }
}

/// What one channel has learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Boxed: a group of channels has none.
    monitor: Box<Monitor<Detector>>,
}

impl Model {
    /// Bytes that it takes.
    pub const BYTES: usize = size_of::<Self>() + size_of::<Monitor<Detector>>();

    /// Nothing learnt. `None` if there is no detector of that name.
    #[must_use]
    pub fn new(detector: &str) -> Option<Self> {
        Some(Self { monitor: Box::new(Monitor::new(Detector::from_name(detector)?)) })
    }

    /// The same with nothing learnt and without some experts; all detectors but the default one have none.
    #[must_use]
    pub fn without(self, experts: u8) -> Self {
        match self.monitor.detector() {
            Detector::Default(_) if experts != 0 => {
                let detector = Detector::Default(DefaultDetector::new().without(experts));
                Self { monitor: Box::new(Monitor::new(detector)) }
            }
            _ => self,
        }
    }

    /// Scores, decides, learns. `None` for a value that is not finite.
    pub fn step(
        &mut self,
        value: f32,
        time: Option<Timestamp>,
        settings: &Settings,
    ) -> Option<(Verdict, Option<Because>)> {
        let moment = Moment::new(value, time.map(|time| time.0))?;
        Some(self.monitor.step_explained(&moment, settings))
    }

    /// What would be said of a value that is not learnt yet. `None` for one that is not finite.
    #[must_use]
    pub fn explain(&self, value: f32, time: Option<Timestamp>) -> Option<Because> {
        let moment = Moment::new(value, time.map(|time| time.0))?;
        Some(self.monitor.detector().explain_one(&moment))
    }

    /// The detector's name.
    #[must_use]
    pub fn detector(&self) -> &'static str {
        self.monitor.detector().name()
    }

    /// Readings seen, and how many it takes before the first alert.
    #[must_use]
    pub fn warm_up(&self, settings: &Settings) -> (u32, u32) {
        self.monitor.alarm().warm_up(settings)
    }

    /// True if the open alert is of the sensor's fault.
    #[must_use]
    pub const fn blames_sensor(&self) -> bool {
        self.monitor.blames_sensor()
    }

    /// The sensor's fault that is open, in figures.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        self.monitor.finding()
    }

    /// Share of the budget of alerts that is used; 1 is all of it.
    #[must_use]
    pub fn budget_used(&self, settings: &Settings) -> f32 {
        self.monitor.alarm().budget_used(settings)
    }

    /// True while an alert of its own is open.
    #[must_use]
    pub fn is_alarmed(&self) -> bool {
        self.monitor.alarm().is_open()
    }

    /// What another channel of the same kind may start from: see [`Monitor::sibling`].
    #[must_use]
    pub fn sibling(&self, settings: &Settings) -> Option<Self> {
        Some(Self { monitor: Box::new(self.monitor.sibling(settings)?) })
    }

    /// As bytes, for a disk or a device. `digest` stands for the configuration.
    ///
    /// # Errors
    /// [`SnapshotError::NoRoom`] if a learner has outgrown [`snapshot::MAX_BYTES`].
    pub fn save(&self, digest: u32) -> Result<Vec<u8>, SnapshotError> {
        let mut buffer = [0; snapshot::MAX_BYTES];
        snapshot::save(&*self.monitor, digest, &mut buffer).map(<[u8]>::to_vec)
    }

    /// From bytes that [`save`](Self::save) made under the same digest.
    ///
    /// # Errors
    /// Why the bytes are not taken.
    pub fn load(bytes: &[u8], digest: u32) -> Result<Self, SnapshotError> {
        Ok(Self { monitor: Box::new(snapshot::load(bytes, digest)?) })
    }
}
