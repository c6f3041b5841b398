//! Uses every registered learner of every family with inputs that the compiler cannot know: learn, answer, validate, save,
//! load, start over. Linked for thumbv7em with overflow checks on; `check` looks for what can panic in the result. It is
//! never run.
#![no_std]
#![no_main]

use core::hint::black_box;

use brooklet_core::snapshot;

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
    loop {
        every::each(&mut everything);
        #[cfg(feature = "panics")]
        black_box(everything.bytes[black_box(5)]);
    }
}
