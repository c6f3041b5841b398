//! `brooklet check`: is the configuration right, and what would it do?
#![allow(clippy::print_stdout, reason = "the answer of a command is data")]

use std::path::Path;
use std::process::ExitCode;

use crate::check::{self, Durability, Plan, Problems, Version};

/// Checks the configuration at `path`. All is well: a summary on stdout, exit code 0. Otherwise the problems,
/// one a line, on stderr, exit code 78. With `json` an array of problems on stdout in either case.
#[must_use]
pub fn run(path: &Path, json: bool) -> ExitCode {
    let result = check::load(path);
    if json {
        let problems = result.as_ref().err().map_or(&[][..], |problems| &problems.0);
        match serde_json::to_string_pretty(problems) {
            Ok(text) => println!("{text}"),
            Err(error) => eprintln!("{error}"),
        }
    }
    match result {
        Ok(plan) => {
            if !json {
                print!("{}", summary(&plan));
            }
            ExitCode::SUCCESS
        }
        Err(problems) => {
            if !json {
                eprintln!("{}", told(&problems));
            }
            ExitCode::from(super::exit::CONFIG)
        }
    }
}

fn told(problems: &Problems) -> String {
    let count = problems.0.len();
    format!("{problems}\n{count} problem{}", if count == 1 { "" } else { "s" })
}

fn durability(plan: &Plan) -> String {
    match plan.gateway.durability {
        Durability::Checkpoint => {
            format!("a power cut costs what was learnt in the last {} s", plan.gateway.checkpoint.as_secs())
        }
        Durability::Journal => "journal: a power cut costs nothing that was acknowledged".to_owned(),
    }
}

fn summary(plan: &Plan) -> String {
    let broker = &plan.broker;
    let host = if broker.host.contains(':') { format!("[{}]", broker.host) } else { broker.host.clone() };
    let how = match (&broker.tls, &broker.username) {
        (Some(tls), _) if tls.identity.is_some() => "TLS, client certificate".to_owned(),
        (tls, username) => {
            let who = username.as_ref().map_or_else(|| "anonymous".to_owned(), |name| format!("as {name}"));
            format!("{}, {who}", if tls.is_some() { "TLS" } else { "no TLS" })
        }
    };
    let version = if broker.version == Version::V5 { ", MQTT 5" } else { "" };
    let mut lines = vec![
        format!("gateway  {}", plan.gateway.name),
        format!("broker   {host}:{} ({how}{version}), client {}", broker.port, broker.client_id),
        format!("state    {} ({})", plan.gateway.state_dir.display(), durability(plan)),
    ];
    for stream in &plan.streams {
        let channels = stream.channels.as_ref().map_or_else(
            || "every number".to_owned(),
            |all| all.iter().map(|channel| channel.name.as_str()).collect::<Vec<_>>().join(", "),
        );
        lines.push(format!("stream   {}: {} -> {channels}", stream.name, stream.topic.filter()));
    }
    for serial in &plan.serials {
        lines.push(format!("serial   {}: {} -> device {}", serial.name, serial.port, serial.device));
    }
    let streams = plan.streams.iter().map(|stream| stream.name.as_str());
    let names: Vec<_> = streams.chain(plan.serials.iter().map(|serial| serial.name.as_str())).collect();
    for task in &plan.tasks {
        let streams: Vec<_> = task.streams.iter().filter_map(|i| names.get(*i).copied()).collect();
        let learn = format!("{:?}", task.learn).to_lowercase();
        lines.push(format!("task     {}: {learn} on {}", task.name, streams.join(", ")));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_broker_streams_and_tasks() {
        let plan = check::zero_config_with(
            Some("mqtt://[::1]"),
            &["sensors/{device}/#".to_owned()],
            [("BROOKLET_GATEWAY__NAME", "g"), ("STATE_DIRECTORY", "/s")].map(|(a, b)| (a.into(), b.into())),
        )
        .unwrap();
        assert_eq!(
            summary(&plan),
            "gateway  g\n\
             broker   [::1]:1883 (no TLS, anonymous), client brooklet-g\n\
             state    /s (a power cut costs what was learnt in the last 300 s)\n\
             stream   sensors/{device}/#: sensors/+/# -> every number\n\
             task     anomaly: anomaly on sensors/{device}/#\n"
        );
    }

    #[test]
    fn problems_are_counted() {
        let problems = check::zero_config_with(Some("x"), &["a#".to_owned()], []).unwrap_err();
        let told = told(&problems);
        assert_eq!(told.lines().count(), 3);
        assert!(told.ends_with("\n2 problems"), "{told}");
    }
}
