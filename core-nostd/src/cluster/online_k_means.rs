use serde::{Deserialize, Serialize};

use super::centroids::Centroids;
use crate::linear::features;
use crate::math;
use crate::sample::Sample;
use crate::traits::{Clusterer, Learner, Validate};

/// k-means by mini-batches with decay, by the law of Flink ML's `OnlineKMeans`.
///
/// Formula, at the end of a batch, `n` samples of which with the sum `s` were nearest to a centroid: `weight *= decay`
/// for all; where `n > 0`: `weight += n`, `q = n / weight`, `centroid = (1 - q) centroid + q s / n`. Samples are
/// assigned by the centroids as they were when the batch began.
///
/// For clusters that move: the memory of a centroid is about `batch / (1 - decay)` samples, whether any come near it or
/// not, unlike [`KMeans`](super::KMeans). A centroid that nothing comes near stays where it is. The first `50 K` samples
/// seed it as they do there; Flink ML takes given or random centroids instead, see
/// [`with_centroids`](Self::with_centroids).
///
/// `decay`: 0 to 1; 1 weighs all batches alike, 0 only knows the last one. `batch`: 1 to 65535. `K`: 1 to 255. Memory:
/// `8 K N + 6 K + 12` bytes, rounded up to 4. Cost: `K` distances; once a batch `O(K N)`. Features are limited to ±1e12.
/// ```
/// use brooklet_core::{cluster::OnlineKMeans, sample::Sample};
/// use brooklet_core::traits::Learner;
/// let mut means = OnlineKMeans::<1, 2>::with_centroids(0.5, 2, [[0.0], [10.0]], [4.0, 4.0]);
/// for x in [1.0, 3.0] { means.learn_one(&Sample::new([x]).unwrap()); }
/// assert_eq!(means.centroids(), &[[1.0], [10.0]]); // (2 · 0 + 1 + 3) / 4
/// assert_eq!(means.weights(), &[4.0, 2.0]);
/// ```
/// Source: Sculley, Web-scale k-means clustering, WWW 2010, doi:10.1145/1772690.1772862. Checked against Flink ML's law
/// in numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnlineKMeans<const N: usize, const K: usize> {
    centroids: Centroids<N, K>,
    /// Of the batch so far.
    #[serde(with = "crate::array::nested")]
    sums: [[f32; N]; K],
    #[serde(with = "crate::array")]
    counts: [u16; K],
    decay: f32,
    batch: u16,
    filled: u16,
}

impl<const N: usize, const K: usize> OnlineKMeans<N, K> {
    /// Nothing learnt; settings are brought into range.
    #[must_use]
    pub const fn new(decay: f32, batch: u16) -> Self {
        Self {
            centroids: Centroids::new(),
            sums: [[0.0; N]; K],
            counts: [0; K],
            decay: math::clamp(decay, 0.0, 1.0),
            batch: if batch > 0 { batch } else { 1 },
            filled: 0,
        }
    }

    /// From given centroids and weights (0 to 1e9), without seeding: Flink ML's initial model. `reset` forgets them.
    #[must_use]
    pub fn with_centroids(decay: f32, batch: u16, centroids: [[f32; N]; K], weights: [f32; K]) -> Self {
        Self { centroids: Centroids::given(centroids, weights), ..Self::new(decay, batch) }
    }

    /// The centroids; 0 where there is none yet.
    #[must_use]
    pub const fn centroids(&self) -> &[[f32; N]; K] {
        &self.centroids.points
    }

    /// The weight of each centroid; 0 where there is none yet.
    #[must_use]
    pub const fn weights(&self) -> &[f32; K] {
        &self.centroids.weights
    }

    fn end_batch(&mut self) {
        let centroids = self.centroids.points.iter_mut().zip(&mut self.centroids.weights);
        for ((point, weight), (sum, count)) in centroids.zip(self.sums.iter_mut().zip(&mut self.counts)) {
            *weight *= self.decay;
            if *count > 0 {
                let n = f32::from(*count);
                *weight += n;
                let share = n / *weight;
                for (p, s) in point.iter_mut().zip(sum.iter()) {
                    *p = (1.0 - share) * *p + (share / n) * s;
                }
            }
            (*sum, *count) = ([0.0; N], 0);
        }
        self.filled = 0;
    }
}

impl<const N: usize, const K: usize> Learner for OnlineKMeans<N, K> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        let x = features(x);
        if self.centroids.seed(&x) {
            return;
        }
        let Some((place, _)) = self.centroids.nearest(&x) else { return };
        if let Some((sum, count)) = self.sums.get_mut(place).zip(self.counts.get_mut(place)) {
            *count = count.saturating_add(1);
            for (s, x) in sum.iter_mut().zip(&x) {
                *s += x;
            }
        }
        self.filled = self.filled.saturating_add(1);
        if self.filled >= self.batch {
            self.end_batch();
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.decay, self.batch);
    }
}

impl<const N: usize, const K: usize> Clusterer for OnlineKMeans<N, K> {
    fn assign_one(&self, x: &Sample<N>) -> Option<u8> {
        self.centroids.nearest(&features(x)).map(|(place, _)| place as u8)
    }
}

impl<const N: usize, const K: usize> Validate for OnlineKMeans<N, K> {
    fn is_valid(&self) -> bool {
        self.centroids.is_valid()
            && self.sums.iter().flatten().all(|s| math::abs(*s) <= math::LIMIT)
            && self.counts.iter().all(|count| *count <= self.filled)
            && (0.0..=1.0).contains(&self.decay)
            && self.filled < self.batch
    }
}
