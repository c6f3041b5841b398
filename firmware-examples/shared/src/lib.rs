//! What every board uses.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod device;
#[cfg(feature = "proof")]
pub mod proof;
pub mod signal;
pub mod simulated;
pub mod slots;
