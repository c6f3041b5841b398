use serde::{Deserialize, Serialize};

use crate::drift::Adwin;
use crate::evaluate::{Loss, MeanLoss};
use crate::rng::Rng;
use crate::sample::Sample;
use crate::traits::{Classifier, DriftDetector, Learner, Statistic, Supervised, Validate};

use super::{Growth, HoeffdingTree};

/// Windows of up to 5115 samples.
type Watch = Adwin<5, 10>;

/// One tree, the one that may replace it, and what watches it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Member<const N: usize, const C: usize, const LEAVES: usize, const ACTIVE: usize, const M: usize> {
    tree: HoeffdingTree<N, C, LEAVES, ACTIVE, M>,
    /// Grows beside the tree since the last warning.
    next: HoeffdingTree<N, C, LEAVES, ACTIVE, M>,
    has_next: bool,
    warning: Watch,
    drift: Watch,
    /// Share of right answers since the tree began: its weight in the vote.
    accuracy: MeanLoss,
}

impl<const N: usize, const C: usize, const LEAVES: usize, const ACTIVE: usize, const M: usize>
    Member<N, C, LEAVES, ACTIVE, M>
{
    const fn new() -> Self {
        Self {
            tree: HoeffdingTree::new(Growth::EAGER),
            next: HoeffdingTree::new(Growth::EAGER),
            has_next: false,
            warning: Watch::new(0.01),
            drift: Watch::new(0.001),
            accuracy: MeanLoss::new(Loss::Right, 1.0),
        }
    }

    fn learn(&mut self, x: &Sample<N>, y: u8, times: u8, rng: &mut Rng) {
        let said = self.tree.predict_one(x).unwrap_or(0);
        self.accuracy.learn_one(&(f32::from(said), f32::from(y)));
        if times == 0 {
            return;
        }
        let weight = f32::from(times);
        if self.has_next {
            self.next.learn_weighted(x, y, weight);
        }
        self.tree.learn_weighted(x, y, weight);
        let error = f32::from(u8::from(said != y));
        self.warning.learn_one(&error);
        if self.warning.drifted() {
            self.next = HoeffdingTree::seeded(Growth::EAGER, rng.next_u64());
            self.has_next = true;
            self.warning.reset();
        }
        self.drift.learn_one(&error);
        if self.drift.drifted() {
            if self.has_next {
                self.tree.clone_from(&self.next);
                self.has_next = false;
                self.warning.reset();
            } else {
                self.tree = HoeffdingTree::seeded(Growth::EAGER, rng.next_u64());
            }
            self.drift.reset();
            self.accuracy.reset();
        }
    }
}

impl<const N: usize, const C: usize, const LEAVES: usize, const ACTIVE: usize, const M: usize> Default
    for Member<N, C, LEAVES, ACTIVE, M>
{
    fn default() -> Self {
        Self::new()
    }
}

/// A small adaptive random forest: Hoeffding trees that see the stream differently and are replaced where it drifts.
///
/// Formula: each of `T` trees learns each sample Poisson(6) times, each of its leaves watching `M` random features. Two
/// [`Adwin`] watch the errors of each: at a warning (0.01) a new tree begins to grow beside it, at a drift (0.001) that
/// one takes its place. Shares are the trees' shares, weighted by their accuracy.
///
/// For streams that drift, and where single thresholds are too coarse; `2 T` times the cost of a tree. Bounded trees
/// differ less from each other than unbounded ones.
///
/// Settings: [`Growth::EAGER`]; `seed` any. `LEAVES`, `ACTIVE`, `M` as in [`HoeffdingTree`]; `M` near the root of `N` is
/// usual. Memory: `T` times two trees and about 910 bytes. Cost: up to `2 T` trees and two ADWIN each.
/// ```
/// use brooklet_core::classify::AdaptiveForest;
/// use brooklet_core::{rng::Rng, sample::Sample};
/// use brooklet_core::traits::{Classifier, Supervised};
/// let mut forest = AdaptiveForest::<2, 2, 3, 8, 8, 2>::new(1);
/// let mut rng = Rng::new(2);
/// for _ in 0..2000 {
///     let x = [rng.uniform(), rng.uniform()];
///     forest.learn_one(&Sample::new(x).unwrap(), &u8::from(x[0] > x[1]));
/// }
/// assert_eq!(forest.predict_one(&Sample::new([0.9, 0.1]).unwrap()), Some(1));
/// ```
/// Source: Gomes and others: Adaptive random forests for evolving data stream classification, 2017,
/// doi:10.1007/s10994-017-5642-8. Checked against River's `ARFClassifier` on five streams.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveForest<
    const N: usize,
    const C: usize,
    const T: usize,
    const LEAVES: usize,
    const ACTIVE: usize,
    const M: usize,
