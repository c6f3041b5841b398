//! Score, decide, learn: the one step that firmware and gateway share.

use serde::{Deserialize, Serialize};

use crate::alarm::{Alarm, Change, Settings};
use crate::anomaly::DefaultDetector;
use crate::math;
use crate::sample::Timed;
use crate::sensor::{Fault, Finding, Sensor, Sight};
use crate::snapshot::Snapshot;
use crate::traits::{Judge, Learner, Protect, Stance, Stepper, Validate};

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
    /// What is wrong with the sensor, for as long as it lasts; these readings are shown and not learnt. Travels beside the
    /// verdict (see [`Message::Faulty`](crate::message::Message::Faulty)), so that older peers can read the verdict.
    #[serde(skip)]
    pub fault: Option<Fault>,
}

/// Evidence of a sensor's fault in powers of ten: that of a value further out than ever seen.
const FAULT: f32 = 5.0;

/// A detector with its alarm, and an eye on the sensor.
///
/// While the sensor is at fault the detector's score is shown, but it learns nothing. A fault that
/// [rings](Fault::rings) has the evidence 5 and goes through the same alarm as all evidence: warm-up, raised bar, budget, end
/// after twelve quiet readings, and after 2,000 readings and a day it is accepted as the new normal. An alert that was open
/// when the fault was found, and that began with it, is taken over: one call, not two.
///
/// Memory: the detector's and 200 bytes, rounded up to eight. Cost: the detector's, a logarithm,
/// half a dozen divisions, and what [`Sensor`] takes.
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
    sensor: Sensor,
    /// An alert is open, and not only the level held.
    ringing: bool,
    /// That alert is of the sensor's fault, or began with it.
    told: bool,
}

/// The promise to those who count bytes: a channel with the default detector takes less than 3.5 kB.
const _: () = assert!(size_of::<Monitor<DefaultDetector>>() <= 3_500);

impl<D> Monitor<D> {
    /// A monitor that has seen nothing yet.
    // Inlined, rustc 1.95 can mix up two detectors of which one is moved here and the other was cloned from it (its MIR
    // pass GVN; 1.97 is right). The conformance tests in release mode found it and watch over it.
    #[inline(never)]
    pub const fn new(detector: D) -> Self {
        Self { detector, alarm: Alarm::new(), sensor: Sensor::new(), ringing: false, told: false }
    }

    /// The detector.
    pub const fn detector(&self) -> &D {
        &self.detector
    }

    /// The alarm.
    pub const fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    /// True if the alert that is open is of the sensor's fault, whether it rang for it or before it was known.
    #[must_use]
    pub const fn blames_sensor(&self) -> bool {
        self.told
    }

    /// The sensor's fault that is open, in figures.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        self.sensor.finding()
    }
}

/// The alarm during one step, and what has come of it so far.
struct Step<'a> {
    alarm: &'a mut Alarm,
    settings: &'a Settings,
    time: Option<i64>,
    /// Evidence of a fault.
    fault: f32,
    /// .. that has rung already.
    told: bool,
    verdict: Verdict,
}

impl Judge for Step<'_> {
    fn score(&mut self, score: f32) -> Stance {
        let was_open = self.alarm.is_open();
        let threshold = self.alarm.threshold(self.settings);
        let score = math::max(score, self.fault);
        let change = self.alarm.step(if self.told { 0.0 } else { score }, self.time, self.settings);
        let fired = change == Change::Fired;
        self.verdict = Verdict { score, level: score, threshold, fired, ..self.verdict };
        match change {
            Change::Fired => Stance::Alert,
            Change::Noticed => Stance::Protect,
            Change::None if was_open => Stance::Open,
            Change::None => Stance::Calm,
        }
    }

    fn level(&mut self, level: f32) -> bool {
        self.verdict.level = math::max(level, self.fault);
        self.verdict.ended = self.alarm.settle(self.verdict.level, self.settings);
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
        let time = x.time();
        let sight = x.reading().map_or(Sight::GOOD, |value| self.sensor.step(value, time));
        let rings = sight.fault.is_some_and(Fault::rings);
        let length = match sight.fault {
            Some(Fault::Spike) => Sensor::LONGEST_SPIKE,
            _ => self.sensor.finding().map_or(0.0, |finding| finding.readings as f32),
        };
        self.told = self.ringing && (rings && self.told || length > 0.0 && self.alarm.age() <= length);
        let verdict = Verdict {
            score: 0.0,
            level: 0.0,
            threshold: 0.0,
            fired: false,
            ended: false,
            fault: sight.fault,
        };
        let fault = if rings { FAULT } else { 0.0 };
        let mut step =
            Step { alarm: &mut self.alarm, settings, time, fault, told: rings && self.told, verdict };
        let because = if sight.learn {
            self.detector.step_one(x, &mut step)
        } else {
            self.detector.watch_one(x, &mut step)
        };
        let verdict = step.verdict;
        self.told |= rings && verdict.fired;
        self.ringing = (self.ringing || verdict.fired) && !verdict.ended;
        if rings && (verdict.ended || length >= self.alarm.accepted_after()) {
            self.sensor.accept();
        }
        (verdict, because)
    }
}

