//! Messages as bytes that can be lost, damaged and repeated: sequence number, body, checksum.
//!
//! ```text
//! frame          sequence (varint)   body (postcard)   CRC-32 (little endian)
//! on a line      0   COBS(frame)   0
//! ```
//! On MQTT and LoRa a payload is one frame. On a serial line frames stand between zeros: whatever was damaged, the next
//! zero begins anew.

use cobs::{DecodeResult, DecoderState};
use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use heapless::Vec;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest frame in bytes.
/// ```
/// assert!(brooklet_core::frame::MAX < brooklet_core::frame::MAX_LINE);
/// ```
pub const MAX: usize = 256;
/// The longest frame as it stands on a line: COBS adds a byte, and one more in 254; a zero on both sides.
/// ```
/// assert_eq!(brooklet_core::frame::MAX_LINE, 260);
/// ```
pub const MAX_LINE: usize = MAX + 4;

const CHECKSUM: usize = 4;
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// Why there is no frame, or no message in it.
/// ```
/// use brooklet_core::frame::{self, Error};
/// assert_eq!(frame::decode::<u8>(&[0; 3]), Err(Error::Truncated));
/// assert_eq!(frame::decode::<u8>(&[0; 9]), Err(Error::Damaged));
/// assert_eq!(frame::encode(0, &[0_u8; 300].as_slice(), &mut [0; frame::MAX]), Err(Error::TooLong));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Longer than [`MAX`], or than the buffer.
    TooLong,
    /// Shorter than its checksum.
    Truncated,
    /// The checksum does not hold, or what stands on the line is not COBS.
    Damaged,
    /// The checksum holds, but this version does not know the message.
    Unknown,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the frame is too long",
            Self::Truncated => "the frame is cut short",
            Self::Damaged => "the frame is damaged: its checksum does not hold",
            Self::Unknown => "the frame holds a message that this version does not know",
        })
    }
}

impl core::error::Error for Error {}

/// Writes a frame to the front of `buffer` and returns it.
/// ```
/// use brooklet_core::frame;
/// let mut buffer = [0; frame::MAX];
/// let frame = frame::encode(7, &"hi", &mut buffer).unwrap();
/// assert_eq!((frame.len(), &frame[..4]), (8, &[7, 2, b'h', b'i'][..]));
/// ```
///
/// # Errors
/// [`Error::TooLong`].
pub fn encode<'a>(sequence: u16, body: &impl Serialize, buffer: &'a mut [u8]) -> Result<&'a [u8], Error> {
    let length = postcard::to_slice(&(sequence, body), buffer).map_err(|_| Error::TooLong)?.len();
    let (front, rest) = buffer.split_at_mut_checked(length).ok_or(Error::TooLong)?;
    let checksum = CRC.checksum(front).to_le_bytes();
    rest.get_mut(..CHECKSUM).ok_or(Error::TooLong)?.copy_from_slice(&checksum);
    let end = length.saturating_add(CHECKSUM);
    buffer.get(..end).filter(|frame| frame.len() <= MAX).ok_or(Error::TooLong)
}

/// Reads a frame: its sequence number and what is in it.
/// ```
/// use brooklet_core::frame;
/// let mut buffer = [0; frame::MAX];
/// let bytes = frame::encode(7, &3.5_f32, &mut buffer).unwrap();
/// assert_eq!(frame::decode(bytes), Ok((7, 3.5_f32)));
/// ```
///
/// # Errors
/// Any.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<(u16, T), Error> {
    if bytes.len() > MAX {
        return Err(Error::TooLong);
    }
    let (front, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(Error::Truncated)?;
    if CRC.checksum(front) != u32::from_le_bytes(*checksum) {
        return Err(Error::Damaged);
    }
    match postcard::take_from_bytes(front) {
        Ok((frame, [])) => Ok(frame),
        _ => Err(Error::Unknown),
    }
}

/// Writes a frame as it stands on a line.
/// ```
/// use brooklet_core::frame;
/// let mut buffer = [0; frame::MAX_LINE];
/// let line = frame::encode_line(0, &3.5_f32, &mut buffer).unwrap();
/// assert!(line.starts_with(&[0]) && line.ends_with(&[0]) && !line[1..line.len() - 1].contains(&0));
/// ```
///
/// # Errors
/// [`Error::TooLong`].
pub fn encode_line<'a>(
    sequence: u16,
    body: &impl Serialize,
    buffer: &'a mut [u8],
) -> Result<&'a [u8], Error> {
    let mut frame = [0; MAX];
    let frame = encode(sequence, body, &mut frame)?;
    let (first, room) = buffer.split_first_mut().ok_or(Error::TooLong)?;
    *first = 0;
    let length = cobs::try_encode(frame, room).map_err(|_| Error::TooLong)?;
    *room.get_mut(length).ok_or(Error::TooLong)? = 0;
    buffer.get(..length.saturating_add(2)).ok_or(Error::TooLong)
}

