use core::f32::consts::LN_10;

use serde::{Deserialize, Serialize};

use super::KMeans;
use crate::linear::features;
use crate::math;
use crate::sample::Sample;
use crate::stats::EwMeanVar;
use crate::traits::{AnomalyDetector, Clusterer, Learner, Statistic, Validate};

/// How long one mode lasts, in samples.
/// ```
/// use brooklet_core::{cluster::OperatingModes, sample::Sample, traits::Learner};
/// let mut modes = OperatingModes::<1, 2, 100>::new(0.0, 1);
/// for i in 0..240u8 { modes.learn_one(&Sample::new([f32::from(i / 4 % 2)]).unwrap()); } // four off, four on
/// let [a, b] = [0, 1].map(|mode| modes.dwell(mode).unwrap());
/// assert_eq!((a.present + b.present, a.longest, b.longest), (4, 4, 4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dwell {
    /// Mean of the stays that ended.
    pub mean: f32,
    /// The longest stay, the present one included.
    pub longest: u32,
    /// Samples since the mode began; 0 if it is not the present one.
    pub present: u32,
}

/// The modes of a machine, in which order they follow each other, and how long they last.
///
/// Formula: the mode of a sample is its cluster by [`KMeans`]; a mode begins when `hold` samples in a row are of it.
/// `p(i to j) = (times + 1/2) / (changes out of i + (K-1)/2)`, older changes fading with `HORIZON`, gives the surprise of a
/// change `-log10 p`. The logarithm of a stay has mean `m` and deviation `s` (at least 0.25); with `z = (ln d - m) / s`
/// the surprise of a stay of `d` samples is `z² / (2 ln 10)` where `z > 0` and five stays are known, at most 6.
///
/// For machines that run programmes: idle, run-up, load, wash. It notices the change that never was and the stay that
/// does not end, which no limit on a single value can. Modes must be compact clusters of the features, which should be
/// of similar scale; with more clusters than modes, a mode falls apart into two that change at random. Says nothing
/// about values: put a detector beside it.
///
/// `K`: 2 to 255 modes. `HORIZON`: changes out of a mode and stays that are remembered, 2 and up. `rate`: of the
/// clusters, 0 to 1. `hold`: 1 and up, in samples; a flicker shorter than that is no change. Memory:
/// `4 K (N + K + 5) + 20` bytes. Cost: `K` distances; at a change `K` divisions and two logarithms.
/// ```
/// use brooklet_core::{cluster::OperatingModes, sample::Sample};
/// use brooklet_core::traits::{AnomalyDetector, Learner};
/// let mut modes = OperatingModes::<1, 3, 100>::new(0.0, 1);
/// let load = |i: u16| Sample::new([[0.0, 0.0, 0.0, 50.0, 50.0, 90.0][usize::from(i % 6)]]).unwrap();
/// for i in 0..600 { modes.learn_one(&load(i)); } // 600 begins anew with 0: the last was 90
/// assert!(modes.score_one(&load(0)).unwrap() < 0.1); // as always
/// assert!(modes.score_one(&load(3)).unwrap() > 1.5); // never went from 90 to 50
/// ```
/// Source: Markov chain with the prior of Krichevsky and Trofimov 1981, doi:10.1109/TIT.1981.1056331; dwell times
/// log-normal. Checked by hand-worked cases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperatingModes<const N: usize, const K: usize, const HORIZON: u32> {
    clusters: KMeans<N, K>,
    /// Changes from row to column.
    #[serde(with = "crate::array::nested")]
    changes: [[f32; K]; K],
    /// Logarithms of the stays that ended.
    #[serde(with = "crate::array")]
    stays: [EwMeanVar<HORIZON>; K],
    #[serde(with = "crate::array")]
    longest: [u32; K],
    mode: Option<u8>,
    /// Samples in the present mode.
    present: u32,
    /// Another mode that samples in a row are of, and how many.
    next: u8,
    next_for: u16,
    hold: u16,
}

