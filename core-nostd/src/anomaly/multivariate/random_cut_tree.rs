//! One tree of [`RandomCutForest`](super::RandomCutForest) with its reservoir.

use serde::{Deserialize, Serialize};

use crate::math;
use crate::rng::Rng;
use crate::traits::Validate;

/// No node.
const NONE: u16 = u16::MAX;

/// A node that cuts its box in two. Node numbers: inner nodes from 0, leaves from `SAMPLES`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Cut {
    /// Left where the feature is at most this.
    at: f32,
    feature: u16,
    /// Samples below.
    mass: u16,
    /// In a free slot, the next free one.
    left: u16,
    right: u16,
}

impl Default for Cut {
    fn default() -> Self {
        Self::FREE
    }
}

impl Cut {
    const FREE: Self = Self { at: 0.0, feature: 0, mass: 0, left: NONE, right: NONE };

    #[inline]
    fn child<const N: usize>(&self, point: &[f32; N]) -> u16 {
        let value = point.get(usize::from(self.feature)).copied().unwrap_or(0.0);
        if value <= self.at { self.left } else { self.right }
    }
}

/// The smallest box around all points below a node.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Bounds<const N: usize> {
    #[serde(with = "crate::array")]
    low: [f32; N],
    #[serde(with = "crate::array")]
    high: [f32; N],
}

impl<const N: usize> Default for Bounds<N> {
    fn default() -> Self {
        Self::FREE
    }
}

impl<const N: usize> Bounds<N> {
    const FREE: Self = Self { low: [0.0; N], high: [0.0; N] };

    /// How far the point lies outside of the box, summed over the features, and the sum of the box's sides.
    #[inline]
    fn outside(&self, point: &[f32; N]) -> (f32, f32) {
        let (mut outside, mut sides) = ([0.0; N], [0.0; N]);
        let bounds = self.low.iter().zip(&self.high);
        for (((o, r), x), (low, high)) in outside.iter_mut().zip(&mut sides).zip(point).zip(bounds) {
            *o = math::max(low - x, 0.0) + math::max(x - high, 0.0);
            *r = high - low;
        }
        (sum_of_four(&outside), sum_of_four(&sides))
    }

    /// The box with another one in it.
    fn extend(&mut self, other: &Self) {
        for ((low, high), (l, h)) in
            self.low.iter_mut().zip(&mut self.high).zip(other.low.iter().zip(&other.high))
        {
            (*low, *high) = (math::min(*low, *l), math::max(*high, *h));
        }
    }

    /// True if the point lies on a side.
    fn touches(&self, point: &[f32; N]) -> bool {
        self.low.iter().zip(&self.high).zip(point).any(|((low, high), x)| x <= low || high <= x)
    }

    /// The cut that lies so far into what is between the box and a point outside of it, one feature after the other.
    fn cut(&self, point: &[f32; N], mut into: f32) -> Option<(usize, f32)> {
        let mut drawn = None;
        for (feature, ((low, high), x)) in (0..N).zip(self.low.iter().zip(&self.high).zip(point)) {
            let (from, to) = if x < low { (*x, *low) } else { (*high, *x) };
            if from < to {
                let cut = from + math::min(into, to - from);
                // A cut at the upper end would leave nothing above it.
                drawn = Some((feature, if cut < to { cut } else { from }));
                into -= to - from;
                if into < 0.0 {
                    break;
                }
            }
        }
        drawn
    }
}

/// A sum by four sums side by side: one alone would wait for every addition.
fn sum_of_four<const N: usize>(values: &[f32; N]) -> f32 {
    let (fours, rest) = values.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for four in fours {
        for (sum, value) in sums.iter_mut().zip(four) {
            *sum += value;
        }
    }
    let [a, b, c, d] = sums;
    rest.iter().fold((a + b) + (c + d), |sum, value| sum + value)
}

/// One point, and how often it is in the reservoir.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Leaf<const N: usize> {
    #[serde(with = "crate::array")]
    point: [f32; N],
    /// In a free slot, the next free one.
    copies: u16,
}

impl<const N: usize> Default for Leaf<N> {
    fn default() -> Self {
        Self::FREE
    }
}

