use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Merge, Statistic, Validate};

/// Defines the smallest and the largest: the same but for the comparison.
macro_rules! extremum {
    ($(#[$doc:meta])* $Name:ident = $pick:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
        pub struct $Name {
            value: Option<f32>,
        }

        impl $Name {
            /// Nothing seen.
            #[must_use]
            pub const fn new() -> Self {
                Self { value: None }
            }
        }

        impl Learner for $Name {
            type Input = f32;

            fn learn_one(&mut self, x: &f32) {
                let x = math::limit(*x);
                self.value = Some(self.value.map_or(x, |value| math::$pick(x, value)));
            }

            fn reset(&mut self) {
                *self = Self::new();
            }
        }

        impl Statistic for $Name {
            type Output = f32;

            fn value(&self) -> Option<f32> {
                self.value
            }
        }

        impl Merge for $Name {
            fn merge(&mut self, other: &Self) {
                if let Some(x) = other.value {
                    self.learn_one(&x);
                }
            }
        }

        impl Validate for $Name {
            fn is_valid(&self) -> bool {
                self.value.is_none_or(|value| math::abs(value) <= math::LIMIT)
            }
        }
    };
}

extremum! {
    /// The smallest of all samples.
    ///
    /// Never forgets: one wrong reading stays for good; a rolling minimum is often what is wanted.
    ///
    /// Memory: 8 bytes. Cost: a comparison. Input is limited to ±1e18.
    /// ```
    /// use brooklet_core::stats::Min;
    /// use brooklet_core::traits::{Learner, Statistic};
    /// let mut min = Min::new();
    /// for x in [3.0, -2.0, 5.0] { min.learn_one(&x); }
    /// assert_eq!(min.value(), Some(-2.0));
    /// ```
    /// Checked against numpy.
    Min = min
}

extremum! {
    /// The largest of all samples.
    ///
    /// Never forgets: one wrong reading stays for good; a rolling maximum is often what is wanted.
    ///
    /// Memory: 8 bytes. Cost: a comparison. Input is limited to ±1e18.
    /// ```
    /// use brooklet_core::stats::Max;
    /// use brooklet_core::traits::{Learner, Statistic};
    /// let mut max = Max::new();
    /// for x in [3.0, -2.0, 5.0] { max.learn_one(&x); }
    /// assert_eq!(max.value(), Some(5.0));
    /// ```
    /// Checked against numpy.
    Max = max
}
