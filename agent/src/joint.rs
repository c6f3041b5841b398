//! The joint detector over a device's channels: from rows to a level and, now and then, an alert of the device.

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::{Joint, JointBecause, Row};
use brooklet_core::monitor::{Monitor, Verdict};

use crate::alert::{Alert, Change, JointOnset, Named};
use crate::reading::{ChannelId, DeviceId, Timestamp};

/// The name of the detector.
pub const DETECTOR: &str = "joint";
/// The channel under which it tells its alerts.
pub const CHANNEL: &str = "_joint";

/// A model of the smallest size that has room for all channels.
#[derive(Clone, Debug, PartialEq)]
enum Model {
    C4(Box<Monitor<Joint<4>>>),
    C8(Box<Monitor<Joint<8>>>),
    C16(Box<Monitor<Joint<16>>>),
    C32(Box<Monitor<Joint<32>>>),
    C64(Box<Monitor<Joint<64>>>),
}

fn step<const N: usize>(
    monitor: &mut Monitor<Joint<N>>,
    cells: &[Option<f32>],
    time: Option<Timestamp>,
    settings: &Settings,
) -> (Verdict, Option<JointBecause>) {
    let mut row = Row::new(time.map(|time| time.0));
    for (channel, value) in cells.iter().enumerate() {
        if let Some(value) = value {
            row.set(channel, *value);
        }
    }
    monitor.step_explained(&row, settings)
}

impl Model {
    /// The most channels of one model.
    const MOST: usize = 64;

    /// Nothing learnt, and without some experts, as [`Joint::without`].
    fn new(channels: usize, without: u8) -> Option<Self> {
        const fn new<const N: usize>(without: u8) -> Monitor<Joint<N>> {
            Monitor::new(Joint::new().without(without))
        }
        match channels {
            2..=4 => Some(Self::C4(Box::new(new(without)))),
            5..=8 => Some(Self::C8(Box::new(new(without)))),
            9..=16 => Some(Self::C16(Box::new(new(without)))),
            17..=32 => Some(Self::C32(Box::new(new(without)))),
            33..=Self::MOST => Some(Self::C64(Box::new(new(without)))),
            _ => None,
        }
    }

    fn step(
        &mut self,
        cells: &[Option<f32>],
        time: Option<Timestamp>,
        settings: &Settings,
    ) -> (Verdict, Option<JointBecause>) {
        match self {
            Self::C4(monitor) => step(monitor, cells, time, settings),
            Self::C8(monitor) => step(monitor, cells, time, settings),
            Self::C16(monitor) => step(monitor, cells, time, settings),
            Self::C32(monitor) => step(monitor, cells, time, settings),
            Self::C64(monitor) => step(monitor, cells, time, settings),
        }
    }
}

/// Channels that are judged together, and their alert.
#[derive(Debug)]
struct Group {
    /// Their numbers.
    channels: std::ops::Range<usize>,
    model: Model,
    alert: Option<Box<Alert>>,
    level: f32,
}

/// All channels of a device; more than 64 are judged in groups of equal size.
///
/// A row is complete when each channel has a cell in it, or when the time moves on.
#[derive(Debug)]
pub struct Together {
    names: Vec<ChannelId>,
    settings: Settings,
    groups: Vec<Group>,
    /// The row that is not complete yet: its time and its cells.
    at: Option<(Timestamp, bool)>,
    cells: Vec<Option<f32>>,
    last: Option<Timestamp>,
    alerts: u64,
}

impl Together {
    /// `None` for a single channel: there is nothing to be judged together.
    #[must_use]
    pub fn new(names: Vec<ChannelId>, settings: Settings) -> Option<Self> {
        let groups = names.len().div_ceil(Model::MOST);
        let size = names.len().div_ceil(groups.max(1)).max(2);
        let group = |first: usize| {
            let channels = first..names.len().min(first + size);
            Some(Group { model: Model::new(channels.len(), 0)?, channels, alert: None, level: 0.0 })
        };
        let groups: Vec<Group> = (0..names.len()).step_by(size).filter_map(group).collect();
        let cells = vec![None; names.len()];
        (!groups.is_empty()).then_some(Self {
            names,
            settings,
            groups,
            at: None,
            cells,
            last: None,
            alerts: 0,
        })
    }

