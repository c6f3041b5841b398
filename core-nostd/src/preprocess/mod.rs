//! Transformers: from samples to samples that are easier to learn from, and imputers, which fill gaps and say so.
//!
//! [`AnyTransformer`] and [`AnyImputer`] hold any of the registered ones; their tables below are the registry.

mod bump;
mod clip;
mod difference;
mod feature_hasher;
mod filled;
mod kalman_imputer;
mod lag;
mod last_imputer;
mod linear_imputer;
mod max_abs_scaler;
mod min_max_scaler;
mod one_hot;
mod online_standard_scaler;
mod polynomial;
mod robust_scaler;
mod seasonal_imputer;
mod standard_scaler;
mod statistic_imputer;

pub use bump::Bump;
pub use clip::Clip;
pub use difference::Difference;
pub use feature_hasher::FeatureHasher;
pub use filled::Filled;
pub use kalman_imputer::KalmanImputer;
pub use lag::Lag;
pub use last_imputer::LastImputer;
pub use linear_imputer::LinearImputer;
pub use max_abs_scaler::MaxAbsScaler;
pub use min_max_scaler::MinMaxScaler;
pub use one_hot::OneHot;
pub use online_standard_scaler::OnlineStandardScaler;
pub use polynomial::Polynomial;
pub use robust_scaler::RobustScaler;
pub use seasonal_imputer::SeasonalImputer;
pub use standard_scaler::StandardScaler;
pub use statistic_imputer::StatisticImputer;

use crate::quantile::P2;
use crate::registry::registry;
use crate::stats::{EwMean, Mean};

/// A scale below this counts as none; what is divided by more stays finite.
const TINY: f32 = 1e-20;

registry! {
    /// Any registered transformer of `N` features into as many.
    transformer AnyTransformer<const N: usize>: family "preprocess", kind 16 {
        /// Minus the mean, by the deviation, both fading over 5000 samples.
        "standard" => Standard(StandardScaler<N, 5000>) = StandardScaler::new(),
        /// Minus the mean, by the deviation of all samples.
        "standard_all" => StandardAll(StandardScaler<N, { u32::MAX }>) = StandardScaler::new(),
        /// Flink ML's: minus the mean, by the deviation, renewed every 100 samples.
        "standard_online" => StandardOnline(OnlineStandardScaler<N, 100>) = OnlineStandardScaler::new(true, true),
        /// Place between the smallest and the largest value so far, 0 to 1.
        "min_max" => MinMax(MinMaxScaler<N>) = MinMaxScaler::new(0.0),
        /// The same; what a wild value left shrinks by half in some 700 samples.
        "min_max_fading" => MinMaxFading(MinMaxScaler<N>) = MinMaxScaler::new(0.001),
        /// Share of the largest absolute value so far, -1 to 1.
        "max_abs" => MaxAbs(MaxAbsScaler<N>) = MaxAbsScaler::new(0.0),
        /// The same; the largest value shrinks by half in some 700 samples.
        "max_abs_fading" => MaxAbsFading(MaxAbsScaler<N>) = MaxAbsScaler::new(0.001),
        /// Minus the median, by the interquartile range of all samples.
        "robust" => Robust(RobustScaler<N>) = RobustScaler::new(u32::MAX),
        /// The same; after a thousand samples the older ones count half.
        "robust_fading" => RobustFading(RobustScaler<N>) = RobustScaler::new(1000),
        /// The sample before this one.
        "lag_1" => Lag(Lag<N, 1>) = Lag::new(),
        /// Each feature brought into -3 to 3.
        "clip" => Clip(Clip<N>) = Clip::new(-3.0, 3.0),
    }
}

registry! {
    /// Any registered imputer of one channel.
    imputer AnyImputer: family "impute", kind 17 {
        /// The last value measured.
        "last" => Last(LastImputer) = LastImputer::new(),
        /// The mean of all measured.
        "mean" => Mean(StatisticImputer<Mean>) = StatisticImputer::new(Mean::new()),
        /// Their fading mean, with a half-life of 100 samples.
        "ew_mean" => EwMean(StatisticImputer<EwMean>) = StatisticImputer::new(EwMean::by_half_life(100.0)),
        /// Their median, by P².
        "median" => Median(StatisticImputer<P2>) = StatisticImputer::new(P2::new(0.5)),
        /// On with the line through the last two measured, for up to 10 samples.
        "linear" => Linear(LinearImputer) = LinearImputer::new(10),
        /// The value 24 samples ago.
        "seasonal_24" => Seasonal(SeasonalImputer<24>) = SeasonalImputer::new(),
        /// What a Kalman filter of level and trend expects.
        "kalman" => Kalman(KalmanImputer) = KalmanImputer::new(0.1, 0.001),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_the_documentation_says() {
        let bytes = AnyTransformer::<8>::ROWS.iter().map(|row| row.bytes);
        let [one, two, robust] = [4 * 8 + 8, 8 * 8 + 8, 180 * 8 + 4];
        assert!(bytes.eq([16 * 8 + 4, 16 * 8 + 4, 24 * 8 + 12, two, two, one, one, robust, robust, 36, 8]));
        let bytes = AnyImputer::ROWS.iter().map(|row| row.bytes);
        assert!(bytes.eq([8, 12, 16, 60, 20, 8 * 24 + 12, 32]));
    }
}
