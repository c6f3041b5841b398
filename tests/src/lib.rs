//! What the integration tests stand on: a real mosquitto, the real agent, and a client that watches both.
//!
//! ```text
//! record   what came in so far, and waiting for more     (log lines, messages)
//! child    a process that never outlives its test
//! broker   mosquitto on a port of its own       agent   the `brooklet` binary
//! client   publishes readings, watches alerts   signal  readings with and without faults
//! build    programs under test                  qemu    firmware on an emulated board
//! board    a device of its own mind on a line over TCP
//! malformed payloads that no decoder takes, and why
//! fake_broker  a broker that follows a script, for what no real one does
//! ```
//! Nothing here sleeps to let something happen: everything waits for a condition, with a deadline. What fails says
//! what it waited for, and prints the logs of the processes it had started.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop where it fails")]

pub mod agent;
pub mod board;
pub mod broker;
pub mod build;
pub mod child;
pub mod client;
pub mod fake_broker;
pub mod malformed;
pub mod qemu;
pub mod record;
pub mod signal;

use std::time::Duration;

/// How long a test waits for anything before it fails: far longer than it takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);
