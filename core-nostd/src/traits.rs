//! The roles. Small traits with associated types: memory is a matter of the structs (const generics), never of the
//! roles.
//!
//! | to learn from | role | gives |
//! |---|---|---|
//! | samples | [`Statistic`] | a running figure |
//! | | [`Transformer`] | another sample |
//! | | [`Windower`] | a summary whenever a window closes |
//! | | [`AnomalyDetector`] | evidence in powers of ten |
//! | | [`Scorer`] | strangeness on a scale of its own |
//! | | [`DriftDetector`] | has the stream changed |
//! | | [`Threshold`] | where rare begins |
//! | | [`Forecaster`] | what comes next, with its uncertainty |
//! | | [`Prognoser`] | how long until a limit |
//! | | [`Clusterer`] | which group |
//! | | [`Fuser`] | one score from several |
//! | samples with answers | [`Regressor`] | a number |
//! | | [`Classifier`] | a class and how sure |
//! | | [`Recommender`] | the most similar case |
//! | keys | [`Sketch`] | an estimate for a key |
//! | events | [`Matcher`] | a pattern that completed |
//!
//! Three laws hold for every learner and are tested over the registry: scoring never changes state, the same samples
//! in the same order give the same bits, and what is not known yet is `None`, never 0 or NaN. Plain `f32` inputs are
//! finite: [`Sample`](crate::sample::Sample) and [`Moment`](crate::sample::Moment) see to that where data comes in.

/// Learns from one sample at a time in bounded memory.
/// ```
/// use brooklet_core::{stats::Mean, traits::{Learner, Statistic}};
/// let mut mean = Mean::new();
/// for x in [1.0, 2.0] { mean.learn_one(&x); }
/// assert_eq!(mean.value(), Some(1.5));
/// mean.reset();
/// assert_eq!(mean, Mean::new());
/// ```
pub trait Learner {
    /// What one sample is.
    type Input;

    /// Learns one sample; never scores. Bounded time and memory.
    fn learn_one(&mut self, x: &Self::Input);

    /// Back to the state of `new`, to the bit.
    fn reset(&mut self);
}

/// Says how unusual a sample is.
/// ```
/// use brooklet_core::{anomaly::ZScore, sample::Moment, traits::{AnomalyDetector, Learner}};
/// let (mut detector, x) = (ZScore::<100>::new(), |x| Moment::new(x, None).unwrap());
/// assert_eq!(detector.score_one(&x(9.0)), None);
/// for i in 0..50u8 { detector.learn_one(&x(f32::from(i % 3))); }
/// assert!(detector.score_one(&x(9.0)).unwrap() > 3.0);
/// ```
pub trait AnomalyDetector: Learner {
    /// The evidence that `x` does not belong to what was learnt, in powers of ten: 0 or more, finite. Never learns.
    /// `None` while too little was learnt to say anything.
    fn score_one(&self, x: &Self::Input) -> Option<f32>;
}

/// Learn-or-protect: what a detector does so that a long fault does not become the new normal.
/// ```
/// use brooklet_core::{anomaly::DefaultDetector, sample::Moment};
/// use brooklet_core::traits::{AnomalyDetector, Learner, Protect};
/// let (mut detector, x) = (DefaultDetector::new(), |x| Moment::new(x, None).unwrap());
/// for i in 0..3000u16 { detector.learn_one(&x(f32::from(i % 7))); }
/// assert_eq!(Some(detector.level_one(&x(90.0))), detector.score_one(&x(90.0)));
/// detector.protect(&x(90.0));
/// for _ in 0..300 { detector.learn_one(&x(90.0)); }
/// assert!(detector.level_one(&x(90.0)) > 2.0); // still as far from the normal before the alert
/// ```
pub trait Protect: AnomalyDetector {
    /// An alert opens with `x`, or is renewed by it; call before `x` is learnt.
    fn protect(&mut self, x: &Self::Input);

