//! One device and its channels: from a reading to a verdict and, now and then, an alert. Pure: no IO, no clock.

use std::collections::HashMap;
use std::sync::Arc;

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::Because;
use brooklet_core::monitor::Verdict;

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, Change, ModelTag, Onset};
use crate::model::Model;
use crate::reading::{ChannelId, DeviceId, Name, Timestamp};

/// What a task says about a channel; shared by the channels it covers.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelSettings {
    /// Which detector.
    pub detector: &'static str,
    /// Threshold and warm-up.
    pub alarm: Settings,
    /// Unit, if configured.
    pub unit: Option<String>,
    /// How often a firing alert is sent again, in milliseconds of reading time.
    pub update_every: i64,
}

impl Default for ChannelSettings {
    fn default() -> Self {
        Self { detector: "default", alarm: Settings::DEFAULT, unit: None, update_every: 60_000 }
    }
}

impl ChannelSettings {
    /// Stands for what a model learns under: a model is not loaded under another.
    #[must_use]
    pub fn digest(&self) -> u32 {
        brooklet_core::snapshot::digest(self.detector)
    }

    fn tag(&self) -> ModelTag {
        ModelTag {
            name: self.detector.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            digest: format!("{:08x}", self.digest()),
        }
    }
}

/// Everything that can change a channel: what a journal holds, and what a replay repeats to the bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// A reading to score and learn.
    Step {
        /// What was measured.
        value: f32,
        /// When.
        when: When,
    },
    /// A reading that the device has judged itself: its verdict makes the alert, and nothing is learnt here.
    Judged {
        /// What was measured.
        value: f32,
        /// When.
        when: When,
        /// What the device thinks of it.
        verdict: Verdict,
        /// Why, if it says so.
        because: Option<Because>,
        /// Whether the device has an alert open.
        firing: bool,
    },
    /// The side that makes the open alert, this one or the device, has no more to say: its alert is over.
    End {
        /// Which side.
        by_device: bool,
    },
    /// Goes on with a model that was learnt elsewhere, as a snapshot. An alert that this model does not know of is over.
    Adopt(Vec<u8>),
}

/// When a reading was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// At the payload's own time, which must grow from reading to reading.
    Own(Timestamp),
    /// When it came in: a clock that may stand still, for readings that come at once.
    Arrived(Timestamp),
    /// Nobody knows: the model gets no time, and alerts carry this one.
    Unknown(Timestamp),
}

/// What became of one reading.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Scored and learnt.
    Used(Used),
    /// Its own time is before that of the channel's last reading.
    Late,
    /// Its own time is that of the channel's last reading.
    Duplicate,
    /// Not a finite number.
    NonFinite,
    /// What was not a reading led to this.
    Changed(Option<(Change, Box<Alert>)>),
}

/// A reading that was scored and learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct Used {
    /// The verdict.
    pub verdict: Verdict,
    /// When it was measured.
    pub at: Timestamp,
    /// What happened to this channel's alerts, oldest first; nearly always nothing.
    pub changes: Vec<(Change, Box<Alert>)>,
}

/// One channel: its model, its last time, its open alert.
#[derive(Clone, Debug)]
pub struct Channel {
    name: ChannelId,
    settings: Arc<ChannelSettings>,
    model: Model,
    last: Option<Timestamp>,
    alert: Option<Box<Alert>>,
    sent_at: Timestamp,
    score_sent_at: Timestamp,
    alerts: u64,
    /// How many times it was changed in its life.
    steps: u64,
    changed: bool,
}

const NEVER: Timestamp = Timestamp(i64::MIN);

/// A channel's state as it is stored: the snapshot as it is, all else as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// How many times the channel was changed before: the greater, the newer.
    #[serde(default)]
    pub steps: u64,
    /// The model's snapshot.
    #[serde(skip)]
    pub snapshot: Vec<u8>,
    /// Time of the last reading.
    pub last: Option<Timestamp>,
    /// How many alerts there were.
    pub alerts: u64,
    /// The open one.
    pub alert: Option<Box<Alert>>,
}

