//! skeleton
pub mod decode;
pub mod reading;
pub mod time;
