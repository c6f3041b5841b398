use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Forecaster, Learner, Prognoser, Remaining, Validate};

use super::NEVER;

/// What must not happen.
/// ```
/// use brooklet_core::forecast::LocalLinearTrend;
/// use brooklet_core::prognose::{Limit, TimeToLimit};
/// use brooklet_core::traits::{Learner, Prognoser};
/// let mut empty = TimeToLimit::<_, 100>::new(LocalLinearTrend::new(0.1, 0.001), Limit::Below(0.5));
/// for level in [9.0, 8.0, 7.0, 6.0] { empty.learn_one(&level); }
/// assert_eq!(empty.remaining().unwrap().samples, 6.0); // 0 is the first below
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Limit {
    /// Reaching or exceeding this value.
    Above(f32),
    /// Reaching or falling below this value.
    Below(f32),
}

impl Limit {
    /// How far beyond the limit a value is; 0 and more: reached.
    fn excess(self, value: f32) -> f32 {
        match self {
            Self::Above(limit) => value - limit,
            Self::Below(limit) => limit - value,
        }
    }

    fn value(self) -> f32 {
        let (Self::Above(limit) | Self::Below(limit)) = self;
        limit
    }
}

/// When a forecast reaches a limit, looking `AHEAD` samples into the future; over any [`Forecaster`].
///
/// Formula: `samples` is the first step whose forecast is beyond the limit, `soonest` the first where one in ten forecasts is
/// (`value + 1.2816 sd`), `latest` the first where nine in ten are (`value - 1.2816 sd`), [`f32::MAX`] if that is not
/// within `AHEAD`.
///
/// Sees a seasonal peak that touches the limit tomorrow as well as a trend. The band's ends are those of single steps: that
/// any one of many steps crosses is likelier than that a given one does, so `soonest` is a little late for jumpy channels.
/// `None` where the forecast itself does not reach the limit.
///
/// `AHEAD`: 1 to 65535. Memory: the forecaster's and 8 bytes. Cost of learning: the forecaster's; of
/// [`TimeToLimit::remaining`]: up to `AHEAD` forecasts.
/// ```
/// use brooklet_core::forecast::LocalLinearTrend;
/// use brooklet_core::prognose::{Limit, TimeToLimit};
/// use brooklet_core::traits::{Learner, Prognoser};
/// let trend = LocalLinearTrend::new(0.1, 0.001);
/// let mut full = TimeToLimit::<_, 100>::new(trend, Limit::Above(24.5));
/// for level in [1.0, 2.0, 3.0, 4.0] { full.learn_one(&level); }
/// assert_eq!(full.remaining().unwrap().samples, 21.0); // 25 is the first above
/// ```
/// Source: the forecaster's. Checked by hand-worked cases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeToLimit<F, const AHEAD: u16> {
    forecaster: F,
    limit: Limit,
}

impl<F, const AHEAD: u16> TimeToLimit<F, AHEAD> {
    const SHAPE: () = assert!(AHEAD > 0);
    /// A normal variable lies above this with one chance in ten.
    #[allow(clippy::excessive_precision, reason = "f32 takes what it can hold")]
    const ONE_IN_TEN: f32 = 1.281_551_565_544_600_4;

    /// Asks `forecaster` for `limit`, any finite value up to ±1e18.
    pub const fn new(forecaster: F, limit: Limit) -> Self {
        let () = Self::SHAPE;
        let limit = match limit {
            Limit::Above(value) => Limit::Above(math::limit(value)),
            Limit::Below(value) => Limit::Below(math::limit(value)),
        };
        Self { forecaster, limit }
    }

    /// The forecaster.
    /// ```
    /// use brooklet_core::forecast::Naive;
    /// use brooklet_core::prognose::{Limit, TimeToLimit};
    /// use brooklet_core::traits::{Forecaster, Learner};
    /// let mut full = TimeToLimit::<_, 10>::new(Naive::new(), Limit::Above(9.0));
    /// for level in [1.0, 2.0] { full.learn_one(&level); }
    /// assert_eq!(full.forecaster().forecast(1).map(|next| next.value), Some(2.0));
    /// ```
    pub const fn forecaster(&self) -> &F {
        &self.forecaster
    }
}

impl<F: Learner<Input = f32>, const AHEAD: u16> Learner for TimeToLimit<F, AHEAD> {
    type Input = f32;

    fn learn_one(&mut self, y: &f32) {
        self.forecaster.learn_one(y);
    }

    fn reset(&mut self) {
        self.forecaster.reset();
    }
}

impl<F: Forecaster, const AHEAD: u16> Prognoser for TimeToLimit<F, AHEAD> {
    fn remaining(&self) -> Option<Remaining> {
        let (mut soonest, mut samples) = (None, None);
        for ahead in 1..=AHEAD {
            let forecast = self.forecaster.forecast(ahead)?;
            let (excess, half) = (self.limit.excess(forecast.value), Self::ONE_IN_TEN * forecast.sd);
            let here = f32::from(ahead);
            if soonest.is_none() && excess + half >= 0.0 {
                soonest = Some(here);
            }
            if samples.is_none() && excess >= 0.0 {
                samples = Some(here);
            }
            if excess - half >= 0.0 {
                return Some(Remaining { samples: samples?, soonest: soonest?, latest: here });
            }
        }
        Some(Remaining { samples: samples?, soonest: soonest?, latest: NEVER })
    }
}

impl<F: Validate, const AHEAD: u16> Validate for TimeToLimit<F, AHEAD> {
    fn is_valid(&self) -> bool {
        self.forecaster.is_valid() && math::abs(self.limit.value()) <= math::LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::{HoltWinters, Season};

    #[test]
    fn a_peak_of_tomorrow_is_seen() {
        let day = HoltWinters::<8>::new(Season::Additive, 0.2, 0.0, 0.2);
        let mut peak = TimeToLimit::<_, 8>::new(day, Limit::Above(6.5));
        let mut trough = TimeToLimit::<_, 8>::new(peak.forecaster().clone(), Limit::Below(-1.0));
        for i in 0..82u8 {
            let y = f32::from(i % 8);
            peak.learn_one(&y);
            trough.learn_one(&y);
        }
        // The last sample was 1; the forecast of 7 is six steps ahead.
        assert_eq!(peak.remaining().unwrap().samples, 6.0);
        assert_eq!(trough.remaining(), None);
    }
}
