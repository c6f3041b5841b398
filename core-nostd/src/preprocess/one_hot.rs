use serde::{Deserialize, Serialize};

use crate::sample::Sample;
use crate::traits::{Learner, Transformer, Validate};

/// A category as a sample with a 1 in its own feature and 0 elsewhere.
///
/// Categories get their features in the order in which they first appear; those that come when all `N` are taken, and
/// those never learnt, give 0 everywhere.
///
/// For operating states and error codes of known number; [`FeatureHasher`](super::FeatureHasher) when they are many.
///
/// `N`: 1..=65535. Memory: `8 N + 8` bytes. Cost: up to `N` comparisons.
/// ```
/// use brooklet_core::preprocess::OneHot;
/// use brooklet_core::traits::{Learner, Transformer};
/// let mut one_hot = OneHot::<3>::new();
/// for state in [40, 7, 40] { one_hot.learn_one(&state); }
/// assert_eq!(one_hot.transform_one(&7).unwrap().values(), &[0.0, 1.0, 0.0]);
/// assert_eq!(one_hot.transform_one(&99).unwrap().values(), &[0.0, 0.0, 0.0]);
/// ```
/// Checked against river's `OneHotEncoder`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OneHot<const N: usize> {
    #[serde(with = "crate::array")]
    keys: [u64; N],
    len: u16,
}

impl<const N: usize> OneHot<N> {
    const SHAPE: () = assert!(N > 0 && N <= 65_535);

    /// No category known.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { keys: [0; N], len: 0 }
    }

    fn feature(&self, key: u64) -> Option<usize> {
        self.keys.get(..usize::from(self.len))?.iter().position(|known| *known == key)
    }
}

impl<const N: usize> Learner for OneHot<N> {
    type Input = u64;

    fn learn_one(&mut self, key: &u64) {
        if self.feature(*key).is_none()
            && let Some(slot) = self.keys.get_mut(usize::from(self.len))
        {
            *slot = *key;
            self.len = self.len.saturating_add(1);
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const N: usize> Transformer for OneHot<N> {
    type Output = Sample<N>;

    /// `None` before the first category.
    fn transform_one(&self, key: &u64) -> Option<Sample<N>> {
        if self.len == 0 {
            return None;
        }
        let mut sample = [0.0; N];
        if let Some(out) = self.feature(*key).and_then(|feature| sample.get_mut(feature)) {
            *out = 1.0;
        }
        Sample::new(sample)
    }
}

impl<const N: usize> Validate for OneHot<N> {
    fn is_valid(&self) -> bool {
        usize::from(self.len) <= N
    }
}
