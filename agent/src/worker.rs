//! One worker: its devices, from messages to findings. Plain values in and out; the loop around it is in
//! `topology`.

mod keep;
mod room;
mod talk;
mod together;

pub(crate) use room::settings;

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use brooklet_core::frame::Step;
use brooklet_core::message::{self, Judged, Message};
use brooklet_core::sensor::Fault;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::alert::{Alert, Change};
use crate::check::{Durability, Plan};
use crate::clock::Clock;
use crate::command::{State, Ticket};
use crate::decode::{self, Readings, Refusal};
use crate::device::{Device, Fate, Op, Outcome, Used, When};
use crate::joint::{self, Cell, Row};
use crate::ledger::{Count, Ledger};
use crate::link::{Errand, Heard, Link, Task, Way};
use crate::order::{Refused, Repair};
use crate::overload::{Level, Overload};
use crate::reading::{ChannelId, DeviceId, Name, RawMessage, Timestamp};
use crate::router::{Job, LineEvent, OnLine, Route};
use crate::store::journal::Entry;
use crate::store::{Record, Restored};

/// What a worker has to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// Something happened to an alert.
    Alert(Change, Box<Alert>),
    /// The level of a channel, if scores are published.
    Score(Box<Score>),
    /// What became of a command.
    Command(Box<Ticket>, State),
    /// A model to be published.
    Model {
        /// Whose.
        device: DeviceId,
        /// Of which channel.
        channel: ChannelId,
        /// Its snapshot.
        bytes: Vec<u8>,
    },
    /// Something for a device.
    Down {
        /// Which.
        device: DeviceId,
        /// How it is reached.
        way: Way,
        /// A frame as it stands on that way.
        frame: Vec<u8>,
    },
}

/// A channel's score at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Whose channel.
    pub device: DeviceId,
    /// Which channel.
    pub channel: ChannelId,
    /// Time of the reading, milliseconds since 1970.
    pub time: Timestamp,
    /// The reading; none of several channels together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f32>,
    /// Evidence of this moment.
    pub score: f32,
    /// Evidence that lasts as long as the anomaly.
    pub level: f32,
    /// An alert is open.
    pub firing: bool,
    /// What is wrong with the sensor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// The channel has seen enough to raise alerts.
    pub ready: bool,
}

/// How much less often scores are published under pressure.
const THINNER: u32 = 10;

/// A worker's state.
pub struct Worker {
    plan: Arc<Plan>,
    ledger: Arc<Ledger>,
    clock: Arc<Clock>,
    /// When it was asked last, and what it said.
    clock_asked: (Timestamp, bool),
    restored: Arc<Restored>,
    devices: HashMap<Name, Device>,
    /// Devices that run Brooklet themselves.
    links: HashMap<Name, Link>,
    /// Devices and channels with readings that are held.
    holding: HashSet<(DeviceId, ChannelId)>,
    overload: Overload,
    readings: Readings,
    /// What the last message brought to the rows of its device, and the rows that are complete by it, with their groups:
    /// empty in between.
    cells: Vec<Cell>,
    rows: Vec<(usize, Row)>,
    /// Names of the streams and lines, by their place in the plan.
    sources: Vec<Name>,
    /// What changed channels since the last [`take_entries`](Self::take_entries), if a journal is kept.
    entries: Option<Vec<Entry>>,
    /// Stored states that could not be used.
    refused: Vec<Record>,
    /// Channels whose learners panicked, and how often.
    failed: HashMap<(DeviceId, ChannelId), u32>,
    /// Those of them that are to be taken up again.
    suspended: Vec<(DeviceId, ChannelId)>,
    /// The round of checkpoints.
    round: u64,
    /// What did not change since this round is in both files of the store.
    kept_since: u64,
    /// When silent channels may be looked for again.
    next_look: Option<Timestamp>,
    /// Channels that are still to be saved in this round.
    unsaved: Vec<(DeviceId, ChannelId)>,
}

