//! Thresholds: from which value on a score is rare, learnt from the scores themselves.

mod adaptive_conformal;
mod alert_budget;
mod dspot;
mod pareto;
mod spot;

pub use adaptive_conformal::AdaptiveConformal;
pub use alert_budget::AlertBudget;
pub use dspot::Dspot;
pub use pareto::Pareto;
pub use spot::Spot;

use crate::registry::registry;

registry! {
    /// Any registered threshold.
    threshold AnyThreshold: family "threshold", kind 24 {
        /// Peaks over threshold: the value passed once in 10,000, by a Pareto tail of 100 excesses.
        "spot" => Spot(Spot<100>) = Spot::new(1e-4, 0.96, 500).keeping_all(),
        /// The same for a stream whose level drifts: on distances from the mean of the last 50.
        "dspot" => Dspot(Dspot<100, 50>) = Dspot::new(1e-4, 0.96, 500).keeping_all(),
        /// Adaptive conformal inference: a quantile of the last 100 that covers 99 % of what comes.
        "aci" => AdaptiveConformal(AdaptiveConformal<100>) = AdaptiveConformal::new(0.01, 0.005),
        /// Alert budget: moves the threshold so that one score in a thousand is above it.
        "budget" => AlertBudget(AlertBudget) = AlertBudget::new(1.0, 1000.0, 1.0),
    }
}
