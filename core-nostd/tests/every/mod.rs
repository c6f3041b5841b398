//! Every registered learner of every family behind one interface, for whatever has to go over all of them: tests,
//! benches, fuzzing, the program that proves that nothing panics. Each of those includes this file.
//!
//! A new learner needs nothing here. A new family needs its line in `families!`, which
//! `nothing_is_left_out` in `tests/tables.rs` asks for.
#![allow(
    dead_code,
    unused_imports,
    unused_macro_rules,
    unused_macros,
    unreachable_pub,
    missing_docs,
    reason = "not every includer uses all of it"
)]

use brooklet_core::anomaly::Row as DeviceRow;
use brooklet_core::math;
use brooklet_core::registry;
use brooklet_core::rng::Rng;
use brooklet_core::sample::{Moment, Sample};
use brooklet_core::snapshot::Snapshot;
use brooklet_core::traits::*;

/// Features of a row.
pub const WIDTH: usize = 8;
/// Classes of the stream: no fault, fault.
pub const CLASSES: usize = 2;

/// One row of the stream: every role picks from it what it learns from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Number of the row, from 0.
    pub index: u32,
    /// About -1 to 2; finite.
    pub features: [f32; WIDTH],
    /// 1 for a fault, about one row in a hundred; else 0.
    pub label: u8,
    /// A linear mix of the features with a little noise; finite.
    pub target: f32,
}

impl Row {
    fn is_finite(&self) -> bool {
        self.target.is_finite() && self.features.iter().all(|v| v.is_finite())
    }

    fn first(&self) -> f32 {
        self.features.first().copied().unwrap_or(0.0)
    }

    fn second(&self) -> f32 {
        self.features.get(1).copied().unwrap_or(0.0)
    }

    fn sample(&self) -> Option<Sample<WIDTH>> {
        Sample::new(self.features)
    }

    fn moment(&self) -> Option<Moment> {
        Moment::new(self.first(), Some(i64::from(self.index).saturating_mul(60_000)))
    }

    /// As the channels of a device: one row in ten lacks one of them.
    fn cells(&self) -> DeviceRow<WIDTH> {
        let mut cells = DeviceRow::new(None);
        for (channel, value) in self.features.iter().enumerate() {
            if self.index.checked_rem(10) != Some(3) || channel != 3 {
                cells.set(channel, *value);
            }
        }
        cells
    }

    /// On a clock that is no better than clocks are: bursts of 20 samples, pauses, times that come late, stand still or are
    /// missing, and a clock that is set back for good.
    fn clocked(&self) -> Option<Moment> {
        let i = i64::from(self.index);
        let (burst, place) = (i / 20, i % 20);
        let pauses = burst.saturating_mul(240).saturating_add((burst / 5).saturating_mul(1200));
        let seconds = pauses.saturating_add(place.saturating_mul(7));
        let seconds = if i >= 400 { seconds.saturating_sub(7200) } else { seconds };
        let time = match i % 37 {
            11 => None,
            17 => Some(seconds.saturating_sub(95)),
            23 => Some(seconds.saturating_sub(7)),
            _ => Some(seconds),
        };
        Moment::new(self.first(), time.map(|s| s.saturating_mul(1000)))
    }
}

/// The stream of all benches: eight sensors with cycles and noise; in faults, which last some 19 rows, three of them
/// move away. The same rows on every machine.
#[derive(Clone, Debug)]
pub struct Stream {
    rng: Rng,
    index: u32,
    fault: u32,
}

impl Stream {
    /// From the first row.
    pub const fn new(seed: u64) -> Self {
        Self { rng: Rng::new(seed), index: 0, fault: 0 }
    }
}

