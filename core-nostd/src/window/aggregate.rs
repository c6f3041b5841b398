use core::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::math;

/// What a window is to know of its values: a monoid, so that parts of a window are put together in any grouping, but
/// always in order. No inverse is needed, and order may matter.
///
/// Laws: `combine(combine(a, b), c) = combine(a, combine(b, c))` up to rounding, and `combine` with
/// [`IDENTITY`](Self::IDENTITY) on either side changes nothing.
/// ```
/// use brooklet_core::window::{Aggregate, LargestDrop, Min};
/// let (a, b) = (Min::combine(&Min::lift(3.0), &Min::lift(1.0)), Min::lift(2.0));
/// assert_eq!(Min::lower(&Min::combine(&a, &b)), Some(1.0));
/// assert_eq!(LargestDrop::lower(&LargestDrop::combine(&LargestDrop::lift(5.0), &LargestDrop::lift(2.0))), Some(3.0));
/// ```
pub trait Aggregate: Clone + Debug + PartialEq {
    /// What is remembered of a stretch of values.
    type Partial: Copy + Debug + Default + PartialEq + Serialize + DeserializeOwned;
    /// What is asked in the end.
    type Output;

    /// The partial of no values.
    const IDENTITY: Self::Partial;

    /// The partial of one value; the value is brought into the range that keeps all partials finite.
    fn lift(x: f32) -> Self::Partial;

    /// The partial of an older stretch and the newer one that follows it.
    fn combine(older: &Self::Partial, newer: &Self::Partial) -> Self::Partial;

    /// The answer; `None` for no values.
    fn lower(partial: &Self::Partial) -> Option<Self::Output>;

    /// True if values could have led to this partial: finite and in range.
    fn is_sound(partial: &Self::Partial) -> bool;
}

/// No partial sum of 65,535 values goes beyond.
const MOST: f32 = 1e23;

/// The sum of the values. Partial: 4 bytes.
/// ```
/// use brooklet_core::window::{Aggregate, Sum};
/// assert_eq!(Sum::combine(&Sum::lift(1.5), &Sum::lift(2.0)), 3.5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sum;

impl Aggregate for Sum {
    type Partial = f32;
    type Output = f32;

    const IDENTITY: f32 = 0.0;

    fn lift(x: f32) -> f32 {
        math::limit(x)
    }

    fn combine(older: &f32, newer: &f32) -> f32 {
        math::clamp(older + newer, -MOST, MOST)
    }

    fn lower(partial: &f32) -> Option<f32> {
        Some(*partial)
    }

    fn is_sound(partial: &f32) -> bool {
        math::abs(*partial) <= MOST
    }
}

/// How many values there are. Partial: 4 bytes.
/// ```
/// use brooklet_core::window::{Aggregate, Count};
/// assert_eq!(Count::combine(&Count::lift(7.0), &Count::lift(7.0)), 2);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Count;

impl Aggregate for Count {
    type Partial = u32;
    type Output = u32;

    const IDENTITY: u32 = 0;

    fn lift(_: f32) -> u32 {
        1
    }

    fn combine(older: &u32, newer: &u32) -> u32 {
        older.saturating_add(*newer)
    }

    fn lower(partial: &u32) -> Option<u32> {
        Some(*partial)
    }

    fn is_sound(_: &u32) -> bool {
        true
    }
}

/// The smallest value. Partial: 4 bytes. Has no inverse: the smallest cannot be taken out again.
/// ```
/// use brooklet_core::window::{Aggregate, Min};
/// assert_eq!(Min::lower(&Min::IDENTITY), None);
/// assert_eq!(Min::lower(&Min::combine(&Min::lift(4.0), &Min::lift(-1.0))), Some(-1.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Min;

impl Aggregate for Min {
    type Partial = f32;
    type Output = f32;

    /// Above every lifted value, and finite.
    const IDENTITY: f32 = f32::MAX;

    fn lift(x: f32) -> f32 {
        math::limit(x)
    }

    fn combine(older: &f32, newer: &f32) -> f32 {
        math::min(*older, *newer)
    }

    fn lower(partial: &f32) -> Option<f32> {
        (*partial <= math::LIMIT).then_some(*partial)
    }

    fn is_sound(partial: &f32) -> bool {
        math::abs(*partial) <= math::LIMIT || *partial == Self::IDENTITY
    }
}

/// The largest value. Partial: 4 bytes.
/// ```
/// use brooklet_core::window::{Aggregate, Max};
/// assert_eq!(Max::lower(&Max::combine(&Max::lift(4.0), &Max::lift(-1.0))), Some(4.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Max;

impl Aggregate for Max {
    type Partial = f32;
    type Output = f32;

    const IDENTITY: f32 = f32::MIN;

    fn lift(x: f32) -> f32 {
        math::limit(x)
    }

    fn combine(older: &f32, newer: &f32) -> f32 {
        math::max(*older, *newer)
    }

    fn lower(partial: &f32) -> Option<f32> {
        (*partial >= -math::LIMIT).then_some(*partial)
    }

    fn is_sound(partial: &f32) -> bool {
        math::abs(*partial) <= math::LIMIT || *partial == Self::IDENTITY
    }
}

