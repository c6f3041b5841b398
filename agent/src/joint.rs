//! The joint detector over a device's channels: from cells to rows, and what is learnt of the channels of a group.

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::{self, Joint, JointBecause};
use brooklet_core::monitor::{Monitor, Verdict};
use brooklet_core::snapshot::{self, Error, Snapshot};
use serde::{Deserialize, Serialize};

use crate::reading::{ChannelId, Timestamp};

/// The name of the detector.
pub const DETECTOR: &str = "joint";
/// The channel under which it tells its alerts. No other channel may have this name, or it with a number behind.
pub const CHANNEL: &str = "_joint";
/// Channels of one group at most: the first 64 of a device are judged together, then the next 64.
pub const MOST: usize = 64;
/// Channels of a device that have a place in a group; further ones are judged by themselves only.
const MOST_SEATS: usize = 16 * MOST;

/// The channel under which a group, from 0, tells its alerts: `_joint`, `_joint_2`, ..
#[must_use]
pub fn channel(group: usize) -> ChannelId {
    ChannelId(if group == 0 { CHANNEL.into() } else { format!("{CHANNEL}_{}", group + 1).into() })
}

/// The group that tells its alerts under this channel.
#[must_use]
pub fn group(channel: &str) -> Option<usize> {
    match channel.strip_prefix(CHANNEL)? {
        "" => Some(0),
        rest => rest.strip_prefix('_')?.parse::<usize>().ok().filter(|n| *n > 1).map(|n| n - 1),
    }
}

/// What one channel brings to a row.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// The channel's place among those of its device.
    pub seat: usize,
    /// What it measured.
    pub value: f32,
    /// When.
    pub at: Timestamp,
    /// That time is known, and does not only stand for one.
    pub known: bool,
    /// The channel has an alert of its own.
    pub rings: bool,
}

/// One row of a group: what its channels measured at about the same time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Time of its last cell, and whether that is known.
    at: Timestamp,
    known: bool,
    /// The channels that are there, a bit each, and their values.
    present: u64,
    values: Vec<f32>,
    /// The channels that have an alert of their own.
    ringing: u64,
}

impl Row {
    /// Its time.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether that time is known, and does not only stand for one.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.known
    }

    /// Whether a channel of the group has an alert of its own.
    #[must_use]
    pub const fn rings(&self, place: u8) -> bool {
        self.ringing >> (place & 63) & 1 == 1
    }
}

/// Brings the readings of a device's channels together into rows.
///
/// A row is complete when each channel that is not silent has a cell in it, or when one comes again: so it does not matter
/// whether channels come in one message or in many, a few seconds apart or not at all for a while. Where a device sends all
/// of them and then rests, rows are to begin after the rest: that is found out when the longest pause is within rows.
/// Not kept over a restart, which costs the cells of a row that was not complete.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// In the order of their first sight.
    channels: Vec<ChannelId>,
    begun: Vec<Begun>,
}

/// A channel that was in none of the last rows, so many or twice that, is silent.
const SILENT: u8 = 10;
/// So many rows with the same longest pause, twice that before the row, are no accident.
const ASTRAY: u8 = 3;

/// A row that is not complete.
#[derive(Clone, Debug, Default)]
struct Begun {
    /// Times of the first cell and of the last.
    from: Timestamp,
    at: Timestamp,
    known: bool,
    present: u64,
    values: Vec<f32>,
    /// Its longest pause.
    pause: Pause,
    /// Kept from row to row: who has an alert; a channel is new, and there may be more; when the last row ended; how many
    /// rows had their longest pause after these channels.
    ringing: u64,
    is_new: bool,
    ended: Option<Timestamp>,
    astray: (u64, u8),
    /// Who was in the rows of late, and in as many before those; how many these are.
    heard: [Option<u64>; 2],
    rows: u8,
}

#[derive(Clone, Copy, Debug, Default)]
struct Pause {
    millis: i64,
    /// The cells before it, and when the last of them was measured.
    after: u64,
    at: Timestamp,
}

impl Begun {
    const fn has(&self, place: usize) -> bool {
        self.present >> (place & 63) & 1 == 1
    }

