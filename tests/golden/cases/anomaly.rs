use brooklet_golden::Real as _;
use brooklet_golden::twin;

use super::brooklet::anomaly::{
    GivenSplits, HalfSpaceTrees, Loda, Mahalanobis, OsElm, RandomCutForest, RobustZ, RsHash, StreamingPca, TailRank,
    ZScore,
};
use super::brooklet::sample::{Moment, Sample};
use super::brooklet::traits::{AnomalyDetector, Learner, Scorer};
use super::{Real, golden};

/// How much of the stranger ones ranks above the others: the area under the curve, ties half.
fn auc(scores: &[(f64, bool)]) -> f64 {
    let (mut wins, mut pairs) = (0.0, 0.0);
    for (strange, _) in scores.iter().filter(|(_, is_strange)| *is_strange) {
        for (usual, _) in scores.iter().filter(|(_, is_strange)| !*is_strange) {
            wins += if strange > usual { 1.0 } else if strange == usual { 0.5 } else { 0.0 };
            pairs += 1.0;
        }
    }
    wins / pairs
}

fn one_channel(column: &str, mut detector: impl AnomalyDetector<Input = Moment>, f32_tolerance: f64) {
    for row in golden("anomaly/one_channel", 1e-10, f32_tolerance).rows() {
        let x = Moment::new(row.get("x"), None).unwrap();
        row.check(column, detector.score_one(&x));
        detector.learn_one(&x);
    }
}

#[test]
fn zscore() {
    one_channel("zscore", ZScore::<100>::new(), 1e-4);
}

#[test]
fn robust_z() {
    one_channel("robust_z", RobustZ::<50>::new(), 1e-4);
}

#[test]
fn tail_rank() {
    one_channel("tail_rank", TailRank::<200>::new(), 1e-4);
}

/// Holds a scorer's `raw` against the file's, wherever that says anything.
fn scorer<const N: usize>(golden: &brooklet_golden::Golden, mut scorer: impl Scorer<Input = Sample<N>>) {
    for row in golden.rows() {
        let x = Sample::new(row.array("x")).unwrap();
        row.check_if_given("raw", scorer.raw_one(&x));
        scorer.learn_one(&x);
    }
}

#[test]
fn mahalanobis() {
    scorer(&golden("anomaly/mahalanobis", 1e-10, 1e-4), Mahalanobis::<3, 100>::new(0.01));
}

#[test]
fn half_space_trees() {
    let (mut features, mut thresholds) = ([[0; 31]; 5], [[0.0; 31]; 5]);
    for row in golden("anomaly/half_space_splits", 0.0, 0.0).rows() {
        let (tree, node) = (row.index() / 31, row.index() % 31);
        features[tree][node] = row.cell("feature").unwrap() as u8;
        thresholds[tree][node] = row.get("threshold");
    }
    let splits = GivenSplits::<3, 5, 31>::new(&features, &thresholds).unwrap();
    // What f32 can resolve of a number near 1.
    scorer(&golden("anomaly/half_space_trees", 1e-12, 1e-7), HalfSpaceTrees::<3, 5, 32, _>::with_splits(splits, 100));
}

#[test]
fn os_elm() {
    scorer(&golden("anomaly/os_elm", 1e-8, 1e-2), OsElm::<3, 4>::new(0.125, 1.0 - 1.0 / 512.0, 7));
}

#[test]
fn streaming_pca() {
    let golden = golden("anomaly/streaming_pca", 0.0, 0.0);
    let mut pca = StreamingPca::<4, 2, 1_000_000>::new();
    for row in golden.rows() {
        pca.learn_one(&Sample::new(row.array("x")).unwrap());
    }
    let last = golden.rows().last().unwrap();
    for (k, component) in pca.components().iter().enumerate() {
        let reference: [f64; 4] = last.array(&format!("v{k}_"));
        let dot: f64 = component.iter().zip(reference).map(|(a, b)| a.wide() * b).sum();
        let length = component.iter().map(|a| a.wide() * a.wide()).sum::<f64>().sqrt();
        let degrees = (dot.abs() / length).min(1.0).acos().to_degrees();
        assert!(degrees < 2.0, "component {k} is off by {degrees} degrees");
        let variance: f64 = last.get(&format!("variance{k}"));
        // The amnesic average weighs the newer half more.
        assert!((length / variance - 1.0).abs() < 0.15, "component {k}: {length}, {variance}");
    }
}

