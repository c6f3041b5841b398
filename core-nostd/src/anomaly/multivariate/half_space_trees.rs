use serde::{Deserialize, Serialize};

use crate::math;
use crate::rng::Rng;
use crate::sample::Sample;
use crate::traits::{Learner, Scorer, Validate};

/// Where the trees of [`HalfSpaceTrees`] split.
pub trait Splits<const N: usize, const TREES: usize>: Validate {
    /// What is left to decide about a sample on its way through a tree.
    type Place: Copy;

    /// The sample at the roots.
    fn enter(&self, x: &[f32; N]) -> [Self::Place; TREES];

    /// True if the sample goes to the right of the node in this slot; the place is then that at the child.
    fn right(&self, tree: usize, slot: usize, place: &mut Self::Place) -> bool;
}

/// Levels that lie together in memory: 31 nodes of 2 bytes, about a cache line.
const BLOCK: u32 = 5;

/// The ways of a sample through all trees, side by side: a node's slot is its block's base and its place inside.
struct Ways<const TREES: usize> {
    bases: [usize; TREES],
    insides: [usize; TREES],
    /// The turns up to the block, a binary digit each.
    paths: [usize; TREES],
}

impl<const TREES: usize> Ways<TREES> {
    const fn new() -> Self {
        Self { bases: [0; TREES], insides: [0; TREES], paths: [0; TREES] }
    }

    /// Moves all ways to their next blocks where the level is the first of one.
    fn reach(&mut self, level: u32, height: u32) {
        if !level.is_multiple_of(BLOCK) {
            return;
        }
        let block = below(Ord::min(height.saturating_sub(level), BLOCK));
        let ways = self.bases.iter_mut().zip(&mut self.insides).zip(&mut self.paths);
        for ((base, inside), path) in ways {
            if level > 0 {
                *path = path.wrapping_shl(BLOCK).wrapping_add(inside.wrapping_sub(below(BLOCK)));
            }
            *base = below(level).wrapping_add(path.wrapping_mul(block));
            *inside = 0;
        }
    }
}

/// The slot of the node at the end of `path`, a binary digit for each of the `level` turns.
const fn slot(level: u32, path: usize, height: u32) -> usize {
    let within = level % BLOCK;
    let first = level.saturating_sub(within);
    let levels = height.saturating_sub(first);
    let block = below(if levels < BLOCK { levels } else { BLOCK });
    let inside = below(within).wrapping_add(path & below(within));
    below(first).wrapping_add(path.wrapping_shr(within).wrapping_mul(block)).wrapping_add(inside)
}

/// Nodes of a tree of so many levels.
const fn below(levels: u32) -> usize {
    1usize.wrapping_shl(levels).wrapping_sub(1)
}

/// Splits in the middle of what is left of a feature's range, as in the paper; needs no memory for the nodes.
///
/// The range of a feature in a tree is `s ± 2 max(s, 1 - s)` with `s` uniform in 0 to 1, where 0 to 1 stands for -3 to
/// 3 of the input: feed standardised features. The next split of a feature is the next binary digit of its place in
/// that range; which feature a node splits comes from a hash of the node. Memory: `8 N TREES + 4 TREES` bytes.
/// ```
/// use brooklet_core::anomaly::{Halving, Splits};
/// let halving = Halving::<1, 1>::new(1);
/// let [mut place] = halving.enter(&[-100.0]);
/// assert!((0..8).all(|node| !halving.right(0, node, &mut place))); // below all of the range
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
    /// Binary digits of each feature's place in its range.
    type Place = [u32; N];

    fn enter(&self, x: &[f32; N]) -> [[u32; N]; TREES] {
        let mut places = [[0; N]; TREES];
        for ((place, scale), offset) in places.iter_mut().zip(&self.scales).zip(&self.offsets) {
            for (((place, scale), offset), x) in place.iter_mut().zip(scale).zip(offset).zip(x) {
                let inside = math::clamp(x * scale + offset, 0.0, BELOW_ONE);
                // Signed, because that is what processors convert to.
                *place = ((inside * 2_147_483_648.0) as i32 as u32).wrapping_shl(1);
            }
        }
        places
    }

    fn right(&self, tree: usize, slot: usize, place: &mut [u32; N]) -> bool {
        let step = self.steps.get(tree).copied().unwrap_or(1);
        let hash = (slot as u32).wrapping_add(1).wrapping_mul(step) >> 16;
        let feature = (hash.wrapping_mul(N as u32) >> 16) as usize;
        let Some(digits) = place.get_mut(feature) else { return false };
        let right = *digits >> 31 == 1;
        *digits = digits.wrapping_shl(1);
        right
    }
}

impl<const N: usize, const TREES: usize> Validate for Halving<N, TREES> {
    fn is_valid(&self) -> bool {
        self.scales.iter().chain(&self.offsets).flatten().all(|v| (0.0..=1.0).contains(v))
    }
}

/// The largest f32 below 1.
const BELOW_ONE: f32 = 0.999_999_94;

