//! One device and its channels: from a reading to a verdict and, now and then, an alert. Pure: no IO, no clock.

use std::collections::HashMap;
use std::sync::Arc;

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::{Because, Part};
use brooklet_core::monitor::Verdict;
use brooklet_core::sensor::Fault;

use serde::{Deserialize, Serialize};

use crate::admission::Bucket;
use crate::alert::{Alert, Blame, Change, JointOnset, ModelTag, Named, Onset};
use crate::decode::MAX_STRING;
use crate::joint::{self, Group, Row, Rows};
use crate::model::{Model, Without};
use crate::order::{Held, Limits, MOST_HELD, Order, Refused, Repair, Taken};
use crate::reading::{ChannelId, DeviceId, Name, Timestamp};
use crate::siblings::StartFrom;

/// What a task says about a channel; shared by the channels it covers.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelSettings {
    /// Which detector.
    pub detector: &'static str,
    /// Threshold and warm-up.
    pub alarm: Settings,
    /// Unit, if configured.
    pub unit: Option<String>,
    /// Where a new channel starts from.
    pub start_from: Option<StartFrom>,
    /// How often a firing alert is sent again, in milliseconds of reading time.
    pub update_every: i64,
    /// Which times can be.
    pub limits: Limits,
    /// What is left out to measure its worth.
    pub without: Without,
    /// Judged also together with the device's other channels.
    pub joint: bool,
}

impl Default for ChannelSettings {
    fn default() -> Self {
        Self {
            detector: "default",
            alarm: Settings::DEFAULT,
            unit: None,
            start_from: None,
            update_every: 60_000,
            limits: Limits::default(),
            without: Without::default(),
            joint: true,
        }
    }
}

impl ChannelSettings {
    /// Stands for what a model learns under: a model is not loaded under another.
    #[must_use]
    pub fn digest(&self) -> u32 {
        brooklet_core::snapshot::digest(self.detector)
    }

    /// The same for a group of channels of which this is one. It rings at twice the evidence: rows that follow one another are
    /// alike, and what is taken for many of them is few.
    #[must_use]
    pub fn of_group(&self) -> Self {
        let alarm = Settings { threshold: 2.0 * self.alarm.threshold, ..self.alarm };
        Self { detector: joint::DETECTOR, unit: None, start_from: None, alarm, ..self.clone() }
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
        /// What is wrong with the sensor: verdicts are kept without it.
        fault: Option<Fault>,
    },
    /// The side that makes the open alert, this one or the device, has no more to say: its alert is over.
    End {
        /// Which side.
        by_device: bool,
    },
    /// Goes on with a model that was learnt elsewhere, as a snapshot. An alert that this model does not know of is over.
    Adopt(Vec<u8>),
    /// No older readings are waited for any more by those that have been held long enough at this time of the arrival
    /// clock.
    Flush(Timestamp),
    /// Of a group: it consists of these channels from now on, as [`Group::join`].
    Join(Vec<ChannelId>),
    /// Of a group: a row to score and learn.
    Row(Row),
}

impl Op {
    /// Whether it brings a reading.
    #[must_use]
    pub const fn is_reading(&self) -> bool {
        matches!(self, Self::Step { .. } | Self::Judged { .. })
    }
}

/// When a reading was measured, and all that is known about the clocks that say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// At the payload's own time.
    Own {
        /// That time.
        at: Timestamp,
        /// How much later it came in, in milliseconds: most often a small number, which a journal keeps in few bytes.
        delay: i64,
        /// The clock of its arrival is known to be right, so that it may judge the reading's own.
        set: bool,
    },
    /// When it came in: a clock that may stand still, for readings that come at once.
    Arrived(Timestamp),
    /// Nobody knows: the model gets no time, and alerts carry this one.
    Unknown(Timestamp),
}

impl When {
    /// At the payload's own time, and what the clock of its arrival said.
    #[must_use]
    pub const fn own(at: Timestamp, arrived: Timestamp, set: bool) -> Self {
        Self::Own { at, delay: arrived.0.saturating_sub(at.0), set }
    }

    /// At the time of a recording, whose arrival says nothing.
    #[must_use]
    pub const fn recorded(at: Timestamp) -> Self {
        Self::own(at, Timestamp(0), false)
    }
}

/// What an operation led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// What became of the reading that it brought, if it brought one.
    pub fate: Option<Fate>,
    /// What was done so that this reading could be taken.
    pub repair: Option<Repair>,
    /// The readings that were scored and learnt, in the order of their times: this one, some that were held, or none.
    pub used: Vec<Used>,
    /// The end of an alert to which no reading led.
    pub ended: Option<Box<Alert>>,
}

impl Outcome {
    fn of(fate: Fate) -> Self {
        Self { fate: Some(fate), ..Self::default() }
    }

    fn ended(ended: Option<Box<Alert>>) -> Self {
        Self { ended, ..Self::default() }
    }

    /// What happened to the channel's alerts, oldest first.
    pub fn changes(self) -> impl Iterator<Item = (Change, Box<Alert>)> {
        let ended = self.ended.map(|alert| (Change::Resolved, alert));
        self.used.into_iter().flat_map(|used| used.changes).chain(ended)
    }
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Scored and learnt.
    Used,
    /// It waits for older ones, and is among the used ones of a later operation.
    Held,
    /// Not taken, because of its time.
    Refused(Refused),
    /// Not a finite number.
    NonFinite,
    /// The learner panicked.
    Failed,
}

