//! Learners on real streams, predicting first and learning afterwards, beside River with the same learners and settings.
//!
//! Run only where the data lies beside the checkout (`../shared/data`) or where `BROOKLET_DATA` says: it is not part of
//! this repository. Prints a table and holds it: nothing may be worse than River.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]
#![allow(clippy::print_stdout, reason = "the table")]
// A family's file: `#[test] #[ignore = "needs the data sets"] fn figures_are_no_worse_than_rivers()` that makes its
// figures and passes them to `hold_against_river`.

use std::path::{Path, PathBuf};

mod forecast;
mod linear;
mod trees;

/// One figure of one learner on one stream.
struct Figure {
    data: &'static str,
    learner: &'static str,
    metric: &'static str,
    value: f64,
    /// Whether more is better, and by how much it may be worse than River's because of f32 or chance.
    better: Better,
}

#[derive(Clone, Copy)]
enum Better {
    More { slack: f64 },
    Less { slack: f64 },
}

/// The file of a data set.
fn data(file: &str) -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("BROOKLET_DATA").map_or(beside, PathBuf::from);
    let path = folder.join(file);
    assert!(
        path.exists(),
        "{} is not there; let BROOKLET_DATA point to the folder of data sets",
        path.display()
    );
    path
}

/// Prints our figures beside River's and fails if one is worse.
fn hold_against_river(family: &str, figures: &[Figure]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("files/prequential/{family}.csv"));
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_path(&path).expect("River's figures");
    let rivers: Vec<(String, String, String, f64)> =
        reader.deserialize().map(|row| row.expect("a figure")).collect();
    println!("{:<14} {:<34} {:<10} {:>10} {:>10}", "stream", "learner", "metric", "Brooklet", "River");
    let mut worse = Vec::new();
    for figure in figures {
        let river = rivers
            .iter()
            .find(|(data, learner, metric, _)| {
                (&**data, &**learner, &**metric) == (figure.data, figure.learner, figure.metric)
            })
            .map(|row| row.3);
        let shown = river.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
        println!(
            "{:<14} {:<34} {:<10} {:>10.4} {shown:>10}",
            figure.data, figure.learner, figure.metric, figure.value
        );
        let fits = match (figure.better, river) {
            (Better::More { slack }, Some(river)) => figure.value >= river - slack,
            (Better::Less { slack }, Some(river)) => figure.value <= river + slack,
            (_, None) => figure.value.is_finite(),
        };
        if !fits {
            worse.push(format!("{} {} {}", figure.data, figure.learner, figure.metric));
        }
    }
    assert!(worse.is_empty(), "worse than River: {worse:?}");
    for (data, learner, metric, _) in &rivers {
        let held = figures.iter().any(|f| (f.data, f.learner, f.metric) == (&**data, &**learner, &**metric));
        assert!(held, "River's {data} {learner} {metric} has no counterpart");
    }
}
