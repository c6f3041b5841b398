use serde::{Deserialize, Serialize};

use crate::traits::{Learner, Merge, Sketch, Validate};

/// A key that [`SpaceSaving`] follows. Memory: 16 bytes.
/// ```
/// use brooklet_core::{sketch::SpaceSaving, traits::Learner};
/// let mut top = SpaceSaving::<1>::new();
/// for key in [5, 5, 7] { top.learn_one(&key); }
/// let only = top.top()[0];
/// assert_eq!((only.key, only.count, only.error), (7, 3, 2)); // came once for certain
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frequent {
    /// The key.
    pub key: u64,
    /// At least as often as it came.
    pub count: u32,
    /// By how much `count` may be too large; `count - error` is certain.
    pub error: u32,
}

/// The most frequent keys, and how often they came.
///
/// Formula: `K` keys are followed with a counter each. A key that is not among them takes the place of the one with the
/// smallest counter, inherits that counter plus 1, and remembers what it inherited as its possible error.
///
/// Of `n` samples every key that came more than `n / K` times is followed, and no counter is too large by more than `n /
/// K`. For skewed streams; if all keys are equally frequent the list is arbitrary, and the errors say so.
///
/// `K`: 1 and up. Memory: `16 K + 2` bytes, rounded up. Cost: a search through `K` keys. Counters stop at 4,294,967,295.
/// ```
/// use brooklet_core::sketch::SpaceSaving;
/// use brooklet_core::traits::{Learner, Sketch};
/// let mut top = SpaceSaving::<3>::new();
/// for key in [5, 1, 5, 2, 5, 3, 5, 1] { top.learn_one(&key); }
/// assert_eq!(top.top()[0].key, 5);
/// assert_eq!((top.estimate_one(5), top.top()[0].error), (4.0, 0));
/// ```
/// Source: A. Metwally, D. Agrawal, A. El Abbadi, Efficient computation of frequent and top-k elements in data streams, ICDT
/// 2005, doi:10.1007/978-3-540-30570-5_27; merging by P. Agarwal et al., Mergeable summaries, PODS 2012,
/// doi:10.1145/2213556.2213562. Checked against exact counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpaceSaving<const K: usize> {
    /// The most frequent first.
    #[serde(with = "crate::array")]
    followed: [Frequent; K],
    len: u16,
}

impl<const K: usize> SpaceSaving<K> {
    const SHAPE: () = assert!(K > 0 && K < 65_535);
    const NONE: Frequent = Frequent { key: 0, count: 0, error: 0 };

    /// Nothing counted.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { followed: [Self::NONE; K], len: 0 }
    }

    /// The keys followed, the most frequent first.
    #[must_use]
    pub fn top(&self) -> &[Frequent] {
        self.followed.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// No key that is not followed came more often than this: the smallest counter, or 0 while there is room.
    /// ```
    /// use brooklet_core::{sketch::SpaceSaving, traits::Learner};
    /// let mut top = SpaceSaving::<2>::new();
    /// for key in [5, 5, 5, 7] { top.learn_one(&key); }
    /// assert_eq!(top.rest(), 1);
    /// ```
    #[must_use]
    pub fn rest(&self) -> u32 {
        if usize::from(self.len) < K { 0 } else { self.followed.last().map_or(0, |last| last.count) }
    }

    /// Puts an entry where the place at the end is, in order: before those with a smaller count.
    fn settle(&mut self, place: usize) {
        let Some(upto) = self.followed.get_mut(..=place) else { return };
        let Some((moved, before)) = upto.split_last_mut() else { return };
        let mut hole = moved;
        for other in before.iter_mut().rev() {
            if other.count >= hole.count {
                break;
            }
            core::mem::swap(other, hole);
            hole = other;
        }
    }

    /// Takes in an entry if it is among the `K` most frequent.
    fn offer(&mut self, entry: Frequent) {
        if usize::from(self.len) < K {
            let place = usize::from(self.len);
            if let Some(slot) = self.followed.get_mut(place) {
                *slot = entry;
            }
            self.len = self.len.saturating_add(1);
            self.settle(place);
        } else if let Some(last) = self.followed.last_mut()
            && last.count < entry.count
        {
            *last = entry;
            self.settle(K.saturating_sub(1));
        }
    }
}

