//! State that outlives power: a header, the state, a checksum. The same bytes on every platform.
//!
//! ```text
//! offset  0      4       5     6       8        12       16       20 ..          20 + length
//!         BKLT   format  0     kind    shape    digest   length   state          CRC-32
//! ```
//! All numbers little endian. `shape` is the size of the learner's type, so that most changes of the type are noticed;
//! `digest` says under which configuration it was learnt. State is postcard. Policy: a format that was released is never
//! changed; a new one gets a new number, and the number decides who reads it. What cannot be read is refused with a reason and left to the caller to keep.
//!
//! ```
//! use brooklet_core::{alarm::Settings, anomaly::DefaultDetector, monitor::Monitor, sample::Moment, snapshot};
//! let mut monitor = Monitor::new(DefaultDetector::new());
//! monitor.step(&Moment::new(1.0, None).unwrap(), &Settings::DEFAULT);
//! let mut bytes = [0; snapshot::MAX_BYTES];
//! let used = snapshot::save(&monitor, 7, &mut bytes).unwrap();
//! assert_eq!(snapshot::load::<Monitor<DefaultDetector>>(used, 7), Ok(monitor));
//! ```

use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::traits::Validate;

/// Enough for any registered detector of one channel with its alarm.
/// ```
/// use brooklet_core::{anomaly::Detector, monitor::Monitor, snapshot};
/// let mut bytes = [0; snapshot::MAX_BYTES];
/// for row in Detector::ROWS {
///     assert!(snapshot::save(&Monitor::new(Detector::from_name(row.name).unwrap()), 0, &mut bytes).is_ok());
/// }
/// ```
pub const MAX_BYTES: usize = 4096;
/// The format written.
/// ```
/// use brooklet_core::{snapshot, stats::AnyStatistic};
/// let mut bytes = [0; 64];
/// let used = snapshot::save(&AnyStatistic::from_name("mean").unwrap(), 0, &mut bytes).unwrap();
/// assert_eq!((&used[..4], used[4]), (&b"BKLT"[..], snapshot::FORMAT));
/// ```
pub const FORMAT: u8 = 1;
const MAGIC: [u8; 4] = *b"BKLT";
const HEADER: usize = 20;
const CHECKSUM: usize = 4;
/// Without a table: 1 kB of flash weighs more than the time of a rare save.
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// State that can be saved and loaded.
/// ```
/// use brooklet_core::{snapshot::{self, Snapshot}, traits::Validate};
/// #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
/// struct Counter { pulses: u32 }
/// impl Validate for Counter {
///     fn is_valid(&self) -> bool { true }
/// }
/// impl Snapshot for Counter {
///     const KIND: u16 = 0x8000; // those of this crate are below
/// }
/// let mut bytes = [0; 32];
/// let used = snapshot::save(&Counter { pulses: 9 }, 0, &mut bytes).unwrap();
/// assert_eq!(snapshot::load(used, 0), Ok(Counter { pulses: 9 }));
/// ```
pub trait Snapshot: Serialize + DeserializeOwned + Validate {
    /// What kind of state this is; never used for another.
    const KIND: u16;
}

/// Why a snapshot was not written or not read.
/// ```
/// use brooklet_core::{snapshot::{self, Error}, stats::AnyStatistic};
/// let mut bytes = [0; 64];
/// let length = snapshot::save(&AnyStatistic::from_name("mean").unwrap(), 0, &mut bytes).unwrap().len();
/// assert_eq!(snapshot::load::<AnyStatistic>(&bytes[..length - 1], 0), Err(Error::Truncated));
/// bytes[length - 1] ^= 1;
/// assert_eq!(snapshot::load::<AnyStatistic>(&bytes, 0), Err(Error::Damaged));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Error {
    /// The buffer is too small for the state.
    NoRoom,
    /// Shorter than its header, or than its header says.
    Truncated,
    /// Does not begin with `BKLT`.
    NotASnapshot,
    /// Written in a format that this version does not know.
    UnknownFormat(u8),
    /// The state of something else.
    WrongKind(u16),
    /// The state of another version or size of the same type.
    WrongShape(u32),
    /// Learnt under another configuration.
    WrongDigest(u32),
    /// The checksum does not hold: damaged.
    Damaged,
    /// The checksum holds but the state cannot be one.
    Invalid,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom => f.write_str("the buffer is too small for the snapshot"),
            Self::Truncated => f.write_str("the snapshot is cut short"),
            Self::NotASnapshot => f.write_str("not a Brooklet snapshot"),
            Self::UnknownFormat(format) => write!(f, "snapshot format {format} is unknown to this version"),
            Self::WrongKind(kind) => write!(f, "a snapshot of another kind ({kind})"),
            Self::WrongShape(shape) => {
                write!(f, "a snapshot of another version of this model ({shape} bytes)")
            }
            Self::WrongDigest(_) => f.write_str("the snapshot was learnt under another configuration"),
            Self::Damaged => f.write_str("the snapshot is damaged: its checksum does not hold"),
            Self::Invalid => {
                f.write_str("the snapshot's state is not a possible one for this version of the model")
            }
        }
    }
}

