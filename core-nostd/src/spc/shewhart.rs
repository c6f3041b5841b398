use serde::{Deserialize, Serialize};

use crate::drift::Baseline;
use crate::math;
use crate::traits::{DriftDetector, Learner, Validate};

/// A set of rules of control charts; see the constants.
///
/// Memory: 2 bytes.
/// ```
/// use brooklet_core::spc::Rules;
/// assert!(Rules::NELSON.contains(Rules::TREND) && !Rules::WESTERN_ELECTRIC.contains(Rules::TREND));
/// assert_eq!(Rules::NELSON.without(Rules::TREND).union(Rules::TREND), Rules::NELSON);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules(u16);

impl Rules {
    /// No rule.
    pub const NONE: Self = Self(0);
    /// One sample beyond 3 standard deviations (Nelson 1, Western Electric 1).
    pub const BEYOND_3: Self = Self(1);
    /// Nine in a row on one side of the mean (Nelson 2).
    pub const NINE_ON_A_SIDE: Self = Self(1 << 1);
    /// Six in a row, each above, or each below, the one before (Nelson 3).
    pub const TREND: Self = Self(1 << 2);
    /// Fourteen in a row up and down by turns (Nelson 4).
    pub const ALTERNATING: Self = Self(1 << 3);
    /// Two of three beyond 2 standard deviations on one side, the last among them (Nelson 5, Western Electric 2).
    pub const TWO_OF_THREE: Self = Self(1 << 4);
    /// Four of five beyond 1 standard deviation on one side, the last among them (Nelson 6, Western Electric 3).
    pub const FOUR_OF_FIVE: Self = Self(1 << 5);
    /// Fifteen in a row within 1 standard deviation (Nelson 7): limits that are too wide.
    pub const STRATIFIED: Self = Self(1 << 6);
    /// Eight in a row beyond 1 standard deviation, whatever the side (Nelson 8): two processes in one.
    pub const MIXTURE: Self = Self(1 << 7);
    /// Eight in a row on one side of the mean (Western Electric 4).
    pub const EIGHT_ON_A_SIDE: Self = Self(1 << 8);
    /// Nelson's eight.
    pub const NELSON: Self = Self(0xFF);
    /// Western Electric's four.
    pub const WESTERN_ELECTRIC: Self =
        Self::BEYOND_3.union(Self::TWO_OF_THREE).union(Self::FOUR_OF_FIVE).union(Self::EIGHT_ON_A_SIDE);

    /// The rules of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that `other` has not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// True if all of `other` are here.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// True if there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Shewhart's chart of individual values with the rules of Nelson and Western Electric, each to be switched on.
///
/// Formula: `z = (x - mean)/sd`; the rules look at `z` beyond 1, 2 or 3, its sign, and the direction from sample to
/// sample; see [`Rules`]. A sample fires a rule whenever the rule holds with it as the last.
///
/// The limits alone find large shifts at once and small ones late; the rules find small ones sooner at the price of more
/// false alarms: one in 370 samples with the limits alone, one in 92 with Western Electric's four, if the samples are
/// independent and normal. Autocorrelated streams need wider limits or thinning first.
///
/// Memory: 40 bytes. Cost: two dozen operations, no division.
/// ```
/// use brooklet_core::drift::Baseline;
/// use brooklet_core::spc::{Rules, Shewhart};
/// use brooklet_core::traits::{DriftDetector, Learner};
/// let mut chart = Shewhart::new(Baseline::given(10.0, 2.0), Rules::WESTERN_ELECTRIC);
/// for x in [10.0, 14.5, 9.0, 14.5] { chart.learn_one(&x); }
/// assert!(chart.drifted());
/// assert_eq!(chart.fired(), Rules::TWO_OF_THREE);
/// ```
/// Source: Nelson: The Shewhart control chart, tests for special causes, Journal of Quality Technology 1984,
/// doi:10.1080/00224065.1984.11978921. Run lengths held against Champ, Woodall: Exact results for Shewhart control charts
/// with supplementary runs rules, Technometrics 1987, doi:10.1080/00401706.1987.10488266.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shewhart {
    baseline: Baseline,
    last: f32,
    rules: Rules,
    fired: Rules,
    /// Lengths of runs of samples that end with the last one; those of signs and directions for either side.
    above: u8,
    below: u8,
    rising: u8,
    falling: u8,
    turning: u8,
    inside: u8,
    outside: u8,
    /// The last samples beyond a limit, a bit each, the newest lowest.
    over_1: u8,
    under_1: u8,
    over_2: u8,
    under_2: u8,
    begun: bool,
}

impl Shewhart {
    /// No samples; only these rules ring.
    #[must_use]
    pub const fn new(baseline: Baseline, rules: Rules) -> Self {
        Self {
            baseline,
            last: 0.0,
            rules: Rules(rules.0 & 0x1FF),
            fired: Rules::NONE,
            above: 0,
            below: 0,
            rising: 0,
            falling: 0,
            turning: 0,
            inside: 0,
            outside: 0,
            over_1: 0,
            under_1: 0,
            over_2: 0,
            under_2: 0,
            begun: false,
        }
    }

