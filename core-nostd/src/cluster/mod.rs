//! Clusterers: samples sorted into groups that make themselves up, and what their order in time tells.

mod centroids;
mod k_means;
mod modes;
mod online_k_means;

pub use k_means::KMeans;
pub use modes::{Dwell, OperatingModes};
pub use online_k_means::OnlineKMeans;

use crate::registry::registry;

registry! {
    /// Any registered clusterer of `N` features.
    clusterer AnyClusterer<const N: usize>: family "cluster", kind 27 {
        /// Sequential k-means with five centroids, each remembering about 1000 samples.
        "k_means" => KMeans(KMeans<N, 5>) = KMeans::new(0.001),
        /// k-means by batches of 32 with decay, Flink ML's law, five centroids.
        "online_k_means" => OnlineKMeans(OnlineKMeans<N, 5>) = OnlineKMeans::new(0.98, 32),
        /// Five operating modes with their order and how long they last.
        "modes" => OperatingModes(OperatingModes<N, 5, 200>) = OperatingModes::new(0.001, 3),
    }
}
