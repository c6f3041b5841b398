//! A device without a sensor: it plays a simulated recording to its gateway, in parts, and does what it is told.

use core::ops::Range;

use brooklet_core::anomaly::DefaultDetector;
use brooklet_core::message::Mode;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

use crate::device::{Board, Config, Device};
use crate::signal::Signal;
use crate::slots::Slots;

/// Readings in a part. The next begins when the gateway says who learns from now on.
pub const PART: usize = 1500;
/// Looks at a silent line before it counts as a tick.
const TICK: u32 = 1 << 20;

/// A serial line.
pub trait Line {
    /// The next byte that came, if one did.
    fn read(&mut self) -> Option<u8>;

    /// Sends; waits until there is room.
    fn write(&mut self, bytes: &[u8]);
}

struct Simulated<L, F> {
    line: L,
    slots: Slots<F>,
    told: bool,
}

impl<L: Line, F: NorFlash> Board for Simulated<L, F> {
    fn send(&mut self, bytes: &[u8]) {
        self.line.write(bytes);
    }

    fn keep(&mut self, _channel: usize, model: &[u8]) -> bool {
        self.slots.save(model).is_ok()
    }

    fn mode(&mut self, _mode: Mode) {
        self.told = true;
    }
}

// Never inlined: what it is made of would take up the stack for good, and a model is loaded on top of it.
#[inline(never)]
fn device(config: &Config<'_>) -> Device<DefaultDetector, 1> {
    Device::new(config, [("temp", DefaultDetector::new())])
}

/// Runs for ever; `range` of the flash is for the model.
pub fn play(config: &Config<'_>, line: impl Line, flash: impl NorFlash, range: Range<u32>) -> ! {
    let mut board = Simulated { line, slots: Slots::new(flash, range), told: false };
    let mut device = device(config);
    let _ = device.restore(0, |room| Some(board.slots.load(room).ok()??.len()));
    device.hello(&mut board);
    let (mut signal, mut silence) = (Signal::new(1), 0);
    loop {
        for moment in signal.by_ref().take(PART) {
            device.reading(0, moment.time(), moment.value(), &mut board);
            while let Some(byte) = board.line.read() {
                device.receive(byte, &mut board);
            }
        }
        while !core::mem::take(&mut board.told) {
            if let Some(byte) = board.line.read() {
                device.receive(byte, &mut board);
                silence = 0;
            } else {
                silence += 1;
                if silence == TICK {
                    device.tick(&mut board);
                    silence = 0;
                }
            }
        }
    }
}

/// Flash for a board that has none, or whose emulator has none.
#[derive(Debug)]
pub struct Memory<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Memory<BYTES> {
    /// Erased.
    #[must_use]
    pub const fn new() -> Self {
        Self([0xFF; BYTES])
    }
}

impl<const BYTES: usize> ErrorType for Memory<BYTES> {
    type Error = NorFlashErrorKind;
}

impl<const BYTES: usize> ReadNorFlash for Memory<BYTES> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        bytes.copy_from_slice(&self.0[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        BYTES
    }
}

impl<const BYTES: usize> NorFlash for Memory<BYTES> {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 1024;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        self.0[from as usize..to as usize].fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        self.0[offset as usize..].iter_mut().zip(bytes).for_each(|(old, new)| *old &= new);
        Ok(())
    }
}
