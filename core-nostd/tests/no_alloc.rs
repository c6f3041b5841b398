//! No learner allocates: every registered one makes, learns and answers under a counting allocator. The other half of
//! the proof is that the crate is `no_std` without `alloc`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects)]

use std::hint::black_box;

mod every;

use every::{Family, Stream, Visitor};

struct Allocations {
    found: Vec<String>,
    learners: usize,
}

impl Visitor for Allocations {
    fn family<F: Family>(&mut self) {
        let events: Vec<F::Event> = Stream::new(1).take(10_000).filter_map(|row| F::event(&row)).collect();
        for row in F::ROWS {
            let mut learner = Box::new(F::make(row.name).expect("every row makes its learner"));
            let counted = allocation_counter::measure(|| {
                for event in &events {
                    black_box(learner.answer(event));
                    learner.learn(event);
                }
                black_box(learner.is_valid());
                learner.restart();
            });
            self.learners += 1;
            if counted.count_total > 0 {
                self.found.push(format!("{}/{}: {counted:?}", F::NAME, row.name));
            }
        }
    }
}

#[test]
fn no_learner_allocates() {
    // The counter counts: otherwise this test could not fail.
    assert_eq!(allocation_counter::measure(|| drop(black_box(vec![1u8]))).count_total, 1);
    let check = || {
        let mut allocations = Allocations { found: Vec::new(), learners: 0 };
        every::each(&mut allocations);
        assert!(allocations.found.is_empty(), "{:#?}", allocations.found);
        assert!(allocations.learners >= 2);
    };
    // The largest learners are made on the stack, and debug builds copy them a few times.
    std::thread::Builder::new().stack_size(1 << 28).spawn(check).unwrap().join().unwrap();
}
