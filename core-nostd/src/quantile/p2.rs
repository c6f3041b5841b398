use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// A running quantile by the P² algorithm: five markers instead of the samples.
///
/// Formula: markers stand at the minimum, the quantiles q/2, q and (1+q)/2, and the maximum. With every sample the
/// wanted ranks grow; a marker that is off by a rank or more moves by one, its height along the parabola through it and
/// its neighbours, or along a straight line where the parabola would leave the order.
///
/// Good to a few per cent of the spread on smooth distributions; poor where the density has a gap at the quantile, and
/// slow to follow a level that shifts unless given a memory. Up to the fifth sample it is the sample of that rank.
///
/// `q`: 0.001..=0.999. [`P2::fading`]: from `memory` samples on (16..=2^31) what is older counts half; without it, from
/// 2^31. Memory: 60 bytes. Cost: five comparisons; three divisions for a marker that moves. Input is limited to ±1e18.
/// ```
/// use brooklet_core::quantile::P2;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut median = P2::new(0.5);
/// for i in 0..1001u32 { median.learn_one(&((i * 367 % 1001) as f32)); }
/// assert!((median.value().unwrap() - 500.0).abs() < 5.0);
/// ```
/// Source: R. Jain, I. Chlamtac, The P² algorithm for dynamic calculation of quantiles and histograms without storing
/// observations, Communications of the ACM 28 (1985), doi:10.1145/4372.4378. Checked against the paper's table and river's
/// `Quantile`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct P2 {
    q: f32,
    memory: u32,
    /// Number of samples, up to `memory`.
    n: u32,
    /// In ascending order; of the first five samples, as many as there are.
    heights: [f32; 5],
    /// Ranks from a marker to the next: whole numbers, so that they never stop counting.
    gaps: [u32; 4],
    /// Wanted minus actual rank of the three markers in the middle; stays near 0, so f32 keeps its digits.
    behind: [f32; 3],
}

impl P2 {
    const MOST: u32 = 1 << 31;

    /// Nothing learnt; never forgets.
    #[must_use]
    pub const fn new(q: f32) -> Self {
        Self::fading(q, Self::MOST)
    }

    /// Nothing learnt; after `memory` samples what is older counts half, and so on.
    /// ```
    /// use brooklet_core::{quantile::P2, traits::{Learner, Statistic}};
    /// let (mut all, mut fading) = (P2::new(0.5), P2::fading(0.5, 100));
    /// for i in 0..2000u16 {
    ///     let x = f32::from(i % 10) + if i < 1000 { 0.0 } else { 100.0 };
    ///     all.learn_one(&x);
    ///     fading.learn_one(&x);
    /// }
    /// assert!((fading.value().unwrap() - 104.5).abs() < 2.0 && all.value() < fading.value());
    /// ```
    #[must_use]
    pub const fn fading(q: f32, memory: u32) -> Self {
        let memory = if memory < 16 { 16 } else { memory };
        let memory = if memory > Self::MOST { Self::MOST } else { memory };
        let q = math::clamp(q, 0.001, 0.999);
        Self {
            q,
            memory,
            n: 0,
            heights: [0.0; 5],
            gaps: [1; 4],
            behind: [2.0 * q - 1.0, 4.0 * q - 2.0, 2.0 * q - 1.0],
        }
    }

    /// The quantile that is estimated.
    #[must_use]
    pub const fn q(&self) -> f32 {
        self.q
    }

    /// Number of samples, up to the memory.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.n
    }

    /// What the wanted ranks of the three markers in the middle grow by with a sample.
    const fn pace(&self) -> [f32; 3] {
        [0.5 * self.q, self.q, 0.5 * (1.0 + self.q)]
    }

    /// One of the first five samples takes its place.
    fn insert(&mut self, x: f32) {
        let mut carried = x;
        for height in self.heights.iter_mut().take(self.n as usize) {
            if carried < *height {
                core::mem::swap(height, &mut carried);
            }
        }
        if let Some(slot) = self.heights.get_mut(self.n as usize) {
            *slot = carried;
        }
    }

    /// Halves all ranks and puts the wanted ones anew.
    fn fade(&mut self) {
        let mut rank = 0u32;
        for gap in &mut self.gaps {
            *gap = Ord::max(*gap / 2, 1);
            rank = rank.saturating_add(*gap);
        }
        self.n = rank.saturating_add(1);
        let (pace, last, mut rank) = (self.pace(), rank as f32, 0u32);
        for ((behind, pace), gap) in self.behind.iter_mut().zip(pace).zip(self.gaps) {
            rank = rank.saturating_add(gap);
            *behind = pace * last - rank as f32;
        }
    }
}

/// A marker that is a rank or more off, and has room, moves by one; `down` and `up` are the ranks to its neighbours.
fn step(low: f32, at: &mut f32, high: f32, down: &mut u32, up: &mut u32, behind: &mut f32) {
    if *behind >= 1.0 && *up > 1 {
        *at = raised([low, *at, high], *down as f32, *up as f32);
        *down = down.saturating_add(1);
        *up = up.saturating_sub(1);
        *behind -= 1.0;
    } else if *behind <= -1.0 && *down > 1 {
        // The same seen upside down.
        *at = -raised([-high, -*at, -low], *up as f32, *down as f32);
        *down = down.saturating_sub(1);
        *up = up.saturating_add(1);
        *behind += 1.0;
    }
}

