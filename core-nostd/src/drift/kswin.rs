use serde::{Deserialize, Serialize};

use super::{Verdict, confidence};
use crate::math;
use crate::rng::Rng;
use crate::traits::{DriftDetector, Learner, Validate};

/// Kolmogorov-Smirnov windowing: the last `RECENT` values against as many drawn from those before.
///
/// Formula: with every sample, once `WINDOW` values are there, `RECENT` of the older ones are drawn without putting
/// back (Floyd's algorithm: for `j` from `o - r` to `o - 1`, `o` the number of older values, oldest first: `t` in
/// `0..=j` as the upper half of 32 random bits times `j + 1`; takes `t`, or `j` if `t` is taken); change if the greatest
/// distance of the two empirical distributions has an exact p-value of at most `alpha`, and is above 0.1.
///
/// Sees changes of any kind in the distribution, not of the mean only, on any scale. One test a sample: at `alpha` 0.005
/// it rings on a stream without any change as well. Seasonal streams ring every time.
///
/// `alpha`: 1e-9 to 0.5. `RECENT`: 2 to 255. `WINDOW`: twice `RECENT` to 4,096. Memory: `4 WINDOW + 24` bytes. Cost: `RECENT`
/// random numbers, two sorts of `RECENT` values. Input is limited to ±1e18.
/// ```
/// use brooklet_core::drift::Kswin;
/// use brooklet_core::traits::{DriftDetector, Learner};
/// let mut kswin = Kswin::<100, 30>::new(0.005, 1);
/// let value = |i: u16| f32::from(i * 7 % 11) * if i < 500 { 1.0 } else { 2.0 };
/// let alarm = (0..1000u16).find(|i| { kswin.learn_one(&value(*i)); kswin.drifted() });
/// assert_eq!(alarm, Some(525));
/// ```
/// Source: Raab, Heusinger, Schleif: Reactive soft prototype computing for concept drift streams, Neurocomputing 2020,
/// doi:10.1016/j.neucom.2019.11.111; Bentley, Floyd: A sample of brilliance, CACM 1987, doi:10.1145/30401.315746. Same
/// alarms and distances as River 0.26's `KSWIN` when that draws the same values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kswin<const WINDOW: usize, const RECENT: usize> {
    rng: Rng,
    seed: u64,
    #[serde(with = "crate::array")]
    values: [f32; WINDOW],
    next: u16,
    len: u16,
    /// Least number of `1/RECENT` that is a change.
    least: u8,
    /// Distance at the last test.
    distance: u8,
    verdict: Verdict,
}

impl<const WINDOW: usize, const RECENT: usize> Kswin<WINDOW, RECENT> {
    const SHAPE: () = assert!(RECENT >= 2 && RECENT < 256 && WINDOW >= 2 * RECENT && WINDOW <= 4096);

    /// An empty window; draws by `seed`, after each alarm anew.
    #[must_use]
    pub const fn new(alpha: f32, seed: u64) -> Self {
        Self::empty(Self::least(confidence(alpha)), seed)
    }

    const fn empty(least: u8, seed: u64) -> Self {
        let () = Self::SHAPE;
        let (rng, verdict) = (Rng::new(seed), Verdict::Calm);
        Self { rng, seed, values: [0.0; WINDOW], next: 0, len: 0, least, distance: 0, verdict }
    }

    /// The least distance with a p-value of at most `alpha`.
    const fn least(alpha: f32) -> u8 {
        let mut distance = 1u8;
        while (distance as usize) < RECENT {
            if distance as f32 > 0.1 * RECENT as f32 && Self::chance(distance) <= alpha {
                return distance;
            }
            distance = distance.saturating_add(1);
        }
        distance
    }

    /// Chance of a distance of `k/r` or more between two samples of `r` of one distribution:
    /// `2 Σ (-1)^(j-1) C(2r, r - j k) / C(2r, r)` (Gnedenko, Korolyuk 1951).
    const fn chance(k: u8) -> f32 {
        if k == 0 {
            return 1.0;
        }
        let (r, step) = (RECENT as f32, k as f32);
        let (mut p, mut sign, mut ratio, mut done) = (0.0, 2.0, 1.0, 0.0);
        let mut end = step;
        while end <= r {
            while done < end {
                ratio *= (r - done) / (r + 1.0 + done);
                done += 1.0;
            }
            p += sign * ratio;
            sign = -sign;
            end += step;
        }
        math::clamp(p, 0.0, 1.0)
    }

    /// Greatest distance of the two distributions at the last test, 0 to 1; `None` before the first.
    #[must_use]
    pub fn distance(&self) -> Option<f32> {
        (usize::from(self.len) == WINDOW).then(|| f32::from(self.distance) / RECENT as f32)
    }

