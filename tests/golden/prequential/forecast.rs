//! Forecasters on the oil temperature of two transformers, and the time left of jet engines, as in
//! `make/prequential_forecast.py`.

use std::fs;

use brooklet_core::forecast::{
    Autoregression, HoltWinters, LocalLevel, LocalLinearTrend, Naive, Season, SeasonalNaive,
};
use brooklet_core::preprocess::StandardScaler;
use brooklet_core::prognose::{Belief, ExponentialDegradation};
use brooklet_core::regress::{Loss, Rls, Sgd};
use brooklet_core::sample::Sample;
use brooklet_core::stats::EwMeanVar;
use brooklet_core::traits::{Forecaster, Learner, Prognoser, Regressor, Transformer};

use super::{Better, Figure, data, hold_against_river};

const PERIOD: usize = 24;
/// Errors count from the third week on.
const FIRST: usize = 14 * PERIOD;
/// What River's f64 and our f32 may differ by where the law is the same.
const SLACK: f64 = 0.001;

fn oil(file: &str) -> Vec<f32> {
    let mut reader = csv::Reader::from_path(data(file)).unwrap();
    let at = reader.headers().unwrap().iter().position(|name| name == "OT").unwrap();
    reader.records().map(|row| row.unwrap()[at].parse().unwrap()).collect()
}

