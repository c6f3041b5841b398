use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// Median absolute deviation of the last `LEN` samples.
///
/// Formula: the median of `|x - median|`, both over the window; of an even number the mean of the middle two.
///
/// Exact, and forgets what left the window. For windows of up to some hundred samples: every sample moves up to `LEN`
/// numbers.
///
/// `LEN`: 1..=65534. Memory: `8 LEN + 4` bytes. Cost: O(LEN) a sample, O(LEN) a value. Input is limited to ±1e18.
/// ```
/// use brooklet_core::stats::RollingMad;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut mad = RollingMad::<5>::new();
/// for x in [900.0, 1.0, 1.0, 2.0, 4.0, 6.0] { mad.learn_one(&x); }
/// assert_eq!((mad.median(), mad.value()), (Some(2.0), Some(1.0)));
/// ```
/// Checked against numpy on every window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollingMad<const LEN: usize> {
    #[serde(with = "crate::array")]
    values: [f32; LEN],
    /// The first `len` are the window's values in order of size.
    #[serde(with = "crate::array")]
    sorted: [f32; LEN],
    next: u16,
    len: u16,
}

impl<const LEN: usize> RollingMad<LEN> {
    const SHAPE: () = assert!(LEN > 0 && LEN < 65_535);

    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { values: [0.0; LEN], sorted: [0.0; LEN], next: 0, len: 0 }
    }

    /// The window's median; `None` before the first sample.
    #[must_use]
    pub fn median(&self) -> Option<f32> {
        let middle = usize::from(self.len / 2);
        let upper = *self.window().get(middle)?;
        if self.len % 2 == 1 {
            return Some(upper);
        }
        Some(0.5 * (self.window().get(middle.checked_sub(1)?)? + upper))
    }

    fn window(&self) -> &[f32] {
        self.sorted.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// Moves the place that `old` held to where `new` belongs; without `old`, the place after the last.
    fn replace(&mut self, old: Option<f32>, new: f32) {
        let len = usize::from(self.len);
        let at = old.and_then(|old| self.window().iter().position(|v| *v == old));
        let mut at = at.unwrap_or_else(|| len.saturating_sub(1));
        if let Some(slot) = self.sorted.get_mut(at) {
            *slot = new;
        }
        // Down, then up: only one of the two has anything to do.
        while let Some(below) = at.checked_sub(1)
            && let (Some(a), Some(b)) = (self.sorted.get(below).copied(), self.sorted.get(at).copied())
            && a > b
        {
            self.swap(below, a, at, b);
            at = below;
        }
        while let above = at.saturating_add(1)
            && above < len
            && let (Some(a), Some(b)) = (self.sorted.get(at).copied(), self.sorted.get(above).copied())
            && a > b
        {
            self.swap(at, a, above, b);
            at = above;
        }
    }

    fn swap(&mut self, low: usize, a: f32, high: usize, b: f32) {
        if let Some(slot) = self.sorted.get_mut(low) {
            *slot = b;
        }
        if let Some(slot) = self.sorted.get_mut(high) {
            *slot = a;
        }
    }
}

impl<const LEN: usize> Learner for RollingMad<LEN> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = math::limit(*x);
        let full = usize::from(self.len) == LEN;
        let mut old = None;
        if let Some(slot) = self.values.get_mut(usize::from(self.next)) {
            old = full.then_some(*slot);
            *slot = x;
        }
        self.next = self.next.saturating_add(1);
        self.len = Ord::max(self.len, self.next);
        if usize::from(self.next) >= LEN {
            self.next = 0;
        }
        self.replace(old, x);
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const LEN: usize> Statistic for RollingMad<LEN> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        let (median, window) = (self.median()?, self.window());
        // Outwards from the median on both sides, the nearer one first, until the middle of all deviations.
        let (below, above) = window.split_at_checked(usize::from(self.len / 2))?;
        let (mut below, mut above) =
            (below.iter().rev().map(|v| median - v), above.iter().map(|v| v - median));
        let (mut low, mut high) = (below.next(), above.next());
        let (mut last, mut deviation) = (0.0, 0.0);
        for _ in 0..=self.len / 2 {
            last = deviation;
            match (low, high) {
                (Some(near), far) if far.is_none_or(|far| near < far) => {
                    (deviation, low) = (near, below.next())
                }
                (_, near) => (deviation, high) = (near?, above.next()),
            }
        }
        Some(if self.len % 2 == 1 { deviation } else { 0.5 * (last + deviation) })
    }
}

impl<const LEN: usize> Validate for RollingMad<LEN> {
    fn is_valid(&self) -> bool {
        let (next, len) = (usize::from(self.next), usize::from(self.len));
        let in_order = self.window().iter().zip(self.window().iter().skip(1)).all(|(a, b)| a <= b);
        next < LEN
            && (len == LEN || len == next)
            && in_order
            && self.values.iter().chain(&self.sorted).all(|v| math::abs(*v) <= math::LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn the_order_holds_whatever_comes() {
        let (mut rng, mut mad) = (Rng::new(9), RollingMad::<8>::new());
        for _ in 0..5000 {
            let x = [0.0, -0.0, 1.0, f32::MAX, f32::MIN, 1e-45, -1.0, rng.normal()]
                [(rng.next_u64() % 8) as usize];
            mad.learn_one(&x);
            let mut window = mad.values;
            window[..usize::from(mad.len)].sort_by(f32::total_cmp);
            let same = mad.window().iter().zip(&window).all(|(a, b)| a == b);
            assert!(mad.is_valid() && same && mad.value().unwrap().is_finite(), "{mad:?}");
        }
    }
}