impl core::error::Error for Error {}

/// Writes the state to the front of `buffer` and returns what was written. `digest` stands for the configuration.
/// ```
/// use brooklet_core::{snapshot::{self, Error}, stats::AnyStatistic};
/// let mean = AnyStatistic::from_name("mean").unwrap();
/// assert_eq!(snapshot::save(&mean, 0, &mut [0; 20]), Err(Error::NoRoom));
/// assert!(snapshot::save(&mean, 0, &mut [0; 64]).is_ok());
/// ```
///
/// # Errors
/// [`Error::NoRoom`].
pub fn save<'a, T: Snapshot>(state: &T, digest: u32, buffer: &'a mut [u8]) -> Result<&'a [u8], Error> {
    write(state, T::KIND, state.shape(), digest, buffer)
}

/// As [`save`], as the row `tag` of its family would be saved: so a device that carries one learner and a gateway that
/// carries the whole family read each other's snapshots. The tag comes from the family's enum.
/// ```
/// use brooklet_core::anomaly::{Detector, DefaultDetector};
/// use brooklet_core::{monitor::Monitor, snapshot};
/// const TAG: u32 = Detector::tag("default").unwrap();
/// let (device, mut bytes) = (Monitor::new(DefaultDetector::new()), [0; snapshot::MAX_BYTES]);
/// let used = snapshot::save_row(&device, TAG, 7, &mut bytes).unwrap();
/// let gateway: Monitor<Detector> = snapshot::load(used, 7).unwrap();
/// assert_eq!(gateway.detector().name(), "default");
/// ```
///
/// # Errors
/// [`Error::NoRoom`].
pub fn save_row<'a, T: Snapshot>(
    state: &T,
    tag: u32,
    digest: u32,
    buffer: &'a mut [u8],
) -> Result<&'a [u8], Error> {
    write(&(tag, state), T::KIND, state.shape(), digest, buffer)
}

fn write<'a>(
    state: &impl Serialize,
    kind: u16,
    shape: u32,
    digest: u32,
    buffer: &'a mut [u8],
) -> Result<&'a [u8], Error> {
    let room = buffer.get_mut(HEADER..).ok_or(Error::NoRoom)?;
    let length = postcard::to_slice(state, room).map_err(|_| Error::NoRoom)?.len();
    let end = HEADER.saturating_add(length);
    let (front, rest) = buffer.split_at_mut_checked(end).ok_or(Error::NoRoom)?;
    let header = Header { kind, shape, digest, length: length as u32 };
    front.get_mut(..HEADER).ok_or(Error::NoRoom)?.copy_from_slice(&header.to_bytes());
    let checksum = CRC.checksum(front);
    rest.get_mut(..CHECKSUM).ok_or(Error::NoRoom)?.copy_from_slice(&checksum.to_le_bytes());
    buffer.get(..end.saturating_add(CHECKSUM)).ok_or(Error::NoRoom)
}

/// Reads a state that [`save`] wrote under the same `digest`. Bytes after it are ignored.
/// ```
/// use brooklet_core::{snapshot::{self, Error}, stats::AnyStatistic};
/// let (mean, mut bytes) = (AnyStatistic::from_name("mean").unwrap(), [0; 64]);
/// let used = snapshot::save(&mean, 7, &mut bytes).unwrap();
/// assert_eq!(snapshot::load::<AnyStatistic>(used, 8), Err(Error::WrongDigest(7)));
/// assert_eq!(snapshot::load(used, 7), Ok(mean));
/// ```
///
/// # Errors
/// Any but [`Error::NoRoom`]; the checks go from the outside in.
pub fn load<T: Snapshot>(bytes: &[u8], digest: u32) -> Result<T, Error> {
    let (state, header) = open(bytes, T::KIND, digest)?;
    read(state, &header)
}

