//! The roles. Small traits with associated types: memory is a matter of the structs (const generics), never of the
//! roles. A role arrives here with its first learner.
//!
//! Two laws hold for every learner and are tested over the registry: scoring never changes state, and the same
//! samples in the same order give the same bits.

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

/// Checks a state that came from outside (flash, disk, network).
pub trait Validate {
    /// True if `new` and any number of `learn_one` could have led to this state, as far as safety needs it: numbers
    /// finite, indices in their arrays.
    fn is_valid(&self) -> bool;
}
