//! What every board uses.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

#[cfg(feature = "embassy")]
pub mod accelerometer;
pub mod device;
#[cfg(feature = "proof")]
pub mod proof;
#[cfg(feature = "embassy")]
pub mod serve;
pub mod signal;
pub mod simulated;
pub mod slots;
pub mod vibration;
