//! The board: a UART, and a way out. QEMU's virt (RV32IMAC).
#![no_std]

use core::fmt::{self, Write as _};
use core::ptr;

use brooklet_firmware::simulated::Line;
use semihosting::process;

/// A 16550 UART. Made more than once, all write to the same wire.
pub struct Uart(());

const DATA: *mut u8 = 0x1000_0000 as *mut u8;
const FIFO_CONTROL: *mut u8 = 0x1000_0002 as *mut u8;
const LINE_CONTROL: *mut u8 = 0x1000_0003 as *mut u8;
const LINE_STATUS: *mut u8 = 0x1000_0005 as *mut u8;
const FIFO_ON: u8 = 1;
const EIGHT_BITS: u8 = 0b11;
const RX_READY: u8 = 1;
const TX_EMPTY: u8 = 1 << 5;

impl Uart {
    /// Eight bits, no parity, with its FIFOs; the speed is QEMU's.
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: registers of this UART, which nothing else uses.
        unsafe {
            ptr::write_volatile(LINE_CONTROL, EIGHT_BITS);
            ptr::write_volatile(FIFO_CONTROL, FIFO_ON);
            // What came before is nobody's; and QEMU looks for more input only when DATA is read.
            ptr::read_volatile(DATA);
        }
        Self(())
    }

    /// The next byte that came, if one did.
    pub fn read(&mut self) -> Option<u8> {
        // SAFETY: registers of this UART; reading DATA takes the byte that LINE_STATUS speaks of.
        unsafe { (ptr::read_volatile(LINE_STATUS) & RX_READY != 0).then(|| ptr::read_volatile(DATA)) }
    }

    /// Sends; waits while the UART is busy.
    pub fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            // SAFETY: registers of this UART.
            unsafe {
                while ptr::read_volatile(LINE_STATUS) & TX_EMPTY == 0 {}
                ptr::write_volatile(DATA, *byte);
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

#[unsafe(export_name = "ExceptionHandler")]
fn exception(frame: &riscv_rt::TrapFrame) -> ! {
    let _ = writeln!(Uart::new(), "exception, return address {:#x}", frame.ra);
    exit(1)
}
