//! Every registered learner of every family through the same checks. A learner is in them by its line in the registry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use brooklet_core::rng::Rng;
use brooklet_core::snapshot::{self, Snapshot};

mod every;

use every::{Family, Row, Stream, Visitor, WIDTH};

const LEN: usize = 1200;

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

/// Cycles with noise, a shift of the level, a spike; both classes are frequent.
fn ordinary<F: Family>(seed: u64) -> Vec<F::Event> {
    let rows = Stream::new(seed).take(LEN).enumerate().map(|(i, row)| {
        let change = if (600..700).contains(&i) { 2.0 } else { 0.0 } + if i == 900 { 50.0 } else { 0.0 };
        let features = row.features.map(|x| x + change);
        Row { features, label: u8::from(row.features[0] + row.features[1] > 1.0), ..row }
    });
    rows.filter_map(|row| F::event(&row)).collect()
}

/// Streams that break things.
fn extremes<F: Family>() -> Vec<(&'static str, Vec<F::Event>)> {
    let row = |next: &mut dyn FnMut() -> f32, index: usize| Row {
        index: index as u32,
        features: std::array::from_fn(|_| next()),
        label: (index % 3 == 0).into(),
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
                for event in &stream {
                    learner.learn(event);
                    bits(&learner, event);
                }
                let name = &format!("{name}, {stream_name}");
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

/// Families in which a forged state still does harm to itself.
const NOT_HELD_YET: [&str; 8] =
    ["anomaly", "cluster", "classify", "drift", "fuse", "regress", "scorer", "spc_vector"];

/// States from damaged or forged storage: a few bytes or numbers of a real one overwritten. Those that pass
/// `is_valid` are learnt on: nothing that is said may be anything but a finite number, and they stay valid.
struct Hostile;

impl Visitor for Hostile {
    fn family<F: Family>(&mut self) {
        const FLOATS: [f32; 16] = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            2.0,
            1e-45,
            -1e-30,
            1e6,
            1e12,
            1e18,
            -1e18,
            1e30,
            f32::MAX,
            f32::MIN,
            f32::NAN,
        ];
        const BYTES: [u8; 6] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF];
        if NOT_HELD_YET.contains(&F::NAME) && std::env::var_os("BROOKLET_HOSTILE").is_none() {
            return;
        }
        let stream = ordinary::<F>(6);
        let wild = extremes::<F>()
            .into_iter()
            .flat_map(|(_, events)| events.into_iter().take(6))
            .collect::<Vec<_>>();
        let mut found = BTreeMap::<String, (u32, String)>::new();
        let trials: u64 = std::env::var("BROOKLET_HOSTILE").map_or(4_000_000, |n| n.parse().unwrap());
        each(|name, learner: F| {
            let mut rng = Rng::new(12);
            for cut in [0, 2, 40, 700] {
                let mut used = learner.clone();
                for event in &stream[..cut] {
                    used.learn(event);
                }
                let mut room = vec![0; 2 * size_of::<F>() + 4096];
                let sound = postcard::to_slice(&used, &mut room).unwrap().to_vec();
                for _ in 0..trials / 4 / (2000 + 4 * sound.len() as u64) {
                    let mut bytes = sound.clone();
                    for _ in 0..=rng.next_u64() % 3 {
                        let mut below = |n: usize| (rng.next_u64() % n as u64) as usize;
                        let at = 1 + below(bytes.len() - 1);
                        match below(3) {
                            0 => bytes[at] = BYTES[below(BYTES.len())],
                            1 => bytes[at] = below(256) as u8,
                            _ => {
                                let float = FLOATS[below(FLOATS.len())].to_le_bytes();
                                bytes.iter_mut().skip(at).zip(float).for_each(|(to, byte)| *to = byte);
                            }
                        }
                    }
                    let Ok(mut state) = postcard::from_bytes::<F>(&bytes) else { continue };
                    if !state.is_valid() {
                        continue;
                    }
                    let forged = state.clone();
                    let begun = std::time::Instant::now();
                    let mut fault = None;
                    for event in stream[cut..].iter().take(20).chain(&wild) {
                        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                            let mut said = Vec::new();
                            state.observe(event, &mut |figure| said.push(figure));
                            state.learn(event);
                            (said.iter().flatten().all(|v| v.is_finite()), said, state.is_valid())
                        }));
                        fault = match outcome {
                            Err(_) => Some("panics".to_owned()),
                            Ok((false, said, _)) => Some(format!("says {said:?}")),
                            Ok((_, _, false)) => Some(format!("is no longer valid: {state:?}")),
                            Ok(_) => continue,
                        };
                        break;
                    }
                    if begun.elapsed().as_secs() >= 2 {
                        fault = Some("takes long".to_owned());
                    }
                    if let Some(fault) = fault {
                        let kind = fault.split([':', '[']).next().unwrap().to_owned();
                        let text = format!("{fault} from {forged:?}");
                        found.entry(format!("{name} {kind}")).or_insert((0, text)).0 += 1;
                    }
                }
            }
        });
        assert!(found.is_empty(), "{found:#?}");
    }
}

#[test]
fn a_hostile_state_is_refused_or_harmless() {
    over_all(Hostile);
}

struct Checksums(BTreeMap<String, u32>);

impl Visitor for Checksums {
    fn family<F: Family>(&mut self) {
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
        each(|name, mut learner: F| {
            let mut digest = crc.digest();
            for event in ordinary::<F>(1) {
                for figure in bits(&learner, &event) {
                    digest.update(&figure.map_or([0xFF; 4], u32::to_le_bytes));
                }
                learner.learn(&event);
            }
            digest.update(&save(&learner));
            self.0.insert(name.to_owned(), digest.finalize());
        });
    }
}

/// A checksum over all that every learner says on one stream and its state at the end: the bits of every platform. A
/// change here changes what users see, and must be meant: `BROOKLET_WRITE_BITS=1 cargo test -p brooklet-core --test
/// learners`.
#[test]
fn the_bits_are_those_of_every_platform() {
    let bits = over_all(Checksums(BTreeMap::new())).0;
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
