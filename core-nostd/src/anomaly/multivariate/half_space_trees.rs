use serde::{Deserialize, Serialize};

use crate::math;
use crate::rng::Rng;
use crate::sample::Sample;
use crate::traits::{Learner, Scorer, Validate};

/// Where the trees of [`HalfSpaceTrees`] split.
pub trait Splits<const N: usize, const TREES: usize>: Validate {
    /// The sample as each tree sees it at its root.
    fn enter(&self, x: &[f32; N]) -> [[f32; N]; TREES];

    /// True if `x` goes to the right of this node; `x` is then as seen by the child.
    fn right(&self, tree: usize, node: usize, x: &mut [f32; N]) -> bool;
}

/// Splits in the middle of what is left of a feature's range, as in the paper; needs no memory for the nodes.
///
/// The range of a feature in a tree is `s ± 2 max(s, 1 - s)` with `s` uniform in 0 to 1, where 0 to 1 stands for -3 to
/// 3 of the input: feed standardised features. The next split of a feature is the next binary digit of its place in
/// that range; which feature a node splits comes from a hash of the node. Memory: `8 N TREES + 4 TREES` bytes.
/// ```
/// use brooklet_core::anomaly::{Halving, Splits};
/// let halving = Halving::<1, 1>::new(1);
/// assert!(!halving.right(0, 0, &mut [0.4]) && halving.right(0, 0, &mut [0.6]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Halving<const N: usize, const TREES: usize> {
    #[serde(with = "crate::array::nested")]
    scales: [[f32; N]; TREES],
    #[serde(with = "crate::array::nested")]
    offsets: [[f32; N]; TREES],
    #[serde(with = "crate::array")]
    steps: [u32; TREES],
}

impl<const N: usize, const TREES: usize> Halving<N, TREES> {
    /// Ranges and features from a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let (mut scales, mut offsets, mut steps) = ([[0.0; N]; TREES], [[0.0; N]; TREES], [0; TREES]);
        let mut trees: (&mut [[f32; N]], &mut [[f32; N]], &mut [u32]) =
            (&mut scales, &mut offsets, &mut steps);
        while let ([scale, a @ ..], [offset, b @ ..], [step, c @ ..]) = trees {
            *step = (rng.next_u64() >> 32) as u32 | 1;
            let mut features: (&mut [f32], &mut [f32]) = (scale, offset);
            while let ([scale, a @ ..], [offset, b @ ..]) = features {
                let s = rng.uniform();
                let half = 2.0 * math::max(s, 1.0 - s);
                *scale = 1.0 / (12.0 * half);
                *offset = (0.5 - s + half) / (2.0 * half);
                features = (a, b);
            }
            trees = (a, b, c);
        }
        Self { scales, offsets, steps }
    }
}

impl<const N: usize, const TREES: usize> Splits<N, TREES> for Halving<N, TREES> {
    fn enter(&self, x: &[f32; N]) -> [[f32; N]; TREES] {
        let mut places = [[0.0; N]; TREES];
        for ((place, scale), offset) in places.iter_mut().zip(&self.scales).zip(&self.offsets) {
            for (((place, scale), offset), x) in place.iter_mut().zip(scale).zip(offset).zip(x) {
                *place = x * scale + offset;
            }
        }
        places
    }

    fn right(&self, tree: usize, node: usize, x: &mut [f32; N]) -> bool {
        let step = self.steps.get(tree).copied().unwrap_or(1);
        let hash = (node as u32).wrapping_add(1).wrapping_mul(step) >> 16;
        let Some(place) = x.get_mut((hash.wrapping_mul(N as u32) >> 16) as usize) else { return false };
        let doubled = *place + *place;
        let right = doubled >= 1.0;
        *place = if right { doubled - 1.0 } else { doubled };
        right
    }
}

impl<const N: usize, const TREES: usize> Validate for Halving<N, TREES> {
    fn is_valid(&self) -> bool {
        self.scales.iter().chain(&self.offsets).flatten().all(|v| (0.0..=1.0).contains(v))
    }
}

