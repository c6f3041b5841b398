use super::brooklet::anomaly::OneClassSvm;
use super::brooklet::sample::Sample;
use super::brooklet::traits::{Learner, Scorer};
use super::golden;

#[test]
fn one_class_svm() {
    let mut model = OneClassSvm::<3>::new(0.125, 0.0625);
    for row in golden("one_class_svm/one_class_svm", 1e-10, 1e-4).rows() {
        let x = Sample::new(row.array("x")).unwrap();
        row.check("raw", model.raw_one(&x));
        model.learn_one(&x);
    }
}
