//! Recordings: files of readings, CSV or JSON lines, read row by row as fast as they can be learnt.
//!
//! What kind of file it is, what separates its fields, which column is the time and which are channels is found out
//! from the first mebibyte. A row is never dropped: what cannot be used comes out with the reason why.

mod json_lines;
mod table;

pub(crate) use json_lines::DEVICE;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use tinyvec::TinyVec;

use crate::reading::Timestamp;

use json_lines::JsonLines;
use table::Table;

/// Bytes that are looked at before the first row comes out.
const HEAD: u64 = 1 << 20;
/// Longest line in bytes: beyond this it is not a text file.
const MAX_LINE: usize = 1 << 24;
const BUFFER: usize = 1 << 18;

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// Opening or reading failed.
    #[error("{file}: {source}")]
    Io {
        /// The file's name.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// No bytes, or no line with text.
    #[error("{0}: the file is empty")]
    Empty(String),
    /// A header and nothing else.
    #[error("{0}: there is a header, but no rows")]
    NoRows(String),
    /// The first line holds data.
    #[error("{file}:{line}: the first line must name the columns, but it looks like data")]
    NoHeader {
        /// The file's name.
        file: String,
        /// The line's number, from 1.
        line: u64,
    },
    /// Nothing to learn from.
    #[error("{file}: no column holds numbers to learn from (columns: {columns})")]
    NoChannels {
        /// The file's name.
        file: String,
        /// What there is.
        columns: String,
    },
    /// The column of labels is not there.
    #[error("{file}: there is no column `{label}` with labels{near}")]
    NoLabels {
        /// The file's name.
        file: String,
        /// The column's name.
        label: String,
        /// A hint at another one.
        near: String,
    },
    /// Not text.
    #[error("{0}: {1}")]
    NotText(String, &'static str),
    /// Longer than any line of text.
    #[error("{file}:{line}: the line has more than {MAX_LINE} bytes")]
    LineTooLong {
        /// The file's name.
        file: String,
        /// The line's number, from 1.
        line: u64,
    },
}

/// One row as it stands in the file.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Number of its line, from 1.
    pub line: u64,
    /// Whose row it is: a place in [`Recording::devices`].
    pub device: usize,
    /// When it was measured; `None` if the recording has no time or this row's cannot be read.
    pub time: Option<Timestamp>,
    /// The time as the file writes it; empty if there is none.
    pub time_text: &'a [u8],
    /// A value for each channel of the device; `None` where the cell is empty or not a finite number.
    pub values: &'a [Option<f32>],
    /// The value as the file writes it, if the device has but one channel.
    pub value_text: &'a [u8],
    /// The cell of the column with labels; empty if there is none.
    pub label: &'a [u8],
    /// What is wrong with the row as a whole; its values are all `None` then.
    pub ragged: Option<&'a str>,
}

/// Which columns are no channels.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// Names of those that are passed over.
    pub ignore: Vec<String>,
    /// The one that says whether something was wrong.
    pub label: Option<String>,
}

/// One of the devices of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its name, if the recording says one.
    pub name: Option<String>,
    /// Its channels, in the order of [`Row::values`]; at least one.
    pub channels: Vec<String>,
}

/// The parts of a row that do not belong to the reader.
#[derive(Clone, Debug, Default)]
struct Parsed {
    time: Option<Timestamp>,
    values: TinyVec<[Option<f32>; 8]>,
    time_text: Vec<u8>,
    value_text: Vec<u8>,
    label: Vec<u8>,
    ragged: String,
}

impl Parsed {
    fn clear(&mut self) {
        self.time = None;
        self.values.fill(None);
        self.time_text.clear();
        self.value_text.clear();
        self.label.clear();
        self.ragged.clear();
    }
}

#[derive(Debug)]
enum Form {
    Table(Table),
    JsonLines(JsonLines),
}

/// A recording that is open for reading.
pub struct Recording {
    file: String,
    input: BufReader<Box<dyn Read>>,
    bytes: u64,
    total: Option<u64>,
    line: Vec<u8>,
    number: u64,
    form: Form,
    devices: Vec<Device>,
    parsed: Parsed,
}

