//! CSV and its relatives: a header, then fields between commas, semicolons or tabs.

use std::ops::Range;

use crate::decode::TIME_KEYS;
use crate::time::parse_time_bytes;

use super::{Columns, Head, Parsed, ReplayError, Row};

/// Further names of time columns; compared without regard to case.
const MORE_TIME_NAMES: [&str; 8] =
    ["date_utc", "time_utc", "timestamp_utc", "epoch", "unix_time", "datum", "zeit", "zeitstempel"];

/// How the columns of one file are used.
#[derive(Debug)]
pub(super) struct Table {
    separator: u8,
    width: usize,
    time: Option<TimeAt>,
    /// The column that stands for the time in the output although it is not understood.
    label: Option<usize>,
    /// The column with labels.
    truth: Option<usize>,
    names: Vec<String>,
    channels: Vec<usize>,
    others: Vec<Other>,
    notes: Vec<String>,
    fields: Vec<Range<usize>>,
}

/// Where the time stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeAt {
    One(usize),
    /// The date in one column, the time of day in another.
    Two(usize, usize),
}

/// A column that held no numbers when the file was looked at.
#[derive(Debug)]
struct Other {
    column: usize,
    name: String,
    numeric_since: Option<u64>,
}

impl Table {
    pub(super) fn new(file: &str, mut lines: Head<'_>, columns: &Columns) -> Result<Self, ReplayError> {
        let (line, header) = lines.next().ok_or_else(|| ReplayError::Empty(file.to_owned()))?;
        let separator = separator(header, lines.clone().next().map(|(_, line)| line));
        let mut fields = Vec::new();
        split(header, separator, &mut fields);
        let texts: Vec<&[u8]> = fields.iter().map(|field| text(header, field)).collect();
        let is_data = |text: &&[u8]| number(text, separator).is_some() || parse_time_bytes(text).is_some();
        if texts.iter().all(|text| text.is_empty() || is_data(text)) {
            return Err(ReplayError::NoHeader { file: file.to_owned(), line });
        }
        if lines.clone().next().is_none() {
            return Err(ReplayError::NoRows(file.to_owned()));
        }
        let header = unique(&texts);
        let truth = match &columns.label {
            None => None,
            Some(label) => Some(header.iter().position(|name| name == label).ok_or_else(|| {
                let (file, label) = (file.to_owned(), label.clone());
                ReplayError::NoLabels { near: near(&label, &header), file, label }
            })?),
        };
        let mut table = Self {
            separator,
            width: texts.len(),
            time: None,
            label: None,
            truth,
            names: Vec::new(),
            channels: Vec::new(),
            others: Vec::new(),
            notes: Vec::new(),
            fields,
        };
        table.time = table.find_time(&header, &lines);
        table.find_channels(&header, lines, &columns.ignore);
        if table.channels.is_empty() {
            return Err(ReplayError::NoChannels { file: file.to_owned(), columns: header.join(", ") });
        }
        Ok(table)
    }

    pub(super) fn channels(&self) -> &[String] {
        &self.names
    }

    pub(super) const fn timed(&self) -> bool {
        self.time.is_some()
    }

    pub(super) const fn labelled(&self) -> bool {
        self.truth.is_some()
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let late = self.others.iter().filter_map(|other| {
            let line = other.numeric_since?;
            Some(format!("column `{}` has numbers only from line {line} on: not used", other.name))
        });
        self.notes.iter().cloned().chain(late).collect()
    }

    pub(super) fn row<'a>(&mut self, at: u64, line: &'a [u8], parsed: &'a mut Parsed) -> Row<'a> {
        let whole = split(line, self.separator, &mut self.fields);
        let raw = |column: usize| {
            self.fields.get(column).and_then(|field| line.get(field.clone())).unwrap_or_default()
        };
        let cell = |column: usize| bare(raw(column));
        let time_text = match self.time {
            None => self.label.map_or(&b""[..], raw),
            Some(TimeAt::One(column)) => raw(column),
            Some(TimeAt::Two(date, time)) => {
                join(cell(date), cell(time), &mut parsed.time_text);
                &parsed.time_text
            }
        };
        let value_text = match *self.channels {
            [column] => raw(column),
            _ => b"",
        };
        if !whole {
            parsed.ragged.push_str("a quoted field does not end on its line");
        } else if self.fields.len() != self.width {
            parsed.ragged = format!("{} fields, but the header names {}", self.fields.len(), self.width);
        } else {
            for (value, &column) in parsed.values.iter_mut().zip(&self.channels) {
                *value = number(cell(column), self.separator);
            }
            if self.time.is_some() && !time_text.is_empty() {
                parsed.time = parse_time_bytes(bare(time_text));
            }
            for other in self.others.iter_mut().filter(|other| other.numeric_since.is_none()) {
                let field = self.fields.get(other.column).map_or(&b""[..], |field| text(line, field));
                other.numeric_since = number(field, self.separator).map(|_| at);
            }
        }
        Row {
            line: at,
            device: 0,
            time: parsed.time,
            time_text,
            values: &parsed.values,
            value_text,
            label: self.truth.map_or(&b""[..], raw),
            ragged: (!parsed.ragged.is_empty()).then_some(parsed.ragged.as_str()),
        }
    }