impl<const N: usize> Leaf<N> {
    const FREE: Self = Self { point: [0.0; N], copies: 0 };
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tree<const N: usize, const SAMPLES: usize> {
    /// The inner nodes; their boxes lie apart, so that the way down touches little memory.
    #[serde(with = "crate::array")]
    cuts: [Cut; SAMPLES],
    #[serde(with = "crate::array")]
    bounds: [Bounds<N>; SAMPLES],
    #[serde(with = "crate::array")]
    leaves: [Leaf<N>; SAMPLES],
    /// Each sample's draw, smaller the likelier to stay, and its leaf; no draw where there is no sample.
    #[serde(with = "crate::array")]
    keys: [f32; SAMPLES],
    #[serde(with = "crate::array")]
    leaf_of: [u16; SAMPLES],
    filled: u16,
    root: u16,
    /// The sample that goes next.
    worst: u16,
    /// `e^key` of it.
    reach: f32,
    /// The first free slots, of those that were used before.
    free_inner: u16,
    free_leaf: u16,
    /// Slots that were ever used.
    used_inner: u16,
    used_leaves: u16,
}

/// Smaller than any draw.
const NO_DRAW: f32 = -math::LIMIT;

impl<const N: usize, const SAMPLES: usize> Default for Tree<N, SAMPLES> {
    fn default() -> Self {
        Self::new()
    }
}

/// A way from the root: inner nodes, the number of them, and the leaf.
#[derive(Clone, Copy)]
struct Way<const SAMPLES: usize> {
    nodes: [u16; SAMPLES],
    depth: usize,
    leaf: u16,
}

impl<const SAMPLES: usize> Way<SAMPLES> {
    const EMPTY: Self = Self { nodes: [NONE; SAMPLES], depth: 0, leaf: NONE };

    fn nodes(&self) -> &[u16] {
        self.nodes.get(..self.depth).unwrap_or(&[])
    }
}

impl<const N: usize, const SAMPLES: usize> Tree<N, SAMPLES> {
    pub(super) const fn new() -> Self {
        Self {
            cuts: [Cut::FREE; SAMPLES],
            bounds: [Bounds::FREE; SAMPLES],
            leaves: [Leaf::FREE; SAMPLES],
            keys: [NO_DRAW; SAMPLES],
            leaf_of: [0; SAMPLES],
            filled: 0,
            root: NONE,
            worst: 0,
            reach: 0.0,
            free_inner: NONE,
            free_leaf: NONE,
            used_inner: 0,
            used_leaves: 0,
        }
    }

    fn cut(&self, id: u16) -> Option<&Cut> {
        self.cuts.get(usize::from(id))
    }

    fn leaf(&self, id: u16) -> Option<&Leaf<N>> {
        self.leaves.get(usize::from(id).checked_sub(SAMPLES)?)
    }

    fn leaf_mut(&mut self, id: u16) -> Option<&mut Leaf<N>> {
        self.leaves.get_mut(usize::from(id).checked_sub(SAMPLES)?)
    }

    /// Box of any node.
    fn bounds(&self, id: u16) -> Option<Bounds<N>> {
        match self.bounds.get(usize::from(id)) {
            Some(bounds) => Some(*bounds),
            None => self.leaf(id).map(|leaf| Bounds { low: leaf.point, high: leaf.point }),
        }
    }

    /// Puts `new` where `old` hangs below `parent`, or at the root.
    fn replace_child(&mut self, parent: Option<u16>, old: u16, new: u16) {
        match parent.and_then(|parent| self.cuts.get_mut(usize::from(parent))) {
            Some(node) if node.left == old => node.left = new,
            Some(node) => node.right = new,
            None => self.root = new,
        }
    }

    /// Samples in the reservoir.
    pub(super) const fn filled(&self) -> u16 {
        self.filled
    }

    /// The draw for an exponential, smaller the likelier to stay, if the sample comes in with it.
    pub(super) fn draw(&self, uniform: f32, age: f32, exp_age: f32) -> Option<f32> {
        let is_full = usize::from(self.filled) >= SAMPLES;
        // An exponential is at least its uniform: most are too large before any logarithm is taken.
        if is_full && uniform > 1.001 * self.reach * exp_age {
            return None;
        }
        let exponential = -math::ln(1.0 - uniform);
        let key = math::ln(math::max(exponential, 1e-10)) - age;
        (!is_full || self.keys.get(usize::from(self.worst)).is_some_and(|worst| key < *worst)).then_some(key)
    }

    /// Ages all draws.
    pub(super) fn shift_keys(&mut self, by: f32) {
        self.keys.iter_mut().for_each(|key| *key = math::min(*key + by, math::LIMIT));
        self.find_worst();
    }

