//! The agent against real brokers, real files and faulty peers. See `brooklet_tests` for what the tests stand on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may stop where it fails")]

mod bad_input;
mod broker;
mod cold_start;
mod configured;
mod demo;
mod detection;
mod disk;
mod fake_broker;
mod firmware;
mod firmware_ethernet;
mod invariants;
mod nab;
mod overload;
mod record;
mod replay;
mod restart;
mod security;
mod serial;
mod shutdown;
mod status;
mod supervised;
mod time;
mod together;
