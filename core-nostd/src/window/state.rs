use serde::{Deserialize, Serialize};

use super::Closed;
use super::summary::{Gathering, is_sound};
use crate::math;
use crate::sample::Moment;
use crate::traits::{Learner, Validate, Windower};

/// What makes two samples belong to one state.
/// ```
/// use brooklet_core::window::{Split, State};
/// use brooklet_core::{sample::Moment, traits::{Learner, Windower}};
/// let runs = |split| {
///     let mut state = State::new(split);
///     let xs = [1.0, 1.0, 2.0, 5.0, 2.0];
///     xs.map(|x| { state.learn_one(&Moment::new(x, None).unwrap()); usize::from(state.closed().is_some()) })
/// };
/// assert_eq!(runs(Split::Equal), [0, 0, 1, 1, 1]);
/// assert_eq!(runs(Split::Threshold(3.0)), [0, 0, 0, 1, 1]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Split {
    /// The same value: for modes, switches and counters.
    Equal,
    /// The same side of a threshold; a value on it counts as above.
    Threshold(f32),
}

impl Split {
    /// The state of a value, as a number.
    fn state(self, x: f32) -> f32 {
        match self {
            Self::Equal => math::limit(x),
            Self::Threshold(threshold) if x >= threshold => 1.0,
            Self::Threshold(_) => 0.0,
        }
    }
}

/// One window for each run of samples in the same state: how long the pump ran, and what it drew while it did.
///
/// A window closes with the first sample of another state. It runs from the time of its first sample to the time of the
/// one that closed it; samples without a time count as measured with the one before. Where the clock goes back it ends no
/// sooner than it begins. A value that trembles about the
/// threshold makes many windows: smooth it first.
///
/// Memory: 144 bytes. Cost: one division.
/// ```
/// use brooklet_core::window::{Split, State};
/// use brooklet_core::{sample::Moment, traits::{Learner, Windower}};
/// let mut runs = State::new(Split::Threshold(10.0));
/// for (s, x) in [(0, 1.0), (60, 40.0), (120, 44.0), (180, 2.0)] {
///     runs.learn_one(&Moment::new(x, Some(s * 1000)).unwrap());
/// }
/// let on = runs.closed().unwrap();
/// assert_eq!((on.start, on.end, on.count, on.mean), (60_000, 180_000, 2, 42.0));
/// ```
/// Source: M. Grossniklaus et al., Frames: data-driven windows, DEBS 2016, doi:10.1145/2933267.2933304. Checked against
/// brute force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    split: Split,
    state: f32,
    start: i64,
    newest: i64,
    open: Gathering,
    closed: Option<Closed>,
}

impl State {
    /// Windows of equal state; a threshold that is not finite is taken as 0.
    #[must_use]
    pub const fn new(split: Split) -> Self {
        let split = match split {
            Split::Threshold(threshold) if !threshold.is_finite() => Split::Threshold(0.0),
            split => split,
        };
        Self { split, state: 0.0, start: 0, newest: 0, open: Gathering::new(), closed: None }
    }
}

impl Learner for State {
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        self.closed = None;
        let time = x.time().unwrap_or(self.newest);
        let state = self.split.state(x.value());
        if self.open.is_empty() || state != self.state {
            self.closed = self.open.all().close(self.start, time.max(self.newest).max(self.start));
            (self.state, self.start, self.open) = (state, time, Gathering::new());
        }
        self.newest = time;
        self.open.add(x);
    }

    fn reset(&mut self) {
        *self = Self::new(self.split);
    }
}

impl Windower for State {
    type Output = Closed;

    fn closed(&self) -> Option<Closed> {
        self.closed
    }
}

impl Validate for State {
    fn is_valid(&self) -> bool {
        let threshold = match self.split {
            Split::Equal => true,
            Split::Threshold(threshold) => threshold.is_finite(),
        };
        threshold && self.state.is_finite() && self.open.is_sound() && is_sound(&self.closed)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::rng::Rng;

    #[test]
    fn a_clock_set_back_within_a_run() {
        let mut runs = State::new(Split::Equal);
        for (time, x) in [(1000, 1.0), (0, 1.0), (500, 2.0), (600, 3.0)] {
            runs.learn_one(&Moment::new(x, Some(time)).unwrap());
            assert!(runs.closed().is_none_or(|run| run.start <= run.end), "{runs:?}");
        }
        assert_eq!(runs.closed().map(|run| (run.start, run.end)), Some((500, 600)));
    }

    #[test]
    fn against_brute_force() {
        for split in [Split::Equal, Split::Threshold(1.0)] {
            let (mut rng, mut runs) = (Rng::new(4), State::new(split));
            let (mut got, mut want) = (Vec::new(), Vec::new());
            let values: Vec<f32> = (0..2000).map(|_| (rng.uniform() * 3.0) as i32 as f32).collect();
            for (i, x) in values.iter().enumerate() {
                runs.learn_one(&Moment::new(*x, Some(i as i64 * 10)).unwrap());
                got.extend(runs.closed().map(|c| (c.start, c.end, c.count, c.last)));
            }
            let mut first = 0;
            for i in 1..values.len() {
                let (a, b) = (values[i - 1], values[i]);
                let other = if split == Split::Equal { a != b } else { (a >= 1.0) != (b >= 1.0) };
                if other {
                    want.push((first as i64 * 10, i as i64 * 10, (i - first) as u32, a));
                    first = i;
                }
            }
            assert_eq!(got, want);
        }
    }
}
