//! Ours and every peer on one stream in one run: `cargo bench --features peers --bench peers [FILTER]`.
//!
//! Prints a line a race, and writes the file that `OUT` names for `tables`. Settings are the same on all
//! sides where they exist on all sides, else the peer's defaults.

use std::hint::black_box;

use brooklet_benches::every::WIDTH;
use brooklet_benches::race::{Contender, Data, Outcome, Race};
use brooklet_core::sample::Sample;
use brooklet_core::traits as role;
use brooklet_core::{
    anomaly, classify, cluster, drift, forecast, preprocess, quantile, regress, stats, window,
};
use irithyll::StreamingLearner;
use irithyll_core::drift::DriftDetector as _;
use rill_ml::drift::DriftDetector as _;
use rill_ml::{OnlineBinaryClassifier as _, OnlineRegressor as _, OnlineStatistic as _, Transformer as _};
use watermill::stats::{RollableUnivariate, Univariate};

const IRITHYLL: &str = "irithyll 10.0.1";
const IRITHYLL_CORE: &str = "irithyll-core 1.0.0";
const RILL: &str = "rill-ml 1.5.6";
const WATERMILL: &str = "watermill 0.1.2";
const KRCF: &str = "krcf 0.4.0";
const RCF3: &str = "rcf3 0.5.2";
const ROLLING_NORM: &str = "rolling_norm 0.4.0";

type Rows = &'static Data;

fn contender(name: &'static str, mut each: impl FnMut(usize) + 'static) -> Contender {
    Contender { name, step: Box::new(move |range| range.for_each(&mut each)) }
}

/// Ours, by role.
mod ours {
    use super::*;

    const NAME: &str = "brooklet";

    pub fn transformer<L: role::Transformer<Input = Sample<WIDTH>> + 'static>(
        d: Rows,
        mut l: L,
    ) -> Option<Contender> {
        Some(contender(NAME, move |i| {
            black_box(l.transform_one(&d.samples[i]));
            l.learn_one(&d.samples[i]);
        }))
    }

    pub fn regressor<L>(d: Rows, mut l: L) -> Option<Contender>
    where
        L: role::Regressor<Input = Sample<WIDTH>> + 'static,
    {
        Some(contender(NAME, move |i| {
            black_box(l.predict_one(&d.samples[i]));
            l.learn_one(&d.samples[i], &d.targets[i]);
        }))
    }

    pub fn classifier<L>(d: Rows, mut l: L) -> Option<Contender>
    where
        L: role::Classifier<Input = Sample<WIDTH>> + 'static,
    {
        Some(contender(NAME, move |i| {
            black_box(l.proba_one(&d.samples[i]));
            l.learn_one(&d.samples[i], &d.labels[i]);
        }))
    }

    pub fn binary<L>(d: Rows, mut l: L) -> Option<Contender>
    where
        L: classify::Binary<Input = Sample<WIDTH>> + 'static,
    {
        Some(contender(NAME, move |i| {
            black_box(l.yes_one(&d.samples[i]));
            l.learn_one(&d.samples[i], &(d.labels[i] == 1));
        }))
    }

    pub fn clusterer<L: role::Clusterer<Input = Sample<WIDTH>> + 'static>(
        d: Rows,
        mut l: L,
    ) -> Option<Contender> {
        Some(contender(NAME, move |i| {
            black_box(l.assign_one(&d.samples[i]));
            l.learn_one(&d.samples[i]);
        }))
    }

    pub fn scorer<L: role::Scorer<Input = Sample<WIDTH>> + 'static>(d: Rows, l: L) -> Option<Contender> {
        let mut l = Box::new(l);
        Some(contender(NAME, move |i| {
            black_box(l.raw_one(&d.samples[i]));
            l.learn_one(&d.samples[i]);
        }))
    }

    /// On the shingles that the peers make themselves.
    pub fn forest<L: role::Scorer<Input = Sample<WIDTH>> + 'static>(d: Rows, l: L) -> Option<Contender> {
        let mut l = Box::new(l);
        Some(contender(NAME, move |i| {
            black_box(l.raw_one(&d.shingles[i]));
            l.learn_one(&d.shingles[i]);
        }))
    }

    pub fn watcher<L: role::DriftDetector + 'static>(d: Rows, mut l: L) -> Option<Contender> {
        Some(contender(NAME, move |i| {
            l.learn_one(&d.values[i]);
            black_box(l.drifted());
        }))
    }

    pub fn watcher_of_errors<L: role::DriftDetector + 'static>(d: Rows, mut l: L) -> Option<Contender> {
        Some(contender(NAME, move |i| {
            l.learn_one(&f32::from(d.labels[i]));
            black_box(l.drifted());
        }))
    }

    pub fn forecaster<L: role::Forecaster + 'static>(d: Rows, mut l: L) -> Option<Contender> {
        Some(contender(NAME, move |i| {
            black_box(l.forecast(1));
            l.learn_one(&d.values[i]);
        }))
    }

    pub fn statistic<L: role::Statistic<Input = f32> + 'static>(d: Rows, mut l: L) -> Option<Contender> {
        Some(contender(NAME, move |i| {
            l.learn_one(&d.values[i]);
            black_box(l.value());
        }))
    }
}

