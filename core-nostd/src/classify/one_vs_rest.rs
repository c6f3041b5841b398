use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Classifier, Supervised, Validate};

/// Says yes or no by a line between them.
/// ```
/// use brooklet_core::classify::{Binary, Pegasos};
/// use brooklet_core::{sample::Sample, traits::Supervised};
/// let (mut line, x) = (Pegasos::<1>::new(0.01, 10_000), |x: f32| Sample::new([x]).unwrap());
/// for _ in 0..100 { line.learn_one(&x(1.0), &true); line.learn_one(&x(-1.0), &false); }
/// assert!(line.margin_one(&x(1.0)).unwrap() > 0.0 && line.yes_one(&x(-1.0)).unwrap() < 0.5);
/// ```
pub trait Binary: Supervised<Target = bool> {
    /// On which side of the line: above 0 for yes; `None` while nothing was learnt. Never learns.
    fn margin_one(&self, x: &Self::Input) -> Option<f32>;

    /// How likely yes is, 0 to 1: the margin's logistic function.
    fn yes_one(&self, x: &Self::Input) -> Option<f32> {
        self.margin_one(x).map(math::sigmoid)
    }
}

/// Many classes by a learner of yes and no for each: is it this class, or one of the rest?
///
/// Formula: learner `c` learns from `y == c`; shares are the learners' answers divided by their sum, equal if that is
/// 0. Of two classes only the second has its learner taught: that of the first would be its mirror image.
///
/// Shares are only as good as the learners': margins pressed into 0..1 are no frequencies. An answer of `C` and above
/// is ignored.
///
/// `C`: 2 to 256. Memory: `C` times the learner's, also where `C` is 2. Cost: `C` times the learner's, once where `C`
/// is 2.
/// ```
/// use brooklet_core::classify::{Logistic, OneVsRest};
/// use brooklet_core::sample::Sample;
/// use brooklet_core::traits::{Classifier, Supervised};
/// let mut rest = OneVsRest::<Logistic<2>, 3>::new(Logistic::new(0.5, 0.0));
/// for i in 0..300u16 {
///     let class = (i % 3) as u8;
///     let corner = [[0.0, 1.0], [1.0, -1.0], [-1.0, -1.0]][usize::from(class)];
///     rest.learn_one(&Sample::new(corner).unwrap(), &class);
/// }
/// assert_eq!(rest.predict_one(&Sample::new([0.9, -0.8]).unwrap()), Some(1));
/// ```
/// Source: Rifkin and Klautau, In defense of one-vs-all classification, JMLR 5 (2004). Checked against River.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "L: Serialize", deserialize = "L: DeserializeOwned + Clone + Default"))]
pub struct OneVsRest<L, const C: usize> {
    #[serde(with = "crate::array")]
    learners: [L; C],
}

impl<L: Copy, const C: usize> OneVsRest<L, C> {
    const SHAPE: () = assert!(C >= 2 && C <= 256);

    /// Every class with a copy of `learner`.
    #[must_use]
    pub const fn new(learner: L) -> Self {
        let () = Self::SHAPE;
        Self { learners: [learner; C] }
    }
}

impl<L, const C: usize> OneVsRest<L, C> {
    /// The learner of each class; of two classes the first one's is never taught.
    #[must_use]
    pub const fn learners(&self) -> &[L; C] {
        &self.learners
    }
}

impl<L: Binary, const C: usize> Supervised for OneVsRest<L, C> {
    type Input = L::Input;
    type Target = u8;

    fn learn_one(&mut self, x: &L::Input, y: &u8) {
        if usize::from(*y) >= C {
            return;
        }
        let taught = if C == 2 { 1 } else { 0 };
        for (class, learner) in (0..=u8::MAX).zip(&mut self.learners).skip(taught) {
            learner.learn_one(x, &(class == *y));
        }
    }

    fn reset(&mut self) {
        self.learners.iter_mut().for_each(L::reset);
    }
}

impl<L: Binary, const C: usize> Classifier for OneVsRest<L, C> {
    type Shares = [f32; C];

    fn proba_one(&self, x: &L::Input) -> Option<[f32; C]> {
        let mut shares = [0.0; C];
        if C == 2 {
            let yes = self.learners.last()?.yes_one(x)?;
            for (share, value) in shares.iter_mut().zip([1.0 - yes, yes]) {
                *share = value;
            }
            return Some(shares);
        }
        for (share, learner) in shares.iter_mut().zip(&self.learners) {
            *share = learner.yes_one(x)?;
        }
        let sum: f32 = shares.iter().sum();
        Some(if sum > 0.0 { shares.map(|share| share / sum) } else { [1.0 / C as f32; C] })
    }

    /// By the widest margin, without exponentials.
    fn predict_one(&self, x: &L::Input) -> Option<u8> {
        if C == 2 {
            return self.learners.last()?.margin_one(x).map(|margin| u8::from(margin > 0.0));
        }
        let mut margins = [0.0; C];
        for (margin, learner) in margins.iter_mut().zip(&self.learners) {
            *margin = learner.margin_one(x)?;
        }
        crate::traits::likeliest(&margins)
    }
}

impl<L: Validate, const C: usize> Validate for OneVsRest<L, C> {
    fn is_valid(&self) -> bool {
        self.learners.iter().all(L::is_valid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Logistic;
    use crate::rng::Rng;
    use crate::sample::Sample;

    /// Two classes with both learners taught: the first would say the opposite of the second, to rounding.
    #[test]
    fn of_two_classes_one_learner_says_it_all() {
        let mut rng = Rng::new(4);
        let mut two = OneVsRest::<Logistic<2>, 2>::new(Logistic::new(0.1, 0.01));
        let mut first = Logistic::<2>::new(0.1, 0.01);
        for _ in 0..500 {
            let x = Sample::new([rng.normal(), rng.normal()]).unwrap();
            let y = u8::from(x.values()[0] + 0.5 * rng.normal() > 0.0);
            two.learn_one(&x, &y);
            first.learn_one(&x, &(y == 0));
            assert!((two.proba_one(&x).unwrap()[0] - first.yes_one(&x).unwrap()).abs() < 1e-6);
        }
    }
}
