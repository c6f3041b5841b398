//! Transformers: from samples to samples that are easier to learn from.

mod difference;
mod standard_scaler;

pub use difference::Difference;
pub use standard_scaler::StandardScaler;
