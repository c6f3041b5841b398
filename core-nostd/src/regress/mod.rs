//! Regressors: a number from a sample. All are linear; put a scaler in front of those that go by gradient.

mod nlms;
mod passive_aggressive;
mod rls;
mod sgd;

pub use nlms::Nlms;
pub use passive_aggressive::PaRegressor;
pub use rls::Rls;
pub use sgd::{Loss, Sgd};

use crate::linear::Aggressive;
use crate::registry::registry;

registry! {
    /// Any registered regressor of `N` features.
    regressor AnyRegressor<const N: usize>: family "regress", kind 25 {
        /// Stochastic gradient descent on the squared error.
        "sgd" => Sgd(Sgd<N>) = Sgd::new(Loss::Squared, 0.01, 0.0),
        /// The same on Huber's loss: outliers pull with bounded force.
        "huber" => Huber(Sgd<N>) = Sgd::new(Loss::Huber { epsilon: 0.1 }, 0.01, 0.0),
        /// The same on the pinball loss: the value that nine answers in ten stay below.
        "quantile_90" => Quantile90(Sgd<N>) = Sgd::new(Loss::Quantile { alpha: 0.9 }, 0.01, 0.0),
        /// Linear support vector regression: errors up to 0.1 are free.
        "svr" => Svr(Sgd<N>) = Sgd::new(Loss::EpsilonInsensitive { epsilon: 0.1 }, 0.01, 0.0001),
        /// Recursive least squares, forgetting over about 1000 samples.
        "rls" => Rls(Rls<N>) = Rls::new(0.999, 100.0),
        /// Normalised least mean squares: gradient descent that needs no scaler.
        "nlms" => Nlms(Nlms<N>) = Nlms::new(0.1),
        /// Passive-aggressive I: changes just enough to be right, by 0.01 at most.
        "passive_aggressive" => PassiveAggressive(PaRegressor<N>)
            = PaRegressor::new(Aggressive::I { c: 0.01 }, 0.1),
        /// Passive-aggressive II: bounded more smoothly.
        "passive_aggressive_2" => PassiveAggressive2(PaRegressor<N>)
            = PaRegressor::new(Aggressive::II { c: 0.01 }, 0.1),
    }
}
