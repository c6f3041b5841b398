use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Forecast, Forecaster, Learner, Validate};

use super::errors::Errors;

/// What was one period ago comes again: the forecast that every seasonal one has to beat.
///
/// Formula: `y(t+h) = y(t+h-m k)` with the least `k` that gives a value already seen, `sd(h) = sd(1) sqrt(k)`.
///
/// Good for strict cycles (a day of a building); repeats every outlier a period later. Ready after a period and a sample.
///
/// `PERIOD`: 1 to 65535 samples. Memory: `4 PERIOD + 12` bytes. Cost: four additions and multiplications. Input is
/// limited to ±1e18.
/// ```
/// use brooklet_core::forecast::SeasonalNaive;
/// use brooklet_core::traits::{Forecaster, Learner};
/// let mut again = SeasonalNaive::<3>::new();
/// for y in [1.0, 2.0, 3.0, 1.5, 2.5] { again.learn_one(&y); }
/// let ahead = [1, 2, 3, 4].map(|h| again.forecast(h).unwrap().value);
/// assert_eq!(ahead, [3.0, 1.5, 2.5, 3.0]);
/// assert_eq!(again.forecast(1).unwrap().sd, 0.5);
/// ```
/// Source: R. J. Hyndman, G. Athanasopoulos: Forecasting: principles and practice, 3rd edition 2021, chapter 5.
/// Checked against numpy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeasonalNaive<const PERIOD: usize> {
    #[serde(with = "crate::array")]
    values: [f32; PERIOD],
    next: u16,
    full: bool,
    errors: Errors,
}

impl<const PERIOD: usize> SeasonalNaive<PERIOD> {
    const SHAPE: () = assert!(PERIOD > 0 && PERIOD <= 65_535);

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { values: [0.0; PERIOD], next: 0, full: false, errors: Errors::new() }
    }
}

impl<const PERIOD: usize> Learner for SeasonalNaive<PERIOD> {
    type Input = f32;

    fn learn_one(&mut self, y: &f32) {
        let y = math::limit(*y);
        if let Some(slot) = self.values.get_mut(usize::from(self.next)) {
            let last = core::mem::replace(slot, y);
            if self.full {
                self.errors.learn(y - last);
            }
        }
        self.next = self.next.saturating_add(1);
        if usize::from(self.next) >= PERIOD {
            self.next = 0;
            self.full = true;
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const PERIOD: usize> Forecaster for SeasonalNaive<PERIOD> {
    fn forecast(&self, ahead: u16) -> Option<Forecast> {
        let beyond = usize::from(ahead.max(1)).saturating_sub(1);
        let at = usize::from(self.next).saturating_add(beyond).checked_rem(PERIOD)?;
        let periods = beyond.checked_div(PERIOD)?.saturating_add(1);
        Some(Forecast { value: *self.values.get(at)?, sd: self.errors.sd()? * math::sqrt(periods as f32) })
    }
}

impl<const PERIOD: usize> Validate for SeasonalNaive<PERIOD> {
    fn is_valid(&self) -> bool {
        usize::from(self.next) < PERIOD
            && self.errors.is_valid()
            && self.values.iter().all(|v| math::abs(*v) <= math::LIMIT)
    }
}
