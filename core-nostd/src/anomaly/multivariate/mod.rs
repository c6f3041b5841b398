//! Scorers of several features measured together.

mod half_space_trees;
mod loda;
mod mahalanobis;
mod one_class_svm;
mod os_elm;
mod random_cut_forest;
mod random_cut_tree;
mod rs_hash;
mod streaming_pca;

pub use half_space_trees::{GivenSplits, HalfSpaceTrees, Halving, Splits};
pub use loda::Loda;
pub use mahalanobis::Mahalanobis;
pub use one_class_svm::OneClassSvm;
pub use os_elm::OsElm;
pub use random_cut_forest::RandomCutForest;
pub use rs_hash::RsHash;
pub use streaming_pca::{Residual, StreamingPca};

use crate::compose::Then;
use crate::preprocess::StandardScaler;
use crate::registry::registry;

/// Standardises what the scorers see that weigh features by their size.
type Scaled<const N: usize, S> = Then<StandardScaler<N, 5000>, S>;

registry! {
    /// Any registered scorer of `N` features; feed raw channels.
    scorer AnyScorer<const N: usize>: family "scorer", kind 21 {
        /// Distance from the running mean in units of the covariance of 5000 samples.
        "mahalanobis" => Mahalanobis(Mahalanobis<N, 5000>) = Mahalanobis::new(0.01),
        /// 10 half-space trees of height 8 on standardised features, window 250.
        "half_space_trees" => HalfSpaceTrees(Scaled<N, HalfSpaceTrees<N, 10, 255>>) =
            Then::new(StandardScaler::new(), HalfSpaceTrees::new(250, 1)),
        /// 25 histograms of 32 bins of random views of standardised features.
        "loda" => Loda(Scaled<N, Loda<N, 25, 32>>) = Then::new(StandardScaler::new(), Loda::new(2000, 1)),
        /// 20 random grids over random subspaces of standardised features.
        "rs_hash" => RsHash(Scaled<N, RsHash<N, 40, 128>>) = Then::new(StandardScaler::new(), RsHash::new(2000, 1)),
        /// Random cut forest of 16 trees with 64 samples each, on standardised features.
        "random_cut_forest" => RandomCutForest(Scaled<N, RandomCutForest<N, 16, 64>>) =
            Then::new(StandardScaler::new(), RandomCutForest::new(0.0016, 1)),
        /// Distance off the plane of 2 principal components, and in it, of standardised features.
        "streaming_pca" => StreamingPca(Scaled<N, StreamingPca<N, 2, 5000>>) =
            Then::new(StandardScaler::new(), StreamingPca::new()),
        /// What an auto-encoder with 8 random hidden neurons cannot reproduce of standardised features.
        "os_elm" => OsElm(Scaled<N, OsElm<N, 8>>) = Then::new(StandardScaler::new(), OsElm::new(0.1, 0.999, 1)),
        /// Distance beyond the plane that most standardised samples keep on one side.
        "one_class_svm" => OneClassSvm(Scaled<N, OneClassSvm<N>>) =
            Then::new(StandardScaler::new(), OneClassSvm::new(0.1, 0.01)),
    }
}
