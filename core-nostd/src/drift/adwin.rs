use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{DriftDetector, Learner, Validate};

/// Squares of what the window holds must stay finite.
const LIMIT: f32 = 1e12;

/// ADWIN: a window that grows while the stream stands still and is cut where it changed.
///
/// Formula: for every cut of the window of `w` samples with variance `v` into an older part of `n0` and a newer part
/// of `n1`: `m = 1/(n0 - L + 1) + 1/(n1 - L + 1)`, `c = ln(2 ln(w) / delta)`; change if the two means differ by more
/// than `sqrt(2 m v c) + 2/3 c m`. While any cut shows a change the oldest bucket is dropped.
///
/// Works for errors, shares and anything that is scaled to a range of about 1 (the second term of the bound is in units
/// of the value: on a far smaller scale it is deaf, on a far larger one it leans on the variance alone). Abrupt changes
/// are seen within `clock` samples and some; slow ones later. On a strongly autocorrelated stream it rings often.
///
/// `delta`: confidence, 1e-6 to 1. `BUCKETS`: 2 to 127, of each size; more cuts are tested with more. `ROWS`: 1 to 20;
/// sizes are 1, 2, 4 up to `2^(ROWS - 1)`, so the window holds up to `BUCKETS (2^ROWS - 1)` samples (5 x 11: 10,235)
/// and forgets the oldest beyond. Memory: 8 bytes a bucket and a byte a row, 5 x 11: 480. Cost: two insertions on
/// average; every `clock` samples two divisions a cut. Input is limited to ±1e12.
/// ```
/// use brooklet_core::drift::Adwin;
/// use brooklet_core::traits::{DriftDetector, Learner};
/// let mut adwin = Adwin::<5, 11>::new(0.002);
/// let mut alarms = (0..1000u16).filter(|i| {
///     adwin.learn_one(&(f32::from(i % 2) + if *i < 500 { 0.0 } else { 3.0 }));
///     adwin.drifted()
/// });
/// assert_eq!((alarms.next(), alarms.next()), (Some(511), None));
/// ```
/// Source: Bifet, Gavaldà: Learning from time-changing data with adaptive windowing, SDM 2007,
/// doi:10.1137/1.9781611972771.42. Same alarms as River 0.26's `ADWIN`, which by default starts over after an alarm;
/// [`Adwin::sliding`] keeps the newer part of the window, as the paper has it. Sums are of distances from the first
/// value and are recomputed from the buckets at every test, so that a long stream costs no digits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adwin<const BUCKETS: usize, const ROWS: usize> {
    /// Sums of the samples in a bucket, the oldest bucket of a row first.
    #[serde(with = "crate::array::nested")]
    totals: [[f32; BUCKETS]; ROWS],
    /// Sums of the squared distances from the bucket's mean.
    #[serde(with = "crate::array::nested")]
    squares: [[f32; BUCKETS]; ROWS],
    /// What is subtracted from every sample: the first one.
    origin: f32,
    total: f32,
    width: u32,
    settings: Settings,
    /// Samples until the next test.
    wait: u16,
    /// Buckets in use in each row.
    #[serde(with = "crate::array")]
    lens: [u8; ROWS],
    drifted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Settings {
    delta: f32,
    clock: u16,
    least: u16,
    grace: u16,
    sliding: bool,
}

impl<const BUCKETS: usize, const ROWS: usize> Adwin<BUCKETS, ROWS> {
    const SHAPE: () = assert!(BUCKETS >= 2 && BUCKETS < 128 && ROWS >= 1 && ROWS <= 20);

    /// An empty window; tests every 32 samples, from the 11th on, parts of 5 samples and more.
    #[must_use]
    pub const fn new(delta: f32) -> Self {
        let delta = math::clamp(delta, 1e-6, 1.0);
        Self::empty(Settings { delta, clock: 32, least: 5, grace: 10, sliding: false })
    }

    /// Tests every `clock` samples (1 and up) once there are more than `grace`, and only parts of `least` samples (1
    /// and up) or more.
    #[must_use]
    pub const fn with_tests(self, clock: u16, grace: u16, least: u16) -> Self {
        let clock = if clock == 0 { 1 } else { clock };
        let least = if least == 0 { 1 } else { least };
        Self::empty(Settings { clock, grace, least, ..self.settings })
    }

    /// After an alarm goes on with the newer part of the window instead of starting over.
    /// ```
    /// use brooklet_core::{drift::Adwin, traits::Learner};
    /// let (mut anew, mut sliding) = (Adwin::<5, 11>::new(0.002), Adwin::<5, 11>::new(0.002).sliding());
    /// for i in 0..520u16 {
    ///     let x = if i < 500 { 0.0 } else { 4.0 };
    ///     anew.learn_one(&x);
    ///     sliding.learn_one(&x);
    /// }
    /// assert!(anew.width() < sliding.width() && sliding.width() < 100);
    /// ```
    #[must_use]
    pub const fn sliding(self) -> Self {
        Self::empty(Settings { sliding: true, ..self.settings })
    }

