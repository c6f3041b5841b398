//! Where a value lies among those seen.

mod log_histogram;

pub use log_histogram::LogHistogram;
