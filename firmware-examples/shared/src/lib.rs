//! What every board uses.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "embassy")]
pub mod accelerometer;
#[cfg(feature = "proof")]
pub mod proof;
#[cfg(feature = "embassy")]
pub mod serve;
pub mod signal;
pub mod vibration;
