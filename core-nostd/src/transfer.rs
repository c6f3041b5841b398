//! Models that travel: a snapshot in pieces that fit the link, a 51-byte LoRa payload included.
//!
//! The receiver leads. It is offered a model and asks for pieces in order; what is lost it asks for again. So nothing has
//! to be timed but the receiver's own patience, and a sender keeps no state but the bytes.
//! ```text
//! sender    Offer { channel, transfer, length, checksum }
//! receiver  Want  { transfer, from, most }        again whenever nothing comes
//! sender    Piece { transfer, from, data } ..     at most so many
//! receiver  checks the whole, loads it, answers   or refuses with a reason
//! ```

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::message::Label;

/// The most bytes in a piece.
/// ```
/// assert!(brooklet_core::transfer::MAX_PIECE < brooklet_core::frame::MAX);
/// ```
pub const MAX_PIECE: usize = 192;
/// Bytes in a piece whose frame fits a LoRa payload of 51 bytes (EU868 at the slowest data rate).
/// ```
/// use brooklet_core::{frame, message::Message, transfer::{LORA_PIECE, Piece}};
/// let data = heapless::Vec::from_slice(&[1; LORA_PIECE]).unwrap();
/// let longest = Message::Piece(Piece { transfer: u16::MAX, from: u16::MAX, data });
/// assert_eq!(frame::encode(u16::MAX, &longest, &mut [0; 51]).unwrap().len(), 51);
/// ```
pub const LORA_PIECE: usize = 36;

const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// Here is a model.
/// ```
/// use brooklet_core::transfer::Offer;
/// let offer = Offer::new("temp".try_into().unwrap(), &[1, 2, 3]).unwrap();
/// assert_eq!((offer.length, offer.checksum), (3, 0x55BC_801D));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Whose model.
    pub channel: Label,
    /// Tells this model's pieces from those of others.
    pub transfer: u16,
    /// In bytes.
    pub length: u16,
    /// CRC-32 over all bytes.
    pub checksum: u32,
}

/// Send pieces of it, from a byte on.
/// ```
/// use brooklet_core::transfer::Want;
/// assert_eq!(postcard::to_slice(&Want { transfer: 1, from: 300, most: 4 }, &mut [0; 16]).unwrap().len(), 4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// Of which offer.
    pub transfer: u16,
    /// The first byte wanted.
    pub from: u16,
    /// At most so many pieces.
    pub most: u8,
}

/// A piece of a model.
/// ```
/// use brooklet_core::transfer::{Offer, pieces, Want};
/// let offer = Offer::new("temp".try_into().unwrap(), &[7; 100]).unwrap();
/// let want = Want { transfer: offer.transfer, from: 50, most: 9 };
/// let pieces: Vec<_> = pieces(&[7; 100], &want, 36).map(|piece| (piece.from, piece.data.len())).collect();
/// assert_eq!(pieces, [(50, 36), (86, 14)]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Of which offer.
    pub transfer: u16,
    /// Where its first byte belongs.
    pub from: u16,
    /// The bytes.
    pub data: Vec<u8, MAX_PIECE>,
}

impl Offer {
    /// Offers these bytes. `None` if they are more than 65,535, or none.
    #[must_use]
    pub fn new(channel: Label, bytes: &[u8]) -> Option<Self> {
        let length = u16::try_from(bytes.len()).ok().filter(|length| *length > 0)?;
        let checksum = CRC.checksum(bytes);
        // A part of the checksum: the same model offered again is the same transfer, and goes on where it was.
        Some(Self { channel, transfer: checksum as u16, length, checksum })
    }
}

/// The pieces that `want` asks for, each of at most `piece` bytes (1 to [`MAX_PIECE`]).
/// ```
/// use brooklet_core::transfer::{pieces, Want};
/// let none = Want { transfer: 0, from: 3, most: 9 };
/// assert_eq!(pieces(&[1, 2, 3], &none, 36).count(), 0);
/// ```
pub fn pieces<'a>(bytes: &'a [u8], want: &Want, piece: usize) -> impl Iterator<Item = Piece> + use<'a> {
    let piece = piece.clamp(1, MAX_PIECE);
    let (transfer, mut from) = (want.transfer, want.from);
    (0..want.most).map_while(move |_| {
        let rest = bytes.get(usize::from(from)..).filter(|rest| !rest.is_empty())?;
        let data = Vec::from_slice(rest.get(..piece).unwrap_or(rest)).ok()?;
        let made = Piece { transfer, from, data };
        from = made.end();
        Some(made)
    })
}