    /// The alert is over.
    fn release(&mut self);

    /// The evidence now, held up for as long as `x` differs from the normal before the alert as much as it did when
    /// the alert opened; at least `score_one`, and equal to it while no alert is open.
    fn level_one(&self, x: &Self::Input) -> f32;
}

/// Says why: what each part of a detector contributes, and what was expected instead.
/// ```
/// use brooklet_core::{anomaly::ZScore, sample::Moment, traits::{Explain, Learner}};
/// let (mut detector, x) = (ZScore::<100>::new(), |x| Moment::new(x, None).unwrap());
/// for i in 0..51u8 { detector.learn_one(&x(f32::from(i % 3))); }
/// assert!((detector.explain_one(&x(9.0)).expected - 1.0).abs() < 1e-5);
/// ```
pub trait Explain: AnomalyDetector {
    /// The explanation's form.
    type Because;

    /// The reasons for the score of `x`. Never learns.
    fn explain_one(&self, x: &Self::Input) -> Self::Because;
}

/// What an alarm makes of a score: how a [`Stepper`] goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    /// No alert is open.
    Calm,
    /// One is open.
    Open,
    /// One opens or is renewed, silently.
    Protect,
    /// One opens and wants to be explained.
    Alert,
}

/// Decides during a step: see [`Stepper`].
pub trait Judge {
    /// Takes in the score.
    fn score(&mut self, score: f32) -> Stance;

    /// Takes in the level, unless the stance is calm; true if the alert is over.
    fn level(&mut self, level: f32) -> bool;
}

/// Goes through all that happens to a sample under an alarm: scores it, protects, explains and releases as the alarm
/// decides, learns it.
///
/// Provided for every detector. Those whose scoring and learning compute the same things do it once in a method of their
/// own, which gives the same as this one to the bit.
/// ```
/// use brooklet_core::{anomaly::ZScore, sample::Moment};
/// use brooklet_core::traits::{AnomalyDetector, Judge, Learner, Stance, Stepper};
/// struct Above(f32);
/// impl Judge for Above {
///     fn score(&mut self, score: f32) -> Stance { if score > self.0 { Stance::Alert } else { Stance::Calm } }
///     fn level(&mut self, level: f32) -> bool { level <= self.0 }
/// }
/// let (mut detector, x) = (ZScore::<100>::new(), |x| Moment::new(x, None).unwrap());
/// for i in 0..50u8 { assert!(detector.step_one(&x(f32::from(i % 3)), &mut Above(3.0)).is_none()); }
/// assert!(detector.step_one(&x(9.0), &mut Above(3.0)).unwrap().high < 9.0);
/// ```
pub trait Stepper: Protect + Explain {
    /// One step; the reasons if an alert opens.
    fn step_one(&mut self, x: &Self::Input, judge: &mut impl Judge) -> Option<Self::Because> {
        let because = self.watch_one(x, judge);
        self.learn_one(x);
        because
    }

    /// A step over a sample that must not be learnt.
    fn watch_one(&mut self, x: &Self::Input, judge: &mut impl Judge) -> Option<Self::Because> {
        let stance = judge.score(self.score_one(x).unwrap_or(0.0));
        let because = (stance == Stance::Alert).then(|| self.explain_one(x));
        if matches!(stance, Stance::Protect | Stance::Alert) {
            self.protect(x);
        }
        if stance != Stance::Calm && judge.level(self.level_one(x)) {
            self.release();
        }
        because
    }
}

/// Turns a sample into another.
/// ```
/// use brooklet_core::{preprocess::MinMaxScaler, sample::Sample, traits::{Learner, Transformer}};
/// let (mut scaler, x) = (MinMaxScaler::<1>::new(0.0), |x| Sample::new([x]).unwrap());
/// assert_eq!(scaler.transform_one(&x(5.0)), None);
/// for v in [0.0, 10.0] { scaler.learn_one(&x(v)); }
/// assert_eq!(scaler.transform_one(&x(5.0)), Some(x(0.5)));
/// ```
pub trait Transformer: Learner {
    /// What comes out.
    type Output;