    /// Takes in a sample in place of the worst, or of none while there is room.
    pub(super) fn learn(&mut self, point: &[f32; N], key: f32, rng: &mut Rng) {
        let entry = if usize::from(self.filled) < SAMPLES {
            self.filled = self.filled.saturating_add(1);
            usize::from(self.filled).saturating_sub(1)
        } else {
            let leaf = self.leaf_of.get(usize::from(self.worst)).copied().unwrap_or(NONE);
            self.delete(leaf);
            usize::from(self.worst)
        };
        let leaf = self.insert(point, rng);
        if let (Some(k), Some(l)) = (self.keys.get_mut(entry), self.leaf_of.get_mut(entry)) {
            (*k, *l) = (key, leaf);
        }
        self.find_worst();
    }

    fn find_worst(&mut self) {
        let (eights, rest) = self.keys.as_chunks::<8>();
        let mut lanes = [NO_DRAW; 8];
        for keys in eights {
            for (most, key) in lanes.iter_mut().zip(keys) {
                *most = math::max(*most, *key);
            }
        }
        let most = lanes.iter().chain(rest).fold(NO_DRAW, |most, key| math::max(most, *key));
        self.worst = self.keys.iter().position(|key| *key >= most).unwrap_or(0) as u16;
        self.reach = math::min(math::exp(most), math::LIMIT);
    }

    /// Inserts as if the tree had been drawn with the point in it; returns its leaf.
    fn insert(&mut self, point: &[f32; N], rng: &mut Rng) -> u16 {
        let (mut at, mut parent) = (self.root, None);
        for _ in 0..=SAMPLES {
            let Some(bounds) = self.bounds(at) else { break };
            let (outside, sides) = bounds.outside(point);
            let is_leaf = usize::from(at) >= SAMPLES;
            if outside > 0.0 {
                // A random cut of the box with the point in it: does it part the two?
                let into = rng.uniform() * (outside + sides);
                if (into < outside || is_leaf)
                    && let Some((feature, cut)) = bounds.cut(point, into)
                {
                    return self.insert_above(at, parent, bounds, feature, cut, point);
                }
            } else if let Some(leaf) = self.leaf_mut(at) {
                // The same point again.
                leaf.copies = leaf.copies.saturating_add(1);
                return at;
            }
            let slot = usize::from(at);
            let (Some(node), Some(bounds)) = (self.cuts.get_mut(slot), self.bounds.get_mut(slot)) else {
                break;
            };
            if outside > 0.0 {
                bounds.extend(&Bounds { low: *point, high: *point });
            }
            node.mass = node.mass.saturating_add(1);
            parent = Some(at);
            at = node.child(point);
        }
        // The first point.
        let leaf = self.new_leaf(point);
        self.root = leaf;
        leaf
    }

    fn insert_above(
        &mut self,
        at: u16,
        parent: Option<u16>,
        mut bounds: Bounds<N>,
        feature: usize,
        cut: f32,
        point: &[f32; N],
    ) -> u16 {
        let mass = self.cut(at).map(|cut| cut.mass).or_else(|| self.leaf(at).map(|leaf| leaf.copies));
        let (leaf, id) = (self.new_leaf(point), self.new_inner());
        let is_left = point.get(feature).is_some_and(|value| *value <= cut);
        let (left, right) = if is_left { (leaf, at) } else { (at, leaf) };
        bounds.extend(&Bounds { low: *point, high: *point });
        let slot = usize::from(id);
        if let (Some(node), Some(b)) = (self.cuts.get_mut(slot), self.bounds.get_mut(slot)) {
            let mass = mass.unwrap_or(0).saturating_add(1);
            (*node, *b) = (Cut { at: cut, feature: feature as u16, mass, left, right }, bounds);
        }
        self.replace_child(parent, at, id);
        leaf
    }

    fn new_inner(&mut self) -> u16 {
        let id = self.free_inner;
        if let Some(inner) = self.cut(id) {
            self.free_inner = inner.left;
            return id;
        }
        let id = self.used_inner;
        self.used_inner = id.saturating_add(1);
        id
    }

    fn new_leaf(&mut self, point: &[f32; N]) -> u16 {
        let mut id = self.free_leaf;
        if let Some(leaf) = self.leaf(id) {
            self.free_leaf = leaf.copies;
        } else {
            id = self.used_leaves.saturating_add(SAMPLES as u16);
            self.used_leaves = self.used_leaves.saturating_add(1);
        }
        if let Some(leaf) = self.leaf_mut(id) {
            *leaf = Leaf { point: *point, copies: 1 };
        }
        id
    }

