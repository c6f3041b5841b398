use serde::{Deserialize, Serialize};

use crate::math;
use crate::rng::Rng;
use crate::sample::Sample;
use crate::traits::{Classifier, Supervised, Validate};

use super::gaussian_observer::{MOST, Observer};

/// How a leaf predicts.
/// ```
/// use brooklet_core::classify::{Growth, LeafPrediction};
/// assert_eq!(Growth::DEFAULT.prediction, LeafPrediction::Adaptive);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeafPrediction {
    /// The class seen most in the leaf.
    Majority,
    /// Gaussian naive Bayes on what the leaf's observers know.
    NaiveBayes,
    /// Whichever of the two was right more often in this leaf.
    Adaptive,
}

/// When and how a Hoeffding tree grows.
/// ```
/// use brooklet_core::classify::{Growth, LeafPrediction};
/// let growth = Growth { grace: 100.0, prediction: LeafPrediction::Majority, ..Growth::DEFAULT };
/// assert_eq!((growth.tau, Growth::EAGER.grace), (0.05, 50.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Weight that a leaf sees between two attempts to split it, 1 to 1e6.
    pub grace: f32,
    /// Chance of a split that an endless stream would not have made, 1e-12 to 0.5.
    pub delta: f32,
    /// A bound below this ends a tie between two features, 0 to 1.
    pub tau: f32,
    /// A leaf with more than this share of one class is not split, 0.5 to 1.
    pub pure: f32,
    /// How leaves predict.
    pub prediction: LeafPrediction,
}

impl Growth {
    /// A grace of 200, delta 1e-7, tau 0.05, 99 %, adaptive: what River and MOA take.
    pub const DEFAULT: Self =
        Self { grace: 200.0, delta: 1e-7, tau: 0.05, pure: 0.99, prediction: LeafPrediction::Adaptive };

    /// A grace of 50 and delta 0.01: for trees of a forest, as in River's and MOA's adaptive random forest.
    pub const EAGER: Self = Self { grace: 50.0, delta: 0.01, ..Self::DEFAULT };

    const fn in_range(self) -> Self {
        Self {
            grace: math::clamp(self.grace, 1.0, 1e6),
            delta: math::clamp(self.delta, 1e-12, 0.5),
            tau: math::clamp(self.tau, 0.0, 1.0),
            pure: math::clamp(self.pure, 0.5, 1.0),
            prediction: self.prediction,
        }
    }
}