impl Recording {
    /// Opens a file, or standard input for `-`. Columns named in `ignore` are not channels.
    ///
    /// # Errors
    /// Why this file cannot be replayed.
    pub fn open(path: &Path, ignore: &[String]) -> Result<Self, ReplayError> {
        Self::open_with(path, &Columns { ignore: ignore.to_vec(), label: None })
    }

    /// Opens a file in which one column may hold labels.
    ///
    /// # Errors
    /// Why this file cannot be replayed.
    pub fn open_with(path: &Path, columns: &Columns) -> Result<Self, ReplayError> {
        if path.as_os_str() == "-" {
            return Self::new("standard input", Box::new(io::stdin()), None, columns);
        }
        let file = path.display().to_string();
        let failed = |source| ReplayError::Io { file: file.clone(), source };
        let opened = File::open(path).map_err(failed)?;
        let about = opened.metadata().map_err(failed)?;
        if about.is_dir() {
            return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let total = about.is_file().then_some(about.len());
        let mut recording = Self::new(&file, Box::new(opened), total, columns)?;
        // A device may send for the first time after days: the file of several is read twice.
        if recording.devices.iter().any(|device| device.name.is_some())
            && total.is_some_and(|total| total > HEAD)
            && let Form::JsonLines(lines) = &mut recording.form
        {
            let mut again = BufReader::with_capacity(BUFFER, File::open(path).map_err(failed)?);
            let mut line = Vec::new();
            while again.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line).map_err(failed)? > 0 {
                lines.look(without_mark(&line));
                line.clear();
            }
            recording.know_devices();
        }
        Ok(recording)
    }

    /// A recording from any reader; `total` is its length in bytes, if known.
    ///
    /// # Errors
    /// Why it cannot be replayed.
    pub fn new(
        file: &str,
        mut rest: Box<dyn Read>,
        total: Option<u64>,
        columns: &Columns,
    ) -> Result<Self, ReplayError> {
        let mut head = Vec::new();
        let read = rest.by_ref().take(HEAD).read_to_end(&mut head);
        let read = read.map_err(|source| ReplayError::Io { file: file.to_owned(), source })?;
        let whole = (read as u64) < HEAD;
        refuse_binary(file, &head)?;
        let lines = Head::new(&head, whole);
        let first = lines.clone().next().ok_or_else(|| ReplayError::Empty(file.to_owned()))?;
        let form = if first.1.trim_ascii_start().starts_with(b"{") {
            Form::JsonLines(JsonLines::new(file, lines, columns)?)
        } else {
            Form::Table(Table::new(file, lines, columns)?)
        };
        let input =
            BufReader::with_capacity(BUFFER, Box::new(Cursor::new(head).chain(rest)) as Box<dyn Read>);
        let (file, line, parsed) = (file.to_owned(), Vec::new(), Parsed::default());
        let devices = Vec::new();
        let mut recording = Self { file, input, bytes: 0, total, line, number: 0, form, devices, parsed };
        recording.know_devices();
        if matches!(recording.form, Form::Table(_)) {
            recording.read_line()?; // the header
        }
        Ok(recording)
    }

