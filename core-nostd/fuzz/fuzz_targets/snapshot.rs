//! Any bytes as a snapshot, and any state behind a right checksum: refused or usable, never a panic.
//!
//! `cargo fuzz run --sanitizer none snapshot` in `core-nostd/`.
#![no_main]

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::Detector;
use brooklet_core::monitor::Monitor;
use brooklet_core::sample::Moment;
use brooklet_core::snapshot::{self, Snapshot};
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/every/mod.rs"]
mod every;

use every::{Family, Stream, Visitor};

fuzz_target!(|bytes: &[u8]| {
    let _ = snapshot::load::<Monitor<Detector>>(bytes, 0);
    if let Some(mut monitor) = hostile(&Monitor::new(Detector::default()), bytes) {
        for i in 0..100u16 {
            let moment = Moment::new(f32::from(i), Some(i64::from(i) * 60_000)).expect("finite");
            let verdict = monitor.step(&moment, &Settings::DEFAULT);
            assert!(verdict.level.is_finite());
        }
    }
    // One byte chooses the learner of every family, the rest is its state.
    if let Some((choice, bytes)) = bytes.split_first() {
        every::each(&mut Hostile { choice: usize::from(*choice), bytes });
    }
});

struct Hostile<'a> {
    choice: usize,
    bytes: &'a [u8],
}

impl Visitor for Hostile<'_> {
    fn family<F: Family>(&mut self) {
        let row = &F::ROWS[self.choice % F::ROWS.len()];
        let mut learner = Box::new(F::make(row.name).expect("every row makes its learner"));
        // A state that has learnt has more in it to be overwritten.
        let events: Vec<F::Event> = Stream::new(1).take(40).filter_map(|row| F::event(&row)).collect();
        for event in &events {
            learner.learn(event);
        }
        if let Some(loaded) = hostile(&*learner, self.bytes) {
            *learner = loaded;
            for event in events.iter().cycle().take(100) {
                let _ = learner.answer(event);
                learner.learn(event);
            }
        }
    }
}

/// A good snapshot of the state, overwritten by the input, its checksum mended: what a checksum cannot catch.
fn hostile<T: Snapshot>(state: &T, bytes: &[u8]) -> Option<T> {
    let mut buffer = vec![0; 2 * size_of::<T>() + 4096];
    let used = snapshot::save(state, 0, &mut buffer).expect("room").len();
    let end = used - 4;
    let state = &mut buffer[20..end];
    let at = bytes.first().map_or(0, |b| usize::from(*b) * 10 % state.len());
    for (slot, byte) in state[at..].iter_mut().zip(bytes.iter().skip(1)) {
        *slot = *byte;
    }
    let checksum = crc32(&buffer[..end]);
    buffer[end..used].copy_from_slice(&checksum.to_le_bytes());
    snapshot::load(&buffer[..used], 0).ok()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}