    fn put(&mut self, place: usize, cell: &Cell) {
        if self.values.len() <= place {
            self.values.resize(place + 1, 0.0);
        }
        if let Some(value) = self.values.get_mut(place) {
            *value = cell.value;
        }
        if self.present == 0 {
            (self.from, self.pause) = (cell.at, Pause::default());
        } else {
            let millis = cell.at.0.saturating_sub(self.at.0);
            if millis > self.pause.millis {
                self.pause = Pause { millis, after: self.present, at: self.at };
            }
        }
        let bit = 1 << (place & 63);
        self.present |= bit;
        self.ringing = if cell.rings { self.ringing | bit } else { self.ringing & !bit };
        (self.at, self.known) = (cell.at, cell.known);
    }

    /// Whether each channel that is not silent is there; at the beginning none is.
    fn is_complete(&self, members: usize) -> bool {
        let all = u64::MAX >> (MOST - members.clamp(1, MOST));
        let [late, before] = self.heard;
        let awaited = before.map_or(all, |before| before | late.unwrap_or(0));
        self.present & awaited == awaited
    }

    /// The row as it is now. If it goes over a rest of the device, only what was before that.
    fn complete(&mut self) -> Row {
        let Pause { millis, after, at } = self.pause;
        let rest = self.ended.map_or(0, |ended| self.from.0.saturating_sub(ended.0));
        let is_astray = self.ended.is_some() && millis > rest.saturating_mul(2);
        self.astray = match self.astray {
            (before, rows) if is_astray && before == after => (after, rows + 1),
            _ => (after, u8::from(is_astray)),
        };
        self.is_new = false;
        if self.astray.1 < ASTRAY {
            return self.take(self.present, self.at);
        }
        let row = self.take(after, at);
        (self.astray.1, self.pause) = (0, Pause::default());
        self.from = Timestamp(at.0.saturating_add(millis));
        row
    }

    fn take(&mut self, present: u64, at: Timestamp) -> Row {
        let places = (0..MOST).zip(&self.values).filter(|(place, _)| present >> place & 1 == 1);
        let values = places.map(|(_, value)| *value).collect();
        self.present &= !present;
        self.ended = Some(at);
        self.heard[0] = Some(self.heard[0].unwrap_or(0) | present);
        self.rows += 1;
        if self.rows == SILENT {
            (self.heard, self.rows) = ([None, self.heard[0]], 0);
        }
        Row { at, known: self.known, present, values, ringing: self.ringing }
    }
}

impl Rows {
    /// The place of a channel; a new one gets the next, if there are not too many.
    pub fn seat(&mut self, channel: &ChannelId) -> Option<usize> {
        let known = self.channels.iter().position(|known| known == channel);
        known.or_else(|| {
            let seat = self.channels.len();
            (seat < MOST_SEATS).then(|| self.channels.push(channel.clone()))?;
            self.begun.resize_with(seat / MOST + 1, Begun::default);
            self.begun.last_mut().into_iter().for_each(|begun| begun.is_new = true);
            Some(seat)
        })
    }

    /// Keeps the places that channels had in an earlier run.
    pub fn restore(&mut self, channels: &[ChannelId]) {
        for channel in channels {
            self.seat(channel);
        }
        self.begun.iter_mut().for_each(|begun| begun.is_new = false);
    }

    /// No channel has a place.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// The channels of a group.
    #[must_use]
    pub fn members(&self, group: usize) -> &[ChannelId] {
        self.channels.chunks(MOST).nth(group).unwrap_or_default()
    }

    /// Takes in what came together, in the order of its times. `complete` gets each row that is complete by that, and its
    /// group.
    pub fn take(&mut self, cells: &mut Vec<Cell>, mut complete: impl FnMut(usize, Row)) {
        cells.sort_by_key(|cell| cell.at);
        for (i, cell) in cells.iter().enumerate() {
            let (group, place) = (cell.seat / MOST, cell.seat % MOST);
            let members = self.members(group).len();
            let Some(begun) = self.begun.get_mut(group) else { continue };
            if members == 1 {
                // Alone so far: there is nothing to be judged together.
                begun.present = 0;
            } else if begun.has(place) {
                complete(group, begun.complete());
            }
            begun.put(place, cell);
            // What has the same time stays together; those that come one by one are not all known in the first row.
            let goes_on =
                cells.get(i + 1).is_some_and(|next| next.at == cell.at && next.seat / MOST == group);
            let may_be = members > 1 && !goes_on && (!begun.is_new || members <= cells.len());
            if may_be && begun.is_complete(members) {
                complete(group, begun.complete());
            }
        }
        cells.clear();
    }

    /// Nothing more will come: what is not complete stays as it is.
    pub fn finish(&mut self, mut complete: impl FnMut(usize, Row)) {
        for (group, begun) in self.begun.iter_mut().enumerate() {
            if begun.present != 0 {
                complete(group, begun.take(begun.present, begun.at));
            }
        }
    }
}