/// A child: a branch, or with this bit a leaf.
const LEAF: u16 = 0x8000;
/// A leaf without observers.
const NONE: u16 = u16::MAX;

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Branch {
    threshold: f32,
    /// Where a value up to the threshold goes, and where one beyond.
    children: [u16; 2],
    feature: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Leaf<const C: usize> {
    /// Weight of each class, with what was inherited at the split that made the leaf.
    #[serde(with = "crate::array")]
    counts: [f32; C],
    /// Weight for which the majority and naive Bayes would have been right.
    majority_right: f32,
    bayes_right: f32,
    /// Weight since the last attempt to split.
    since: f32,
    observer: u16,
}

impl<const C: usize> Leaf<C> {
    const fn new() -> Self {
        Self { counts: [0.0; C], majority_right: 0.0, bayes_right: 0.0, since: 0.0, observer: 0 }
    }

    fn inheriting(counts: [f32; C]) -> Self {
        Self { counts, observer: NONE, ..Self::new() }
    }

    fn total(&self) -> f32 {
        self.counts.iter().sum()
    }

    fn most(&self) -> f32 {
        self.counts.iter().fold(0.0, |most, count| math::max(most, *count))
    }

    /// Weight that the majority gets wrong: what a split could still gain.
    fn promise(&self) -> f32 {
        self.total() - self.most()
    }

    fn halve(&mut self) {
        self.counts.iter_mut().for_each(|count| *count *= 0.5);
        self.majority_right *= 0.5;
        self.bayes_right *= 0.5;
    }

    fn is_valid(&self) -> bool {
        let weight = |w: &f32| (0.0..=4.0 * MOST * C as f32).contains(w);
        self.counts.iter().chain([&self.majority_right, &self.bayes_right, &self.since]).all(weight)
    }
}

impl<const C: usize> Default for Leaf<C> {
    fn default() -> Self {
        Self::new()
    }
}

/// A decision tree that grows with the stream: a leaf is split as soon as it is sure which feature is best.
///
/// Formula: a leaf splits on the feature whose best threshold leaves the least entropy, once its lead over the second
/// exceeds `sqrt(R² ln(1/delta) / 2n)`, `R = log2 C`, or that bound falls below `tau`.
/// Thresholds are ten points between the least and the largest value, judged by a normal distribution a class.
///
/// Works for streams whose classes are told apart by thresholds on few features, without scaling them; wants thousands
/// of samples, and never forgets a split: where the stream drifts take
/// [`AdaptiveForest`](crate::classify::AdaptiveForest). Input is limited to ±1e15.
///
/// Parameters: [`Growth`]; `LEAVES` 1..=32767; `ACTIVE` leaves at once have observers, 1..=`LEAVES`: when there are
/// more, those whose majority gets least wrong lose theirs, as in MOA, and predict by majority; each leaf watches `M`
/// features, all or `M` random ones. `N` and `M` up to 255, `C` 2..=255.
/// Memory: `LEAVES (4 C + 28) + ACTIVE (C (16 M + 8) + M)` bytes or so: 8.4 kB at 8 features, 2 classes, 48, 24.
/// Cost: O(depth + M C): about 115 ns to predict and learn at 8 features, 2 classes on a server core.
/// ```
/// use brooklet_core::classify::{Growth, HoeffdingTree};
/// use brooklet_core::{rng::Rng, sample::Sample};
/// use brooklet_core::traits::{Classifier, Supervised};
/// let mut tree = HoeffdingTree::<2, 2, 16, 16>::new(Growth::DEFAULT);
/// let mut rng = Rng::new(1);
/// for _ in 0..5000 {
///     let x = [rng.uniform(), rng.uniform()];
///     tree.learn_one(&Sample::new(x).unwrap(), &u8::from(x[0] > 0.3 && x[1] > 0.5));
/// }
/// assert_eq!(tree.predict_one(&Sample::new([0.9, 0.9]).unwrap()), Some(1));
/// assert_eq!(tree.predict_one(&Sample::new([0.9, 0.1]).unwrap()), Some(0));
/// assert!(tree.leaves() > 2);
/// ```
/// Source: Domingos, Hulten: Mining high-speed data streams, KDD 2000, doi:10.1145/347090.347107. Checked against
/// River's `HoeffdingTreeClassifier`: the same accuracy to half a point on the same streams. Differs from it in that
/// nearly pure leaves keep their observers, which River empties every `grace` samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoeffdingTree<
    const N: usize,
    const C: usize,
    const LEAVES: usize,
    const ACTIVE: usize,
    const M: usize = N,
> {
    growth: Growth,
    root: u16,
    used_branches: u16,
    used_leaves: u16,
    used_observers: u16,
    #[serde(with = "crate::array")]
    branches: [Branch; LEAVES],
    #[serde(with = "crate::array")]
    leaves: [Leaf<C>; LEAVES],
    #[serde(with = "crate::array")]
    observers: [Observer<C, M>; ACTIVE],
    seed: u64,
    rng: Rng,
}

impl<const N: usize, const C: usize, const LEAVES: usize, const ACTIVE: usize, const M: usize>
    HoeffdingTree<N, C, LEAVES, ACTIVE, M>
{
    const SHAPE: () = assert!(
        N > 0
            && N < 256
            && M > 0
            && M < 256
            && C > 1
            && C < 256
            && LEAVES > 0
            && LEAVES < 0x8000
            && ACTIVE > 0
            && ACTIVE <= LEAVES
    );

    /// A single leaf that saw nothing.
    #[must_use]
    pub const fn new(growth: Growth) -> Self {
        Self::seeded(growth, 1)
    }

    /// The same, with a seed for the features that leaves watch where `M` is less than `N`.
    #[must_use]
    pub const fn seeded(growth: Growth, seed: u64) -> Self {
        let () = Self::SHAPE;
        Self {
            growth: growth.in_range(),
            root: LEAF,
            used_branches: 0,
            used_leaves: 1,
            used_observers: 1,
            branches: [Branch { threshold: 0.0, children: [LEAF; 2], feature: 0 }; LEAVES],
            leaves: [Leaf::new(); LEAVES],
            observers: [Observer::new(); ACTIVE],
            seed,
            rng: Rng::new(seed),
        }
    }

    /// Leaves of the tree now.
    #[must_use]
    pub const fn leaves(&self) -> u16 {
        self.used_leaves
    }

    /// The leaf where `x` belongs, and the branch and side from which it hangs.
    fn find(&self, x: &[f32; N]) -> (usize, Option<(u16, usize)>) {
        let (mut node, mut from) = (self.root, None);
        while let Some(branch) = self.branches.get(usize::from(node)) {
            let value = x.get(usize::from(branch.feature)).copied().unwrap_or(0.0);
            let side = usize::from(value > branch.threshold);
            from = Some((node, side));
            node = branch.children.get(side).copied().unwrap_or(LEAF);
        }
        (usize::from(node & !LEAF), from)
    }

    fn observer(&self, leaf: &Leaf<C>) -> Option<&Observer<C, M>> {
        self.observers.get(usize::from(leaf.observer))
    }

    /// The observer, if the leaf predicts by naive Bayes.
    fn bayes(&self, leaf: &Leaf<C>) -> Option<&Observer<C, M>> {
        let bayes = match self.growth.prediction {
            LeafPrediction::Majority => false,
            LeafPrediction::NaiveBayes => true,
            LeafPrediction::Adaptive => leaf.bayes_right >= leaf.majority_right,
        };
        if bayes { self.observer(leaf) } else { None }
    }

    /// Learns a sample that counts `weight` times; less than 0.001 is nothing, 1000 is the most.
    /// ```
    /// use brooklet_core::classify::{Growth, HoeffdingTree};
    /// use brooklet_core::{sample::Sample, traits::Classifier};
    /// let (mut tree, x) = (HoeffdingTree::<1, 2, 4, 4>::new(Growth::DEFAULT), Sample::new([0.0]).unwrap());
    /// tree.learn_weighted(&x, 0, 1.0);
    /// tree.learn_weighted(&x, 1, 3.0);
    /// assert!((tree.proba_one(&x).unwrap()[1] - 0.75).abs() < 1e-6);
    /// ```
    pub fn learn_weighted(&mut self, x: &Sample<N>, y: u8, weight: f32) {
        if usize::from(y) >= C || !(1e-3..).contains(&weight) {
            return;
        }
        let (weight, x) = (math::min(weight, 1000.0), x.values());
        let (place, from) = self.find(x);
        let Some(leaf) = self.leaves.get_mut(place) else { return };
        let observer = self.observers.get_mut(usize::from(leaf.observer));
        let Some(observer) = observer else {
            if let Some(count) = leaf.counts.get_mut(usize::from(y)) {
                *count += weight;
                if *count > MOST {
                    leaf.halve();
                }
            }
            return;
        };
        if leaf.most() <= 0.0 {
            *observer = Observer::of_features(features::<N, M>(&mut self.rng), &leaf.counts);
        }
        if self.growth.prediction == LeafPrediction::Adaptive {
            if largest(&leaf.counts) == y {
                leaf.majority_right += weight;
            }
            if largest(&observer.votes(x)) == y {
                leaf.bayes_right += weight;
            }
        }
        let Some(count) = leaf.counts.get_mut(usize::from(y)) else { return };
        *count += weight;
        observer.learn(x, y, weight, *count);
        if *count > MOST {
            leaf.halve();
            observer.halve();
            observer.recompute(&leaf.counts);
        }
        leaf.since += weight;
        if leaf.since >= self.growth.grace {
            leaf.since = 0.0;
            self.attempt(place, from);
        }
    }

    /// Splits a leaf if it is sure how.
    fn attempt(&mut self, place: usize, from: Option<(u16, usize)>) {
        let Some(leaf) = self.leaves.get(place).copied() else { return };
        let classes = leaf.counts.iter().filter(|count| **count > 0.0).fold(0.0, |sum, _| sum + 1.0);
        let total = leaf.total();
        if usize::from(self.used_leaves) >= LEAVES || classes < 2.0 || leaf.most() > self.growth.pure * total
        {
            return;
        }
        let Some(observer) = self.observer(&leaf) else { return };
        let (mut best, mut least, mut second) = (None, f32::MAX, f32::MAX);
        for split in observer.splits() {
            if split.entropy < least {
                (best, least, second) = (Some(split), split.entropy, least);
            } else {
                second = math::min(second, split.entropy);
            }
        }
        let range = math::log2(classes);
        let bound = range * math::sqrt(-math::ln(self.growth.delta) / (2.0 * total));
        let sure = second - least > bound || bound < self.growth.tau;
        let (Some(split), true) = (best, sure) else { return };

        let (branch, new_leaf) = (self.used_branches, self.used_leaves);
        let [left, right] = split.sides;
        let children = [place as u16 | LEAF, new_leaf | LEAF];
        if let Some(slot) = self.branches.get_mut(usize::from(branch)) {
            *slot = Branch { threshold: split.threshold, children, feature: split.feature };
        }
        let parent = from.and_then(|(node, side)| {
            self.branches.get_mut(usize::from(node)).and_then(|parent| parent.children.get_mut(side))
        });
        *parent.unwrap_or(&mut self.root) = branch;
        if let Some(slot) = self.leaves.get_mut(usize::from(new_leaf)) {
            *slot = Leaf::inheriting(right);
        }
        self.used_branches = branch.saturating_add(1);
        self.used_leaves = new_leaf.saturating_add(1);
        if let Some(slot) = self.leaves.get_mut(place) {
            *slot = Leaf::inheriting(left);
        }
        self.observe(place, leaf.observer);
        self.assign_observers();
    }

    /// Gives a leaf fresh observers in a slot.
    fn observe(&mut self, place: usize, slot: u16) {
        let watched = features::<N, M>(&mut self.rng);
        if let (Some(leaf), Some(observer)) =
            (self.leaves.get_mut(place), self.observers.get_mut(usize::from(slot)))
        {
            leaf.observer = slot;
            *observer = Observer::of_features(watched, &leaf.counts);
        }
    }

    /// Gives observers to the most promising leaves that have none: free ones, then those of less promising leaves.
    fn assign_observers(&mut self) {
        for _ in 0..LEAVES {
            let mut wanting: Option<(usize, f32)> = None;
            let mut giving: Option<(usize, f32)> = None;
            for (place, leaf) in self.leaves.iter().take(usize::from(self.used_leaves)).enumerate() {
                let promise = leaf.promise();
                if leaf.observer == NONE {
                    if wanting.is_none_or(|(_, most)| promise > most) {
                        wanting = Some((place, promise));
                    }
                } else if giving.is_none_or(|(_, least)| promise < least) {
                    giving = Some((place, promise));
                }
            }
            let Some((wanting, most)) = wanting else { return };
            if usize::from(self.used_observers) < ACTIVE {
                self.observe(wanting, self.used_observers);
                self.used_observers = self.used_observers.saturating_add(1);
            } else if let Some((giving, least)) = giving
                && least < most
                && let Some(giver) = self.leaves.get_mut(giving)
            {
                let slot = core::mem::replace(&mut giver.observer, NONE);
                self.observe(wanting, slot);
            } else {
                return;
            }
        }
    }
}

impl<const N: usize, const C: usize, const LEAVES: usize, const ACTIVE: usize, const M: usize> Supervised
    for HoeffdingTree<N, C, LEAVES, ACTIVE, M>
{
    type Input = Sample<N>;
    type Target = u8;

    /// A class beyond the last is not learnt.
    fn learn_one(&mut self, x: &Sample<N>, y: &u8) {
        self.learn_weighted(x, *y, 1.0);
    }

    fn reset(&mut self) {
        *self = Self::seeded(self.growth, self.seed);
    }
}

impl<const N: usize, const C: usize, const LEAVES: usize, const ACTIVE: usize, const M: usize> Classifier
    for HoeffdingTree<N, C, LEAVES, ACTIVE, M>
{
    type Shares = [f32; C];

    fn proba_one(&self, x: &Sample<N>) -> Option<[f32; C]> {
        let leaf = self.leaves.get(self.find(x.values()).0)?;
        let mut shares = leaf.counts;
        let total = leaf.total();
        if total <= 0.0 {
            return None;
        }
        let scale = match self.bayes(leaf) {
            Some(observer) => {
                let votes = observer.votes(x.values());
                let most = votes.iter().fold(f32::MIN, |most, vote| math::max(most, *vote));
                for (share, vote) in shares.iter_mut().zip(&votes) {
                    *share = math::exp(vote - most);
                }
                1.0 / shares.iter().sum::<f32>()
            }
            None => 1.0 / total,
        };
        shares.iter_mut().for_each(|share| *share *= scale);
        Some(shares)
    }

    /// The class of the largest share, without making shares of votes.
    fn predict_one(&self, x: &Sample<N>) -> Option<u8> {
        let leaf = self.leaves.get(self.find(x.values()).0)?;
        (leaf.total() > 0.0).then(|| match self.bayes(leaf) {
            Some(observer) => largest(&observer.votes(x.values())),
            None => largest(&leaf.counts),
        })
    }
}

impl<const N: usize, const C: usize, const LEAVES: usize, const ACTIVE: usize, const M: usize> Validate
    for HoeffdingTree<N, C, LEAVES, ACTIVE, M>
{
    fn is_valid(&self) -> bool {
        let (branches, leaves) = (self.used_branches, self.used_leaves);
        // Branches are made from the root down: a child has the larger number, so no walk goes in circles.
        let child = |child: u16, after: Option<u16>| {
            if child & LEAF == 0 {
                child < branches && after.is_none_or(|after| child > after)
            } else {
                child & !LEAF < leaves
            }
        };
        let branch = |(place, branch): (u16, &Branch)| {
            branch.threshold.is_finite()
                && usize::from(branch.feature) < N
                && branch.children.iter().all(|c| child(*c, Some(place)))
        };
        self.growth.in_range() == self.growth
            && usize::from(leaves) <= LEAVES
            && branches.checked_add(1) == Some(leaves)
            && (1..=ACTIVE).contains(&usize::from(self.used_observers))
            && child(self.root, None)
            && (0..branches).zip(&self.branches).all(branch)
            && self
                .leaves
                .iter()
                .all(|leaf| leaf.is_valid() && (leaf.observer == NONE || usize::from(leaf.observer) < ACTIVE))
            && self.observers.iter().all(Observer::is_valid)
    }
}

/// The first of the largest.
fn largest(values: &[f32]) -> u8 {
    let (mut best, mut most) = (0, f32::MIN);
    for (class, value) in (0..=u8::MAX).zip(values) {
        if *value > most {
            (best, most) = (class, *value);
        }
    }
    best
}

/// All features in order, or `M` different ones by chance.
fn features<const N: usize, const M: usize>(rng: &mut Rng) -> [u8; M] {
    let mut chosen = [u8::MAX; M];
    let mut wanted = M.min(N);
    let mut slots = chosen.iter_mut();
    for (feature, left) in (0..=u8::MAX).zip((1..=N).rev()) {
        // One of the `left` features not yet asked is taken with a chance of `wanted / left`.
        let take = M >= N || rng.uniform() * (left as f32) < wanted as f32;
        if take && wanted > 0 {
            if let Some(slot) = slots.next() {
                *slot = feature;
            }
            wanted = wanted.saturating_sub(1);
        }
    }
    chosen
}
