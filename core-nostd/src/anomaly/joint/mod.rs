//! One detector over all channels of a device.

mod expert;
mod gated;
mod relations;
mod row;

use serde::{Deserialize, Serialize};

use crate::math;
use crate::registry::registry;
use crate::traits::{AnomalyDetector, Explain, Judge, Learner, Protect, Stance, Stepper, Validate};

use super::leave_out;
use expert::Expert;
use gated::{Drift, Gated};
use relations::Relations;

pub use row::Row;

/// Weight of the newest row in moving averages: they look at about ten.
const SMOOTH: f32 = 0.1;
/// Deviations beyond this make no difference: of a channel, and of what the others do not explain of it.
const MOST_Z: f32 = 30.0;
const MOST_RESIDUAL: f32 = 8.0;
const MOST_APART: f32 = 20.0;
const MOST_T2: f32 = 1e12;
/// Missing channels that are filled in from the others; more count as usual.
const MOST_FILLED: usize = 8;
/// What logarithms are taken of is at least this: below, nothing is strange.
const LEAST_SQUARE: f32 = 0.1;
const LEAST_SIZE: f32 = 0.5;
/// Evidence of the relations from which statistics learn at the slow pace.
const GATE: f32 = 2.0;
const SLOW: f32 = 0.02;
/// Rows before the gate may close, and before evidence counts in full.
const OPEN_ROWS: f32 = 200.0;
const HUMBLE_ROWS: f32 = 400.0;
/// A channel that was silent for this many of its usual gaps, and rows, is missing.
const STALE_GAPS: f32 = 3.0;
const STALE_ROWS: f32 = 10.0;
/// Readings over which the usual gap is averaged.
const GAP_WEIGHT: f32 = 0.05;
/// What was accepted as the new normal is learnt in full for this many rows, and the past weighs as much.
const ACCEPT_ROWS: u16 = 200;
const MOST_AGE: f32 = 1e7;

registry! {
    /// Any registered detector over the channels of a device.
    joint_detector AnyJoint<const N: usize>: family "joint", kind 39 in "brooklet_core::anomaly" {
        /// Four experts over `N` channels together, from their level to the one that goes its own way.
        "joint" => Joint(Joint<N>) = Joint::new(),
    }
}

/// The experts of [`Joint`], in the order of [`JointBecause::evidence`].
/// ```
/// assert_eq!(brooklet_core::anomaly::JOINT_EXPERT_NAMES[0], "level");
/// ```
pub const JOINT_EXPERT_NAMES: [&str; EXPERTS] = ["level", "relations", "one_apart", "one_far"];
const EXPERTS: usize = 4;
/// Channels that an explanation names at most.
const NAMED: usize = 3;

/// Why the channels of a device together are unusual.
/// ```
/// use brooklet_core::anomaly::{Joint, Row};
/// use brooklet_core::{rng::Rng, traits::{Explain, Learner}};
/// let (mut rng, mut joint) = (Rng::new(1), Joint::<4>::new());
/// let row = |a, b| { let mut row = Row::new(None); row.set(0, a); row.set(1, b); row };
/// for _ in 0..1000 { let a = rng.normal(); joint.learn_one(&row(a, 2.0 * a + 0.1 * rng.normal())); }
/// for _ in 0..9 { joint.learn_one(&row(1.0, -2.0)); }
/// let because = joint.explain_one(&row(1.0, -2.0));
/// assert!(because.evidence[1] > 5.0); // each is usual, but not both together
/// assert!(because.channels[1].is_some() && because.channels[2].is_none());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JointBecause {
    /// Evidence of each expert, in powers of ten, in the order of [`JOINT_EXPERT_NAMES`].
    pub evidence: [f32; EXPERTS],
    /// The channels that contribute most, largest first.
    pub channels: [Option<Part>; NAMED],
}

/// What one channel has to do with it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Part {
    /// Which channel of the row, from 0.
    pub channel: u8,
    /// Its share, 0 to 1.
    pub share: f32,
    /// What it measured.
    pub value: f32,
    /// What was expected of it: its usual value or, where that tells more, what the other channels say.
    pub expected: f32,
    /// How far from that it usually is: one standard deviation.
    pub sd: f32,
}

