//! What is known of a recording: when something was wrong. Labels are a column of the recording, or windows in a file of
//! their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::reading::Timestamp;
use crate::time::parse_time;

use super::metrics::Event;

/// Why labels cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// Reading failed.
    #[error("{0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// The file is not what it should be.
    #[error(
        "{file}: {problem}; expected is JSON, {{\"file\": [[\"start\", \"end\"], ..]}}, or CSV with the header `file,start,end` \
         (`start,end` is enough for one recording)"
    )]
    Form {
        /// The file of labels.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A window is not what it should be.
    #[error("{at}: {problem}")]
    Window {
        /// Where it stands.
        at: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Nothing fits.
    #[error("{file}: names none of the recordings; it names {names}")]
    NoFile {
        /// The file of labels.
        file: PathBuf,
        /// What it names.
        names: String,
    },
}

/// Where a window begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Time(Timestamp),
    /// From 1.
    Row(u64),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Time(time) => time.fmt(f),
            Self::Row(row) => write!(f, "row {row}"),
        }
    }
}

/// A time, or the number of a row: whole and below a hundred million, which no time in seconds is.
fn place(text: &str) -> Option<Place> {
    let row = || text.trim().parse().ok().filter(|row| (1..100_000_000).contains(row)).map(Place::Row);
    parse_time(text).map(Place::Time).or_else(row)
}

/// A window as a file gives it, both ends inside.
#[derive(Clone, Debug)]
struct Window {
    at: String,
    /// Empty if it is about all devices of the recording.
    device: String,
    start: Place,
    end: Place,
}

/// A file of windows.
#[derive(Clone, Debug)]
pub struct Windows {
    file: PathBuf,
    /// By the name of the recording, and of the device if the label is about one of several; the empty name is the only
    /// recording's.
    by_name: BTreeMap<String, Vec<Window>>,
}