    /// A column with a time's name whose first entry is a time, or a first column of times whatever its name.
    fn find_time(&mut self, header: &[String], lines: &Head<'_>) -> Option<TimeAt> {
        let first = |column: usize| self.first(column, lines);
        let is_time = |column: usize| first(column).is_some_and(|text| parse_time_bytes(text).is_some());
        let mut named: Vec<(usize, usize)> =
            header.iter().enumerate().filter_map(|(i, name)| Some((time_rank(name)?, i))).collect();
        named.sort_unstable();
        if let Some(&(_, column)) = named.iter().find(|(_, column)| is_time(*column)) {
            // A date alone is no time if the time of day stands in a column of its own.
            let mut joined = Vec::new();
            let date = first(column)?;
            let of_day = |&&(_, other): &&(usize, usize)| {
                other != column
                    && !is_time(other)
                    && first(other).is_some_and(|time| {
                        join(date, time, &mut joined);
                        time.contains(&b':') && parse_time_bytes(&joined).is_some()
                    })
            };
            return Some(match named.iter().find(of_day) {
                Some(&(_, time)) if date.len() <= 10 => TimeAt::Two(column, time),
                _ => TimeAt::One(column),
            });
        }
        let text = first(0)?;
        // Large readings look like epoch numbers: times only grow.
        let grows = || {
            let mut last = None;
            lines.clone().all(|(_, line)| {
                let now = self.cell(line, 0).and_then(parse_time_bytes);
                now.is_some() && std::mem::replace(&mut last, now) <= now
            })
        };
        let plain = number(text, self.separator).is_none();
        (self.width > 1 && is_time(0) && (plain || grows())).then_some(TimeAt::One(0))
    }

    fn find_channels(&mut self, header: &[String], lines: Head<'_>, ignore: &[String]) {
        let mut numeric = vec![false; self.width];
        for (_, line) in lines.clone() {
            if !split(line, self.separator, &mut self.fields) || self.fields.len() != self.width {
                continue;
            }
            for (numeric, field) in numeric.iter_mut().zip(&self.fields) {
                *numeric = *numeric || number(text(line, field), self.separator).is_some();
            }
        }
        for name in ignore.iter().filter(|name| !header.contains(name)) {
            self.notes.push(format!("there is no column `{name}` to ignore{}", near(name, header)));
        }
        for (column, (name, numeric)) in header.iter().zip(numeric).enumerate() {
            let is_time = match self.time {
                Some(TimeAt::One(time)) => column == time,
                Some(TimeAt::Two(date, time)) => column == date || column == time,
                None => false,
            };
            if is_time || ignore.contains(name) || self.truth == Some(column) {
                continue;
            }
            let like_a_time = time_rank(name).is_some_and(|rank| rank != T);
            if self.time.is_none() && self.label.is_none() && (like_a_time || column == 0 && !numeric) {
                self.label = Some(column);
                let first = self.first(column, &lines).unwrap_or_default();
                let first = String::from_utf8_lossy(first);
                self.notes.push(format!(
                    "`{name}` is not in a form that is understood as a time (`{first}`): replayed without times; \
                     write for example 2020-02-01 10:00:00"
                ));
                continue;
            }
            if !numeric {
                self.notes.push(format!("column `{name}` holds no numbers: ignored"));
                self.others.push(Other { column, name: name.clone(), numeric_since: None });
            } else if like_a_time {
                self.notes
                    .push(format!("column `{name}` is named like a time, but not used as one: ignored"));
            } else if name.starts_with(UNNAMED) {
                self.notes.push(format!("{name} has no name and is taken for row numbers: ignored"));
            } else {
                self.names.push(name.clone());
                self.channels.push(column);
            }
        }
    }

