//! Contenders on one stream, taking turns: what the machine does to one it does to all.

use brooklet_core::sample::Sample;

use crate::clock::cpu_ns;
use crate::every::{Row, Stream, WIDTH};

/// The stream in the forms that the contenders want, so that none pays for a conversion.
pub struct Data {
    /// Eight features.
    pub samples: Vec<Sample<WIDTH>>,
    /// The same as f64.
    pub wide: Vec<[f64; WIDTH]>,
    /// The first feature.
    pub values: Vec<f32>,
    /// The same as f64.
    pub wide_values: Vec<f64>,
    /// The last eight values, the newest last.
    pub shingles: Vec<Sample<WIDTH>>,
    /// What regressors predict.
    pub targets: Vec<f32>,
    /// The same as f64.
    pub wide_targets: Vec<f64>,
    /// 1 for a fault.
    pub labels: Vec<u8>,
}

impl Data {
    /// The first rows of the stream of all benches.
    #[must_use]
    pub fn new(rows: usize) -> Self {
        let rows: Vec<Row> = Stream::new(1).take(rows).collect();
        let value = |i: usize, back: usize| rows[i.saturating_sub(back)].features[0];
        let shingle = |i| Sample::new(std::array::from_fn(|k| value(i, WIDTH - 1 - k))).expect("finite");
        Self {
            shingles: (0..rows.len()).map(shingle).collect(),
            samples: rows.iter().map(|r| Sample::new(r.features).expect("finite")).collect(),
            wide: rows.iter().map(|r| r.features.map(f64::from)).collect(),
            values: rows.iter().map(|r| r.features[0]).collect(),
            wide_values: rows.iter().map(|r| f64::from(r.features[0])).collect(),
            targets: rows.iter().map(|r| r.target).collect(),
            wide_targets: rows.iter().map(|r| f64::from(r.target)).collect(),
            labels: rows.iter().map(|r| r.label).collect(),
        }
    }
}

/// One implementation of a learner; takes the rows in order.
pub struct Contender {
    /// Crate and version.
    pub name: &'static str,
    /// Answers and learns these rows.
    pub step: Box<dyn FnMut(std::ops::Range<usize>)>,
}

/// One row of the table.
pub struct Race {
    /// The learner.
    pub name: &'static str,
    /// Ours first, if it exists yet.
    pub ours: Option<Contender>,
    /// The others.
    pub peers: Vec<Contender>,
    /// How many times faster than the fastest peer ours has to be.
    pub target: f64,
}

/// Nanoseconds an event, by contender.
pub struct Outcome {
    /// The learner.
    pub name: &'static str,
    /// The contenders' names and their medians, ours first if it took part.
    pub times: Vec<(&'static str, f64)>,
    /// True if ours took part.
    pub ours: bool,
    /// What was to be reached.
    pub target: f64,
    /// Rows that everybody went through.
    pub rows: usize,
}

const CHUNKS: usize = 100;

impl Race {
    /// Everybody goes through the stream from its beginning, a hundredth of it at a time and in turns, until it ends or
    /// `longest` seconds of CPU time are spent. The first tenth does not count: trees are small and windows empty.
    #[must_use]
    pub fn run(self, rows: usize, longest: f64) -> Outcome {
        let Self { name, ours, peers, target } = self;
        let has_ours = ours.is_some();
        let mut contenders: Vec<Contender> = ours.into_iter().chain(peers).collect();
        let mut times = vec![Vec::new(); contenders.len()];
        let (chunk, mut spent) = (rows / CHUNKS, 0.0);
        let mut done = 0;
        for i in 0..CHUNKS {
            if spent > longest && i > CHUNKS / 10 {
                break;
            }
            let turn = i % contenders.len();
            for k in 0..contenders.len() {
                let who = (k + turn) % contenders.len();
                let start = cpu_ns();
                (contenders[who].step)(done..done + chunk);
                let taken = cpu_ns() - start;
                times[who].push(taken / chunk as f64);
                spent += taken / 1e9;
            }
            done += chunk;
        }
        let medians = times.iter_mut().map(|all| {
            let counted = &mut all[CHUNKS / 10..];
            counted.sort_by(f64::total_cmp);
            counted[counted.len() / 2]
        });
        let times = contenders.iter().map(|c| c.name).zip(medians).collect();
        Outcome { name, times, ours: has_ours, target, rows: done }
    }
}
