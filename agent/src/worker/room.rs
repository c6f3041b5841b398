//! Which channels a worker follows, and which of their readings: caps, pressure, eviction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use brooklet_core::alarm::Settings;
use tracing::{debug, info, warn};

use super::keep::MOST_PANICS;
use super::{Origin, Worker, millis};
use crate::check::Plan;
use crate::device::{Channel, ChannelSettings, Device, Saved};
use crate::joint;
use crate::ledger::Count;
use crate::order::Limits;
use crate::overload::Level;
use crate::reading::{ChannelId, DeviceId, Timestamp};
use crate::store::Record;

/// Between two looks at which channels may make room for others.
const LOOK: Duration = Duration::from_secs(60);

impl Worker {
    /// Makes or restores a channel that is not there. True if it is new.
    pub(super) fn make_sure(&mut self, from: Origin<'_>, channel: &str) -> Result<bool, Count> {
        let known = self.devices.get_mut(&from.device.0);
        if known.is_some_and(|known| known.channel_mut(channel).is_some()) {
            return Ok(false);
        }
        // Nothing is remembered of what is not taken: names are free to invent for whoever sends them.
        let name = channel;
        let channel = self.open(from, channel)?;
        let (is_new, is_joint) = (channel.steps() == 0, channel.settings().joint);
        let device = from.device.clone();
        let device =
            self.devices.entry(device.0.clone()).or_insert_with(|| Device::new(device, from.position));
        device.insert(channel);
        device.bucket.heard.get_or_insert(from.received);
        if is_joint {
            self.seat(from, name);
        }
        Ok(is_new)
    }

    /// Starts a new channel from another's model, if its task says so and there is one that knows enough.
    pub(super) fn start(&mut self, from: Origin<'_>, channel: &str) {
        let known = self.devices.get_mut(&from.device.0).and_then(|known| known.channel_mut(channel));
        let Some((_, new)) = known else { return };
        if new.settings().start_from.is_none() {
            return;
        }
        let Some((other, snapshot)) = self.ledger.siblings.best(from.position, new.name()) else { return };
        let Some(adopt) = new.sibling_of(&snapshot) else { return };
        let device = from.device;
        info!(%device, channel, %other, "a new channel starts from another device's model");
        // Nothing was told of a channel that is new: there is no alert that could end.
        self.apply(from.device, channel, adopt);
    }

    /// What others may start from: a channel as it is stored.
    pub(super) fn offer(&self, position: usize, device: &DeviceId, channel: &ChannelId, saved: &Saved) {
        let task = self.plan.tasks.iter().find(|task| task.covers(position, &channel.0));
        if let Some(start_from) = task.and_then(|task| task.start_from.as_ref()) {
            let Saved { steps, snapshot, .. } = saved;
            self.ledger.siblings.offer(start_from, position, device, channel, *steps, snapshot);
        }
    }

    /// Takes one of the places for channels, which all workers share.
    pub(super) fn reserve(&self) -> bool {
        let fits = self.ledger.add(Count::Channels, 1) < self.plan.gateway.max_channels as u64;
        if !fits {
            // Taken back, so that the gauge tells what there is.
            self.ledger.add(Count::Channels, 1u64.wrapping_neg());
        }
        fits
    }

    /// Gives up the channels of devices that were silent for long; they are in both files of the store, and come back with
    /// their devices. True if there were any. Who invents names does not make the worker look again each time.
    pub(super) fn make_room(&mut self, now: Timestamp) -> bool {
        if self.next_look.is_some_and(|next| now < next) {
            return false;
        }
        self.next_look = Some(Timestamp(now.0.saturating_add(millis(LOOK))));
        let silent_since = now.0.saturating_sub(millis(self.plan.gateway.evict_after));
        self.links.retain(|_, link| link.is_busy() || link.heard_at.0 > silent_since);
        let (mut evicted, mut groups) = (0, Vec::new());
        let kept_since = self.kept_since;
        self.devices.retain(|_, device| {
            let is_silent = device.bucket.heard.is_some_and(|heard| heard.0 <= silent_since);
            let (_, mut channels) = device.channels_mut();
            let (mut count, before) = (0, groups.len());
            let may_go = |channel: &mut Channel| {
                match channel.members() {
                    Some(members) => groups.push(members.len()),
                    None => count += 1,
                }
                channel.alert().is_none() && channel.held() == 0 && !channel.changed_since(kept_since)
            };
            let keep = !is_silent || !channels.all(may_go);
            if keep {
                groups.truncate(before);
            } else {
                evicted += count;
            }
            keep
        });
        groups.into_iter().for_each(|members| self.close_group(members));
        self.ledger.add(Count::Channels, 0u64.wrapping_sub(evicted));
        self.ledger.add(Count::Evicted, evicted);
        if evicted > 0 {
            info!(channels = evicted, "channels of silent devices make room for others");
        }
        evicted > 0
    }

    /// Makes a channel: restored if it was stored, else new, within the cap.
    pub(super) fn open(&mut self, from: Origin<'_>, channel: &str) -> Result<Channel, Count> {
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
                    ledger.budgets.note(device, &name, channel.budget_used(), from.received);
                    // They came in before this run, and meet their fate in it.
                    ledger.add(Count::Readings, channel.held() as u64);
                    ledger.add(Count::Held, channel.held() as u64);
                    debug!(%device, channel = %name, "restored");
                    self.offer(from.position, device, &name, &saved);
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

    /// Whether a channel rests because its learner panicked.
    pub(super) fn rests(&self, device: &DeviceId, channel: &str) -> bool {
        let is_it = |(other, name): &&(DeviceId, ChannelId)| other == device && *name.0 == *channel;
        self.suspended.iter().any(|names| is_it(&names))
            || self.failed.iter().any(|(names, times)| *times >= MOST_PANICS && is_it(&names))
    }

    /// Why there is no time for a reading, if so.
    pub(super) fn admit(&mut self, from: Origin<'_>, channel: &str, is_judged: bool) -> Option<Count> {
        let (level, rate) = (self.overload.level(), self.plan.gateway.device_rate);
        let new = (level >= Level::RefuseNew).then_some(Count::Deferred);
        let Some(device) = self.devices.get_mut(&from.device.0) else { return new };
        let Some(known) = device.channel(channel) else { return new };
        // A device that judges by itself costs little.
        if level >= Level::SkipLearning && !is_judged && !device.rings(known) {
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
}

/// What the first task that covers a channel says about it.
pub(crate) fn settings(plan: &Plan, position: usize, channel: &str) -> Option<ChannelSettings> {
    // The name of a group is no channel's.
    let tasks = if joint::group(channel).is_some() { &[] } else { plan.tasks.as_slice() };
    let task = tasks.iter().find(|task| task.covers(position, channel))?;
    let mut configured =
        plan.streams.get(position).into_iter().flat_map(|stream| stream.channels.iter().flatten());
    let alarm = Settings {
        threshold: task.threshold.unwrap_or(Settings::DEFAULT.threshold),
        warm_up: task.warm_up,
        budget: task.budget.unwrap_or(Settings::DEFAULT.budget),
    };
    Some(ChannelSettings {
        alarm,
        start_from: task.start_from.clone(),
        unit: configured.find(|plan| plan.name == channel).and_then(|plan| plan.unit.clone()),
        update_every: millis(plan.alert.update),
        limits: Limits {
            max_lateness: millis(plan.gateway.max_lateness),
            max_past: plan.gateway.max_past.map(millis),
            max_future: millis(plan.gateway.max_future),
        },
        joint: task.joint,
        ..ChannelSettings::default()
    })
}