/// One detector over up to `N` channels of a device, for what no channel shows by itself.
///
/// Every channel in deviations `z` from its own running mean; four experts, each a logarithm smoothed over ten rows and
/// seen against its own past, with an exponential tail:
/// 1. **level**: the mean of `z²`: many channels a little off;
/// 2. **relations**: Hotelling's `T² = zᵀ R⁻¹ z` with `R` the channels' covariance, its off-diagonal shrunk by 0.02;
/// 3. **one apart**: the largest of what the others do not explain of a channel, `R⁻¹ z`, averaged over ten rows, in
///    deviations of its own;
/// 4. **one far**: the largest of the channels' means of ten rows.
///
/// Fusion: `sqrt(Σ e² / 4)`, since they mostly see the same. **All statistics learn 50 times slower while 2 and 3 have
/// evidence above 2**, so what lasts stays unusual, and the level comes down by itself when it is over. It fades all the same: what lasts
/// as long as all that was seen before is normal by then. What the alarm gives up on
/// ([`Protect::release`] while the gate is closed) is learnt as the new normal within 200 rows.
///
/// For 2 to `N` channels at any rates: a channel without a reading keeps its last value for three of its usual gaps and
/// ten rows, then it is missing and the others stand in for it. Constant channels take none either until they change. Evidence grows
/// into its full weight over the first 400 rows. Blind to what a straight relation cannot show: use it beside the
/// detectors of the single channels.
///
/// `N`: 2 to 64. Memory: `4 N² + 66 N` bytes and 184: 1 kB for 8 channels, 21 kB for 64. Cost: `3 N²`
/// multiplications, twice that every `N` rows on average; a root and a division or two a channel.
/// ```
/// use brooklet_core::anomaly::{Joint, Row};
/// use brooklet_core::{rng::Rng, traits::{AnomalyDetector, Learner}};
/// let (mut rng, mut joint) = (Rng::new(1), Joint::<4>::new());
/// let row = |a, b| { let mut row = Row::new(None); row.set(0, a); row.set(1, b); row };
/// for _ in 0..1000 { let a = rng.normal(); joint.learn_one(&row(a, 2.0 * a + 0.1 * rng.normal())); }
/// assert!(joint.score_one(&row(1.0, 2.0)).unwrap() < 2.0);
/// for _ in 0..10 { joint.learn_one(&row(1.0, 1.0)); }
/// assert!(joint.score_one(&row(1.0, 1.0)).unwrap() > 4.0);
/// ```
/// Source: H. Hotelling, Multivariate quality control, 1947; R. L. Mason, N. D. Tracy, J. C. Young, Decomposition of T² for
/// multivariate control chart interpretation, J. Quality Technology 1995, doi:10.1080/00224065.1995.11979573; the
/// gate and the tails are Brooklet's own. Checked against its own definition in plain loops.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Joint<const N: usize> {
    #[serde(with = "crate::array")]
    channels: [Channel; N],
    relations: Relations<N>,
    experts: [Expert; EXPERTS],
    /// Rows seen.
    age: f32,
    /// Rows that are still learnt in full, whatever they are.
    accepting: u16,
    open: bool,
    /// The gate was closed by the last row.
    closed: bool,
    /// Experts that are left out, a bit each.
    #[serde(skip)]
    muted: u8,
}

/// What is known of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Channel {
    /// Its last value, and how many rows ago that was; how many rows lie between its values.
    held: f32,
    silent: f32,
    gap: f32,
    usual: Gated,
    drift: Drift,
    /// Moving averages of its deviations, and of those that the others do not explain.
    recent: f32,
    apart: f32,
    unexplained: Gated,
    usually_apart: Gated,
}

impl Channel {
    const fn new() -> Self {
        Self {
            held: 0.0,
            silent: -1.0,
            gap: 1.0,
            usual: Gated::new(),
            drift: Drift::new(),
            recent: 0.0,
            apart: 0.0,
            unexplained: Gated::new(),
            usually_apart: Gated::new(),
        }
    }

    /// The value that holds: a new one, or the last one if it is not too old.
    fn value(&self, new: Option<f32>) -> Option<f32> {
        let stale = STALE_GAPS * self.gap + STALE_ROWS;
        new.or_else(|| (0.0 <= self.silent && self.silent < stale).then_some(self.held))
    }

