use super::brooklet::preprocess::{
    Clip, KalmanImputer, Lag, LastImputer, MaxAbsScaler, MinMaxScaler, OneHot, OnlineStandardScaler,
    Polynomial, RobustScaler, StandardScaler, StatisticImputer,
};
use super::brooklet::sample::Sample;
use super::brooklet::stats::Mean;
use super::brooklet::traits::{Learner, Transformer};
use super::{Real, golden};
use brooklet_golden::Row;

fn check<const N: usize>(row: Row<'_>, prefix: &str, got: Option<Sample<N>>) {
    for i in 0..N {
        row.check(&format!("{prefix}{i}"), got.map(|sample| sample.values()[i]));
    }
}

/// Holds what a transformer makes of a row, before it learns it, against the file.
fn step<T: Transformer<Input = Sample<N>, Output = Sample<M>>, const N: usize, const M: usize>(
    transformer: &mut T,
    row: Row<'_>,
    prefix: &str,
) {
    let x = Sample::new(row.array("x")).unwrap();
    check(row, prefix, transformer.transform_one(&x));
    transformer.learn_one(&x);
}

#[test]
fn scalers() {
    let golden = golden("preprocess/scalers", 1e-10, 1e-5);
    let mut standard = StandardScaler::<3, { u32::MAX }>::new();
    let (mut min_max, mut max_abs) = (MinMaxScaler::<3>::new(0.0), MaxAbsScaler::<3>::new(0.0));
    let mut robust = RobustScaler::<3>::new(u32::MAX);
    for row in golden.rows() {
        step(&mut standard, row, "standard");
        step(&mut min_max, row, "min_max");
        step(&mut max_abs, row, "max_abs");
        step(&mut robust, row, "robust");
    }
}

#[test]
fn fading() {
    let golden = golden("preprocess/fading", 1e-10, 1e-5);
    let mut standard = StandardScaler::<3, 30>::new();
    let (mut min_max, mut max_abs) = (MinMaxScaler::<3>::new(0.0625), MaxAbsScaler::<3>::new(0.0625));
    for row in golden.rows() {
        step(&mut standard, row, "standard");
        step(&mut min_max, row, "min_max");
        step(&mut max_abs, row, "max_abs");
    }
}

#[test]
fn online_standard() {
    let golden = golden("preprocess/online_standard", 1e-10, 1e-5);
    let mut scaler = OnlineStandardScaler::<3, 32>::new(true, true);
    for row in golden.rows() {
        step(&mut scaler, row, "y");
    }
}

#[test]
fn shapes() {
    let golden = golden("preprocess/shapes", 1e-10, 1e-5);
    let (mut polynomial, mut lag) = (Polynomial::<3, 9>::new(), Lag::<3, 3>::new());
    let mut clip = Clip::<3>::new(-1.0, 1.5);
    for row in golden.rows() {
        step(&mut polynomial, row, "poly");
        step(&mut lag, row, "lag");
        step(&mut clip, row, "clip");
    }
}

#[test]
fn one_hot() {
    let golden = golden("preprocess/one_hot", 0.0, 0.0);
    let mut one_hot = OneHot::<6>::new();
    for row in golden.rows() {
        let key = row.cell("key").unwrap() as u64;
        one_hot.learn_one(&key);
        check(row, "y", one_hot.transform_one(&key));
    }
}

#[test]
fn imputers() {
    let golden = golden("preprocess/imputers", 1e-12, 1e-5);
    let (mut last, mut mean) = (LastImputer::new(), StatisticImputer::new(Mean::new()));
    let mut kalman = KalmanImputer::new(0.1, 0.001);
    for row in golden.rows() {
        let x: Option<Real> = row.cell("x").map(|x| x as Real);
        for filled in [last.transform_one(&x), mean.transform_one(&x)] {
            assert!(filled.is_none_or(|filled| filled.measured == x.is_some()));
        }
        row.check("last", last.transform_one(&x).map(|filled| filled.value));
        row.check("mean", mean.transform_one(&x).map(|filled| filled.value));
        // The forecast of every sample, measured or not.
        row.check("kalman", kalman.transform_one(&None).map(|filled| filled.value));
        last.learn_one(&x);
        mean.learn_one(&x);
        kalman.learn_one(&x);
    }
}
