//! One worker: its devices, from messages to findings. Plain values in and out; the loop around it is in
//! `topology`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use brooklet_core::alarm::Settings;
use serde::{Deserialize, Serialize};
use tracing::{debug, warn};

use crate::alert::{Alert, Change};
use crate::check::Plan;
use crate::decode::Readings;
use crate::device::{Channel, ChannelSettings, Device, Outcome, When};
use crate::ledger::{Count, Ledger};
use crate::reading::{ChannelId, DeviceId, Name, Timestamp};
use crate::router::{Job, Stream};
use crate::store::{Record, Restored};

/// What a worker has to say.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// Something happened to an alert.
    Alert(Change, Box<Alert>),
    /// The level of a channel, if scores are published.
    Score(Box<Score>),
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
    readings: Readings,
}

impl Worker {
    /// A worker without devices; channels stored earlier are restored when their first reading comes.
    #[must_use]
    pub fn new(plan: Arc<Plan>, ledger: Arc<Ledger>, restored: Arc<Restored>) -> Self {
        Self { plan, ledger, restored, devices: HashMap::new(), readings: Readings::new() }
    }

    /// Decodes a message, scores and learns its readings, and adds what they say to `findings`.
    pub fn handle(&mut self, job: &Job, findings: &mut Vec<Finding>) {
        let (message, route) = (&job.message, &job.route);
        // The buffer is taken out so that its readings and the devices can be used side by side.
        let mut readings = std::mem::take(&mut self.readings);
        match route.stream.plan.decoder.decode(&message.payload, &mut readings) {
            Ok(()) => {
                self.ledger.add(Count::Decoded, 1);
                self.ledger.add(Count::Readings, readings.len() as u64);
                for reading in readings.iter() {
                    let (device, channel) = if reading.channel.is_empty() {
                        (&route.bare_device, &*route.bare_channel)
                    } else {
                        (&route.device, reading.channel)
                    };
                    let count = self.step(job, device, channel, reading.value, reading.time, findings);
                    let before = self.ledger.add(count, 1);
                    if count != Count::Used && (before + 1).is_power_of_two() {
                        let (what, times) = (count.name(), before + 1);
                        let time = reading.time.map(|time| time.to_string());
                        warn!(%device, channel, time, times, "not learnt, {what}; {}", count.advice());
                    }
                }
            }
            Err(refusal) => {
                let before = self.ledger.refuse(refusal.name());
                // The first of each kind is worth a person's attention, and then each power of two.
                if (before + 1).is_power_of_two() {
                    warn!(
                        topic = message.topic,
                        reason = refusal.name(),
                        times = before + 1,
                        "message refused: {refusal}"
                    );
                }
            }
        }
        self.readings = readings;
    }

    fn step(
        &mut self,
        job: &Job,
        device: &DeviceId,
        channel: &str,
        value: f32,
        time: Option<Timestamp>,
        findings: &mut Vec<Finding>,
    ) -> Count {
        let received = job.message.received;
        if time.is_some_and(|time| time.0 > received.0.saturating_add(millis(self.plan.gateway.max_future))) {
            return Count::Future;
        }
        let known = self.devices.get_mut(&device.0).is_some_and(|known| known.channel_mut(channel).is_some());
        if !known {
            // Nothing is remembered of what is not taken: names are free to invent for whoever sends them.
            match open(&self.plan, &self.ledger, &self.restored, job, device, channel) {
                Ok(channel) => {
                    let device =
                        self.devices.entry(device.0.clone()).or_insert_with(|| Device::new(device.clone()));
                    device.insert(channel);
                }
                Err(count) => return count,
            }
        }
        let known = self.devices.get_mut(&device.0).and_then(|known| known.channel_mut(channel));
        let Some((device, channel)) = known else { return Count::OverCap };
        match channel.step(device, value, time.map_or(When::Arrived(received), When::Own)) {
            Outcome::Late => Count::Late,
            Outcome::Duplicate => Count::Duplicate,
            Outcome::NonFinite => Count::NonFinite,
            Outcome::Used(used) => {
                for (change, alert) in used.changes {
                    if change == Change::Fired {
                        self.ledger.add(Count::Alerts, 1);
                    }
                    findings.push(Finding::Alert(change, alert));
                }
                if let Some(every) = self.plan.publish.scores_every
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
                        ready: channel.is_ready(),
                    })));
                }
                Count::Used
            }
        }
    }

    /// The records of the channels whose alerts began or ended: what is told must not be forgotten.
    #[must_use]
    pub fn told(&mut self, findings: &[Finding]) -> Vec<Record> {
        let mut records = Vec::new();
        for finding in findings {
            if let Finding::Alert(Change::Fired | Change::Resolved, alert) = finding
                && let Some(device) = self.devices.get_mut(&alert.device.0)
                && let Some((device, channel)) = device.channel_mut(&alert.channel.0)
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

/// What the first task that covers a channel says about it.
fn settings(plan: &Plan, stream: &Stream, channel: &str) -> Option<ChannelSettings> {
    let task = plan.tasks.iter().find(|task| task.covers(stream.position, channel))?;
    let alarm =
        Settings { threshold: task.threshold.unwrap_or(Settings::DEFAULT.threshold), warm_up: task.warm_up };
    Some(ChannelSettings {
        alarm,
        unit: stream.unit(channel),
        update_every: millis(plan.alert.update),
        ..ChannelSettings::default()
    })
}

/// Makes a channel: restored if it was stored, else new, within the cap.
fn open(
    plan: &Plan,
    ledger: &Ledger,
    restored: &Restored,
    job: &Job,
    device: &DeviceId,
    channel: &str,
) -> Result<Channel, Count> {
    let Some(settings) = settings(plan, &job.route.stream, channel) else { return Err(Count::Unwatched) };
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
