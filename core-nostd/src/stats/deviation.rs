use serde::{Deserialize, Serialize};

use crate::math;
use crate::quantile::P2;
use crate::traits::{Learner, Statistic, Validate};

/// Median absolute deviation of all samples.
///
/// Formula: P² finds the median of the samples, another P² the median of `|x - median so far|`.
///
/// How far off is usual, whatever the outliers do: up to half of the samples may be wild. Early deviations were taken
/// from an early median, so it is not the deviation that all samples at once would have;
/// [`RollingMad`](super::RollingMad) is. Of a normal distribution it is 0.6745 standard deviations.
///
/// Memory: 120 bytes. Cost: two P². Input is limited to ±1e18.
/// ```
/// use brooklet_core::stats::Mad;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut mad = Mad::new();
/// for x in [4.0, 2.0, 5.0, 3.0, 0.0, 4.0] { mad.learn_one(&x); }
/// assert_eq!((mad.median(), mad.value()), (Some(3.0), Some(1.0)));
/// ```
/// Source: R. Jain, I. Chlamtac, The P² algorithm, Communications of the ACM 28 (1985), doi:10.1145/4372.4378. Checked
/// against river's `MAD`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mad {
    median: P2,
    deviation: P2,
}

impl Mad {
    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { median: P2::new(0.5), deviation: P2::new(0.5) }
    }

    /// The median; `None` before the first sample.
    #[must_use]
    pub fn median(&self) -> Option<f32> {
        self.median.value()
    }
}

impl Learner for Mad {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.median.learn_one(x);
        let median = self.median.value().unwrap_or(*x);
        self.deviation.learn_one(&math::abs(math::limit(*x) - median));
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Statistic for Mad {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.deviation.value()
    }
}

impl Validate for Mad {
    fn is_valid(&self) -> bool {
        self.median.is_valid() && self.deviation.is_valid()
    }
}
