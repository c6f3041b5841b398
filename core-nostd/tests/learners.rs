//! Every registered learner of every family through the same checks. A family is a line in `families!`, a learner is in
//! them by its line in the registry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::fs;

use brooklet_core::registry::Row;
use brooklet_core::rng::Rng;
use brooklet_core::sample::{Moment, Sample};
use brooklet_core::snapshot::{self, Snapshot};

mod roles;

use roles::Family;

/// `role Enum;` for each family; the roles are in `roles.rs`.
macro_rules! families {
    ($($module:ident: $role:ident $Any:ty),+ $(,)?) => {
        $(
            mod $module {
                super::roles::role!($role $Any);

                #[test]
                fn scoring_changes_nothing() {
                    super::with_room(super::scoring_changes_nothing::<$Any>);
                }

                #[test]
                fn reset_is_new() {
                    super::with_room(super::reset_is_new::<$Any>);
                }

                #[test]
                fn a_snapshot_in_mid_stream_is_as_if_nothing_happened() {
                    super::with_room(super::a_snapshot_in_mid_stream_is_as_if_nothing_happened::<$Any>);
                }

                #[test]
                fn extremes_stay_finite_and_valid() {
                    super::with_room(super::extremes_stay_finite_and_valid::<$Any>);
                }

                #[test]
                fn a_hostile_state_is_refused_or_harmless() {
                    super::with_room(super::a_hostile_state_is_refused_or_harmless::<$Any>);
                }
            }
        )+

        /// A checksum over all that every learner says on one stream and its state at the end: the bits of every platform. A change here changes
        /// what users see, and must be meant: `BROOKLET_WRITE_BITS=1 cargo test -p brooklet-core --test learners`.
        #[test]
        fn the_bits_are_those_of_every_platform() {
            let mut bits = BTreeMap::new();
            $(bits.append(&mut with_room(checksums::<$Any>));)+
            let mut text = String::new();
            for (name, crc) in &bits {
                writeln!(text, "{name} {crc:08x}").unwrap();
            }
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bits.txt");
            if std::env::var_os("BROOKLET_WRITE_BITS").is_some() {
                fs::write(path, &text).unwrap();
            }
            let golden = fs::read_to_string(path).unwrap();
            for (now, then) in text.lines().zip(golden.lines()) {
                assert_eq!(now, then);
            }
            assert_eq!(text.lines().count(), golden.lines().count(), "a learner is missing in tests/bits.txt");
        }
    };
}

families! {
    anomaly: detector brooklet_core::anomaly::Detector,
    impute: imputer brooklet_core::preprocess::AnyImputer,
    preprocess: transformer brooklet_core::preprocess::AnyTransformer<4>,
    quantile: statistic brooklet_core::quantile::AnyQuantile,
    scorer: scorer brooklet_core::anomaly::AnyScorer<4>,
    stats: statistic brooklet_core::stats::AnyStatistic,
    drift: drift brooklet_core::drift::AnyDriftDetector,
    classify: classifier brooklet_core::classify::AnyClassifier<4, 3>,
    cluster: clusterer brooklet_core::cluster::AnyClusterer<4>,
    evaluate: pair_statistic brooklet_core::evaluate::AnyMetric,
    fuse: fuser brooklet_core::fuse::AnyFuser<4>,
    recommend: recommender brooklet_core::recommend::AnyRecommender<4>,
    regress: regressor brooklet_core::regress::AnyRegressor<4>,
    spc: drift brooklet_core::spc::AnyChart,
    spc_vector: scorer brooklet_core::spc::AnyVectorChart<4>,
    threshold: threshold brooklet_core::threshold::AnyThreshold,
    spectral: statistic brooklet_core::spectral::AnySpectral,
    forecast: forecaster brooklet_core::forecast::AnyForecaster,
    prognose: prognoser brooklet_core::prognose::AnyPrognoser,
    rolling: statistic brooklet_core::window::AnyRolling,
    sketch: sketch brooklet_core::sketch::AnySketch,
    window: windower brooklet_core::window::AnyWindow,
}

const LEN: usize = 1200;

/// Runs a check where a family's largest learner may be moved about as often as an unoptimised build does it.
fn with_room<T: Send + 'static>(check: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(16 << 20).spawn(check).unwrap();
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn each<F: Family>(mut check: impl FnMut(&str, F)) {
    for Row { name, .. } in F::rows() {
        check(name, F::named(name).expect("every row makes its learner"));
    }
}

