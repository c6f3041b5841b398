use serde::{Deserialize, Serialize};

use super::Closed;
use super::summary::{Gathering, is_sound};
use crate::sample::Moment;
use crate::traits::{Learner, Validate, Windower};

/// Windows of activity: a pause of `gap` milliseconds ends one.
///
/// The window runs from its first sample to its last plus the gap, and closes with the first sample after that. For
/// sensors that send only while something happens; a stream without pauses never closes a window. A sample without a
/// time, or older than the newest, belongs to the open window; one that lies a whole gap before it opens another, since
/// the clock must have been set back.
///
/// `gap`: 1 and up. Memory: 136 bytes. Cost: one division.
/// ```
/// use brooklet_core::window::Session;
/// use brooklet_core::{sample::Moment, traits::{Learner, Windower}};
/// let mut session = Session::new(30_000);
/// for (s, x) in [(0, 5.0), (10, 7.0), (35, 9.0), (90, 1.0)] {
///     session.learn_one(&Moment::new(x, Some(s * 1000)).unwrap());
/// }
/// let closed = session.closed().unwrap();
/// assert_eq!((closed.start, closed.end, closed.count, closed.mean), (0, 65_000, 3, 7.0));
/// ```
/// Source: T. Akidau et al., The dataflow model, VLDB 2015, doi:10.14778/2824032.2824076. Checked against brute force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    gap: u32,
    start: i64,
    newest: i64,
    open: Gathering,
    closed: Option<Closed>,
}

impl Session {
    /// A pause of `gap` milliseconds ends a window; 0 counts as 1.
    #[must_use]
    pub const fn new(gap: u32) -> Self {
        let gap = if gap == 0 { 1 } else { gap };
        Self { gap, start: 0, newest: 0, open: Gathering::new(), closed: None }
    }
}

impl Learner for Session {
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        self.closed = None;
        let time = x.time().unwrap_or(self.newest);
        let gap = i64::from(self.gap);
        let after = time.saturating_sub(self.newest) >= gap;
        let before = self.start.saturating_sub(time) >= gap;
        if after || before || self.open.is_empty() {
            self.closed = self.open.all().close(self.start, self.newest.saturating_add(gap));
            (self.start, self.newest, self.open) = (time, time, Gathering::new());
        }
        self.start = Ord::min(self.start, time);
        self.newest = Ord::max(self.newest, time);
        self.open.add(x);
    }

    fn reset(&mut self) {
        *self = Self::new(self.gap);
    }
}

impl Windower for Session {
    type Output = Closed;

    fn closed(&self) -> Option<Closed> {
        self.closed
    }
}

impl Validate for Session {
    fn is_valid(&self) -> bool {
        self.gap > 0 && self.start <= self.newest && self.open.is_sound() && is_sound(&self.closed)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::rng::Rng;

    #[test]
    fn against_brute_force() {
        let (mut rng, mut session) = (Rng::new(3), Session::new(100));
        let (mut time, mut want, mut got) = (1000i64, Vec::new(), Vec::new());
        let mut run: Vec<(i64, f32)> = Vec::new();
        for i in 0..2000u16 {
            time += (rng.uniform() * 130.0) as i64;
            if run.last().is_some_and(|(last, _)| time - last >= 100) {
                want.push((run[0].0, run[run.len() - 1].0 + 100, run.len() as u32, run[0].1));
                run.clear();
            }
            run.push((time, f32::from(i)));
            session.learn_one(&Moment::new(f32::from(i), Some(time)).unwrap());
            got.extend(session.closed().map(|c| (c.start, c.end, c.count, c.first)));
        }
        assert!(got.len() > 300);
        assert_eq!(got, want);
    }
}