/// A reading, or a group's row, that was scored and learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct Used {
    /// What was measured; 0 for a row.
    pub value: f32,
    /// The verdict.
    pub verdict: Verdict,
    /// When it was measured, and whether that is known.
    pub at: Timestamp,
    /// See [`Used::at`].
    pub known: bool,
    /// What happened to this channel's alerts, oldest first; nearly always nothing.
    pub changes: Vec<(Change, Box<Alert>)>,
}

/// A reading, or a group's row, and what a model, this side's or the device's, says of it.
#[derive(Clone, Copy)]
struct Ruling {
    value: f32,
    at: Timestamp,
    known: bool,
    verdict: Verdict,
    /// Why, if an alert of a single channel starts.
    because: Option<Because>,
    /// The sensor's fault, if the alert is of it.
    blame: Option<Blame>,
    by_device: bool,
}

/// Whose readings are learnt.
#[derive(Clone, Debug, PartialEq)]
enum Learnt {
    One(Model),
    /// Those of several channels together.
    Group(Group),
}

impl Learnt {
    fn new(settings: &ChannelSettings) -> Option<Self> {
        if settings.detector == joint::DETECTOR {
            return Some(Self::Group(Group::default()));
        }
        Some(Self::One(Model::new(settings.detector)?.without(settings.without.experts)))
    }

    fn load(settings: &ChannelSettings, saved: &mut Saved) -> Result<Self, brooklet_core::snapshot::Error> {
        let digest = settings.digest();
        if settings.detector == joint::DETECTOR {
            let members = std::mem::take(&mut saved.members);
            return Group::load(&saved.snapshot, digest, members).map(Self::Group);
        }
        Model::load(&saved.snapshot, digest).map(Self::One)
    }

    const fn one(&self) -> Option<&Model> {
        match self {
            Self::One(model) => Some(model),
            Self::Group(_) => None,
        }
    }

    const fn group(&self) -> Option<&Group> {
        match self {
            Self::One(_) => None,
            Self::Group(group) => Some(group),
        }
    }
}

/// One channel: its model, the order of its readings, its open alert. Or a group of channels that are judged together, with a
/// name, a life and alerts as a channel has, see [`joint`].
#[derive(Clone, Debug)]
pub struct Channel {
    name: ChannelId,
    settings: Arc<ChannelSettings>,
    learnt: Learnt,
    /// Its place in the rows of its device.
    seat: Option<usize>,
    order: Order,
    alert: Option<Box<Alert>>,
    sent_at: Timestamp,
    score_sent_at: Timestamp,
    alerts: u64,
    /// How many times it was changed in its life.
    steps: u64,
    /// The round of checkpoints in which it last changed; `None` if never since it was restored.
    changed_in: Option<u64>,
}

const NEVER: Timestamp = Timestamp(i64::MIN);

impl Channel {
    /// What a channel costs in memory at most, in bytes, its device's share included: itself, its model, the readings that it
    /// holds, its names (here, among the unsaved ones, and in the routes, twice for the room that tables keep free), an open
    /// alert, its share of a group.
    pub const BYTES: usize = size_of::<Self>()
        + Model::BYTES
        + MOST_HELD * size_of::<Held>()
        + 8 * MAX_STRING
        + size_of::<Alert>()
        + size_of::<Device>()
        + Self::SHARE;

    /// Bytes that a channel adds to those that all groups together may take: enough for any two channels or more.
    pub const SHARE: usize = 1024;
}

/// A channel's state as it is stored: the snapshot as it is, all else as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// How many times the channel was changed before: the greater, the newer.
    #[serde(default)]
    pub steps: u64,
    /// The model's snapshot.
    #[serde(skip)]
    pub snapshot: Vec<u8>,
    /// Time of the last reading, and readings that are held.
    #[serde(default)]
    pub order: Order,
    /// How many alerts there were.
    pub alerts: u64,
    /// The open one.
    pub alert: Option<Box<Alert>>,
    /// Time of the reading with which it was told last.
    #[serde(default)]
    pub sent_at: Option<Timestamp>,
    /// The channels of a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<ChannelId>,
}

impl Channel {
    /// A channel that has seen nothing. `None` if the settings name a detector that does not exist.
    #[must_use]
    pub fn new(name: ChannelId, settings: Arc<ChannelSettings>) -> Option<Self> {
        let learnt = Learnt::new(&settings)?;
        Some(Self {
            name,
            settings,
            learnt,
            seat: None,
            order: Order::default(),
            alert: None,
            sent_at: NEVER,
            score_sent_at: NEVER,
            alerts: 0,
            steps: 0,
            changed_in: None,
        })
    }

