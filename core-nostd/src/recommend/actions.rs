use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::{Recommendation, Recommender, Supervised, Validate};

use super::entry::{Entry, length, nearest};

/// What was done about the most similar past alert.
///
/// Formula: the largest cosine over remembered alerts. An alert that is like one with the same action (cosine at least
/// `alike`) is counted with it, and their vectors are averaged; any other is remembered on its own.
///
/// The vector says what the alert looked like: evidence of each detector, deviation of each channel. Few confirmations
/// and a low similarity are told, so that the reader can doubt. A full memory gives up the entry with the fewest
/// confirmations, of those the oldest.
///
/// `alike`: 0 to 1. `R`: 1 and up, kinds of alerts. Memory: `R (4 N + 16) + 8` bytes. Cost: O(R N). Input is limited to
/// ±1e15.
/// ```
/// use brooklet_core::{recommend::PastAlerts, sample::Sample};
/// use brooklet_core::traits::{Recommender, Supervised};
/// let mut past = PastAlerts::<8, 2>::new(0.95);
/// past.learn_one(&Sample::new([6.0, 0.0]).unwrap(), &1); // filter cleaned
/// past.learn_one(&Sample::new([6.0, 0.5]).unwrap(), &1);
/// past.learn_one(&Sample::new([0.0, 4.0]).unwrap(), &2); // bearing greased
/// let advice = past.recommend_one(&Sample::new([3.0, 0.0]).unwrap()).unwrap();
/// assert_eq!((advice.key, advice.times), (1, 2));
/// ```
/// Source: case-based reasoning, Aamodt, Plaza 1994, doi:10.3233/AIC-1994-7104. Checked against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastAlerts<const R: usize, const N: usize> {
    #[serde(with = "crate::array")]
    entries: [Entry<N>; R],
    alike: f32,
    clock: u32,
}

impl<const R: usize, const N: usize> PastAlerts<R, N> {
    const SHAPE: () = assert!(R > 0 && N > 0);

    /// Nothing remembered.
    #[must_use]
    pub const fn new(alike: f32) -> Self {
        let () = Self::SHAPE;
        Self { entries: [Entry::new(); R], alike: math::clamp(alike, 0.0, 1.0), clock: 0 }
    }

    /// The remembered alert of this action that is most like `x`, if it is alike.
    fn same(&mut self, x: &Sample<N>, action: u16) -> Option<&mut Entry<N>> {
        let (length, alike) = (length(x.values()), self.alike);
        let mut best: Option<(&mut Entry<N>, f32)> = None;
        for entry in self.entries.iter_mut().filter(|entry| entry.key == action) {
            let Some(cosine) = entry.cosine(x.values(), length) else { continue };
            if cosine >= alike && best.as_ref().is_none_or(|(_, most)| cosine > *most) {
                best = Some((entry, cosine));
            }
        }
        best.map(|(entry, _)| entry)
    }

    /// The action did not help: takes one confirmation back; forgets the entry with its last.
    /// ```
    /// use brooklet_core::{recommend::PastAlerts, sample::Sample, traits::{Recommender, Supervised}};
    /// let (mut past, x) = (PastAlerts::<4, 2>::new(0.9), Sample::new([6.0, 0.0]).unwrap());
    /// past.learn_one(&x, &1);
    /// past.refute(&x, 1);
    /// assert_eq!(past.recommend_one(&x), None);
    /// ```
    pub fn refute(&mut self, x: &Sample<N>, action: u16) {
        if let Some(entry) = self.same(x, action) {
            entry.count = entry.count.saturating_sub(1);
            if entry.count == 0 {
                *entry = Entry::new();
            }
        }
    }
}

impl<const R: usize, const N: usize> Supervised for PastAlerts<R, N> {
    type Input = Sample<N>;
    /// The action that was taken and helped.
    type Target = u16;

    fn learn_one(&mut self, x: &Sample<N>, action: &u16) {
        self.clock = self.clock.saturating_add(1);
        let clock = self.clock;
        if let Some(entry) = self.same(x, *action) {
            entry.approach(x, 1.0 / (entry.count as f32 + 1.0));
            entry.learnt = clock;
        } else if let Some(entry) = self.entries.iter_mut().min_by_key(|entry| (entry.count, entry.learnt)) {
            entry.start(x, *action);
            entry.learnt = clock;
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.alike);
    }
}

impl<const R: usize, const N: usize> Recommender for PastAlerts<R, N> {
    fn recommend_one(&self, x: &Sample<N>) -> Option<Recommendation> {
        nearest(self.entries.iter(), x.values())
    }
}

impl<const R: usize, const N: usize> Validate for PastAlerts<R, N> {
    fn is_valid(&self) -> bool {
        (0.0..=1.0).contains(&self.alike) && self.entries.iter().all(Entry::is_valid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(x: [f32; 2]) -> Sample<2> {
        Sample::new(x).unwrap()
    }

    #[test]
    fn what_was_refuted_as_often_as_confirmed_is_forgotten() {
        let mut past = PastAlerts::<4, 2>::new(0.9);
        past.learn_one(&alert([1.0, 0.0]), &5);
        past.learn_one(&alert([1.0, 0.1]), &5);
        past.refute(&alert([1.0, 0.0]), 5);
        assert_eq!(past.recommend_one(&alert([1.0, 0.0])).map(|a| (a.key, a.times)), Some((5, 1)));
        past.refute(&alert([1.0, 0.0]), 5);
        assert_eq!(past.recommend_one(&alert([1.0, 0.0])), None);
    }

    #[test]
    fn a_full_memory_keeps_what_was_confirmed_often() {
        let mut past = PastAlerts::<2, 2>::new(0.99);
        for (x, action) in [([1.0, 0.0], 1), ([1.0, 0.0], 1), ([0.0, 1.0], 2), ([-1.0, 0.0], 3)] {
            past.learn_one(&alert(x), &action);
        }
        assert_eq!(past.recommend_one(&alert([1.0, 0.0])).map(|a| a.key), Some(1));
        assert_eq!(past.recommend_one(&alert([-1.0, 0.0])).map(|a| a.key), Some(3));
    }
}
