//! How the checks learn from, ask and reset a family of each role.

use brooklet_core::registry::Row;
use brooklet_core::snapshot::Snapshot;

/// A family's enum, whatever its role.
pub(crate) trait Family: Clone + std::fmt::Debug + PartialEq + Snapshot {
    type Event: Clone + std::fmt::Debug;

    fn family() -> &'static str;
    fn rows() -> &'static [Row];
    fn named(name: &str) -> Option<Self>;
    fn event(next: &mut dyn FnMut() -> f32, index: usize) -> Self::Event;
    fn learn(&mut self, event: &Self::Event);
    fn start_over(&mut self);
    /// All that it says about the event.
    fn observe(&self, event: &Self::Event) -> Vec<Option<f32>>;
}

macro_rules! role {
    (statistic $Any:ty) => { super::roles::role!(@learner $Any, f32, |l, _x| vec![l.value()]); };
    (pair_statistic $Any:ty) => { super::roles::role!(@learner $Any, (f32, f32), |l, _x| vec![l.value()]); };
    (transformer $Any:ty) => {
        super::roles::role!(@learner $Any, Sample<4>, |l, x| match l.transform_one(x) {
            Some(y) => y.values().iter().copied().map(Some).collect(),
            None => vec![None],
        });
    };
    (imputer $Any:ty) => {
        super::roles::role!(@learner $Any, Option<f32>, |l, x| match l.transform_one(x) {
            Some(y) => vec![Some(y.value), Some(f32::from(u8::from(y.measured)))],
            None => vec![None],
        });
    };
    (windower $Any:ty) => {
        super::roles::role!(@family $Any, super::Clocked, |m, e| m.learn_one(&e.0), |l, _x| match l.closed() {
            Some(w) => {
                assert!(w.count > 0 && w.start <= w.end, "{w:?}");
                let length = w.end.saturating_sub(w.start) as f32;
                w.figures().into_iter().chain([w.count as f32, length]).map(Some).collect()
            }
            None => vec![None],
        });
    };
    (detector $Any:ty) => {
        super::roles::role!(@learner $Any, Moment, |l, x| {
            let because = l.explain_one(x);
            let why = because.evidence.into_iter().chain([because.expected, because.low, because.high]);
            [l.score_one(x), Some(l.level_one(x))].into_iter().chain(why.map(Some)).collect()
        });
    };
    (scorer $Any:ty) => { super::roles::role!(@learner $Any, Sample<4>, |l, x| vec![l.raw_one(x)]); };
    (drift $Any:ty) => {
        super::roles::role!(@learner $Any, f32, |l, _x| [l.drifted(), l.warned()].map(|b| Some(f32::from(u8::from(b)))).to_vec());
    };
    (threshold $Any:ty) => { super::roles::role!(@learner $Any, f32, |l, _x| vec![l.threshold()]); };
    (forecaster $Any:ty) => {
        super::roles::role!(@learner $Any, f32, |l, _x| {
            let steps = [1, 2, 24, u16::MAX].map(|ahead| l.forecast(ahead));
            steps.iter().flat_map(|f| [f.map(|f| f.value), f.map(|f| f.sd)]).collect()
        });
    };
    (prognoser $Any:ty) => {
        super::roles::role!(@learner $Any, f32, |l, _x| {
            let left = l.remaining();
            vec![left.map(|r| r.samples), left.map(|r| r.soonest), left.map(|r| r.latest)]
        });
    };
    (clusterer $Any:ty) => { super::roles::role!(@learner $Any, Sample<4>, |l, x| vec![l.assign_one(x).map(f32::from)]); };
    (fuser $Any:ty) => { super::roles::role!(@learner $Any, Sample<4>, |l, x| vec![l.fuse(x)]); };
    (sketch $Any:ty) => { super::roles::role!(@learner $Any, u64, |l, x| vec![Some(l.estimate_one(*x)), Some(l.estimate_one(1))]); };
    (regressor $Any:ty) => { super::roles::role!(@supervised $Any, (Sample<4>, f32), |l, x| vec![l.predict_one(x)]); };
    (recommender $Any:ty) => {
        super::roles::role!(@supervised $Any, (Sample<4>, u16), |l, x| {
            let case = l.recommend_one(x);
            vec![case.map(|c| f32::from(c.key)), case.map(|c| c.similarity), case.map(|c| c.times as f32)]
        });
    };
    (classifier $Any:ty) => {
        super::roles::role!(@supervised $Any, (Sample<4>, u8), |l, x| {
            let shares = l.proba_one(x);
            let class = l.predict_one(x).map(f32::from);
            (0..3).map(|i| shares.map(|s| s[i])).chain([class]).collect()
        });
    };
    (@learner $Any:ty, $event:ty, |$l:ident, $x:ident| $observe:expr) => {
        super::roles::role!(@family $Any, $event, |m, e| m.learn_one(e), |$l, $x| $observe);
    };
    (@supervised $Any:ty, $event:ty, |$l:ident, $x:ident| $observe:expr) => {
        super::roles::role!(@family $Any, $event, |m, e| m.learn_one(&e.0, &e.1), |$l, e| {
            let $x = &e.0;
            $observe
        });
    };
    (@family $Any:ty, $event:ty, |$m:ident, $e:ident| $learn:expr, |$l:ident, $x:ident| $observe:expr) => {
        #[allow(unused_imports)]
        use super::{Event as _, Moment, Row, Sample, roles};
        #[allow(unused_imports)]
        use brooklet_core::traits::*;

        impl roles::Family for $Any {
            type Event = $event;

            fn family() -> &'static str {
                Self::FAMILY
            }

            fn rows() -> &'static [Row] {
                Self::ROWS
            }

            fn named(name: &str) -> Option<Self> {
                Self::from_name(name)
            }

            fn event(next: &mut dyn FnMut() -> f32, index: usize) -> $event {
                <$event as super::Event>::of(next, index)
            }

            fn learn(&mut self, event: &$event) {
                let ($m, $e) = (self, event);
                $learn;
            }

            fn start_over(&mut self) {
                self.reset();
            }

            fn observe(&self, event: &$event) -> Vec<Option<f32>> {
                let ($l, $x) = (self, event);
                $observe
            }
        }
    };
}

pub(crate) use role;