impl<const N: usize, const K: usize, const HORIZON: u32> OperatingModes<N, K, HORIZON> {
    const SHAPE: () = assert!(K >= 2 && HORIZON >= 2);
    const MOST: f32 = 6.0;
    /// Stays of one length exactly still vary by a quarter.
    const STEADIEST: f32 = 0.25;
    const KNOWN: f32 = 5.0;

    /// Nothing learnt; settings are brought into range.
    #[must_use]
    pub const fn new(rate: f32, hold: u16) -> Self {
        Self::with_clusters(KMeans::new(rate), hold)
    }

    /// Modes by given clusters, see [`KMeans::with_centroids`].
    #[must_use]
    pub const fn with_clusters(clusters: KMeans<N, K>, hold: u16) -> Self {
        let () = Self::SHAPE;
        Self {
            clusters,
            changes: [[0.0; K]; K],
            stays: [EwMeanVar::new(); K],
            longest: [0; K],
            mode: None,
            present: 0,
            next: 0,
            next_for: 0,
            hold: if hold > 0 { hold } else { 1 },
        }
    }

    /// The clusters.
    #[must_use]
    pub const fn clusters(&self) -> &KMeans<N, K> {
        &self.clusters
    }

    /// The present mode; `None` while the clusters are seeded.
    #[must_use]
    pub const fn mode(&self) -> Option<u8> {
        self.mode
    }

    /// The stays in a mode; `None` before one ended.
    #[must_use]
    pub fn dwell(&self, mode: u8) -> Option<Dwell> {
        let (stays, longest) = (self.stays.get(usize::from(mode))?, self.longest.get(usize::from(mode))?);
        let (mean, var) = stays.value()?;
        let present = if self.mode == Some(mode) { self.present } else { 0 };
        // The mean of a log-normal quantity.
        Some(Dwell { mean: math::exp(mean + 0.5 * var), longest: Ord::max(*longest, present), present })
    }

    /// How likely a change out of `from` leads to `to`; 0 for a mode and itself and for modes that do not exist.
    #[must_use]
    pub fn transition(&self, from: u8, to: u8) -> f32 {
        let row = self.changes.get(usize::from(from));
        let (Some(row), true) = (row, from != to && usize::from(to) < K) else { return 0.0 };
        let times = row.get(usize::from(to)).copied().unwrap_or(0.0);
        let all: f32 = row.iter().sum();
        // Into K - 1 other modes.
        (times + 0.5) / (all + 0.5 * (K as f32 - 1.0))
    }

    /// The surprise of a change, in powers of ten; 0 while no change out of `from` is known.
    #[must_use]
    pub fn change_surprise(&self, from: u8, to: u8) -> f32 {
        let known =
            self.changes.get(usize::from(from)).is_some_and(|row| row.iter().any(|times| *times > 0.0));
        if from == to || !known {
            return 0.0;
        }
        math::clamp(-math::log10(math::max(self.transition(from, to), 1e-9)), 0.0, Self::MOST)
    }

    /// The surprise of so long a stay, in powers of ten; 0 while fewer than five stays are known.
    /// ```
    /// use brooklet_core::{cluster::OperatingModes, sample::Sample, traits::Learner};
    /// let mut modes = OperatingModes::<1, 2, 100>::new(0.0, 1);
    /// for i in 0..240u8 { modes.learn_one(&Sample::new([f32::from(i / 4 % 2)]).unwrap()); } // stays of four
    /// assert!(modes.dwell_surprise(0, 4) < 0.1 && modes.dwell_surprise(0, 40) > 3.0);
    /// ```
    #[must_use]
    pub fn dwell_surprise(&self, mode: u8, samples: u32) -> f32 {
        let known = self.stays.get(usize::from(mode)).filter(|stays| stays.count() >= Self::KNOWN);
        let Some(stays) = known else { return 0.0 };
        let z = (math::ln(math::max(samples as f32, 1.0)) - stays.mean())
            / math::max(stays.sd(), Self::STEADIEST);
        if z > 0.0 { math::min(z * z / (2.0 * LN_10), Self::MOST) } else { 0.0 }
    }

