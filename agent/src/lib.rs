//! skeleton
pub mod reading;
pub mod source;