    /// The same with nothing learnt and without some of the detector's experts, as [`Joint::without`].
    #[must_use]
    pub fn without(mut self, experts: u8) -> Self {
        for group in &mut self.groups {
            let model = Model::new(group.channels.len(), experts);
            model.into_iter().for_each(|model| group.model = model);
        }
        self
    }

    /// The evidence now, of the strangest group, in powers of ten.
    #[must_use]
    pub fn level(&self) -> f32 {
        self.groups.iter().map(|group| group.level).fold(0.0, f32::max)
    }

    /// Alerts that are firing now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.alerts().count()
    }

    /// Those alerts.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.groups.iter().filter_map(|group| group.alert.as_deref())
    }

    /// Takes in cells that were measured at a time, which is known or only stands for one. A time before the last one is
    /// passed over. Returns the evidence of the strongest alert that starts.
    ///
    /// `rings` says whether a channel has an alert of its own: what it says already is not said again.
    pub fn take(
        &mut self,
        device: &DeviceId,
        cells: &[Option<f32>],
        (at, known): (Timestamp, bool),
        rings: impl Fn(usize) -> bool,
        changes: &mut Vec<(Change, Box<Alert>)>,
    ) -> Option<f32> {
        let mut fired = None;
        if self.at.is_some_and(|(before, _)| before < at) {
            fired = self.finish(device, &rings, changes);
        }
        if self.last.is_some_and(|last| at <= last) || self.at.is_some_and(|(now, _)| at < now) {
            return fired;
        }
        self.at = Some((at, known));
        for (cell, new) in self.cells.iter_mut().zip(cells) {
            *cell = new.or(*cell);
        }
        // Without a time there is nothing that could move on.
        if !known || self.cells.iter().all(Option::is_some) {
            let now = self.finish(device, &rings, changes);
            fired = strongest(fired, now);
        }
        fired
    }

    /// Judges the row that is not complete, if there is one.
    pub fn finish(
        &mut self,
        device: &DeviceId,
        rings: &impl Fn(usize) -> bool,
        changes: &mut Vec<(Change, Box<Alert>)>,
    ) -> Option<f32> {
        let (at, known) = self.at.take()?;
        self.last = Some(at);
        let mut fired = None;
        for group in &mut self.groups {
            let cells = self.cells.get(group.channels.clone()).unwrap_or_default();
            let (verdict, because) = group.model.step(cells, known.then_some(at), &self.settings);
            group.level = verdict.level;
            if let Some(alert) = &mut group.alert {
                alert.follow(verdict.level, at);
            }
            if (verdict.fired || verdict.ended)
                && let Some(mut alert) = group.alert.take()
            {
                alert.resolve(at);
                changes.push((Change::Resolved, alert));
            }
            let Some(because) = because.filter(|_| verdict.fired) else { continue };
            let parts = because.channels.into_iter().flatten();
            let parts: Vec<(usize, _)> =
                parts.map(|part| (group.channels.start + usize::from(part.channel), part)).collect();
            if parts.iter().any(|(channel, _)| rings(*channel)) {
                continue;
            }
            let named = |(channel, part)| Some(Named { name: self.names.get(channel)?, part });
            let Some(alert) = Alert::fire_joint(JointOnset {
                device,
                at,
                score: verdict.score,
                threshold: verdict.threshold,
                evidence: because.evidence,
                channels: parts.into_iter().filter_map(named).collect(),
                number: self.alerts,
            }) else {
                continue;
            };
            self.alerts = self.alerts.saturating_add(1);
            let mut alert = Box::new(alert);
            changes.push((Change::Fired, alert.clone()));
            fired = strongest(fired, Some(verdict.score));
            if verdict.ended {
                alert.resolve(at);
                changes.push((Change::Resolved, alert));
            } else {
                group.alert = Some(alert);
            }
        }
        self.cells.fill(None);
        fired
    }
}