    /// Where the next sample, of cluster `cluster`, leads: the run of another mode so far, or none.
    const fn run(&self, cluster: u8) -> u16 {
        if self.next == cluster { self.next_for.saturating_add(1) } else { 1 }
    }

    fn change(&mut self, from: u8, to: u8) {
        if let Some(row) = self.changes.get_mut(usize::from(from)) {
            let all: f32 = row.iter().sum();
            if all >= HORIZON as f32 {
                row.iter_mut().for_each(|times| *times *= 1.0 - 1.0 / HORIZON as f32);
            }
            if let Some(times) = row.get_mut(usize::from(to)) {
                *times += 1.0;
            }
        }
        if let Some((stays, longest)) =
            self.stays.get_mut(usize::from(from)).zip(self.longest.get_mut(usize::from(from)))
        {
            stays.learn_one(&math::ln(math::max(self.present as f32, 1.0)));
            *longest = Ord::max(*longest, self.present);
        }
    }
}

impl<const N: usize, const K: usize, const HORIZON: u32> Learner for OperatingModes<N, K, HORIZON> {
    type Input = Sample<N>;

    fn learn_one(&mut self, x: &Sample<N>) {
        let Some(cluster) = self.clusters.draw(&features(x)) else { return };
        match self.mode {
            Some(mode) if mode == cluster => {
                // The flicker belonged to this mode.
                self.present = self.present.saturating_add(u32::from(self.next_for)).saturating_add(1);
                self.next_for = 0;
            }
            Some(mode) => {
                let run = self.run(cluster);
                if self.next != cluster {
                    self.present = self.present.saturating_add(u32::from(self.next_for));
                }
                if run >= self.hold {
                    self.change(mode, cluster);
                    (self.mode, self.present, self.next_for) = (Some(cluster), u32::from(run), 0);
                } else {
                    (self.next, self.next_for) = (cluster, run);
                }
            }
            None => (self.mode, self.present) = (Some(cluster), 1),
        }
    }

    fn reset(&mut self) {
        self.clusters.reset();
        *self = Self::with_clusters(self.clusters, self.hold);
    }
}

impl<const N: usize, const K: usize, const HORIZON: u32> Clusterer for OperatingModes<N, K, HORIZON> {
    /// The cluster of the sample; whether the machine is in that mode already is another question.
    fn assign_one(&self, x: &Sample<N>) -> Option<u8> {
        self.clusters.assign_one(x)
    }
}

impl<const N: usize, const K: usize, const HORIZON: u32> AnomalyDetector for OperatingModes<N, K, HORIZON> {
    /// The surprise if `x` came next: of the change that it would complete, else of the stay that it prolongs.
    fn score_one(&self, x: &Sample<N>) -> Option<f32> {
        let (mode, cluster) = (self.mode?, self.clusters.assign_one(x)?);
        let longer = self.present.saturating_add(u32::from(self.next_for)).saturating_add(1);
        Some(if cluster != mode && self.run(cluster) >= self.hold {
            self.change_surprise(mode, cluster)
        } else {
            self.dwell_surprise(mode, longer)
        })
    }
}

