//! Each case once, in both precisions: `single` is the core, `double` its f64 twin.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]
#![allow(clippy::duplicate_mod, reason = "that is the point")]

use brooklet_golden::streams;

mod held;

/// One line a family: its name and the file of its cases.
macro_rules! families {
    ($($family:ident in $file:literal),+ $(,)?) => {
        #[path = "."]
        mod single {
            pub(crate) use brooklet_core as brooklet;
            #[allow(dead_code, reason = "not every family needs it")]
            pub(crate) type Real = f32;

            /// The golden file, with the tolerance of f32; the first is that of f64.
            pub(crate) fn golden(name: &str, _: f64, tolerance: f64) -> brooklet_golden::Golden {
                brooklet_golden::Golden::open(name, tolerance)
            }

            $(#[path = $file] mod $family;)+
        }

        #[path = "."]
        mod double {
            pub(crate) use brooklet_golden::twin as brooklet;
            #[allow(dead_code, reason = "not every family needs it")]
            pub(crate) type Real = f64;

            /// The golden file, with the tolerance of f64; the second is that of f32.
            pub(crate) fn golden(name: &str, tolerance: f64, _: f64) -> brooklet_golden::Golden {
                brooklet_golden::Golden::open(name, tolerance)
            }

            $(#[path = $file] mod $family;)+
        }
    };
}

families! {
    anomaly in "anomaly.rs",
    classify in "classify.rs",
    cluster in "cluster.rs",
    drift in "drift.rs",
    evaluate in "evaluate.rs",
    fixed in "fixed.rs",
    forecast in "forecast.rs",
    fuse in "fuse.rs",
    one_class_svm in "one_class_svm.rs",
    preprocess in "preprocess.rs",
    prognose in "prognose.rs",
    quantile in "quantile.rs",
    recommend in "recommend.rs",
    regress in "regress.rs",
    sketch in "sketch.rs",
    spc in "spc.rs",
    spectral in "spectral.rs",
    stats in "stats.rs",
    threshold in "threshold.rs",
    trees in "trees.rs",
    window in "window.rs",
}
