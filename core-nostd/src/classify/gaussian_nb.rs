use core::f32::consts::{LN_2, TAU};

use serde::{Deserialize, Serialize};

use super::softmax::shares;
use crate::sample::Sample;
use crate::traits::{Classifier, Supervised, Validate};
use crate::{linear, math};

/// Gaussian naive Bayes: every feature of every class is a normal distribution of its own.
///
/// Formula: `log p_c = ln(share of c) + sum over features ln(1e-9 + N(x; mean, var))`, shares by softmax; `mean` and
/// `var` (of the population) with weight `max(1/n, 1/HORIZON)`. The 1e-9 bounds what one wild feature can say; a
/// feature that never varied in a class says just that.
///
/// Learns from few samples, needs no rate; the boundary may be curved. Overconfident where features are correlated.
/// Features should have deviations between about 0.01 and 1e6, because the 1e-9 is a density: put a scaler in front.
///
/// `C`: 2 to 256. `HORIZON`: 2 to 2^24, in samples of a class for its distributions and of all classes for their
/// shares; plain averages until then. Memory: `8 C N + 13 C + 8` bytes, rounded up to 4. Cost: a division a feature and class, an
/// exponential a class, two logarithms; features beyond four deviations of a class cost an exponential and two
/// logarithms more. Features are limited to ±1e18; an answer of `C` and above is ignored.
/// ```
/// use brooklet_core::{classify::GaussianNb, sample::Sample};
/// use brooklet_core::traits::{Classifier, Supervised};
/// let mut bayes = GaussianNb::<1, 2, 1000>::new();
/// for i in 0..100u8 {
///     // Class 1 is wide, class 0 narrow around the same mean: no line parts them.
///     let spread = f32::from(i / 2 % 5) - 2.0;
///     bayes.learn_one(&Sample::new([if i % 2 == 1 { 5.0 * spread } else { spread }]).unwrap(), &(i % 2));
/// }
/// assert_eq!(bayes.predict_one(&Sample::new([0.5]).unwrap()), Some(0));
/// assert_eq!(bayes.predict_one(&Sample::new([-9.0]).unwrap()), Some(1));
/// ```
/// Source: Maron 1961, doi:10.1145/321075.321084; variance as in Welford 1962. Checked against River's `GaussianNB`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GaussianNb<const N: usize, const C: usize, const HORIZON: u32> {
    #[serde(with = "crate::array::nested")]
    means: [[f32; N]; C],
    #[serde(with = "crate::array::nested")]
    vars: [[f32; N]; C],
    #[serde(with = "crate::array")]
    counts: [u32; C],
    /// Samples of each class, newer ones counting for more, as `increment` does.
    #[serde(with = "crate::array")]
    weights: [f32; C],
    /// `ln(weight)` without the features' `ln(tau var) / 2`, variances within `NARROW..=WIDE`: changes only when the class
    /// learns, since the sum of the weights is common to all.
    #[serde(with = "crate::array")]
    heights: [f32; C],
    /// All variances of the class are within `NARROW..=WIDE`.
    #[serde(with = "crate::array")]
    even: [bool; C],
    total: u32,
    increment: f32,
}

/// River adds this to every density.
const FLOOR: f32 = 1e-9;
/// Between these variances and within `NEAR` the density is above 4e-5 and [`FLOOR`] changes its logarithm by less than
/// f32 resolves in the sum. The eighth power of either stays in range.
const NARROW: f32 = 1e-4;
const WIDE: f32 = 10.0;
/// No class that went away needs to sink deeper.
const LOWEST: f32 = -1e5;
/// Half of the squared distance in deviations. More precision has no features so near that the floor is lost.
const NEAR: f32 = if f32::EPSILON > 1e-10 { 8.0 } else { -1.0 };

impl<const N: usize, const C: usize, const HORIZON: u32> GaussianNb<N, C, HORIZON> {
    const SHAPE: () = assert!(C >= 2 && C <= 256 && HORIZON >= 2 && HORIZON <= 1 << 24);

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self {
            means: [[0.0; N]; C],
            vars: [[0.0; N]; C],
            counts: [0; C],
            weights: [0.0; C],
            heights: [0.0; C],
            even: [false; C],
            total: 0,
            increment: 1.0,
        }
    }

    /// The mean of each feature in each class; 0 where nothing was learnt.
    #[must_use]
    pub const fn means(&self) -> &[[f32; N]; C] {
        &self.means
    }

    /// The variance of each feature in each class.
    #[must_use]
    pub const fn variances(&self) -> &[[f32; N]; C] {
        &self.vars
    }

    /// The log-likelihood of each class, up to a constant; that of a class never seen is negative infinity.
    fn log_likelihoods(&self, x: &Sample<N>) -> [f32; C] {
        let x = x.values().map(math::limit);
        let mut all = [f32::NEG_INFINITY; C];
        let classes = self.means.iter().zip(&self.vars).zip(&self.counts);
        let cached = self.heights.iter().zip(&self.even);
        for ((log, ((means, vars), count)), (height, even)) in all.iter_mut().zip(classes).zip(cached) {
            if *count > 0 {
                *log = height - distance(means, vars, *even, &x);
            }
        }
        all
    }
}