impl<const N: usize, const K: usize, const HORIZON: u32> Validate for OperatingModes<N, K, HORIZON> {
    fn is_valid(&self) -> bool {
        self.clusters.is_valid()
            && self.changes.iter().flatten().all(|times| (0.0..=HORIZON as f32 + 1.0).contains(times))
            && self.stays.iter().all(Validate::is_valid)
            && self.mode.is_none_or(|mode| usize::from(mode) < K)
            && usize::from(self.next) < K
            && self.next_for < self.hold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// A washing cycle: idle 20, fill 5, wash 30, spin 10 samples.
    fn cycles(modes: &mut OperatingModes<1, 4, 50>, times: usize) {
        for _ in 0..times {
            for (value, len) in [(0.0, 20), (10.0, 5), (20.0, 30), (30.0, 10)] {
                (0..len).for_each(|_| modes.learn_one(&Sample::new([value]).unwrap()));
            }
        }
    }

    fn taught(hold: u16) -> (OperatingModes<1, 4, 50>, [u8; 4]) {
        let clusters = KMeans::with_centroids(0.0, [[20.0], [0.0], [30.0], [10.0]], [1.0; 4]);
        let mut modes = OperatingModes::with_clusters(clusters, hold);
        cycles(&mut modes, 20);
        (modes, [1, 3, 0, 2])
    }

    #[test]
    fn knows_order_and_dwell() {
        let (modes, [idle, fill, wash, spin]) = taught(1);
        assert_eq!(modes.mode(), Some(spin));
        // 20 changes from idle to fill: (20 + 1/2) / (20 + 3/2).
        assert!((modes.transition(idle, fill) - 20.5 / 21.5).abs() < 1e-6);
        assert!((modes.change_surprise(idle, wash) - (21.5f32 / 0.5).log10()).abs() < 1e-5);
        let dwell = modes.dwell(wash).unwrap();
        assert!((dwell.mean - 30.0).abs() < 0.01 && dwell.longest == 30 && dwell.present == 0, "{dwell:?}");
        assert_eq!(modes.dwell(spin).unwrap().present, 10);
        assert_eq!((modes.transition(idle, idle), modes.transition(9, 0)), (0.0, 0.0));
    }

    #[test]
    fn an_overlong_stay_surprises_more_and_more() {
        let (mut modes, _) = taught(1);
        let spin = Sample::new([30.0]).unwrap();
        let mut before = 0.0;
        for i in 11..60 {
            let now = modes.score_one(&spin).unwrap();
            assert!(now >= before);
            assert!((now < 0.6) == (i < 16), "{i}: {now}"); // z = ln(16/10) / 0.25 = 1.88
            before = now;
            modes.learn_one(&spin);
        }
        assert_eq!(before, 6.0);
    }

    #[test]
    fn a_flicker_is_no_change() {
        let (mut modes, [_, _, _, spin]) = taught(3);
        let (spin_sample, idle_sample) = (Sample::new([30.0]).unwrap(), Sample::new([0.0]).unwrap());
        for x in [&idle_sample, &idle_sample, &spin_sample] {
            modes.learn_one(x);
        }
        assert_eq!((modes.mode(), modes.dwell(spin).unwrap().present), (Some(spin), 13));
        (0..3).for_each(|_| modes.learn_one(&idle_sample));
        assert_ne!(modes.mode(), Some(spin));
        assert_eq!(modes.present, 3);
    }

    #[test]
    fn finds_the_modes_by_itself() {
        let (mut rng, mut modes) = (Rng::new(6), OperatingModes::<2, 3, 50>::new(0.001, 2));
        for i in 0..3000u16 {
            let centre = [[0.0, 0.0], [5.0, 5.0], [5.0, -5.0]][usize::from(i / 20 % 3)];
            modes.learn_one(&Sample::new(centre.map(|c| c + 0.3 * rng.normal())).unwrap());
        }
        let at = |x, y| modes.assign_one(&Sample::new([x, y]).unwrap()).unwrap();
        let (a, b, c) = (at(0.0, 0.0), at(5.0, 5.0), at(5.0, -5.0));
        assert!(
            modes.transition(a, b) > 0.95 && modes.transition(b, c) > 0.95 && modes.transition(c, a) > 0.95
        );
        assert!((modes.dwell(a).unwrap().mean - 20.0).abs() < 0.5, "{:?}", modes.dwell(a));
    }
}