    /// The rules that the last sample fired.
    #[must_use]
    pub const fn fired(&self) -> Rules {
        self.fired
    }

    /// The baseline; its mean and three deviations to either side are the chart's lines.
    #[must_use]
    pub const fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    fn direction(&mut self, z: f32) {
        if !self.begun {
            self.begun = true;
            return;
        }
        let (rises, falls) = (z > self.last, z < self.last);
        let turned = (rises && self.falling > 0) || (falls && self.rising > 0);
        // Of steps; the first is half of a turn.
        let first = u8::from(rises || falls);
        self.turning = if turned { self.turning.saturating_add(1) } else { first };
        run(&mut self.rising, rises);
        run(&mut self.falling, falls);
    }
}

/// One longer if the run goes on, else over.
fn run(length: &mut u8, goes_on: bool) {
    *length = if goes_on { length.saturating_add(1) } else { 0 };
}

/// Appends a bit.
fn push(bits: &mut u8, bit: bool) {
    *bits = (*bits << 1) | u8::from(bit);
}

/// True if the newest bit and at least `k` of the newest `of` are set.
fn holds(bits: u8, k: u32, of: u8) -> bool {
    bits & 1 == 1 && (bits & of).count_ones() >= k
}

impl Learner for Shewhart {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let Some(z) = self.baseline.z(*x) else {
            self.baseline.learn_one(x);
            return;
        };
        let far = math::abs(z);
        run(&mut self.above, z > 0.0);
        run(&mut self.below, z < 0.0);
        run(&mut self.inside, far < 1.0);
        run(&mut self.outside, far > 1.0);
        push(&mut self.over_1, z > 1.0);
        push(&mut self.under_1, z < -1.0);
        push(&mut self.over_2, z > 2.0);
        push(&mut self.under_2, z < -2.0);
        self.direction(z);
        self.last = z;
        let side = Ord::max(self.above, self.below);
        let rules = [
            (far > 3.0, Rules::BEYOND_3),
            (side >= 9, Rules::NINE_ON_A_SIDE),
            (Ord::max(self.rising, self.falling) >= 5, Rules::TREND),
            (self.turning >= 13, Rules::ALTERNATING),
            (holds(self.over_2, 2, 0b111) || holds(self.under_2, 2, 0b111), Rules::TWO_OF_THREE),
            (holds(self.over_1, 4, 0b1_1111) || holds(self.under_1, 4, 0b1_1111), Rules::FOUR_OF_FIVE),
            (self.inside >= 15, Rules::STRATIFIED),
            (self.outside >= 8, Rules::MIXTURE),
            (side >= 8, Rules::EIGHT_ON_A_SIDE),
        ];
        let holding = rules.iter().filter(|(holds, _)| *holds);
        let fired = holding.fold(Rules::NONE, |fired, (_, rule)| fired.union(*rule));
        self.fired = Rules(fired.0 & self.rules.0);
    }

    fn reset(&mut self) {
        self.baseline.reset();
        *self = Self::new(self.baseline, self.rules);
    }
}

impl DriftDetector for Shewhart {
    fn drifted(&self) -> bool {
        !self.fired.is_empty()
    }
}