impl Channel {
    /// A channel that has seen nothing. `None` if the settings name a detector that does not exist.
    #[must_use]
    pub fn new(name: ChannelId, settings: Arc<ChannelSettings>) -> Option<Self> {
        let model = Model::new(settings.detector)?;
        Some(Self {
            name,
            settings,
            model,
            last: None,
            alert: None,
            sent_at: NEVER,
            score_sent_at: NEVER,
            alerts: 0,
            steps: 0,
            changed: false,
        })
    }

    /// A channel as it was saved.
    ///
    /// # Errors
    /// Why its model cannot be used.
    pub fn restore(
        name: ChannelId,
        settings: Arc<ChannelSettings>,
        saved: Saved,
    ) -> Result<Self, brooklet_core::snapshot::Error> {
        let model = Model::load(&saved.snapshot, settings.digest())?;
        let sent_at = saved.alert.as_ref().map_or(NEVER, |alert| alert.updated_at);
        Ok(Self {
            name,
            settings,
            model,
            last: saved.last,
            alert: saved.alert,
            sent_at,
            score_sent_at: NEVER,
            alerts: saved.alerts,
            steps: saved.steps,
            changed: false,
        })
    }

    /// The model as bytes that a device can load.
    ///
    /// # Errors
    /// As [`Model::save`].
    pub fn snapshot(&self) -> Result<Vec<u8>, brooklet_core::snapshot::Error> {
        self.model.save(self.settings.digest())
    }

    /// The state to store.
    ///
    /// # Errors
    /// As [`Model::save`].
    pub fn save(&self) -> Result<Saved, brooklet_core::snapshot::Error> {
        Ok(Saved {
            steps: self.steps,
            snapshot: self.snapshot()?,
            last: self.last,
            alerts: self.alerts,
            alert: self.alert.clone(),
        })
    }

    /// The channel's name.
    #[must_use]
    pub const fn name(&self) -> &ChannelId {
        &self.name
    }

    /// The open alert.
    #[must_use]
    pub fn alert(&self) -> Option<&Alert> {
        self.alert.as_deref()
    }

