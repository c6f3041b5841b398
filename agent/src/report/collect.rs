//! What a report shows of a recording, collected while its rows go by, in memory that is bounded by a budget.
//!
//! A channel's readings are kept in buckets of equal numbers of readings: one each at first, and twice as many whenever
//! the budget is used up. Least, greatest and highest level of a bucket are kept, so no spike is lost. Around alerts the
//! single readings are kept as well, around the strongest ones if there is no room for all.

use std::collections::VecDeque;

use brooklet_core::anomaly::Because;

use crate::alert::{Alert, Change, Severity};
use crate::device::{Outcome, Used};
use crate::reading::Timestamp;

/// Buckets of all channels together: some 30 bytes each in the page, 64 in memory.
const BUCKETS: usize = 600_000;
/// A plot is hardly ever wider, in pixels; a window into it shows the single readings around alerts.
const MOST_BUCKETS: usize = 4096;
const LEAST_BUCKETS: usize = 256;
/// Single readings around alerts, of all channels together; some 25 bytes each in the page, 40 in memory.
const POINTS: usize = 300_000;
const MOST_POINTS: usize = 8192;
const LEAST_POINTS: usize = 512;
/// Readings that are kept before the start of an alert, from it on, and around alerts that follow each other closely.
const BEFORE: usize = 64;
const AFTER: usize = 128;
const WINDOW: usize = 512;
/// How many times the expected band of a bucket is looked up at most.
const LOOKS: u32 = 8;
/// Alerts that are kept: the strongest.
const MOST_ALERTS: usize = 2000;
/// A band beyond this is none: the detector has not seen its first values.
const NO_BAND: f32 = 1e30;

/// Where readings were expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// Lower end.
    pub low: f32,
    /// Upper end.
    pub high: f32,
}

impl Band {
    fn new(because: &Because) -> Option<Self> {
        let Because { low, high, .. } = *because;
        (low <= high && low.abs() < NO_BAND && high.abs() < NO_BAND).then_some(Self { low, high })
    }

    fn merge(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(a), Some(b)) => Some(Self { low: a.low.min(b.low), high: a.high.max(b.high) }),
            (one, other) => one.or(other),
        }
    }
}

/// One reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When it was measured.
    pub at: Timestamp,
    /// What was measured.
    pub value: f32,
    /// Evidence, in powers of ten.
    pub level: f32,
    /// Evidence that would have rung.
    pub threshold: f32,
    /// Where it was expected, if that was looked up.
    pub band: Option<Band>,
}

/// Readings that follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Time of the first.
    pub from: Timestamp,
    /// Time of the last.
    pub to: Timestamp,
    /// How many.
    pub count: u32,
    /// Least value.
    pub min: f32,
    /// Greatest value.
    pub max: f32,
    sum: f64,
    /// Highest level.
    pub level: f32,
    /// Last threshold.
    pub threshold: f32,
    /// All bands together.
    pub band: Option<Band>,
}

impl Bucket {
    fn of(point: &Point) -> Self {
        let Point { at, value, level, threshold, band } = *point;
        Self {
            from: at,
            to: at,
            count: 1,
            min: value,
            max: value,
            sum: f64::from(value),
            level,
            threshold,
            band,
        }
    }

    fn merge(self, later: Self) -> Self {
        Self {
            from: self.from,
            to: later.to,
            count: self.count.saturating_add(later.count),
            min: self.min.min(later.min),
            max: self.max.max(later.max),
            sum: self.sum + later.sum,
            level: self.level.max(later.level),
            threshold: later.threshold,
            band: Band::merge(self.band, later.band),
        }
    }

    /// Mean value.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / f64::from(self.count.max(1))
    }
}

/// Single readings around an alert, or several close together.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Number of its first reading among the channel's, from 0.
    pub first: u64,
    /// The readings.
    pub points: Vec<Point>,
    /// Evidence of the strongest alert in it.
    score: f32,
}

/// One channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// All channels together: it has a level and alerts, but no values.
    pub together: bool,
    /// Unit of its values, if known.
    pub unit: Option<String>,
    /// Readings that were scored and learnt.
    pub readings: u64,
    /// Readings a bucket, the last one excepted.
    pub width: u32,
    /// The readings, oldest first.
    pub buckets: Vec<Bucket>,
    /// Single readings, oldest first.
    pub windows: Vec<Window>,
    /// Windows that were let go of, for want of room.
    pub windows_dropped: u64,
    budget: usize,
    room: usize,
    /// The last readings, in case that an alert starts.
    near: VecDeque<Point>,
    /// How many readings the last window still takes.
    open: usize,
}

