use super::brooklet::cluster::{KMeans, OnlineKMeans};
use super::brooklet::sample::Sample;
use super::brooklet::traits::{Clusterer, Learner};
use super::{Real, golden};

const START: [[Real; 3]; 4] = [[2.0, 0.0, 0.0], [-2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]];

#[test]
fn online_k_means() {
    let mut model = OnlineKMeans::<3, 4>::with_centroids(0.75, 16, START, [0.0, 1.0, 4.0, 16.0]);
    for row in golden("cluster/online_k_means", 1e-12, 1e-4).rows() {
        let x = Sample::new(row.array("x")).unwrap();
        row.check("cluster", model.assign_one(&x).map(Real::from));
        model.learn_one(&x);
        for (i, c) in model.centroids().iter().flatten().enumerate() {
            row.check_if_given(&format!("c{i}"), Some(*c));
        }
        for (i, w) in model.weights().iter().enumerate() {
            row.check_if_given(&format!("w{i}"), Some(*w));
        }
    }
}

#[test]
fn k_means() {
    // As many samples behind each centroid as leave the rate alone.
    let mut model = KMeans::<3, 4>::with_centroids(0.0625, START, [16.0; 4]);
    for row in golden("cluster/k_means", 1e-12, 1e-4).rows() {
        let x = Sample::new(row.array("x")).unwrap();
        row.check("cluster", model.assign_one(&x).map(Real::from));
        model.learn_one(&x);
        for (i, c) in model.centroids().iter().flatten().enumerate() {
            row.check_if_given(&format!("c{i}"), Some(*c));
        }
    }
}
