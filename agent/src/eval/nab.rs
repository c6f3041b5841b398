//! The Numenta Anomaly Benchmark: reads a checkout of it and scores as it does, from its published formulas.
//!
//! Lavin and Ahmad 2015, Evaluating real-time anomaly detection algorithms, doi:10.1109/ICMLA.2015.141.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::reading::Timestamp;
use crate::time::parse_time;

/// Where a checkout keeps its labels.
pub const LABELS: &str = "labels/combined_windows.json";

/// Why a checkout cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NabError {
    /// The folder lacks what makes it a checkout.
    #[error(
        "{0} is missing: expected is a checkout of the Numenta Anomaly Benchmark (the project `numenta/NAB`), with the \
         folder `data` and the file `{LABELS}`"
    )]
    NotACheckout(PathBuf),
    /// Reading failed.
    #[error("{0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// The labels are not what they should be.
    #[error("{0}: {1}")]
    Labels(PathBuf, String),
}

/// The labelled windows of a file as its labels give them: first and last time, both inside.
pub type Windows = Vec<(Timestamp, Timestamp)>;

/// The files of a checkout by their path below `data`, in sorted order, with their windows.
///
/// # Errors
/// Why the folder cannot be used.
pub fn labels(checkout: &Path) -> Result<BTreeMap<String, Windows>, NabError> {
    let path = checkout.join(LABELS);
    for needed in [checkout, &checkout.join("data"), &path] {
        if !needed.exists() {
            return Err(NabError::NotACheckout(needed.to_owned()));
        }
    }
    let text = std::fs::read_to_string(&path).map_err(|error| NabError::Io(path.clone(), error))?;
    let raw: BTreeMap<String, Vec<(String, String)>> =
        serde_json::from_str(&text).map_err(|error| NabError::Labels(path.clone(), error.to_string()))?;
    let time = |text: &str| {
        let wrong = || NabError::Labels(path.clone(), format!("`{text}` is not a time"));
        parse_time(text).ok_or_else(wrong)
    };
    let windows = |raw: Vec<(String, String)>| {
        raw.iter().map(|(from, to)| Ok((time(from)?, time(to)?))).collect::<Result<Windows, NabError>>()
    };
    raw.into_iter().map(|(name, raw)| Ok((name, windows(raw)?))).collect()
}

/// What a profile pays for a window found, a window missed and a false row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    hit: f64,
    miss: f64,
    false_row: f64,
}

/// The benchmark's three profiles.
pub const PROFILES: [Profile; 3] = [
    Profile { name: "standard", hit: 1.0, miss: 1.0, false_row: 0.11 },
    Profile { name: "low_fp", hit: 1.0, miss: 1.0, false_row: 0.22 },
    Profile { name: "low_fn", hit: 1.0, miss: 2.0, false_row: 0.11 },
];

/// What a row is worth if it is a detection, before the profile's weights.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Worth {
    /// The window it lies in, and 0 to 1.
    Hit(usize, f64),
    /// -1 to nearly 0: just behind a window is half forgiven.
    False(f64),
}

/// One file of the corpus, judged.
#[derive(Clone, Debug)]
pub struct File {
    name: String,
    rows: usize,
    /// First and last row of each window.
    windows: Vec<(usize, usize)>,
    /// Rows with a score above 0.
    detections: Vec<(usize, f64)>,
}

/// Rows at the start of a file that are not scored: 15 %, at most this many.
const PROBATION: usize = 750;

impl File {
    /// A file with the time of each row, its windows, and a score for each row; a score of 0 is never a detection.
    #[must_use]
    pub fn new<S: Copy + Into<f64>>(
        name: &str,
        times: &[Option<Timestamp>],
        windows: &Windows,
        scores: &[S],
    ) -> Self {
        let rows = |&(from, to): &(Timestamp, Timestamp)| {
            let inside = |time: &Option<Timestamp>| time.is_some_and(|time| from <= time && time <= to);
            Some((times.iter().position(inside)?, times.iter().rposition(inside)?))
        };
        let scores = scores.iter().map(|&score| score.into()).enumerate();
        let detections = scores.filter(|(_, score)| *score > 0.0).collect();
        let windows = windows.iter().filter_map(rows).collect();
        Self { name: name.to_owned(), rows: times.len(), windows, detections }
    }

