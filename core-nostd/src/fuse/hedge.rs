use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::{Fuser, Learner, Validate};

/// Hedge: a weighted mean of scores whose weights follow what trusting each of them cost.
///
/// Formula: weight `w *= exp(-eta loss)`, loss 0 to 1, then all divided by their sum; fused `sum w s`.
///
/// After `T` losses the weighted mean has lost at most `ln K / eta + eta T / 8` more than the best single detector. Where
/// the answer is not known, [`Learner::learn_one`] takes scores of what is supposed to be ordinary: what rings in peace
/// loses. Where it is known, give [`Hedge::learn_losses`] the losses. No weight falls below a thousandth, so that a
/// detector that was useless for a year can still come back.
///
/// `eta`: 0 to 10, learning rate. `most`: the score that is a whole loss, 1e-3 to 1e6. Memory: `4 K + 8` bytes. Cost: an
/// exponential a score.
/// ```
/// use brooklet_core::{fuse::Hedge, sample::Sample, traits::{Fuser, Learner}};
/// let mut hedge = Hedge::<2>::new(0.5, 6.0);
/// for _ in 0..10 { hedge.learn_one(&Sample::new([0.0, 3.0]).unwrap()); } // the second rings in vain
/// let fused = hedge.fuse(&Sample::new([4.0, 0.0]).unwrap()).unwrap();
/// assert!((fused - 4.0 / (1.0 + (-2.5f32).exp())).abs() < 1e-4);
/// ```
/// Source: Freund, Schapire: A decision-theoretic generalization of on-line learning, 1997, doi:10.1006/jcss.1997.1504.
/// Checked against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hedge<const K: usize> {
    #[serde(with = "crate::array")]
    weights: [f32; K],
    eta: f32,
    most: f32,
}

/// The least weight, as a share of an equal one.
const LEAST: f32 = 1e-3;

impl<const K: usize> Hedge<K> {
    const SHAPE: () = assert!(K > 0);
    const EQUAL: f32 = 1.0 / K as f32;

    /// Equal weights.
    #[must_use]
    pub const fn new(eta: f32, most: f32) -> Self {
        let () = Self::SHAPE;
        let (eta, most) = (math::clamp(eta, 0.0, 10.0), math::clamp(most, 1e-3, 1e6));
        Self { weights: [Self::EQUAL; K], eta, most }
    }

    /// The weights; each above 0, together 1.
    #[must_use]
    pub const fn weights(&self) -> &[f32; K] {
        &self.weights
    }

    /// Learns what trusting each of the scores would have cost: 0 nothing, 1 the most.
    /// ```
    /// use brooklet_core::{fuse::Hedge, sample::Sample};
    /// let mut hedge = Hedge::<2>::new(0.5, 6.0);
    /// hedge.learn_losses(&Sample::new([0.0, 1.0]).unwrap());
    /// assert!(hedge.weights()[0] > 0.6 && hedge.weights()[1] < 0.4);
    /// ```
    pub fn learn_losses(&mut self, losses: &Sample<K>) {
        self.learn_scaled(losses, 1.0);
    }

    fn learn_scaled(&mut self, losses: &Sample<K>, scale: f32) {
        let mut sum = 0.0;
        for (weight, loss) in self.weights.iter_mut().zip(losses.values()) {
            *weight *= math::exp(-self.eta * math::clamp(loss * scale, 0.0, 1.0));
            sum += *weight;
        }
        for weight in &mut self.weights {
            *weight = math::max(*weight / sum, LEAST * Self::EQUAL);
        }
    }
}

impl<const K: usize> Learner for Hedge<K> {
    type Input = Sample<K>;

    /// Scores of what is ordinary: each is a loss, in parts of `most`.
    fn learn_one(&mut self, scores: &Sample<K>) {
        self.learn_scaled(scores, 1.0 / self.most);
    }

    fn reset(&mut self) {
        *self = Self::new(self.eta, self.most);
    }
}

impl<const K: usize> Fuser for Hedge<K> {
    fn fuse(&self, scores: &Sample<K>) -> Option<f32> {
        Some(
            self.weights
                .iter()
                .zip(scores.values())
                .map(|(weight, score)| weight * math::limit(*score))
                .sum(),
        )
    }
}

impl<const K: usize> Validate for Hedge<K> {
    fn is_valid(&self) -> bool {
        (0.0..=10.0).contains(&self.eta)
            && (1e-3..=1e6).contains(&self.most)
            && self.weights.iter().all(|w| (0.5 * LEAST * Self::EQUAL..=1.001).contains(w))
    }
}