impl Piece {
    fn end(&self) -> u16 {
        // At most 192.
        self.from.saturating_add(self.data.len() as u16)
    }
}

/// What a piece changed.
/// ```
/// use brooklet_core::transfer::{Incoming, Offer, Progress, Want, pieces};
/// let mut incoming = Incoming::<64>::new();
/// let offer = Offer::new("temp".try_into().unwrap(), &[1, 2, 3]).unwrap();
/// let want = incoming.accept(&offer, 4).unwrap();
/// for piece in pieces(&[1, 2, 3], &want, 36) {
///     assert_eq!(incoming.take(&piece), Progress::Complete);
/// }
/// assert_eq!(incoming.bytes(), Some(&[1, 2, 3][..]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More is to come; nothing to say.
    More,
    /// What was asked for is here, or a piece was lost: ask for this.
    Ask(Want),
    /// All bytes are here, and their checksum holds.
    Complete,
    /// All bytes are here, but their checksum does not hold; forgotten.
    Damaged,
    /// Not of the model on its way.
    Stray,
}

/// A model on its way in, or one of one's own to be sent, of at most `BYTES` bytes.
///
/// Memory: `BYTES` and 64 bytes.
/// ```
/// use brooklet_core::transfer::{Incoming, Offer};
/// let offer = Offer::new("temp".try_into().unwrap(), &[7; 100]).unwrap();
/// assert!(Incoming::<99>::new().accept(&offer, 4).is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Incoming<const BYTES: usize> {
    offer: Option<Offer>,
    bytes: Vec<u8, BYTES>,
    /// Pieces asked for and not yet come.
    due: u8,
    most: u8,
}

impl<const BYTES: usize> Incoming<BYTES> {
    /// Nothing on its way.
    #[must_use]
    pub const fn new() -> Self {
        Self { offer: None, bytes: Vec::new(), due: 0, most: 1 }
    }

    /// Accepts an offer and says what to ask for, `most` pieces (at least 1) at a time. The offer of before goes on where
    /// it was; another takes its place. `None` if it does not fit.
    pub fn accept(&mut self, offer: &Offer, most: u8) -> Option<Want> {
        if usize::from(offer.length) > BYTES || offer.length == 0 {
            return None;
        }
        if self.offer.as_ref() != Some(offer) || self.is_complete() {
            self.offer = Some(offer.clone());
            self.bytes.clear();
        }
        self.most = Ord::max(most, 1);
        self.ask()
    }

    /// Whose model is on its way, or complete.
    #[must_use]
    pub fn offer(&self) -> Option<&Offer> {
        self.offer.as_ref()
    }

    /// What to ask for when nothing came for a while. `None` if nothing is missing.
    pub fn ask(&mut self) -> Option<Want> {
        let offer = self.offer.as_ref().filter(|_| !self.is_complete())?;
        self.due = self.most;
        Some(Want { transfer: offer.transfer, from: self.bytes.len() as u16, most: self.most })
    }

    /// Takes a piece.
    pub fn take(&mut self, piece: &Piece) -> Progress {
        let Some(offer) = self.offer.as_ref().filter(|offer| offer.transfer == piece.transfer) else {
            return Progress::Stray;
        };
        let (here, length, checksum) = (self.bytes.len(), usize::from(offer.length), offer.checksum);
        if self.is_complete() || piece.data.is_empty() || usize::from(piece.end()) <= here {
            return Progress::Stray;
        }
        self.due = self.due.saturating_sub(1);
        if usize::from(piece.from) != here {
            // Something before it was lost: the rest of what was asked for is of no use, so ask once it is through.
            return if self.due == 0 {
                self.ask().map_or(Progress::Stray, Progress::Ask)
            } else {
                Progress::More
            };
        }
        if here.saturating_add(piece.data.len()) > length
            || piece.data.iter().any(|byte| self.bytes.push(*byte).is_err())
        {
            self.clear();
            return Progress::Damaged;
        }
        if self.bytes.len() == length {
            if CRC.checksum(&self.bytes) == checksum {
                return Progress::Complete;
            }
            self.clear();
            return Progress::Damaged;
        }
        if self.due == 0 { self.ask().map_or(Progress::More, Progress::Ask) } else { Progress::More }
    }

