#![no_std]
#[cfg(feature = "embassy")]
pub mod accelerometer;
#[cfg(feature = "embassy")]
pub mod serve;
pub mod vibration;