    /// True once the channel has seen enough to raise alerts.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let (seen, warm_up) = self.model.warm_up(&self.settings.alarm);
        seen >= warm_up
    }

    /// True if a reading was learnt since the last call.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// True, and noted, if the last score was sent at least `every` milliseconds before `at`.
    pub fn score_is_due(&mut self, at: Timestamp, every: i64) -> bool {
        let due = at.0.saturating_sub(self.score_sent_at.0) >= every;
        if due {
            self.score_sent_at = at;
        }
        due
    }

    /// How many times the channel was changed.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Changes the channel: the one way to do so. The same operations in the same order give the same channel, to the bit.
    pub fn apply(&mut self, device: &DeviceId, op: &Op) -> Outcome {
        self.steps = self.steps.saturating_add(1);
        match op {
            Op::Step { value, when } => self.step(device, *value, *when),
            Op::Judged { value, when, verdict, because, firing } => {
                self.judged(device, *value, *when, *verdict, *because, *firing)
            }
            Op::End { by_device } => Outcome::Changed(self.end(*by_device)),
            // Checked before; a model that is none changes nothing.
            Op::Adopt(snapshot) => {
                let model = Model::load(snapshot, self.settings.digest());
                Outcome::Changed(model.ok().and_then(|model| self.adopt(model)))
            }
        }
    }

    /// One reading.
    fn step(&mut self, device: &DeviceId, value: f32, when: When) -> Outcome {
        let at = match self.time(when) {
            Ok(at) => at,
            Err(outcome) => return outcome,
        };
        let known = (!matches!(when, When::Unknown(_))).then_some(at);
        let Some((verdict, because)) = self.model.step(value, known, &self.settings.alarm) else {
            return Outcome::NonFinite;
        };
        self.tell(device, value, at, verdict, because, false)
    }

    fn judged(
        &mut self,
        device: &DeviceId,
        value: f32,
        when: When,
        mut verdict: Verdict,
        because: Option<Because>,
        firing: bool,
    ) -> Outcome {
        let at = match self.time(when) {
            Ok(at) => at,
            Err(outcome) => return outcome,
        };
        let reasons = because.iter().flat_map(|b| b.evidence.into_iter().chain([b.expected, b.low, b.high]));
        let all = [value, verdict.score, verdict.level, verdict.threshold].into_iter().chain(reasons);
        if !all.into_iter().all(f32::is_finite) {
            return Outcome::NonFinite;
        }
        // The message of the onset, or of the end, may have been lost.
        let known = self.alert.as_ref().is_some_and(|alert| alert.is_by_device());
        verdict.fired |= firing && !known;
        verdict.ended |= !firing && known;
        // A device need not say why.
        let silent = Because { evidence: [0.0; 5], expected: value, low: value, high: value };
        let because = verdict.fired.then(|| because.unwrap_or(silent));
        self.tell(device, value, at, verdict, because, true)
    }

    fn adopt(&mut self, model: Model) -> Option<(Change, Box<Alert>)> {
        self.changed = true;
        self.model = model;
        if self.model.is_alarmed() {
            return None;
        }
        let mut alert = self.alert.take()?;
        alert.resolve(alert.updated_at);
        Some((Change::Resolved, alert))
    }

    fn end(&mut self, by_device: bool) -> Option<(Change, Box<Alert>)> {
        let mut alert = self.alert.take_if(|alert| alert.is_by_device() == by_device)?;
        self.changed = true;
        alert.resolve(alert.updated_at);
        Some((Change::Resolved, alert))
    }

    /// The time of a reading, or why it is not taken.
    fn time(&self, when: When) -> Result<Timestamp, Outcome> {
        match (when, self.last) {
            (When::Own(own), Some(last)) if own < last => Err(Outcome::Late),
            (When::Own(own), Some(last)) if own == last => Err(Outcome::Duplicate),
            (When::Arrived(arrival), Some(last)) => Ok(arrival.max(last)),
            (When::Own(at) | When::Arrived(at) | When::Unknown(at), _) => Ok(at),
        }
    }

    /// What a verdict, of whichever model, means for the channel's alert.
    fn tell(
        &mut self,
        device: &DeviceId,
        value: f32,
        at: Timestamp,
        verdict: Verdict,
        because: Option<Because>,
        by_device: bool,
    ) -> Outcome {
        self.last = Some(at);
        self.changed = true;
        let mut changes = Vec::new();
        // An alert of the other side's model has nobody left who could end it.
        let orphaned = self.alert.as_ref().is_some_and(|alert| alert.is_by_device() != by_device);
        if let (Some(alert), false) = (&mut self.alert, orphaned) {
            alert.follow(verdict.level, at);
        }
        // A new onset ends the alert before it; see the monitor's `fired`.
        if (verdict.fired || verdict.ended || orphaned)
            && let Some(mut alert) = self.alert.take()
        {
            alert.resolve(at);
            changes.push((Change::Resolved, alert));
        }
        if let (true, Some(because)) = (verdict.fired, because) {
            let mut alert = Box::new(Alert::fire(Onset {
                device,
                channel: &self.name,
                at,
                value,
                unit: self.settings.unit.as_deref(),
                score: verdict.score,
                threshold: verdict.threshold,
                because,
                model: if by_device { ModelTag::device() } else { self.settings.tag() },
                number: self.alerts,
            }));
            self.alerts = self.alerts.saturating_add(1);
            self.sent_at = at;
            changes.push((Change::Fired, alert.clone()));
            if verdict.ended {
                alert.resolve(at);
                changes.push((Change::Resolved, alert));
            } else {
                self.alert = Some(alert);
            }
        } else if let Some(alert) = &mut self.alert
            && at.0.saturating_sub(self.sent_at.0) >= self.settings.update_every
        {
            self.sent_at = at;
            alert.sequence = alert.sequence.saturating_add(1);
            changes.push((Change::Updated, alert.clone()));
        }
        Outcome::Used(Used { verdict, at, changes })
    }
}

/// A device: its channels by name.
#[derive(Clone, Debug)]
pub struct Device {
    id: DeviceId,
    /// Boxed: a table has room for more than is in it, and a channel takes some kilobytes.
    channels: HashMap<Name, Box<Channel>>,
}

