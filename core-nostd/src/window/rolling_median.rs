use serde::{Deserialize, Serialize};

use super::SortedWindow;
use crate::traits::{Learner, Statistic, Validate};

/// The median of the last `W` values; of an even number the mean of the two in the middle.
///
/// Up to half of the values may be wild without moving it far: the filter for spikes. Jumps pass it undiminished, `W / 2`
/// samples late.
///
/// `W`: 1..=65534. Memory: `8 W + 4` bytes. Cost: that of [`SortedWindow`].
/// ```
/// use brooklet_core::window::RollingMedian;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut median = RollingMedian::<3>::new();
/// for x in [20.0, 21.0, 900.0] { median.learn_one(&x); }
/// assert_eq!(median.value(), Some(21.0));
/// ```
/// Source: J. Tukey, Exploratory data analysis, 1977. Checked against pandas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollingMedian<const W: usize> {
    window: SortedWindow<W>,
}

impl<const W: usize> RollingMedian<W> {
    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        Self { window: SortedWindow::new() }
    }

    /// The values it is the median of.
    #[must_use]
    pub const fn window(&self) -> &SortedWindow<W> {
        &self.window
    }
}

impl<const W: usize> Learner for RollingMedian<W> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.window.learn_one(x);
    }

    fn reset(&mut self) {
        self.window.reset();
    }
}

impl<const W: usize> Statistic for RollingMedian<W> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        self.window.median()
    }
}

impl<const W: usize> Validate for RollingMedian<W> {
    fn is_valid(&self) -> bool {
        self.window.is_valid()
    }
}
