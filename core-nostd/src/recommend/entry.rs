//! A bounded table of vectors with keys.

use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::Recommendation;

/// Squares of this and sums of them stay finite.
const LIMIT: f32 = 1e15;

/// A vector that was learnt; unused while its count is 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry<const N: usize> {
    #[serde(with = "crate::array")]
    vector: [f32; N],
    /// Euclidean length of the vector, kept.
    length: f32,
    pub(super) count: u32,
    /// When it was learnt last, in samples.
    pub(super) learnt: u32,
    pub(super) key: u16,
}

impl<const N: usize> Entry<N> {
    pub(super) const fn new() -> Self {
        Self { vector: [0.0; N], length: 0.0, count: 0, learnt: 0, key: 0 }
    }

    /// Starts over with a first vector.
    pub(super) fn start(&mut self, x: &Sample<N>, key: u16) {
        *self = Self { key, ..Self::new() };
        self.approach(x, 1.0);
    }

    /// Moves towards a vector by a share of the way.
    pub(super) fn approach(&mut self, x: &Sample<N>, share: f32) {
        for (v, x) in self.vector.iter_mut().zip(x.values()) {
            *v += share * (math::clamp(*x, -LIMIT, LIMIT) - *v);
        }
        self.length = length(&self.vector);
        self.count = self.count.saturating_add(1);
    }

    /// Cosine of the angle to a vector of a length; `None` of unused or zero ones.
    pub(super) fn cosine(&self, x: &[f32; N], length: f32) -> Option<f32> {
        let scale = self.length * length;
        if self.count == 0 || scale <= 0.0 {
            return None;
        }
        let dot: f32 = self
            .vector
            .iter()
            .zip(x)
            .map(|(v, x)| v / self.length * (math::clamp(*x, -LIMIT, LIMIT) / length))
            .sum();
        Some(math::clamp(dot, -1.0, 1.0))
    }

    pub(super) const fn vector(&self) -> &[f32; N] {
        &self.vector
    }

    pub(super) const fn length(&self) -> f32 {
        self.length
    }

    pub(super) fn is_valid(&self) -> bool {
        self.vector.iter().all(|v| math::abs(*v) <= 2.0 * LIMIT) && (0.0..=f32::MAX).contains(&self.length)
    }
}

impl<const N: usize> Default for Entry<N> {
    fn default() -> Self {
        Self::new()
    }
}

pub(super) fn length(x: &[f32]) -> f32 {
    math::sqrt(x.iter().map(|x| math::clamp(*x, -LIMIT, LIMIT)).map(|x| x * x).sum())
}

/// The most similar of some entries; of equal ones the one learnt more often, then the first.
pub(super) fn nearest<'a, const N: usize>(
    entries: impl Iterator<Item = &'a Entry<N>>,
    x: &[f32; N],
) -> Option<Recommendation> {
    let length = length(x);
    let mut best: Option<Recommendation> = None;
    for entry in entries {
        let Some(similarity) = entry.cosine(x, length) else { continue };
        let better = |best: Recommendation| {
            similarity > best.similarity || (similarity >= best.similarity && entry.count > best.times)
        };
        if best.is_none_or(better) {
            best = Some(Recommendation { key: entry.key, similarity, times: entry.count });
        }
    }
    best
}