    /// The transformed sample; `None` while not enough was learnt to transform. Never learns.
    fn transform_one(&self, x: &Self::Input) -> Option<Self::Output>;
}

/// A running figure.
/// ```
/// use brooklet_core::{stats::Max, traits::{Learner, Statistic}};
/// let mut max = Max::new();
/// assert_eq!(max.value(), None);
/// for x in [3.0, 5.0, 4.0] { max.learn_one(&x); }
/// assert_eq!(max.value(), Some(5.0));
/// ```
pub trait Statistic: Learner {
    /// The figure's type.
    type Output;

    /// The figure now; `None` before it means anything.
    fn value(&self) -> Option<Self::Output>;
}

/// Summaries of stretches of a stream.
/// ```
/// use brooklet_core::window::{Length, Tumbling};
/// use brooklet_core::{sample::Moment, traits::{Learner, Windower}};
/// let mut pairs = Tumbling::new(Length::Samples(2));
/// let means = [1.0, 3.0, 5.0, 7.0].map(|x| {
///     pairs.learn_one(&Moment::new(x, None).unwrap());
///     pairs.closed().map(|window| window.mean)
/// });
/// assert_eq!(means, [None, Some(2.0), None, Some(6.0)]);
/// ```
pub trait Windower: Learner {
    /// The summary of a window.
    type Output;

    /// The window that the last sample closed, if it closed one.
    fn closed(&self) -> Option<Self::Output>;
}

/// Says how strange a sample is on a scale of its own: larger is stranger, always finite.
/// [`Calibrated`](crate::anomaly::Calibrated) turns it into evidence.
/// ```
/// use brooklet_core::{anomaly::Mahalanobis, sample::Sample, traits::{Learner, Scorer}};
/// let mut scorer = Mahalanobis::<2, 100>::new(0.01);
/// for i in 0..100u8 { scorer.learn_one(&Sample::new([f32::from(i % 3), f32::from(i % 5)]).unwrap()); }
/// let raw = |x| scorer.raw_one(&Sample::new(x).unwrap()).unwrap();
/// assert!(raw([9.0, 2.0]) > raw([1.0, 2.0]));
/// ```
pub trait Scorer: Learner {
    /// Strangeness of `x`; `None` while too little was learnt. Never learns.
    fn raw_one(&self, x: &Self::Input) -> Option<f32>;
}

/// Notices that a stream is not what it was. Input is a measurement, or 1 for an error and 0 for none.
/// ```
/// use brooklet_core::{drift::PageHinkley, traits::{DriftDetector, Learner}};
/// let mut test = PageHinkley::new(50.0, 0.005);
/// let alarm = (0..200u8).find(|i| { test.learn_one(&if *i < 100 { 0.0 } else { 5.0 }); test.drifted() });
/// assert!(alarm.is_some_and(|i| (100..115).contains(&i)));
/// ```
pub trait DriftDetector: Learner<Input = f32> {
    /// True if the last sample raised the alarm. The detector has then already started over, as its paper has it.
    fn drifted(&self) -> bool;

    /// True if the last sample raised a warning. Detectors without a warning level never do.
    fn warned(&self) -> bool {
        false
    }
}

/// Says from which value on a score is rare.
/// ```
/// use brooklet_core::{threshold::AlertBudget, traits::{Learner, Threshold}};
/// let mut budget = AlertBudget::new(10.0, 1000.0, 1.0); // ten in a thousand
/// let before = budget.threshold().unwrap();
/// budget.learn_one(&9.0);
/// assert!(budget.threshold().unwrap() > before); // one of them is spent
/// ```
pub trait Threshold: Learner<Input = f32> {
    /// The threshold now; `None` while too little was learnt.
    fn threshold(&self) -> Option<f32>;
}