    /// A channel as it was saved.
    ///
    /// # Errors
    /// Why its model cannot be used.
    pub fn restore(
        name: ChannelId,
        settings: Arc<ChannelSettings>,
        mut saved: Saved,
    ) -> Result<Self, brooklet_core::snapshot::Error> {
        let learnt = Learnt::load(&settings, &mut saved)?;
        let updated_at = saved.alert.as_ref().map(|alert| alert.updated_at);
        Ok(Self {
            name,
            settings,
            learnt,
            seat: None,
            order: saved.order,
            alert: saved.alert,
            sent_at: saved.sent_at.or(updated_at).unwrap_or(NEVER),
            score_sent_at: NEVER,
            alerts: saved.alerts,
            steps: saved.steps,
            changed_in: None,
        })
    }

    /// The model as bytes; a device can load them, but those of a group.
    ///
    /// # Errors
    /// As [`Model::save`] and [`Group::save`].
    pub fn snapshot(&self) -> Result<Vec<u8>, brooklet_core::snapshot::Error> {
        let digest = self.settings.digest();
        match &self.learnt {
            Learnt::One(model) => model.save(digest),
            Learnt::Group(group) => group.save(digest),
        }
    }

    /// The state to store.
    ///
    /// # Errors
    /// As [`Model::save`].
    pub fn save(&self) -> Result<Saved, brooklet_core::snapshot::Error> {
        Ok(Saved {
            steps: self.steps,
            snapshot: self.snapshot()?,
            order: self.order.clone(),
            alerts: self.alerts,
            alert: self.alert.clone(),
            sent_at: self.alert.is_some().then_some(self.sent_at),
            members: self.members().map(<[ChannelId]>::to_vec).unwrap_or_default(),
        })
    }

    /// What it was told about.
    #[must_use]
    pub fn settings(&self) -> &ChannelSettings {
        &self.settings
    }

    /// The channels of a group; `None` for a single channel.
    #[must_use]
    pub fn members(&self) -> Option<&[ChannelId]> {
        self.learnt.group().map(Group::members)
    }

    /// How many channels it judges together: 0 for a single channel.
    pub(crate) fn size(&self) -> usize {
        self.members().map_or(0, <[ChannelId]>::len)
    }

    /// Its place in the rows of its device, if it has one.
    #[must_use]
    pub const fn seat(&self) -> Option<usize> {
        self.seat
    }

    /// What starts this channel from another one's model; `None` if that cannot be used or knows too little.
    #[must_use]
    pub fn sibling_of(&self, snapshot: &[u8]) -> Option<Op> {
        let digest = self.settings.digest();
        let model = Model::load(snapshot, digest).ok()?.sibling(&self.settings.alarm)?;
        model.save(digest).ok().map(Op::Adopt)
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

    /// Share of its budget of alerts that is used; 1 is all of it.
    #[must_use]
    pub fn budget_used(&self) -> f32 {
        match &self.learnt {
            Learnt::One(model) => model.budget_used(&self.settings.alarm),
            Learnt::Group(group) => group.budget_used(&self.settings.alarm),
        }
    }

    /// True once the channel has seen enough to raise alerts.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let (seen, warm_up) = self.warm_up();
        seen >= warm_up
    }

    /// Readings or rows seen, and how many it takes before the first alert.
    #[must_use]
    pub fn warm_up(&self) -> (u32, u32) {
        match &self.learnt {
            Learnt::One(model) => model.warm_up(&self.settings.alarm),
            Learnt::Group(group) => group.warm_up(&self.settings.alarm),
        }
    }

    /// Where a reading is expected that comes next, and what would be said of it. `None` for one that is not finite.
    #[must_use]
    pub fn explain(&self, value: f32, time: Option<Timestamp>) -> Option<Because> {
        self.learnt.one()?.explain(value, time)
    }

    /// True if it changed in this round of checkpoints or a later one.
    #[must_use]
    pub fn changed_since(&self, round: u64) -> bool {
        self.changed_in.is_some_and(|changed| changed >= round)
    }

