//! Running statistics.

mod ew;
mod period;

pub use ew::EwMeanVar;
pub use period::Period;