impl Lane {
    fn new(name: &str, lanes: usize) -> Self {
        let share = |all: usize, least, most| (all / lanes.max(1)).clamp(least, most) & !1;
        Self {
            name: name.to_owned(),
            together: false,
            unit: None,
            readings: 0,
            width: 1,
            buckets: Vec::new(),
            windows: Vec::new(),
            windows_dropped: 0,
            budget: share(BUCKETS, LEAST_BUCKETS, MOST_BUCKETS),
            room: share(POINTS, LEAST_POINTS, MOST_POINTS),
            near: VecDeque::with_capacity(BEFORE),
            open: 0,
        }
    }

    /// Whether the band of the next reading is worth looking up.
    fn wants_band(&self) -> bool {
        if self.together {
            return false;
        }
        let filled = self.buckets.last().map_or(0, |last| last.count % self.width);
        self.open > 0 || filled.is_multiple_of((self.width / LOOKS).max(1))
    }

    fn push(&mut self, point: Point) {
        match self.buckets.last_mut() {
            Some(last) if last.count < self.width => *last = last.merge(Bucket::of(&point)),
            _ => {
                if self.buckets.len() >= self.budget {
                    let merged =
                        self.buckets.chunks(2).filter_map(|two| two.iter().copied().reduce(Bucket::merge));
                    self.buckets = merged.collect();
                    self.width = self.width.saturating_mul(2);
                }
                self.buckets.push(Bucket::of(&point));
            }
        }
        self.readings = self.readings.saturating_add(1);
        match self.windows.last_mut() {
            Some(window) if self.open > 0 => {
                window.points.push(point);
                self.open -= 1;
                if self.open == 0 {
                    self.make_room();
                }
            }
            _ => {
                if self.near.len() >= BEFORE {
                    self.near.pop_front();
                }
                self.near.push_back(point);
            }
        }
    }

    /// An alert starts at the last reading.
    fn alert(&mut self, score: f32) {
        match self.windows.last_mut() {
            Some(window) if self.open > 0 => {
                window.score = window.score.max(score);
                self.open = AFTER.min(WINDOW.saturating_sub(window.points.len())).max(self.open);
            }
            _ => {
                let points: Vec<Point> = self.near.drain(..).collect();
                let first = self.readings.saturating_sub(points.len() as u64);
                self.windows.push(Window { first, points, score });
                self.open = AFTER;
            }
        }
    }

    /// Lets go of the windows around the weakest alerts.
    fn make_room(&mut self) {
        while self.windows.iter().map(|window| window.points.len()).sum::<usize>() > self.room {
            let weakest = self.windows.iter().enumerate().min_by(|a, b| a.1.score.total_cmp(&b.1.score));
            let Some((weakest, _)) = weakest else { return };
            self.windows.remove(weakest);
            self.windows_dropped = self.windows_dropped.saturating_add(1);
        }
    }

    /// Digits behind the decimal point that are kept of its values: three below those of their usual spread; negative ones are
    /// left out before it.
    #[must_use]
    pub fn digits(&self) -> i32 {
        let mut means: Vec<f64> = self.buckets.iter().map(Bucket::mean).collect();
        means.sort_by(f64::total_cmp);
        let at = |share: usize| means.get(means.len() * share / 4).copied().unwrap_or_default();
        let least = self.buckets.iter().map(|b| f64::from(b.min)).fold(f64::INFINITY, f64::min);
        let greatest = self.buckets.iter().map(|b| f64::from(b.max)).fold(f64::NEG_INFINITY, f64::max);
        let size = least.abs().max(greatest.abs());
        let spread = [at(3) - at(1), greatest - least, size].into_iter().find(|x| *x > 0.0 && x.is_finite());
        let magnitude = |x: f64| x.log10().floor() as i32;
        let digits = 3 - spread.map_or(1, magnitude);
        // What JavaScript counts exactly.
        digits.min(if size > 0.0 && size.is_finite() { 14 - magnitude(size) } else { 14 })
    }
}

