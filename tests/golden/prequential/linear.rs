//! Linear learners, naive Bayes, centroids and prototypes. The scaler learns a sample, the model predicts for it scaled,
//! then learns it, as in `make/prequential_linear.py`.

use std::fs;

use brooklet_core::classify::{
    Arow, GaussianNb, KNearest, Logistic, LogisticFtrl, NearestCentroid, OneVsRest, PaClassifier, Pegasos,
    Softmax,
};
use brooklet_core::linear::Aggressive;
use brooklet_core::preprocess::StandardScaler;
use brooklet_core::regress::{Loss, Nlms, PaRegressor, Rls, Sgd};
use brooklet_core::sample::Sample;
use brooklet_core::traits::{Classifier, Learner, Regressor, Transformer};

use super::{Better, Figure, data, hold_against_river};

/// Samples, scaled with what is known including themselves, and answers.
type Stream<const N: usize> = Vec<(Sample<N>, f32)>;

/// The named columns of a file; the first may be one of L, M and H.
fn columns<const M: usize>(file: &str, names: [&str; M]) -> Vec<[f32; M]> {
    let text = fs::read(data(file)).unwrap();
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    let mut reader = csv::Reader::from_reader(text);
    let header = reader.headers().unwrap().clone();
    let at = names.map(|name| header.iter().position(|column| column == name).unwrap());
    let number = |cell: &str| match cell {
        "L" => 0.0,
        "M" => 1.0,
        "H" => 2.0,
        _ => cell.parse().unwrap(),
    };
    reader.records().map(|row| row.unwrap()).map(|row| at.map(|at| number(&row[at]))).collect()
}

/// The last column is the answer.
fn scaled<const M: usize, const N: usize>(rows: impl IntoIterator<Item = [f32; M]>) -> Stream<N> {
    let mut scaler = StandardScaler::<N, { u32::MAX }>::new();
    let samples = rows.into_iter().map(|row| {
        let x = Sample::new(std::array::from_fn(|i| row[i])).unwrap();
        scaler.learn_one(&x);
        (scaler.transform_one(&x).unwrap_or(Sample::new([0.0; N]).unwrap()), row[N])
    });
    samples.collect()
}

fn occupancy() -> Stream<5> {
    let names = ["Temperature", "Humidity", "Light", "CO2", "HumidityRatio", "Occupancy"];
    // In the order of time.
    let parts = ["datatest", "datatraining", "datatest2"];
    scaled(parts.iter().flat_map(|part| columns(&format!("occupancy/{part}.txt"), names)))
}

fn ai4i() -> Stream<6> {
    let [air, process] = ["Air temperature [K]", "Process temperature [K]"];
    let [speed, torque, wear] = ["Rotational speed [rpm]", "Torque [Nm]", "Tool wear [min]"];
    scaled(columns("ai4i2020/ai4i2020.csv", ["Type", air, process, speed, torque, wear, "Machine failure"]))
}

fn elec2() -> Stream<6> {
    let names = ["period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer", "class"];
    scaled(columns("electricity_elec2/electricity.csv", names))
}

/// The oil temperature from the loads and the temperature an hour before.
fn ett() -> Vec<[f32; 8]> {
    let rows = columns("ett/ETTh1.csv", ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]);
    let hours = rows.windows(2).map(|pair| {
        let [a, b, c, d, e, f, now] = pair[1];
        [a, b, c, d, e, f, pair[0][6], now]
    });
    hours.collect()
}

/// What River's f64 and our f32 may differ by where the law is the same.
const SLACK: f64 = 0.001;

/// Accuracy, and kappa where classes are balanced, else F1 and the area under the curve.
fn classified<const N: usize>(
    stream: (&'static str, &Stream<N>),
    balanced: bool,
    learner: &'static str,
    mut model: impl Classifier<Input = Sample<N>, Shares = [f32; 2]>,
) -> Vec<Figure> {
    let (mut times, mut said) = ([[0.0; 2]; 2], Vec::new());
    for (x, y) in stream.1 {
        let answer = u8::from(*y == 1.0);
        if let (Some(class), Some([no, yes])) = (model.predict_one(x), model.proba_one(x)) {
            times[usize::from(answer)][usize::from(class)] += 1.0;
            // The ratio still tells answers apart whose shares f32 rounds to 1.
            said.push((f64::from(yes) / f64::from(no), answer == 1));
        }
        model.learn_one(x, &answer);
    }
    let [[tn, fp], [missed, tp]] = times;
    let all: f64 = tn + fp + missed + tp;
    let accuracy = (tp + tn) / all;
    let chance = ((tp + fp) * (tp + missed) + (tn + fp) * (tn + missed)) / (all * all);
    let figure = |metric, value| Figure {
        data: stream.0,
        learner,
        metric,
        value,
        better: Better::More { slack: SLACK },
    };
    if balanced {
        vec![figure("accuracy", accuracy), figure("kappa", (accuracy - chance) / (1.0 - chance))]
    } else {
        let f1 = 2.0 * tp / (2.0 * tp + fp + missed);
        vec![figure("accuracy", accuracy), figure("f1", f1), figure("auc", area(said))]
    }
}

/// How often a yes was given more than a no, ties by half.
fn area(mut said: Vec<(f64, bool)>) -> f64 {
    said.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut nos, mut yeses, mut sum) = (0.0, 0.0, 0.0);
    for ties in said.chunk_by(|a, b| a.0 == b.0) {
        let yes = ties.iter().filter(|(_, yes)| *yes).count() as f64;
        let no = ties.len() as f64 - yes;
        sum += yes * (nos + 0.5 * no);
        (nos, yeses) = (nos + no, yeses + yes);
    }
    sum / (nos * yeses)
}

