//! What the default detector makes of cycles that are no days: `cargo run --release -p brooklet-core --example cycles`
//!
//! Made streams, seeded, a reading a second: each shape at each period with little and with much noise, and faults that stay
//! inside the range of the values; then streams without a cycle. With files (`-- FILE.csv ..`): alerts of each column.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints, over files that are there"
)]

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::DefaultDetector;
use brooklet_core::math;
use brooklet_core::monitor::Monitor;
use brooklet_core::rng::Rng;
use brooklet_core::sample::Moment;

const PERIODS: [f32; 5] = [37.0, 90.0, 600.0, 1203.7, 5000.0];
type Shape = fn(f32) -> f32;
const SHAPES: [(&str, Shape); 5] = [
    ("sine", |turn| math::sin(core::f32::consts::TAU * turn)),
    ("pulse", |turn| if turn < 0.15 { 1.0 } else { 0.0 }),
    ("sawtooth", |turn| turn),
    ("on/off", |turn| if turn < 0.5 { 1.0 } else { 0.0 }),
    ("two-tone", |turn| {
        let tone = |n: f32| math::sin(n * core::f32::consts::TAU * turn);
        0.6 * tone(1.0) + 0.4 * tone(3.0)
    }),
];
const FAULTS: [&str; 5] = ["none", "missed", "jump", "half", "reversed"];
const NOISE: [f32; 2] = [0.03, 0.2];

fn main() {
    let files: Vec<String> = std::env::args().skip(1).collect();
    if files.is_empty() {
        faults();
        no_cycle();
    }
    for file in files {
        columns(&file);
    }
}

/// The next value, by its number.
type Kind = Box<dyn FnMut(&mut Rng, usize) -> f32>;

/// Alerts, by their place in the stream.
fn alerts(stream: impl Iterator<Item = (Option<i64>, f32)>) -> Vec<usize> {
    let mut monitor = Monitor::new(DefaultDetector::new());
    let moments = stream.map(|(time, value)| Moment::new(value, time).unwrap());
    let fired = moments.enumerate().filter(|(_, x)| monitor.step(x, &Settings::DEFAULT).fired);
    fired.map(|(i, _)| i).collect()
}

fn turn_of(i: usize, period: f32) -> f32 {
    (i as f64 / f64::from(period)).fract() as f32
}

fn faults() {
    println!("found of 2 noises, and alerts while all is well a stream");
    println!(
        "{:10} {:>7} {:>7} {:>7} {:>7} {:>7} {:>8}",
        "shape", "period", "missed", "jump", "half", "reversed", "false"
    );
    let mut total = [0; 5];
    for (name, shape) in SHAPES {
        for period in PERIODS {
            let mut found = [0; 5];
            for (n, noise) in NOISE.into_iter().enumerate() {
                let warm = 20_000 + (24.0 * period) as usize;
                for (fault, found) in found.iter_mut().enumerate() {
                    let begin = ((warm as f32 / period) as usize as f32 * period) as usize;
                    let end = begin + (2.0 * period) as usize;
                    let len = if fault == 0 { 2 * warm } else { end + 100 };
                    let mut rng = Rng::new(17 * period as u64 + n as u64);
                    let stream = (0..len).map(|i| {
                        let turn = turn_of(i, period);
                        let usual = shape(turn);
                        let mean = 0.5 * (shape(0.1) + shape(0.6));
                        let first = i < begin + period as usize;
                        let value = match fault {
                            1 if i >= begin && first => shape(0.99),
                            2 if i >= begin => shape((turn + 0.3) % 1.0),
                            3 if (begin..end).contains(&i) => mean + 0.5 * (usual - mean),
                            4 if (begin..end).contains(&i) => shape((1.0 - turn) % 1.0),
                            _ => usual,
                        };
                        (Some(1_700_000_000_000 + 1000 * i as i64), value + noise * rng.normal())
                    });
                    let alerts = alerts(stream);
                    *found += if fault == 0 {
                        alerts.len()
                    } else {
                        usize::from(alerts.iter().any(|at| (begin..end + 100).contains(at)))
                    };
                }
            }
            total.iter_mut().zip(found).for_each(|(t, f)| *t += f);
            let [calm, missed, jump, half, reversed] = found;
            println!("{name:10} {period:>7} {missed:>7} {jump:>7} {half:>7} {reversed:>7} {calm:>8}");
        }
    }
    println!("all: {} {total:?}", FAULTS.join(" "));
}

fn no_cycle() {
    println!("\nno cycle: alerts in 10 streams of 50,000");
    let (mut walk, mut ar, mut slow, mut burst) = (0.0, 0.0, 0.0, 0.0);
    let mut second = [0.0; 2];
    let mut kinds: [(&str, Kind); 8] = [
        ("white noise", Box::new(|rng, _| rng.normal())),
        (
            "random walk",
            Box::new(move |rng, _| {
                walk += rng.normal();
                walk
            }),
        ),
        (
            "AR(1) 0.9",
            Box::new(move |rng, _| {
                ar = 0.9 * ar + rng.normal();
                ar
            }),
        ),
        (
            "AR(1) 0.999",
            Box::new(move |rng, _| {
                slow = 0.999 * slow + rng.normal();
                slow
            }),
        ),
        (
            "resonance",
            Box::new(move |rng, _| {
                let next = 1.9 * second[0] - 0.95 * second[1] + rng.normal();
                second = [next, second[0]];
                next
            }),
        ),
        ("drift", Box::new(|rng, i| 0.0001 * i as f32 + rng.normal())),
        (
            "bursts",
            Box::new(move |rng, _| {
                burst = if rng.uniform() < 0.003 { 10.0 } else { 0.95 * burst };
                burst + 0.3 * rng.normal()
            }),
        ),
        ("counts", Box::new(|rng, _| math::floor(-4.0 * math::ln(1.0 - rng.uniform())))),
    ];
    for (name, next) in &mut kinds {
        let mut count = 0;
        for seed in 0..10 {
            let mut rng = Rng::new(seed);
            count +=
                alerts((0..50_000).map(|i| (Some(1_700_000_000_000 + 1000 * i as i64), next(&mut rng, i))))
                    .len();
        }
        println!("{name:14} {count:>5}");
    }
}

/// A file's columns of numbers; without times, as most of those files have none.
fn columns(file: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    let rows: Vec<Vec<f32>> = text
        .lines()
        .skip(1)
        .map(|line| line.split([',', ' ']).map(|field| field.parse().unwrap_or(f32::NAN)).collect())
        .collect();
    let (mut all, mut channels) = (0, 0);
    for column in 0..rows.first().map_or(0, Vec::len) {
        let values: Vec<f32> =
            rows.iter().filter_map(|row| row.get(column).copied()).filter(|v| v.is_finite()).collect();
        if values.len() > 500 {
            all += alerts(values.into_iter().map(|value| (None, value))).len();
            channels += 1;
        }
    }
    println!("{file}: {all} alerts of {channels} columns, {} rows", rows.len());
}
