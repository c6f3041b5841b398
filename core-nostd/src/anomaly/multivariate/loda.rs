use serde::{Deserialize, Serialize};

use crate::math;
use crate::rng::Rng;
use crate::sample::Sample;
use crate::traits::{Learner, Scorer, Validate};

/// Histograms of random one-dimensional views: strange is what is rare in many of them.
///
/// Formula: raw = `-(1/PROJECTIONS) Σ ln p_i(w_i·x)`; `w_i` has about `sqrt(N)` features with normal weights and length
/// 1; `p_i` is the share of its bin, `(count + 1/2) / (n + BINS/2)`. Bins of equal width cover -4 to 4, the outermost
/// all beyond. After `window` samples all counts are halved, so the memory is one to two windows.
///
/// Fast and robust with many features; blind to what shows only in a combination of features that no view contains.
/// Feed standardised features (`Then<StandardScaler, Loda>`, as the registered one is). Ready after 20 samples.
///
/// `window`: 20 to 32,767 samples, brought into range. Memory: `PROJECTIONS (2 BINS + 4 N) + 4` bytes. Cost:
/// `N PROJECTIONS` multiplications, a logarithm for six projections.
/// ```
/// use brooklet_core::{anomaly::Loda, rng::Rng, sample::Sample};
/// use brooklet_core::traits::{Learner, Scorer};
/// let (mut rng, mut loda) = (Rng::new(1), Loda::<2, 20, 32>::new(1000, 7));
/// for _ in 0..500 { loda.learn_one(&Sample::new([rng.normal(), rng.normal()]).unwrap()); }
/// let raw = |x| loda.raw_one(&Sample::new(x).unwrap()).unwrap();
/// assert!(raw([0.0, 0.0]) < 2.5 && raw([5.0, -5.0]) > 4.0);
/// ```
/// Source: T. Pevný, Loda: lightweight on-line detector of anomalies, Machine Learning 2016,
/// doi:10.1007/s10994-015-5521-0. Checked against its twin in f64.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loda<const N: usize, const PROJECTIONS: usize, const BINS: usize> {
    #[serde(with = "crate::array::nested")]
    weights: [[f32; N]; PROJECTIONS],
    #[serde(with = "crate::array::nested")]
    counts: [[u16; BINS]; PROJECTIONS],
    window: u16,
    n: u16,
}

/// Samples after which it has something to say.
const WARM_UP: u16 = 20;
/// Half the width that the bins cover.
const REACH: f32 = 4.0;

impl<const N: usize, const PROJECTIONS: usize, const BINS: usize> Loda<N, PROJECTIONS, BINS> {
    const SHAPE: () = assert!(N > 0 && N < 65_536 && PROJECTIONS > 0 && BINS > 1 && BINS < 65_536);

    /// Random views from a seed, with nothing learnt.
    #[must_use]
    pub const fn new(window: u16, seed: u64) -> Self {
        let () = Self::SHAPE;
        let window = match window {
            0..WARM_UP => WARM_UP,
            32_768.. => 32_767,
            _ => window,
        };
        let (mut rng, mut weights) = (Rng::new(seed), [[0.0; N]; PROJECTIONS]);
        let mut rows: &mut [[f32; N]] = &mut weights;
        while let [row, rest @ ..] = rows {
            sparse_direction(row, &mut rng);
            rows = rest;
        }
        Self { weights, counts: [[0; BINS]; PROJECTIONS], window, n: 0 }
    }

    /// The bin of each projection.
    fn bins(&self, x: &Sample<N>) -> [usize; PROJECTIONS] {
        let x = x.values().map(math::limit);
        let (scale, last) = (BINS as f32 / (2.0 * REACH), BINS.saturating_sub(1));
        self.weights.map(|weights| {
            let view: f32 = weights.iter().zip(&x).map(|(w, x)| w * x).sum();
            // A negative number becomes 0.
            Ord::min(((view + REACH) * scale) as usize, last)
        })
    }
}