/// Mean absolute errors one step and a day ahead, and how much less that is than that of what was a day ago.
fn evaluated(
    stream: (&'static str, &[f32]),
    learner: &'static str,
    mut model: impl Forecaster<Input = f32>,
) -> Vec<Figure> {
    let ys = stream.1;
    let off = |forecast: f32, i: usize| f64::from((forecast - ys[i]).abs());
    let n = (ys.len() - FIRST) as f64;
    let naive = (FIRST..ys.len()).map(|i| off(ys[i - PERIOD], i)).sum::<f64>() / n;
    let (mut one, mut day) = (0.0, 0.0);
    for i in 0..ys.len() {
        model.learn_one(&ys[i]);
        for (ahead, sum) in [(1, &mut one), (PERIOD, &mut day)] {
            if (FIRST..ys.len()).contains(&(i + ahead)) {
                *sum += off(model.forecast(ahead as u16).unwrap().value, i + ahead);
            }
        }
    }
    let (one, day) = (one / n, day / n);
    let (less, more) = (Better::Less { slack: SLACK }, Better::More { slack: SLACK });
    let figure = |metric, value, better| Figure { data: stream.0, learner, metric, value, better };
    vec![
        figure("mae_1", one, less),
        figure("mae_24", day, less),
        figure("skill_1", 1.0 - one / naive, more),
        figure("skill_24", 1.0 - day / naive, more),
    ]
}

fn forecasters(name: &'static str, file: &str) -> Vec<Figure> {
    let ys = oil(file);
    let stream = (name, &*ys);
    let winters = |alpha, beta, gamma| HoltWinters::<PERIOD>::new(Season::Additive, alpha, beta, gamma);
    [
        evaluated(stream, "holt_winters", winters(0.8, 0.01, 0.1)),
        evaluated(stream, "autoregression_12", Autoregression::<12>::new(1.0)),
        // Without a counterpart in River.
        evaluated(stream, "holt_winters, damped 0.9", winters(0.8, 0.05, 0.1).damped(0.9)),
        evaluated(stream, "holt_winters, no trend", winters(0.8, 0.0, 0.05)),
        evaluated(stream, "autoregression_24", Autoregression::<24>::new(0.9998)),
        evaluated(stream, "naive", Naive::new()),
        evaluated(stream, "seasonal_naive", SeasonalNaive::<PERIOD>::new()),
        evaluated(stream, "local_level", LocalLevel::new(1.0)),
        evaluated(stream, "local_linear_trend", LocalLinearTrend::new(1.0, 0.001)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The sensors that say anything.
const SENSORS: [usize; 14] = [2, 3, 4, 7, 8, 9, 11, 12, 13, 14, 15, 17, 20, 21];
/// Longer lives look like this one.
const LONGEST: f32 = 125.0;

type Run = Vec<Sample<14>>;

/// Engine by engine the sensors, smoothed: a plain mean of up to ten samples, fading after that.
fn engines(file: &str) -> Vec<Run> {
    let text = fs::read_to_string(data(&format!("cmapss/{file}"))).unwrap();
    let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows: Vec<_> =
        rows.filter(|row| row.first().is_some_and(|unit| unit.parse::<u16>().is_ok())).collect();
    let smooth = |run: &[Vec<&str>]| -> Run {
        let mut means = [EwMeanVar::<10>::new(); 14];
        let smoothed = run.iter().map(|row| {
            for (mean, sensor) in means.iter_mut().zip(SENSORS) {
                mean.learn_one(&row[4 + sensor].parse().unwrap());
            }
            Sample::new(means.map(|mean| mean.mean())).unwrap()
        });
        smoothed.collect()
    };
    rows.chunk_by(|a, b| a[0] == b[0]).map(smooth).collect()
}

/// Mean and variance.
fn spread(xs: &[f64]) -> Belief {
    let n = xs.len() as f64;
    let mean = xs.iter().sum::<f64>() / n;
    let variance = xs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    Belief { mean: mean as f32, variance: variance as f32 }
}

/// How the logarithm of a wear index ran in engines that ran to failure: what is believed of the next one.
fn fleet(runs: &[Vec<f32>]) -> ExponentialDegradation {
    let log = |wear: &f32| f64::from(wear.ln());
    let slope = |run: &Vec<f32>| (log(run.last().unwrap()) - log(&run[0])) / run.len() as f64;
    let steps = runs.iter().flat_map(|run| run.windows(2).map(|pair| log(&pair[1]) - log(&pair[0])));
    let noise = spread(&steps.collect::<Vec<_>>()).variance;
    let at_failure = spread(&runs.iter().map(|run| log(run.last().unwrap())).collect::<Vec<_>>()).mean;
    let intercept = spread(&runs.iter().map(|run| log(&run[0])).collect::<Vec<_>>());
    let slope = spread(&runs.iter().map(slope).collect::<Vec<_>>());
    ExponentialDegradation::new(at_failure.exp(), noise, intercept, slope)
}

/// Trained on the runs to failure, one pass; says the time left, at most [`LONGEST`], of engines that were stopped before:
/// first what the model says of the last sample, then where what it said over the run leads by the fleet's wear.
fn time_left(mut model: impl Regressor<Input = Sample<14>>) -> [f64; 2] {
    let mut scaler = StandardScaler::<14, { u32::MAX }>::new();
    let seen = engines("train_FD001.txt");
    for run in &seen {
        for (i, x) in run.iter().enumerate() {
            scaler.learn_one(x);
            let x = scaler.transform_one(x).unwrap_or(Sample::new([0.0; 14]).unwrap());
            model.learn_one(&x, &((run.len() - 1 - i) as f32).min(LONGEST));
        }
    }
    let said = |x: &Sample<14>| model.predict_one(&scaler.transform_one(x).unwrap()).unwrap();
    // The longest life is a tenth above what the model ever learns to say, so that wear is above 0.
    let wear = |run: &Run| run.iter().map(|x| (1.1 * LONGEST - said(x)).max(1.0)).collect::<Vec<f32>>();
    let fleet = fleet(&seen.iter().map(wear).collect::<Vec<_>>());
    let truth = fs::read_to_string(data("cmapss/RUL_FD001.txt")).unwrap();
    let truth: Vec<f64> = truth.lines().filter_map(|line| line.trim().parse().ok()).collect();
    let runs = engines("test_FD001.txt");
    assert_eq!(runs.len(), truth.len());
    let mut squares = [0.0; 2];
    for (run, truth) in runs.iter().zip(&truth) {
        let at_last = said(run.last().unwrap());
        let mut engine = fleet;
        wear(run).iter().for_each(|wear| engine.learn_one(wear));
        let by_wear = engine.remaining().map_or(at_last, |left| left.samples);
        for (sum, left) in squares.iter_mut().zip([at_last, by_wear]) {
            *sum += (f64::from(left.clamp(0.0, LONGEST)) - truth).powi(2);
        }
    }
    squares.map(|sum| f64::sqrt(sum / truth.len() as f64))
}

#[test]
#[ignore = "needs the data sets"]
fn figures_are_no_worse_than_rivers() {
    let mut figures = forecasters("etth1", "ett/ETTh1.csv");
    figures.extend(forecasters("etth2", "ett/ETTh2.csv"));
    let better = Better::Less { slack: 0.01 };
    let mut engine = |learner, value| {
        figures.push(Figure { data: "cmapss_fd001", learner, metric: "rmse", value, better });
    };
    // River's squared loss has twice the gradient.
    let [sgd, sgd_wear] = time_left(Sgd::new(Loss::Squared, 0.001, 0.0));
    let [rls, rls_wear] = time_left(Rls::new(1.0, 1000.0));
    engine("sgd", sgd);
    engine("rls", rls);
    engine("sgd, exponential_degradation", sgd_wear);
    engine("rls, exponential_degradation", rls_wear);
    hold_against_river("forecast", &figures);
}
