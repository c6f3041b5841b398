//! Builds what a test runs. Cargo offers binaries to the tests of their own package only.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Runs `cargo build ARGUMENTS` in `folder` and returns the binary `name`.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn executable(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    // What Cargo tells this test about itself would make it build some dependencies anew.
    let about_me = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"];
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| about_me.iter().any(|start| name.starts_with(start))) {
            build.env_remove(name);
        }
    }
    build.args(["build", "--quiet", "--message-format", "json", "--bin", name]).args(arguments);
    let built = build.current_dir(folder).output().expect("cargo");
    assert!(
        built.status.success(),
        "cargo build in {}: {}",
        folder.display(),
        String::from_utf8_lossy(&built.stderr)
    );
    let messages = String::from_utf8_lossy(&built.stdout).into_owned();
    let mut binaries = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_it = message["target"]["name"] == name && message["executable"].is_string();
        is_it.then(|| PathBuf::from(message["executable"].as_str().unwrap_or_default()))
    });
    binaries.next_back().expect("cargo names the binary that it built")
}