    fn is_valid(&self) -> bool {
        self.held.is_finite()
            && (-1.0..=MOST_AGE).contains(&self.silent)
            && (0.0..=MOST_AGE).contains(&self.gap)
            && math::abs(self.recent) <= MOST_Z
            && math::abs(self.apart) <= MOST_RESIDUAL
            && self.usual.is_valid()
            && self.drift.is_valid()
            && self.unexplained.is_valid()
            && self.usually_apart.is_valid()
    }
}

impl Default for Channel {
    fn default() -> Self {
        Self::new()
    }
}

/// What there is to see of a row before it is learnt.
struct View<const N: usize> {
    n: f32,
    z: [f32; N],
    present: [bool; N],
    /// Moving averages with this row, as in [`Channel`].
    recent: [f32; N],
    apart: [f32; N],
    unexplained: [f32; N],
    /// How far apart each is, in deviations of its own.
    far_apart: [f32; N],
    logs: [f32; EXPERTS],
    evidence: [f32; EXPERTS],
    score: f32,
}

impl<const N: usize> Joint<N> {
    const SHAPE: () = assert!(N > 1 && N <= 64);

    /// Nothing learnt.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self {
            channels: [Channel::new(); N],
            relations: Relations::new(),
            experts: [Expert::new(); EXPERTS],
            age: 0.0,
            accepting: 0,
            open: false,
            closed: false,
            muted: 0,
        }
    }

    /// The same without some of its experts, a bit each in the order of [`JOINT_EXPERT_NAMES`]: shows what they are worth.
    /// A snapshot holds all of them again.
    /// ```
    /// use brooklet_core::anomaly::{Joint, Row};
    /// use brooklet_core::{rng::Rng, traits::{Explain, Learner}};
    /// let (mut rng, mut joint) = (Rng::new(1), Joint::<2>::new().without(0b1));
    /// let row = |value| { let mut row = Row::new(None); row.set(0, value); row };
    /// for _ in 0..500 { joint.learn_one(&row(rng.normal())); }
    /// let evidence = joint.explain_one(&row(99.0)).evidence;
    /// assert!(evidence[0] == 0.0 && evidence[3] > 0.0);
    /// ```
    #[must_use]
    pub const fn without(mut self, experts: u8) -> Self {
        self.muted = experts;
        self
    }

    fn view(&self, x: &Row<N>) -> View<N> {
        let n = self.age + 1.0;
        let weight = math::max(1.0 / n, SMOOTH);
        let (mut z, mut present, mut recent) = ([0.0; N], [false; N], [0.0; N]);
        let (mut squares, mut known, mut farthest) = (0.0, 0.0, 0.0);
        let slots = z.iter_mut().zip(&mut present).zip(&mut recent);
        for (((z, present), recent), (channel, new)) in slots.zip(self.channels.iter().zip(x.iter())) {
            let value = channel.value(new);
            *present = value.is_some();
            *z = value.map_or(0.0, |value| channel.usual.deviation(value, MOST_Z));
            *recent = channel.recent + weight * (*z - channel.recent);
            squares += *z * *z;
            farthest = math::max(farthest, math::abs(*recent));
            known += if value.is_some() { 1.0 } else { 0.0 };
        }
        let known = math::max(known, 1.0);
        let white = self.relations.whiten(&z);
        let (mut filled, mut unexplained) = (z, self.relations.unexplained(&white));
        let missing = (0..N).zip(present.iter().zip(&self.channels));
        let missing = missing.filter(|(_, (present, channel))| !**present && channel.usual.count() > 0.0);
        for (channel, _) in missing.take(MOST_FILLED) {
            self.relations.fill(channel, &mut filled, &mut unexplained);
        }
        let t2: f32 = filled.iter().zip(&unexplained).map(|(z, r)| z * r).sum();
        let t2 = math::clamp(t2, 0.0, MOST_T2);
        let (mut apart, mut far_apart, mut most_apart) = ([0.0; N], [0.0; N], 0.0);
        let slots = apart.iter_mut().zip(&mut far_apart).zip(&unexplained).zip(&present);
        for ((((apart, far), r), present), channel) in slots.zip(&self.channels) {
            let r = if *present { channel.unexplained.deviation(*r, MOST_RESIDUAL) } else { 0.0 };
            *apart = channel.apart + weight * (r - channel.apart);
            *far = math::abs(channel.usually_apart.deviation(*apart, MOST_APART));
            most_apart = math::max(most_apart, *far);
        }
        let logs = [
            math::ln(LEAST_SQUARE + squares / known),
            math::ln(LEAST_SQUARE + t2 / known),
            math::ln(LEAST_SIZE + most_apart),
            math::ln(LEAST_SIZE + farthest),
        ];
        let mut evidence = [0.0; EXPERTS];
        let mut recent_logs = [0.0; EXPERTS];
        let humble = math::min(self.age / HUMBLE_ROWS, 1.0);
        for (((e, recent), expert), log) in
            evidence.iter_mut().zip(&mut recent_logs).zip(&self.experts).zip(logs)
        {
            *recent = expert.recent_with(log, n);
            *e = humble * expert.evidence(*recent);
        }
        leave_out(self.muted, &mut evidence);
        let squares: f32 = evidence.iter().map(|e| e * e).sum();
        let score = math::sqrt(0.25 * squares);
        View {
            n,
            z,
            present,
            recent,
            apart,
            unexplained,
            far_apart,
            logs: recent_logs,
            evidence,
            score: math::min(score, 100.0),
        }
    }

    fn learn(&mut self, x: &Row<N>, view: &View<N>) {
        let [_, relations, apart, _] = view.evidence;
        let strange = math::cbrt(relations * relations * relations + apart * apart * apart) > GATE;
        self.closed = strange && self.age >= OPEN_ROWS && self.accepting == 0;
        self.accepting = self.accepting.saturating_sub(1);
        let pace = if self.closed { SLOW } else { 1.0 };
        self.age = math::min(view.n, MOST_AGE);
        for (expert, log) in self.experts.iter_mut().zip(view.logs) {
            expert.learn(log, pace);
        }
        if view.n > 5.0 {
            self.relations.learn(&view.z, pace);
        }
        let seen = view.recent.iter().zip(&view.apart).zip(&view.unexplained).zip(&view.present);
        let seen = seen.zip(x.iter());
        for (channel, ((((recent, apart), unexplained), present), new)) in self.channels.iter_mut().zip(seen)
        {
            (channel.recent, channel.apart) = (*recent, *apart);
            if *present {
                channel.unexplained.learn(*unexplained, pace);
                channel.usually_apart.learn(*apart, pace);
            }
            if let Some(value) = new {
                if channel.silent >= 0.0 {
                    channel.gap += GAP_WEIGHT * (channel.silent + 1.0 - channel.gap);
                }
                channel.usual.learn_drifting(value, pace, &mut channel.drift);
                (channel.held, channel.silent) = (value, 0.0);
            } else if channel.silent >= 0.0 {
                channel.silent = math::min(channel.silent + 1.0, MOST_AGE);
            }
        }
    }

    fn because(&self, x: &Row<N>, view: &View<N>) -> JointBecause {
        // A channel has as much to do with it as it is far from its usual place or apart from the others.
        let mut weights = [0.0; N];
        for ((weight, far), recent) in weights.iter_mut().zip(&view.far_apart).zip(&view.recent) {
            *weight = math::max(far * far, recent * recent);
        }
        let all = math::max(weights.iter().sum(), 1e-6);
        let mut channels = [None; NAMED];
        for part in &mut channels {
            let most = weights.iter().enumerate().fold((0, 0.0), |(best, most), (i, weight)| {
                if *weight > most { (i, *weight) } else { (best, most) }
            });
            let (i, weight) = most;
            let Some(channel) = self.channels.get(i).filter(|_| weight > 0.0) else { break };
            weights.get_mut(i).into_iter().for_each(|weight| *weight = 0.0);
            let Some(value) = channel.value(x.iter().nth(i).flatten()) else { continue };
            let far = view.far_apart.get(i).copied().unwrap_or(0.0);
            let recent = view.recent.get(i).copied().unwrap_or(0.0);
            let (mut expected, mut sd) = (channel.usual.mean(), channel.usual.sd());
            if far > math::abs(recent) {
                let precisions = self.relations.precisions(i);
                let precision = math::max(precisions.get(i).copied().unwrap_or(1.0), 1.0);
                let r = view.unexplained.get(i).copied().unwrap_or(0.0);
                expected = value - sd * (r / precision);
                sd /= math::sqrt(precision);
            }
            *part = Some(Part { channel: i as u8, share: weight / all, value, expected, sd });
        }
        JointBecause { evidence: view.evidence, channels }
    }
}