/// The height of the middle one of three markers after it moved a rank up.
fn raised([low, at, high]: [f32; 3], down: f32, up: f32) -> f32 {
    let parabola = at + ((down + 1.0) * (high - at) / up + (up - 1.0) * (at - low) / down) / (down + up);
    if low < parabola && parabola < high { parabola } else { at + (high - at) / up }
}

impl Learner for P2 {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = math::limit(*x);
        if self.n < 5 {
            self.insert(x);
            self.n = self.n.saturating_add(1);
            return;
        }
        if self.n >= self.memory {
            self.fade();
        }
        self.n = self.n.saturating_add(1);

        let pace = self.pace();
        let [h0, mut h1, mut h2, mut h3, h4] = self.heights;
        let (h0, h4) = (math::min(x, h0), math::max(x, h4));
        let [mut g0, mut g1, mut g2, mut g3] = self.gaps;
        // A marker above the sample moves up a rank: of two neighbours' gaps only one grows.
        let above = [x < h1, x < h2, x < h3];
        match above {
            [true, ..] => g0 = g0.saturating_add(1),
            [_, true, _] => g1 = g1.saturating_add(1),
            [.., true] => g2 = g2.saturating_add(1),
            _ => g3 = g3.saturating_add(1),
        }
        for ((behind, pace), above) in self.behind.iter_mut().zip(pace).zip(above) {
            *behind += if above { pace - 1.0 } else { pace };
        }
        let [b1, b2, b3] = &mut self.behind;
        step(h0, &mut h1, h2, &mut g0, &mut g1, b1);
        step(h1, &mut h2, h3, &mut g1, &mut g2, b2);
        step(h2, &mut h3, h4, &mut g2, &mut g3, b3);
        self.heights = [h0, h1, h2, h3, h4];
        self.gaps = [g0, g1, g2, g3];
    }

    fn reset(&mut self) {
        *self = Self::fading(self.q, self.memory);
    }
}

impl Statistic for P2 {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        let [_, _, middle, ..] = self.heights;
        match self.n {
            0 => None,
            1..=5 => {
                let last = self.n.saturating_sub(1) as usize;
                let rank = Ord::min((self.n as f32 * self.q) as usize, last);
                self.heights.get(rank).copied()
            }
            _ => Some(middle),
        }
    }
}

impl Validate for P2 {
    fn is_valid(&self) -> bool {
        let known = Ord::min(self.n, 5) as usize;
        let mut pairs = self.heights.iter().zip(self.heights.iter().skip(1)).take(known.saturating_sub(1));
        let ranks = self.gaps.iter().fold(0u32, |sum, gap| sum.saturating_add(*gap));
        (0.001..=0.999).contains(&self.q)
            && (16..=Self::MOST).contains(&self.memory)
            && self.n <= self.memory
            && ranks == Ord::max(self.n, 5).saturating_sub(1)
            && self.gaps.iter().all(|gap| *gap > 0)
            && self.heights.iter().all(|height| math::abs(*height) <= math::LIMIT)
            && pairs.all(|(a, b)| a <= b)
            && self.behind.iter().all(|behind| math::abs(*behind) <= Self::MOST as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// The worked example of the paper: 20 samples, heights of the markers after the last.
    #[test]
    fn the_papers_table() {
        let samples = [
            0.02, 0.15, 0.74, 3.39, 0.83, 22.37, 10.15, 15.43, 38.62, 15.92, 34.6, 10.28, 1.47, 0.4, 0.05,
            11.39, 0.27, 0.42, 0.09, 11.37,
        ];
        let mut median = P2::new(0.5);
        for x in samples {
            median.learn_one(&x);
        }
        assert!((median.value().unwrap() - 4.44).abs() < 0.005, "{median:?}");
        assert_eq!((median.heights[0], median.heights[4]), (0.02, 38.62));
    }

    #[test]
    fn with_a_memory_it_follows_a_level() {
        let (mut rng, mut fading, mut plain) = (Rng::new(2), P2::fading(0.9, 200), P2::new(0.9));
        for i in 0..20_000 {
            let x = rng.normal() + if i < 10_000 { 0.0 } else { 50.0 };
            fading.learn_one(&x);
            plain.learn_one(&x);
            assert!(fading.is_valid() && plain.is_valid());
        }
        assert!((fading.value().unwrap() - 51.28).abs() < 0.4, "{fading:?}");
    }

    #[test]
    fn after_two_thousand_million_samples_the_ranks_are_halved() {
        let mut median = P2::new(0.5);
        let (mut rng, steps) = (Rng::new(3), [P2::MOST / 4 - 1; 4]);
        for _ in 0..1000 {
            median.learn_one(&rng.normal());
        }
        median.gaps = steps;
        median.n = steps.iter().sum::<u32>() + 1;
        for _ in 0..1000 {
            median.learn_one(&rng.normal());
            assert!(median.is_valid(), "{median:?}");
        }
        assert!(median.value().unwrap().abs() < 0.2);
    }
}
