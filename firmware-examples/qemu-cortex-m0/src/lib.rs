//! The board: a UART, and a way out. QEMU's microbit (nRF51822, Cortex-M0).
#![no_std]

use core::fmt::{self, Write as _};
use core::ptr;

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
const ENABLED: u32 = 4;
const BAUD_115200: u32 = 0x01D7_E000;

impl Uart {
    /// Both directions on.
    #[must_use]
    pub fn open() -> Self {
        // SAFETY: registers of this UART, which nothing else uses.
        unsafe {
            ptr::write_volatile(BAUD, BAUD_115200);
            ptr::write_volatile(ENABLE, ENABLED);
            ptr::write_volatile(START_RX, 1);
            ptr::write_volatile(START_TX, 1);
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

impl fmt::Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write(text.as_bytes());
        Ok(())
    }
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
    let _ = writeln!(Uart::open(), "{info}");
    exit(1)
}

#[cortex_m_rt::exception]
unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
    let _ = writeln!(Uart::open(), "hard fault, {frame:?}");
    exit(1)
}
