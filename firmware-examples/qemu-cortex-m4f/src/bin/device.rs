//! A device on a serial line: `-serial tcp:127.0.0.1:4321,server=on,wait=on,nodelay=on`, and `tcp://127.0.0.1:4321` as the
//! gateway's port.
#![no_std]
#![no_main]

use brooklet_core::message::Mode;
use brooklet_firmware::device::Config;
use brooklet_firmware::simulated::{self, Memory};
use brooklet_qemu_cortex_m4f::Uart;

/// `Mode` says who learns: the gateway from readings (`Raw`) or from windows (`Features`), or the device (`Verdicts`).
const CONFIG: Config<'_> = Config { name: "simulated", mode: Mode::Raw, ..Config::DEFAULT };

#[cortex_m_rt::entry]
fn main() -> ! {
    simulated::play(&CONFIG, Uart::new(), Memory::<8192>::new(), 0..8192)
}
