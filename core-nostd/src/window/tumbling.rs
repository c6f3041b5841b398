use serde::{Deserialize, Serialize};

use super::pane::Pane;
use super::summary::is_sound;
use super::{Closed, Length};
use crate::sample::Moment;
use crate::traits::{Learner, Validate, Windower};

/// Windows of equal length, one after the other: every sample is in exactly one.
///
/// Over samples, a window closes with its last sample; over time, with the first sample that lies after it, and windows
/// without samples are not told. Windows over time begin at multiples of their length since 1970, as Flink's do.
///
/// Samples that come after their window has closed are left out and counted in [`late`](Self::late); sixteen of them in a
/// row mean that the clock was set back, and the stream goes on from there.
///
/// `length`: 1 and up. Memory: 136 bytes. Cost: one division.
/// ```
/// use brooklet_core::window::{Length, Tumbling};
/// use brooklet_core::{sample::Moment, traits::{Learner, Windower}};
/// let mut minute = Tumbling::new(Length::minutes(1));
/// for i in 0..4 { minute.learn_one(&Moment::new(i as f32, Some(i * 25_000)).unwrap()); }
/// let closed = minute.closed().unwrap(); // 0, 25 and 50 seconds; the sample at 75 closed it
/// assert_eq!((closed.end, closed.count, closed.mean, closed.last), (60_000, 3, 1.0, 2.0));
/// ```
/// Source: T. Akidau et al., The dataflow model, VLDB 2015, doi:10.14778/2824032.2824076. Checked against brute force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tumbling {
    pane: Pane,
    closed: Option<Closed>,
}

impl Tumbling {
    /// Windows of that length.
    #[must_use]
    pub const fn new(length: Length) -> Self {
        Self { pane: Pane::new(length), closed: None }
    }

    /// Samples left out because they came too late.
    /// ```
    /// use brooklet_core::window::{Length, Tumbling};
    /// use brooklet_core::{sample::Moment, traits::Learner};
    /// let mut minute = Tumbling::new(Length::minutes(1));
    /// for second in [10, 70, 50] { minute.learn_one(&Moment::new(1.0, Some(second * 1000)).unwrap()); }
    /// assert_eq!(minute.late(), 1); // second 50 came when its minute was closed
    /// ```
    #[must_use]
    pub const fn late(&self) -> u32 {
        self.pane.late()
    }
}

impl Learner for Tumbling {
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        let units = self.pane.length().units();
        self.closed = self
            .pane
            .learn(x)
            .and_then(|done| done.samples.close(done.start, done.start.saturating_add(units)));
    }

    fn reset(&mut self) {
        *self = Self::new(self.pane.length());
    }
}

impl Windower for Tumbling {
    type Output = Closed;

    fn closed(&self) -> Option<Closed> {
        self.closed
    }
}

impl Validate for Tumbling {
    fn is_valid(&self) -> bool {
        self.pane.is_sound() && is_sound(&self.closed)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn closed(length: Length, stream: &[(i64, f32)]) -> Vec<(i64, i64, u32, f32)> {
        let mut window = Tumbling::new(length);
        let each = stream.iter().filter_map(|(time, x)| {
            window.learn_one(&Moment::new(*x, Some(*time)).unwrap());
            window.closed().map(|c| (c.start, c.end, c.count, c.mean))
        });
        each.collect()
    }

    #[test]
    fn gaps_and_times_before_1970() {
        let stream = [(-15, 1.0), (-11, 3.0), (-10, 5.0), (-1, 7.0), (35, 9.0), (40, 1.0)];
        let want = [(-20, -10, 2, 2.0), (-10, 0, 2, 6.0), (30, 40, 1, 9.0)];
        assert_eq!(closed(Length::Millis(10), &stream), want);
        assert_eq!(closed(Length::Samples(3), &stream), [(0, 3, 3, 3.0), (3, 6, 3, 17.0 / 3.0)]);
    }

    #[test]
    fn late_samples_are_counted_and_a_clock_set_back_is_followed() {
        let mut window = Tumbling::new(Length::Millis(10));
        let mut learn = |time| {
            window.learn_one(&Moment::new(1.0, Some(time)).unwrap());
            (window.closed().map(|c| c.count), window.late())
        };
        assert_eq!([learn(1005), learn(999), learn(1009)], [(None, 0), (None, 1), (None, 1)]);
        for i in 0..15 {
            assert_eq!(learn(500 + i), (None, 2 + i as u32));
        }
        assert_eq!(learn(515), (Some(2), 16));
        assert_eq!(learn(520), (Some(1), 16));
    }
}