    fn cell<'a>(&self, line: &'a [u8], column: usize) -> Option<&'a [u8]> {
        let mut fields = Vec::new();
        split(line, self.separator, &mut fields);
        fields.get(column).map(|field| text(line, field))
    }

    /// The first entry of a column that is not empty.
    fn first<'a>(&self, column: usize, lines: &Head<'a>) -> Option<&'a [u8]> {
        lines.clone().filter_map(|(_, line)| self.cell(line, column)).find(|text| !text.is_empty())
    }
}

/// A hint at the column that was perhaps meant.
fn near(name: &str, header: &[String]) -> String {
    let near = header.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name));
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

const UNNAMED: &str = "column ";
/// Rank of `t`, which is as often a temperature.
const T: usize = usize::MAX;

fn time_rank(name: &str) -> Option<usize> {
    if name.eq_ignore_ascii_case("t") {
        return Some(T);
    }
    // `Time (UTC)` and `timestamp [ms]` are times as well.
    let bare = name.split(['(', '[']).next().unwrap_or(name).trim().replace(' ', "_");
    TIME_KEYS.iter().chain(&MORE_TIME_NAMES).position(|known| bare.eq_ignore_ascii_case(known))
}

/// Names as they are; those without one get the column's number, those that stand twice a suffix.
fn unique(texts: &[&[u8]]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(texts.len());
    for (i, text) in texts.iter().enumerate() {
        let name = String::from_utf8_lossy(text).into_owned();
        let name = if name.is_empty() { format!("{UNNAMED}{}", i + 1) } else { name };
        let times = names.iter().filter(|known| **known == name).count();
        names.push(if times > 0 { format!("{name}_{}", times + 1) } else { name });
    }
    names
}

fn join(date: &[u8], time: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(date);
    out.push(b' ');
    out.extend_from_slice(time);
}

/// Of comma, semicolon and tab the one that stands most often in the header and as often in the row below it.
fn separator(header: &[u8], below: Option<&[u8]>) -> u8 {
    let count = |line: &[u8], separator: u8| {
        let mut fields = Vec::new();
        split(line, separator, &mut fields);
        fields.len()
    };
    let rank = |separator: u8| {
        let fields = count(header, separator);
        (fields > 1 && below.is_some_and(|below| count(below, separator) == fields), fields)
    };
    [b'\t', b';', b','].into_iter().max_by_key(|&separator| rank(separator)).unwrap_or(b',')
}

/// Where the fields of a line stand, quotes included; false if a quoted field does not end.
fn split(line: &[u8], separator: u8, fields: &mut Vec<Range<usize>>) -> bool {
    fields.clear();
    let mut start = 0;
    if memchr::memchr(b'"', line).is_none() {
        for end in memchr::memchr_iter(separator, line) {
            fields.push(start..end);
            start = end + 1;
        }
        fields.push(start..line.len());
        return true;
    }
    let (mut quoted, mut at_start) = (false, true);
    for (i, &byte) in line.iter().enumerate() {
        match byte {
            // A doubled quote closes and opens again, which is as good. A quote inside bare text is text.
            b'"' if quoted || at_start || line.get(i.wrapping_sub(1)) == Some(&b'"') => quoted = !quoted,
            _ if byte == separator && !quoted => {
                fields.push(start..i);
                start = i + 1;
            }
            _ => {}
        }
        at_start = start == i + 1 || (at_start && byte == b' ');
    }
    fields.push(start..line.len());
    !quoted
}

/// A field without white space and quotes around it.
fn text<'a>(line: &'a [u8], field: &Range<usize>) -> &'a [u8] {
    bare(line.get(field.clone()).unwrap_or_default())
}

fn bare(field: &[u8]) -> &[u8] {
    match field.trim_ascii() {
        [b'"', inner @ .., b'"'] => inner.trim_ascii(),
        text => text,
    }
}

