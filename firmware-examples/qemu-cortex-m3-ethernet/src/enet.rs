//! The LM3S6965's Ethernet MAC (data sheet, chapter 16) for embassy-net.
//!
//! Both FIFOs carry a frame as 32-bit words, two bytes of length in front: of what was received the length of all that the
//! FIFO holds for this frame (length, frame, check sequence), of what is sent the length behind the 14 bytes of the header.

use core::ptr::{read_volatile, write_volatile};
use core::task::Context;

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;
use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_sync::waitqueue::AtomicWaker;

/// The longest frame without its check sequence.
const MTU: usize = 1514;
const HEADER: usize = 14;
const LENGTH: usize = 2;
const CHECK: usize = 4;
/// A frame with its length in front and its check sequence behind, in whole words.
const BUFFER: usize = (LENGTH + MTU + CHECK).next_multiple_of(4);

const GATES: Register = Register(0x400f_e108); // RCGC2: bit 28 the MAC, bit 30 the PHY
const ADDRESS: [Register; 2] = [Register(0x400f_e1e0), Register(0x400f_e1e4)]; // USER_REG0, 1: three bytes each
const INTERRUPTS: Register = Register(0x4004_8000); // MACRIS, and MACIACK where written
const INTERRUPT_MASK: Register = Register(0x4004_8004);
const RECEIVE_CONTROL: Register = Register(0x4004_8008);
const TRANSMIT_CONTROL: Register = Register(0x4004_800c);
const DATA: Register = Register(0x4004_8010);
const OWN_ADDRESS: [Register; 2] = [Register(0x4004_8014), Register(0x4004_8018)];
const FRAMES_RECEIVED: Register = Register(0x4004_8034);
const TRANSMIT: Register = Register(0x4004_8038); // bit 0: send what the FIFO holds; reads 1 until it is sent

/// Interrupts: received, FIFO empty again.
const RECEIVED_OR_SENT: u32 = 1 << 0 | 1 << 2;
/// Full duplex, with check sequence, padded to 60 bytes, on.
const TRANSMIT_ON: u32 = 1 << 4 | 1 << 2 | 1 << 1 | 1 << 0;
/// Frames with a bad check sequence thrown away, on. Others' and multicast frames are not received.
const RECEIVE_ON: u32 = 1 << 3 | 1 << 0;
const RESET_FIFO: u32 = 1 << 4;

static WAKER: AtomicWaker = AtomicWaker::new();

#[derive(Clone, Copy)]
struct Register(usize);

impl Register {
    fn read(self) -> u32 {
        // SAFETY: only made above, of the addresses of 32-bit registers of this microcontroller.
        unsafe { read_volatile(self.0 as *const u32) }
    }

    fn write(self, value: u32) {
        // SAFETY: as for reading; none of these registers makes the hardware touch memory.
        unsafe { write_volatile(self.0 as *mut u32, value) }
    }
}

#[derive(Clone, Copy)]
struct Ethernet;

// SAFETY: the number of the MAC's interrupt in the data sheet.
unsafe impl InterruptNumber for Ethernet {
    fn number(self) -> u16 {
        42
    }
}

/// The only interrupt that is ever unmasked is the MAC's.
#[exception]
unsafe fn DefaultHandler(_: i16) {
    INTERRUPTS.write(INTERRUPTS.read());
    WAKER.wake();
}

/// The MAC.
pub struct Enet {
    address: [u8; 6],
    buffer: [u8; BUFFER],
}

impl Enet {
    /// Switches it on.
    pub fn start() -> Self {
        GATES.write(GATES.read() | 1 << 28 | 1 << 30);
        let [low, high] = ADDRESS.map(|half| half.read().to_le_bytes());
        let ([a, b, c, _], [d, e, f, _]) = (low, high);
        OWN_ADDRESS[0].write(u32::from_le_bytes([a, b, c, d]));
        OWN_ADDRESS[1].write(u32::from_le_bytes([e, f, 0, 0]));
        RECEIVE_CONTROL.write(RESET_FIFO);
        RECEIVE_CONTROL.write(RECEIVE_ON);
        TRANSMIT_CONTROL.write(TRANSMIT_ON);
        INTERRUPT_MASK.write(RECEIVED_OR_SENT);
        // SAFETY: no critical section is built on this interrupt being masked.
        unsafe { NVIC::unmask(Ethernet) };
        Self { address: [a, b, c, d, e, f], buffer: [0; BUFFER] }
    }

    /// Takes a frame out of the FIFO into the buffer. What is longer than a frame can be is dropped.
    fn take(&mut self) -> &mut [u8] {
        let first = DATA.read().to_le_bytes();
        let length = usize::from(u16::from_le_bytes([first[0], first[1]]));
        let mut words = self.buffer.chunks_exact_mut(4);
        let mut put = |word: [u8; 4]| {
            if let Some(place) = words.next() {
                place.copy_from_slice(&word);
            }
        };
        put(first);
        for _ in 1..length.div_ceil(4) {
            put(DATA.read().to_le_bytes());
        }
        let end = if length > BUFFER { 0 } else { length.saturating_sub(CHECK) };
        self.buffer.get_mut(LENGTH..end).unwrap_or_default()
    }
}

impl Driver for Enet {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Transmitter;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(Received<'_>, Transmitter)> {
        WAKER.register(cx.waker());
        let ready = FRAMES_RECEIVED.read() > 0 && TRANSMIT.read() == 0;
        ready.then(|| (Received(self.take()), Transmitter))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<Transmitter> {
        WAKER.register(cx.waker());
        (TRANSMIT.read() == 0).then_some(Transmitter)
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MTU;
        capabilities.max_burst_size = Some(1);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.address)
    }
}

/// A frame that came in.
pub struct Received<'a>(&'a mut [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// The transmit FIFO is empty.
pub struct Transmitter;

impl TxToken for Transmitter {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut buffer = [0; BUFFER];
        let (prefix, frame) = buffer.split_at_mut(LENGTH);
        prefix.copy_from_slice(&(length.saturating_sub(HEADER) as u16).to_le_bytes());
        // embassy-net asks for no more than the MTU.
        let answer = f(frame.get_mut(..length).unwrap_or_default());
        for word in buffer.chunks_exact(4).take((LENGTH + length).div_ceil(4)) {
            DATA.write(word.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)));
        }
        TRANSMIT.write(1);
        answer
    }
}
