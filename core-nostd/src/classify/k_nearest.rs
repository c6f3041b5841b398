use serde::{Deserialize, Serialize};

use crate::linear::{distance_squared, features};
use crate::sample::Sample;
use crate::traits::{Classifier, Supervised, Validate};

/// The `K` nearest of `P` remembered samples vote.
///
/// While there is room every sample is remembered: plain k-nearest neighbours. After that each of the `K` nearest to a
/// new sample earns a credit if it is of the sample's class and loses one if not (-100 to 100), and a sample that the
/// nearest one would have got wrong takes the place of the one with the least credit, of equal ones the oldest.
///
/// Any shape of class, and adapts: what misleads is replaced. Needs features of similar scale, few features, and noise
/// in the answers costs memory places. Says equal shares in steps of `1/K`.
///
/// `P`: 1 to 65535; `K`: 1 to 15 and at most `P`; `C`: 2 to 256. Memory: `P (4 N + 2) + 4` bytes, rounded up to 4. Cost:
/// `P` distances. Features are limited to ±1e12; an answer of `C` and above is ignored.
/// ```
/// use brooklet_core::{classify::KNearest, sample::Sample};
/// use brooklet_core::traits::{Classifier, Supervised};
/// let mut nearest = KNearest::<1, 2, 8, 3>::new();
/// for (x, class) in [(0.0, 0), (1.0, 0), (2.0, 1), (3.0, 1)] {
///     nearest.learn_one(&Sample::new([x]).unwrap(), &class);
/// }
/// assert_eq!(nearest.predict_one(&Sample::new([0.4]).unwrap()), Some(0));
/// assert_eq!(nearest.proba_one(&Sample::new([9.0]).unwrap()).unwrap()[0], 1.0 / 3.0);
/// ```
/// Source: Cover and Hart 1967, doi:10.1109/TIT.1967.1053964; credits after Aha, Kibler, Albert: Instance-based
/// learning algorithms, 1991, doi:10.1007/BF00153759. Checked against scikit-learn while there is room, by hand after
/// that.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KNearest<const N: usize, const C: usize, const P: usize, const K: usize> {
    #[serde(with = "crate::array::nested")]
    points: [[f32; N]; P],
    #[serde(with = "crate::array")]
    classes: [u8; P],
    #[serde(with = "crate::array")]
    credits: [i8; P],
    len: u16,
    /// Where the search for the least credit begins: behind the newest.
    oldest: u16,
}

/// Place and squared distance.
type Neighbour = (usize, f32);

/// Puts a neighbour in order, and gives the distance beyond which no other has a place.
fn insert<const K: usize>(nearest: &mut [Option<Neighbour>; K], candidate: Neighbour) -> f32 {
    let mut candidate = Some(candidate);
    for slot in nearest.iter_mut() {
        let closer = match (&candidate, &slot) {
            (Some((_, new)), Some((_, old))) => new < old,
            (candidate, _) => candidate.is_some(),
        };
        if closer {
            core::mem::swap(slot, &mut candidate);
        }
    }
    nearest.last().copied().flatten().map_or(f32::INFINITY, |(_, distance)| distance)
}

impl<const N: usize, const C: usize, const P: usize, const K: usize> KNearest<N, C, P, K> {
    const SHAPE: () = assert!(P >= 1 && P <= 65_535 && K >= 1 && K <= 15 && K <= P && C >= 2 && C <= 256);
    const MOST: i8 = 100;

    /// Nothing remembered.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { points: [[0.0; N]; P], classes: [0; P], credits: [0; P], len: 0, oldest: 0 }
    }

    /// Number of samples remembered.
    #[must_use]
    pub const fn len(&self) -> u16 {
        self.len
    }

    /// True while nothing is remembered.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The nearest first; of equally near ones the one in the lower place.
    fn neighbours(&self, x: &[f32; N]) -> [Option<Neighbour>; K] {
        let (mut nearest, mut furthest) = ([None; K], f32::INFINITY);
        for (place, point) in self.points.iter().take(usize::from(self.len)).enumerate() {
            let distance = distance_squared(point, x);
            if distance < furthest {
                furthest = insert(&mut nearest, (place, distance));
            }
        }
        nearest
    }

    fn remember(&mut self, place: usize, x: [f32; N], y: u8) {
        let slot =
            self.points.get_mut(place).zip(self.classes.get_mut(place)).zip(self.credits.get_mut(place));
        if let Some(((point, class), credit)) = slot {
            (*point, *class, *credit) = (x, y, 0);
        }
    }
}