/// A daily cycle with noise, a level shift and a spike.
fn ordinary<F: Family>(seed: u64, len: usize) -> Vec<F::Event> {
    let (mut rng, mut at) = (Rng::new(seed), 0usize);
    let events = (0..len).map(|i| {
        let mut next = || {
            at += 1;
            let day = (i % 96) as f32 / 96.0;
            let shift = if (600..700).contains(&i) { 8.0 } else { 0.0 };
            let spike = if i == 900 { 100.0 } else { 0.0 };
            4.0 + 10.0 * day * (1.0 - day) + rng.normal() + shift + spike + (at % 3) as f32
        };
        F::event(&mut next, i)
    });
    events.collect()
}

/// Streams that break things.
fn extremes<F: Family>() -> Vec<(&'static str, Vec<F::Event>)> {
    let repeat = |values: &[f32], len: usize| -> Vec<F::Event> {
        let mut values = values.iter().copied().cycle();
        (0..len).map(|i| F::event(&mut || values.next().unwrap(), i)).collect()
    };
    let mut rng = Rng::new(99);
    let mut any_bits = || loop {
        let value = f32::from_bits(rng.next_u64() as u32);
        if value.is_finite() {
            return value;
        }
    };
    let any_bits = (0..3000).map(|i| F::event(&mut any_bits, i)).collect();
    vec![
        ("zeros", repeat(&[0.0], 1500)),
        ("negative zeros", repeat(&[0.0, -0.0], 1500)),
        ("subnormal", repeat(&[1e-45, 0.0, -1e-45], 1500)),
        ("huge", repeat(&[1e30, -1e30], 1500)),
        ("largest", repeat(&[f32::MAX, f32::MIN, f32::MAX], 1500)),
        ("huge then small", [repeat(&[f32::MAX], 300), repeat(&[1.0, 2.0], 1500)].concat()),
        ("small then huge", [repeat(&[1.0, 2.0, 4.0], 600), repeat(&[f32::MIN], 600)].concat()),
        ("long constant", repeat(&[16_777_216.0], 20_000)),
        ("constant then step", [repeat(&[5.0], 1500), repeat(&[6.0], 1500)].concat()),
        ("alternating", repeat(&[0.0, 1.0], 1500)),
        ("any bits", any_bits),
    ]
}

/// What a learner says, to the bit.
fn bits<F: Family>(learner: &F, event: &F::Event) -> Vec<Option<u32>> {
    learner.observe(event).into_iter().map(|figure| figure.map(f32::to_bits)).collect()
}

fn scoring_changes_nothing<F: Family>() {
    each(|name, mut learner: F| {
        for event in ordinary::<F>(1, LEN) {
            let before = learner.clone();
            let first = bits(&learner, &event);
            assert_eq!(bits(&learner, &event), first, "{name}");
            assert!(learner == before, "{name}");
            learner.learn(&event);
        }
    });
}

fn reset_is_new<F: Family>() {
    each(|name, learner: F| {
        let mut used = learner.clone();
        for event in ordinary::<F>(3, LEN) {
            used.learn(&event);
        }
        used.start_over();
        assert!(used == learner, "{name}: {used:?}");
    });
}

fn save<F: Snapshot>(learner: &F) -> Vec<u8> {
    let mut bytes = vec![0; 2 * size_of::<F>() + 4096];
    let used = snapshot::save(learner, 5, &mut bytes).unwrap().len();
    bytes.truncate(used);
    bytes
}

