use serde::{Deserialize, Serialize};

use super::summary::{Digest, Gathering};
use crate::sample::Moment;

/// How long a window is.
///
/// ```
/// use brooklet_core::window::Length;
/// assert_eq!(Length::minutes(5), Length::Millis(300_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Length {
    /// So many samples; 0 counts as 1.
    Samples(u32),
    /// So many milliseconds of the samples' own time, windows beginning at multiples of it; 0 counts as 1.
    Millis(u32),
}

impl Length {
    /// Seconds, up to 49 days.
    #[must_use]
    pub const fn seconds(seconds: u32) -> Self {
        Self::Millis(seconds.saturating_mul(1000))
    }

    /// Minutes, up to 49 days.
    #[must_use]
    pub const fn minutes(minutes: u32) -> Self {
        Self::Millis(minutes.saturating_mul(60_000))
    }

    pub(crate) const fn units(self) -> i64 {
        let (Self::Samples(n) | Self::Millis(n)) = self;
        if n == 0 { 1 } else { n as i64 }
    }
}

/// Cuts a stream into pieces of equal length: the common part of [`Tumbling`](super::Tumbling) and
/// [`Hopping`](super::Hopping).
///
/// A sample without a time counts as measured at the beginning of the open piece. A sample from before the open piece is
/// late: it is left out and counted; but the sixteenth late one in a row says that the clock was set back, and the stream
/// goes on from there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pane {
    length: Length,
    start: i64,
    open: Gathering,
    late: u32,
    late_run: u8,
}

/// A piece that is complete.
pub(crate) struct Complete {
    pub(crate) start: i64,
    pub(crate) samples: Digest,
    /// How many pieces the stream moved on: 1 if the next one has begun, more if there was a gap, the most there is if the
    /// clock was set back and nothing is a neighbour of what was before.
    pub(crate) steps: u32,
}

/// So many late samples in a row are not late.
const PATIENCE: u8 = 16;

impl Pane {
    pub(crate) const fn new(length: Length) -> Self {
        Self { length, start: 0, open: Gathering::new(), late: 0, late_run: 0 }
    }

    pub(crate) const fn length(&self) -> Length {
        self.length
    }

    pub(crate) const fn late(&self) -> u32 {
        self.late
    }

    /// Over counts a piece is complete with its last sample, over time with the first sample after it.
    pub(crate) fn learn(&mut self, x: &Moment) -> Option<Complete> {
        match self.length {
            Length::Samples(_) => self.count(x),
            Length::Millis(_) => self.follow(x),
        }
    }

    fn count(&mut self, x: &Moment) -> Option<Complete> {
        self.open.add(x);
        if i64::from(self.open.count()) < self.length.units() {
            return None;
        }
        let start = self.start;
        let complete = Complete { start, samples: self.open.all(), steps: 1 };
        (self.start, self.open) = (start.saturating_add(self.length.units()), Gathering::new());
        Some(complete)
    }

    fn follow(&mut self, x: &Moment) -> Option<Complete> {
        let units = self.length.units();
        let begun = !self.open.is_empty();
        let start = match x.time() {
            Some(time) => time.checked_div_euclid(units).unwrap_or(0).saturating_mul(units),
            None => self.start,
        };
        if begun && start < self.start && self.late_run < PATIENCE.saturating_sub(1) {
            self.late_run = self.late_run.saturating_add(1);
            self.late = self.late.saturating_add(1);
            return None;
        }
        self.late_run = 0;
        let mut complete = None;
        if begun && start != self.start {
            let ahead = start.saturating_sub(self.start).checked_div(units).unwrap_or(0);
            let steps = u32::try_from(ahead).unwrap_or(u32::MAX);
            complete = Some(Complete { start: self.start, samples: self.open.all(), steps });
            self.open = Gathering::new();
        }
        self.start = start;
        self.open.add(x);
        complete
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.open.is_sound() && self.late_run < PATIENCE
    }
}
