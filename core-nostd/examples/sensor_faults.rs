//! What the rules for sensor faults find and what they cry wolf over: `cargo run --release -p brooklet-core --example
//! sensor_faults -- FILE.csv ..`
//!
//! Each column of numbers in each file is a channel; so are some made ones. First as they are: each fault told is one too many,
//! unless the recording has it. Then with a fault of each kind put in, seeded, in the later half.
#![allow(
    clippy::print_stdout,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a program that prints, over files that are there"
)]

use std::collections::BTreeMap;

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::DefaultDetector;
use brooklet_core::math;
use brooklet_core::monitor::Monitor;
use brooklet_core::rng::Rng;
use brooklet_core::sample::Moment;
use brooklet_core::sensor::Fault;

/// A channel: time in milliseconds and value.
struct Channel {
    name: String,
    readings: Vec<(i64, f32)>,
}

/// A stretch at fault, as it was told.
struct Episode {
    fault: Fault,
    first: usize,
    last: usize,
    rang: bool,
}

fn main() {
    let verbose = std::env::args().any(|argument| argument == "--verbose");
    let files = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let mut channels: Vec<Channel> = files.flat_map(|file| read(&file)).collect();
    channels.extend(made());
    quiet(&channels, verbose);
    injected(&channels, verbose);
}

fn quiet(channels: &[Channel], verbose: bool) {
    println!("as they are: {} channels", channels.len());
    let (mut told, mut rang, mut months) = (BTreeMap::<&str, usize>::new(), 0, 0.0);
    for Channel { name, readings } in channels {
        months += span(readings) / (30.0 * 86_400_000.0);
        for Episode { fault, first, last, rang: rings } in episodes(readings) {
            *told.entry(fault.name()).or_default() += 1;
            rang += usize::from(rings);
            if verbose {
                let around = readings
                    .get(first.saturating_sub(3)..(first + 3).min(readings.len()))
                    .unwrap_or_default();
                let around: Vec<f32> = around.iter().map(|r| r.1).collect();
                println!(
                    "  {name}: {} at {first}, {} readings, rang {rings}: {around:?}",
                    fault.name(),
                    last + 1 - first
                );
            }
        }
    }
    println!("  {months:.1} channel months, {rang} alerts: {:.3} a month", rang as f64 / months);
    println!("  told: {told:?}\n");
}

fn injected(channels: &[Channel], verbose: bool) {
    println!(
        "{:9} {:>5} {:>5} {:>6} {:>6} {:>6}  {:>5}",
        "injected", "all", "found", "other", "missed", "delay", "rang"
    );
    for kind in ["stuck", "flat", "drop_out", "spike", "unit"] {
        let (mut all, mut found, mut other, mut rang, mut delays) = (0, 0, 0, 0, Vec::new());
        for (number, channel) in channels.iter().enumerate() {
            if channel.readings.len() < 1000 {
                continue;
            }
            for seed in 0..2 {
                let mut rng = Rng::new(1000 * number as u64 + seed);
                let mut readings = channel.readings.clone();
                let at = readings.len() / 2 + (rng.next_u64() as usize) % (readings.len() / 2 - 300);
                let Some(length) = inject(kind, &mut readings, at, &mut rng) else { continue };
                all += 1;
                let here: Vec<Episode> = episodes(&readings)
                    .into_iter()
                    .filter(|e| e.last >= at && e.first <= at + length + 2)
                    .filter(|e| !matches!(e.fault, Fault::Gap | Fault::ClockJump))
                    .collect();
                let wanted = here.iter().find(|e| e.fault.name().starts_with(kind));
                match wanted {
                    Some(episode) => {
                        found += 1;
                        rang += usize::from(episode.rang);
                        delays.push(episode.first.saturating_sub(at));
                    }
                    None if !here.is_empty() => {
                        other += 1;
                        if verbose {
                            let told: Vec<_> =
                                here.iter().map(|e| (e.fault.name(), e.first, e.last)).collect();
                            println!("  other {kind} in {} at {at}: {told:?}", channel.name);
                        }
                    }
                    None if verbose => println!("  missed {kind} in {} at {at}", channel.name),
                    None => {}
                }
            }
        }
        delays.sort_unstable();
        let delay = delays.get(delays.len() / 2).copied().unwrap_or(0);
        println!("{kind:9} {all:>5} {found:>5} {other:>6} {:>6} {delay:>6}  {rang:>5}", all - found - other);
    }
}