impl Iterator for Stream {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if self.fault > 0 {
            self.fault = self.fault.wrapping_sub(1);
        } else if self.rng.uniform() < 0.0005 {
            self.fault = 19;
        }
        let mut features = [0.0; WIDTH];
        let mut target = 0.1 * self.rng.normal();
        let mut at = 0u32;
        for feature in &mut features {
            // Cycles of 200 to 1600 rows.
            let cycle = at.wrapping_add(1).wrapping_mul(200);
            let phase = self.index.checked_rem(cycle).unwrap_or(0) as f32 / cycle as f32;
            let shift = if self.fault > 0 && at < 3 { 0.4 } else { 0.0 };
            *feature =
                0.5 + 0.25 * math::sin(core::f32::consts::TAU * phase) + 0.06 * self.rng.normal() + shift;
            target += (at as f32 - 3.0) * *feature;
            at = at.wrapping_add(1);
        }
        let row = Row { index: self.index, features, label: u8::from(self.fault > 0), target };
        self.index = self.index.wrapping_add(1);
        Some(row)
    }
}

/// The enum of a family, whatever its role.
pub trait Family: Snapshot + Clone + PartialEq + core::fmt::Debug {
    /// What is learnt from.
    type Event: Clone;
    /// What is answered.
    type Answer;
    /// The role, in lower case.
    const ROLE: &'static str;
    /// The family's name in configuration files.
    const NAME: &'static str;
    /// Its registry.
    const ROWS: &'static [registry::Row];
    /// The learner of that name.
    fn make(name: &str) -> Option<Self>;
    /// What this role takes from a row; `None` if the row is not finite.
    fn event(row: &Row) -> Option<Self::Event>;
    /// Score, predict, transform, forecast: whatever the role does without learning.
    fn answer(&self, event: &Self::Event) -> Option<Self::Answer>;
    /// Passes on every number of the answer.
    fn figures(answer: &Self::Answer, each: &mut dyn FnMut(f32));
    /// Passes on all that can be asked about the event, not only the answer; `None` for what is not known.
    fn observe(&self, event: &Self::Event, each: &mut dyn FnMut(Option<f32>));
    /// True if the answer is made of finite numbers.
    fn is_finite(answer: &Self::Answer) -> bool {
        let mut finite = true;
        Self::figures(answer, &mut |figure| finite &= figure.is_finite());
        finite
    }
    /// Learns the event.
    fn learn(&mut self, event: &Self::Event);
    /// Back to new.
    fn restart(&mut self);
}

/// Something to be done with every family.
pub trait Visitor {
    /// Called once a family.
    fn family<F: Family>(&mut self);
}

macro_rules! families {
    ($($role:ident $Any:ty;)+) => {
        /// Every family, one after the other.
        pub fn each(visitor: &mut impl Visitor) {
            $(visitor.family::<$Any>();)+
        }

        $(family! { $role $Any })+
    };
}