    /// How many readings are held.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.order.held()
    }

    /// Readings have been held long enough: [`Op::Flush`] would release some.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.order.overdue(now, &self.settings.limits).is_some()
    }

    /// True, and noted, if the last score was sent at least `every` milliseconds before `at`.
    pub fn score_is_due(&mut self, at: Timestamp, every: i64) -> bool {
        let due = is_due(at, self.score_sent_at, every);
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

    /// Some steps are missing: the next one has this number.
    pub(crate) const fn skip_to(&mut self, step: u64) {
        self.steps = step.saturating_sub(1);
    }

    /// Changes the channel: the one way to do so. The same operations in the same order give the same channel, to the bit,
    /// whatever the round of checkpoints is.
    pub fn apply(&mut self, device: &DeviceId, op: &Op, round: u64) -> Outcome {
        self.steps = self.steps.saturating_add(1);
        self.changed_in = Some(round);
        match op {
            Op::Step { value, when } => self.step(device, *value, *when),
            Op::Judged { value, when, verdict, because, firing, fault } => {
                let verdict = Verdict { fault: *fault, ..*verdict };
                self.judged(device, *value, *when, verdict, *because, *firing)
            }
            Op::End { by_device } => Outcome::ended(self.end(*by_device)),
            // Checked before; a model that is none changes nothing.
            Op::Adopt(_) if self.learnt.group().is_some() => Outcome::default(),
            Op::Adopt(snapshot) => {
                let model = Model::load(snapshot, self.settings.digest());
                Outcome::ended(model.ok().and_then(|model| self.adopt(model)))
            }
            Op::Flush(now) => {
                let mut used = Vec::new();
                if let Some(until) = self.order.overdue(*now, &self.settings.limits) {
                    self.release(device, &mut used, |order| order.until(until));
                }
                Outcome { used, ..Outcome::default() }
            }
            Op::Join(members) => {
                let Learnt::Group(group) = &mut self.learnt else { return Outcome::default() };
                group.join(members, self.settings.without.joint_experts);
                // A model that begins anew knows of no alert.
                Outcome::ended(if group.is_alarmed() { None } else { self.end(false) })
            }
            Op::Row(row) => {
                let used = self.row(device, row).into_iter().collect();
                Outcome { used, ..Outcome::default() }
            }
        }
    }

    /// One row of a group.
    fn row(&mut self, device: &DeviceId, row: &Row) -> Option<Used> {
        let Learnt::Group(group) = &mut self.learnt else { return None };
        let (verdict, because) = group.step(row, &self.settings.alarm)?;
        let at = row.at();
        let onset = because.filter(|_| verdict.fired).and_then(|because| {
            let parts = || because.channels.iter().flatten();
            // What a channel says already is not said again.
            if parts().any(|part| row.rings(part.channel)) {
                return None;
            }
            let named =
                |part: Part| Some(Named { name: group.members().get(usize::from(part.channel))?, part });
            Alert::fire_joint(JointOnset {
                device,
                channel: &self.name,
                at,
                score: verdict.score,
                threshold: verdict.threshold,
                evidence: because.evidence,
                channels: parts().copied().filter_map(named).collect(),
                budget_used: group.budget_used(&self.settings.alarm),
                model: self.settings.tag(),
                number: self.alerts,
            })
        });
        let known = row.is_known();
        let ruling = Ruling { value: 0.0, at, known, verdict, because: None, blame: None, by_device: false };
        Some(self.tell(ruling, onset))
    }

    /// One reading.
    fn step(&mut self, device: &DeviceId, value: f32, when: When) -> Outcome {
        if !value.is_finite() {
            return Outcome::of(Fate::NonFinite);
        }
        let limits = self.settings.limits;
        let (taken, repair) = match self.place(value, when, &limits) {
            Ok(taken) => taken,
            Err(refused) => return Outcome::of(Fate::Refused(refused)),
        };
        let mut used = Vec::with_capacity(1);
        let fate = match taken {
            Taken::Now(at) => {
                self.release(device, &mut used, Order::pop);
                let known = !matches!(when, When::Unknown(_));
                used.extend(self.learn(device, value, at, known));
                Fate::Used
            }
            Taken::Held => {
                self.release(device, &mut used, |order| order.due(&limits));
                let passed = |at| self.order.last().is_some_and(|last| at <= last);
                if matches!(when, When::Own { at, .. } if passed(at)) { Fate::Used } else { Fate::Held }
            }
        };
        Outcome { fate: Some(fate), repair, used, ended: None }
    }

    /// The place of a reading among the others.
    fn place(&mut self, value: f32, when: When, limits: &Limits) -> Result<(Taken, Option<Repair>), Refused> {
        match when {
            When::Own { at, delay, set } => {
                let arrived = Timestamp(at.0.saturating_add(delay));
                self.order.place(Held::new(value, at, arrived), set, limits)
            }
            When::Arrived(at) => Ok((Taken::Now(self.order.arrival(at)), None)),
            When::Unknown(at) => Ok((Taken::Now(at), None)),
        }
    }

    /// Learns the readings that `next` takes from those that are held.
    fn release(
        &mut self,
        device: &DeviceId,
        used: &mut Vec<Used>,
        mut next: impl FnMut(&mut Order) -> Option<Held>,
    ) {
        while let Some(held) = next(&mut self.order) {
            used.extend(self.learn(device, held.value(), held.at(), true));
        }
    }

    /// Scores and learns one finite value.
    fn learn(&mut self, device: &DeviceId, value: f32, at: Timestamp, known: bool) -> Option<Used> {
        #[cfg(test)]
        assert!(value != tests::PANICS, "a learner that panics");
        let Learnt::One(model) = &mut self.learnt else { return None };
        let (verdict, because) = model.step(value, known.then_some(at), &self.settings.alarm)?;
        let blame = if model.blames_sensor() {
            verdict.fault.map(|fault| Blame { fault, finding: model.finding() })
        } else {
            None
        };
        let ruling = Ruling { value, at, known, verdict, because, blame, by_device: false };
        Some(self.tell(ruling, self.onset(device, &ruling)))
    }

    /// The alert of a single channel that starts, if one does.
    fn onset(&self, device: &DeviceId, ruling: &Ruling) -> Option<Alert> {
        let Ruling { value, at, verdict, because, blame, by_device, .. } = *ruling;
        Some(Alert::fire(Onset {
            device,
            channel: &self.name,
            at,
            value,
            unit: self.settings.unit.as_deref(),
            score: verdict.score,
            threshold: verdict.threshold,
            because: because.filter(|_| verdict.fired)?,
            blame,
            budget_used: (!by_device).then(|| self.budget_used()),
            model: if by_device { ModelTag::device() } else { self.settings.tag() },
            number: self.alerts,
        }))
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
        let reasons = because.iter().flat_map(|b| b.evidence.into_iter().chain([b.expected, b.low, b.high]));
        let all = [value, verdict.score, verdict.level, verdict.threshold].into_iter().chain(reasons);
        if !all.into_iter().all(f32::is_finite) {
            return Outcome::of(Fate::NonFinite);
        }
        // The device's verdicts follow each other: none is held, and what is held comes before.
        let mut used = Vec::with_capacity(1);
        self.release(device, &mut used, Order::pop);
        let limits = Limits { max_lateness: 0, ..self.settings.limits };
        let (at, repair) = match self.place(value, when, &limits) {
            Ok((Taken::Now(at), repair)) => (at, repair),
            Ok((Taken::Held, _)) => return Outcome { used, ..Outcome::of(Fate::Held) },
            Err(refused) => return Outcome { used, ..Outcome::of(Fate::Refused(refused)) },
        };
        // The message of the onset, or of the end, may have been lost.
        let known = self.alert.as_ref().is_some_and(|alert| alert.is_by_device());
        verdict.fired |= firing && !known;
        verdict.ended |= !firing && known;
        // A device need not say why.
        let silent = Because { evidence: [0.0; 6], expected: value, low: value, high: value };
        let because = verdict.fired.then(|| because.unwrap_or(silent));
        let explains = |fault: &Fault| fault.rings() || *fault == Fault::Spike;
        let blame = verdict.fault.filter(explains).map(|fault| Blame { fault, finding: None });
        let known = !matches!(when, When::Unknown(_));
        let ruling = Ruling { value, at, known, verdict, because, blame, by_device: true };
        used.push(self.tell(ruling, self.onset(device, &ruling)));
        Outcome { fate: Some(Fate::Used), repair, used, ended: None }
    }

    fn adopt(&mut self, model: Model) -> Option<Box<Alert>> {
        let is_alarmed = model.is_alarmed();
        self.learnt = Learnt::One(model);
        if is_alarmed {
            return None;
        }
        let mut alert = self.alert.take()?;
        alert.resolve(alert.updated_at);
        Some(alert)
    }

    fn end(&mut self, by_device: bool) -> Option<Box<Alert>> {
        let mut alert = self.alert.take_if(|alert| alert.is_by_device() == by_device)?;
        alert.resolve(alert.updated_at);
        Some(alert)
    }

    /// What a verdict, of whichever model, means for the channel's alert.
    fn tell(&mut self, ruling: Ruling, onset: Option<Alert>) -> Used {
        let Ruling { value, at, known, verdict, blame, by_device, .. } = ruling;
        self.order.learnt(at);
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
        if let Some(alert) = onset {
            let mut alert = Box::new(alert);
            self.alerts = self.alerts.saturating_add(1);
            self.sent_at = at;
            changes.push((Change::Fired, alert.clone()));
            if verdict.ended {
                alert.resolve(at);
                changes.push((Change::Resolved, alert));
            } else {
                self.alert = Some(alert);
            }
        } else if let Some(alert) = &mut self.alert {
            // What turns out to be the sensor is said at once, in the alert that is open: one call, not two.
            let blamed = blame.is_some_and(|blame| alert.blame(&blame));
            if blamed || is_due(at, self.sent_at, self.settings.update_every) {
                self.sent_at = at;
                alert.sequence = alert.sequence.saturating_add(1);
                changes.push((Change::Updated, alert.clone()));
            }
        }
        Used { value, verdict, at, known, changes }
    }
}

