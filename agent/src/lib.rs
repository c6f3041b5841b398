//! skeleton
pub mod alert;
pub mod check;
pub mod cli;
pub mod config;
pub mod decode;
pub mod device;
pub mod model;
pub mod reading;
pub mod source;
pub mod time;
