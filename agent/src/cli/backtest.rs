//! `brooklet backtest`: what another configuration would have made of the same recordings.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use super::{LabelArgs, exit, replay, shortened, write_page};
use crate::alert::Severity;
use crate::check::{self, Plan, Problems};
use crate::device::ChannelSettings;
use crate::eval::labels::LabelError;
use crate::eval::metrics::{Event, Figures, Found, Labelled, Rules, Tally};
use crate::eval::play::{PlayError, Played, Ring};
use crate::reading::Timestamp;
use crate::report::{Label, Page, Report, name_of};
use crate::source::replay::Recording;
use crate::worker;

/// Compares two configurations on recordings: which alerts come and go, and which labelled faults are lost.
///
/// Exits with 1 if a labelled fault that the old configuration finds is lost by the new one.
#[derive(Clone, Debug, clap::Args)]
pub struct BacktestArgs {
    /// The configuration as it is.
    #[arg(value_name = "OLD.toml")]
    pub old: PathBuf,
    /// The configuration as it might be.
    #[arg(value_name = "NEW.toml")]
    pub new: PathBuf,
    /// Recordings: CSV with a header, or one JSON object a line.
    #[arg(value_name = "RECORDING", required = true)]
    pub recordings: Vec<PathBuf>,
    /// What is known of the recordings; without it alerts are compared alone.
    #[command(flatten)]
    pub labels: LabelArgs,
    /// A column that is no channel; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub ignore: Vec<String>,
    /// Write a page of HTML to look at: each recording under the old configuration and under the new one.
    #[arg(long, value_name = "OUT.html")]
    pub report: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// No progress bar and no notes.
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Config(#[from] Problems),
    #[error(transparent)]
    Play(#[from] PlayError),
    #[error(transparent)]
    Labels(#[from] LabelError),
    #[error(
        "standard input cannot be a recording here: each is read for the old configuration and for the new one"
    )]
    Pipe,
}

/// Compares and prints; 0 if nothing is lost, 1 if a labelled fault is, 2 if a recording or its labels cannot be used, 78 if
/// a configuration cannot.
#[must_use]
pub fn run(args: &BacktestArgs) -> ExitCode {
    let backtest = match backtest(args) {
        Ok(backtest) => backtest,
        Err(Failure::Config(problems)) => {
            eprintln!("{problems}");
            return ExitCode::from(exit::CONFIG);
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            return ExitCode::from(exit::USAGE);
        }
    };
    if !args.quiet {
        backtest.notes.iter().for_each(|note| eprintln!("note: {note}"));
    }
    if let Some(path) = &args.report
        && let Err(failure) = backtest.page(path, args)
    {
        eprintln!("error: {failure}");
        return ExitCode::from(exit::USAGE);
    }
    let text = if args.json { format!("{}\n", backtest.json()) } else { backtest.text() };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: standard output: {error}");
            ExitCode::from(exit::USAGE)
        }
        _ if backtest.lost().next().is_some() => ExitCode::from(exit::FAILED),
        _ => ExitCode::SUCCESS,
    }
}

/// What one of the two makes of a recording, or of one of its devices.
struct Side {
    played: Played,
    tally: Tally,
}

/// A recording under both.
struct Pair {
    name: String,
    /// Old and new.
    sides: [Side; 2],
}

struct Backtest {
    pairs: Vec<Pair>,
    labelled: bool,
    notes: Vec<String>,
}

/// The settings of a channel under a configuration: those of the first stream that may have brought it and the task that
/// covers it there. A recording does not say which stream it came from, so names decide.
fn settings(plan: &Plan, device: &str, channel: &str) -> Option<Arc<ChannelSettings>> {
    let in_stream = |position: &usize| match plan.streams.get(*position) {
        Some(stream) => {
            let channels = stream.channels.as_ref();
            channels.is_none_or(|channels| channels.iter().any(|known| known.name == channel))
        }
        None => {
            let serial = plan.serials.get(*position - plan.streams.len());
            serial.is_some_and(|serial| !serial.named || serial.device == device)
        }
    };
    let positions = (0..plan.streams.len() + plan.serials.len()).filter(in_stream);
    let mut settings = positions.filter_map(|position| worker::settings(plan, position, channel));
    // Alerts are looked at when they start and end.
    settings.next().map(|settings| Arc::new(ChannelSettings { update_every: i64::MAX, ..settings }))
}

