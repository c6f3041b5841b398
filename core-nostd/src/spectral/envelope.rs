use core::f32::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

use super::{LARGEST, bounded};

/// The amplitude that a signal swings with now.
///
/// Formula: rectified and smoothed, `e += alpha (|x| pi/2 - e)`: for a sine `e` is its amplitude, since a sine's mean
/// absolute value is `2/pi` of that. Not Hilbert's transform: no window, no delay but the smoothing's.
///
/// Knocks of a bearing are read from the spectrum of the envelope. `alpha` should smooth over a few periods of the carrier;
/// a larger one lets it ripple through, a smaller one blurs the knocks. An offset counts: take it away first.
///
/// `alpha`: 0 to 1, about `2 pi` times the cut-off in cycles a sample. Memory: 12 bytes. Cost: two multiplications. Input
/// is limited to ±1e12.
/// ```
/// use brooklet_core::spectral::Envelope;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut envelope = Envelope::new(0.5);
/// for x in [0.0, 8.0, 0.0] { envelope.learn_one(&x); }
/// assert!((envelope.value().unwrap() - 3.1415927).abs() < 1e-6);
/// ```
/// Checked against scipy.signal.lfilter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    alpha: f32,
    level: f32,
    seen: bool,
}

impl Envelope {
    /// Nothing learnt.
    #[must_use]
    pub const fn new(alpha: f32) -> Self {
        Self { alpha: math::clamp(alpha, 0.0, 1.0), level: 0.0, seen: false }
    }
}

impl Learner for Envelope {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.level += self.alpha * (FRAC_PI_2 * math::abs(bounded(*x)) - self.level);
        self.seen = true;
    }

    fn reset(&mut self) {
        *self = Self::new(self.alpha);
    }
}

impl Statistic for Envelope {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.seen.then_some(self.level)
    }
}

impl Validate for Envelope {
    fn is_valid(&self) -> bool {
        (0.0..=1.0).contains(&self.alpha) && (0.0..=2.0 * LARGEST).contains(&self.level)
    }
}
