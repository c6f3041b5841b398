//! Learners in whole numbers against their siblings of f32, within the errors that their documentation states.

use brooklet_golden::Real as _;

use super::brooklet::anomaly::{FixedLevelShift, FixedRange, LevelShift, Range};
use super::brooklet::drift::{FixedPageHinkley, PageHinkley};
use super::brooklet::rng::Rng;
use super::brooklet::sample::Moment;
use super::brooklet::stats::{EwMeanVar, FixedEwMean, FixedEwVariance};
use super::brooklet::traits::{AnomalyDetector, DriftDetector, Learner, Statistic};
use super::{Real, golden};

const STEP: f64 = 1.0 / 4096.0;

/// The inputs of the families' own golden files.
fn streams() -> Vec<Vec<Real>> {
    let read = |name| golden(name, 0.0, 0.0).rows().map(|row| row.get("x")).collect();
    ["stats/ew_mean_var", "stats/half_life", "anomaly/one_channel"].map(read).into()
}

#[test]
fn ew_mean_and_variance() {
    for stream in streams() {
        let (mut mean, mut variance) = (FixedEwMean::<12, 4>::new(), FixedEwVariance::<12, 4>::new());
        let mut sibling = EwMeanVar::<16>::new();
        for (i, x) in stream.iter().enumerate() {
            mean.learn_one(x);
            variance.learn_one(x);
            sibling.learn_one(x);
            if i >= 160 {
                let (wanted, wanted_sd) = (sibling.mean().wide(), sibling.sd().wide());
                let (got, got_sd) = (mean.value().unwrap().wide(), variance.value().unwrap().wide().sqrt());
                assert!((got - wanted).abs() <= STEP + 1e-5 * wanted.abs(), "{i}: {got} {wanted}");
                assert!((got_sd - wanted_sd).abs() <= STEP + 1e-4 * wanted_sd, "{i}: {got_sd} {wanted_sd}");
            }
        }
    }
}

#[test]
fn range() {
    for stream in streams() {
        let (mut fixed, mut sibling) = (FixedRange::<12>::new(), Range::new());
        for (i, x) in stream.iter().enumerate() {
            // Also what is farther out than anything that comes.
            for x in [*x, 2.0 * *x, -*x] {
                let (got, wanted) = (fixed.score_one(&Moment::new(x, None).unwrap()), sibling.evidence(x).wide());
                let wide = sibling.bounds().is_some_and(|(lo, hi)| (hi - lo).wide() >= 10_000.0 * STEP);
                assert!(got.is_none_or(|got| !wide || (got.wide() - wanted).abs() <= 0.02), "{i}: {got:?} {wanted}");
            }
            fixed.learn_one(&Moment::new(*x, None).unwrap());
            sibling.learn_one(x);
        }
    }
}

#[test]
fn level_shift() {
    for stream in streams() {
        let (mut fixed, mut sibling) = (FixedLevelShift::<12, 4, 4>::new(), LevelShift::<4, 16>::new());
        let mut compared = 0;
        for (i, x) in stream.iter().enumerate() {
            let moment = Moment::new(*x, None).unwrap();
            let (got, z) = (fixed.score_one(&moment).map(|e| e.wide()), sibling.score(*x).map(|z| z.wide()));
            if let (Some(got), Some(z), true) = (got, z, i >= 160) {
                let wanted = (z * z / (2.0 * std::f64::consts::LN_10)).min(6.0);
                let tolerance = 0.05 + 0.05 * wanted;
                let cut = got == 0.0 && wanted < 0.5 + tolerance;
                assert!(cut || (got - wanted).abs() <= tolerance, "{i}: {got} {wanted}");
                compared += u32::from(got > 0.0);
            }
            fixed.learn_one(&moment);
            sibling.learn_one(x);
        }
        assert!(compared > 5, "{compared}");
    }
}

/// The shifts of the streams of make/drift.py, without those that are a trend or a change of spread.
#[test]
fn page_hinkley() {
    for (seed, level) in [(0, 0.0), (1, 20_000.0)] {
        let (mut rng, mut alarms) = (Rng::new(seed), [Vec::new(), Vec::new()]);
        let mut fixed = FixedPageHinkley::<12>::new(50.0, 0.005);
        let mut sibling = PageHinkley::new(50.0, 0.005);
        for i in 0..3000 {
            let shift = [0.0, 2.0, -1.0][usize::from(i >= 1500) + usize::from(i >= 2400)];
            let noise = (0..12).map(|_| rng.uniform().wide()).sum::<f64>() - 6.0;
            let x = Real::of(f64::from((level + shift + noise) as f32));
            fixed.learn_one(&x);
            sibling.learn_one(&x);
            for (drifted, alarms) in [fixed.drifted(), sibling.drifted()].into_iter().zip(&mut alarms) {
                if drifted {
                    alarms.push(i);
                }
            }
        }
        for shift in [1500, 2400] {
            let [got, wanted] = [0, 1].map(|which: usize| *alarms[which].iter().find(|at| **at >= shift).unwrap());
            assert!(i32::abs(got - wanted) <= 30, "{seed}: {alarms:?}");
        }
    }
}
