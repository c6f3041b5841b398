//! Windows: figures over the last samples, and summaries of stretches of a stream.
//!
//! | you want | take |
//! |---|---|
//! | a summary a minute, or every 100 samples | [`Tumbling`] |
//! | the last five minutes, every minute | [`Hopping`] |
//! | one summary for each burst, or for each state | [`Session`], [`State`] |
//! | a figure over the last `W` values, with every value | the rolling learners below |
//! | any other figure, or a bounded cost for every single value | [`Sliding`], [`SlidingTime`] with an [`Aggregate`] |

mod aggregate;
mod cumulative;
mod daba_lite;
mod hopping;
mod moving_mean;
mod pane;
mod rolling_extreme;
mod rolling_median;
mod rolling_quantile;
mod rolling_variance;
mod session;
mod shingle;
mod sliding;
mod sliding_time;
mod sorted;
mod state;
mod summary;
mod tumbling;

pub use aggregate::{Aggregate, Count, Fall, LargestDrop, Max, MeanVar, Min, Moments, Sum};
pub use cumulative::{CumulativeCount, CumulativeSum};
pub use daba_lite::DabaLite;
pub use hopping::Hopping;
pub use moving_mean::MovingMean;
pub use pane::Length;
pub use rolling_extreme::{RollingExtreme, RollingMax, RollingMin};
pub use rolling_median::RollingMedian;
pub use rolling_quantile::RollingQuantile;
pub use rolling_variance::RollingVariance;
pub use session::Session;
pub use shingle::Shingle;
pub use sliding::Sliding;
pub use sliding_time::SlidingTime;
pub use sorted::SortedWindow;
pub use state::{Split, State};
pub use summary::{Closed, Digest, Summary};
pub use tumbling::Tumbling;

use crate::registry::registry;

registry! {
    /// Any registered windower.
    windower AnyWindow: family "window", kind 10 {
        /// Every 100 samples.
        "count" => Count(Tumbling) = Tumbling::new(Length::Samples(100)),
        /// Every minute.
        "tumbling" => Tumbling(Tumbling) = Tumbling::new(Length::minutes(1)),
        /// The last five minutes, every minute.
        "hopping" => Hopping(Hopping<5>) = Hopping::new(Length::minutes(1)),
        /// The last 100 samples, every ten.
        "hopping_count" => HoppingCount(Hopping<10>) = Hopping::new(Length::Samples(10)),
        /// The last minute, up to 64 samples of it, with every sample.
        "sliding" => Sliding(SlidingTime<Summary, 64>) = SlidingTime::new(60_000),
        /// Bursts, ended by five minutes of silence.
        "session" => Session(Session) = Session::new(300_000),
        /// Runs of one value.
        "state" => State(State) = State::new(Split::Equal),
        /// Runs on one side of 0.
        "threshold" => Threshold(State) = State::new(Split::Threshold(0.0)),
    }
}

registry! {
    /// Any registered figure over the last values.
    statistic AnyRolling: family "rolling", kind 13 {
        /// Mean of the last 256 values.
        "mean" => Mean(MovingMean<256>) = MovingMean::new(),
        /// Variance of the last 256 values.
        "variance" => Variance(RollingVariance<256>) = RollingVariance::new(),
        /// Smallest of the last 256 values.
        "min" => Min(RollingMin<256>) = RollingMin::new(),
        /// Largest of the last 256 values.
        "max" => Max(RollingMax<256>) = RollingMax::new(),
        /// Median of the last 256 values.
        "median" => Median(RollingMedian<256>) = RollingMedian::new(),
        /// The value that nine in ten of the last 256 lie below.
        "quantile" => Quantile(RollingQuantile<256>) = RollingQuantile::new(0.9),
        /// Sum of the last 256 values, no sample ever taking long.
        "sum" => Sum(Sliding<Sum, 256>) = Sliding::new(),
        /// The largest fall from one of the last 64 values to a later one.
        "drop" => Drop(Sliding<LargestDrop, 64>) = Sliding::new(),
        /// Sum of all values.
        "cumulative_sum" => CumulativeSum(CumulativeSum) = CumulativeSum::new(),
        /// Number of values.
        "cumulative_count" => CumulativeCount(CumulativeCount) = CumulativeCount::new(),
    }
}
