use serde::{Deserialize, Serialize};

use crate::math;
use crate::rng::Rng;
use crate::sample::Sample;
use crate::traits::{Learner, Scorer, Validate};

use super::loda::sum_of_logarithms;

/// Counts of the cells of random grids in random subspaces: strange is what falls into empty cells of many of them.
///
/// Formula: component `c` lays a grid of width `f_c` with random shifts over a random choice of features; the cell of
/// `x` is counted in two tables (count-min); raw = `ln(n + 1) - mean ln(1 + smaller count)`. `f_c` is uniform in
/// `1/sqrt(s)` to `1 - 1/sqrt(s)` of the range, `s = 1000`; the number of features is uniform in `1 + L/2` to `L`,
/// `L = log(s)` to the base `max(2, 1/f_c)`. After `window` samples all counts are halved, so the memory is one to two
/// windows.
///
/// Finds what is empty in some subspace. Feed standardised features (`Then<StandardScaler, RsHash>`, as the registered
/// one is): -4 to 4 is the range of the grids; beyond ±64 all is the same. Ready after 20 samples.
///
/// `ROWS`: tables, two for each component; `window`: 20 to 32,767 samples, brought into range. Memory: `ROWS (2 WIDTH +
/// 4 N) + 4` bytes. Cost: `N ROWS` multiplications, a logarithm for six components.
/// ```
/// use brooklet_core::{anomaly::RsHash, rng::Rng, sample::Sample};
/// use brooklet_core::traits::{Learner, Scorer};
/// let (mut rng, mut hash) = (Rng::new(1), RsHash::<2, 40, 64>::new(1000, 7));
/// for _ in 0..500 { hash.learn_one(&Sample::new([rng.normal(), rng.normal()]).unwrap()); }
/// let raw = |x| hash.raw_one(&Sample::new(x).unwrap()).unwrap();
/// assert!(raw([0.0, 0.0]) < 3.0 && raw([8.0, -8.0]) > 4.0);
/// ```
/// Source: S. Sathe, C. C. Aggarwal, Subspace outlier detection in linear time with randomized hashing, ICDM 2016,
/// doi:10.1109/ICDM.2016.0057. Checked against its twin in f64.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RsHash<const N: usize, const ROWS: usize, const WIDTH: usize> {
    /// Two rows for each component: the reciprocal width of the cells (0 for features left out), and the shifts.
    #[serde(with = "crate::array::nested")]
    grids: [[f32; N]; ROWS],
    #[serde(with = "crate::array::nested")]
    counts: [[u16; WIDTH]; ROWS],
    window: u16,
    n: u16,
}

/// Samples after which it has something to say.
const WARM_UP: u16 = 20;
/// Samples that the choice of grids is made for.
const SAMPLES: f32 = 1000.0;
const ROOT: f32 = 0.0316; // 1 / sqrt(SAMPLES)
/// Deviations that the grids' range of 1 covers.
const RANGE: f32 = 8.0;
const BEYOND: f32 = 64.0;

impl<const N: usize, const ROWS: usize, const WIDTH: usize> RsHash<N, ROWS, WIDTH> {
    const SHAPE: () =
        assert!(N > 0 && N < 65_536 && ROWS > 1 && ROWS.is_multiple_of(2) && WIDTH > 1 && WIDTH < 65_536);

    /// Random grids from a seed, with nothing learnt.
    #[must_use]
    pub const fn new(window: u16, seed: u64) -> Self {
        let () = Self::SHAPE;
        let window = match window {
            0..WARM_UP => WARM_UP,
            32_768.. => 32_767,
            _ => window,
        };
        let (mut rng, mut grids) = (Rng::new(seed), [[0.0; N]; ROWS]);
        let mut rows: &mut [[f32; N]] = &mut grids;
        while let [widths, shifts, rest @ ..] = rows {
            lay_grid(widths, shifts, &mut rng);
            rows = rest;
        }
        Self { grids, counts: [[0; WIDTH]; ROWS], window, n: 0 }
    }

