//! Any registered learner of any family under any list of operations: learn, answer, reset, save and load, clone. Answers are
//! finite, the state stays valid, and a snapshot changes nothing.
//!
//! `cargo fuzz run --sanitizer none learner` in `core-nostd/`.
#![no_main]

use brooklet_core::snapshot;
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/every/mod.rs"]
mod every;

use every::{Family, Row, Visitor, WIDTH};

/// Steps of one input: enough for windows to fill and trees to split.
const MOST: u32 = 600;

fuzz_target!(|bytes: &[u8]| {
    // Two bytes choose the learner, the rest is what happens to it.
    let Some(([a, b], operations)) = bytes.split_first_chunk() else { return };
    let mut count = Count(0);
    every::each(&mut count);
    let chosen = usize::from(u16::from_le_bytes([*a, *b])) % count.0;
    every::each(&mut Run { chosen, at: 0, operations });
});

struct Count(usize);

impl Visitor for Count {
    fn family<F: Family>(&mut self) {
        self.0 += F::ROWS.len();
    }
}

struct Run<'a> {
    chosen: usize,
    at: usize,
    operations: &'a [u8],
}

impl Visitor for Run<'_> {
    fn family<F: Family>(&mut self) {
        let first = self.at;
        self.at += F::ROWS.len();
        if let Some(row) = self.chosen.checked_sub(first).and_then(|i| F::ROWS.get(i)) {
            run::<F>(row.name, self.operations);
        }
    }
}

fn run<F: Family>(name: &str, operations: &[u8]) {
    let mut learner = Box::new(F::make(name).expect("every row makes its learner"));
    let new = learner.clone();
    let mut row = Row { index: 0, features: [0.5; WIDTH], label: 0, target: 0.0 };
    // Five bytes an operation: what, and a number's bits. The list is gone through again and again.
    for (step, chunk) in (0..MOST).zip(operations.chunks_exact(5).cycle()) {
        let [what, number @ ..] = chunk else { return };
        let value = f32::from_bits(u32::from_le_bytes([number[0], number[1], number[2], number[3]]));
        row.index = step;
        // Most steps learn; what is changed of the row depends on the operation too.
        row.features[usize::from(what >> 5)] = value;
        row.label = (what & 3).wrapping_add(number[0] & 0x80);
        row.target = if what & 4 == 0 { row.features[0] } else { -value };
        let Some(event) = F::event(&row) else { continue };
        match what % 32 {
            0 => {
                learner.restart();
                assert!(*learner == *new, "{name}: reset is not new");
            }
            1 => {
                let mut buffer = vec![0; 2 * size_of::<F>() + 4096];
                let saved = snapshot::save(&*learner, 3, &mut buffer).expect("room");
                let loaded = snapshot::load::<F>(saved, 3).expect("what was saved can be loaded");
                assert!(loaded == *learner, "{name}: a snapshot changed the state");
                *learner = loaded;
            }
            2 => *learner = learner.as_ref().clone(),
            _ => {
                if let Some(answer) = learner.answer(&event) {
                    assert!(F::is_finite(&answer), "{name}: an answer that is not finite");
                }
                learner.learn(&event);
            }
        }
    }
    assert!(learner.is_valid(), "{name}: {learner:?}");
}
