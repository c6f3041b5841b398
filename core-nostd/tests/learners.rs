//! Every registered learner of every family through the same checks. A learner is in them by its line in the registry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use brooklet_core::rng::Rng;
use brooklet_core::snapshot::{self, Snapshot};

#[path = "every/bits.rs"]
mod bits;
mod every;

use every::{Family, Row, Visitor, WIDTH};

/// Runs a check over all families, each where its largest learner may be moved about as often as an unoptimised build
/// does it.
fn over_all<V: Visitor + Send>(mut check: V) -> V {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 << 20);
        let run = thread.spawn_scoped(scope, || every::each(&mut check)).unwrap();
        run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    check
}

fn each<F: Family>(mut check: impl FnMut(&str, F)) {
    for row in F::ROWS {
        let name = format!("{}/{}", F::NAME, row.name);
        check(&name, F::make(row.name).expect("every row makes its learner"));
    }
}

fn ordinary<F: Family>(seed: u64) -> Vec<F::Event> {
    bits::ordinary(seed).filter_map(|row| F::event(&row)).collect()
}

/// Streams that break things.
fn extremes<F: Family>() -> Vec<(&'static str, Vec<F::Event>)> {
    let row = |next: &mut dyn FnMut() -> f32, index: usize| Row {
        index: index as u32,
        features: std::array::from_fn(|_| next()),
        label: index.is_multiple_of(3).into(),
        target: next(),
    };
    let repeat = |values: &[f32], len: usize| -> Vec<F::Event> {
        let mut values = values.iter().copied().cycle();
        (0..len).filter_map(|i| F::event(&row(&mut || values.next().unwrap(), i))).collect()
    };
    // All features alike, one row like the other.
    let constant = |value: f32, len: usize| repeat(&[value; WIDTH + 1], len);
    let mut rng = Rng::new(99);
    let mut any_bits = || loop {
        let value = f32::from_bits(rng.next_u64() as u32);
        if value.is_finite() {
            return value;
        }
    };
    let any_bits = (0..2000).filter_map(|i| F::event(&row(&mut any_bits, i))).collect();
    vec![
        ("zeros", constant(0.0, 1000)),
        ("negative zeros", repeat(&[0.0, -0.0], 1000)),
        ("subnormal", repeat(&[1e-45, 0.0, -1e-45, 1e-45], 1000)),
        ("huge", repeat(&[1e30, -1e30], 1000)),
        ("largest", repeat(&[f32::MAX, f32::MIN, f32::MAX, f32::MAX], 1000)),
        ("huge then small", [constant(f32::MAX, 300), repeat(&[1.0, 2.0], 1000)].concat()),
        ("small then huge", [repeat(&[1.0, 2.0, 4.0], 600), constant(f32::MIN, 600)].concat()),
        ("long constant", constant(16_777_216.0, 20_000)),
        ("constant then step", [constant(5.0, 1000), constant(6.0, 1000)].concat()),
        ("alternating", repeat(&[0.0, 1.0], 1000)),
        ("any bits", any_bits),
    ]
}

/// What a learner says, to the bit; infinity and NaN are nothing that may be said.
fn bits<F: Family>(learner: &F, event: &F::Event) -> Vec<Option<u32>> {
    let mut bits = Vec::new();
    learner.observe(event, &mut |figure| {
        assert!(figure.is_none_or(f32::is_finite), "{figure:?} of {learner:?}");
        bits.push(figure.map(f32::to_bits));
    });
    bits
}

fn save<F: Snapshot>(learner: &F) -> Vec<u8> {
    let mut bytes = vec![0; 2 * size_of::<F>() + 4096];
    let used = snapshot::save(learner, 5, &mut bytes).unwrap().len();
    bytes.truncate(used);
    bytes
}

fn load<F: Snapshot>(name: &str, bytes: &[u8]) -> F {
    snapshot::load(bytes, 5).unwrap_or_else(|error| panic!("{name}: {error}"))
}

struct ScoringChangesNothing;

