use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// What a profile of the Numenta benchmark pays.
/// ```
/// use brooklet_core::evaluate::{NabFile, NabProfile};
/// use brooklet_core::traits::Learner;
/// let raw = |profile| {
///     let mut file = NabFile::new(profile, 0);
///     for row in 0..10 { file.learn_one(&(row == 5, None)); } // one detection, no window
///     file.raw()
/// };
/// assert_eq!([NabProfile::STANDARD, NabProfile::LOW_FP].map(raw), [-0.11, -0.22]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NabProfile {
    /// For a window found at its first row, 0 to 100.
    pub hit: f32,
    /// Taken off for a window missed, 0 to 100.
    pub miss: f32,
    /// Taken off for a detection far from any window, 0 to 100.
    pub false_row: f32,
}

impl NabProfile {
    /// The benchmark's standard profile.
    pub const STANDARD: Self = Self { hit: 1.0, miss: 1.0, false_row: 0.11 };
    /// Rewards few false alarms.
    pub const LOW_FP: Self = Self { hit: 1.0, miss: 1.0, false_row: 0.22 };
    /// Rewards few misses.
    pub const LOW_FN: Self = Self { hit: 1.0, miss: 2.0, false_row: 0.11 };

    const fn in_range(self) -> Self {
        Self {
            hit: math::clamp(self.hit, 0.0, 100.0),
            miss: math::clamp(self.miss, 0.0, 100.0),
            false_row: math::clamp(self.false_row, 0.0, 100.0),
        }
    }
}

/// The score of the Numenta Anomaly Benchmark, row by row of one file.
///
/// Formula: `s(y) = 2 / (1 + e^(5 y)) - 1`. A window of `w` rows is worth its best detection, `s(-rows to its end / w) /
/// s(-1)` times `hit`, or less `miss`; a detection behind a window costs `-s(rows since / (w - 1))` times `false_row`,
/// far behind or before any window all of it.
///
/// Takes the window of each row as it comes, so a file is scored in the memory of a few numbers, also while a device
/// learns. For files scored at many thresholds the agent has an evaluation of its own, in f64.
///
/// `profile`: see [`NabProfile`]. `probation`: in rows. Memory: 48 bytes. Cost: an exponential a detection.
/// ```
/// use brooklet_core::evaluate::{NabFile, NabProfile};
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut file = NabFile::new(NabProfile::STANDARD, 0);
/// for row in 0..100 {
///     let window = (40..50).contains(&row).then_some((40, 49));
///     file.learn_one(&(row == 40, window)); // detected at the window's first row
/// }
/// assert_eq!(file.value(), Some(100.0));
/// ```
/// Source: Lavin, Ahmad: Evaluating real-time anomaly detection algorithms, 2015, doi:10.1109/ICMLA.2015.141. Checked by
/// hand-worked cases, the same as the agent's evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NabFile {
    profile: NabProfile,
    /// Rows at the start that are not scored.
    probation: u32,
    row: u32,
    /// The last window that began.
    window: Option<(u32, u32)>,
    /// What it is worth so far.
    best: Option<f32>,
    windows: u32,
    raw: f32,
}

impl NabFile {
    /// Nothing seen. `probation`: rows at the start that are not scored; in the benchmark the lesser of 750 and 15 % of
    /// the file.
    #[must_use]
    pub const fn new(profile: NabProfile, probation: u32) -> Self {
        let profile = profile.in_range();
        Self { profile, probation, row: 0, window: None, best: None, windows: 0, raw: 0.0 }
    }

    /// What the file is worth so far, before it is set in relation to a perfect detector.
    #[must_use]
    pub fn raw(&self) -> f32 {
        let open = if self.window.is_some() { self.worth_of_window() } else { 0.0 };
        self.raw + open
    }

    fn worth_of_window(&self) -> f32 {
        self.best.map_or(-self.profile.miss, |best| self.profile.hit * best)
    }
}

