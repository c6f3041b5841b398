//! Any stream of values and times through every registered detector: finite, valid, and the same after a snapshot.
//!
//! `cargo fuzz run --sanitizer none monitor` in `core-nostd/`.
#![no_main]

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::Detector;
use brooklet_core::monitor::Monitor;
use brooklet_core::sample::Moment;
use brooklet_core::snapshot;
use brooklet_core::traits::Validate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for row in Detector::ROWS {
        let mut monitor = Monitor::new(Detector::from_name(row.name).expect("a row"));
        // Six bytes a reading: a value's bits and a step in time, repeated so that alarms get past their warm-up.
        for chunk in bytes.chunks_exact(6).cycle().take(800.min(bytes.len() * 20)) {
            let value = f32::from_bits(u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
            let time = i64::from(i16::from_le_bytes([chunk[4], chunk[5]])) << (chunk[4] % 48);
            let Some(moment) = Moment::new(value, (chunk[5] != 0).then_some(time)) else { continue };
            let verdict = monitor.step(&moment, &Settings::DEFAULT);
            assert!(verdict.level.is_finite() && verdict.level >= verdict.score && verdict.score >= 0.0);
        }
        assert!(monitor.is_valid());
        let mut buffer = [0; snapshot::MAX_BYTES];
        let saved = snapshot::save(&monitor, 0, &mut buffer).expect("room");
        assert_eq!(snapshot::load::<Monitor<Detector>>(saved, 0).as_ref(), Ok(&monitor));
    }
});
