//! The command line: one file a subcommand.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::eval::labels::{LabelError, Windows};
use crate::eval::metrics::Tolerance;
use crate::report::Page;
use crate::source::replay::Columns;

pub mod backtest;
pub mod check;
#[cfg(feature = "embedded-broker")]
pub mod demo;
pub mod eval;
pub mod fit;
pub mod record;
pub mod replay;
pub mod run;
pub mod state;
pub mod status;

/// Exit codes: 0 is done.
pub mod exit {
    /// A failed check, what does not fit, or an error while working.
    pub const FAILED: u8 = 1;
    /// What `--help` would have told.
    pub const USAGE: u8 = 2;
    /// Try again later.
    pub const TEMPORARY: u8 = 75;
    /// The configuration is wrong.
    pub const CONFIG: u8 = 78;
}

/// A number as people read it: `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A name in so many characters; of a longer one the end, which tells files apart.
#[must_use]
pub fn shortened(name: &str, most: usize) -> String {
    let length = name.chars().count();
    if length <= most {
        return name.to_owned();
    }
    std::iter::once('\u{2026}').chain(name.chars().skip(length + 1 - most)).collect()
}

/// A length of time in seconds: `20s`, `1.5m`, `2h`, `3d`, `500ms`.
///
/// # Errors
/// What is wrong with it, for the person who wrote it.
pub fn seconds(text: &str) -> Result<f64, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(format!("`{unit}` is not a unit of time; write for example 20s, 2m or 1h")),
    };
    let number = number.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.map(|number| number * scale).ok_or_else(|| format!("`{text}` is not a time such as 20s"))
}

/// Writes a page of reports, but not over one of the files that it is about.
///
/// # Errors
/// What is wrong, for the person who named the file.
pub(crate) fn write_page(path: &Path, page: &Page<'_>, inputs: &[PathBuf]) -> Result<(), String> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if inputs.iter().any(|input| input.canonicalize().is_ok_and(|input| input == real)) {
        return Err(format!("{}: would overwrite what is being read", path.display()));
    }
    let written = File::create(path).map(BufWriter::new).and_then(|mut out| {
        page.write(&mut out)?;
        out.flush()
    });
    written.map_err(|error| format!("{}: cannot be written: {error}", path.display()))
}

/// Where the labels of recordings are.
#[derive(Clone, Debug, clap::Args)]
pub struct LabelArgs {
    /// Windows in which something was wrong: JSON `{"file": [["start", "end"], ..]}` or CSV `file,start,end`; times, or row
    /// numbers from 1.
    #[arg(long, value_name = "FILE", conflicts_with = "label_column")]
    pub labels: Option<PathBuf>,
    /// The column of the recordings that says so, row by row: 0 or 1, true or false. It is no channel.
    #[arg(long, value_name = "NAME")]
    pub label_column: Option<String>,
    /// How long before an event an alert may start and still be about it: rows (`20`) or a time (`10m`).
    #[arg(long, value_name = "N|TIME", default_value = "0", value_parser = tolerance)]
    pub tolerance: Tolerance,
}

fn tolerance(text: &str) -> Result<Tolerance, String> {
    match text.parse() {
        Ok(rows) => Ok(Tolerance::Rows(rows)),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole milliseconds; more than an i64 holds is for ever"
        )]
        Err(_) => Ok(Tolerance::Milliseconds((seconds(text)? * 1000.0) as i64)),
    }
}

impl LabelArgs {
    /// The windows; `None` if the labels are a column, or there are none.
    pub(crate) fn windows(&self) -> Result<Option<Windows>, LabelError> {
        self.labels.as_deref().map(Windows::read).transpose()
    }

    /// Which columns are no channels.
    pub(crate) fn columns(&self, ignore: &[String]) -> Columns {
        Columns { ignore: ignore.to_vec(), label: self.label_column.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        assert_eq!((seconds("20s"), seconds("1.5m"), seconds("500ms")), (Ok(20.0), Ok(90.0), Ok(0.5)));
        assert!(["20 parsecs", "", "-1s", "infs"].iter().all(|text| seconds(text).is_err()));
        assert_eq!(
            (tolerance("12"), tolerance("2m")),
            (Ok(Tolerance::Rows(12)), Ok(Tolerance::Milliseconds(120_000)))
        );
    }

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!((shortened("abc", 3), shortened("abcd", 3)), ("abc".to_owned(), "\u{2026}cd".to_owned()));
    }
}
