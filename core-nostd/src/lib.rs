#![no_std]
#![deny(missing_docs)]
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![deny(clippy::arithmetic_side_effects)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)
)]
//! Fixed-memory online learners for sensor streams: no heap, no clock, no IO, no panics, and the same bits on a
//! microcontroller as on a server.
//!
//! # Layers
//! Each layer uses only those above it.
//!
//! | layer | modules | what it holds |
//! |---|---|---|
//! | ground | [`math`], [`rng`], [`mod@array`] | the only door to `libm`, seeded random numbers, serde for `[T; N]` |
//! | values and roles | [`sample`], [`traits`], [`compose`] | finite input by construction; what a learner can do; static pipelines |
//! | parts | [`stats`], [`window`], [`quantile`], [`preprocess`], [`spectral`], [`linear`] | running statistics, windows and transformers |
//! | keys and events | [`sketch`], [`pattern`] | counts over many keys; patterns of events |
//! | detectors | [`anomaly`] | from a reading to evidence, in powers of ten |
//! | watchers | [`drift`], [`spc`], [`threshold`] | from a stream to an alarm that it changed; from scores to what is rare |
//! | models | [`regress`], [`classify`], [`cluster`] | from a sample to a number, a class, a group |
//! | foresight | [`forecast`], [`prognose`] | what comes next, and how long until a limit |
//! | judgement | [`fuse`], [`evaluate`], [`recommend`] | one score from several, how good predictions are, what helped before |
//! | decision | [`alarm`], [`monitor`] | from evidence to alerts: the one step that firmware and gateway share |
//! | edge | [`message`], [`snapshot`] | what goes over a wire or into flash |
//!
//! # The unit of every score
//! A score of `s` says: once in `10^s` samples of what was seen. 0 is ordinary, 3 is rare, 6 was never near.
//!
//! # Example: watch one channel
//! ```
//! use brooklet_core::alarm::Settings;
//! use brooklet_core::anomaly::DefaultDetector;
//! use brooklet_core::monitor::Monitor;
//! use brooklet_core::sample::Moment;
//!
//! static MONITOR: Monitor<DefaultDetector> = Monitor::new(DefaultDetector::new()); // may live in a static
//! let mut monitor = MONITOR.clone();
//! let mut alerts = 0;
//! for i in 0..3000u16 {
//!     let value = if i == 2500 { 90.0 } else { 20.0 + f32::from(i % 7) };
//!     let time = i64::from(i) * 300_000; // one reading in five minutes
//!     let moment = Moment::new(value, Some(time)).expect("finite");
//!     let verdict = monitor.step(&moment, &Settings::DEFAULT);
//!     alerts += u16::from(verdict.fired);
//! }
//! assert_eq!(alerts, 1);
//! ```

#[cfg(test)]
extern crate std;

pub mod array;
pub mod math;
pub mod rng;

pub mod compose;
pub mod sample;
pub mod traits;

pub mod registry;

pub mod linear;
pub mod preprocess;
pub mod quantile;
pub mod spectral;
pub mod stats;
pub mod window;

pub mod pattern;
pub mod sketch;

pub mod anomaly;

pub mod drift;
pub mod spc;
pub mod threshold;

pub mod classify;
pub mod cluster;
pub mod regress;

pub mod forecast;
pub mod prognose;

pub mod evaluate;
pub mod fuse;
pub mod recommend;

pub mod alarm;
pub mod monitor;

pub mod message;
pub mod snapshot;