/// How many alerts there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub all: u64,
    /// Critical ones among them.
    pub critical: u64,
    /// Those that were not over at the end.
    pub firing: u64,
}

/// An alert and its channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Position of the channel.
    pub lane: usize,
    /// The alert as it ended, or as it is at the end of the recording.
    pub alert: Box<Alert>,
}

/// What a report shows of one device's recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Collector {
    lanes: Vec<Lane>,
    found: Vec<Found>,
    tally: Tally,
}

impl Collector {
    /// For channels of these names, on a page of so many recordings.
    #[must_use]
    pub fn new(channels: &[String], recordings: usize) -> Self {
        let all = channels.len().saturating_mul(recordings);
        let lanes = channels.iter().map(|name| Lane::new(name, all)).collect();
        Self { lanes, found: Vec::new(), tally: Tally::default() }
    }

    /// Adds what is judged of all channels together, behind them.
    pub fn add_together(&mut self, name: &str) {
        self.lanes.push(Lane { together: true, ..Lane::new(name, self.lanes.len()) });
    }

    /// What all channels together have come to at this time.
    pub fn together(&mut self, lane: usize, at: Timestamp, level: f32, changes: &[(Change, Box<Alert>)]) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.push(Point { at, value: level, level, threshold: 0.0, band: None });
        }
        self.told(lane, changes);
    }

    /// What happened to alerts of a channel, or of all together.
    pub fn told(&mut self, lane: usize, changes: &[(Change, Box<Alert>)]) {
        changes.iter().for_each(|(change, alert)| self.change(lane, *change, alert));
    }

    /// The channels.
    #[must_use]
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// The alerts in the order in which they started; at most 2000, the strongest.
    #[must_use]
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// How many alerts there were, those included that are not kept.
    #[must_use]
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether it is worth looking up where this channel's next reading is expected.
    #[must_use]
    pub fn wants_band(&self, lane: usize) -> bool {
        self.lanes.get(lane).is_some_and(Lane::wants_band)
    }

    /// What came of a row's reading of this channel, and, if it was looked up, where the reading of this time was expected.
    pub fn take(&mut self, lane: usize, outcome: &Outcome, expected: Option<(Timestamp, Because)>) {
        for used in &outcome.used {
            let Used { value, verdict, at, changes, .. } = used;
            let because = expected.filter(|(time, _)| time == at).map(|(_, because)| because);
            let band = because.as_ref().and_then(Band::new);
            let point =
                Point { at: *at, value: *value, level: verdict.level, threshold: verdict.threshold, band };
            if let Some(lane) = self.lanes.get_mut(lane) {
                lane.push(point);
            }
            self.told(lane, changes);
        }
        if let Some(ended) = &outcome.ended {
            self.change(lane, Change::Resolved, ended);
        }
    }

    fn change(&mut self, lane: usize, change: Change, alert: &Alert) {
        match change {
            Change::Fired => {
                if let Some(lane) = self.lanes.get_mut(lane) {
                    lane.alert(alert.score);
                }
                self.tally.all += 1;
                self.tally.firing += 1;
                self.found.push(Found { lane, alert: Box::new(alert.clone()) });
                self.forget_the_weakest();
            }
            Change::Updated => self.follow(alert),
            Change::Resolved => {
                self.tally.firing = self.tally.firing.saturating_sub(1);
                self.tally.critical += u64::from(alert.severity == Severity::Critical);
                self.follow(alert);
            }
        }
    }

    /// Takes over what became of an alert.
    fn follow(&mut self, alert: &Alert) {
        if let Some(found) = self.found.iter_mut().rev().find(|found| found.alert.id == alert.id) {
            *found.alert = alert.clone();
        }
    }

    /// An alert that is not over when the recording is.
    pub fn still_firing(&mut self, alert: &Alert) {
        self.tally.critical += u64::from(alert.severity == Severity::Critical);
        self.follow(alert);
    }

    fn forget_the_weakest(&mut self) {
        if self.found.len() <= MOST_ALERTS {
            return;
        }
        let scores = self.found.iter().map(|found| found.alert.score).enumerate();
        if let Some((weakest, _)) = scores.min_by(|a, b| a.1.total_cmp(&b.1)) {
            self.found.remove(weakest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(i: u64, value: f32) -> Point {
        let band = Some(Band { low: value - 1.0, high: value + 1.0 });
        Point { at: Timestamp(1000 * i as i64), value, level: 0.5, threshold: 3.0, band }
    }

    fn lane(readings: u64, lanes: usize) -> Lane {
        let mut lane = Lane::new("t", lanes);
        (0..readings).for_each(|i| lane.push(point(i, (i % 10) as f32)));
        lane
    }

    #[test]
    fn within_the_budget_nothing_is_thinned() {
        let lane = lane(4096, 1);
        assert_eq!((lane.width, lane.buckets.len(), lane.readings), (1, 4096, 4096));
        assert!(lane.buckets.iter().all(|b| b.count == 1 && b.min == b.max));
    }

    #[test]
    fn beyond_it_every_extreme_is_kept_and_every_reading_counted() {
        for readings in [4097, 8192, 8193, 100_000] {
            let mut lane = lane(readings, 1000);
            assert!(lane.buckets.len() <= 800, "{}", lane.buckets.len());
            let spike = Point { level: 9.0, ..point(readings, 99.0) };
            lane.push(spike);
            (0..5000).for_each(|i| lane.push(point(readings + 1 + i, 5.0)));
            assert_eq!(lane.buckets.iter().map(|b| u64::from(b.count)).sum::<u64>(), lane.readings);
            let (last, full) = lane.buckets.split_last().unwrap();
            assert!(full.iter().all(|b| b.count == lane.width) && last.count <= lane.width);
            let holds: Vec<_> = lane.buckets.iter().filter(|b| b.max == 99.0 && b.level == 9.0).collect();
            assert_eq!(holds.len(), 1);
            let (from, to) = (holds[0].from, Timestamp(holds[0].from.0 + 1000 * i64::from(lane.width)));
            assert!(from <= spike.at && spike.at < to);
            assert_eq!(holds[0].band, Some(Band { low: holds[0].min - 1.0, high: 100.0 }));
        }
    }

    #[test]
    fn bands_are_looked_up_often_at_first_and_at_most_eight_times_a_bucket_later() {
        let mut lane = Lane::new("t", 1000);
        let mut looks = 0;
        for i in 0..100_000 {
            looks += u32::from(lane.wants_band());
            lane.push(point(i, 0.0));
        }
        assert_eq!(lane.width, 256);
        assert!(looks > 100_000 / 16 && looks < 100_000 / 4, "{looks}");
    }

    #[test]
    fn around_alerts_single_readings_are_kept_and_around_the_strongest_if_there_are_many() {
        let mut lane = lane(10_000, 1000);
        lane.alert(3.0);
        (0..50).for_each(|i| lane.push(point(10_000 + i, 1.0)));
        lane.alert(4.0); // within the same window
        (0..1000).for_each(|i| lane.push(point(10_050 + i, 1.0)));
        let [window] = lane.windows.as_slice() else { panic!("{:?}", lane.windows.len()) };
        assert_eq!((window.first, window.points.len(), window.score), (10_000 - 64, 64 + 50 + 128, 4.0));
        assert_eq!(window.points[64].at, Timestamp(10_000_000));
        for (i, score) in [5.0, 2.0, 6.0].into_iter().enumerate() {
            lane.alert(score);
            (0..1000).for_each(|j| lane.push(point(20_000 + 1000 * i as u64 + j, 1.0)));
        }
        let scores: Vec<f32> = lane.windows.iter().map(|window| window.score).collect();
        assert_eq!((scores, lane.windows_dropped), (vec![5.0, 6.0], 2));
        assert!(lane.windows.iter().map(|window| window.points.len()).sum::<usize>() <= lane.room);
    }

    #[test]
    fn digits_follow_the_usual_spread_and_not_a_spike() {
        let mut lane = Lane::new("t", 1);
        (0..1000).for_each(|i| lane.push(point(i, 20.0 + (i % 10) as f32 / 10.0)));
        assert_eq!(lane.digits(), 4);
        lane.push(point(1000, 1e6));
        assert_eq!(lane.digits(), 4);
        lane.push(point(1001, 1e20));
        assert_eq!(lane.digits(), -6);
        let constant = |value| {
            let mut lane = Lane::new("t", 1);
            lane.push(point(0, value));
            lane.digits()
        };
        assert_eq!([constant(0.0), constant(21.5), constant(3e-7)], [2, 2, 10]);
    }
}
