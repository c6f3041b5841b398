use super::brooklet::stats::EwMeanVar;
use super::brooklet::traits::{Learner, Statistic};
use super::golden;

#[test]
fn ew_mean_var() {
    let golden = golden("stats/ew_mean_var", 1e-12, 1e-5);
    let mut ew = EwMeanVar::<50>::new();
    for row in golden.rows() {
        ew.learn_one(&row.get("x"));
        let (mean, var) = ew.value().unwrap();
        row.check("mean", Some(mean));
        row.check("var", Some(var));
    }
}
