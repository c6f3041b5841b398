//! Every learner, and the default detector with its alarm: the same bits as on the host.
//!
//! With the argument `wrong`, one bit of what the detector reads is another: the check has to see that.
#![no_std]
#![no_main]

use brooklet_firmware::proof;
use brooklet_qemu_cortex_m4f::{Uart, argument, exit};

/// The snapshot that the host took half way.
static HALF: &[u8] = include_bytes!("../../../golden/half.bklt");

#[cortex_m_rt::entry]
fn main() -> ! {
    let room = &mut [0; 1 << 20];
    let (mut uart, wrong) = (Uart::new(), argument("wrong"));
    let mut done = proof::monitor(&mut uart, HALF, wrong);
    if !wrong {
        done = done.and_then(|()| proof::every_learner::<{ usize::MAX }>(&mut uart, room));
    }
    exit(done.is_err().into())
}
