//! The agent's binary as a child process.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use crate::PATIENCE;
use crate::broker::Broker;
use crate::build;
use crate::child::Child;

/// The name that every agent of these tests has: each has a broker of its own.
pub const GATEWAY: &str = "gw";
/// Where it says how it is.
pub const STATUS: &str = "brooklet/gw/status";
/// How long stopping may take: a promise.
pub const STOP_WITHIN: Duration = Duration::from_secs(5);

/// `brooklet` with the arguments that follow, in an environment of its own. Health comes every second, and readings may
/// be as old as those of these tests are.
#[must_use]
pub fn brooklet() -> Command {
    let mut command = Command::new(binary());
    let of_the_agent = |name: &str| name.starts_with("BROOKLET_") || name == "RUST_LOG";
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_the_agent)) {
        command.env_remove(name);
    }
    for name in ["STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"] {
        command.env_remove(name);
    }
    command
        .env("NO_COLOR", "1")
        .env("BROOKLET_GATEWAY__NAME", GATEWAY)
        .env("BROOKLET_GATEWAY__HEALTH_SECONDS", "1")
        .env("BROOKLET_GATEWAY__MAX_PAST_SECONDS", "0");
    command
}

/// `brooklet run` without a file, watching `filter` on the broker's first listener.
#[must_use]
pub fn watching(broker: &Broker, filter: &str, state: &Path) -> Command {
    let mut command = brooklet();
    command.args(["run", "--broker", &broker.url(), "--topic", filter, "--state-dir"]).arg(state);
    command
}

/// `brooklet run` with a configuration, which is written into `folder`.
///
/// # Panics
/// If it cannot be written.
#[must_use]
pub fn configured(config: &str, folder: &Path, state: &Path) -> Command {
    let file = folder.join("brooklet.toml");
    std::fs::write(&file, config).expect("a file for the agent");
    let mut command = brooklet();
    command.args(["run", "--config"]).arg(file).arg("--state-dir").arg(state);
    command
}

/// Starts an agent and waits until it has subscribed and said `online`.
///
/// # Panics
/// If it does not.
#[must_use]
pub fn start(mut command: Command) -> Child {
    let agent = Child::spawn("brooklet", &mut command);
    wait_ready(&agent, 1);
    agent
}

/// Waits until the agent has subscribed, and may publish, for the `n`th time (from 1).
pub fn wait_ready(agent: &Child, n: usize) {
    agent.nth_line(" subscribed", n);
    agent.nth_line("ready to publish", n);
}

/// Stops an agent by SIGTERM, in time and without error, and returns what it counted.
///
/// # Panics
/// If it takes too long or reports a failure.
pub fn stop(agent: &mut Child) -> Value {
    agent.signal("TERM");
    let status = agent.wait(STOP_WITHIN);
    assert!(status.success(), "{status}");
    totals(agent)
}

/// What the agent's last line says that it counted.
///
/// # Panics
/// If there is no such line.
#[must_use]
pub fn totals(agent: &Child) -> Value {
    let line = agent.line(" stopped totals=");
    let (_, json) = line.split_once("totals=").expect("it was just found");
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error} in {json}"))
}

/// Runs `brooklet` to its end.
///
/// # Panics
/// If it cannot be started.
#[must_use]
pub fn run(arguments: &[&str]) -> Output {
    brooklet().args(arguments).output().expect("brooklet")
}

/// Runs a `brooklet run` that must refuse to start; returns its exit code and log.
///
/// # Panics
/// If it starts.
#[must_use]
pub fn refused(mut command: Command) -> (Option<i32>, String) {
    let mut agent = Child::spawn("brooklet", &mut command);
    let code = agent.wait(PATIENCE).code();
    (code, agent.log().look(|lines| lines.join("\n")))
}

/// The agent's binary: `BROOKLET_BINARY` if that is set, to look at one that was built elsewhere; else built with the profile
/// of this test.
///
/// # Panics
/// If it cannot be built.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(binary) = std::env::var_os("BROOKLET_BINARY") {
            return binary.into();
        }
        // target/<profile>/deps/it-0123, or target/<profile>/prove
        let me = std::env::current_exe().expect("this test's own path");
        let folder = me.ancestors().skip(1).find(|folder| !folder.ends_with("deps"));
        let profile = folder.and_then(Path::file_name).and_then(|name| name.to_str());
        let profile = profile.filter(|profile| *profile != "debug").unwrap_or("dev");
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        build::executable(&top, "brooklet", &["--package", "brooklet", "--profile", profile])
    })
}
