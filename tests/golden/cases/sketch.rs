use std::collections::HashMap;

use brooklet_golden::Real;

use super::brooklet::rng::Rng;
use super::brooklet::sketch::{CountMin, HyperLogLog};
use super::brooklet::traits::Learner;
use super::golden;

/// Different hashes give different estimates: what is compared is how far off they are over many streams. DataSketches'
/// estimator (HIP) has a standard error of 0.83 / sqrt(M), the paper's 1.04 / sqrt(M), and some more where linear
/// counting hands over at 3000 keys.
#[test]
fn hyperloglog() {
    let golden = golden("sketch/hyperloglog", 0.0, 0.0);
    let mut squares = HashMap::<u32, (f64, f64)>::new();
    for row in golden.rows() {
        let number = |column| row.cell(column).unwrap();
        let different = number("different");
        let (mut rng, mut sketch) = (Rng::new(number("seed") as u64), HyperLogLog::<1024>::new());
        (0..different as u32).for_each(|_| sketch.learn_one(&(rng.next_u64() >> 1)));
        let off = |estimate: f64| (estimate / different - 1.0).powi(2);
        let (own, theirs) = squares.entry(different as u32).or_default();
        *own += off(Real::wide(sketch.count()));
        *theirs += off(number("estimate"));
    }
    for (different, (own, theirs)) in squares {
        assert!(own.sqrt() <= 1.8 * theirs.sqrt(), "{different}: {own} {theirs}");
    }
}

#[test]
fn count_min() {
    let golden = golden("sketch/count_min", 0.0, 0.0);
    let (mut own, mut theirs) = (0.0, 0.0);
    for row in golden.rows() {
        let number = |column| row.cell(column).unwrap();
        let (mut rng, mut sketch) = (Rng::new(number("seed") as u64), CountMin::<128, 4>::new());
        let mut exact = HashMap::<u64, u32>::new();
        for _ in 0..20_000 {
            let key = (2000.0 * Real::wide(rng.uniform()) * Real::wide(rng.uniform())) as u64;
            *exact.entry(key).or_default() += 1;
            sketch.learn_one(&key);
        }
        let over = exact.iter().map(|(key, count)| f64::from(sketch.count(*key) - count));
        own += over.sum::<f64>() / exact.len() as f64;
        theirs += number("mean");
    }
    assert!(own <= 1.05 * theirs, "{own} {theirs}");
}