/// Splits given one by one, such as those of trees made elsewhere. Memory: `5 TREES NODES` bytes.
/// ```
/// use brooklet_core::anomaly::{GivenSplits, Splits};
/// let splits = GivenSplits::<2, 1, 1>::new(&[[1]], &[[7.0]]).unwrap();
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
    pub fn new(features: &[[u8; NODES]; TREES], thresholds: &[[f32; NODES]; TREES]) -> Option<Self> {
        let mut splits = Self { features: [[0; NODES]; TREES], thresholds: [[0.0; NODES]; TREES] };
        let height = NODES.saturating_add(1).ilog2();
        for level in 0..height {
            for path in 0..1usize.wrapping_shl(level) {
                let (from, to) = (below(level).wrapping_add(path), slot(level, path, height));
                for (tree, given) in splits.features.iter_mut().zip(features) {
                    *tree.get_mut(to)? = *given.get(from)?;
                }
                for (tree, given) in splits.thresholds.iter_mut().zip(thresholds) {
                    *tree.get_mut(to)? = *given.get(from)?;
                }
            }
        }
        splits.is_valid().then_some(splits)
    }
}

impl<const N: usize, const TREES: usize, const NODES: usize> Splits<N, TREES>
    for GivenSplits<N, TREES, NODES>
{
    /// The sample itself.
    type Place = [f32; N];

    fn enter(&self, x: &[f32; N]) -> [[f32; N]; TREES] {
        [*x; TREES]
    }

    fn right(&self, tree: usize, slot: usize, x: &mut [f32; N]) -> bool {
        let feature = self.features.get(tree).and_then(|tree| tree.get(slot)).copied().unwrap_or(0);
        let threshold = self.thresholds.get(tree).and_then(|tree| tree.get(slot)).copied().unwrap_or(0.0);
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
    /// Samples in each node's left child, in the window and in the reference; every window they change places.
    #[serde(with = "crate::array::nested")]
    even: [[u16; NODES]; TREES],
    #[serde(with = "crate::array::nested")]
    odd: [[u16; NODES]; TREES],
    window: u16,
    count: u16,
    is_odd: bool,
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
        let (even, odd) = ([[0; NODES]; TREES], [[0; NODES]; TREES]);
        Self { splits, even, odd, window, count: 0, is_odd: false, ready: false }
    }
}

impl<const N: usize, const TREES: usize, const NODES: usize, S> Learner for HalfSpaceTrees<N, TREES, NODES, S>
where
    S: Splits<N, TREES>,
{
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        let mut places = self.splits.enter(&x.values().map(math::limit));
        let mut ways = Ways::<TREES>::new();
        let masses = if self.is_odd { &mut self.odd } else { &mut self.even };
        // Level by level, so that the trees' ways are walked side by side.
        for level in 0..Self::HEIGHT {
            ways.reach(level, Self::HEIGHT);
            let slots = ways.bases.iter().zip(&mut ways.insides);
            let trees = (0..TREES).zip(slots.zip(&mut places).zip(masses.iter_mut()));
            for (tree, (((base, inside), place), masses)) in trees {
                let slot = base.wrapping_add(*inside);
                let right = self.splits.right(tree, slot, place);
                if let Some(left) = masses.get_mut(slot) {
                    *left = left.wrapping_add(u16::from(!right)); // at most `window`
                }
                *inside = inside.wrapping_mul(2).wrapping_add(1).wrapping_add(usize::from(right));
            }
        }
        self.count = self.count.saturating_add(1);
        if self.count >= self.window {
            (self.count, self.is_odd, self.ready) = (0, !self.is_odd, true);
            *if self.is_odd { &mut self.odd } else { &mut self.even } = [[0; NODES]; TREES];
        }
    }

    fn reset(&mut self) {
        (self.even, self.odd) = ([[0; NODES]; TREES], [[0; NODES]; TREES]);
        (self.count, self.is_odd, self.ready) = (0, false, false);
    }
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
        let mut ways = Ways::<TREES>::new();
        // What is left of the reference on each way; 0 once it was less than a tenth.
        let (mut left_over, tenth) = ([window; TREES], window.saturating_add(9) / 10);
        let masses = if self.is_odd { &self.even } else { &self.odd };
        let root = u64::from(window).wrapping_mul(TREES as u64);
        let mut sum = root;
        for level in 0..Self::HEIGHT {
            ways.reach(level, Self::HEIGHT);
            let mut level_sum = 0u64;
            let slots = ways.bases.iter().zip(&mut ways.insides);
            let trees = (0..TREES).zip(slots.zip(&mut places).zip(masses).zip(&mut left_over));
            for (tree, ((((base, inside), place), masses), mass)) in trees {
                let slot = base.wrapping_add(*inside);
                let right = self.splits.right(tree, slot, place);
                let left = masses.get(slot).map_or(0, |left| u32::from(*left));
                let left = Ord::min(left, *mass);
                // Without a branch that half of the time is predicted wrongly.
                let other = mass.wrapping_sub(left).wrapping_sub(left);
                let here = left.wrapping_add(other & 0u32.wrapping_sub(u32::from(right)));
                level_sum = level_sum.wrapping_add(u64::from(here));
                *mass = if here < tenth { 0 } else { here };
                *inside = inside.wrapping_mul(2).wrapping_add(1).wrapping_add(usize::from(right));
            }
            sum = sum.wrapping_add(level_sum.wrapping_shl(level.wrapping_add(1)));
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
            && self.even.iter().chain(&self.odd).flatten().all(|mass| *mass <= self.window)
    }
}