    /// Chance of that distance, or a greater one, without any change; `None` before the first test.
    /// ```
    /// use brooklet_core::{drift::Kswin, traits::{DriftDetector, Learner}};
    /// let mut kswin = Kswin::<100, 30>::new(0.005, 1);
    /// while !kswin.drifted() { kswin.learn_one(&0.0); if kswin.p_value() == Some(1.0) { break; } }
    /// assert_eq!((kswin.p_value(), kswin.distance()), (Some(1.0), Some(0.0))); // nothing changed
    /// ```
    #[must_use]
    pub fn p_value(&self) -> Option<f32> {
        (usize::from(self.len) == WINDOW).then(|| Self::chance(self.distance))
    }

    /// Draws from the older values.
    fn draw(&mut self) -> [f32; RECENT] {
        let (mut drawn, mut taken) = ([0.0; RECENT], [false; WINDOW]);
        let older = WINDOW.saturating_sub(RECENT);
        for (j, slot) in (older.saturating_sub(RECENT)..).zip(&mut drawn) {
            let bits = self.rng.next_u64() >> 32;
            let t = (bits.wrapping_mul(j as u64).wrapping_add(bits) >> 32) as usize;
            let place = if taken.get(t) == Some(&true) { j } else { t };
            if let Some(taken) = taken.get_mut(place) {
                *taken = true;
            }
            // The oldest is where the next will go.
            let at = place.saturating_add(usize::from(self.next));
            let at = if at >= WINDOW { at.saturating_sub(WINDOW) } else { at };
            *slot = self.values.get(at).copied().unwrap_or(0.0);
        }
        drawn
    }

    /// Draws and tests.
    fn test(&mut self) -> u8 {
        let mut past = self.draw();
        let (newer, older) = self.values.split_at_checked(usize::from(self.next)).unwrap_or((&[], &[]));
        let mut recent = [0.0; RECENT];
        let last = newer.iter().rev().chain(older.iter().rev());
        recent.iter_mut().rev().zip(last).for_each(|(slot, value)| *slot = *value);
        math::sort(&mut past);
        math::sort(&mut recent);
        distance(&past, &recent)
    }
}

/// Greatest difference of the numbers of values up to any point, of two sorted samples.
fn distance<const N: usize>(a: &[f32; N], b: &[f32; N]) -> u8 {
    let (mut i, mut j, mut most) = (0u8, 0u8, 0u8);
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        let point = math::min(**x, **y);
        while a.next_if(|x| **x <= point).is_some() {
            i = i.saturating_add(1);
        }
        while b.next_if(|y| **y <= point).is_some() {
            j = j.saturating_add(1);
        }
        most = Ord::max(most, i.abs_diff(j));
    }
    most
}

impl<const WINDOW: usize, const RECENT: usize> Learner for Kswin<WINDOW, RECENT> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        if self.verdict.drifted() {
            self.reset();
        }
        if let Some(slot) = self.values.get_mut(usize::from(self.next)) {
            *slot = math::limit(*x);
        }
        self.next = self.next.saturating_add(1);
        self.len = Ord::max(self.len, self.next);
        if usize::from(self.next) >= WINDOW {
            self.next = 0;
        }
        if usize::from(self.len) >= WINDOW {
            self.distance = self.test();
            self.verdict = Verdict::of(self.distance >= self.least, false);
        }
    }

    fn reset(&mut self) {
        *self = Self::empty(self.least, self.seed);
    }
}

impl<const WINDOW: usize, const RECENT: usize> DriftDetector for Kswin<WINDOW, RECENT> {
    fn drifted(&self) -> bool {
        self.verdict.drifted()
    }
}

impl<const WINDOW: usize, const RECENT: usize> Validate for Kswin<WINDOW, RECENT> {
    fn is_valid(&self) -> bool {
        let (next, len) = (usize::from(self.next), usize::from(self.len));
        next < WINDOW
            && (len == WINDOW || len == next)
            && self.least > 0
            && usize::from(self.least) <= RECENT
            && self.values.iter().all(|v| math::abs(*v) <= math::LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.ks_2samp with two samples of 30.
    #[test]
    fn p_values_are_exact() {
        let p = Kswin::<100, 30>::chance;
        for (k, wanted) in [(9, 0.135_003_5), (13, 0.006_548_4), (14, 0.002_530_06)] {
            assert!((p(k) - wanted).abs() < 1e-6, "{k}: {}", p(k));
        }
        assert_eq!(Kswin::<100, 30>::least(0.005), 14);
    }

    #[test]
    fn draws_without_putting_back_and_all_alike() {
        let (mut kswin, mut times) = (Kswin::<100, 30>::new(0.005, 3), [0u32; 100]);
        // The oldest, 0, is in the middle of the ring.
        kswin.values = core::array::from_fn(|i| ((i + 40) % 100) as f32);
        (kswin.next, kswin.len) = (60, 100);
        for _ in 0..7000 {
            let mut drawn = kswin.draw();
            math::sort(&mut drawn);
            assert!(drawn.is_sorted_by(|a, b| a < b), "{drawn:?}");
            drawn.iter().for_each(|value| times[*value as usize] += 1);
        }
        // 3000 expected, deviation 41.
        assert!(times[..70].iter().all(|times| (2800..3200).contains(times)), "{times:?}");
        assert!(times[70..].iter().all(|times| *times == 0));
    }
}
