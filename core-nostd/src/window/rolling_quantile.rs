use serde::{Deserialize, Serialize};

use super::SortedWindow;
use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// A quantile of the last `W` values.
///
/// Formula: the value at place `q (n - 1)` of the `n` sorted values, counted from 0, between two values by straight line:
/// numpy's and pandas' default. With few values a high quantile is nearly the maximum: 0.99 wants `W` well above 100.
///
/// `q`: 0 to 1. `W`: 1..=65534. Memory: `8 W + 8` bytes. Cost: that of [`SortedWindow`].
/// ```
/// use brooklet_core::window::RollingQuantile;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut quartile = RollingQuantile::<5>::new(0.25);
/// for x in [1.0, 50.0, 40.0, 30.0, 20.0, 10.0] { quartile.learn_one(&x); }
/// assert_eq!(quartile.value(), Some(20.0));
/// ```
/// Source: R. Hyndman, Y. Fan, Sample quantiles in statistical packages, 1996, doi:10.1080/00031305.1996.10473566 (type 7).
/// Checked against pandas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollingQuantile<const W: usize> {
    q: f32,
    window: SortedWindow<W>,
}

impl<const W: usize> RollingQuantile<W> {
    /// An empty window; `q` is brought into 0 to 1.
    #[must_use]
    pub const fn new(q: f32) -> Self {
        let q = if q.is_nan() { 0.5 } else { math::clamp(q, 0.0, 1.0) };
        Self { q, window: SortedWindow::new() }
    }

    /// The values it is a quantile of.
    #[must_use]
    pub const fn window(&self) -> &SortedWindow<W> {
        &self.window
    }
}

impl<const W: usize> Learner for RollingQuantile<W> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.window.learn_one(x);
    }

    fn reset(&mut self) {
        self.window.reset();
    }
}

impl<const W: usize> Statistic for RollingQuantile<W> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.window.quantile(self.q)
    }
}

impl<const W: usize> Validate for RollingQuantile<W> {
    fn is_valid(&self) -> bool {
        (0.0..=1.0).contains(&self.q) && self.window.is_valid()
    }
}