impl<D: Protect + Clone> Monitor<D> {
    /// What another channel of the same kind may start from: all that was learnt, without alert, budget and faults, and
    /// silent for a hundred samples until it is at home. `None` while this one knows too little itself.
    /// ```
    /// use brooklet_core::{alarm::Settings, anomaly::ZScore, monitor::Monitor, sample::Moment};
    /// let (mut first, settings) = (Monitor::new(ZScore::<1000>::new()), Settings::DEFAULT);
    /// let reading = |i: u16| Moment::new(f32::from(i % 5), None).unwrap();
    /// assert!(first.sibling(&settings).is_none());
    /// for i in 0..700 { first.step(&reading(i), &settings); }
    /// let mut second = first.sibling(&settings).unwrap();
    /// for i in 0..100 { assert!(!second.step(&reading(i), &settings).fired); }
    /// assert!(second.step(&Moment::new(50.0, None).unwrap(), &settings).fired);
    /// ```
    #[must_use]
    pub fn sibling(&self, settings: &Settings) -> Option<Self> {
        let alarm = self.alarm.sibling(settings)?;
        let mut detector = self.detector.clone();
        detector.release();
        Some(Self { alarm, ..Self::new(detector) })
    }
}

impl<D: Learner> Monitor<D> {
    /// Back to having seen nothing.
    pub fn reset(&mut self) {
        self.detector.reset();
        self.alarm = Alarm::new();
        self.sensor = Sensor::new();
        (self.ringing, self.told) = (false, false);
    }
}

impl<D: Validate> Validate for Monitor<D> {
    fn is_valid(&self) -> bool {
        self.detector.is_valid() && self.alarm.is_valid() && self.sensor.is_valid()
    }

    fn shape(&self) -> u32 {
        self.detector.shape().saturating_add(self.alarm.shape()).saturating_add(self.sensor.shape())
    }
}

impl<D: Validate + Serialize + for<'de> Deserialize<'de>> Snapshot for Monitor<D> {
    const KIND: u16 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::sample::Moment;

    const FIVE_MINUTES: i64 = 300_000;

    fn taught() -> (Monitor<DefaultDetector>, Rng) {
        let (mut monitor, mut rng) = (Monitor::new(DefaultDetector::new()), Rng::new(1));
        for i in 0..3000 {
            assert_eq!(step(&mut monitor, i, 20.0 + 0.1 * rng.normal()).fault, None, "{i}");
        }
        (monitor, rng)
    }

    fn step(monitor: &mut Monitor<DefaultDetector>, i: i64, value: f32) -> Verdict {
        monitor.step(&Moment::new(value, Some(i * FIVE_MINUTES)).unwrap(), &Settings::DEFAULT)
    }

    #[test]
    fn a_fault_is_shown_rings_once_and_trains_nobody() {
        let (mut monitor, mut rng) = taught();
        let before = *monitor.detector();
        let mut alerts = 0;
        for i in 0..1000 {
            let verdict = step(&mut monitor, 3000 + i, -127.0);
            assert_eq!(verdict.fault, Some(Fault::DropOut));
            assert!(verdict.score >= FAULT && verdict.level >= FAULT && !verdict.ended);
            alerts += u32::from(verdict.fired);
        }
        assert_eq!((alerts, monitor.blames_sensor()), (1, true));
        // What is held of the alert aside: not one statistic has moved.
        monitor.detector.release();
        assert_eq!(monitor.detector(), &before);
        let ended = (0..100).find(|i| step(&mut monitor, 4000 + i, 20.0 + 0.1 * rng.normal()).ended);
        assert_eq!(ended, Some(11), "twelve quiet readings");
    }

    #[test]
    fn an_alert_that_began_with_the_fault_is_the_faults() {
        let (mut monitor, mut rng) = taught();
        // Found as an anomaly; that it was a spike is known when it is over.
        let spike = step(&mut monitor, 3000, 90.0);
        assert!(spike.fired && spike.fault.is_none() && !monitor.blames_sensor());
        let back = step(&mut monitor, 3001, 20.0);
        assert!(back.fault == Some(Fault::Spike) && !back.fired && monitor.blames_sensor());
        // An anomaly of before is not.
        let (mut monitor, _) = taught();
        let anomaly =
            (0..100).filter(|i| step(&mut monitor, 3000 + i, 30.0 + 0.1 * rng.normal()).fired).count();
        assert_eq!(anomaly, 1);
        let fault = (100..400).filter(|i| step(&mut monitor, 3000 + i, 30.0).fired).count();
        assert!(monitor.finding().is_some_and(|finding| finding.fault == Fault::Stuck));
        assert_eq!((fault, monitor.blames_sensor()), (1, true), "a call of its own");
    }

    #[test]
    fn what_lasts_is_accepted_even_if_nobody_was_called() {
        for settings in [Settings::DEFAULT, Settings { threshold: 20.0, ..Settings::DEFAULT }] {
            let (mut monitor, _) = taught();
            let fault = |i: i64| {
                let moment = Moment::new(-127.0, Some((3000 + i) * FIVE_MINUTES)).unwrap();
                monitor.step(&moment, &settings).fault
            };
            let faults: std::vec::Vec<_> = (0..5000).map(fault).collect();
            let last = faults.iter().rposition(Option::is_some);
            assert!(last.is_some_and(|last| (1998..2001).contains(&last)), "{last:?} {:?}", faults.last());
        }
    }
}
