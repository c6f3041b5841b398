//! What changed the channels since the last checkpoints, in the order in which it did: a file that only grows, in frames.
//!
//! ```text
//! segment  magic "BRKJ", version (u16), number (u64)
//! frame    length (u32), CRC-32 of length and payload, payload: items by postcard, one after the other
//! ```
//! Little endian. A frame is what was synced together. Names are told once a segment. A segment is begun with each round of
//! checkpoints, and after each failure: a file whose sync failed is never written again.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::disk::{Append, Disk};
use crate::device::Op;
use crate::reading::Name;

const MAGIC: &[u8; 4] = b"BRKJ";
const VERSION: u16 = 2;
/// Magic, version, number.
const HEADER: usize = 14;
/// Length and checksum.
const FRAME_HEADER: usize = 8;
/// No frame is longer; one that says so is damaged.
const LONGEST: usize = 64 << 20;

const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// What changed a channel, and what it takes to repeat that.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Whose channel.
    pub device: Name,
    /// Which channel.
    pub channel: Name,
    /// The stream or line that it came from.
    pub source: Name,
    /// Which step of the channel's life this is, from 1.
    pub step: u64,
    /// What was done.
    pub op: Op,
}

#[derive(Serialize, Deserialize)]
enum Item<'a> {
    /// The next channel: they are numbered from 0.
    Channel { device: &'a str, channel: &'a str, source: &'a str },
    /// A step of a channel, its number told by how far it is from the one that was expected.
    Step { channel: u32, ahead: i64, op: std::borrow::Cow<'a, Op> },
}

/// A channel as a segment knows it.
#[derive(Debug)]
struct Known {
    number: u32,
    /// Its last step.
    step: u64,
}

/// The segment that is written.
#[derive(Debug)]
pub(crate) struct Journal {
    file: Box<dyn Append>,
    segment: u64,
    /// Device, channel and source: a channel that changes its source is told again.
    known: HashMap<(Name, Name, Name), Known>,
    frame: Vec<u8>,
    /// Steps in that frame.
    steps: u64,
    /// Bytes of this segment so far.
    length: u64,
}

impl Journal {
    /// Begins a segment.
    pub(crate) fn begin(disk: &dyn Disk, segment: u64) -> io::Result<Self> {
        let mut file = disk.create(&name(segment))?;
        let header = header(segment);
        file.append(&header)?;
        let length = header.len() as u64;
        Ok(Self { file, segment, known: HashMap::new(), frame: vec![0; FRAME_HEADER], steps: 0, length })
    }

    /// Adds an entry to the frame that is being made.
    pub(crate) fn push(&mut self, entry: Entry) {
        let Entry { device, channel, source, step, op } = entry;
        let next = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
        let key = (device, channel, source);
        if !self.known.contains_key(&key) {
            self.item(&Item::Channel { device: &key.0, channel: &key.1, source: &key.2 });
        }
        let known = self.known.entry(key).or_insert(Known { number: next, step: 0 });
        let ahead = step.wrapping_sub(known.step.wrapping_add(1)).cast_signed();
        known.step = step;
        let item = Item::Step { channel: known.number, ahead, op: std::borrow::Cow::Owned(op) };
        self.item(&item);
        self.steps += 1;
    }

    fn item(&mut self, item: &Item<'_>) {
        // Writing to memory cannot fail.
        if let Ok(frame) = postcard::to_extend(item, std::mem::take(&mut self.frame)) {
            self.frame = frame;
        }
    }

    /// Bytes that wait for a sync.
    pub(crate) fn waiting(&self) -> usize {
        self.frame.len().saturating_sub(FRAME_HEADER)
    }

    /// Steps that wait for a sync.
    pub(crate) const fn unsynced(&self) -> u64 {
        self.steps
    }

    /// Makes durable what was pushed. After an error this segment is over.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.waiting() == 0 {
            return Ok(());
        }
        let length = u32::try_from(self.waiting()).map_err(io::Error::other)?;
        if let Some((header, payload)) = self.frame.split_first_chunk_mut::<FRAME_HEADER>() {
            *header = frame_header(length, payload);
        }
        self.file.append(&self.frame)?;
        self.file.sync()?;
        self.length += self.frame.len() as u64;
        self.steps = 0;
        self.frame.truncate(FRAME_HEADER);
        self.frame.shrink_to(1 << 16);
        Ok(())
    }

    pub(crate) const fn segment(&self) -> u64 {
        self.segment
    }

    /// Nothing was synced yet.
    pub(crate) const fn is_empty(&self) -> bool {
        self.length == HEADER as u64
    }

    pub(crate) const fn length(&self) -> u64 {
        self.length
    }
}

fn frame_header(length: u32, payload: &[u8]) -> [u8; FRAME_HEADER] {
    let length = length.to_le_bytes();
    let mut digest = CRC.digest();
    digest.update(&length);
    digest.update(payload);
    let [a, b, c, d] = length;
    let [e, f, g, h] = digest.finalize().to_le_bytes();
    [a, b, c, d, e, f, g, h]
}

/// A segment of one frame with this payload: for whoever tests [`read`].
#[must_use]
pub fn framed(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    [&header(0)[..], &frame_header(length, payload), payload].concat()
}

fn header(segment: u64) -> Vec<u8> {
    [&MAGIC[..], &VERSION.to_le_bytes(), &segment.to_le_bytes()].concat()
}

/// A segment's file.
pub(crate) fn name(segment: u64) -> String {
    format!("journal-{segment:016}.log")
}

