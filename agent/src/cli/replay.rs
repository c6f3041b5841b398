//! `brooklet replay`: what the detector would have said about a recording.

mod output;

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use brooklet_core::alarm::Settings;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::alert::{Alert, Change};
use crate::device::ChannelSettings;
use crate::eval::Counts;
use crate::eval::fleet::Fleet;
use crate::reading::{DeviceId, Timestamp};
use crate::report::{self, Page, Report};
use crate::source::replay::{Recording, ReplayError};
use crate::store::Store;

use super::exit;
use output::{Output, Scores};

/// Replays a recording: CSV with a header, or one JSON object a line.
#[derive(Clone, Debug, clap::Args)]
pub struct ReplayArgs {
    /// The recording; `-` reads standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write a CSV with one row a row of the recording: anomaly score (above 0 where an alert starts) and level.
    #[arg(long, value_name = "OUT.csv")]
    pub scores: Option<PathBuf>,
    /// Write each start and end of an alert as a line of JSON.
    #[arg(long, value_name = "OUT.jsonl")]
    pub alerts: Option<PathBuf>,
    /// Write a page of HTML to look at: all channels, what was expected of them, and what was found.
    #[arg(long, value_name = "OUT.html")]
    pub report: Option<PathBuf>,
    /// A column that is no channel, for example labels; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub ignore: Vec<String>,
    /// Alerts in 30 days that a channel may cost, about, 0.01 to 10000.
    #[arg(long, value_name = "N", default_value_t = Settings::DEFAULT.budget, value_parser = budget)]
    pub budget: f32,
    /// For experts: evidence in powers of ten from which a young, quiet channel rings.
    #[arg(long, value_name = "X", default_value_t = Settings::DEFAULT.threshold, value_parser = threshold)]
    pub threshold: f32,
    /// Readings before the first alert [default: a day of them, at least 100 and at most 300].
    #[arg(long, value_name = "N")]
    pub warm_up: Option<u32>,
    /// Start each channel from what a device's channel of the same name has learnt: the state folder of an agent that does
    /// not run, a colon, the device.
    #[arg(long, value_name = "FOLDER:DEVICE")]
    pub start_from: Option<String>,
    /// Print alerts and summary as lines of JSON.
    #[arg(long)]
    pub json: bool,
    /// No progress bar and no notes about the recording.
    #[arg(long, short)]
    pub quiet: bool,
}

pub(super) fn budget(text: &str) -> Result<f32, String> {
    let wrong = || "a number of alerts from 0.01 to 10000 is expected".to_owned();
    text.parse().ok().filter(|budget| (0.01..=10_000.0).contains(budget)).ok_or_else(wrong)
}

pub(super) fn threshold(text: &str) -> Result<f32, String> {
    let wrong = || "a number from 0.5 to 20 is expected".to_owned();
    text.parse().ok().filter(|threshold| (0.5..=20.0).contains(threshold)).ok_or_else(wrong)
}

