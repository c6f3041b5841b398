use serde::{Deserialize, Serialize};

use super::{Aggregate, Closed, DabaLite, Summary};
use crate::sample::Moment;
use crate::traits::{Learner, Statistic, Validate, Windower};

/// Any [`Aggregate`] of the samples of the last so many milliseconds.
///
/// The window ends with the newest sample and reaches back `length` milliseconds, its beginning not included, so that a
/// sample `length` old is out. It holds at most `CAP` samples: if more come in that time the oldest leave early, and
/// [`crowded`](Self::crowded) counts them. A sample without a time, or older than the newest, counts as measured with the
/// newest; one that lies a whole `length` before it starts a new window, since the clock must have been set back.
///
/// `CAP`: 1..=65534; `length`: 1 and up. Memory: `CAP` times a partial and 8 bytes, two partials, 32 bytes, rounded up to
/// eight. Cost: at most 3 combinations to learn and 2 for each sample that leaves; usually one does.
/// ```
/// use brooklet_core::window::{Max, SlidingTime};
/// use brooklet_core::{sample::Moment, traits::{Learner, Statistic}};
/// let mut max = SlidingTime::<Max, 16>::new(1000);
/// for (time, x) in [(0, 9.0), (600, 4.0), (1000, 5.0)] {
///     max.learn_one(&Moment::new(x, Some(time)).unwrap());
/// }
/// assert_eq!(max.value(), Some(5.0));
/// ```
/// Source: Tangwongsan, Hirzel, Schneider 2021, doi:10.1007/s00778-021-00668-3. Checked against brute force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct SlidingTime<A: Aggregate, const CAP: usize> {
    length: u32,
    window: DabaLite<A, CAP>,
    #[serde(with = "crate::array")]
    times: [i64; CAP],
    /// Where the oldest time stands.
    oldest: u16,
    newest: i64,
    crowded: u32,
}

impl<A: Aggregate, const CAP: usize> SlidingTime<A, CAP> {
    /// A window of `length` milliseconds; 0 counts as 1.
    #[must_use]
    pub const fn new(length: u32) -> Self {
        let length = if length == 0 { 1 } else { length };
        Self { length, window: DabaLite::new(), times: [0; CAP], oldest: 0, newest: 0, crowded: 0 }
    }

    /// Samples that left early because more than `CAP` came within `length`.
    /// ```
    /// use brooklet_core::window::{Count, SlidingTime};
    /// use brooklet_core::{sample::Moment, traits::{Learner, Statistic}};
    /// let mut second = SlidingTime::<Count, 2>::new(1000);
    /// for time in [0, 10, 20] { second.learn_one(&Moment::new(1.0, Some(time)).unwrap()); }
    /// assert_eq!((second.value(), second.crowded()), (Some(2), 1));
    /// ```
    #[must_use]
    pub const fn crowded(&self) -> u32 {
        self.crowded
    }

    fn evict(&mut self) {
        self.window.evict();
        self.oldest = self.oldest.saturating_add(1);
        if usize::from(self.oldest) >= CAP {
            self.oldest = 0;
        }
    }

    fn oldest_time(&self) -> i64 {
        self.times.get(usize::from(self.oldest)).copied().unwrap_or(self.newest)
    }
}

impl<A: Aggregate, const CAP: usize> Learner for SlidingTime<A, CAP> {
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        let length = i64::from(self.length);
        let time = x.time().unwrap_or(self.newest);
        if self.window.is_empty() || self.newest.saturating_sub(time) >= length {
            self.window.clear();
            (self.oldest, self.newest) = (0, time);
        }
        self.newest = Ord::max(self.newest, time);
        while !self.window.is_empty() && self.newest.saturating_sub(self.oldest_time()) >= length {
            self.evict();
        }
        if self.window.is_full() {
            self.evict();
            self.crowded = self.crowded.saturating_add(1);
        }
        let place = usize::from(self.oldest).saturating_add(usize::from(self.window.len()));
        if let Some(slot) = self.times.get_mut(place.checked_sub(CAP).unwrap_or(place)) {
            *slot = self.newest;
        }
        self.window.insert(x.value());
    }

    fn reset(&mut self) {
        *self = Self::new(self.length);
    }
}

impl<A: Aggregate, const CAP: usize> Statistic for SlidingTime<A, CAP> {
    type Output = A::Output;

    fn value(&self) -> Option<A::Output> {
        if self.window.is_empty() { None } else { self.window.lower() }
    }
}

/// Every sample closes a window that ends with it. The end is included here, and the beginning is not.
impl<const CAP: usize> Windower for SlidingTime<Summary, CAP> {
    type Output = Closed;

    fn closed(&self) -> Option<Closed> {
        let start = self.newest.saturating_sub(i64::from(self.length));
        self.window.query().close(start, self.newest)
    }
}

impl<A: Aggregate, const CAP: usize> Validate for SlidingTime<A, CAP> {
    fn is_valid(&self) -> bool {
        self.length > 0 && self.window.is_valid() && usize::from(self.oldest) < CAP
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::math;
    use crate::rng::Rng;
    use crate::window::LargestDrop;

    #[test]
    fn against_brute_force() {
        let (mut rng, mut window) = (Rng::new(9), SlidingTime::<LargestDrop, 64>::new(500));
        let (mut all, mut time) = (Vec::<(i64, f32)>::new(), 0i64);
        for _ in 0..5000 {
            time += (rng.uniform() * if rng.uniform() < 0.02 { 2000.0 } else { 30.0 }) as i64;
            let x = rng.normal();
            all.push((time, x));
            window.learn_one(&Moment::new(x, Some(time)).unwrap());
            let inside: Vec<f32> = all.iter().filter(|(t, _)| time - t < 500).map(|(_, x)| *x).collect();
            let inside = &inside[inside.len().saturating_sub(64)..];
            let drops = (0..inside.len()).flat_map(|i| inside[i..].iter().map(move |b| inside[i] - b));
            assert_eq!(window.value(), Some(drops.fold(0.0, math::max)));
        }
        assert!(window.is_valid());
    }
}
