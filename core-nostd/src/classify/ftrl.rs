use serde::{Deserialize, Serialize};

use super::Binary;
use crate::linear::{Linear, features};
use crate::math;
use crate::sample::Sample;
use crate::traits::{Supervised, Validate};

/// Logistic regression by FTRL-proximal: a rate of its own for every weight, and weights that are exactly 0 where a
/// feature does not help.
///
/// Formula: `g` is the mean of `(p - y) x` over a batch, `p = 1 / (1 + e^-(w x))`; then for each weight
/// `sigma = (sqrt(n + g²) - sqrt(n)) / alpha`, `z += g - sigma w`, `n += g²`, `w = 0` if `|z| <= l1`, else
/// `(sign(z) l1 - z) / ((beta + sqrt(n)) / alpha + l2)`. The intercept is the weight of a feature that is always 1.
///
/// For features of unequal scale and for many useless ones. Rates only ever fall, so a stream that drifts is followed
/// ever more slowly; plain [`Logistic`](super::Logistic) keeps its pace.
///
/// `alpha`: 1e-4 to 100, the rate; `beta`: 1e-4 to 100, how soon it falls. `l1`, `l2`: 0 to 1e6. `batch`: 1 and up;
/// weights change at its end. Memory: `16 N + 40` bytes. Cost: two dot products, an exponential, `N` square roots and
/// divisions a batch. Features are limited to ±1e12.
/// ```
/// use brooklet_core::classify::{Binary, LogisticFtrl};
/// use brooklet_core::{sample::Sample, traits::Supervised};
/// let mut ftrl = LogisticFtrl::<2>::new(0.1, 0.1).with_penalty(4.0, 0.0);
/// for i in 0..500u16 {
///     let (x, useless) = (f32::from(i % 10) - 4.5, f32::from(i % 3) - 1.0);
///     ftrl.learn_one(&Sample::new([x, useless]).unwrap(), &(x > 0.0));
/// }
/// assert!(ftrl.yes_one(&Sample::new([3.0, 0.0]).unwrap()).unwrap() > 0.9);
/// assert_eq!(ftrl.line().weights()[1], 0.0);
/// ```
/// Source: McMahan et al., Ad click prediction, KDD 2013, doi:10.1145/2487575.2488200; batches as in Flink ML's
/// `OnlineLogisticRegression` with dense vectors, which weighs all samples of a batch alike and has no intercept of
/// its own. Checked against that law in numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticFtrl<const N: usize> {
    line: Linear<N>,
    #[serde(with = "crate::array")]
    z: [f32; N],
    /// Square roots of `n`.
    #[serde(with = "crate::array")]
    roots: [f32; N],
    /// Sums over the batch so far.
    #[serde(with = "crate::array")]
    gradients: [f32; N],
    z_edge: f32,
    root_edge: f32,
    gradient_edge: f32,
    law: Law,
    batch: u16,
    filled: u16,
    ready: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Law {
    /// `1 / alpha`.
    per_alpha: f32,
    beta: f32,
    l1: f32,
    l2: f32,
}

impl Law {
    /// The new `z` and `sqrt(n)` for a mean gradient.
    fn accumulate(&self, z: &mut f32, root: &mut f32, g: f32, weight: f32) {
        let grown = math::sqrt(*root * *root + g * g);
        let sigma = (grown - *root) * self.per_alpha;
        *z = math::limit(*z + (g - sigma * weight));
        *root = grown;
    }

    fn weight(&self, z: f32, root: f32) -> f32 {
        if math::abs(z) <= self.l1 {
            return 0.0;
        }
        let l1 = if z < 0.0 { -self.l1 } else { self.l1 };
        math::limit((l1 - z) / ((self.beta + root) * self.per_alpha + self.l2))
    }
}

impl<const N: usize> LogisticFtrl<N> {
    /// Nothing learnt, no penalties, batches of 1; settings are brought into range. Flink ML's defaults are 0.1 and 0.1.
    #[must_use]
    pub const fn new(alpha: f32, beta: f32) -> Self {
        Self {
            line: Linear::new(),
            z: [0.0; N],
            roots: [0.0; N],
            gradients: [0.0; N],
            z_edge: 0.0,
            root_edge: 0.0,
            gradient_edge: 0.0,
            law: Law {
                per_alpha: 1.0 / math::clamp(alpha, 1e-4, 100.0),
                beta: math::clamp(beta, 1e-4, 100.0),
                l1: 0.0,
                l2: 0.0,
            },
            batch: 1,
            filled: 0,
            ready: false,
        }
    }

