use super::brooklet::sample::Moment;
use super::brooklet::traits::{Learner, Statistic, Windower};
use super::brooklet::window::{
    Closed, CumulativeSum, Length, MovingMean, RollingMax, RollingMedian, RollingMin, RollingQuantile,
    RollingVariance, Session, Split, State, Tumbling,
};
use super::golden;

const W: usize = 32;

/// What only chooses among the values is exact, and so is the mean of two of these.
#[test]
fn rolling_order() {
    let exact = golden("window/rolling", 0.0, 0.0);
    let (mut min, mut max) = (RollingMin::<W>::new(), RollingMax::<W>::new());
    let mut median = RollingMedian::<W>::new();
    for row in exact.rows() {
        min.learn_one(&row.get("x"));
        max.learn_one(&row.get("x"));
        median.learn_one(&row.get("x"));
        row.check("min", min.value());
        row.check("max", max.value());
        row.check("median", median.value());
    }
}

/// Not exact as the table has it: between two values a straight line is drawn, and that rounds.
#[test]
fn rolling_quantile() {
    let golden = golden("window/rolling", 1e-14, 1e-6);
    let mut high = RollingQuantile::<W>::new(0.9);
    for row in golden.rows() {
        high.learn_one(&row.get("x"));
        row.check("q90", high.value());
    }
}

#[test]
fn rolling_moments() {
    let golden = golden("window/rolling", 1e-10, 1e-5);
    let (mut mean, mut var) = (MovingMean::<W>::new(), RollingVariance::<W>::new());
    for row in golden.rows() {
        mean.learn_one(&row.get("x"));
        var.learn_one(&row.get("x"));
        row.check("mean", mean.value());
        row.check("mean", var.mean());
        row.check("var", var.value());
    }
}

#[test]
fn cumulative_sum() {
    let golden = golden("window/cumulative", 1e-12, 1e-6);
    let mut sum = CumulativeSum::new();
    for row in golden.rows() {
        sum.learn_one(&row.get("x"));
        row.check("sum", sum.value());
    }
}

fn summaries(file: &str, mut window: impl Windower<Input = Moment, Output = Closed>) {
    let golden = golden(file, 1e-10, 1e-5);
    for row in golden.rows() {
        window.learn_one(&Moment::new(row.get("x"), row.cell("time").map(|time| time as i64)).unwrap());
        let closed = window.closed();
        assert_eq!(closed.map(|c| c.start), row.cell("start").map(|v| v as i64), "{file} {}", row.index());
        assert_eq!(closed.map(|c| c.end), row.cell("end").map(|v| v as i64), "{file} {}", row.index());
        assert_eq!(closed.map(|c| c.count), row.cell("count").map(|v| v as u32), "{file} {}", row.index());
        row.check("mean", closed.map(|c| c.mean));
        row.check("min", closed.map(|c| c.min));
        row.check("max", closed.map(|c| c.max));
        row.check("sd", closed.map(|c| c.sd));
        row.check("first", closed.map(|c| c.first));
        row.check("last", closed.map(|c| c.last));
    }
}

#[test]
fn tumbling() {
    summaries("window/tumbling", Tumbling::new(Length::Millis(10_000)));
}

#[test]
fn session() {
    summaries("window/session", Session::new(3500));
}

#[test]
fn state() {
    summaries("window/state", State::new(Split::Threshold(20.0)));
}
