use super::brooklet::evaluate::{
    Band, ClassFigure, ClassScore, Coverage, Loss, MeanLoss, RSquared, StreamingAuc, WindowedLoss,
};
use super::brooklet::traits::{Learner, Statistic};
use super::{Real, golden};

fn holds(file: &str, column: &str, mut metric: impl Statistic<Input = (Real, Real), Output = Real>) {
    for row in golden(file, 1e-9, 1e-4).rows() {
        let predicted = if file.ends_with("auc") { "score" } else { "predicted" };
        metric.learn_one(&(row.get(predicted), row.get("actual")));
        row.check(column, metric.value());
    }
}

#[test]
fn numbers() {
    let faded = |loss| MeanLoss::new(loss, 0.968_75);
    holds("evaluate/numbers", "mae", faded(Loss::Absolute));
    holds("evaluate/numbers", "mse", faded(Loss::Squared));
    holds("evaluate/numbers", "rmse", faded(Loss::RootSquared));
    holds("evaluate/numbers", "bias", faded(Loss::Signed));
    holds("evaluate/numbers", "pinball", faded(Loss::Pinball(0.75)));
    holds("evaluate/numbers", "r2", RSquared::new(0.968_75));
    holds("evaluate/numbers", "windowed_mae", WindowedLoss::<32>::new(Loss::Absolute));
}

#[test]
fn classes() {
    let figure = ClassScore::<3>::new;
    holds("evaluate/classes", "accuracy", figure(ClassFigure::Accuracy));
    holds("evaluate/classes", "precision1", figure(ClassFigure::Precision(1)));
    holds("evaluate/classes", "recall1", figure(ClassFigure::Recall(1)));
    holds("evaluate/classes", "f1_1", figure(ClassFigure::F1(1)));
    holds("evaluate/classes", "macro_f1", figure(ClassFigure::MacroF1));
    holds("evaluate/classes", "kappa", figure(ClassFigure::Kappa));
    holds("evaluate/classes", "mcc", figure(ClassFigure::Matthews));
    holds("evaluate/classes", "faded", MeanLoss::new(Loss::Right, 0.968_75));
}

#[test]
fn auc() {
    holds("evaluate/auc", "auc", StreamingAuc::<32>::new(0.0, 1.0));
}

#[test]
fn coverage() {
    let mut coverage = Coverage::new(0.75, 0.968_75);
    for row in golden("evaluate/coverage", 1e-9, 1e-4).rows() {
        coverage.learn_one(&(Band { low: row.get("low"), high: row.get("high") }, row.get("actual")));
        row.check("share", coverage.value());
        row.check("width", coverage.width());
        row.check("interval", coverage.interval_score());
    }
}
