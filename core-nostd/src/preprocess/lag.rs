use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::{Learner, Transformer, Validate};

/// The sample that came `K` before this one.
///
/// With [`Join`](crate::compose::Join), what a learner needs to see time: now and then side by side.
///
/// `K`: 1..=65534, in samples. Memory: `4 N K + 4` bytes. Cost: a copy. Input is limited to ±1e18.
/// ```
/// use brooklet_core::{preprocess::Lag, sample::Sample};
/// use brooklet_core::traits::{Learner, Transformer};
/// let mut lag = Lag::<1, 2>::new();
/// for x in [1.0, 2.0, 3.0] { lag.learn_one(&Sample::new([x]).unwrap()); }
/// assert_eq!(lag.transform_one(&Sample::new([4.0]).unwrap()).unwrap().values(), &[2.0]);
/// ```
/// Checked against pandas' `shift`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lag<const N: usize, const K: usize> {
    #[serde(with = "crate::array::nested")]
    samples: [[f32; N]; K],
    /// Where the next sample goes, and the oldest is.
    next: u16,
    len: u16,
}

impl<const N: usize, const K: usize> Lag<N, K> {
    const SHAPE: () = assert!(K > 0 && K < 65_535);

    /// Nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { samples: [[0.0; N]; K], next: 0, len: 0 }
    }
}

impl<const N: usize, const K: usize> Learner for Lag<N, K> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        if let Some(slot) = self.samples.get_mut(usize::from(self.next)) {
            *slot = x.values().map(math::limit);
        }
        self.next = self.next.saturating_add(1);
        self.len = Ord::max(self.len, self.next);
        if usize::from(self.next) >= K {
            self.next = 0;
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const N: usize, const K: usize> Transformer for Lag<N, K> {
    type Output = Sample<N>;

    /// `None` before the `K`th sample.
    fn transform_one(&self, _: &Sample<N>) -> Option<Sample<N>> {
        if usize::from(self.len) < K {
            return None;
        }
        Sample::new(*self.samples.get(usize::from(self.next))?)
    }
}

impl<const N: usize, const K: usize> Validate for Lag<N, K> {
    fn is_valid(&self) -> bool {
        let (next, len) = (usize::from(self.next), usize::from(self.len));
        next < K
            && (len == K || len == next)
            && self.samples.iter().flatten().all(|v| math::abs(*v) <= math::LIMIT)
    }
}
