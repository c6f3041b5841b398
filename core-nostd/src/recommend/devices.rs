use serde::{Deserialize, Serialize};

use crate::math;
use crate::sample::Sample;
use crate::traits::{Recommendation, Recommender, Supervised, Validate};

use super::entry::{Entry, nearest};

/// Which device behaves most like this one.
///
/// Formula: the largest `a b / (|a| |b|)` over a table of behaviour vectors; a device's vector moves by `rate` of the
/// way to each new one.
///
/// For a new device that should start with the model of one like it, and for finding the odd one out. The vector is what
/// describes behaviour best: scaled means, deviations, band energies. The cosine sees the mix, not the amount: a device
/// twice as loud is the same. Vectors of only zeros are like none. A full table gives up the device not heard of for
/// longest.
///
/// `rate`: 0.0001 to 1. `R`: 1 and up, devices. Memory: `R (4 N + 16) + 8` bytes. Cost: learning a device O(R + N), asking
/// O(R N). Input is limited to ±1e15.
/// ```
/// use brooklet_core::{recommend::SimilarDevices, sample::Sample};
/// use brooklet_core::traits::{Recommender, Supervised};
/// let mut devices = SimilarDevices::<4, 2>::new(0.1);
/// devices.learn_one(&Sample::new([1.0, 0.0]).unwrap(), &7);
/// devices.learn_one(&Sample::new([1.0, 1.0]).unwrap(), &8);
/// let nearest = devices.recommend_one(&Sample::new([3.0, 4.0]).unwrap()).unwrap();
/// assert!(nearest.key == 8 && (nearest.similarity - 0.98995).abs() < 1e-5);
/// assert_eq!(devices.nearest_to(8).map(|other| other.key), Some(7));
/// ```
/// Source: Salton, Wong, Yang: A vector space model for automatic indexing, 1975, doi:10.1145/361219.361220. Checked
/// against numpy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimilarDevices<const R: usize, const N: usize> {
    #[serde(with = "crate::array")]
    entries: [Entry<N>; R],
    rate: f32,
    clock: u32,
}

impl<const R: usize, const N: usize> SimilarDevices<R, N> {
    const SHAPE: () = assert!(R > 0 && N > 0);

    /// No devices.
    #[must_use]
    pub const fn new(rate: f32) -> Self {
        let () = Self::SHAPE;
        Self { entries: [Entry::new(); R], rate: math::clamp(rate, 1e-4, 1.0), clock: 0 }
    }

    /// The most similar other device; `None` if the device is unknown or alone.
    #[must_use]
    pub fn nearest_to(&self, device: u16) -> Option<Recommendation> {
        let own = self.entries.iter().find(|entry| entry.count > 0 && entry.key == device)?;
        (own.length() > 0.0).then_some(())?;
        nearest(self.entries.iter().filter(|entry| entry.key != device), own.vector())
    }
}

impl<const R: usize, const N: usize> Supervised for SimilarDevices<R, N> {
    type Input = Sample<N>;
    /// The device.
    type Target = u16;

    fn learn_one(&mut self, x: &Sample<N>, device: &u16) {
        self.clock = self.clock.saturating_add(1);
        let rate = self.rate;
        let known = self.entries.iter_mut().find(|entry| entry.count > 0 && entry.key == *device);
        let entry = if let Some(entry) = known {
            entry.approach(x, rate);
            Some(entry)
        } else {
            // An unused one was learnt at 0, before all others.
            let oldest = self.entries.iter_mut().min_by_key(|entry| entry.learnt);
            oldest.map(|entry| {
                entry.start(x, *device);
                entry
            })
        };
        if let Some(entry) = entry {
            entry.learnt = self.clock;
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.rate);
    }
}

impl<const R: usize, const N: usize> Recommender for SimilarDevices<R, N> {
    fn recommend_one(&self, x: &Sample<N>) -> Option<Recommendation> {
        nearest(self.entries.iter(), x.values())
    }
}

impl<const R: usize, const N: usize> Validate for SimilarDevices<R, N> {
    fn is_valid(&self) -> bool {
        (1e-4..=1.0).contains(&self.rate) && self.entries.iter().all(Entry::is_valid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_forgets_the_device_not_heard_of_for_longest() {
        let mut devices = SimilarDevices::<2, 2>::new(1.0);
        for (x, device) in [([1.0, 0.0], 1), ([0.0, 1.0], 2), ([1.0, 0.1], 1), ([1.0, 1.0], 3)] {
            devices.learn_one(&Sample::new(x).unwrap(), &device);
        }
        assert_eq!(devices.nearest_to(2), None);
        assert_eq!(devices.nearest_to(3).map(|other| (other.key, other.times)), Some((1, 2)));
        assert_eq!(devices.recommend_one(&Sample::new([0.0, 0.0]).unwrap()), None);
    }
}
