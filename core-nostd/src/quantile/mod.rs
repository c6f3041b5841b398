//! Where a value lies among those seen: running quantiles in fixed memory.
//!
//! [`AnyQuantile`] holds any of the registered ones; its table below is the registry.

mod ddsketch;
mod log_histogram;
mod p2;

pub use ddsketch::DdSketch;
pub(crate) use log_histogram::Binned;
pub use log_histogram::LogHistogram;
pub use p2::P2;

use crate::registry::registry;

registry! {
    /// Any registered quantile of one channel.
    statistic AnyQuantile: family "quantile", kind 15 {
        /// Median of all samples, by P².
        "p2_median" => P2Median(P2) = P2::new(0.5),
        /// 95 % quantile of all samples, by P².
        "p2_95" => P2High(P2) = P2::new(0.95),
        /// Median by P² in which the older half of a thousand samples fades.
        "p2_median_fading" => P2Fading(P2) = P2::fading(0.5, 1000),
        /// Median within 2 % of its value, of either sign, by DDSketch.
        "ddsketch_median" => DdSketchMedian(DdSketch<128, 128>) = DdSketch::new(0.5, 0.02),
        /// 99 % quantile within 2 % of its value, of values above 0, by DDSketch.
        "ddsketch_99" => DdSketchHigh(DdSketch<128, 0>) = DdSketch::new(0.99, 0.02),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_the_documentation_says() {
        assert!(AnyQuantile::ROWS.iter().map(|row| row.bytes).eq([60, 60, 60, 4 * 256 + 24, 4 * 128 + 24]));
    }
}
