//! Uses every registered learner of every family with inputs that the compiler cannot know: learn, answer, validate, save,
//! load, start over; and all that goes over a wire. Linked for thumbv7em with overflow checks on; `check` looks for what can panic in the result. It is
//! never run.
#![no_std]
#![no_main]

use core::hint::black_box;

use brooklet_core::frame::{self, Line};
use brooklet_core::message::{Message, Request};
use brooklet_core::snapshot;
use brooklet_core::transfer::{self, Incoming, Offer, Want};

#[path = "../../../core-nostd/tests/every/mod.rs"]
mod every;

use every::{Family, Row, Visitor};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

struct Everything<'a> {
    row: Row,
    name: &'a str,
    bytes: &'a mut [u8],
}

impl Visitor for Everything<'_> {
    fn family<F: Family>(&mut self) {
        let Some(event) = F::event(black_box(&self.row)) else { return };
        let Some(mut learner) = F::make(black_box(self.name)) else { return };
        let learner = black_box(&mut learner);
        learner.learn(&event);
        if let Some(answer) = learner.answer(black_box(&event)) {
            black_box(F::is_finite(&answer));
        }
        black_box(learner.is_valid());
        black_box(snapshot::save(learner, 1, black_box(self.bytes)).is_ok());
        if let Ok(loaded) = snapshot::load::<F>(black_box(self.bytes), 1) {
            *learner = loaded;
        }
        learner.restart();
        black_box(learner);
    }
}

fn wire(line: &mut Line, incoming: &mut Incoming<4096>, bytes: &mut [u8]) {
    if let Some(Ok(frame)) = line.push(black_box(1)) {
        match black_box(frame::decode::<Message>(frame)) {
            Ok((sequence, Message::Offer(offer))) => {
                if let Some(want) = incoming.accept(&offer, black_box(2)) {
                    black_box(frame::encode_line(sequence, &Message::Want(want), bytes).is_ok());
                }
            }
            Ok((_, Message::Piece(piece))) => _ = black_box(incoming.take(&piece)),
            _ => {}
        }
        black_box(frame::decode::<Request>(frame).is_ok());
    }
    let want = Want { transfer: black_box(1), from: black_box(2), most: black_box(3) };
    for piece in transfer::pieces(black_box(bytes), &want, black_box(36)) {
        black_box(frame::encode(black_box(1), &Message::Piece(piece), &mut [0; frame::MAX]).is_ok());
    }
    black_box(Offer::new(black_box("t").try_into().unwrap_or_default(), bytes));
}

#[unsafe(no_mangle)]
pub extern "C" fn _start() -> ! {
    let mut bytes = [0; snapshot::MAX_BYTES];
    let row = Row {
        index: black_box(1),
        features: black_box([1.0; every::WIDTH]),
        label: black_box(1),
        target: black_box(1.0),
    };
    let mut everything = Everything { row, name: black_box("default"), bytes: &mut bytes };
    let (mut line, mut incoming) = (Line::new(), Incoming::new());
    loop {
        every::each(&mut everything);
        wire(&mut line, &mut incoming, everything.bytes);
        #[cfg(feature = "panics")]
        black_box(everything.bytes[black_box(5)]);
    }
}
