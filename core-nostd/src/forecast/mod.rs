//! Forecasters: the next values of a channel, each with the spread of its error.
//!
//! Every forecaster scores its own one-step forecasts as it goes; how the error grows with the distance follows from the
//! model. So bands are right where the model is, and too narrow where the future is unlike the past.

mod autoregression;
mod errors;
mod holt_winters;
mod local_level;
mod local_linear_trend;
mod naive;
mod seasonal_naive;

pub use autoregression::Autoregression;
pub use holt_winters::{HoltWinters, Season};
pub use local_level::LocalLevel;
pub use local_linear_trend::LocalLinearTrend;
pub use naive::Naive;
pub use seasonal_naive::SeasonalNaive;

use crate::registry::registry;

registry! {
    /// Any registered forecaster of one channel.
    forecaster AnyForecaster: family "forecast", kind 19 {
        /// The last value stays.
        "naive" => Naive(Naive) = Naive::new(),
        /// What was 24 samples ago comes again.
        "seasonal_naive_24" => SeasonalNaive24(SeasonalNaive<24>) = SeasonalNaive::new(),
        /// What was 96 samples ago comes again.
        "seasonal_naive_96" => SeasonalNaive96(SeasonalNaive<96>) = SeasonalNaive::new(),
        /// Level, trend and a cycle of 24 samples that is added.
        "holt_winters_24" => HoltWinters24(HoltWinters<24>) = HoltWinters::new(Season::Additive, 0.3, 0.01, 0.1),
        /// Level, trend and a cycle of 24 samples that multiplies: for values above 0 whose swing grows with them.
        "holt_winters_multiplicative_24" => HoltWintersMultiplicative24(HoltWinters<24>) =
            HoltWinters::new(Season::Multiplicative, 0.3, 0.01, 0.1),
        /// Level, a trend that dies out and a cycle of 24 samples: the safest of the three far ahead.
        "holt_winters_damped_24" => HoltWintersDamped24(HoltWinters<24>) =
            HoltWinters::new(Season::Additive, 0.3, 0.05, 0.1).damped(0.9),
        /// Level, a trend that dies out and a cycle of 96 samples.
        "holt_winters_damped_96" => HoltWintersDamped96(HoltWinters<96>) =
            HoltWinters::new(Season::Additive, 0.3, 0.05, 0.1).damped(0.9),
        /// The last 4 values, weighted by recursive least squares.
        "autoregression_4" => Autoregression4(Autoregression<4>) = Autoregression::new(0.999),
        /// The last 12 values, weighted by recursive least squares.
        "autoregression_12" => Autoregression12(Autoregression<12>) = Autoregression::new(0.9995),
        /// A level that wanders, by Kalman's filter.
        "local_level" => LocalLevel(LocalLevel) = LocalLevel::new(0.1),
        /// A level and a slope that wander, by Kalman's filter.
        "local_linear_trend" => LocalLinearTrend(LocalLinearTrend) = LocalLinearTrend::new(0.1, 0.001),
    }
}
