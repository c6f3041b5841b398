//! Drift detectors: is the stream, or the error of a learner on it, still what it was?

mod adwin;

pub use adwin::Adwin;

use crate::registry::registry;

registry! {
    /// Any registered drift detector.
    drift AnyDriftDetector: family "drift", kind 22 {
        /// Adaptive window: tests every cut of a window that grows until its two parts differ.
        "adwin" => Adwin(Adwin<5, 11>) = Adwin::new(0.002),
    }
}
