use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// The smallest of the last `W` values.
/// ```
/// use brooklet_core::{traits::{Learner, Statistic}, window::RollingMin};
/// let mut min = RollingMin::<2>::new();
/// for x in [1.0, 9.0, 4.0] { min.learn_one(&x); }
/// assert_eq!(min.value(), Some(4.0));
/// ```
pub type RollingMin<const W: usize> = RollingExtreme<W, false>;

/// The largest of the last `W` values.
/// ```
/// use brooklet_core::{traits::{Learner, Statistic}, window::RollingMax};
/// let mut max = RollingMax::<2>::new();
/// for x in [9.0, 1.0, 4.0] { max.learn_one(&x); }
/// assert_eq!(max.value(), Some(4.0));
/// ```
pub type RollingMax<const W: usize> = RollingExtreme<W, true>;

/// The smallest (`MAX = false`) or largest (`MAX = true`) of the last `W` values.
///
/// Formula: the stream is cut into turns of `W` values. A window is the end of one turn and the beginning of the next:
/// the beginning has a running extreme, the end was folded from behind when the turn was over, in place. Unlike a
/// monotonic deque it needs no room for positions and no branch depends on the data.
///
/// Exact. `W`: 1..=65534. Memory: `4 W + 8` bytes. Cost: two comparisons, once a turn `W` more; where no single sample
/// may cost that much, use [`Sliding`](super::Sliding).
/// ```
/// use brooklet_core::window::{RollingMax, RollingMin};
/// use brooklet_core::traits::{Learner, Statistic};
/// let (mut min, mut max) = (RollingMin::<3>::new(), RollingMax::<3>::new());
/// for x in [1.0, 9.0, 4.0, 3.0, 5.0] { min.learn_one(&x); max.learn_one(&x); }
/// assert_eq!((min.value(), max.value()), (Some(3.0), Some(5.0)));
/// ```
/// Source: M. van Herk, A fast algorithm for local minimum and maximum filters, Pattern Recognition Letters 1992,
/// doi:10.1016/0167-8655(92)90069-C; the deque is D. Lemire's, Nordic Journal of Computing 2006. Checked against pandas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollingExtreme<const W: usize, const MAX: bool> {
    /// Before `next` the turn's values; from there on the extreme of what is left of the last turn. All negated for the
    /// largest.
    #[serde(with = "crate::array")]
    places: [f32; W],
    /// Extreme of this turn's values.
    turn: f32,
    next: u16,
    len: u16,
}

/// More than any value.
const NONE: f32 = 2.0 * math::LIMIT;

impl<const W: usize, const MAX: bool> RollingExtreme<W, MAX> {
    const SHAPE: () = assert!(W > 0 && W < 65_535);
    const SIGN: f32 = if MAX { -1.0 } else { 1.0 };

    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { places: [NONE; W], turn: NONE, next: 0, len: 0 }
    }

    /// How many values the window holds, up to `W`.
    #[must_use]
    pub const fn len(&self) -> u16 {
        self.len
    }

    /// True before the first value.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<const W: usize, const MAX: bool> Learner for RollingExtreme<W, MAX> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = Self::SIGN * math::limit(*x);
        if let Some(place) = self.places.get_mut(usize::from(self.next)) {
            *place = x;
        }
        self.turn = math::min(self.turn, x);
        self.next = self.next.saturating_add(1);
        self.len = Ord::max(self.len, self.next);
        if usize::from(self.next) >= W {
            let mut least = NONE;
            for place in self.places.iter_mut().rev() {
                least = math::min(least, *place);
                *place = least;
            }
            (self.turn, self.next) = (NONE, 0);
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl<const W: usize, const MAX: bool> Statistic for RollingExtreme<W, MAX> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        if self.is_empty() {
            return None;
        }
        let rest = self.places.get(usize::from(self.next)).copied().unwrap_or(NONE);
        Some(Self::SIGN * math::min(self.turn, rest))
    }
}

impl<const W: usize, const MAX: bool> Validate for RollingExtreme<W, MAX> {
    fn is_valid(&self) -> bool {
        let (next, len) = (usize::from(self.next), usize::from(self.len));
        next < W
            && (len == W || len == next)
            && self.places.iter().chain([&self.turn]).all(|v| math::abs(*v) <= math::LIMIT || *v == NONE)
    }
}