    /// With penalties; Flink ML's `reg` and `elasticNet` are `l1 = reg elasticNet`, `l2 = reg (1 - elasticNet)`.
    #[must_use]
    pub const fn with_penalty(mut self, l1: f32, l2: f32) -> Self {
        self.law.l1 = math::clamp(l1, 0.0, 1e6);
        self.law.l2 = math::clamp(l2, 0.0, 1e6);
        self
    }

    /// With batches of that many samples; 0 counts as 1.
    /// ```
    /// use brooklet_core::classify::{Binary, LogisticFtrl};
    /// use brooklet_core::{sample::Sample, traits::Supervised};
    /// let (mut ftrl, x) = (LogisticFtrl::<1>::new(0.1, 0.1).with_batch(2), Sample::new([1.0]).unwrap());
    /// ftrl.learn_one(&x, &true);
    /// assert_eq!(ftrl.line().weights(), &[0.0]); // half a batch
    /// ftrl.learn_one(&x, &true);
    /// assert!(ftrl.line().weights()[0] > 0.0);
    /// ```
    #[must_use]
    pub const fn with_batch(mut self, batch: u16) -> Self {
        self.batch = if batch > 0 { batch } else { 1 };
        self
    }

    /// The weights and the intercept.
    #[must_use]
    pub const fn line(&self) -> &Linear<N> {
        &self.line
    }

    fn end_batch(&mut self) {
        let (law, share) = (self.law, 1.0 / f32::from(self.filled));
        let state = self.z.iter_mut().zip(&mut self.roots).zip(&mut self.gradients);
        let mut weights = *self.line.weights();
        for (((z, root), gradient), weight) in state.zip(&mut weights) {
            law.accumulate(z, root, *gradient * share, *weight);
            *gradient = 0.0;
            *weight = law.weight(*z, *root);
        }
        let mean = self.gradient_edge * share;
        law.accumulate(&mut self.z_edge, &mut self.root_edge, mean, self.line.intercept());
        self.gradient_edge = 0.0;
        self.line = Linear::of(weights, law.weight(self.z_edge, self.root_edge));
        self.filled = 0;
    }
}

impl<const N: usize> Default for LogisticFtrl<N> {
    fn default() -> Self {
        Self::new(0.1, 0.1)
    }
}

impl<const N: usize> Supervised for LogisticFtrl<N> {
    type Input = Sample<N>;
    type Target = bool;

    fn learn_one(&mut self, x: &Sample<N>, y: &bool) {
        let x = features(x);
        let error = math::sigmoid(self.line.at(&x)) - f32::from(u8::from(*y));
        for (gradient, x) in self.gradients.iter_mut().zip(&x) {
            *gradient += error * x;
        }
        self.gradient_edge += error;
        self.filled = self.filled.saturating_add(1);
        if self.filled >= self.batch {
            self.end_batch();
        }
        self.ready = true;
    }

    fn reset(&mut self) {
        let (law, batch) = (self.law, self.batch);
        *self = Self { law, batch, ..Self::default() };
    }
}

impl<const N: usize> Binary for LogisticFtrl<N> {
    fn margin_one(&self, x: &Sample<N>) -> Option<f32> {
        self.ready.then(|| self.line.at(&features(x)))
    }
}

impl<const N: usize> Validate for LogisticFtrl<N> {
    fn is_valid(&self) -> bool {
        let Law { per_alpha, beta, l1, l2 } = &self.law;
        let in_reach = |v: &f32| math::abs(*v) <= math::LIMIT;
        self.line.is_valid()
            && self.z.iter().chain(&self.gradients).chain([&self.z_edge, &self.gradient_edge]).all(in_reach)
            && self.roots.iter().chain([&self.root_edge]).all(|root| (0.0..=math::LIMIT).contains(root))
            && (0.009..=1.1e4).contains(per_alpha)
            && (1e-4..=100.0).contains(beta)
            && [l1, l2].into_iter().all(|v| (0.0..=1e6).contains(v))
            && self.filled < self.batch
    }
}