/// What is expected, and how far off it may be.
/// ```
/// use brooklet_core::{forecast::LocalLevel, traits::{Forecaster, Learner}};
/// let mut level = LocalLevel::new(0.1);
/// for i in 0..100u8 { level.learn_one(&f32::from(20 + i % 2)); }
/// let (near, far) = (level.forecast(1).unwrap(), level.forecast(50).unwrap());
/// assert!(near.value == far.value && near.sd < far.sd); // the farther, the vaguer
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// The expected value.
    pub value: f32,
    /// Standard deviation of the error of such a forecast; 0 or more. About 95 % lie within twice of it.
    pub sd: f32,
}

/// Says what comes next.
/// ```
/// use brooklet_core::{forecast::SeasonalNaive, traits::{Forecaster, Learner}};
/// let mut day = SeasonalNaive::<3>::new();
/// for x in [1.0, 5.0, 9.0, 1.0, 5.0] { day.learn_one(&x); }
/// assert_eq!(day.forecast(1).map(|next| next.value), Some(9.0));
/// ```
pub trait Forecaster: Learner<Input = f32> {
    /// The value `ahead` samples after the last one; 1 is the next, 0 counts as 1. `None` while too little was learnt.
    fn forecast(&self, ahead: u16) -> Option<Forecast>;
}

/// Samples until a limit is reached.
/// ```
/// use brooklet_core::{prognose::WienerLife, traits::{Learner, Prognoser}};
/// let mut wear = WienerLife::<500>::new(100.0);
/// for i in 0..50u8 { wear.learn_one(&(f32::from(i) + 0.5 * f32::from(i % 2))); }
/// let left = wear.remaining().unwrap();
/// assert!(left.soonest < left.samples && left.samples < left.latest);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remaining {
    /// Expected number of samples.
    pub samples: f32,
    /// With nine chances in ten not sooner than this.
    pub soonest: f32,
    /// With nine chances in ten not later than this.
    pub latest: f32,
}

/// Says how long it will be until a limit is reached.
/// ```
/// use brooklet_core::forecast::LocalLinearTrend;
/// use brooklet_core::{prognose::{Limit, TimeToLimit}, traits::{Learner, Prognoser}};
/// let mut full = TimeToLimit::<_, 100>::new(LocalLinearTrend::new(0.1, 0.001), Limit::Above(24.5));
/// assert_eq!(full.remaining(), None);
/// for level in [1.0, 2.0, 3.0, 4.0] { full.learn_one(&level); }
/// assert_eq!(full.remaining().unwrap().samples, 21.0);
/// ```
pub trait Prognoser: Learner<Input = f32> {
    /// Time left; `None` while too little was learnt or while the limit is not being approached.
    fn remaining(&self) -> Option<Remaining>;
}

/// Sorts samples into groups that it makes up by itself.
/// ```
/// use brooklet_core::{cluster::KMeans, sample::Sample, traits::{Clusterer, Learner}};
/// let (mut groups, x) = (KMeans::<1, 2>::new(0.0), |x| Sample::new([x]).unwrap());
/// for i in 0..200u8 { groups.learn_one(&x(f32::from(i % 2 * 8 + i % 3))); }
/// assert_eq!(groups.assign_one(&x(2.0)), groups.assign_one(&x(0.0)));
/// assert_ne!(groups.assign_one(&x(2.0)), groups.assign_one(&x(8.0)));
/// ```
pub trait Clusterer: Learner {
    /// The group of `x`; `None` while there are none. Never learns.
    fn assign_one(&self, x: &Self::Input) -> Option<u8>;
}

