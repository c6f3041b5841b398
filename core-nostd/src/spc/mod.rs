//! Statistical process control: charts with limits, for a process that should stay as it is.
//!
//! Unlike drift detectors, charts keep their baseline after an alarm: out of control is out of control until the process
//! is set right. CUSUM and the EWMA chart, which have one foot here, are in [`drift`](crate::drift).

mod hotelling;
mod mewma;
mod shewhart;
mod vector_baseline;

pub use hotelling::HotellingT2;
pub use mewma::Mewma;
pub use shewhart::{Rules, Shewhart};
pub use vector_baseline::VectorBaseline;

use crate::drift::Baseline;
use crate::registry::registry;

registry! {
    /// Any registered control chart of one channel. An alarm says: out of control.
    drift AnyChart: family "spc", kind 23 {
        /// Individuals chart with limits at 3 standard deviations; learns its baseline from 100 samples.
        "shewhart" => Shewhart(Shewhart) = Shewhart::new(Baseline::learnt(100), Rules::BEYOND_3),
        /// Individuals chart with the four Western Electric rules; learns its baseline from 100 samples.
        "western_electric" => WesternElectric(Shewhart) = Shewhart::new(Baseline::learnt(100), Rules::WESTERN_ELECTRIC),
        /// Individuals chart with the eight Nelson rules; learns its baseline from 100 samples.
        "nelson" => Nelson(Shewhart) = Shewhart::new(Baseline::learnt(100), Rules::NELSON),
    }
}

registry! {
    /// Any registered control chart of `N` channels together; scores are the charted statistics.
    scorer AnyVectorChart<const N: usize>: family "spc_vector", kind 38 {
        /// Hotelling's T²: squared distance from the baseline, correlations taken out; baseline from 100 samples.
        "t2" => T2(HotellingT2<N>) = HotellingT2::new(VectorBaseline::learnt(100), 20.0),
        /// T² of an exponentially weighted average: small lasting shifts; baseline from 100 samples.
        "mewma" => Mewma(Mewma<N>) = Mewma::new(VectorBaseline::learnt(100), 0.1, 20.0),
    }
}
