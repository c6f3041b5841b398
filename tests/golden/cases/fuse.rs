use super::brooklet::fuse::{Cauchy, Fisher, Hedge, PNorm};
use super::brooklet::sample::Sample;
use super::brooklet::traits::Fuser;
use super::golden;

fn holds(column: &str, mut fuser: impl Fuser<Input = Sample<4>>) {
    for row in golden("fuse/fusers", 1e-9, 1e-4).rows() {
        let scores = Sample::new(row.array("s")).unwrap();
        row.check(column, fuser.fuse(&scores));
        fuser.learn_one(&scores);
    }
}

#[test]
fn fusers() {
    holds("p_norm3", PNorm::new(3.0));
    holds("fisher", Fisher::new());
    holds("cauchy", Cauchy::new());
    holds("hedge", Hedge::new(0.25, 4.0));
}
