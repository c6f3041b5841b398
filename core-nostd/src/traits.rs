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
pub trait Learner {
    /// What one sample is.
    type Input;

    /// Learns one sample; never scores. Bounded time and memory.
    fn learn_one(&mut self, x: &Self::Input);

    /// Back to the state of `new`, to the bit.
    fn reset(&mut self);
}

/// Says how unusual a sample is.
pub trait AnomalyDetector: Learner {
    /// The evidence that `x` does not belong to what was learnt, in powers of ten: 0 or more, finite. Never learns.
    /// `None` while too little was learnt to say anything.
    fn score_one(&self, x: &Self::Input) -> Option<f32>;
}

/// Learn-or-protect: what a detector does so that a long fault does not become the new normal.
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
pub trait Explain: AnomalyDetector {
    /// The explanation's form.
    type Because;

    /// The reasons for the score of `x`. Never learns.
    fn explain_one(&self, x: &Self::Input) -> Self::Because;
}

/// Turns a sample into another.
pub trait Transformer: Learner {
    /// What comes out.
    type Output;

    /// The transformed sample; `None` while not enough was learnt to transform. Never learns.
    fn transform_one(&self, x: &Self::Input) -> Option<Self::Output>;
}

/// A running figure.
pub trait Statistic: Learner {
    /// The figure's type.
    type Output;

    /// The figure now; `None` before it means anything.
    fn value(&self) -> Option<Self::Output>;
}

/// Summaries of stretches of a stream.
pub trait Windower: Learner {
    /// The summary of a window.
    type Output;

    /// The window that the last sample closed, if it closed one.
    fn closed(&self) -> Option<Self::Output>;
}

/// Says how strange a sample is on a scale of its own: larger is stranger, always finite.
/// [`Calibrated`](crate::anomaly::Calibrated) turns it into evidence.
pub trait Scorer: Learner {
    /// Strangeness of `x`; `None` while too little was learnt. Never learns.
    fn raw_one(&self, x: &Self::Input) -> Option<f32>;
}

/// Notices that a stream is not what it was. Input is a measurement, or 1 for an error and 0 for none.
pub trait DriftDetector: Learner<Input = f32> {
    /// True if the last sample raised the alarm. The detector has then already started over, as its paper has it.
    fn drifted(&self) -> bool;

    /// True if the last sample raised a warning. Detectors without a warning level never do.
    fn warned(&self) -> bool {
        false
    }
}

/// Says from which value on a score is rare.
pub trait Threshold: Learner<Input = f32> {
    /// The threshold now; `None` while too little was learnt.
    fn threshold(&self) -> Option<f32>;
}

/// What is expected, and how far off it may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// The expected value.
    pub value: f32,
    /// Standard deviation of the error of such a forecast; 0 or more. About 95 % lie within twice of it.
    pub sd: f32,
}

/// Says what comes next.
pub trait Forecaster: Learner<Input = f32> {
    /// The value `ahead` samples after the last one; 1 is the next, 0 counts as 1. `None` while too little was learnt.
    fn forecast(&self, ahead: u16) -> Option<Forecast>;
}

/// Samples until a limit is reached.
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
pub trait Prognoser: Learner<Input = f32> {
    /// Time left; `None` while too little was learnt or while the limit is not being approached.
    fn remaining(&self) -> Option<Remaining>;
}

/// Sorts samples into groups that it makes up by itself.
pub trait Clusterer: Learner {
    /// The group of `x`; `None` while there are none. Never learns.
    fn assign_one(&self, x: &Self::Input) -> Option<u8>;
}

/// Makes one score of `K` scores; learns which of them to trust where it can.
pub trait Fuser: Learner {
    /// The fused score. Never learns.
    fn fuse(&self, scores: &Self::Input) -> Option<f32>;
}

/// Learns from samples with answers.
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
pub trait Regressor: Supervised<Target = f32> {
    /// The answer expected for `x`; `None` while nothing was learnt. Never learns.
    fn predict_one(&self, x: &Self::Input) -> Option<f32>;
}

/// Predicts one of `C` classes, numbered from 0.
pub trait Classifier: Supervised<Target = u8> {
    /// A share for each class, usually `[f32; C]`.
    type Shares: AsRef<[f32]>;

    /// How likely each class is, 0 to 1, summing to 1; `None` while nothing was learnt. Never learns.
    fn proba_one(&self, x: &Self::Input) -> Option<Self::Shares>;

    /// The likeliest class; of equal ones the first.
    fn predict_one(&self, x: &Self::Input) -> Option<u8> {
        let shares = self.proba_one(x)?;
        let mut best: Option<(u8, f32)> = None;
        for (class, share) in (0..=u8::MAX).zip(shares.as_ref()) {
            if best.is_none_or(|(_, most)| *share > most) {
                best = Some((class, *share));
            }
        }
        best.map(|(class, _)| class)
    }
}

/// The most similar of what was learnt.
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
pub trait Recommender: Supervised<Target = u16> {
    /// The most similar case; `None` while there is none. Never learns.
    fn recommend_one(&self, x: &Self::Input) -> Option<Recommendation>;
}

/// Answers questions about many keys in little memory. A key is a hash or a number.
pub trait Sketch: Learner<Input = u64> {
    /// The estimate for `key`: how often, how many different, or 1 for seen and 0 for not seen.
    fn estimate_one(&self, key: u64) -> f32;
}

/// Finds patterns of events.
pub trait Matcher: Learner {
    /// What a match tells.
    type Match;

    /// The pattern that the last event completed, if it completed one.
    fn matched(&self) -> Option<Self::Match>;
}

/// Two states of one kind become the state of having learnt both streams.
pub trait Merge {
    /// Takes in what `other` learnt.
    fn merge(&mut self, other: &Self);
}

/// Checks a state that came from outside (flash, disk, network).
pub trait Validate {
    /// True if `new` and any number of `learn_one` could have led to this state, as far as safety needs it: numbers
    /// finite, indices in their arrays.
    fn is_valid(&self) -> bool;
}
