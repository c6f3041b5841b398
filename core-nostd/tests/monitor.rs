//! Every registered detector behind its alarm, as firmware and gateway run it; what holds for it as a learner is in
//! `learners.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::{Because, Detector};
use brooklet_core::monitor::Monitor;
use brooklet_core::rng::Rng;
use brooklet_core::sample::Moment;
use brooklet_core::snapshot;
use brooklet_core::traits::{AnomalyDetector, Explain, Learner, Protect, Stepper, Validate};

fn each(check: impl Fn(&str, Detector)) {
    for row in Detector::ROWS {
        check(row.name, Detector::from_name(row.name).expect("every row makes its detector"));
    }
}

fn moment(value: f32, time: Option<i64>) -> Moment {
    Moment::new(value, time).unwrap()
}

/// A daily cycle with noise, a level shift and a spike, at five minutes.
fn stream(seed: u64, len: i64) -> Vec<Moment> {
    let mut rng = Rng::new(seed);
    let value = |i: i64, noise: f32| {
        let day = (i % 288) as f32 / 288.0;
        let shift = if (1500..1700).contains(&i) { 30.0 } else { 0.0 };
        let spike = if i == 2200 { 200.0 } else { 0.0 };
        20.0 + 40.0 * day * (1.0 - day) + noise + shift + spike
    };
    (0..len).map(|i| moment(value(i, rng.normal()), Some(1_700_000_000_000 + i * 300_000))).collect()
}

/// Streams that break things.
fn extremes() -> Vec<(&'static str, Vec<Moment>)> {
    let repeat = |values: &[f32], n: usize| -> Vec<Moment> {
        values.iter().cycle().take(n).enumerate().map(|(i, v)| moment(*v, Some(i as i64 * 1000))).collect()
    };
    let mut rng = Rng::new(99);
    let bits = (0..5000)
        .filter_map(|_| Moment::new(f32::from_bits(rng.next_u64() as u32), Some(rng.next_u64() as i64)))
        .collect();
    vec![
        ("zeros", repeat(&[0.0], 3000)),
        ("subnormal", repeat(&[1e-45, 0.0, -1e-45], 3000)),
        ("huge", repeat(&[1e30, -1e30], 3000)),
        ("largest", repeat(&[f32::MAX, f32::MIN], 3000)),
        ("huge then small", [repeat(&[f32::MAX], 500), repeat(&[1.0, 2.0], 3000)].concat()),
        ("long constant", repeat(&[16_777_216.0], 20_000)),
        ("constant then step", [repeat(&[5.0], 3000), repeat(&[6.0], 3000)].concat()),
        ("alternating", repeat(&[0.0, 1.0], 3000)),
        ("any bits, any time", bits),
        ("no time", (0..3000u16).map(|i| moment(f32::from(i % 17), None)).collect()),
    ]
}

#[test]
fn the_same_samples_give_the_same_bits() {
    each(|name, detector| {
        let run = |mut monitor: Monitor<Detector>| -> (Vec<u32>, Vec<u8>) {
            let levels =
                stream(2, 3000).into_iter().map(|x| monitor.step(&x, &Settings::DEFAULT).level.to_bits());
            let levels = levels.collect();
            let mut bytes = [0; snapshot::MAX_BYTES];
            (levels, snapshot::save(&monitor, 0, &mut bytes).unwrap().to_vec())
        };
        assert!(run(Monitor::new(detector.clone())) == run(Monitor::new(detector)), "{name}");
    });
}

/// A detector that goes through a step as provided: each part by itself, nothing shared.
struct Plain(Detector);

impl Learner for Plain {
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        self.0.learn_one(x);
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

impl AnomalyDetector for Plain {
    fn score_one(&self, x: &Moment) -> Option<f32> {
        self.0.score_one(x)
    }
}

impl Protect for Plain {
    fn protect(&mut self, x: &Moment) {
        self.0.protect(x);
    }

    fn release(&mut self) {
        self.0.release();
    }