    /// Its path below `data`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first part of its path.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    fn worth(&self, row: usize) -> Option<Worth> {
        if row < (self.rows * 15 / 100).min(PROBATION) {
            return None;
        }
        for (window, &(left, right)) in self.windows.iter().enumerate() {
            if (left..=right).contains(&row) {
                let width = (right - left + 1) as f64;
                let place = -((right - row + 1) as f64) / width;
                return Some(Worth::Hit(window, sigmoid(place) / sigmoid(-1.0)));
            }
        }
        let before = self.windows.iter().rev().find(|(_, right)| *right < row);
        Some(Worth::False(
            before.map_or(-1.0, |&(left, right)| {
                sigmoid((row - right) as f64 / ((right - left) as f64).max(1.0))
            }),
        ))
    }
}

/// The benchmark's scaled sigmoid: 1 long before 0, -1 long behind it.
fn sigmoid(y: f64) -> f64 {
    if y > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * y).exp()) - 1.0 }
}

/// How a detector did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// Normalised: a detector that says nothing has 0, a perfect one 100.
    pub score: f64,
    /// Rows that score at least this count as detections.
    pub threshold: f64,
    /// Windows found.
    pub hits: usize,
    /// Windows not found.
    pub misses: usize,
    /// Detections outside of windows, after probation.
    pub false_rows: usize,
}

/// Scores files at a threshold; with 0 every row with a score counts. A score over no windows is 0.
#[must_use]
pub fn at<'a>(files: impl IntoIterator<Item = &'a File>, threshold: f64, profile: &Profile) -> Score {
    let (mut raw, mut total) = (0.0, Score { threshold, ..Score::default() });
    for file in files {
        let mut found: Vec<Option<f64>> = vec![None; file.windows.len()];
        for &(row, score) in &file.detections {
            if score < threshold {
                continue;
            }
            match file.worth(row) {
                None => {}
                Some(Worth::False(worth)) => {
                    raw += profile.false_row * worth;
                    total.false_rows += 1;
                }
                Some(Worth::Hit(window, worth)) => {
                    if let Some(best) = found.get_mut(window) {
                        *best = Some(best.map_or(worth, |best| best.max(worth)));
                    }
                }
            }
        }
        for found in found {
            match found {
                Some(worth) => {
                    raw += profile.hit * worth;
                    total.hits += 1;
                }
                None => {
                    raw -= profile.miss;
                    total.misses += 1;
                }
            }
        }
    }
    let windows = (total.hits + total.misses) as f64;
    if windows > 0.0 {
        total.score = 100.0 * (raw + profile.miss * windows) / (windows * (profile.hit + profile.miss));
    }
    total
}