/// The segment that a file is.
pub(crate) fn segment(name: &str) -> Option<u64> {
    name.strip_prefix("journal-")?.strip_suffix(".log")?.parse().ok()
}

/// How a segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// With a whole frame.
    Whole,
    /// With so many bytes that are no whole frame: what was being written when the power went, or damage.
    Torn(usize),
}

/// Reads a segment up to its first damage; whatever the bytes are, it ends.
pub fn read(bytes: &[u8], mut each: impl FnMut(Entry)) -> Tail {
    let Some((header, mut rest)) = bytes.split_at_checked(HEADER) else { return Tail::Torn(bytes.len()) };
    if !header.starts_with(MAGIC) || header.get(4..6) != Some(&VERSION.to_le_bytes()) {
        return Tail::Torn(bytes.len());
    }
    let mut known: Vec<(Name, Name, Name, u64)> = Vec::new();
    while !rest.is_empty() {
        let Some((payload, after)) = frame(rest) else { return Tail::Torn(rest.len()) };
        if items(payload, &mut known, &mut each).is_none() {
            return Tail::Torn(rest.len());
        }
        rest = after;
    }
    Tail::Whole
}

/// The payload of the first frame, and what follows it.
fn frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<FRAME_HEADER>()?;
    let length = u32::from_le_bytes(*header.first_chunk()?);
    let size = usize::try_from(length).ok().filter(|size| (1..=LONGEST).contains(size))?;
    let (payload, rest) = rest.split_at_checked(size)?;
    (frame_header(length, payload) == *header).then_some((payload, rest))
}

fn items(
    mut bytes: &[u8],
    known: &mut Vec<(Name, Name, Name, u64)>,
    each: &mut impl FnMut(Entry),
) -> Option<()> {
    while !bytes.is_empty() {
        let (item, rest) = postcard::take_from_bytes::<Item<'_>>(bytes).ok()?;
        bytes = rest;
        match item {
            Item::Channel { device, channel, source } => {
                known.push((Arc::from(device), Arc::from(channel), Arc::from(source), 0));
            }
            Item::Step { channel, ahead, op } => {
                let (device, channel, source, last) = known.get_mut(usize::try_from(channel).ok()?)?;
                *last = last.wrapping_add(1).wrapping_add_signed(ahead);
                each(Entry {
                    device: device.clone(),
                    channel: channel.clone(),
                    source: source.clone(),
                    step: *last,
                    op: op.into_owned(),
                });
            }
        }
    }
    Some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where it fails")]
mod tests {
    use super::*;
    use crate::device::When;
    use crate::reading::Timestamp;
    use crate::store::disk::Folder;

    fn entry(channel: &str, step: u64) -> Entry {
        let at = Timestamp(1_700_000_000_000 + step as i64);
        let when = When::own(at, Timestamp(at.0 + 150), true);
        let op = Op::Step { value: step as f32, when };
        Entry { device: "d".into(), channel: channel.into(), source: "s".into(), step, op }
    }

    fn written(frames: &[&[Entry]]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let disk = Folder::open(folder.path()).unwrap();
        let mut journal = Journal::begin(&disk, 7).unwrap();
        for frame in frames {
            frame.iter().cloned().for_each(|entry| journal.push(entry));
            journal.sync().unwrap();
        }
        assert_eq!(disk.list().unwrap().iter().find_map(|name| segment(name)), Some(7));
        let bytes = disk.read(&name(7)).unwrap();
        assert_eq!(bytes.len() as u64, journal.length());
        bytes
    }

    fn read_all(bytes: &[u8]) -> (Vec<Entry>, Tail) {
        let mut entries = Vec::new();
        let tail = read(bytes, |entry| entries.push(entry));
        (entries, tail)
    }

    #[test]
    fn what_was_synced_is_read_again_up_to_the_first_damage() {
        let mut adopt = entry("a", 9);
        adopt.op = Op::Adopt(vec![1, 2, 3]);
        let (first, second) = ([entry("a", 5), entry("b", 1), entry("a", 6)], [entry("a", 7), adopt]);
        let bytes = written(&[&first, &[], &second]);
        let all = [first.to_vec(), second.to_vec()].concat();
        assert_eq!(read_all(&bytes), (all.clone(), Tail::Whole));
        for end in 0..bytes.len() {
            let (entries, tail) = read_all(&bytes[..end]);
            let whole = [0, first.len(), all.len()];
            assert!(whole.contains(&entries.len()) && all.starts_with(&entries), "cut at {end}");
            assert!(
                tail != Tail::Whole || end == bytes.len() - read_frame_length(&bytes, 1) || end == HEADER
            );
        }
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let (entries, tail) = read_all(&bytes);
            assert!(all.starts_with(&entries), "bit {bit}");
            // The number is in the name as well, and nobody reads it in the header.
            assert!(tail != Tail::Whole || (6..HEADER).contains(&(bit / 8)), "bit {bit}");
        }
    }

    fn read_frame_length(bytes: &[u8], nth: usize) -> usize {
        let mut rest = &bytes[HEADER..];
        for _ in 0..nth {
            rest = frame(rest).unwrap().1;
        }
        rest.len()
    }

    #[test]
    fn a_reading_takes_few_bytes() {
        let entries: Vec<_> = (1..=1000).map(|step| entry("temperature", step)).collect();
        let bytes = written(&[&entries]);
        assert!(bytes.len() < 19 * entries.len(), "{}", bytes.len());
    }
}
