//! The core held against reference libraries.
//!
//! `files/` holds inputs and what a named library made of them, written by `make/run`. `cases/` feeds the same inputs to
//! the core twice: as it is, and as its [`twin`] in f64.
#![allow(clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::Path;

pub mod streams;

/// The core compiled with f64 for f32, from the same sources.
#[allow(
    missing_docs,
    dead_code,
    unused_imports,
    unused_macros,
    clippy::all,
    clippy::arithmetic_side_effects,
    reason = "checked where it comes from"
)]
pub mod twin {
    include!(concat!(env!("OUT_DIR"), "/twin.rs"));
}

/// A golden file: named columns of numbers; an empty cell is "not known yet".
#[derive(Debug)]
pub struct Golden {
    name: String,
    columns: Vec<String>,
    cells: Vec<Vec<Option<f64>>>,
    tolerance: f64,
}

impl Golden {
    /// Reads `files/<name>.csv`. Lines that begin with `#` say where it comes from.
    ///
    /// # Panics
    /// If it is not there or not such a file.
    #[must_use]
    pub fn open(name: &str, tolerance: f64) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("files/{name}.csv"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}; make it with tests/golden/make/run", path.display())
        });
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let columns: Vec<_> = lines.next().unwrap_or_default().split(',').map(str::to_owned).collect();
        let cell = |text: &str| -> Option<f64> {
            if text.is_empty() {
                return None;
            }
            Some(text.parse().unwrap_or_else(|_| panic!("{name}: {text:?} is not a number")))
        };
        let cells: Vec<Vec<_>> = lines.map(|line| line.split(',').map(cell).collect()).collect();
        assert!(!cells.is_empty() && cells.iter().all(|row| row.len() == columns.len()), "{name}: ragged");
        Self { name: name.to_owned(), columns, cells, tolerance }
    }

    /// The rows in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.cells.len()).map(|index| Row { golden: self, index })
    }
}

/// One row of a golden file.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    golden: &'a Golden,
    index: usize,
}

impl Row<'_> {
    /// The cell of a column, if it is not empty.
    ///
    /// # Panics
    /// If there is no such column.
    #[must_use]
    pub fn cell(&self, column: &str) -> Option<f64> {
        let at = self.golden.columns.iter().position(|name| name == column);
        let at = at.unwrap_or_else(|| panic!("{} has no column {column}", self.golden.name));
        self.golden.cells[self.index][at]
    }

    /// An input. Inputs are written so that f32 holds them exactly.
    ///
    /// # Panics
    /// If the cell is empty.
    #[must_use]
    pub fn get<T: Real>(&self, column: &str) -> T {
        T::of(
            self.cell(column)
                .unwrap_or_else(|| panic!("{} row {}: no {column}", self.golden.name, self.index)),
        )
    }

    /// The inputs `<prefix>0`, `<prefix>1`, ..
    #[must_use]
    pub fn array<T: Real, const N: usize>(&self, prefix: &str) -> [T; N] {
        std::array::from_fn(|i| self.get(&format!("{prefix}{i}")))
    }

    /// Holds a result against a column: off by no more than the tolerance, relative to values above 1.
    ///
    /// # Panics
    /// If it is further off, or known where the reference is not, or the other way round.
    pub fn check<T: Real>(&self, column: &str, got: Option<T>) {
        let (wanted, got) = (self.cell(column), got.map(T::wide));
        let fits = match (wanted, got) {
            (Some(wanted), Some(got)) => {
                (got - wanted).abs() <= self.golden.tolerance * wanted.abs().max(1.0)
            }
            (None, None) => true,
            _ => false,
        };
        assert!(fits, "{} row {}: {column} is {wanted:?}, got {got:?}", self.golden.name, self.index);
    }

    /// [`Row::check`] only where the reference says anything: for files that give results now and then.
    pub fn check_if_given<T: Real>(&self, column: &str, got: Option<T>) {
        if self.cell(column).is_some() {
            self.check(column, got);
        }
    }

    /// Place in the file, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }
}

/// f32 or f64.
pub trait Real: Copy {
    /// From a file.
    fn of(value: f64) -> Self;
    /// To compare.
    fn wide(self) -> f64;
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as Self
    }

    fn wide(self) -> f64 {
        self.into()
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn wide(self) -> f64 {
        self
    }
}