fn classifiers<const N: usize>(name: &'static str, stream: &Stream<N>, balanced: bool) -> Vec<Figure> {
    let stream = (name, stream);
    let pa = PaClassifier::<N>::new(Aggressive::I { c: 0.01 });
    [
        classified(stream, balanced, "logistic", OneVsRest::<_, 2>::new(Logistic::new(0.01, 0.0))),
        classified(stream, balanced, "logistic_ftrl", OneVsRest::<_, 2>::new(LogisticFtrl::new(0.1, 0.1))),
        classified(stream, balanced, "softmax", Softmax::new(0.01, 0.0)),
        classified(stream, balanced, "passive_aggressive", OneVsRest::<_, 2>::new(pa)),
        classified(stream, balanced, "gaussian_nb", GaussianNb::<N, 2, { 1 << 24 }>::new()),
        // Without a counterpart in River.
        classified(stream, balanced, "gaussian_nb, 1000 samples", GaussianNb::<N, 2, 1000>::new()),
        classified(stream, balanced, "pegasos", OneVsRest::<_, 2>::new(Pegasos::new(0.01, 10_000))),
        classified(stream, balanced, "arow", OneVsRest::<_, 2>::new(Arow::new(1.0))),
        classified(stream, balanced, "nearest_centroid", NearestCentroid::<N, 2, 1000>::new()),
        classified(stream, balanced, "k_nearest", KNearest::<N, 2, 64, 3>::new()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn regressed<const N: usize>(
    stream: (&'static str, &Stream<N>),
    learner: &'static str,
    mut model: impl Regressor<Input = Sample<N>>,
) -> Vec<Figure> {
    let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for (x, y) in stream.1 {
        if let Some(predicted) = model.predict_one(x) {
            let error = f64::from(predicted) - f64::from(*y);
            (n, sum, squares) = (n + 1.0, sum + error.abs(), squares + error * error);
        }
        model.learn_one(x, y);
    }
    let figure = |metric, value| Figure {
        data: stream.0,
        learner,
        metric,
        value,
        better: Better::Less { slack: SLACK },
    };
    vec![figure("mae", sum / n), figure("rmse", f64::sqrt(squares / n))]
}

fn regressors<const M: usize, const N: usize>(name: &'static str, rows: Vec<[f32; M]>) -> Vec<Figure> {
    let as_measured =
        rows.iter().map(|row| (Sample::new(std::array::from_fn(|i| row[i])).unwrap(), row[N])).collect();
    let (as_measured, stream): (Stream<N>, Stream<N>) = (as_measured, scaled(rows));
    let (as_measured, stream) = ((name, &as_measured), (name, &stream));
    [
        regressed(stream, "sgd", Sgd::new(Loss::Squared, 0.01, 0.0)),
        regressed(stream, "huber", Sgd::new(Loss::Huber { epsilon: 1.0 }, 0.1, 0.0)),
        regressed(stream, "quantile_50", Sgd::new(Loss::Quantile { alpha: 0.5 }, 0.1, 0.0)),
        regressed(stream, "passive_aggressive", PaRegressor::new(Aggressive::I { c: 0.1 }, 0.1)),
        regressed(stream, "rls", Rls::new(1.0, 1.0)),
        // Without a counterpart in River.
        regressed(stream, "rls, forgetting 0.999", Rls::new(0.999, 100.0)),
        regressed(as_measured, "rls, forgetting 0.999, not scaled", Rls::new(0.999, 100.0)),
        regressed(stream, "nlms", Nlms::new(0.1)),
        regressed(stream, "svr", Sgd::new(Loss::EpsilonInsensitive { epsilon: 0.1 }, 0.1, 0.0001)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
#[ignore = "needs the data sets"]
fn figures_are_no_worse_than_rivers() {
    let mut figures = classifiers("occupancy", &occupancy(), false);
    figures.extend(classifiers("ai4i2020", &ai4i(), false));
    figures.extend(classifiers("elec2", &elec2(), true));
    figures.extend(regressors::<8, 7>("etth1", ett()));
    hold_against_river("linear", &figures);
}
