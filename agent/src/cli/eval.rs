//! `brooklet eval`: what the detector is worth on labelled recordings.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::device::ChannelSettings;
use crate::eval::nab::{self, File, NabError, PROFILES, Profile, Score, Windows};
use crate::eval::{Counts, Run};
use crate::source::replay::{Recording, ReplayError};

use super::exit;

/// Scores the detector on labelled recordings.
#[derive(Clone, Debug, clap::Args)]
pub struct EvalArgs {
    /// Which benchmark.
    #[command(subcommand)]
    pub benchmark: Benchmark,
}

/// The benchmarks.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Benchmark {
    /// The Numenta Anomaly Benchmark.
    Nab(NabArgs),
}

/// `brooklet eval nab`.
#[derive(Clone, Debug, clap::Args)]
pub struct NabArgs {
    /// A checkout of the benchmark: holds `data` and `labels/combined_windows.json`.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

/// Scores and prints; 0 if all went well, 1 if something cannot be read.
#[must_use]
pub fn run(args: &EvalArgs) -> ExitCode {
    let Benchmark::Nab(args) = &args.benchmark;
    let report = match evaluate(&args.dir, args.quiet) {
        Ok(report) => report,
        Err(failure) => {
            eprintln!("error: {failure}");
            return ExitCode::from(exit::FAILED);
        }
    };
    let text = if args.json { format!("{}\n", serde_json::json!(report)) } else { report.table() };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: standard output: {error}");
            ExitCode::from(exit::FAILED)
        }
        _ => ExitCode::SUCCESS,
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Nab(#[from] NabError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("{0}: has several value columns, which the benchmark's files do not")]
    Columns(String),
    #[error("there is no detector named `{0}`")]
    Detector(&'static str),
}

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

/// All figures.
#[derive(Clone, Debug, Serialize)]
struct Report {
    /// With the one threshold that is best for the whole corpus, as the benchmark publishes its figures.
    nab: Figures,
    /// Brooklet's own threshold: every alert counts.
    fixed: Figures,
    /// Anomaly scores above which rows counted for `nab`; null if it was best to say nothing.
    thresholds: Figures,
    all: Part,
    folders: Vec<Part>,
    /// Files in sorted order, the first, third, .. and the second, fourth, ..
    halves: Vec<Part>,
    counts: Counts,
    seconds: f64,
    rows_per_second: f64,
}

fn evaluate(dir: &Path, quiet: bool) -> Result<Report, Failure> {
    let start = Instant::now();
    let labels = nab::labels(dir)?;
    let bar = if quiet || !io::stderr().is_terminal() {
        ProgressBar::hidden()
    } else {
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}");
        ProgressBar::new(labels.len() as u64)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    };
    let (mut files, mut counts) = (Vec::new(), Counts::default());
    for (name, windows) in &labels {
        bar.set_message(name.clone());
        let (file, counted) = judge(&dir.join("data").join(name), name, windows)?;
        counts.add(&counted);
        files.push(file);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let rows_per_second = (counts.rows as f64 / seconds.max(1e-9)).round();

    let mut names: Vec<&str> = files.iter().map(File::folder).collect();
    names.dedup();
    let folder = |name: &&str| Part::new(name, files.iter().filter(|file| file.folder() == *name));
    let half = |name: &str, skip| Part::new(name, files.iter().skip(skip).step_by(2));
    Ok(Report {
        nab: Figures::of(|profile| nab::optimised(&files, profile).score),
        fixed: Figures::of(|profile| nab::at(&files, 0.0, profile).score),
        thresholds: Figures::of(|profile| nab::optimised(&files, profile).threshold),
        all: Part::new("all", files.iter()),
        folders: names.iter().map(folder).collect(),
        halves: vec![half("even files", 0), half("odd files", 1)],
        counts,
        seconds,
        rows_per_second,
    })
}

/// Replays one file, as `brooklet replay` does.
fn judge(path: &Path, name: &str, windows: &Windows) -> Result<(File, Counts), Failure> {
    let mut recording = Recording::open(path, &[])?;
    if recording.channels().len() != 1 || !recording.timed() {
        return Err(Failure::Columns(recording.file().to_owned()));
    }
    let settings = Arc::new(ChannelSettings { update_every: i64::MAX, ..ChannelSettings::default() });
    let mut run = Run::new(name, recording.channels(), recording.timed(), &settings)
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
    Ok((File::new(name, &times, windows, &scores), *run.counts()))
}

impl Report {
    fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let mut line = |args: std::fmt::Arguments<'_>| {
            let _ = writeln!(text, "{args}");
        };
        line(format_args!("{:<24}{:>10}{:>10}", "profile", "optimised", "fixed"));
        let rows = PROFILES.iter().zip(self.nab.each()).zip(self.fixed.each());
        for ((profile, nab), fixed) in rows {
            line(format_args!("{:<24}{nab:>10.2}{fixed:>10.2}", profile.name));
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

        let report = evaluate(folder.path(), true).unwrap();
        let Part { files, windows, hits, misses, .. } = report.all;
        assert_eq!((files, windows, hits, misses, report.counts.used), (2, 1, 1, 0, 4000));
        assert!(report.nab.each().iter().all(|score| *score > 99.0), "{report:?}");
        assert!(report.fixed.standard <= report.nab.standard && report.fixed.standard > 80.0);
        assert_eq!(report.halves[1].fixed, None);
        let json = serde_json::json!(report);
        assert!(json["nab"]["low_fp"].is_number() && json["fixed"]["standard"].is_number());
        assert!(report.table().contains("standard"), "{}", report.table());
        std::fs::remove_file(path("data/x/b.csv")).unwrap();
        assert!(evaluate(folder.path(), true).unwrap_err().to_string().contains("b.csv: "));
    }
}
