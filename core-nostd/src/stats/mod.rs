//! Running statistics: figures of all samples, of the last ones, or fading.
//!
//! [`AnyStatistic`] holds any of the registered ones; its table below is the registry.

mod compensated;
mod count;
mod covariance;
mod deviation;
mod ew;
mod extremum;
mod half_life;
mod mean;
mod moments;
mod period;
mod rolling_mad;
mod sum;
mod variance;

pub use count::Count;
pub use covariance::{Correlation, Covariance};
pub use deviation::Mad;
pub use ew::EwMeanVar;
pub(crate) use ew::at_least_resolved;
pub use extremum::{Max, Min};
pub use half_life::{EwMean, EwVariance, share_of_half_life};
pub use mean::Mean;
pub use moments::{Kurtosis, Moments, Skewness};
pub use period::Period;
pub use rolling_mad::RollingMad;
pub use sum::Sum;
pub use variance::Variance;

use crate::registry::registry;

registry! {
    /// Any registered statistic of one channel.
    statistic AnyStatistic: family "stats", kind 14 {
        /// Number of samples.
        "count" => Count(Count) = Count::new(),
        /// Sum of all samples, compensated.
        "sum" => Sum(Sum) = Sum::new(),
        /// Mean of all samples.
        "mean" => Mean(Mean) = Mean::new(),
        /// Variance of all samples, as an estimate of the source's (one off the count).
        "variance" => Variance(Variance) = Variance::new(1),
        /// Skewness of all samples.
        "skewness" => Skewness(Skewness) = Skewness::new(),
        /// Excess kurtosis of all samples.
        "kurtosis" => Kurtosis(Kurtosis) = Kurtosis::new(),
        /// The smallest of all samples.
        "min" => Min(Min) = Min::new(),
        /// The largest of all samples.
        "max" => Max(Max) = Max::new(),
        /// Exponentially weighted mean with a half-life of 100 samples.
        "ew_mean" => EwMean(EwMean) = EwMean::by_half_life(100.0),
        /// Exponentially weighted variance with a half-life of 100 samples.
        "ew_variance" => EwVariance(EwVariance) = EwVariance::by_half_life(100.0),
        /// Median absolute deviation of all samples, by two P².
        "mad" => Mad(Mad) = Mad::new(),
        /// Median absolute deviation of the last 63 samples, exact.
        "rolling_mad" => RollingMad(RollingMad<63>) = RollingMad::new(),
    }
}