/// What was told at `before` is to be told again: it is long ago, or the clock was set back since.
const fn is_due(at: Timestamp, before: Timestamp, every: i64) -> bool {
    at.0 < before.0 || at.0.saturating_sub(before.0) >= every
}

/// A device: its channels, and the groups of those that are judged together, by name.
#[derive(Clone, Debug)]
pub struct Device {
    id: DeviceId,
    /// Where it was first heard, in the plan.
    position: usize,
    /// Boxed: a table has room for more than is in it, and a channel takes some kilobytes.
    channels: HashMap<Name, Box<Channel>>,
    /// How much it sends.
    pub(crate) bucket: Bucket,
    /// Its channels together.
    pub(crate) rows: Rows,
}

impl Device {
    /// A device without channels; `position` is that of its stream or line in the plan.
    #[must_use]
    pub fn new(id: DeviceId, position: usize) -> Self {
        Self { id, position, channels: HashMap::new(), bucket: Bucket::default(), rows: Rows::default() }
    }

    /// Where it was first heard, in the plan.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> &DeviceId {
        &self.id
    }

    /// A channel, or a group, if it exists.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.get(name).map(Box::as_ref)
    }

    /// Whether a channel, or the group that it is judged in, has an open alert.
    pub(crate) fn rings(&self, channel: &Channel) -> bool {
        let group = channel.seat.and_then(|seat| self.channel(&joint::channel(seat / joint::MOST).0));
        channel.alert().or(group.and_then(Channel::alert)).is_some()
    }

    /// The same, to be changed, and the device's name.
    pub fn channel_mut(&mut self, name: &str) -> Option<(&DeviceId, &mut Channel)> {
        Some((&self.id, self.channels.get_mut(name)?.as_mut()))
    }

    /// Adds a channel.
    pub fn insert(&mut self, channel: Channel) {
        self.channels.insert(channel.name.0.clone(), Box::new(channel));
    }

    /// Gives a channel a place in the device's rows, if it has none.
    pub(crate) fn seat(&mut self, name: &str) {
        if let Some(channel) = self.channels.get_mut(name) {
            channel.seat = self.rows.seat(&channel.name);
        }
    }

    /// Takes a channel out.
    pub fn remove(&mut self, name: &str) -> Option<Box<Channel>> {
        self.channels.remove(name)
    }

    /// Its name and all its channels and groups, in no particular order.
    pub fn channels_mut(&mut self) -> (&DeviceId, impl Iterator<Item = &mut Channel>) {
        (&self.id, self.channels.values_mut().map(Box::as_mut))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use brooklet_core::rng::Rng;

    use super::*;
    use crate::alert::Kind;

    /// A learner panics over this value, in tests.
    pub(crate) const PANICS: f32 = -987_654.0;

    fn channel() -> Channel {
        Channel::new(ChannelId("t".into()), Arc::default()).unwrap()
    }

    fn used(outcome: Outcome) -> Used {
        let [used] = <[Used; 1]>::try_from(outcome.used).unwrap();
        used
    }

    const FIVE_MINUTES: i64 = 300_000;

    #[test]
    fn own_times_must_grow_and_arrival_may_stand_still() {
        let (device, mut channel) = (DeviceId("d".into()), channel());
        let mut step = |when| channel.step(&device, 1.0, when);
        let (own, arrived) = (|ms| When::recorded(Timestamp(ms)), |ms| When::Arrived(Timestamp(ms)));
        assert_eq!(used(step(own(100))).at, Timestamp(100));
        assert_eq!(step(own(100)), Outcome::of(Fate::Refused(Refused::Duplicate)));
        assert_eq!(step(own(50)), Outcome::of(Fate::Refused(Refused::Late)));
        assert_eq!(used(step(arrived(200))).at, Timestamp(200));
        assert_eq!(used(step(arrived(200))).at, Timestamp(200));
        assert_eq!(used(step(arrived(150))).at, Timestamp(200), "an arrival clock that is kept in step");
        assert_eq!(used(step(arrived(-9000))).at, Timestamp(-9000), "one that was set back");
        assert_eq!(channel.step(&device, f32::NAN, own(300)), Outcome::of(Fate::NonFinite));
    }

    #[test]
    fn a_device_that_judges_makes_the_alert_and_teaches_nothing() {
        let (device, mut channel) = (DeviceId("d".into()), channel());
        let before = channel.snapshot().unwrap();
        let verdict =
            |score, fired, ended| Verdict { score, level: score, threshold: 2.2, fired, ended, fault: None };
        let mut judged = |time, value, verdict: Verdict| {
            let when = When::recorded(Timestamp(time));
            let outcome = channel.judged(&device, value, when, verdict, None, verdict.fired);
            match outcome.fate {
                Some(Fate::Used) => Ok(used(outcome).changes),
                other => Err(other.unwrap()),
            }
        };
        assert_eq!(judged(1, 5.0, verdict(0.1, false, false)), Ok(vec![]));
        let fired = judged(2, 50.0, verdict(3.0, true, false)).unwrap();
        assert_eq!((fired[0].0, fired[0].1.model.name.as_str()), (Change::Fired, ModelTag::DEVICE));
        assert_eq!(judged(3, 5.0, verdict(f32::NAN, false, false)), Err(Fate::NonFinite));
        assert_eq!(judged(2, 5.0, verdict(0.1, false, false)), Err(Fate::Refused(Refused::Duplicate)));
        let ended = judged(4, 5.0, verdict(0.1, false, true)).unwrap();
        assert_eq!((ended[0].0, &ended[0].1.id), (Change::Resolved, &fired[0].1.id));
        judged(5, 50.0, verdict(3.0, true, false)).unwrap();
        assert_eq!(channel.snapshot().unwrap(), before);
        // Learning here again ends what nobody could end any more.
        let changes = used(channel.step(&device, 5.0, When::recorded(Timestamp(6)))).changes;
        assert_eq!(changes[0].0, Change::Resolved);
    }

    #[test]
    fn an_onset_and_an_end_that_were_lost_are_made_up_for() {
        let (device, mut channel) = (DeviceId("d".into()), channel());
        let verdict =
            Verdict { score: 2.0, level: 3.0, threshold: 2.2, fired: false, ended: false, fault: None };
        let mut judged = |time, firing| {
            let when = When::recorded(Timestamp(time));
            let changes = used(channel.judged(&device, 50.0, when, verdict, None, firing)).changes;
            changes.into_iter().map(|(change, _)| change).collect::<Vec<_>>()
        };
        assert_eq!(judged(1, false), []);
        assert_eq!(judged(2, true), [Change::Fired]);
        assert_eq!(judged(3, true), []);
        assert_eq!(judged(4, false), [Change::Resolved]);
        assert_eq!(judged(5, false), []);
    }

    /// Readings every five minutes around 21.5, and what `then` says from the 3,000th on.
    fn sensor(then: impl Fn(i64) -> f32, until: i64) -> Vec<(Change, Box<Alert>)> {
        let (device, mut channel, mut rng) = (DeviceId("d".into()), channel(), Rng::new(1));
        let mut changes = Vec::new();
        for i in 0..until {
            let usual = (215.0 + rng.normal()).round() / 10.0 + rng.normal() / 1000.0;
            let value = if i < 3000 { usual } else { Some(then(i)).filter(|x| !x.is_nan()).unwrap_or(usual) };
            let op = Op::Step { value, when: When::recorded(Timestamp(i * FIVE_MINUTES)) };
            changes.extend(channel.apply(&device, &op, 0).changes());
        }
        changes.retain(|(_, alert)| alert.started_at.0 >= 3000 * FIVE_MINUTES);
        changes
    }

    #[test]
    fn a_sensor_that_sticks_is_told_as_such() {
        let changes = sensor(|_| 21.25, 3050);
        let (change, alert) = &changes[0];
        assert_eq!(
            (*change, alert.kind, alert.fault),
            (Change::Fired, Kind::SensorFault, Some(Fault::Stuck))
        );
        let sentence =
            "d t has been stuck at 21.25 for 2 h; it never stood still for more than 5 min before.";
        assert_eq!(alert.because.sentence, sentence);
        assert!(changes.iter().all(|(change, other)| *change != Change::Fired || other.id == alert.id));
    }

    #[test]
    fn an_alert_that_turns_out_to_be_a_spike_stays_one_alert() {
        let changes = sensor(|i| if i == 3000 { 90.0 } else { f32::NAN }, 3100);
        let told: Vec<_> = changes.iter().map(|(change, alert)| (*change, alert.kind)).collect();
        let (fired, spike) = (told[0], told[1]);
        assert_eq!(fired, (Change::Fired, Kind::Anomaly), "{told:?}");
        assert_eq!(spike, (Change::Updated, Kind::SensorFault), "{told:?}");
        assert_eq!(told.last(), Some(&(Change::Resolved, Kind::SensorFault)));
        assert!(changes.iter().all(|(_, alert)| alert.id == changes[0].1.id));
        assert!(changes[1].1.because.sentence.contains("was 90.00 for a moment and is back"));
    }

    #[test]
    fn a_device_says_what_is_wrong_with_its_sensor() {
        let (device, mut channel) = (DeviceId("d".into()), channel());
        let verdict = Verdict {
            score: 5.0,
            level: 5.0,
            threshold: 2.2,
            fired: true,
            ended: false,
            fault: Some(Fault::DropOut),
        };
        let when = When::recorded(Timestamp(1));
        let op =
            Op::Judged { value: -127.0, when, verdict, because: None, firing: true, fault: verdict.fault };
        // As the journal keeps it.
        let bytes = postcard::to_allocvec(&op).unwrap();
        let op: Op = postcard::from_bytes(&bytes).unwrap();
        let changes = used(channel.apply(&device, &op, 0)).changes;
        assert_eq!((changes[0].1.kind, changes[0].1.fault), (Kind::SensorFault, Some(Fault::DropOut)));
        assert!(changes[0].1.because.sentence.starts_with("d t has dropped out: -127"));
    }

    #[test]
    fn whatever_a_device_says_its_alert_can_be_stored_and_read_again() {
        let (device, mut channel) = (DeviceId("d".into()), channel());
        let verdict = Verdict {
            score: f32::MAX,
            level: f32::MAX,
            threshold: f32::MIN,
            fired: true,
            ended: false,
            fault: None,
        };
        for (i, evidence) in
            [[f32::MAX; 6], [f32::MIN; 6], [2.0, -2.0, -1.9, 0.0, 0.0, 0.0]].into_iter().enumerate()
        {
            let because = Because { evidence, expected: f32::MIN, low: f32::MAX, high: f32::MIN };
            let when = When::recorded(Timestamp(i as i64));
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
            there.step(&device, value(i), When::recorded(Timestamp(i * FIVE_MINUTES)));
        }
        assert!(there.alert().is_some());
        let fresh = Model::new("default").unwrap();
        let model = Model::load(&there.snapshot().unwrap(), there.settings.digest()).unwrap();
        assert_eq!(here.adopt(model), None);
        for i in 1501..1600 {
            let step = |channel: &mut Channel| {
                used(channel.step(&device, value(i), When::recorded(Timestamp(i * FIVE_MINUTES)))).verdict
            };
            assert_eq!(step(&mut here), step(&mut there));
        }
        assert_eq!(here.snapshot().unwrap(), there.snapshot().unwrap());
        assert!(there.adopt(fresh).is_some_and(|alert| alert.ended_at.is_some()));
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
            let own = When::recorded(Timestamp(i * FIVE_MINUTES));
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

    /// Anything that can happen to a channel, in any order.
    fn any_op(rng: &mut Rng, i: i64) -> Op {
        let mut below = |n: i64| (rng.next_u64() >> 1) as i64 % n;
        let arrived = Timestamp(1_800_000_000_000 + i * 1000);
        let at = Timestamp(arrived.0 - below(8) * below(2) * 700);
        let value = if i % 300 > 280 { 90.0 } else { (i % 12) as f32 + below(100) as f32 / 100.0 };
        let own = When::own(at, arrived, i % 50 > 5);
        match below(40) {
            0 => Op::Flush(Timestamp(arrived.0 + below(20_000))),
            1 => Op::Step { value, when: When::Arrived(arrived) },
            2 => Op::Step { value, when: When::Unknown(arrived) },
            3 => Op::Step { value: f32::NAN, when: own },
            4 if i > 900 => {
                let verdict = Verdict {
                    score: 3.0,
                    level: 3.0,
                    threshold: 2.2,
                    fired: false,
                    ended: false,
                    fault: None,
                };
                Op::Judged { value, when: own, verdict, because: None, firing: below(2) == 0, fault: None }
            }
            5 => Op::End { by_device: below(2) == 0 },
            6 => {
                let wrong = Timestamp(below(3) * arrived.0);
                Op::Step { value, when: When::own(wrong, arrived, true) }
            }
            _ => Op::Step { value, when: own },
        }
    }

    #[test]
    fn the_same_operations_give_the_same_channel_wherever_it_is_saved_and_restored() {
        let device = DeviceId("d".into());
        for seed in 0..10 {
            let (mut rng, mut ops) = (Rng::new(seed), Vec::new());
            ops.extend((0..1500).map(|i| any_op(&mut rng, i)));
            let mut straight = channel();
            let whole: Vec<_> = ops.iter().map(|op| straight.apply(&device, op, 0)).collect();
            let (mut halted, mut most_held) = (channel(), 0);
            for (op, expected) in ops.iter().zip(&whole) {
                most_held = most_held.max(halted.held());
                if rng.next_u64().is_multiple_of(20) {
                    // As the store and the journal do.
                    let saved = halted.save().unwrap();
                    let json = serde_json::to_string(&saved).unwrap();
                    let back =
                        Saved { snapshot: saved.snapshot.clone(), ..serde_json::from_str(&json).unwrap() };
                    assert_eq!(back, saved);
                    halted = Channel::restore(halted.name.clone(), Arc::default(), back).unwrap();
                }
                let outcome = halted.apply(&device, op, 0);
                assert_eq!(outcome, *expected, "seed {seed}, {op:?}");
            }
            assert_eq!(halted.save().unwrap(), straight.save().unwrap());
            assert!(most_held > 3, "{most_held}");
            let learnt: usize = whole.iter().map(|outcome| outcome.used.len()).sum();
            let taken = |outcome: &&Outcome| matches!(outcome.fate, Some(Fate::Used | Fate::Held));
            assert_eq!(whole.iter().filter(taken).count(), learnt + straight.held());
            assert!(whole.iter().any(|outcome| outcome.used.iter().any(|used| !used.changes.is_empty())));
        }
    }

    #[test]
    fn disorder_gives_the_model_that_order_gives() {
        let device = DeviceId("d".into());
        let step = |i: i64| Op::Step { value: (i % 12) as f32, when: When::recorded(Timestamp(i * 1000)) };
        let (mut sorted, mut mixed) = (channel(), channel());
        // The one late reading that it takes to know.
        let begin = [-20, -40, -10];
        let mut learnt: Vec<i64> = Vec::new();
        let order = begin.into_iter().chain((0..704).map(|i| i ^ 7));
        for i in order {
            let outcome = mixed.apply(&device, &step(i), 0);
            assert_eq!(outcome.fate == Some(Fate::Refused(Refused::Late)), i == -40, "{i}");
            learnt.extend(outcome.used.iter().map(|used| used.at.0 / 1000));
        }
        let rest = mixed.apply(&device, &Op::Flush(Timestamp(i64::MAX)), 0);
        learnt.extend(rest.used.iter().map(|used| used.at.0 / 1000));
        let expected: Vec<i64> = [-20, -10].into_iter().chain(0..704).collect();
        assert_eq!(learnt, expected);
        for i in &learnt {
            sorted.apply(&device, &step(*i), 0);
        }
        assert_eq!(mixed.snapshot().unwrap(), sorted.snapshot().unwrap());
    }

    #[test]
    fn an_alert_lives_on_over_a_clock_that_is_set_back() {
        let (device, mut channel) = (DeviceId("d".into()), channel());
        let mut seen = Vec::new();
        for i in 0..2000i64 {
            let value = if (1500..1600).contains(&i) { 60.0 } else { (i % 12) as f32 };
            // Set back by a year in the middle of the alert.
            let arrived = if i < 1505 { i } else { i - 100_000 };
            let when = When::Arrived(Timestamp(arrived * FIVE_MINUTES));
            let outcome = channel.apply(&device, &Op::Step { value, when }, 0);
            assert_eq!(outcome.used[0].at, Timestamp(arrived * FIVE_MINUTES), "{i}");
            seen.extend(outcome.changes().map(|(change, alert)| (i, change, alert)));
        }
        let updated = seen.iter().filter(|(_, change, _)| *change == Change::Updated);
        assert!(updated.filter(|(i, ..)| *i > 1505).count() > 50, "it is told again and again");
        assert!(seen.iter().all(|(.., alert)| alert.updated_at >= alert.started_at));
        assert_eq!(seen.last().unwrap().1, Change::Resolved);
    }
}
