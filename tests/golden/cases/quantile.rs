use super::brooklet::quantile::{DdSketch, P2};
use super::brooklet::traits::{Learner, Statistic};
use super::golden;

#[test]
fn p2() {
    let golden = golden("quantile/p2", 1e-9, 1e-4);
    let mut quantiles = [P2::new(0.25), P2::new(0.5), P2::new(0.9375)];
    for row in golden.rows() {
        for (quantile, column) in quantiles.iter_mut().zip(["q25", "q50", "q9375"]) {
            quantile.learn_one(&row.get("x"));
            row.check(column, quantile.value());
        }
    }
}

/// Bins are the same in both precisions, so values differ by the rounding of a power only.
#[test]
fn ddsketch() {
    let golden = golden("quantile/ddsketch", 1e-9, 1e-5);
    let mut sketch = DdSketch::<64, 64>::new(0.5, 0.02);
    for row in golden.rows() {
        sketch.learn_one(&row.get("x"));
        let shares = [("q0", 0.0), ("q25", 0.25), ("q50", 0.5), ("q75", 0.75), ("q100", 1.0)];
        for (column, share) in shares {
            row.check(column, sketch.quantile(share));
        }
        row.check("q50", sketch.value());
    }
}
