use serde::{Deserialize, Serialize};

use crate::math;
use crate::stats::Compensated;
use crate::traits::{Learner, Threshold, Validate};

/// A threshold that keeps to a budget of alerts.
///
/// Formula: `p` = alerts a period; a score above the threshold raises it by `step (1 - p)`, any other lowers it by
/// `step p`. It begins at `-log10 p`, which is right for evidence in powers of ten.
///
/// Of `T` scores at most `p T + 1 + (highest threshold - first)/step` are above it, whatever the stream does: while a
/// fault lasts the threshold climbs, and it takes `1/p` scores to come down a step. Scores on another scale than
/// evidence need a `step` of about a quarter of the spread of their upper end.
///
/// `alerts` and `period` in scores: `p` is limited to 1e-9..=0.5. `step`: 1e-6 to 1e6, in units of the score. Memory: 16
/// bytes. Cost: a comparison and four additions.
/// ```
/// use brooklet_core::{threshold::AlertBudget, traits::{Learner, Threshold}};
/// let mut budget = AlertBudget::new(10.0, 1000.0, 1.0); // ten in a thousand
/// assert!((budget.threshold().unwrap() - 2.0).abs() < 1e-6);
/// budget.learn_one(&2.5);
/// assert!((budget.threshold().unwrap() - 2.99).abs() < 1e-6);
/// budget.learn_one(&0.1);
/// assert!((budget.threshold().unwrap() - 2.98).abs() < 1e-6);
/// ```
/// Source: Robbins, Monro: A stochastic approximation method, Annals of Mathematical Statistics 1951,
/// doi:10.1214/aoms/1177729586, with a constant step as in Angelopoulos, Candès, Tibshirani: Conformal PID control for
/// time series prediction, NeurIPS 2023, doi:10.48550/arXiv.2307.16895. Checked by simulation: the bound above holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertBudget {
    threshold: Compensated,
    share: f32,
    step: f32,
}

impl AlertBudget {
    /// So many alerts in a period of so many scores.
    #[must_use]
    pub const fn new(alerts: f32, period: f32, step: f32) -> Self {
        let share = math::clamp(alerts / math::max(period, 1.0), 1e-9, 0.5);
        let mut threshold = Compensated::new();
        threshold.nudge(-math::const_ln(share) / core::f32::consts::LN_10);
        Self { threshold, share, step: math::clamp(step, 1e-6, 1e6) }
    }
}

impl Learner for AlertBudget {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let above = if *x > self.threshold.rounded() { 1.0 } else { 0.0 };
        // A step down may be far below the threshold's last digit.
        self.threshold.nudge(self.step * (above - self.share));
    }

    fn reset(&mut self) {
        // Alerts in a period of one score, which gives the same share back.
        *self = Self::new(self.share, 1.0, self.step);
    }
}

impl Threshold for AlertBudget {
    fn threshold(&self) -> Option<f32> {
        Some(self.threshold.rounded())
    }
}

impl Validate for AlertBudget {
    fn is_valid(&self) -> bool {
        let (threshold, rounded) = (self.threshold.value(), self.threshold.rounded());
        self.threshold.is_within(math::LIMIT)
            && math::abs(threshold - rounded) <= 1e12
            && (1e-9..=0.5).contains(&self.share)
            && (1e-6..=1e6).contains(&self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// An alert a month at a score a second: a step down is a tenth of the threshold's last digit.
    #[test]
    fn a_small_budget_comes_down_again() {
        let mut budget = AlertBudget::new(1.0, 2.6e6, 0.25);
        let first = budget.threshold().unwrap();
        budget.learn_one(&100.0);
        for _ in 0..2_600_000 {
            budget.learn_one(&0.0);
        }
        let now = budget.threshold().unwrap();
        assert!((now - first).abs() < 1e-3, "{first} {now}");
    }

    #[test]
    fn keeps_to_its_budget_through_a_change() {
        let (mut rng, mut budget) = (Rng::new(1), AlertBudget::new(20.0, 1000.0, 0.25));
        let mut alerts = [0u32; 4];
        for i in 0..40_000 {
            // Evidence of 2 once in a hundred at first, ten times as often from the half on.
            let evidence = -math::log10(1.0 - rng.uniform()) + f32::from(u8::from(i >= 20_000));
            alerts[i / 10_000] += u32::from(evidence > budget.threshold().unwrap());
            budget.learn_one(&evidence);
        }
        assert!(alerts.iter().all(|n| (190..=210).contains(n)), "{alerts:?}");
    }
}