    /// The model, once it is complete.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        self.is_complete().then_some(&self.bytes)
    }

    /// Holds a model of one's own, to be sent in [`pieces`]: `write` puts it at the front of the room and says its length.
    /// It takes the place of what was here. `None` if `write` could not, and then nothing is here.
    /// ```
    /// use brooklet_core::transfer::Incoming;
    /// let mut held = Incoming::<64>::new();
    /// let offer = held.hold("temp".try_into().unwrap(), |room| { room[..2].copy_from_slice(&[7, 8]); Some(2) });
    /// assert_eq!(offer.unwrap().length, 2);
    /// assert_eq!(held.bytes(), Some(&[7, 8][..]));
    /// ```
    pub fn hold(&mut self, channel: Label, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<&Offer> {
        self.clear();
        self.bytes.resize(BYTES, 0).ok()?;
        let length = write(&mut self.bytes).unwrap_or(0);
        self.bytes.truncate(length);
        self.offer = Offer::new(channel, &self.bytes);
        self.offer.as_ref()
    }

    /// Forgets it.
    pub fn clear(&mut self) {
        self.offer = None;
        self.bytes.clear();
    }

    fn is_complete(&self) -> bool {
        self.offer.as_ref().is_some_and(|offer| usize::from(offer.length) == self.bytes.len())
    }
}

impl<const BYTES: usize> Default for Incoming<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use std::vec::Vec as Many;

    fn model(length: usize) -> (Many<u8>, Offer) {
        let bytes: Many<u8> = (0..length).map(|i| (i * 7) as u8).collect();
        let offer = Offer::new("t".try_into().unwrap(), &bytes).unwrap();
        (bytes, offer)
    }

    /// A link that loses and repeats; the receiver asks again when nothing comes. Returns the pieces sent.
    fn send_over(rng: &mut Rng, lossy: bool, length: usize, piece: usize, most: u8) -> usize {
        let (bytes, offer) = model(length);
        let (mut incoming, mut sent) = (Incoming::<4096>::new(), 0);
        let mut want = incoming.accept(&offer, most).unwrap();
        loop {
            let mut next = None;
            for piece in pieces(&bytes, &want, piece) {
                sent += 1;
                let times = if lossy { rng.next_u64() % 3 } else { 1 };
                for _ in 0..times {
                    match incoming.take(&piece) {
                        Progress::Complete => {
                            assert_eq!(incoming.bytes(), Some(bytes.as_slice()));
                            return sent;
                        }
                        Progress::Ask(want) => next = Some(want),
                        Progress::More | Progress::Stray => {}
                        Progress::Damaged => panic!("not damaged"),
                    }
                }
            }
            assert!(sent < 10_000);
            want = next.or_else(|| incoming.ask()).unwrap();
        }
    }

    #[test]
    fn models_arrive_whole_over_links_that_lose_and_repeat() {
        let mut rng = Rng::new(4);
        for (length, piece, most) in
            [(1, 36, 1), (36, 36, 1), (2564, 36, 8), (2564, 192, 255), (4096, 192, 4)]
        {
            assert_eq!(send_over(&mut rng, false, length, piece, most), length.div_ceil(piece));
            for _ in 0..20 {
                send_over(&mut rng, true, length, piece, most);
            }
        }
    }

    #[test]
    fn what_does_not_belong_changes_nothing() {
        let (bytes, offer) = model(100);
        let mut incoming = Incoming::<4096>::new();
        assert_eq!(incoming.ask(), None);
        let want = incoming.accept(&offer, 2).unwrap();
        let of_another =
            Piece { transfer: offer.transfer ^ 1, from: 0, data: Vec::from_slice(&[1]).unwrap() };
        assert_eq!(incoming.take(&of_another), Progress::Stray);
        let first = pieces(&bytes, &want, 36).next().unwrap();
        assert_eq!(incoming.take(&first), Progress::More);
        assert_eq!(incoming.take(&first), Progress::Stray);
        // The same offer again goes on, another one begins anew.
        assert_eq!(incoming.accept(&offer, 2).unwrap().from, 36);
        assert_eq!(incoming.accept(&model(99).1, 2).unwrap().from, 0);
    }

    #[test]
    fn a_wrong_byte_is_noticed_at_the_end() {
        let (mut bytes, offer) = model(100);
        bytes[50] ^= 1;
        let mut incoming = Incoming::<4096>::new();
        let want = incoming.accept(&offer, 9).unwrap();
        let last = pieces(&bytes, &want, 36).map(|piece| incoming.take(&piece)).last();
        assert_eq!((last, incoming.bytes()), (Some(Progress::Damaged), None));
    }
}
