use super::brooklet::classify::{
    Arow, Binary, GaussianNb, KNearest, Logistic, LogisticFtrl, NearestCentroid, OneVsRest, PaClassifier, Pegasos,
    Softmax,
};
use super::brooklet::linear::Aggressive;
use super::brooklet::sample::Sample;
use super::brooklet::traits::{Classifier, Supervised};
use super::golden;

/// Predicts, then learns, against one column of a file of two classes.
fn says_yes(file: &str, column: &str, mut model: impl Binary<Input = Sample<4>>) {
    for row in golden(file, 1e-10, 1e-4).rows() {
        let x = Sample::new(row.array("x")).unwrap();
        row.check_if_given(column, model.yes_one(&x));
        model.learn_one(&x, &(row.cell("y") == Some(1.0)));
    }
}

/// Predicts, then learns, against the columns `share0` to `share2`.
fn shares(file: &str, mut model: impl Classifier<Input = Sample<4>, Shares = [super::Real; 3]>) {
    for row in golden(file, 1e-10, 1e-4).rows() {
        let x = Sample::new(row.array("x")).unwrap();
        let shares = model.proba_one(&x);
        for class in 0..3 {
            row.check_if_given(&format!("share{class}"), shares.map(|shares| shares[class]));
        }
        model.learn_one(&x, &(row.cell("y").unwrap() as u8));
    }
}

#[test]
fn logistic() {
    says_yes("classify/logistic", "plain", Logistic::new(0.125, 0.0));
    says_yes("classify/logistic", "l2", Logistic::new(0.125, 0.0625));
}

#[test]
fn one_vs_rest() {
    shares("classify/one_vs_rest", OneVsRest::<Logistic<4>, 3>::new(Logistic::new(0.125, 0.0)));
}

#[test]
fn softmax() {
    shares("classify/softmax", Softmax::<4, 3>::new(0.125, 0.0));
}

#[test]
fn passive_aggressive() {
    says_yes("classify/passive_aggressive", "pa1", PaClassifier::new(Aggressive::I { c: 0.125 }));
    says_yes("classify/passive_aggressive", "pa2", PaClassifier::new(Aggressive::II { c: 0.125 }));
}

#[test]
fn ftrl() {
    says_yes("classify/ftrl", "defaults", LogisticFtrl::new(0.125, 0.125));
    says_yes("classify/ftrl", "penalties", LogisticFtrl::new(0.5, 1.0).with_penalty(2.0, 0.5).with_batch(8));
}

#[test]
fn pegasos() {
    says_yes("classify/pegasos", "share", Pegasos::new(0.0625, 200));
}

#[test]
fn arow() {
    says_yes("classify/arow", "share", Arow::new(0.5));
}

#[test]
fn gaussian_nb() {
    shares("classify/gaussian_nb", GaussianNb::<4, 3, 1000>::new());
}

#[test]
fn nearest_centroid() {
    let mut model = NearestCentroid::<4, 3, 1000>::new();
    for row in golden("classify/nearest_centroid", 0.0, 0.0).rows() {
        let x = Sample::new(row.array("x")).unwrap();
        row.check_if_given("class", model.predict_one(&x).map(super::Real::from));
        model.learn_one(&x, &(row.cell("y").unwrap() as u8));
    }
}

#[test]
fn k_nearest() {
    shares("classify/k_nearest", KNearest::<4, 3, 200, 5>::new());
}