impl Device {
    /// A device without channels.
    #[must_use]
    pub fn new(id: DeviceId) -> Self {
        Self { id, channels: HashMap::new() }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> &DeviceId {
        &self.id
    }

    /// A channel, if it exists.
    pub fn channel_mut(&mut self, name: &str) -> Option<(&DeviceId, &mut Channel)> {
        Some((&self.id, self.channels.get_mut(name)?.as_mut()))
    }

    /// Adds a channel.
    pub fn insert(&mut self, channel: Channel) {
        self.channels.insert(channel.name.0.clone(), Box::new(channel));
    }

    /// Its name and all its channels, in no particular order.
    pub fn channels_mut(&mut self) -> (&DeviceId, impl Iterator<Item = &mut Channel>) {
        (&self.id, self.channels.values_mut().map(Box::as_mut))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> Channel {
        Channel::new(ChannelId("t".into()), Arc::default()).unwrap()
    }

    fn used(outcome: Outcome) -> Used {
        match outcome {
            Outcome::Used(used) => used,
            other => panic!("{other:?}"),
        }
    }

    const FIVE_MINUTES: i64 = 300_000;

    #[test]
    fn own_times_must_grow_and_arrival_may_stand_still() {
        let (device, mut channel) = (DeviceId("d".into()), channel());
        let mut step = |when| channel.step(&device, 1.0, when);
        let (own, arrived) = (|ms| When::Own(Timestamp(ms)), |ms| When::Arrived(Timestamp(ms)));
        assert_eq!(used(step(own(100))).at, Timestamp(100));
        assert_eq!(step(own(100)), Outcome::Duplicate);
        assert_eq!(step(own(50)), Outcome::Late);
        assert_eq!(used(step(arrived(200))).at, Timestamp(200));
        assert_eq!(used(step(arrived(200))).at, Timestamp(200));
        assert_eq!(used(step(arrived(150))).at, Timestamp(200), "an arrival clock that was set back");
        assert_eq!(channel.step(&device, f32::NAN, own(300)), Outcome::NonFinite);
    }

    #[test]
    fn a_device_that_judges_makes_the_alert_and_teaches_nothing() {
        let (device, mut channel) = (DeviceId("d".into()), channel());
        let before = channel.snapshot().unwrap();
        let verdict = |score, fired, ended| Verdict { score, level: score, threshold: 2.2, fired, ended };
        let mut judged = |time, value, verdict: Verdict| {
            let when = When::Own(Timestamp(time));
            let outcome = channel.judged(&device, value, when, verdict, None, verdict.fired);
            match outcome {
                Outcome::Used(used) => Ok(used.changes),
                other => Err(other),
            }
        };
        assert_eq!(judged(1, 5.0, verdict(0.1, false, false)), Ok(vec![]));
        let fired = judged(2, 50.0, verdict(3.0, true, false)).unwrap();
        assert_eq!((fired[0].0, fired[0].1.model.name.as_str()), (Change::Fired, ModelTag::DEVICE));
        assert_eq!(judged(3, 5.0, verdict(f32::NAN, false, false)), Err(Outcome::NonFinite));
        assert_eq!(judged(2, 5.0, verdict(0.1, false, false)), Err(Outcome::Duplicate));
        let ended = judged(4, 5.0, verdict(0.1, false, true)).unwrap();
        assert_eq!((ended[0].0, &ended[0].1.id), (Change::Resolved, &fired[0].1.id));
        judged(5, 50.0, verdict(3.0, true, false)).unwrap();
        assert_eq!(channel.snapshot().unwrap(), before);
        // Learning here again ends what nobody could end any more.
        let changes = used(channel.step(&device, 5.0, When::Own(Timestamp(6)))).changes;
        assert_eq!(changes[0].0, Change::Resolved);
    }

    #[test]
    fn an_onset_and_an_end_that_were_lost_are_made_up_for() {
        let (device, mut channel) = (DeviceId("d".into()), channel());
        let verdict = Verdict { score: 2.0, level: 3.0, threshold: 2.2, fired: false, ended: false };
        let mut judged = |time, firing| {
            let when = When::Own(Timestamp(time));
            let changes = used(channel.judged(&device, 50.0, when, verdict, None, firing)).changes;
            changes.into_iter().map(|(change, _)| change).collect::<Vec<_>>()
        };
        assert_eq!(judged(1, false), []);
        assert_eq!(judged(2, true), [Change::Fired]);
        assert_eq!(judged(3, true), []);
        assert_eq!(judged(4, false), [Change::Resolved]);
        assert_eq!(judged(5, false), []);
    }

    #[test]
    fn whatever_a_device_says_its_alert_can_be_stored_and_read_again() {
        let (device, mut channel) = (DeviceId("d".into()), channel());
        let verdict =
            Verdict { score: f32::MAX, level: f32::MAX, threshold: f32::MIN, fired: true, ended: false };
        for (i, evidence) in
            [[f32::MAX; 5], [f32::MIN; 5], [2.0, -2.0, -1.9, 0.0, 0.0]].into_iter().enumerate()
        {
            let because = Because { evidence, expected: f32::MIN, low: f32::MAX, high: f32::MIN };
            let when = When::Own(Timestamp(i as i64));
            let changes = used(channel.judged(&device, 1.0, when, verdict, Some(because), true)).changes;
            let alert = &changes.last().unwrap().1;
            assert!(alert.because.experts.iter().all(|expert| (0.0..=1.0).contains(&expert.share)));
            let json = serde_json::to_string(alert).unwrap();
            assert_eq!(&serde_json::from_str::<Box<Alert>>(&json).unwrap(), alert);
        }
    }

    #[test]
    fn a_model_adopted_goes_on_to_the_bit_and_ends_an_alert_it_does_not_know() {
        let device = DeviceId("d".into());
        let (mut here, mut there) = (channel(), channel());
        let value = |i: i64| if i >= 1500 { 60.0 } else { (i % 12) as f32 };
        for i in 0..1501 {
            there.step(&device, value(i), When::Own(Timestamp(i * FIVE_MINUTES)));
        }
        assert!(there.alert().is_some());
        let fresh = Model::new("default").unwrap();
        let model = Model::load(&there.snapshot().unwrap(), there.settings.digest()).unwrap();
        assert_eq!(here.adopt(model), None);
        for i in 1501..1600 {
            let step = |channel: &mut Channel| {
                used(channel.step(&device, value(i), When::Own(Timestamp(i * FIVE_MINUTES)))).verdict
            };
            assert_eq!(step(&mut here), step(&mut there));
        }
        assert_eq!(here.snapshot().unwrap(), there.snapshot().unwrap());
        assert_eq!(there.adopt(fresh).map(|(change, _)| change), Some(Change::Resolved));
    }

    #[test]
    fn an_alert_lives_from_fired_over_updated_to_resolved_and_survives_a_restart() {
        let (device, mut channel) = (DeviceId("d".into()), channel());
        let mut seen = Vec::new();
        for i in 0..2000i64 {
            let value = if (1500..1600).contains(&i) { 60.0 } else { (i % 12) as f32 };
            if i == 1550 {
                let saved = channel.save().unwrap();
                channel = Channel::restore(channel.name.clone(), Arc::default(), saved).unwrap();
            }
            let own = When::Own(Timestamp(i * FIVE_MINUTES));
            for (change, alert) in used(channel.step(&device, value, own)).changes {
                seen.push((i, change, alert));
            }
        }
        let kinds: Vec<_> = seen.iter().map(|(_, change, _)| *change).collect();
        assert_eq!(kinds.first(), Some(&Change::Fired));
        assert_eq!(kinds.last(), Some(&Change::Resolved));
        assert_eq!(seen[0].0, 1500);
        let first = &seen[0].2;
        let of_first: Vec<_> = seen.iter().filter(|(.., alert)| alert.id == first.id).collect();
        let sequence: Vec<u32> = of_first.iter().map(|(.., alert)| alert.sequence).collect();
        assert_eq!(sequence, (1..=sequence.len() as u32).collect::<Vec<_>>());
        assert!(of_first.iter().any(|(i, change, _)| *i >= 1550 && *change == Change::Updated));
        assert!(channel.alert().is_none());
    }
}