/// Half the squared distance in deviations, added up, with what [`FLOOR`] and variances out of range change.
fn distance<const N: usize>(means: &[f32; N], vars: &[f32; N], even: bool, x: &[f32; N]) -> f32 {
    let mut halves = [0.0; N];
    for (((half, x), mean), var) in halves.iter_mut().zip(x).zip(means).zip(vars) {
        let d = x - mean;
        *half = 0.5 * d * d / var;
    }
    if !even || count_of(&halves, |half| half > NEAR) > 0.0 {
        // Not a number where the variance is 0.
        let far = |half: f32, var: f32| !(half <= NEAR && (NARROW..=WIDE).contains(&var));
        for (half, var) in halves.iter_mut().zip(vars) {
            if far(*half, *var) {
                let density = if *var > 0.0 { math::exp(-*half) / math::sqrt(TAU * var) } else { 0.0 };
                *half = -math::ln(FLOOR + density) - 0.5 * math::ln(TAU * math::clamp(*var, NARROW, WIDE));
            }
        }
    }
    linear::sum_of(&halves, vars, |half, _| half)
}

/// How many are like that; without branches.
fn count_of<const N: usize>(values: &[f32; N], like: impl Fn(f32) -> bool) -> f32 {
    linear::sum_of(values, values, |value, _| if like(value) { 1.0 } else { 0.0 })
}

/// `ln(weight)` without the sum of `ln(tau var) / 2`, eight variances to a logarithm.
fn height<const N: usize>(weight: f32, vars: &[f32; N]) -> f32 {
    let bounded = |var: f32| TAU * math::clamp(var, NARROW, WIDE);
    let (eights, rest) = vars.as_chunks::<8>();
    let rest = rest.iter().fold(1.0, |product, var| product * bounded(*var));
    let mut sum = math::ln(rest / (weight * weight));
    for eight in eights {
        let [a, b, c, d, e, f, g, h] = eight.map(bounded);
        sum += math::ln(((a * e) * (c * g)) * ((b * f) * (d * h)));
    }
    -0.5 * sum
}

impl<const N: usize, const C: usize, const HORIZON: u32> Supervised for GaussianNb<N, C, HORIZON> {
    type Input = Sample<N>;
    type Target = u8;

    fn learn_one(&mut self, x: &Sample<N>, y: &u8) {
        let class = usize::from(*y);
        let state = self.means.get_mut(class).zip(self.vars.get_mut(class)).zip(self.counts.get_mut(class));
        let cached = self.heights.get_mut(class).zip(self.even.get_mut(class));
        let (Some(((means, vars), count)), Some((own_height, even)), Some(weight)) =
            (state, cached, self.weights.get_mut(class))
        else {
            return;
        };
        *count = Ord::min(count.saturating_add(1), HORIZON);
        let a = 1.0 / *count as f32;
        for ((mean, var), x) in means.iter_mut().zip(vars.iter_mut()).zip(x.values()) {
            let d = math::limit(*x) - *mean;
            *mean += a * d;
            *var = (1.0 - a) * (*var + a * d * d);
        }
        // Shares with weight max(1/n, 1/HORIZON): from there on every sample counts for more than the last.
        if self.total >= HORIZON {
            self.increment *= HORIZON as f32 / (HORIZON as f32 - 1.0);
        }
        self.total = Ord::min(self.total.saturating_add(1), HORIZON);
        *weight += self.increment;
        *own_height = height(*weight, vars);
        *even = count_of(vars, |var| math::clamp(var, NARROW, WIDE) != var) == 0.0;
        if self.increment >= 2.0 {
            self.increment *= 0.5;
            self.weights.iter_mut().for_each(|weight| *weight = math::max(0.5 * *weight, 1e-9));
            self.heights.iter_mut().for_each(|height| *height = math::max(*height - LN_2, LOWEST));
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const N: usize, const C: usize, const HORIZON: u32> Classifier for GaussianNb<N, C, HORIZON> {
    type Shares = [f32; C];

    fn proba_one(&self, x: &Sample<N>) -> Option<[f32; C]> {
        (self.total > 0).then(|| shares(self.log_likelihoods(x)))
    }

    /// Without the exponentials.
    fn predict_one(&self, x: &Sample<N>) -> Option<u8> {
        (self.total > 0).then(|| crate::traits::likeliest(&self.log_likelihoods(x)))?
    }
}

impl<const N: usize, const C: usize, const HORIZON: u32> Validate for GaussianNb<N, C, HORIZON> {
    fn is_valid(&self) -> bool {
        self.means.iter().flatten().all(|m| math::abs(*m) <= 2.0 * math::LIMIT)
            && self.vars.iter().flatten().all(|v| (0.0..=f32::MAX).contains(v))
            && self.counts.iter().all(|n| *n <= self.total)
            && self.weights.iter().all(|w| (0.0..=4.0 * HORIZON as f32).contains(w))
            && self.heights.iter().all(|h| math::abs(*h) <= 1e6)
            && (1.0..=2.0).contains(&self.increment)
            && self.total <= HORIZON
            && (self.total == 0 || self.counts.iter().any(|n| *n > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn forgets_shares_and_distributions() {
        let (mut rng, mut bayes) = (Rng::new(5), GaussianNb::<1, 2, 100>::new());
        let mut learn = |bayes: &mut GaussianNb<1, 2, 100>, class: u8, mean: f32| {
            bayes.learn_one(&Sample::new([mean + rng.normal()]).unwrap(), &class);
        };
        (0..1000).for_each(|_| learn(&mut bayes, 0, 0.0));
        (0..1000).for_each(|_| learn(&mut bayes, 1, 0.0));
        assert!(bayes.weights[0] < 1e-3 * bayes.weights[1], "a class that went away: {bayes:?}");
        (0..1000).for_each(|_| learn(&mut bayes, 0, 50.0));
        assert!((bayes.means[0][0] - 50.0).abs() < 0.5, "{bayes:?}");
    }
}