/// 1 long before a window's end, 0 at it, -1 long behind it.
fn sigmoid(y: f32) -> f32 {
    if y > 3.0 { -1.0 } else { 2.0 / (1.0 + math::exp(5.0 * y)) - 1.0 }
}

impl Learner for NabFile {
    /// Whether the row is a detection, and the first and last row of the window it lies in, from 0.
    type Input = (bool, Option<(u32, u32)>);

    fn learn_one(&mut self, (detected, window): &(bool, Option<(u32, u32)>)) {
        if let Some((first, last)) = window.filter(|(first, last)| first <= last)
            && self.window != Some((first, last))
        {
            self.raw = self.raw();
            (self.window, self.best) = (Some((first, last)), None);
            self.windows = self.windows.saturating_add(1);
        }
        if *detected && self.row >= self.probation {
            match (window, self.window) {
                (Some(_), Some((first, last))) => {
                    let width = last.saturating_sub(first) as f32 + 1.0;
                    let left = last.saturating_sub(self.row) as f32 + 1.0;
                    let worth = sigmoid(-left / width) / sigmoid(-1.0);
                    self.best = Some(self.best.map_or(worth, |best| math::max(best, worth)));
                }
                (None, Some((first, last))) => {
                    let behind = self.row.saturating_sub(last) as f32;
                    let width = math::max(last.saturating_sub(first) as f32, 1.0);
                    self.raw += self.profile.false_row * sigmoid(behind / width);
                }
                _ => self.raw -= self.profile.false_row,
            }
        }
        self.row = self.row.saturating_add(1);
    }

    fn reset(&mut self) {
        *self = Self::new(self.profile, self.probation);
    }
}

impl Statistic for NabFile {
    type Output = f32;

    /// 0 for a detector that says nothing, 100 for a perfect one; `None` before the first window.
    fn value(&self) -> Option<f32> {
        let (windows, profile) = (self.windows as f32, &self.profile);
        let perfect = windows * (profile.hit + profile.miss);
        (perfect > 0.0).then(|| 100.0 * (self.raw() + profile.miss * windows) / perfect)
    }
}

impl Validate for NabFile {
    fn is_valid(&self) -> bool {
        self.profile.in_range() == self.profile
            && math::abs(self.raw) <= 1e12
            && self.best.is_none_or(|best| (-1.0..=1.1).contains(&best))
            && self.window.is_none_or(|(first, last)| first <= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(profile: NabProfile, detections: &[u32]) -> f32 {
        let mut file = NabFile::new(profile, 150);
        for row in 0..1000 {
            let window = [(300, 399), (700, 719)].into_iter().find(|(a, b)| (*a..=*b).contains(&row));
            file.learn_one(&(detections.contains(&row), window));
            assert!(file.is_valid());
        }
        file.value().unwrap()
    }

    #[test]
    fn null_scores_nothing_and_perfect_a_hundred() {
        for profile in [NabProfile::STANDARD, NabProfile::LOW_FP, NabProfile::LOW_FN] {
            assert_eq!(judged(profile, &[]), 0.0);
            assert!((judged(profile, &[300, 700]) - 100.0).abs() < 1e-4);
        }
    }

    #[test]
    fn a_small_case_computed_by_hand() {
        // In probation; false before any window; second half of window 1, twice; a fifth of a width behind it; window 2
        // is missed.
        let sigma = |y: f64| 2.0 / (1.0 + (5.0 * y).exp()) - 1.0;
        let raw = sigma(-0.5) / sigma(-1.0) - 1.0 + 0.11 * (-1.0 + sigma(20.0 / 99.0));
        let wanted = 100.0 * (raw + 2.0) / 4.0;
        let got = judged(NabProfile::STANDARD, &[149, 200, 350, 380, 419]);
        assert!((f64::from(got) - wanted).abs() < 1e-3, "{got} {wanted}");
    }
}
