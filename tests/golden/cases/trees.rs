use super::brooklet::classify::{Growth, HoeffdingTree, LeafPrediction};
use super::brooklet::sample::Sample;
use super::brooklet::traits::{Classifier, Supervised};
use super::{Real, golden};
use crate::streams;

/// The share of right answers after each thousand, within half a point of River's.
fn as_accurate<const N: usize, const C: usize>(file: &str, rows: &[([f64; N], u8)]) {
    for (column, prediction) in [
        ("adaptive", LeafPrediction::Adaptive),
        ("bayes", LeafPrediction::NaiveBayes),
        ("majority", LeafPrediction::Majority),
    ] {
        let mut tree = HoeffdingTree::<N, C, 64, 64>::new(Growth { prediction, ..Growth::DEFAULT });
        let (mut right, mut learnt) = (0.0, 0usize);
        for golden in golden(file, 0.005, 0.005).rows() {
            for (x, y) in &rows[learnt..learnt + 1000] {
                let x = Sample::new(x.map(|x| x as Real)).unwrap();
                right += f64::from(u8::from(tree.predict_one(&x).unwrap_or(0) == *y));
                tree.learn_one(&x, y);
            }
            learnt += 1000;
            golden.check(column, Some(right / learnt as f64));
        }
    }
}

#[test]
fn hoeffding_tree_sea() {
    as_accurate::<3, 2>("trees/sea", &streams::sea());
}

#[test]
fn hoeffding_tree_rbf() {
    as_accurate::<5, 3>("trees/rbf", &streams::rbf());
}