/// Splits given one by one, such as those of trees made elsewhere. Memory: `5 TREES NODES` bytes.
/// ```
/// use brooklet_core::anomaly::{GivenSplits, Splits};
/// let splits = GivenSplits::<2, 1, 1>::new([[1]], [[7.0]]).unwrap();
/// assert!(splits.right(0, 0, &mut [0.0, 7.0]) && !splits.right(0, 0, &mut [0.0, 6.9]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GivenSplits<const N: usize, const TREES: usize, const NODES: usize> {
    #[serde(with = "crate::array::nested")]
    features: [[u8; NODES]; TREES],
    #[serde(with = "crate::array::nested")]
    thresholds: [[f32; NODES]; TREES],
}

impl<const N: usize, const TREES: usize, const NODES: usize> GivenSplits<N, TREES, NODES> {
    /// Feature and threshold of each node, in the order of levels (the children of node `i` are `2 i + 1` and
    /// `2 i + 2`); `x` goes left where it is below the threshold. `None` if a feature is not below `N` or a threshold
    /// not finite.
    #[must_use]
    pub fn new(features: [[u8; NODES]; TREES], thresholds: [[f32; NODES]; TREES]) -> Option<Self> {
        let splits = Self { features, thresholds };
        splits.is_valid().then_some(splits)
    }
}

impl<const N: usize, const TREES: usize, const NODES: usize> Splits<N, TREES>
    for GivenSplits<N, TREES, NODES>
{
    fn enter(&self, x: &[f32; N]) -> [[f32; N]; TREES] {
        [*x; TREES]
    }

    fn right(&self, tree: usize, node: usize, x: &mut [f32; N]) -> bool {
        let feature = self.features.get(tree).and_then(|tree| tree.get(node)).copied().unwrap_or(0);
        let threshold = self.thresholds.get(tree).and_then(|tree| tree.get(node)).copied().unwrap_or(0.0);
        x.get(usize::from(feature)).is_some_and(|x| *x >= threshold)
    }
}

impl<const N: usize, const TREES: usize, const NODES: usize> Validate for GivenSplits<N, TREES, NODES> {
    fn is_valid(&self) -> bool {
        self.features.iter().flatten().all(|feature| usize::from(*feature) < N)
            && self.thresholds.iter().flatten().all(|threshold| threshold.is_finite())
    }
}

/// Trees that halve the space at random; strange is what falls where few samples of the last window fell.
///
/// Formula: each tree adds `mass 2^depth` along the way of `x`, mass being the share of the reference window in that
/// node, until a node holds less than a tenth of the window; raw = `1 - sum / largest possible sum`, 0 to 1. After
/// `window` samples what was counted becomes the reference.
///
/// Finds scattered outliers among many features; anomalies that fill a whole window become the reference. Feed
/// standardised features (`Then<StandardScaler, HalfSpaceTrees>`, as the registered one is), or splits that fit the
/// raw ones. Ready after `window` samples.
///
/// `NODES`: inner nodes of a tree, `2^H - 1`; `window`: 1 and up, in samples. Memory: `4 TREES NODES` bytes and the
/// splits: of a node only the mass of its left child is kept, the rest follows on the way down. Cost: `H TREES`
/// comparisons.
/// ```
/// use brooklet_core::{anomaly::HalfSpaceTrees, rng::Rng, sample::Sample};
/// use brooklet_core::traits::{Learner, Scorer};
/// let (mut rng, mut trees) = (Rng::new(1), HalfSpaceTrees::<2, 10, 63>::new(250, 7));
/// for _ in 0..500 { trees.learn_one(&Sample::new([rng.normal(), rng.normal()]).unwrap()); }
/// let raw = |x| trees.raw_one(&Sample::new(x).unwrap()).unwrap();
/// assert!(raw([0.0, 0.0]) < 0.9 && raw([6.0, -6.0]) > 0.95);
/// ```
/// Source: S. C. Tan, K. M. Ting, T. F. Liu, Fast anomaly detection for streaming data, IJCAI 2011. Checked against
/// river.anomaly.HalfSpaceTrees with the same splits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HalfSpaceTrees<const N: usize, const TREES: usize, const NODES: usize, S = Halving<N, TREES>> {
    splits: S,
    /// Of each node's left child: samples in this window, and in the reference.
    #[serde(with = "crate::array::nested")]
    masses: [[[u16; 2]; NODES]; TREES],
    window: u16,
    count: u16,
    ready: bool,
}

impl<const N: usize, const TREES: usize, const NODES: usize> HalfSpaceTrees<N, TREES, NODES> {
    /// Trees that halve, with nothing learnt.
    #[must_use]
    pub const fn new(window: u16, seed: u64) -> Self {
        Self::with_splits(Halving::new(seed), window)
    }
}