/// Scores files at the one threshold that is best for all of them, which may be above every score. Of equals the
/// highest.
#[must_use]
pub fn optimised(files: &[File], profile: &Profile) -> Score {
    let mut rows: Vec<(f64, usize, Worth)> = Vec::new();
    let mut first_window = 0;
    for file in files {
        for &(row, score) in &file.detections {
            if let Some(worth) = file.worth(row) {
                rows.push((score, first_window, worth));
            }
        }
        first_window += file.windows.len();
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    // One pass in falling order: what changes is added, windows keep their best.
    let mut gained = vec![-profile.miss; first_window];
    let mut raw: f64 = gained.iter().sum();
    let (mut best, mut threshold) = (raw, f64::INFINITY);
    for (i, &(score, base, worth)) in rows.iter().enumerate() {
        match worth {
            Worth::False(worth) => raw += profile.false_row * worth,
            Worth::Hit(window, worth) => {
                if let Some(gained) = gained.get_mut(base + window) {
                    let now = gained.max(profile.hit * worth);
                    raw += now - *gained;
                    *gained = now;
                }
            }
        }
        let last_of_equals = rows.get(i + 1).is_none_or(|next| next.0 < score);
        if last_of_equals && raw > best {
            (best, threshold) = (raw, score);
        }
    }
    at(files, threshold, profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1000 rows, a minute apart, windows at rows 300..=399 and 700..=719.
    fn file(detections: &[(usize, f32)]) -> File {
        let times: Vec<_> = (0..1000).map(|i| Some(Timestamp(i * 60_000))).collect();
        let minutes = |from: i64, to: i64| (Timestamp(from * 60_000 - 1), Timestamp(to * 60_000 + 1));
        let mut scores = vec![0.0; 1000];
        for &(row, score) in detections {
            scores[row] = score;
        }
        File::new("a/b.csv", &times, &vec![minutes(300, 399), minutes(700, 719)], &scores)
    }

    #[test]
    fn null_scores_nothing_and_perfect_a_hundred() {
        let (null, perfect) = (file(&[]), file(&[(300, 0.9), (700, 0.8)]));
        let constant = file(&(0..1000).map(|i| (i, 0.5)).collect::<Vec<_>>());
        assert_eq!(null.windows, [(300, 399), (700, 719)]);
        for profile in &PROFILES {
            assert_eq!(at([&null], 0.0, profile).score, 0.0);
            assert!((at([&perfect], 0.0, profile).score - 100.0).abs() < 1e-9);
            assert!((at([&perfect], 0.85, profile).score - 50.0).abs() < 1e-9);
            assert!((optimised(std::slice::from_ref(&perfect), profile).score - 100.0).abs() < 1e-9);
            // To say nothing is the best a constant detector can do.
            let best = optimised(std::slice::from_ref(&constant), profile);
            assert!(best.score == 0.0 && best.threshold.is_infinite());
        }
    }

    #[test]
    fn a_small_case_computed_by_hand() {
        // In probation; false before any window; second half of window 1, twice; a fifth of a width behind it; window 2
        // is missed.
        let case = file(&[(149, 0.9), (200, 0.6), (350, 0.7), (380, 0.9), (419, 0.8)]);
        let sigma = |y: f64| 2.0 / (1.0 + (5.0 * y).exp()) - 1.0;
        let hit = sigma(-0.5) / sigma(-1.0); // (399 - 350 + 1) / 100
        assert!((hit - 0.848_283_640 / 0.986_614_298).abs() < 1e-8);
        let behind = sigma(20.0 / 99.0);
        for (profile, miss, fp) in
            [(&PROFILES[0], 1.0, 0.11), (&PROFILES[1], 1.0, 0.22), (&PROFILES[2], 2.0, 0.11)]
        {
            let raw = hit - miss + fp * (-1.0 + behind);
            let wanted = 100.0 * (raw + 2.0 * miss) / (2.0 * (1.0 + miss));
            let score = at([&case], 0.0, profile);
            assert!((score.score - wanted).abs() < 1e-9, "{score:?} {wanted}");
            assert_eq!((score.hits, score.misses, score.false_rows), (1, 1, 2));
            // Without the false row before the window it is better; 0.7 lets it out.
            let best = optimised(std::slice::from_ref(&case), profile);
            let without = 100.0 * (raw + fp + 2.0 * miss) / (2.0 * (1.0 + miss));
            assert!((best.score - without).abs() < 1e-9 && best.threshold == f64::from(0.7f32), "{best:?}");
        }
    }

    #[test]
    fn one_threshold_for_all_files() {
        let files = [file(&[(300, 0.9), (10, 0.9)]), file(&[(200, 0.8), (201, 0.8), (700, 0.7)])];
        for profile in &PROFILES {
            let best = optimised(&files, profile);
            let all = [1.0, 0.9, 0.8, 0.7, 0.0].map(|threshold| at(&files, threshold, profile).score);
            assert!(all.iter().all(|score| *score <= best.score + 1e-9), "{all:?} {best:?}");
        }
    }

    #[test]
    fn reads_labels_and_says_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let error = labels(folder.path()).unwrap_err().to_string();
        assert!(error.contains("data is missing: expected is a checkout of the Numenta"), "{error}");
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::create_dir(folder.path().join("labels")).unwrap();
        assert!(matches!(labels(folder.path()), Err(NabError::NotACheckout(path)) if path.ends_with(LABELS)));
        let path = folder.path().join(LABELS);
        let text =
            r#"{"x/b.csv":[["2014-04-10 07:15:00.000000","2014-04-11 16:45:00.000000"]],"x/a.csv":[]}"#;
        std::fs::write(&path, text).unwrap();
        let read = labels(folder.path()).unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), ["x/a.csv", "x/b.csv"]);
        assert_eq!(read["x/b.csv"], [(Timestamp(1_397_114_100_000), Timestamp(1_397_234_700_000))]);
        std::fs::write(&path, r#"{"x/b.csv":[["then","now"]]}"#).unwrap();
        assert!(labels(folder.path()).unwrap_err().to_string().ends_with("`then` is not a time"));
    }
}