    /// Takes one copy of a leaf out: what remains is a tree drawn without it.
    fn delete(&mut self, id: u16) {
        let Some(leaf) = self.leaf(id) else { return };
        let (point, shares) = (leaf.point, leaf.copies > 1);
        let mut way = Way::EMPTY;
        self.walk(&mut way, &point);
        let mut above = way.nodes().iter().copied().rev();
        let free_leaf = self.free_leaf;
        if let Some(leaf) = self.leaf_mut(id) {
            leaf.copies = if shares { leaf.copies.saturating_sub(1) } else { free_leaf };
        }
        if !shares {
            self.free_leaf = id;
            let Some(up) = above.next() else {
                self.root = NONE; // it was alone
                return;
            };
            let free_inner = self.free_inner;
            let Some(parent) = self.cuts.get_mut(usize::from(up)) else { return };
            let sibling = if parent.left == id { parent.right } else { parent.left };
            parent.left = free_inner;
            self.free_inner = up;
            self.replace_child(above.clone().next(), up, sibling);
        }
        let mut shrinks = !shares;
        for up in above {
            let Some(node) = self.cuts.get_mut(usize::from(up)) else { break };
            node.mass = node.mass.saturating_sub(1);
            // Where the point touched no side, the box remains, and so do those above.
            shrinks =
                shrinks && self.bounds.get(usize::from(up)).is_some_and(|bounds| bounds.touches(&point));
            if shrinks
                && let Some(union) = self.union(up)
                && let Some(bounds) = self.bounds.get_mut(usize::from(up))
            {
                *bounds = union;
            }
        }
    }

    /// The box around both children.
    fn union(&self, id: u16) -> Option<Bounds<N>> {
        let node = self.cut(id)?;
        let mut bounds = self.bounds(node.left)?;
        bounds.extend(&self.bounds(node.right)?);
        Some(bounds)
    }

    /// One node further from this one on a way of so many; true at an inner node.
    #[inline]
    fn step(&self, at: &mut u16, way: &mut Way<SAMPLES>, level: usize, point: &[f32; N]) -> bool {
        let (Some(cut), Some(slot)) = (self.cut(*at), way.nodes.get_mut(level)) else { return false };
        *slot = *at;
        way.depth = level.wrapping_add(1);
        *at = cut.child(point);
        true
    }

    fn walk(&self, way: &mut Way<SAMPLES>, point: &[f32; N]) {
        Self::walk_all([self], core::array::from_mut(way), point);
    }

    /// Walks through some trees side by side, so that their memory is waited for at once.
    fn walk_all<const TREES: usize>(
        trees: [&Self; TREES],
        ways: &mut [Way<SAMPLES>; TREES],
        point: &[f32; N],
    ) {
        let mut at = trees.map(|tree| tree.root);
        ways.iter_mut().for_each(|way| way.depth = 0);
        for level in 0..SAMPLES {
            let mut going = false;
            for ((at, way), tree) in at.iter_mut().zip(ways.iter_mut()).zip(trees) {
                going |= tree.step(at, way, level, point);
            }
            if !going {
                break;
            }
        }
        for (way, at) in ways.iter_mut().zip(at) {
            way.leaf = at;
        }
    }

