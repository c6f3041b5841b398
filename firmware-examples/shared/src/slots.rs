//! A model that outlives power: two slots of flash, written in turn, so that one of them is always whole.
//!
//! ```text
//! slot    magic   counter   length   CRC-32   then the model
//!         written last: until then the slot does not count
//! ```
//! The newest slot whose checksum holds wins; the other is the next to be erased. A power cut costs at most what was being
//! saved. A slot that does not read back as written is not committed.
//!
//! Wear: a save erases one slot. One save an hour is 12 erases a day for each: flash of 10,000 cycles lasts over two years,
//! of 100,000 cycles over twenty. One save a day makes it 54 years and more.
//!
//! Of one's own, because a value of `sequential-storage` has to fit in one page, and a model does not fit in the pages of
//! 1 or 2 kB that small parts have; it also wants async flash.

use core::ops::Range;

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use embedded_storage::nor_flash::NorFlash;

const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);
const MAGIC: u32 = u32::from_le_bytes(*b"BKSL");
const HEADER: usize = 16;
/// Flash is read and written by so many bytes: a multiple of any word size there is.
const CHUNK: usize = 64;

/// Why a model was not saved. The one saved before is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// It does not fit in a slot.
    TooLong,
    /// What was written does not read back: the flash is worn.
    Worn,
    /// The flash's driver says so.
    Flash(E),
}

impl<E> From<E> for Error<E> {
    fn from(error: E) -> Self {
        Self::Flash(error)
    }
}

/// Two slots in a range of flash.
#[derive(Debug)]
pub struct Slots<F> {
    flash: F,
    start: u32,
    slot: u32,
}

struct Header {
    counter: u32,
    length: u32,
    checksum: u32,
}

impl<F: NorFlash> Slots<F> {
    /// Where a slot's model begins: the header has its words for itself, for none may be written twice.
    const MODEL: usize = HEADER.next_multiple_of(F::WRITE_SIZE).next_multiple_of(F::READ_SIZE);

    /// The two halves of `range`, which begins at an erase boundary; what is left over is left alone.
    pub fn new(flash: F, range: Range<u32>) -> Self {
        const { assert!(CHUNK.is_multiple_of(F::WRITE_SIZE) && CHUNK.is_multiple_of(F::READ_SIZE)) }
        let page = F::ERASE_SIZE as u32;
        Self { flash, start: range.start, slot: (range.end - range.start) / 2 / page * page }
    }

    /// Reads the model saved last to the front of `buffer`. `None` if none was, or it is longer than the buffer.
    ///
    /// # Errors
    /// Those of the flash.
    pub fn load<'a>(&mut self, buffer: &'a mut [u8]) -> Result<Option<&'a [u8]>, F::Error> {
        let Some((slot, header)) = self.newest()? else { return Ok(None) };
        let Some(model) = buffer.get_mut(..header.length as usize) else { return Ok(None) };
        self.read(slot, &header, |at, bytes| model[at..at + bytes.len()].copy_from_slice(bytes))?;
        // Read twice: what a worn cell says may change.
        Ok((checksum(header.counter, model) == header.checksum).then_some(model))
    }

    /// Saves a model in place of the older one.
    ///
    /// # Errors
    /// Any.
    pub fn save(&mut self, model: &[u8]) -> Result<(), Error<F::Error>> {
        if model.len() > self.room() {
            return Err(Error::TooLong);
        }
        let (slot, counter) = match self.newest()? {
            Some((slot, header)) => (1 - slot, header.counter.wrapping_add(1)),
            None => (0, 0),
        };
        let base = self.base(slot);
        self.flash.erase(base, base + self.slot)?;
        for (i, bytes) in model.chunks(CHUNK).enumerate() {
            self.write(base + (Self::MODEL + i * CHUNK) as u32, bytes)?;
        }
        let header = Header { counter, length: model.len() as u32, checksum: checksum(counter, model) };
        let mut same = true;
        self.read(slot, &header, |at, bytes| same &= model[at..at + bytes.len()] == *bytes)?;
        if !same {
            return Err(Error::Worn);
        }
        let words = [MAGIC, header.counter, header.length, header.checksum].map(u32::to_le_bytes);
        self.write(base, words.as_flattened())?;
        match self.newest()? {
            Some((newest, header)) if newest == slot && header.counter == counter => Ok(()),
            _ => Err(Error::Worn),
        }
    }

    /// The newest slot whose checksum holds.
    fn newest(&mut self) -> Result<Option<(u32, Header)>, F::Error> {
        let (a, b) = (self.whole(0)?, self.whole(1)?);
        Ok(match (a, b) {
            // The counter may wrap.
            (Some(a), Some(b)) if b.counter.wrapping_sub(a.counter) as i32 > 0 => Some((1, b)),
            (Some(a), _) => Some((0, a)),
            (None, b) => b.map(|b| (1, b)),
        })
    }

    /// A slot's header, if its checksum holds.
    fn whole(&mut self, slot: u32) -> Result<Option<Header>, F::Error> {
        let mut chunk = [0; CHUNK];
        self.flash.read(self.base(slot), &mut chunk)?;
        let word = |i: usize| u32::from_le_bytes([chunk[i], chunk[i + 1], chunk[i + 2], chunk[i + 3]]);
        let header = Header { counter: word(4), length: word(8), checksum: word(12) };
        if word(0) != MAGIC || header.length as usize > self.room() {
            return Ok(None);
        }
        let mut digest = CRC.digest();
        digest.update(&header.counter.to_le_bytes());
        self.read(slot, &header, |_, bytes| digest.update(bytes))?;
        Ok((digest.finalize() == header.checksum).then_some(header))
    }

    /// A slot's model, part by part with its place.
    fn read(
        &mut self,
        slot: u32,
        header: &Header,
        mut each: impl FnMut(usize, &[u8]),
    ) -> Result<(), F::Error> {
        let (mut chunk, length) = ([0; CHUNK], header.length as usize);
        for at in (0..length).step_by(CHUNK) {
            self.flash.read(self.base(slot) + (Self::MODEL + at) as u32, &mut chunk)?;
            each(at, &chunk[..CHUNK.min(length - at)]);
        }
        Ok(())
    }

    /// Writes at most a chunk, filled up to whole words with what erased flash holds.
    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), F::Error> {
        let mut chunk = [0xFF; CHUNK];
        chunk[..bytes.len()].copy_from_slice(bytes);
        self.flash.write(at, &chunk[..bytes.len().next_multiple_of(F::WRITE_SIZE)])
    }

    /// For a model, which is read in whole chunks.
    const fn room(&self) -> usize {
        (self.slot as usize).saturating_sub(Self::MODEL) / CHUNK * CHUNK
    }

    const fn base(&self, slot: u32) -> u32 {
        self.start + slot * self.slot
    }
}