/// Finds frames in the bytes of a line.
///
/// Memory: 272 bytes. Back in step at the first zero after damage.
/// ```
/// use brooklet_core::frame::{self, Line};
/// let (mut line, mut buffer) = (Line::new(), [0; frame::MAX_LINE]);
/// let noise = [1, 2, 0, 9];
/// let bytes = frame::encode_line(5, &"hi", &mut buffer).unwrap();
/// let mut seen = 0;
/// for byte in noise.iter().chain(bytes) {
///     if let Some(Ok(frame)) = line.push(*byte) {
///         assert_eq!(frame::decode::<heapless::String<8>>(frame).unwrap().0, 5);
///         seen += 1;
///     }
/// }
/// assert_eq!(seen, 1);
/// ```
#[derive(Debug)]
pub struct Line {
    decoder: DecoderState,
    frame: Vec<u8, MAX>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The next byte begins a frame.
    Between,
    Within,
    /// Longer than any frame: passed over up to the next zero.
    TooLong,
}

impl Line {
    /// At the beginning of a frame.
    #[must_use]
    pub const fn new() -> Self {
        Self { decoder: DecoderState::Idle, frame: Vec::new(), state: State::Between }
    }

    /// Takes a byte. If it ends a frame: the frame, to be [decoded](decode), or why there is none.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Damaged`].
    pub fn push(&mut self, byte: u8) -> Option<Result<&[u8], Error>> {
        if self.state == State::Between {
            self.frame.clear();
            if byte == 0 {
                return None; // zeros between frames say nothing
            }
            self.state = State::Within;
        }
        let fed = self.decoder.feed(byte);
        if byte == 0 {
            let state = core::mem::replace(&mut self.state, State::Between);
            self.decoder = DecoderState::Idle;
            return Some(match (state, fed) {
                (State::TooLong, _) => Err(Error::TooLong),
                (_, Ok(DecodeResult::DataComplete)) => Ok(&self.frame),
                _ => Err(Error::Damaged),
            });
        }
        if let Ok(DecodeResult::DataContinue(data)) = fed
            && self.frame.push(data).is_err()
        {
            self.state = State::TooLong;
        }
        None
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

/// Follows the sequence numbers of one sender.
///
/// Memory: 8 bytes.
/// ```
/// use brooklet_core::frame::{Sequence, Step};
/// let mut sequence = Sequence::new();
/// assert_eq!(sequence.follow(65_535), Step::Next { lost: 0 });
/// assert_eq!(sequence.follow(2), Step::Next { lost: 2 });
/// assert_eq!(sequence.follow(2), Step::Repeat);
/// assert_eq!(sequence.follow(0), Step::Late);
/// assert_eq!(sequence.follow(3), Step::Next { lost: 0 });
/// assert_eq!(sequence.follow(0), Step::Restarted);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    last: Option<u16>,
    /// Bit `n` is set if the number `n + 1` before the last never came.
    missing: u32,
}

/// What a sequence number says.
/// ```
/// use brooklet_core::frame::{Sequence, Step};
/// assert_eq!(Sequence::new().follow(9), Step::Next { lost: 0 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A new frame, after so many that never came.
    Next {
        /// 0 if the frame before it was seen.
        lost: u16,
    },
    /// The last frame once more.
    Repeat,
    /// One of the last 32 that seemed lost: it came after later ones.
    Late,
    /// Numbers went back: the sender started anew.
    Restarted,
}

