//! The list of families and the tables of LEARNERS.md say what is registered.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

mod every;

use every::{Family, Visitor};

/// `family/name`, what it is, bytes.
struct Rows(Vec<(String, String, usize)>);

impl Visitor for Rows {
    fn family<F: Family>(&mut self) {
        self.0.extend(
            F::ROWS.iter().map(|row| (format!("{}/{}", F::NAME, row.name), row.about.to_owned(), row.bytes)),
        );
    }
}

fn rows() -> Vec<(String, String, usize)> {
    let mut rows = Rows(Vec::new());
    every::each(&mut rows);
    rows.0
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Every `registry!` in the sources has its line in `every::families!`, and with it its benches, its count of
/// instructions and allocations, its fuzzing and its place in the program without panics.
#[test]
fn nothing_is_left_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let mut registered = BTreeSet::new();
    for file in files.iter().filter(|file| !file.ends_with("src/registry.rs")) {
        let text = fs::read_to_string(file).unwrap();
        for after in text.split(": family \"").skip(1) {
            registered.insert(after.split('"').next().unwrap().to_owned());
        }
    }
    let listed: BTreeSet<String> =
        rows().into_iter().map(|(name, ..)| name.split('/').next().unwrap().to_owned()).collect();
    assert_eq!(listed, registered, "tests/every/mod.rs lists the families on the left");
}

#[test]
fn names_are_unique() {
    let rows = rows();
    let names: BTreeSet<&String> = rows.iter().map(|(name, ..)| name).collect();
    assert_eq!(names.len(), rows.len());
}

/// The documentation's tables are generated; this notices when they have to be once more.
#[test]
fn learners_md_is_what_is_registered() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("LEARNERS.md");
    let text = fs::read_to_string(&path).unwrap();
    let mut family = "";
    let mut written = BTreeSet::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            family = heading.split(' ').next().unwrap();
        }
        let cells: Vec<&str> = line.split(" | ").collect();
        if let (Some(name), Some(about), Some(bytes)) = (cells.first(), cells.get(1), cells.get(2))
            && let Some(name) = name.strip_prefix("| `").and_then(|name| name.strip_suffix('`'))
        {
            written.insert((format!("{family}/{name}"), (*about).to_owned(), bytes.replace(',', "")));
        }
    }
    let registered: BTreeSet<_> =
        rows().into_iter().map(|(name, about, bytes)| (name, about, bytes.to_string())).collect();
    let differs: Vec<_> = registered.symmetric_difference(&written).collect();
    assert!(
        differs.is_empty(),
        "LEARNERS.md is not what is registered; run core-nostd/benches/run tables (or without `tables`, to measure \
         new learners as well): {differs:#?}"
    );
}