    /// The file's name.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    fn know_devices(&mut self) {
        self.devices = match &self.form {
            Form::Table(table) => vec![Device { name: None, channels: table.channels().to_vec() }],
            Form::JsonLines(lines) => lines.devices().to_vec(),
        };
        let most = self.devices.iter().map(|device| device.channels.len()).max();
        self.parsed.values.resize(most.unwrap_or_default(), None);
    }

    /// The devices; at least one, nearly always one.
    #[must_use]
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The channels of the first device, in the order of [`Row::values`]; at least one.
    #[must_use]
    pub fn channels(&self) -> &[String] {
        self.devices.first().map_or(&[], |device| &device.channels)
    }

    /// Whether rows have a time.
    #[must_use]
    pub fn timed(&self) -> bool {
        match &self.form {
            Form::Table(table) => table.timed(),
            Form::JsonLines(lines) => lines.timed(),
        }
    }

    /// Whether rows have a label.
    #[must_use]
    pub fn labelled(&self) -> bool {
        match &self.form {
            Form::Table(table) => table.labelled(),
            Form::JsonLines(lines) => lines.labelled(),
        }
    }

    /// What a user should know about how the file is understood: columns passed over, and why. Complete after the
    /// last row.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        match &self.form {
            Form::Table(table) => table.notes(),
            Form::JsonLines(lines) => lines.notes(),
        }
    }

    /// Bytes read so far, and how many there are if that is known.
    #[must_use]
    pub const fn progress(&self) -> (u64, Option<u64>) {
        (self.bytes, self.total)
    }

    /// The next row; `None` at the end. Blank lines are no rows.
    ///
    /// # Errors
    /// [`ReplayError::Io`], [`ReplayError::LineTooLong`].
    #[expect(clippy::should_implement_trait, reason = "the row borrows from the recording")]
    pub fn next(&mut self) -> Result<Option<Row<'_>>, ReplayError> {
        if !self.read_line()? {
            return Ok(None);
        }
        self.parsed.clear();
        Ok(Some(match &mut self.form {
            Form::Table(table) => table.row(self.number, &self.line, &mut self.parsed),
            Form::JsonLines(lines) => lines.row(self.number, &self.line, &mut self.parsed),
        }))
    }

    /// Brings the next line with text into `line`, without its end; false if there is none.
    fn read_line(&mut self) -> Result<bool, ReplayError> {
        loop {
            self.line.clear();
            let read = self.input.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut self.line);
            let read = read.map_err(|source| ReplayError::Io { file: self.file.clone(), source })?;
            if read == 0 {
                return Ok(false);
            }
            self.bytes = self.bytes.saturating_add(read as u64);
            self.number = self.number.saturating_add(1);
            if read >= MAX_LINE {
                return Err(ReplayError::LineTooLong { file: self.file.clone(), line: self.number });
            }
            self.line.truncate(without_end(&self.line).len());
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

/// A CSV reader turns any bytes into rows: say what is wrong instead.
fn refuse_binary(file: &str, head: &[u8]) -> Result<(), ReplayError> {
    let reason = match head {
        [0x1f, 0x8b, ..] => "gzip data; unpack it first, for example: gunzip -c FILE | brooklet replay -",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            "zstd data; unpack it first, for example: zstdcat FILE | brooklet replay -"
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16 text; save it as UTF-8",
        [b'P', b'A', b'R', b'1', ..] => "a Parquet file; save it as CSV",
        [b'P', b'K', 3, 4, ..] => "a zip archive or spreadsheet; save the table as CSV",
        _ if head.trim_ascii_start().starts_with(b"[") => {
            "a JSON array; what is read is one JSON object a line"
        }
        _ if head.iter().take(4096).any(|&byte| byte == 0) => "not a text file",
        _ => return Ok(()),
    };
    Err(ReplayError::NotText(file.to_owned(), reason))
}

/// The lines of the head that are there as a whole, with their numbers; blank ones left out.
#[derive(Clone, Debug)]
struct Head<'a> {
    rest: &'a [u8],
    number: u64,
}

impl<'a> Head<'a> {
    fn new(head: &'a [u8], whole: bool) -> Self {
        let end = if whole { None } else { memchr::memrchr(b'\n', head) };
        Self { rest: without_mark(end.and_then(|end| head.get(..end)).unwrap_or(head)), number: 0 }
    }
}

