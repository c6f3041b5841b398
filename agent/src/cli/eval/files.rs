//! `brooklet eval FILES --labels`: any recordings with labels.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brooklet_core::alarm::Settings;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::{LabelArgs, replay, shortened, write_page};
use crate::device::ChannelSettings;
use crate::eval::Counts;
use crate::eval::labels::{LabelError, Windows};
use crate::eval::metrics::{Figures, Found, Labelled, Rules, Tally, intervals};
use crate::eval::nab_results::ResultsError;
use crate::eval::others;
use crate::eval::play::{PlayError, Played};
use crate::model::Without;
use crate::reading::Timestamp;
use crate::report::{Collector, Label, Page, Report as Shown, name_of};
use crate::source::replay::Recording;

/// Labelled recordings and how they are judged.
#[derive(Clone, Debug, clap::Args)]
pub struct FilesArgs {
    /// Recordings with labels: CSV with a header, or one JSON object a line.
    #[arg(value_name = "FILES", required = true)]
    pub files: Vec<PathBuf>,
    /// What is known of the recordings.
    #[command(flatten)]
    pub labels: LabelArgs,
    /// A column that is no channel; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub ignore: Vec<String>,
    /// Alerts in 30 days that a channel may cost, about, 0.01 to 10000.
    #[arg(long, value_name = "N", default_value_t = Settings::DEFAULT.budget, value_parser = replay::budget)]
    pub budget: f32,
    /// For experts: evidence in powers of ten from which a young, quiet channel rings, and from which a row counts as anomalous.
    #[arg(long, value_name = "X", default_value_t = Settings::DEFAULT.threshold, value_parser = replay::threshold)]
    pub threshold: f32,
    /// Readings before the first alert [default: two days of them, at least 100 and at most 600].
    #[arg(long, value_name = "N")]
    pub warm_up: Option<u32>,
    /// The longest buffer around labels in VUS-PR and VUS-ROC, in rows.
    #[arg(long, value_name = "ROWS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=10_000))]
    pub buffer: u32,
    /// Judge other detectors by their scores of the same recordings: a folder a detector, with a CSV for each recording of the
    /// same file name and a column `anomaly_score`, a row a row. Shown as they are, and as ranks among those before at
    /// which Brooklet's alarm rings.
    #[arg(long, value_name = "FOLDER")]
    pub results: Option<PathBuf>,
    /// Leave out an expert of the detector, `joint`, or what `channels` say by themselves: shows what it is worth. May be
    /// given several times.
    #[arg(long, value_name = "EXPERT", value_delimiter = ',', value_parser = super::without(usize::MAX))]
    pub without: Vec<Without>,
    /// Write a page of HTML to look at: each recording with its channels, alerts and labels.
    #[arg(long, value_name = "OUT.html")]
    pub report: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// No progress bar and no notes.
    #[arg(long, short)]
    pub quiet: bool,
}

