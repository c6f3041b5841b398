//! Nothing registered goes unheld, and no golden file lies about unused.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn lines(path: &str) -> Vec<String> {
    let text = fs::read_to_string(here(path)).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn every_registered_learner_is_held_against_something() {
    // The core's own tests see to it that its list of bits names all that is registered.
    let bits = lines("../../core-nostd/tests/bits.txt");
    let registered: BTreeSet<&str> = bits.iter().filter_map(|line| line.split(' ').next()).collect();
    let held = lines("held.csv");
    let named: BTreeSet<&str> = held.iter().skip(1).filter_map(|line| line.split(',').next()).collect();
    let missing: Vec<_> = registered.symmetric_difference(&named).collect();
    assert!(missing.is_empty(), "add to or remove from tests/golden/held.csv: {missing:?}");
    for line in held.iter().skip(1) {
        let by = line.split(',').nth(1).unwrap();
        if by.ends_with(".rs") {
            let tests = fs::read_to_string(here("../..").join(by)).unwrap_or_else(|e| panic!("{line}: {e}"));
            assert!(tests.contains("#[test]"), "{line}: no tests there");
        } else {
            assert!(here(&format!("files/{by}.csv")).exists(), "{line}: no such golden file");
        }
    }
}

#[test]
fn every_golden_file_is_used() {
    let mut cases = String::new();
    for folder in ["cases", "packed", "prequential"] {
        for entry in fs::read_dir(here(folder)).unwrap().flatten() {
            cases += &fs::read_to_string(entry.path()).unwrap();
        }
    }
    for family in fs::read_dir(here("files")).unwrap().flatten() {
        for file in fs::read_dir(family.path()).unwrap().flatten() {
            let file = file.path();
            let name = file.file_stem().unwrap().to_str().unwrap();
            assert!(cases.contains(name), "{} is not used by any case", file.display());
        }
    }
}