/// The stronger of two pieces of evidence.
#[must_use]
pub fn strongest(a: Option<f32>, b: Option<f32>) -> Option<f32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use brooklet_core::rng::Rng;

    use super::*;

    const CHANNELS: usize = 5;

    struct Device {
        together: Together,
        rng: Rng,
        levels: Vec<f32>,
        changes: Vec<(Change, Box<Alert>)>,
        /// The channel that has an alert of its own.
        rings: Option<usize>,
    }

    impl Device {
        fn new(channels: usize) -> Self {
            let names = (0..channels).map(|i| ChannelId(format!("c{i}").into())).collect();
            let together = Together::new(names, Settings::DEFAULT).unwrap();
            Self { together, rng: Rng::new(1), levels: Vec::new(), changes: Vec::new(), rings: None }
        }

        /// A row of channels that follow a common state; `wrong` is added to the second.
        fn row(&mut self, wrong: f32) -> [Option<f32>; CHANNELS] {
            let state = self.rng.normal();
            let mut cell = |i: usize| 10.0 * i as f32 + state + 0.1 * self.rng.normal();
            let mut row: [f32; CHANNELS] = std::array::from_fn(&mut cell);
            row[1] += wrong;
            row.map(Some)
        }

        fn take(&mut self, cells: &[Option<f32>], seconds: i64) {
            let device = DeviceId("pump".into());
            let rings = self.rings;
            let at = (Timestamp(seconds * 1000), true);
            self.together.take(&device, cells, at, |i| Some(i) == rings, &mut self.changes);
            self.levels.push(self.together.level());
        }

        /// A thousand rows, a fault in 700 to 800.
        fn run(&mut self) {
            for i in 0..1000 {
                let wrong = if (700..800).contains(&i) { 1.5 } else { 0.0 };
                let row = self.row(wrong);
                self.take(&row, i);
            }
        }
    }

    #[test]
    fn finds_what_no_channel_shows_and_holds_it_for_as_long_as_it_lasts() {
        let mut device = Device::new(CHANNELS);
        device.run();
        let most = |rows: std::ops::Range<usize>| device.levels[rows].iter().copied().fold(0.0, f32::max);
        let least = |rows: std::ops::Range<usize>| device.levels[rows].iter().copied().fold(9e9, f32::min);
        assert!(most(0..700) < 3.5, "{}", most(0..700));
        assert!(least(710..800) > 2.0 * most(0..700), "{}", least(710..800));
        assert!(most(850..1000) < 3.5, "{}", most(850..1000));
        let changes: Vec<Change> = device.changes.iter().map(|(change, _)| *change).collect();
        assert_eq!((changes[0], changes.last()), (Change::Fired, Some(&Change::Resolved)));
        let alert = &device.changes[0].1;
        assert!((700..705).contains(&(alert.started_at.0 / 1000)), "{}", alert.started_at);
        assert_eq!((alert.channel.0.as_ref(), alert.model.name.as_str()), (CHANNEL, DETECTOR));
        let sentence = &alert.because.sentence;
        assert!(
            sentence.starts_with("pump - its channels do not go together as usual: c1 is "),
            "{sentence}"
        );
        assert!((alert.value - alert.expected.value - 1.5).abs() < 0.6, "{alert:?}");
    }

    #[test]
    fn what_a_channel_says_already_is_not_said_again() {
        let mut device = Device::new(CHANNELS);
        device.rings = Some(1);
        device.run();
        assert!(device.changes.is_empty() && device.levels[750] > 5.0);
    }

    #[test]
    fn a_row_is_complete_when_all_are_there_or_the_time_moves_on() {
        let (mut whole, mut parts) = (Device::new(CHANNELS), Device::new(CHANNELS));
        for i in 0..500 {
            let row = whole.row(0.0);
            whole.take(&row, i);
            for channel in 0..CHANNELS {
                let mut one = [None; CHANNELS];
                one[channel] = row[channel];
                parts.take(&one, i);
            }
        }
        assert_eq!(parts.levels.last(), whole.levels.last());
        let row = whole.row(8.0);
        whole.take(&row, 500);
        parts.take(&row[..4], 500);
        assert!(parts.together.level() < whole.together.level(), "the last channel is waited for");
        parts.take(&row, 501);
        parts.take(&row, 100);
        assert_eq!(parts.together.last, Some(Timestamp(501_000)), "what comes late is passed over");
    }

    #[test]
    fn many_channels_are_judged_in_groups() {
        let device = Device::new(123);
        let sizes: Vec<usize> = device.together.groups.iter().map(|group| group.channels.len()).collect();
        assert_eq!(sizes, [62, 61]);
        assert!(Together::new(vec![ChannelId("a".into())], Settings::DEFAULT).is_none());
        assert_eq!(Device::new(65).together.groups.len(), 2);
    }
}