/// The table, or one JSON object.
pub(super) fn run(args: &FilesArgs) -> Result<String, String> {
    let report = evaluate(args).map_err(|failure| failure.to_string())?;
    if !args.quiet {
        report.notes.iter().for_each(|note| eprintln!("note: {note}"));
    }
    if let Some(path) = &args.report {
        let inputs: Vec<PathBuf> = args.files.iter().chain(&args.labels.labels).cloned().collect();
        report.page(path, &inputs)?;
    }
    Ok(if args.json { format!("{}\n", report.json()) } else { report.table() })
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Play(#[from] PlayError),
    #[error(transparent)]
    Labels(#[from] LabelError),
    #[error(transparent)]
    Results(#[from] ResultsError),
    #[error("nothing to judge by: name a file of windows with --labels, or a column with --label-column")]
    Unlabelled,
}

/// One recording, or a device of one, judged.
struct Judged {
    name: String,
    counts: Counts,
    tally: Tally,
    /// For the page, if there is to be one.
    seen: Option<Seen>,
}

impl Judged {
    fn report(&self) -> Option<Shown<'_>> {
        let Seen { name, timed, collected, labels } = self.seen.as_ref()?;
        let (recording, counts) = (name, &self.counts);
        Some(Shown { recording, timed: *timed, counts, collected, labels: Some(labels) })
    }
}

struct Seen {
    name: String,
    timed: bool,
    collected: Collector,
    labels: Vec<Label>,
}

/// Another detector, judged by its scores.
struct Other {
    name: String,
    folder: PathBuf,
    /// As they are: no threshold makes sense for all.
    scores: Vec<Tally>,
    /// As ranks, with the alerts of Brooklet's alarm.
    ranks: Vec<Tally>,
}

struct Report {
    threshold: f32,
    files: Vec<Judged>,
    others: Vec<Other>,
    notes: Vec<String>,
}

fn evaluate(args: &FilesArgs) -> Result<Report, Failure> {
    let windows = args.labels.windows()?;
    if windows.is_none() && args.labels.label_column.is_none() {
        return Err(Failure::Unlabelled);
    }
    let mut notes = windows.as_ref().map_or(Ok(Vec::new()), |windows| strangers(windows, &args.files))?;
    let alarm = Settings { threshold: args.threshold, warm_up: args.warm_up, budget: args.budget };
    let without = args.without.iter().copied().fold(Without::default(), Without::and);
    let settings =
        Arc::new(ChannelSettings { alarm, without, update_every: i64::MAX, ..ChannelSettings::default() });
    let tolerance = args.labels.tolerance;
    let rules = Rules { threshold: args.threshold, tolerance, buffer: args.buffer as usize };
    let columns = args.labels.columns(&args.ignore);
    let page_of = args.report.as_ref().map(|_| args.files.len());
    let others = args.results.as_deref().map_or(Ok(Vec::new()), others::detectors)?;
    let other = |(name, folder)| Other { name, folder, scores: Vec::new(), ranks: Vec::new() };
    let mut others: Vec<Other> = others.into_iter().map(other).collect();
    let bar = super::progress(args.files.len(), args.quiet);
    let mut files = Vec::new();
    for path in &args.files {
        bar.set_message(path.display().to_string());
        let recording = Recording::open_with(path, &columns).map_err(PlayError::from)?;
        let watched = |_: &str, _: &str| Some(settings.clone());
        for played in Played::all(&replay::device(path), recording, watched, page_of, || bar.tick())? {
            let device = played.device.as_deref();
            let events = match &windows {
                Some(windows) => windows.events(path, args.files.len(), device, &played.times)?,
                None => played.labelled.clone(),
            };
            let name = played.name(&path.display().to_string());
            notes.extend(played.notes.iter().map(|note| format!("{name}: {note}")));
            if events.is_empty() {
                notes.push(format!("{name}: no event is labelled; whatever rings in it is a false alert"));
            }
            let alerts: Vec<usize> = played.rings.iter().map(|ring| ring.row).collect();
            let labelled = Labelled {
                times: &played.times,
                levels: &played.levels,
                alerts: &alerts,
                events: &events,
                channels: played.channels.len(),
            };
            let tally = Tally::new(&labelled, &rules);
            for other in &mut others {
                let scores = others::read(&other.folder, path, &played.times)?;
                let ranks = others::ranks(&scores);
                let alerts = others::rings(&ranks, &played.times, &alarm);
                let scores: Vec<f32> = scores.into_iter().map(|score| score as f32).collect();
                let raw = Labelled { levels: &scores, alerts: &[], ..labelled };
                other.scores.push(Tally::new(&raw, &rules));
                let ranked = Labelled { levels: &ranks, alerts: &alerts, ..labelled };
                other.ranks.push(Tally::new(&ranked, &rules));
            }
            let labels = played.labels(&tally);
            let recording = played.name(&name_of(path));
            let seen = played.collected.map(|collected| Seen {
                name: recording,
                timed: played.timed,
                collected,
                labels,
            });
            files.push(Judged { name, counts: played.counts, tally, seen });
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Report { threshold: args.threshold, files, others, notes })
}

/// Notes about labels of recordings that were not given.
fn strangers(windows: &Windows, files: &[PathBuf]) -> Result<Vec<String>, LabelError> {
    let strangers = windows.strangers(files)?;
    Ok(strangers.first().map_or_else(Vec::new, |first| {
        vec![format!("labels of {} other recordings are not used, for example `{first}`", strangers.len())]
    }))
}

impl Other {
    /// Of its scores, and of its ranks.
    fn figures(&self) -> [Figures; 2] {
        [&self.scores, &self.ranks].map(|tallies| Figures::of(&tallies.iter().collect::<Vec<_>>()))
    }

    fn json(&self) -> Value {
        let [Figures { auc_pr, auc_roc, vus_pr, vus_roc, best_f1, .. }, ranks] = self.figures();
        let scores = json!({
            "auc_pr": auc_pr,
            "auc_roc": auc_roc,
            "vus_pr": vus_pr,
            "vus_roc": vus_roc,
            "best_f1": best_f1,
        });
        json!({ "name": self.name, "scores": scores, "ranks": ranks })
    }
}

/// A recording's part of the JSON.
#[derive(Serialize)]
struct FileJson<'a> {
    file: &'a str,
    #[serde(flatten)]
    figures: Figures,
    found_events: &'a [Found],
    readings: &'a Counts,
}

impl Report {
    fn tallies(&self) -> Vec<&Tally> {
        self.files.iter().map(|file| &file.tally).collect()
    }

    fn json(&self) -> Value {
        let file = |file: &Judged| {
            json!(FileJson {
                file: &file.name,
                figures: Figures::of(&[&file.tally]),
                found_events: &file.tally.events,
                readings: &file.counts,
            })
        };
        let tallies = self.tallies();
        let intervals: serde_json::Map<String, Value> = Figures::NAMED
            .iter()
            .zip(intervals(&tallies))
            .map(|((name, _), interval)| ((*name).to_owned(), json!(interval)))
            .collect();
        json!({
            "threshold": self.threshold,
            "files": self.files.iter().map(file).collect::<Vec<_>>(),
            "total": Figures::of(&tallies),
            "intervals": intervals,
            "others": self.others.iter().map(Other::json).collect::<Vec<_>>(),
        })
    }

    fn page(&self, path: &Path, inputs: &[PathBuf]) -> Result<(), String> {
        let reports: Vec<_> = self.files.iter().filter_map(Judged::report).collect();
        let title = match reports.as_slice() {
            [report] => report.recording.to_owned(),
            reports => format!("{} recordings", reports.len()),
        };
        let page = Page { title: &title, made: Timestamp::now(), summary: &self.table(), reports: &reports };
        write_page(path, &page, inputs)
    }

    fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<30}{:>8}{:>7}{:>8}{:>7}{:>9}{:>10}{:>8}{:>9}",
            "", "events", "found", "alerts", "false", "a day", "event F1", "VUS-PR", "VUS-ROC"
        );
        let mut row = |name: &str, f: &Figures| {
            let name = shortened(name, 29);
            let Figures { events, found, alerts, false_alerts, .. } = f;
            let [day, f1, pr, roc] =
                [f.false_alerts_a_day, f.event_f1, f.vus_pr, f.vus_roc].map(|figure| number(figure, 3));
            let _ = writeln!(
                text,
                "{name:<30}{events:>8}{found:>7}{alerts:>8}{false_alerts:>7}{day:>9}{f1:>10}{pr:>8}{roc:>9}"
            );
        };
        for file in &self.files {
            row(&file.name, &Figures::of(&[&file.tally]));
        }
        let tallies = self.tallies();
        let total = Figures::of(&tallies);
        if self.files.len() > 1 {
            row("all", &total);
        }
        let _ = writeln!(text, "\n{:<42}{:>10}    95 % interval", "", "all");
        let timed = total.days.is_some();
        let intervals = intervals(&tallies);
        for (((words, form), (_, figure)), interval) in WORDS.iter().zip(Figures::NAMED).zip(intervals) {
            let shown = |figure: f64| match form {
                Form::Decimals(decimals) => number(Some(figure), *decimals),
                Form::Span if timed => span(figure),
                Form::Span => format!("{figure:.0} rows"),
            };
            let interval =
                interval.map_or_else(String::new, |(low, high)| format!("{} to {}", shown(low), shown(high)));
            let figure = figure(&total).map_or_else(|| "-".to_owned(), shown);
            let line = format!("{words:<42}{figure:>10}    {interval}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        if !self.others.is_empty() {
            let _ = writeln!(
                text,
                "\n{:<30}{:>8}{:>9}{:>10}{:>11}{:>7}{:>8}{:>7}{:>9}",
                "others", "VUS-PR", "VUS-ROC", "PR ranked", "ROC ranked", "found", "alerts", "false", "a day"
            );
        }
        for other in &self.others {
            let [scores, ranks] = other.figures();
            let Figures { found, alerts, false_alerts, .. } = ranks;
            let [pr, roc, ranked_pr, ranked_roc, day] =
                [scores.vus_pr, scores.vus_roc, ranks.vus_pr, ranks.vus_roc, ranks.false_alerts_a_day]
                    .map(|figure| number(figure, 3));
            let name = shortened(&other.name, 29);
            let _ = writeln!(
                text,
                "{name:<30}{pr:>8}{roc:>9}{ranked_pr:>10}{ranked_roc:>11}{found:>7}{alerts:>8}{false_alerts:>7}{day:>9}"
            );
        }
        text
    }
}

