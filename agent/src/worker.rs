//! One worker: its devices, from messages to findings. Plain values in and out; the loop around it is in
//! `topology`.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use brooklet_core::alarm::Settings;
use brooklet_core::frame::Step;
use brooklet_core::message::{self, Judged, Message};
use serde::{Deserialize, Serialize};
use tracing::{debug, error, info, warn};

use crate::alert::{Alert, Change};
use crate::check::{Durability, Plan};
use crate::clock::Clock;
use crate::command::{Action, Command, State, Ticket};
use crate::decode::{self, Readings, Refusal};
use crate::device::{Channel, ChannelSettings, Device, Fate, Op, Outcome, When};
use crate::ledger::{Count, Ledger};
use crate::link::{Errand, Heard, Link, Task, Way};
use crate::model::Model;
use crate::order::{Limits, Refused, Repair};
use crate::overload::{Level, Overload};
use crate::reading::{ChannelId, DeviceId, Name, RawMessage, Timestamp};
use crate::router::{Job, LineEvent, OnLine, Route};
use crate::store::journal::Entry;
use crate::store::{Call, Record, Restored};

/// A channel whose learner panicked so often rests until the agent is started anew.
const MOST_PANICS: u32 = 3;

/// So many steps are not made to wait for others: a few hundred kilobytes.
const MANY_ENTRIES: usize = 2048;

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
    /// The reading.
    pub value: f32,
    /// Evidence of this moment.
    pub score: f32,
    /// Evidence that lasts as long as the anomaly.
    pub level: f32,
    /// An alert is open.
    pub firing: bool,
    /// The channel has seen enough to raise alerts.
    pub ready: bool,
}

