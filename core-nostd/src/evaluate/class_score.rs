use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Merge, Statistic, Validate};

use super::ConfusionMatrix;

/// Which figure of a [`ConfusionMatrix`].
/// ```
/// use brooklet_core::evaluate::{ClassFigure, ClassScore};
/// use brooklet_core::traits::{Learner, Statistic};
/// let figure = |figure| {
///     let mut score = ClassScore::<2>::new(figure);
///     for pair in [(1.0, 1.0), (1.0, 0.0), (0.0, 0.0), (0.0, 0.0)] { score.learn_one(&pair); }
///     score.value().unwrap()
/// };
/// assert_eq!([ClassFigure::Accuracy, ClassFigure::Precision(1), ClassFigure::Kappa].map(figure), [0.75, 0.5, 0.5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClassFigure {
    /// Share of right predictions.
    Accuracy,
    /// Of a class.
    Precision(u8),
    /// Of a class.
    Recall(u8),
    /// Of a class.
    F1(u8),
    /// Mean of the classes' F1.
    MacroF1,
    /// Cohen's kappa.
    Kappa,
    /// Matthews' correlation coefficient.
    Matthews,
}

/// One figure of a confusion matrix as a running statistic; classes are numbers, rounded.
///
/// Formula: that of the [`ConfusionMatrix`]'s figure. What is no class from 0 to `C - 1` is not counted. Never forgets;
/// a fading accuracy is [`MeanLoss`](super::MeanLoss) with [`Loss::Right`](super::Loss::Right).
///
/// `C`: 1 to 255. Memory: `4 C² + 4` bytes. Cost: two roundings and an increment; the figure adds up `C²` counts.
/// ```
/// use brooklet_core::evaluate::{ClassFigure, ClassScore};
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut recall = ClassScore::<2>::new(ClassFigure::Recall(1));
/// for pair in [(1.0, 1.0), (0.0, 1.0), (0.0, 0.0)] { recall.learn_one(&pair); }
/// assert_eq!(recall.value(), Some(0.5));
/// ```
/// Source: as [`ConfusionMatrix`]. Checked against scikit-learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassScore<const C: usize> {
    matrix: ConfusionMatrix<C>,
    figure: ClassFigure,
}

impl<const C: usize> ClassScore<C> {
    /// Nothing seen.
    #[must_use]
    pub const fn new(figure: ClassFigure) -> Self {
        Self { matrix: ConfusionMatrix::new(), figure }
    }

    /// All counts.
    #[must_use]
    pub const fn matrix(&self) -> &ConfusionMatrix<C> {
        &self.matrix
    }
}

fn class(number: f32) -> u8 {
    let rounded = math::round(number);
    if (0.0..255.0).contains(&rounded) { rounded as u8 } else { u8::MAX }
}

impl<const C: usize> Learner for ClassScore<C> {
    /// Predicted, actual.
    type Input = (f32, f32);

    fn learn_one(&mut self, (predicted, actual): &(f32, f32)) {
        self.matrix.learn_one(&(class(*predicted), class(*actual)));
    }

    fn reset(&mut self) {
        self.matrix.reset();
    }
}

impl<const C: usize> Statistic for ClassScore<C> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        match self.figure {
            ClassFigure::Accuracy => self.matrix.accuracy(),
            ClassFigure::Precision(class) => self.matrix.precision(class),
            ClassFigure::Recall(class) => self.matrix.recall(class),
            ClassFigure::F1(class) => self.matrix.f1(class),
            ClassFigure::MacroF1 => self.matrix.macro_f1(),
            ClassFigure::Kappa => self.matrix.kappa(),
            ClassFigure::Matthews => self.matrix.matthews(),
        }
    }
}

impl<const C: usize> Merge for ClassScore<C> {
    fn merge(&mut self, other: &Self) {
        self.matrix.merge(&other.matrix);
    }
}

impl<const C: usize> Validate for ClassScore<C> {
    fn is_valid(&self) -> bool {
        self.matrix.is_valid()
    }
}