/// How a figure is shown.
enum Form {
    Decimals(usize),
    /// A length of time, or of rows.
    Span,
}

/// [`Figures::NAMED`] in words.
const WORDS: [(&str, Form); 18] = [
    ("precision by event", Form::Decimals(3)),
    ("recall by event", Form::Decimals(3)),
    ("F1 by event", Form::Decimals(3)),
    ("precision by range", Form::Decimals(3)),
    ("recall by range", Form::Decimals(3)),
    ("F1 by range", Form::Decimals(3)),
    ("precision by row", Form::Decimals(3)),
    ("recall by row", Form::Decimals(3)),
    ("F1 by row", Form::Decimals(3)),
    ("best F1 by row over all thresholds", Form::Decimals(3)),
    ("AUC-PR", Form::Decimals(3)),
    ("AUC-ROC", Form::Decimals(3)),
    ("VUS-PR", Form::Decimals(3)),
    ("VUS-ROC", Form::Decimals(3)),
    ("false alerts a day", Form::Decimals(3)),
    ("false alerts a day and channel", Form::Decimals(4)),
    ("median from start to alert", Form::Span),
    ("median from alert to end", Form::Span),
];

/// Seconds as people say them.
fn span(seconds: f64) -> String {
    let units = [(86_400.0, "d"), (3600.0, "h"), (60.0, "min")];
    match units.into_iter().find(|(length, _)| seconds.abs() >= 2.0 * length) {
        Some((length, unit)) => format!("{:.1} {unit}", seconds / length),
        None => format!("{seconds:.0} s"),
    }
}

