//! skeleton
pub mod alert;
pub mod cli;
pub mod decode;
pub mod device;
pub mod eval;
pub mod model;
pub mod reading;
pub mod source;
pub mod time;
