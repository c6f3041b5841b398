//! What every board uses.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "proof")]
pub mod proof;
pub mod signal;
