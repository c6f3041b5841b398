//! `brooklet state`: what has been learnt, channel by channel.
#![allow(clippy::print_stdout, reason = "the answer of a command is data")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use brooklet_core::alarm::Settings;
use serde::Serialize;

use super::exit;
use crate::device::{Channel, ChannelSettings};
use crate::reading::{ChannelId, DeviceId, Timestamp};
use crate::store::{Store, StoreError};

/// Show what is stored of each channel; only while no agent uses the folder.
#[derive(Debug, clap::Args)]
pub struct StateArgs {
    /// The state folder.
    folder: PathBuf,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// One channel.
#[derive(Serialize)]
struct Row<'a> {
    device: &'a DeviceId,
    channel: &'a ChannelId,
    /// How many times it was changed, repeats and late readings included.
    steps: u64,
    /// The channels that it judges together; empty for a single one.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    members: &'a [ChannelId],
    /// Readings, or rows, that its model has learnt; none if this version cannot use it.
    readings: Option<u32>,
    /// Time of its last reading.
    last: Option<Timestamp>,
    /// Alerts so far.
    alerts: u64,
    /// Alerts of the last 30 days, fading: what is set against the budget.
    spent: Option<f32>,
    /// An alert is open.
    firing: bool,
    /// CRC-32 of the model: equal models have equal ones.
    model: String,
}

/// Prints all channels.
#[must_use]
pub fn run(args: &StateArgs) -> ExitCode {
    // Opening would make it, and the one who asks may be another than the one whom the agent runs as.
    if !Store::is_in(&args.folder) {
        eprintln!("there is no state of an agent in {}", args.folder.display());
        return ExitCode::from(exit::FAILED);
    }
    let store = match Store::open(&args.folder) {
        Ok(store) => store,
        Err(problem @ StoreError::InUse(_)) => {
            eprintln!("{problem}, or stop that one first");
            return ExitCode::from(exit::TEMPORARY);
        }
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(exit::FAILED);
        }
    };
    if !args.json {
        println!(
            "{:<24} {:<20} {:>10} {:>6} {:>7}  {:<8}  {:<6}",
            "device", "channel", "steps", "alerts", "30 days", "model", ""
        );
    }
    match store.unrepeated() {
        Ok(0) => {}
        Ok(steps) => {
            eprintln!("{steps} further steps are in the journal; the next start of the agent repeats them")
        }
        Err(problem) => eprintln!("the journal cannot be read: {problem}"),
    }
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    let read = store.each(|device, channel, saved| {
        let model = format!("{:08x}", crc.checksum(&saved.snapshot));
        let firing = saved.alert.is_some();
        // Of a budget of one alert.
        let alarm = Settings { budget: 1.0, ..Settings::DEFAULT };
        let one = ChannelSettings { alarm, ..ChannelSettings::default() };
        let settings = Arc::new(if saved.members.is_empty() { one } else { one.of_group() });
        let learnt = Channel::restore(channel.clone(), settings, saved.clone()).ok();
        let spent = learnt.as_ref().map(Channel::budget_used);
        let (steps, last, alerts) = (saved.steps, saved.order.last(), saved.alerts);
        if args.json {
            let (readings, members) = (learnt.as_ref().map(|learnt| learnt.warm_up().0), &saved.members);
            let row = Row { device, channel, steps, members, readings, last, alerts, spent, firing, model };
            println!("{}", serde_json::to_string(&row).unwrap_or_default());
        } else {
            let firing = if firing { "firing" } else { "" };
            let spent = spent.map_or_else(|| "-".to_owned(), |spent| format!("{spent:.1}"));
            println!("{device:<24} {channel:<20} {steps:>10} {alerts:>6} {spent:>7}  {model}  {firing}");
        }
    });
    match read {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the store cannot be read: {error}");
            ExitCode::from(exit::FAILED)
        }
    }
}