impl<const N: usize> Default for Joint<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Learner for Joint<N> {
    type Input = Row<N>;

    fn learn_one(&mut self, x: &Row<N>) {
        let view = self.view(x);
        self.learn(x, &view);
    }

    fn reset(&mut self) {
        *self = Self::new().without(self.muted);
    }
}

impl<const N: usize> AnomalyDetector for Joint<N> {
    /// Near 0 in the first rows; never `None`.
    fn score_one(&self, x: &Row<N>) -> Option<f32> {
        Some(self.view(x).score)
    }
}

impl<const N: usize> Protect for Joint<N> {
    fn protect(&mut self, _: &Row<N>) {
        self.open = true;
    }

    /// What was still unusual is the normal from now on.
    fn release(&mut self) {
        if self.open && self.closed {
            self.accepting = ACCEPT_ROWS;
            let most = f32::from(ACCEPT_ROWS);
            self.relations.doubt(most);
            self.experts.iter_mut().for_each(|expert| expert.doubt(most));
            for channel in &mut self.channels {
                channel.usual.doubt(most);
                channel.unexplained.doubt(most);
                channel.usually_apart.doubt(most);
            }
        }
        self.open = false;
    }

    /// The evidence itself: what hardly learns holds its level by itself.
    fn level_one(&self, x: &Row<N>) -> f32 {
        self.view(x).score
    }
}

