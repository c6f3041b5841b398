//! What learners are fed with: finite by construction, so that no learner has to ask.

use serde::{Deserialize, Serialize};

/// One value of one channel and when it was measured.
///
/// Memory: 24 bytes.
/// ```
/// use brooklet_core::sample::Moment;
/// assert!(Moment::new(21.5, None).is_some());
/// assert!(Moment::new(f32::NAN, None).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    value: f32,
    time: Option<i64>,
}

impl Moment {
    /// `time` in milliseconds since 1970-01-01 (in the time that people there live by, if that is known), any
    /// `i64`. `None` if the value is not finite.
    #[must_use]
    pub const fn new(value: f32, time: Option<i64>) -> Option<Self> {
        if value.is_finite() { Some(Self { value, time }) } else { None }
    }

    /// The value; finite.
    #[must_use]
    pub const fn value(&self) -> f32 {
        self.value
    }

    /// Milliseconds since 1970-01-01, if known.
    #[must_use]
    pub const fn time(&self) -> Option<i64> {
        self.time
    }
}

/// Something that was measured at a time: what an alarm has to know of a detector's input.
/// ```
/// use brooklet_core::sample::{Moment, Timed};
/// fn age(x: &impl Timed, now: i64) -> Option<i64> {
///     x.time().map(|time| now - time)
/// }
/// assert_eq!(age(&Moment::new(21.5, Some(1000)).unwrap(), 4000), Some(3000));
/// ```
pub trait Timed {
    /// Milliseconds since 1970-01-01, if known.
    fn time(&self) -> Option<i64>;

    /// What one sensor measured, if it was only one.
    fn reading(&self) -> Option<f32> {
        None
    }
}

impl Timed for Moment {
    fn time(&self) -> Option<i64> {
        self.time
    }

    fn reading(&self) -> Option<f32> {
        Some(self.value)
    }
}

/// `N` features measured together; all finite. Memory: `4 N` bytes.
/// ```
/// use brooklet_core::sample::Sample;
/// assert_eq!(Sample::new([1.0, 2.0]).map(|s| s.values()[1]), Some(2.0));
/// assert_eq!(Sample::new([1.0, f32::INFINITY]), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw<N>", into = "Raw<N>")]
pub struct Sample<const N: usize>([f32; N]);

impl<const N: usize> Sample<N> {
    /// `None` if any value is NaN or infinite.
    #[must_use]
    pub fn new(values: [f32; N]) -> Option<Self> {
        values.iter().all(|v| v.is_finite()).then_some(Self(values))
    }

    /// The values; all finite.
    #[must_use]
    pub const fn values(&self) -> &[f32; N] {
        &self.0
    }
}

#[derive(Serialize, Deserialize)]
struct Raw<const N: usize>(#[serde(with = "crate::array")] [f32; N]);

impl<const N: usize> TryFrom<Raw<N>> for Sample<N> {
    type Error = &'static str;

    fn try_from(raw: Raw<N>) -> Result<Self, Self::Error> {
        Self::new(raw.0).ok_or("a sample holds finite numbers only")
    }
}

impl<const N: usize> From<Sample<N>> for Raw<N> {
    fn from(sample: Sample<N>) -> Self {
        Self(sample.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_sample_is_checked_again() {
        let mut bytes = [0; 8];
        let good = postcard::to_slice(&Sample::new([1.5, -2.0]).unwrap(), &mut bytes).unwrap();
        assert_eq!(postcard::from_bytes::<Sample<2>>(good).unwrap().values(), &[1.5, -2.0]);
        let bad: std::vec::Vec<u8> = [f32::NAN, 0.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert!(postcard::from_bytes::<Sample<2>>(&bad).is_err());
    }
}