fn number(figure: Option<f64>, decimals: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: FilesArgs,
    }

    fn recording(fault: std::ops::Range<usize>, label: impl Fn(bool) -> &'static str) -> String {
        let row = |i: usize| {
            let (value, label) = (if fault.contains(&i) { 60 } else { i % 12 }, label(fault.contains(&i)));
            format!("2026-01-{:02} {:02}:{:02}:00,{value},{label}\n", 1 + i / 288, i / 12 % 24, i % 12 * 5)
        };
        std::iter::once("timestamp,value,anomaly\n".to_owned()).chain((0..2000).map(row)).collect()
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        write("a.csv", recording(1500..1600, |label| if label { "1" } else { "0" }));
        write("b.csv", recording(1700..1710, |label| if label { "true" } else { "False" }));
        write("c.csv", recording(0..0, |_| "0"));
        folder
    }

    fn report(folder: &Path, words: &[&str]) -> Result<Report, String> {
        let paths = words.iter().map(|word| {
            let is_file = word.contains('.') && !word.starts_with('-');
            if is_file { folder.join(word).display().to_string() } else { (*word).to_owned() }
        });
        let words = ["x".to_owned()].into_iter().chain(paths).chain(["--quiet".to_owned()]);
        let args = Cli::try_parse_from(words).map_err(|error| error.to_string())?.args;
        evaluate(&args).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_column_of_labels_from_file_to_figures() {
        let folder = folder();
        let words = ["a.csv", "b.csv", "c.csv", "--label-column", "anomaly"];
        let report = report(folder.path(), &words).unwrap();
        let total = Figures::of(&report.tallies());
        assert_eq!((total.events, total.found), (2, 2), "{total:?}");
        assert!(total.auc_pr.unwrap() > 0.9 && total.vus_pr.unwrap() > 0.8 && total.event_f1.unwrap() > 0.6);
        assert_eq!(total.median_delay, Some(0.0));
        assert!(report.notes.iter().any(|note| note.contains("c.csv: no event is labelled")));
        let json = report.json();
        assert_eq!(json["files"][0]["found_events"][0]["start"], "2026-01-06T05:00:00Z");
        assert_eq!(json["files"][0]["found_events"][0]["first_row"], 1501);
        assert_eq!(json["files"][2]["event_recall"], Value::Null);
        assert_eq!(json["intervals"]["event_recall"], json!([1.0, 1.0]));
        let table = report.table();
        assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
        assert!(table.contains("VUS-PR") && table.contains("95 % interval"), "{table}");
    }

    #[test]
    fn spans_as_people_say_them() {
        assert_eq!(
            [0.0, 90.0, -360.0, 107_250.0, 600_000.0].map(span),
            ["0 s", "90 s", "-6.0 min", "29.8 h", "6.9 d"]
        );
    }

    #[test]
    fn a_page_shows_each_recording_with_its_labels() {
        let folder = folder();
        let page = folder.path().join("out.html");
        let words = ["a.csv", "b.csv", "c.csv", "--label-column", "anomaly", "--report", "out.html"];
        let report = report(folder.path(), &words).unwrap();
        report.page(&page, &[]).unwrap();
        let text = std::fs::read_to_string(&page).unwrap();
        for name in ["a.csv", "b.csv", "c.csv"] {
            assert!(text.contains(&format!("<h2>{name}</h2>")));
        }
        let labels = ["id=\"fault-0-0\"", "id=\"fault-1-0\"", "id=\"fault-2-0\""].map(|id| text.contains(id));
        assert_eq!(labels, [true, true, false]);
        assert!(text.contains("<td>1 of 1</td>") && text.contains("<pre>") && text.contains("VUS-PR"));
        let refused = report.page(&page, std::slice::from_ref(&page)).unwrap_err();
        assert!(refused.ends_with("would overwrite what is being read"), "{refused}");
        assert_eq!(std::fs::read_to_string(&page).unwrap(), text);
    }

    #[test]
    fn windows_are_as_good_as_a_column() {
        let folder = folder();
        let labels =
            r#"{"a.csv":[["2026-01-06 05:00:00","2026-01-06 13:15:00"]],"b":[[1701,1710]],"c.csv":[]}"#;
        std::fs::write(folder.path().join("labels.json"), labels).unwrap();
        let by_window = ["a.csv", "b.csv", "c.csv", "--labels", "labels.json", "--ignore", "anomaly"];
        let by_column = ["a.csv", "b.csv", "c.csv", "--label-column", "anomaly"];
        let figures = |words: &[&str]| Figures::of(&report(folder.path(), words).unwrap().tallies());
        assert_eq!(figures(&by_window), figures(&by_column));
    }

    #[test]
    fn others_are_judged_by_their_scores_and_as_ranks() {
        let folder = folder();
        let write = |detector: &str, file: &str, score: &dyn Fn(usize) -> f64, rows: usize| {
            let folder = folder.path().join("results").join(detector);
            std::fs::create_dir_all(&folder).unwrap();
            let row = |i: usize| format!("{}\n", score(i));
            let text: String =
                std::iter::once("anomaly_score\n".to_owned()).chain((0..rows).map(row)).collect();
            std::fs::write(folder.join(file), text).unwrap();
        };
        for (file, fault) in [("a.csv", 1500..1600), ("b.csv", 1700..1710)] {
            // One knows; the other knows the opposite.
            write("sure", file, &|i| if fault.contains(&i) { 1e9 } else { (i % 50) as f64 }, 2000);
            write("wrong", file, &|i| if fault.contains(&i) { 0.0 } else { 50.0 + (i % 50) as f64 }, 2000);
        }
        let words = ["a.csv", "b.csv", "--label-column", "anomaly", "--results"];
        let results = folder.path().join("results").display().to_string();
        let words: Vec<&str> = words.into_iter().chain([results.as_str()]).collect();
        let judged = report(folder.path(), &words).unwrap();
        let json = judged.json();
        let figure = |detector: usize, kind: &str, name: &str| json["others"][detector][kind][name].clone();
        assert_eq!(
            (&json["others"][0]["name"], &json["others"][1]["name"]),
            (&json!("sure"), &json!("wrong"))
        );
        assert_eq!((figure(0, "scores", "auc_pr"), figure(0, "scores", "auc_roc")), (json!(1.0), json!(1.0)));
        assert_eq!(figure(1, "scores", "auc_roc"), json!(0.0));
        assert_eq!((figure(0, "ranks", "found"), figure(0, "ranks", "false_alerts")), (json!(2), json!(0)));
        assert_eq!(figure(1, "ranks", "found"), json!(0));
        assert_eq!(json["total"]["events"], 2);
        let table = judged.table();
        assert!(
            table.contains("\nsure ") && table.lines().all(|line| line.chars().count() <= 100),
            "{table}"
        );
        write("sure", "b.csv", &|_| 1.0, 1999);
        let error = report(folder.path(), &words).err().unwrap();
        assert!(error.ends_with("the results end after 1999 rows, the data has 2000"), "{error}");
    }

    #[test]
    fn wrong_labels_say_where_and_what_to_do() {
        let folder = folder();
        let error = |words: &[&str]| report(folder.path(), words).err().unwrap();
        let damaged = recording(0..0, |_| "0").replacen(",0\n", ",maybe\n", 2);
        std::fs::write(folder.path().join("d.csv"), damaged).unwrap();
        let wrong = error(&["d.csv", "--label-column", "anomaly"]);
        assert!(
            wrong.ends_with("d.csv:2: the label `maybe` is none: expected is 0 or 1, true or false"),
            "{wrong}"
        );
        assert!(error(&["a.csv", "--label-column", "anomoly"]).contains("did you mean `anomaly`?"));
        assert!(error(&["a.csv"]).contains("--labels"));
        std::fs::write(folder.path().join("w.csv"), "file,start,end\nz.csv,1,2\n").unwrap();
        assert!(
            error(&["a.csv", "--labels", "w.csv"]).ends_with("names none of the recordings; it names z.csv")
        );
        std::fs::write(folder.path().join("w.csv"), "start,end\n1,2\n7,2001\n").unwrap();
        assert!(error(&["a.csv", "--labels", "w.csv"]).contains("w.csv:3: no row of"));
    }
}