impl Validate for Shewhart {
    fn is_valid(&self) -> bool {
        self.baseline.is_valid() && math::abs(self.last) <= 1e9 && self.rules.contains(self.fired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{Cusum, EwmaChart};
    use crate::rng::Rng;

    /// Runs a simulation: enough for 3 % in release, a part of it where every step costs ten times as much.
    const RUNS: u32 = if cfg!(debug_assertions) { 6000 } else { 20_000 };

    /// Mean run length until the alarm, with a shift of the mean in standard deviations.
    fn run_length(mut chart: impl DriftDetector, shift: f32, seed: u64) -> f64 {
        let (mut rng, mut samples) = (Rng::new(seed), 0u32);
        for _ in 0..RUNS {
            chart.reset();
            while !chart.drifted() {
                chart.learn_one(&(shift + rng.normal()));
                samples += 1;
            }
        }
        f64::from(samples) / f64::from(RUNS)
    }

    fn close(length: f64, published: f64) {
        assert!((length / published - 1.0).abs() < 0.03, "{length}, not {published}");
    }

    const KNOWN: Baseline = Baseline::given(0.0, 1.0);

    fn shewhart(rules: &[Rules]) -> Shewhart {
        Shewhart::new(KNOWN, rules.iter().fold(Rules::NONE, |all, rule| all.union(*rule)))
    }

    /// Champ, Woodall 1987, table 1.
    #[test]
    fn run_lengths_of_runs_rules() {
        let (one, two, three, four) =
            (Rules::BEYOND_3, Rules::TWO_OF_THREE, Rules::FOUR_OF_FIVE, Rules::EIGHT_ON_A_SIDE);
        close(run_length(shewhart(&[one]), 0.0, 1), 370.40);
        close(run_length(shewhart(&[one, two]), 0.0, 2), 225.44);
        close(run_length(shewhart(&[one, three]), 0.0, 3), 166.05);
        close(run_length(shewhart(&[one, four]), 0.0, 4), 152.73);
        close(run_length(shewhart(&[one, two, three, four]), 0.0, 5), 91.75);
        close(run_length(shewhart(&[one]), 1.0, 6), 43.89);
        close(run_length(shewhart(&[Rules::WESTERN_ELECTRIC]), 1.0, 7), 9.22);
    }

    /// A run of `n` samples of chance `p` each takes `(1 - p^n) / ((1 - p) p^n)` samples on average; signs are two
    /// such runs.
    #[test]
    fn run_lengths_of_single_rules() {
        let run = |p: f64, n: i32| (1.0 - p.powi(n)) / ((1.0 - p) * p.powi(n));
        close(run_length(shewhart(&[Rules::NINE_ON_A_SIDE]), 0.0, 1), 511.0);
        close(run_length(shewhart(&[Rules::STRATIFIED]), 0.0, 2), run(0.682_689_5, 15));
        close(run_length(shewhart(&[Rules::MIXTURE]), 1.0, 3), run(0.5 + 0.022_750_1, 8));
    }

    /// Lucas, Crosier 1982; Lucas, Saccucci 1990.
    #[test]
    fn run_lengths_of_cusum_and_ewma() {
        let cusum = || Cusum::new(KNOWN, 0.5, 5.0);
        close(run_length(cusum(), 0.0, 1), 465.0);
        close(run_length(cusum(), 1.0, 2), 10.4);
        let ewma = |lambda, l| EwmaChart::new(KNOWN, lambda, l);
        close(run_length(ewma(0.1, 2.814), 0.0, 3), 500.0);
        close(run_length(ewma(0.1, 2.814), 1.0, 4), 10.3);
        close(run_length(ewma(0.25, 2.998), 0.0, 5), 500.0);
        close(run_length(ewma(0.25, 2.998), 1.0, 6), 11.1);
    }

    fn fires(values: &[f32]) -> Rules {
        let mut chart = Shewhart::new(KNOWN, Rules::NELSON.union(Rules::EIGHT_ON_A_SIDE));
        values.iter().for_each(|x| chart.learn_one(x));
        assert!(chart.is_valid());
        chart.fired()
    }

    #[test]
    fn each_rule_by_hand() {
        assert_eq!(fires(&[-3.1]), Rules::BEYOND_3);
        assert_eq!(fires(&[0.1; 7]), Rules::NONE);
        assert_eq!(fires(&[0.1; 8]), Rules::EIGHT_ON_A_SIDE);
        assert_eq!(fires(&[0.1; 9]), Rules::EIGHT_ON_A_SIDE.union(Rules::NINE_ON_A_SIDE));
        assert_eq!(fires(&[-0.5, -0.3, -0.1, 0.1, 0.3]), Rules::NONE);
        assert_eq!(fires(&[-0.5, -0.3, -0.1, 0.1, 0.3, 0.5]), Rules::TREND);
        let turns: std::vec::Vec<f32> = (0..14u8).map(|i| f32::from(i % 2) * 2.0 - 0.9).collect();
        assert_eq!((fires(&turns[..13]), fires(&turns)), (Rules::NONE, Rules::ALTERNATING));
        assert_eq!(fires(&[2.1, 0.0, 2.1]), Rules::TWO_OF_THREE);
        assert_eq!(fires(&[2.1, 0.0, -2.1]), Rules::NONE);
        assert_eq!(fires(&[2.1, 2.2, 0.0]), Rules::NONE);
        assert_eq!(fires(&[-1.1, -1.1, 0.0, -1.1, -1.1]), Rules::FOUR_OF_FIVE);
        assert_eq!(
            fires(&[0.9, -0.9, 0.5, -0.5, -0.7, 0.1, 0.2, -0.4, 0.3, 0.6, -0.2, 0.1, 0.0, 0.5]),
            Rules::NONE
        );
        assert_eq!(
            fires(&[0.9, -0.9, 0.5, -0.5, -0.7, 0.1, 0.2, -0.4, 0.3, 0.6, -0.2, 0.1, 0.0, 0.5, 0.4]),
            Rules::STRATIFIED
        );
        assert_eq!(fires(&[1.5, -1.2, -1.3, 1.1, 1.4, -1.5, 1.1, -1.7]), Rules::MIXTURE);
    }

    #[test]
    fn learns_its_limits_and_keeps_them() {
        let (mut rng, mut chart) = (Rng::new(1), Shewhart::new(Baseline::learnt(400), Rules::BEYOND_3));
        for _ in 0..400 {
            chart.learn_one(&(50.0 + 2.0 * rng.normal()));
            assert!(!chart.drifted());
        }
        for _ in 0..20 {
            chart.learn_one(&59.0);
            assert!(chart.drifted());
        }
        chart.learn_one(&50.0);
        assert!(!chart.drifted());
    }
}
