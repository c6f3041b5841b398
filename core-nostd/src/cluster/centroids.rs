use serde::{Deserialize, Serialize};

use crate::linear::{self, distance_squared};
use crate::math;
use crate::traits::Validate;

/// `K` weighted points and how they come about: the first samples are spread over them.
///
/// Seeding: distinct samples take the free places. After that a sample further from its nearest point than the two
/// nearest points are from each other takes the place of one of the two, which become one; any other sample moves its
/// nearest point to the mean. After `50 K` samples seeding is over.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Centroids<const N: usize, const K: usize> {
    #[serde(with = "crate::array::nested")]
    pub(super) points: [[f32; N]; K],
    /// Samples that a point stands for.
    #[serde(with = "crate::array")]
    pub(super) weights: [f32; K],
    len: u8,
    /// Samples of seeding to come.
    seeding: u16,
}

impl<const N: usize, const K: usize> Centroids<N, K> {
    const SHAPE: () = assert!(K >= 1 && K <= 255);
    const HEAVIEST: f32 = 1e13;

    pub(super) const fn new() -> Self {
        let () = Self::SHAPE;
        Self { points: [[0.0; N]; K], weights: [0.0; K], len: 0, seeding: (K as u16).saturating_mul(50) }
    }

    /// Given points need no seeding; what is out of range or no number is brought into range.
    pub(super) fn given(points: [[f32; N]; K], weights: [f32; K]) -> Self {
        let () = Self::SHAPE;
        let points = points.map(|point| point.map(|v| math::clamp(v, -linear::REACH, linear::REACH)));
        Self { points, weights: weights.map(|w| math::clamp(w, 0.0, 1e9)), len: K as u8, seeding: 0 }
    }

    pub(super) const fn is_seeding(&self) -> bool {
        self.seeding > 0
    }

    /// The place of the nearest point and its squared distance.
    pub(super) fn nearest(&self, x: &[f32; N]) -> Option<(usize, f32)> {
        linear::nearest(self.points.iter().take(usize::from(self.len)), x)
    }

    /// True if the sample was needed for seeding.
    pub(super) fn seed(&mut self, x: &[f32; N]) -> bool {
        if self.seeding == 0 {
            return false;
        }
        self.seeding = self.seeding.saturating_sub(1);
        let room = usize::from(self.len) < K;
        match self.nearest(x) {
            Some((place, distance)) if distance <= 0.0 || (!room && distance <= self.closest_pair().2) => {
                if let Some((point, weight)) = self.points.get_mut(place).zip(self.weights.get_mut(place)) {
                    *weight += 1.0;
                    for (p, x) in point.iter_mut().zip(x) {
                        *p += (x - *p) / *weight;
                    }
                }
            }
            _ if room => {
                self.set(usize::from(self.len), *x, 1.0);
                self.len = self.len.saturating_add(1);
            }
            _ => {
                let (kept, freed, _) = self.closest_pair();
                let pair = self.point(kept).zip(self.point(freed));
                if let Some(((a, weight_a), (b, weight_b))) = pair {
                    let weight = weight_a + weight_b;
                    let mut mean = a;
                    for (mean, b) in mean.iter_mut().zip(&b) {
                        *mean += (b - *mean) * (weight_b / weight);
                    }
                    self.set(kept, mean, weight);
                    self.set(freed, *x, 1.0);
                }
            }
        }
        true
    }

    fn point(&self, place: usize) -> Option<([f32; N], f32)> {
        self.points.get(place).copied().zip(self.weights.get(place).copied())
    }

    fn set(&mut self, place: usize, x: [f32; N], w: f32) {
        if let Some((point, weight)) = self.points.get_mut(place).zip(self.weights.get_mut(place)) {
            (*point, *weight) = (x, w);
        }
    }

    /// The places of the two points nearest to each other and their squared distance.
    fn closest_pair(&self) -> (usize, usize, f32) {
        let mut best = (0, 0, f32::INFINITY);
        // Not `enumerate().skip()`: with overflow checks on its counter can panic.
        for (i, a) in (0..K).zip(&self.points) {
            for (j, b) in (0..K).zip(&self.points).skip(i.saturating_add(1)) {
                let distance = distance_squared(a, b);
                if distance < best.2 {
                    best = (i, j, distance);
                }
            }
        }
        best
    }
}

impl<const N: usize, const K: usize> Validate for Centroids<N, K> {
    fn is_valid(&self) -> bool {
        self.points.iter().flatten().all(|v| math::abs(*v) <= 2.0 * linear::REACH)
            && self.weights.iter().all(|w| (0.0..=Self::HEAVIEST).contains(w))
            && usize::from(self.len) <= K
            && self.seeding <= (K as u16).saturating_mul(50)
            && (self.seeding == 0 || self.weights.iter().take(usize::from(self.len)).all(|w| *w >= 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// The first samples of a stream are all alike: the points must not be spent on them.
    #[test]
    fn seeds_spread_over_clusters_that_come_late() {
        let (mut rng, mut centroids) = (Rng::new(3), Centroids::<2, 3>::new());
        for i in 0..150u8 {
            let centre = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]][usize::from(i / 50)];
            assert!(centroids.seed(&centre.map(|c| c + 0.5 * rng.normal())));
        }
        assert!(!centroids.seed(&[0.0, 0.0]));
        for centre in [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]] {
            assert!(centroids.nearest(&centre).unwrap().1 < 1.0, "{centroids:?}");
        }
    }
}