impl<const N: usize> Explain for Joint<N> {
    type Because = JointBecause;

    fn explain_one(&self, x: &Row<N>) -> JointBecause {
        self.because(x, &self.view(x))
    }
}

impl<const N: usize> Stepper for Joint<N> {
    fn step_one(&mut self, x: &Row<N>, judge: &mut impl Judge) -> Option<JointBecause> {
        let view = self.view(x);
        let stance = judge.score(view.score);
        let because = (stance == Stance::Alert).then(|| self.because(x, &view));
        self.open |= matches!(stance, Stance::Protect | Stance::Alert);
        if stance != Stance::Calm && judge.level(view.score) {
            self.release();
        }
        self.learn(x, &view);
        because
    }
}

impl<const N: usize> Validate for Joint<N> {
    fn is_valid(&self) -> bool {
        self.channels.iter().all(Channel::is_valid)
            && self.relations.is_valid()
            && self.experts.iter().all(Expert::is_valid)
            && (0.0..=MOST_AGE).contains(&self.age)
            && self.accepting <= ACCEPT_ROWS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::Settings;
    use crate::monitor::Monitor;
    use crate::rng::Rng;
    use crate::snapshot;

    /// Channels that follow two hidden states, the last one constant.
    fn row(rng: &mut Rng, second: &mut f32) -> Row<8> {
        let (first, mut row) = (rng.normal(), Row::new(None));
        *second = 0.95 * *second + 0.3 * rng.normal();
        for i in 0..7usize {
            let (a, b) = (i as f32, 7.0 - i as f32);
            row.set(i, 100.0 * a + a * first + b * *second + 0.3 * rng.normal());
        }
        row.set(7, 42.0);
        row
    }

    fn levels(joint: &mut Joint<8>, rows: usize, mut change: impl FnMut(usize, &mut Row<8>)) -> [f32; 2000] {
        let (mut rng, mut second, mut levels) = (Rng::new(3), 0.0, [0.0; 2000]);
        for (i, level) in levels.iter_mut().enumerate().take(rows) {
            let mut row = row(&mut rng, &mut second);
            change(i, &mut row);
            *level = joint.score_one(&row).unwrap();
            joint.learn_one(&row);
        }
        levels
    }

    fn most(levels: &[f32]) -> f32 {
        levels.iter().copied().fold(0.0, math::max)
    }

    fn mean(levels: &[f32]) -> f32 {
        levels.iter().sum::<f32>() / levels.len() as f32
    }

    fn least(levels: &[f32]) -> f32 {
        levels.iter().copied().fold(100.0, math::min)
    }

    #[test]
    fn a_plateau_for_as_long_as_the_fault_lasts() {
        // A constant that moves; a channel that no longer follows the others; all a little off.
        let faults: [fn(&mut Row<8>); 3] = [
            |row| {
                row.set(7, 43.0);
            },
            |row| {
                row.set(3, 600.0 - row.get(3).unwrap());
            },
            |row| {
                (0..7).for_each(|i| {
                    row.set(i, row.get(i).unwrap() + if i % 2 == 0 { 3.0 } else { -3.0 });
                })
            },
        ];
        for (kind, fault) in faults.iter().enumerate() {
            let levels = levels(&mut Joint::new(), 2000, |i, row| {
                if (400..700).contains(&i) {
                    fault(row);
                }
            });
            let (before, during, after) = (&levels[..400], &levels[420..700], &levels[750..]);
            assert!(most(before) < 3.0, "{kind}: {}", most(before));
            assert!(least(&levels[410..450]) > most(before), "{kind}: {:?}", &levels[400..450]);
            assert!(mean(during) > 3.0 * mean(before), "{kind}: {} {}", mean(during), mean(before));
            assert!(mean(after) < 0.5 * mean(during), "{kind}: {} {}", mean(after), mean(during));
        }
    }

    #[test]
    fn cells_that_are_missing_are_no_anomaly() {
        let mut rng = Rng::new(9);
        let sparse = levels(&mut Joint::new(), 2000, |i, row| {
            let mut left = Row::new(None);
            for (channel, value) in row.iter().enumerate() {
                // One channel every fifth row, another never again from the middle on.
                let there = match channel {
                    2 => i % 5 == 0,
                    5 => i < 1000,
                    _ => rng.uniform() < 0.9,
                };
                if let (Some(value), true) = (value, there) {
                    left.set(channel, value);
                }
            }
            *row = left;
        });
        assert!(
            most(&sparse) < 4.0,
            "{} {} {}",
            most(&sparse[..990]),
            most(&sparse[990..1100]),
            most(&sparse[1100..])
        );
    }

    #[test]
    fn what_the_alarm_gives_up_on_is_normal_soon() {
        let mut joint = Joint::<8>::new();
        let shift = |_: usize, row: &mut Row<8>| {
            row.set(0, 50.0);
        };
        levels(&mut joint, 2000, |_, _| {});
        let open = levels(&mut joint, 500, shift);
        assert!(least(&open[20..500]) > 3.0, "{}", least(&open[20..500]));
        joint.protect(&Row::new(None));
        joint.release();
        let accepted = levels(&mut joint, 2000, shift);
        assert!(most(&accepted[500..]) < 3.0, "{}", most(&accepted[500..]));
    }

    #[test]
    fn a_step_is_score_and_learn() {
        let (mut monitor, mut joint) = (Monitor::new(Joint::<8>::new()), Joint::<8>::new());
        let (mut rng, mut second) = (Rng::new(5), 0.0);
        let quiet = Settings { threshold: 20.0, ..Settings::DEFAULT };
        for _ in 0..500 {
            let row = row(&mut rng, &mut second);
            assert_eq!(Some(monitor.step(&row, &quiet).score), joint.score_one(&row));
            joint.learn_one(&row);
        }
        assert_eq!(monitor.detector(), &joint);
    }

    #[test]
    fn extremes_stay_valid_and_snapshots_are_whole() {
        let (mut rng, mut monitor) = (Rng::new(7), Monitor::new(Joint::<8>::new()));
        let wild = [f32::MAX, f32::MIN, 0.0, -0.0, 1e-45, 1e18, -1e-20, 3.0];
        for i in 0..3000 {
            let mut row = Row::new(None);
            for channel in 0..8 {
                let pick = (rng.uniform() * 8.0) as usize;
                if i % 3 > 0 || rng.uniform() < 0.5 {
                    row.set(channel, wild[pick]);
                }
            }
            let verdict = monitor.step(&row, &Settings::DEFAULT);
            assert!((0.0..=100.0).contains(&verdict.level), "{verdict:?}");
            assert!(monitor.is_valid(), "{i}");
        }
        let mut bytes = [0; snapshot::MAX_BYTES];
        let used = snapshot::save(&monitor, 1, &mut bytes).unwrap();
        assert_eq!(snapshot::load(used, 1), Ok(monitor));
    }

    #[test]
    fn small_enough() {
        assert!(size_of::<Joint<8>>() < 1_100 && size_of::<Joint<64>>() < 22_000);
    }
}