    fn level_one(&self, x: &Moment) -> f32 {
        self.0.level_one(x)
    }
}

impl Explain for Plain {
    type Because = Because;

    fn explain_one(&self, x: &Moment) -> Because {
        self.0.explain_one(x)
    }
}

impl Stepper for Plain {}

#[test]
fn a_step_with_shared_work_is_that_without() {
    let streams = extremes().into_iter().map(|(_, stream)| stream).chain([stream(9, 3000)]);
    for (at, stream) in streams.enumerate() {
        each(|name, detector| {
            let (mut plain, mut shared) = (Monitor::new(Plain(detector.clone())), Monitor::new(detector));
            for (i, x) in stream.iter().enumerate() {
                // Rings often, so that alerts open, go on and end.
                let settings = Settings { threshold: 1.5, warm_up: Some(50), ..Settings::DEFAULT };
                let (wanted, given) =
                    (plain.step_explained(x, &settings), shared.step_explained(x, &settings));
                assert_eq!(given, wanted, "{name}, stream {at}, {i}");
                assert_eq!(given.0.level.to_bits(), wanted.0.level.to_bits(), "{name}, stream {at}, {i}");
            }
            assert_eq!(shared.detector(), &plain.detector().0, "{name}, stream {at}");
        });
    }
}

#[test]
fn reset_is_new() {
    each(|name, detector| {
        let mut used = Monitor::new(detector.clone());
        for x in stream(3, 2000) {
            used.step(&x, &Settings::DEFAULT);
        }
        assert_ne!(used, Monitor::new(detector.clone()), "{name}");
        used.reset();
        assert_eq!(used, Monitor::new(detector), "{name}");
    });
}

#[test]
fn a_snapshot_in_mid_stream_is_as_if_nothing_happened() {
    each(|name, detector| {
        let stream = stream(4, 3000);
        // In the quiet, in the middle of an open alert, right after the spike.
        for cut in [1, 700, 1550, 2201] {
            let mut straight = Monitor::new(detector.clone());
            let mut bytes = [0; snapshot::MAX_BYTES];
            let mut restored = Monitor::new(detector.clone());
            for (i, x) in stream.iter().enumerate() {
                if i == cut {
                    let saved = snapshot::save(&straight, 5, &mut bytes).unwrap();
                    restored = snapshot::load(saved, 5).unwrap();
                    assert_eq!(restored, straight, "{name} at {cut}");
                }
                let verdict = straight.step(x, &Settings::DEFAULT);
                if i >= cut {
                    let again = restored.step(x, &Settings::DEFAULT);
                    assert_eq!(again.level.to_bits(), verdict.level.to_bits(), "{name} at {cut} + {i}");
                    assert_eq!(again, verdict, "{name} at {cut} + {i}");
                }
            }
            assert_eq!(restored, straight, "{name} at {cut}");
        }
    });
}

#[test]
fn extremes_stay_finite_and_valid() {
    for (stream_name, stream) in extremes() {
        each(|name, detector| {
            let mut monitor = Monitor::new(detector);
            for (i, x) in stream.iter().enumerate() {
                let (verdict, because) = monitor.step_explained(x, &Settings::DEFAULT);
                let sane = |v: f32| v.is_finite() && (0.0..=20.0).contains(&v);
                assert!(
                    sane(verdict.score) && sane(verdict.level),
                    "{name}, {stream_name}, {i}: {verdict:?}"
                );
                assert!(verdict.level >= verdict.score, "{name}, {stream_name}, {i}: {verdict:?}");
                if let Some(b) = because {
                    assert!(
                        [b.expected, b.low, b.high].iter().all(|v| v.is_finite()),
                        "{name}, {stream_name}"
                    );
                }
            }
            assert!(monitor.is_valid(), "{name}, {stream_name}: {monitor:?}");
            let mut bytes = [0; snapshot::MAX_BYTES];
            let saved = snapshot::save(&monitor, 0, &mut bytes).unwrap();
            assert_eq!(snapshot::load(saved, 0), Ok(monitor), "{name}, {stream_name}");
        });
    }
}

#[test]
fn finds_the_shift_and_holds_its_level() {
    let mut monitor = Monitor::new(Detector::default());
    let verdicts: Vec<_> = stream(5, 2100).iter().map(|x| monitor.step(x, &Settings::DEFAULT)).collect();
    let fired: Vec<usize> = (0..verdicts.len()).filter(|&i| verdicts[i].fired).collect();
    assert!(fired.iter().any(|i| (1500..1510).contains(i)), "{fired:?}");
    let held = (1510..1700).filter(|&i| verdicts[i].level >= 1.1).count();
    assert!(held >= 185, "held {held} of 190");
    assert!(verdicts[1800..].iter().all(|v| v.level < 3.0));
}

/// At one reading a second a small alert must not make the channel deaf for a large fault minutes later.
#[test]
fn a_blip_does_not_hide_the_fault_that_follows() {
    let (mut rng, mut monitor) = (Rng::new(8), Monitor::new(Detector::default()));
    let value = |i: i64| match i {
        1000 => 0.8,
        3000..5000 => 2.0,
        _ => 0.0,
    };
    let mut step = |i: i64| {
        let x = moment(5.0 + 0.1 * rng.normal() + value(i), Some(i * 1000));
        monitor.step(&x, &Settings::DEFAULT)
    };
    let verdicts: Vec<_> = (0..5000).map(&mut step).collect();
    assert!(verdicts[1000].fired, "the blip");
    assert!(verdicts[3000..3010].iter().any(|v| v.fired), "the fault");
    let held = verdicts[3010..5000].iter().filter(|v| v.level >= 1.1).count();
    assert!(held >= 1890, "the level is held in {held} of 1990 rows");
}

#[test]
fn damaged_and_foreign_snapshots_are_refused() {
    each(|name, detector| {
        let mut monitor = Monitor::new(detector);
        for x in stream(6, 500) {
            monitor.step(&x, &Settings::DEFAULT);
        }
        let mut buffer = [0; snapshot::MAX_BYTES];
        let saved = snapshot::save(&monitor, 1, &mut buffer).unwrap().to_vec();
        let load = snapshot::load::<Monitor<Detector>>;
        for byte in 0..saved.len() {
            let mut damaged = saved.clone();
            damaged[byte] ^= 0x10;
            // Byte 5 is reserved and covered by the checksum like all others.
            assert!(load(&damaged, 1).is_err(), "{name}: bit flip in byte {byte}");
            assert!(load(&saved[..byte], 1).is_err(), "{name}: cut at {byte}");
        }
        assert_eq!(load(&saved, 2), Err(snapshot::Error::WrongDigest(1)), "{name}");
        assert_eq!(snapshot::save(&monitor, 1, &mut [0; 30]), Err(snapshot::Error::NoRoom), "{name}");
        let mut future = saved;
        future[4] = 9;
        assert_eq!(load(&future, 1), Err(snapshot::Error::UnknownFormat(9)), "{name}");
    });
}

#[test]
fn memory_is_what_the_registry_says() {
    let most = Detector::ROWS.iter().map(|row| row.bytes).max();
    assert_eq!(
        most,
        Some(size_of::<brooklet_core::anomaly::DefaultDetector>()),
        "no other makes channels larger"
    );
    assert!(size_of::<Monitor<Detector>>() <= 3500, "{}", size_of::<Monitor<Detector>>());
}

/// The bits that every platform must give: a checksum over all levels of one stream. A change here changes what users
/// see, and must be meant.
#[test]
fn the_bits_are_those_of_every_platform() {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    let bits = ["default", "zscore"].map(|name| {
        let mut monitor = Monitor::new(Detector::from_name(name).unwrap());
        let mut digest = crc.digest();
        for x in stream(1, 3000) {
            digest.update(&monitor.step(&x, &Settings::DEFAULT).level.to_bits().to_le_bytes());
        }
        digest.finalize()
    });
    assert!(bits == [0xbcc8_f297, 0xaf84_f300], "{bits:08x?}");
}
