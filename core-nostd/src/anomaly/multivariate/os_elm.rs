use serde::{Deserialize, Serialize};

use crate::math;
use crate::rng::Rng;
use crate::sample::Sample;
use crate::traits::{Learner, Scorer, Validate};

/// A small neural auto-encoder whose hidden layer is random and whose output layer is solved, not trained: strange is
/// what it cannot reproduce.
///
/// Formula: `h = sigmoid(A x + b)` with `A`, `b` uniform in ±1; `k = P h / (forgetting + hᵀ P h)`,
/// `P = (P - k hᵀ P) / forgetting`, `B += k (x - Bᵀ h)ᵀ`, from `P = I / ridge`: recursive ridge regression of `x` on
/// `h`. raw = `sqrt(mean (x - Bᵀ h)²)`. While `P` is at its bound (features that never change), nothing is forgotten.
///
/// Finds what breaks relations between features, bent ones too. Feed standardised features (`Then<StandardScaler,
/// OsElm>`, as the registered one is). `HIDDEN` best at or below `N`. Ready after `2 HIDDEN` samples.
///
/// `ridge`: 1e-4 to 1e4; `forgetting`: 0.9 to 1, the share kept of the weight of the past; both brought into range.
/// Memory: `4 HIDDEN (HIDDEN + 2 N + 1) + 12` bytes. Cost: `2 HIDDEN² + 4 HIDDEN N` multiplications, `HIDDEN`
/// exponentials.
/// ```
/// use brooklet_core::{anomaly::OsElm, rng::Rng, sample::Sample};
/// use brooklet_core::traits::{Learner, Scorer};
/// let (mut rng, mut elm) = (Rng::new(1), OsElm::<3, 3>::new(0.01, 0.999, 7));
/// for _ in 0..1000 {
///     let a = rng.normal();
///     elm.learn_one(&Sample::new([a, a, -a]).unwrap());
/// }
/// let raw = |x| elm.raw_one(&Sample::new(x).unwrap()).unwrap();
/// assert!(raw([1.0, 1.0, -1.0]) < 0.2 && raw([1.0, -1.0, 1.0]) > 0.5);
/// ```
/// Source: M. Tsukada, M. Kondo, H. Matsutani, A neural network-based on-device learning anomaly detector for edge
/// devices, IEEE TC 2020, doi:10.1109/TC.2020.2973631; N.-Y. Liang et al., doi:10.1109/TNN.2006.880583. Checked
/// against weighted ridge regression in numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OsElm<const N: usize, const HIDDEN: usize> {
    #[serde(with = "crate::array::nested")]
    weights: [[f32; N]; HIDDEN],
    #[serde(with = "crate::array")]
    biases: [f32; HIDDEN],
    #[serde(with = "crate::array::nested")]
    p: [[f32; HIDDEN]; HIDDEN],
    #[serde(with = "crate::array::nested")]
    output: [[f32; N]; HIDDEN],
    ridge: f32,
    forgetting: f32,
    n: u32,
}

/// Inputs beyond this count as this.
const MOST: f32 = 1e4;
/// What a diagonal element of `P` may grow to, in units of `1 / ridge` or 1, whichever is larger.
const GROWTH: f32 = 4.0;

impl<const N: usize, const HIDDEN: usize> OsElm<N, HIDDEN> {
    const SHAPE: () = assert!(N > 0 && N < 65_536 && HIDDEN > 0 && HIDDEN < 65_536);

    /// A random hidden layer from a seed, with nothing learnt.
    #[must_use]
    pub const fn new(ridge: f32, forgetting: f32, seed: u64) -> Self {
        let () = Self::SHAPE;
        let (mut rng, mut weights, mut biases) = (Rng::new(seed), [[0.0; N]; HIDDEN], [0.0; HIDDEN]);
        let mut neurons: (&mut [[f32; N]], &mut [f32]) = (&mut weights, &mut biases);
        while let ([row, a @ ..], [bias, b @ ..]) = neurons {
            *bias = 2.0 * rng.uniform() - 1.0;
            let mut cells: &mut [f32] = row;
            while let [cell, rest @ ..] = cells {
                *cell = 2.0 * rng.uniform() - 1.0;
                cells = rest;
            }
            neurons = (a, b);
        }
        let ridge = math::clamp(ridge, 1e-4, 1e4);
        let forgetting = math::clamp(forgetting, 0.9, 1.0);
        let p = diagonal(1.0 / ridge);
        Self { weights, biases, p, output: [[0.0; N]; HIDDEN], ridge, forgetting, n: 0 }
    }

    fn hidden(&self, x: &[f32; N]) -> [f32; HIDDEN] {
        let mut h = self.biases;
        for (h, weights) in h.iter_mut().zip(&self.weights) {
            let sum: f32 = weights.iter().zip(x).map(|(w, x)| w * x).sum();
            *h = math::sigmoid(*h + sum);
        }
        h
    }