/// Where readings come from.
#[derive(Clone, Copy)]
struct Origin<'a> {
    /// The stream's or line's place in the plan.
    position: usize,
    device: &'a DeviceId,
    received: Timestamp,
}

impl Worker {
    /// A worker without devices; channels stored earlier are restored when their first reading comes.
    #[must_use]
    pub fn new(plan: Arc<Plan>, ledger: Arc<Ledger>, clock: Arc<Clock>, restored: Arc<Restored>) -> Self {
        let names = plan.streams.iter().map(|stream| &stream.name);
        let sources =
            names.chain(plan.serials.iter().map(|line| &line.name)).map(|name| name.as_str().into());
        let overload = Overload::new(plan.gateway.degrade_after);
        Self {
            sources: sources.collect(),
            entries: (plan.gateway.durability == Durability::Journal).then(Vec::new),
            plan,
            ledger,
            clock,
            clock_asked: (Timestamp(i64::MIN), false),
            restored,
            devices: HashMap::new(),
            links: HashMap::new(),
            holding: HashSet::new(),
            overload,
            readings: Readings::new(),
            cells: Vec::new(),
            rows: Vec::new(),
            refused: Vec::new(),
            failed: HashMap::new(),
            suspended: Vec::new(),
            round: 0,
            kept_since: 0,
            next_look: None,
            unsaved: Vec::new(),
        }
    }

    /// Decodes a message, scores and learns its readings, and adds what they say to `findings`.
    pub fn handle(&mut self, job: &Job, findings: &mut Vec<Finding>) {
        match job {
            Job::Message(message, route) => self.message(message, route, findings),
            Job::Command(command, _) => self.command(command, findings),
            Job::Line(OnLine { line, device, received, event }) => {
                let (way, position) = (Way::Line(*line), self.plan.streams.len() + line);
                let from = Origin { position, device, received: *received };
                match event {
                    LineEvent::Opened => {
                        if let Some(link) = self.link(from, way) {
                            let task = Task::Ask(message::Command::Identify);
                            link.push(Errand { ticket: None, task }, findings);
                            self.go_on(device, findings);
                        }
                    }
                    LineEvent::Frame(sequence, message) => {
                        self.ledger.add(Count::Messages, 1);
                        self.frame(from, way, *sequence, message, findings);
                    }
                    LineEvent::Closed => {
                        if let Some(link) = self.links.get_mut(&device.0) {
                            link.lost(way, findings);
                        }
                    }
                }
            }
        }
    }

    fn message(&mut self, message: &RawMessage, route: &Route, findings: &mut Vec<Finding>) {
        let position = route.stream.position;
        let from = |device| Origin { position, device, received: message.received };
        let decoder = &route.stream.plan.decoder;
        match decoder.frame(&message.payload) {
            Some(Ok((sequence, told))) => {
                return self.frame(from(&route.device), Way::Mqtt, sequence, &told, findings);
            }
            Some(Err(refusal)) => {
                return self.ledger.refuse_message(&message.topic, &message.payload, &refusal);
            }
            None => {}
        }
        // The buffer is taken out so that its readings and the devices can be used side by side.
        let mut readings = std::mem::take(&mut self.readings);
        match decoder.decode(&message.payload, &mut readings) {
            Ok(()) => {
                self.ledger.decoded(&message.topic, &message.payload, &readings);
                for reading in readings.iter() {
                    let (device, channel) = if reading.channel.is_empty() {
                        (&route.bare_device, &*route.bare_channel)
                    } else {
                        (&route.device, reading.channel)
                    };
                    self.step(from(device), channel, reading.value, reading.time, None, findings);
                    if reading.channel.is_empty() {
                        self.judge_rows(from(device), findings);
                    }
                }
                self.judge_rows(from(&route.device), findings);
            }
            Err(refusal) => self.ledger.refuse_message(&message.topic, &message.payload, &refusal),
        }
        self.readings = readings;
    }

