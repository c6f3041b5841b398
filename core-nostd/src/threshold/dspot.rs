use serde::{Deserialize, Serialize};

use super::Spot;
use crate::math;
use crate::traits::{Learner, Statistic, Threshold, Validate};
use crate::window::MovingMean;

/// DSPOT: SPOT on the distances from a moving mean, for a stream whose level drifts.
///
/// Formula: `m` the mean of the last `D` samples that were not above the threshold; [`Spot`] learns `x - m`; the threshold
/// is `m` plus its.
///
/// Follows drift that is slow against `D` samples. As the paper has it, a step to above the threshold is above for ever,
/// and the threshold creeps as SPOT's does; not so with [`keeping_all`](Self::keeping_all).
///
/// Parameters as [`Spot`]'s; the first `D` samples are the first mean. Memory: `4 N + 4 D + 52` bytes. Cost: as SPOT, and
/// one addition to the mean. Input is limited to ±1e17.
/// ```
/// use brooklet_core::{rng::Rng, threshold::Dspot, traits::{Learner, Threshold}};
/// let (mut rng, mut dspot) = (Rng::new(1), Dspot::<100, 20>::new(1e-4, 0.96, 1000).keeping_all());
/// for i in 0..20_000 { dspot.learn_one(&(0.01 * i as f32 + rng.normal())); }
/// assert!((dspot.threshold().unwrap() - 203.7).abs() < 0.4);
/// ```
/// Source: Siffer, Fouque, Termier, Largouët: Anomaly detection in streams with extreme value theory, KDD 2017,
/// doi:10.1145/3097983.3098144. Checked against [`Spot`] on the distances, to the bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dspot<const N: usize, const D: usize> {
    spot: Spot<N>,
    mean: MovingMean<D>,
    /// Samples until the first mean.
    wait: u16,
}

impl<const N: usize, const D: usize> Dspot<N, D> {
    /// Nothing learnt; the tail threshold comes from the first `n` distances.
    #[must_use]
    pub const fn new(q: f32, level: f32, n: u16) -> Self {
        Self { spot: Spot::new(q, level, n), mean: MovingMean::new(), wait: D as u16 }
    }

    /// Learns also what is above the threshold, the mean too.
    #[must_use]
    pub const fn keeping_all(self) -> Self {
        Self { spot: self.spot.keeping_all(), ..self }
    }
}

impl<const N: usize, const D: usize> Learner for Dspot<N, D> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = math::clamp(*x, -1e17, 1e17);
        if self.wait > 0 {
            self.wait = self.wait.saturating_sub(1);
        } else if let Some(mean) = self.mean.value() {
            let apart = x - mean;
            if self.spot.lets_out(apart) {
                return;
            }
            self.spot.learn_one(&apart);
        }
        self.mean.learn_one(&x);
    }

    fn reset(&mut self) {
        self.spot.reset();
        self.mean.reset();
        self.wait = D as u16;
    }
}

impl<const N: usize, const D: usize> Threshold for Dspot<N, D> {
    fn threshold(&self) -> Option<f32> {
        Some(math::limit(self.mean.value()? + self.spot.threshold()?))
    }
}

impl<const N: usize, const D: usize> Validate for Dspot<N, D> {
    fn is_valid(&self) -> bool {
        self.spot.is_valid() && self.mean.is_valid() && usize::from(self.wait) <= D
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use std::vec::Vec;

    #[test]
    fn is_spot_on_distances_from_the_mean() {
        let (mut rng, mut dspot) = (Rng::new(3), Dspot::<50, 10>::new(1e-3, 0.95, 300));
        let mut spot = Spot::<50>::new(1e-3, 0.95, 300);
        let mut recent: Vec<f32> = Vec::new();
        let mut out = 0;
        for i in 0..3000 {
            // Eighths: their mean is the same in whatever order they are added.
            let x = math::round(8.0 * (0.01 * i as f32 + rng.normal())) / 8.0;
            if recent.len() == 10 {
                let mean = recent.iter().sum::<f32>() / 10.0;
                let threshold = spot.threshold().map(|t| mean + t);
                assert_eq!(dspot.threshold(), threshold, "{i}");
                dspot.learn_one(&x);
                if threshold.is_some_and(|t| x > t) {
                    out += 1;
                    continue;
                }
                spot.learn_one(&(x - mean));
                recent.remove(0);
            } else {
                dspot.learn_one(&x);
            }
            recent.push(x);
        }
        assert!(out > 0 && spot.threshold().is_some());
    }
}
