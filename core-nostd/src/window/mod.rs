//! Windows over the last samples.

mod moving_mean;

pub use moving_mean::MovingMean;