/// Makes one score of `K` scores; learns which of them to trust where it can.
/// ```
/// use brooklet_core::{fuse::PNorm, sample::Sample, traits::Fuser};
/// let scores = Sample::new([1.0, 7.0]).unwrap();
/// assert_eq!(PNorm::<2>::new(2.0).fuse(&scores), Some(5.0)); // root of the mean square
/// ```
pub trait Fuser: Learner {
    /// The fused score. Never learns.
    fn fuse(&self, scores: &Self::Input) -> Option<f32>;
}

/// Learns from samples with answers.
/// ```
/// use brooklet_core::{regress::Nlms, sample::Sample, traits::{Regressor, Supervised}};
/// let (mut model, x) = (Nlms::<1>::new(0.5), Sample::new([1.0]).unwrap());
/// for _ in 0..50 { model.learn_one(&x, &3.0); }
/// assert!((model.predict_one(&x).unwrap() - 3.0).abs() < 1e-3);
/// model.reset();
/// assert_eq!(model, Nlms::new(0.5));
/// ```
pub trait Supervised {
    /// What one sample is.
    type Input;
    /// What an answer is.
    type Target;

    /// Learns that `y` is the answer for `x`; never predicts. The answer may come late.
    fn learn_one(&mut self, x: &Self::Input, y: &Self::Target);

    /// Back to the state of `new`, to the bit.
    fn reset(&mut self);
}

/// Predicts a number.
/// ```
/// use brooklet_core::{regress::Rls, sample::Sample, traits::{Regressor, Supervised}};
/// let (mut line, x) = (Rls::<1>::new(1.0, 100.0), |x| Sample::new([x]).unwrap());
/// for v in 0..20u8 { line.learn_one(&x(f32::from(v)), &(2.0 * f32::from(v) + 1.0)); }
/// assert!((line.predict_one(&x(30.0)).unwrap() - 61.0).abs() < 0.1);
/// ```
pub trait Regressor: Supervised<Target = f32> {
    /// The answer expected for `x`; `None` while nothing was learnt. Never learns.
    fn predict_one(&self, x: &Self::Input) -> Option<f32>;
}

/// Predicts one of `C` classes, numbered from 0.
/// ```
/// use brooklet_core::{classify::GaussianNb, sample::Sample, traits::{Classifier, Supervised}};
/// let (mut bayes, x) = (GaussianNb::<1, 2, 1000>::new(), |x| Sample::new([x]).unwrap());
/// for v in [1.0, 2.0, 3.0] { bayes.learn_one(&x(v), &0); bayes.learn_one(&x(v + 10.0), &1); }
/// assert_eq!(bayes.predict_one(&x(12.0)), Some(1));
/// assert!(bayes.proba_one(&x(2.0)).unwrap()[0] > 0.99);
/// ```
pub trait Classifier: Supervised<Target = u8> {
    /// A share for each class, usually `[f32; C]`.
    type Shares: AsRef<[f32]>;

    /// How likely each class is, 0 to 1, summing to 1; `None` while nothing was learnt. Never learns.
    fn proba_one(&self, x: &Self::Input) -> Option<Self::Shares>;

    /// The likeliest class; of equal ones the first.
    fn predict_one(&self, x: &Self::Input) -> Option<u8> {
        likeliest(self.proba_one(x)?.as_ref())
    }
}

/// The place of the largest; of equal ones the first.
pub(crate) fn likeliest(shares: &[f32]) -> Option<u8> {
    let mut best: Option<(u8, f32)> = None;
    for (class, share) in (0..=u8::MAX).zip(shares) {
        if best.is_none_or(|(_, most)| *share > most) {
            best = Some((class, *share));
        }
    }
    best.map(|(class, _)| class)
}