/// Of the smallest size that has room for all channels.
#[derive(Clone, Debug, PartialEq)]
enum Model {
    C4(Box<Monitor<Joint<4>>>),
    C8(Box<Monitor<Joint<8>>>),
    C16(Box<Monitor<Joint<16>>>),
    C32(Box<Monitor<Joint<32>>>),
    C64(Box<Monitor<Joint<64>>>),
}

/// Does the same with the monitor of any size.
macro_rules! with {
    ($model:expr, $monitor:ident => $what:expr) => {
        match $model {
            Model::C4($monitor) => $what,
            Model::C8($monitor) => $what,
            Model::C16($monitor) => $what,
            Model::C32($monitor) => $what,
            Model::C64($monitor) => $what,
        }
    };
}

fn step<const N: usize>(
    monitor: &mut Monitor<Joint<N>>,
    row: &Row,
    settings: &Settings,
) -> (Verdict, Option<JointBecause>) {
    let mut cells = anomaly::Row::new(row.known.then_some(row.at.0));
    let places = (0..MOST).filter(|place| row.present >> place & 1 == 1);
    for (place, value) in places.zip(&row.values) {
        cells.set(place, *value);
    }
    monitor.step_explained(&cells, settings)
}

fn save(monitor: &impl Snapshot, digest: u32) -> Result<Vec<u8>, Error> {
    // Whole numbers may take a byte more than in memory.
    let mut buffer = vec![0; 2 * size_of_val(monitor)];
    let length = snapshot::save(monitor, digest, &mut buffer)?.len();
    buffer.truncate(length);
    Ok(buffer)
}

impl Model {
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
            33..=MOST => Some(Self::C64(Box::new(new(without)))),
            _ => None,
        }
    }

    fn load(bytes: &[u8], digest: u32, channels: usize) -> Result<Self, Error> {
        Ok(match channels {
            2..=4 => Self::C4(Box::new(snapshot::load(bytes, digest)?)),
            5..=8 => Self::C8(Box::new(snapshot::load(bytes, digest)?)),
            9..=16 => Self::C16(Box::new(snapshot::load(bytes, digest)?)),
            17..=32 => Self::C32(Box::new(snapshot::load(bytes, digest)?)),
            33..=MOST => Self::C64(Box::new(snapshot::load(bytes, digest)?)),
            _ => return Err(Error::Invalid),
        })
    }
}

/// Channels that are judged together, and what was learnt of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    members: Vec<ChannelId>,
    /// None while there are less than two.
    model: Option<Model>,
}

impl Group {
    /// A group as it was saved.
    ///
    /// # Errors
    /// Why its model cannot be used.
    pub fn load(bytes: &[u8], digest: u32, members: Vec<ChannelId>) -> Result<Self, Error> {
        let model = Some(Model::load(bytes, digest, members.len())?);
        Ok(Self { members, model })
    }

    /// What was learnt, as bytes.
    ///
    /// # Errors
    /// [`Error::NoRoom`] if there is nothing.
    pub fn save(&self, digest: u32) -> Result<Vec<u8>, Error> {
        let model = self.model.as_ref().ok_or(Error::NoRoom)?;
        with!(model, monitor => save(&**monitor, digest))
    }

    /// Its channels, in the order of their places.
    #[must_use]
    pub fn members(&self) -> &[ChannelId] {
        &self.members
    }

    /// Consists of these channels from now on. What was learnt is kept if they are the same and some more, and these
    /// fit; else it begins anew, without some experts as [`Joint::without`].
    pub fn join(&mut self, members: &[ChannelId], without: u8) {
        let new = Model::new(members.len(), without);
        let size = |model: &Option<Model>| model.as_ref().map(std::mem::discriminant);
        if !members.starts_with(&self.members) || size(&new) != size(&self.model) {
            self.model = new;
        }
        self.members = members.to_vec();
    }

    /// Judges a row. `None` if there is nothing to judge it by.
    pub fn step(&mut self, row: &Row, settings: &Settings) -> Option<(Verdict, Option<JointBecause>)> {
        Some(with!(self.model.as_mut()?, monitor => step(monitor, row, settings)))
    }

    /// Rows seen, and how many it takes before the first alert.
    #[must_use]
    pub fn warm_up(&self, settings: &Settings) -> (u32, u32) {
        let alarm = self.model.as_ref().map(|model| with!(model, monitor => monitor.alarm()));
        alarm.map_or((0, 1), |alarm| alarm.warm_up(settings))
    }

