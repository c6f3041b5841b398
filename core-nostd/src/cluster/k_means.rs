use serde::{Deserialize, Serialize};

use super::centroids::Centroids;
use crate::linear::features;
use crate::math;
use crate::sample::Sample;
use crate::traits::{Clusterer, Learner, Validate};

/// Sequential k-means: each sample draws its nearest centroid.
///
/// Formula, for the nearest centroid: `n += 1`, `centroid += (x - centroid) max(1/n, rate)`.
///
/// Finds round clusters of similar width; needs features of similar scale. The first `50 K` samples seed it: they are
/// spread over the centroids, of the nearest two of which one is given up for what lies far from all. After that a
/// centroid that nothing comes near stays where it is.
///
/// `rate`: 0 to 1; 0 averages all samples, else old ones fade. `K`: 1 to 255. Memory: `4 K (N + 1) + 8` bytes. Cost: `K`
/// distances; `K²/2` more while seeding. Features are limited to ±1e12.
/// ```
/// use brooklet_core::{cluster::KMeans, sample::Sample};
/// use brooklet_core::traits::{Clusterer, Learner};
/// let mut means = KMeans::<1, 2>::new(0.01);
/// for i in 0..200u8 {
///     means.learn_one(&Sample::new([f32::from(i % 2) * 10.0 + f32::from(i % 5) * 0.1]).unwrap());
/// }
/// let cluster = |x| means.assign_one(&Sample::new([x]).unwrap());
/// assert!(cluster(0.3) == cluster(1.0) && cluster(0.3) != cluster(9.0));
/// ```
/// Source: MacQueen 1967, Some methods for classification and analysis of multivariate observations. Checked against
/// River's `KMeans`, whose `halflife` is `rate`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KMeans<const N: usize, const K: usize> {
    centroids: Centroids<N, K>,
    rate: f32,
}

impl<const N: usize, const K: usize> KMeans<N, K> {
    /// Nothing learnt; `rate` is brought into range.
    #[must_use]
    pub const fn new(rate: f32) -> Self {
        Self { centroids: Centroids::new(), rate: math::clamp(rate, 0.0, 1.0) }
    }

    /// From given centroids, each standing for so many samples (0 to 1e9); no seeding. `reset` forgets them.
    /// ```
    /// use brooklet_core::{cluster::KMeans, sample::Sample, traits::{Clusterer, Learner}};
    /// let mut means = KMeans::with_centroids(0.0, [[0.0], [10.0]], [1.0, 1.0]);
    /// means.learn_one(&Sample::new([2.0]).unwrap());
    /// assert_eq!(means.centroids(), &[[1.0], [10.0]]);
    /// assert_eq!(means.assign_one(&Sample::new([8.0]).unwrap()), Some(1));
    /// ```
    #[must_use]
    pub fn with_centroids(rate: f32, centroids: [[f32; N]; K], weights: [f32; K]) -> Self {
        Self { centroids: Centroids::given(centroids, weights), ..Self::new(rate) }
    }

    /// True while the first samples are spread over the centroids: a centroid may still become another cluster's.
    #[must_use]
    pub const fn is_seeding(&self) -> bool {
        self.centroids.is_seeding()
    }

    /// The centroids; 0 where there is none yet.
    #[must_use]
    pub const fn centroids(&self) -> &[[f32; N]; K] {
        &self.centroids.points
    }

    /// The samples that each centroid stands for; 0 where there is none yet.
    #[must_use]
    pub const fn weights(&self) -> &[f32; K] {
        &self.centroids.weights
    }
}

impl<const N: usize, const K: usize> KMeans<N, K> {
    /// Learns and gives the sample's cluster; it is the same before and after. `None` while seeding.
    pub(super) fn draw(&mut self, x: &[f32; N]) -> Option<u8> {
        if self.centroids.seed(x) {
            return None;
        }
        let (place, _) = self.centroids.nearest(x)?;
        let (points, weights) = (&mut self.centroids.points, &mut self.centroids.weights);
        let (point, weight) = points.get_mut(place).zip(weights.get_mut(place))?;
        *weight = math::min(*weight + 1.0, 1e9);
        let rate = if *weight * self.rate >= 1.0 { self.rate } else { 1.0 / *weight };
        for (p, x) in point.iter_mut().zip(x) {
            *p += rate * (x - *p);
        }
        Some(place as u8)
    }
}

impl<const N: usize, const K: usize> Learner for KMeans<N, K> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        self.draw(&features(x));
    }

    fn reset(&mut self) {
        *self = Self::new(self.rate);
    }
}

impl<const N: usize, const K: usize> Clusterer for KMeans<N, K> {
    fn assign_one(&self, x: &Sample<N>) -> Option<u8> {
        self.centroids.nearest(&features(x)).map(|(place, _)| place as u8)
    }
}

impl<const N: usize, const K: usize> Validate for KMeans<N, K> {
    fn is_valid(&self) -> bool {
        self.centroids.is_valid() && (0.0..=1.0).contains(&self.rate)
    }
}
