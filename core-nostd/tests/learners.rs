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
                fn hostile_states_are_refused_or_harmless() {
                    super::with_room(super::hostile_states_are_refused_or_harmless::<$Any>);
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
                // A state may be stored after any sample.
                let looked_at = i < 200 || i % 97 == 0;
                assert!(!looked_at || learner.is_valid(), "{name}, {stream_name}, {i}: {learner:?}");
            }
            assert!(learner.is_valid(), "{name}, {stream_name}: {learner:?}");
            let again: F =
                snapshot::load(&save(&learner), 5).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(again == learner, "{name}, {stream_name}");
        });
    }
}

/// Bytes of a state with a few of them changed, at random or to numbers that break things: what is then still a valid
/// state says finite numbers, whatever comes, and starts over.
fn hostile_states_are_refused_or_harmless<F: Family>() {
    let numbers = [0.0, -0.0, -1.0, 1e-45, 1e-30, 1e9, 1e15, 1e18, 1e30, f32::MAX, f32::MIN, f32::NAN];
    let times = if cfg!(debug_assertions) { 20 } else { 100 };
    each(|name, learner: F| {
        let ordinary = ordinary::<F>(6, 800);
        let largest = [f32::MAX, f32::MIN, f32::MAX, 0.0].into_iter().cycle();
        let wild: Vec<_> = (0..40)
            .map(|i| {
                let mut values = largest.clone().skip(i);
                F::event(&mut || values.next().unwrap(), i)
            })
            .collect();
        let mut rng = Rng::new(8);
        for learnt in [0, 40, 600] {
            let mut taught = learner.clone();
            ordinary[..learnt].iter().for_each(|event| taught.learn(event));
            let bytes = save(&taught);
            let (header, checksum) = (20, 4);
            let state = header..bytes.len() - checksum;
            for _ in 0..times {
                let mut bytes = bytes[state.clone()].to_vec();
                for _ in 0..=rng.next_u64() % 3 {
                    let at = (rng.next_u64() as usize) % bytes.len();
                    let number = numbers[(rng.next_u64() as usize) % numbers.len()].to_le_bytes();
                    let len = if rng.next_u64() % 3 == 0 { 1 } else { 4 };
                    bytes[at..].iter_mut().zip(number).take(len).for_each(|(byte, new)| *byte = new);
                }
                let Ok(mut state) = postcard::from_bytes::<F>(&bytes) else { continue };
                if !state.is_valid() {
                    continue;
                }
                let found = format!("{name} after {learnt}: {state:?}");
                for event in ordinary[learnt..].iter().take(60).chain(&wild) {
                    let said = state.observe(event);
                    assert!(said.iter().flatten().all(|figure| figure.is_finite()), "{found} says {said:?}");
                    state.learn(event);
                }
                state.start_over();
                assert!(state.is_valid(), "{found} started over is {state:?}");
            }
        }
    });
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

/// A class beyond the last is not learnt, and one class alone is learnt without harm.
#[test]
fn answers_that_are_no_class() {
    use brooklet_core::traits::{Classifier, Supervised, Validate};
    with_room(|| {
        each(|name, learner: brooklet_core::classify::AnyClassifier<4, 3>| {
            let (mut learner, fresh) = (learner.clone(), learner);
            for (x, _) in ordinary::<brooklet_core::classify::AnyClassifier<4, 3>>(7, 20) {
                for class in [3, 4, u8::MAX] {
                    learner.learn_one(&x, &class);
                }
                assert!(learner == fresh && learner.predict_one(&x).is_none(), "{name}");
            }
            for (x, _) in ordinary::<brooklet_core::classify::AnyClassifier<4, 3>>(7, 500) {
                learner.learn_one(&x, &1);
                let shares = learner.proba_one(&x).unwrap();
                let sum: f32 = shares.iter().sum();
                assert!((sum - 1.0).abs() < 1e-5 && learner.is_valid(), "{name}: {shares:?}");
                assert_eq!(learner.predict_one(&x), Some(1), "{name}: {shares:?}");
            }
        });
    });
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
