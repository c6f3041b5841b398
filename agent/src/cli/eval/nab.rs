//! `brooklet eval nab`: the Numenta Anomaly Benchmark.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::EXPERT_NAMES;
use serde::Serialize;

use crate::device::ChannelSettings;
use crate::eval::nab::{self, File, NabError, PROFILES, Profile, Score, Windows};
use crate::eval::{Counts, Run, nab_results, others};
use crate::model::Without;
use crate::reading::Timestamp;
use crate::source::replay::{Recording, ReplayError};

/// `brooklet eval nab`.
#[derive(Clone, Debug, clap::Args)]
pub struct NabArgs {
    /// A checkout of the benchmark: holds `data` and `labels/combined_windows.json`.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Score other detectors beside Brooklet: a detector's folder of the benchmark's `results`, or all of them. Each also with
    /// its scores as ranks among those before in the file, and where Brooklet's alarm would ring at these.
    #[arg(long, value_name = "FOLDER")]
    pub results: Option<PathBuf>,
    /// Leave out an expert of the detector: shows what it is worth. May be given several times.
    #[arg(long, value_name = "EXPERT", value_delimiter = ',', value_parser = super::without(EXPERT_NAMES.len()))]
    pub without: Vec<Without>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

/// The table, or one JSON object.
pub(super) fn run(args: &NabArgs) -> Result<String, String> {
    let report = evaluate(args).map_err(|failure| failure.to_string())?;
    Ok(if args.json { format!("{}\n", serde_json::json!(report)) } else { report.table() })
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Nab(#[from] NabError),
    #[error(transparent)]
    Results(#[from] nab_results::ResultsError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("{0}: has several value columns, which the benchmark's files do not")]
    Columns(String),
    #[error("there is no detector named `{0}`")]
    Detector(&'static str),
}

/// What Brooklet is called in the table.
const OURS: &str = "brooklet";

/// One figure a profile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Figures {
    standard: f64,
    low_fp: f64,
    low_fn: f64,
}

impl Figures {
    fn of(figure: impl Fn(&Profile) -> f64) -> Self {
        let [standard, low_fp, low_fn] = PROFILES.each_ref().map(figure);
        Self { standard, low_fp, low_fn }
    }

    const fn each(&self) -> [f64; 3] {
        [self.standard, self.low_fp, self.low_fn]
    }
}

/// A part of the corpus at Brooklet's own threshold.
#[derive(Clone, Debug, Serialize)]
struct Part {
    name: String,
    files: usize,
    windows: usize,
    hits: usize,
    misses: usize,
    false_rows: usize,
    /// None without windows.
    fixed: Option<Figures>,
}

impl Part {
    fn new<'a>(name: &str, files: impl Iterator<Item = &'a File> + Clone) -> Self {
        let figures = Figures::of(|profile| nab::at(files.clone(), 0.0, profile).score);
        let [standard, ..] = &PROFILES;
        let Score { hits, misses, false_rows, .. } = nab::at(files.clone(), 0.0, standard);
        let windows = hits + misses;
        let fixed = (windows > 0).then_some(figures);
        Self { name: name.to_owned(), files: files.count(), windows, hits, misses, false_rows, fixed }
    }
}

/// One detector at the threshold that is best for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Detector {
    name: String,
    score: Figures,
    /// Anomaly scores from which rows counted; null where it was best to say nothing.
    thresholds: Figures,
    /// With its scores as ranks, and with Brooklet's alarm at these; none for Brooklet, which has both.
    #[serde(flatten)]
    helped: Option<Helped>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Helped {
    ranked: Figures,
    rung: Figures,
}

impl Detector {
    fn new(name: &str, files: &[File]) -> Self {
        let best = PROFILES.each_ref().map(|profile| nab::optimised(files, profile));
        let [standard, low_fp, low_fn] = best.map(|best| best.score);
        let score = Figures { standard, low_fp, low_fn };
        let [standard, low_fp, low_fn] = best.map(|best| best.threshold);
        let thresholds = Figures { standard, low_fp, low_fn };
        Self { name: name.to_owned(), score, thresholds, helped: None }
    }

    /// One of the others, by its scores of each file.
    fn other(
        name: &str,
        scores: &[Vec<f64>],
        labels: &BTreeMap<String, Windows>,
        times: &[Vec<Option<Timestamp>>],
    ) -> Self {
        let ranks: Vec<Vec<f32>> = scores.iter().map(|scores| others::ranks(scores)).collect();
        let rung = ranks.iter().zip(times).map(|(ranks, times)| {
            let mut rung = vec![0.0; ranks.len()];
            for row in others::rings(ranks, times, &Settings::DEFAULT) {
                let rank = ranks.get(row).copied().unwrap_or_default();
                rung.get_mut(row).into_iter().for_each(|score| *score = rank);
            }
            rung
        });
        let rung: Vec<Vec<f32>> = rung.collect();
        let [ranked, rung] =
            [ranks, rung].map(|scores| Self::new(name, &files(&scores, labels, times)).score);
        Self { helped: Some(Helped { ranked, rung }), ..Self::new(name, &files(scores, labels, times)) }
    }
}

fn files<S: Copy + Into<f64>>(
    scores: &[Vec<S>],
    labels: &BTreeMap<String, Windows>,
    times: &[Vec<Option<Timestamp>>],
) -> Vec<File> {
    let all = labels.iter().zip(times).zip(scores);
    all.map(|(((name, windows), times), scores)| File::new(name, times, windows, scores)).collect()
}

/// All figures.
#[derive(Clone, Debug, Serialize)]
struct Report {
    /// With the one threshold that is best for the whole corpus, as the benchmark publishes its figures.
    nab: Figures,
    /// Brooklet's own threshold: every alert counts.
    fixed: Figures,
    /// Anomaly scores above which rows counted for `nab`; null if it was best to say nothing.
    thresholds: Figures,
    /// Brooklet and those whose results were given, the best one first.
    detectors: Vec<Detector>,
    all: Part,
    folders: Vec<Part>,
    /// Files in sorted order, the first, third, .. and the second, fourth, ..
    halves: Vec<Part>,
    counts: Counts,
    seconds: f64,
    rows_per_second: f64,
}

fn evaluate(args: &NabArgs) -> Result<Report, Failure> {
    let dir = &args.dir;
    let without = args.without.iter().copied().fold(Without::default(), Without::and);
    let settings = ChannelSettings { without, update_every: i64::MAX, ..ChannelSettings::default() };
    let settings = Arc::new(settings);
    let start = Instant::now();
    let labels = nab::labels(dir)?;
    let bar = super::progress(labels.len(), args.quiet);
    let (mut files, mut times, mut counts) = (Vec::new(), Vec::new(), Counts::default());
    for (name, windows) in &labels {
        bar.set_message(name.clone());
        let (file, its_times, counted) = judge(&dir.join("data").join(name), name, windows, &settings)?;
        counts.add(&counted);
        files.push(file);
        times.push(its_times);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let rows_per_second = (counts.rows as f64 / seconds.max(1e-9)).round();

    let ours = Detector::new(OURS, &files);
    let mut detectors = vec![ours.clone()];
    if let Some(folder) = &args.results {
        let found = nab_results::detectors(folder, labels.keys())?;
        let bar = super::progress(found.len(), args.quiet);
        for other in &found {
            bar.set_message(other.name.clone());
            let scores = other.read(&labels, &times)?;
            detectors.push(Detector::other(&other.name, &scores, &labels, &times));
            bar.inc(1);
        }
        bar.finish_and_clear();
    }
    detectors.sort_by(|a, b| b.score.standard.total_cmp(&a.score.standard));

    let mut names: Vec<&str> = files.iter().map(File::folder).collect();
    names.dedup();
    let folder = |name: &&str| Part::new(name, files.iter().filter(|file| file.folder() == *name));
    let half = |name: &str, skip| Part::new(name, files.iter().skip(skip).step_by(2));
    Ok(Report {
        nab: ours.score,
        fixed: Figures::of(|profile| nab::at(&files, 0.0, profile).score),
        thresholds: ours.thresholds,
        detectors,
        all: Part::new("all", files.iter()),
        folders: names.iter().map(folder).collect(),
        halves: vec![half("even files", 0), half("odd files", 1)],
        counts,
        seconds,
        rows_per_second,
    })
}

/// Replays one file, as `brooklet replay` does.
fn judge(
    path: &Path,
    name: &str,
    windows: &Windows,
    settings: &Arc<ChannelSettings>,
) -> Result<(File, Vec<Option<Timestamp>>, Counts), Failure> {
    let mut recording = Recording::open(path, &[])?;
    if recording.channels().len() != 1 || !recording.timed() {
        return Err(Failure::Columns(recording.file().to_owned()));
    }
    let mut run = Run::new(name, recording.channels(), recording.timed(), settings)
        .ok_or(Failure::Detector(settings.detector))?;
    let (mut times, mut scores, mut changes) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(row) = recording.next()? {
        times.push(row.time);
        scores.push(run.step(&row, &mut changes).anomaly_score());
        changes.clear();
    }
    let rest = run.finish(&mut changes).anomaly_score();
    if let Some(last) = scores.last_mut() {
        *last = last.max(rest);
    }
    let file = File::new(name, &times, windows, &scores);
    Ok((file, times, *run.counts()))
}

impl Report {
    fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let mut line = |args: std::fmt::Arguments<'_>| {
            let _ = writeln!(text, "{args}");
        };
        line(format_args!(
            "{:<32}{:>10}{:>10}{:>10}",
            "each at its best threshold", "standard", "low FP", "low FN"
        ));
        let row = |name: &str, figures: &Figures| {
            let [standard, low_fp, low_fn] = figures.each();
            format!("{name:<32.32}{standard:>10.2}{low_fp:>10.2}{low_fn:>10.2}")
        };
        for Detector { name, score, helped, .. } in &self.detectors {
            line(format_args!("{}", row(name, score)));
            if name == OURS {
                line(format_args!("{}", row("  at its own fixed threshold", &self.fixed)));
            }
            if let Some(Helped { ranked, rung }) = helped {
                line(format_args!("{}", row("  as ranks", ranked)));
                line(format_args!("{}", row("  as ranks, Brooklet's alarm", rung)));
            }
        }
        line(format_args!(""));
        line(format_args!(
            "{:<24}{:>6}{:>9}{:>6}{:>8}{:>12}{:>10}",
            "at the fixed threshold", "files", "windows", "hits", "misses", "false rows", "standard"
        ));
        for part in self.folders.iter().chain(&self.halves).chain([&self.all]) {
            let Part { name, files, windows, hits, misses, false_rows, fixed } = part;
            let score = fixed.map_or_else(|| "-".to_owned(), |fixed| format!("{:.2}", fixed.standard));
            line(format_args!(
                "{name:<24}{files:>6}{windows:>9}{hits:>6}{misses:>8}{false_rows:>12}{score:>10}"
            ));
        }
        let Counts { rows, used, reordered, late, duplicate, missing, undated, ragged } = self.counts;
        line(format_args!(""));
        line(format_args!("{rows} rows in {:.2} s ({} rows/s)", self.seconds, self.rows_per_second));
        line(format_args!(
            "readings: {used} used ({reordered} put in order), {late} late, {duplicate} duplicate, {missing} missing, {undated} undated, {ragged} in \
             ragged rows"
        ));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(dir: &Path) -> NabArgs {
        NabArgs { dir: dir.to_owned(), results: None, without: Vec::new(), json: false, quiet: true }
    }

    #[test]
    fn a_checkout_from_labels_to_figures() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("data/x")).unwrap();
        std::fs::create_dir_all(path("labels")).unwrap();
        let minutes =
            |i: usize| format!("2026-01-{:02} {:02}:{:02}:00", 1 + i / 288, i / 12 % 24, i % 12 * 5);
        for (name, fault) in [("x/a.csv", 1500..1600), ("x/b.csv", 0..0)] {
            let row = |i: usize| format!("{},{}\n", minutes(i), if fault.contains(&i) { 60 } else { i % 12 });
            let text: String =
                std::iter::once("timestamp,value\n".to_owned()).chain((0..2000).map(row)).collect();
            std::fs::write(path("data").join(name), text).unwrap();
        }
        let labels = format!(r#"{{"x/b.csv":[],"x/a.csv":[["{}","{}"]]}}"#, minutes(1500), minutes(1599));
        std::fs::write(path(nab::LABELS), labels).unwrap();

        let report = evaluate(&args(folder.path())).unwrap();
        let Part { files, windows, hits, misses, .. } = report.all;
        assert_eq!((files, windows, hits, misses, report.counts.used), (2, 1, 1, 0, 4000));
        assert!(report.nab.each().iter().all(|score| *score > 99.0), "{report:?}");
        assert!(report.fixed.standard <= report.nab.standard && report.fixed.standard > 80.0);
        assert_eq!(report.halves[1].fixed, None);
        let json = serde_json::json!(report);
        assert!(json["nab"]["low_fp"].is_number() && json["fixed"]["standard"].is_number());
        assert!(report.table().contains("standard"), "{}", report.table());

        // A detector that rings on and on while something is wrong, and once more in the other file.
        for (file, fault) in [("d_a.csv", 1500..1600), ("d_b.csv", 900..901)] {
            let score = |i| if fault.contains(&i) { 7.0 } else { 0.5 };
            let row = |i: usize| format!("{},{}\n", minutes(i), score(i));
            let text: String =
                std::iter::once("timestamp,anomaly_score\n".to_owned()).chain((0..2000).map(row)).collect();
            std::fs::create_dir_all(path("results/d/x")).unwrap();
            std::fs::write(path("results/d/x").join(file), text).unwrap();
        }
        let report = evaluate(&NabArgs { results: Some(path("results")), ..args(folder.path()) }).unwrap();
        let other = report.detectors.iter().find(|detector| detector.name == "d").unwrap();
        let Helped { ranked, rung } = other.helped.unwrap();
        assert!(other.score.standard > 85.0 && ranked.standard > 85.0 && rung.standard > 85.0, "{other:?}");
        assert!(report.table().contains("as ranks, Brooklet's alarm"), "{}", report.table());
        std::fs::remove_file(path("data/x/b.csv")).unwrap();
        assert!(evaluate(&args(folder.path())).unwrap_err().to_string().contains("b.csv: "));
    }
}
