//! What alerts and levels were worth against labels: by event, by range, row by row, and without a threshold.
//!
//! Everything is kept as sums, so that the figures of many recordings are those of their sums, and resampling them is cheap.

use std::ops::RangeInclusive;

use brooklet_core::rng::Rng;
use serde::Serialize;

use super::curves::Areas;
use crate::reading::Timestamp;

/// A labelled event: its first and last row, both inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The first row, from 0.
    pub first: usize,
    /// The last row.
    pub last: usize,
}

impl Event {
    /// Rows in it.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.last + 1 - self.first
    }

    const fn range(&self) -> RangeInclusive<usize> {
        self.first..=self.last
    }
}

/// How long before an event an alert may start and still be about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// Rows.
    Rows(usize),
    /// Milliseconds of the recording's time; in one without times nothing is before.
    Milliseconds(i64),
}

/// A recording with what was said about it and what was true.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// The time of each row, if it has one.
    pub times: &'a [Option<Timestamp>],
    /// The level of each row, in powers of ten.
    pub levels: &'a [f32],
    /// The row in which each alert started, in order.
    pub alerts: &'a [usize],
    /// The events, in order and apart.
    pub events: &'a [Event],
    /// Channels of the device.
    pub channels: usize,
}

/// How to judge.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The level from which a row is called anomalous, in powers of ten.
    pub threshold: f32,
    /// How early an alert may be.
    pub tolerance: Tolerance,
    /// The longest buffer of the volumes, in rows.
    pub buffer: usize,
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Found {
    /// Its first row, from 1.
    pub first_row: usize,
    /// Its last row.
    pub last_row: usize,
    /// When it started.
    #[serde(serialize_with = "rfc3339")]
    pub start: Option<Timestamp>,
    /// When it ended.
    #[serde(serialize_with = "rfc3339")]
    pub end: Option<Timestamp>,
    /// The row of the first alert about it, from 1; null if there was none.
    pub alert_row: Option<usize>,
    /// From its start to that alert, in seconds or, without times, in rows; below 0 if the alert came before.
    pub delay: Option<f64>,
    /// From that alert to its end: what is left to do something.
    pub before_end: Option<f64>,
}

fn rfc3339<S: serde::Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

/// The sums of one recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    /// The events one by one.
    pub events: Vec<Found>,
    /// Alerts, and those among them that belong to an event.
    alerts: usize,
    true_alerts: usize,
    /// Rows: labelled and called anomalous, only called so, only labelled.
    hits: usize,
    false_rows: usize,
    missed_rows: usize,
    /// Sum of the recall of each event, and of the precision of each stretch of rows called anomalous.
    range_recall: f64,
    range_precision: f64,
    stretches: usize,
    /// Length of the recording; 0 if it has no times.
    days: f64,
    channel_days: f64,
    areas: Option<Areas>,
}

impl Tally {
    /// Judges a recording.
    #[must_use]
    pub fn new(labelled: &Labelled<'_>, rules: &Rules) -> Self {
        let Labelled { times, levels, alerts, events, channels } = *labelled;
        let row_events: Vec<RangeInclusive<usize>> =
            events.iter().map(|event| labelled.earliest(event.first, rules.tolerance)..=event.last).collect();
        // Of two events that both reach back to an alert, it belongs to the one in which it is, or else to the next.
        let belongs = |row: usize| {
            let inside = events.iter().position(|event| event.range().contains(&row));
            inside.or_else(|| row_events.iter().position(|range| range.contains(&row)))
        };
        let owners: Vec<Option<usize>> = alerts.iter().map(|&row| belongs(row)).collect();
        let first_alert = |event: usize| {
            let mut own = owners.iter().zip(alerts).filter(|(owner, _)| **owner == Some(event));
            own.next().map(|(_, &row)| row)
        };
        let found = |(i, event): (usize, &Event)| labelled.found(event, first_alert(i));

        let called = |row: usize| levels.get(row).is_some_and(|&level| level >= rules.threshold);
        let stretches = super::labels::runs(levels.iter().map(|&level| level >= rules.threshold));
        let hits = events.iter().flat_map(Event::range).filter(|&row| called(row)).count();
        let labelled_rows: usize = events.iter().map(Event::rows).sum();
        let called_rows: usize = stretches.iter().map(Event::rows).sum();
        let span = || Some(times.iter().flatten().max()?.0.abs_diff(times.iter().flatten().min()?.0));
        let days = span().unwrap_or(0) as f64 / 86_400_000.0;
        Self {
            events: events.iter().enumerate().map(found).collect(),
            alerts: alerts.len(),
            true_alerts: owners.iter().flatten().count(),
            hits,
            false_rows: called_rows - hits,
            missed_rows: labelled_rows - hits,
            range_recall: overlap(events, &stretches),
            range_precision: overlap(&stretches, events),
            stretches: stretches.len(),
            days,
            channel_days: days * channels as f64,
            areas: Areas::new(levels, events, rules.buffer),
        }
    }
}

