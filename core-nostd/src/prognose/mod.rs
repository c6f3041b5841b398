//! Prognosis: how long until a limit is reached, from a wear signal's drift, its exponential growth or any forecast, and
//! in which zone a machine's vibration is.

mod exponential_degradation;
mod time_to_limit;
mod vibration_zones;
mod wiener;

pub use exponential_degradation::{Belief, ExponentialDegradation};
pub use time_to_limit::{Limit, TimeToLimit};
pub use vibration_zones::{VibrationZones, Zone};
pub use wiener::{FirstPassage, WienerLife};

use crate::forecast::{HoltWinters, LocalLinearTrend, Season};
use crate::registry::registry;

/// "Not later than": so far ahead that it is no bound.
const NEVER: f32 = f32::MAX;

registry! {
    /// Any registered prognoser of one wear signal; the limit is 100 until it is set.
    prognoser AnyPrognoser: family "prognose", kind 20 {
        /// Steady wear with noise in its pace: inverse Gaussian time until 100.
        "wiener_life" => WienerLife(WienerLife<500>) = WienerLife::new(100.0),
        /// Wear that feeds on itself: the logarithm grows steadily, with a prior of slope and intercept, until 100.
        "exponential_degradation" => ExponentialDegradation(ExponentialDegradation) =
            ExponentialDegradation::new(100.0, 0.01, Belief { mean: 0.0, variance: 10.0 }, Belief { mean: 0.01, variance: 0.001 }),
        /// When the forecast by level and slope rises to 100, within 240 samples.
        "trend_to_limit" => TrendToLimit(TimeToLimit<LocalLinearTrend, 240>) =
            TimeToLimit::new(LocalLinearTrend::new(0.1, 0.001), Limit::Above(100.0)),
        /// When the forecast with a cycle of 24 samples rises to 100, within 168 samples.
        "season_to_limit_24" => SeasonToLimit24(TimeToLimit<HoltWinters<24>, 168>) =
            TimeToLimit::new(HoltWinters::new(Season::Additive, 0.3, 0.01, 0.1), Limit::Above(100.0)),
    }
}
