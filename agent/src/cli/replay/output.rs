//! The files that a replay writes.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use crate::alert::Alert;
use crate::eval::Judgement;
use crate::report::Page;
use crate::source::replay::Row;

use super::Failure;

/// A file that is written.
pub(super) struct Output {
    name: String,
    file: BufWriter<File>,
}

impl Output {
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        match File::create(path) {
            Ok(file) => Ok(Self { name, file: BufWriter::with_capacity(1 << 18, file) }),
            Err(error) => Err(Failure::Output(name, error)),
        }
    }

    fn failed(&self, error: io::Error) -> Failure {
        Failure::Output(self.name.clone(), error)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| Failure::Output(self.name.clone(), error))
    }

    pub(super) fn json_line(&mut self, alert: &Alert) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.file, alert).map_err(|error| self.failed(error.into()))?;
        self.write(b"\n")
    }

    pub(super) fn page(&mut self, page: &Page<'_>) -> Result<(), Failure> {
        page.write(&mut self.file).map_err(|error| self.failed(error))
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.file.flush().map_err(|error| Failure::Output(self.name.clone(), error))
    }
}

/// The file of scores: a row for each row.
pub(super) struct Scores {
    out: Output,
    with_device: bool,
    with_value: bool,
    line: Vec<u8>,
}

impl Scores {
    pub(super) fn create(path: &Path, with_device: bool, with_value: bool) -> Result<Self, Failure> {
        let mut out = Output::create(path)?;
        let device = if with_device { "device," } else { "" };
        let value = if with_value { "value," } else { "" };
        out.write(format!("timestamp,{device}{value}anomaly_score,level\n").as_bytes())?;
        Ok(Self { out, with_device, with_value, line: Vec::new() })
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush()
    }

    pub(super) fn row(&mut self, row: &Row<'_>, device: &str, judgement: &Judgement) -> Result<(), Failure> {
        self.line.clear();
        push_cell(&mut self.line, row.time_text);
        self.line.push(b',');
        if self.with_device {
            push_cell(&mut self.line, device.as_bytes());
            self.line.push(b',');
        }
        if self.with_value {
            push_cell(&mut self.line, row.value_text);
            self.line.push(b',');
        }
        match judgement.fired {
            Some(_) => push_decimal::<5>(&mut self.line, judgement.anomaly_score()),
            None => self.line.push(b'0'),
        }
        self.line.push(b',');
        push_decimal::<4>(&mut self.line, judgement.level);
        self.line.push(b'\n');
        self.out.write(&self.line)
    }
}

/// A field of the recording, byte for byte unless it would break the row.
fn push_cell(line: &mut Vec<u8>, cell: &[u8]) {
    if cell.trim_ascii_start().starts_with(b"\"") || !cell.iter().any(|byte| matches!(byte, b',' | b'"')) {
        line.extend_from_slice(cell);
        return;
    }
    line.push(b'"');
    for &byte in cell {
        line.extend_from_slice(if byte == b'"' { b"\"\"" } else { std::slice::from_ref(&byte) });
    }
    line.push(b'"');
}

/// A number from 0 up with a fixed number of decimals, rounded.
fn push_decimal<const DECIMALS: u32>(line: &mut Vec<u8>, x: f32) {
    let one = 10u64.pow(DECIMALS);
    let scaled = (f64::from(x) * one as f64 + 0.5) as u64;
    let (mut rest, mut digits, mut start) = (scaled, [b'0'; 24], 24usize);
    let least = DECIMALS as usize + 1;
    while rest > 0 || 24 - start < least {
        start -= 1;
        if let Some(digit) = digits.get_mut(start) {
            *digit = b'0' + (rest % 10) as u8;
        }
        rest /= 10;
    }
    let (whole, decimals) = digits.split_at(24 - DECIMALS as usize);
    line.extend_from_slice(whole.get(start..).unwrap_or_default());
    line.push(b'.');
    line.extend_from_slice(decimals);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_and_cells() {
        let decimal = |x: f32| {
            let mut line = Vec::new();
            push_decimal::<4>(&mut line, x);
            String::from_utf8(line).unwrap()
        };
        for x in [0.0, 0.000_04, 0.000_06, 0.5, 0.99996, 1.0, 9.5, 12.345_678, 1e6] {
            assert_eq!(decimal(x), format!("{x:.4}"));
        }
        let cell = |text: &str| {
            let mut line = Vec::new();
            push_cell(&mut line, text.as_bytes());
            String::from_utf8(line).unwrap()
        };
        assert_eq!(
            [cell("1,5"), cell("\"1,5\""), cell(" 2 "), cell("5\"")],
            ["\"1,5\"", "\"1,5\"", " 2 ", "\"5\"\"\""]
        );
    }
}
