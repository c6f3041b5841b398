//! Scores of other detectors, made comparable: whatever their scale, as ranks, and rung by Brooklet's alarm.

use std::path::{Path, PathBuf};

use brooklet_core::alarm::{Alarm, Change, Settings};

use super::nab_results::{ResultsError, entries, scores};
use crate::reading::Timestamp;

/// Scores before the first rank: fewer say nothing of what is rare.
const LEAST: usize = 20;

/// Each score as its rank among those before it, in powers of ten: `-log10` of the share that was at least as large, half a
/// score added, as the default detector calibrates its experts. Zeros before the first other score are taken for a
/// detector that is not ready and are not ranked: among them anything would be rare.
///
/// Takes time in n times the number of scores that are larger, 8 bytes a score.
#[must_use]
pub fn ranks(scores: &[f64]) -> Vec<f32> {
    let mut seen: Vec<f64> = Vec::with_capacity(scores.len());
    let mut rank = |&score: &f64| {
        if seen.is_empty() && score == 0.0 {
            return 0.0;
        }
        let below = seen.partition_point(|other| *other < score);
        let (larger, all) = ((seen.len() - below) as f64 + 0.5, seen.len() as f64 + 1.0);
        let evidence = if seen.len() < LEAST { 0.0 } else { -(larger / all).log10() };
        seen.insert(below, score);
        evidence.max(0.0) as f32
    };
    scores.iter().map(&mut rank).collect()
}

/// The rows in which Brooklet's alarm rings at evidence of others.
#[must_use]
pub fn rings(evidence: &[f32], times: &[Option<Timestamp>], settings: &Settings) -> Vec<usize> {
    let mut alarm = Alarm::new();
    let mut rows = evidence.iter().zip(times).enumerate();
    let mut ring = |(row, (&evidence, time)): (usize, (&f32, &Option<Timestamp>))| {
        let fired = alarm.step(evidence, time.map(|time| time.0), settings) == Change::Fired;
        alarm.settle(evidence, settings);
        fired.then_some(row)
    };
    rows.by_ref().filter_map(&mut ring).collect()
}

/// The detectors in a folder, by name: a folder each, with a file for each recording.
///
/// # Errors
/// [`ResultsError::Io`], and [`ResultsError::None`] if there is none.
pub fn detectors(folder: &Path) -> Result<Vec<(String, PathBuf)>, ResultsError> {
    let folders = entries(folder)?.into_iter().filter(|path| path.is_dir());
    let named = |path: PathBuf| Some((path.file_name()?.to_str()?.to_owned(), path));
    let found: Vec<_> = folders.filter_map(named).collect();
    if found.is_empty() { Err(ResultsError::None(folder.to_owned())) } else { Ok(found) }
}

/// What one of them says of a recording, a score a row: the file of the recording's name in its folder.
///
/// # Errors
/// It is missing, cannot be read, or does not belong to the recording.
pub fn read(folder: &Path, recording: &Path, times: &[Option<Timestamp>]) -> Result<Vec<f64>, ResultsError> {
    scores(&folder.join(recording.file_name().unwrap_or_default()), times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_by_their_definition() {
        let scores: Vec<f64> = (0..600).map(|i| if i < 50 { 0.0 } else { f64::from(i * 37 % 101) }).collect();
        let ranked = ranks(&scores);
        for (row, rank) in ranked.iter().enumerate() {
            let before = scores.get(50..row).unwrap_or_default();
            let larger = before.iter().filter(|other| **other >= scores[row]).count() as f64;
            let wanted = -((larger + 0.5) / (before.len() as f64 + 1.0)).log10();
            let wanted = if before.len() < LEAST { 0.0 } else { wanted.max(0.0) };
            assert!((f64::from(*rank) - wanted).abs() < 1e-6, "{row}: {rank} {wanted}");
        }
        assert!(ranks(&[0.0; 100]).iter().all(|rank| *rank == 0.0));
    }

    #[test]
    fn rings_once_for_what_lasts_and_again_for_what_comes_later() {
        let times: Vec<_> = (0..4000).map(|i| Some(Timestamp(i * 300_000))).collect();
        let evidence = |row: usize| if [50, 1000, 1001, 1002, 3000].contains(&row) { 3.9 } else { 0.3 };
        let evidence: Vec<f32> = (0..4000).map(evidence).collect();
        assert_eq!(rings(&evidence, &times, &Settings::DEFAULT), [1000, 3000]);
    }
}
