use serde::{Deserialize, Serialize};

use crate::math;

use super::SMOOTH;
use super::gated::{Gated, HORIZON};

/// Rows after which an expert has something to say.
const WARM_UP: f32 = 20.0;
/// A logarithm that spreads less than this is taken to spread as much: two experts that agree to a few percent agree.
const LEAST_SD: f32 = 0.05;
/// The tail begins one deviation above the mean. What is assumed of it before it was seen is that of a normal
/// distribution, with the weight of so many samples.
const TAIL: f32 = 1.0;
const SHARE: (f32, f32) = (0.16, 20.0);
const EXCESS: (f32, f32) = (0.5, 10.0);
/// The share of the tail that is never undercut.
const LEAST_SHARE: f32 = 1e-3;
/// An excess counts as at most this when the tail is learnt.
const MOST_EXCESS: f32 = 20.0;

/// Makes evidence of the logarithm of a strangeness: smoothed, in deviations from its own past, through the tail of
/// these. An exponential tail (peaks over a threshold) goes on where the samples end, so that what is stranger has
/// more evidence even in a short history.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Expert {
    /// Moving average of the logarithm.
    recent: f32,
    usual: Gated,
    /// Share of the tail and its mean excess, each with its weight.
    share: (f32, f32),
    excess: (f32, f32),
}

impl Expert {
    pub(super) const fn new() -> Self {
        Self { recent: 0.0, usual: Gated::new(), share: SHARE, excess: EXCESS }
    }

    /// The moving average with `log` as its newest value, being that of the row number `n`.
    pub(super) fn recent_with(&self, log: f32, n: f32) -> f32 {
        self.recent + math::max(1.0 / n, SMOOTH) * (log - self.recent)
    }

    /// Deviations above the usual.
    fn deviation(&self, recent: f32) -> f32 {
        if self.usual.count() < WARM_UP {
            return 0.0;
        }
        (recent - self.usual.mean()) / math::max(self.usual.sd(), LEAST_SD)
    }

    /// Evidence in powers of ten, 0 and up.
    pub(super) fn evidence(&self, recent: f32) -> f32 {
        let deviation = self.deviation(recent);
        let rare = -math::log10(self.share.0);
        if deviation > TAIL {
            rare + (deviation - TAIL) / (self.excess.0 * core::f32::consts::LN_10)
        } else {
            rare * 0.5 * math::max(deviation + 1.0, 0.0)
        }
    }

    pub(super) fn learn(&mut self, recent: f32, pace: f32) {
        let deviation = self.deviation(recent);
        self.recent = recent;
        let known = self.usual.count() >= WARM_UP;
        self.usual.learn(recent, pace);
        if !known {
            return;
        }
        let (share, n) = &mut self.share;
        let tail = if deviation > TAIL { 1.0 } else { 0.0 };
        *n = math::min(*n + pace, HORIZON);
        *share = math::max(*share + pace / *n * (tail - *share), LEAST_SHARE);
        if deviation > TAIL {
            let (excess, n) = &mut self.excess;
            *n = math::min(*n + pace, HORIZON / 5.0);
            *excess += pace / *n * (math::min(deviation - TAIL, MOST_EXCESS) - *excess);
        }
    }

    pub(super) const fn doubt(&mut self, most: f32) {
        self.usual.doubt(most);
    }

    pub(super) fn is_valid(&self) -> bool {
        self.usual.is_valid()
            && math::abs(self.recent) <= 1e3
            && (LEAST_SHARE..=1.0).contains(&self.share.0)
            && (SHARE.1..=HORIZON).contains(&self.share.1)
            && (1e-6..=MOST_EXCESS).contains(&self.excess.0)
            && (EXCESS.1..=HORIZON).contains(&self.excess.1)
    }
}