    /// `x - Bᵀ h`.
    fn errors(&self, x: &[f32; N], h: &[f32; HIDDEN]) -> [f32; N] {
        let mut errors = *x;
        for (output, h) in self.output.iter().zip(h) {
            errors.iter_mut().zip(output).for_each(|(error, b)| *error -= h * b);
        }
        errors
    }

    /// The output layer, one row for each hidden neuron.
    #[must_use]
    pub const fn output(&self) -> &[[f32; N]; HIDDEN] {
        &self.output
    }

    /// Weights and biases of the hidden layer.
    #[must_use]
    pub const fn layer(&self) -> (&[[f32; N]; HIDDEN], &[f32; HIDDEN]) {
        (&self.weights, &self.biases)
    }
}

const fn diagonal<const M: usize>(value: f32) -> [[f32; M]; M] {
    let mut matrix = [[0.0; M]; M];
    let (mut rows, mut i): (&mut [[f32; M]], usize) = (&mut matrix, 0);
    while let [row, rest @ ..] = rows {
        if let Some((_, [cell, ..])) = row.split_at_mut_checked(i) {
            *cell = value;
        }
        rows = rest;
        i = i.saturating_add(1);
    }
    matrix
}

fn limited<const N: usize>(x: &Sample<N>) -> [f32; N] {
    x.values().map(|x| math::clamp(x, -MOST, MOST))
}

impl<const N: usize, const HIDDEN: usize> Learner for OsElm<N, HIDDEN> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        self.n = self.n.saturating_add(1);
        let x = limited(x);
        let h = self.hidden(&x);
        let mut ph = [0.0; HIDDEN];
        for (row, h) in self.p.iter().zip(&h) {
            ph.iter_mut().zip(row).for_each(|(ph, p)| *ph += h * p); // P is symmetric
        }
        let bound = GROWTH * math::max(1.0 / self.ridge, 1.0);
        let largest = self
            .p
            .iter()
            .enumerate()
            .fold(0.0, |largest, (i, row)| math::max(row.get(i).copied().unwrap_or(0.0), largest));
        let kept = if largest < bound { self.forgetting } else { 1.0 };
        let spread: f32 = ph.iter().zip(&h).map(|(ph, h)| ph * h).sum();
        let scale = 1.0 / (kept + math::max(spread, 0.0));
        let errors = self.errors(&x, &h);
        for (output, ph) in self.output.iter_mut().zip(&ph) {
            let k = scale * ph;
            for (b, error) in output.iter_mut().zip(&errors) {
                *b = math::clamp(*b + k * error, -math::LIMIT, math::LIMIT);
            }
        }
        let inverse = 1.0 / kept;
        for (i, (row, ph_i)) in (0..HIDDEN).zip(self.p.iter_mut().zip(&ph)) {
            for (p, ph_j) in row.iter_mut().zip(&ph) {
                // The same product on both sides of the diagonal, so that P stays symmetric to the bit.
                *p = math::clamp(inverse * (*p - scale * (ph_i * ph_j)), -2.0 * bound, 2.0 * bound);
            }
            if let Some(diagonal) = row.get_mut(i) {
                *diagonal = math::max(*diagonal, 1e-9);
            }
        }
    }

    fn reset(&mut self) {
        self.p = diagonal(1.0 / self.ridge);
        (self.output, self.n) = ([[0.0; N]; HIDDEN], 0);
    }
}

impl<const N: usize, const HIDDEN: usize> Scorer for OsElm<N, HIDDEN> {
    fn raw_one(&self, x: &Sample<N>) -> Option<f32> {
        if (self.n as usize) < HIDDEN.saturating_mul(2) {
            return None;
        }
        let x = limited(x);
        let errors = self.errors(&x, &self.hidden(&x));
        let sum: f32 = errors.iter().map(|e| math::limit(*e) * math::limit(*e)).sum();
        Some(math::sqrt(math::min(sum, math::LIMIT * math::LIMIT) / N as f32))
    }
}

impl<const N: usize, const HIDDEN: usize> Validate for OsElm<N, HIDDEN> {
    fn is_valid(&self) -> bool {
        let bound = 2.0 * GROWTH * math::max(1.0 / self.ridge, 1.0);
        (1e-4..=1e4).contains(&self.ridge)
            && (0.9..=1.0).contains(&self.forgetting)
            && self.weights.iter().flatten().chain(&self.biases).all(|w| math::abs(*w) <= 1.0)
            && self.output.iter().flatten().all(|b| math::abs(*b) <= math::LIMIT)
            && self.p.iter().flatten().all(|p| math::abs(*p) <= bound)
    }
}
