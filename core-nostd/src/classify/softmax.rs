use serde::{Deserialize, Serialize};

use crate::linear::{Linear, features};
use crate::math;
use crate::sample::Sample;
use crate::traits::{Classifier, Supervised, Validate};

/// Softmax regression: logistic regression of many classes at once.
///
/// Formula: `p_c = e^(w_c x + b_c) / sum`, `g_c = p_c - [y = c]`, `w_c = (1 - rate l2) w_c - rate g_c x`,
/// `b_c = b_c - rate g_c`.
///
/// Its shares are honest probabilities where straight boundaries are right, unlike those of
/// [`OneVsRest`](super::OneVsRest). Needs features of similar scale, about 1.
///
/// `rate`: 1e-6 to 1. `l2`: 0 to 1. `C`: 2 to 256. Memory: `4 C (N + 1) + 12` bytes. Cost: `2 C` dot products, `C`
/// exponentials. Features are limited to ±1e12; an answer of `C` and above is ignored.
/// ```
/// use brooklet_core::{classify::Softmax, sample::Sample};
/// use brooklet_core::traits::{Classifier, Supervised};
/// let mut softmax = Softmax::<1, 3>::new(0.1, 0.0);
/// for i in 0..900u16 {
///     let class = (i % 3) as u8;
///     softmax.learn_one(&Sample::new([f32::from(class) - 1.0]).unwrap(), &class);
/// }
/// assert_eq!(softmax.predict_one(&Sample::new([0.1]).unwrap()), Some(1));
/// ```
/// Source: Cox 1958, doi:10.1111/j.2517-6161.1958.tb00292.x. Checked against River's `SoftmaxRegression`, which has no
/// intercept: there with a feature that is always 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Softmax<const N: usize, const C: usize> {
    #[serde(with = "crate::array")]
    lines: [Linear<N>; C],
    rate: f32,
    l2: f32,
    ready: bool,
}

/// Shares from logits or log-likelihoods, in place; the largest must be finite.
pub(super) fn shares<const C: usize>(mut logits: [f32; C]) -> [f32; C] {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, math::max);
    let mut sum = 0.0;
    for logit in &mut logits {
        *logit = math::exp(*logit - most);
        sum += *logit;
    }
    let share = 1.0 / sum;
    logits.map(|e| e * share)
}

impl<const N: usize, const C: usize> Softmax<N, C> {
    const SHAPE: () = assert!(C >= 2 && C <= 256);

    /// Nothing learnt; settings are brought into range.
    #[must_use]
    pub const fn new(rate: f32, l2: f32) -> Self {
        let () = Self::SHAPE;
        let (rate, l2) = (math::clamp(rate, 1e-6, 1.0), math::clamp(l2, 0.0, 1.0));
        Self { lines: [Linear::new(); C], rate, l2, ready: false }
    }

    /// The weights and the intercept of each class.
    #[must_use]
    pub const fn lines(&self) -> &[Linear<N>; C] {
        &self.lines
    }

    fn shares(&self, x: &[f32; N]) -> [f32; C] {
        let mut logits = [0.0; C];
        for (logit, line) in logits.iter_mut().zip(&self.lines) {
            *logit = line.at(x);
        }
        shares(logits)
    }
}

impl<const N: usize, const C: usize> Supervised for Softmax<N, C> {
    type Input = Sample<N>;
    type Target = u8;

    fn learn_one(&mut self, x: &Sample<N>, y: &u8) {
        if usize::from(*y) >= C {
            return;
        }
        let x = features(x);
        let shares = self.shares(&x);
        for ((class, line), share) in (0..=u8::MAX).zip(&mut self.lines).zip(shares) {
            let step = self.rate * (f32::from(u8::from(class == *y)) - share);
            if self.l2 > 0.0 {
                line.shrink(1.0 - self.rate * self.l2);
            }
            line.step(&x, step, step);
        }
        self.ready = true;
    }

    fn reset(&mut self) {
        *self = Self::new(self.rate, self.l2);
    }
}

impl<const N: usize, const C: usize> Classifier for Softmax<N, C> {
    type Shares = [f32; C];

    fn proba_one(&self, x: &Sample<N>) -> Option<[f32; C]> {
        self.ready.then(|| self.shares(&features(x)))
    }
}

impl<const N: usize, const C: usize> Validate for Softmax<N, C> {
    fn is_valid(&self) -> bool {
        self.lines.iter().all(Validate::is_valid)
            && (1e-6..=1.0).contains(&self.rate)
            && (0.0..=1.0).contains(&self.l2)
    }
}