/// Puts a fault in; how many readings of it, or `None` if this channel cannot have it.
fn inject(kind: &str, readings: &mut [(i64, f32)], at: usize, rng: &mut Rng) -> Option<usize> {
    let mut below = |n: u64| (rng.next_u64() % n) as usize;
    let before = readings[at - 1].1;
    let length = match kind {
        "spike" => 1 + below(2),
        "drop_out" => 1 + below(20),
        _ => 200,
    };
    let past = &readings[..at];
    let (low, high) =
        past.iter().fold((f32::MAX, f32::MIN), |(l, h), r| (math::min(l, r.1), math::max(h, r.1)));
    if low == high {
        return None;
    }
    let far = before + (2.0 + below(8) as f32) * (high - low) * if below(2) == 0 { 1.0 } else { -1.0 };
    let code = [0.0, -127.0, 85.0, 65_535.0, -9999.0][below(5)];
    if kind == "drop_out" && (low..=high).contains(&code) {
        return None;
    }
    let (times, plus) =
        [(1000.0, 0.0), (0.001, 0.0), (10.0, 0.0), (0.1, 0.0), (1.8, 32.0), (14.5038, 0.0), (-1.0, 0.0)]
            [below(7)];
    for (_, value) in &mut readings[at..at + length] {
        *value = match kind {
            "stuck" => before,
            "flat" => before + 0.003 * (*value - before),
            "drop_out" => code,
            "spike" => far,
            _ => *value * times + plus,
        };
    }
    Some(length)
}

fn episodes(readings: &[(i64, f32)]) -> Vec<Episode> {
    let (mut monitor, mut episodes) = (Monitor::new(DefaultDetector::new()), Vec::<Episode>::new());
    let mut open = false;
    for (i, &(time, value)) in readings.iter().enumerate() {
        let verdict = monitor.step(&Moment::new(value, Some(time)).unwrap(), &Settings::DEFAULT);
        open = (open || verdict.fired) && !verdict.ended;
        let Some(fault) = verdict.fault else { continue };
        match episodes.last_mut().filter(|e| e.fault == fault && e.last + 1 == i) {
            Some(episode) => {
                episode.last = i;
                episode.rang |= open;
            }
            None => episodes.push(Episode { fault, first: i, last: i, rang: open && fault.rings() }),
        }
    }
    episodes
}

fn span(readings: &[(i64, f32)]) -> f64 {
    match (readings.first(), readings.last()) {
        (Some(first), Some(last)) => (last.0 - first.0) as f64,
        _ => 0.0,
    }
}

/// The columns of numbers of a file; its first column with a `-` and a `:` is the time, else rows are five minutes apart.
fn read(file: &str) -> Vec<Channel> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split([',', ' ']).collect();
    let short = file.rsplit('/').next().unwrap_or(file);
    let mut columns: BTreeMap<usize, Vec<(i64, f32)>> = BTreeMap::new();
    for (row, line) in lines.enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let time = cells.iter().find_map(|cell| time(cell)).unwrap_or(row as i64 * 300_000);
        for (column, cell) in cells.iter().enumerate() {
            if let Ok(value) = cell.parse::<f32>() {
                columns.entry(column).or_default().push((time, value));
            }
        }
    }
    let name = |column: usize| format!("{short}:{}", header.get(column).unwrap_or(&"?"));
    columns.into_iter().map(|(column, readings)| Channel { name: name(column), readings }).collect()
}

/// `2014-04-01 00:05:00` in milliseconds.
fn time(text: &str) -> Option<i64> {
    let (date, clock) = text.trim_matches('"').split_once(' ')?;
    let numbers = |text: &str, by| text.split(by).map(|n| n.parse().ok()).collect::<Option<Vec<i64>>>();
    let ([year, month, day], [h, m, s]) = (
        <[i64; 3]>::try_from(numbers(date, '-')?).ok()?,
        <[i64; 3]>::try_from(numbers(clock.split('.').next()?, ':')?).ok()?,
    );
    // Days of the civil calendar, counted from March.
    let (y, m0) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m0 + 2) / 5 + day - 719_469;
    Some(((days * 24 + h) * 60 + m) * 60_000 + s * 1000)
}

