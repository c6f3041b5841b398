use serde::{Deserialize, Serialize};

use crate::math;
use crate::quantile::{Binned, LogHistogram};
use crate::sample::Moment;
use crate::snapshot::read_part;
use crate::stats::EwMeanVar;
use crate::traits::{
    AnomalyDetector, Explain, Judge, Learner, Protect, Stance, Statistic, Stepper, Validate,
};

use super::cycle_profile::Turn;
use super::hold::Hold;
use super::seasonal_profile::Place;
use super::{Because, CycleProfile, LevelShift, Range, SeasonalProfile, leave_out};

/// Samples that running means and deviations remember.
const HORIZON: u32 = 5000;
/// Samples after which a score weighs half in the calibration.
const HALF_LIFE: u32 = 4000;
/// Experts: range, seasonal, shift 10, shift 60, unrest, cycle.
pub(super) const EXPERTS: usize = 6;
/// Evidence below this counts as none.
const CUT: f32 = 1.0;
/// Quarter octaves by which a score must stand clear of what was seen (see [`LogHistogram::evidence`]), for the
/// calibrated experts. The mean of sixty spreads little, so it needs less.
const MARGINS: [f32; EXPERTS - 1] = [2.0, 2.0, 1.0, 2.0, 2.0];
/// The scale from which on values are compressed, at least this share of their deviation.
const SCALE: f32 = 0.03;
/// The cycle counts where it leaves less than this share of the variance that the time of day leaves.
const CLEARER: f32 = 0.5;
/// How fast the slots of the seasonal profile learn while an alert is open.
const GATE: f32 = 0.3;
/// Deviations below this share of the value are what f32 sensors cannot resolve.
const RESOLUTION: f32 = 1e-5;
const TINY: f32 = 1e-20;

/// What a channel gets when nobody configures anything.
///
/// Six experts, each calibrated against its own past, fused into one evidence:
/// 1. **range** ([`Range`]), not calibrated;
/// 2. **seasonal** ([`SeasonalProfile`]);
/// 3. **shift 10** ([`LevelShift`]) of the values;
/// 4. **shift 60** of their compressed values `asinh(x / m)`, `m` the size of their mean: a logarithm that knows zero and
///    signs, so that the bursts of counts and the outliers of heavy tails do not hide everything else;
/// 5. **unrest**: a level shift of `log2` of the step from the value before, which falls when a sensor sticks and rises
///    when it shakes;
/// 6. **cycle** ([`CycleProfile`]): of 32 readings or more, found by itself; it counts where it leaves less than half of the variance
///    that the time of day leaves.
///
/// Calibration: `-log10` of a conformal p-value from a decaying [`LogHistogram`]. Fusion: evidences under 1 count as
/// none, `S = (Σ e³)^(1/3)`: one expert at 3.2 says as much as two at 2.55.
///
/// Works for most channels; without times the seasonal expert is silent. A slow drift that is small
/// against the channel's own daily swing is seen late or never, and so is what repeats every day at the same hour.
/// While an alert is open, the level compares with the normal of before ([`Protect`]); the statistics learn on (to
/// freeze them costs more alerts than it finds), only the seasonal slots slow down.
///
/// Memory: 3,280 bytes, asserted below 3,500 with its alarm. Cost: two logarithms, six square roots, 26
/// divisions with its alarm; two logarithms more for each expert that finds something, then also a cube root. Once a turn of sixty
/// samples 120 additions.
/// ```
/// use brooklet_core::{anomaly::DefaultDetector, sample::Moment};
/// use brooklet_core::traits::{AnomalyDetector, Learner};
/// let mut detector = DefaultDetector::new();
/// let at = |i: i64, value: f32| Moment::new(value, Some(i * 300_000)).unwrap();
/// for i in 0..2000 { detector.learn_one(&at(i, (i % 12) as f32)); }
/// assert!(detector.score_one(&at(2000, 8.0)).unwrap() < 1.0);
/// assert!(detector.score_one(&at(2000, 30.0)).unwrap() > 3.2);
/// ```
/// Reference: `brooklet eval nab` scores it on the Numenta Anomaly Benchmark and prints the figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DefaultDetector {
    range: Range,
    #[serde(deserialize_with = "read_part")]
    season: SeasonalProfile<HORIZON>,
    #[serde(deserialize_with = "read_part")]
    short: LevelShift<10, HORIZON>,
    #[serde(deserialize_with = "read_part")]
    long: LevelShift<60, HORIZON>,
    #[serde(deserialize_with = "read_part")]
    unrest: LevelShift<60, HORIZON>,
    #[serde(deserialize_with = "read_part")]
    cycle: CycleProfile,
    /// Step from the value before; steadies the logarithm that `unrest` sees.
    distance: EwMeanVar<HORIZON>,
    last: f32,
    /// Distance from the expected value; gives the band.
    error: EwMeanVar<HORIZON>,
    #[serde(deserialize_with = "read_part")]
    calibration: [LogHistogram<HALF_LIFE>; EXPERTS - 1],
    #[serde(deserialize_with = "read_part")]
    hold: Hold,
    /// Experts that are left out, a bit each.
    #[serde(skip)]
    muted: u8,
}