/// A peer that learns from a value and then says something.
fn value(name: &'static str, d: Rows, mut each: impl FnMut(f64) -> f64 + 'static) -> Contender {
    contender(name, move |i| {
        black_box(each(d.wide_values[i]));
    })
}

fn water<U: Univariate<f32> + 'static>(d: Rows, mut statistic: U) -> Contender {
    contender(WATERMILL, move |i| {
        statistic.update(d.values[i]);
        black_box(statistic.get());
    })
}

fn streaming(d: Rows, mut l: impl StreamingLearner + 'static, target: fn(Rows, usize) -> f64) -> Contender {
    contender(IRITHYLL, move |i| {
        black_box(l.predict(&d.wide[i]));
        l.train_one(&d.wide[i], target(d, i), 1.0);
    })
}

fn a_number(d: Rows, i: usize) -> f64 {
    d.wide_targets[i]
}

fn a_class(d: Rows, i: usize) -> f64 {
    f64::from(d.labels[i])
}

fn races(d: Rows) -> Vec<Race> {
    let mut races = Vec::new();
    let mut race = |name, target, ours, peers| races.push(Race { name, ours, peers, target });

    let sgd = || rill_ml::optim::Optimizer::sgd(WIDTH, Default::default()).expect("valid");
    race(
        "linear SGD",
        1.0,
        ours::regressor(d, regress::Sgd::<WIDTH>::new(regress::Loss::Squared, 0.01, 0.0)),
        vec![streaming(d, irithyll::StreamingLinearModel::new(0.01), a_number), {
            let mut config = rill_ml::models::LinearRegressionConfig::default();
            config.optimizer = sgd();
            let mut l = rill_ml::models::LinearRegression::new(WIDTH, config).expect("valid");
            contender(RILL, move |i| {
                black_box(l.predict(&d.wide[i]).ok());
                let _ = l.learn(&d.wide[i], d.wide_targets[i]);
            })
        }],
    );
    // irithyll's classifier over its linear model is least squares on -1 and 1: another learner.
    race(
        "logistic SGD",
        1.0,
        ours::binary(d, classify::Logistic::<WIDTH>::new(0.01, 0.0)),
        vec![{
            let mut config = rill_ml::models::LogisticRegressionConfig::default();
            config.optimizer = sgd();
            let mut l = rill_ml::models::LogisticRegression::new(WIDTH, config).expect("valid");
            contender(RILL, move |i| {
                black_box(l.predict_proba(&d.wide[i]).ok());
                let _ = l.learn(&d.wide[i], d.labels[i] == 1);
            })
        }],
    );
    let aggressive = brooklet_core::linear::Aggressive::I { c: 0.01 };
    race(
        "passive-aggressive",
        1.0,
        ours::regressor(d, regress::PaRegressor::<WIDTH>::new(aggressive, 0.1)),
        vec![],
    );
    race("one-class SVM", 1.0, ours::scorer(d, anomaly::OneClassSvm::<WIDTH>::new(0.1, 0.01)), vec![]);
    race(
        "RLS 8x8",
        1.0,
        ours::regressor(d, regress::Rls::<WIDTH>::new(0.999, 100.0)),
        vec![streaming(d, irithyll::RecursiveLeastSquares::with_fixed_forgetting(0.999, 100.0), a_number)],
    );
    race(
        "standard scaler",
        4.0,
        ours::transformer(d, preprocess::StandardScaler::<WIDTH, 5000>::new()),
        vec![
            {
                let mut l = irithyll::IncrementalNormalizer::with_n_features(WIDTH);
                contender(IRITHYLL, move |i| {
                    // It panics when asked before it has learnt.
                    l.update(&d.wide[i]);
                    let mut x = d.wide[i];
                    l.transform_in_place(&mut x);
                    black_box(x);
                })
            },
            {
                let mut l = rill_ml::preprocessing::StandardScaler::new(WIDTH).expect("valid");
                let mut scaled = Vec::new();
                contender(RILL, move |i| {
                    let _ = l.transform_into(&d.wide[i], &mut scaled);
                    black_box(&scaled);
                    let _ = l.update(&d.wide[i]);
                })
            },
        ],
    );
    race(
        "min-max scaler",
        4.0,
        ours::transformer(d, preprocess::MinMaxScaler::<WIDTH>::new(0.0)),
        vec![{
            let mut l = rill_ml::preprocessing::MinMaxScaler::new(WIDTH).expect("valid");
            contender(RILL, move |i| {
                black_box(l.transform(&d.wide[i]).ok());
                let _ = l.update(&d.wide[i]);
            })
        }],
    );
    race(
        "Gaussian naive Bayes 2 classes",
        4.0,
        ours::classifier(d, classify::GaussianNb::<WIDTH, 2, 10_000>::new()),
        vec![
            {
                let mut l = irithyll::GaussianNB::new();
                contender(IRITHYLL, move |i| {
                    black_box(l.predict_proba(&d.wide[i]));
                    l.train_one(&d.wide[i], a_class(d, i), 1.0);
                })
            },
            {
                let mut l =
                    rill_ml::models::GaussianNaiveBayes::new(WIDTH, Default::default()).expect("valid");
                contender(RILL, move |i| {
                    black_box(l.predict_proba(&d.wide[i]).ok());
                    let _ = l.learn(&d.wide[i], d.labels[i] == 1);
                })
            },
        ],
    );
    race(
        "k-means k=5",
        1.0,
        ours::clusterer(d, cluster::KMeans::<WIDTH, 5>::new(0.001)),
        vec![{
            let config =
                irithyll::StreamingKMeansConfig::builder(5).forgetting_factor(0.999).build().expect("valid");
            let mut l = irithyll::StreamingKMeans::new(config);
            contender(IRITHYLL, move |i| {
                // It panics when asked before it has its centroids.
                if l.is_initialized() {
                    black_box(l.predict(&d.wide[i]));
                }
                l.train_one(&d.wide[i]);
            })
        }],
    );
    let half_space = |trees, depth| {
        let config = irithyll::HSTConfig::new(WIDTH).n_trees(trees).max_depth(depth).window_size(250);
        let mut l = irithyll::HalfSpaceTree::with_ranges(config, &[(-1.0, 2.0); WIDTH]);
        contender(IRITHYLL, move |i| {
            black_box(l.score(&d.wide[i]));
            l.update(&d.wide[i]);
        })
    };
    race(
        "half-space trees 10 x h8",
        2.5,
        ours::scorer(d, anomaly::HalfSpaceTrees::<WIDTH, 10, 256>::new(250, 1)),
        vec![half_space(10, 8)],
    );
    race(
        "half-space trees 25 x h15",
        2.5,
        ours::scorer(d, anomaly::HalfSpaceTrees::<WIDTH, 25, 32_768>::new(250, 1)),
        vec![half_space(25, 15)],
    );
    race(
        "random cut forest 50 x 256 shingle 8",
        4.0,
        ours::forest(d, anomaly::RandomCutForest::<WIDTH, 50, 256>::new(0.1 / 256.0, 1)),
        vec![
            {
                let options = krcf::RandomCutForestOptions {
                    dimensions: 1,
                    shingle_size: 8,
                    num_trees: Some(50),
                    sample_size: Some(256),
                    random_seed: Some(1),
                    parallel_execution_enabled: Some(false),
                    internal_shingling: Some(true),
                    ..Default::default()
                };
                let mut l = krcf::RandomCutForest::new(options).expect("valid");
                contender(KRCF, move |i| {
                    let x = [d.values[i]];
                    black_box(l.score(&x).ok());
                    let _ = l.update(&x);
                })
            },
            {
                let forest = rcf3::Forest::builder(1).shingle_size(8).num_trees(50).capacity(256).seed(1);
                let mut l = forest.internal_shingling(true).build().expect("valid");
                contender(RCF3, move |i| {
                    let x = [d.values[i]];
                    black_box(l.score(&x).ok());
                    let _ = l.update(&x);
                })
            },
        ],
    );
    let tree = || {
        let config = irithyll::tree::hoeffding_classifier::HoeffdingClassifierConfig::builder();
        let config = config.grace_period(200).n_features(WIDTH).max_classes(2).build().expect("valid");
        irithyll::HoeffdingTreeClassifier::new(config)
    };
    race(
        "Hoeffding tree",
        4.0,
        ours::classifier(d, classify::HoeffdingTree::<WIDTH, 2, 48, 24>::new(classify::Growth::DEFAULT)),
        vec![{
            let mut l = tree();
            contender(IRITHYLL, move |i| {
                black_box(l.predict_class(&d.wide[i]));
                l.train_one(&d.wide[i], usize::from(d.labels[i]));
            })
        }],
    );
    race(
        "adaptive random forest of 10",
        1.0,
        ours::classifier(d, classify::AdaptiveForest::<WIDTH, 2, 10, 16, 16, 3>::new(1)),
        vec![{
            let config = irithyll::ensemble::adaptive_forest::ARFConfig::builder(10).build().expect("valid");
            let mut l = irithyll::AdaptiveRandomForest::new(config, move || Box::new(tree()));
            contender(IRITHYLL, move |i| {
                black_box(l.predict(&d.wide[i]));
                l.train_one(&d.wide[i], a_class(d, i));
            })
        }],
    );
    // Watching errors (1 for a fault, else 0), which is what it is for.
    race(
        "ADWIN",
        1.0,
        ours::watcher_of_errors(d, drift::Adwin::<5, 11>::new(0.002)),
        vec![
            {
                let mut l = irithyll_core::drift::adwin::Adwin::with_delta(0.002);
                contender(IRITHYLL_CORE, move |i| {
                    black_box(l.update(a_class(d, i)));
                })
            },
            {
                let mut l = rill_ml::drift::Adwin::default();
                contender(RILL, move |i| {
                    black_box(l.update(a_class(d, i)).ok());
                })
            },
        ],
    );
    race(
        "Page-Hinkley",
        0.9,
        ours::watcher(d, drift::PageHinkley::new(50.0, 0.005)),
        vec![
            {
                let mut l = irithyll_core::drift::pht::PageHinkleyTest::with_params(0.005, 50.0);
                value(IRITHYLL_CORE, d, move |x| f64::from(l.update(x) as u8))
            },
            {
                let mut l = rill_ml::drift::PageHinkley::default();
                value(RILL, d, move |x| f64::from(l.update(x).is_ok()))
            },
        ],
    );
    race(
        "Holt-Winters 24",
        0.9,
        ours::forecaster(d, forecast::HoltWinters::<24>::new(forecast::Season::Additive, 0.3, 0.1, 0.1)),
        vec![{
            let mut l =
                irithyll::HoltWinters::new(irithyll::HoltWintersConfig::builder(24).build().expect("valid"));
            value(IRITHYLL, d, move |x| {
                let next = l.predict_one();
                l.train_one(x);
                next
            })
        }],
    );
    race(
        "mean",
        0.9,
        ours::statistic(d, stats::Mean::new()),
        vec![water(d, watermill::mean::Mean::new()), {
            let mut l = rill_ml::stats::Mean::new();
            value(RILL, d, move |x| {
                let _ = l.update(x);
                l.value()
            })
        }],
    );
    race(
        "variance",
        0.9,
        ours::statistic(d, stats::Variance::new(1)),
        vec![water(d, watermill::variance::Variance::default()), {
            let mut l = rill_ml::stats::Variance::default();
            value(RILL, d, move |x| {
                let _ = l.update(x);
                l.value().unwrap_or(0.0)
            })
        }],
    );
    race(
        "EW mean",
        0.9,
        ours::statistic(d, stats::EwMean::by_half_life(100.0)),
        vec![water(d, watermill::ewmean::EWMean::new(0.01)), {
            let mut l = rill_ml::stats::ExponentiallyWeightedMean::new(0.01).expect("valid");
            value(RILL, d, move |x| {
                let _ = l.update(x);
                l.value()
            })
        }],
    );
    race(
        "P² quantile",
        0.9,
        ours::statistic(d, quantile::P2::new(0.9)),
        vec![water(d, watermill::quantile::Quantile::new(0.9).expect("valid")), {
            let mut l = rill_ml::stats::P2Quantile::new(0.9).expect("valid");
            value(RILL, d, move |x| {
                let _ = l.update(x);
                l.value().unwrap_or(0.0)
            })
        }],
    );
    race(
        "rolling mean+variance 256",
        1.0,
        {
            let mut l = Box::new(window::RollingVariance::<256>::new());
            Some(contender("brooklet", move |i| {
                role::Learner::learn_one(&mut *l, &d.values[i]);
                black_box((l.mean(), role::Statistic::value(&*l)));
            }))
        },
        vec![
            {
                let mut l = Box::new(rolling_norm::Series::<f32, 256>::from([0.0; 256]));
                contender(ROLLING_NORM, move |i| {
                    l.insert(d.values[i]);
                    black_box((l.mean(), l.var()));
                })
            },
            {
                let mut l = rill_ml::stats::RollingVariance::new(256, Default::default()).expect("valid");
                value(RILL, d, move |x| {
                    let _ = l.update(x);
                    l.value().unwrap_or(0.0) + l.mean().unwrap_or(0.0)
                })
            },
        ],
    );
    race(
        "rolling median 256",
        2.0,
        ours::statistic(d, window::RollingMedian::<256>::new()),
        vec![water(d, watermill::quantile::RollingQuantile::new(0.5, 256).expect("valid"))],
    );
    race(
        "rolling min 256",
        2.0,
        ours::statistic(d, window::RollingMin::<256>::new()),
        vec![water(d, watermill::minimum::RollingMin::new(256))],
    );
    races
}