fn backtest(args: &BacktestArgs) -> Result<Backtest, Failure> {
    let plans = [check::load(&args.old), check::load(&args.new)];
    let plans = match plans {
        [Ok(old), Ok(new)] => [old, new],
        [old, new] => {
            let problems = [old, new].into_iter().filter_map(Result::err).flat_map(|problems| problems.0);
            return Err(Problems(problems.collect()).into());
        }
    };
    let names = [&args.old, &args.new].map(|path| path.display().to_string());
    if args.recordings.iter().any(|path| path.as_os_str() == "-") {
        return Err(Failure::Pipe);
    }
    let windows = args.labels.windows()?;
    let mut notes = Vec::new();
    if let Some(windows) = &windows {
        let strangers = windows.strangers(&args.recordings)?;
        notes.extend(strangers.iter().map(|name| format!("labels of `{name}` are not used")));
    }
    let columns = args.labels.columns(&args.ignore);
    let bar = super::eval::progress(args.recordings.len() * 2, args.quiet);
    let page_of = args.report.as_ref().map(|_| args.recordings.len() * 2);
    let mut pairs = Vec::new();
    for path in &args.recordings {
        let (name, device) = (path.display().to_string(), replay::device(path));
        bar.set_message(name.clone());
        let mut sides = |plan: &Plan, config: &str| {
            let recording = Recording::open_with(path, &columns).map_err(PlayError::from)?;
            let watched = |device: &str, channel: &str| settings(plan, device, channel);
            let all = Played::all(&device, recording, watched, page_of, || bar.tick())?;
            if all.iter().all(|played| played.channels.is_empty()) {
                notes.push(format!(
                    "{config}: no task covers a channel of {name}: nothing rings in it; the names of channels decide"
                ));
            }
            let side = |played: Played| {
                let events = match &windows {
                    Some(windows) => {
                        let device = played.device.as_deref();
                        windows.events(path, args.recordings.len(), device, &played.times)?
                    }
                    None => played.labelled.clone(),
                };
                Ok(Side { tally: tally(&played, &events, args), played })
            };
            bar.inc(1);
            all.into_iter().map(side).collect::<Result<Vec<Side>, Failure>>()
        };
        let [old, new] = [&plans[0], &plans[1]];
        let (old, new) = (sides(old, &names[0])?, sides(new, &names[1])?);
        for (old, new) in old.into_iter().zip(new) {
            notes.extend(old.played.notes.iter().map(|note| format!("{name}: {note}")));
            pairs.push(Pair { name: old.played.name(&name), sides: [old, new] });
        }
    }
    bar.finish_and_clear();
    let labelled = windows.is_some() || args.labels.label_column.is_some();
    Ok(Backtest { pairs, labelled, notes })
}

fn tally(played: &Played, events: &[Event], args: &BacktestArgs) -> Tally {
    let alerts: Vec<usize> = played.rings.iter().map(|ring| ring.row).collect();
    let Played { times, levels, channels, .. } = played;
    let labelled = Labelled { times, levels, alerts: &alerts, events, channels: channels.len() };
    // Thresholds differ from channel to channel: what is counted here are alerts and events.
    Tally::new(&labelled, &Rules { threshold: f32::INFINITY, tolerance: args.labels.tolerance, buffer: 0 })
}

/// An alert that only one of the two has.
#[derive(Serialize)]
struct OnlyOne<'a> {
    recording: &'a str,
    channel: &'a str,
    /// Its row, from 1.
    row: usize,
    at: Option<String>,
    severity: Severity,
    sentence: &'a str,
}

/// The alerts of one channel.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct ChannelLine<'a> {
    recording: &'a str,
    channel: &'a str,
    old: usize,
    new: usize,
    only_old: usize,
    only_new: usize,
}

/// An event that one of the two finds and the other does not.
#[derive(Serialize)]
struct Fault<'a> {
    recording: &'a str,
    #[serde(flatten)]
    event: &'a Found,
}

impl Pair {
    /// The alerts of one side that none of the other side's on the same channel meets in time.
    fn only(&self, side: usize) -> impl Iterator<Item = &Ring> {
        let (these, others) = (self.rings(side), self.rings(1 - side));
        let meets = |a: &Ring, b: &Ring| {
            let until = |ring: &Ring| ring.until.unwrap_or(usize::MAX);
            a.alert.channel == b.alert.channel && a.row <= until(b) && b.row <= until(a)
        };
        these.iter().filter(move |ring| !others.iter().any(|other| meets(ring, other)))
    }

    fn rings(&self, side: usize) -> &[Ring] {
        self.sides.get(side).map_or(&[], |side| &side.played.rings)
    }

