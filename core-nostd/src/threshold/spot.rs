use serde::{Deserialize, Serialize};

use super::Pareto;
use crate::math;
use crate::traits::{Learner, Threshold, Validate};

/// SPOT: streaming peaks over threshold, the value that is passed with probability `q`.
///
/// Formula: from `n` samples the tail threshold `t` is their `level` quantile; a Pareto distribution is fitted to the last
/// `N` excesses over it; the threshold is `t + sigma/gamma ((q n/n_t)^-gamma - 1)`, `n_t` the number of excesses so
/// far. A sample above it is not learnt; one between `t` and it is an excess and gives a new fit; one below counts.
///
/// Needs no assumption on the scores but that they are alike over time. As the paper has it, what is above is not
/// learnt: then a lasting change of level is above for ever, and on long streams the threshold creeps down, because the
/// tail that is learnt was cut by it (of a million normal samples 18,000 are above at `q` = 1e-4; libspot creeps as well). With
/// [`keeping_all`](Self::keeping_all) neither happens (280 above), and anomalies count until `N` excesses later. Watches
/// the upper end; for the lower, change the sign.
///
/// `q`: 1e-9 to 0.1. `level`: 0.5 to 0.999. `n`: 10 to 65,535. `N`: 4 to 65,535, more than `n (1 - level)`, else the
/// level is higher. Memory: `4 N + 40` bytes. Cost: two comparisons; an excess costs a new fit, about
/// `7 N` divisions and logarithms. Input is limited to ±1e18.
/// ```
/// use brooklet_core::{rng::Rng, threshold::Spot, traits::{Learner, Threshold}};
/// let (mut rng, mut spot) = (Rng::new(1), Spot::<100>::new(1e-4, 0.96, 1000).keeping_all());
/// for _ in 0..20_000 { spot.learn_one(&rng.normal()); }
/// assert!((spot.threshold().unwrap() - 3.75).abs() < 0.01); // the normal's is 3.72
/// ```
/// Source: Siffer, Fouque, Termier, Largouët: Anomaly detection in streams with extreme value theory, KDD 2017,
/// doi:10.1145/3097983.3098144. Checked against scipy's maximum of the likelihood after every excess, and against
/// libspot 3.1 where that finds the maximum (elsewhere it keeps to the moments, which are less likely).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spot<const N: usize> {
    /// Excesses as a ring; until the tail threshold is known, the largest values.
    #[serde(with = "crate::array")]
    excesses: [f32; N],
    q: f32,
    level: f32,
    tail: f32,
    fitted: Pareto,
    threshold: f32,
    n: u32,
    n_tail: u32,
    first: u16,
    next: u16,
    len: u16,
    given: bool,
    keeps_all: bool,
}

impl<const N: usize> Spot<N> {
    const SHAPE: () = assert!(N >= 4 && N < 65_536);

    /// Nothing learnt; the tail threshold comes from the first `n` samples.
    #[must_use]
    pub const fn new(q: f32, level: f32, n: u16) -> Self {
        let () = Self::SHAPE;
        let first = if n < 10 { 10 } else { n };
        Self {
            excesses: [0.0; N],
            q: math::clamp(q, 1e-9, 0.1),
            level: math::clamp(level, 0.5, 0.999),
            tail: 0.0,
            fitted: Pareto::NONE,
            threshold: 0.0,
            n: 0,
            n_tail: 0,
            first,
            next: 0,
            len: 0,
            given: false,
            keeps_all: false,
        }
    }

    /// The tail threshold is known; the first `n` samples are learnt whatever they are.
    #[must_use]
    pub const fn with_tail(q: f32, tail: f32, n: u16) -> Self {
        Self { tail: math::limit(tail), given: true, ..Self::new(q, 0.5, n) }
    }

    /// Learns also what is above the threshold.
    #[must_use]
    pub const fn keeping_all(self) -> Self {
        Self { keeps_all: true, ..self }
    }

    /// True if `x` is above the threshold and not learnt therefore.
    pub(super) fn lets_out(&self, x: f32) -> bool {
        !self.keeps_all && self.is_ready() && x > self.threshold
    }

    /// The distribution of the excesses; `None` before the first `n` samples.
    #[must_use]
    pub fn tail(&self) -> Option<Pareto> {
        self.is_ready().then_some(self.fitted)
    }

    const fn is_ready(&self) -> bool {
        self.n >= self.first as u32
    }

    /// Keeps the largest values of phase I.
    fn collect(&mut self, x: f32) {
        if let Some(slot) = self.excesses.get_mut(usize::from(self.len)) {
            *slot = x;
            self.len = self.len.saturating_add(1);
            return;
        }
        let mut slots = self.excesses.iter_mut();
        let Some(first) = slots.next() else { return };
        let least = slots.fold(first, |least, slot| if *slot < *least { slot } else { least });
        if *least < x {
            *least = x;
        }
    }

