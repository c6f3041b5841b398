use serde::{Deserialize, Serialize};

use super::aggregate::Moments;
use super::{Aggregate, Max, Min};
use crate::math;
use crate::sample::Moment;

/// A window that has closed.
///
/// Windows over time run from `start` up to but without `end`, in milliseconds; windows over counts tell the numbers of
/// their samples instead, the stream's first being 0. The sum is `mean` times `count`. Memory: 48 bytes.
/// ```
/// use brooklet_core::window::{Length, Tumbling};
/// use brooklet_core::{sample::Moment, traits::{Learner, Windower}};
/// let mut window = Tumbling::new(Length::Samples(2));
/// for x in [1.0, 3.0] { window.learn_one(&Moment::new(x, None).unwrap()); }
/// let closed = window.closed().unwrap();
/// assert_eq!((closed.start, closed.end, closed.count, closed.mean), (0, 2, 2, 2.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// Where the window begins.
    pub start: i64,
    /// Where it ends; not part of it.
    pub end: i64,
    /// Number of samples; at least 1.
    pub count: u32,
    /// Their mean.
    pub mean: f32,
    /// The smallest.
    pub min: f32,
    /// The largest.
    pub max: f32,
    /// Their standard deviation, of the sample (divided by one less than the count); 0 for a single one.
    pub sd: f32,
    /// The one that came first.
    pub first: f32,
    /// The one that came last.
    pub last: f32,
}

impl Closed {
    /// The figures over the values, in the order of the fields: mean, smallest, largest, deviation, first, last.
    #[must_use]
    pub const fn figures(&self) -> [f32; 6] {
        [self.mean, self.min, self.max, self.sd, self.first, self.last]
    }
}

/// What is remembered of the samples of a window: see [`Summary`]. Memory: 28 bytes.
/// ```
/// use brooklet_core::window::{Aggregate, Digest, Summary};
/// let both: Digest = Summary::combine(&Summary::lift(1.0), &Summary::lift(3.0));
/// assert_eq!((both.count(), Summary::lower(&both).unwrap().mean), (2, 2.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    moments: Moments,
    min: f32,
    max: f32,
    first: f32,
    last: f32,
}

impl Digest {
    pub(crate) const NONE: Self =
        Self { moments: Moments::NONE, min: Min::IDENTITY, max: Max::IDENTITY, first: 0.0, last: 0.0 };

    pub(crate) const fn of(x: f32) -> Self {
        let x = math::limit(x);
        Self { moments: Moments::of(x), min: x, max: x, first: x, last: x }
    }

    pub(crate) fn merge(&self, newer: &Self) -> Self {
        Self {
            moments: self.moments.merge(&newer.moments),
            min: math::min(self.min, newer.min),
            max: math::max(self.max, newer.max),
            first: if self.moments.count() == 0 { newer.first } else { self.first },
            last: if newer.moments.count() == 0 { self.last } else { newer.last },
        }
    }

    /// `None` if there are no samples.
    pub(crate) fn close(&self, start: i64, end: i64) -> Option<Closed> {
        (self.moments.count() > 0).then(|| Closed {
            start,
            end,
            count: self.moments.count(),
            mean: self.moments.mean(),
            min: self.min,
            max: self.max,
            sd: math::sqrt(self.moments.variance()),
            first: self.first,
            last: self.last,
        })
    }

    /// Number of samples.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.moments.count()
    }

    pub(crate) fn is_sound(&self) -> bool {
        Min::is_sound(&self.min)
            && Max::is_sound(&self.max)
            && self.moments.is_sound()
            && math::abs(self.first) <= math::LIMIT
            && math::abs(self.last) <= math::LIMIT
    }
}

/// Count, mean, standard deviation, smallest, largest, first and last of the values: all that [`Closed`] tells, as an
/// [`Aggregate`]. Partial: 28 bytes.
/// ```
/// use brooklet_core::window::{DabaLite, Summary};
/// let mut window = DabaLite::<Summary, 3>::new();
/// for x in [4.0, 1.0, 7.0] { window.insert(x); }
/// let all = window.lower().unwrap();
/// assert_eq!((all.count, all.mean, all.min, all.first, all.last), (3, 4.0, 1.0, 4.0, 7.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary;

impl Aggregate for Summary {
    type Partial = Digest;
    type Output = Closed;

    const IDENTITY: Digest = Digest::NONE;

    fn lift(x: f32) -> Digest {
        Digest::of(x)
    }

    fn combine(older: &Digest, newer: &Digest) -> Digest {
        older.merge(newer)
    }

    /// With sample numbers from 0 on.
    fn lower(partial: &Digest) -> Option<Closed> {
        partial.close(0, i64::from(partial.count()))
    }

    fn is_sound(partial: &Digest) -> bool {
        partial.is_sound()
    }
}

/// A summary that is being made. Samples are gathered in blocks, so that sums over millions of them keep their digits:
/// a single f32 mean stops moving when a sample's share of it is below what it resolves. Memory: 56 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gathering {
    blocks: Digest,
    block: Digest,
}

impl Gathering {
    const BLOCK: u32 = 1024;

    pub(crate) const fn new() -> Self {
        Self { blocks: Digest::NONE, block: Digest::NONE }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.block.count() == 0 && self.blocks.count() == 0
    }

    pub(crate) fn add(&mut self, x: &Moment) {
        self.block = self.block.merge(&Digest::of(x.value()));
        if self.block.count() >= Self::BLOCK {
            self.blocks = self.blocks.merge(&self.block);
            self.block = Digest::NONE;
        }
    }

    pub(crate) fn all(&self) -> Digest {
        self.blocks.merge(&self.block)
    }

    pub(crate) fn count(&self) -> u32 {
        self.blocks.count().saturating_add(self.block.count())
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.blocks.is_sound() && self.block.is_sound() && self.block.count() < Self::BLOCK
    }
}

/// True for a window that could have closed.
pub(crate) fn is_sound(closed: &Option<Closed>) -> bool {
    closed
        .as_ref()
        .is_none_or(|c| c.count > 0 && c.start <= c.end && c.figures().iter().all(|v| v.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millions_of_samples_keep_their_digits() {
        let (mut all, mut plain) = (Gathering::new(), Digest::NONE);
        for i in 0..3_000_000u32 {
            let x = if i < 1_500_000 { 1000.0 } else { 1001.0 };
            all.add(&Moment::new(x, None).unwrap());
            plain = plain.merge(&Digest::of(x));
        }
        let error = |d: &Digest| (d.moments.mean() - 1000.5).abs();
        assert!(error(&all.all()) < 2e-3 && error(&plain) > 0.4, "{all:?} {plain:?}");
        assert_eq!(all.count(), 3_000_000);
    }
}
