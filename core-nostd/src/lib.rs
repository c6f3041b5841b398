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
//! | ground | [`math`], [`rng`], [`mod@array`], [`fixed`] | the only door to `libm`, seeded random numbers, serde for `[T; N]`, fixed point |
//! | values and roles | [`sample`], [`traits`], [`compose`], [`registry`] | finite input by construction; what a learner can do; static pipelines; any learner by its name |
//! | parts | [`stats`], [`window`], [`quantile`], [`preprocess`], [`spectral`], [`linear`] | running statistics, windows and transformers |
//! | keys and events | [`sketch`], [`pattern`] | counts over many keys; patterns of events |
//! | detectors | [`anomaly`] | from a reading to evidence, in powers of ten |
//! | watchers | [`drift`], [`spc`], [`threshold`] | from a stream to an alarm that it changed; from scores to what is rare |
//! | models | [`regress`], [`classify`], [`cluster`] | from a sample to a number, a class, a group |
//! | foresight | [`forecast`], [`prognose`] | what comes next, and how long until a limit |
//! | judgement | [`fuse`], [`evaluate`], [`recommend`] | one score from several, how good predictions are, what helped before |
//! | decision | [`alarm`], [`sensor`], [`monitor`] | from evidence to alerts, plant and sensor told apart: the one step that firmware and gateway share |
//! | edge | [`snapshot`], [`frame`], [`message`], [`transfer`] | what goes into flash or over a wire |
//!
//! # Which learner for which question
//! [Any of them by its name](registry), with its memory and its time; families hold them in an enum.
//!
//! | question | learner |
//! |---|---|
//! | is this reading of one channel normal? | [`DefaultDetector`](anomaly::DefaultDetector) in a [`Monitor`](monitor::Monitor); less memory: [`ZScore`](anomaly::ZScore), [`TailRank`](anomaly::TailRank) |
//! | .. of several channels together? | [`HalfSpaceTrees`](anomaly::HalfSpaceTrees), [`Loda`](anomaly::Loda); of related ones: [`Mahalanobis`](anomaly::Mahalanobis), [`StreamingPca`](anomaly::StreamingPca) |
//! | .. and how rare is that score? | [`Calibrated`](anomaly::Calibrated); where to ring: [`Spot`](threshold::Spot), [`AlertBudget`](threshold::AlertBudget) |
//! | .. on a processor without an FPU? | [`fixed`]: the same roles in whole numbers |
//! | several detectors, one answer? | [`Fisher`](fuse::Fisher), [`Cauchy`](fuse::Cauchy), [`Hedge`](fuse::Hedge) |
//! | has the stream changed? | [`Adwin`](drift::Adwin), [`PageHinkley`](drift::PageHinkley); in its shape: [`Kswin`](drift::Kswin); a learner's errors: [`HddmA`](drift::HddmA) |
//! | is the process in control? | [`Shewhart`](spc::Shewhart), [`Cusum`](drift::Cusum); several channels: [`Mewma`](spc::Mewma), [`HotellingT2`](spc::HotellingT2) |
//! | what comes next? | [`HoltWinters`](forecast::HoltWinters) with a cycle, [`LocalLevel`](forecast::LocalLevel) and [`LocalLinearTrend`](forecast::LocalLinearTrend) without; short memory: [`Autoregression`](forecast::Autoregression) |
//! | how long until a limit? | [`TimeToLimit`](prognose::TimeToLimit) over any forecaster; wear: [`WienerLife`](prognose::WienerLife), [`ExponentialDegradation`](prognose::ExponentialDegradation) |
//! | which class? | [`HoeffdingTree`](classify::HoeffdingTree), [`GaussianNb`](classify::GaussianNb), [`Softmax`](classify::Softmax); drifting: [`AdaptiveForest`](classify::AdaptiveForest); trained elsewhere: [`PackedForest`](classify::packed_forest::PackedForest) |
//! | yes or no? | [`Logistic`](classify::Logistic), [`LogisticFtrl`](classify::LogisticFtrl), [`Arow`](classify::Arow) |
//! | which number? | [`Rls`](regress::Rls); many features: [`Sgd`](regress::Sgd), [`Nlms`](regress::Nlms) |
//! | which group, which mode of operation? | [`KMeans`](cluster::KMeans), [`OnlineKMeans`](cluster::OnlineKMeans), [`OperatingModes`](cluster::OperatingModes) |
//! | who is alike, what helped then? | [`SimilarDevices`](recommend::SimilarDevices), [`PastAlerts`](recommend::PastAlerts) |
//! | a figure of all samples, or a fading one? | [`stats`]; medians and quantiles: [`quantile`] |
//! | .. of the last ones, or by minutes? | [`window`] |
//! | .. of a vibration? | [`spectral`] |
//! | how often did this key come, how many different ones? | [`CountMin`](sketch::CountMin), [`SpaceSaving`](sketch::SpaceSaving), [`HyperLogLog`](sketch::HyperLogLog) |
//! | did these events follow each other? | [`Nfa`](pattern::Nfa) |
//! | samples of unequal scale, with gaps, with categories? | [`preprocess`], put in front by [`Then`](compose::Then) |
//! | how good is it? | [`evaluate`]: predict first, learn afterwards |
//!
//! # What every learner keeps
//! Tested over all that is registered:
//! - Memory is the size of its type: no heap, and nearly every `new` is `const`, so it may live in a static.
//! - The same samples in the same order give the same bits, on every platform; chance comes from a seed.
//! - Learning does not score, scoring does not learn, and what is not known yet is `None`.
//! - Whatever finite numbers come in, what comes out is finite, and nothing panics.
//! - `reset` is `new` with the same settings; settings out of range are brought into it.
//! - Saved by [`snapshot`] and loaded again it goes on as if nothing had been, to the bit. A state from outside is
//!   [checked](traits::Validate) before it is used.
//!
//! # What is not supported
//! - NaN and infinity: [`Sample`](sample::Sample) and [`Moment`](sample::Moment) refuse them. Gaps are `None` to an
//!   [imputer](preprocess::AnyImputer); a sample has all its features or is none.
//! - Order is that of arrival: late samples are not sorted in, windows leave them out and count them.
//! - f32 only. No labels but numbers, no sizes that change while running, one answer to a sample.
//! - A learner is for one task at a time: sharing it between threads or interrupts is its owner's business.
//! - Deep networks, images and text.
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
pub mod fixed;
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
pub mod sensor;

pub mod frame;
pub mod message;
pub mod snapshot;
pub mod transfer;
