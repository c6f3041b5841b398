//! Recordings through the detector, exactly as live readings go through it, and what that is worth on labelled ones.

pub mod curves;
pub mod fleet;
pub mod labels;
pub mod metrics;
pub mod nab;
pub mod nab_results;
pub mod others;
pub mod play;

use std::sync::Arc;

use serde::Serialize;

use crate::alert::{Alert, Change};
use crate::device::{Channel, ChannelSettings, Fate, Op, Outcome, Used, When};
use crate::joint::{self, Cell, Rows};
use crate::order::{Limits, Refused, Repair};
use crate::reading::{ChannelId, DeviceId, Timestamp};
use crate::report::Collector;
use crate::source::replay::Row;

/// What became of the rows and readings of a recording: each is in one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rows.
    pub rows: u64,
    /// Readings that were scored and learnt.
    pub used: u64,
    /// Readings among these that came after later ones and were put in their place.
    pub reordered: u64,
    /// Readings whose time is before that of one that was learnt already.
    pub late: u64,
    /// Readings whose time another reading of the channel has.
    pub duplicate: u64,
    /// Cells that are empty or not a finite number.
    pub missing: u64,
    /// Readings of rows whose time cannot be read.
    pub undated: u64,
    /// Rows that do not fit the header, or are not JSON.
    pub ragged: u64,
}

impl Counts {
    /// Adds those of another recording.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.used += other.used;
        self.reordered += other.reordered;
        self.late += other.late;
        self.duplicate += other.duplicate;
        self.missing += other.missing;
        self.undated += other.undated;
        self.ragged += other.ragged;
    }
}

/// What one row says about the device as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Judgement {
    /// Evidence of the strongest alert that starts in this row, in powers of ten; `None` if none does.
    pub fired: Option<f32>,
    /// The evidence now, in powers of ten.
    pub level: f32,
}

impl Judgement {
    /// The evidence at which the anomaly score is one half.
    const HALF: f32 = 2.0;

    /// `S / (S + 2)` where an alert starts, 0 everywhere else: 0 to 1.
    #[must_use]
    pub fn anomaly_score(&self) -> f32 {
        self.fired.map_or(0.0, |score| score / (score + Self::HALF))
    }
}

/// A device whose recording is replayed.
#[derive(Debug)]
pub struct Run {
    device: DeviceId,
    /// The recording has times; without, the model gets none: the arrival of a file's rows says nothing.
    timed: bool,
    lanes: Vec<Lane>,
    /// Its channels together.
    together: Together,
    counts: Counts,
    level: f32,
    /// Looks on, if somebody wants a report.
    collector: Option<Collector>,
}

/// A channel, or a group of channels that are judged together.
#[derive(Debug)]
struct Lane {
    channel: Channel,
    level: f32,
    /// It learns and says nothing.
    muted: bool,
    /// Its place in the rows.
    seat: Option<usize>,
}

/// The channels of a device that are judged together; no group if there is but one.
#[derive(Debug, Default)]
struct Together {
    rows: Rows,
    groups: Vec<Lane>,
    /// What the last row brought.
    cells: Vec<Cell>,
}

impl Together {
    fn new(device: &DeviceId, lanes: &mut [Lane]) -> Option<Self> {
        let mut together = Self::default();
        for lane in lanes.iter_mut().filter(|lane| lane.is_joint()) {
            lane.seat = together.rows.seat(lane.channel.name());
        }
        for group in 0.. {
            let members = together.rows.members(group);
            // Judged as the first one is.
            let first = lanes.iter().find(|lane| Some(lane.channel.name()) == members.first());
            let (Some(first), true) = (first, members.len() > 1) else { break };
            let settings = Arc::new(first.channel.settings().of_group());
            let mut channel = Channel::new(joint::channel(group), settings)?;
            channel.apply(device, &Op::Join(members.to_vec()), 0);
            together.groups.push(Lane { channel, level: 0.0, muted: false, seat: None });
        }
        Some(together)
    }

