//! The registry: a family of learners is an enum of all its learners, made from one line a learner.
//!
//! The line gives the name in configuration files, the enum's arm and so the tag in snapshots, the row in the tables of
//! the documentation and of the benches, and the place in the conformance tests. Lines are only ever appended: their
//! order is the stored format.
//!
//! # All learners
#![cfg_attr(doc, doc = include_str!("../LEARNERS.md"))]

/// One learner of a family.
/// ```
/// use brooklet_core::stats::AnyStatistic;
/// let row = AnyStatistic::ROWS.iter().find(|row| row.name == "mean").unwrap();
/// assert_eq!((row.about, row.bytes), ("Mean of all samples.", 12));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name in configuration files.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// State in bytes.
    pub bytes: usize,
}

/// Where `name` is in `names`.
pub(crate) const fn position(mut names: &[&str], name: &str) -> Option<u32> {
    let mut at = 0_u32;
    while let [first, rest @ ..] = names {
        if same(first.as_bytes(), name.as_bytes()) {
            return Some(at);
        }
        (names, at) = (rest, at.saturating_add(1));
    }
    None
}

const fn same(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([x, rest_a @ ..], [y, rest_b @ ..]) = (a, b) {
        if *x != *y {
            return false;
        }
        (a, b) = (rest_a, rest_b);
    }
    a.is_empty() && b.is_empty()
}

/// `registry! { role Enum<const N: usize>: family "name", kind 7 { "row" => Arm(Type) = constructor, .. } }`
///
/// `role` is the learners' common role in lower case; an arm's documentation is its learner's line in the tables.
/// `kind` tags snapshots, see [`Snapshot`](crate::snapshot::Snapshot). `in "path"` says from where the enum is public if
/// not from its module.
macro_rules! registry {
    (@path) => { module_path!() };
    (@path $path:literal) => { $path };
    (@argument $param:ident) => { "4, " };
    (@first $name:literal $($others:literal)*) => { $name };
    (
        $(#[$meta:meta])*
        $role:ident $Any:ident $(<$(const $param:ident: usize),+>)?: family $family:literal, kind $kind:literal
        $(in $path:literal)? {
            $($(#[doc = $about:literal])+ $name:literal => $arm:ident($type:ty) = $new:expr),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        ///
        /// | name | learner |
        /// |---|---|
        #[doc = concat!($("| `", $name, "` |", $($about,)+ " |\n",)+)]
        /// ```
        #[doc = concat!("use ", $crate::registry::registry!(@path $($path)?), "::", stringify!($Any), ";")]
        #[doc = concat!(
            "type Any = ", stringify!($Any), $("::<", $($crate::registry::registry!(@argument $param),)+ ">",)? ";"
        )]
        #[doc = concat!("let learner = Any::from_name(\"", $crate::registry::registry!(@first $($name)+), "\").unwrap();")]
        /// assert_eq!((learner.name(), Any::ROWS[0].bytes > 0), (Any::ROWS[0].name, true));
        /// assert_eq!(Any::from_name("no such"), None);
        /// ```
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        pub enum $Any $(<$(const $param: usize),+>)? {
            $($(#[doc = $about])+ $arm($type)),+
        }

        impl $(<$(const $param: usize),+>)? $Any $(<$($param),+>)? {
            /// The family's name in configuration files.
            pub const FAMILY: &'static str = $family;

            /// The registry.
            pub const ROWS: &'static [$crate::registry::Row] = &[$($crate::registry::Row {
                name: $name,
                about: concat!($($about),+).trim_ascii(),
                bytes: size_of::<$type>(),
            }),+];

            /// The learner of that name, with nothing learnt.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$arm($new)),)+
                    _ => None,
                }
            }

            /// The place of that name's row, which tags its snapshots.
            #[must_use]
            pub const fn tag(name: &str) -> Option<u32> {
                $crate::registry::position(&[$($name),+], name)
            }

            /// The name in configuration files.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$arm(_) => $name),+ }
            }
        }

        const _: () = {
            use $crate::traits::*;

            impl $(<$(const $param: usize),+>)? Validate for $Any $(<$($param),+>)? {
                fn is_valid(&self) -> bool {
                    match self { $(Self::$arm(l) => l.is_valid()),+ }
                }

                fn shape(&self) -> u32 {
                    match self { $(Self::$arm(l) => l.shape()),+ }
                }
            }

            impl $(<$(const $param: usize),+>)? $crate::snapshot::Snapshot for $Any $(<$($param),+>)? {
                const KIND: u16 = $kind;
            }

            $crate::registry::role! {
                $role $Any { $(<$(const $param: usize),+>)? } { $(<$($param),+>)? } $($arm)+
            }
        };
    };
}

