//! What other detectors said about the Numenta Anomaly Benchmark: the result files that it stores, one a file of data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::nab::Windows;
use crate::reading::Timestamp;
use crate::time::parse_time;

/// Why results cannot be scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// Reading failed.
    #[error("{0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// The folder holds no results.
    #[error(
        "{0}: no result files in it: expected is FOLDER/realKnownCause/DETECTOR_nyc_taxi.csv and so on, or one such folder a \
         detector, as in the folder `results` of the benchmark"
    )]
    None(PathBuf),
    /// A score needs all files.
    #[error("{folder}: `{detector}` has no results for {missing} of the {files} files, the first is {first}")]
    Missing {
        /// Where they were looked for.
        folder: PathBuf,
        /// Whose.
        detector: String,
        /// How many.
        missing: usize,
        /// .. of how many.
        files: usize,
        /// Below `data`.
        first: String,
    },
    /// A line is not what it should be.
    #[error("{file}:{line}: {problem}")]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong, and what is expected.
        problem: String,
    },
}

/// A detector and its result files.
#[derive(Clone, Debug)]
pub struct Results {
    /// The detector's name, as its files begin.
    pub name: String,
    folder: PathBuf,
    /// By the path of the data below `data`.
    files: BTreeMap<String, PathBuf>,
}

/// A row of a result file; its further columns are the benchmark's own reckoning.
#[derive(Deserialize)]
struct Row {
    timestamp: Option<String>,
    anomaly_score: f64,
}

/// The detectors in a folder of results, by name.
///
/// # Errors
/// [`ResultsError::Io`] and [`ResultsError::None`].
pub fn detectors<'a>(
    folder: &Path,
    names: impl Iterator<Item = &'a String> + Clone,
) -> Result<Vec<Results>, ResultsError> {
    let mut found: BTreeMap<(PathBuf, String), Results> = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    folders.extend(entries(folder)?.into_iter().filter(|path| path.is_dir()));
    for folder in folders {
        for name in names.clone() {
            let Some((category, file)) = name.split_once('/') else { continue };
            let category = folder.join(category);
            if !category.is_dir() {
                continue;
            }
            let ending = format!("_{file}");
            for path in entries(&category)? {
                let detector = path.file_name().and_then(|name| name.to_str());
                let Some(detector) = detector.and_then(|name| name.strip_suffix(&ending)) else { continue };
                let results =
                    || Results { name: detector.to_owned(), folder: folder.clone(), files: BTreeMap::new() };
                let results = found.entry((folder.clone(), detector.to_owned())).or_insert_with(results);
                results.files.insert(name.clone(), path);
            }
        }
    }
    if found.is_empty() {
        Err(ResultsError::None(folder.to_owned()))
    } else {
        Ok(found.into_values().collect())
    }
}

pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, ResultsError> {
    let failed = |error| ResultsError::Io(folder.to_owned(), error);
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

impl Results {
    /// The anomaly scores of all its files, one a row. `times` are those of the data, file by file in the order of `labels`:
    /// results of other data would be scored against the wrong windows.
    ///
    /// # Errors
    /// A file is missing, cannot be read, or does not belong to the data.
    pub fn read(
        &self,
        labels: &BTreeMap<String, Windows>,
        times: &[Vec<Option<Timestamp>>],
    ) -> Result<Vec<Vec<f64>>, ResultsError> {
        let mut missing = labels.keys().filter(|name| !self.files.contains_key(*name));
        if let Some(first) = missing.next() {
            return Err(ResultsError::Missing {
                folder: self.folder.clone(),
                detector: self.name.clone(),
                missing: 1 + missing.count(),
                files: labels.len(),
                first: first.clone(),
            });
        }
        let file = |(name, times): (&String, &Vec<_>)| {
            scores(&self.files.get(name).cloned().unwrap_or_default(), times)
        };
        labels.keys().zip(times).map(file).collect()
    }
}

/// The anomaly scores of a result file, one a row of the data. Times, if it has any, must be those of the rows.
pub(super) fn scores(path: &Path, times: &[Option<Timestamp>]) -> Result<Vec<f64>, ResultsError> {
    let wrong = |line: u64, problem: String| ResultsError::Line { file: path.to_owned(), line, problem };
    let bad = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        wrong(line, format!("{error}; expected is the column anomaly_score"))
    };
    let file = std::fs::File::open(path).map_err(|error| ResultsError::Io(path.to_owned(), error))?;
    let mut scores = Vec::with_capacity(times.len());
    for row in csv::Reader::from_reader(file).into_deserialize::<Row>() {
        let row = row.map_err(bad)?;
        let line = scores.len() as u64 + 2;
        if let Some(time) = row.timestamp
            && parse_time(&time) != times.get(scores.len()).copied().flatten()
        {
            return Err(wrong(line, format!("`{time}` is not the time of this row in the data")));
        }
        if !row.anomaly_score.is_finite() {
            return Err(wrong(
                line,
                format!("the anomaly score is {}; a number is expected", row.anomaly_score),
            ));
        }
        scores.push(row.anomaly_score);
    }
    if scores.len() == times.len() {
        return Ok(scores);
    }
    let problem = format!("the results end after {} rows, the data has {}", scores.len(), times.len());
    Err(wrong(scores.len() as u64 + 1, problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::nab::{File, PROFILES, at, optimised};

    fn labels() -> BTreeMap<String, Windows> {
        let window = (Timestamp(500 * 1000), Timestamp(540 * 1000));
        [("x/a.csv".to_owned(), vec![window]), ("y/b.csv".to_owned(), vec![])].into()
    }

    fn times() -> Vec<Vec<Option<Timestamp>>> {
        vec![(0..1000).map(|i| Some(Timestamp(i * 1000))).collect(); 2]
    }

    fn write(folder: &Path, category: &str, name: &str, score: impl Fn(i64) -> f64) {
        std::fs::create_dir_all(folder.join(category)).unwrap();
        let rows = (0..1000)
            .fold("timestamp,value,anomaly_score,label,S(t)_standard\n".to_owned(), |text, i| {
                format!("{text}1970-01-01 00:{:02}:{:02},1,{},0,0.0\n", i / 60, i % 60, score(i))
            });
        std::fs::write(folder.join(category).join(name), rows).unwrap();
    }

    #[test]
    fn one_detector_or_several_in_their_folders() {
        let folder = tempfile::tempdir().unwrap();
        // Only what f64 tells apart: one hit at once, and a row before it that must stay below the threshold.
        let hit = |i: i64| match i {
            500 => 1.0,
            400 => 1.0 - 1e-12,
            _ => 0.0,
        };
        for (detector, score) in [("sure", &hit as &dyn Fn(i64) -> f64), ("null", &|_| 0.5)] {
            for (category, file) in [("x", "a.csv"), ("y", "b.csv")] {
                write(&folder.path().join(detector), category, &format!("{detector}_{file}"), score);
            }
        }
        let labels = labels();
        let found = detectors(folder.path(), labels.keys()).unwrap();
        assert_eq!(found.iter().map(|results| results.name.as_str()).collect::<Vec<_>>(), ["null", "sure"]);
        assert_eq!(detectors(&folder.path().join("sure"), labels.keys()).unwrap().len(), 1);
        for profile in &PROFILES {
            let [null, sure] = [0, 1].map(|i: usize| {
                let scores = found[i].read(&labels, &times()).unwrap();
                let files = labels.iter().zip(times()).zip(&scores);
                files
                    .map(|(((name, windows), times), scores)| File::new(name, &times, windows, scores))
                    .collect()
            });
            let (null, sure): (&Vec<File>, &Vec<File>) = (&null, &sure);
            assert_eq!(optimised(null, profile).score, 0.0);
            assert!((optimised(&sure[..1], profile).score - 100.0).abs() < 1e-9);
            assert_eq!(at(null, 0.0, profile).hits, 1);
        }
    }

    #[test]
    fn what_does_not_belong_to_the_data_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let labels = labels();
        let error = || match detectors(folder.path(), labels.keys()) {
            Err(error) => error.to_string(),
            Ok(found) => found[0].read(&labels, &times()).unwrap_err().to_string(),
        };
        assert!(error().contains("no result files in it"), "{}", error());
        write(folder.path(), "x", "d_a.csv", |_| 0.0);
        assert!(
            error().contains("`d` has no results for 1 of the 2 files, the first is y/b.csv"),
            "{}",
            error()
        );
        write(folder.path(), "y", "d_b.csv", |_| f64::NAN);
        assert!(
            error().ends_with("d_b.csv:2: the anomaly score is NaN; a number is expected"),
            "{}",
            error()
        );
        let path = folder.path().join("y/d_b.csv");
        std::fs::write(&path, "timestamp,value,anomaly_score\n1970-01-01 00:00:00,1,0\n").unwrap();
        assert!(
            error().ends_with("d_b.csv:2: the results end after 1 rows, the data has 1000"),
            "{}",
            error()
        );
        std::fs::write(&path, "timestamp,value,anomaly_score\n1970-01-01 00:00:07,1,0\n").unwrap();
        assert!(error().contains("`1970-01-01 00:00:07` is not the time of this row"), "{}", error());
        std::fs::write(&path, "timestamp,value\n1970-01-01 00:00:00,1\n").unwrap();
        assert!(error().contains("expected is the column anomaly_score"), "{}", error());
    }
}
