//! Writes the core's f64 twin: all its sources in one file, with every `f32` made `f64`. What the twin computes shows
//! whether a formula is right; what the core computes shows what f32 makes of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a build script stops where it fails"
)]

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core-nostd/src");
    println!("cargo::rerun-if-changed={}", source.display());
    let twin = widen(&inline(&source.join("lib.rs"), &source));
    let target = PathBuf::from(std::env::var_os("OUT_DIR").unwrap()).join("twin.rs");
    fs::write(target, twin).unwrap();
}

/// Layers above the learners: nothing to compare, and their sizes are asserted for f32. Packed forests are bytes of f32.
const LEFT_OUT: [&str; 6] = ["alarm", "frame", "monitor", "message", "packed_forest", "transfer"];

/// The text of a file with its modules' files in place of their declarations. `folder` is where they lie.
fn inline(file: &Path, folder: &Path) -> String {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut out = String::new();
    // Attributes and documentation of whole files are not allowed in the middle of one.
    let mut in_attribute = false;
    for line in text.lines() {
        in_attribute |= line.starts_with("#!");
        if in_attribute || line.trim_start().starts_with("//!") {
            in_attribute &= !line.ends_with(']');
            continue;
        }
        let declared = line.trim().strip_suffix(';').and_then(|line| line.split_once("mod "));
        if let Some((visibility, name)) =
            declared.filter(|(visibility, _)| ["", "pub ", "pub(crate) "].contains(visibility))
        {
            if LEFT_OUT.contains(&name) {
                continue;
            }
            let (flat, nested) = (folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs"));
            let file = if flat.exists() { flat } else { nested };
            let body = inline(&file, &folder.join(name));
            out += &format!("{visibility}mod {name} {{\n{body}}}\n");
        } else {
            out += line;
            out.push('\n');
        }
    }
    out
}

fn widen(code: &str) -> String {
    // The core's own unit tests are meant for f32: left out.
    let code = code.replace("cfg(test)", "cfg(any())").replace("cfg(any(test, ", "cfg(any(");
    let mut code = code.replace("f32", "f64").replace("crate::", "crate::twin::");
    // `libm::sqrtf(` is `libm::sqrt(` in f64.
    let mut from = 0;
    while let Some(at) = code[from..].find("libm::").map(|at| from + at) {
        let open = at + code[at..].find('(').expect("libm names are called");
        assert_eq!(&code[open - 1..open], "f", "an f32 function of libm");
        code.remove(open - 1);
        from = open;
    }
    code
}
