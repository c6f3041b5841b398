//! One score from several: scores are evidence in powers of ten, so `10^-score` is a p-value.

mod cauchy;
mod fisher;
mod hedge;
mod p_norm;

pub use cauchy::Cauchy;
pub use fisher::Fisher;
pub use hedge::Hedge;
pub use p_norm::PNorm;

use crate::math;
use crate::registry::registry;

/// More evidence than this is no more evidence: f32 holds p-values down to about 1e-38.
const MOST: f32 = 1e6;

/// A score as evidence: 0 to [`MOST`].
const fn evidence(score: f32) -> f32 {
    math::clamp(score, 0.0, MOST)
}

registry! {
    /// Any registered fuser of `K` scores.
    fuser AnyFuser<const K: usize>: family "fuse", kind 28 {
        /// The largest score counts most: the mean of fourth powers, fourth root.
        "p_norm" => PNorm(PNorm<K>) = PNorm::new(4.0),
        /// Fisher's method: independent p-values, many small hints add up.
        "fisher" => Fisher(Fisher<K>) = Fisher::new(),
        /// Cauchy combination: p-values that may depend on each other.
        "cauchy" => Cauchy(Cauchy<K>) = Cauchy::new(),
        /// Hedge: detectors that ring in vain lose their weight.
        "hedge" => Hedge(Hedge<K>) = Hedge::new(0.05, 6.0),
    }
}
