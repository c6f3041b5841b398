//! The board: a UART, and a way out. QEMU's mps2-an386 (Cortex-M4F); mps2-an385 (Cortex-M3) has the same map.
#![no_std]

use core::fmt::{self, Write as _};
use core::ptr;

use brooklet_firmware::simulated::Line;
use semihosting::process;

/// UART 0 of Arm's CMSDK. Made more than once, all write to the same wire.
pub struct Uart(());

const DATA: *mut u32 = 0x4000_4000 as *mut u32;
const STATE: *mut u32 = 0x4000_4004 as *mut u32;
const CONTROL: *mut u32 = 0x4000_4008 as *mut u32;
const DIVIDER: *mut u32 = 0x4000_4010 as *mut u32;
const TX_FULL: u32 = 1;
const RX_FULL: u32 = 1 << 1;
const TX_AND_RX: u32 = 0b11;
/// 115,200 baud at 25 MHz.
const BAUD: u32 = 217;

impl Uart {
    /// Both directions on.
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: registers of this UART, which nothing else uses.
        unsafe {
            ptr::write_volatile(DIVIDER, BAUD);
            ptr::write_volatile(CONTROL, TX_AND_RX);
            // What came before is nobody's; and QEMU looks for more input only when DATA is read.
            ptr::read_volatile(DATA);
        }
        Self(())
    }

    /// The next byte that came, if one did.
    pub fn read(&mut self) -> Option<u8> {
        // SAFETY: registers of this UART; reading DATA takes the byte that STATE speaks of.
        unsafe { (ptr::read_volatile(STATE) & RX_FULL != 0).then(|| ptr::read_volatile(DATA) as u8) }
    }

    /// Sends; waits while the UART is busy.
    pub fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            // SAFETY: registers of this UART.
            unsafe {
                while ptr::read_volatile(STATE) & TX_FULL != 0 {}
                ptr::write_volatile(DATA, u32::from(*byte));
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
