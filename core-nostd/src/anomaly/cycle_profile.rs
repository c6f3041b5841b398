use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

use super::CycleFinder;

/// A turn of the phase is 2^32, of which the bin is the highest 5 bits.
const BINS: usize = 32;
const BITS_BELOW: u32 = 27;
/// Cycles that a bin remembers.
const VISITS: u8 = 16;
/// Cycles over which what the profile leaves is compared with what there was.
const CYCLES: f32 = 4.0;
/// A cycle is proven if less than this share of the variance is left after the trial, and gone if more than that is.
const PROVEN: f32 = 0.5;
const GONE: f32 = 0.8;
/// The trial, in cycles and, for the short ones, readings more.
const TRIAL_CYCLES: f32 = 6.0;
/// So many of them at least before it is dropped.
const HEARING: f32 = 3.0;
const TRIAL: f32 = 128.0;
/// Readings after the trial until scores can be compared with their own past: as many as an alarm is silent for.
const SETTLES: f32 = 300.0;
/// Shares of an error in phase, measured once a cycle, by which phase and period are set right.
const PHASE_GAIN: f32 = 0.25;
const PERIOD_GAIN: f32 = 0.01;
const LONGEST: f32 = 16_384.0;
/// Age stops counting here, long after everything has settled.
const AGED: f32 = 1e6;
/// Spreads below this share of the value are what f32 sensors cannot resolve.
const RESOLUTION: f32 = 1e-5;
const TINY: f32 = 1e-20;
/// .. and spreads below this share of the cycle's own deviation are of no interest, however exact the cycle is.
const LEAST_SWING: f32 = 0.02;

/// What there is to see of a value in its cycle before it is learnt.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    phase: u32,
    bin: usize,
    /// Distance from the level.
    swing: f32,
    /// Distance from the usual value there, and its smoothed self; without one the latter stays as it was.
    error: Option<f32>,
    pub(super) residual: f32,
    /// The usual value there.
    pub(super) expected: f32,
}

/// What a value usually is at this place of its cycle, of 32 readings or more: no clock, no period to be told.
///
/// Formula: the cycle that a [`CycleFinder`] guesses is on trial for six cycles and 128 readings: the level is a fading mean of
/// one cycle, the profile 32 bins of the distances from it, each a mean of its last 16 visits. It is proven if less than half of
/// their variance is left, and dropped when more than four fifths are: then the search goes on. Once a cycle the error in phase
/// (errors against the profile's slope) corrects phase and period, so that neither rounding nor a machine that runs a little
/// faster breaks it. Score = |residual| / (usual worst residual of a visit of that bin + half of the usual residual), the residual
/// an exponential mean of the errors over two bins, at least two readings.
///
/// For machines that repeat themselves: pumps, compressors, dosing. Finds beats that are missed, late, too small or of another
/// shape, inside of the usual range. Silent for values without a cycle, and where less than half of the variance is in it.
/// A slow change of the shape is learnt.
///
/// Memory: 528 bytes. Cost: while it searches that of the finder, then 20 multiplications and additions; a division to score,
/// two more when a bin is left.
/// ```
/// use brooklet_core::anomaly::CycleProfile;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut profile = CycleProfile::new();
/// let pump = |i: u16| if i % 90 < 20 { 4.0 } else { 1.0 };
/// for i in 0..9000 { profile.learn_one(&pump(i)); }
/// assert!((profile.value().unwrap() - 90.0).abs() < 0.1);
/// let mut worst = |next: fn(u16) -> f32| {
///     (9000..9010).fold(0.0, |worst: f32, i| {
///         let score = profile.score(next(i)).unwrap();
///         profile.learn_one(&next(i));
///         worst.max(score)
///     })
/// };
/// assert!(worst(pump) < 2.0 && worst(|_| 1.0) > 10.0); // it comes on, and then goes out too early
/// ```
/// Source: Brooklet's own; the tracking is a phase-locked loop, Gardner: Phaselock Techniques, 3rd edition, 2005,
/// doi:10.1002/0471732699. Checked by simulation, and as a part of [`DefaultDetector`](super::DefaultDetector).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CycleProfile {
    finder: CycleFinder,
    /// In readings; 0 while there is none. Its reciprocal; the same as a step of the phase.
    period: f32,
    pace: f32,
    step: u32,
    phase: u32,
    /// Readings since it was found.
    age: f32,
    proven: bool,
    level: f32,
    means: [f32; BINS],
    /// The usual worst residual of a visit.
    spreads: [f32; BINS],
    visits: [u8; BINS],
    residual: f32,
    /// Of this visit: readings, sum of their swings, worst residual.
    readings: f32,
    sum: f32,
    worst: f32,
    /// Of this cycle: readings, errors against the slope, the slope against itself.
    since: f32,
    ahead: f32,
    slope: f32,
    /// Fading means: of squared errors, of squared swings, of sizes of the residual.
    left: f32,
    there: f32,
    usual: f32,
}

