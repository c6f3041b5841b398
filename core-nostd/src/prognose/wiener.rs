use core::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use serde::{Deserialize, Serialize};

use crate::math;
use crate::stats::EwMeanVar;
use crate::traits::{Learner, Prognoser, Remaining, Statistic, Validate};

/// When Brownian motion with drift first reaches a distance: the inverse Gaussian distribution.
///
/// Formula: mean `d / mu`, shape `lambda = d² / var`,
/// `F(t) = Phi(sqrt(lambda / t) (t / mean - 1)) + exp(2 lambda / mean) Phi(-sqrt(lambda / t) (t / mean + 1))`.
///
/// Memory: 8 bytes. Cost of a quantile: some 40 exponentials.
/// ```
/// use brooklet_core::prognose::FirstPassage;
/// let passage = FirstPassage::new(10.0, 0.5, 1.0); // 20 samples on average
/// assert!((passage.chance(20.0) - 0.5853).abs() < 1e-4);
/// assert!((passage.quantile(passage.chance(15.0)) - 15.0).abs() < 1e-3);
/// ```
/// Source: J. L. Folks, R. S. Chhikara: The inverse Gaussian distribution and its statistical application, 1978,
/// doi:10.1111/j.2517-6161.1978.tb01039.x. Checked against scipy.stats.invgauss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FirstPassage {
    mean: f32,
    /// Shape over mean: large means nearly certain.
    certainty: f32,
}

impl FirstPassage {
    /// `distance` and `drift` a sample above 0, `variance` a sample; all brought into 1e-18..=1e18.
    #[must_use]
    pub fn new(distance: f32, drift: f32, variance: f32) -> Self {
        let positive = |x| math::clamp(x, 1.0 / math::LIMIT, math::LIMIT);
        let (distance, drift) = (positive(distance), positive(drift));
        let mean = distance / drift;
        Self { mean, certainty: math::clamp(distance / positive(variance) * drift, 1e-6, 1e12) }
    }

    /// The chance to arrive within `time` samples.
    #[must_use]
    pub fn chance(&self, time: f32) -> f32 {
        if time <= 0.0 {
            return 0.0;
        }
        self.chance_at(time / self.mean)
    }

    /// `time` in units of the mean.
    fn chance_at(&self, time: f32) -> f32 {
        let scale = math::sqrt(self.certainty / time) * FRAC_1_SQRT_2;
        let (near, far) = (scale * (1.0 - time), scale * (1.0 + time));
        // exp(2 certainty) erfc(far) = exp(-near²) exp(far²) erfc(far), because far² - near² is 2 certainty.
        0.5 * (math::erfc(near) + math::exp(-near * near) * scaled_erfc(far))
    }

    /// Within how many samples it arrives with `chance`, 0.001 to 0.999.
    #[must_use]
    pub fn quantile(&self, chance: f32) -> f32 {
        let chance = math::clamp(chance, 0.001, 0.999);
        // The logarithm of time is halved between bounds that hold all cases.
        let (mut low, mut high) = (1.0, 1.0);
        let mut factor = 2.0;
        for _ in 0..7 {
            if self.chance_at(low) > chance {
                low /= factor;
            }
            if self.chance_at(high) < chance {
                high *= factor;
            }
            factor *= factor;
            factor = math::min(factor, 1e4);
        }
        for _ in 0..64 {
            let middle = math::sqrt(low * high);
            if middle <= low || middle >= high {
                break;
            }
            if self.chance_at(middle) < chance {
                low = middle;
            } else {
                high = middle;
            }
        }
        math::limit(self.mean * high)
    }
}

/// `exp(x²) erfc(x)` for `x` of 0 or more.
fn scaled_erfc(x: f32) -> f32 {
    if x < 9.0 {
        return math::exp(x * x) * math::erfc(x);
    }
    // The asymptotic series, to 1e-8 from 9 on.
    let y = 0.5 / (x * x);
    0.5 * FRAC_2_SQRT_PI / x * (1.0 - y * (1.0 - y * (3.0 - y * (15.0 - y * 105.0))))
}

/// Time left of a machine that wears steadily with noise in its pace: a Wiener process with drift.
///
/// Formula: the steps of the signal have mean `mu` and variance `var`, see [`EwMeanVar`]; the time until the limit is
/// [`FirstPassage`] of the distance left. `samples` is its mean `d / mu`, `soonest` and `latest` its 10 % and 90 %
/// quantiles.
///
/// For wear that adds up: abrasion, fill levels, clogging filters. Noise of the measurement (not of the wear) is taken for
/// unsteady wear and widens the band: smooth the signal first. Uncertainty of `mu` itself is not in the band: wait for some
/// dozens of samples. Falling signals: the limit may lie on either side.
///
/// `limit`: ±1e18. `HORIZON`: steps remembered. Ready after 3 samples. Memory: 24 bytes. Cost: that of [`EwMeanVar`]; asked
/// for the time left, some 100 exponentials.
/// ```
/// use brooklet_core::prognose::WienerLife;
/// use brooklet_core::traits::{Learner, Prognoser};
/// let mut filter = WienerLife::<500>::new(100.0);
/// for i in 0..=40u8 { filter.learn_one(&(f32::from(i) + 0.5 * f32::from(i % 2))); } // one a sample, unsteadily
/// let left = filter.remaining().unwrap();
/// assert!((left.samples - 60.0).abs() < 0.1);
/// assert!(left.soonest > 50.0 && left.latest < 70.0);
/// ```
/// Source: G. A. Whitmore: Estimating degradation by a Wiener diffusion process subject to measurement error, 1995,
/// doi:10.1007/BF00985762, without the measurement error. Checked against scipy.stats.invgauss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WienerLife<const HORIZON: u32> {
    limit: f32,
    last: Option<f32>,
    steps: EwMeanVar<HORIZON>,
}

impl<const HORIZON: u32> WienerLife<HORIZON> {
    /// Nothing learnt.
    #[must_use]
    pub const fn new(limit: f32) -> Self {
        Self { limit: math::limit(limit), last: None, steps: EwMeanVar::new() }
    }
}

impl<const HORIZON: u32> Learner for WienerLife<HORIZON> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = math::limit(*x);
        if let Some(last) = self.last {
            self.steps.learn_one(&(x - last));
        }
        self.last = Some(x);
    }

    fn reset(&mut self) {
        *self = Self::new(self.limit);
    }
}

impl<const HORIZON: u32> Prognoser for WienerLife<HORIZON> {
    fn remaining(&self) -> Option<Remaining> {
        let distance = self.limit - self.last?;
        let (drift, variance) = self.steps.value()?;
        if self.steps.count() < 2.0 || distance * drift < 0.0 || drift == 0.0 {
            return None;
        }
        let passage = FirstPassage::new(math::abs(distance), math::abs(drift), variance);
        let samples = math::limit(passage.mean);
        Some(Remaining { samples, soonest: passage.quantile(0.1), latest: passage.quantile(0.9) })
    }
}

impl<const HORIZON: u32> Validate for WienerLife<HORIZON> {
    fn is_valid(&self) -> bool {
        math::abs(self.limit) <= math::LIMIT
            && self.last.is_none_or(|last| math::abs(last) <= math::LIMIT)
            && self.steps.is_valid()
    }
}
