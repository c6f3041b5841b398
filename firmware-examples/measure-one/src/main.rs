//! One learner, or the monitor with the default detector, or nothing: what it takes on this core. `../measure` builds
//! it for each and runs it in QEMU, where a plugin counts the instructions between the two marks.
//!
//! It starts by itself and prints by semihosting without a library, so that next to nothing is linked beside the learner.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::hint::black_box;

#[path = "../../../core-nostd/tests/every/mod.rs"]
mod every;

#[allow(unused_imports, reason = "a role needs some of them, the empty program none")]
use brooklet_core::traits::*;
#[allow(unused_imports, reason = "the monitor and the empty program have no family")]
use every::{Family, Row};

include!(concat!(env!("OUT_DIR"), "/chosen.rs"));

#[cfg(monitor)]
mod monitor {
    use brooklet_core::{alarm::Settings, anomaly::DefaultDetector, monitor::Monitor, sample::Moment};

    pub type Chosen = Monitor<DefaultDetector>;

    pub fn make() -> Chosen {
        Monitor::new(DefaultDetector::new())
    }

    pub fn event(row: &super::Row) -> Option<Moment> {
        Moment::new(row.target, Some(i64::from(row.index) * 60_000))
    }

    #[inline(never)]
    pub fn reading(monitor: &mut Chosen, x: &Moment) -> (usize, bool) {
        let verdict = super::black_box(monitor.step(x, &Settings::DEFAULT));
        (size_of::<Chosen>(), verdict.fired)
    }
}

/// The program without a learner, for what all have in common.
#[cfg(not(any(learner, monitor)))]
mod nothing {
    pub fn make() -> [u8; 0] {
        []
    }

    pub fn event(row: &super::Row) -> Option<super::Row> {
        Some(*row)
    }

    #[inline(never)]
    pub fn reading(_: &mut [u8; 0], x: &super::Row) -> (usize, bool) {
        super::black_box(x);
        (0, false)
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[cfg(target_arch = "arm")]
global_asm!(
    ".section .vectors, \"a\"",
    ".word __stack_top, reset",
    ".section .mark_start, \"ax\"",
    ".global mark_start",
    ".thumb_func",
    "mark_start: bx lr",
    ".section .mark_stop, \"ax\"",
    ".global mark_stop",
    ".thumb_func",
    "mark_stop: bx lr",
    ".text",
);
#[cfg(target_arch = "riscv32")]
global_asm!(
    ".section .reset, \"ax\"",
    ".global reset",
    "reset: la sp, __stack_top",
    "j main",
    ".section .mark_start, \"ax\"",
    ".global mark_start",
    "mark_start: ret",
    ".section .mark_stop, \"ax\"",
    ".global mark_stop",
    "mark_stop: ret",
    ".text",
);

#[cfg(target_arch = "arm")]
#[unsafe(no_mangle)]
extern "C" fn reset() -> ! {
    // SAFETY: the coprocessor access register of the Cortex-M4; writing it is how its FPU is switched on.
    #[cfg(target_abi = "eabihf")]
    unsafe {
        core::ptr::write_volatile(0xE000_ED88 as *mut u32, 0xF << 20);
        asm!("dsb", "isb");
    }
    main()
}

unsafe extern "C" {
    fn mark_start();
    fn mark_stop();
    static __flash_start: u8;
    static __flash_end: u8;
    static __data_start: u8;
    static __data_end: u8;
}

fn semihosting(operation: usize, argument: usize) {
    // SAFETY: the debugger's call; it reads what `argument` points to and changes one register.
    #[cfg(target_arch = "arm")]
    unsafe {
        asm!("bkpt 0xAB", inout("r0") operation => _, in("r1") argument);
    }
    // SAFETY: as above. These three instructions in a row, not compressed, are the call.
    #[cfg(target_arch = "riscv32")]
    unsafe {
        asm!(".balign 16", ".option push", ".option norvc", "slli x0, x0, 0x1f", "ebreak", "srai x0, x0, 7",
            ".option pop", inout("a0") operation => _, in("a1") argument);
    }
}

/// Prints `name 0000abcd`; hexadecimal needs no division.
fn say(name: &[u8; 6], figure: usize) {
    let mut line = *b"...... 00000000\n\0";
    for (to, from) in line.iter_mut().zip(name) {
        *to = *from;
    }
    for (place, to) in line.iter_mut().skip(7).take(8).enumerate() {
        let digit = (figure >> (28 - 4 * place)) as u8 & 15;
        *to = digit + if digit < 10 { b'0' } else { b'a' - 10 };
    }
    semihosting(0x04, line.as_ptr() as usize);
}

/// Words below the stack pointer that are painted before a reading.
const PAINTED: usize = 1 << 11;
const PAINT: u32 = 0xA5C3_5A3C;

fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: reads one register.
    unsafe {
        #[cfg(target_arch = "arm")]
        asm!("mov {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags));
        #[cfg(target_arch = "riscv32")]
        asm!("mv {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags));
    }
    sp
}

/// Paints the memory under the caller's frame. Nothing of it is in use: a frame of its own would be, so it has none.
#[inline(always)]
fn paint(sp: usize) {
    for word in 1..=PAINTED {
        // SAFETY: RAM between the statics and the stack, megabytes that nothing else uses.
        unsafe { core::ptr::write_volatile((sp - 4 * word) as *mut u32, PAINT) };
    }
}

/// Bytes from `sp` down to the lowest that was written.
#[inline(always)]
fn depth(sp: usize) -> usize {
    let mut word = PAINTED;
    // SAFETY: as in `paint`.
    while word > 0 && unsafe { core::ptr::read_volatile((sp - 4 * word) as *const u32) } == PAINT {
        word -= 1;
    }
    4 * word
}

/// One reading, and nothing else in a frame of its own. Tells the size of what learns, and whether it rang.
#[cfg(learner)]
#[inline(never)]
fn reading(learner: &mut Chosen, x: &<Chosen as Family>::Event) -> (usize, bool) {
    (reading!(learner, x), false)
}

#[cfg(monitor)]
use monitor::{event, make, reading};

#[cfg(not(any(learner, monitor)))]
use nothing::{event, make, reading};

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let (mut ram, mut stack, mut alerts) = (0, 0, 0);
    // What the marks themselves take; the counter subtracts it.
    // SAFETY: the marks do nothing but return.
    unsafe {
        mark_start();
        mark_stop();
    }
    let mut learner = make();
    let learner = black_box(&mut learner);
    for (at, row) in black_box(&ROWS).iter().enumerate() {
        let Some(x) = event(black_box(row)) else { continue };
        let x = black_box(&x);
        if at < WARM_UP {
            reading(learner, x);
            continue;
        }
        let sp = stack_pointer();
        paint(sp);
        // SAFETY: as above.
        unsafe { mark_start() };
        let (bytes, fired) = reading(learner, x);
        // SAFETY: as above.
        unsafe { mark_stop() };
        ram = bytes;
        stack = stack.max(depth(sp));
        alerts += usize::from(fired);
    }
    let between = |from: &u8, to: &u8| to as *const u8 as usize - from as *const u8 as usize;
    // SAFETY: the linker's symbols; only their addresses are used.
    let flash = unsafe { between(&__flash_start, &__flash_end) + between(&__data_start, &__data_end) };
    say(b"ram   ", ram);
    say(b"flash ", flash);
    say(b"stack ", stack);
    say(b"alerts", alerts);
    // Ended in order: ADP_Stopped_ApplicationExit.
    semihosting(0x18, 0x20026);
    loop {
        core::hint::spin_loop();
    }
}