/// A finite number. Where the comma does not separate, it may be the decimal point.
fn number(text: &[u8], separator: u8) -> Option<f32> {
    let text = std::str::from_utf8(text).ok()?;
    let number: f32 = match text.parse() {
        Ok(number) => number,
        Err(_) if separator != b',' && text.contains(',') => text.replacen(',', ".", 1).parse().ok()?,
        Err(_) => return None,
    };
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{recording, rows};
    use super::*;

    fn ms(text: &str) -> Option<i64> {
        parse_time_bytes(text.as_bytes()).map(|time| time.0)
    }

    #[test]
    fn one_channel_is_handed_on_to_the_byte() {
        let mut r =
            recording("timestamp,value\n2014-04-01 00:00:00, 20.50\n2014-04-01 00:05:00,nan\n", &[]).unwrap();
        assert!(r.timed());
        let row = r.next().unwrap().unwrap();
        assert_eq!(
            (row.line, row.time_text, row.value_text),
            (2, &b"2014-04-01 00:00:00"[..], &b" 20.50"[..])
        );
        assert_eq!((row.time.map(|t| t.0), row.values), (ms("2014-04-01"), &[Some(20.5)][..]));
        let row = r.next().unwrap().unwrap();
        assert_eq!((row.values, row.value_text, row.ragged), (&[None][..], &b"nan"[..], None));
    }

    #[test]
    fn many_columns_semicolons_and_decimal_commas() {
        let text = "Datetime;Druck, bar;note;anomaly\n2026-01-01 10:00;1,5;ok;0\n2026-01-01 10:01;;bad;1\n";
        let mut r = recording(text, &["anomaly", "anomoly"]).unwrap();
        assert_eq!(r.channels(), ["Druck, bar"]);
        assert_eq!(
            r.notes(),
            [
                "there is no column `anomoly` to ignore; did you mean `anomaly`?",
                "column `note` holds no numbers: ignored"
            ]
        );
        let seen = rows(&mut r);
        assert_eq!(seen[0], (ms("2026-01-01T10:00:00Z"), vec![Some(1.5)], false));
        assert_eq!(seen[1].1, [None]);
    }

    #[test]
    fn quotes_and_ragged_rows() {
        let text = "time,\"a, b\",c\n2026-01-01,\"1\",2\n2026-01-02,\"x \"\"y\"\", z\",3\n2026-01-03,1\n2026-01-04,\"1,2\n";
        let mut r = recording(text, &[]).unwrap();
        assert_eq!(r.channels(), ["a, b", "c"]);
        let seen = rows(&mut r);
        assert_eq!(seen[0].1, [Some(1.0), Some(2.0)]);
        assert_eq!(seen[1], (ms("2026-01-02"), vec![None, Some(3.0)], false));
        assert!(seen[2].2 && seen[3].2, "{seen:?}");
    }

    #[test]
    fn where_the_time_stands() {
        let timed = |text: &str| {
            let mut r = recording(text, &[]).unwrap();
            (r.timed(), r.channels().join(" "), rows(&mut r)[0].0)
        };
        let t = ms("2026-01-01T10:00:00Z");
        assert_eq!(timed("v,Zeit\n1,2026-01-01 10:00\n"), (true, "v".into(), t));
        assert_eq!(timed("date,time,v\n2026-01-01,10:00,1\n"), (true, "v".into(), t));
        assert_eq!(timed("when,v\n2026-01-01 10:00,1\n"), (true, "v".into(), t));
        assert_eq!(timed(",v\n1767261600,1\n1767261660,2\n"), (true, "v".into(), t));
        assert_eq!(timed(",v\n0,1\n1,2\n"), (false, "v".into(), None));
        assert_eq!(timed("bytes,v\n200000000,1\n100000000,2\n"), (false, "bytes v".into(), None));
        assert_eq!(timed("time (s),v\n0.1,1\n0.2,2\n"), (false, "v".into(), None));
        assert_eq!(timed("t,v\n21.5,1\n"), (false, "t v".into(), None));
        assert_eq!(timed("v\n5\n6\n"), (false, "v".into(), None));
    }

    #[test]
    fn a_column_that_becomes_numeric_too_late_is_not_lost_silently() {
        let mut text = String::from("time,a,b\n");
        for i in 0..50_000 {
            text.push_str(&format!("{},1,{}\n", 1_700_000_000 + i, if i < 49_000 { "" } else { "2" }));
            text.push_str(&" ".repeat(10));
            text.push('\n');
        }
        let mut r = recording(&text, &[]).unwrap();
        rows(&mut r);
        assert_eq!(r.notes().last().unwrap(), "column `b` has numbers only from line 98002 on: not used");
    }
}
