//! What keeps the level up for as long as an anomaly lasts, although the experts learn on.

use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::Validate;

use super::Range;
use super::default_detector::EXPERTS;

/// Where each expert saw the normal when the alert opened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Normal {
    pub(super) range: Range,
    pub(super) short: f32,
    pub(super) long: f32,
    pub(super) unrest: f32,
}

/// While an alert is open: each expert's strongest evidence, and the smallest deviation from the frozen normal that
/// gave as much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Hold {
    open: bool,
    pub(super) normal: Normal,
    evidence: [f32; EXPERTS],
    deviation: [f32; EXPERTS],
}

/// Evidence below one power of ten is not worth holding.
const WORTH_HOLDING: f32 = 1.0;

impl Hold {
    pub(super) const fn new() -> Self {
        Self {
            open: false,
            normal: Normal { range: Range::new(), short: 0.0, long: 0.0, unrest: 0.0 },
            evidence: [0.0; EXPERTS],
            deviation: [0.0; EXPERTS],
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        self.open
    }

    pub(super) fn open(&mut self, range: Range, short: f32, long: f32, unrest: f32) {
        *self = Self { open: true, normal: Normal { range, short, long, unrest }, ..Self::new() };
    }

    /// Takes in the strongest evidence.
    pub(super) fn learn(&mut self, evidence: &[f32; EXPERTS], deviations: &[f32; EXPERTS]) {
        let best = self.evidence.iter_mut().zip(&mut self.deviation);
        for ((best, deviation), (&now, &distance)) in best.zip(evidence.iter().zip(deviations)) {
            if now >= WORTH_HOLDING && now >= *best && distance > 0.0 {
                *deviation = if *best > 0.0 { math::min(*deviation, distance) } else { distance };
                *best = now;
            }
        }
    }

    /// What is left of the evidence: all of it at the deviation that gave it, none at half of that.
    pub(super) fn left(&self, deviations: &[f32; EXPERTS]) -> [f32; EXPERTS] {
        let mut left = [0.0; EXPERTS];
        let best = self.evidence.iter().zip(&self.deviation);
        for ((left, (&best, &deviation)), &now) in left.iter_mut().zip(best).zip(deviations) {
            if deviation > 0.0 {
                *left = best * (2.0 * (now / deviation) - 1.0).clamp(0.0, 1.0);
            }
        }
        left
    }
}

impl Validate for Hold {
    fn is_valid(&self) -> bool {
        let normal = [self.normal.short, self.normal.long, self.normal.unrest];
        self.normal.range.is_valid()
            && normal.iter().all(|m| math::abs(*m) <= 2.0 * math::LIMIT)
            && self.evidence.iter().all(|e| (0.0..=100.0).contains(e))
            && self.deviation.iter().all(|d| (0.0..=8.0 * math::LIMIT).contains(d))
    }
}