    /// The evidence now, of the strangest group, in powers of ten.
    fn level(&self) -> f32 {
        self.groups.iter().map(|group| group.level).fold(0.0, f32::max)
    }

    /// Judges the rows that are complete; at the end of a recording all.
    fn judge(
        &mut self,
        device: &DeviceId,
        at_end: bool,
        fired: &mut Option<f32>,
        changes: &mut Vec<(Change, Box<Alert>)>,
    ) {
        let Self { rows, groups, cells } = self;
        let mut judge = |group: usize, row| {
            if let Some(lane) = groups.get_mut(group) {
                let outcome = lane.channel.apply(device, &Op::Row(row), 0);
                lane.judged(&outcome, fired);
                changes.extend(outcome.changes());
            }
        };
        rows.take(cells, &mut judge);
        if at_end {
            rows.finish(judge);
        }
    }
}

impl Lane {
    fn rings(&self) -> bool {
        !self.muted && self.channel.alert().is_some()
    }

    fn take(
        &mut self,
        outcome: Outcome,
        counts: &mut Counts,
        cells: &mut Vec<Cell>,
        fired: &mut Option<f32>,
        changes: &mut Vec<(Change, Box<Alert>)>,
    ) {
        counts.reordered += u64::from(outcome.repair == Some(Repair::Reordered));
        counts.used += outcome.used.len() as u64;
        self.judged(&outcome, fired);
        if let Some(seat) = self.seat {
            let rings = self.rings();
            let cell = |used: &Used| Cell { seat, value: used.value, at: used.at, known: used.known, rings };
            cells.extend(outcome.used.iter().map(cell));
        }
        if !self.muted {
            changes.extend(outcome.changes());
        }
    }

    fn is_joint(&self) -> bool {
        let settings = self.channel.settings();
        settings.joint && !settings.without.joint
    }

    fn judged(&mut self, outcome: &Outcome, fired: &mut Option<f32>) {
        for Used { verdict, changes, .. } in outcome.used.iter().filter(|_| !self.muted) {
            self.level = verdict.level;
            if changes.iter().any(|(change, _)| *change == Change::Fired) {
                *fired = Some(fired.map_or(verdict.score, |fired| fired.max(verdict.score)));
            }
        }
    }
}

/// What the alerts of a recording without times carry: the row's number, as seconds since 1970.
#[must_use]
pub const fn time_of_row(row: u64) -> Timestamp {
    Timestamp((row as i64).saturating_mul(1000))
}

impl Run {
    /// How long rows are held in their own time, once some came late: in a recording waiting costs nothing.
    const MAX_LATENESS: i64 = 86_400_000;

    /// A run over the channels of a recording. `None` if the settings name a detector that does not exist.
    #[must_use]
    pub fn new(
        device: &str,
        channels: &[String],
        timed: bool,
        settings: &Arc<ChannelSettings>,
    ) -> Option<Self> {
        let channels: Vec<_> = channels.iter().map(|name| (name.as_str(), settings)).collect();
        Self::with(device, &channels, timed)
    }

    /// A run over channels with settings of their own.
    #[must_use]
    pub fn with(device: &str, channels: &[(&str, &Arc<ChannelSettings>)], timed: bool) -> Option<Self> {
        let lane = |&(name, settings): &(&str, &Arc<ChannelSettings>)| {
            let limits = Limits { max_lateness: Self::MAX_LATENESS, ..settings.limits };
            let settings = Arc::new(ChannelSettings { limits, ..ChannelSettings::clone(settings) });
            let muted = settings.without.channels;
            let channel = Channel::new(ChannelId(name.into()), settings)?;
            Some(Lane { channel, level: 0.0, muted, seat: None })
        };
        let mut lanes = channels.iter().map(lane).collect::<Option<Vec<Lane>>>()?;
        let device = DeviceId(device.into());
        let together = Together::new(&device, &mut lanes)?;
        Some(Self { device, timed, lanes, together, counts: Counts::default(), level: 0.0, collector: None })
    }

