//! The check: configuration in, [`Plan`] or [`Problems`] out, all of them at once and each with its place.
//!
//! ```text
//! files, conf.d, environment -> tree (every value knows its place) -> read (serde types) -> resolve -> Plan
//! ```

mod broker;
mod expand;
mod path;
mod plan;
mod problem;
mod read;
mod resolve;
mod secret;
mod topic;
mod tree;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use plan::{
    AlertPlan, Broker, ChannelPlan, ClockTrust, DeviceTemplate, Durability, GatewayPlan, Glob, Identity,
    Learn, Plan, Port, PublishPlan, SerialPlan, StreamPlan, TaskPlan, Tls, Version,
};
pub(crate) use problem::nearest;
pub use problem::{Problem, Problems};
pub(crate) use resolve::no_level;
pub use secret::Secret;
pub use topic::{BadTopic, Captures, TopicPattern, covers};

use crate::config::Config;
use tree::{Env, Tree};

/// The broker unless one is named.
const DEFAULT_URL: &str = "mqtt://localhost:1883";

/// Checks the file at `path` with the `*.toml` files of the `conf.d` folder beside it and the environment.
///
/// # Errors
/// Everything that is wrong.
pub fn load(path: &Path) -> Result<Plan, Problems> {
    load_with(path, environment())
}

/// [`load`] with another environment. `conf.d` files follow in the order of their names: tables join, arrays
/// of tables append, everything else is replaced. `BROOKLET_A__B` then replaces `a.b`.
///
/// # Errors
/// Everything that is wrong.
pub fn load_with(path: &Path, env: impl IntoIterator<Item = (String, String)>) -> Result<Plan, Problems> {
    let env: Env = env.into_iter().collect();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut tree = Tree::new();
    let mut files = vec![path.to_owned()];
    match fragments(&folder.join("conf.d")) {
        Ok(fragments) => files.extend(fragments),
        Err(error) => tree.unreadable(&folder.join("conf.d").to_string_lossy(), &error),
    }
    for file in files {
        match fs::read_to_string(&file) {
            Ok(text) => tree.add_file(&file.to_string_lossy(), &text),
            Err(error) => tree.unreadable(&file.to_string_lossy(), &error),
        }
    }
    tree.expand(&env);
    tree.add_env(&env);
    finish(tree, &env, folder)
}

/// Reads a configuration's text and nothing else: no files, no environment. What it means is not looked at.
///
/// # Errors
/// Everything that is wrong with keys and values.
pub fn parse(text: &str) -> Result<Config, Problems> {
    let mut tree = Tree::new();
    tree.add_file("text", text);
    tree.expand(&Env::new());
    match read::config(&mut tree) {
        Some(config) if tree.is_sound() => Ok(config),
        _ => Err(tree.into_problems()),
    }
}

/// The plan of `run --broker URL --topic FILTER ..` without a file: every number of those topics (`#` if there
/// are none), one stream a topic. Without a broker it is `BROOKLET_MQTT__URL`, else that of this host.
///
/// # Errors
/// Everything that is wrong.
pub fn zero_config(broker_url: Option<&str>, topics: &[String]) -> Result<Plan, Problems> {
    zero_config_with(broker_url, topics, environment())
}

/// [`zero_config`] with another environment.
///
/// # Errors
/// Everything that is wrong.
pub fn zero_config_with(
    broker_url: Option<&str>,
    topics: &[String],
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Plan, Problems> {
    let env: Env = env.into_iter().collect();
    let mut tree = Tree::new();
    let mut given: Vec<&str> = Vec::new();
    for topic in topics.iter().map(String::as_str) {
        if !given.contains(&topic) {
            given.push(topic);
        }
    }
    if given.is_empty() {
        given.push("#");
    }
    for (i, topic) in given.iter().enumerate() {
        let i = i.to_string();
        tree.set(&["stream", &i, "topic"], "--topic", topic);
        // An empty topic is told as such, not as an empty name.
        tree.set(&["stream", &i, "name"], "--topic", if topic.is_empty() { "topic" } else { topic });
    }
    tree.set(&["mqtt", "url"], "--broker", DEFAULT_URL);
    tree.add_env(&env);
    if let Some(url) = broker_url {
        tree.set(&["mqtt", "url"], "--broker", url);
    }
    finish(tree, &env, Path::new(""))
}

fn finish(mut tree: Tree, env: &Env, folder: &Path) -> Result<Plan, Problems> {
    let plan = read::config(&mut tree).and_then(|config| resolve::plan(&mut tree, env, folder, &config));
    match plan {
        Some(plan) if tree.is_sound() => Ok(plan),
        _ => Err(tree.into_problems()),
    }
}

/// The `*.toml` files of `conf.d` by name; hidden ones are editors' own.
fn fragments(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.extension() == Some(OsStr::new("toml")) && !hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The variables that are text; others cannot be meant.
/// The process' environment, as far as it is text.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests;