/// A direction of length 1 with about `sqrt(N)` features, at least one of them.
const fn sparse_direction(row: &mut [f32], rng: &mut Rng) {
    let features = row.len();
    let mut used = 1usize;
    while used.saturating_mul(used) < features {
        used = used.saturating_add(1);
    }
    let (mut squares, mut left, mut wanted) = (0.0, features, used);
    let mut cells = &mut *row;
    while let [cell, rest @ ..] = cells {
        // Each of the features left is as likely as the others to be among those still wanted.
        if rng.uniform() * (left as f32) < wanted as f32 {
            let mut normal = -6.0;
            let mut left = [(); 12].as_slice();
            while let [(), rest @ ..] = left {
                normal += rng.uniform(); // the sum of twelve is nearly normal, and can be made at compile time
                left = rest;
            }
            *cell = normal;
            squares += normal * normal;
            wanted = wanted.saturating_sub(1);
        }
        left = left.saturating_sub(1);
        cells = rest;
    }
    let inverse = inverse_root(squares);
    let mut cells = row;
    while let [cell, rest @ ..] = cells {
        *cell *= inverse;
        cells = rest;
    }
}

/// `1 / sqrt(x)` by Newton's steps, for tables made at compile time; 1 for what is nearly 0.
const fn inverse_root(x: f32) -> f32 {
    if x < 1e-12 {
        return 1.0;
    }
    let (mut root, mut left) = (math::max(x, 1.0), [(); 40].as_slice());
    while let [(), rest @ ..] = left {
        root = 0.5 * (root + x / root);
        left = rest;
    }
    1.0 / root
}

/// `Σ ln` of numbers from 1/2 to 2^17, by one logarithm for six of them.
pub(super) fn sum_of_logarithms(numbers: impl Iterator<Item = f32>) -> f32 {
    let (mut sum, mut product) = (0.0, 1.0);
    for number in numbers {
        product *= number;
        if !(1e-15..1e30).contains(&product) {
            sum += math::ln(product);
            product = 1.0;
        }
    }
    sum + math::ln(product)
}

impl<const N: usize, const PROJECTIONS: usize, const BINS: usize> Learner for Loda<N, PROJECTIONS, BINS> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        for (bin, counts) in self.bins(x).into_iter().zip(&mut self.counts) {
            if let Some(count) = counts.get_mut(bin) {
                *count = count.saturating_add(1);
            }
        }
        self.n = self.n.saturating_add(1);
        if self.n >= self.window.saturating_mul(2) {
            self.n /= 2;
            self.counts.iter_mut().flatten().for_each(|count| *count /= 2);
        }
    }

    fn reset(&mut self) {
        (self.counts, self.n) = ([[0; BINS]; PROJECTIONS], 0);
    }
}

impl<const N: usize, const PROJECTIONS: usize, const BINS: usize> Scorer for Loda<N, PROJECTIONS, BINS> {
    fn raw_one(&self, x: &Sample<N>) -> Option<f32> {
        if self.n < WARM_UP {
            return None;
        }
        let counts = self.bins(x).into_iter().zip(&self.counts);
        let counts = counts.map(|(bin, counts)| f32::from(counts.get(bin).copied().unwrap_or(0)) + 0.5);
        let all = math::ln(f32::from(self.n) + 0.5 * BINS as f32);
        Some(all - sum_of_logarithms(counts) / PROJECTIONS as f32)
    }
}

impl<const N: usize, const PROJECTIONS: usize, const BINS: usize> Validate for Loda<N, PROJECTIONS, BINS> {
    fn is_valid(&self) -> bool {
        (WARM_UP..32_768).contains(&self.window)
            && self.n < self.window.saturating_mul(2)
            && self.weights.iter().flatten().all(|w| math::abs(*w) <= 1.01)
    }
}
