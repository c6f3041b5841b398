use serde::{Deserialize, Serialize};

use super::Aggregate;
use crate::traits::Validate;

/// A first-in-first-out window of up to `CAP` values that knows its aggregate, at a bounded cost with every single
/// operation: no operation ever walks over the window.
///
/// Formula: the window is `F ≤ L ≤ R ≤ A ≤ B ≤ E`. What each place holds, with `Π` the combination in order:
/// `[F, L)`: `Π` from there to `B`; `[L, R)`: `Π` from there to `R`; `[R, A)`: the value; `[A, B)`: `Π` from there to
/// `B`; `[B, E)`: the value. With every insertion and eviction one place each of `L` and `A` is turned into an
/// aggregate, so the back is folded into the front before it is needed there.
///
/// For aggregates without an inverse (minimum, largest drop) or where subtraction would lose digits (variance). Where
/// values come one at a time into a full window, see [`Sliding`](super::Sliding).
///
/// `CAP`: 1..=65534. Memory: `(CAP + 2)` partials and 12 bytes. Cost: at most 3 combinations to insert, 2 to evict, 1 to
/// query.
/// ```
/// use brooklet_core::window::{DabaLite, Max};
/// let mut window = DabaLite::<Max, 4>::new();
/// for x in [5.0, 1.0, 3.0] { assert!(window.insert(x)); }
/// assert_eq!(window.lower(), Some(5.0));
/// window.evict();
/// assert_eq!(window.lower(), Some(3.0));
/// ```
/// Source: K. Tangwongsan, M. Hirzel, S. Schneider: In-order sliding-window aggregation in worst-case constant time, VLDB
/// Journal 2021, doi:10.1007/s00778-021-00668-3. Checked against brute force, exactly, with the combinations counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct DabaLite<A: Aggregate, const CAP: usize> {
    #[serde(with = "crate::array")]
    places: [A::Partial; CAP],
    /// `Π` from `R` to `B` as it was at the last flip: what `[L, R)` lacks.
    middle: A::Partial,
    /// `Π` from `B` to `E`.
    back: A::Partial,
    /// Where `F` is.
    front: u16,
    /// The other five as distances from `F`.
    l: u16,
    r: u16,
    a: u16,
    b: u16,
    e: u16,
}

impl<A: Aggregate, const CAP: usize> DabaLite<A, CAP> {
    const SHAPE: () = assert!(CAP > 0 && CAP < 65_535);

    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::SHAPE;
        Self {
            places: [A::IDENTITY; CAP],
            middle: A::IDENTITY,
            back: A::IDENTITY,
            front: 0,
            l: 0,
            r: 0,
            a: 0,
            b: 0,
            e: 0,
        }
    }

    /// How many values the window holds.
    #[must_use]
    pub const fn len(&self) -> u16 {
        self.e
    }

    /// True if it holds none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.e == 0
    }

    /// True if nothing more goes in.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.e as usize >= CAP
    }

    /// The aggregate of all values, oldest first.
    #[must_use]
    pub fn query(&self) -> A::Partial {
        if self.b == 0 { self.back } else { A::combine(&self.at(0), &self.back) }
    }

    /// The answer for all values; `None` if there is none for no values.
    #[must_use]
    pub fn lower(&self) -> Option<A::Output> {
        A::lower(&self.query())
    }

    /// Appends a value; false if the window was full, which then stays as it was.
    pub fn insert(&mut self, x: f32) -> bool {
        self.insert_partial(A::lift(x))
    }

    /// Appends what already is an aggregate, as if it were one value; false if the window was full.
    /// ```
    /// use brooklet_core::window::{DabaLite, Sum};
    /// let mut hour = DabaLite::<Sum, 60>::new(); // of minutes
    /// for minute in [10.0, 20.0] { hour.insert_partial(minute); }
    /// assert_eq!(hour.lower(), Some(30.0));
    /// ```
    pub fn insert_partial(&mut self, partial: A::Partial) -> bool {
        if self.is_full() {
            return false;
        }
        self.back = A::combine(&self.back, &partial);
        self.put(self.e, partial);
        self.e = self.e.saturating_add(1);
        self.fix();
        true
    }

    /// Takes the oldest value out, if there is one.
    pub fn evict(&mut self) {
        if self.e == 0 {
            return;
        }
        self.front = self.front.saturating_add(1);
        if usize::from(self.front) >= CAP {
            self.front = 0;
        }
        for distance in [&mut self.l, &mut self.r, &mut self.a, &mut self.b, &mut self.e] {
            *distance = distance.saturating_sub(1);
        }
        self.fix();
    }

    /// Takes all values out.
    pub const fn clear(&mut self) {
        *self = Self::new();
    }

    /// One step of folding the back into the front.
    fn fix(&mut self) {
        if self.b == 0 {
            // No more than one value, which is its own aggregate.
            (self.l, self.r, self.a, self.b) = (self.e, self.e, self.e, self.e);
            (self.middle, self.back) = (A::IDENTITY, A::IDENTITY);
            return;
        }
        if self.l == self.b {
            // Flip: the front becomes the left part, the back the right part.
            (self.l, self.r, self.a, self.b) = (0, self.b, self.e, self.e);
            (self.middle, self.back) = (self.back, A::IDENTITY);
        }
        if self.l == self.r {
            // Shift: what stands there already reaches to B.
            self.a = self.a.saturating_add(1);
            self.r = self.r.saturating_add(1);
        } else {
            // Shrink: one place of either part is made to reach to B.
            self.put(self.l, A::combine(&self.at(self.l), &self.middle));
            let reach = if self.a == self.b { A::IDENTITY } else { self.at(self.a) };
            self.a = self.a.saturating_sub(1);
            self.put(self.a, A::combine(&self.at(self.a), &reach));
        }
        self.l = self.l.saturating_add(1);
    }

    fn place(&self, distance: u16) -> usize {
        let place = usize::from(self.front).saturating_add(usize::from(distance));
        place.checked_sub(CAP).unwrap_or(place)
    }

    fn at(&self, distance: u16) -> A::Partial {
        self.places.get(self.place(distance)).copied().unwrap_or(A::IDENTITY)
    }

    fn put(&mut self, distance: u16, partial: A::Partial) {
        let place = self.place(distance);
        if let Some(place) = self.places.get_mut(place) {
            *place = partial;
        }
    }
}

