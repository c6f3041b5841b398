//! Those invariants of ARCHITECTURE.md that neither the compiler nor a lint can hold.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file below `folder` that is not of tests only, with its text up to its tests.
fn sources(folder: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("tests.rs")
            {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&root().join(folder), &mut files);
    assert!(!files.is_empty());
    let text = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        (path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(), code)
    };
    files.iter().map(text).collect()
}

/// The files whose code contains any of `words`.
fn naming(folder: &str, words: &[&str]) -> Vec<String> {
    let mut files: Vec<_> = sources(folder)
        .into_iter()
        .filter(|(_, code)| {
            let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            code.into_iter().any(|line| words.iter().any(|word| line.contains(word)))
        })
        .map(|(file, _)| file)
        .collect();
    files.sort();
    files
}

#[test]
fn only_math_names_libm() {
    assert_eq!(naming("core-nostd/src", &["libm::"]), ["core-nostd/src/math.rs"]);
}

#[test]
fn core_has_no_heap_and_no_platform() {
    let none: [&str; 0] = [];
    assert_eq!(
        naming("core-nostd/src", &["extern crate alloc", "use std::", "unsafe ", "Box<", "mul_add"]),
        none
    );
    assert!(fs::read_to_string(root().join("core-nostd/src/lib.rs")).unwrap().starts_with("#![no_std]"));
}

#[test]
fn only_the_topology_makes_threads() {
    let threads = naming("agent/src", &["thread::spawn", "thread::Builder"]);
    assert_eq!(threads, ["agent/src/broker.rs", "agent/src/topology.rs"]);
    assert_eq!(naming("agent/src", &["tokio::spawn"]), ["agent/src/cli/demo/play.rs"]);
}

#[test]
fn risky_libraries_are_named_in_few_files() {
    assert_eq!(naming("agent/src", &["mqtt5::"]), ["agent/src/broker.rs"]);
    let of_the_store = naming("agent/src", &["redb::"]);
    assert!(of_the_store.iter().all(|file| file.starts_with("agent/src/store/")), "{of_the_store:#?}");
    assert_eq!(naming("agent/src", &["Monitor"]), ["agent/src/joint.rs", "agent/src/model.rs"]);
}

#[test]
fn firmware_is_not_in_the_workspace() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains(r#"members = ["core-nostd", "agent", "tests", "tests/golden"]"#));
    assert!(manifest.contains(r#"exclude = ["firmware-examples""#));
}
