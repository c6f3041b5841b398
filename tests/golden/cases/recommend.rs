use super::brooklet::recommend::{PastAlerts, SimilarDevices};
use super::brooklet::sample::Sample;
use super::brooklet::traits::{Recommender, Supervised};
use super::{Real, golden};

#[test]
fn nearest() {
    let mut devices = SimilarDevices::<16, 4>::new(0.125);
    let mut past = PastAlerts::<256, 4>::new(0.9375);
    for row in golden("recommend/nearest", 1e-12, 1e-5).rows() {
        let x = Sample::new(row.array("x")).unwrap();
        let key = row.cell("key").unwrap() as u16;
        let near = devices.recommend_one(&x);
        row.check("device", near.map(|near| Real::from(near.key)));
        row.check("similarity", near.map(|near| near.similarity));
        let advice = past.recommend_one(&x);
        row.check("action", advice.map(|advice| Real::from(advice.key)));
        row.check("alike", advice.map(|advice| advice.similarity));
        row.check("times", advice.map(|advice| advice.times as Real));
        devices.learn_one(&x, &key);
        past.learn_one(&x, &(key % 4));
    }
}
