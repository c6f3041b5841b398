/// A value that is always there, and whether it was measured.
/// ```
/// use brooklet_core::preprocess::{Filled, LastImputer};
/// use brooklet_core::traits::{Learner, Transformer};
/// let mut imputer = LastImputer::new();
/// imputer.learn_one(&Some(5.0));
/// assert_eq!(imputer.transform_one(&Some(6.0)), Some(Filled { value: 6.0, measured: true }));
/// assert_eq!(imputer.transform_one(&None), Some(Filled { value: 5.0, measured: false }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Filled {
    /// What was measured, or what is put in its place; finite.
    pub value: f32,
    /// False for a value that was put in: what learns from it may want to know.
    pub measured: bool,
}

impl Filled {
    /// What was measured, or else what is `expected`, if anything is.
    pub(super) fn or_else(measured: Option<f32>, expected: impl FnOnce() -> Option<f32>) -> Option<Self> {
        match measured {
            Some(value) => Some(Self { value, measured: true }),
            None => expected().map(|value| Self { value, measured: false }),
        }
    }
}
