use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// Mean and variance of the last `W` values.
///
/// Formula: the stream is cut into turns of `W` values, and with every turn all sums start over from `c`, its last value.
/// A window is the end of one turn, whose sums of `y = x - c` and `y²` were added up from behind when it was over, and the
/// beginning of the next, whose sums run along. `mean = c + s/n`, `var = (q - s²/n) / (n - 1)`.
///
/// Nothing is ever subtracted from a sum, so a spike of any height leaves no rounding error behind, and `c` lies in the
/// window almost always, so the digits that `q - s²/n` loses are never more than the window's own spread costs.
///
/// `W`: 2..=65534. Memory: `8 W + 16` bytes. Cost: two additions and a multiplication, once a turn `W` times that; to ask,
/// two divisions. Input is limited to ±1e16, so that sums of squares stay finite.
/// ```
/// use brooklet_core::window::RollingVariance;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut var = RollingVariance::<4>::new();
/// for x in [1e9, 2.0, 4.0, 4.0, 6.0] { var.learn_one(&x); }
/// assert_eq!((var.mean(), var.value()), (Some(4.0), Some(8.0 / 3.0)));
/// ```
/// Source: the turns are van Herk's, doi:10.1016/0167-8655(92)90069-C; the shift is that of T. Chan, G. Golub, R. LeVeque,
/// Algorithms for computing the sample variance, 1983, doi:10.1080/00031305.1983.10483115. Checked against pandas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollingVariance<const W: usize> {
    /// Before `next` this turn's values; from there on sums over what is left of the last turn.
    #[serde(with = "crate::array")]
    sums: [f32; W],
    /// From `next` on sums of squares over what is left of the last turn.
    #[serde(with = "crate::array")]
    squares: [f32; W],
    c: f32,
    sum: f32,
    square: f32,
    next: u16,
    len: u16,
}

impl<const W: usize> RollingVariance<W> {
    const SHAPE: () = assert!(W > 1 && W < 65_535);
    /// Its square times 4 times 65,535 is still finite.
    const MOST: f32 = 1e16;

    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self { sums: [0.0; W], squares: [0.0; W], c: 0.0, sum: 0.0, square: 0.0, next: 0, len: 0 }
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

    /// The mean; `None` before the first value.
    #[must_use]
    pub fn mean(&self) -> Option<f32> {
        (self.len > 0).then(|| self.c + self.totals().0 / f32::from(self.len))
    }

    /// The standard deviation; `None` before the second value.
    #[must_use]
    pub fn sd(&self) -> Option<f32> {
        self.value().map(math::sqrt)
    }

    fn totals(&self) -> (f32, f32) {
        let next = usize::from(self.next);
        let rest = |of: &[f32; W]| of.get(next).copied().unwrap_or(0.0);
        (self.sum + rest(&self.sums), self.square + rest(&self.squares))
    }

    #[inline(never)]
    fn turn(&mut self) {
        self.c = self.sums.last().copied().unwrap_or(0.0);
        let (mut sum, mut square) = (0.0, 0.0);
        for (s, q) in self.sums.iter_mut().zip(&mut self.squares).rev() {
            let y = *s - self.c;
            sum += y;
            square += y * y;
            (*s, *q) = (sum, square);
        }
        (self.sum, self.square, self.next) = (0.0, 0.0, 0);
    }
}

impl<const W: usize> Learner for RollingVariance<W> {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        let x = math::clamp(*x, -Self::MOST, Self::MOST);
        if self.len == 0 {
            self.c = x;
        }
        let y = x - self.c;
        if let Some(place) = self.sums.get_mut(usize::from(self.next)) {
            *place = x;
        }
        self.sum += y;
        self.square += y * y;
        self.next = self.next.saturating_add(1);
        self.len = Ord::max(self.len, self.next);
        if usize::from(self.next) >= W {
            self.turn();
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

/// The sample variance, as pandas gives it; `None` before the second value.
impl<const W: usize> Statistic for RollingVariance<W> {
    type Output = f32;

    fn value(&self) -> Option<f32> {
        if self.len < 2 {
            return None;
        }
        let (sum, square) = self.totals();
        let scatter = square - sum * (sum / f32::from(self.len));
        Some(math::max(scatter / f32::from(self.len.saturating_sub(1)), 0.0))
    }
}

impl<const W: usize> Validate for RollingVariance<W> {
    fn is_valid(&self) -> bool {
        let (next, len) = (usize::from(self.next), usize::from(self.len));
        next < W
            && (len == W || len == next)
            && self.sums.iter().take(next).all(|x| math::abs(*x) <= Self::MOST)
            && math::abs(self.c) <= Self::MOST
            && self.sums.iter().chain([&self.sum, &self.c]).all(|v| math::abs(*v) <= 1e22)
            && self.squares.iter().chain([&self.square]).all(|v| (0.0..=1e38).contains(v))
    }
}
