//! The board: a UART, and a way out. QEMU's microbit (nRF51822, Cortex-M0).
#![no_std]

use core::fmt::{self, Write as _};
use core::ops::Range;
use core::ptr;

use brooklet_firmware::simulated::Line;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use semihosting::process;

/// The UART of the nRF51. Made more than once, all write to the same wire.
pub struct Uart(());

const START_RX: *mut u32 = 0x4000_2000 as *mut u32;
const START_TX: *mut u32 = 0x4000_2008 as *mut u32;
const RX_READY: *mut u32 = 0x4000_2108 as *mut u32;
const TX_READY: *mut u32 = 0x4000_211C as *mut u32;
const ENABLE: *mut u32 = 0x4000_2500 as *mut u32;
const RX: *mut u32 = 0x4000_2518 as *mut u32;
const TX: *mut u32 = 0x4000_251C as *mut u32;
const BAUD: *mut u32 = 0x4000_2524 as *mut u32;
/// Timer 0, which overflows every 65 ms.
const START_TIMER: *mut u32 = 0x4000_8000 as *mut u32;
const ENABLED: u32 = 4;
const BAUD_115200: u32 = 0x01D7_E000;

impl Uart {
    /// Both directions on.
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: registers of this UART and of timer 0, which nothing else uses.
        unsafe {
            ptr::write_volatile(BAUD, BAUD_115200);
            ptr::write_volatile(ENABLE, ENABLED);
            ptr::write_volatile(START_RX, 1);
            ptr::write_volatile(START_TX, 1);
            // QEMU, asleep when the receiver was still off, looks for input again when something wakes it: a timer does.
            ptr::write_volatile(START_TIMER, 1);
        }
        Self(())
    }

    /// The next byte that came, if one did.
    pub fn read(&mut self) -> Option<u8> {
        // SAFETY: registers of this UART; the event is cleared before the byte is taken, for the next byte sets it again.
        unsafe {
            (ptr::read_volatile(RX_READY) != 0).then(|| {
                ptr::write_volatile(RX_READY, 0);
                ptr::read_volatile(RX) as u8
            })
        }
    }

    /// Sends; waits until each byte is out.
    pub fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            // SAFETY: registers of this UART.
            unsafe {
                ptr::write_volatile(TX_READY, 0);
                ptr::write_volatile(TX, u32::from(*byte));
                while ptr::read_volatile(TX_READY) == 0 {}
            }
        }
    }
}

impl Line for Uart {
    fn read(&mut self) -> Option<u8> {
        self.read()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.write(bytes);
    }
}

impl fmt::Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write(text.as_bytes());
        Ok(())
    }
}

/// The chip's flash. Reads are of what the program itself lies in.
pub struct Flash(());

/// Where models are kept: behind the program, see `memory.x`.
pub const MODELS: Range<u32> = 0x3_E000..0x4_0000;

const FLASH_READY: *mut u32 = 0x4001_E400 as *mut u32;
const FLASH_CONFIG: *mut u32 = 0x4001_E504 as *mut u32;
const FLASH_ERASE: *mut u32 = 0x4001_E508 as *mut u32;
const READ_ONLY: u32 = 0;
const WRITE: u32 = 1;
const ERASE: u32 = 2;

impl Flash {
    /// As it is.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }

    /// Has the controller do something with words of [`MODELS`].
    fn control(mode: u32, register: *mut u32, value: u32) {
        // SAFETY: registers of the flash controller, or a word behind the program, as the callers check; nothing else
        // uses them.
        unsafe {
            ptr::write_volatile(FLASH_CONFIG, mode);
            ptr::write_volatile(register, value);
            while ptr::read_volatile(FLASH_READY) == 0 {}
            ptr::write_volatile(FLASH_CONFIG, READ_ONLY);
        }
    }
}

impl ErrorType for Flash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        for (byte, at) in bytes.iter_mut().zip(offset..) {
            // SAFETY: within the flash, as was checked; volatile, for it changes unseen.
            *byte = unsafe { ptr::read_volatile(at as *const u8) };
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        MODELS.end as usize
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 1024;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        behind_the_program(from)?;
        (from..to).step_by(Self::ERASE_SIZE).for_each(|page| Self::control(ERASE, FLASH_ERASE, page));
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        behind_the_program(offset)?;
        for (word, at) in bytes.chunks_exact(4).zip((offset..).step_by(4)) {
            Self::control(WRITE, at as *mut u32, u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        }
        Ok(())
    }
}

const fn behind_the_program(offset: u32) -> Result<(), NorFlashErrorKind> {
    if offset < MODELS.start { Err(NorFlashErrorKind::OutOfBounds) } else { Ok(()) }
}

/// Ends the emulator with this exit code.
pub fn exit(code: i32) -> ! {
    process::exit(code)
}

/// Whether QEMU was given this argument, as in `-semihosting-config enable=on,target=native,arg=bits,arg=ARGUMENT`.
#[must_use]
pub fn argument(argument: &str) -> bool {
    let arguments = semihosting::experimental::env::args::<256>();
    arguments.is_ok_and(|arguments| (&arguments).any(|given| given == Ok(argument)))
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(Uart::new(), "{info}");
    exit(1)
}

#[cortex_m_rt::exception]
unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
    let _ = writeln!(Uart::new(), "hard fault, {frame:?}");
    exit(1)
}