impl<const K: usize> Learner for SpaceSaving<K> {
    type Input = u64;

    fn learn_one(&mut self, key: &u64) {
        if let Some(place) = self.top().iter().position(|entry| entry.key == *key) {
            if let Some(entry) = self.followed.get_mut(place) {
                entry.count = entry.count.saturating_add(1);
            }
            self.settle(place);
        } else if usize::from(self.len) < K {
            self.offer(Frequent { key: *key, count: 1, error: 0 });
        } else if let Some(last) = self.followed.last_mut() {
            *last = Frequent { key: *key, count: last.count.saturating_add(1), error: last.count };
            self.settle(K.saturating_sub(1));
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

/// How often the key came at most; 0 if it is not followed, which then is too small by up to
/// [`rest`](SpaceSaving::rest).
impl<const K: usize> Sketch for SpaceSaving<K> {
    fn estimate_one(&self, key: u64) -> f32 {
        self.top().iter().find(|entry| entry.key == key).map_or(0.0, |entry| entry.count as f32)
    }
}

/// Bounded: errors add up, and stay below the number of all samples over `K`.
impl<const K: usize> Merge for SpaceSaving<K> {
    fn merge(&mut self, other: &Self) {
        let (own_rest, their_rest) = (self.rest(), other.rest());
        let own = self.clone();
        self.reset();
        // A key that only one of them follows may have come to the other as often as its smallest counter says.
        for entry in own.top() {
            let theirs = other.top().iter().find(|theirs| theirs.key == entry.key);
            let (count, error) =
                theirs.map_or((their_rest, their_rest), |theirs| (theirs.count, theirs.error));
            self.offer(Frequent {
                key: entry.key,
                count: entry.count.saturating_add(count),
                error: entry.error.saturating_add(error),
            });
        }
        for entry in other.top() {
            if own.top().iter().all(|own| own.key != entry.key) {
                self.offer(Frequent {
                    key: entry.key,
                    count: entry.count.saturating_add(own_rest),
                    error: entry.error.saturating_add(own_rest),
                });
            }
        }
    }
}

impl<const K: usize> Validate for SpaceSaving<K> {
    fn is_valid(&self) -> bool {
        usize::from(self.len) <= K
            && self.top().is_sorted_by(|a, b| a.count >= b.count)
            && self.top().iter().all(|entry| entry.error <= entry.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::tests::skewed;

    fn holds<const K: usize>(sketch: &SpaceSaving<K>, exact: &std::collections::HashMap<u64, u32>, all: u32) {
        assert!(sketch.is_valid());
        for entry in sketch.top() {
            let count = exact[&entry.key];
            assert!(entry.count >= count && entry.count - entry.error <= count, "{entry:?}: {count}");
            assert!(entry.error <= all / K as u32);
        }
        for (key, count) in exact {
            let followed = sketch.top().iter().any(|entry| entry.key == *key);
            assert!(followed || *count <= sketch.rest());
        }
        assert!(sketch.rest() <= all / K as u32);
    }

    #[test]
    fn the_papers_bounds_hold_before_and_after_merging() {
        let (keys, exact) = skewed(3, 30_000, 2000);
        let (mut whole, mut a, mut b) =
            (SpaceSaving::<32>::new(), SpaceSaving::<32>::new(), SpaceSaving::new());
        for (i, key) in keys.iter().enumerate() {
            whole.learn_one(key);
            if i < 12_000 { a.learn_one(key) } else { b.learn_one(key) }
        }
        holds(&whole, &exact, 30_000);
        a.merge(&b);
        holds(&a, &exact, 30_000);
        // The heaviest three are the true ones, in order.
        let mut true_top: std::vec::Vec<_> = exact.iter().collect();
        true_top.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (entry, (key, _)) in whole.top().iter().zip(&true_top).take(3) {
            assert_eq!(entry.key, **key);
        }
    }
}