    /// The place in each table.
    fn places(&self, x: &Sample<N>) -> [usize; ROWS] {
        let x = x.values().map(|x| (math::clamp(x, -BEYOND, BEYOND) + BEYOND) / RANGE);
        let mut places = [0; ROWS];
        let components = places.chunks_exact_mut(2).zip(self.grids.chunks_exact(2));
        for (places, grid) in components {
            if let ([first, second], [widths, shifts]) = (places, grid) {
                let (mut hash, mut odd) = (0u32, 0x9E37_79B1u32);
                for ((x, width), shift) in x.iter().zip(widths).zip(shifts) {
                    // Nothing here is negative, so the cast rounds down.
                    let cell = (x * width + shift) as i32 as u32;
                    hash = hash.wrapping_add(cell.wrapping_mul(odd));
                    odd = odd.wrapping_mul(0x85EB_CA6B);
                }
                hash ^= hash >> 15;
                *first = Self::place(hash.wrapping_mul(0xC2B2_AE35));
                *second = Self::place(hash.wrapping_mul(0x27D4_EB2F));
            }
        }
        places
    }

    const fn place(hash: u32) -> usize {
        ((hash >> 16).wrapping_mul(WIDTH as u32) >> 16) as usize
    }
}

/// Draws width, features and shifts of one component.
const fn lay_grid(widths: &mut [f32], shifts: &mut [f32], rng: &mut Rng) {
    let features = widths.len();
    let width = ROOT + (1.0 - 2.0 * ROOT) * rng.uniform();
    let base = math::max(2.0, 1.0 / width);
    // L rounded down: how often SAMPLES can be divided by the base.
    let (mut most, mut left) = (0usize, SAMPLES);
    while left >= base {
        left /= base;
        most = most.saturating_add(1);
    }
    let least = 1usize.saturating_add(most / 2);
    let span = most.saturating_add(1).saturating_sub(least) as f32;
    let chosen = least.saturating_add((span * rng.uniform()) as usize);
    let (mut left, mut wanted) = (features, if chosen > features { features } else { chosen });
    let mut cells: (&mut [f32], &mut [f32]) = (widths, shifts);
    while let ([cell, a @ ..], [shift, b @ ..]) = cells {
        if rng.uniform() * (left as f32) < wanted as f32 {
            *cell = 1.0 / width;
            *shift = rng.uniform();
            wanted = wanted.saturating_sub(1);
        }
        left = left.saturating_sub(1);
        cells = (a, b);
    }
}

impl<const N: usize, const ROWS: usize, const WIDTH: usize> Learner for RsHash<N, ROWS, WIDTH> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        for (place, counts) in self.places(x).into_iter().zip(&mut self.counts) {
            if let Some(count) = counts.get_mut(place) {
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
        (self.counts, self.n) = ([[0; WIDTH]; ROWS], 0);
    }
}

impl<const N: usize, const ROWS: usize, const WIDTH: usize> Scorer for RsHash<N, ROWS, WIDTH> {
    fn raw_one(&self, x: &Sample<N>) -> Option<f32> {
        if self.n < WARM_UP {
            return None;
        }
        let places = self.places(x);
        let smaller = places.chunks_exact(2).zip(self.counts.chunks_exact(2)).map(|(places, counts)| {
            let found = places.iter().zip(counts).filter_map(|(place, counts)| counts.get(*place));
            f32::from(found.min().copied().unwrap_or(0)) + 1.0
        });
        let components = 0.5 * ROWS as f32;
        Some(math::ln(f32::from(self.n) + 1.0) - sum_of_logarithms(smaller) / components)
    }
}

impl<const N: usize, const ROWS: usize, const WIDTH: usize> Validate for RsHash<N, ROWS, WIDTH> {
    fn is_valid(&self) -> bool {
        (WARM_UP..32_768).contains(&self.window)
            && self.n < self.window.saturating_mul(2)
            && self.grids.iter().flatten().all(|v| (0.0..=100.0).contains(v))
    }
}
