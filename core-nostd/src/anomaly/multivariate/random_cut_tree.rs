//! One tree of [`RandomCutForest`](super::RandomCutForest) with its reservoir.

use serde::{Deserialize, Serialize};

use crate::math;
use crate::rng::Rng;
use crate::traits::Validate;

/// No node.
const NONE: u16 = u16::MAX;

/// A node that cuts its box in two. Node numbers: inner nodes from 0, leaves from `SAMPLES`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Inner<const N: usize> {
    /// The smallest box around all points below.
    #[serde(with = "crate::array")]
    low: [f32; N],
    #[serde(with = "crate::array")]
    high: [f32; N],
    /// Left where the feature is at most this.
    cut: f32,
    feature: u16,
    /// Samples below.
    mass: u16,
    /// In a free slot, the next free one.
    left: u16,
    right: u16,
    parent: u16,
}

/// One point, and how often it is in the reservoir.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Leaf<const N: usize> {
    #[serde(with = "crate::array")]
    point: [f32; N],
    copies: u16,
    /// In a free slot, the next free one.
    parent: u16,
}

impl<const N: usize> Default for Inner<N> {
    fn default() -> Self {
        Self::FREE
    }
}

impl<const N: usize> Inner<N> {
    const FREE: Self = Self {
        low: [0.0; N],
        high: [0.0; N],
        cut: 0.0,
        feature: 0,
        mass: 0,
        left: NONE,
        right: NONE,
        parent: NONE,
    };

    /// How far the point lies outside of the box, summed over the features, and the sum of the box's sides.
    fn outside(&self, point: &[f32; N]) -> (f32, f32) {
        let (mut outside, mut sides) = ([0.0; N], [0.0; N]);
        let bounds = self.low.iter().zip(&self.high);
        for (((o, r), x), (low, high)) in outside.iter_mut().zip(&mut sides).zip(point).zip(bounds) {
            *o = math::max(low - x, 0.0) + math::max(x - high, 0.0);
            *r = high - low;
        }
        (sum_of_four(&outside), sum_of_four(&sides))
    }