impl Sequence {
    /// Nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None, missing: 0 }
    }

    /// Takes the number of a frame that came.
    pub const fn follow(&mut self, sequence: u16) -> Step {
        let Some(last) = self.last else {
            self.last = Some(sequence);
            return Step::Next { lost: 0 };
        };
        let ahead = sequence.wrapping_sub(last);
        let behind = last.wrapping_sub(sequence);
        match (ahead, behind) {
            (0, _) => return Step::Repeat,
            (1..0x8000, _) => {
                let lost = ahead.saturating_sub(1);
                let before = match self.missing.checked_shl(ahead as u32) {
                    Some(before) => before,
                    None => 0,
                };
                let between = match 1_u32.checked_shl(lost as u32) {
                    Some(bit) => bit.wrapping_sub(1),
                    None => u32::MAX,
                };
                (self.last, self.missing) = (Some(sequence), before | between);
                return Step::Next { lost };
            }
            (_, 1..=32) => {
                // 1 to 32 behind.
                let bit = 1_u32.rotate_left(behind.wrapping_sub(1) as u32);
                if self.missing & bit != 0 {
                    self.missing &= !bit;
                    return Step::Late;
                }
            }
            _ => {}
        }
        (self.last, self.missing) = (Some(sequence), 0);
        Step::Restarted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec as Many;

    fn line(sequence: u16, body: &[u8]) -> Many<u8> {
        encode_line(sequence, &body, &mut [0; MAX_LINE]).unwrap().to_vec()
    }

    fn frames(bytes: &[u8]) -> Many<Result<u16, Error>> {
        let (mut line, mut seen) = (Line::new(), Many::new());
        for byte in bytes {
            if let Some(frame) = line.push(*byte) {
                seen.push(frame.and_then(|bytes| Ok(decode::<Vec<u8, MAX>>(bytes)?.0)));
            }
        }
        seen
    }

    #[test]
    fn every_length_goes_through_and_one_more_is_refused() {
        for length in 0..=249 {
            let body: Many<u8> = (0..length).map(|i| (i % 7) as u8).collect();
            assert_eq!(frames(&line(3, &body)), [Ok(3)], "{length}");
        }
        assert_eq!(encode_line(3, &[1_u8; 250].as_slice(), &mut [0; MAX_LINE]), Err(Error::TooLong));
        assert_eq!(encode_line(3, &1_u8, &mut [0; 7]), Err(Error::TooLong));
    }

    #[test]
    fn a_damaged_frame_costs_itself_alone() {
        let (a, b) = (line(1, &[5, 0, 0, 9]), line(2, &[]));
        for at in 0..a.len() {
            for bit in 0..8 {
                let mut damaged = a.clone();
                damaged[at] ^= 1 << bit;
                let seen = frames(&[damaged, b.clone()].concat());
                assert_eq!(seen.last(), Some(&Ok(2)), "{at} {bit}");
                // A flip in the first or last zero may leave the frame whole, never change it.
                assert!(
                    seen.iter().all(|frame| frame.is_err() || matches!(frame, Ok(1 | 2))),
                    "{at} {bit}: {seen:?}"
                );
            }
        }
    }

    #[test]
    fn noise_without_end_is_passed_over() {
        let mut noise: Many<u8> = core::iter::repeat_n(7, 10_000).collect();
        noise.extend(line(4, &[1]));
        assert_eq!(frames(&noise), [Err(Error::TooLong), Ok(4)]);
    }

    #[test]
    fn bytes_behind_the_message_are_no_message() {
        let mut buffer = [0; MAX];
        let frame = encode(1, &(2_u8, 3_u8), &mut buffer).unwrap();
        assert_eq!(decode::<u8>(frame), Err(Error::Unknown));
    }

    #[test]
    fn frames_that_change_places_are_not_lost() {
        use crate::rng::Rng;
        for seed in 0..500 {
            let mut rng = Rng::new(seed);
            let start = rng.next_u64() as u16;
            let mut below = |n: u64| rng.next_u64() % n;
            // Each up to 20 places late; a few never come.
            let mut order: Many<(u64, u64)> = (1..500).map(|i| (i + below(21), i)).collect();
            order.sort_unstable();
            let lost: Many<u64> = order.iter().map(|(_, i)| *i).filter(|_| below(30) == 0).collect();
            let mut sequence = Sequence::new();
            sequence.follow(start);
            let (mut missing, mut newest) = (0_i64, 0);
            for (_, i) in order.iter().filter(|(_, i)| !lost.contains(i)) {
                newest = newest.max(*i);
                match sequence.follow(start.wrapping_add(*i as u16)) {
                    Step::Next { lost } => missing += i64::from(lost),
                    Step::Late => missing -= 1,
                    step => panic!("{step:?}"),
                }
            }
            assert_eq!(missing, lost.iter().filter(|i| **i < newest).count() as i64, "seed {seed}");
        }
    }

    #[test]
    fn a_sender_that_begins_anew_is_told_from_one_that_is_late() {
        for last in [5, 33, 70] {
            let mut sequence = Sequence::new();
            for number in 0..=last {
                sequence.follow(number);
            }
            assert_eq!(sequence.follow(0), Step::Restarted, "{last}");
            assert_eq!(sequence.follow(1), Step::Next { lost: 0 });
        }
        let mut sequence = Sequence::new();
        sequence.follow(0);
        assert_eq!(sequence.follow(100), Step::Next { lost: 99 });
        assert_eq!(
            [68, 68, 67].map(|number| sequence.follow(number)),
            [Step::Late, Step::Restarted, Step::Restarted]
        );
    }
}
