//! Any bytes on a line, and any bytes as a frame: refused or understood, back in step after whatever it was.
//!
//! `cargo fuzz run --sanitizer none frame` in `core-nostd/`.
#![no_main]

use brooklet_core::frame::{self, Line, MAX, MAX_LINE, Sequence};
use brooklet_core::message::{Command, Message, Request};
use brooklet_core::snapshot;
use brooklet_core::transfer::{Incoming, pieces};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (mut line, mut sequence) = (Line::new(), Sequence::new());
    for byte in bytes {
        if let Some(Ok(frame)) = line.push(*byte) {
            assert!(frame.len() <= MAX);
            if let Ok((number, _)) = frame::decode::<Message>(frame) {
                let _ = sequence.follow(number);
            }
        }
    }
    // Whatever came before, the next frame is found.
    let whole = frame::encode_line(7, &0_u8, &mut [0; MAX_LINE]).expect("room").to_vec();
    let seen = whole.iter().filter_map(|byte| line.push(*byte)?.ok().map(frame::decode::<u8>)).last();
    assert_eq!(seen, Some(Ok((7, 0))));

    // A checksum is easily made right: what is behind it must hold by itself.
    let mut sealed = bytes.get(..MAX - 4).unwrap_or(bytes).to_vec();
    sealed.extend(crc32(&sealed).to_le_bytes());
    if let Ok((number, message)) = frame::decode::<Message>(&sealed) {
        let mut buffer = [0; MAX];
        let again = frame::encode(number, &message, &mut buffer).expect("it fitted");
        // A NaN is not itself; its bytes are.
        let (_, back) = frame::decode::<Message>(again).expect("its own frame");
        assert_eq!(frame::encode(number, &back, &mut [0; MAX]), Ok(again));
        let mut incoming = Incoming::<{ snapshot::MAX_BYTES }>::new();
        match &message {
            Message::Offer(offer) => drop(incoming.accept(offer, 4)),
            Message::Piece(piece) => drop(incoming.take(piece)),
            Message::Want(want) => assert!(pieces(bytes, want, 36).count() <= usize::from(want.most)),
            _ => {}
        }
    }
    if let Ok((number, request)) = frame::decode::<Request>(&sealed)
        && let Command::Offer(offer) = &request.command
    {
        let mut incoming = Incoming::<64>::new();
        assert_eq!(incoming.accept(offer, 1).is_some(), (1..=64).contains(&offer.length), "{number}");
    }
});

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}