/// Channels that tempt the rules: none of them has a fault.
fn made() -> Vec<Channel> {
    const DAY: usize = 1440;
    let mut channels = Vec::new();
    let mut add = |name: &str, step: i64, value: &mut dyn FnMut(usize, &mut Rng) -> f32| {
        let mut rng = Rng::new(name.len() as u64);
        let readings = (0..60 * DAY).map(|i| (i as i64 * step, value(i, &mut rng))).collect();
        channels.push(Channel { name: format!("made:{name}"), readings });
    };
    let minute = 60_000;
    let day = |i: usize| (i % DAY) as f32 / DAY as f32 * core::f32::consts::TAU;
    let weekday = |i: usize| i / DAY % 7 < 5;
    add("constant", minute, &mut |_, _| 21.5);
    add("noise", minute, &mut |_, rng| 20.0 + rng.normal());
    add("noise at one hertz", 1000, &mut |_, rng| 20.0 + rng.normal());
    add("quantised in halves", minute, &mut |i, rng| {
        (2.0 * (20.0 + 3.0 * day(i).sin() + 0.2 * rng.normal())).round() / 2.0
    });
    add("quantised, slow", minute, &mut |i, _| (20.0 + 3.0 * day(i).sin()).round());
    add("slow in tenths", minute, &mut |i, rng| {
        (10.0 * (20.0 + 3.0 * day(i).sin() + 0.02 * rng.normal())).round() / 10.0
    });
    add("on in office hours", minute, &mut |i, _| {
        if weekday(i) && (480..1080).contains(&(i % DAY)) { 1.0 } else { 0.0 }
    });
    add("pump that cycles, off at weekends", minute, &mut |i, rng| {
        if weekday(i) && i % 20 < 10 { 50.0 + rng.normal() } else { 0.0 }
    });
    add("power with standby", minute, &mut |i, rng| {
        if weekday(i) && (480..1080).contains(&(i % DAY)) {
            1500.0 + 50.0 * rng.normal()
        } else {
            3.0 + 0.1 * rng.normal().round()
        }
    });
    add("vibration, running or not", minute, &mut |i, rng| {
        let size = if weekday(i) && (480..1080).contains(&(i % DAY)) { 4.0 } else { 0.02 };
        size * rng.normal()
    });
    let mut total = 0.0;
    add("counter", minute, &mut |_, rng| {
        total += (rng.next_u64() % 3) as f32;
        total
    });
    let mut total = 0.0;
    add("counter that rests at night", minute, &mut |i, rng| {
        total += if (480..1080).contains(&(i % DAY)) { (rng.next_u64() % 3) as f32 } else { 0.0 };
        total
    });
    let mut walk = 0.0;
    add("random walk", minute, &mut |_, rng| {
        walk += 0.1 * rng.normal();
        walk
    });
    let mut setpoint = 20.0;
    add("setpoint", minute, &mut |_, rng| {
        if rng.next_u64().is_multiple_of(300) {
            setpoint = 15.0 + (rng.next_u64() % 10) as f32;
        }
        setpoint
    });
    add("events", minute, &mut |_, rng| {
        if rng.next_u64().is_multiple_of(50) { (rng.next_u64() % 100) as f32 } else { 0.0 }
    });
    add("heavy tails", minute, &mut |_, rng| (1.5 * rng.normal()).exp());
    add("rain", minute, &mut |i, rng| {
        if (i / 500).is_multiple_of(7) { (rng.normal().abs() * 10.0).round() / 10.0 } else { 0.0 }
    });
    add("tank", minute, &mut |i, rng| (i % 700) as f32 / 7.0 + 0.1 * rng.normal());
    add("door opens now and then", minute, &mut |i, rng| {
        let cold = if i % 9973 < 3 { 4.0 } else { 0.0 };
        ((21.0 - cold + 0.05 * rng.normal()) * 10.0).round() / 10.0
    });
    channels
}
