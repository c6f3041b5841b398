use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Threshold, Validate};

/// Adaptive conformal inference: a quantile of the last `WINDOW` scores whose level corrects itself, so that the share
/// of scores above it stays `alpha` whatever the stream does.
///
/// Formula: the threshold is the `ceil((w + 1)(1 - a))`-th smallest of the last `w` scores; `a += gamma (alpha - e)`,
/// `e` 1 if the score was above it and 0 if not, before it is learnt. If that place is beyond the largest score
/// nothing is above (the threshold is 1e18), if it is below the smallest everything is.
///
/// The share of scores above differs from `alpha` by at most `(1 + gamma)/(gamma T)` after `T` scores: no assumption
/// on the stream, so it holds under drift. A large `gamma` follows faster and makes the threshold jump.
///
/// `alpha`: 0.0001 to 0.5. `gamma`: 0.0001 to 1. `WINDOW`: 2 to 65,534, better above `1/alpha`. Memory: `8 WINDOW + 16`
/// bytes. Cost: O(`WINDOW`) moves. Input is limited to ±1e18. Ready after the first score.
/// ```
/// use brooklet_core::{threshold::AdaptiveConformal, traits::{Learner, Threshold}};
/// let mut aci = AdaptiveConformal::<20>::new(0.1, 0.01);
/// for i in 0..40u8 { aci.learn_one(&f32::from(i)); }
/// // A rising stream is always above: 39 times 0.009 off the level, below 0. Now nothing would be above.
/// assert_eq!(aci.threshold(), Some(1e18));
/// ```
/// Source: Gibbs, Candès: Adaptive conformal inference under distribution shift, NeurIPS 2021,
/// doi:10.48550/arXiv.2106.00170. Checked by coverage in simulations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveConformal<const WINDOW: usize> {
    /// In the order of arrival, as a ring.
    #[serde(with = "crate::array")]
    scores: [f32; WINDOW],
    /// Ascending.
    #[serde(with = "crate::array")]
    sorted: [f32; WINDOW],
    alpha: f32,
    gamma: f32,
    level: f32,
    next: u16,
    len: u16,
}

impl<const WINDOW: usize> AdaptiveConformal<WINDOW> {
    const SHAPE: () = assert!(WINDOW >= 2 && WINDOW < 65_535);

    /// No scores; aims at a share of `alpha` above.
    #[must_use]
    pub const fn new(alpha: f32, gamma: f32) -> Self {
        let () = Self::SHAPE;
        let (alpha, gamma) = (math::clamp(alpha, 0.0001, 0.5), math::clamp(gamma, 0.0001, 1.0));
        Self { scores: [0.0; WINDOW], sorted: [0.0; WINDOW], alpha, gamma, level: alpha, next: 0, len: 0 }
    }

    /// The level now: `alpha`, corrected.
    #[must_use]
    pub const fn level(&self) -> f32 {
        self.level
    }

    /// Puts `new` among the sorted scores, in the place of `old` if there is one.
    fn replace(&mut self, old: Option<f32>, new: f32) {
        let len = usize::from(self.len);
        let sorted = &mut self.sorted;
        let at = old.and_then(|old| sorted.iter().position(|score| *score == old)).unwrap_or(len);
        let after = len.saturating_sub(at).saturating_sub(1);
        let Some((before, rest)) = sorted.split_at_mut_checked(at) else { return };
        let Some((mut hole, rest)) = rest.split_first_mut() else { return };
        for score in before.iter_mut().rev().take_while(|score| **score > new) {
            *hole = *score;
            hole = score;
        }
        for score in rest.iter_mut().take(after).take_while(|score| **score < new) {
            *hole = *score;
            hole = score;
        }
        *hole = new;
    }
}

impl<const WINDOW: usize> Learner for AdaptiveConformal<WINDOW> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = math::limit(*x) + 0.0; // no -0
        if let Some(threshold) = self.threshold() {
            let above = if x > threshold { 1.0 } else { 0.0 };
            self.level += self.gamma * (self.alpha - above);
        }
        let slot = self.scores.get_mut(usize::from(self.next));
        let full = usize::from(self.len) == WINDOW;
        let old = slot.map(|slot| core::mem::replace(slot, x)).filter(|_| full);
        self.replace(old, x);
        self.next = self.next.saturating_add(1);
        self.len = Ord::max(self.len, self.next);
        if usize::from(self.next) >= WINDOW {
            self.next = 0;
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.alpha, self.gamma);
    }
}

impl<const WINDOW: usize> Threshold for AdaptiveConformal<WINDOW> {
    fn threshold(&self) -> Option<f32> {
        if self.len == 0 {
            return None;
        }
        let place = math::ceil((f32::from(self.len) + 1.0) * (1.0 - self.level));
        if place < 1.0 {
            return Some(-math::LIMIT);
        }
        // From 1; beyond the last nothing is above.
        let last = place > f32::from(self.len);
        let at = (place as usize).saturating_sub(1);
        let score = self.sorted.get(at).filter(|_| !last);
        Some(score.copied().unwrap_or(math::LIMIT))
    }
}

impl<const WINDOW: usize> Validate for AdaptiveConformal<WINDOW> {
    fn is_valid(&self) -> bool {
        let (next, len) = (usize::from(self.next), usize::from(self.len));
        let limited = |v: &f32| math::abs(*v) <= math::LIMIT;
        next < WINDOW
            && (len == WINDOW || len == next)
            && self.scores.iter().all(limited)
            && self.sorted.iter().all(limited)
            && self.sorted.iter().take(len).is_sorted()
            && (0.0001..=0.5).contains(&self.alpha)
            && (0.0001..=1.0).contains(&self.gamma)
            && (-1.001..=2.001).contains(&self.level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn the_sorted_scores_are_those_of_the_window() {
        let (mut rng, mut aci) = (Rng::new(1), AdaptiveConformal::<16>::new(0.1, 0.01));
        for _ in 0..500 {
            aci.learn_one(&(math::floor(8.0 * rng.uniform()) - 4.0));
            let mut wanted = aci.scores[..usize::from(aci.len)].to_vec();
            wanted.sort_by(f32::total_cmp);
            assert_eq!(aci.sorted[..usize::from(aci.len)], wanted);
            assert!(aci.is_valid());
        }
    }

    /// Share of scores above the threshold, of the last 18,000 of 20,000.
    fn above(score: impl Fn(f32, &mut Rng) -> f32, alpha: f32) -> f32 {
        let (mut rng, mut aci, mut above) = (Rng::new(7), AdaptiveConformal::<100>::new(alpha, 0.01), 0.0);
        for i in 0..20_000 {
            let x = score(i as f32 / 20_000.0, &mut rng);
            if i >= 2000 && aci.threshold().is_some_and(|threshold| x > threshold) {
                above += 1.0 / 18_000.0;
            }
            aci.learn_one(&x);
        }
        above
    }

    #[test]
    fn covers_what_it_promises() {
        for alpha in [0.01, 0.1, 0.3] {
            let close = |share: f32| assert!((share - alpha).abs() < 0.005, "{share}, not {alpha}");
            close(above(|_, rng| rng.normal(), alpha));
            close(above(|time, rng| 200.0 * time + rng.normal(), alpha));
            close(above(|time, rng| (1.0 + 9.0 * f32::from(u8::from(time > 0.5))) * rng.normal(), alpha));
            close(above(|time, rng| math::sin(60.0 * time) * 5.0 + rng.normal(), alpha));
            // Without correction a rising stream is above nearly always.
            close(above(|time, _| time, alpha));
        }
    }
}