    /// Collects from now on what a report shows, as one of so many recordings on a page.
    pub fn collect(&mut self, recordings: usize) {
        let names: Vec<String> = self.lanes.iter().map(|lane| lane.channel.name().to_string()).collect();
        let collector = self.collector.insert(Collector::new(&names, recordings));
        if !self.together.groups.is_empty() {
            collector.add_together(joint::CHANNEL);
        }
    }

    /// What was collected, if it was asked for.
    pub const fn take_collected(&mut self) -> Option<Collector> {
        self.collector.take()
    }

    /// Starts each channel from a model that another one has learnt. Channels without one that knows enough are returned.
    #[must_use]
    pub fn start_from(&mut self, mut model: impl FnMut(&ChannelId) -> Option<Vec<u8>>) -> Vec<ChannelId> {
        let mut without = Vec::new();
        for lane in &mut self.lanes {
            match model(lane.channel.name()).and_then(|snapshot| lane.channel.sibling_of(&snapshot)) {
                Some(adopt) => drop(lane.channel.apply(&self.device, &adopt, 0)),
                None => without.push(lane.channel.name().clone()),
            }
        }
        without
    }

    /// What became of the readings so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Alerts that are firing now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lanes.iter().chain(&self.together.groups).filter(|lane| lane.rings()).count()
    }

    /// One row. What happens to alerts is appended to `changes`; nearly always nothing.
    pub fn step(&mut self, row: &Row<'_>, changes: &mut Vec<(Change, Box<Alert>)>) -> Judgement {
        self.counts.rows += 1;
        if row.ragged.is_some() {
            self.counts.ragged += 1;
            return Judgement { fired: None, level: self.level };
        }
        let mut fired: Option<f32> = None;
        let when = match (self.timed, row.time) {
            (true, Some(time)) => Some(When::recorded(time)),
            (true, None) => None,
            (false, _) => Some(When::Unknown(time_of_row(self.counts.rows))),
        };
        for (i, (lane, value)) in self.lanes.iter_mut().zip(row.values).enumerate() {
            let Some(value) = *value else {
                self.counts.missing += 1;
                continue;
            };
            let Some(when) = when else {
                self.counts.undated += 1;
                continue;
            };
            let wanted = self.collector.as_ref().is_some_and(|collector| collector.wants_band(i));
            let because = if wanted { lane.channel.explain(value, row.time) } else { None };
            let outcome = lane.channel.apply(&self.device, &Op::Step { value, when }, 0);
            if let Some(collector) = &mut self.collector {
                let at = row.time.unwrap_or(time_of_row(self.counts.rows));
                collector.take(i, &outcome, because.map(|because| (at, because)));
            }
            match outcome.fate {
                Some(Fate::Used | Fate::Held) | None => {}
                Some(Fate::Refused(Refused::Duplicate)) => self.counts.duplicate += 1,
                Some(Fate::Refused(_)) => self.counts.late += 1,
                Some(Fate::NonFinite | Fate::Failed) => self.counts.missing += 1,
            }
            lane.take(outcome, &mut self.counts, &mut self.together.cells, &mut fired, changes);
        }
        let before = changes.len();
        self.together.judge(&self.device, false, &mut fired, changes);
        if let (Some(collector), Some(_), false) =
            (&mut self.collector, when, self.together.groups.is_empty())
        {
            let changes = changes.get(before..).unwrap_or_default();
            let at = row.time.unwrap_or(time_of_row(self.counts.rows));
            collector.together(self.lanes.len(), at, self.together.level(), changes);
        }
        self.judgement(fired)
    }

    /// The end of the recording: what is held is learnt, as if it belonged to the last row.
    pub fn finish(&mut self, changes: &mut Vec<(Change, Box<Alert>)>) -> Judgement {
        let mut fired = None;
        for (i, lane) in self.lanes.iter_mut().enumerate() {
            let outcome = lane.channel.apply(&self.device, &Op::Flush(Timestamp(i64::MAX)), 0);
            if let Some(collector) = &mut self.collector {
                collector.take(i, &outcome, None);
                lane.channel.alert().into_iter().for_each(|alert| collector.still_firing(alert));
            }
            lane.take(outcome, &mut self.counts, &mut self.together.cells, &mut fired, changes);
        }
        let before = changes.len();
        self.together.judge(&self.device, true, &mut fired, changes);
        if let Some(collector) = &mut self.collector {
            collector.told(self.lanes.len(), changes.get(before..).unwrap_or_default());
            let open = self.together.groups.iter().filter_map(|group| group.channel.alert());
            open.for_each(|alert| collector.still_firing(alert));
        }
        self.judgement(fired)
    }

    fn judgement(&mut self, fired: Option<f32>) -> Judgement {
        self.level = match self.lanes.as_slice() {
            [lane] => lane.level,
            lanes => fuse(lanes.iter().map(|lane| lane.level), self.together.level()),
        };
        Judgement { fired, level: self.level }
    }
}