impl Visitor for ScoringChangesNothing {
    fn family<F: Family>(&mut self) {
        each(|name, mut learner: F| {
            for event in ordinary::<F>(1) {
                let before = learner.clone();
                let first = bits(&learner, &event);
                assert_eq!(bits(&learner, &event), first, "{name}");
                assert!(learner == before, "{name}");
                learner.learn(&event);
            }
        });
    }
}

#[test]
fn scoring_changes_nothing() {
    over_all(ScoringChangesNothing);
}

struct ResetIsNew;

impl Visitor for ResetIsNew {
    fn family<F: Family>(&mut self) {
        each(|name, learner: F| {
            let mut used = learner.clone();
            for event in ordinary::<F>(3) {
                used.learn(&event);
            }
            used.restart();
            assert!(used == learner && save(&used) == save(&learner), "{name}: {used:?}");
        });
    }
}

#[test]
fn reset_is_new() {
    over_all(ResetIsNew);
}

struct SnapshotInMidStream;

impl Visitor for SnapshotInMidStream {
    fn family<F: Family>(&mut self) {
        each(|name, learner: F| {
            let stream = ordinary::<F>(4);
            for cut in [0, 1, 30, 650, 901] {
                let mut straight = learner.clone();
                for event in &stream[..cut] {
                    straight.learn(event);
                }
                let mut restored: F = load(name, &save(&straight));
                assert!(restored == straight, "{name} at {cut}");
                for (i, event) in stream.iter().enumerate().skip(cut) {
                    assert_eq!(bits(&restored, event), bits(&straight, event), "{name} at {cut}, then {i}");
                    straight.learn(event);
                    restored.learn(event);
                }
                assert!(restored == straight, "{name} at {cut}");
            }
        });
    }
}

#[test]
fn a_snapshot_in_mid_stream_is_as_if_nothing_happened() {
    over_all(SnapshotInMidStream);
}

struct Extremes;

impl Visitor for Extremes {
    fn family<F: Family>(&mut self) {
        for (stream_name, stream) in extremes::<F>() {
            each(|name, mut learner: F| {
                let name = &format!("{name}, {stream_name}");
                for (i, event) in stream.iter().enumerate() {
                    learner.learn(event);
                    bits(&learner, event);
                    // A state may be stored after any sample.
                    assert!((i >= 200 && i % 97 > 0) || learner.is_valid(), "{name}, {i}: {learner:?}");
                }
                assert!(learner.is_valid(), "{name}: {learner:?}");
                let again: F = load(name, &save(&learner));
                assert!(again == learner, "{name}");
            });
        }
    }
}

#[test]
fn extremes_stay_finite_and_valid() {
    over_all(Extremes);
}

/// A checksum over all that every learner says on one stream and its state at the end: the bits of every platform. A
/// change here changes what users see, and must be meant: `BROOKLET_WRITE_BITS=1 cargo test -p brooklet-core --test
/// learners`.
#[test]
fn the_bits_are_those_of_every_platform() {
    let mut bits = BTreeMap::new();
    over_all(bits::Checksums::<{ usize::MAX }, _> {
        room: &mut vec![0; 1 << 20],
        each: |family: &str, name: &str, crc: Option<u32>| {
            bits.insert(format!("{family}/{name}"), crc.expect("there is room for every snapshot"));
        },
    });
    let mut text = String::new();
    for (name, crc) in &bits {
        writeln!(text, "{name} {crc:08x}").unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bits.txt");
    if std::env::var_os("BROOKLET_WRITE_BITS").is_some() {
        fs::write(path, &text).unwrap();
    }
    let golden = fs::read_to_string(path).unwrap();
    let changed: Vec<_> = text.lines().filter(|line| !golden.lines().any(|then| then == *line)).collect();
    assert!(changed.is_empty(), "tests/bits.txt has other bits for, or lacks: {changed:#?}");
    assert_eq!(text.lines().count(), golden.lines().count(), "tests/bits.txt names what is not registered");
}
