//! The devices of a recording, each replayed by itself.

use std::sync::Arc;

use super::{Counts, Judgement, Run};
use crate::alert::{Alert, Change};
use crate::device::ChannelSettings;
use crate::reading::ChannelId;
use crate::report::Collector;
use crate::source::replay::{Recording, Row};

/// A run for each device of a recording.
#[derive(Debug)]
pub struct Fleet {
    members: Vec<Member>,
    /// Some device is named: the recording may hold several.
    named: bool,
    /// The values of the channels that are watched.
    values: Vec<Option<f32>>,
}

#[derive(Debug)]
struct Member {
    name: String,
    channels: Vec<String>,
    /// Where these stand among the device's channels; `None` if all of them are watched.
    watched: Option<Vec<usize>>,
    run: Run,
}

impl Fleet {
    /// The devices of a recording; `unnamed` is what a device without a name is called. `settings` says by the names of
    /// device and channel how a channel is watched, if at all.
    ///
    /// # Errors
    /// The detector that does not exist, if the settings name one.
    pub fn new(
        unnamed: &str,
        recording: &Recording,
        settings: impl Fn(&str, &str) -> Option<Arc<ChannelSettings>>,
    ) -> Result<Self, &'static str> {
        let mut members = Vec::new();
        for device in recording.devices() {
            let name = device.name.as_deref().unwrap_or(unnamed);
            let all = device.channels.iter().enumerate();
            let watched: Vec<(usize, &String, Arc<ChannelSettings>)> =
                all.filter_map(|(i, channel)| Some((i, channel, settings(name, channel)?))).collect();
            let channels: Vec<_> =
                watched.iter().map(|(_, channel, settings)| (channel.as_str(), settings)).collect();
            let run = Run::with(name, &channels, recording.timed())
                .ok_or(channels.first().map_or("", |(_, settings)| settings.detector))?;
            let all = watched.len() == device.channels.len();
            members.push(Member {
                name: name.to_owned(),
                channels: watched.iter().map(|(_, channel, _)| (*channel).clone()).collect(),
                watched: (!all).then(|| watched.iter().map(|(i, ..)| *i).collect()),
                run,
            });
        }
        let named = recording.devices().iter().any(|device| device.name.is_some());
        Ok(Self { members, named, values: Vec::new() })
    }

    /// Starts each channel of each device from a model that another one has learnt. Those without one that knows enough are
    /// returned.
    #[must_use]
    pub fn start_from(&mut self, model: impl Fn(&ChannelId) -> Option<Vec<u8>>) -> Vec<ChannelId> {
        self.members.iter_mut().flat_map(|member| member.run.start_from(&model)).collect()
    }

    /// Whether rows have to say whose they are.
    #[must_use]
    pub const fn is_named(&self) -> bool {
        self.named
    }

    /// How many devices there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// There is none: no recording is like that.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The name of a device; empty if there is none at that place.
    #[must_use]
    pub fn name(&self, device: usize) -> &str {
        self.members.get(device).map_or("", |member| &member.name)
    }

    /// The channels of a device that are watched.
    #[must_use]
    pub fn channels(&self, device: usize) -> &[String] {
        self.members.get(device).map_or(&[], |member| &member.channels)
    }

    /// One row, of its device. What happens to alerts is appended to `changes`.
    pub fn step(&mut self, row: &Row<'_>, changes: &mut Vec<(Change, Box<Alert>)>) -> Judgement {
        let Some(member) = self.members.get_mut(row.device) else { return Judgement::default() };
        let Some(watched) = &member.watched else { return member.run.step(row, changes) };
        self.values.clear();
        self.values.extend(watched.iter().map(|&i| row.values.get(i).copied().flatten()));
        member.run.step(&Row { values: &self.values, ..*row }, changes)
    }

    /// The end of the recording for one device: what is held is learnt.
    pub fn finish(&mut self, device: usize, changes: &mut Vec<(Change, Box<Alert>)>) -> Judgement {
        self.members.get_mut(device).map_or_else(Judgement::default, |member| member.run.finish(changes))
    }

    /// What became of the readings of all.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.members.iter().for_each(|member| counts.add(member.run.counts()));
        counts
    }

    /// What became of the readings of one.
    #[must_use]
    pub fn counts_of(&self, device: usize) -> Counts {
        self.members.get(device).map_or_else(Counts::default, |member| *member.run.counts())
    }

    /// Collects from now on what a report shows of each device, as one of so many recordings on a page.
    pub fn collect(&mut self, recordings: usize) {
        let all = recordings.saturating_mul(self.members.len());
        self.members.iter_mut().for_each(|member| member.run.collect(all));
    }

    /// What was collected of a device, if it was asked for.
    pub fn take_collected(&mut self, device: usize) -> Option<Collector> {
        self.members.get_mut(device)?.run.take_collected()
    }

    /// Alerts that are firing now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.members.iter().map(|member| member.run.open()).sum()
    }
}
