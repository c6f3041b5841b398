use super::brooklet::sample::Sample;
use super::brooklet::stats::{
    Correlation, Covariance, EwMean, EwMeanVar, EwVariance, Mad, Max, Mean, Min, Moments, RollingMad, Sum,
    Variance,
};
use super::brooklet::traits::{Learner, Statistic};
use super::{Real, golden};

#[test]
fn ew_mean_var() {
    let golden = golden("stats/ew_mean_var", 1e-12, 1e-5);
    let mut ew = EwMeanVar::<50>::new();
    for row in golden.rows() {
        ew.learn_one(&row.get("x"));
        let (mean, var) = ew.value().unwrap();
        row.check("mean", Some(mean));
        row.check("var", Some(var));
    }
}

#[test]
fn all_samples() {
    let golden = golden("stats/all_samples", 1e-12, 1e-5);
    let (mut sum, mut mean, mut min, mut max) = (Sum::new(), Mean::new(), Min::new(), Max::new());
    let (mut var0, mut var1, mut moments) = (Variance::new(0), Variance::new(1), Moments::new());
    for row in golden.rows() {
        let x = row.get("x");
        sum.learn_one(&x);
        mean.learn_one(&x);
        min.learn_one(&x);
        max.learn_one(&x);
        var0.learn_one(&x);
        var1.learn_one(&x);
        moments.learn_one(&x);
        row.check("sum", sum.value());
        row.check("mean", mean.value());
        row.check("mean", var0.mean());
        row.check("mean", moments.mean());
        row.check("min", min.value());
        row.check("max", max.value());
        row.check("var0", var0.value());
        row.check("var1", var1.value());
        row.check("var1", moments.variance(1));
        row.check("skewness", moments.skewness());
        row.check("kurtosis", moments.kurtosis());
    }
}

#[test]
fn half_life() {
    let golden = golden("stats/half_life", 1e-12, 1e-5);
    let (mut mean, mut variance) = (EwMean::by_half_life(20.0), EwVariance::by_half_life(20.0));
    for row in golden.rows() {
        mean.learn_one(&row.get("x"));
        variance.learn_one(&row.get("x"));
        for (column, got) in [("mean", mean.value()), ("pandas_mean", mean.value())] {
            row.check(column, got);
        }
        row.check("var", variance.value());
        row.check("pandas_var", variance.value());
        row.check("mean", variance.mean());
    }
}

#[test]
fn covariance() {
    let golden = golden("stats/covariance", 1e-10, 1e-4);
    let mut covariance = Covariance::<3, { u32::MAX }>::new(1);
    let mut pair = Correlation::<1000>::new();
    for row in golden.rows() {
        let x: [Real; 3] = row.array("x");
        covariance.learn_one(&Sample::new(x).unwrap());
        pair.learn_one(&(x[0], x[2]));
        for (i, j) in [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)] {
            row.check_if_given(&format!("cov{i}{j}"), covariance.covariance(j, i));
            row.check_if_given(&format!("cor{i}{j}"), covariance.correlation(i, j));
        }
        row.check_if_given("cor02", pair.value());
    }
}

#[test]
fn deviation() {
    let golden = golden("stats/deviation", 1e-9, 1e-4);
    let (mut mad, mut rolling) = (Mad::new(), RollingMad::<14>::new());
    for row in golden.rows() {
        mad.learn_one(&row.get("x"));
        rolling.learn_one(&row.get("x"));
        row.check("median", mad.median());
        row.check("mad", mad.value());
        row.check("rolling", rolling.value());
    }
}