/// What there is to see of a sample before it is learnt: worked out once a step.
struct View {
    value: f32,
    place: Option<Place>,
    /// Mean of the last residuals of the season.
    residual: Option<f32>,
    compressed: f32,
    /// Moving means: of ten values, of sixty compressed ones, and of the unrest.
    short: f32,
    long: f32,
    restless: f32,
    distance: f32,
    unrest: f32,
    /// In the cycle, for the cycle to learn; only where it counts.
    turn: Option<Turn>,
    cycle: Option<Turn>,
    /// Raw, of the calibrated experts.
    scores: [Option<Binned>; EXPERTS - 1],
}

/// `Σ e³` over the evidences that count.
fn cubes(evidence: &[f32; EXPERTS]) -> f32 {
    // Rare: not to be computed beforehand, as a compiler may that knows not of soft floats.
    #[cold]
    fn add(sum: f32, e: f32) -> f32 {
        sum + e * e * e
    }
    // From 0.0: the sum of nothing would be -0.0.
    evidence.iter().fold(0.0, |sum, &e| if e >= CUT { add(sum, e) } else { sum })
}

impl DefaultDetector {
    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            range: Range::new(),
            season: SeasonalProfile::new(),
            short: LevelShift::new(),
            long: LevelShift::new(),
            unrest: LevelShift::new(),
            cycle: CycleProfile::new(),
            distance: EwMeanVar::new(),
            last: 0.0,
            error: EwMeanVar::new(),
            calibration: [LogHistogram::new(); EXPERTS - 1],
            hold: Hold::new(),
            muted: 0,
        }
    }

    /// The same without some of its experts, a bit each in the order of [`EXPERT_NAMES`](super::EXPERT_NAMES): shows what
    /// they are worth. A snapshot holds all of them again.
    /// ```
    /// use brooklet_core::{anomaly::DefaultDetector, sample::Moment};
    /// use brooklet_core::traits::{Explain, Learner};
    /// let mut detector = DefaultDetector::new().without(0b1);
    /// for i in 0..500u16 { detector.learn_one(&Moment::new(f32::from(i % 12), None).unwrap()); }
    /// assert_eq!(detector.explain_one(&Moment::new(99.0, None).unwrap()).evidence[0], 0.0);
    /// ```
    #[must_use]
    pub const fn without(mut self, experts: u8) -> Self {
        self.muted = experts;
        self
    }

    /// `asinh` of a value against the size of the mean, in powers of two.
    fn compress(&self, value: f32) -> f32 {
        let values = self.season.values();
        let scale = math::abs(values.mean()) + SCALE * values.sd();
        let size = math::min(math::abs(value) / scale, math::LIMIT);
        let power = math::log2(size + math::sqrt(size * size + 1.0));
        if value < 0.0 { -power } else { power }
    }

    /// The cycle tells more than the time of day.
    fn is_clearer_than_the_clock(&self, place: Option<Place>) -> bool {
        let by_clock = place.and_then(|place| place.expected).and_then(|_| self.error.value());
        by_clock.is_none_or(|(_, variance)| self.cycle.left() < CLEARER * variance)
    }

    fn view(&self, x: &Moment) -> View {
        let value = math::limit(x.value());
        let place = self.season.place(x.time());
        let residual = place.and_then(|place| Some(self.season.deviation_from(x, place.expected?)));
        let compressed = self.compress(value);
        let (short, long) = (self.short.mean_with(value), self.long.mean_with(compressed));
        let distance = if self.distance.count() > 0.0 { math::abs(value - self.last) } else { 0.0 };
        let floor = 0.5 * self.distance.mean() + RESOLUTION * math::abs(value) + TINY;
        let unrest = math::log2(distance + floor);
        let restless = self.unrest.mean_with(unrest);
        let turn = self.cycle.turn(value, self.season.missing(x.time()));
        let cycle = turn.filter(|_| self.is_clearer_than_the_clock(place));
        let scores = [
            residual.map(|residual| self.season.score_of(residual)),
            self.short.score_of(short),
            self.long.score_of(long),
            self.unrest.score_of(restless),
            cycle.and_then(|cycle| self.cycle.score_of(&cycle)),
        ]
        .map(|score| score.map(Binned::new));
        View {
            value,
            place,
            residual,
            compressed,
            short,
            long,
            restless,
            distance,
            unrest,
            turn,
            cycle,
            scores,
        }
    }

    /// Of each expert; 0 where it is clearly too little to count.
    fn evidence(&self, view: &View) -> [f32; EXPERTS] {
        let mut evidence = [0.0; EXPERTS];
        let [range, calibrated @ ..] = &mut evidence;
        *range = self.range.evidence(view.value);
        let experts = calibrated.iter_mut().zip(&self.calibration).zip(view.scores).zip(MARGINS);
        for (((evidence, calibration), score), margin) in experts {
            if let Some(score) = score.filter(|score| !calibration.is_common(*score, margin)) {
                *evidence = calibration.evidence(score.score(), margin).unwrap_or(0.0);
            }
        }
        // Its scores cannot be compared with their own past yet.
        let young = if self.cycle.is_settled() { 0 } else { 1 << (EXPERTS - 1) };
        leave_out(self.muted | young, &mut evidence);
        evidence
    }

    /// The slot's usual value; without one, the mean of the last ten.
    fn expected(&self, x: &Moment, view: &View) -> f32 {
        view.place.and_then(|place| place.expected).or_else(|| self.short.mean()).unwrap_or(x.value())
    }

    /// Distance of each expert's quantity from the normal that was frozen when the alert opened.
    fn deviations(&self, view: &View) -> [f32; EXPERTS] {
        let normal = &self.hold.normal;
        [
            normal.range.excess(view.value),
            view.residual.map_or(0.0, math::abs),
            math::abs(view.short - normal.short),
            math::abs(view.long - normal.long),
            math::abs(view.restless - normal.unrest),
            view.cycle.map_or(0.0, |cycle| math::abs(cycle.residual)),
        ]
    }

    /// Freezes the normal if an alert opens.
    fn freeze(&mut self) {
        if !self.hold.is_open() {
            self.hold.open(self.range, self.short.usual(), self.long.usual(), self.unrest.usual());
        }
    }

    /// The reasons, evidence being that of the view.
    fn because(&self, x: &Moment, view: &View, evidence: &[f32; EXPERTS]) -> Because {
        let (expected, sd) = match view.cycle.filter(|_| self.cycle.is_settled()) {
            Some(cycle) => (cycle.expected, math::sqrt(self.cycle.left())),
            None => (self.expected(x, view), self.error.sd()),
        };
        let half = 3.0 * sd;
        // Nothing is usual that was never seen.
        let (least, most) = self.range.bounds().unwrap_or((f32::MIN, f32::MAX));
        let (low, high) = (math::max(expected - half, least), math::min(expected + half, most));
        Because { evidence: evidence.map(|e| if e >= CUT { e } else { 0.0 }), expected, low, high }
    }

    /// Learns what was seen, all but the held evidence.
    fn learn(&mut self, x: &Moment, view: &View) {
        for (calibration, score) in self.calibration.iter_mut().zip(view.scores) {
            // A silent expert is not calibrated: zeros would make its first real score look rare.
            if let Some(score) = score {
                calibration.learn_binned(score);
            }
        }
        self.error.learn_one(&(view.value - self.expected(x, view)));
        self.unrest.learn_with(view.unrest, view.restless);
        self.distance.learn_one(&view.distance);
        self.last = view.value;
        self.season.learn_at(x, view.place, if self.hold.is_open() { GATE } else { 1.0 });
        self.cycle.learn_at(view.value, view.turn, if self.hold.is_open() { GATE } else { 1.0 });
        self.short.learn_with(view.value, view.short);
        self.long.learn_with(view.compressed, view.long);
        self.range.learn_one(&view.value);
    }
}