impl CycleProfile {
    /// Nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            finder: CycleFinder::new(),
            period: 0.0,
            pace: 0.0,
            step: 0,
            phase: 0,
            age: 0.0,
            proven: false,
            level: 0.0,
            means: [0.0; BINS],
            spreads: [0.0; BINS],
            visits: [0; BINS],
            residual: 0.0,
            readings: 0.0,
            sum: 0.0,
            worst: 0.0,
            since: 0.0,
            ahead: 0.0,
            slope: 0.0,
            left: 0.0,
            there: 0.0,
            usual: 0.0,
        }
    }

    /// How far a value is from its cycle, 0 and up; `None` while there is no proven one.
    #[must_use]
    pub fn score(&self, x: f32) -> Option<f32> {
        self.score_of(&self.turn(x, 0)?)
    }

    /// Its scores can be compared with their own past.
    pub(super) fn is_settled(&self) -> bool {
        self.proven && self.age > TRIAL + SETTLES + TRIAL_CYCLES * self.period
    }

    /// Variance that the profile leaves.
    pub(super) const fn left(&self) -> f32 {
        self.left
    }

    /// Of a value before which that many readings are missing.
    pub(super) fn turn(&self, x: f32, missing: u32) -> Option<Turn> {
        if self.period <= 0.0 {
            return None;
        }
        let phase = self.phase.wrapping_add(self.step.wrapping_mul(missing));
        let bin = (phase >> BITS_BELOW) as usize;
        let (mean, visits) = (self.means.get(bin).copied()?, self.visits.get(bin).copied()?);
        let swing = math::limit(x) - self.level;
        let error = (visits > 0).then_some(swing - mean);
        let smooth = math::min(0.5 * BINS as f32 * self.pace, 0.5);
        let residual = error.map_or(self.residual, |error| self.residual + smooth * (error - self.residual));
        Some(Turn { phase, bin, swing, error, residual, expected: self.level + mean })
    }

    pub(super) fn score_of(&self, turn: &Turn) -> Option<f32> {
        if !self.proven || turn.error.is_none() {
            return None;
        }
        let spread = self.spreads.get(turn.bin).copied()? + 0.5 * self.usual;
        let least = LEAST_SWING * math::sqrt(self.there) + RESOLUTION * math::abs(turn.expected) + TINY;
        Some(math::abs(turn.residual) / math::max(spread, least))
    }

    /// Learns a value with its turn; the profile at `rate` (0 to 1) of its usual speed.
    pub(super) fn learn_at(&mut self, x: f32, turn: Option<Turn>, rate: f32) {
        let Some(turn) = turn else {
            self.finder.learn_one(&x);
            if let Some(period) = self.finder.value() {
                // A shorter one leaves bins without a reading.
                if period < BINS as f32 {
                    self.finder.longer();
                } else {
                    *self = Self { finder: self.finder, ..Self::new() };
                    self.turn_in(period);
                }
            }
            return;
        };
        self.age = math::min(self.age + 1.0, AGED);
        let slow = if self.age < self.period { 1.0 / self.age } else { self.pace };
        self.level += slow * (math::limit(x) - self.level);
        let before = turn.phase;
        self.phase = before.wrapping_add(self.step);
        // Over the first cycle there is only a level.
        if self.age > self.period {
            self.residual = turn.residual;
            self.compare(&turn);
            self.readings += 1.0;
            self.sum += turn.swing;
            self.worst = math::max(self.worst, math::abs(turn.residual));
            if (self.phase >> BITS_BELOW) as usize != turn.bin {
                self.leave(&turn, rate);
            }
            // A phase that was set back passes 0 again: not another cycle.
            self.since += 1.0;
            if self.phase < before && self.since > 0.5 * self.period {
                self.follow();
            }
            self.decide();
        }
    }

    fn turn_in(&mut self, period: f32) {
        self.period = period.clamp(2.0, LONGEST);
        self.pace = 1.0 / self.period;
        self.step = (4_294_967_296.0 * self.pace) as u32;
    }

    fn compare(&mut self, turn: &Turn) {
        let Some(error) = turn.error else { return };
        let age = self.age - self.period;
        let slow = if age < CYCLES * self.period { 1.0 / age } else { self.pace / CYCLES };
        self.left += slow * (error * error - self.left);
        self.there += slow * (turn.swing * turn.swing - self.there);
        self.usual += slow * (math::abs(turn.residual) - self.usual);
    }

    /// The bin learns from this visit.
    fn leave(&mut self, turn: &Turn, rate: f32) {
        let (visit, worst) = (self.sum / self.readings, self.worst);
        (self.readings, self.sum, self.worst) = (0.0, 0.0, 0.0);
        let at = |bin: usize| self.means.get(bin % BINS).copied().unwrap_or(0.0);
        let slope = 0.5 * (at(turn.bin.wrapping_add(1)) - at(turn.bin.wrapping_sub(1)));
        let (means, spreads) = (self.means.get_mut(turn.bin), self.spreads.get_mut(turn.bin));
        let (Some(mean), Some(spread), Some(visits)) = (means, spreads, self.visits.get_mut(turn.bin)) else {
            return;
        };
        *visits = Ord::min(visits.saturating_add(1), VISITS);
        if *visits == 1 {
            *mean = visit;
            return;
        }
        let (error, slow) = (visit - *mean, rate / f32::from(*visits));
        *mean += slow * error;
        *spread += slow * (worst - *spread);
        self.ahead += slope * error;
        self.slope += slope * slope;
    }

    /// Once a cycle: where the values are ahead of the profile or behind it, phase and period follow.
    fn follow(&mut self) {
        if self.slope > 0.0 && self.age > 3.0 * self.period {
            // In bins, by least squares.
            let ahead = math::clamp(self.ahead / self.slope, -1.0, 1.0);
            let of_turn = (PHASE_GAIN * ahead * (1_u32 << BITS_BELOW) as f32) as i32;
            self.phase = self.phase.wrapping_add_signed(of_turn);
            self.turn_in(self.period * (1.0 - PERIOD_GAIN / BINS as f32 * ahead));
        }
        (self.since, self.ahead, self.slope) = (0.0, 0.0, 0.0);
    }

    /// Proven, gone, or as it was.
    fn decide(&mut self) {
        let cycles = (self.age - TRIAL) * self.pace;
        let gone = cycles > HEARING && self.left > GONE * self.there;
        let on_trial = !self.proven && cycles > TRIAL_CYCLES;
        if on_trial && self.left < PROVEN * self.there {
            self.proven = true;
        } else if on_trial || gone {
            if self.proven {
                self.finder.again()
            } else {
                self.finder.longer()
            }
            *self = Self { finder: self.finder, ..Self::new() };
        }
    }
}