    fn child(&self, point: &[f32; N]) -> u16 {
        let value = point.get(usize::from(self.feature)).copied().unwrap_or(0.0);
        if value <= self.cut { self.left } else { self.right }
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

impl<const N: usize> Default for Leaf<N> {
    fn default() -> Self {
        Self::FREE
    }
}

impl<const N: usize> Leaf<N> {
    const FREE: Self = Self { point: [0.0; N], copies: 0, parent: NONE };
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tree<const N: usize, const SAMPLES: usize> {
    #[serde(with = "crate::array")]
    inner: [Inner<N>; SAMPLES],
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

impl<const N: usize, const SAMPLES: usize> Tree<N, SAMPLES> {
    pub(super) const fn new() -> Self {
        Self {
            inner: [Inner::FREE; SAMPLES],
            leaves: [Leaf::FREE; SAMPLES],
            keys: [NO_DRAW; SAMPLES],
            leaf_of: [0; SAMPLES],
            filled: 0,
            root: NONE,
            worst: 0,
            free_inner: NONE,
            free_leaf: NONE,
            used_inner: 0,
            used_leaves: 0,
        }
    }

    fn inner(&self, id: u16) -> Option<&Inner<N>> {
        self.inner.get(usize::from(id))
    }

    fn inner_mut(&mut self, id: u16) -> Option<&mut Inner<N>> {
        self.inner.get_mut(usize::from(id))
    }

    fn leaf(&self, id: u16) -> Option<&Leaf<N>> {
        self.leaves.get(usize::from(id).checked_sub(SAMPLES)?)
    }

    fn leaf_mut(&mut self, id: u16) -> Option<&mut Leaf<N>> {
        self.leaves.get_mut(usize::from(id).checked_sub(SAMPLES)?)
    }

    /// Box and mass of any node.
    fn bounds(&self, id: u16) -> Option<(&[f32; N], &[f32; N], u16)> {
        match self.inner(id) {
            Some(inner) => Some((&inner.low, &inner.high, inner.mass)),
            None => self.leaf(id).map(|leaf| (&leaf.point, &leaf.point, leaf.copies)),
        }
    }

    fn set_parent(&mut self, id: u16, parent: u16) {
        if let Some(inner) = self.inner_mut(id) {
            inner.parent = parent;
        } else if let Some(leaf) = self.leaf_mut(id) {
            leaf.parent = parent;
        }
    }

    /// Puts `new` where `old` hangs below `parent`.
    fn replace_child(&mut self, parent: u16, old: u16, new: u16) {
        match self.inner_mut(parent) {
            Some(node) if node.left == old => node.left = new,
            Some(node) => node.right = new,
            None => self.root = new,
        }
        self.set_parent(new, parent);
    }

    /// Samples in the reservoir.
    pub(super) const fn filled(&self) -> u16 {
        self.filled
    }

    /// Whether a sample with this draw comes in.
    pub(super) fn accepts(&self, key: f32) -> bool {
        usize::from(self.filled) < SAMPLES
            || self.keys.get(usize::from(self.worst)).is_some_and(|worst| key < *worst)
    }

    /// Ages all draws.
    pub(super) fn shift_keys(&mut self, by: f32) {
        self.keys.iter_mut().for_each(|key| *key = math::min(*key + by, math::LIMIT));
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
        self.worst = self.find_worst();
    }

    fn find_worst(&self) -> u16 {
        let (eights, rest) = self.keys.as_chunks::<8>();
        let mut lanes = [NO_DRAW; 8];
        for keys in eights {
            for (most, key) in lanes.iter_mut().zip(keys) {
                *most = math::max(*most, *key);
            }
        }
        let most = lanes.iter().chain(rest).fold(NO_DRAW, |most, key| math::max(most, *key));
        self.keys.iter().position(|key| *key >= most).unwrap_or(0) as u16
    }

    /// Inserts as if the tree had been drawn with the point in it; returns its leaf.
    fn insert(&mut self, point: &[f32; N], rng: &mut Rng) -> u16 {
        let mut at = self.root;
        for _ in 0..=SAMPLES {
            let Some((low, high, mass)) = self.bounds(at) else { break };
            let extended = Extended::new(low, high, point);
            if extended.range <= 0.0 && usize::from(at) >= SAMPLES {
                // The same point again.
                if let Some(leaf) = self.leaf_mut(at) {
                    leaf.copies = leaf.copies.saturating_add(1);
                }
                return at;
            }
            let (feature, cut) = extended.draw(rng);
            let value = point.get(feature).copied().unwrap_or(0.0);
            let is_left = low.get(feature).is_some_and(|low| value <= cut && cut < *low);
            let is_right = high.get(feature).is_some_and(|high| *high <= cut && cut < value);
            if is_left || is_right {
                return self.insert_above(at, mass, &extended, feature, cut, is_left, point);
            }
            let Some(inner) = self.inner_mut(at) else { break };
            (inner.low, inner.high) = (extended.low, extended.high);
            inner.mass = inner.mass.saturating_add(1);
            at = inner.child(point);
        }
        // The first point.
        let leaf = self.new_leaf(point);
        self.root = leaf;
        leaf
    }

    #[allow(clippy::too_many_arguments, reason = "all of what the walk found out")]
    fn insert_above(
        &mut self,
        at: u16,
        mass: u16,
        extended: &Extended<N>,
        feature: usize,
        cut: f32,
        is_left: bool,
        point: &[f32; N],
    ) -> u16 {
        let parent = self.inner(at).map(|i| i.parent).or_else(|| self.leaf(at).map(|l| l.parent));
        let parent = parent.unwrap_or(NONE);
        let leaf = self.new_leaf(point);
        let id = self.new_inner();
        let (left, right) = if is_left { (leaf, at) } else { (at, leaf) };
        if let Some(inner) = self.inner_mut(id) {
            *inner = Inner {
                low: extended.low,
                high: extended.high,
                cut,
                feature: feature as u16,
                mass: mass.saturating_add(1),
                left,
                right,
                parent,
            };
        }
        self.replace_child(parent, at, id);
        self.set_parent(at, id);
        self.set_parent(leaf, id);
        leaf
    }

    fn new_inner(&mut self) -> u16 {
        let id = self.free_inner;
        if let Some(inner) = self.inner(id) {
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
            self.free_leaf = leaf.parent;
        } else {
            id = self.used_leaves.saturating_add(SAMPLES as u16);
            self.used_leaves = self.used_leaves.saturating_add(1);
        }
        if let Some(leaf) = self.leaf_mut(id) {
            *leaf = Leaf { point: *point, copies: 1, parent: NONE };
        }
        id
    }

    /// Takes one copy of a leaf out: what remains is a tree drawn without it.
    fn delete(&mut self, id: u16) {
        let (free_leaf, free_inner) = (self.free_leaf, self.free_inner);
        let Some(leaf) = self.leaf_mut(id) else { return };
        leaf.copies = leaf.copies.saturating_sub(1);
        let (copies, mut up) = (leaf.copies, leaf.parent);
        if copies == 0 {
            leaf.parent = free_leaf;
            self.free_leaf = id;
            let Some(parent) = self.inner_mut(up) else {
                self.root = NONE; // it was alone
                return;
            };
            let sibling = if parent.left == id { parent.right } else { parent.left };
            let grandparent = parent.parent;
            parent.left = free_inner;
            self.free_inner = up;
            self.replace_child(grandparent, up, sibling);
            up = grandparent;
        }
        let mut shrinks = copies == 0;
        for _ in 0..SAMPLES {
            let Some(node) = self.inner(up) else { break };
            let union = if shrinks { self.union(node) } else { None };
            let Some(node) = self.inner_mut(up) else { break };
            node.mass = node.mass.saturating_sub(1);
            if let Some((low, high)) = union {
                shrinks = node.low != low || node.high != high;
                (node.low, node.high) = (low, high);
            }
            up = node.parent;
        }
    }

    /// The box around both children.
    fn union(&self, node: &Inner<N>) -> Option<([f32; N], [f32; N])> {
        let (low, high, _) = self.bounds(node.left)?;
        let (other_low, other_high, _) = self.bounds(node.right)?;
        let (mut low, mut high) = (*low, *high);
        for ((l, h), (a, b)) in low.iter_mut().zip(&mut high).zip(other_low.iter().zip(other_high)) {
            (*l, *h) = (math::min(*l, *a), math::max(*h, *b));
        }
        Some((low, high))
    }

    /// At the root.
    pub(super) const fn enter(&self) -> Descent {
        Descent { at: self.root, left: 1.0, depth: 0.0, sum: 0.0 }
    }

    /// One node further; false at the end. The sum is then how strange the point is for this tree: `1 / (depth + 1)`,
    /// expected over the cuts that would come if it were inserted.
    pub(super) fn step(&self, descent: &mut Descent, point: &[f32; N]) -> bool {
        let Some(inner) = self.inner(descent.at) else {
            self.end(descent, point);
            return false;
        };
        let (outside, range) = inner.outside(point);
        descent.depth += 1.0;
        if outside > 0.0 {
            // It would be cut off here with this probability.
            let off = outside / (outside + range);
            descent.sum += descent.left * off / descent.depth;
            descent.left *= 1.0 - off;
            if descent.left < NEGLIGIBLE {
                (descent.left, descent.at) = (0.0, NONE);
                return false;
            }
        }
        descent.at = inner.child(point);
        true
    }

    fn end(&self, descent: &mut Descent, point: &[f32; N]) {
        let Some(leaf) = self.leaf(descent.at) else { return };
        descent.at = NONE;
        let here = if leaf.point == *point {
            let (copies, all) = (f32::from(leaf.copies), math::max(f32::from(self.filled), 1.0));
            let known = if leaf.copies == 1 { 1.0 } else { math::log2(copies + 1.0) };
            (1.0 - 0.5 * copies / all) / (descent.depth + known)
        } else {
            1.0 / (descent.depth + 1.0)
        };
        descent.sum += descent.left * here;
    }
}

/// A probability that no longer changes a score visibly.
const NEGLIGIBLE: f32 = 1e-5;

/// The way of a point through a tree.
#[derive(Clone, Copy)]
pub(super) struct Descent {
    at: u16,
    /// Probability that it was not cut off so far.
    left: f32,
    depth: f32,
    pub(super) sum: f32,
}

/// A box with one point more.
struct Extended<const N: usize> {
    low: [f32; N],
    high: [f32; N],
    /// Sum of its sides.
    range: f32,
}

impl<const N: usize> Extended<N> {
    fn new(low: &[f32; N], high: &[f32; N], point: &[f32; N]) -> Self {
        let mut extended = Self { low: *low, high: *high, range: 0.0 };
        for ((low, high), x) in extended.low.iter_mut().zip(&mut extended.high).zip(point) {
            (*low, *high) = (math::min(*low, *x), math::max(*high, *x));
            extended.range += *high - *low;
        }
        extended
    }

    /// A random cut: a feature with the probability of its side, a place uniform on it.
    fn draw(&self, rng: &mut Rng) -> (usize, f32) {
        let mut left = rng.uniform() * self.range;
        let mut drawn = (0, 0.0);
        for (feature, (low, high)) in (0..N).zip(self.low.iter().zip(&self.high)) {
            let side = high - low;
            if side > 0.0 {
                // A cut at the upper end would leave nothing above it.
                let cut = low + math::min(left, side);
                drawn = (feature, if cut < *high { cut } else { *low });
                if left < side {
                    break;
                }
            }
            left -= side;
        }
        drawn
    }
}

impl<const N: usize, const SAMPLES: usize> Validate for Tree<N, SAMPLES> {
    fn is_valid(&self) -> bool {
        let limited = |v: &f32| math::abs(*v) <= math::LIMIT;
        let node = |id: u16| id == NONE || usize::from(id) < SAMPLES.saturating_mul(2);
        usize::from(self.filled) <= SAMPLES
            && usize::from(self.worst) < SAMPLES
            && usize::from(Ord::max(self.used_inner, self.used_leaves)) <= SAMPLES
            && [self.root, self.free_inner, self.free_leaf].into_iter().all(node)
            && self.keys.iter().all(limited)
            && self.leaf_of.iter().all(|leaf| node(*leaf))
            && self.leaves.iter().all(|leaf| leaf.point.iter().all(limited) && node(leaf.parent))
            && self.inner.iter().all(|inner| {
                inner.low.iter().zip(&inner.high).all(|(l, h)| l <= h && limited(l) && limited(h))
                    && limited(&inner.cut)
                    && usize::from(inner.feature) < N
                    && [inner.left, inner.right, inner.parent].into_iter().all(node)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl<const N: usize, const SAMPLES: usize> Tree<N, SAMPLES> {
        /// Checks masses, boxes, cuts and parents of the tree below a node; returns its mass.
        fn check(&self, id: u16, parent: u16) -> u16 {
            if let Some(leaf) = self.leaf(id) {
                assert!(leaf.copies > 0 && leaf.parent == parent);
                return leaf.copies;
            }
            let node = self.inner(id).unwrap();
            assert_eq!(node.parent, parent);
            assert_eq!(self.check(node.left, id) + self.check(node.right, id), node.mass);
            assert_eq!(self.union(node).unwrap(), (node.low, node.high));
            let feature = usize::from(node.feature);
            assert!(self.bounds(node.left).unwrap().1[feature] <= node.cut);
            assert!(node.cut < self.bounds(node.right).unwrap().0[feature]);
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
            assert_eq!(tree.check(tree.root, NONE), Ord::min(i + 1, 16), "{i}");
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
                long += u32::from(tree.inner(tree.root).unwrap().feature == 1);
            }
            assert!((3540..3660).contains(&long), "{long} of 3600, passing: {passing}");
        }
    }
}