/// Replays and prints; 0 if all went well, 1 if a file cannot be read or written, 2 if the arguments make no sense.
#[must_use]
pub fn run(args: &ReplayArgs) -> ExitCode {
    match replay(args, &mut BufWriter::new(io::stdout().lock())) {
        // Who reads our output may stop reading it: `brooklet replay x.csv | head`.
        Err(Failure::Output(_, error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(if matches!(failure, Failure::Overwrites(_)) { exit::USAGE } else { exit::FAILED })
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Input(#[from] ReplayError),
    #[error("{0}: cannot be written: {1}")]
    Output(String, io::Error),
    #[error("{0}: would overwrite what is being read or written already")]
    Overwrites(PathBuf),
    #[error("there is no detector named `{0}`")]
    Detector(&'static str),
    #[error("--start-from {0}: {1}")]
    Start(String, String),
}

/// The last words.
#[derive(Clone, Copy, Debug, Serialize)]
struct Summary {
    #[serde(flatten)]
    counts: Counts,
    alerts: u64,
    still_firing: usize,
    seconds: f64,
    rows_per_second: f64,
}

fn replay(args: &ReplayArgs, stdout: &mut dyn Write) -> Result<Summary, Failure> {
    let start = Instant::now();
    let mut recording = Recording::open(&args.file, &args.ignore)?;
    let alarm = Settings { threshold: args.threshold, warm_up: args.warm_up, budget: args.budget };
    // Alerts are told when they start and end; what is between is in the scores.
    let settings = Arc::new(ChannelSettings { alarm, update_every: i64::MAX, ..ChannelSettings::default() });
    let device = device(&args.file);
    let watched = |_: &str, _: &str| Some(settings.clone());
    let mut fleet = Fleet::new(&device, &recording, watched).map_err(Failure::Detector)?;
    if let Some(other) = &args.start_from {
        start_from(other, &mut fleet, args.quiet)?;
    }
    refuse_overwriting(args)?;
    let mut scores = match &args.scores {
        Some(path) => {
            let with_value = fleet.len() == 1 && recording.channels().len() == 1;
            Some(Scores::create(path, fleet.is_named(), with_value)?)
        }
        None => None,
    };
    let mut alerts = args.alerts.as_deref().map(Output::create).transpose()?;
    let mut report = args.report.as_deref().map(Output::create).transpose()?;
    if report.is_some() {
        fleet.collect(1);
    }
    let mut told = Told { json: args.json, timed: recording.timed(), alerts: 0, out: stdout };
    let progress = Progress::new(args.quiet, recording.progress().1);
    let notes = Notes { quiet: args.quiet, file: recording.file().to_owned() };

    let (mut changes, mut rows, mut ragged) = (Vec::new(), 0u64, 0);
    while let Some(row) = recording.next()? {
        rows += 1;
        let judgement = fleet.step(&row, &mut changes);
        if let Some(reason) = row.ragged {
            ragged += 1;
            notes.ragged(ragged, row.line, reason, &progress);
        }
        if let Some(scores) = &mut scores {
            scores.row(&row, fleet.name(row.device), &judgement)?;
        }
        told.changes(&mut changes, alerts.as_mut(), &progress)?;
        if rows.is_multiple_of(8192) {
            progress.set(recording.progress().0);
        }
    }
    for device in 0..fleet.len() {
        fleet.finish(device, &mut changes);
    }
    told.changes(&mut changes, alerts.as_mut(), &progress)?;
    progress.finish();
    if let Some(scores) = &mut scores {
        scores.flush()?;
    }
    if let Some(alerts) = &mut alerts {
        alerts.flush()?;
    }
    if let Some(report) = &mut report {
        // Of standard input the recording knows a name.
        let title = &*report::name_of(Path::new(recording.file()));
        let (timed, count) = (recording.timed(), fleet.len());
        let device = |i| Some((fleet.take_collected(i)?, fleet.counts_of(i), fleet.name(i).to_owned()));
        let devices: Vec<_> = (0..count).filter_map(device).collect();
        let shown = devices.iter().map(|(collected, counts, name)| {
            let recording = if devices.len() > 1 { name } else { title };
            Report { recording, timed, counts, collected, labels: None }
        });
        let reports: Vec<_> = shown.collect();
        report.page(&Page { title, made: Timestamp::now(), summary: "", reports: &reports })?;
        report.flush()?;
    }
    let counts = fleet.counts();
    notes.all(&recording.notes(), &counts);
    let seconds = start.elapsed().as_secs_f64();
    let rows_per_second = (counts.rows as f64 / seconds.max(1e-9)).round();
    let summary =
        Summary { counts, alerts: told.alerts, still_firing: fleet.open(), seconds, rows_per_second };
    told.summary(&summary)?;
    Ok(summary)
}

/// Starts the channels from the models of a device in a state folder.
fn start_from(other: &str, fleet: &mut Fleet, quiet: bool) -> Result<(), Failure> {
    let wrong = |why: String| Failure::Start(other.to_owned(), why);
    let (folder, device) = other
        .rsplit_once(':')
        .ok_or_else(|| wrong("a state folder, a colon and a device are expected".to_owned()))?;
    let folder = Path::new(folder);
    // Opening would make it.
    if !Store::is_in(folder) {
        return Err(wrong(format!("there is no state of an agent in {}", folder.display())));
    }
    let stored = Store::open(folder).map_err(|error| wrong(error.to_string()))?.restored();
    let device = DeviceId(device.into());
    let without = fleet.start_from(|channel| stored.get(&device, channel).map(|saved| saved.snapshot));
    for channel in without.iter().filter(|_| !quiet) {
        eprintln!(
            "note: {channel} starts from nothing: {device} has no such channel, or it knows too little"
        );
    }
    Ok(())
}

/// The file's name without its ending.
pub(super) fn device(file: &Path) -> String {
    match file.file_stem() {
        Some(stem) if stem != "-" => stem.to_string_lossy().into_owned(),
        _ => "stdin".to_owned(),
    }
}

fn refuse_overwriting(args: &ReplayArgs) -> Result<(), Failure> {
    let mut taken: Vec<PathBuf> = args.file.canonicalize().into_iter().collect();
    for path in [&args.scores, &args.alerts, &args.report].into_iter().flatten() {
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        // Two outputs to a terminal or to /dev/null do no harm.
        if taken.contains(&real) && (real.is_file() || !real.exists()) {
            return Err(Failure::Overwrites(path.clone()));
        }
        taken.push(real);
    }
    Ok(())
}

/// What goes to standard output.
struct Told<'a> {
    json: bool,
    timed: bool,
    alerts: u64,
    out: &'a mut dyn Write,
}

impl Told<'_> {
    fn changes(
        &mut self,
        changes: &mut Vec<(Change, Box<Alert>)>,
        mut alerts: Option<&mut Output>,
        progress: &Progress,
    ) -> Result<(), Failure> {
        for (change, alert) in changes.drain(..).filter(|(change, _)| *change != Change::Updated) {
            if let Some(alerts) = &mut alerts {
                alerts.json_line(&alert)?;
            }
            progress.suspend(|| self.change(change, &alert))?;
        }
        Ok(())
    }

    fn change(&mut self, change: Change, alert: &Alert) -> Result<(), Failure> {
        let fired = change == Change::Fired;
        self.alerts += u64::from(fired);
        let written = if self.json {
            serde_json::to_writer(&mut *self.out, alert)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(self.out))
        } else if fired {
            let severity = alert.severity.name();
            let sentence = &alert.because.sentence;
            let (time, row) = (alert.started_at, alert.started_at.0 / 1000);
            if self.timed {
                writeln!(self.out, "{time}  {severity:8}  {sentence}")
            } else {
                writeln!(self.out, "row {row}  {severity:8}  {sentence}")
            }
        } else {
            Ok(())
        };
        // Now, not at the end: somebody may be looking, or reading at the other end of a pipe.
        let written = written.and_then(|()| self.out.flush());
        written.map_err(|error| Failure::Output("standard output".to_owned(), error))
    }

    fn summary(&mut self, summary: &Summary) -> Result<(), Failure> {
        let Summary { counts, alerts, still_firing, seconds, rows_per_second } = summary;
        let written = if self.json {
            writeln!(self.out, "{}", serde_json::json!({ "summary": summary }))
        } else {
            let Counts { rows, used, reordered, late, duplicate, missing, undated, ragged } = counts;
            let ragged = if *ragged > 0 { format!(", {ragged} of them ragged,") } else { String::new() };
            let reordered =
                if *reordered > 0 { format!(" ({reordered} put in order)") } else { String::new() };
            let undated = if *undated > 0 { format!(", {undated} undated") } else { String::new() };
            writeln!(
                self.out,
                "{rows} rows{ragged} in {seconds:.2} s ({rows_per_second} rows/s)\n\
                 readings: {used} used{reordered}, {late} late, {duplicate} duplicate, {missing} missing{undated}\n\
                 alerts: {alerts}, {still_firing} still firing at the end"
            )
        };
        let written = written.and_then(|()| self.out.flush());
        written.map_err(|error| Failure::Output("standard output".to_owned(), error))
    }
}

/// A bar on standard error, if somebody looks at it.
struct Progress(Option<ProgressBar>);

impl Progress {
    fn new(quiet: bool, total: Option<u64>) -> Self {
        if quiet || !io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let known = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let template = if total.is_some() { known } else { "{spinner} {bytes} {bytes_per_sec}" };
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Self(Some(bar))
    }

    fn set(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(bytes);
        }
    }

    /// Lets something else be written without the bar in between.
    fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Notes on standard error.
struct Notes {
    quiet: bool,
    file: String,
}

impl Notes {
    /// Ragged rows that are told one by one.
    const RAGGED: u64 = 5;

    fn ragged(&self, count: u64, line: u64, reason: &str, progress: &Progress) {
        let file = &self.file;
        if !self.quiet && count <= Self::RAGGED {
            progress.suspend(|| eprintln!("warning: {file}:{line}: {reason}"));
        }
    }

    fn all(&self, notes: &[String], counts: &Counts) {
        if self.quiet {
            return;
        }
        let file = &self.file;
        for note in notes {
            eprintln!("note: {file}: {note}");
        }
        if counts.ragged > Self::RAGGED {
            eprintln!("warning: {file}: {} ragged rows in all", counts.ragged);
        }
        let readings = counts.used + counts.late + counts.duplicate;
        if (counts.late + counts.duplicate) * 20 > readings {
            eprintln!("warning: {file}: many readings are late or duplicate; are the rows sorted by time?");
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: ReplayArgs,
    }

    struct Replayed {
        stdout: String,
        scores: String,
        alerts: Vec<Alert>,
        summary: Summary,
    }

    fn replayed(text: &str, more: &[&str]) -> Replayed {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("pump-1.csv"), text).unwrap();
        let (file, scores, alerts) = (path("pump-1.csv"), path("s.csv"), path("a.jsonl"));
        let mut words = vec!["x", &file, "--scores", &scores, "--alerts", &alerts, "--quiet"];
        words.extend(more);
        let mut stdout = Vec::new();
        let summary = replay(&Cli::try_parse_from(words).unwrap().args, &mut stdout).unwrap();
        let lines = std::fs::read_to_string(alerts).unwrap();
        Replayed {
            stdout: String::from_utf8(stdout).unwrap(),
            scores: std::fs::read_to_string(scores).unwrap(),
            alerts: lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            summary,
        }
    }

    fn value(i: usize) -> usize {
        if (1500..1600).contains(&i) { 60 } else { i % 12 }
    }

    fn minutes(i: usize) -> String {
        format!("2026-01-{:02} {:02}:{:02}:00", 1 + i / 288, i / 12 % 24, i % 12 * 5)
    }

    #[test]
    fn one_channel_with_gaps_and_damage() {
        let row = |i: usize| match i {
            700 => format!("{},\n", minutes(i)),
            701 => format!("{},n/a\n", minutes(i)),
            702 => format!("{},1,2\n", minutes(i)),
            703 => format!("{},1\n", minutes(700 - 1)),
            704 => format!("{},1\n", minutes(3)),
            1500 => format!("{}, 60.00\n", minutes(i)),
            i => format!("{},{}\n", minutes(i), value(i)),
        };
        let text: String =
            std::iter::once("timestamp,value\n".to_owned()).chain((0..2000).map(row)).collect();
        let seen = replayed(&text, &[]);
        let lines: Vec<&str> = seen.scores.lines().collect();
        assert_eq!(lines[0], "timestamp,value,anomaly_score,level");
        assert_eq!(lines.len(), 2001, "a row for each row");
        assert!(lines[701].starts_with("2026-01-03 10:20:00,,0,"), "{}", lines[701]);
        assert!(lines[702].starts_with("2026-01-03 10:25:00,n/a,0,"));
        assert!(lines[1501].starts_with("2026-01-06 05:00:00, 60.00,0."), "{}", lines[1501]);
        let starts = |line: &&&str| line.split(',').nth(2) != Some("0");
        assert_eq!(lines[1..].iter().filter(starts).count() as u64, seen.summary.alerts);
        let level = |line: usize| lines[line].rsplit(',').next().unwrap();
        assert!((702..=705).all(|line| level(line) == level(700)), "rows without a reading repeat the level");
        let wanted = Counts {
            rows: 2000,
            used: 1995,
            reordered: 0,
            late: 1,
            duplicate: 1,
            missing: 2,
            undated: 0,
            ragged: 1,
        };
        assert_eq!(seen.summary.counts, wanted);
        assert_eq!(seen.alerts[0].device.0.as_ref(), "pump-1");
        assert_eq!(seen.alerts[0].channel.0.as_ref(), "value");
        assert!(seen.alerts.len() as u64 >= 2 * seen.summary.alerts - 1);
        assert!(
            seen.stdout.contains("2026-01-06T05:00:00Z  critical  pump-1 value is 60"),
            "{}",
            seen.stdout
        );
        assert!(seen.stdout.contains("readings: 1995 used, 1 late, 1 duplicate, 2 missing\n"));
        assert!(seen.stdout.contains("2000 rows, 1 of them ragged, in "));
    }

    #[test]
    fn several_channels_and_semicolons() {
        let row = |i: usize| format!("{};{};{};{}\n", minutes(i), value(i), i % 7, u8::from(value(i) == 60));
        let text: String =
            std::iter::once("datetime;a;b;anomaly\n".to_owned()).chain((0..2000).map(row)).collect();
        let seen = replayed(&text, &["--ignore", "anomaly", "--json"]);
        let lines: Vec<&str> = seen.scores.lines().collect();
        assert_eq!((lines[0], lines.len()), ("timestamp,anomaly_score,level", 2001));
        assert!(lines[1501].starts_with("2026-01-06 05:00:00,0."), "{}", lines[1501]);
        assert!(seen.alerts.iter().all(|alert| alert.channel.0.as_ref() == "a"));
        assert_eq!(seen.summary.counts.used, 4000);
        let told: Vec<serde_json::Value> =
            seen.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(told.len(), seen.alerts.len() + 1);
        assert_eq!(told.last().unwrap()["summary"]["used"], 4000);
    }

    #[test]
    fn json_lines_and_settings() {
        let row = |i: usize| format!("{{\"ts\":\"{}Z\",\"v\":{}}}\n", minutes(i), value(i));
        let text: String = (0..2000).map(row).collect();
        let seen = replayed(&text, &[]);
        assert!(seen.scores.lines().nth(1501).unwrap().starts_with("2026-01-06T05:00:00Z,60,0."));
        assert_eq!(seen.alerts[0].value, 60.0);
        assert_eq!(replayed(&text, &["--threshold", "19"]).summary.alerts, 0);
        assert_eq!(replayed(&text, &["--warm-up", "5000"]).summary.alerts, 0);
        assert!(Cli::try_parse_from(["x", "f", "--threshold", "nan"]).is_err());
    }

    #[test]
    fn a_report_changes_nothing_and_names_the_file_alone() {
        let row = |i: usize| format!("{},{}\n", minutes(i), value(i));
        let text: String =
            std::iter::once("timestamp,value\n".to_owned()).chain((0..2000).map(row)).collect();
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("out.html").display().to_string();
        let (plain, seen) = (replayed(&text, &[]), replayed(&text, &["--report", &page]));
        assert_eq!((plain.scores, plain.alerts), (seen.scores, seen.alerts));
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
        assert!(page.contains("<h1>pump-1.csv</h1>"));
        assert_eq!(page.matches("<tr id=\"alert-").count() as u64, seen.summary.alerts);
    }

    #[test]
    fn refuses_to_overwrite_its_input_and_says_what_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f.csv").display().to_string();
        std::fs::write(&file, "time,v\n2026-01-01,1\n").unwrap();
        let fails = |words: &[&str]| {
            let words = ["x", &file, "-q"].into_iter().chain(words.iter().copied());
            replay(&Cli::try_parse_from(words).unwrap().args, &mut Vec::new()).unwrap_err().to_string()
        };
        assert!(fails(&["--scores", &file]).contains("would overwrite"));
        assert!(fails(&["--alerts", "/nowhere/a"]).starts_with("/nowhere/a: cannot be written: "));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "time,v\n2026-01-01,1\n");
    }
}