impl Labelled<'_> {
    /// The first row from which on an alert is about an event that starts at `row`.
    fn earliest(&self, row: usize, tolerance: Tolerance) -> usize {
        match (tolerance, self.times.get(row).copied().flatten()) {
            (Tolerance::Rows(rows), _) => row.saturating_sub(rows),
            (Tolerance::Milliseconds(most), Some(start)) => {
                let from = start.0.saturating_sub(most);
                let before = self.times.iter().take(row).rev();
                row - before.take_while(|time| time.is_none_or(|time| time.0 >= from)).count()
            }
            (Tolerance::Milliseconds(_), None) => row,
        }
    }

    fn found(&self, event: &Event, alert: Option<usize>) -> Found {
        let time = |row: usize| self.times.get(row).copied().flatten();
        let timed = self.times.iter().any(Option::is_some);
        let between = |from: usize, to: usize| match (time(from), time(to)) {
            (Some(from), Some(to)) => Some((to.0 - from.0) as f64 / 1000.0),
            _ => (!timed).then_some(to as f64 - from as f64),
        };
        Found {
            first_row: event.first + 1,
            last_row: event.last + 1,
            start: time(event.first),
            end: time(event.last),
            alert_row: alert.map(|row| row + 1),
            delay: alert.and_then(|row| between(event.first, row)),
            before_end: alert.and_then(|row| between(row, event.last)),
        }
    }
}

/// For each of `these` the share of it that `others` cover, divided by how many cover it, all added up: Tatbul et al. 2018 with
/// a flat bias, no reward for existence, and the cardinality factor 1/x. Both in order and apart.
fn overlap(these: &[Event], others: &[Event]) -> f64 {
    let (mut sum, mut start) = (0.0, 0);
    for this in these {
        // Others that end before this one starts end before the next one, too.
        start += others.iter().skip(start).take_while(|other| other.last < this.first).count();
        let touching = others.iter().skip(start).take_while(|other| other.first <= this.last);
        let (mut rows, mut pieces) = (0, 0);
        for other in touching {
            rows += other.last.min(this.last) + 1 - other.first.max(this.first);
            pieces += 1;
        }
        if pieces > 0 {
            sum += rows as f64 / this.rows() as f64 / f64::from(pieces);
        }
    }
    sum
}

