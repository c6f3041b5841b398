//! Goes through every registered learner and marks where the counted events begin and end, so that one run under
//! callgrind with `--dump-before=brooklet_mark` gives the instructions of each: see `instructions`.
//!
//! Without arguments all learners, else `FAMILY NAME`. Prints a line a learner in the order of the dumps.

use std::hint::black_box;

use brooklet_benches::every::{Family, Stream, Visitor, each};

/// Events before counting and events counted.
const WARM_UP: usize = 5_000;
const COUNTED: usize = 2_000;

/// callgrind writes what it counted and starts over whenever this is called.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn brooklet_mark() {
    black_box(());
}

struct Count {
    only: Option<(String, String)>,
}

impl Visitor for Count {
    fn family<F: Family>(&mut self) {
        let events: Vec<F::Event> =
            Stream::new(1).take(WARM_UP + COUNTED).filter_map(|row| F::event(&row)).collect();
        let (warm_up, counted) = events.split_at(WARM_UP);
        for row in F::ROWS {
            if self.only.as_ref().is_some_and(|(family, name)| family != F::NAME || name != row.name) {
                continue;
            }
            let mut learner = Box::new(F::make(row.name).expect("every row makes its learner"));
            for event in warm_up {
                learner.learn(event);
            }
            let learner = black_box(&mut *learner);
            brooklet_mark();
            for event in counted {
                black_box(learner.answer(black_box(event)));
                learner.learn(event);
            }
            brooklet_mark();
            println!("{},{},{COUNTED}", F::NAME, row.name);
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let only = arguments.next().zip(arguments.next());
    let count = || each(&mut Count { only });
    std::thread::Builder::new()
        .stack_size(1 << 28)
        .spawn(count)
        .expect("a thread")
        .join()
        .expect("the counts");
}