/// What a role learns from and answers.
macro_rules! family {
    (detector $Any:ty) => {
        family! { @ $Any, "detector", |row| row.moment(),
        |l, x| AnomalyDetector::score_one(l, x), f32, |a, each| each(*a),
        |l, x, each| {
            each(Some(Protect::level_one(l, x)));
            let because = Explain::explain_one(l, x);
            let why = because.evidence.into_iter().chain([because.expected, because.low, because.high]);
            why.for_each(|figure| each(Some(figure)));
        } }
    };
    (joint_detector $Any:ty) => {
        family! { @ $Any, "joint_detector", |row| Some(row.cells()),
        |l, x| AnomalyDetector::score_one(l, x), f32, |a, each| each(*a),
        |l, x, each| {
            each(Some(Protect::level_one(l, x)));
            let because = Explain::explain_one(l, x);
            because.evidence.into_iter().for_each(|figure| each(Some(figure)));
            for part in because.channels {
                let figures = part.map(|p| [f32::from(p.channel), p.share, p.value, p.expected, p.sd]);
                figures.into_iter().flatten().for_each(|figure| each(Some(figure)));
            }
        } }
    };
    (statistic $Any:ty) => {
        family! { @ $Any, "statistic", |row| Some(row.first()),
        |l, _x| Statistic::value(l), f32, |a, each| each(*a) }
    };
    (pair_statistic $Any:ty) => {
        family! { @ $Any, "pair_statistic", |row| Some((row.first(), row.second())),
        |l, _x| Statistic::value(l), f32, |a, each| each(*a) }
    };
    (transformer $Any:ty) => {
        family! { @ $Any, "transformer", |row| row.sample(),
        |l, x| Transformer::transform_one(l, x), <$Any as Transformer>::Output,
        |a, each| a.values().iter().for_each(|v| each(*v)) }
    };
    (imputer $Any:ty) => {
        family! { @ $Any, "imputer",
        |row| Some((row.index.checked_rem(10) != Some(3)).then_some(row.first())),
        |l, x| Transformer::transform_one(l, x), <$Any as Transformer>::Output,
        |a, each| [a.value, f32::from(u8::from(a.measured))].into_iter().for_each(each) }
    };
    (windower $Any:ty) => {
        family! { @ $Any, "windower", |row| row.clocked(),
        |l, _x| Windower::closed(l), <$Any as Windower>::Output,
        |a, each| {
            let length = a.end.saturating_sub(a.start) as f32;
            a.figures().into_iter().chain([a.count as f32, length]).for_each(each)
        } }
    };
    (scorer $Any:ty) => {
        family! { @ $Any, "scorer", |row| row.sample(),
        |l, x| Scorer::raw_one(l, x), f32, |a, each| each(*a) }
    };
    (drift $Any:ty) => {
        family! { @ $Any, "drift", |row| Some(row.first()),
        |l, _x| Some((DriftDetector::drifted(l), DriftDetector::warned(l))), (bool, bool),
        |a, each| [a.0, a.1].into_iter().for_each(|b| each(f32::from(u8::from(b)))) }
    };
    (threshold $Any:ty) => {
        family! { @ $Any, "threshold", |row| Some(row.first()),
        |l, _x| Threshold::threshold(l), f32, |a, each| each(*a) }
    };
    (forecaster $Any:ty) => {
        family! { @ $Any, "forecaster", |row| Some(row.first()),
        |l, _x| Forecaster::forecast(l, 1), Forecast, |a, each| [a.value, a.sd].into_iter().for_each(each),
        |l, _x, each| for ahead in [2, 24, 1000, u16::MAX] {
            let far = Forecaster::forecast(l, ahead);
            each(far.map(|f| f.value));
            each(far.map(|f| f.sd));
        } }
    };
    (prognoser $Any:ty) => {
        family! { @ $Any, "prognoser", |row| Some(row.first()),
        |l, _x| Prognoser::remaining(l), Remaining,
        |a, each| [a.samples, a.soonest, a.latest].into_iter().for_each(each) }
    };
    (clusterer $Any:ty) => {
        family! { @ $Any, "clusterer", |row| row.sample(),
        |l, x| Clusterer::assign_one(l, x), u8, |a, each| each(f32::from(*a)) }
    };
    (fuser $Any:ty) => {
        family! { @ $Any, "fuser", |row| row.sample(),
        |l, x| Fuser::fuse(l, x), f32, |a, each| each(*a) }
    };
    (sketch $Any:ty) => {
        family! { @ $Any, "sketch", |row| Some((row.first() * 1000.0) as u64),
        |l, x| Some(Sketch::estimate_one(l, *x)), f32, |a, each| each(*a),
        |l, _x, each| each(Some(Sketch::estimate_one(l, 1))) }
    };
    (regressor $Any:ty) => {
        family! { @answers $Any, "regressor", f32, |row| Some((row.sample()?, row.target)),
        |l, x| Regressor::predict_one(l, &x.0), f32, |a, each| each(*a) }
    };
    (recommender $Any:ty) => {
        family! { @answers $Any, "recommender", u16,
        |row| Some((row.sample()?, row.index as u16 & 63)),
        |l, x| Recommender::recommend_one(l, &x.0), Recommendation,
        |a, each| [f32::from(a.key), a.similarity].into_iter().for_each(each) }
    };
    (classifier $Any:ty) => {
        family! { @answers $Any, "classifier", u8, |row| Some((row.sample()?, row.label)),
        |l, x| Classifier::proba_one(l, &x.0), <$Any as Classifier>::Shares,
        |a, each| a.as_ref().iter().for_each(|v| each(*v)),
        |l, x, each| each(Classifier::predict_one(l, &x.0).map(f32::from)) }
    };
    (@ $Any:ty, $role:literal, |$row:ident| $event:expr, |$l:ident, $x:ident| $ask:expr, $answer:ty,
        |$a:ident, $each:ident| $figures:expr $(, |$o:ident, $ox:ident, $oeach:ident| $more:expr)?) => {
        impl Family for $Any {
            type Event = <$Any as Learner>::Input;
            fn learn(&mut self, event: &Self::Event) {
                Learner::learn_one(self, event);
            }
            fn restart(&mut self) {
                Learner::reset(self);
            }
            family! { @body $Any, $role, |$row| $event, |$l, $x| $ask, $answer, |$a, $each| $figures
                $(, |$o, $ox, $oeach| $more)? }
        }
    };
    (@answers $Any:ty, $role:literal, $target:ty, |$row:ident| $event:expr, |$l:ident, $x:ident| $ask:expr,
        $answer:ty, |$a:ident, $each:ident| $figures:expr $(, |$o:ident, $ox:ident, $oeach:ident| $more:expr)?) => {
        impl Family for $Any {
            type Event = (Sample<WIDTH>, $target);
            fn learn(&mut self, event: &Self::Event) {
                Supervised::learn_one(self, &event.0, &event.1);
            }
            fn restart(&mut self) {
                Supervised::reset(self);
            }
            family! { @body $Any, $role, |$row| $event, |$l, $x| $ask, $answer, |$a, $each| $figures
                $(, |$o, $ox, $oeach| $more)? }
        }
    };
    (@body $Any:ty, $role:literal, |$row:ident| $event:expr, |$l:ident, $x:ident| $ask:expr, $answer:ty,
        |$a:ident, $each:ident| $figures:expr $(, |$o:ident, $ox:ident, $oeach:ident| $more:expr)?) => {
        type Answer = $answer;
        const ROLE: &'static str = $role;
        const NAME: &'static str = <$Any>::FAMILY;
        const ROWS: &'static [registry::Row] = <$Any>::ROWS;
        fn make(name: &str) -> Option<Self> {
            <$Any>::from_name(name)
        }
        fn event($row: &Row) -> Option<Self::Event> {
            if $row.is_finite() { $event } else { None }
        }
        fn answer(&self, $x: &Self::Event) -> Option<Self::Answer> {
            let $l = self;
            $ask
        }
        fn figures($a: &Self::Answer, $each: &mut dyn FnMut(f32)) {
            $figures
        }
        fn observe(&self, event: &Self::Event, each: &mut dyn FnMut(Option<f32>)) {
            match self.answer(event) {
                Some(answer) => Self::figures(&answer, &mut |figure| each(Some(figure))),
                None => each(None),
            }
            $(
                let ($o, $ox, $oeach) = (self, event, each);
                $more
            )?
        }
    };
}

