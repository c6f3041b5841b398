use serde::{Deserialize, Serialize};

use super::pane::Pane;
use super::summary::is_sound;
use super::{Closed, DabaLite, Length, Summary};
use crate::sample::Moment;
use crate::traits::{Learner, Validate, Windower};

/// Windows of `PANES` hops, one beginning with every hop: they overlap, and every sample is in `PANES` of them.
///
/// Samples are gathered a hop at a time and the hops put together by [`DabaLite`], so a window costs the same however
/// long it is. The first windows reach back to before the stream and hold what there is. A gap closes several windows at
/// once: [`closed`](Windower::closed) gives the first, which saw the most, and [`closings`](Self::closings) all. Late
/// samples as with [`Tumbling`](super::Tumbling).
///
/// `PANES`: 1 and up; `hop`: 1 and up. Memory: `28 PANES + 216` bytes, rounded up to eight. Cost: one division; with a hop a few more.
/// ```
/// use brooklet_core::window::{Hopping, Length};
/// use brooklet_core::{sample::Moment, traits::{Learner, Windower}};
/// let mut window = Hopping::<3>::new(Length::Samples(2)); // the last 6, every 2
/// for i in 0..8 { window.learn_one(&Moment::new(i as f32, None).unwrap()); }
/// let closed = window.closed().unwrap();
/// assert_eq!((closed.start, closed.end, closed.mean, closed.first), (2, 8, 4.5, 2.0));
/// ```
/// Source: J. Li et al., No pane, no gain, SIGMOD Record 2005, doi:10.1145/1058150.1058158. Checked against brute force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hopping<const PANES: usize> {
    pane: Pane,
    /// The last hops; those of the window that closed last, until the next sample comes.
    panes: DabaLite<Summary, PANES>,
    /// How many windows the last sample closed.
    closings: u32,
    /// Where the first of them ends.
    end: i64,
    closed: Option<Closed>,
}

impl<const PANES: usize> Hopping<PANES> {
    /// Windows of `PANES` hops.
    #[must_use]
    pub const fn new(hop: Length) -> Self {
        Self { pane: Pane::new(hop), panes: DabaLite::new(), closings: 0, end: 0, closed: None }
    }

    /// Samples left out because they came too late.
    #[must_use]
    pub const fn late(&self) -> u32 {
        self.pane.late()
    }

    /// All windows with samples that the last sample closed, in order; more than one only after a gap. O(`PANES`).
    pub fn closings(&self) -> impl Iterator<Item = Closed> {
        let units = self.pane.length().units();
        let width = units.saturating_mul(PANES as i64);
        let (mut panes, mut end) = (self.panes.clone(), self.end);
        (0..self.closings).map_while(move |_| {
            let closed = panes.query().close(end.saturating_sub(width), end);
            step(&mut panes);
            end = end.saturating_add(units);
            closed
        })
    }
}

/// One hop without samples goes by.
fn step<const PANES: usize>(panes: &mut DabaLite<Summary, PANES>) {
    if panes.is_full() {
        panes.evict();
    }
    panes.insert_partial(super::summary::Digest::NONE);
}

impl<const PANES: usize> Learner for Hopping<PANES> {
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        for _ in 1..self.closings {
            step(&mut self.panes);
        }
        (self.closings, self.closed) = (0, None);
        let Some(done) = self.pane.learn(x) else { return };
        if self.panes.is_full() {
            self.panes.evict();
        }
        self.panes.insert_partial(done.samples);
        // As many windows as can still hold a sample.
        self.closings = Ord::min(done.steps, PANES as u32);
        let units = self.pane.length().units();
        self.end = done.start.saturating_add(units);
        let start = self.end.saturating_sub(units.saturating_mul(PANES as i64));
        self.closed = self.panes.query().close(start, self.end);
    }

    fn reset(&mut self) {
        *self = Self::new(self.pane.length());
    }
}

impl<const PANES: usize> Windower for Hopping<PANES> {
    type Output = Closed;

    fn closed(&self) -> Option<Closed> {
        self.closed
    }
}

impl<const PANES: usize> Validate for Hopping<PANES> {
    fn is_valid(&self) -> bool {
        self.pane.is_sound()
            && self.panes.is_valid()
            && is_sound(&self.closed)
            && self.closings as usize <= PANES
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::math;
    use crate::rng::Rng;

    /// Every window that brute force finds, with gaps of any length.
    #[test]
    fn over_time_against_brute_force() {
        let (mut rng, mut window) = (Rng::new(11), Hopping::<4>::new(Length::Millis(100)));
        let (mut stream, mut time) = (Vec::new(), -5000i64);
        let mut got = Vec::new();
        for _ in 0..3000 {
            time += if rng.uniform() < 0.05 { (rng.uniform() * 1500.0) as i64 } else { 20 };
            let x = (rng.uniform() * 100.0) as i32 as f32;
            stream.push((time, x));
            window.learn_one(&Moment::new(x, Some(time)).unwrap());
            assert_eq!(window.closed(), window.closings().next());
            got.extend(window.closings().map(|c| (c.start, c.count, c.min, c.max, c.first, c.last)));
            assert!(window.is_valid());
        }
        let mut want = Vec::new();
        let mut end = -6000;
        while end <= time {
            let inside: Vec<f32> =
                stream.iter().filter(|(t, _)| (end - 400..end).contains(t)).map(|(_, x)| *x).collect();
            if let (Some(first), Some(last)) = (inside.first(), inside.last()) {
                let (low, high) = inside
                    .iter()
                    .fold((f32::MAX, f32::MIN), |(l, h), x| (math::min(l, *x), math::max(h, *x)));
                want.push((end - 400, inside.len() as u32, low, high, *first, *last));
            }
            end += 100;
        }
        assert!(got.len() > 500);
        // What brute force closes at the very end may still be open.
        assert_eq!(got, want[..got.len()]);
    }
}