    const fn empty(settings: Settings) -> Self {
        let () = Self::SHAPE;
        Self {
            totals: [[0.0; BUCKETS]; ROWS],
            squares: [[0.0; BUCKETS]; ROWS],
            origin: 0.0,
            total: 0.0,
            width: 0,
            settings,
            wait: settings.clock,
            lens: [0; ROWS],
            drifted: false,
        }
    }

    /// Samples in the window.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Mean of the window: what the stream is now; `None` while it is empty.
    #[must_use]
    pub fn mean(&self) -> Option<f32> {
        (self.width > 0).then(|| self.origin + self.total / self.width as f32)
    }

    /// Variance of the window, with `1/w`; `None` while it is empty.
    #[must_use]
    pub fn variance(&self) -> Option<f32> {
        (self.width > 0).then(|| {
            let n = self.width as f32;
            self.spread(self.sum() / n) / n
        })
    }

    /// Puts one sample into the first row; two buckets of a full row make one of the next.
    fn insert(&mut self, x: f32) {
        let (mut total, mut square, mut size) = (x, 0.0, 1.0);
        self.width = self.width.saturating_add(1);
        self.total += x;
        let rows = self.totals.iter_mut().zip(&mut self.squares).zip(&mut self.lens);
        for ((totals, squares), len) in rows {
            let end = usize::from(*len);
            if let (Some(a), Some(b)) = (totals.get_mut(end), squares.get_mut(end)) {
                (*a, *b) = (total, square);
                *len = len.saturating_add(1);
                return;
            }
            let (older, newer) = make_room(totals, total);
            let (a, b) = make_room(squares, square);
            *len = len.saturating_sub(1);
            let apart = older - newer;
            (total, square) = (older + newer, a + b + apart * apart * (0.5 / size));
            size *= 2.0;
        }
        // Out of the last row: forgotten.
        self.width = self.width.saturating_sub(size as u32);
        self.total -= total;
    }

    /// Sum over all buckets, of the distances from the origin.
    fn sum(&self) -> f32 {
        let rows = self.totals.iter().zip(&self.lens);
        rows.fold(0.0, |sum, (totals, len)| sum + totals.iter().take(usize::from(*len)).sum::<f32>())
    }

    /// Sum of the squared distances from `mean`.
    fn spread(&self, mean: f32) -> f32 {
        let (mut spread, mut size) = (0.0, 1.0);
        for ((totals, squares), len) in self.totals.iter().zip(&self.squares).zip(&self.lens) {
            let (expected, share) = (size * mean, 1.0 / size);
            for (total, square) in totals.iter().zip(squares).take(usize::from(*len)) {
                let apart = total - expected;
                spread += square + apart * apart * share;
            }
            size *= 2.0;
        }
        spread
    }

    /// True if the means on both sides of some cut differ.
    fn test(&mut self) -> bool {
        if self.width < 2 {
            return false;
        }
        self.total = self.sum();
        let (n, least) = (self.width as f32, f32::from(self.settings.least));
        let mean = self.total / n;
        let confidence = math::ln(2.0 * math::ln(n) / self.settings.delta);
        let (wide, flat) = (2.0 * confidence * self.spread(mean) / n, 2.0 / 3.0 * confidence);
        // With sums of distances from the mean, both parts have the same but for the sign.
        let (mut n0, mut sum) = (0.0, 0.0);
        let mut size = Self::LARGEST;
        for (totals, len) in self.totals.iter().zip(&self.lens).rev() {
            let expected = size * mean;
            for total in totals.iter().take(usize::from(*len)) {
                n0 += size;
                sum += total - expected;
                let n1 = n - n0;
                if n0 < least {
                    continue;
                }
                if n1 < least {
                    return false;
                }
                let (a, b) = (n0 - least + 1.0, n1 - least + 1.0);
                let m = (a + b) / (a * b);
                // Squared instead of a root for every cut.
                let beyond = math::abs(sum) * (n / (n0 * n1)) - flat * m;
                if beyond > 0.0 && beyond * beyond > wide * m {
                    return true;
                }
            }
            size *= 0.5;
        }
        false
    }

    const LARGEST: f32 = (1u32 << (ROWS - 1)) as f32;

    /// Drops the oldest bucket.
    fn shrink(&mut self) {
        let mut size = Self::LARGEST;
        let rows = self.totals.iter_mut().zip(&mut self.squares).zip(&mut self.lens);
        for ((totals, squares), len) in rows.rev() {
            if *len > 0 {
                shift(totals);
                shift(squares);
                *len = len.saturating_sub(1);
                self.width = self.width.saturating_sub(size as u32);
                break;
            }
            size *= 0.5;
        }
        self.total = self.sum();
    }