/// The figures of one recording or of many. `None` where there is nothing to divide by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Labelled events.
    pub events: usize,
    /// .. with an alert.
    pub found: usize,
    /// Alerts.
    pub alerts: usize,
    /// .. outside of every event.
    pub false_alerts: usize,
    /// Days that the recordings last.
    pub days: Option<f64>,
    /// Share of the alerts that belong to an event.
    pub event_precision: Option<f64>,
    /// Share of the events that were found.
    pub event_recall: Option<f64>,
    /// Their harmonic mean.
    pub event_f1: Option<f64>,
    /// How much of what was called anomalous was, stretch by stretch.
    pub range_precision: Option<f64>,
    /// How much of the events was called anomalous, event by event.
    pub range_recall: Option<f64>,
    /// Their harmonic mean.
    pub range_f1: Option<f64>,
    /// Share of the rows called anomalous that were.
    pub point_precision: Option<f64>,
    /// Share of the labelled rows that were called anomalous.
    pub point_recall: Option<f64>,
    /// Their harmonic mean.
    pub point_f1: Option<f64>,
    /// The best F1 that any threshold on the level gives, row by row; over recordings the mean of it.
    pub best_f1: Option<f64>,
    /// Area under precision and recall (average precision); mean over recordings.
    pub auc_pr: Option<f64>,
    /// Area under the ROC curve; mean over recordings.
    pub auc_roc: Option<f64>,
    /// Volume under precision and recall; mean over recordings.
    pub vus_pr: Option<f64>,
    /// Volume under the ROC surface; mean over recordings.
    pub vus_roc: Option<f64>,
    /// False alerts a day of a device.
    pub false_alerts_a_day: Option<f64>,
    /// False alerts a day of a channel.
    pub false_alerts_a_day_a_channel: Option<f64>,
    /// Median over the events found of the time from start to alert, in seconds (in rows without times).
    pub median_delay: Option<f64>,
    /// Median of the time from alert to the event's end.
    pub median_before_end: Option<f64>,
}