#[test]
fn random_cut_forest() {
    // Half a megabyte of trees, moved about as often as an unoptimised build does it.
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(random_cut_forest_ranks_as_krcf);
    thread.unwrap().join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn random_cut_forest_ranks_as_krcf() {
    let golden = golden("anomaly/random_cut_forest", 0.0, 0.0);
    let mut forest = Box::new(RandomCutForest::<3, 100, 64>::new(0.1 / 64.0, 1));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for row in golden.rows() {
        let x = Sample::new(row.array("x")).unwrap();
        if let Some(reference) = row.cell("raw") {
            ours.push(forest.raw_one(&x).unwrap().wide());
            theirs.push(reference);
        }
        forest.learn_one(&x);
    }
    let ranks = |values: &[f64]| -> Vec<f64> {
        let rank = |v: &f64| values.iter().filter(|w| *w < v).count() as f64;
        values.iter().map(rank).collect()
    };
    let (ours_mean, theirs_mean) = [&ours, &theirs].map(|v| v.iter().sum::<f64>() / v.len() as f64).into();
    assert!((ours_mean / theirs_mean - 1.0_f64).abs() < 0.02, "{ours_mean}, {theirs_mean}");
    let correlation = correlation(&ranks(&ours), &ranks(&theirs));
    assert!(correlation >= 0.95, "rank correlation {correlation}");
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (a_mean, b_mean) = (mean(a), mean(b));
    let product = |u: &[f64], u_mean: f64, v: &[f64], v_mean: f64| -> f64 {
        u.iter().zip(v).map(|(x, y)| (x - u_mean) * (y - v_mean)).sum()
    };
    product(a, a_mean, b, b_mean) / (product(a, a_mean, a, a_mean) * product(b, b_mean, b, b_mean)).sqrt()
}

/// Scores of a scorer on a cloud with outliers, and of its twin, beside the truth.
macro_rules! beside_twin {
    ($here:expr, $twin:expr) => {{
        let (mut here, mut there) = ($here, $twin);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        let mut rng = twin::rng::Rng::new(9);
        for i in 0..3000 {
            let strange = i > 500 && i % 50 == 0;
            let far = if strange { 2.5 } else { 0.0 };
            let x: [f64; 4] = std::array::from_fn(|j| {
                let x = rng.normal() + if j % 2 == 0 { far } else { -far };
                f64::from(x as f32)
            });
            let (single, double) = (Sample::new(x.map(Real::of)).unwrap(), twin::sample::Sample::new(x).unwrap());
            if i > 500 {
                a.push((here.raw_one(&single).unwrap().wide(), strange));
                b.push((twin::traits::Scorer::raw_one(&there, &double).unwrap(), strange));
            }
            here.learn_one(&single);
            twin::traits::Learner::learn_one(&mut there, &double);
        }
        let (a, b) = (auc(&a), auc(&b));
        assert!(a > 0.9 && (a - b).abs() < 0.01, "{a}, twin {b}");
    }};
}

#[test]
fn loda() {
    beside_twin!(Loda::<4, 25, 32>::new(1000, 1), twin::anomaly::Loda::<4, 25, 32>::new(1000, 1));
}

#[test]
fn rs_hash() {
    beside_twin!(RsHash::<4, 40, 128>::new(1000, 1), twin::anomaly::RsHash::<4, 40, 128>::new(1000, 1));
}
