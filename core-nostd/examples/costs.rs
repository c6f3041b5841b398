//! What the default detector takes, expert by expert and in whole: `cargo run --release -p brooklet-core --example costs`
//! prints bytes of state and nanoseconds a reading (for devices: a row) as JSON. A reading is scored, then learnt.
#![allow(clippy::print_stdout, reason = "this is what the example is for")]

use std::hint::black_box;
use std::time::Instant;

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::{
    CycleProfile, DefaultDetector, EXPERT_NAMES, JOINT_EXPERT_NAMES, Joint, LevelShift, Range, Row,
    SeasonalProfile,
};
use brooklet_core::monitor::Monitor;
use brooklet_core::quantile::LogHistogram;
use brooklet_core::rng::Rng;
use brooklet_core::sample::Moment;
use brooklet_core::stats::EwMeanVar;
use brooklet_core::traits::Learner;

const LEARNT: usize = 4000;
const TIMED: usize = 20_000;
const HORIZON: u32 = 5000;

/// A reading of a channel that follows the day, every five minutes.
fn reading(rng: &mut Rng, i: usize) -> Option<Moment> {
    let day = (i % 288) as f32 / 288.0;
    let value = 20.0 + 5.0 * (day - day * day) + rng.normal();
    Moment::new(value, Some(1_700_000_000_000 + i as i64 * 300_000))
}

/// The median nanoseconds of 20 stretches of a thousand calls, after some to learn from.
fn nanoseconds(mut step: impl FnMut(&mut Rng, usize)) -> f64 {
    let mut rng = Rng::new(1);
    (0..LEARNT).for_each(|i| step(&mut rng, i));
    let mut stretches: Vec<f64> = (LEARNT..LEARNT + TIMED)
        .step_by(1000)
        .map(|first| {
            let start = Instant::now();
            (first..first + 1000).for_each(|i| step(&mut rng, i));
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    stretches.sort_by(f64::total_cmp);
    stretches.get(stretches.len() / 2).copied().unwrap_or_default()
}

/// What making the readings takes, which is not the detector's.
fn per_reading(mut step: impl FnMut(&Moment)) -> f64 {
    let making = nanoseconds(|rng, i| {
        black_box(reading(rng, i));
    });
    nanoseconds(|rng, i| reading(rng, i).iter().for_each(|x| step(black_box(x)))) - making
}

/// Bytes and nanoseconds of an expert with its calibration.
fn calibrated<E>(
    mut expert: E,
    score: impl Fn(&E, &Moment) -> Option<f32>,
    learn: impl Fn(&mut E, &Moment),
) -> (usize, f64) {
    let mut calibration = LogHistogram::<4000>::new();
    let bytes = size_of::<E>() + size_of_val(&calibration);
    let step = |x: &Moment| {
        if let Some(score) = score(&expert, x) {
            black_box(calibration.evidence(score, 2.0));
            calibration.learn_one(&score);
        }
        learn(&mut expert, x);
    };
    (bytes, per_reading(step))
}

/// An expert by itself; `None` for one that this example does not know.
fn expert(name: &str) -> Option<(usize, f64)> {
    let value = |x: &Moment| x.value();
    Some(match name {
        "range" => {
            let mut range = Range::new();
            let step = |x: &Moment| {
                black_box(range.evidence(x.value()));
                range.learn_one(&x.value());
            };
            (size_of::<Range>(), per_reading(step))
        }
        "seasonal" => {
            calibrated(SeasonalProfile::<HORIZON>::new(), SeasonalProfile::score, Learner::learn_one)
        }
        "shift_10" => calibrated(
            LevelShift::<10, HORIZON>::new(),
            |shift, x| shift.score(value(x)),
            |shift, x| shift.learn_one(&value(x)),
        ),
        "shift_60" => calibrated(
            LevelShift::<60, HORIZON>::new(),
            |shift, x| shift.score(value(x)),
            |shift, x| shift.learn_one(&value(x)),
        ),
        "unrest" => calibrated(
            (LevelShift::<60, HORIZON>::new(), EwMeanVar::<HORIZON>::new()),
            |(shift, _), x| shift.score(value(x)),
            |(shift, distance), x| {
                shift.learn_one(&value(x));
                distance.learn_one(&value(x));
            },
        ),
        "cycle" => calibrated(
            CycleProfile::new(),
            |profile, x| profile.score(value(x)),
            |profile, x| profile.learn_one(&value(x)),
        ),
        _ => return None,
    })
}

/// The joint detector of so many channels, with its alarm.
fn joint<const N: usize>() -> (usize, f64) {
    let mut joint = Monitor::new(Joint::<N>::new());
    let bytes = size_of_val(&joint);
    let step = |rng: &mut Rng, i: usize| {
        black_box(joint.step(&row::<N>(rng, i, N), &Settings::DEFAULT));
    };
    (bytes, nanoseconds(step) - making_rows::<N>(N))
}

/// A device: each channel watched by itself and all together, with their alarms.
fn device<const N: usize>(channels: usize) -> (usize, f64) {
    let mut each = vec![Monitor::new(DefaultDetector::new()); channels];
    let mut together = Monitor::new(Joint::<N>::new());
    let time = |i: usize| Some(1_700_000_000_000 + i as i64 * 300_000);
    let step = |rng: &mut Rng, i: usize| {
        let row = row::<N>(rng, i, channels);
        for (channel, monitor) in each.iter_mut().enumerate() {
            let x = row.get(channel).and_then(|value| Moment::new(value, time(i)));
            if let Some(x) = x {
                black_box(monitor.step(&x, &Settings::DEFAULT));
            }
        }
        if channels > 1 {
            black_box(together.step(&row, &Settings::DEFAULT));
        }
    };
    let ns = nanoseconds(step) - making_rows::<N>(channels);
    let shared = if channels > 1 { size_of::<Monitor<Joint<N>>>() } else { 0 };
    (channels * size_of::<Monitor<DefaultDetector>>() + shared, ns)
}

fn row<const N: usize>(rng: &mut Rng, i: usize, channels: usize) -> Row<N> {
    let common = rng.normal();
    let mut row = Row::new(Some(1_700_000_000_000 + i as i64 * 300_000));
    for channel in 0..channels {
        row.set(channel, 20.0 + common + rng.normal());
    }
    row
}

fn making_rows<const N: usize>(channels: usize) -> f64 {
    nanoseconds(|rng, i| {
        black_box(row::<N>(rng, i, channels));
    })
}

fn main() {
    let line = |kind: &str, name: &str, (bytes, ns): (usize, f64)| {
        println!(r#"{{"kind": "{kind}", "name": "{name}", "bytes": {bytes}, "nanoseconds": {ns:.1}}}"#);
    };
    let names = EXPERT_NAMES.iter().map(|name| ("channel", name));
    for (of, name) in names.chain(JOINT_EXPERT_NAMES.iter().map(|name| ("joint", name))) {
        println!(r#"{{"kind": "{of} expert", "name": "{name}"}}"#);
    }
    for name in EXPERT_NAMES {
        expert(name).into_iter().for_each(|cost| line("expert", name, cost));
    }
    line("joint", "4", joint::<4>());
    line("joint", "8", joint::<8>());
    line("joint", "16", joint::<16>());
    line("joint", "32", joint::<32>());
    line("joint", "64", joint::<64>());
    // As a gateway has them: with the alarm and the eye on the sensor.
    line("device", "1", device::<4>(1));
    line("device", "5", device::<8>(5));
    line("device", "24", device::<32>(24));
}
