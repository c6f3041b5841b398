//! What helped before: the most similar device, and what was done about the most similar alert.

mod actions;
mod devices;
mod entry;

pub use actions::PastAlerts;
pub use devices::SimilarDevices;

use crate::registry::registry;

registry! {
    /// Any registered recommender over vectors of `N` numbers.
    recommender AnyRecommender<const N: usize>: family "recommend", kind 30 {
        /// The most similar of 32 devices by the cosine of their behaviour.
        "similar_device" => SimilarDevice(SimilarDevices<32, N>) = SimilarDevices::new(0.05),
        /// What was done about the most similar of 64 kinds of past alerts.
        "past_alert" => PastAlert(PastAlerts<64, N>) = PastAlerts::new(0.95),
    }
}
