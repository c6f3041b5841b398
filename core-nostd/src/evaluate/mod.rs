//! How good predictions are: predict first, learn afterwards, and give both to a metric. The latest count most, because
//! a stream's past says little of its learner's present.

mod auc;
mod class_score;
mod confusion;
mod coverage;
mod lead_time;
mod nab;
mod prequential;
mod r2;

pub use auc::StreamingAuc;
pub use class_score::{ClassFigure, ClassScore};
pub use confusion::ConfusionMatrix;
pub use coverage::{Band, Coverage};
pub use lead_time::LeadTime;
pub use nab::{NabFile, NabProfile};
pub use prequential::{Loss, MeanLoss, WindowedLoss};
pub use r2::RSquared;

use crate::registry::registry;

registry! {
    /// Any registered metric of pairs: what was predicted, what came.
    pair_statistic AnyMetric: family "evaluate", kind 29 {
        /// Mean absolute error, the last thousand or so.
        "mae" => Mae(MeanLoss) = MeanLoss::new(Loss::Absolute, 0.999),
        /// Root of the mean squared error, the last thousand or so.
        "rmse" => Rmse(MeanLoss) = MeanLoss::new(Loss::RootSquared, 0.999),
        /// Mean of prediction minus answer, the last thousand or so.
        "bias" => Bias(MeanLoss) = MeanLoss::new(Loss::Signed, 0.999),
        /// Pinball loss of a prediction meant to be the 90 % quantile.
        "pinball" => Pinball(MeanLoss) = MeanLoss::new(Loss::Pinball(0.9), 0.999),
        /// Share of right classes, the last thousand or so.
        "accuracy" => Accuracy(MeanLoss) = MeanLoss::new(Loss::Right, 0.999),
        /// Share of variance explained, the last thousand or so.
        "r2" => R2(RSquared) = RSquared::new(0.999),
        /// Mean absolute error of exactly the last 256.
        "windowed_mae" => WindowedMae(WindowedLoss<256>) = WindowedLoss::new(Loss::Absolute),
        /// Of two classes: how many alarms were right.
        "precision" => Precision(ClassScore<2>) = ClassScore::new(ClassFigure::Precision(1)),
        /// Of two classes: how many faults were alarmed.
        "recall" => Recall(ClassScore<2>) = ClassScore::new(ClassFigure::Recall(1)),
        /// Of two classes: harmonic mean of precision and recall.
        "f1" => F1(ClassScore<2>) = ClassScore::new(ClassFigure::F1(1)),
        /// Of up to eight classes: agreement beyond chance.
        "kappa" => Kappa(ClassScore<8>) = ClassScore::new(ClassFigure::Kappa),
        /// Of up to eight classes: correlation of prediction and answer (Matthews).
        "mcc" => Mcc(ClassScore<8>) = ClassScore::new(ClassFigure::Matthews),
        /// Chance that a positive scores above a negative, scores 0 to 1 in 64 bins.
        "auc" => Auc(StreamingAuc<64>) = StreamingAuc::new(0.0, 1.0),
        /// Samples from the first alarm to the fault, of faults alarmed within 100 samples.
        "lead_time" => LeadTime(LeadTime) = LeadTime::new(100),
    }
}