impl<A: Aggregate, const CAP: usize> Validate for DabaLite<A, CAP> {
    fn is_valid(&self) -> bool {
        let marks = [self.l, self.r, self.a, self.b, self.e];
        let halves = self.r.checked_sub(self.l) == self.a.checked_sub(self.r);
        // Every operation moves L by a place, and it is at B when the back is as long as the front.
        let in_step = match self.b {
            0 => self.e == 0,
            b => self.e.checked_sub(b).map(|back| back.saturating_add(1)) == Some(self.l),
        };
        usize::from(self.front) < CAP
            && usize::from(self.e) <= CAP
            && marks.is_sorted()
            && halves
            && in_step
            && [&self.middle, &self.back].into_iter().chain(&self.places).all(A::is_sound)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::VecDeque;

    use super::*;
    use crate::rng::Rng;
    use crate::window::{Count, LargestDrop, Max, MeanVar, Min, Sum};

    std::thread_local! { static COMBINED: Cell<u32> = const { Cell::new(0) }; }

    /// Counts how often it is asked.
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Counted;

    impl Aggregate for Counted {
        type Partial = <LargestDrop as Aggregate>::Partial;
        type Output = f32;
        const IDENTITY: Self::Partial = LargestDrop::IDENTITY;

        fn lift(x: f32) -> Self::Partial {
            LargestDrop::lift(x)
        }

        fn combine(older: &Self::Partial, newer: &Self::Partial) -> Self::Partial {
            COMBINED.set(COMBINED.get() + 1);
            LargestDrop::combine(older, newer)
        }

        fn lower(partial: &Self::Partial) -> Option<f32> {
            LargestDrop::lower(partial)
        }

        fn is_sound(partial: &Self::Partial) -> bool {
            LargestDrop::is_sound(partial)
        }
    }

    fn brute<A: Aggregate>(values: &VecDeque<f32>) -> A::Partial {
        values.iter().fold(A::IDENTITY, |all, x| A::combine(&all, &A::lift(*x)))
    }

    /// Any order of insertions and evictions; whole numbers, so that sums have no rounding.
    fn against_brute_force<A: Aggregate>(same: impl Fn(A::Partial, A::Partial) -> bool) {
        let mut rng = Rng::new(5);
        let (mut window, mut values) = (DabaLite::<A, 37>::new(), VecDeque::new());
        let mut grow = true;
        for i in 0..20_000 {
            if i % 113 == 0 {
                grow = rng.uniform() < 0.5;
            }
            if rng.uniform() < if grow { 0.8 } else { 0.3 } {
                let x = (rng.uniform() * 200.0) as i32 as f32 - 100.0;
                assert_eq!(window.insert(x), values.len() < 37);
                if values.len() < 37 {
                    values.push_back(x);
                }
            } else {
                window.evict();
                values.pop_front();
            }
            assert_eq!(usize::from(window.len()), values.len());
            assert!(same(window.query(), brute::<A>(&values)), "{i}: {values:?}");
            assert!(window.is_valid());
        }
    }

    #[test]
    fn every_aggregate_is_that_of_brute_force() {
        against_brute_force::<Sum>(|a, b| a == b);
        against_brute_force::<Count>(|a, b| a == b);
        against_brute_force::<Min>(|a, b| a == b);
        against_brute_force::<Max>(|a, b| a == b);
        against_brute_force::<LargestDrop>(|a, b| a == b);
        against_brute_force::<MeanVar>(|a, b| {
            let close = |x: f32, y: f32, scale: f32| (x - y).abs() <= 2e-5 * (scale + y.abs());
            a.count() == b.count()
                && close(a.mean(), b.mean(), 1.0)
                && close(a.variance(), b.variance(), 10.0)
        });
    }

    #[test]
    fn no_operation_ever_combines_more_than_three_times() {
        let counted = |action: &mut dyn FnMut()| {
            COMBINED.set(0);
            action();
            COMBINED.get()
        };
        let (mut rng, mut window) = (Rng::new(6), DabaLite::<Counted, 128>::new());
        let mut most = [0; 3];
        for i in 0..50_000u32 {
            let inserts = if i % 1000 < 500 { 0.7 } else { 0.3 };
            if rng.uniform() < inserts {
                most[0] = most[0].max(counted(&mut || {
                    window.insert(1.0);
                }));
            } else {
                most[1] = most[1].max(counted(&mut || window.evict()));
            }
            most[2] = most[2].max(counted(&mut || {
                let _ = window.query();
            }));
        }
        assert_eq!(most, [3, 2, 1]);
    }

    #[test]
    fn a_capacity_of_one_works() {
        let mut window = DabaLite::<Sum, 1>::new();
        for x in [1.0, 2.0, 3.0] {
            assert!(window.insert(x) && !window.insert(9.0));
            assert_eq!(window.lower(), Some(x));
            window.evict();
            assert_eq!(window.lower(), Some(0.0));
        }
    }
}