/// The most similar of what was learnt.
/// ```
/// use brooklet_core::{recommend::SimilarDevices, sample::Sample, traits::{Recommender, Supervised}};
/// let mut devices = SimilarDevices::<4, 2>::new(0.1);
/// devices.learn_one(&Sample::new([1.0, 0.0]).unwrap(), &7);
/// let found = devices.recommend_one(&Sample::new([2.0, 0.0]).unwrap()).unwrap();
/// assert_eq!((found.key, found.similarity, found.times), (7, 1.0, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recommendation {
    /// The answer that was learnt with it: a device, an action.
    pub key: u16,
    /// How similar it is, -1 to 1; 1 is the same.
    pub similarity: f32,
    /// How often it was learnt.
    pub times: u32,
}

/// Finds the case learnt before that is most like a sample.
/// ```
/// use brooklet_core::{recommend::SimilarDevices, sample::Sample, traits::{Recommender, Supervised}};
/// let (mut devices, x) = (SimilarDevices::<4, 2>::new(0.1), |x| Sample::new(x).unwrap());
/// assert_eq!(devices.recommend_one(&x([1.0, 1.0])), None);
/// for (key, behaviour) in [(7, [1.0, 0.0]), (8, [0.0, 1.0])] { devices.learn_one(&x(behaviour), &key); }
/// assert_eq!(devices.recommend_one(&x([0.2, 5.0])).map(|found| found.key), Some(8));
/// ```
pub trait Recommender: Supervised<Target = u16> {
    /// The most similar case; `None` while there is none. Never learns.
    fn recommend_one(&self, x: &Self::Input) -> Option<Recommendation>;
}

/// Answers questions about many keys in little memory. A key is a hash or a number.
/// ```
/// use brooklet_core::{sketch::CountMin, traits::{Learner, Sketch}};
/// let mut counts = CountMin::<64, 4>::new();
/// for key in [5, 1, 5] { counts.learn_one(&key); }
/// assert_eq!(counts.estimate_one(5), 2.0);
/// ```
pub trait Sketch: Learner<Input = u64> {
    /// The estimate for `key`: how often, how many different, or 1 for seen and 0 for not seen.
    fn estimate_one(&self, key: u64) -> f32;
}

/// Finds patterns of events.
/// ```
/// use brooklet_core::pattern::{Event, Nfa, Pattern, kind};
/// use brooklet_core::traits::{Learner, Matcher};
/// let mut nfa = Nfa::<2, 4>::new(Pattern::begin(kind(0)).next(kind(1)).build().unwrap());
/// let found = [0, 1, 1].map(|of| { nfa.learn_one(&Event::new(kind(of), 0)); nfa.matched().is_some() });
/// assert_eq!(found, [false, true, false]);
/// ```
pub trait Matcher: Learner {
    /// What a match tells.
    type Match;

    /// The pattern that the last event completed, if it completed one.
    fn matched(&self) -> Option<Self::Match>;
}

/// Two states of one kind become the state of having learnt both streams.
/// ```
/// use brooklet_core::{stats::Mean, traits::{Learner, Merge, Statistic}};
/// let (mut here, mut there) = (Mean::new(), Mean::new());
/// for x in [1.0, 2.0] { here.learn_one(&x); }
/// there.learn_one(&6.0);
/// here.merge(&there);
/// assert_eq!(here.value(), Some(3.0));
/// ```
pub trait Merge {
    /// Takes in what `other` learnt.
    fn merge(&mut self, other: &Self);
}

/// Checks a state that came from outside (flash, disk, network).
/// ```
/// use brooklet_core::{linear::Linear, traits::Validate};
/// let state: Linear<1> = postcard::from_bytes(&[0xFF; 8]).unwrap(); // erased flash: not a number
/// assert!(Linear::<1>::new().is_valid() && !state.is_valid());
/// ```
pub trait Validate {
    /// True if `new` and any number of `learn_one` could have led to this state, as far as safety needs it: numbers
    /// finite, indices in their arrays.
    fn is_valid(&self) -> bool;

    /// The size of the learner in bytes, the same on every platform: what a snapshot tells a changed type by. Of a family,
    /// that of the learner it holds.
    fn shape(&self) -> u32 {
        size_of_val(self) as u32
    }
}