/// The level of a device: `sqrt(t² + c²/n)` with `t` the level of its channels together and `c` that of its `n` channels,
/// fused as the experts of a channel are: `c = (Σ level³)^(1/3)`, levels under 0.7 counting as none. The more
/// channels, the oftener one of them is up by chance.
fn fuse(channels: impl ExactSizeIterator<Item = f32>, together: f32) -> f32 {
    let count = channels.len().max(1) as f32;
    let cubes: f32 = channels.filter(|&level| level >= 0.7).map(|level| level * level * level).sum();
    let each = if cubes > 0.0 { brooklet_core::math::cbrt(cubes) } else { 0.0 };
    (together * together + each * each / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, Without};
    use crate::source::replay::tests::recording;

    struct Replayed {
        judgements: Vec<Judgement>,
        changes: Vec<(Change, Box<Alert>)>,
        counts: Counts,
    }

    fn replay(text: &str) -> Replayed {
        replay_without(text, Without::default())
    }

    fn replay_without(text: &str, without: Without) -> Replayed {
        let mut recording = recording(text, &[]).unwrap();
        let settings = Arc::new(ChannelSettings { without, ..ChannelSettings::default() });
        let mut run = Run::new("d", recording.channels(), recording.timed(), &settings).unwrap();
        let (mut judgements, mut changes) = (Vec::new(), Vec::new());
        while let Some(row) = recording.next().unwrap() {
            judgements.push(run.step(&row, &mut changes));
        }
        run.finish(&mut changes);
        changes.retain(|(change, _)| *change != Change::Updated);
        Replayed { judgements, changes, counts: *run.counts() }
    }

    fn series(time: impl Fn(i64) -> String) -> String {
        let value = |i: i64| if (1500..1600).contains(&i) { 60 } else { i % 12 };
        (0..2000).fold(String::from("time,v\n"), |text, i| format!("{text}{},{}\n", time(i), value(i)))
    }

    #[test]
    fn scores_the_row_where_an_alert_starts_and_holds_the_level() {
        let seen = replay(&series(|i| (1_700_000_000 + i * 300).to_string()));
        let first = seen.judgements.iter().position(|judgement| judgement.fired.is_some());
        assert_eq!(first, Some(1500));
        assert!(seen.judgements[1500].anomaly_score() > 0.6);
        assert_eq!(seen.judgements[1501].anomaly_score(), 0.0);
        assert!(seen.judgements[1500..1600].iter().all(|judgement| judgement.level > 1.1));
        assert_eq!(seen.changes.first().map(|c| c.0), Some(Change::Fired));
        assert_eq!(seen.changes.last().map(|c| c.0), Some(Change::Resolved));
    }

    #[test]
    fn what_is_left_out_says_nothing() {
        let value = |i: i64| if (1500..1600).contains(&i) { 60 } else { i % 12 };
        let text = (0..1800).fold(String::from("time,a,b\n"), |text, i| {
            format!("{text}{},{},{}\n", 1_700_000_000 + i * 300, value(i), i % 12)
        });
        let level = |names: &[&str]| {
            let named = Without::all().filter(|(name, _)| names.contains(name));
            let seen =
                replay_without(&text, named.map(|(_, one)| one).fold(Without::default(), Without::and));
            (seen.judgements[1501].level, seen.changes.len(), seen.counts.used)
        };
        let [all, no_range, together, apart, nothing] =
            [&[] as &[&str], &["range"], &["channels"], &["joint"], &["channels", "joint"]].map(level);
        assert!(no_range.0 < all.0 && together.0 < all.0 && apart.0 < all.0, "{all:?} {no_range:?}");
        assert!((together.0.hypot(apart.0) - all.0).abs() < 1e-5 && together.0 > 0.0 && apart.0 > 0.0);
        assert!(level(&["one_far"]).0 < all.0 && all.1 > 0);
        assert_eq!(nothing, (0.0, 0, 3600));
    }

    #[test]
    fn without_times_the_model_gets_none_and_alerts_count_rows() {
        let seen = replay(&series(|_| "x".to_owned()));
        assert_eq!(seen.judgements.iter().position(|judgement| judgement.fired.is_some()), Some(1500));
        assert_eq!(seen.changes[0].1.started_at, time_of_row(1501));
        let mut model = Model::new("default").unwrap();
        let settings = ChannelSettings::default().alarm;
        let levels = (0..2000).map(|i| {
            let value = if (1500..1600).contains(&i) { 60.0 } else { (i % 12) as f32 };
            model.step(value, None, &settings).unwrap().0.level
        });
        assert!(levels.eq(seen.judgements.iter().map(|judgement| judgement.level)));
    }

    #[test]
    fn every_reading_is_counted_once() {
        let text = "time,a,b\n2026-01-01 00:00,1,2\n2026-01-01 00:05,1,\n2026-01-01 00:05,1,2\n\
            2026-01-01 00:00,1,2\nsoon,1,2\n2026-01-01 00:10,1\n";
        let counts = replay(text).counts;
        let wanted = Counts {
            rows: 6,
            used: 4,
            late: 2,
            duplicate: 1,
            missing: 1,
            reordered: 0,
            undated: 2,
            ragged: 1,
        };
        assert_eq!(counts, wanted);
        assert_eq!(counts.used + counts.late + counts.duplicate + counts.missing + counts.undated, 2 * 5);
    }

    #[test]
    fn rows_out_of_order_are_put_in_order() {
        let time = |i: i64| (1_700_000_000 + i * 300).to_string();
        let sorted = replay(&series(time));
        let text = series(time);
        let mut lines: Vec<&str> = text.lines().collect();
        // The first late one teaches it.
        lines.swap(100, 101);
        (200..1900).step_by(5).for_each(|i| lines.swap(i, i + 2));
        let mixed = replay(&(lines.join("\n") + "\n"));
        let Counts { used, reordered, late, .. } = mixed.counts;
        assert_eq!((used + late, late), (2000, 1));
        assert_eq!(reordered, 2 * 340);
        assert_eq!(mixed.changes.len(), sorted.changes.len());
        assert_eq!(mixed.changes[0].1.started_at, sorted.changes[0].1.started_at);
    }

    #[test]
    fn levels_are_fused() {
        assert_eq!(fuse([0.6, 0.1].into_iter(), 0.6), 0.6);
        assert_eq!(fuse([0.0, 0.6].into_iter(), 3.0), 3.0);
        assert!((fuse([3.0, 0.0, 0.0, 0.0].into_iter(), 2.0) - 2.5).abs() < 1e-6);
    }
}
