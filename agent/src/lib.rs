//! skeleton
pub mod reading;
