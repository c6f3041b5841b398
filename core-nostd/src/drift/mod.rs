//! Drift detectors: is the stream, or the error of a learner on it, still what it was?
//!
//! Each starts over by itself after its alarm. A detector takes measurements (adwin, page-hinkley, cusum, ewma, kswin)
//! or errors, 1 for one and 0 for none (adwin, ddm, eddm, hddm-a, hddm-w).

mod adwin;
mod baseline;
mod cusum;
mod ddm;
mod eddm;
mod ewma;
mod fixed_page_hinkley;
mod hddm_a;
mod hddm_w;
mod kswin;
mod page_hinkley;

pub use adwin::Adwin;
pub use baseline::Baseline;
pub use cusum::Cusum;
pub use ddm::Ddm;
pub use eddm::Eddm;
pub use ewma::EwmaChart;
pub use fixed_page_hinkley::FixedPageHinkley;
pub use hddm_a::HddmA;
pub use hddm_w::HddmW;
pub use kswin::Kswin;
pub use page_hinkley::PageHinkley;

use serde::{Deserialize, Serialize};

use crate::math;
use crate::registry::registry;

registry! {
    /// Any registered drift detector.
    drift AnyDriftDetector: family "drift", kind 22 {
        /// Adaptive window: tests every cut of a window that grows until its two parts differ.
        "adwin" => Adwin(Adwin<5, 11>) = Adwin::new(0.002),
        /// Page-Hinkley test: the fading sum of distances from the mean against its least and its most.
        "page_hinkley" => PageHinkley(PageHinkley) = PageHinkley::new(50.0, 0.005),
        /// Two-sided cumulative sums of standardised distances; learns its baseline from 100 samples.
        "cusum" => Cusum(Cusum) = Cusum::new(Baseline::learnt(100), 0.5, 8.0),
        /// Control chart of a moving average; learns its baseline from 100 samples.
        "ewma" => Ewma(EwmaChart) = EwmaChart::new(Baseline::learnt(100), 0.1, 4.0),
        /// Error rate against its best so far, in standard deviations.
        "ddm" => Ddm(Ddm) = Ddm::new(),
        /// Distance between errors against its best so far: for slow drift.
        "eddm" => Eddm(Eddm) = Eddm::new(),
        /// Error rate against the best cut of the past, by Hoeffding's bound on plain means.
        "hddm_a" => HddmA(HddmA) = HddmA::new(0.001, 0.005),
        /// Recent error rate against the best so far, by McDiarmid's bound on moving averages.
        "hddm_w" => HddmW(HddmW) = HddmW::new(0.001, 0.005, 0.05),
        /// Kolmogorov-Smirnov test of the last 30 values against 30 of the 70 before.
        "kswin" => Kswin(Kswin<100, 30>) = Kswin::new(0.005, 1),
        /// Page-Hinkley test in whole numbers, for ±524,288 in steps of 1/4096.
        "fixed_page_hinkley" => FixedPageHinkley(FixedPageHinkley<12>) = FixedPageHinkley::new(50.0, 0.005),
    }
}

/// Which changes are alarms.
/// ```
/// use brooklet_core::drift::{PageHinkley, Side};
/// use brooklet_core::traits::{DriftDetector, Learner};
/// let falls = |side| {
///     let mut test = PageHinkley::new(50.0, 0.005).with_side(side);
///     (0..200u8).any(|i| { test.learn_one(&if i < 100 { 5.0 } else { 0.0 }); test.drifted() })
/// };
/// assert_eq!([Side::Up, Side::Down, Side::Both].map(falls), [false, true, true]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// Increases only.
    Up,
    /// Decreases only.
    Down,
    /// Both.
    Both,
}

impl Side {
    const fn up(self) -> bool {
        !matches!(self, Self::Down)
    }

    const fn down(self) -> bool {
        !matches!(self, Self::Up)
    }
}

/// What the last sample told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Verdict {
    Calm,
    Warned,
    Drifted,
}

impl Verdict {
    const fn of(drifted: bool, warned: bool) -> Self {
        match (drifted, warned) {
            (true, _) => Self::Drifted,
            (false, true) => Self::Warned,
            (false, false) => Self::Calm,
        }
    }

    const fn drifted(self) -> bool {
        matches!(self, Self::Drifted)
    }

    const fn warned(self) -> bool {
        matches!(self, Self::Warned)
    }
}

/// Plain mean of numbers of 0 to 1, as a sum and a count, so that counts of errors are exact.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Share {
    sum: f32,
    n: u32,
}

impl Share {
    const EMPTY: Self = Self { sum: 0.0, n: 0 };
    /// From here on sums in f32 could no longer grow by one.
    const MOST: u32 = 1 << 23;

    fn learn(&mut self, x: f32) {
        self.sum += math::clamp(x, 0.0, 1.0);
        self.n = self.n.saturating_add(1);
    }

    /// Halves the weight of the past.
    fn fade(&mut self) {
        self.sum *= 0.5;
        self.n /= 2;
    }

    fn mean(&self) -> f32 {
        if self.n == 0 { 0.0 } else { self.sum / self.n as f32 }
    }

    fn is_valid(&self) -> bool {
        self.n <= Self::MOST && (0.0..=self.n as f32 + 1.0).contains(&self.sum)
    }
}

/// Brings a confidence into 1e-9..=0.5.
const fn confidence(x: f32) -> f32 {
    math::clamp(x, 1e-9, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let bytes: std::vec::Vec<_> = AnyDriftDetector::ROWS.iter().map(|row| row.bytes).collect();
        assert_eq!(bytes, [480, 48, 40, 36, 28, 32, 44, 64, 424, 64]);
    }
}