/// Passes the calls of a role on to the arms.
macro_rules! role {
    // What every role has: learning from samples, and learning from samples with answers.
    (@learner($input:ty) $Any:ident { $($decl:tt)* } { $($args:tt)* } $($arm:ident)+) => {
        impl $($decl)* Learner for $Any $($args)* {
            type Input = $input;

            fn learn_one(&mut self, x: &Self::Input) {
                match self { $(Self::$arm(l) => l.learn_one(x)),+ }
            }

            fn reset(&mut self) {
                match self { $(Self::$arm(l) => l.reset()),+ }
            }
        }
    };
    (@supervised($input:ty, $target:ty) $Any:ident { $($decl:tt)* } { $($args:tt)* } $($arm:ident)+) => {
        impl $($decl)* Supervised for $Any $($args)* {
            type Input = $input;
            type Target = $target;

            fn learn_one(&mut self, x: &Self::Input, y: &Self::Target) {
                match self { $(Self::$arm(l) => l.learn_one(x, y)),+ }
            }

            fn reset(&mut self) {
                match self { $(Self::$arm(l) => l.reset()),+ }
            }
        }
    };
    (statistic $Any:ident { $($decl:tt)* } { $($args:tt)* } $($arm:ident)+) => {
        $crate::registry::role! { @learner(f32) $Any { $($decl)* } { $($args)* } $($arm)+ }

        impl $($decl)* Statistic for $Any $($args)* {
            type Output = f32;

            fn value(&self) -> Option<f32> {
                match self { $(Self::$arm(l) => l.value()),+ }
            }
        }
    };
    (pair_statistic $Any:ident { $($decl:tt)* } { $($args:tt)* } $($arm:ident)+) => {
        $crate::registry::role! { @learner((f32, f32)) $Any { $($decl)* } { $($args)* } $($arm)+ }

        impl $($decl)* Statistic for $Any $($args)* {
            type Output = f32;

            fn value(&self) -> Option<f32> {
                match self { $(Self::$arm(l) => l.value()),+ }
            }
        }
    };
    (transformer $Any:ident { $($decl:tt)* } { <$n:ident> } $($arm:ident)+) => {
        $crate::registry::role! { @learner($crate::sample::Sample<$n>) $Any { $($decl)* } { <$n> } $($arm)+ }

        impl $($decl)* Transformer for $Any <$n> {
            type Output = $crate::sample::Sample<$n>;

            fn transform_one(&self, x: &Self::Input) -> Option<Self::Output> {
                match self { $(Self::$arm(l) => l.transform_one(x)),+ }
            }
        }
    };
    (imputer $Any:ident { $($decl:tt)* } { $($args:tt)* } $($arm:ident)+) => {
        $crate::registry::role! { @learner(Option<f32>) $Any { $($decl)* } { $($args)* } $($arm)+ }

        impl $($decl)* Transformer for $Any $($args)* {
            type Output = $crate::preprocess::Filled;

            fn transform_one(&self, x: &Self::Input) -> Option<Self::Output> {
                match self { $(Self::$arm(l) => l.transform_one(x)),+ }
            }
        }
    };
    (windower $Any:ident { $($decl:tt)* } { $($args:tt)* } $($arm:ident)+) => {
        $crate::registry::role! { @learner($crate::sample::Moment) $Any { $($decl)* } { $($args)* } $($arm)+ }

        impl $($decl)* Windower for $Any $($args)* {
            type Output = $crate::window::Closed;

            fn closed(&self) -> Option<Self::Output> {
                match self { $(Self::$arm(l) => l.closed()),+ }
            }
        }
    };
    (@detector($input:ty, $because:ty) $Any:ident { $($decl:tt)* } { $($args:tt)* } $($arm:ident)+) => {
        $crate::registry::role! { @learner($input) $Any { $($decl)* } { $($args)* } $($arm)+ }

        impl $($decl)* AnomalyDetector for $Any $($args)* {
            fn score_one(&self, x: &Self::Input) -> Option<f32> {
                match self { $(Self::$arm(l) => l.score_one(x)),+ }
            }
        }

        impl $($decl)* Protect for $Any $($args)* {
            fn protect(&mut self, x: &Self::Input) {
                match self { $(Self::$arm(l) => l.protect(x)),+ }
            }

            fn release(&mut self) {
                match self { $(Self::$arm(l) => l.release()),+ }
            }

            fn level_one(&self, x: &Self::Input) -> f32 {
                match self { $(Self::$arm(l) => l.level_one(x)),+ }
            }
        }

        impl $($decl)* Explain for $Any $($args)* {
            type Because = $because;

            fn explain_one(&self, x: &Self::Input) -> Self::Because {
                match self { $(Self::$arm(l) => l.explain_one(x)),+ }
            }
        }

        impl $($decl)* Stepper for $Any $($args)* {
            fn step_one(&mut self, x: &Self::Input, judge: &mut impl Judge) -> Option<Self::Because> {
                match self { $(Self::$arm(l) => l.step_one(x, judge)),+ }
            }
        }
    };
    (detector $Any:ident { $($decl:tt)* } { $($args:tt)* } $($arm:ident)+) => {
        $crate::registry::role! {
            @detector($crate::sample::Moment, $crate::anomaly::Because) $Any { $($decl)* } { $($args)* } $($arm)+
        }
    };
    (joint_detector $Any:ident { $($decl:tt)* } { <$n:ident> } $($arm:ident)+) => {
        $crate::registry::role! {
            @detector($crate::anomaly::Row<$n>, $crate::anomaly::JointBecause) $Any { $($decl)* } { <$n> } $($arm)+
        }
    };
    (scorer $Any:ident { $($decl:tt)* } { <$n:ident> } $($arm:ident)+) => {
        $crate::registry::role! { @learner($crate::sample::Sample<$n>) $Any { $($decl)* } { <$n> } $($arm)+ }

        impl $($decl)* Scorer for $Any <$n> {
            fn raw_one(&self, x: &Self::Input) -> Option<f32> {
                match self { $(Self::$arm(l) => l.raw_one(x)),+ }
            }
        }
    };
    (drift $Any:ident { $($decl:tt)* } { $($args:tt)* } $($arm:ident)+) => {
        $crate::registry::role! { @learner(f32) $Any { $($decl)* } { $($args)* } $($arm)+ }

        impl $($decl)* DriftDetector for $Any $($args)* {
            fn drifted(&self) -> bool {
                match self { $(Self::$arm(l) => l.drifted()),+ }
            }

            fn warned(&self) -> bool {
                match self { $(Self::$arm(l) => l.warned()),+ }
            }
        }
    };
    (threshold $Any:ident { $($decl:tt)* } { $($args:tt)* } $($arm:ident)+) => {
        $crate::registry::role! { @learner(f32) $Any { $($decl)* } { $($args)* } $($arm)+ }

        impl $($decl)* Threshold for $Any $($args)* {
            fn threshold(&self) -> Option<f32> {
                match self { $(Self::$arm(l) => l.threshold()),+ }
            }
        }
    };
    (forecaster $Any:ident { $($decl:tt)* } { $($args:tt)* } $($arm:ident)+) => {
        $crate::registry::role! { @learner(f32) $Any { $($decl)* } { $($args)* } $($arm)+ }

        impl $($decl)* Forecaster for $Any $($args)* {
            fn forecast(&self, ahead: u16) -> Option<Forecast> {
                match self { $(Self::$arm(l) => l.forecast(ahead)),+ }
            }
        }
    };
    (prognoser $Any:ident { $($decl:tt)* } { $($args:tt)* } $($arm:ident)+) => {
        $crate::registry::role! { @learner(f32) $Any { $($decl)* } { $($args)* } $($arm)+ }

        impl $($decl)* Prognoser for $Any $($args)* {
            fn remaining(&self) -> Option<Remaining> {
                match self { $(Self::$arm(l) => l.remaining()),+ }
            }
        }
    };
    (clusterer $Any:ident { $($decl:tt)* } { <$n:ident> } $($arm:ident)+) => {
        $crate::registry::role! { @learner($crate::sample::Sample<$n>) $Any { $($decl)* } { <$n> } $($arm)+ }

        impl $($decl)* Clusterer for $Any <$n> {
            fn assign_one(&self, x: &Self::Input) -> Option<u8> {
                match self { $(Self::$arm(l) => l.assign_one(x)),+ }
            }
        }
    };
    (fuser $Any:ident { $($decl:tt)* } { <$n:ident> } $($arm:ident)+) => {
        $crate::registry::role! { @learner($crate::sample::Sample<$n>) $Any { $($decl)* } { <$n> } $($arm)+ }

        impl $($decl)* Fuser for $Any <$n> {
            fn fuse(&self, x: &Self::Input) -> Option<f32> {
                match self { $(Self::$arm(l) => l.fuse(x)),+ }
            }
        }
    };
    (sketch $Any:ident { $($decl:tt)* } { $($args:tt)* } $($arm:ident)+) => {
        $crate::registry::role! { @learner(u64) $Any { $($decl)* } { $($args)* } $($arm)+ }

        impl $($decl)* Sketch for $Any $($args)* {
            fn estimate_one(&self, key: u64) -> f32 {
                match self { $(Self::$arm(l) => l.estimate_one(key)),+ }
            }
        }
    };
    (regressor $Any:ident { $($decl:tt)* } { <$n:ident> } $($arm:ident)+) => {
        $crate::registry::role! { @supervised($crate::sample::Sample<$n>, f32) $Any { $($decl)* } { <$n> } $($arm)+ }

        impl $($decl)* Regressor for $Any <$n> {
            fn predict_one(&self, x: &Self::Input) -> Option<f32> {
                match self { $(Self::$arm(l) => l.predict_one(x)),+ }
            }
        }
    };
    (recommender $Any:ident { $($decl:tt)* } { <$n:ident> } $($arm:ident)+) => {
        $crate::registry::role! { @supervised($crate::sample::Sample<$n>, u16) $Any { $($decl)* } { <$n> } $($arm)+ }

        impl $($decl)* Recommender for $Any <$n> {
            fn recommend_one(&self, x: &Self::Input) -> Option<Recommendation> {
                match self { $(Self::$arm(l) => l.recommend_one(x)),+ }
            }
        }
    };
    (classifier $Any:ident { $($decl:tt)* } { <$n:ident, $c:ident> } $($arm:ident)+) => {
        $crate::registry::role! { @supervised($crate::sample::Sample<$n>, u8) $Any { $($decl)* } { <$n, $c> } $($arm)+ }

        impl $($decl)* Classifier for $Any <$n, $c> {
            type Shares = [f32; $c];

            fn proba_one(&self, x: &Self::Input) -> Option<[f32; $c]> {
                match self { $(Self::$arm(l) => l.proba_one(x)),+ }
            }

            fn predict_one(&self, x: &Self::Input) -> Option<u8> {
                match self { $(Self::$arm(l) => l.predict_one(x)),+ }
            }
        }
    };
}

pub(crate) use {registry, role};
