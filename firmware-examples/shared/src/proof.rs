//! The proof that a board computes the host's bits: what it prints is held against golden files, and so is what the host
//! prints (`tests/bits.rs`).

use core::fmt::{Result, Write};
use core::ops::RangeBounds;

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::DefaultDetector;
use brooklet_core::monitor::Monitor;
use brooklet_core::sample::Moment;
use brooklet_core::snapshot;
use crc::{CRC_32_ISO_HDLC, Crc, Digest, NoTable};

use crate::signal::Signal;

#[path = "../../../core-nostd/tests/every/mod.rs"]
mod every;
#[path = "../../../core-nostd/tests/every/bits.rs"]
mod learners;

const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);
/// Readings that the monitor learns, and after how many of them it is saved.
const LEN: usize = 3000;
const HALF: usize = 1500;

/// One line a learner, as in `core-nostd/tests/bits.txt`: `family/name checksum`. Families of more than `MOST` bytes are left
/// out; `room` is for the largest snapshot.
pub fn every_learner<const MOST: usize>(out: &mut impl Write, room: &mut [u8]) -> Result {
    let mut result = Ok(());
    every::each(&mut learners::Checksums::<MOST, _> {
        room,
        each: |family: &str, name: &str, checksum: Option<u32>| {
            result = result.and_then(|()| match checksum {
                Some(checksum) => writeln!(out, "{family}/{name} {checksum:08x}"),
                None => writeln!(out, "{family}/{name}: no room for its snapshot"),
            });
        },
    });
    result
}

/// The default detector with its alarm over the simulated sensor, with its snapshots in hex; then once more, from `half` on,
/// the snapshot that another platform took half way. With `wrong`, the last bit of one reading is flipped.
pub fn monitor(out: &mut impl Write, half: &[u8], wrong: bool) -> Result {
    straight(out, wrong)?;
    loaded(out, half, wrong)
}

// Never inlined: a small board has no room for the monitors of both at once.
#[inline(never)]
fn straight(out: &mut impl Write, wrong: bool) -> Result {
    let mut monitor = Monitor::new(DefaultDetector::new());
    verdicts(out, "first", &mut monitor, wrong, ..HALF)?;
    snapshot(out, "half", &monitor)?;
    verdicts(out, "second", &mut monitor, wrong, HALF..)?;
    snapshot(out, "end", &monitor)
}

#[inline(never)]
fn loaded(out: &mut impl Write, half: &[u8], wrong: bool) -> Result {
    match snapshot::load(half, 0) {
        Ok(mut monitor) => {
            verdicts(out, "loaded, second", &mut monitor, wrong, HALF..)?;
            snapshot(out, "loaded, end", &monitor)
        }
        Err(error) => writeln!(out, "loaded: {error}"),
    }
}

/// Steps over some of the readings, says the alerts, sums up every bit of every verdict.
fn verdicts(
    out: &mut impl Write,
    name: &str,
    monitor: &mut Monitor<DefaultDetector>,
    wrong: bool,
    part: impl RangeBounds<usize>,
) -> Result {
    let mut digest = CRC.digest();
    for (i, moment) in Signal::new(1).take(LEN).enumerate().filter(|(i, _)| part.contains(i)) {
        let moment = if wrong && i == 2000 { last_bit_flipped(&moment) } else { moment };
        let (verdict, because) = monitor.step_explained(&moment, &Settings::DEFAULT);
        update(&mut digest, [verdict.score, verdict.level, verdict.threshold]);
        digest.update(&[u8::from(verdict.fired), u8::from(verdict.ended)]);
        if let Some(because) = because {
            update(&mut digest, because.evidence);
            update(&mut digest, [because.expected, because.low, because.high]);
            writeln!(out, "{name}: alert at {i}, {:?} {:08x}", verdict.score, verdict.score.to_bits())?;
        }
        if verdict.ended {
            writeln!(out, "{name}: over at {i}")?;
        }
    }
    writeln!(out, "{name}: verdicts {:08x}", digest.finalize())
}

fn update(digest: &mut Digest<'_, u32, NoTable>, figures: impl IntoIterator<Item = f32>) {
    figures.into_iter().for_each(|figure| digest.update(&figure.to_bits().to_le_bytes()));
}

fn last_bit_flipped(moment: &Moment) -> Moment {
    Moment::new(f32::from_bits(moment.value().to_bits() ^ 1), moment.time()).unwrap_or(*moment)
}

// Never inlined: where a model is loaded there is no room for this as well.
#[inline(never)]
fn snapshot(out: &mut impl Write, name: &str, monitor: &Monitor<DefaultDetector>) -> Result {
    match snapshot::save(monitor, 0, &mut [0; 3_328]) {
        Ok(bytes) => {
            write!(out, "{name}: snapshot of {} bytes ", bytes.len())?;
            bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
            writeln!(out)
        }
        Err(error) => writeln!(out, "{name}: snapshot: {error}"),
    }
}