    fn channels(&self) -> Vec<ChannelLine<'_>> {
        let [old, new] = &self.sides;
        let mut names: Vec<&str> = old.played.channels.iter().map(String::as_str).collect();
        let more = new.played.channels.iter().map(String::as_str);
        let of_alerts =
            self.sides.iter().flat_map(|side| &side.played.rings).map(|ring| &*ring.alert.channel.0);
        for name in more.chain(of_alerts) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let line = |channel| {
            let of = |ring: &&Ring| &*ring.alert.channel.0 == channel;
            let [old, new] = [0, 1].map(|side| self.rings(side).iter().filter(of).count());
            let [only_old, only_new] = [0, 1].map(|side| self.only(side).filter(of).count());
            ChannelLine { recording: &self.name, channel, old, new, only_old, only_new }
        };
        names.into_iter().map(line).collect()
    }

    fn only_one(&self, side: usize) -> impl Iterator<Item = OnlyOne<'_>> {
        self.only(side).map(|ring| OnlyOne {
            recording: &self.name,
            channel: &ring.alert.channel.0,
            row: ring.row + 1,
            at: self.time(ring.row).map(|time| time.to_string()),
            severity: ring.alert.severity,
            sentence: &ring.alert.because.sentence,
        })
    }

    fn time(&self, row: usize) -> Option<Timestamp> {
        self.sides.first()?.played.times.get(row).copied().flatten()
    }
}

