//! skeleton
pub mod cli;
pub mod reading;
pub mod source;