impl Windows {
    /// Reads a file of windows: JSON as the Numenta Anomaly Benchmark has it, or CSV.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn read(path: &Path) -> Result<Self, LabelError> {
        let text = std::fs::read_to_string(path).map_err(|error| LabelError::Io(path.to_owned(), error))?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, LabelError> {
        let mut windows = Self { file: path.to_owned(), by_name: BTreeMap::new() };
        let form = |problem: String| LabelError::Form { file: path.to_owned(), problem };
        let file = path.display();
        if text.trim_start().starts_with('{') {
            let raw: BTreeMap<String, Vec<(Bound, Bound)>> =
                serde_json::from_str(text).map_err(|error| form(error.to_string()))?;
            for (name, pairs) in raw {
                // A recording without windows is labelled, too: nothing was wrong.
                windows.by_name.entry(name.clone()).or_default();
                for (i, (start, end)) in pairs.iter().enumerate() {
                    let at = format!("{file}: window {} of `{name}`", i + 1);
                    windows.add(&name, "", at, &start.text(), &end.text())?;
                }
            }
            return Ok(windows);
        }
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| form(error.to_string()))?.clone();
        let column = |name: &str| header.iter().position(|column| column == name);
        let (Some(start), Some(end)) = (column("start"), column("end")) else {
            return Err(form(format!("its columns are {}", header.iter().collect::<Vec<_>>().join(", "))));
        };
        let (name, device) = (column("file"), column("device"));
        for record in reader.records() {
            let record = record.map_err(|error| form(error.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            let text = |column: usize| record.get(column).unwrap_or_default();
            let (name, device) = (name.map_or("", text), device.map_or("", text));
            windows.add(name, device, format!("{file}:{line}"), text(start), text(end))?;
        }
        Ok(windows)
    }

    fn add(
        &mut self,
        name: &str,
        device: &str,
        at: String,
        start: &str,
        end: &str,
    ) -> Result<(), LabelError> {
        let read = |text: &str| {
            let problem = || {
                format!(
                    "`{text}` is neither a time nor the number of a row; write for example 2026-02-01 10:00:00, or 120"
                )
            };
            place(text).ok_or_else(|| LabelError::Window { at: at.clone(), problem: problem() })
        };
        let (start, end) = (read(start)?, read(end)?);
        let problem = match (start, end) {
            (Place::Time(from), Place::Time(to)) if to < from => Some("ends before it starts"),
            (Place::Row(from), Place::Row(to)) if to < from => Some("ends before it starts"),
            (Place::Time(_), Place::Row(_)) | (Place::Row(_), Place::Time(_)) => {
                Some("mixes a time and the number of a row")
            }
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(LabelError::Window { at, problem: format!("the window {start} to {end} {problem}") });
        }
        self.by_name.entry(name.to_owned()).or_default().push(Window {
            at,
            device: device.to_owned(),
            start,
            end,
        });
        Ok(())
    }

    /// The names that stand for none of these recordings.
    ///
    /// # Errors
    /// [`LabelError::NoFile`] if that is all of them.
    pub fn strangers(&self, recordings: &[PathBuf]) -> Result<Vec<&str>, LabelError> {
        let known = |name: &String| recordings.iter().any(|path| fits(name, path, recordings.len()));
        let strangers: Vec<&str> =
            self.by_name.keys().filter(|name| !known(name)).map(String::as_str).collect();
        if !strangers.is_empty() && strangers.len() == self.by_name.len() {
            let names: Vec<&str> =
                strangers.iter().take(5).map(|name| if name.is_empty() { "no file" } else { name }).collect();
            return Err(LabelError::NoFile { file: self.file.clone(), names: names.join(", ") });
        }
        Ok(strangers)
    }

    /// The events of a recording, or of one of its devices, as rows, in order and apart. `times` are those of its rows.
    ///
    /// # Errors
    /// [`LabelError::Window`] if a window lies outside of the recording.
    pub fn events(
        &self,
        recording: &Path,
        recordings: usize,
        device: Option<&str>,
        times: &[Option<Timestamp>],
    ) -> Result<Vec<Event>, LabelError> {
        let windows = self.by_name.iter().filter(|(name, _)| fits(name, recording, recordings));
        let mut events = Vec::new();
        let of_device = |window: &&Window| window.device.is_empty() || device == Some(&window.device);
        for window in windows.flat_map(|(_, windows)| windows).filter(of_device) {
            match window.rows(times) {
                Some(event) => events.push(event),
                // One of several devices may have been silent then.
                None if device.is_some() && window.device.is_empty() => {}
                None => return Err(window.outside(recording, times)),
            }
        }
        Ok(apart(events))
    }
}

/// Whether labels under this name are the recording's: the end of its path, with or without the file's ending.
fn fits(name: &str, recording: &Path, recordings: usize) -> bool {
    if name.is_empty() {
        return recordings == 1;
    }
    recording.ends_with(name) || recording.with_extension("").ends_with(name)
}

impl Window {
    fn rows(&self, times: &[Option<Timestamp>]) -> Option<Event> {
        match (self.start, self.end) {
            (Place::Row(start), Place::Row(end)) => {
                let (first, last) = (usize::try_from(start).ok()? - 1, usize::try_from(end).ok()? - 1);
                (last < times.len()).then_some(Event { first, last })
            }
            (Place::Time(start), Place::Time(end)) => {
                let inside = |time: &Option<Timestamp>| time.is_some_and(|time| start <= time && time <= end);
                let first = times.iter().position(inside)?;
                Some(Event { first, last: times.iter().rposition(inside)? })
            }
            _ => None,
        }
    }

    fn outside(&self, recording: &Path, times: &[Option<Timestamp>]) -> LabelError {
        let known = || times.iter().flatten();
        let span = match (known().min(), known().max()) {
            (Some(from), Some(to)) if matches!(self.start, Place::Time(_)) => format!("from {from} to {to}"),
            _ if matches!(self.start, Place::Time(_)) => {
                "without times: label it by the numbers of rows".to_owned()
            }
            _ => format!("{} rows long", times.len()),
        };
        let Self { at, start, end, .. } = self;
        let recording = recording.display();
        let problem =
            format!("no row of {recording} lies in the window {start} to {end}: the recording is {span}");
        LabelError::Window { at: at.clone(), problem }
    }
}

/// An end of a window in JSON: text, or the number of a row.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Bound {
    Text(String),
    Number(u64),
}

impl Bound {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// Events in order; those that overlap are one.
fn apart(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_unstable_by_key(|event| event.first);
    let mut apart: Vec<Event> = Vec::with_capacity(events.len());
    for event in events {
        match apart.last_mut() {
            Some(last) if event.first <= last.last => last.last = last.last.max(event.last),
            _ => apart.push(event),
        }
    }
    apart
}

/// The runs of labelled rows.
#[must_use]
pub fn runs(labels: impl Iterator<Item = bool>) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for (row, _) in labels.enumerate().filter(|(_, label)| *label) {
        match events.last_mut() {
            Some(last) if last.last + 1 == row => last.last = row,
            _ => events.push(Event { first: row, last: row }),
        }
    }
    events
}

