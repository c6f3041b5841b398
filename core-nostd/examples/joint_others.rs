//! What the joint detector was chosen over: writes what other multivariate learners say of recordings, for `brooklet eval
//! --results OUT`. `cargo run --release -p brooklet-core --example joint_others -- OUT FILE.csv ..`
//!
//! A file has a header, a time in the first column if that is its name, and the label in the last. Each learner once as it
//! is, and once `held` to what the joint detector does too: it learns one row in fifty while its score is above the 99th
//! percentile of those before, and the logarithm of its score is averaged over ten rows.
#![allow(
    clippy::print_stdout,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a program that prints, over files that are there"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use brooklet_core::anomaly::{HalfSpaceTrees, Mahalanobis, OsElm, RandomCutForest, StreamingPca};
use brooklet_core::compose::Then;
use brooklet_core::preprocess::{MinMaxScaler, StandardScaler};
use brooklet_core::sample::Sample;
use brooklet_core::traits::Scorer;

const HORIZON: u32 = 5000;
/// Rows before anything is held back, and the share of rows that are learnt of what is.
const YOUNG: usize = 200;
const HELD: usize = 50;

/// The rows of a recording; a cell that is missing keeps the value before it.
fn rows(text: &str) -> Vec<Vec<f32>> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split([',', ';']).collect();
    let first = usize::from(header[0] == "time");
    let mut last = vec![0.0; header.len() - 1 - first];
    let mut row = |line: &str| {
        for (cell, held) in line.split([',', ';']).skip(first).zip(&mut last) {
            *held = cell.parse().unwrap_or(*held);
        }
        last.clone()
    };
    lines.map(&mut row).collect()
}

fn scores<const N: usize>(
    rows: &[Vec<f32>],
    mut learner: impl Scorer<Input = Sample<N>>,
    held: bool,
) -> Vec<f32> {
    let (mut seen, mut smooth): (Vec<f32>, f32) = (Vec::new(), 0.0);
    let mut score = |(i, row): (usize, &Vec<f32>)| {
        // Channels stand in again for those that the learner has more of.
        let x = Sample::new(std::array::from_fn(|k| row[k % row.len()])).unwrap();
        let raw = learner.raw_one(&x).unwrap_or(0.0);
        if !held {
            learner.learn_one(&x);
            return raw;
        }
        let below = seen.partition_point(|other| *other < raw);
        let strange = i > YOUNG && 100 * below > 99 * seen.len();
        if !strange || i.is_multiple_of(HELD) {
            learner.learn_one(&x);
        }
        seen.insert(below, raw);
        smooth += 0.1 * ((raw + 1e-3).ln() - smooth);
        smooth
    };
    rows.iter().enumerate().map(&mut score).collect()
}

fn all<const N: usize, const HALF: usize>(rows: &[Vec<f32>], mut tell: impl FnMut(&str, Vec<f32>)) {
    type Standard<const N: usize, L> = Then<StandardScaler<N, HORIZON>, L>;
    for held in [false, true] {
        let mut tell =
            |name: &str, scores| tell(&format!("{name}{}", if held { ", held" } else { "" }), scores);
        let trees = HalfSpaceTrees::<N, 25, 256>::new(250, 42);
        tell("half-space trees", scores(rows, Then::new(MinMaxScaler::<N>::new(1.0), trees), held));
        let pca: Standard<N, _> = Then::new(StandardScaler::new(), StreamingPca::<N, HALF, HORIZON>::new());
        tell("streaming PCA", scores(rows, pca, held));
        let elm: Standard<N, _> = Then::new(StandardScaler::new(), OsElm::<N, HALF>::new(0.01, 0.999, 7));
        tell("OS-ELM", scores(rows, elm, held));
        tell("Mahalanobis", scores(rows, Mahalanobis::<N, HORIZON>::new(0.05), held));
        let forest = RandomCutForest::<N, 30, 128>::new(0.002, 7);
        let forest: Standard<N, _> = Then::new(StandardScaler::new(), forest);
        tell("random cut forest", scores(rows, forest, held));
    }
}

fn judge(out: &Path, file: &Path) {
    let rows = rows(&fs::read_to_string(file).unwrap());
    let tell = |name: &str, scores: Vec<f32>| {
        let folder = out.join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut text = String::from("anomaly_score\n");
        scores.iter().for_each(|score| writeln!(text, "{score}").unwrap());
        fs::write(folder.join(file.file_name().unwrap()), text).unwrap();
    };
    match rows[0].len() {
        0..=4 => all::<4, 2>(&rows, tell),
        5..=8 => all::<8, 4>(&rows, tell),
        9..=16 => all::<16, 8>(&rows, tell),
        17..=32 => all::<32, 16>(&rows, tell),
        33..=64 => all::<64, 32>(&rows, tell),
        n => panic!("{}: {n} channels, 64 at most", file.display()),
    }
}

fn main() {
    let mut words = std::env::args().skip(1);
    let out = words.next().unwrap_or_else(|| panic!("usage: joint_others OUT FILE.csv .."));
    for file in words {
        println!("{file}");
        // Forests are built on the stack.
        let (out, file) = (out.clone(), file.clone());
        let thread = std::thread::Builder::new().stack_size(1 << 28);
        thread.spawn(move || judge(out.as_ref(), file.as_ref())).unwrap().join().unwrap();
    }
}
