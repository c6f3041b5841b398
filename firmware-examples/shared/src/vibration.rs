//! Three axes of acceleration become one channel.

use brooklet_core::math;
use brooklet_core::stats::Variance;
use brooklet_core::traits::{Learner, Statistic};

/// Root mean square of what moves, over all axes and blocks of `BLOCK` samples: what vibration limits are given in.
///
/// Formula: `sqrt(var x + var y + var z)` of a block. The means, gravity above all, take no part, so that it does not
/// matter how the sensor is mounted.
/// ```
/// use brooklet_firmware::vibration::Vibration;
/// let mut vibration = Vibration::<4>::new();
/// let mut learn = |x, y| vibration.learn([x, y, 1.0]);
/// assert_eq!((learn(0.3, 5.4), learn(-0.3, 4.6), learn(0.3, 5.4)), (None, None, None));
/// let rms = learn(-0.3, 4.6).unwrap();
/// assert!((rms - 0.5).abs() < 1e-6); // sqrt(0.3² + 0.4²)
/// ```
#[derive(Clone, Debug)]
pub struct Vibration<const BLOCK: u32> {
    axes: [Variance; 3],
}

impl<const BLOCK: u32> Vibration<BLOCK> {
    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { axes: [Variance::new(0); 3] }
    }

    /// Takes a sample in g; the block's figure if it was the last of its block.
    pub fn learn(&mut self, sample: [f32; 3]) -> Option<f32> {
        for (axis, x) in self.axes.iter_mut().zip(sample) {
            axis.learn_one(&x);
        }
        if self.axes.iter().any(|axis| axis.count() < BLOCK) {
            return None;
        }
        let square = self.axes.iter().filter_map(Statistic::value).sum();
        self.reset();
        Some(math::sqrt(square))
    }

    /// Begins a block anew: after a gap in the samples.
    pub fn reset(&mut self) {
        *self = Self::new();
    }
}