/// What a figure is called, and how it is taken out of [`Figures`].
pub type Named = (&'static str, fn(&Figures) -> Option<f64>);

impl Figures {
    /// The figures that have an interval, by their names in JSON.
    pub const NAMED: [Named; 18] = [
        ("event_precision", |f| f.event_precision),
        ("event_recall", |f| f.event_recall),
        ("event_f1", |f| f.event_f1),
        ("range_precision", |f| f.range_precision),
        ("range_recall", |f| f.range_recall),
        ("range_f1", |f| f.range_f1),
        ("point_precision", |f| f.point_precision),
        ("point_recall", |f| f.point_recall),
        ("point_f1", |f| f.point_f1),
        ("best_f1", |f| f.best_f1),
        ("auc_pr", |f| f.auc_pr),
        ("auc_roc", |f| f.auc_roc),
        ("vus_pr", |f| f.vus_pr),
        ("vus_roc", |f| f.vus_roc),
        ("false_alerts_a_day", |f| f.false_alerts_a_day),
        ("false_alerts_a_day_a_channel", |f| f.false_alerts_a_day_a_channel),
        ("median_delay", |f| f.median_delay),
        ("median_before_end", |f| f.median_before_end),
    ];

    /// Of recordings together. Counts are added up; what has no threshold is a mean over the recordings that have labels.
    #[must_use]
    pub fn of(tallies: &[&Tally]) -> Self {
        let sum = |count: fn(&Tally) -> usize| tallies.iter().map(|&tally| count(tally)).sum::<usize>();
        let total = |value: fn(&Tally) -> f64| tallies.iter().map(|&tally| value(tally)).sum::<f64>();
        let found = |tally: &Tally| tally.events.iter().filter(|event| event.alert_row.is_some()).count();
        let (events, found) = (sum(|tally| tally.events.len()), sum(found));
        let (alerts, true_alerts) = (sum(|tally| tally.alerts), sum(|tally| tally.true_alerts));
        let (hits, stretches) = (sum(|tally| tally.hits), sum(|tally| tally.stretches));
        let [event_precision, event_recall] =
            [share(true_alerts as f64, alerts as f64), share(found as f64, events as f64)];
        let range_recall = share(total(|tally| tally.range_recall), events as f64);
        let range_precision = share(total(|tally| tally.range_precision), stretches as f64);
        let point_precision = share(hits as f64, (hits + sum(|tally| tally.false_rows)) as f64);
        let point_recall = share(hits as f64, (hits + sum(|tally| tally.missed_rows)) as f64);
        let areas: Vec<&Areas> = tallies.iter().filter_map(|tally| tally.areas.as_ref()).collect();
        let mean =
            |area: fn(&Areas) -> f64| share(areas.iter().map(|&areas| area(areas)).sum(), areas.len() as f64);
        let timed = |tally: &&&Tally| tally.days > 0.0;
        let timed_false: usize =
            tallies.iter().filter(timed).map(|tally| tally.alerts - tally.true_alerts).sum();
        let of_events = |value: fn(&Found) -> Option<f64>| {
            median(tallies.iter().flat_map(|tally| &tally.events).filter_map(value).collect())
        };
        let days = total(|tally| tally.days);
        Self {
            events,
            found,
            alerts,
            false_alerts: alerts - true_alerts,
            days: (days > 0.0).then_some(days),
            event_precision,
            event_recall,
            event_f1: f1(event_precision, event_recall),
            range_precision,
            range_recall,
            range_f1: f1(range_precision, range_recall),
            point_precision,
            point_recall,
            point_f1: f1(point_precision, point_recall),
            best_f1: mean(|areas| areas.best_f1),
            auc_pr: mean(|areas| areas.auc_pr),
            auc_roc: mean(|areas| areas.auc_roc),
            vus_pr: mean(|areas| areas.vus_pr),
            vus_roc: mean(|areas| areas.vus_roc),
            false_alerts_a_day: share(timed_false as f64, days),
            false_alerts_a_day_a_channel: share(timed_false as f64, total(|tally| tally.channel_days)),
            median_delay: of_events(|event| event.delay),
            median_before_end: of_events(|event| event.before_end),
        }
    }
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// The harmonic mean. With events but no alert at all precision says nothing and F1 is 0.
fn f1(precision: Option<f64>, recall: Option<f64>) -> Option<f64> {
    let (precision, recall) = (precision.unwrap_or(0.0), recall?);
    Some(if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().saturating_sub(1) / 2)?, values.get(values.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

/// Resamples of a bootstrap.
pub const RESAMPLES: usize = 1000;

/// 95 % intervals of [`Figures::NAMED`] by the percentile bootstrap: recordings are drawn with replacement, as many as there are,
/// [`RESAMPLES`] times. `None` where a figure does not exist, or with fewer than two recordings.
///
/// Efron 1979, doi:10.1214/aos/1176344552.
#[must_use]
pub fn intervals(tallies: &[&Tally]) -> [Option<(f64, f64)>; 18] {
    let mut drawn: [Vec<f64>; 18] = std::array::from_fn(|_| Vec::new());
    let mut rng = Rng::new(1);
    for _ in 0..if tallies.len() > 1 { RESAMPLES } else { 0 } {
        let draw = |_: &&Tally| {
            let place = ((rng.next_u64() >> 32) * tallies.len() as u64) >> 32;
            tallies.get(place as usize).copied()
        };
        let resample: Vec<&Tally> = tallies.iter().filter_map(draw).collect();
        let figures = Figures::of(&resample);
        for (drawn, (_, figure)) in drawn.iter_mut().zip(Figures::NAMED) {
            drawn.extend(figure(&figures));
        }
    }
    drawn.map(|mut drawn| {
        drawn.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| {
            drawn.get(((drawn.len() as f64 * share) as usize).min(drawn.len().max(1) - 1)).copied()
        };
        Some((at(0.025)?, at(0.975)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pairs: &[(usize, usize)]) -> Vec<Event> {
        pairs.iter().map(|&(first, last)| Event { first, last }).collect()
    }

    fn tally(
        levels: &[(usize, usize)],
        alerts: &[usize],
        truth: &[(usize, usize)],
        tolerance: Tolerance,
    ) -> Tally {
        let times: Vec<_> = (0..1440).map(|i| Some(Timestamp(i * 60_000))).collect();
        let mut level = vec![0.5; 1440];
        for &(first, last) in levels {
            level[first..=last].fill(4.0);
        }
        let truth = events(truth);
        let labelled = Labelled { times: &times, levels: &level, alerts, events: &truth, channels: 2 };
        Tally::new(&labelled, &Rules { threshold: 3.0, tolerance, buffer: 20 })
    }

    fn near(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-9)
    }

    #[test]
    fn a_small_case_computed_by_hand() {
        // Two events; one is found after 5 minutes, by two alerts, with two stretches; a false alert of ten rows.
        let one = tally(
            &[(105, 109), (115, 124), (300, 309)],
            &[105, 115, 300],
            &[(100, 119), (500, 519)],
            Tolerance::Rows(0),
        );
        let f = Figures::of(&[&one]);
        assert_eq!((f.events, f.found, f.alerts, f.false_alerts), (2, 1, 3, 1));
        assert!(
            near(f.event_precision, 2.0 / 3.0) && near(f.event_recall, 0.5) && near(f.event_f1, 4.0 / 7.0)
        );
        // 10 of 25 rows called anomalous are, of 40 labelled ones.
        assert!(near(f.point_precision, 0.4) && near(f.point_recall, 0.25) && near(f.point_f1, 4.0 / 13.0));
        // Half of the first event in two pieces; of the stretches all, half, nothing.
        assert!(near(f.range_recall, 0.5 / 2.0 / 2.0) && near(f.range_precision, 0.5), "{f:?}");
        let days = 1439.0 / 1440.0;
        assert!(near(f.false_alerts_a_day, 1.0 / days) && near(f.false_alerts_a_day_a_channel, 0.5 / days));
        assert_eq!((f.median_delay, f.median_before_end), (Some(300.0), Some(840.0)));
        let [first, second] = &one.events[..] else { panic!("two events") };
        assert_eq!((first.first_row, first.last_row, first.alert_row), (101, 120, Some(106)));
        assert_eq!((second.alert_row, second.delay), (None, None));
    }

    #[test]
    fn an_early_alert_counts_within_the_tolerance() {
        let early = |tolerance| Figures::of(&[&tally(&[], &[94], &[(100, 119)], tolerance)]);
        assert_eq!(early(Tolerance::Rows(5)).found, 0);
        assert_eq!(early(Tolerance::Rows(6)).found, 1);
        assert_eq!(early(Tolerance::Milliseconds(359_999)).false_alerts, 1);
        let f = early(Tolerance::Milliseconds(360_000));
        assert_eq!((f.found, f.false_alerts, f.median_delay), (1, 0, Some(-360.0)));
        // An alert inside an event is about that one, not about the next.
        let between = tally(&[], &[115], &[(100, 119), (121, 130)], Tolerance::Rows(10));
        assert_eq!(between.events.iter().map(|event| event.alert_row).collect::<Vec<_>>(), [Some(116), None]);
    }

    #[test]
    fn nothing_to_divide_by_is_no_figure() {
        let quiet = tally(&[], &[], &[], Tolerance::Rows(0));
        let f = Figures::of(&[&quiet]);
        assert_eq!((f.event_precision, f.event_recall, f.event_f1, f.auc_pr), (None, None, None, None));
        assert_eq!(f.false_alerts_a_day, Some(0.0));
        let deaf = Figures::of(&[&tally(&[], &[], &[(1, 2)], Tolerance::Rows(0))]);
        assert_eq!((deaf.event_recall, deaf.event_f1, deaf.point_f1), (Some(0.0), Some(0.0), Some(0.0)));
    }

    #[test]
    fn intervals_hold_the_figure_and_need_several_recordings() {
        let good = tally(&[(100, 119)], &[100], &[(100, 119)], Tolerance::Rows(0));
        let bad = tally(&[(300, 319)], &[300], &[(100, 119)], Tolerance::Rows(0));
        assert_eq!(intervals(&[&good]), [None; 18]);
        let all = [&good, &bad, &good, &bad, &good, &bad, &good, &bad];
        let [_, recall, ..] = intervals(&all);
        let (low, high) = recall.unwrap();
        // A binomial of 8 draws: its 2.5 and 97.5 percentiles are 1 and 7 of 8.
        assert!((low - 0.125).abs() < 1e-9 && (high - 0.875).abs() < 1e-9, "{low} {high}");
        assert_eq!(intervals(&all), intervals(&all), "the same seed");
        assert_eq!(intervals(&[&good, &good])[1], Some((1.0, 1.0)));
    }
}