> {
    #[serde(with = "crate::array")]
    members: [Member<N, C, LEAVES, ACTIVE, M>; T],
    rng: Rng,
    seed: u64,
    started: bool,
}

impl<const N: usize, const C: usize, const T: usize, const LEAVES: usize, const ACTIVE: usize, const M: usize>
    AdaptiveForest<N, C, T, LEAVES, ACTIVE, M>
{
    const SHAPE: () = assert!(T > 0);

    /// Trees that saw nothing.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        let () = Self::SHAPE;
        Self { members: [const { Member::new() }; T], rng: Rng::new(seed), seed, started: false }
    }

    /// Leaves of all trees now.
    #[must_use]
    pub fn leaves(&self) -> u32 {
        self.members.iter().fold(0, |sum, member| sum.saturating_add(u32::from(member.tree.leaves())))
    }
}

impl<const N: usize, const C: usize, const T: usize, const LEAVES: usize, const ACTIVE: usize, const M: usize>
    Supervised for AdaptiveForest<N, C, T, LEAVES, ACTIVE, M>
{
    type Input = Sample<N>;
    type Target = u8;

    /// A class beyond the last is not learnt.
    fn learn_one(&mut self, x: &Sample<N>, y: &u8) {
        if usize::from(*y) >= C {
            return;
        }
        for member in &mut self.members {
            if !self.started {
                // Each tree chooses its features by itself.
                member.tree = HoeffdingTree::seeded(Growth::EAGER, self.rng.next_u64());
            }
            let times = poisson_6(self.rng.uniform());
            member.learn(x, *y, times, &mut self.rng);
        }
        self.started = true;
    }

    fn reset(&mut self) {
        for member in &mut self.members {
            *member = Member::new();
        }
        (self.rng, self.started) = (Rng::new(self.seed), false);
    }
}

impl<const N: usize, const C: usize, const T: usize, const LEAVES: usize, const ACTIVE: usize, const M: usize>
    Classifier for AdaptiveForest<N, C, T, LEAVES, ACTIVE, M>
{
    type Shares = [f32; C];

    fn proba_one(&self, x: &Sample<N>) -> Option<[f32; C]> {
        let mut shares = [0.0; C];
        for member in &self.members {
            let Some(votes) = member.tree.proba_one(x) else { continue };
            let accuracy = member.accuracy.value().unwrap_or(0.0);
            let weight = if accuracy > 0.0 { accuracy } else { 1.0 };
            shares.iter_mut().zip(&votes).for_each(|(share, vote)| *share += weight * vote);
        }
        let total: f32 = shares.iter().sum();
        if total <= 0.0 {
            return None;
        }
        shares.iter_mut().for_each(|share| *share /= total);
        Some(shares)
    }
}

impl<const N: usize, const C: usize, const T: usize, const LEAVES: usize, const ACTIVE: usize, const M: usize>
    Validate for AdaptiveForest<N, C, T, LEAVES, ACTIVE, M>
{
    fn is_valid(&self) -> bool {
        self.members.iter().all(|member| {
            member.tree.is_valid()
                && member.next.is_valid()
                && member.warning.is_valid()
                && member.drift.is_valid()
                && member.accuracy.is_valid()
        })
    }
}

/// A Poisson number of mean 6 from a uniform one: how many of the chances of at most 0, 1, 2 .. are below it. 15 at most.
fn poisson_6(uniform: f32) -> u8 {
    const UP_TO: [f32; 15] = [
        0.002_478_752_2,
        0.017_351_265,
        0.061_968_804,
        0.151_203_88,
        0.285_056_5,
        0.445_679_64,
        0.606_302_8,
        0.743_979_75,
        0.847_237_5,
        0.916_075_97,
        0.957_379_07,
        0.979_908_04,
        0.991_172_55,
        0.996_371_5,
        0.998_599_6,
    ];
    UP_TO.iter().fold(0, |times, chance| times.saturating_add(u8::from(uniform > *chance)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poisson_has_its_mean_and_variance() {
        let mut rng = Rng::new(3);
        let draws: std::vec::Vec<f64> = (0..100_000).map(|_| f64::from(poisson_6(rng.uniform()))).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let var = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 1e5;
        assert!((mean - 6.0).abs() < 0.03 && (var - 6.0).abs() < 0.15, "{mean} {var}");
    }
}
