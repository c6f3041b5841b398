use serde::{Deserialize, Serialize};

use crate::math;
use crate::rng::Rng;
use crate::sample::Sample;
use crate::traits::{Learner, Scorer, Validate};

/// Where the trees of [`HalfSpaceTrees`] split. Nodes are counted level by level: the root is 1, the children of node
/// `i` are `2 i` and `2 i + 1`.
pub trait Splits<const N: usize, const TREES: usize>: Validate {
    /// What is left to decide about a sample on its way through a tree.
    type Place: Copy;

    /// The sample at the roots.
    fn enter(&self, x: &[f32; N]) -> [Self::Place; TREES];

    /// True if the sample goes to the right of the node; the place is then that at the child.
    fn right(&self, tree: usize, node: usize, place: &mut Self::Place) -> bool;
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
/// assert!((1..8).all(|node| !halving.right(0, node, &mut place))); // below all of the range
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
                // To the number of one of 65536 equal parts of the range; half a part less, as the nearest is taken.
                *scale = 65_536.0 / (12.0 * half);
                *offset = 65_536.0 * (0.5 - s + half) / (2.0 * half) - 0.5;
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
                // 16 digits: as many as a tree has levels at most.
                let digits = math::clamp(x * scale + offset, 0.0, 65_535.0);
                *place = math::nearest(digits).wrapping_shl(16);
            }
        }
        places
    }

    #[inline]
    fn right(&self, tree: usize, node: usize, place: &mut [u32; N]) -> bool {
        let step = self.steps.get(tree).copied().unwrap_or(1);
        let hash = (node as u32).wrapping_mul(step) >> 16;
        let feature = (hash.wrapping_mul(N as u32) >> 16) as usize;
        let Some(digits) = place.get_mut(feature) else { return false };
        let right = *digits >> 31 == 1;
        *digits = digits.wrapping_shl(1);
        right
    }
}

impl<const N: usize, const TREES: usize> Validate for Halving<N, TREES> {
    fn is_valid(&self) -> bool {
        self.scales.iter().chain(&self.offsets).flatten().all(|v| (0.0..=65_536.0).contains(v))
    }
}

/// Splits given one by one, such as those of trees made elsewhere. Memory: `5 TREES NODES` bytes.
/// ```
/// use brooklet_core::anomaly::{GivenSplits, Splits};
/// let splits = GivenSplits::<2, 1, 1>::new(&[[1]], &[[7.0]]).unwrap();
/// assert!(splits.right(0, 1, &mut [0.0, 7.0]) && !splits.right(0, 1, &mut [0.0, 6.9]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GivenSplits<const N: usize, const TREES: usize, const NODES: usize> {
    #[serde(with = "crate::array::nested")]
    features: [[u8; NODES]; TREES],
    #[serde(with = "crate::array::nested")]
    thresholds: [[f32; NODES]; TREES],
}

