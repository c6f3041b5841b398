use serde::{Deserialize, Serialize};

use crate::math;
use crate::rng::Rng;
use crate::sample::Sample;
use crate::traits::{Learner, Scorer, Validate};

use super::random_cut_tree::{Tree, strangeness};

/// Random cut forest: strange is what a random cut would soon separate from all others.
///
/// Formula: each tree holds a time-decayed random sample of the stream (a sample is forgotten with rate `decay`) as a
/// tree of random cuts, drawn across a side of the bounding box with the probability of its length; insertion and
/// deletion leave a tree that could have been drawn without history. raw = mean over the trees of
/// `log2(1 + mass) E[1 / (depth + 1)]`, the depth at which a cut would separate `x`; about 1 is ordinary, 2 and up
/// strange (the score of AWS's implementation; `1 / (depth + log2(copies + 1))`, damped, where `x` itself was sampled).
///
/// Finds outliers in several features and, fed with shingles, odd shapes of a wave. Features weigh by their ranges:
/// feed standardised ones (`Then<StandardScaler, RandomCutForest>`, as the registered one is), or shingles of one raw
/// channel. Ready when a reservoir holds 32 samples, or is full.
///
/// `SAMPLES`: 2 to 32,767 a tree; `decay`: 1e-5 to 1 a sample, usually `0.1 / SAMPLES`, brought into range. Memory:
/// about `TREES SAMPLES (12 N + 20)` bytes (22 kB for 10 x 32 and 4 features), half of them the bounding boxes,
/// which make it fast. Cost: at most about `6 N log2(SAMPLES) TREES` operations, as boxes that hold the sample are not
/// looked at; in the long run one tree in ten changes.
/// ```
/// use brooklet_core::{anomaly::RandomCutForest, rng::Rng, sample::Sample};
/// use brooklet_core::traits::{Learner, Scorer};
/// let (mut rng, mut forest) = (Rng::new(1), RandomCutForest::<2, 10, 64>::new(0.002, 7));
/// for _ in 0..500 { forest.learn_one(&Sample::new([rng.normal(), rng.normal()]).unwrap()); }
/// let raw = |x| forest.raw_one(&Sample::new(x).unwrap()).unwrap();
/// assert!(raw([0.0, 0.0]) < 1.2 && raw([6.0, -6.0]) > 2.0);
/// ```
/// Source: S. Guha, N. Mishra, G. Roy, O. Schrijvers, Robust random cut forest based anomaly detection on streams,
/// ICML 2016. Checked by rank correlation against a published implementation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RandomCutForest<const N: usize, const TREES: usize, const SAMPLES: usize> {
    #[serde(with = "crate::array")]
    trees: [Tree<N, SAMPLES>; TREES],
    decay: f32,
    seed: u64,
    rng: Rng,
    /// Time since the draws were last aged, in units of `1 / decay` samples.
    age: f32,
}

/// Age at which all draws are shifted: small enough for f32 to tell neighbours apart.
const MOST_AGE: f32 = 16.0;
const WARM_UP: u16 = 32;

impl<const N: usize, const TREES: usize, const SAMPLES: usize> RandomCutForest<N, TREES, SAMPLES> {
    const SHAPE: () = assert!(N > 0 && N < 65_536 && TREES > 0 && SAMPLES > 1 && SAMPLES < 32_768);

    /// Nothing learnt.
    #[must_use]
    pub const fn new(decay: f32, seed: u64) -> Self {
        let () = Self::SHAPE;
        let (trees, rng) = ([Tree::new(); TREES], Rng::new(seed));
        Self { trees, decay: math::clamp(decay, 1e-5, 1.0), seed, rng, age: 0.0 }
    }
}

impl<const N: usize, const TREES: usize, const SAMPLES: usize> Learner
    for RandomCutForest<N, TREES, SAMPLES>
{
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        let point = x.values().map(math::limit);
        self.age += self.decay;
        if self.age >= MOST_AGE {
            self.age -= MOST_AGE;
            self.trees.iter_mut().for_each(|tree| tree.shift_keys(MOST_AGE));
        }
        let exp_age = math::exp(self.age);
        for tree in &mut self.trees {
            // The smallest of exponentials with weights e^(decay t) stay (Efraimidis and Spirakis 2006), in logarithms.
            if let Some(key) = tree.draw(self.rng.uniform(), self.age, exp_age) {
                tree.learn(&point, key, &mut self.rng);
            }
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.decay, self.seed);
    }
}

impl<const N: usize, const TREES: usize, const SAMPLES: usize> Scorer for RandomCutForest<N, TREES, SAMPLES> {
    fn raw_one(&self, x: &Sample<N>) -> Option<f32> {
        let filled = self.trees.first()?.filled();
        if filled < WARM_UP && usize::from(filled) < SAMPLES {
            return None;
        }
        let point = x.values().map(math::limit);
        let sum = strangeness(&self.trees, &point);
        Some(sum / TREES as f32 * math::log2(f32::from(filled) + 1.0))
    }
}

impl<const N: usize, const TREES: usize, const SAMPLES: usize> Validate
    for RandomCutForest<N, TREES, SAMPLES>
{
    fn is_valid(&self) -> bool {
        (1e-5..=1.0).contains(&self.decay)
            && (0.0..=MOST_AGE).contains(&self.age)
            && self.trees.iter().all(Validate::is_valid)
    }
}
