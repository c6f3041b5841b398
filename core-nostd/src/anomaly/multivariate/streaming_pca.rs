use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Scorer, Validate};

/// Principal components found on the way; strange is what lies off their plane, or far out in it.
///
/// Formula (CCIPCA): for `k = 1..=K`: `y = u·v_k / |v_k|`, `v_k = (1 - w) v_k + w y u`, `u -= (u·v_k / |v_k|²) v_k`,
/// starting from `u = x - mean`, with `w = (1 + 2)/n`, never below `1/HORIZON`; `|v_k|` is the variance along `v_k`.
/// `T² = Σ y_k²/|v_k|`, SPE = `|u|²` at the end; raw = `sqrt(T²/K + SPE / mean SPE)`.
///
/// Finds readings that break the linear relations between features. Features weigh by their variances: feed
/// standardised ones (`Then<StandardScaler, StreamingPca>`, as the registered one is). Slow to find components with
/// nearly equal variances. Ready after 20 samples.
///
/// `K`: components, best below `N`; `HORIZON`: 2 and up, in samples. Memory: `4 (K + 1) N + 8` bytes. Cost:
/// `6 K N` multiplications and `K` roots to learn.
/// ```
/// use brooklet_core::{anomaly::StreamingPca, rng::Rng, sample::Sample};
/// use brooklet_core::traits::{Learner, Scorer};
/// let (mut rng, mut pca) = (Rng::new(1), StreamingPca::<2, 1, 1000>::new());
/// for _ in 0..500 {
///     let a = rng.normal();
///     pca.learn_one(&Sample::new([a, a + 0.1 * rng.normal()]).unwrap());
/// }
/// let raw = |x| pca.raw_one(&Sample::new(x).unwrap()).unwrap();
/// assert!(raw([1.0, 1.0]) < 2.0 && raw([1.0, -1.0]) > 8.0);
/// ```
/// Source: J. Weng, Y. Zhang, W.-S. Hwang, Candid covariance-free incremental principal component analysis, IEEE TPAMI
/// 2003, doi:10.1109/TPAMI.2003.1217609. Checked against scikit-learn's PCA.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamingPca<const N: usize, const K: usize, const HORIZON: u32> {
    n: u32,
    /// Running mean of the squared prediction error.
    spe: f32,
    #[serde(with = "crate::array")]
    mean: [f32; N],
    /// Directions, each as long as its variance; 0 before it is found.
    #[serde(with = "crate::array::nested")]
    components: [[f32; N]; K],
}

const WARM_UP: u32 = 20;
/// How much more the newer half counts (the paper's amnesic parameter).
const AMNESIA: f32 = 2.0;
/// Beyond this the squares of variances would overflow.
const MOST: f32 = 1e8;
const TINY: f32 = 1e-15;

/// What a sample is in the plane of the components and off it.
/// ```
/// use brooklet_core::{anomaly::StreamingPca, sample::Sample, traits::Learner};
/// let mut pca = StreamingPca::<2, 1, 100>::new();
/// for i in 0..200u8 { pca.learn_one(&Sample::new([f32::from(i % 5), f32::from(i % 5)]).unwrap()); }
/// let [on, off] = [[9.0, 9.0], [9.0, 2.0]].map(|x| pca.residual(&Sample::new(x).unwrap()));
/// assert!(on.spe < 0.1 && off.spe > 10.0 && on.t2 > off.t2); // far along the line; off the line
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Residual {
    /// Squared distance in the plane, in units of the components' variances (Hotelling's T²).
    pub t2: f32,
    /// Squared distance off the plane.
    pub spe: f32,
}

fn dot<const N: usize>(a: &[f32; N], b: &[f32; N]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl<const N: usize, const K: usize, const HORIZON: u32> StreamingPca<N, K, HORIZON> {
    const SHAPE: () = assert!(N > 0 && N < 65_536 && K > 0 && HORIZON > 1);

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { n: 0, spe: 0.0, mean: [0.0; N], components: [[0.0; N]; K] }
    }

    /// The components, each as long as its variance; zeros where none was found yet.
    #[must_use]
    pub const fn components(&self) -> &[[f32; N]; K] {
        &self.components
    }

    /// Distances in the plane and off it; both 0 before the first sample.
    #[must_use]
    pub fn residual(&self, x: &Sample<N>) -> Residual {
        let mut u = self.centred(x);
        let mut t2 = 0.0;
        for v in &self.components {
            let squared = dot(v, v);
            if squared > TINY {
                let along = dot(&u, v) / squared;
                u.iter_mut().zip(v).for_each(|(u, v)| *u -= along * v);
                t2 += along * along * math::sqrt(squared);
            }
        }
        Residual { t2, spe: dot(&u, &u) }
    }

    fn centred(&self, x: &Sample<N>) -> [f32; N] {
        let mut u = *x.values();
        for (u, mean) in u.iter_mut().zip(&self.mean) {
            *u = math::clamp(*u, -MOST, MOST) - mean;
        }
        u
    }
}

impl<const N: usize, const K: usize, const HORIZON: u32> Learner for StreamingPca<N, K, HORIZON> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        self.n = Ord::min(self.n.saturating_add(1), HORIZON);
        let (a, first) = (1.0 / self.n as f32, self.n == 1);
        let before = self.centred(x);
        self.mean.iter_mut().zip(&before).for_each(|(mean, d)| *mean += a * d);
        if first {
            return;
        }
        let mut u = self.centred(x);
        let w = math::min((1.0 + AMNESIA) * a, 0.5);
        for v in &mut self.components {
            let length = math::sqrt(dot(v, v));
            if length <= TINY {
                // The first that is left over begins the direction.
                let size = math::sqrt(dot(&u, &u));
                v.iter_mut().zip(&u).for_each(|(v, u)| *v = size * u);
                break;
            }
            let step = w * (dot(&u, v) / length);
            v.iter_mut().zip(&u).for_each(|(v, u)| *v = (1.0 - w) * *v + step * u);
            let squared = dot(v, v);
            if squared > TINY * TINY {
                let along = dot(&u, v) / squared;
                u.iter_mut().zip(&*v).for_each(|(u, v)| *u -= along * v);
            }
        }
        self.spe += math::max(a, 1.0 / HORIZON as f32) * (dot(&u, &u) - self.spe);
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const N: usize, const K: usize, const HORIZON: u32> Scorer for StreamingPca<N, K, HORIZON> {
    fn raw_one(&self, x: &Sample<N>) -> Option<f32> {
        if self.n < WARM_UP && self.n < HORIZON {
            return None;
        }
        let Residual { t2, spe } = self.residual(x);
        let (t2, spe) = (t2 / K as f32, spe / math::max(self.spe, TINY));
        Some(math::sqrt(math::min(t2 + spe, math::LIMIT)))
    }
}

impl<const N: usize, const K: usize, const HORIZON: u32> Validate for StreamingPca<N, K, HORIZON> {
    fn is_valid(&self) -> bool {
        self.n <= HORIZON
            && (0.0..=math::LIMIT * math::LIMIT).contains(&self.spe)
            && self.mean.iter().all(|m| math::abs(*m) <= 2.0 * MOST)
            && self.components.iter().flatten().all(|v| math::abs(*v) <= math::LIMIT)
    }
}