families! {
    detector brooklet_core::anomaly::Detector;
    scorer brooklet_core::anomaly::AnyScorer<WIDTH>;
    joint_detector brooklet_core::anomaly::AnyJoint<WIDTH>;
    classifier brooklet_core::classify::AnyClassifier<WIDTH, CLASSES>;
    clusterer brooklet_core::cluster::AnyClusterer<WIDTH>;
    drift brooklet_core::drift::AnyDriftDetector;
    pair_statistic brooklet_core::evaluate::AnyMetric;
    forecaster brooklet_core::forecast::AnyForecaster;
    fuser brooklet_core::fuse::AnyFuser<WIDTH>;
    transformer brooklet_core::preprocess::AnyTransformer<WIDTH>;
    imputer brooklet_core::preprocess::AnyImputer;
    prognoser brooklet_core::prognose::AnyPrognoser;
    statistic brooklet_core::quantile::AnyQuantile;
    recommender brooklet_core::recommend::AnyRecommender<WIDTH>;
    regressor brooklet_core::regress::AnyRegressor<WIDTH>;
    sketch brooklet_core::sketch::AnySketch;
    drift brooklet_core::spc::AnyChart;
    scorer brooklet_core::spc::AnyVectorChart<WIDTH>;
    statistic brooklet_core::spectral::AnySpectral;
    statistic brooklet_core::stats::AnyStatistic;
    threshold brooklet_core::threshold::AnyThreshold;
    windower brooklet_core::window::AnyWindow;
    statistic brooklet_core::window::AnyRolling;
}
