//! Score, decide, learn: the one step that firmware and gateway share.

use serde::{Deserialize, Serialize};

use crate::alarm::{Alarm, Change, Settings};
use crate::anomaly::DefaultDetector;
use crate::sample::Timed;
use crate::snapshot::Snapshot;
use crate::traits::{Judge, Learner, Stance, Stepper, Validate};

/// What one sample says.
/// ```
/// use brooklet_core::{alarm::Settings, anomaly::ZScore, monitor::Monitor, sample::Moment};
/// let mut monitor = Monitor::new(ZScore::<1000>::new());
/// let mut step = |x| monitor.step(&Moment::new(x, None).unwrap(), &Settings::DEFAULT);
/// for i in 0..700u16 { assert!(!step(f32::from(i % 5)).fired); }
/// let verdict = step(50.0);
/// assert!(verdict.fired && verdict.score >= verdict.threshold && verdict.level >= verdict.score);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Evidence of this moment, in powers of ten; 0 while the detector cannot know.
    pub score: f32,
    /// Evidence that stays up for as long as the anomaly lasts; at least `score`.
    pub level: f32,
    /// The evidence that would have rung.
    pub threshold: f32,
    /// An alert starts here; one that was open before gives way to it.
    pub fired: bool,
    /// The level is no longer held; an alert that was open ends here.
    pub ended: bool,
}

/// A detector with its alarm.
///
/// Memory: the detector's and 48 bytes, rounded up to eight. Cost: the detector's, a logarithm,
/// half a dozen divisions.
/// ```
/// use brooklet_core::{alarm::Settings, anomaly::ZScore, monitor::Monitor, sample::Moment};
/// let mut monitor = Monitor::new(ZScore::<1000>::new());
/// let settings = Settings { warm_up: Some(50), ..Settings::DEFAULT };
/// for i in 0..100u8 { monitor.step(&Moment::new(f32::from(i % 5), None).unwrap(), &settings); }
/// let (verdict, because) = monitor.step_explained(&Moment::new(50.0, None).unwrap(), &settings);
/// assert!(verdict.fired && because.unwrap().high < 50.0);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitor<D> {
    detector: D,
    alarm: Alarm,
}

/// The promise to those who count bytes: a channel with the default detector takes less than 3 kB.
const _: () = assert!(size_of::<Monitor<DefaultDetector>>() <= 3_000);

impl<D> Monitor<D> {
    /// A monitor that has seen nothing yet.
    // Inlined, rustc 1.95 can mix up two detectors of which one is moved here and the other was cloned from it (its MIR
    // pass GVN; 1.97 is right). The conformance tests in release mode found it and watch over it.
    #[inline(never)]
    pub const fn new(detector: D) -> Self {
        Self { detector, alarm: Alarm::new() }
    }

    /// The detector.
    pub const fn detector(&self) -> &D {
        &self.detector
    }

    /// The alarm.
    pub const fn alarm(&self) -> &Alarm {
        &self.alarm
    }
}

/// The alarm during one step, and what has come of it so far.
struct Step<'a> {
    alarm: &'a mut Alarm,
    settings: &'a Settings,
    time: Option<i64>,
    verdict: Verdict,
}

impl Judge for Step<'_> {
    fn score(&mut self, score: f32) -> Stance {
        let was_open = self.alarm.is_open();
        let threshold = self.alarm.threshold(self.settings);
        let change = self.alarm.step(score, self.time, self.settings);
        let fired = change == Change::Fired;
        self.verdict = Verdict { score, level: score, threshold, fired, ended: false };
        match change {
            Change::Fired => Stance::Alert,
            Change::Noticed => Stance::Protect,
            Change::None if was_open => Stance::Open,
            Change::None => Stance::Calm,
        }
    }

    fn level(&mut self, level: f32) -> bool {
        self.verdict.level = level;
        self.verdict.ended = self.alarm.settle(level, self.settings);
        self.verdict.ended
    }
}

impl<D: Stepper> Monitor<D>
where
    D::Input: Timed,
{
    /// Scores `x`, decides, then learns it.
    pub fn step(&mut self, x: &D::Input, settings: &Settings) -> Verdict {
        self.step_explained(x, settings).0
    }

    /// As [`step`](Self::step), with the reasons if an alert starts.
    pub fn step_explained(&mut self, x: &D::Input, settings: &Settings) -> (Verdict, Option<D::Because>) {
        let verdict = Verdict { score: 0.0, level: 0.0, threshold: 0.0, fired: false, ended: false };
        let mut step = Step { alarm: &mut self.alarm, settings, time: x.time(), verdict };
        let because = self.detector.step_one(x, &mut step);
        (step.verdict, because)
    }
}

impl<D: Learner> Monitor<D> {
    /// Back to having seen nothing.
    pub fn reset(&mut self) {
        self.detector.reset();
        self.alarm = Alarm::new();
    }
}

impl<D: Validate> Validate for Monitor<D> {
    fn is_valid(&self) -> bool {
        self.detector.is_valid() && self.alarm.is_valid()
    }

    fn shape(&self) -> u32 {
        self.detector.shape().saturating_add(self.alarm.shape())
    }
}

impl<D: Validate + Serialize + for<'de> Deserialize<'de>> Snapshot for Monitor<D> {
    const KIND: u16 = 1;
}