/// Reads what [`save_row`] wrote, or a family's [`save`] of a learner that is its row `tag`.
/// ```
/// use brooklet_core::anomaly::{DefaultDetector, Detector, ZScore};
/// use brooklet_core::{monitor::Monitor, snapshot};
/// let (gateway, mut bytes) = (Monitor::new(Detector::from_name("default").unwrap()), [0; snapshot::MAX_BYTES]);
/// let used = snapshot::save(&gateway, 7, &mut bytes).unwrap();
/// let (own, other) = (Detector::tag("default").unwrap(), Detector::tag("zscore").unwrap());
/// assert!(snapshot::load_row::<Monitor<DefaultDetector>>(used, own, 7).is_ok());
/// assert!(snapshot::load_row::<Monitor<ZScore<5000>>>(used, other, 7).is_err());
/// ```
///
/// # Errors
/// As [`load`]; [`Error::WrongShape`] for another row.
pub fn load_row<T: Snapshot>(bytes: &[u8], tag: u32, digest: u32) -> Result<T, Error> {
    let (state, header) = open(bytes, T::KIND, digest)?;
    match postcard::take_from_bytes(state) {
        Ok((found, state)) if found == tag => read(state, &header),
        Ok::<(u32, _), _>(_) => Err(Error::WrongShape(header.shape)),
        Err(_) => Err(Error::Invalid),
    }
}

/// Stands for a learner chosen by its name alone: the digest under which gateways and devices exchange its snapshots.
/// ```
/// assert_eq!(brooklet_core::snapshot::digest("default"), 0xE35E_00DF);
/// ```
#[must_use]
pub const fn digest(learner: &str) -> u32 {
    CRC.checksum(learner.as_bytes())
}

/// Reads a part of a state, for `deserialize_with`.
// Never inlined: what a part is made of has left the stack when the next one is read; small boards have no room for all.
#[inline(never)]
pub(crate) fn read_part<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    T::deserialize(from)
}

/// Checks all but the state itself.
fn open(bytes: &[u8], kind: u16, digest: u32) -> Result<(&[u8], Header), Error> {
    let (header, state) = bytes.split_first_chunk::<HEADER>().ok_or(Error::Truncated)?;
    let header = Header::from_bytes(header)?;
    let length = header.length as usize;
    let state = state.get(..length).ok_or(Error::Truncated)?;
    let end = HEADER.saturating_add(length);
    let checksum =
        bytes.get(end..).and_then(|rest| rest.first_chunk::<CHECKSUM>()).ok_or(Error::Truncated)?;
    if CRC.checksum(bytes.get(..end).ok_or(Error::Truncated)?) != u32::from_le_bytes(*checksum) {
        return Err(Error::Damaged);
    }
    if header.kind != kind {
        return Err(Error::WrongKind(header.kind));
    }
    if header.digest != digest {
        return Err(Error::WrongDigest(header.digest));
    }
    Ok((state, header))
}

// The state is moved as little as can be: it lies on small stacks.
fn read<T: Snapshot>(bytes: &[u8], header: &Header) -> Result<T, Error> {
    // A type of another size seldom reads to its end, and never beyond it.
    let (state, rest) = postcard::take_from_bytes::<T>(bytes).map_err(|_| Error::Invalid)?;
    if !rest.is_empty() || state.shape() != header.shape {
        return Err(Error::WrongShape(header.shape));
    }
    if state.is_valid() { Ok(state) } else { Err(Error::Invalid) }
}

struct Header {
    kind: u16,
    shape: u32,
    digest: u32,
    length: u32,
}

impl Header {
    fn to_bytes(&self) -> [u8; HEADER] {
        let ([m0, m1, m2, m3], [k0, k1]) = (MAGIC, self.kind.to_le_bytes());
        let [s0, s1, s2, s3] = self.shape.to_le_bytes();
        let [d0, d1, d2, d3] = self.digest.to_le_bytes();
        let [l0, l1, l2, l3] = self.length.to_le_bytes();
        [m0, m1, m2, m3, FORMAT, 0, k0, k1, s0, s1, s2, s3, d0, d1, d2, d3, l0, l1, l2, l3]
    }

    fn from_bytes(bytes: &[u8; HEADER]) -> Result<Self, Error> {
        let [m0, m1, m2, m3, format, _, k0, k1, s0, s1, s2, s3, d0, d1, d2, d3, l0, l1, l2, l3] = *bytes;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(Error::NotASnapshot);
        }
        if format != FORMAT {
            return Err(Error::UnknownFormat(format));
        }
        Ok(Self {
            kind: u16::from_le_bytes([k0, k1]),
            shape: u32::from_le_bytes([s0, s1, s2, s3]),
            digest: u32::from_le_bytes([d0, d1, d2, d3]),
            length: u32::from_le_bytes([l0, l1, l2, l3]),
        })
    }
}
