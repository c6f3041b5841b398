use serde::{Deserialize, Serialize};

use crate::math;

/// The mean square of a forecaster's own errors, over about the last 500.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Errors {
    mean_square: f32,
    seen: u16,
}

impl Errors {
    const HORIZON: u16 = 500;
    const LAST_WEIGHT: f32 = 1.0 / Self::HORIZON as f32;

    pub(super) const fn new() -> Self {
        Self { mean_square: 0.0, seen: 0 }
    }

    pub(super) fn learn(&mut self, error: f32) {
        let error = math::limit(error);
        let weight = if self.seen < Self::HORIZON {
            self.seen = self.seen.saturating_add(1);
            1.0 / f32::from(self.seen)
        } else {
            Self::LAST_WEIGHT
        };
        self.mean_square += weight * (error * error - self.mean_square);
    }

    /// The mean square; 0 before the first.
    pub(super) const fn mean_square(&self) -> f32 {
        self.mean_square
    }

    /// Standard deviation of the errors; `None` before the first.
    pub(super) fn sd(&self) -> Option<f32> {
        (self.seen > 0).then(|| math::sqrt(self.mean_square))
    }

    pub(super) fn is_valid(&self) -> bool {
        self.seen <= Self::HORIZON && (0.0..=2.0 * math::LIMIT * math::LIMIT).contains(&self.mean_square)
    }
}