impl<const N: usize, const C: usize, const P: usize, const K: usize> Supervised for KNearest<N, C, P, K> {
    type Input = Sample<N>;
    type Target = u8;

    fn learn_one(&mut self, x: &Sample<N>, y: &u8) {
        if usize::from(*y) >= C {
            return;
        }
        let (x, len) = (features(x), usize::from(self.len));
        if len < P {
            self.remember(len, x, *y);
            self.len = self.len.saturating_add(1);
            return;
        }
        let neighbours = self.neighbours(&x);
        for (place, _) in neighbours.iter().flatten() {
            if let (Some(class), Some(credit)) = (self.classes.get(*place), self.credits.get_mut(*place)) {
                let step = if class == y { 1 } else { -1 };
                *credit = credit.saturating_add(step).clamp(-Self::MOST, Self::MOST);
            }
        }
        let nearest = neighbours.first().copied().flatten();
        if nearest.and_then(|(place, _)| self.classes.get(place)) == Some(y) {
            return;
        }
        let oldest = usize::from(self.oldest);
        // Not `enumerate().skip()`: with overflow checks on its counter can panic.
        let by_age =
            (oldest..P).chain(0..oldest).filter_map(|place| Some((place, *self.credits.get(place)?)));
        if let Some((place, _)) = by_age.min_by_key(|(_, credit)| *credit) {
            self.remember(place, x, *y);
            let next = place.saturating_add(1);
            self.oldest = if next < P { next as u16 } else { 0 };
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const N: usize, const C: usize, const P: usize, const K: usize> Classifier for KNearest<N, C, P, K> {
    type Shares = [f32; C];

    fn proba_one(&self, x: &Sample<N>) -> Option<[f32; C]> {
        let neighbours = self.neighbours(&features(x));
        let voters = neighbours.iter().flatten().fold(0.0, |sum, _| sum + 1.0);
        let mut shares = [0.0; C];
        for (place, _) in neighbours.iter().flatten() {
            if let Some(share) =
                self.classes.get(*place).and_then(|class| shares.get_mut(usize::from(*class)))
            {
                *share += 1.0;
            }
        }
        (voters > 0.0).then(|| shares.map(|share| share / voters))
    }
}

impl<const N: usize, const C: usize, const P: usize, const K: usize> Validate for KNearest<N, C, P, K> {
    fn is_valid(&self) -> bool {
        let reach = -crate::linear::REACH..=crate::linear::REACH;
        self.points.iter().flatten().all(|x| reach.contains(x))
            && self.classes.iter().all(|class| usize::from(*class) < C)
            && self.credits.iter().all(|credit| (-Self::MOST..=Self::MOST).contains(credit))
            && usize::from(self.len) <= P
            && usize::from(self.oldest) < P
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(nearest: &mut KNearest<1, 2, 4, 1>, x: f32, class: u8) {
        nearest.learn_one(&Sample::new([x]).unwrap(), &class);
    }

    /// Worked by hand.
    #[test]
    fn what_misleads_is_replaced() {
        let mut nearest = KNearest::<1, 2, 4, 1>::new();
        for (x, class) in [(0.0, 0), (1.0, 1), (2.0, 0), (9.0, 1)] {
            learn(&mut nearest, x, class);
        }
        learn(&mut nearest, 0.1, 0); // right: 0.0 earns
        learn(&mut nearest, 8.0, 1); // right: 9.0 earns
        learn(&mut nearest, 1.1, 0); // wrong: 1.0 loses, has the least and goes
        assert_eq!(nearest.points, [[0.0], [1.1], [2.0], [9.0]]);
        assert_eq!((nearest.classes, nearest.credits), ([0, 0, 0, 1], [1, 0, 0, 1]));
        learn(&mut nearest, 5.0, 1); // wrong: 2.0 loses and goes
        assert_eq!((nearest.points, nearest.oldest), ([[0.0], [1.1], [5.0], [9.0]], 3));
        learn(&mut nearest, 0.4, 1); // wrong: 0.0 falls to 0; of the zeros the oldest from place 3 on is 0.0 itself
        assert_eq!(nearest.points, [[0.4], [1.1], [5.0], [9.0]]);
    }
}
