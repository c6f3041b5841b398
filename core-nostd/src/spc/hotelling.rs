use serde::{Deserialize, Serialize};

use super::VectorBaseline;
use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Scorer, Validate};

/// Hotelling's T² chart: the distance of `N` channels from their baseline, correlations taken out.
///
/// Formula: `T² = (x - mean)ᵀ C⁻¹ (x - mean)`; out of control if `T² > h`.
///
/// Finds a combination that is unusual although each channel is within its limits, and large shifts at once; for small
/// lasting ones see [`Mewma`](super::Mewma). With a known baseline of normal channels `h` is a quantile of chi² with `N`
/// degrees of freedom: once in 200 samples 10.60 for 2 channels, 12.84 for 3, 14.86 for 4, 21.95 for 8; once in 10,000
/// 18.42, 21.11, 23.51, 31.83.
///
/// `h`: 0 to 1e12. Memory: `4 N² + 4 N + 12` bytes. Cost: `N²/2` multiplications.
/// ```
/// use brooklet_core::{sample::Sample, spc::{HotellingT2, VectorBaseline}, traits::Scorer};
/// let chart = HotellingT2::new(VectorBaseline::given([0.0; 2], [[1.0, 0.9], [0.9, 1.0]]), 10.6);
/// let t2 = |a, b| chart.raw_one(&Sample::new([a, b]).unwrap()).unwrap();
/// assert!((t2(2.0, 2.0) - 4.2105).abs() < 1e-3); // with the correlation: near
/// assert!((t2(2.0, -2.0) - 80.0).abs() < 1e-3); // against it: far
/// ```
/// Source: Hotelling: Multivariate quality control, in: Techniques of statistical analysis, 1947. Checked against numpy;
/// run lengths against the non-central chi² distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HotellingT2<const N: usize> {
    baseline: VectorBaseline<N>,
    h: f32,
    drifted: bool,
}

impl<const N: usize> HotellingT2<N> {
    /// A chart with the limit `h`.
    #[must_use]
    pub const fn new(baseline: VectorBaseline<N>, h: f32) -> Self {
        Self { baseline, h: math::clamp(h, 0.0, 1e12), drifted: false }
    }

    /// True if the last sample was out of control; false in phase I.
    #[must_use]
    pub const fn drifted(&self) -> bool {
        self.drifted
    }
}

impl<const N: usize> Learner for HotellingT2<N> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        self.drifted = self.raw_one(x).is_some_and(|t2| t2 > self.h);
        self.baseline.learn_one(x);
    }

    fn reset(&mut self) {
        self.baseline.reset();
        self.drifted = false;
    }
}

impl<const N: usize> Scorer for HotellingT2<N> {
    /// T²; `None` in phase I.
    fn raw_one(&self, x: &Sample<N>) -> Option<f32> {
        self.baseline.distance(x)
    }
}

impl<const N: usize> Validate for HotellingT2<N> {
    fn is_valid(&self) -> bool {
        self.baseline.is_valid() && (0.0..=1e12).contains(&self.h)
    }
}
