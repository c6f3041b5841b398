//! One worker: its devices, from messages to findings. Plain values in and out; the loop around it is in
//! `topology`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use brooklet_core::alarm::Settings;
use brooklet_core::frame::Step;
use brooklet_core::message::{self, Judged, Message};
use serde::{Deserialize, Serialize};
use tracing::{debug, info, warn};

use crate::alert::{Alert, Change};
use crate::check::Plan;
use crate::command::{Action, Command, State, Ticket};
use crate::decode::{self, Readings, Refusal};
use crate::device::{Channel, ChannelSettings, Device, Op, Outcome, When};
use crate::ledger::{Count, Ledger};
use crate::link::{Errand, Heard, Link, Task, Way};
use crate::model::Model;
use crate::reading::{ChannelId, DeviceId, Name, RawMessage, Timestamp};
use crate::router::{Job, LineEvent, OnLine, Route};
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

/// A worker's state.
pub struct Worker {
    plan: Arc<Plan>,
    ledger: Arc<Ledger>,
    restored: Arc<Restored>,
    devices: HashMap<Name, Device>,
    /// Devices that run Brooklet themselves.
    links: HashMap<Name, Link>,
    readings: Readings,
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
    pub fn new(plan: Arc<Plan>, ledger: Arc<Ledger>, restored: Arc<Restored>) -> Self {
        Self {
            plan,
            ledger,
            restored,
            devices: HashMap::new(),
            links: HashMap::new(),
            readings: Readings::new(),
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
            Some(Err(refusal)) => return self.ledger.refuse_message(&message.topic, &refusal),
            None => {}
        }
        // The buffer is taken out so that its readings and the devices can be used side by side.
        let mut readings = std::mem::take(&mut self.readings);
        match decoder.decode(&message.payload, &mut readings) {
            Ok(()) => {
                self.ledger.add(Count::Decoded, 1);
                self.ledger.add(Count::Readings, readings.len() as u64);
                for reading in readings.iter() {
                    let (device, channel) = if reading.channel.is_empty() {
                        (&route.bare_device, &*route.bare_channel)
                    } else {
                        (&route.device, reading.channel)
                    };
                    self.step(from(device), channel, reading.value, reading.time, None, findings);
                }
            }
            Err(refusal) => self.ledger.refuse_message(&message.topic, &refusal),
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
            return self.ledger.refuse_message(&from.device.0, &Refusal::TooManyDevices);
        };
        match link.follow(sequence) {
            Step::Repeat => {
                self.ledger.add(Count::Repeated, 1);
                return;
            }
            // A device that says hello begins anew.
            Step::Next { lost } if !matches!(message, Message::Hello(_)) => {
                self.ledger.add(Count::Lost, u64::from(lost));
            }
            Step::Next { .. } | Step::Restarted => {}
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
                        self.ledger.add(Count::Decoded, 1);
                        self.ledger.add(Count::Readings, readings.len() as u64);
                        for reading in readings.iter() {
                            self.step(from, reading.channel, reading.value, reading.time, None, findings);
                        }
                    }
                    Err(refusal) => self.ledger.refuse_message(&from.device.0, &refusal),
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
            if self.links.len() >= self.plan.gateway.max_channels {
                return None;
            }
            let link = Link::new(from.device.clone(), from.position, from.received);
            self.links.insert(from.device.0.clone(), link);
        }
        let link = self.links.get_mut(&from.device.0)?;
        link.position = from.position;
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
            if let Some(Outcome::Changed(Some((change, alert)))) = self.apply(device, &channel, &op) {
                findings.push(Finding::Alert(change, alert));
            }
        }
    }

    /// Changes a channel that is there: the one place where that happens.
    fn apply(&mut self, device: &DeviceId, channel: &str, op: &Op) -> Option<Outcome> {
        let (device, channel) = self.devices.get_mut(&device.0)?.channel_mut(channel)?;
        Some(channel.apply(device, op))
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
                if let Some(Outcome::Changed(Some((change, alert)))) =
                    self.apply(from.device, &name, &Op::Adopt(bytes))
                {
                    findings.push(Finding::Alert(change, alert));
                }
                State::Successful
            }
        };
        if let Some(link) = self.links.get_mut(&from.device.0) {
            link.finish(state, findings);
        }
    }

    /// A moment has passed.
    pub fn tick(&mut self, findings: &mut Vec<Finding>) {
        let busy: Vec<Name> =
            self.links.iter().filter(|(_, link)| link.is_busy()).map(|(name, _)| name.clone()).collect();
        for name in busy {
            if let Some(link) = self.links.get_mut(&name) {
                link.tick(findings);
            }
            self.go_on(&DeviceId(name), findings);
        }
    }

    /// There are devices that may be waited for, so that [`tick`](Self::tick) is to be called.
    #[must_use]
    pub fn has_links(&self) -> bool {
        !self.links.is_empty()
    }

    /// Makes or restores a channel that is not there.
    fn make_sure(&mut self, from: Origin<'_>, channel: &str) -> Result<(), Count> {
        let known = self.devices.get_mut(&from.device.0);
        if known.is_some_and(|known| known.channel_mut(channel).is_some()) {
            return Ok(());
        }
        // Nothing is remembered of what is not taken: names are free to invent for whoever sends them.
        let channel = open(&self.plan, &self.ledger, &self.restored, from, channel)?;
        let device = from.device.clone();
        self.devices.entry(device.0.clone()).or_insert_with(|| Device::new(device)).insert(channel);
        Ok(())
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
        let count = self.learn(from, channel, value, time, judged, findings);
        let before = self.ledger.add(count, 1);
        if count != Count::Used && (before + 1).is_power_of_two() {
            let (what, times, device) = (count.name(), before + 1, from.device);
            let time = time.map(|time| time.to_string());
            warn!(%device, channel, time, times, "not learnt, {what}; {}", count.advice());
        }
    }

    fn learn(
        &mut self,
        from: Origin<'_>,
        channel: &str,
        value: f32,
        time: Option<Timestamp>,
        judged: Option<&Judged>,
        findings: &mut Vec<Finding>,
    ) -> Count {
        let latest = from.received.0.saturating_add(millis(self.plan.gateway.max_future));
        if time.is_some_and(|time| time.0 > latest) {
            return Count::Future;
        }
        let when = time.map_or(When::Arrived(from.received), When::Own);
        let op = match judged {
            None => Op::Step { value, when },
            Some(Judged { verdict, because, firing, .. }) => {
                Op::Judged { value, when, verdict: *verdict, because: *because, firing: *firing }
            }
        };
        // Nearly always the channel is there: it is looked up once.
        let mut outcome = self.apply(from.device, channel, &op);
        if outcome.is_none() {
            if let Err(count) = self.make_sure(from, channel) {
                return count;
            }
            outcome = self.apply(from.device, channel, &op);
        }
        let Some(outcome) = outcome else { return Count::OverCap };
        match outcome {
            Outcome::Changed(_) | Outcome::Late => Count::Late,
            Outcome::Duplicate => Count::Duplicate,
            Outcome::NonFinite => Count::NonFinite,
            Outcome::Used(used) => {
                for (change, alert) in used.changes {
                    if change == Change::Fired {
                        self.ledger.add(Count::Alerts, 1);
                    }
                    findings.push(Finding::Alert(change, alert));
                }
                let known = self.devices.get_mut(&from.device.0).and_then(|known| known.channel_mut(channel));
                if let Some(every) = self.plan.publish.scores_every
                    && let Some((device, channel)) = known
                    && channel.score_is_due(used.at, millis(every))
                {
                    findings.push(Finding::Score(Box::new(Score {
                        device: device.clone(),
                        channel: channel.name().clone(),
                        time: used.at,
                        value,
                        score: used.verdict.score,
                        level: used.verdict.level,
                        firing: channel.alert().is_some(),
                        ready: judged.is_some() || channel.is_ready(),
                    })));
                }
                Count::Used
            }
        }
    }

    /// The records of the channels whose alerts began or ended, or whose models came from their devices: what is told must
    /// not be forgotten.
    #[must_use]
    pub fn told(&mut self, findings: &[Finding]) -> Vec<Record> {
        let mut records = Vec::new();
        for finding in findings {
            let (device, channel) = match finding {
                Finding::Alert(Change::Fired | Change::Resolved, alert) => (&alert.device, &alert.channel),
                Finding::Model { device, channel, .. } => (device, channel),
                _ => continue,
            };
            if let Some(device) = self.devices.get_mut(&device.0)
                && let Some((device, channel)) = device.channel_mut(&channel.0)
                && let Ok(saved) = channel.save()
            {
                records.push(Record { device: device.clone(), channel: channel.name().clone(), saved });
            }
        }
        records
    }

    /// What has changed since the last call, ready to be stored.
    pub fn changed(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        for device in self.devices.values_mut() {
            let (id, channels) = device.channels_mut();
            for channel in channels {
                if !channel.take_changed() {
                    continue;
                }
                match channel.save() {
                    Ok(saved) => {
                        records.push(Record { device: id.clone(), channel: channel.name().clone(), saved })
                    }
                    Err(error) => warn!(device = %id, channel = %channel.name(), "not saved: {error}"),
                }
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
        ..ChannelSettings::default()
    })
}