fn a_snapshot_in_mid_stream_is_as_if_nothing_happened<F: Family>() {
    each(|name, learner: F| {
        let stream = ordinary::<F>(4, LEN);
        for cut in [0, 1, 30, 650, 901] {
            let mut straight = learner.clone();
            for event in &stream[..cut] {
                straight.learn(event);
            }
            let mut restored: F =
                snapshot::load(&save(&straight), 5).unwrap_or_else(|error| panic!("{name}: {error}"));
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

fn extremes_stay_finite_and_valid<F: Family>() {
    for (stream_name, stream) in extremes::<F>() {
        each(|name, mut learner: F| {
            for (i, event) in stream.iter().enumerate() {
                learner.learn(event);
                let said = learner.observe(event);
                assert!(
                    said.iter().flatten().all(|figure| figure.is_finite()),
                    "{name}, {stream_name}, {i}: {said:?}"
                );
            }
            assert!(learner.is_valid(), "{name}, {stream_name}: {learner:?}");
            let again: F =
                snapshot::load(&save(&learner), 5).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(again == learner, "{name}, {stream_name}");
        });
    }
}

/// Families in which a forged state still does harm to itself.
const NOT_HELD_YET: [&str; 8] =
    ["anomaly", "cluster", "classify", "drift", "fuse", "regress", "scorer", "spc_vector"];

/// States from damaged or forged storage: a few bytes or numbers of a real one overwritten. Those that pass
/// `is_valid` are learnt on: nothing that is said may be anything but a finite number, and they stay valid.
fn a_hostile_state_is_refused_or_harmless<F: Family>() {
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
    if NOT_HELD_YET.contains(&F::family()) && std::env::var_os("BROOKLET_HOSTILE").is_none() {
        return;
    }
    let stream = ordinary::<F>(6, 800);
    let wild =
        extremes::<F>().into_iter().flat_map(|(_, events)| events.into_iter().take(6)).collect::<Vec<_>>();
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
                        let said = state.observe(event);
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

fn checksums<F: Family>() -> BTreeMap<String, u32> {
    let mut bits_of = BTreeMap::new();
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    each(|name, mut learner: F| {
        let mut digest = crc.digest();
        for event in ordinary::<F>(1, LEN) {
            for figure in bits(&learner, &event) {
                digest.update(&figure.map_or([0xFF; 4], u32::to_le_bytes));
            }
            learner.learn(&event);
        }
        digest.update(&save(&learner));
        bits_of.insert(format!("{}/{name}", F::family()), digest.finalize());
    });
    bits_of
}

/// Events of each role's input, made of numbers.
trait Event: Clone + Debug {
    fn of(next: &mut dyn FnMut() -> f32, index: usize) -> Self;
}

impl Event for f32 {
    fn of(next: &mut dyn FnMut() -> f32, _: usize) -> Self {
        next()
    }
}

impl Event for (f32, f32) {
    fn of(next: &mut dyn FnMut() -> f32, _: usize) -> Self {
        (next(), next())
    }
}

/// One in seven is missing.
impl Event for Option<f32> {
    fn of(next: &mut dyn FnMut() -> f32, index: usize) -> Self {
        let value = next();
        (index % 7 != 3).then_some(value)
    }
}

impl Event for Moment {
    fn of(next: &mut dyn FnMut() -> f32, index: usize) -> Self {
        Self::new(next(), Some(1_700_000_000_000 + index as i64 * 900_000)).unwrap()
    }
}

/// A value on a clock that is no better than clocks are: bursts of seconds, pauses of minutes, times that stand still, come
/// late, are missing, and twice a clock that is set back for good.
#[derive(Clone, Debug)]
struct Clocked(Moment);

impl Event for Clocked {
    fn of(next: &mut dyn FnMut() -> f32, index: usize) -> Self {
        let i = index as i64;
        let value = next();
        // 20 samples a burst, four minutes from one to the next; every fifth pause is long.
        let (burst, place) = (i / 20, i % 20);
        let seconds = burst * 240 + burst / 5 * 1200 + place * 7;
        let set_back =
            [(400, 7200), (800, 86_400)].iter().filter(|(from, _)| i >= *from).map(|(_, s)| s).sum::<i64>();
        let time = match i % 37 {
            11 => None,
            17 => Some(seconds - 95),
            23 => Some(seconds - 7),
            _ => Some(seconds),
        };
        let time = time.map(|s| 1_700_000_000_000 + 1000 * (s - set_back));
        Self(Moment::new(value, if i % 1111 == 1110 { Some(i64::MAX) } else { time }).unwrap())
    }
}

impl<const N: usize> Event for Sample<N> {
    fn of(next: &mut dyn FnMut() -> f32, _: usize) -> Self {
        Self::new(std::array::from_fn(|_| next())).unwrap()
    }
}

/// The answer depends on the sample.
impl<const N: usize> Event for (Sample<N>, f32) {
    fn of(next: &mut dyn FnMut() -> f32, index: usize) -> Self {
        let x = Sample::<N>::of(next, index);
        (x, 0.5 * x.values()[0] - 0.25 * x.values()[N - 1])
    }
}

impl<const N: usize> Event for (Sample<N>, u8) {
    fn of(next: &mut dyn FnMut() -> f32, index: usize) -> Self {
        let x = Sample::<N>::of(next, index);
        (x, if x.values()[0] > 8.0 { 2 } else { u8::from(x.values()[N - 1] > 7.0) })
    }
}

/// A hundred keys.
impl<const N: usize> Event for (Sample<N>, u16) {
    fn of(next: &mut dyn FnMut() -> f32, index: usize) -> Self {
        (Sample::of(next, index), (index * 7 % 100) as u16)
    }
}

/// Keys that come again.
impl Event for u64 {
    fn of(next: &mut dyn FnMut() -> f32, _: usize) -> Self {
        Self::from((next() * 3.0).to_bits() >> 12)
    }
}
