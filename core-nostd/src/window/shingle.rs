use serde::{Deserialize, Serialize};

use crate::sample::{Moment, Sample};
use crate::traits::{Learner, Transformer, Validate};

/// The last `W` values as one sample, oldest first: gives detectors of samples a sense of the shape of a signal.
///
/// For forests, clusters and principal components over one channel. Detectors that know about time need no shingle.
///
/// `W`: 1..=65534. Memory: `4 W + 4` bytes. Cost: a copy of `4 W` bytes to transform.
/// ```
/// use brooklet_core::{sample::{Moment, Sample}, window::Shingle};
/// use brooklet_core::traits::{Learner, Transformer};
/// let mut shingle = Shingle::<3>::new();
/// for x in [1.0, 2.0, 3.0] { shingle.learn_one(&Moment::new(x, None).unwrap()); }
/// let four = Moment::new(4.0, None).unwrap();
/// assert_eq!(shingle.transform_one(&four), Sample::new([2.0, 3.0, 4.0]));
/// assert_eq!(shingle.last(), Sample::new([1.0, 2.0, 3.0]));
/// ```
/// Source: S. Guha et al., Robust random cut forest based anomaly detection on streams, ICML 2016. Checked by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shingle<const W: usize> {
    #[serde(with = "crate::array")]
    ring: [f32; W],
    next: u16,
    len: u16,
}

impl<const W: usize> Shingle<W> {
    const SHAPE: () = assert!(W > 0 && W < 65_535);

    /// Nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { ring: [0.0; W], next: 0, len: 0 }
    }

    /// The last `W` values learnt; `None` before there are so many.
    #[must_use]
    pub fn last(&self) -> Option<Sample<W>> {
        if usize::from(self.len) < W {
            return None;
        }
        Sample::new(self.from(self.next))
    }

    /// The ring from that place on.
    fn from(&self, place: u16) -> [f32; W] {
        let mut values = [0.0; W];
        let (newer, older) = self.ring.split_at_checked(usize::from(place)).unwrap_or((&self.ring, &[]));
        for (to, value) in values.iter_mut().zip(older.iter().chain(newer)) {
            *to = *value;
        }
        values
    }
}

impl<const W: usize> Learner for Shingle<W> {
    type Input = Moment;

    fn learn_one(&mut self, x: &Moment) {
        if let Some(slot) = self.ring.get_mut(usize::from(self.next)) {
            *slot = x.value();
        }
        self.next = self.next.saturating_add(1);
        self.len = Ord::max(self.len, self.next);
        if usize::from(self.next) >= W {
            self.next = 0;
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

/// With `x` as the newest value; `None` before `W - 1` values were learnt.
impl<const W: usize> Transformer for Shingle<W> {
    type Output = Sample<W>;

    fn transform_one(&self, x: &Moment) -> Option<Sample<W>> {
        if usize::from(self.len) < W.saturating_sub(1) {
            return None;
        }
        // The place that the next value would take is the oldest; behind it the window begins.
        let after = self.next.saturating_add(1);
        let mut values = self.from(if usize::from(after) >= W { 0 } else { after });
        if let Some(newest) = values.last_mut() {
            *newest = x.value();
        }
        Sample::new(values)
    }
}

impl<const W: usize> Validate for Shingle<W> {
    fn is_valid(&self) -> bool {
        let (next, len) = (usize::from(self.next), usize::from(self.len));
        next < W && (len == W || len == next) && self.ring.iter().all(|v| v.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_values_reset_and_what_no_shingle_is() {
        let mut shingle = Shingle::<3>::new();
        for x in [f32::MAX, f32::MIN, 1e-45, 0.0, -1e30] {
            shingle.learn_one(&Moment::new(x, None).unwrap());
            let mut bytes = [0; 32];
            let stored = postcard::to_slice(&shingle, &mut bytes).unwrap();
            assert_eq!(postcard::from_bytes::<Shingle<3>>(stored).unwrap(), shingle);
            assert!(shingle.is_valid());
        }
        assert!(!Shingle { ring: [0.0; 3], next: 3, len: 3 }.is_valid());
        assert!(!Shingle { ring: [f32::NAN; 3], next: 0, len: 3 }.is_valid());
        shingle.reset();
        assert_eq!(shingle, Shingle::new());
    }

    #[test]
    fn what_is_transformed_is_what_would_be_learnt() {
        let mut shingle = Shingle::<4>::new();
        for i in 0..40u8 {
            let x = Moment::new(f32::from(i), None).unwrap();
            let before = shingle.transform_one(&x);
            shingle.learn_one(&x);
            assert_eq!(before, shingle.last());
            assert_eq!(before.is_some(), i >= 3);
        }
    }
}
