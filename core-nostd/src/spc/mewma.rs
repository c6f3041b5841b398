use serde::{Deserialize, Serialize};

use super::VectorBaseline;
use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Scorer, Transformer, Validate};

/// Multivariate EWMA chart: small lasting shifts of `N` channels in any direction.
///
/// Formula: `w` the channels made independent by the baseline, `E = lambda w + (1 - lambda) E`,
/// `T² = |E|² (2 - lambda)/lambda`; out of control if `T² > h`. The variance of `E` is that of the long run, so the
/// first samples are judged mildly.
///
/// One false alarm in 200 samples with `lambda` 0.1 and `h` 8.66 for 2 channels, 10.79 for 3, 12.73 for 4, if samples
/// are independent and normal and the baseline is known.
///
/// `lambda`: 0.001 to 1 (1: Hotelling's T²). `h`: 0 to 1e12. Memory: `4 N² + 8 N + 16` bytes. Cost: `N²/2 + 3 N`
/// multiplications.
/// ```
/// use brooklet_core::{sample::Sample, spc::{Mewma, VectorBaseline}, traits::Learner};
/// let mut chart = Mewma::new(VectorBaseline::given([0.0; 2], [[1.0, 0.0], [0.0, 1.0]]), 0.1, 8.66);
/// let shifted = Sample::new([1.0, 1.0]).unwrap();
/// let alarm = (0..50u8).find(|_| { chart.learn_one(&shifted); chart.drifted() });
/// assert_eq!(alarm, Some(6)); // 38 (1 - 0.9^7)² = 10.4
/// ```
/// Source: Lowry, Woodall, Champ, Rigdon: A multivariate exponentially weighted moving average control chart,
/// Technometrics 1992, doi:10.1080/00401706.1992.10485232. Run lengths held against Prabhu, Runger: Designing a
/// multivariate EWMA control chart, Journal of Quality Technology 1997, doi:10.1080/00224065.1997.11979720.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mewma<const N: usize> {
    baseline: VectorBaseline<N>,
    #[serde(with = "crate::array")]
    average: [f32; N],
    lambda: f32,
    h: f32,
    drifted: bool,
}

impl<const N: usize> Mewma<N> {
    /// A chart with averages of 0.
    #[must_use]
    pub const fn new(baseline: VectorBaseline<N>, lambda: f32, h: f32) -> Self {
        let (lambda, h) = (math::clamp(lambda, 0.001, 1.0), math::clamp(h, 0.0, 1e12));
        Self { baseline, average: [0.0; N], lambda, h, drifted: false }
    }

    /// True if the last sample was out of control; false in phase I.
    #[must_use]
    pub const fn drifted(&self) -> bool {
        self.drifted
    }

    /// The averages with `x` as the newest sample.
    fn with(&self, x: &Sample<N>) -> Option<[f32; N]> {
        let mut average = self.average;
        let w = self.baseline.transform_one(x)?;
        average.iter_mut().zip(w.values()).for_each(|(e, w)| *e += self.lambda * (w - *e));
        Some(average)
    }

    fn t2(&self, average: &[f32; N]) -> f32 {
        average.iter().map(|e| e * e).sum::<f32>() * ((2.0 - self.lambda) / self.lambda)
    }
}

impl<const N: usize> Learner for Mewma<N> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        if let Some(average) = self.with(x) {
            self.average = average;
            self.drifted = self.t2(&average) > self.h;
        }
        self.baseline.learn_one(x);
    }

    fn reset(&mut self) {
        self.baseline.reset();
        self.average = [0.0; N];
        self.drifted = false;
    }
}

impl<const N: usize> Scorer for Mewma<N> {
    /// T² of the averages with `x` as the newest sample; `None` in phase I.
    fn raw_one(&self, x: &Sample<N>) -> Option<f32> {
        Some(self.t2(&self.with(x)?))
    }
}

impl<const N: usize> Validate for Mewma<N> {
    fn is_valid(&self) -> bool {
        self.baseline.is_valid()
            && self.average.iter().all(|e| math::abs(*e) <= 2e9)
            && (0.001..=1.0).contains(&self.lambda)
            && (0.0..=1e12).contains(&self.h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::spc::HotellingT2;

    const RUNS: u32 = if cfg!(debug_assertions) { 6000 } else { 20_000 };

    /// Mean run length of a chart of `N` independent channels, the first shifted.
    fn run_length<const N: usize, C>(chart: &C, learn: impl Fn(&mut C, &Sample<N>) -> bool, shift: f32) -> f64
    where
        C: Clone,
    {
        let (mut rng, mut samples) = (Rng::new(5), 0u32);
        for _ in 0..RUNS {
            let mut chart = chart.clone();
            loop {
                let mut x: [f32; N] = core::array::from_fn(|_| rng.normal());
                x[0] += shift;
                samples += 1;
                if learn(&mut chart, &Sample::new(x).unwrap()) {
                    break;
                }
            }
        }
        f64::from(samples) / f64::from(RUNS)
    }

    fn known<const N: usize>() -> VectorBaseline<N> {
        VectorBaseline::given(
            [0.0; N],
            core::array::from_fn(|i| core::array::from_fn(|j| f32::from(u8::from(i == j)))),
        )
    }

    fn close(length: f64, published: f64) {
        assert!((length / published - 1.0).abs() < 0.03, "{length}, not {published}");
    }

    #[test]
    fn run_lengths_of_mewma() {
        let learn = |chart: &mut Mewma<2>, x: &_| {
            chart.learn_one(x);
            chart.drifted()
        };
        let chart = Mewma::<2>::new(known(), 0.1, 8.66);
        for (shift, published) in [(0.0, 200.0), (0.5, 28.1), (1.0, 10.2), (2.0, 4.42)] {
            close(run_length(&chart, learn, shift), published);
        }
        let learn = |chart: &mut Mewma<4>, x: &_| {
            chart.learn_one(x);
            chart.drifted()
        };
        close(run_length(&Mewma::<4>::new(known(), 0.1, 12.73), learn, 1.0), 12.2);
    }

    /// `1 / P(chi² > h)`, non-central with shift² for the shifted ones; scipy.stats.ncx2.
    #[test]
    fn run_lengths_of_t2() {
        let learn = |chart: &mut HotellingT2<2>, x: &_| {
            chart.learn_one(x);
            chart.drifted()
        };
        let chart = HotellingT2::<2>::new(known(), 10.597);
        for (shift, exact) in [(0.0, 200.0), (1.0, 41.92), (2.0, 6.876), (3.0, 2.159)] {
            close(run_length(&chart, learn, shift), exact);
        }
    }
}