impl Backtest {
    /// The events that the side `had` finds and the other does not.
    fn differing(&self, had: usize) -> impl Iterator<Item = Fault<'_>> {
        self.pairs.iter().flat_map(move |pair| {
            let [one, other] = [had, 1 - had].map(|side| pair.sides.get(side).map(|side| &side.tally.events));
            let (one, other) = (one.into_iter().flatten(), other.into_iter().flatten());
            let differs =
                |(one, other): &(&Found, &Found)| one.alert_row.is_some() && other.alert_row.is_none();
            one.zip(other).filter(differs).map(|(event, _)| Fault { recording: &pair.name, event })
        })
    }

    fn lost(&self) -> impl Iterator<Item = Fault<'_>> {
        self.differing(0)
    }

    fn page(&self, path: &Path, args: &BacktestArgs) -> Result<(), String> {
        let labels = |side: &Side| side.played.labels(&side.tally);
        let labels: Vec<[Vec<Label>; 2]> =
            self.pairs.iter().map(|pair| pair.sides.each_ref().map(labels)).collect();
        let configs = [&args.old, &args.new].map(|config| name_of(config));
        let names = args.recordings.iter().map(|recording| {
            let recording = name_of(recording);
            configs.each_ref().map(|config| format!("{recording} under {config}"))
        });
        let names: Vec<[String; 2]> = names.collect();
        let sides = self.pairs.iter().zip(&names).zip(&labels).flat_map(|((pair, names), labels)| {
            pair.sides.iter().zip(names).zip(labels).filter_map(|((side, name), labels)| {
                let Played { timed, counts, .. } = &side.played;
                let labels = self.labelled.then_some(labels.as_slice());
                let collected = side.played.collected.as_ref()?;
                Some(Report { recording: name, timed: *timed, counts, collected, labels })
            })
        });
        let reports: Vec<_> = sides.collect();
        let (title, made) = (&*self.words(), Timestamp::now());
        let inputs = [&args.old, &args.new].into_iter().chain(&args.recordings).chain(&args.labels.labels);
        let inputs: Vec<PathBuf> = inputs.cloned().collect();
        write_page(path, &Page { title, made, summary: &self.text(), reports: &reports }, &inputs)
    }

    fn figures(&self) -> [Figures; 2] {
        [0, 1].map(|side| {
            let tallies = self.pairs.iter().filter_map(|pair| Some(&pair.sides.get(side)?.tally));
            Figures::of(&tallies.collect::<Vec<_>>())
        })
    }

    /// The difference in one sentence.
    fn words(&self) -> String {
        let [old, new] = self.figures();
        let mut words = format!("{} -> {} alerts", old.alerts, new.alerts);
        if !self.labelled {
            return words;
        }
        let faults = |count: usize, what: &str| match count {
            0 => format!("no labelled fault {what}"),
            1 => format!("1 labelled fault {what}"),
            count => format!("{count} labelled faults {what}"),
        };
        let (lost, gained) = (self.lost().count(), self.differing(1).count());
        let _ = write!(words, ", {}", faults(lost, "lost"));
        if gained > 0 {
            let _ = write!(words, ", {}", faults(gained, "gained"));
        }
        let _ = write!(words, " ({} -> {} of {} found)", old.found, new.found, old.events);
        let _ = write!(words, ", {} -> {} false alerts", old.false_alerts, new.false_alerts);
        if let (Some(old), Some(new)) = (old.false_alerts_a_day, new.false_alerts_a_day) {
            let _ = write!(words, " ({old:.2} -> {new:.2} a day)");
        }
        words
    }

    fn json(&self) -> serde_json::Value {
        let [old, new] = self.figures();
        let only = |side| self.pairs.iter().flat_map(move |pair| pair.only_one(side)).collect::<Vec<_>>();
        let side = |figures: &Figures| {
            let Figures { events, found, alerts, false_alerts, false_alerts_a_day, .. } = figures;
            json!({ "events": events, "found": found, "alerts": alerts, "false_alerts": false_alerts,
                    "false_alerts_a_day": false_alerts_a_day, "median_delay": figures.median_delay })
        };
        json!({
            "words": self.words(),
            "old": side(&old),
            "new": side(&new),
            "lost": self.lost().collect::<Vec<_>>(),
            "gained": self.differing(1).collect::<Vec<_>>(),
            "channels": self.pairs.iter().flat_map(Pair::channels).collect::<Vec<_>>(),
            "only_old": only(0),
            "only_new": only(1),
        })
    }

    fn text(&self) -> String {
        let mut text = self.words() + "\n";
        // Writing to a String cannot fail.
        let mut line = |args: std::fmt::Arguments<'_>| {
            let _ = writeln!(text, "{args}");
        };
        for (title, had) in [("lost", 0), ("gained", 1)] {
            for Fault { recording, event } in self.differing(had) {
                let place = match (event.start, event.end) {
                    (Some(start), Some(end)) => format!("{start} to {end}"),
                    _ => format!("rows {} to {}", event.first_row, event.last_row),
                };
                line(format_args!("{title}: {}  {place}", shortened(recording, 40)));
            }
        }
        line(format_args!(
            "\n{:<32}{:<24}{:>7}{:>7}{:>10}{:>10}",
            "recording", "channel", "old", "new", "only old", "only new"
        ));
        for ChannelLine { recording, channel, old, new, only_old, only_new } in
            self.pairs.iter().flat_map(Pair::channels)
        {
            let (recording, channel) = (shortened(recording, 31), shortened(channel, 23));
            line(format_args!("{recording:<32}{channel:<24}{old:>7}{new:>7}{only_old:>10}{only_new:>10}"));
        }
        for (title, side) in [("only with the old configuration", 0), ("only with the new configuration", 1)]
        {
            let only = |pair| Pair::only_one(pair, side);
            if self.pairs.iter().flat_map(only).next().is_some() {
                line(format_args!("\n{title}:"));
            }
            for OnlyOne { recording, row, at, severity, sentence, .. } in self.pairs.iter().flat_map(only) {
                let at = at.unwrap_or_else(|| format!("row {row}"));
                let recording = if self.pairs.len() > 1 {
                    format!("{}  ", shortened(recording, 31))
                } else {
                    String::new()
                };
                line(format_args!("{recording}{at}  {:8}  {sentence}", severity.name()));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    /// The old and the new configuration of a test.
    fn write_configs(folder: &Path, old: &str, new: &str) {
        let stream = "[mqtt]\nurl = 'mqtt://localhost'\n[[stream]]\nname = 's'\ntopic = 'a/{device}'\n";
        for (name, task) in [("old.toml", old), ("new.toml", new)] {
            let task = format!("{stream}[[task]]\nname = 't'\nstream = 's'\nlearn = 'anomaly'\n{task}\n");
            std::fs::write(folder.join(name), task).unwrap();
        }
    }

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: BacktestArgs,
    }

    /// A large fault and a small one, on one channel of two.
    fn recording() -> String {
        let row = |i: usize| {
            let (value, fault) = match i {
                1500..1600 => (60.0, 1),
                2500..2510 => (14.0, 1),
                i => ((i % 12) as f32, 0),
            };
            let time = format!("2026-01-{:02} {:02}:{:02}:00", 1 + i / 288, i / 12 % 24, i % 12 * 5);
            format!("{time},{value},{},{fault}\n", i % 5)
        };
        std::iter::once("time,temp,speed,fault\n".to_owned()).chain((0..3000).map(row)).collect()
    }

    fn args(folder: &Path, more: &[&str]) -> BacktestArgs {
        let path = |name: &str| folder.join(name).display().to_string();
        let words =
            ["x".to_owned(), path("old.toml"), path("new.toml"), path("pump.csv"), "--quiet".to_owned()];
        let words = words.into_iter().chain(more.iter().map(|word| (*word).to_owned()));
        Cli::try_parse_from(words).unwrap().args
    }

    fn folder(old: &str, new: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write_configs(folder.path(), old, new);
        std::fs::write(folder.path().join("pump.csv"), recording()).unwrap();
        folder
    }

    #[test]
    fn a_page_shows_a_recording_under_both_and_overwrites_neither() {
        let folder = folder("threshold = 3.0", "threshold = 20.0\nwarm_up = 2900");
        let page = folder.path().join("out.html").display().to_string();
        let args = args(folder.path(), &["--label-column", "fault", "--report", &page]);
        let backtest = backtest(&args).unwrap();
        backtest.page(Path::new(&page), &args).unwrap();
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.contains("<h2>pump.csv under old.toml</h2>"));
        assert!(text.contains("<h2>pump.csv under new.toml</h2>"));
        assert_eq!(text.matches("id=\"fault-").count(), 2 * 2, "two faults under both");
        assert!(text.contains(&backtest.words().replace('>', "&gt;")));
        let refused = backtest.page(&args.new, &args).unwrap_err();
        assert!(refused.ends_with("new.toml: would overwrite what is being read"), "{refused}");
    }

    #[test]
    fn a_threshold_that_is_too_high_loses_a_fault() {
        let folder = folder("threshold = 3.0", "threshold = 20.0\nwarm_up = 2900");
        let args = args(folder.path(), &["--label-column", "fault"]);
        let backtest = backtest(&args).unwrap();
        let [old, new] = backtest.figures();
        assert!(old.found > new.found && new.alerts < old.alerts, "{old:?} {new:?}");
        assert_eq!(backtest.lost().count(), old.found - new.found);
        let words = backtest.words();
        assert!(words.starts_with(&format!("{} -> {} alerts, ", old.alerts, new.alerts)), "{words}");
        assert!(words.contains("lost (") && words.contains("of 2 found)"), "{words}");
        let text = backtest.text();
        assert!(
            text.contains("only with the old configuration:\n2026-01-06T05:00:00Z  critical  pump temp "),
            "{text}"
        );
        assert!(
            text.lines().filter(|line| !line.starts_with("20")).all(|line| line.chars().count() <= 100),
            "{text}"
        );
        let json = backtest.json();
        assert_eq!(json["only_old"].as_array().unwrap().len(), old.alerts - new.alerts);
        assert_eq!(json["lost"][0]["recording"].as_str().unwrap(), backtest.pairs[0].name);
        assert_eq!(run(&args), ExitCode::from(1));
    }

    #[test]
    fn the_same_configuration_changes_nothing() {
        let folder = folder("threshold = 3.0", "threshold = 3.0");
        let args = args(folder.path(), &["--ignore", "fault"]);
        let backtest = backtest(&args).unwrap();
        let [old, new] = backtest.figures();
        assert!(old == new && old.alerts > 0);
        assert_eq!(backtest.words(), format!("{0} -> {0} alerts", old.alerts));
        assert!(backtest.pairs[0].channels().iter().all(|line| line.only_old + line.only_new == 0));
        assert_eq!(run(&args), ExitCode::SUCCESS);
    }

    #[test]
    fn tasks_reach_channels_by_name_and_a_task_without_any_is_noted() {
        let folder = folder("channels = ['te*']", "channels = ['pressure']");
        let backtest = backtest(&args(folder.path(), &["--label-column", "fault"])).unwrap();
        assert_eq!(backtest.pairs[0].sides[0].played.channels, ["temp"]);
        assert_eq!(backtest.pairs[0].sides[1].played.channels, Vec::<String>::new());
        let note = "no task covers a channel of ";
        assert!(backtest.notes.iter().any(|text| text.contains("new.toml: ") && text.contains(note)));
        assert_eq!(backtest.figures()[1].alerts, 0);
    }

    #[test]
    fn bad_input_has_exit_codes_of_its_own() {
        let folder = folder("threshold = 3.0", "treshold = 3.0");
        assert_eq!(run(&args(folder.path(), &[])), ExitCode::from(exit::CONFIG));
        write_configs(folder.path(), "", "");
        assert_eq!(run(&args(folder.path(), &["--labels", "/nowhere.json"])), ExitCode::from(exit::USAGE));
        assert_eq!(run(&args(folder.path(), &["--label-column", "falt"])), ExitCode::from(exit::USAGE));
    }
}