impl Default for CycleProfile {
    fn default() -> Self {
        Self::new()
    }
}

impl Learner for CycleProfile {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        self.learn_at(*x, self.turn(*x, 0), 1.0);
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Statistic for CycleProfile {
    type Output = f32;

    /// Readings a cycle; `None` while there is no proven one.
    fn value(&self) -> Option<f32> {
        self.proven.then_some(self.period)
    }
}

impl Validate for CycleProfile {
    fn is_valid(&self) -> bool {
        let distances = [self.residual, self.worst, self.usual];
        let squares = [self.left, self.there];
        let sums = [self.sum, self.ahead, self.slope];
        self.finder.is_valid()
            && (self.period == 0.0 || (2.0..=LONGEST).contains(&self.period))
            && (0.0..=0.5).contains(&self.pace)
            && (0.0..=AGED).contains(&self.age)
            && math::abs(self.level) <= 2.0 * math::LIMIT
            && distances
                .iter()
                .chain(&self.means)
                .chain(&self.spreads)
                .all(|d| math::abs(*d) <= 8.0 * math::LIMIT)
            && self.spreads.iter().all(|spread| *spread >= 0.0)
            && self.usual >= 0.0
            && (0.0..=AGED).contains(&self.readings)
            && (0.0..=AGED).contains(&self.since)
            && squares.iter().all(|square| (0.0..=f32::MAX).contains(square))
            && sums.iter().all(|sum| sum.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn sine(i: usize, period: f32) -> f32 {
        math::sin(core::f32::consts::TAU * (i as f64 / f64::from(period)).fract() as f32)
    }

    /// Once more as long as it takes to look at all lengths, and for the trial.
    fn readings(period: f32) -> usize {
        60_000 + (8.0 * period) as usize
    }

    #[test]
    fn finds_cycles_in_noise() {
        for period in [37.0, 90.3, 600.0, 1203.7, 5000.0] {
            let (mut rng, mut profile) = (Rng::new(period as u64), CycleProfile::new());
            for i in 0..readings(period) {
                profile.learn_one(&(100.0 + sine(i, period) + 0.3 * rng.normal()));
            }
            let found = profile.value().unwrap();
            assert!((found / period - 1.0).abs() < 0.02, "{found} for {period}");
            assert!(profile.is_valid());
        }
    }

    #[test]
    fn follows_a_machine_that_runs_a_little_faster() {
        let (mut profile, mut turn) = (CycleProfile::new(), 0.0_f64);
        for i in 0..100_000 {
            turn += 1.0 / (90.0 - 2.0 * f64::from(i) / 100_000.0);
            profile.learn_one(&if turn.fract() < 0.3 { 1.0 } else { 0.0 });
        }
        assert!((profile.value().unwrap() - 88.0).abs() < 0.3, "{:?}", profile.value());
    }

    #[test]
    fn what_has_no_cycle_gets_none() {
        let walk = |x: f32, rng: &mut Rng| x + rng.normal();
        let fading = |x: f32, rng: &mut Rng| 0.95 * x + rng.normal();
        let white = |_, rng: &mut Rng| rng.normal();
        let drift = |x: f32, rng: &mut Rng| x + 0.01 + 0.01 * rng.normal();
        let constant = |x: f32, _: &mut Rng| x;
        let kinds: [fn(f32, &mut Rng) -> f32; 5] = [walk, fading, white, drift, constant];
        for (kind, next) in kinds.into_iter().enumerate() {
            for seed in 0..5 {
                let (mut rng, mut profile, mut x) = (Rng::new(seed), CycleProfile::new(), 0.0);
                for i in 0..100_000 {
                    x = next(x, &mut rng);
                    profile.learn_one(&x);
                    assert_eq!(profile.value(), None, "kind {kind}, seed {seed}, {i}");
                }
            }
        }
    }

    #[test]
    fn a_cycle_that_ends_is_dropped_and_the_next_one_found() {
        let (mut rng, mut profile) = (Rng::new(1), CycleProfile::new());
        let mut learn = |profile: &mut CycleProfile, period: f32, size: f32| {
            for i in 0..100_000 {
                profile.learn_one(&(size * sine(i, period) + 0.1 * rng.normal()));
            }
            profile.value()
        };
        assert!((learn(&mut profile, 50.0, 1.0).unwrap() - 50.0).abs() < 1.0);
        assert_eq!(learn(&mut profile, 50.0, 0.0), None);
        // The search may have just passed that length, and find several cycles as one first.
        let found = (0..4).filter_map(|_| learn(&mut profile, 40.0, 1.0)).last().unwrap() / 40.0;
        assert!(math::abs(found - math::round(found)) < 0.01 && found > 0.5, "{found}");
    }

    #[test]
    fn what_leaves_the_cycle_scores_inside_of_the_range() {
        let (mut rng, mut profile) = (Rng::new(3), CycleProfile::new());
        for i in 0..9_000 {
            profile.learn_one(&(sine(i, 90.0) + 0.05 * rng.normal()));
        }
        let mut worst = |profile: &mut CycleProfile, size: f32| {
            (0..90).fold(0.0, |worst, i| {
                let x = size * sine(i, 90.0) + 0.05 * rng.normal();
                let score = profile.score(x).unwrap();
                profile.learn_one(&x);
                math::max(worst, score)
            })
        };
        let usual = worst(&mut profile, 1.0);
        assert!(usual < 3.0 && worst(&mut profile, 0.5) > 2.0 * usual, "{usual}");
    }
}