impl<'a> Iterator for Head<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let length = memchr::memchr(b'\n', self.rest).map_or(self.rest.len(), |end| end + 1);
            let (line, rest) = self.rest.split_at_checked(length)?;
            self.rest = rest;
            self.number += 1;
            let line = without_end(line);
            if !line.trim_ascii().is_empty() {
                return Some((self.number, line));
            }
        }
        None
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn recording(text: &str, ignore: &[&str]) -> Result<Recording, ReplayError> {
        let ignore: Vec<String> = ignore.iter().map(|name| (*name).to_owned()).collect();
        with_columns(text, &Columns { ignore, label: None })
    }

    pub(crate) fn with_columns(text: &str, columns: &Columns) -> Result<Recording, ReplayError> {
        let bytes = Cursor::new(text.as_bytes().to_vec());
        Recording::new("test.csv", Box::new(bytes), Some(text.len() as u64), columns)
    }

    type Seen = Vec<(Option<i64>, Vec<Option<f32>>, bool)>;

    pub(super) fn rows(recording: &mut Recording) -> Seen {
        let mut rows = Vec::new();
        while let Some(row) = recording.next().unwrap() {
            rows.push((row.time.map(|time| time.0), row.values.to_vec(), row.ragged.is_some()));
        }
        rows
    }

    #[test]
    fn says_what_a_file_is_if_it_is_not_a_recording() {
        let error = |text: &str| recording(text, &[]).err().unwrap().to_string();
        assert_eq!(error(""), "test.csv: the file is empty");
        assert_eq!(error("\n \n"), "test.csv: the file is empty");
        assert_eq!(error("time,value\n"), "test.csv: there is a header, but no rows");
        assert_eq!(
            error("\n2026-01-01,5\n2026-01-02,6\n"),
            "test.csv:2: the first line must name the columns, but it looks like data"
        );
        assert!(error("a,b\nx,y\n").contains("no column holds numbers to learn from (columns: a, b)"));
        assert!(error("PAR1....").contains("Parquet"));
        assert!(error("[{\"a\":1}]").contains("one JSON object a line"));
        assert!(error("a\0b").contains("not a text file"));
        let missing = Recording::open(Path::new("/nowhere/at/all.csv"), &[]).err().unwrap();
        assert!(missing.to_string().starts_with("/nowhere/at/all.csv: "), "{missing}");
    }

    #[test]
    fn a_column_of_labels_is_no_channel() {
        let columns = |label: &str| Columns { ignore: Vec::new(), label: Some(label.to_owned()) };
        let labels = |text: &str| {
            let mut r = with_columns(text, &columns("anomaly")).unwrap();
            assert_eq!(r.channels(), ["v"]);
            let mut labels = Vec::new();
            while let Some(row) = r.next().unwrap() {
                labels.push(String::from_utf8_lossy(row.label).into_owned());
            }
            labels
        };
        assert_eq!(labels("v;anomaly\n1;0.0\n2;1.0\n"), ["0.0", "1.0"]);
        assert_eq!(labels("v,anomaly\n1,\"True\"\n2,\n"), ["\"True\"", ""]);
        assert_eq!(labels("{\"v\":1,\"anomaly\":true}\n{\"v\":2}\n{\"anomaly\":0}\n"), ["1", "", "0"]);
        let error = |text: &str| with_columns(text, &columns("anomoly")).err().unwrap().to_string();
        let missing = "test.csv: there is no column `anomoly` with labels";
        assert_eq!(error("v,anomaly\n1,0\n"), format!("{missing}; did you mean `anomaly`?"));
        assert_eq!(error("{\"v\":1}\n"), missing);
    }

    #[test]
    fn line_ends_marks_and_blank_lines() {
        let mut r = recording("\u{feff}time,a\r\n\r\n2026-01-01,1\r\n\n2026-01-02,2", &[]).unwrap();
        assert_eq!(r.channels(), ["a"]);
        let seen = rows(&mut r);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[1], (Some(1_767_312_000_000), vec![Some(2.0)], false));
        assert_eq!(r.progress(), (r.progress().0, Some(r.progress().0)));
    }

    #[test]
    fn longer_than_what_is_looked_at_first() {
        let mut text = String::from("t,v\n");
        for i in 0..200_000 {
            text.push_str(&format!("{},{}\n", 1_700_000_000 + i, i % 7));
        }
        assert!(text.len() as u64 > 2 * HEAD);
        let seen = rows(&mut recording(&text, &[]).unwrap());
        assert_eq!(seen.len(), 200_000);
        assert!(seen.iter().enumerate().all(|(i, row)| row.1 == [Some((i % 7) as f32)]));
    }
}