fn checksum(counter: u32, model: &[u8]) -> u32 {
    let mut digest = CRC.digest();
    digest.update(&counter.to_le_bytes());
    digest.update(model);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use brooklet_core::rng::Rng;
    use embedded_storage::nor_flash::{
        ErrorType, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
    };
    use std::vec::Vec;

    /// Flash with words of `W` bytes and pages of `E`: writes clear bits, a word is written once. Its power can be cut at
    /// any byte; the word or page under way is then undefined.
    #[derive(Clone)]
    struct Flash<const W: usize, const E: usize> {
        bytes: Vec<u8>,
        written: Vec<bool>,
        /// Bytes still written or erased until the power is cut.
        power: usize,
        rng: Rng,
        erases: usize,
        worn: Option<usize>,
    }

    impl<const W: usize, const E: usize> Flash<W, E> {
        fn new(pages: usize) -> Self {
            let bytes = std::vec![0xFF; pages * E];
            let written = std::vec![false; pages * E / W];
            Self { bytes, written, power: usize::MAX, rng: Rng::new(7), erases: 0, worn: None }
        }

        /// So many of `bytes` can still be done.
        fn spend(&mut self, bytes: usize) -> usize {
            let done = bytes.min(self.power);
            self.power -= done;
            done
        }
    }

    impl<const W: usize, const E: usize> ErrorType for Flash<W, E> {
        type Error = NorFlashErrorKind;
    }

    impl<const W: usize, const E: usize> ReadNorFlash for Flash<W, E> {
        const READ_SIZE: usize = W;

        fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
            check_read(self, offset, bytes.len())?;
            bytes.copy_from_slice(&self.bytes[offset as usize..][..bytes.len()]);
            Ok(())
        }

        fn capacity(&self) -> usize {
            self.bytes.len()
        }
    }

    impl<const W: usize, const E: usize> NorFlash for Flash<W, E> {
        const WRITE_SIZE: usize = W;
        const ERASE_SIZE: usize = E;

        fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
            check_erase(self, from, to)?;
            for page in (from as usize..to as usize).step_by(E) {
                let done = self.spend(E);
                self.bytes[page..page + done].fill(0xFF);
                if done < E {
                    // Undefined: nothing happened, nearly all did, or anything between.
                    if done > 0 {
                        for byte in &mut self.bytes[page + done..page + E] {
                            *byte |= self.rng.next_u64() as u8;
                        }
                    }
                    return Err(NorFlashErrorKind::Other);
                }
                self.written[page / W..(page + E) / W].fill(false);
                self.erases += 1;
            }
            Ok(())
        }

        fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
            check_write(self, offset, bytes.len())?;
            for (i, word) in bytes.chunks(W).enumerate() {
                let at = offset as usize + i * W;
                assert!(!core::mem::replace(&mut self.written[at / W], true), "a word is written twice");
                let done = self.spend(W);
                for (old, new) in self.bytes[at..at + W].iter_mut().zip(word) {
                    let bits = if done < W { self.rng.next_u64() as u8 } else { 0 };
                    *old &= *new | bits;
                }
                if let Some(worn) = self.worn.filter(|worn| (at..at + W).contains(worn)) {
                    self.bytes[worn] |= 1;
                }
                if done < W {
                    return Err(NorFlashErrorKind::Other);
                }
            }
            Ok(())
        }
    }

    type Save<F> = fn(&mut Slots<F>, &[u8]) -> Result<(), Error<NorFlashErrorKind>>;
    type Load<F> = fn(&mut Slots<F>) -> Option<Vec<u8>>;

    fn model(n: usize, length: usize) -> Vec<u8> {
        let mut rng = Rng::new(n as u64);
        (0..length).map(|_| rng.next_u64() as u8).collect()
    }

    fn loaded<F: NorFlash<Error = NorFlashErrorKind>>(slots: &mut Slots<F>) -> Option<Vec<u8>> {
        slots.load(&mut [0; 4096]).unwrap().map(<[u8]>::to_vec)
    }

    /// Cuts the power at every byte of each of `saves` saves. What is then loaded is the model before or the new one, and
    /// the next save goes through. Returns the cuts, and how often it was not so.
    fn cut_everywhere<const W: usize, const E: usize>(
        pages: usize,
        saves: usize,
        length: usize,
        save: Save<Flash<W, E>>,
        load: Load<Flash<W, E>>,
    ) -> (usize, usize) {
        let range = E as u32..((pages - 1) * E) as u32;
        let on = |flash| Slots::new(flash, range.clone());
        let (mut flash, mut before) = (Flash::<W, E>::new(pages), None);
        let (mut cuts, mut failures) = (0, 0);
        for n in 0..saves {
            let new = model(n, length - n % 7);
            for power in 0.. {
                let mut slots = on(Flash { power, rng: Rng::new(power as u64), ..flash.clone() });
                if save(&mut slots, &new).is_ok() {
                    flash = Flash { power: usize::MAX, ..slots.flash };
                    break;
                }
                cuts += 1;
                slots.flash.power = usize::MAX;
                let found = load(&mut slots);
                let kept = found == before || found.as_ref() == Some(&new);
                let next = model(n + 1000, length);
                let saved = save(&mut slots, &next).is_ok() && load(&mut slots) == Some(next);
                failures += usize::from(!kept || !saved);
            }
            assert_eq!(load(&mut on(flash.clone())).as_ref(), Some(&new));
            before = Some(new);
        }
        let outside = |at: &usize| !(E..(pages - 1) * E).contains(at);
        assert!((0..pages * E).filter(outside).all(|at| flash.bytes[at] == 0xFF), "nothing beside the range");
        (cuts, failures)
    }

    #[test]
    fn a_power_cut_never_loses_or_mixes_a_model() {
        for (cuts, failures) in [
            cut_everywhere::<1, 64>(8, 12, 90, Slots::save, loaded),
            cut_everywhere::<4, 256>(4, 12, 90, Slots::save, loaded),
            cut_everywhere::<8, 128>(7, 12, 90, Slots::save, loaded),
            cut_everywhere::<32, 128>(8, 12, 90, Slots::save, loaded),
            cut_everywhere::<4, 1024>(8, 2, 2600, Slots::save, loaded),
        ] {
            assert!(cuts > 2_000, "{cuts}");
            assert_eq!(failures, 0);
        }
    }

    /// A control: the header first, and a loader that trusts it.
    fn header_first<F: NorFlash>(slots: &mut Slots<F>, model: &[u8]) -> Result<(), Error<F::Error>> {
        let newest = (0..2).filter_map(|slot| Some((slot, trusted(slots, slot)?.counter)));
        let (slot, counter) = newest.max_by_key(|of| of.1).map_or((0, 0), |of| (1 - of.0, of.1 + 1));
        let base = slots.base(slot);
        slots.flash.erase(base, base + slots.slot)?;
        let words = [MAGIC, counter, model.len() as u32, 0].map(u32::to_le_bytes);
        slots.write(base, words.as_flattened())?;
        for (i, bytes) in model.chunks(CHUNK).enumerate() {
            slots.write(base + (Slots::<F>::MODEL + i * CHUNK) as u32, bytes)?;
        }
        Ok(())
    }

    fn trusted<F: NorFlash>(slots: &mut Slots<F>, slot: u32) -> Option<Header> {
        let mut chunk = [0; CHUNK];
        slots.flash.read(slots.base(slot), &mut chunk).unwrap();
        let word = |i: usize| u32::from_le_bytes(chunk[i..i + 4].try_into().unwrap());
        let header = Header { counter: word(4), length: word(8), checksum: 0 };
        (word(0) == MAGIC && header.length < slots.slot - 64).then_some(header)
    }

    fn load_trusting<F: NorFlash>(slots: &mut Slots<F>) -> Option<Vec<u8>> {
        let newest = (0..2).filter_map(|slot| Some((slot, trusted(slots, slot)?)));
        let (slot, header) = newest.max_by_key(|(_, header)| header.counter)?;
        let mut model = Vec::new();
        slots.read(slot, &header, |_, bytes| model.extend_from_slice(bytes)).unwrap();
        Some(model)
    }

    /// A control: always the same slot.
    fn in_place<F: NorFlash>(slots: &mut Slots<F>, model: &[u8]) -> Result<(), Error<F::Error>> {
        slots.flash.erase(slots.start, slots.start + slots.slot * 2)?;
        slots.save(model)
    }

    #[test]
    fn the_test_sees_what_is_wrong() {
        let (_, failures) = cut_everywhere::<4, 256>(4, 4, 90, header_first, load_trusting);
        assert!(failures > 50, "header first: {failures}");
        let (_, failures) = cut_everywhere::<4, 256>(4, 4, 90, in_place, loaded);
        assert!(failures > 50, "one slot: {failures}");
    }

    #[test]
    fn a_thousand_saves_of_which_every_other_is_cut() {
        let mut rng = Rng::new(3);
        let mut slots = Slots::new(Flash::<4, 256>::new(4), 0..1024);
        let mut last = None;
        for n in 0..1000 {
            let new = model(n, 300);
            let cut = rng.next_u64().is_multiple_of(2);
            slots.flash.power = if cut { (rng.next_u64() % 900) as usize } else { usize::MAX };
            let saved = slots.save(&new).is_ok();
            slots.flash.power = usize::MAX;
            let found = loaded(&mut slots);
            assert!(found.as_ref() == Some(&new) || (!saved && found == last), "{n}");
            last = found;
        }
    }

    #[test]
    fn the_counter_wraps() {
        let mut slots = Slots::new(Flash::<4, 256>::new(4), 0..1024);
        let old = model(1, 50);
        let words = [MAGIC, u32::MAX, 50, checksum(u32::MAX, &old)].map(u32::to_le_bytes);
        slots.write(512, words.as_flattened()).unwrap();
        slots.write(512 + 16, &old).unwrap();
        assert_eq!(loaded(&mut slots), Some(old));
        for n in 2..5 {
            slots.save(&model(n, 50)).unwrap();
            assert_eq!(loaded(&mut slots), Some(model(n, 50)));
        }
        // Each save erased the two pages of one slot.
        assert_eq!(slots.flash.erases, 3 * 2);
    }

    #[test]
    fn a_worn_slot_never_wins() {
        // A stuck bit somewhere in the second slot: its model, its header.
        for stuck in [512, 512 + 4, 512 + 9, 512 + 16, 512 + 65] {
            let mut slots = Slots::new(Flash::<4, 256>::new(4), 0..1024);
            let (first, second) = (model(1, 50), std::vec![0; 50]);
            slots.save(&first).unwrap();
            slots.flash.worn = Some(stuck);
            let saved = slots.save(&second);
            let expected = if saved.is_ok() { &second } else { &first };
            assert_eq!(loaded(&mut slots).as_ref(), Some(expected), "{stuck}: {saved:?}");
            assert!(saved == Ok(()) || saved == Err(Error::Worn));
            assert_eq!(saved.is_ok(), stuck == 512 + 4, "{stuck}"); // where the bit shall be 1
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_nothing_is_lost() {
        let mut slots = Slots::new(Flash::<4, 256>::new(5), 0..1280); // the fifth page is left over
        slots.save(&[1; 448]).unwrap();
        assert_eq!(slots.save(&[2; 449]), Err(Error::TooLong));
        assert_eq!(slots.load(&mut [0; 447]), Ok(None));
        assert_eq!(loaded(&mut slots), Some(std::vec![1; 448]));
        assert_eq!(loaded(&mut Slots::new(Flash::<4, 256>::new(4), 0..1024)), None);
    }
}
