//! A worker's devices that run Brooklet: their links, and what is asked of them.

use brooklet_core::message;
use tracing::{info, warn};

use super::{Finding, Origin, Worker};
use crate::alert::Alert;
use crate::command::{Action, Command, State};
use crate::decode;
use crate::device::{ChannelSettings, Op};
use crate::joint;
use crate::ledger::Count;
use crate::link::{Errand, Link, Task, Way};
use crate::model::Model;
use crate::reading::{ChannelId, DeviceId};

impl Worker {
    /// The link to a device, made if there is room for one more.
    pub(super) fn link(&mut self, from: Origin<'_>, way: Way) -> Option<&mut Link> {
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

    pub(super) fn command(&mut self, command: &Command, findings: &mut Vec<Finding>) {
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
    pub(super) fn go_on(&mut self, device: &DeviceId, findings: &mut Vec<Finding>) {
        while let Some(errand) = self.links.get_mut(&device.0).and_then(Link::next) {
            let model = match &errand.task {
                Task::Send(channel) if joint::group(channel).is_some() => {
                    Err("the model of several channels together stays at the gateway".to_owned())
                }
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
    pub(super) fn snapshot(&mut self, device: &DeviceId, channel: &str) -> Result<Vec<u8>, String> {
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
    pub(super) fn obeyed(
        &mut self,
        device: &DeviceId,
        command: &message::Command,
        findings: &mut Vec<Finding>,
    ) {
        use message::{Command, Mode};
        let Some(known) = self.devices.get_mut(&device.0) else { return };
        let (_, channels) = known.channels_mut();
        let mut over = Vec::new();
        for channel in channels.filter(|channel| channel.members().is_none()) {
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

    /// A device's model is here: checked, published, and gone on with.
    pub(super) fn fetched(
        &mut self,
        from: Origin<'_>,
        channel: &str,
        bytes: Vec<u8>,
        findings: &mut Vec<Finding>,
    ) {
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
}

/// Notes that a device said what it is.
pub(super) fn greet(link: &mut Link, device: &DeviceId, hello: &message::Hello) {
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

pub(super) fn model(device: &DeviceId, channel: &str, bytes: Vec<u8>) -> Finding {
    let channel = ChannelId((*decode::device::channel(channel)).into());
    Finding::Model { device: device.clone(), channel, bytes }
}