    /// Share of the budget of alerts that is used; 1 is all of it.
    #[must_use]
    pub fn budget_used(&self, settings: &Settings) -> f32 {
        let alarm = self.model.as_ref().map(|model| with!(model, monitor => monitor.alarm()));
        alarm.map_or(0.0, |alarm| alarm.budget_used(settings))
    }

    /// True while an alert of its own is open.
    #[must_use]
    pub fn is_alarmed(&self) -> bool {
        self.model.as_ref().is_some_and(|model| with!(model, monitor => monitor.alarm().is_open()))
    }

    /// Bytes that a model of so many channels takes.
    #[must_use]
    pub fn bytes(channels: usize) -> usize {
        match channels {
            ..=1 => 0,
            2..=4 => size_of::<Monitor<Joint<4>>>(),
            5..=8 => size_of::<Monitor<Joint<8>>>(),
            9..=16 => size_of::<Monitor<Joint<16>>>(),
            17..=32 => size_of::<Monitor<Joint<32>>>(),
            _ => size_of::<Monitor<Joint<64>>>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use brooklet_core::rng::Rng;

    use super::*;
    use crate::alert::{Alert, Change};
    use crate::device::{Channel, ChannelSettings, Op};
    use crate::reading::DeviceId;

    const CHANNELS: usize = 5;

    struct Device {
        rows: Rows,
        group: Channel,
        rng: Rng,
        levels: Vec<f32>,
        changes: Vec<(Change, Box<Alert>)>,
        /// The channel that has an alert of its own.
        rings: Option<usize>,
    }

    fn names(n: usize) -> Vec<ChannelId> {
        (0..n).map(|i| ChannelId(format!("c{i}").into())).collect()
    }

    fn seated(names: &[ChannelId]) -> Rows {
        let mut rows = Rows::default();
        names.iter().enumerate().for_each(|(i, name)| assert_eq!(rows.seat(name), Some(i)));
        rows
    }

    impl Device {
        fn new() -> Self {
            let settings = Arc::new(ChannelSettings::default().of_group());
            let mut group = Channel::new(channel(0), settings).unwrap();
            group.apply(&DeviceId("pump".into()), &Op::Join(names(CHANNELS)), 0);
            let rows = seated(&names(CHANNELS));
            Self { rows, group, rng: Rng::new(1), levels: Vec::new(), changes: Vec::new(), rings: None }
        }

        /// A row of channels that follow a common state; `wrong` is added to the second.
        fn row(&mut self, wrong: f32) -> [Option<f32>; CHANNELS] {
            let state = self.rng.normal();
            let mut cell = |i: usize| 10.0 * i as f32 + state + 0.1 * self.rng.normal();
            let mut row: [f32; CHANNELS] = std::array::from_fn(&mut cell);
            row[1] += wrong;
            row.map(Some)
        }

        fn take(&mut self, cells: &[Option<f32>], millis: i64) {
            let (device, rings) = (DeviceId("pump".into()), self.rings);
            let cell = |(seat, value): (usize, &Option<f32>)| {
                Some(Cell {
                    seat,
                    value: (*value)?,
                    at: Timestamp(millis),
                    known: true,
                    rings: Some(seat) == rings,
                })
            };
            let mut cells = cells.iter().enumerate().filter_map(cell).collect();
            self.rows.take(&mut cells, |_, row| {
                let outcome = self.group.apply(&device, &Op::Row(row), 0);
                self.levels.extend(outcome.used.iter().map(|used| used.verdict.level));
                self.changes.extend(outcome.changes().filter(|(change, _)| *change != Change::Updated));
            });
        }

        /// A thousand rows, a fault in 700 to 800.
        fn run(&mut self) {
            for i in 0..1000 {
                let wrong = if (700..800).contains(&i) { 1.5 } else { 0.0 };
                let row = self.row(wrong);
                self.take(&row, i * 1000);
            }
        }
    }

    #[test]
    fn finds_what_no_channel_shows_and_holds_it_for_as_long_as_it_lasts() {
        let mut device = Device::new();
        device.run();
        let most = |rows: std::ops::Range<usize>| device.levels[rows].iter().copied().fold(0.0, f32::max);
        let least = |rows: std::ops::Range<usize>| device.levels[rows].iter().copied().fold(9e9, f32::min);
        assert!(most(0..700) < 3.5, "{}", most(0..700));
        assert!(least(710..800) > 2.0 * most(0..700), "{}", least(710..800));
        assert!(most(850..1000) < 3.5, "{}", most(850..1000));
        let changes: Vec<Change> = device.changes.iter().map(|(change, _)| *change).collect();
        assert_eq!((changes[0], changes.last()), (Change::Fired, Some(&Change::Resolved)));
        let alert = &device.changes[0].1;
        assert!((700..710).contains(&(alert.started_at.0 / 1000)), "{}", alert.started_at);
        assert_eq!((alert.channel.0.as_ref(), alert.model.name.as_str()), (CHANNEL, DETECTOR));
        assert!(alert.budget_used.is_some_and(|used| used > 0.0));
        let sentence = &alert.because.sentence;
        assert!(
            sentence.starts_with("pump - its channels do not go together as usual: c1 is "),
            "{sentence}"
        );
        assert!((alert.value - alert.expected.value - 1.5).abs() < 0.6, "{alert:?}");
    }

    #[test]
    fn what_a_channel_says_already_is_not_said_again() {
        let mut device = Device::new();
        device.rings = Some(1);
        device.run();
        assert!(device.changes.is_empty() && device.levels[750] > 5.0);
    }

    #[test]
    fn a_row_is_complete_when_all_are_there_or_one_comes_again() {
        let (mut whole, mut parts) = (Device::new(), Device::new());
        for i in 0..500 {
            let row = whole.row(0.0);
            whole.take(&row, i * 1000);
            // One by one, each at a time of its own, another order each time.
            for n in 0..CHANNELS {
                let (mut one, channel) = ([None; CHANNELS], (n + i as usize) % CHANNELS);
                one[channel] = row[channel];
                parts.take(&one, i * 1000 + 100 * n as i64);
            }
        }
        assert_eq!(parts.levels, whole.levels);
        let row = whole.row(8.0);
        parts.take(&row[..4], 500_000);
        assert_eq!(parts.levels.len(), 500, "the last channel is waited for");
        parts.take(&row, 501_000);
        assert_eq!(parts.levels.len(), 502, "until another one comes again");
        // Months earlier: of clocks that are set back the channels themselves take care.
        parts.take(&row, 100);
        assert_eq!(parts.levels.len(), 503);
    }

    #[test]
    fn rows_begin_after_the_rest_of_a_device_whose_channels_come_one_by_one() {
        let complete = |rows: &mut Rows, seat: usize, millis: i64| {
            let (at, mut found) = (Timestamp(millis), Vec::new());
            let mut cells = vec![Cell { seat, value: 1.0, at, known: true, rings: false }];
            rows.take(&mut cells, |_, row| found.push((row.at().0, row.present)));
            found
        };
        // The channels are heard for the first time: who comes again ends the first row.
        let mut rows = Rows::default();
        for (i, name) in names(3).iter().enumerate() {
            assert_eq!(rows.seat(name), Some(i));
            assert_eq!(complete(&mut rows, i, 100 * i as i64), []);
        }
        assert_eq!(complete(&mut rows, 0, 1000), [(200, 0b111)]);
        // After a restart in the middle of a row: as if it ended there, three times.
        let mut rows = Rows::default();
        rows.restore(&names(3));
        let mut found = Vec::new();
        for second in 0..10 {
            for seat in (0..3).skip(if second == 0 { 2 } else { 0 }) {
                found.extend(complete(&mut rows, seat, 1000 * second + 100 * seat as i64));
            }
        }
        let ends: Vec<i64> = found.iter().map(|(at, _)| *at).collect();
        assert_eq!(ends, [1100, 2100, 3100, 3200, 4200, 5200, 6200, 7200, 8200, 9200]);
        assert_eq!((found[3].1, found[4].1), (0b100, 0b111));
    }

    #[test]
    fn a_channel_that_is_silent_is_not_waited_for() {
        let mut rows = seated(&names(3));
        let mut row = |second: i64, seats: &[usize]| {
            let at = Timestamp(1000 * second);
            let cell = |&seat: &usize| Cell { seat, value: 1.0, at, known: true, rings: false };
            let (mut cells, mut found) = (seats.iter().map(cell).collect(), Vec::new());
            rows.take(&mut cells, |_, row| found.push((row.at().0 / 1000, row.present)));
            found
        };
        assert_eq!(row(0, &[0, 1, 2]), [(0, 0b111)]);
        assert_eq!(row(1, &[0, 1]), []);
        for second in 2..20 {
            assert_eq!(row(second, &[0, 1]), [(second - 1, 0b11)], "it may still come");
        }
        assert_eq!(row(20, &[0, 1]), [(19, 0b11), (20, 0b11)], "for twice ten rows");
        assert_eq!(row(21, &[0, 1]), [(21, 0b11)]);
        // It is back, behind the others.
        assert_eq!(row(22, &[0, 1, 2]), [(22, 0b111)]);
        assert_eq!(row(23, &[0, 1]), []);
    }

    #[test]
    fn what_came_together_is_taken_in_the_order_of_its_times() {
        let mut rows = seated(&names(2));
        let cell = |seat, millis| Cell {
            seat,
            value: millis as f32,
            at: Timestamp(millis),
            known: true,
            rings: false,
        };
        let (mut cells, mut complete) = (vec![cell(0, 1), cell(0, 2), cell(1, 1), cell(1, 2)], Vec::new());
        rows.take(&mut cells, |group, row| complete.push((group, row.at(), row.values)));
        assert_eq!(complete, [(0, Timestamp(1), vec![1.0, 1.0]), (0, Timestamp(2), vec![2.0, 2.0])]);
        assert!(cells.is_empty());
        rows.take(&mut vec![cell(1, 3)], |_, _| panic!("not complete"));
        let mut rest = Vec::new();
        rows.finish(|_, row| rest.push((row.present, row.values)));
        assert_eq!(rest, [(0b10, vec![3.0])]);
    }

    #[test]
    fn many_channels_are_judged_in_groups_and_one_alone_is_not() {
        let mut rows = seated(&names(64));
        let row = |rows: &mut Rows, n: usize| {
            let cell = |seat| Cell { seat, value: 1.0, at: Timestamp(0), known: true, rings: false };
            let (mut cells, mut found) = ((0..n).map(cell).collect(), Vec::new());
            rows.take(&mut cells, |group, row| found.push((group, row.values.len())));
            found
        };
        assert_eq!(row(&mut rows, 64), [(0, 64)]);
        rows = seated(&names(65));
        assert_eq!(row(&mut rows, 65), [(0, 64)]);
        rows = seated(&names(123));
        assert_eq!(row(&mut rows, 123), [(0, 64), (1, 59)]);
        assert_eq!((rows.members(1).len(), rows.members(2).len()), (59, 0));
        assert_eq!(row(&mut seated(&names(1)), 1), []);
        let mut full = seated(&names(MOST_SEATS));
        assert_eq!(full.seat(&ChannelId("one more".into())), None);
    }

    #[test]
    fn groups_have_names_that_no_channel_has() {
        for group_number in [0, 1, 9] {
            assert_eq!(group(&channel(group_number).0), Some(group_number));
        }
        assert_eq!((&*channel(0).0, &*channel(1).0), ("_joint", "_joint_2"));
        assert!(
            ["", "joint", "_joint_", "_joint_1", "_joint_x", "_jointed"]
                .iter()
                .all(|name| group(name).is_none())
        );
    }

    #[test]
    fn a_group_keeps_what_it_learnt_while_further_channels_fit_and_over_a_restart() {
        let (device, settings) = (DeviceId("pump".into()), Arc::new(ChannelSettings::default().of_group()));
        let mut one = Device::new();
        one.run();
        let learnt = one.group.snapshot().unwrap();
        let saved = one.group.save().unwrap();
        assert_eq!((saved.members.as_slice(), &saved.snapshot), (names(CHANNELS).as_slice(), &learnt));
        let mut again = Channel::restore(channel(0), settings, saved.clone()).unwrap();
        assert_eq!(again.save().unwrap(), saved);
        again.apply(&device, &Op::Join(names(8)), 0);
        assert!(again.is_ready() && again.snapshot().unwrap() == learnt);
        again.apply(&device, &Op::Join(names(9)), 0);
        assert!(!again.is_ready() && again.members() == Some(&names(9)));
        // Others in their places are other channels.
        again.apply(&device, &Op::Join(names(9).into_iter().rev().collect()), 0);
        assert_eq!(again.size(), 9);
    }

    #[test]
    fn the_share_of_channels_is_enough_for_any_group() {
        for channels in 2..=MOST {
            let most = Group::bytes(channels) + size_of::<Channel>() + size_of::<Alert>();
            assert!(most <= channels * Channel::SHARE, "{channels}: {most}");
        }
    }
}
