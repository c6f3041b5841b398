use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Merge, Statistic, Validate};

/// How often each of `C` classes was taken for each.
///
/// Figures of a class that never occurred, or was never predicted, are `None` rather than 0.
///
/// For all predictions since the start or the last reset; for those of late see [`MeanLoss`](super::MeanLoss). Counts
/// stop at 4 billion; merging is exact.
///
/// `C`: 1 to 255. Memory: `4 C²` bytes. Cost: an increment; figures add up `C²` counts.
/// ```
/// use brooklet_core::evaluate::ConfusionMatrix;
/// use brooklet_core::traits::Learner;
/// let mut matrix = ConfusionMatrix::<2>::new();
/// for pair in [(1, 1), (1, 1), (1, 0), (0, 0)] { matrix.learn_one(&pair); }
/// assert_eq!(matrix.precision(1), Some(2.0 / 3.0));
/// assert_eq!(matrix.kappa(), Some(0.5));
/// ```
/// Source: Cohen 1960, doi:10.1177/001316446002000104; Gorodkin 2004, doi:10.1016/j.compbiolchem.2004.09.006 (Matthews'
/// coefficient of many classes). Checked against scikit-learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfusionMatrix<const C: usize> {
    /// A row a class that came, a column a class that was predicted.
    #[serde(with = "crate::array::nested")]
    counts: [[u32; C]; C],
}

impl<const C: usize> ConfusionMatrix<C> {
    const SHAPE: () = assert!(C > 0 && C < 256);

    /// Nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { counts: [[0; C]; C] }
    }

    /// How often `predicted` was said when `actual` came.
    #[must_use]
    pub fn count(&self, predicted: u8, actual: u8) -> u32 {
        let row = self.counts.get(usize::from(actual));
        row.and_then(|row| row.get(usize::from(predicted))).copied().unwrap_or(0)
    }

    /// Pairs seen.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().fold(0, |sum, count| sum.saturating_add(u64::from(*count)))
    }

    fn right(&self) -> u64 {
        (0..=u8::MAX).take(C).fold(0, |sum, c| sum.saturating_add(u64::from(self.count(c, c))))
    }

    fn came(&self, class: u8) -> u64 {
        let row = self.counts.get(usize::from(class)).into_iter().flatten();
        row.fold(0, |sum, count| sum.saturating_add(u64::from(*count)))
    }

    fn said(&self, class: u8) -> u64 {
        (0..=u8::MAX).take(C).fold(0, |sum, actual| sum.saturating_add(u64::from(self.count(class, actual))))
    }

    /// Share of right predictions.
    #[must_use]
    pub fn accuracy(&self) -> Option<f32> {
        share(self.right(), self.total())
    }

    /// Share of right ones among the predictions of a class.
    #[must_use]
    pub fn precision(&self, class: u8) -> Option<f32> {
        share(u64::from(self.count(class, class)), self.said(class))
    }

    /// Share of a class that was predicted as such.
    #[must_use]
    pub fn recall(&self, class: u8) -> Option<f32> {
        share(u64::from(self.count(class, class)), self.came(class))
    }

    /// Harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self, class: u8) -> Option<f32> {
        let right = u64::from(self.count(class, class));
        share(right.saturating_mul(2), self.said(class).saturating_add(self.came(class)))
    }

    /// Mean of [`ConfusionMatrix::f1`] over the classes that came or were predicted.
    #[must_use]
    pub fn macro_f1(&self) -> Option<f32> {
        let (mut sum, mut n) = (0.0, 0.0);
        for f1 in (0..=u8::MAX).take(C).filter_map(|class| self.f1(class)) {
            sum += f1;
            n += 1.0;
        }
        (n > 0.0).then(|| sum / n)
    }

    /// Cohen's kappa: agreement beyond what chance would give; `None` where chance alone is perfect.
    #[must_use]
    pub fn kappa(&self) -> Option<f32> {
        let (wrong, chance) = (self.wrong()?, self.differing(Self::said, Self::came)?);
        (chance > 0.0).then(|| 1.0 - wrong / chance)
    }

    /// Matthews' correlation coefficient; 0 where only one class was predicted or came.
    #[must_use]
    pub fn matthews(&self) -> Option<f32> {
        let both = self.differing(Self::said, Self::came)?;
        let (said, came) = (self.differing(Self::said, Self::said)?, self.differing(Self::came, Self::came)?);
        let scale = math::sqrt(said) * math::sqrt(came);
        Some(if scale > 0.0 { (both - self.wrong()?) / scale } else { 0.0 })
    }

    /// Share of wrong predictions, which has digits where nearly all are right.
    fn wrong(&self) -> Option<f32> {
        let total = self.total();
        share(total.saturating_sub(self.right()), total)
    }

    /// The chance that two draws of a class differ, one by `a` and one by `b`: 1 minus the sum of the products, with the
    /// digits that this would lose where one class is rare.
    fn differing(&self, a: fn(&Self, u8) -> u64, b: fn(&Self, u8) -> u64) -> Option<f32> {
        let total = self.total();
        let mut sum = 0.0;
        for class in (0..=u8::MAX).take(C) {
            let others = total.saturating_sub(b(self, class));
            sum += share(a(self, class), total)? * share(others, total)?;
        }
        Some(sum)
    }
}

fn share(part: u64, whole: u64) -> Option<f32> {
    (whole > 0).then(|| part as f32 / whole as f32)
}

impl<const C: usize> Learner for ConfusionMatrix<C> {
    /// Predicted, actual.
    type Input = (u8, u8);

    /// Classes beyond the last are not counted.
    fn learn_one(&mut self, (predicted, actual): &(u8, u8)) {
        let row = self.counts.get_mut(usize::from(*actual));
        if let Some(count) = row.and_then(|row| row.get_mut(usize::from(*predicted))) {
            *count = count.saturating_add(1);
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const C: usize> Statistic for ConfusionMatrix<C> {
    type Output = f32;

    /// The accuracy.
    fn value(&self) -> Option<f32> {
        self.accuracy()
    }
}

impl<const C: usize> Merge for ConfusionMatrix<C> {
    fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().flatten().zip(other.counts.iter().flatten()) {
            *count = count.saturating_add(*more);
        }
    }
}

impl<const C: usize> Validate for ConfusionMatrix<C> {
    fn is_valid(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// A few faults in a million: worked out in f64.
    #[test]
    fn rare_classes_keep_their_digits() {
        let mut matrix = ConfusionMatrix::<2>::new();
        matrix.counts = [[999_996, 1], [1, 2]];
        let (said, n) = (3.0f64, 1e6);
        let chance = (said * said + (n - said) * (n - said)) / (n * n);
        let wanted = (999_998.0 / n - chance) / (1.0 - chance);
        for figure in [matrix.kappa(), matrix.matthews()] {
            let got = f64::from(figure.unwrap());
            assert!((got - wanted).abs() < 1e-6, "{got} {wanted}");
        }
    }

    #[test]
    fn merged_is_as_if_one_had_seen_all() {
        let (mut rng, mut all) = (Rng::new(1), ConfusionMatrix::<3>::new());
        let mut parts = [ConfusionMatrix::<3>::new(); 2];
        for i in 0..1000usize {
            let pair = ((rng.next_u64() % 3) as u8, (rng.next_u64() % 4) as u8);
            all.learn_one(&pair);
            parts[i % 2].learn_one(&pair);
        }
        let [mut a, b] = parts;
        a.merge(&b);
        assert_eq!(a, all);
        assert!(all.total() < 1000, "a class beyond the last counts nowhere");
    }
}