impl Default for DefaultDetector {
    fn default() -> Self {
        Self::new()
    }
}

impl Learner for DefaultDetector {
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        let view = self.view(x);
        if self.hold.is_open() {
            let (evidence, deviations) = (self.evidence(&view), self.deviations(&view));
            self.hold.learn(&evidence, &deviations);
        }
        self.learn(x, &view);
    }

    fn reset(&mut self) {
        *self = Self::new().without(self.muted);
    }
}

impl AnomalyDetector for DefaultDetector {
    /// 0 until the first experts are calibrated, about 25 samples; never `None`.
    fn score_one(&self, x: &Moment) -> Option<f32> {
        Some(math::cbrt(cubes(&self.evidence(&self.view(x)))))
    }
}

impl Protect for DefaultDetector {
    fn protect(&mut self, x: &Moment) {
        self.freeze();
        let view = self.view(x);
        let (evidence, deviations) = (self.evidence(&view), self.deviations(&view));
        self.hold.learn(&evidence, &deviations);
    }

    fn release(&mut self) {
        self.hold = Hold::new();
    }

    fn level_one(&self, x: &Moment) -> f32 {
        let view = self.view(x);
        let (evidence, mut hold) = (self.evidence(&view), self.hold);
        let now = cubes(&evidence);
        if hold.is_open() {
            let deviations = self.deviations(&view);
            hold.learn(&evidence, &deviations);
            return math::cbrt(math::max(now, cubes(&hold.left(&deviations))));
        }
        math::cbrt(now)
    }
}