impl<const N: usize, const TREES: usize, const NODES: usize> GivenSplits<N, TREES, NODES> {
    /// Feature and threshold of each node, level by level from the root; `x` goes left where it is below the
    /// threshold. `None` if a feature is not below `N` or a threshold not finite.
    #[must_use]
    pub fn new(features: &[[u8; NODES]; TREES], thresholds: &[[f32; NODES]; TREES]) -> Option<Self> {
        let splits = Self { features: *features, thresholds: *thresholds };
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

    fn right(&self, tree: usize, node: usize, x: &mut [f32; N]) -> bool {
        let slot = node.wrapping_sub(1);
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
/// `LEAVES`: of a tree, `2^H`, H 1 to 16; `window`: 1 to `2^((31 - H) / 2) - 1` (2047 for H = 8, 255 for H = 15), in
/// samples, brought into range. Memory: `4 TREES LEAVES` bytes and the splits. Cost: `H TREES` comparisons, as a sample
/// is counted in leaves only and the sum along a way is kept at its leaf; once a window up to `LEAVES` additions a
/// level of each tree to find those sums.
/// ```
/// use brooklet_core::{anomaly::HalfSpaceTrees, rng::Rng, sample::Sample};
/// use brooklet_core::traits::{Learner, Scorer};
/// let (mut rng, mut trees) = (Rng::new(1), HalfSpaceTrees::<2, 10, 64>::new(250, 7));
/// for _ in 0..500 { trees.learn_one(&Sample::new([rng.normal(), rng.normal()]).unwrap()); }
/// let raw = |x| trees.raw_one(&Sample::new(x).unwrap()).unwrap();
/// assert!(raw([0.0, 0.0]) < 0.9 && raw([6.0, -6.0]) > 0.95);
/// ```
/// Source: S. C. Tan, K. M. Ting, T. F. Liu, Fast anomaly detection for streaming data, IJCAI 2011. Checked against
/// river.anomaly.HalfSpaceTrees with the same splits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HalfSpaceTrees<const N: usize, const TREES: usize, const LEAVES: usize, S = Halving<N, TREES>> {
    splits: S,
    /// Of each leaf, in the upper bits the sum along the way to it in the reference, in the lower `COUNT_BITS` its
    /// samples in the window.
    #[serde(with = "crate::array::nested")]
    leaves: [[u32; LEAVES]; TREES],
    window: u16,
    count: u16,
    ready: bool,
}

impl<const N: usize, const TREES: usize, const LEAVES: usize> HalfSpaceTrees<N, TREES, LEAVES> {
    /// Trees that halve, with nothing learnt.
    #[must_use]
    pub const fn new(window: u16, seed: u64) -> Self {
        Self::with_splits(Halving::new(seed), window)
    }
}

impl<const N: usize, const TREES: usize, const LEAVES: usize, S> HalfSpaceTrees<N, TREES, LEAVES, S> {
    const HEIGHT: u32 = LEAVES.trailing_zeros();
    const SHAPE: () = assert!(
        LEAVES > 1 && LEAVES <= 65_536 && LEAVES.is_power_of_two() && N > 0 && N < 65_536 && TREES > 0,
        "LEAVES is 2^H"
    );
    /// So that the largest sum fits into the rest.
    const COUNT_BITS: u32 = 31u32.saturating_sub(Self::HEIGHT) / 2;
    const COUNTED: u32 = 1u32.wrapping_shl(Self::COUNT_BITS).wrapping_sub(1);
    /// The sum for a sample of the window along a way that all samples go.
    const DEEPEST: u32 = 2u32.wrapping_shl(Self::HEIGHT).wrapping_sub(1);

    /// Trees with given splits and nothing learnt.
    #[must_use]
    pub const fn with_splits(splits: S, window: u16) -> Self {
        let () = Self::SHAPE;
        let (window, most) = (if window == 0 { 1 } else { window }, Self::COUNTED as u16);
        let window = if window > most { most } else { window };
        Self { splits, leaves: [[0; LEAVES]; TREES], window, count: 0, ready: false }
    }

    /// Turns what was counted below a node of this mass into the sums along the ways from the root.
    fn settle(leaves: &mut [u32], mass: u32, depth: u32, above: u32, fewest: u32) {
        let sum = above.wrapping_add(mass.wrapping_shl(depth));
        let half = leaves.len() / 2;
        match leaves.split_at_mut_checked(half) {
            Some((left, right)) if half > 0 && mass >= fewest => {
                let counted = left.iter().fold(0u32, |sum, leaf| sum.wrapping_add(*leaf & Self::COUNTED));
                let depth = depth.wrapping_add(1);
                Self::settle(left, counted, depth, sum, fewest);
                Self::settle(right, mass.saturating_sub(counted), depth, sum, fewest);
            }
            _ => leaves.fill(sum.wrapping_shl(Self::COUNT_BITS)),
        }
    }
}

impl<const N: usize, const TREES: usize, const LEAVES: usize, S> HalfSpaceTrees<N, TREES, LEAVES, S>
where
    S: Splits<N, TREES>,
{
    /// The sample's leaf in each tree.
    #[inline]
    fn fall(&self, x: &Sample<N>) -> [usize; TREES] {
        let mut places = self.splits.enter(&x.values().map(math::limit));
        let mut nodes = [1usize; TREES];
        // Level by level, so that the trees' ways are walked side by side.
        for _ in 0..Self::HEIGHT {
            for (tree, (node, place)) in (0..TREES).zip(nodes.iter_mut().zip(&mut places)) {
                let right = self.splits.right(tree, *node, place);
                *node = node.wrapping_mul(2).wrapping_add(usize::from(right));
            }
        }
        nodes.map(|node| node & LEAVES.wrapping_sub(1))
    }
}

impl<const N: usize, const TREES: usize, const LEAVES: usize, S> Learner
    for HalfSpaceTrees<N, TREES, LEAVES, S>
where
    S: Splits<N, TREES>,
{
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        let reached = self.fall(x);
        for (tree, leaf) in self.leaves.iter_mut().zip(reached) {
            if let Some(leaf) = tree.get_mut(leaf) {
                *leaf = leaf.wrapping_add(1); // at most `window`
            }
        }
        self.count = self.count.saturating_add(1);
        if self.count >= self.window {
            (self.count, self.ready) = (0, true);
            let window = u32::from(self.window);
            let fewest = window.saturating_add(9) / 10;
            self.leaves.iter_mut().for_each(|tree| Self::settle(tree, window, 0, 0, fewest));
        }
    }

    fn reset(&mut self) {
        self.leaves = [[0; LEAVES]; TREES];
        (self.count, self.ready) = (0, false);
    }
}

impl<const N: usize, const TREES: usize, const LEAVES: usize, S> Scorer
    for HalfSpaceTrees<N, TREES, LEAVES, S>
where
    S: Splits<N, TREES>,
{
    fn raw_one(&self, x: &Sample<N>) -> Option<f32> {
        if !self.ready {
            return None;
        }
        let sums = self.leaves.iter().zip(self.fall(x)).map(|(tree, leaf)| {
            tree.get(leaf).map_or(0, |leaf| u64::from(leaf.wrapping_shr(Self::COUNT_BITS)))
        });
        let sum = sums.fold(0u64, u64::wrapping_add);
        let largest =
            u64::from(self.window).wrapping_mul(TREES as u64).wrapping_mul(u64::from(Self::DEEPEST));
        Some(1.0 - sum as f32 / largest as f32)
    }
}

impl<const N: usize, const TREES: usize, const LEAVES: usize, S> Validate
    for HalfSpaceTrees<N, TREES, LEAVES, S>
where
    S: Splits<N, TREES>,
{
    fn is_valid(&self) -> bool {
        let window = u32::from(self.window);
        let counted =
            |tree: &[u32; LEAVES]| tree.iter().fold(0u32, |sum, leaf| sum.wrapping_add(leaf & Self::COUNTED));
        self.splits.is_valid()
            && (1..=Self::COUNTED).contains(&window)
            && self.count < self.window
            && self.leaves.iter().all(|tree| counted(tree) == u32::from(self.count))
            && self
                .leaves
                .iter()
                .flatten()
                .all(|leaf| leaf.wrapping_shr(Self::COUNT_BITS) <= window.wrapping_mul(Self::DEEPEST))
    }
}
