//! Classifiers: one of a few classes from a sample, with a share for each. Linear ones say yes or no
//! ([`Binary`]) and become classifiers by [`OneVsRest`].

mod adaptive_forest;
mod arow;
mod ftrl;
mod gaussian_nb;
mod gaussian_observer;
mod hoeffding_tree;
mod k_nearest;
mod logistic;
mod nearest_centroid;
mod one_vs_rest;
pub mod packed_forest;
mod passive_aggressive;
mod pegasos;
mod softmax;

pub use adaptive_forest::AdaptiveForest;
pub use arow::Arow;
pub use ftrl::LogisticFtrl;
pub use gaussian_nb::GaussianNb;
pub use hoeffding_tree::{Growth, HoeffdingTree, LeafPrediction};
pub use k_nearest::KNearest;
pub use logistic::Logistic;
pub use nearest_centroid::NearestCentroid;
pub use one_vs_rest::{Binary, OneVsRest};
pub use passive_aggressive::PaClassifier;
pub use pegasos::Pegasos;
pub use softmax::Softmax;

use crate::linear::Aggressive;
use crate::registry::registry;

registry! {
    /// Any registered classifier of `N` features into `C` classes.
    classifier AnyClassifier<const N: usize, const C: usize>: family "classify", kind 26 {
        /// Logistic regression by gradient descent, one against the rest.
        "logistic" => Logistic(OneVsRest<Logistic<N>, C>) = OneVsRest::new(Logistic::new(0.01, 0.0)),
        /// Logistic regression by FTRL-proximal, Flink ML's law and defaults.
        "logistic_ftrl" => LogisticFtrl(OneVsRest<LogisticFtrl<N>, C>) = OneVsRest::new(LogisticFtrl::new(0.1, 0.1)),
        /// Softmax regression: logistic regression of all classes at once.
        "softmax" => Softmax(Softmax<N, C>) = Softmax::new(0.01, 0.0),
        /// Linear support vector machine by Pegasos.
        "pegasos" => Pegasos(OneVsRest<Pegasos<N>, C>) = OneVsRest::new(Pegasos::new(0.01, 10_000)),
        /// Passive-aggressive I: changes just enough to be right.
        "passive_aggressive" => PassiveAggressive(OneVsRest<PaClassifier<N>, C>)
            = OneVsRest::new(PaClassifier::new(Aggressive::I { c: 0.01 })),
        /// Adaptive regularisation of weights: bears wrong answers well.
        "arow" => Arow(OneVsRest<Arow<N>, C>) = OneVsRest::new(Arow::new(1.0)),
        /// Gaussian naive Bayes remembering 10,000 samples of a class.
        "gaussian_nb" => GaussianNb(GaussianNb<N, C, 10_000>) = GaussianNb::new(),
        /// The class whose mean is nearest, remembering 1000 samples of a class.
        "nearest_centroid" => NearestCentroid(NearestCentroid<N, C, 1000>) = NearestCentroid::new(),
        /// Three nearest of 64 remembered samples, the useless ones replaced.
        "k_nearest" => KNearest(KNearest<N, C, 64, 3>) = KNearest::new(),
        /// Hoeffding tree of up to 48 leaves, 24 of them observed, with adaptive naive Bayes.
        "hoeffding_tree" => HoeffdingTree(HoeffdingTree<N, C, 48, 24>) = HoeffdingTree::new(Growth::DEFAULT),
        /// Adaptive random forest of 4 small trees, each replaced when its errors drift.
        "adaptive_forest" => AdaptiveForest(AdaptiveForest<N, C, 4, 16, 16, 3>) = AdaptiveForest::new(1),
    }
}
