//! One bench a learner, over all registries: a new learner is benched by its registry line alone.
//!
//! `cargo bench --features peers --bench learners [FILTER]`: CPU time of one answer (score, predict, transform, forecast)
//! and one learning, after 20,000 rows.

use std::hint::black_box;
use std::time::Duration;

use brooklet_benches::clock::CpuTime;
use brooklet_benches::every::{Family, Stream, Visitor, each};
use criterion::{BenchmarkId, Criterion};

/// Rows before measuring: trees have grown and windows are full.
const WARM_UP: usize = 20_000;
/// Rows that are gone through in circles: more than a branch predictor remembers, few enough for the cache.
const RING: usize = 16_384;

struct Benches<'a>(&'a mut Criterion<CpuTime>);

impl Visitor for Benches<'_> {
    fn family<F: Family>(&mut self) {
        let mut group = self.0.benchmark_group(F::NAME);
        let events: Vec<F::Event> = Stream::new(1).take(RING).filter_map(|row| F::event(&row)).collect();
        for row in F::ROWS {
            let mut learner = None;
            group.bench_function(BenchmarkId::from_parameter(row.name), |b| {
                // Made at the first call, so that what a filter leaves out costs nothing.
                let learner = learner.get_or_insert_with(|| {
                    let mut learner = Box::new(F::make(row.name).expect("every row makes its learner"));
                    for event in events.iter().cycle().take(WARM_UP) {
                        learner.learn(event);
                    }
                    learner
                });
                let mut circle = events.iter().cycle();
                b.iter(|| {
                    let event = black_box(circle.next().expect("a circle has no end"));
                    black_box(learner.answer(event));
                    learner.learn(event);
                });
            });
        }
        group.finish();
    }
}

fn main() {
    // The largest learners are made on the stack.
    let bench = || {
        let mut criterion = Criterion::default()
            .with_measurement(CpuTime)
            .without_plots()
            .sample_size(20)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_millis(600))
            .configure_from_args();
        each(&mut Benches(&mut criterion));
        criterion.final_summary();
    };
    std::thread::Builder::new()
        .stack_size(1 << 28)
        .spawn(bench)
        .expect("a thread")
        .join()
        .expect("the benches");
}
