//! Alarms and warnings at the same samples as the reference's, in both precisions.

use super::brooklet::drift::*;
use super::brooklet::rng::Rng;
use super::brooklet::traits::{DriftDetector, Learner};
use super::{Real, golden};

const LEN: usize = 3000;

fn uniform(rng: &mut Rng) -> f64 {
    brooklet_golden::Real::wide(rng.uniform())
}

/// As in the golden scripts, exact in every language.
fn normal(rng: &mut Rng) -> f64 {
    (0..12).map(|_| uniform(rng)).sum::<f64>() - 6.0
}

/// The measurements of make/drift.py.
fn values(stream: usize) -> Vec<f32> {
    let mut rng = Rng::new(stream as u64);
    let level = |i| match i {
        1500..2400 => 2.0,
        2400.. => -1.0,
        _ => 0.0,
    };
    let value = |i: usize, rng: &mut Rng| match stream {
        0 => level(i) + normal(rng),
        1 => 20_000.0 + level(i) + normal(rng),
        2 => i as f64 / 1000.0 + uniform(rng),
        3 => normal(rng),
        _ => (if i < 1500 { 1.0 } else { 3.0 }) * normal(rng),
    };
    (0..LEN).map(|i| value(i, &mut rng) as f32).collect()
}

/// The errors of make/drift.py.
fn errors(stream: usize) -> Vec<f32> {
    let mut rng = Rng::new(100 + stream as u64);
    let rate = |i: usize| match stream {
        0 => [0.1, 0.3][usize::from(i >= 1500)],
        1 => [0.5, 0.1][usize::from(i >= 1500)],
        2 => 0.05 + i as f64 / 6000.0,
        3 => 0.2,
        _ => [0.0, 0.5][usize::from(i >= 1000)],
    };
    (0..LEN).map(|i| f32::from(u8::from(uniform(&mut rng) < rate(i)))).collect()
}

fn same_alarms<D: DriftDetector + Clone>(file: &str, streams: fn(usize) -> Vec<f32>, detector: D) {
    let golden = golden(&format!("drift/{file}"), 0.0, 0.0);
    let cell = |row: &brooklet_golden::Row<'_>, name| row.cell(name).unwrap() as usize;
    let wanted: Vec<_> =
        golden.rows().map(|row| ["stream", "index", "alarm"].map(|name| cell(&row, name))).collect();
    let mut got = Vec::new();
    for stream in 0..5 {
        let (mut detector, mut warned) = (detector.clone(), false);
        for (i, x) in streams(stream).into_iter().enumerate() {
            detector.learn_one(&Real::from(x));
            if detector.drifted() || (detector.warned() && !warned) {
                got.push([stream, i, if detector.drifted() { 2 } else { 1 }]);
            }
            warned = detector.warned();
        }
    }
    assert_eq!(got, wanted, "{file}");
}

#[test]
fn adwin() {
    same_alarms("adwin", values, Adwin::<5, 11>::new(0.002));
    same_alarms("adwin_errors", errors, Adwin::<5, 11>::new(0.01).with_tests(1, 10, 5));
}

#[test]
fn page_hinkley() {
    same_alarms("page_hinkley", values, PageHinkley::new(50.0, 0.005));
    let up = PageHinkley::new(10.0, 0.1).with_fade(0.01).with_grace(50).with_side(Side::Up);
    same_alarms("page_hinkley_up", values, up);
}

#[test]
fn charts() {
    same_alarms("cusum", values, Cusum::new(Baseline::learnt(100), 0.5, 8.0));
    same_alarms("ewma", values, EwmaChart::new(Baseline::learnt(100), 0.1, 4.0));
}

#[test]
fn kswin() {
    same_alarms("kswin", values, Kswin::<100, 30>::new(0.005, 7));
}

#[test]
fn kswin_p_values() {
    let golden = golden("drift/kswin_p_values", 1e-10, 1e-5);
    let mut kswin = Kswin::<100, 30>::new(0.005, 7);
    for row in golden.rows() {
        kswin.learn_one(&row.get("x"));
        row.check("p", kswin.p_value());
    }
}

#[test]
fn error_rates() {
    same_alarms("ddm", errors, Ddm::new());
    same_alarms("eddm", errors, Eddm::new());
}

#[test]
fn hddm() {
    same_alarms("hddm_a", errors, HddmA::new(0.001, 0.005));
    same_alarms("hddm_a_two_sided", errors, HddmA::new(0.001, 0.005).two_sided());
    same_alarms("hddm_w", errors, HddmW::new(0.001, 0.005, 0.05));
    same_alarms("hddm_w_two_sided", errors, HddmW::new(0.001, 0.005, 0.05).two_sided());
}
