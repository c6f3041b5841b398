//! One checksum a learner, over all that it says on one stream and over its state at the end: what `bits.txt` holds and
//! every platform has to give. Included beside `mod every`, by the host's test and by what runs on microcontrollers.
#![allow(unreachable_pub, reason = "public where it is included, which may be a binary")]

use brooklet_core::snapshot;
use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

use super::every::{Family, Row, Stream, Visitor};

/// Rows of a stream.
pub const LEN: usize = 1200;

const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// Cycles with noise, a shift of the level, a spike; both classes are frequent.
pub fn ordinary(seed: u64) -> impl Iterator<Item = Row> {
    Stream::new(seed).take(LEN).map(|row| {
        let shift = if (600..700).contains(&row.index) { 2.0 } else { 0.0 };
        let spike = if row.index == 900 { 50.0 } else { 0.0 };
        let features = row.features.map(|x| x + (shift + spike));
        let [first, second, ..] = row.features;
        Row { features, label: u8::from(first + second > 1.0), ..row }
    })
}

/// The checksum of a learner; `None` if its snapshot does not go into `room`.
pub fn checksum<F: Family>(
    mut learner: F,
    stream: impl Iterator<Item = Row>,
    room: &mut [u8],
) -> Option<u32> {
    let mut digest = CRC.digest();
    for event in stream.filter_map(|row| F::event(&row)) {
        learner.observe(&event, &mut |figure| {
            digest.update(&figure.map_or([0xFF; 4], |figure| figure.to_bits().to_le_bytes()));
        });
        learner.learn(&event);
    }
    digest.update(snapshot::save(&learner, 5, room).ok()?);
    Some(digest.finalize())
}

/// Passes on the family, the name and the checksum of every learner, but for the families of more than `MOST` bytes: their
/// code is not even linked.
pub struct Checksums<'a, const MOST: usize, Each> {
    /// For the largest snapshot.
    pub room: &'a mut [u8],
    /// Takes the family, the name and the checksum.
    pub each: Each,
}

impl<const MOST: usize, Each> Visitor for Checksums<'_, MOST, Each>
where
    Each: FnMut(&str, &str, Option<u32>),
{
    // Never inlined: a small board has room for the learners of one family at a time.
    #[inline(never)]
    fn family<F: Family>(&mut self) {
        if const { size_of::<F>() > MOST } {
            return;
        }
        for row in F::ROWS {
            let crc = F::make(row.name).and_then(|learner| checksum(learner, ordinary(1), self.room));
            (self.each)(F::NAME, row.name, crc);
        }
    }
}
