//! Running statistics: figures of all samples, of the last ones, or fading.
//!
//! [`AnyStatistic`] holds any of the registered ones; its table below is the registry.

mod compensated;
mod count;
mod covariance;
mod deviation;
mod ew;
mod extremum;
mod fixed_ew;
mod half_life;
mod mean;
mod moments;
mod period;
mod rolling_mad;
mod sum;
mod variance;

pub(crate) use compensated::Compensated;
pub use count::Count;
pub use covariance::{Correlation, Covariance};
pub use deviation::Mad;
pub use ew::EwMeanVar;
pub use extremum::{Max, Min};
pub use fixed_ew::{FixedEwMean, FixedEwVariance};
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
        /// Exponentially weighted mean over 128 samples in whole numbers, for ±524,288 in steps of 1/4096.
        "fixed_ew_mean" => FixedEwMean(FixedEwMean<12, 7>) = FixedEwMean::new(),
        /// Exponentially weighted variance over 128 samples in whole numbers, for ±524,288 in steps of 1/4096.
        "fixed_ew_variance" => FixedEwVariance(FixedEwVariance<12, 7>) = FixedEwVariance::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::traits::{Merge, Statistic, Validate};

    /// For every cut of a stream, also one that leaves a side empty.
    fn merging_is_learning_both<S>(new: S, tolerance: f32)
    where
        S: Statistic<Input = f32, Output = f32> + Merge + Validate + Copy + core::fmt::Debug,
    {
        for cut in [0, 1, 7, 300, 999, 1000] {
            let (mut rng, mut all, mut left, mut right) = (Rng::new(5), new, new, new);
            for i in 0..1000 {
                let x = if i < 300 { 20.0 } else { -3.0 } + rng.normal() * rng.uniform();
                all.learn_one(&x);
                if i < cut { left.learn_one(&x) } else { right.learn_one(&x) }
            }
            left.merge(&right);
            let (both, wanted) = (left.value().unwrap(), all.value().unwrap());
            assert!((both - wanted).abs() <= tolerance * wanted.abs(), "{cut}: {both} {wanted}: {left:?}");
            assert!(left.is_valid());
        }
    }

    #[test]
    fn every_statistic_of_all_samples_merges() {
        merging_is_learning_both(Count::new(), 0.0);
        merging_is_learning_both(Sum::new(), 1e-7);
        merging_is_learning_both(Mean::new(), 1e-7);
        merging_is_learning_both(Variance::new(0), 1e-6);
        merging_is_learning_both(Variance::new(1), 1e-6);
        merging_is_learning_both(Skewness::new(), 1e-5);
        merging_is_learning_both(Kurtosis::new(), 1e-5);
        merging_is_learning_both(Min::new(), 0.0);
        merging_is_learning_both(Max::new(), 0.0);
    }

    #[test]
    fn memory_is_what_the_documentation_says() {
        let bytes = AnyStatistic::ROWS.iter().map(|row| row.bytes);
        assert!(bytes.eq([8, 8, 12, 24, 36, 36, 8, 8, 16, 24, 120, 508, 16, 24]));
        assert_eq!(size_of::<Covariance<8, 1000>>(), 4 * 64 + 4 * 8 + 8);
        assert_eq!(size_of::<Correlation<1000>>(), 32);
    }
}