    /// How strange the point is for this tree: `1 / (depth + 1)`, expected over the cuts that would come if it were
    /// inserted. Taken from the leaf upwards: above the first box that holds the point no cut would part them.
    fn strangeness(&self, way: &Way<SAMPLES>, point: &[f32; N]) -> f32 {
        let Some(leaf) = self.leaf(way.leaf) else { return 0.0 };
        let mut depth = way.depth as f32;
        let mut sum = if leaf.point == *point {
            let (copies, all) = (f32::from(leaf.copies), math::max(f32::from(self.filled), 1.0));
            let known = if leaf.copies == 1 { 1.0 } else { math::log2(copies + 1.0) };
            (1.0 - 0.5 * copies / all) / (depth + known)
        } else {
            1.0 / (depth + 1.0)
        };
        for id in way.nodes().iter().rev() {
            let Some(bounds) = self.bounds.get(usize::from(*id)) else { break };
            let (outside, sides) = bounds.outside(point);
            if outside <= 0.0 {
                break;
            }
            // It would be cut off here with this probability.
            let off = outside / (outside + sides);
            sum = off / depth + (1.0 - off) * sum;
            depth -= 1.0;
        }
        sum
    }
}

/// How strange the point is, summed over the trees.
pub(super) fn strangeness<const N: usize, const SAMPLES: usize>(
    trees: &[Tree<N, SAMPLES>],
    point: &[f32; N],
) -> f32 {
    let mut ways = [Way::EMPTY; 4];
    let (fours, rest) = trees.as_chunks::<4>();
    let mut sum = 0.0;
    for four in fours {
        Tree::walk_all(four.each_ref(), &mut ways, point);
        for (tree, way) in four.iter().zip(&ways) {
            sum += tree.strangeness(way, point);
        }
    }
    for (tree, way) in rest.iter().zip(&mut ways) {
        tree.walk(way, point);
        sum += tree.strangeness(way, point);
    }
    sum
}

impl<const N: usize, const SAMPLES: usize> Validate for Tree<N, SAMPLES> {
    fn is_valid(&self) -> bool {
        let limited = |v: &f32| math::abs(*v) <= math::LIMIT;
        let node = |id: u16| id == NONE || usize::from(id) < SAMPLES.saturating_mul(2);
        usize::from(self.filled) <= SAMPLES
            && usize::from(self.worst) < SAMPLES
            && (0.0..=math::LIMIT).contains(&self.reach)
            && usize::from(Ord::max(self.used_inner, self.used_leaves)) <= SAMPLES
            && [self.root, self.free_inner, self.free_leaf].into_iter().all(node)
            && self.keys.iter().all(limited)
            && self.leaf_of.iter().all(|leaf| node(*leaf))
            && self.leaves.iter().all(|leaf| leaf.point.iter().all(limited))
            && self.cuts.iter().all(|cut| {
                limited(&cut.at)
                    && usize::from(cut.feature) < N
                    && [cut.left, cut.right].into_iter().all(node)
            })
            && self.bounds.iter().all(|bounds| {
                bounds.low.iter().zip(&bounds.high).all(|(l, h)| l <= h && limited(l) && limited(h))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl<const N: usize, const SAMPLES: usize> Tree<N, SAMPLES> {
        /// Checks masses, boxes and cuts of the tree below a node; returns its mass.
        fn check(&self, id: u16) -> u16 {
            if let Some(leaf) = self.leaf(id) {
                assert!(leaf.copies > 0);
                return leaf.copies;
            }
            let node = self.cut(id).unwrap();
            assert_eq!(self.check(node.left) + self.check(node.right), node.mass);
            assert_eq!(self.union(id), self.bounds(id));
            let feature = usize::from(node.feature);
            assert!(self.bounds(node.left).unwrap().high[feature] <= node.at);
            assert!(node.at < self.bounds(node.right).unwrap().low[feature]);
            node.mass
        }
    }

    #[test]
    fn stays_a_tree_of_its_samples() {
        let (mut rng, mut draws, mut tree) = (Rng::new(1), Rng::new(2), Tree::<3, 16>::new());
        for i in 0..3000u16 {
            // Many points twice and more.
            let point = core::array::from_fn(|_| math::floor(2.0 * rng.normal()));
            tree.learn(&point, rng.uniform(), &mut draws);
            assert_eq!(tree.check(tree.root), Ord::min(i + 1, 16), "{i}");
            assert!(tree.is_valid());
        }
    }

    /// Sides 1 and 9: the first cut is across the long side nine times in ten, in whichever order the points came and
    /// however many were deleted in between.
    #[test]
    fn cuts_are_as_likely_as_their_sides() {
        let mut draws = Rng::new(3);
        let corners = [[0.0, 0.0], [1.0, 0.0], [0.0, 9.0], [1.0, 9.0]];
        for passing in [false, true] {
            let mut long = 0;
            for _ in 0..4000 {
                let mut tree = Tree::<2, 8>::new();
                if passing {
                    tree.insert(&[50.0, -3.0], &mut draws);
                }
                corners.iter().for_each(|c| {
                    tree.insert(c, &mut draws);
                });
                if passing {
                    tree.delete(8);
                }
                long += u32::from(tree.cut(tree.root).unwrap().feature == 1);
            }
            assert!((3540..3660).contains(&long), "{long} of 3600, passing: {passing}");
        }
    }
}