impl Explain for DefaultDetector {
    type Because = Because;

    fn explain_one(&self, x: &Moment) -> Because {
        let view = self.view(x);
        self.because(x, &view, &self.evidence(&view))
    }
}

impl Stepper for DefaultDetector {
    fn step_one(&mut self, x: &Moment, judge: &mut impl Judge) -> Option<Because> {
        let view = self.view(x);
        let evidence = self.evidence(&view);
        let now = cubes(&evidence);
        let score = math::cbrt(now);
        let stance = judge.score(score);
        let because = (stance == Stance::Alert).then(|| self.because(x, &view, &evidence));
        if matches!(stance, Stance::Protect | Stance::Alert) {
            self.freeze();
        }
        let mut level = score;
        if self.hold.is_open() {
            let deviations = self.deviations(&view);
            self.hold.learn(&evidence, &deviations);
            if stance != Stance::Calm {
                let left = cubes(&self.hold.left(&deviations));
                level = if left > now { math::cbrt(left) } else { score };
            }
        }
        if stance != Stance::Calm && judge.level(level) {
            self.release();
        }
        self.learn(x, &view);
        because
    }
}

impl Validate for DefaultDetector {
    fn is_valid(&self) -> bool {
        self.range.is_valid()
            && self.season.is_valid()
            && self.short.is_valid()
            && self.long.is_valid()
            && self.unrest.is_valid()
            && self.cycle.is_valid()
            && self.distance.is_valid()
            && math::abs(self.last) <= math::LIMIT
            && self.error.is_valid()
            && self.calibration.iter().all(Validate::is_valid)
            && self.hold.is_valid()
    }
}
