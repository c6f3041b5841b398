use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Forecast, Forecaster, Learner, Validate};

use super::errors::Errors;

/// The last value stays: the forecast that every other has to beat.
///
/// Formula: `y(t+h) = y(t)`, `sd(h) = sd(1) sqrt(h)`, as for a random walk.
///
/// Hard to beat one step ahead on slow channels; knows neither cycles nor trends. Ready after 2 samples.
///
/// Memory: 16 bytes. Cost: four additions and multiplications. Input is limited to ±1e18.
/// ```
/// use brooklet_core::forecast::Naive;
/// use brooklet_core::traits::{Forecast, Forecaster, Learner};
/// let mut naive = Naive::new();
/// for y in [1.0, 3.0, 5.0] { naive.learn_one(&y); }
/// assert_eq!(naive.forecast(4), Some(Forecast { value: 5.0, sd: 4.0 }));
/// ```
/// Source: R. J. Hyndman, G. Athanasopoulos: Forecasting: principles and practice, 3rd edition 2021, chapter 5.
/// Checked against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Naive {
    last: Option<f32>,
    errors: Errors,
}

impl Naive {
    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: None, errors: Errors::new() }
    }
}

impl Learner for Naive {
    type Input = f32;

    fn learn_one(&mut self, y: &f32) {
        let y = math::limit(*y);
        if let Some(last) = self.last {
            self.errors.learn(y - last);
        }
        self.last = Some(y);
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Forecaster for Naive {
    fn forecast(&self, ahead: u16) -> Option<Forecast> {
        let steps = f32::from(ahead.max(1));
        Some(Forecast { value: self.last?, sd: self.errors.sd()? * math::sqrt(steps) })
    }
}

impl Validate for Naive {
    fn is_valid(&self) -> bool {
        self.last.is_none_or(|last| math::abs(last) <= math::LIMIT) && self.errors.is_valid()
    }
}