impl<const N: usize, const TREES: usize, const NODES: usize, S> HalfSpaceTrees<N, TREES, NODES, S> {
    const HEIGHT: u32 = NODES.saturating_add(1).trailing_zeros();
    const SHAPE: () = assert!(
        NODES < 65_536 && NODES.saturating_add(1).is_power_of_two() && N > 0 && N < 65_536 && TREES > 0,
        "NODES is 2^H - 1"
    );

    /// Trees with given splits and nothing learnt; a window of 0 counts as 1.
    #[must_use]
    pub const fn with_splits(splits: S, window: u16) -> Self {
        let () = Self::SHAPE;
        let window = if window == 0 { 1 } else { window };
        Self { splits, masses: [[[0; 2]; NODES]; TREES], window, count: 0, ready: false }
    }
}

impl<const N: usize, const TREES: usize, const NODES: usize, S> Learner for HalfSpaceTrees<N, TREES, NODES, S>
where
    S: Splits<N, TREES>,
{
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        let mut places = self.splits.enter(&x.values().map(math::limit));
        let mut nodes = [0usize; TREES];
        // Level by level, so that the trees' ways are walked side by side.
        for _ in 0..Self::HEIGHT {
            let ways = nodes.iter_mut().zip(&mut places).zip(&mut self.masses).enumerate();
            for (tree, ((node, place), masses)) in ways {
                let right = self.splits.right(tree, *node, place);
                if let Some([left, _]) = masses.get_mut(*node) {
                    *left = left.saturating_add(u16::from(!right));
                }
                *node = node.wrapping_mul(2).wrapping_add(1).wrapping_add(usize::from(right));
            }
        }
        self.count = self.count.saturating_add(1);
        if self.count >= self.window {
            for [new, reference] in self.masses.iter_mut().flatten() {
                (*new, *reference) = (0, *new);
            }
            (self.count, self.ready) = (0, true);
        }
    }

    fn reset(&mut self) {
        self.masses = [[[0; 2]; NODES]; TREES];
        (self.count, self.ready) = (0, false);
    }
}

#[derive(Clone, Copy)]
struct Way {
    node: usize,
    /// Samples of the reference in the node.
    mass: u32,
    /// The window while the walk goes on, then 0: weighs what is added.
    open: u32,
}

impl<const N: usize, const TREES: usize, const NODES: usize, S> Scorer for HalfSpaceTrees<N, TREES, NODES, S>
where
    S: Splits<N, TREES>,
{
    fn raw_one(&self, x: &Sample<N>) -> Option<f32> {
        if !self.ready {
            return None;
        }
        let window = u32::from(self.window);
        let mut places = self.splits.enter(&x.values().map(math::limit));
        let mut ways = [Way { node: 0, mass: window, open: 1 }; TREES];
        let root = (window as u64).wrapping_mul(TREES as u64);
        let mut sum = root;
        for level in 1..=Self::HEIGHT {
            let mut level_sum = 0u32;
            for (tree, ((way, place), masses)) in
                ways.iter_mut().zip(&mut places).zip(&self.masses).enumerate()
            {
                let right = self.splits.right(tree, way.node, place);
                let left = masses.get(way.node).map_or(0, |[_, reference]| u32::from(*reference));
                way.mass = if right { way.mass.saturating_sub(left) } else { left };
                level_sum = level_sum.wrapping_add(way.mass.wrapping_mul(way.open));
                way.open &= u32::from(way.mass.wrapping_mul(10) >= window);
                way.node = way.node.wrapping_mul(2).wrapping_add(1).wrapping_add(usize::from(right));
            }
            sum = sum.wrapping_add(u64::from(level_sum).wrapping_shl(level));
        }
        let deepest = 2u64.wrapping_shl(Self::HEIGHT).wrapping_sub(1);
        Some(1.0 - sum as f32 / root.wrapping_mul(deepest) as f32)
    }
}

impl<const N: usize, const TREES: usize, const NODES: usize, S> Validate
    for HalfSpaceTrees<N, TREES, NODES, S>
where
    S: Splits<N, TREES>,
{
    fn is_valid(&self) -> bool {
        self.splits.is_valid()
            && self.count < self.window
            && self.masses.iter().flatten().flatten().all(|mass| *mass <= self.window)
    }
}
