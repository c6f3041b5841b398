//! A device on a serial line: `-serial tcp:127.0.0.1:4321,server=on,wait=on,nodelay=on`, and `tcp://127.0.0.1:4321` as the
//! gateway's port. `-global nrf51-soc.sram-size=32768` makes it the part with 32 kB of RAM: 16 are too few to
//! load a model. The model is kept in the part's own flash.
#![no_std]
#![no_main]

use brooklet_core::message::Mode;
use brooklet_firmware::device::Config;
use brooklet_firmware::simulated;
use brooklet_qemu_cortex_m0::{Flash, MODELS, Uart};

/// `Mode` says who learns: the gateway from readings (`Raw`) or from windows (`Features`), or the device (`Verdicts`).
const CONFIG: Config<'_> = Config { name: "simulated", mode: Mode::Raw, ..Config::DEFAULT };

#[cortex_m_rt::entry]
fn main() -> ! {
    simulated::play(&CONFIG, Uart::new(), Flash::new(), MODELS)
}
