//! The agent: readings from MQTT and serial lines in, alerts out.
//!
//! # One reading's way
//! ```text
//!            queue              plain functions on values               queue
//! source ──────────> worker ┌ decode   payload  -> readings   ┐ ──────────────> sink
//! (router:           thread │ device   reading  -> channel    │ findings        (outbox)
//!  topic -> worker)         │ model    channel  -> verdict    │
//!                           └ alert    verdict  -> alert      ┘ ──────────────> store
//! ```
//! Source and sink have a connection to the broker each; a serial line is a source of its own, and what goes down to its
//! device comes from the sink. One device's readings stay in order, because one topic
//! belongs to one worker; nothing that learns is locked. [`topology`] makes all of this and takes it down.

mod admission;
pub mod alert;
#[cfg(feature = "embedded-broker")]
pub mod broker;
pub mod budget;
pub mod check;
pub mod cli;
pub mod clock;
pub mod command;
mod commit;
pub mod config;
pub mod decode;
pub mod device;
pub mod eval;
pub mod health;
pub mod joint;
pub mod ledger;
pub mod link;
pub mod model;
pub mod mqtt;
pub mod order;
mod overload;
pub mod reading;
mod recovery;
pub mod report;
pub mod router;
pub mod siblings;
pub mod sink;
pub mod source;
pub mod status;
pub mod store;
mod storm;
pub mod supervise;
pub mod time;
pub mod topology;
pub mod worker;
