//! The default detector with its alarm, and every learner that fits here: the same bits as on the host.
//!
//! With the argument `wrong`, one bit of what the detector reads is another: the check has to see that.
#![no_std]
#![no_main]

use brooklet_firmware::proof;
use brooklet_qemu_cortex_m0::{Uart, argument, exit};

/// The snapshot that the host took half way.
static HALF: &[u8] = include_bytes!("../../../golden/half.bklt");

#[cortex_m_rt::entry]
fn main() -> ! {
    let (mut uart, wrong) = (Uart::new(), argument("wrong"));
    let mut done = proof::monitor(&mut uart, HALF, wrong);
    if !wrong {
        done = done.and_then(|()| learners(&mut uart));
    }
    exit(done.is_err().into())
}

// Never inlined: while a model is loaded there is no room for this.
#[inline(never)]
fn learners(uart: &mut Uart) -> core::fmt::Result {
    proof::every_learner::<600>(uart, &mut [0; 2_560])
}