/// So that the trait is used whether or not a race rolls a statistic.
#[allow(dead_code)]
fn rollable(_: impl RollableUnivariate<f32>) {}

fn main() {
    // The largest learners are made on the stack.
    std::thread::Builder::new().stack_size(1 << 28).spawn(run).expect("a thread").join().expect("the races");
}

fn run() {
    let filter = std::env::args().skip(1).find(|a| !a.starts_with("--")).unwrap_or_default();
    let rows = std::env::var("ROWS").ok().and_then(|r| r.parse().ok()).unwrap_or(1_000_000);
    let data: Rows = Box::leak(Box::new(Data::new(rows)));
    let mut lines = format!("# {}\n", std::env::var("WHERE").unwrap_or_default());
    for race in races(data).into_iter().filter(|r| r.name.contains(&filter)) {
        let outcome = race.run(rows, 20.0);
        println!("{}", line(&outcome));
        for (i, (who, ns)) in outcome.times.iter().enumerate() {
            let side = if outcome.ours && i == 0 { "ours" } else { "peer" };
            let Outcome { name, target, rows, .. } = outcome;
            lines += &format!("{},{who},{side},{target},{rows},{ns:.2}\n", name);
        }
    }
    if let Ok(path) = std::env::var("OUT") {
        std::fs::write(&path, lines).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

fn line(outcome: &Outcome) -> String {
    let times: Vec<String> = outcome.times.iter().map(|(name, ns)| format!("{name} {ns:.1}")).collect();
    let peers = &outcome.times[usize::from(outcome.ours)..];
    let fastest = peers.iter().map(|(_, ns)| *ns).fold(f64::INFINITY, f64::min);
    let verdict = match outcome.times.first() {
        Some((_, ns)) if outcome.ours && !peers.is_empty() => {
            let ratio = fastest / ns;
            format!(
                "{ratio:.2} of {:.2}: {}",
                outcome.target,
                if ratio >= outcome.target { "met" } else { "NOT MET" }
            )
        }
        _ => "nothing to compare".to_owned(),
    };
    format!("{:40} {verdict:24} ns: {} ({} rows)", outcome.name, times.join(" · "), outcome.rows)
}