/// How much less often scores are published under pressure.
const THINNER: u32 = 10;
/// Between two looks at which channels may make room for others.
const LOOK: Duration = Duration::from_secs(60);

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
                }
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
                    greet(link, from.device, hello);
                }
            }
            Message::Judged(judged) => {
                self.ledger.add(Count::Decoded, 1);
                self.ledger.add(Count::Readings, 1);
                let channel = decode::device::channel(&judged.reading.channel);
                let time = decode::device::time(judged.reading.time);
                self.step(from, &channel, judged.reading.value, time, Some(judged), findings);
            }
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
        self.readings = readings;
    }

    /// The link to a device, made if there is room for one more.
    fn link(&mut self, from: Origin<'_>, way: Way) -> Option<&mut Link> {
        if !self.links.contains_key(&from.device.0) {
            let most = self.plan.gateway.max_channels;
            if self.links.len() >= most {
                self.make_room(from.received);
            }
            if self.links.len() >= most {
                return None;
            }
            let link = Link::new(from.device.clone(), from.position, from.received);
            self.links.insert(from.device.0.clone(), link);
        }
        let link = self.links.get_mut(&from.device.0)?;
        link.position = from.position;
        link.heard_at = from.received;
        if link.reached(way) {
            warn!(
                "{} is heard in two places, now also {way}; if these are two devices, give each a name of its own: on \
                 a line `device` in its [[serial]] does",
                from.device
            );
        }
        Some(link)
    }

    fn command(&mut self, command: &Command, findings: &mut Vec<Finding>) {
        self.ledger.add(Count::Commands, 1);
        let ticket = || Box::new(command.ticket.clone());
        let device = DeviceId(command.device.as_str().into());
        let task = match &command.action {
            Err(why) => return findings.push(Finding::Command(ticket(), State::Failed(why.clone()))),
            Ok(Action::Publish(channel)) => {
                let state = match self.snapshot(&device, channel) {
                    Ok(bytes) => {
                        findings.push(model(&device, channel, bytes));
                        State::Successful
                    }
                    Err(why) => State::Failed(why),
                };
                return findings.push(Finding::Command(ticket(), state));
            }
            Ok(Action::Ask(ask)) => Task::Ask(ask.clone()),
            Ok(Action::Send(channel)) => Task::Send(channel.clone()),
            Ok(Action::Fetch(channel)) => Task::Fetch(channel.clone()),
        };
        let Some(link) = self.links.get_mut(&device.0) else {
            let why = format!("no device called {device} that takes commands has been heard of");
            return findings.push(Finding::Command(ticket(), State::Failed(why)));
        };
        link.push(Errand { ticket: Some(command.ticket.clone()), task }, findings);
        self.go_on(&device, findings);
    }

    /// Begins what waits for a device, if nothing is under way there.
    fn go_on(&mut self, device: &DeviceId, findings: &mut Vec<Finding>) {
        while let Some(errand) = self.links.get_mut(&device.0).and_then(Link::next) {
            let model = match &errand.task {
                Task::Send(channel) => self.snapshot(device, channel),
                Task::Ask(_) | Task::Fetch(_) => Ok(Vec::new()),
            };
            match (model, self.links.get_mut(&device.0)) {
                (Ok(model), Some(link)) => link.begin(errand, model, findings),
                (Err(why), _) => {
                    if let Some(ticket) = errand.ticket {
                        findings.push(Finding::Command(Box::new(ticket), State::Failed(why)));
                    }
                }
                (_, None) => return,
            }
        }
    }

    /// The gateway's model of a channel, as bytes.
    fn snapshot(&mut self, device: &DeviceId, channel: &str) -> Result<Vec<u8>, String> {
        let name = decode::device::channel(channel);
        let known = self.devices.get_mut(&device.0).and_then(|known| known.channel_mut(&name));
        if let Some((_, channel)) = known {
            return channel.snapshot().map_err(|error| error.to_string());
        }
        // Learnt before this run, and not heard of since.
        let saved = self.restored.get(device, &ChannelId((*name).into()));
        let saved = saved.ok_or_else(|| format!("the gateway has learnt no channel {name} of {device}"))?;
        let digest = ChannelSettings::default().digest();
        Model::load(&saved.snapshot, digest).map_err(|error| error.to_string())?;
        Ok(saved.snapshot)
    }

    /// A device did what it was told: an alert that nobody can end any more is over.
    fn obeyed(&mut self, device: &DeviceId, command: &message::Command, findings: &mut Vec<Finding>) {
        use message::{Command, Mode};
        let Some(known) = self.devices.get_mut(&device.0) else { return };
        let (_, channels) = known.channels_mut();
        let mut over = Vec::new();
        for channel in channels {
            let name = &channel.name().0;
            let of = |label: &str| *decode::device::channel(label) == **name;
            let (device_rests, own_rests) = match command {
                Command::SetMode(mode) => {
                    (*mode != Mode::Verdicts, (*mode == Mode::Raw) == decode::device::is_figure(name))
                }
                Command::Reset(label) => (of(label), false),
                Command::Offer(offer) => (of(&offer.channel), false),
                _ => return,
            };
            let Some(by_device) = channel.alert().map(Alert::is_by_device) else { continue };
            if if by_device { device_rests } else { own_rests } {
                over.push((name.clone(), Op::End { by_device }));
            }
        }
        for (channel, op) in over {
            if let Some(outcome) = self.apply(device, &channel, op) {
                self.take(device, &channel, outcome, false, findings);
            }
        }
    }

    /// Changes a channel that is there: the one place where that happens.
    fn apply(&mut self, device: &DeviceId, channel: &str, op: Op) -> Option<Outcome> {
        let known = self.devices.get_mut(&device.0)?;
        let position = known.position();
        let (device, channel) = known.channel_mut(channel)?;
        let (round, held) = (self.round, channel.held());
        // A learner that panics must not take the others with it; what it leaves behind is not looked at any more.
        let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| channel.apply(device, &op, round))) else {
            let names = (device.clone(), channel.name().clone());
            self.fail(names, &op, held);
            return Some(Outcome { fate: op.is_reading().then_some(Fate::Failed), ..Outcome::default() });
        };
        if let (Some(entries), Some(source)) = (&mut self.entries, self.sources.get(position)) {
            let (device, step, source) = (device.0.clone(), channel.steps(), source.clone());
            entries.push(Entry { device, channel: channel.name().0.clone(), source, step, op });
        }
        Some(outcome)
    }

    /// Gives up a channel whose learner panicked: it goes on from its checkpoint and the journal, a few times. `held`: how
    /// many readings waited before.
    fn fail(&mut self, names: (DeviceId, ChannelId), op: &Op, held: usize) {
        let (device, channel) = &names;
        if let Some(known) = self.devices.get_mut(&device.0) {
            known.remove(&channel.0);
        }
        let held = held as u64;
        self.ledger.add(Count::Channels, 1u64.wrapping_neg());
        self.ledger.add(Count::Held, held.wrapping_neg());
        self.ledger.add(Count::Failed, held);
        self.holding.remove(&names);
        let times = self.failed.entry(names.clone()).or_default();
        *times += 1;
        let times = *times;
        error!(%device, %channel, times, ?op, "a learner panicked; its channel goes on from its last checkpoint: please report this");
        self.ledger.add(Count::Panics, 1);
        if times < MOST_PANICS {
            self.suspended.push(names);
        }
    }

    /// Channels whose learners panicked, and that wait for [`resume`](Self::resume).
    #[must_use]
    pub(crate) const fn has_suspended(&self) -> bool {
        !self.suspended.is_empty()
    }

    /// Takes up the channels whose learners panicked as they were before: from their checkpoints, and from a journal on
    /// disk that has all that was done with them.
    pub(crate) fn resume(&mut self, findings: &mut Vec<Finding>) {
        let suspended = std::mem::take(&mut self.suspended);
        if self.entries.is_none() {
            return;
        }
        let restored = self.restored.clone();
        restored.replay(|entry| {
            let is_it = |(device, channel): &(DeviceId, ChannelId)| {
                device.0 == entry.device && channel.0 == entry.channel
            };
            if suspended.iter().any(is_it) {
                self.replay(entry, findings);
            }
        });
    }

    /// What changed channels takes so much memory that it should be taken.
    pub(crate) fn has_many_entries(&self) -> bool {
        self.entries.as_ref().is_some_and(|entries| entries.len() >= MANY_ENTRIES)
    }

    /// What changed channels since the last call.
    pub(crate) fn take_entries(&mut self) -> Vec<Entry> {
        self.entries.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Repeats what a journal tells, unless the channel is past it already.
    pub(crate) fn replay(&mut self, entry: Entry, findings: &mut Vec<Finding>) {
        let Entry { device, channel, source, step, op } = entry;
        // Not heard yet in this run, and so silent from now on.
        let now = Timestamp::now();
        let device = DeviceId(device);
        let position = self.sources.iter().position(|name| *name == source);
        let from = position.map(|position| Origin { position, device: &device, received: now });
        if from.is_none_or(|from| self.make_sure(from, &channel).is_err()) {
            self.ledger.add(Count::NotReplayed, 1);
            return;
        }
        let known = self.devices.get_mut(&device.0).and_then(|known| known.channel_mut(&channel));
        let Some((device, channel)) = known else { return };
        if step <= channel.steps() {
            return;
        }
        let missing = step - channel.steps() - 1;
        if missing > 0 {
            self.ledger.add(Count::ReplayGaps, missing);
            channel.skip_to(step);
        }
        self.ledger.add(Count::Replayed, 1);
        let (round, before) = (self.round, channel.held());
        let Ok(outcome) = catch_unwind(AssertUnwindSafe(|| channel.apply(device, &op, round))) else {
            let names = (device.clone(), channel.name().clone());
            return self.fail(names, &op, before);
        };
        // What its checkpoint held was counted when it was restored: so is what is held now.
        let more = (channel.held() as u64).wrapping_sub(before as u64);
        self.ledger.add(Count::Readings, more);
        self.ledger.add(Count::Held, more);
        if channel.held() > 0 {
            self.holding.insert((device.clone(), channel.name().clone()));
        } else if !self.holding.is_empty() {
            self.holding.remove(&(device.clone(), channel.name().clone()));
        }
        findings.extend(outcome.changes().map(|(change, alert)| Finding::Alert(change, alert)));
    }

    /// A device's model is here: checked, published, and gone on with.
    fn fetched(&mut self, from: Origin<'_>, channel: &str, bytes: Vec<u8>, findings: &mut Vec<Finding>) {
        let name = decode::device::channel(channel);
        let state = match Model::load(&bytes, ChannelSettings::default().digest()) {
            Err(error) => State::Failed(format!("the device's model is not taken: {error}")),
            Ok(_) => {
                findings.push(model(from.device, channel, bytes.clone()));
                // Where no task covers the channel it is only published.
                let _ = self.make_sure(from, &name);
                if let Some(outcome) = self.apply(from.device, &name, Op::Adopt(bytes)) {
                    self.take(from.device, &name, outcome, false, findings);
                }
                State::Successful
            }
        };
        if let Some(link) = self.links.get_mut(&from.device.0) {
            link.finish(state, findings);
        }
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
        for (device, channel) in overdue {
            if let Some(outcome) = self.apply(&device, &channel.0, Op::Flush(now)) {
                self.take(&device, &channel.0, outcome, false, findings);
            }
        }
    }

    /// Makes or restores a channel that is not there.
    fn make_sure(&mut self, from: Origin<'_>, channel: &str) -> Result<(), Count> {
        let known = self.devices.get_mut(&from.device.0);
        if known.is_some_and(|known| known.channel_mut(channel).is_some()) {
            return Ok(());
        }
        // Nothing is remembered of what is not taken: names are free to invent for whoever sends them.
        let channel = self.open(from, channel)?;
        let device = from.device.clone();
        let device =
            self.devices.entry(device.0.clone()).or_insert_with(|| Device::new(device, from.position));
        device.insert(channel);
        device.bucket.heard.get_or_insert(from.received);
        Ok(())
    }

    /// Takes one of the places for channels, which all workers share.
    fn reserve(&self) -> bool {
        let fits = self.ledger.add(Count::Channels, 1) < self.plan.gateway.max_channels as u64;
        if !fits {
            // Taken back, so that the gauge tells what there is.
            self.ledger.add(Count::Channels, 1u64.wrapping_neg());
        }
        fits
    }

    /// Gives up the channels of devices that were silent for long; they are in both files of the store, and come back with
    /// their devices. True if there were any. Who invents names does not make the worker look again each time.
    fn make_room(&mut self, now: Timestamp) -> bool {
        if self.next_look.is_some_and(|next| now < next) {
            return false;
        }
        self.next_look = Some(Timestamp(now.0.saturating_add(millis(LOOK))));
        let silent_since = now.0.saturating_sub(millis(self.plan.gateway.evict_after));
        self.links.retain(|_, link| link.is_busy() || link.heard_at.0 > silent_since);
        let mut evicted = 0;
        let kept_since = self.kept_since;
        self.devices.retain(|_, device| {
            let is_silent = device.bucket.heard.is_some_and(|heard| heard.0 <= silent_since);
            let (_, mut channels) = device.channels_mut();
            let mut count = 0;
            let may_go = |channel: &mut Channel| {
                count += 1;
                channel.alert().is_none() && channel.held() == 0 && !channel.changed_since(kept_since)
            };
            let keep = !is_silent || !channels.all(may_go);
            evicted += if keep { 0 } else { count };
            keep
        });
        self.ledger.add(Count::Channels, 0u64.wrapping_sub(evicted));
        self.ledger.add(Count::Evicted, evicted);
        if evicted > 0 {
            info!(channels = evicted, "channels of silent devices make room for others");
        }
        evicted > 0
    }

    /// Makes a channel: restored if it was stored, else new, within the cap.
    fn open(&mut self, from: Origin<'_>, channel: &str) -> Result<Channel, Count> {
        let device = from.device;
        let Some(settings) = settings(&self.plan, from.position, channel) else {
            return Err(Count::Unwatched);
        };
        let settings = Arc::new(settings);
        if !(self.reserve() || self.make_room(from.received) && self.reserve()) {
            return Err(Count::OverCap);
        }
        let Self { ledger, restored, .. } = self;
        let name = ChannelId(channel.into());
        if let Some(saved) = restored.get(device, &name) {
            match Channel::restore(name.clone(), settings.clone(), saved.clone()) {
                Ok(channel) => {
                    ledger.add(Count::Restored, 1);
                    // They came in before this run, and meet their fate in it.
                    ledger.add(Count::Readings, channel.held() as u64);
                    ledger.add(Count::Held, channel.held() as u64);
                    debug!(%device, channel = %name, "restored");
                    if channel.held() > 0 {
                        self.holding.insert((device.clone(), name));
                    }
                    return Ok(channel);
                }
                Err(error) => {
                    ledger.add(Count::NotRestored, 1);
                    warn!(%device, channel = %name, "its stored model is not used, it learns anew: {error}");
                    self.refused.push(Record { device: device.clone(), channel: name.clone(), saved });
                }
            }
        }
        Channel::new(name, settings).ok_or(Count::Unwatched)
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
        let refused = self.admit(from, channel, judged.is_some());
        let count = refused.or_else(|| self.learn(from, channel, value, time, judged, findings));
        let Some(count) = count else { return };
        let before = self.ledger.add(count, 1);
        if (before + 1).is_power_of_two() {
            let (what, times, device) = (count.name(), before + 1, from.device);
            let time = time.map(|time| time.to_string());
            warn!(%device, channel, time, times, "not learnt, {what}; {}", count.advice());
        }
    }

    /// Whether a channel rests because its learner panicked.
    fn rests(&self, device: &DeviceId, channel: &str) -> bool {
        let is_it = |(other, name): &&(DeviceId, ChannelId)| other == device && *name.0 == *channel;
        self.suspended.iter().any(|names| is_it(&names))
            || self.failed.iter().any(|(names, times)| *times >= MOST_PANICS && is_it(&names))
    }

    /// Why there is no time for a reading, if so.
    fn admit(&mut self, from: Origin<'_>, channel: &str, is_judged: bool) -> Option<Count> {
        let (level, rate) = (self.overload.level(), self.plan.gateway.device_rate);
        let new = (level >= Level::RefuseNew).then_some(Count::Deferred);
        let Some(device) = self.devices.get_mut(&from.device.0) else { return new };
        let Some((_, known)) = device.channel_mut(channel) else { return new };
        // A device that judges by itself costs little.
        if level >= Level::SkipLearning && !is_judged && known.alert().is_none() {
            device.bucket.heard = Some(from.received);
            return Some(Count::Skipped);
        }
        (!device.bucket.take(rate, from.received)).then_some(Count::Flooded)
    }

    /// Looks at how full the queue is, 0 to 1.
    pub(crate) fn observe(&mut self, fill: f32, now: Instant) {
        let before = self.overload.level();
        let Some(level) = self.overload.observe(fill, now) else { return };
        if let Some(gauge) = level.max(before).gauge() {
            self.ledger.move_by_one(gauge, level > before);
        }
        if level > before {
            warn!("readings come faster than they can be learnt: {}", level.about());
        } else {
            info!("the queue is empty again: {}", level.about());
        }
    }

    /// Something is done without, so that [`observe`](Self::observe) is to be called also when nothing comes in.
    pub(crate) fn is_degraded(&self) -> bool {
        self.overload.level() != Level::Normal
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
        if let Err(count) = self.make_sure(from, channel) {
            return Some(count);
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
                Op::Judged { value, when, verdict: *verdict, because: *because, firing: *firing }
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
        self.ledger.add(Count::Held, taken.wrapping_sub(used));
        self.ledger.add(Count::Used, used);
        if let Some(every) = self.plan.publish.scores_every {
            let every = if self.overload.level() >= Level::ThinScores { every * THINNER } else { every };
            for used in &outcome.used {
                if channel.score_is_due(used.at, millis(every)) {
                    findings.push(Finding::Score(Box::new(Score {
                        device: device.clone(),
                        channel: channel.name().clone(),
                        time: used.at,
                        value: used.value,
                        score: used.verdict.score,
                        level: used.verdict.level,
                        firing: channel.alert().is_some(),
                        ready: judged || channel.is_ready(),
                    })));
                }
            }
        }
        for (change, alert) in outcome.changes() {
            if change == Change::Fired {
                self.ledger.add(Count::Alerts, 1);
            }
            findings.push(Finding::Alert(change, alert));
        }
    }

    /// The channels whose alerts began or ended, or whose models came from their devices, as they are now: what is told
    /// must not be forgotten.
    #[must_use]
    pub fn told(&mut self, findings: &[Finding]) -> Vec<Record> {
        let mut tellers = Vec::new();
        for finding in findings {
            let teller = match finding {
                Finding::Alert(Change::Fired | Change::Resolved, alert) => (&alert.device, &alert.channel),
                Finding::Model { device, channel, .. } => (device, channel),
                _ => continue,
            };
            if !tellers.contains(&teller) {
                tellers.push(teller);
            }
        }
        let mut records = Vec::new();
        for (device, channel) in tellers {
            let known = self.devices.get_mut(&device.0).and_then(|known| known.channel_mut(&channel.0));
            if let Some(Ok(saved)) = known.map(|(_, channel)| channel.save()) {
                records.push(Record { device: device.clone(), channel: channel.clone(), saved });
            }
        }
        records
    }

    /// Stored states that could not be used, to be kept.
    pub(crate) fn take_refused(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.refused)
    }

    /// A round of checkpoints begins: notes the channels that are due. The last one may still be under way; what it lacks
    /// is due in this one.
    pub(crate) fn begin_round(&mut self, call: Call) {
        self.round = call.round;
        self.kept_since = call.since_either();
        self.note_changes(call.since());
    }

    /// As [`begin_round`](Self::begin_round), for the end: notes what either file lacks.
    pub(crate) fn begin_last_round(&mut self, call: Call) {
        self.note_changes(call.since_either());
    }

    fn note_changes(&mut self, since: u64) {
        self.unsaved.clear();
        for device in self.devices.values_mut() {
            let (id, channels) = device.channels_mut();
            let due = channels.filter(|channel| channel.changed_since(since));
            self.unsaved.extend(due.map(|channel| (id.clone(), channel.name().clone())));
        }
    }

    /// Some of the round's channels as they are now; none once all were there.
    pub(crate) fn next_records(&mut self, most: usize) -> Vec<Record> {
        let mut records = Vec::new();
        while records.len() < most
            && let Some((device, channel)) = self.unsaved.pop()
        {
            let known = self.devices.get_mut(&device.0).and_then(|known| known.channel_mut(&channel.0));
            match known.map(|(_, channel)| channel.save()) {
                Some(Ok(saved)) => records.push(Record { device, channel, saved }),
                Some(Err(error)) => warn!(%device, %channel, "not saved: {error}"),
                None => {}
            }
        }
        records
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Notes that a device said what it is.
fn greet(link: &mut Link, device: &DeviceId, hello: &message::Hello) {
    if std::mem::replace(&mut link.greeted, true) {
        return;
    }
    let (name, version, mode) = (hello.device.as_str(), hello.version, hello.mode);
    info!(%device, version, ?mode, "a device says hello");
    if *device.0 != *name {
        warn!("the device {device} calls itself {name}; commands reach it as {device}");
    }
    if version != message::VERSION {
        let own = message::VERSION;
        warn!(
            "{device} speaks version {version} of the messages, this agent {own}: update the older of them"
        );
    }
}

fn model(device: &DeviceId, channel: &str, bytes: Vec<u8>) -> Finding {
    let channel = ChannelId((*decode::device::channel(channel)).into());
    Finding::Model { device: device.clone(), channel, bytes }
}

/// What the first task that covers a channel says about it.
fn settings(plan: &Plan, position: usize, channel: &str) -> Option<ChannelSettings> {
    let task = plan.tasks.iter().find(|task| task.covers(position, channel))?;
    let mut configured =
        plan.streams.get(position).into_iter().flat_map(|stream| stream.channels.iter().flatten());
    let alarm =
        Settings { threshold: task.threshold.unwrap_or(Settings::DEFAULT.threshold), warm_up: task.warm_up };
    Some(ChannelSettings {
        alarm,
        unit: configured.find(|plan| plan.name == channel).and_then(|plan| plan.unit.clone()),
        update_every: millis(plan.alert.update),
        limits: Limits {
            max_lateness: millis(plan.gateway.max_lateness),
            max_past: plan.gateway.max_past.map(millis),
            max_future: millis(plan.gateway.max_future),
        },
        ..ChannelSettings::default()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use brooklet_core::frame;
    use brooklet_core::message::{Done, Reading, Request};
    use brooklet_core::monitor::Verdict;

    use super::*;
    use crate::check;
    use crate::check::ClockTrust;
    use crate::ledger::Gauge;

    const TEXT: &str = "[mqtt]\nurl = 'mqtt://localhost'\n[[serial]]\nname = 'pico'\nport = '/dev/ttyACM0'";

    /// A worker with a device on a line, which sends.
    struct Bench {
        worker: Worker,
        sequence: u16,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("brooklet.toml");
            std::fs::write(&file, TEXT).unwrap();
            let plan = Arc::new(check::load_with(&file, []).unwrap());
            let worker = Worker::new(plan, Arc::default(), Arc::default(), Arc::default());
            Self { worker, sequence: 0 }
        }

        fn hear(&mut self, message: Message) -> Vec<Finding> {
            self.sequence += 1;
            let event = LineEvent::Frame(self.sequence, Box::new(message));
            let (device, received) = (DeviceId("pico".into()), Timestamp(i64::from(self.sequence)));
            let mut findings = Vec::new();
            self.worker.handle(&Job::Line(OnLine { line: 0, device, received, event }), &mut findings);
            findings
        }

        /// The device does what it is told; the changes of alerts that this leads to.
        fn obey(&mut self, name: &str, fields: &str) -> Vec<Change> {
            let text = format!(r#"{{"status":"init","device":"pico",{fields}}}"#);
            let command = crate::command::Command::parse("t", name, text.as_bytes()).unwrap();
            let mut findings = Vec::new();
            self.worker.handle(&Job::Command(Box::new(command), None), &mut findings);
            let number = findings.iter().find_map(|finding| match finding {
                Finding::Down { frame, .. } => {
                    let frame = frame.strip_prefix(&[0]).unwrap();
                    let mut line = frame::Line::new();
                    let bytes =
                        frame.iter().find_map(|byte| Some(line.push(*byte)?.unwrap().to_vec())).unwrap();
                    Some(frame::decode::<Request>(&bytes).unwrap().1.number)
                }
                _ => None,
            });
            let done = Done { number: number.unwrap(), result: Ok(()) };
            changes(&self.hear(Message::Done(done)))
        }
    }

    fn changes(findings: &[Finding]) -> Vec<Change> {
        let change = |finding: &Finding| match finding {
            Finding::Alert(change, _) => Some(*change),
            _ => None,
        };
        findings.iter().filter_map(change).collect()
    }

    fn judged(fired: bool) -> Message {
        let reading = Reading { channel: "t".try_into().unwrap(), time: None, value: 50.0 };
        let verdict = Verdict { score: 3.0, level: 3.0, threshold: 2.2, fired, ended: false };
        Message::Judged(Judged { reading, verdict, because: None, firing: fired })
    }

    #[test]
    fn an_alert_that_its_device_will_not_end_is_over() {
        let mut bench = Bench::new();
        for (name, fields, over) in [
            ("set-mode", r#""mode":"verdicts""#, false),
            ("reset", r#""channel":"other""#, false),
            ("set-mode", r#""mode":"features""#, true),
            ("set-mode", r#""mode":"raw""#, true),
            ("reset", r#""channel":"t""#, true),
        ] {
            let fired = bench.hear(judged(true));
            assert_eq!(changes(&fired).last(), Some(&Change::Fired));
            let expected: &[Change] = if over { &[Change::Resolved] } else { &[] };
            assert_eq!(bench.obey(name, fields), expected, "{name} {fields}");
        }
    }

    #[test]
    fn what_is_held_is_learnt_when_its_time_is_over_and_each_reading_has_its_fate() {
        let mut bench = Bench::new();
        let now = 1_800_000_000_000;
        let hear = |bench: &mut Bench, at: i64| {
            let reading = Reading { channel: "t".try_into().unwrap(), time: Some(now + at), value: 1.0 };
            bench.sequence += 1;
            let event = LineEvent::Frame(bench.sequence, Box::new(Message::Reading(reading)));
            let (device, received) = (DeviceId("pico".into()), Timestamp(now + at.clamp(0, 5000)));
            let job = Job::Line(OnLine { line: 0, device, received, event });
            bench.worker.handle(&job, &mut Vec::new());
        };
        let counts = |bench: &Bench| {
            assert_eq!(bench.worker.ledger.totals().missing(), Default::default());
            [Count::Used, Count::Held, Count::Late].map(|count| bench.worker.ledger.get(count))
        };
        // Two seconds late: from now on readings wait for three.
        [0, -2000, 1000, 5000].into_iter().for_each(|at| hear(&mut bench, at));
        assert_eq!(counts(&bench), [2, 1, 1]);
        assert!(bench.worker.is_waiting());
        bench.worker.tick(Timestamp(now + 7999), &mut Vec::new());
        assert_eq!(counts(&bench), [2, 1, 1]);
        bench.worker.tick(Timestamp(now + 8000), &mut Vec::new());
        assert_eq!(counts(&bench), [3, 0, 1]);
        [-7_200_000, 7_200_000, 5000].into_iter().for_each(|at| hear(&mut bench, at));
        let refused = [Count::Past, Count::Future, Count::Duplicate];
        assert_eq!(refused.map(|count| bench.worker.ledger.get(count)), [1, 1, 1]);
        assert_eq!(counts(&bench), [3, 0, 1]);
    }

    /// A worker of an agent with these settings, and what it counts.
    fn worker(settings: &[(&str, &str)]) -> (Worker, Arc<Ledger>) {
        let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let plan = check::zero_config_with(Some("mqtt://localhost"), &["#".to_owned()], settings).unwrap();
        let ledger = Arc::new(Ledger::default());
        let clock = Arc::new(Clock::new(ClockTrust::Trusted, ledger.clone()));
        (Worker::new(Arc::new(plan), ledger.clone(), clock, Arc::default()), ledger)
    }

    /// A reading of `device`, received and measured at a second.
    fn read(worker: &mut Worker, device: &str, second: i64) -> Vec<Finding> {
        let mut findings = Vec::new();
        let device = DeviceId(device.into());
        let at = Timestamp(1_800_000_000_000 + second * 1000);
        worker.ledger.add(Count::Readings, 1);
        let from = Origin { position: 0, device: &device, received: at };
        worker.step(from, "t", second as f32, Some(at), None, &mut findings);
        assert_eq!(worker.ledger.totals().missing().readings, 0);
        findings
    }

    #[test]
    fn a_million_invented_names_are_held_at_the_cap_and_known_channels_are_learnt_on() {
        let (mut worker, ledger) = worker(&[("BROOKLET_GATEWAY__MAX_CHANNELS", "100")]);
        for second in 0..1_000_000 {
            let device = DeviceId(format!("invented-{second}").into());
            let from = Origin { position: 0, device: &device, received: Timestamp(0) };
            worker.step(from, "t", 1.0, None, None, &mut Vec::new());
        }
        assert_eq!((worker.devices.len(), ledger.get(Count::Channels)), (100, 100));
        assert_eq!((ledger.get(Count::Used), ledger.get(Count::OverCap)), (100, 999_900));
        ledger.add(Count::Readings, 1_000_000);
        read(&mut worker, "invented-7", 5);
        assert_eq!(ledger.get(Count::Used), 101);
    }

    #[test]
    fn silent_devices_make_room_once_they_are_stored_and_only_then() {
        let settings =
            [("BROOKLET_GATEWAY__MAX_CHANNELS", "2"), ("BROOKLET_GATEWAY__EVICT_AFTER_SECONDS", "1000")];
        let (mut worker, ledger) = worker(&settings);
        read(&mut worker, "silent", 0);
        read(&mut worker, "alive", 900);
        let fates =
            |ledger: &Ledger| [Count::Used, Count::OverCap, Count::Evicted].map(|count| ledger.get(count));
        // Not silent for long enough; then long enough, but not in the store.
        read(&mut worker, "new", 950);
        read(&mut worker, "new", 1020);
        assert_eq!(fates(&ledger), [2, 2, 0]);
        // Both files have what changed before the second round.
        worker.begin_round(Call { round: 3, since: [1, 1] });
        read(&mut worker, "alive", 1050);
        // The last look was a moment ago.
        read(&mut worker, "new", 1060);
        assert_eq!(fates(&ledger), [3, 3, 0]);
        read(&mut worker, "new", 1081);
        assert_eq!(fates(&ledger), [4, 3, 1]);
        assert!(worker.devices.contains_key("alive") && !worker.devices.contains_key("silent"));
        assert_eq!(ledger.get(Count::Channels), 2);
        // Readings alone do not make room: this one was heard lately.
        read(&mut worker, "silent", 2000);
        assert_eq!(fates(&ledger), [4, 4, 1]);
    }

    #[test]
    fn one_device_gone_wild_is_held_to_its_share() {
        let (mut worker, ledger) = worker(&[("BROOKLET_GATEWAY__DEVICE_READINGS_PER_SECOND", "1")]);
        // The first makes its channel; ten minutes' worth follows at once.
        let device = DeviceId("wild".into());
        let from = Origin { position: 0, device: &device, received: Timestamp(0) };
        for _ in 0..1000 {
            worker.step(from, "t", 1.0, None, None, &mut Vec::new());
        }
        assert_eq!((ledger.get(Count::Used), ledger.get(Count::Flooded)), (601, 399));
        ledger.add(Count::Readings, 1000);
        read(&mut worker, "calm", 1);
        assert_eq!(ledger.get(Count::Used), 602);
    }

    #[test]
    fn under_pressure_learning_rests_then_new_channels_and_alerts_never() {
        let (mut worker, ledger) = worker(&[("BROOKLET_GATEWAY__DEGRADE_AFTER_SECONDS", "10")]);
        let start = Instant::now();
        read(&mut worker, "known", 0);
        let observe = |worker: &mut Worker, seconds: &[u64], fill: f32| {
            seconds.iter().for_each(|second| worker.observe(fill, start + Duration::from_secs(*second)));
        };
        let gauges = |ledger: &Ledger| {
            [Gauge::ThinScores, Gauge::SkipLearning, Gauge::RefuseNew].map(|gauge| ledger.gauge(gauge))
        };
        observe(&mut worker, &[0, 10], 1.0);
        assert_eq!((gauges(&ledger), worker.is_degraded()), ([1, 0, 0], true));
        read(&mut worker, "known", 1);
        observe(&mut worker, &[11, 21], 1.0);
        assert_eq!(gauges(&ledger), [1, 1, 0]);
        read(&mut worker, "known", 2);
        read(&mut worker, "new", 2);
        observe(&mut worker, &[22, 32], 1.0);
        assert_eq!(gauges(&ledger), [1, 1, 1]);
        read(&mut worker, "other", 3);
        let fates = [Count::Used, Count::Skipped, Count::Deferred].map(|count| ledger.get(count));
        assert_eq!(fates, [3, 1, 1]);
        // An open alert is followed whatever comes.
        let from = DeviceId("known".into());
        let at = Timestamp(1_800_000_003_000);
        let verdict = Verdict { score: 3.0, level: 3.0, threshold: 2.2, fired: true, ended: false };
        let reading = Reading { channel: "t".try_into().unwrap(), time: Some(at.0), value: 50.0 };
        let judged = Judged { reading, verdict, because: None, firing: true };
        let from = Origin { position: 0, device: &from, received: at };
        let mut findings = Vec::new();
        ledger.add(Count::Readings, 1);
        worker.step(from, "t", 50.0, Some(at), Some(&judged), &mut findings);
        assert_eq!(changes(&findings), [Change::Fired]);
        read(&mut worker, "known", 4);
        assert_eq!(ledger.get(Count::Used), 5);
        observe(&mut worker, &[40, 50, 51, 61, 62, 72], 0.0);
        assert_eq!((gauges(&ledger), worker.is_degraded()), ([0, 0, 0], false));
    }
}
