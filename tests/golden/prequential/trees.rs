//! Trees and forests. The streams are those of `make/prequential_trees.py`: three recorded, two made up.

use brooklet_core::classify::{AdaptiveForest, Growth, HoeffdingTree, LeafPrediction};
use brooklet_core::evaluate::ConfusionMatrix;
use brooklet_core::sample::Sample;
use brooklet_core::traits::{Classifier, Learner};
use brooklet_golden::streams;

use super::linear::columns;
use super::{Better, Figure, hold_against_river};

type Stream<const N: usize> = Vec<(Sample<N>, u8)>;

fn labelled<const M: usize, const N: usize>(rows: impl IntoIterator<Item = [f32; M]>) -> Stream<N> {
    let sample = |row: [f32; M]| (Sample::new(std::array::from_fn(|i| row[i])).unwrap(), row[N] as u8);
    rows.into_iter().map(sample).collect()
}

fn made_up<const N: usize>(rows: Vec<([f64; N], u8)>) -> Stream<N> {
    rows.into_iter().map(|(x, y)| (Sample::new(x.map(|x| x as f32)).unwrap(), y)).collect()
}

/// Accuracy and kappa, with how much either may be below River's.
fn classified<const N: usize, const C: usize>(
    stream: (&'static str, &Stream<N>),
    learner: &'static str,
    slack: f64,
    mut model: impl Classifier<Input = Sample<N>>,
) -> [Figure; 2] {
    let mut matrix = ConfusionMatrix::<C>::new();
    for (x, y) in stream.1 {
        matrix.learn_one(&(model.predict_one(x).unwrap_or(0), *y));
        model.learn_one(x, y);
    }
    let figure = |metric, value: Option<f32>, slack| Figure {
        data: stream.0,
        learner,
        metric,
        value: f64::from(value.unwrap()),
        better: Better::More { slack },
    };
    [figure("accuracy", matrix.accuracy(), slack), figure("kappa", matrix.kappa(), 2.0 * slack)]
}

fn figures<const N: usize, const C: usize>(name: &'static str, stream: &Stream<N>) -> Vec<Figure> {
    let tree = |prediction| HoeffdingTree::<N, C, 128, 128>::new(Growth { prediction, ..Growth::DEFAULT });
    let stream = (name, stream);
    let mut figures = Vec::new();
    figures.extend(classified::<N, C>(stream, "hoeffding_tree", 0.005, tree(LeafPrediction::Adaptive)));
    let majority = tree(LeafPrediction::Majority);
    figures.extend(classified::<N, C>(stream, "hoeffding_tree majority", 0.005, majority));
    // River forgets what it observed in nearly pure leaves, which happens to help naive Bayes on one stream.
    let bayes = tree(LeafPrediction::NaiveBayes);
    figures.extend(classified::<N, C>(stream, "hoeffding_tree bayes", 0.01, bayes));
    // Other random numbers than River's.
    let forest = AdaptiveForest::<N, C, 10, 128, 128, 2>::new(1);
    figures.extend(classified::<N, C>(stream, "adaptive_forest", 0.005, forest));
    // What the registry holds, in 9 and 30 kB or less.
    let small = HoeffdingTree::<N, C, 48, 24>::new(Growth::DEFAULT);
    figures.extend(classified::<N, C>(stream, "hoeffding_tree (registry)", 0.0, small));
    let small = AdaptiveForest::<N, C, 4, 16, 16, 3>::new(1);
    figures.extend(classified::<N, C>(stream, "adaptive_forest (registry)", 0.0, small));
    figures
}

#[test]
#[ignore = "needs the data sets"]
fn figures_are_no_worse_than_rivers() {
    let elec2 = ["period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer", "class"];
    let occupancy = ["Temperature", "Humidity", "Light", "CO2", "HumidityRatio", "Occupancy"];
    let parts = ["datatest", "datatraining", "datatest2"];
    let [air, process] = ["Air temperature [K]", "Process temperature [K]"];
    let [speed, torque, wear] = ["Rotational speed [rpm]", "Torque [Nm]", "Tool wear [min]"];
    let ai4i = ["Type", air, process, speed, torque, wear, "Machine failure"];

    let mut all = Vec::new();
    let rows = columns("electricity_elec2/electricity.csv", elec2);
    all.extend(figures::<6, 2>("elec2", &labelled(rows)));
    let rows = parts.iter().flat_map(|part| columns(&format!("occupancy/{part}.txt"), occupancy));
    all.extend(figures::<5, 2>("occupancy", &labelled(rows)));
    all.extend(figures::<6, 2>("ai4i2020", &labelled(columns("ai4i2020/ai4i2020.csv", ai4i))));
    all.extend(figures::<3, 2>("sea", &made_up(streams::sea())));
    all.extend(figures::<5, 3>("rbf", &made_up(streams::rbf())));
    hold_against_river("trees", &all);
}
