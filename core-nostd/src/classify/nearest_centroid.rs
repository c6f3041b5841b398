use serde::{Deserialize, Serialize};

use crate::linear::{distance_squared, features};
use crate::sample::Sample;
use crate::traits::{Classifier, Supervised, Validate};

/// The class whose mean is nearest.
///
/// Formula: `mean_c += (x - mean_c) max(1/n_c, 1/HORIZON)`; shares go by `1 / |x - mean_c|²`.
///
/// The smallest classifier there is, for classes that are one compact cloud each, of about the same width. Needs
/// features of similar scale.
///
/// `C`: 2 to 256. `HORIZON`: 1 to 2^24, samples of a class that its mean remembers. Memory: `4 C (N + 1)` bytes. Cost:
/// `C` distances. Features are limited to ±1e12; an answer of `C` and above is ignored.
/// ```
/// use brooklet_core::{classify::NearestCentroid, sample::Sample};
/// use brooklet_core::traits::{Classifier, Supervised};
/// let mut nearest = NearestCentroid::<2, 2, 1000>::new();
/// nearest.learn_one(&Sample::new([0.0, 0.0]).unwrap(), &0);
/// nearest.learn_one(&Sample::new([3.0, 0.0]).unwrap(), &1);
/// assert_eq!(nearest.proba_one(&Sample::new([2.0, 0.0]).unwrap()), Some([0.2, 0.8]));
/// ```
/// Source: Tibshirani et al. 2002, doi:10.1073/pnas.082099299, without its shrinking. Checked against scikit-learn's
/// `NearestCentroid`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NearestCentroid<const N: usize, const C: usize, const HORIZON: u32> {
    #[serde(with = "crate::array::nested")]
    means: [[f32; N]; C],
    #[serde(with = "crate::array")]
    counts: [u32; C],
}

impl<const N: usize, const C: usize, const HORIZON: u32> NearestCentroid<N, C, HORIZON> {
    const SHAPE: () = assert!(C >= 2 && C <= 256 && HORIZON >= 1 && HORIZON <= 1 << 24);

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { means: [[0.0; N]; C], counts: [0; C] }
    }

    /// The mean of each class; 0 where nothing was learnt.
    #[must_use]
    pub const fn means(&self) -> &[[f32; N]; C] {
        &self.means
    }
}

impl<const N: usize, const C: usize, const HORIZON: u32> Supervised for NearestCentroid<N, C, HORIZON> {
    type Input = Sample<N>;
    type Target = u8;

    fn learn_one(&mut self, x: &Sample<N>, y: &u8) {
        let class = usize::from(*y);
        if let Some((mean, count)) = self.means.get_mut(class).zip(self.counts.get_mut(class)) {
            *count = Ord::min(count.saturating_add(1), HORIZON);
            let a = 1.0 / *count as f32;
            for (mean, x) in mean.iter_mut().zip(&features(x)) {
                *mean += a * (x - *mean);
            }
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const N: usize, const C: usize, const HORIZON: u32> Classifier for NearestCentroid<N, C, HORIZON> {
    type Shares = [f32; C];

    fn proba_one(&self, x: &Sample<N>) -> Option<[f32; C]> {
        let x = features(x);
        let mut shares = [0.0; C];
        let classes = self.means.iter().zip(&self.counts);
        for (share, (mean, _)) in shares.iter_mut().zip(classes).filter(|(_, (_, count))| **count > 0) {
            let distance = distance_squared(mean, &x);
            // At a mean itself the class is nearly sure.
            *share = 1.0 / if distance > 1e-30 { distance } else { 1e-30 };
        }
        let sum: f32 = shares.iter().sum();
        (sum > 0.0).then(|| shares.map(|share| share / sum))
    }
}

impl<const N: usize, const C: usize, const HORIZON: u32> Validate for NearestCentroid<N, C, HORIZON> {
    fn is_valid(&self) -> bool {
        let reach = 2.0 * crate::linear::REACH;
        self.means.iter().flatten().all(|m| (-reach..=reach).contains(m))
            && self.counts.iter().all(|n| *n <= HORIZON)
    }
}
