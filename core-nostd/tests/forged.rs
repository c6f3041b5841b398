//! What comes from damaged or forged storage, and answers that are none, through every registered learner.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects)]

use brooklet_core::classify::AnyClassifier;
use brooklet_core::rng::Rng;
use brooklet_core::sample::Sample;
use brooklet_core::traits::{Classifier, Supervised, Validate};

mod every;

use every::{Family, Row, Stream, Visitor};

/// Runs where the largest learner may be moved about as often as an unoptimised build does it.
fn with_room(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(run).unwrap();
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

struct Forged;

impl Visitor for Forged {
    /// Bytes of a real state with a few of them overwritten, at random or by numbers that break things. What is then
    /// still valid says finite numbers, whatever comes next, ends, and starts over.
    fn family<F: Family>(&mut self) {
        const NUMBERS: [f32; 14] =
            [0.0, -0.0, -1.0, 2.0, 1e-45, 1e-30, 1e9, 1e15, -1e18, 1e18, 1e30, f32::MAX, f32::MIN, f32::NAN];
        const LARGEST: [f32; 5] = [f32::MAX, f32::MIN, 0.0, f32::MAX, 1e-45];
        let times = if cfg!(debug_assertions) { 10 } else { 100 };
        let ordinary: Vec<_> = Stream::new(6).take(800).filter_map(|row| F::event(&row)).collect();
        let wild = (0..40usize).map(|i| Row {
            index: i as u32,
            features: std::array::from_fn(|feature| LARGEST[(i + feature) % 5]),
            label: (i % 3 == 0).into(),
            target: LARGEST[(i + 2) % 5],
        });
        let wild: Vec<_> = wild.filter_map(|row| F::event(&row)).collect();
        for row in F::ROWS {
            let mut rng = Rng::new(8);
            for learnt in [0, 2, 40, 600] {
                let mut taught = F::make(row.name).unwrap();
                let learnt = Ord::min(learnt, ordinary.len());
                ordinary[..learnt].iter().for_each(|event| taught.learn(event));
                let mut room = vec![0; 2 * size_of::<F>() + 4096];
                let sound = postcard::to_slice(&taught, &mut room).unwrap().to_vec();
                for _ in 0..times {
                    let mut bytes = sound.clone();
                    for _ in 0..=rng.next_u64() % 3 {
                        let mut below = |n: usize| (rng.next_u64() % n as u64) as usize;
                        let (at, number) = (below(bytes.len()), NUMBERS[below(NUMBERS.len())].to_le_bytes());
                        let len = if below(3) == 0 { 1 } else { 4 };
                        bytes.iter_mut().skip(at).zip(number).take(len).for_each(|(byte, new)| *byte = new);
                    }
                    let Ok(mut state) = postcard::from_bytes::<F>(&bytes) else { continue };
                    if !state.is_valid() {
                        continue;
                    }
                    let forged = state.clone();
                    for event in ordinary[learnt..].iter().take(60).chain(&wild) {
                        state.observe(event, &mut |figure| {
                            let finite = figure.is_none_or(f32::is_finite);
                            assert!(finite, "{}/{} says {figure:?} from {forged:?}", F::NAME, row.name);
                        });
                        state.learn(event);
                    }
                    state.restart();
                    assert!(state.is_valid(), "{}/{} from {forged:?}: {state:?}", F::NAME, row.name);
                }
            }
        }
    }
}

#[test]
fn a_forged_state_is_refused_or_harmless() {
    with_room(|| every::each(&mut Forged));
}

/// A class beyond the last is not learnt, and one class alone is learnt without harm.
#[test]
fn answers_that_are_no_class() {
    with_room(|| {
        let samples = |seed| {
            let mut rng = Rng::new(seed);
            std::iter::repeat_with(move || Sample::new(std::array::from_fn(|_| rng.normal())).unwrap())
        };
        for row in AnyClassifier::<4, 3>::ROWS {
            let mut learner = AnyClassifier::<4, 3>::from_name(row.name).unwrap();
            let fresh = learner.clone();
            for x in samples(1).take(20) {
                for class in [3, 4, u8::MAX] {
                    learner.learn_one(&x, &class);
                }
                assert!(learner == fresh && learner.predict_one(&x).is_none(), "{}", row.name);
            }
            for x in samples(2).take(500) {
                learner.learn_one(&x, &1);
                let shares = learner.proba_one(&x).unwrap();
                assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{}: {shares:?}", row.name);
                assert_eq!(learner.predict_one(&x), Some(1), "{}: {shares:?}", row.name);
                assert!(learner.is_valid(), "{}: {learner:?}", row.name);
            }
        }
    });
}
