//! Any bytes as a snapshot, and any state behind a right checksum: refused or usable, never a panic.
//!
//! `cargo fuzz run --sanitizer none snapshot` in `core-nostd/`.
#![no_main]

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::Detector;
use brooklet_core::monitor::Monitor;
use brooklet_core::sample::Moment;
use brooklet_core::snapshot;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = snapshot::load::<Monitor<Detector>>(bytes, 0);
    // A good snapshot, its state overwritten by the input, its checksum mended: what a checksum cannot catch.
    let mut buffer = [0; snapshot::MAX_BYTES];
    let monitor = Monitor::new(Detector::default());
    let used = snapshot::save(&monitor, 0, &mut buffer).expect("room").len();
    let state = &mut buffer[20..used - 4];
    let at = bytes.first().map_or(0, |b| usize::from(*b) * 10 % state.len());
    for (slot, byte) in state[at..].iter_mut().zip(bytes.iter().skip(1)) {
        *slot = *byte;
    }
    let end = used - 4;
    let checksum = crc32(&buffer[..end]);
    buffer[end..used].copy_from_slice(&checksum.to_le_bytes());
    if let Ok(mut monitor) = snapshot::load::<Monitor<Detector>>(&buffer[..used], 0) {
        for i in 0..100u16 {
            let moment = Moment::new(f32::from(i), Some(i64::from(i) * 60_000)).expect("finite");
            let verdict = monitor.step(&moment, &Settings::DEFAULT);
            assert!(verdict.level.is_finite());
        }
    }
});

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}
