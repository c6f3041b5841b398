use core::cell::Cell;

use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Validate};

/// The last `W` values in order of size: what rolling medians and quantiles read from.
///
/// A ring of the values in order of time beside an array of them in order of size. The value that leaves and the one that
/// comes are found by bisection; what lies between them moves by one place, which is a single copy of memory.
///
/// Exact. `W`: 1..=65534. Memory: `8 W + 4` bytes. Cost: O(log W) comparisons and a copy of `4 W / 3` bytes on average; up
/// to some 2000 values faster than trees and skip lists.
/// ```
/// use brooklet_core::window::SortedWindow;
/// use brooklet_core::traits::Learner;
/// let mut window = SortedWindow::<3>::new();
/// for x in [5.0, 1.0, 4.0, 2.0] { window.learn_one(&x); }
/// assert_eq!(window.sorted(), &[1.0, 2.0, 4.0]);
/// ```
/// Checked against pandas, by way of the median and the quantile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SortedWindow<const W: usize> {
    #[serde(with = "crate::array")]
    ring: [f32; W],
    #[serde(with = "crate::array")]
    sorted: [f32; W],
    next: u16,
    len: u16,
}

impl<const W: usize> SortedWindow<W> {
    const SHAPE: () = assert!(W > 0 && W < 65_535);

    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { ring: [0.0; W], sorted: [0.0; W], next: 0, len: 0 }
    }

    /// The values, smallest first.
    #[must_use]
    pub fn sorted(&self) -> &[f32] {
        self.sorted.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The value that a share `q` (0 to 1) of the values lies below, between two values by straight line; `None` for no
    /// values.
    /// ```
    /// use brooklet_core::{traits::Learner, window::SortedWindow};
    /// let mut window = SortedWindow::<4>::new();
    /// for x in [4.0, 1.0, 3.0, 2.0] { window.learn_one(&x); }
    /// assert_eq!((window.quantile(0.5), window.median(), window.quantile(1.0)), (Some(2.5), Some(2.5), Some(4.0)));
    /// ```
    #[must_use]
    pub fn quantile(&self, q: f32) -> Option<f32> {
        let place = math::clamp(q, 0.0, 1.0) * f32::from(self.len.saturating_sub(1));
        let below = place as usize;
        let low = *self.sorted().get(below)?;
        let high = self.sorted().get(below.saturating_add(1)).copied().unwrap_or(low);
        Some(low + (place - below as f32) * (high - low))
    }

    /// The middle value, or the mean of the two in the middle.
    #[must_use]
    pub fn median(&self) -> Option<f32> {
        let half = usize::from(self.len / 2);
        let high = *self.sorted().get(half)?;
        if self.len % 2 == 1 {
            return Some(high);
        }
        self.sorted().get(half.saturating_sub(1)).map(|low| 0.5 * (low + high))
    }

    /// The median of the values' distances from their median.
    /// ```
    /// use brooklet_core::{traits::Learner, window::SortedWindow};
    /// let mut window = SortedWindow::<5>::new();
    /// for x in [1.0, 1.0, 2.0, 4.0, 6.0] { window.learn_one(&x); }
    /// assert_eq!(window.median_absolute_deviation(), Some(1.0));
    /// ```
    #[must_use]
    pub fn median_absolute_deviation(&self) -> Option<f32> {
        let median = self.median()?;
        // Outwards from the median on both sides, the nearer one first, until the middle of all distances.
        let (below, above) = self.sorted().split_at_checked(usize::from(self.len / 2))?;
        let (mut below, mut above) =
            (below.iter().rev().map(|v| median - v), above.iter().map(|v| v - median));
        let (mut low, mut high) = (below.next(), above.next());
        let (mut last, mut distance) = (0.0, 0.0);
        for _ in 0..=self.len / 2 {
            last = distance;
            match (low, high) {
                (Some(near), far) if far.is_none_or(|far| near < far) => {
                    (distance, low) = (near, below.next())
                }
                (_, near) => (distance, high) = (near?, above.next()),
            }
        }
        Some(if self.len % 2 == 1 { distance } else { 0.5 * (last + distance) })
    }
}

/// Makes room at `to` for a new value by moving what lies between it and the hole at `from` by one place.
fn refill(sorted: &mut [f32], from: usize, to: usize, x: f32) {
    if from < to {
        let Some(span) = sorted.get_mut(from..to) else { return };
        for pair in Cell::from_mut(&mut *span).as_slice_of_cells().windows(2) {
            if let [a, b] = pair {
                a.set(b.get());
            }
        }
        if let Some(last) = span.last_mut() {
            *last = x;
        }
    } else {
        let Some(span) = sorted.get_mut(to..=from) else { return };
        for pair in Cell::from_mut(&mut *span).as_slice_of_cells().windows(2).rev() {
            if let [a, b] = pair {
                b.set(a.get());
            }
        }
        if let Some(first) = span.first_mut() {
            *first = x;
        }
    }
}

impl<const W: usize> Learner for SortedWindow<W> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        // Adding 0 makes -0 and 0 one value.
        let x = math::limit(*x) + 0.0;
        let Some(slot) = self.ring.get_mut(usize::from(self.next)) else { return };
        let old = core::mem::replace(slot, x);
        if usize::from(self.len) < W {
            let to = self.sorted().partition_point(|v| *v < x);
            refill(&mut self.sorted, usize::from(self.len), to, x);
            self.len = self.len.saturating_add(1);
        } else {
            let from = self.sorted.partition_point(|v| *v < old);
            let to = self.sorted.partition_point(|v| *v < x);
            refill(&mut self.sorted, from, to, x);
        }
        self.next = self.next.saturating_add(1);
        if usize::from(self.next) >= W {
            self.next = 0;
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const W: usize> Validate for SortedWindow<W> {
    fn is_valid(&self) -> bool {
        let (next, len) = (usize::from(self.next), usize::from(self.len));
        let sorted = self.sorted();
        let in_order = sorted.is_sorted_by(|a, b| a <= b); // plain is_sorted slices, which can panic
        let ring = self.ring.iter().take(len);
        next < W
            && (len == W || len == next)
            && self.ring.iter().chain(&self.sorted).all(|v| math::abs(*v) <= math::LIMIT)
            && in_order
            && ring.into_iter().all(|x| sorted.get(sorted.partition_point(|v| v < x)) == Some(x))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::rng::Rng;

    fn against_sorting<const W: usize>() {
        let (mut rng, mut window) = (Rng::new(W as u64), SortedWindow::<W>::new());
        let mut all = Vec::new();
        for _ in 0..3000 {
            // Few different values, so that many are equal; zeros of either sign.
            let x = if rng.uniform() < 0.5 { (rng.normal() * 2.0).round() } else { rng.normal() };
            all.push(x);
            window.learn_one(&x);
            let mut want = all[all.len().saturating_sub(W)..].to_vec();
            want.sort_by(f32::total_cmp);
            assert_eq!(window.sorted(), want);
            assert!(window.is_valid());
        }
    }

    #[test]
    fn is_what_sorting_gives() {
        against_sorting::<1>();
        against_sorting::<2>();
        against_sorting::<7>();
        against_sorting::<64>();
    }
}