/// A cell of a label column: 0 or 1, true or false.
#[must_use]
pub fn label(cell: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(cell).ok()?.trim().trim_matches('"');
    match text.parse::<f32>() {
        Ok(1.0) => Some(true),
        Ok(0.0) => Some(false),
        Ok(_) => None,
        Err(_) if text.eq_ignore_ascii_case("true") => Some(true),
        Err(_) if text.eq_ignore_ascii_case("false") => Some(false),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times() -> Vec<Option<Timestamp>> {
        (0..100).map(|i| Some(Timestamp(1_767_225_600_000 + i * 60_000))).collect()
    }

    fn parse(text: &str) -> Result<Windows, LabelError> {
        Windows::parse(Path::new("labels"), text)
    }

    fn events(text: &str, recording: &str) -> Result<Vec<(usize, usize)>, String> {
        let windows = parse(text).map_err(|error| error.to_string())?;
        let events =
            windows.events(Path::new(recording), 1, None, &times()).map_err(|error| error.to_string())?;
        Ok(events.iter().map(|event| (event.first, event.last)).collect())
    }

    #[test]
    fn windows_in_json_and_csv_by_time_and_row() {
        let json = r#"{"x/a.csv":[["2026-01-01 00:10:00","2026-01-01 00:19:59"],[50,60]],"b":[]}"#;
        assert_eq!(events(json, "data/x/a.csv").unwrap(), [(10, 19), (49, 59)]);
        assert_eq!(events(json, "b.csv").unwrap(), []);
        let csv = "start,end\n2026-01-01T00:10:00Z,2026-01-01 00:12\n11, 15\n90,100\n";
        assert_eq!(events(csv, "c.csv").unwrap(), [(10, 14), (89, 99)]);
        assert_eq!(events("file,start,end\na,1,1\nb,2,2\n", "b.csv").unwrap(), [(1, 1)]);
    }

    #[test]
    fn windows_of_one_device_or_of_all() {
        let windows = parse("start,end,device\n1,2,a\n5,6,\n300,301,\n").unwrap();
        let rows = |device| windows.events(Path::new("r"), 1, Some(device), &times()).unwrap();
        assert_eq!(rows("a"), [Event { first: 0, last: 1 }, Event { first: 4, last: 5 }]);
        assert_eq!(rows("b"), [Event { first: 4, last: 5 }]);
    }

    #[test]
    fn wrong_windows_are_named_with_their_place() {
        let wrong = |text: &str| events(text, "a.csv").unwrap_err();
        assert_eq!(
            wrong("start,end\n1,2\n9,5\n"),
            "labels:3: the window row 9 to row 5 ends before it starts"
        );
        assert!(wrong("start,end\nsoon,5\n").starts_with("labels:2: `soon` is neither a time nor"));
        assert!(wrong("start,end\n5,2026-01-01\n").contains("mixes a time and the number of a row"));
        assert!(
            wrong("start,end\n5,101\n")
                .ends_with("a.csv lies in the window row 5 to row 101: the recording is 100 rows long")
        );
        assert!(
            wrong("start,end\n2027-01-01,2027-01-02\n")
                .contains("from 2026-01-01T00:00:00Z to 2026-01-01T01:39:00Z")
        );
        assert!(wrong("from,to\n1,2\n").contains("its columns are from, to; expected is JSON"));
        assert!(
            wrong(r#"{"a":[["2026-01-02","2026-01-01"]]}"#)
                .starts_with("labels: window 1 of `a`: the window")
        );
        assert!(wrong("{\"a\":3}").contains("expected is JSON"));
    }

    #[test]
    fn names_that_fit_no_recording() {
        let files = ["data/x/a.csv".into(), "data/b.csv".into()];
        let windows = parse(r#"{"x/a.csv":[],"y/a.csv":[],"b":[]}"#).unwrap();
        assert_eq!(windows.strangers(&files).unwrap(), ["y/a.csv"]);
        let error = parse(r#"{"c.csv":[]}"#).unwrap().strangers(&files).unwrap_err().to_string();
        assert_eq!(error, "labels: names none of the recordings; it names c.csv");
        assert!(parse("start,end\n1,2\n").unwrap().strangers(&files).is_err(), "of which recording?");
    }

    #[test]
    fn label_cells_and_runs() {
        let cells: [&[u8]; 8] = [b"0", b"1.0", b" True", b"FALSE", b"\"1\"", b"2", b"", b"yes"];
        let wanted = [Some(false), Some(true), Some(true), Some(false), Some(true), None, None, None];
        assert_eq!(cells.map(label), wanted);
        let runs = runs([true, true, false, true].into_iter());
        assert_eq!(runs, [Event { first: 0, last: 1 }, Event { first: 3, last: 3 }]);
    }
}
