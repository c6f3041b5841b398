//! What all machines of the works share: the calendar, how busy the day is, and how warm the hall.

use std::f64::consts::TAU;

use super::random::{Random, Wander};
use crate::reading::Timestamp;

pub(super) const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// One step of the works' clock, with what it means for every machine.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    /// Milliseconds since 1970.
    pub(super) ms: i64,
    /// Hour of the day, `0.0..24.0`. The works lives in UTC.
    pub(super) hour: f64,
    /// 0 is Monday.
    pub(super) weekday: i64,
    /// How busy production is: 0 at rest, about 1 in full shift.
    pub(super) activity: f64,
    /// Air temperature in the hall, degrees Celsius.
    pub(super) ambient: f64,
    /// Days since the run began.
    pub(super) elapsed_days: f64,
}

/// The hour of the day and the weekday (0 is Monday) of a time.
pub(super) fn calendar(ms: i64) -> (f64, i64) {
    let hour = ms.rem_euclid(DAY) as f64 / HOUR as f64;
    (hour, (ms.div_euclid(DAY) + 3).rem_euclid(7)) // 1970-01-01 was a Thursday
}

/// The shared part of the simulation.
#[derive(Clone, Debug)]
pub(super) struct Works {
    start: Timestamp,
    random: Random,
    weather: Wander,
    bustle: Wander,
    /// Of the current day: its number, how much is produced (about 1), and how late the shift is, in hours.
    today: (i64, f64, f64),
}

impl Works {
    pub(super) fn new(seed: u64, start: Timestamp) -> Self {
        Self {
            start,
            random: Random::new(seed, 1000),
            weather: Wander::new(0.998),
            bustle: Wander::new(0.9),
            today: (i64::MIN, 1.0, 0.0),
        }
    }

    /// Moves on to `ms`, which must not go back.
    pub(super) fn tick(&mut self, ms: i64) -> Moment {
        let (hour, weekday) = calendar(ms);
        let day = ms.div_euclid(DAY);
        if self.today.0 != day {
            self.today =
                (day, 1.0 + 0.04 * self.random.gauss().clamp(-2.0, 2.0), self.random.between(-0.2, 0.2));
        }
        let (_, volume, late) = self.today;
        // Two shifts from 6 to 22 on weekdays with a dip at noon, a short one on Saturday, rest on Sunday.
        let busy = match weekday {
            0..=4 => shift(hour - late, 6.0, 22.0) - 0.25 * shift(hour - late, 12.0, 12.75),
            5 => 0.55 * shift(hour - late, 6.0, 13.0),
            _ => 0.0,
        };
        let bustle = self.bustle.next(&mut self.random);
        let activity = (busy * volume * (1.0 + 0.03 * bustle)).clamp(0.0, 1.15);
        // Outside it swings by 9 K over the year and by 3 K over the day; the hall feels about half of it.
        let season = (TAU * ((ms.div_euclid(DAY) as f64 - 110.0) / 365.25)).sin();
        let sun = (TAU * (hour - 9.0) / 24.0).sin();
        let weather = self.weather.next(&mut self.random);
        let ambient = 20.0 + 4.5 * season + 1.5 * sun + 1.2 * weather + 1.5 * activity;
        Moment { ms, hour, weekday, activity, ambient, elapsed_days: (ms - self.start.0) as f64 / DAY as f64 }
    }
}

/// 1 between the hours `from` and `to`, with a ramp of about half an hour at either end.
fn shift(hour: f64, from: f64, to: f64) -> f64 {
    let edge = |x: f64| 1.0 / (1.0 + (-x * 10.0).exp());
    edge(hour - from) * edge(to - hour)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONDAY: i64 = 1_767_571_200_000; // 2026-01-05T00:00:00Z

    #[test]
    fn the_calendar_knows_mondays() {
        assert_eq!(calendar(MONDAY).1, 0);
        assert_eq!(calendar(MONDAY + 6 * DAY + 5 * HOUR), (5.0, 6));
        assert_eq!(calendar(-DAY).1, 2); // before 1970: Wednesday
    }

    #[test]
    fn weekdays_are_busy_nights_and_sundays_are_not() {
        let mut works = Works::new(1, Timestamp(MONDAY));
        let at = |works: &mut Works, hours: i64| works.tick(MONDAY + hours * HOUR).activity;
        assert!(at(&mut works, 2) < 0.01);
        assert!(at(&mut works, 10) > 0.8);
        let saturday = at(&mut works, 5 * 24 + 10);
        assert!(saturday > 0.3 && saturday < 0.8, "{saturday}");
        assert!(at(&mut works, 6 * 24 + 10) < 0.01);
    }
}