    /// Makes the mean the new origin, so that small distances are stored.
    fn centre(&mut self) {
        let (mean, mut size) = (self.total / math::max(self.width as f32, 1.0), 1.0);
        for (totals, len) in self.totals.iter_mut().zip(&self.lens) {
            totals.iter_mut().take(usize::from(*len)).for_each(|total| *total -= size * mean);
            size *= 2.0;
        }
        self.origin += mean;
        self.total = self.sum();
    }
}

/// Takes the two oldest buckets out of a full row and puts `new` in; gives the two.
fn make_room<const BUCKETS: usize>(row: &mut [f32; BUCKETS], new: f32) -> (f32, f32) {
    let old = *row;
    let rest = old.iter().skip(2).chain([&new, &0.0]);
    row.iter_mut().zip(rest).for_each(|(slot, value)| *slot = *value);
    let mut oldest = old.iter().copied();
    (oldest.next().unwrap_or(0.0), oldest.next().unwrap_or(0.0))
}

/// Takes the oldest bucket out.
fn shift<const BUCKETS: usize>(row: &mut [f32; BUCKETS]) {
    let old = *row;
    row.iter_mut().zip(old.iter().skip(1).chain([&0.0])).for_each(|(slot, value)| *slot = *value);
}

impl<const BUCKETS: usize, const ROWS: usize> Learner for Adwin<BUCKETS, ROWS> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        if self.drifted {
            if self.settings.sliding {
                self.drifted = false;
            } else {
                self.reset();
            }
        }
        let x = math::clamp(*x, -LIMIT, LIMIT);
        if self.width == 0 {
            self.origin = x;
        }
        self.insert(x - self.origin);
        self.wait = self.wait.saturating_sub(1);
        if self.wait == 0 {
            self.wait = self.settings.clock;
            if self.width > u32::from(self.settings.grace) {
                while self.test() {
                    self.shrink();
                    self.drifted = true;
                }
                if self.drifted {
                    self.centre();
                }
            }
        }
    }

    fn reset(&mut self) {
        *self = Self::empty(self.settings);
    }
}

impl<const BUCKETS: usize, const ROWS: usize> DriftDetector for Adwin<BUCKETS, ROWS> {
    fn drifted(&self) -> bool {
        self.drifted
    }
}

impl<const BUCKETS: usize, const ROWS: usize> Validate for Adwin<BUCKETS, ROWS> {
    fn is_valid(&self) -> bool {
        let s = &self.settings;
        let buckets = || self.totals.iter().zip(&self.squares).flat_map(|(t, s)| t.iter().zip(s));
        let width = self
            .lens
            .iter()
            .rev()
            .fold(0u32, |width, len| width.saturating_mul(2).saturating_add(u32::from(*len)));
        (1e-6..=1.0).contains(&s.delta)
            && s.clock > 0
            && s.least > 0
            && (1..=s.clock).contains(&self.wait)
            && self.width == width
            && self.lens.iter().all(|len| usize::from(*len) <= BUCKETS)
            && math::abs(self.origin) <= 4.0 * LIMIT
            && math::abs(self.total) <= 1e9 * LIMIT
            && buckets().all(|(t, s)| math::abs(*t) <= 1e7 * LIMIT && (0.0..=1e8 * LIMIT * LIMIT).contains(s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn size() {
        assert_eq!(size_of::<Adwin<5, 11>>(), 480);
    }

    #[test]
    fn the_window_is_bounded_and_counts_itself() {
        let (mut rng, mut adwin) = (Rng::new(1), Adwin::<3, 4>::new(1e-6));
        for i in 0..2000u16 {
            adwin.learn_one(&rng.uniform());
            assert!(adwin.is_valid() && adwin.width() <= 45, "{i}");
        }
        assert!(adwin.width() > 16 && (adwin.mean().unwrap() - 0.5).abs() < 0.2);
    }

    #[test]
    fn a_sliding_window_keeps_what_came_after_the_change() {
        let (mut rng, mut adwin) = (Rng::new(2), Adwin::<5, 11>::new(0.002).sliding());
        let mut alarms = 0;
        for i in 0..4000u16 {
            adwin.learn_one(&(rng.uniform() + if i < 2000 { 1e3 } else { 2e3 }));
            alarms += u8::from(adwin.drifted());
        }
        assert!((1..4).contains(&alarms) && (1900..=2000).contains(&adwin.width()));
        assert!((adwin.mean().unwrap() - 2000.5).abs() < 0.05);
        assert!((adwin.variance().unwrap() - 1.0 / 12.0).abs() < 0.01);
    }
}