/// Makes a channel: restored if it was stored, else new, within the cap.
fn open(
    plan: &Plan,
    ledger: &Ledger,
    restored: &Restored,
    from: Origin<'_>,
    channel: &str,
) -> Result<Channel, Count> {
    let device = from.device;
    let Some(settings) = settings(plan, from.position, channel) else { return Err(Count::Unwatched) };
    let settings = Arc::new(settings);
    if ledger.add(Count::Channels, 1) >= plan.gateway.max_channels as u64 {
        // Taken back, so that the gauge tells what there is.
        ledger.add(Count::Channels, 1u64.wrapping_neg());
        return Err(Count::OverCap);
    }
    let name = ChannelId(channel.into());
    if let Some(saved) = restored.get(device, &name) {
        match Channel::restore(name.clone(), settings.clone(), saved) {
            Ok(channel) => {
                ledger.add(Count::Restored, 1);
                debug!(%device, channel = %name, "restored");
                return Ok(channel);
            }
            Err(error) => {
                ledger.add(Count::NotRestored, 1);
                restored.put_aside(device, &name);
                warn!(%device, channel = %name, "its stored model is not used, it learns anew: {error}");
            }
        }
    }
    Channel::new(name, settings).ok_or(Count::Unwatched)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use brooklet_core::frame;
    use brooklet_core::message::{Done, Reading, Request};
    use brooklet_core::monitor::Verdict;

    use super::*;
    use crate::check;

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
            let worker = Worker::new(plan, Arc::default(), Arc::default());
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
}
