//! skeleton
pub mod alert;
pub mod decode;
pub mod device;
pub mod model;
pub mod reading;
pub mod time;