/// Mean and variance of a stretch: what [`MeanVar`] remembers. Memory: 12 bytes.
/// ```
/// use brooklet_core::window::{Aggregate, MeanVar};
/// let both = MeanVar::combine(&MeanVar::lift(1.0), &MeanVar::lift(3.0));
/// assert_eq!((both.count(), both.mean(), both.variance()), (2, 2.0, 2.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    count: u32,
    mean: f32,
    /// Of the stretch as a whole population: unlike a sum of squares it cannot overflow.
    var: f32,
}

impl Moments {
    pub(crate) const NONE: Self = Self { count: 0, mean: 0.0, var: 0.0 };

    pub(crate) const fn of(x: f32) -> Self {
        Self { count: 1, mean: math::limit(x), var: 0.0 }
    }

    /// Number of values.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The mean; 0 for no values.
    #[must_use]
    pub const fn mean(&self) -> f32 {
        self.mean
    }

    /// The sample variance (divided by one less than the count); 0 for fewer than two values.
    #[must_use]
    pub fn variance(&self) -> f32 {
        if self.count < 2 {
            return 0.0;
        }
        self.var * (self.count as f32 / self.count.saturating_sub(1) as f32)
    }

    pub(crate) fn merge(&self, other: &Self) -> Self {
        // Exact, not only nearly so, on either side.
        if self.count == 0 {
            return *other;
        }
        if other.count == 0 {
            return *self;
        }
        let count = self.count.saturating_add(other.count);
        let share = other.count as f32 / count as f32;
        let rest = self.count as f32 / count as f32;
        let d = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + d * share,
            var: rest * self.var + share * other.var + d * d * (rest * share),
        }
    }

    pub(crate) fn is_sound(&self) -> bool {
        math::abs(self.mean) <= 2.0 * math::LIMIT && (0.0..=1e37).contains(&self.var)
    }
}

/// Mean and sample variance of the values. Partial: 12 bytes.
///
/// Formula: of `n_a` and `n_b` values, `d = mean_b - mean_a`, `mean = mean_a + d n_b/n`,
/// `var = var_a n_a/n + var_b n_b/n + d² n_a n_b/n²`.
/// ```
/// use brooklet_core::window::{Aggregate, MeanVar};
/// let both = MeanVar::combine(&MeanVar::lift(1.0), &MeanVar::lift(3.0));
/// assert_eq!(MeanVar::lower(&both), Some((2.0, 2.0)));
/// ```
/// Source: P. Pébay, Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical
/// moments, Sandia 2008, doi:10.2172/1028931.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanVar;

impl Aggregate for MeanVar {
    type Partial = Moments;
    type Output = (f32, f32);

    const IDENTITY: Moments = Moments::NONE;

    fn lift(x: f32) -> Moments {
        Moments::of(x)
    }

    fn combine(older: &Moments, newer: &Moments) -> Moments {
        older.merge(newer)
    }

    fn lower(partial: &Moments) -> Option<(f32, f32)> {
        (partial.count > 0).then(|| (partial.mean, partial.variance()))
    }

    fn is_sound(partial: &Moments) -> bool {
        partial.is_sound()
    }
}

/// Highest, lowest, and how far it fell: what [`LargestDrop`] remembers. Memory: 12 bytes.
/// ```
/// use brooklet_core::window::{Aggregate, Fall, LargestDrop};
/// let fall: Fall = LargestDrop::combine(&LargestDrop::lift(5.0), &LargestDrop::lift(2.0));
/// assert_eq!(LargestDrop::lower(&fall), Some(3.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fall {
    high: f32,
    low: f32,
    drop: f32,
}

/// The largest fall from any value to a later one; 0 if the values only rose. Partial: 12 bytes.
///
/// Order matters and nothing can be taken out again, so neither a running sum nor a sorted window can give it.
/// ```
/// use brooklet_core::window::{Aggregate, LargestDrop};
/// let fold = |xs: [f32; 3]| xs.map(LargestDrop::lift).iter().fold(LargestDrop::IDENTITY, |a, b| LargestDrop::combine(&a, b));
/// assert_eq!(LargestDrop::lower(&fold([9.0, 4.0, 6.0])), Some(5.0));
/// assert_eq!(LargestDrop::lower(&fold([4.0, 6.0, 9.0])), Some(0.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LargestDrop;

impl Aggregate for LargestDrop {
    type Partial = Fall;
    type Output = f32;

    const IDENTITY: Fall = Fall { high: f32::MIN, low: f32::MAX, drop: 0.0 };

    fn lift(x: f32) -> Fall {
        let x = math::limit(x);
        Fall { high: x, low: x, drop: 0.0 }
    }

    fn combine(older: &Fall, newer: &Fall) -> Fall {
        Fall {
            high: math::max(older.high, newer.high),
            low: math::min(older.low, newer.low),
            drop: math::max(older.high - newer.low, math::max(older.drop, newer.drop)),
        }
    }

    fn lower(partial: &Fall) -> Option<f32> {
        (partial.high >= partial.low).then_some(partial.drop)
    }

    fn is_sound(partial: &Fall) -> bool {
        *partial == Self::IDENTITY
            || (-math::LIMIT <= partial.low
                && partial.low <= partial.high
                && partial.high <= math::LIMIT
                && (0.0..=2.0 * math::LIMIT).contains(&partial.drop))
    }
}