    /// The tail threshold out of the largest values, which become excesses.
    fn begin(&mut self) {
        let share = math::round((1.0 - self.level) * f32::from(self.first)) as usize;
        let len = usize::from(self.len);
        let tail_at = len.saturating_sub(1).saturating_sub(Ord::max(share, 1));
        let mut largest = core::mem::replace(&mut self.excesses, [0.0; N]);
        math::sort(largest.get_mut(..len).unwrap_or(&mut []));
        self.tail = largest.get(tail_at).copied().unwrap_or(0.0);
        self.len = 0;
        for value in largest.iter().take(len).filter(|value| **value > self.tail) {
            if let Some(slot) = self.excesses.get_mut(usize::from(self.len)) {
                *slot = value - self.tail;
                self.len = self.len.saturating_add(1);
            }
        }
        self.n_tail = u32::from(self.len);
        self.next = if usize::from(self.len) < N { self.len } else { 0 };
    }

    fn push(&mut self, excess: f32) {
        if let Some(slot) = self.excesses.get_mut(usize::from(self.next)) {
            *slot = excess;
        }
        self.next = self.next.saturating_add(1);
        self.len = Ord::max(self.len, self.next);
        if usize::from(self.next) >= N {
            self.next = 0;
        }
        self.n_tail = self.n_tail.saturating_add(1);
    }

    fn fit(&mut self) {
        let excesses = self.excesses.get(..usize::from(self.len)).unwrap_or(&[]);
        self.fitted = Pareto::fit(excesses).unwrap_or(Pareto::NONE);
        // Below the tail threshold the distribution says nothing: q is passed more often than the tail is.
        let beyond = self.q * self.n as f32 / math::max(self.n_tail as f32, 1.0);
        self.threshold = math::limit(self.tail + self.fitted.quantile(beyond));
    }
}

impl<const N: usize> Learner for Spot<N> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = math::limit(*x);
        let ready = self.is_ready();
        if self.lets_out(x) {
            return;
        }
        if self.n == u32::MAX {
            self.n /= 2;
            self.n_tail /= 2;
        }
        self.n = self.n.saturating_add(1);
        let known = ready || self.given;
        let excess = known && x > self.tail;
        if excess {
            self.push(x - self.tail);
        } else if !known {
            self.collect(x);
        }
        if self.is_ready() {
            if !known {
                self.begin();
            }
            if excess || !ready {
                self.fit();
            }
        }
    }

    fn reset(&mut self) {
        let tail = if self.given { self.tail } else { 0.0 };
        *self = Self {
            level: self.level,
            given: self.given,
            keeps_all: self.keeps_all,
            tail,
            ..Self::new(self.q, 0.5, self.first)
        };
    }
}

impl<const N: usize> Threshold for Spot<N> {
    fn threshold(&self) -> Option<f32> {
        self.is_ready().then_some(self.threshold)
    }
}

impl<const N: usize> Validate for Spot<N> {
    fn is_valid(&self) -> bool {
        let (next, len) = (usize::from(self.next), usize::from(self.len));
        next < N
            && len <= N
            && self.excesses.iter().all(|y| math::abs(*y) <= 2.0 * math::LIMIT)
            && (1e-9..=0.1).contains(&self.q)
            && (0.5..=0.999).contains(&self.level)
            && math::abs(self.tail) <= math::LIMIT
            && math::abs(self.threshold) <= math::LIMIT
            && self.fitted.is_valid()
            && self.first >= 10
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn the_tail_begins_at_the_level() {
        let mut spot = Spot::<32>::new(1e-3, 0.9, 100);
        for i in 0..100u16 {
            assert_eq!(spot.threshold(), None);
            spot.learn_one(&f32::from(i * 7 % 100));
        }
        assert_eq!((spot.tail, spot.n_tail, spot.len), (89.0, 10, 10));
    }

    /// Share of samples above the threshold.
    #[test]
    fn rings_as_rarely_as_asked() {
        for (seed, power) in [(1, 1.0), (2, 0.25), (3, -0.25)] {
            let (mut rng, mut spot, mut alarms) =
                (Rng::new(seed), Spot::<200>::new(1e-3, 0.98, 5000).keeping_all(), 0);
            for _ in 0..100_000 {
                // Exponential at 1, otherwise of a lighter or a heavier tail.
                let x = -math::ln(1.0 - rng.uniform());
                let x = if power < 0.0 { math::exp(-power * x) } else { math::pow(x, power) };
                alarms += u32::from(spot.threshold().is_some_and(|threshold| x > threshold));
                spot.learn_one(&x);
            }
            assert!((60..140).contains(&alarms), "{alarms} of 95 with {power}");
        }
    }
}
