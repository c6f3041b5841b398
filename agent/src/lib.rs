//! skeleton
pub mod alert;
pub mod device;
pub mod model;
pub mod reading;