    /// A device's own message.
    fn frame(
        &mut self,
        from: Origin<'_>,
        way: Way,
        sequence: u16,
        message: &Message,
        findings: &mut Vec<Finding>,
    ) {
        let Some(link) = self.link(from, way) else {
            return self.ledger.refuse_message(&from.device.0, b"", &Refusal::TooManyDevices);
        };
        match link.follow(sequence) {
            Step::Repeat => {
                self.ledger.add(Count::Repeated, 1);
                return;
            }
            _ if matches!(message, Message::Hello(_)) => link.begin_anew(sequence),
            Step::Next { lost } => {
                self.ledger.add(Count::Lost, u64::from(lost));
            }
            // It was counted as lost.
            Step::Late => {
                self.ledger.add(Count::Lost, 1u64.wrapping_neg());
            }
            Step::Restarted => {}
        }
        let mut readings = std::mem::take(&mut self.readings);
        readings.clear();
        match message {
            Message::Hello(hello) => {
                self.ledger.add(Count::Decoded, 1);
                if let Some(link) = self.links.get_mut(&from.device.0) {
                    talk::greet(link, from.device, hello);
                }
            }
            Message::Judged(judged) => self.judged(from, judged, findings),
            Message::Faulty(faulty) => self.judged(from, &faulty.judged(), findings),
            Message::Reading(_) | Message::Summary(_) => {
                match decode::device::readings(message, &mut readings) {
                    Ok(()) => {
                        self.ledger.decoded(&from.device.0, b"", &readings);
                        for reading in readings.iter() {
                            self.step(from, reading.channel, reading.value, reading.time, None, findings);
                        }
                    }
                    Err(refusal) => self.ledger.refuse_message(&from.device.0, b"", &refusal),
                }
            }
            answer => {
                self.ledger.add(Count::Decoded, 1);
                match self.links.get_mut(&from.device.0).map(|link| link.hear(answer, findings)) {
                    Some(Heard::Done) => {}
                    Some(Heard::Obeyed(command)) => self.obeyed(from.device, &command, findings),
                    Some(Heard::Unasked) | None => {
                        self.ledger.add(Count::Unasked, 1);
                    }
                    Some(Heard::Fetched(channel, bytes)) => self.fetched(from, &channel, bytes, findings),
                }
                self.go_on(from.device, findings);
            }
        }
        self.judge_rows(from, findings);
        self.readings = readings;
    }

