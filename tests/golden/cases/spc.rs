use super::brooklet::sample::Sample;
use super::brooklet::spc::*;
use super::brooklet::traits::{Learner, Scorer};
use super::golden;

#[test]
fn vector_charts() {
    let golden = golden("spc/vector_charts", 1e-10, 1e-4);
    let mut t2 = HotellingT2::<3>::new(VectorBaseline::learnt(80), 20.0);
    let mut mewma = Mewma::<3>::new(VectorBaseline::learnt(80), 0.1, 20.0);
    for row in golden.rows() {
        let x = Sample::new(row.array("x")).unwrap();
        row.check("t2", t2.raw_one(&x));
        row.check("mewma", mewma.raw_one(&x));
        t2.learn_one(&x);
        mewma.learn_one(&x);
    }
}