    /// Changes a channel that is there: the one place where that happens.
    fn apply(&mut self, device: &DeviceId, channel: &str, op: Op) -> Option<Outcome> {
        let known = self.devices.get_mut(&device.0)?;
        let position = known.position();
        let (device, channel) = known.channel_mut(channel)?;
        let (round, held, members) = (self.round, channel.held(), channel.size());
        // A learner that panics must not take the others with it; what it leaves behind is not looked at any more.
        let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| channel.apply(device, &op, round))) else {
            let names = (device.clone(), channel.name().clone());
            self.fail(names, &op, held);
            return Some(Outcome { fate: op.is_reading().then_some(Fate::Failed), ..Outcome::default() });
        };
        let after = channel.size();
        if let (Some(entries), Some(source)) = (&mut self.entries, self.sources.get(position)) {
            let (device, step, source) = (device.0.clone(), channel.steps(), source.clone());
            entries.push(Entry { device, channel: channel.name().0.clone(), source, step, op });
        }
        if members != after {
            self.note_growth(members, after);
        }
        Some(outcome)
    }

    /// A moment has passed: requests are repeated, and readings that were held long enough are learnt.
    pub fn tick(&mut self, now: Timestamp, findings: &mut Vec<Finding>) {
        self.flush(now, findings);
        let busy: Vec<Name> =
            self.links.iter().filter(|(_, link)| link.is_busy()).map(|(name, _)| name.clone()).collect();
        for name in busy {
            if let Some(link) = self.links.get_mut(&name) {
                link.tick(findings);
            }
            self.go_on(&DeviceId(name), findings);
        }
    }

    /// There is something that may be waited for, so that [`tick`](Self::tick) is to be called.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.links.is_empty() || !self.holding.is_empty()
    }

    fn flush(&mut self, now: Timestamp, findings: &mut Vec<Finding>) {
        let mut overdue = Vec::new();
        for (device, channel) in &self.holding {
            let known = self.devices.get_mut(&device.0).and_then(|known| known.channel_mut(&channel.0));
            if known.is_some_and(|(_, channel)| channel.is_overdue(now)) {
                overdue.push((device.clone(), channel.clone()));
            }
        }
        // What the channels of a device held goes into its rows together.
        overdue.sort_unstable();
        for channels in overdue.chunk_by(|(a, _), (b, _)| a == b) {
            for (device, channel) in channels {
                if let Some(outcome) = self.apply(device, &channel.0, Op::Flush(now)) {
                    self.take(device, &channel.0, outcome, false, findings);
                }
            }
            let Some((device, _)) = channels.first() else { continue };
            let Some(position) = self.devices.get(&device.0).map(Device::position) else { continue };
            self.judge_rows(Origin { position, device, received: now }, findings);
        }
    }

    /// One reading that its device has judged.
    fn judged(&mut self, from: Origin<'_>, judged: &Judged, findings: &mut Vec<Finding>) {
        self.ledger.add(Count::Decoded, 1);
        self.ledger.add(Count::Readings, 1);
        let channel = decode::device::channel(&judged.reading.channel);
        let time = decode::device::time(judged.reading.time);
        self.step(from, &channel, judged.reading.value, time, Some(judged), findings);
    }

    /// One reading: used, or counted under the reason why not.
    fn step(
        &mut self,
        from: Origin<'_>,
        channel: &str,
        value: f32,
        time: Option<Timestamp>,
        judged: Option<&Judged>,
        findings: &mut Vec<Finding>,
    ) {
        // A name that groups have.
        let reserved = joint::group(channel).map(|_| Count::Unwatched);
        let refused = reserved.or_else(|| self.admit(from, channel, judged.is_some()));
        let count = refused.or_else(|| self.learn(from, channel, value, time, judged, findings));
        let Some(count) = count else { return };
        let before = self.ledger.add(count, 1);
        if (before + 1).is_power_of_two() {
            let (what, times, device) = (count.name(), before + 1, from.device);
            let time = time.map(|time| time.to_string());
            warn!(%device, channel, time, times, "not learnt, {what}; {}", count.advice());
        }
    }

    /// Whether the clock is set: asked once for all that came in at the same millisecond.
    fn is_clock_set(&mut self, now: Timestamp) -> bool {
        if self.clock_asked.0 != now {
            self.clock_asked = (now, self.clock.is_set());
        }
        self.clock_asked.1
    }

    /// One reading; why it is not learnt, if it is not.
    fn learn(
        &mut self,
        from: Origin<'_>,
        channel: &str,
        value: f32,
        time: Option<Timestamp>,
        judged: Option<&Judged>,
        findings: &mut Vec<Finding>,
    ) -> Option<Count> {
        if !self.failed.is_empty() && self.rests(from.device, channel) {
            return Some(Count::Failed);
        }
        match self.make_sure(from, channel) {
            Ok(true) => self.start(from, channel),
            Ok(false) => {}
            Err(count) => return Some(count),
        }
        let (arrived, set) = (from.received, self.is_clock_set(from.received));
        let when = match time {
            Some(at) => When::own(at, arrived, set),
            None if set => When::Arrived(arrived),
            None => When::Unknown(arrived),
        };
        let op = match judged {
            None => Op::Step { value, when },
            Some(Judged { verdict, because, firing, .. }) => {
                let (verdict, because, firing) = (*verdict, *because, *firing);
                Op::Judged { value, when, verdict, because, firing, fault: verdict.fault }
            }
        };
        let Some(outcome) = self.apply(from.device, channel, op) else { return Some(Count::OverCap) };
        let (fate, repair) = (outcome.fate, outcome.repair);
        self.take(from.device, channel, outcome, judged.is_some(), findings);
        if let Some(repair) = repair {
            self.repaired(from.device, channel, repair, time);
        }
        match fate {
            Some(Fate::Used | Fate::Held) | None => None,
            Some(Fate::NonFinite) => Some(Count::NonFinite),
            Some(Fate::Failed) => Some(Count::Failed),
            Some(Fate::Refused(refused)) => Some(match refused {
                Refused::Late => Count::Late,
                Refused::Duplicate => Count::Duplicate,
                Refused::Past => Count::Past,
                Refused::Future => Count::Future,
            }),
        }
    }

    /// Counts what was done about a reading's time; a person should know of clocks that are wrong.
    fn repaired(&self, device: &DeviceId, channel: &str, repair: Repair, time: Option<Timestamp>) {
        let (count, what) = match repair {
            Repair::Reordered => (Count::Reordered, ""),
            Repair::Reset => (Count::Reset, "its clock was set back, and is followed"),
            Repair::Replaced => {
                (Count::Replaced, "its clock is wrong: its readings get the time of their arrival")
            }
        };
        let times = self.ledger.add(count, 1) + 1;
        if !what.is_empty() && times.is_power_of_two() {
            let time = time.map(|time| time.to_string());
            warn!(%device, channel, time, times, "{what}");
        }
    }

    /// What an operation led to: counted and told.
    fn take(
        &mut self,
        device: &DeviceId,
        channel: &str,
        outcome: Outcome,
        judged: bool,
        findings: &mut Vec<Finding>,
    ) {
        let known = self.devices.get_mut(&device.0).and_then(|known| known.channel_mut(channel));
        let Some((device, channel)) = known else { return };
        if channel.held() > 0 {
            self.holding.insert((device.clone(), channel.name().clone()));
        } else if !self.holding.is_empty() {
            self.holding.remove(&(device.clone(), channel.name().clone()));
        }
        let taken = u64::from(matches!(outcome.fate, Some(Fate::Used | Fate::Held)));
        let used = outcome.used.len() as u64;
        if channel.members().is_some() {
            self.ledger.add(Count::Rows, used);
        } else {
            self.ledger.add(Count::Held, taken.wrapping_sub(used));
            self.ledger.add(Count::Used, used);
        }
        if let Some(seat) = channel.seat() {
            let rings = channel.alert().is_some();
            let cell = |used: &Used| Cell { seat, value: used.value, at: used.at, known: used.known, rings };
            self.cells.extend(outcome.used.iter().map(cell));
        }
        if let Some(every) = self.plan.publish.scores_every {
            let every = if self.overload.level() >= Level::ThinScores { every * THINNER } else { every };
            for used in &outcome.used {
                if channel.score_is_due(used.at, millis(every)) {
                    findings.push(Finding::Score(Box::new(Score {
                        device: device.clone(),
                        channel: channel.name().clone(),
                        time: used.at,
                        value: channel.members().is_none().then_some(used.value),
                        score: used.verdict.score,
                        level: used.verdict.level,
                        firing: channel.alert().is_some(),
                        fault: used.verdict.fault,
                        ready: judged || channel.is_ready(),
                    })));
                }
            }
        }
        for (change, alert) in outcome.changes() {
            if change == Change::Fired {
                self.ledger.add(Count::Alerts, 1);
                self.ledger.budgets.note(device, channel.name(), channel.budget_used(), alert.started_at);
            }
            findings.push(Finding::Alert(change, alert));
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests;
