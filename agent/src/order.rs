//! The readings of one channel in the order of their own times. Pure: it knows no clock but the times it is given.
//!
//! A stream in order pays nothing: its lateness is 0, nothing is held. Once a reading came late, later ones are held for as
//! long as it would have taken, so that the next straggler finds its place. The watermark is the greatest time seen
//! less the lateness: what lies behind it has been learnt, and what comes in behind it is late.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::reading::Timestamp;

/// Readings held of one channel at most; then the oldest goes.
pub const MOST_HELD: usize = 32;
/// Readings after which a disorder is half forgotten; after as many more it is.
const MEMORY: u16 = 500;
/// An arrival clock may step back so many milliseconds and stands still for it; beyond, it was set.
const STEP_BACK: i64 = 2000;

/// Which times can be, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a reading may be held so that an older one finds its place.
    pub max_lateness: i64,
    /// How far a time may lie behind the clock; `None` for any.
    pub max_past: Option<i64>,
    /// How far it may lie ahead.
    pub max_future: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_lateness: 60_000, max_past: Some(3_600_000), max_future: 300_000 }
    }
}

/// A reading that waits for older ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The value's bits: text would not keep them all.
    value: u32,
    at: Timestamp,
    arrived: Timestamp,
}

impl Held {
    /// A reading with its own time.
    #[must_use]
    pub const fn new(value: f32, at: Timestamp, arrived: Timestamp) -> Self {
        Self { value: value.to_bits(), at, arrived }
    }

    /// What was measured.
    #[must_use]
    pub const fn value(&self) -> f32 {
        f32::from_bits(self.value)
    }

    /// When.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }
}

/// What becomes of a reading that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is next, after all that are held, at this time.
    Now(Timestamp),
    /// It is held; see [`Order::due`].
    Held,
}

/// Why a reading is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its time lies behind the watermark.
    Late,
    /// Another reading of that time was taken.
    Duplicate,
    /// Its time is too far behind the clock.
    Past,
    /// .. or ahead of it.
    Future,
}

/// What was done so that a reading could be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// It came after a later one and was put in its place.
    Reordered,
    /// Its device's clock was set back, and is followed.
    Reset,
    /// Its device's clock is wrong: it has the time of its arrival.
    Replaced,
}

/// The order of one channel's readings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Order {
    /// Time of the last reading learnt.
    last: Option<Timestamp>,
    /// The greatest disorder among the last readings, and among as many before them.
    worst: [i64; 2],
    seen: u16,
    /// The disorder of the late readings since the last one in time: it counts once one in time follows. Messages that
    /// come again, from some way back up to the last, are no disorder.
    pending: i64,
    odd: Option<Odd>,
    /// In the order of their times.
    held: Vec<Held>,
    /// Times of the last readings learnt, while there is disorder: of messages that come again, those that are behind the
    /// last one would else be taken for more of it.
    recent: VecDeque<Timestamp>,
}

/// Readings in a row whose times cannot be: does their clock go as ours does?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Odd {
    readings: u8,
    first: Timestamp,
    newest: Timestamp,
    arrived: Timestamp,
}

impl Odd {
    /// So many readings, over so many milliseconds, are no accident.
    const READINGS: u8 = 5;
    const SPAN: i64 = 10_000;
}

impl Order {
    /// Time of the last reading learnt.
    #[must_use]
    pub const fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// How many readings are held.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held.len()
    }

    /// How long readings are held, in milliseconds: half more than the greatest disorder seen lately.
    #[must_use]
    pub fn lateness(&self, limits: &Limits) -> i64 {
        let worst = self.worst[0].max(self.worst[1]);
        worst.saturating_add(worst / 2).min(limits.max_lateness)
    }

    /// Finds the place of a reading with its own time. The clock judges it only where it is `set`.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn place(
        &mut self,
        reading: Held,
        set: bool,
        limits: &Limits,
    ) -> Result<(Taken, Option<Repair>), Refused> {
        let Held { at, arrived, .. } = reading;
        let off = if set { limits.judge(at, arrived) } else { None };
        if let Some(refused) = off {
            let paces = self.is_odd(at, arrived).is_some_and(|(own, ours)| own <= ours.saturating_mul(2));
            if paces {
                self.pending = 0;
                return Ok((Taken::Now(self.arrival(arrived)), Some(Repair::Replaced)));
            }
            // What goes on where the channel stands was kept somewhere while a link was down.
            if refused == Refused::Future || self.last.is_none_or(|last| at <= last) {
                return Err(refused);
            }
        }
        let newest = self.newest();
        let behind = newest.map_or(0, |newest| newest.0.saturating_sub(at.0)).max(0);
        if self.last == Some(at) || self.held.iter().any(|held| held.at == at) || self.recent.contains(&at) {
            self.pending = 0;
            return Err(Refused::Duplicate);
        }
        if self.last.is_some_and(|last| at < last) {
            return self.late(at, arrived, behind, limits);
        }
        if off.is_none() {
            self.odd = None;
        }
        self.note(behind);
        if newest.is_none_or(|newest| newest < at) && self.lateness(limits) == 0 {
            return Ok((Taken::Now(at), None));
        }
        let place = self.held.partition_point(|held| held.at < at);
        self.held.insert(place, reading);
        Ok((Taken::Held, (behind > 0).then_some(Repair::Reordered)))
    }

    /// A reading behind the watermark. Where all are, and go on as our clock does, the device's clock was set back.
    fn late(
        &mut self,
        at: Timestamp,
        arrived: Timestamp,
        behind: i64,
        limits: &Limits,
    ) -> Result<(Taken, Option<Repair>), Refused> {
        if behind <= limits.max_lateness {
            self.pending = self.pending.max(behind);
            return Err(Refused::Late);
        }
        match self.is_odd(at, arrived) {
            Some((own, ours)) if own <= ours.saturating_mul(2) && ours <= own.saturating_mul(2) => {
                (self.odd, self.pending) = (None, 0);
                Ok((Taken::Now(at), Some(Repair::Reset)))
            }
            _ => Err(Refused::Late),
        }
    }

    /// How far a device's clock and ours went while its times could not be; `None` before that can be said.
    fn is_odd(&mut self, at: Timestamp, arrived: Timestamp) -> Option<(i64, i64)> {
        let begun = Odd { readings: 1, first: at, newest: at, arrived };
        let odd = self.odd.get_or_insert(Odd { readings: 0, ..begun });
        if at < odd.newest || arrived < odd.arrived {
            *odd = begun;
            return None;
        }
        odd.readings = odd.readings.saturating_add(1);
        odd.newest = at;
        let (own, ours) = (at.0.saturating_sub(odd.first.0), arrived.0.saturating_sub(odd.arrived.0));
        if odd.readings < Odd::READINGS || ours < Odd::SPAN {
            return None;
        }
        // Faster than time goes: it was recorded before, and says nothing about a clock.
        if own > ours.saturating_mul(2) {
            *odd = begun;
            return None;
        }
        Some((own, ours))
    }

    /// The time of a reading that has none but that of its arrival.
    #[must_use]
    pub fn arrival(&self, arrived: Timestamp) -> Timestamp {
        let last = self.newest().unwrap_or(arrived);
        let back = last.0.saturating_sub(arrived.0);
        if (0..=STEP_BACK).contains(&back) { last } else { arrived }
    }

    /// Notes that a reading of this time was learnt.
    pub fn learnt(&mut self, at: Timestamp) {
        self.last = Some(at);
        if self.worst != [0; 2] {
            self.recent.truncate(MOST_HELD - 1);
            self.recent.push_front(at);
        } else if !self.recent.is_empty() {
            self.recent = VecDeque::new();
        }
    }

    /// The next reading that waited long enough: the watermark has passed it, or there is no more room.
    pub fn due(&mut self, limits: &Limits) -> Option<Held> {
        let watermark = self.newest()?.0.saturating_sub(self.lateness(limits));
        let due = self.held.len() > MOST_HELD || self.held.first()?.at.0 <= watermark;
        if due { self.pop() } else { None }
    }

    /// The time up to which readings have been held long enough by the clock of their arrival.
    #[must_use]
    pub fn overdue(&self, now: Timestamp, limits: &Limits) -> Option<Timestamp> {
        let lateness = self.lateness(limits);
        let over = |held: &&Held| {
            let waited = now.0.saturating_sub(held.arrived.0);
            // A clock that was set back cannot tell.
            waited >= lateness || waited < -STEP_BACK
        };
        self.held.iter().rfind(over).map(|held| held.at)
    }

    /// The oldest reading that is held, if it is not after `until`.
    pub fn until(&mut self, until: Timestamp) -> Option<Held> {
        if self.held.first()?.at <= until { self.pop() } else { None }
    }

    /// The oldest reading that is held.
    pub fn pop(&mut self) -> Option<Held> {
        if self.held.is_empty() {
            return None;
        }
        let first = self.held.remove(0);
        if self.held.is_empty() && self.worst == [0; 2] {
            // In order again: no memory.
            self.held = Vec::new();
        }
        Some(first)
    }

    fn newest(&self) -> Option<Timestamp> {
        self.held.last().map(|held| held.at).or(self.last)
    }

    /// Takes a disorder into account and forgets those of long ago.
    fn note(&mut self, behind: i64) {
        self.worst[0] = self.worst[0].max(behind).max(std::mem::take(&mut self.pending));
        if self.worst == [0; 2] {
            return;
        }
        self.seen += 1;
        if self.seen >= MEMORY {
            (self.seen, self.worst) = (0, [0, self.worst[0]]);
        }
    }
}

impl Limits {
    fn judge(&self, at: Timestamp, now: Timestamp) -> Option<Refused> {
        if at.0 > now.0.saturating_add(self.max_future) {
            return Some(Refused::Future);
        }
        let earliest = now.0.saturating_sub(self.max_past?);
        (at.0 < earliest).then_some(Refused::Past)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where it fails")]
mod tests {
    use brooklet_core::rng::Rng;

    use super::*;

    const SECOND: i64 = 1000;
    const HOUR: i64 = 3600 * SECOND;
    /// Where the clock stands when a test begins.
    const NOW: i64 = 1_800_000_000_000;

    /// An order and what came out of it.
    #[derive(Default)]
    struct Lane {
        order: Order,
        limits: Limits,
        learnt: Vec<i64>,
        repairs: Vec<Repair>,
    }

    impl Lane {
        fn take(&mut self, at: i64, arrived: i64) -> Result<(), Refused> {
            let reading = Held::new(1.0, Timestamp(at), Timestamp(arrived));
            let (taken, repair) = self.order.place(reading, true, &self.limits)?;
            self.repairs.extend(repair);
            match taken {
                Taken::Now(at) => {
                    while let Some(held) = self.order.pop() {
                        self.learn(held.at);
                    }
                    self.learn(at);
                }
                Taken::Held => {
                    while let Some(held) = self.order.due(&self.limits) {
                        self.learn(held.at);
                    }
                }
            }
            Ok(())
        }

        /// Readings that come in at the time that they carry.
        fn live(&mut self, times: impl IntoIterator<Item = i64>) -> Vec<Result<(), Refused>> {
            times.into_iter().map(|at| self.take(NOW + at, NOW + at)).collect()
        }

        fn learn(&mut self, at: Timestamp) {
            self.order.learnt(at);
            self.learnt.push(at.0);
        }

        fn finish(&mut self) {
            while let Some(held) = self.order.pop() {
                self.learn(held.at);
            }
        }
    }

    /// A number below `n`.
    fn below(rng: &mut Rng, n: i64) -> i64 {
        (rng.next_u64() >> 1) as i64 % n
    }

    /// `n` readings, one a second, in the order in which they come in if each is under way for up to `delay`.
    fn shuffled(rng: &mut Rng, n: i64, delay: i64) -> Vec<i64> {
        let mut times: Vec<_> =
            (0..n).map(|i| (i * SECOND + below(rng, delay + 1), NOW + i * SECOND)).collect();
        times.sort_unstable();
        times.into_iter().map(|(_, at)| at).collect()
    }

    #[test]
    fn a_stream_in_order_pays_nothing() {
        let mut lane = Lane::default();
        for i in 0..10_000 {
            lane.take(NOW + i, NOW + i).unwrap();
            assert_eq!((lane.learnt.len() as i64, lane.order.held.capacity()), (i + 1, 0));
        }
        assert_eq!(lane.order.lateness(&lane.limits), 0);
    }

    #[test]
    fn once_it_knows_the_disorder_every_shuffle_comes_out_in_order() {
        for seed in 0..300 {
            let mut rng = Rng::new(seed);
            let delay = 1 + below(&mut rng, 20 * SECOND);
            let mut lane = Lane::default();
            // As late as any that follows.
            for at in [-50 * SECOND, -50 * SECOND - delay, -49 * SECOND] {
                let _ = lane.take(NOW + at, NOW);
            }
            lane.finish();
            lane.learnt.clear();
            let times = shuffled(&mut rng, 400, delay);
            for at in &times {
                assert_eq!(lane.take(*at, NOW + HOUR / 2), Ok(()), "seed {seed}, {at}");
            }
            lane.finish();
            assert!(lane.learnt.iter().copied().eq((0..400).map(|i| NOW + i * SECOND)), "seed {seed}");
        }
    }

    #[test]
    fn whatever_comes_each_reading_is_learnt_once_in_order_or_refused() {
        let mut late = 0;
        for seed in 0..300 {
            let mut rng = Rng::new(seed);
            let (mut lane, mut refused, mut watermark) = (Lane::default(), 0, i64::MIN);
            lane.limits.max_lateness = 10 * SECOND;
            // Some come twice, and some are later than may be waited for.
            for at in shuffled(&mut rng, 1000, 15 * SECOND) {
                for _ in 0..=below(&mut rng, 10) / 9 {
                    let result = lane.take(at, NOW + HOUR / 2);
                    refused += i64::from(result.is_err());
                    if result == Err(Refused::Late) {
                        late += 1;
                        assert!(at < watermark, "seed {seed}");
                    }
                    let newest = lane.order.newest().unwrap().0;
                    watermark = watermark.max(newest - lane.order.lateness(&lane.limits));
                    assert!(lane.order.held() <= MOST_HELD);
                }
            }
            lane.finish();
            assert!(lane.learnt.is_sorted_by(|a, b| a < b), "seed {seed}");
            assert!(lane.learnt.len() as i64 + refused >= 1000);
        }
        assert!(late > 0);
    }

    #[test]
    fn disorder_is_forgotten_and_its_memory_given_back() {
        let mut lane = Lane::default();
        assert_eq!(lane.live([9000, 4000, 10_000]), [Ok(()), Err(Refused::Late), Ok(())]);
        assert_eq!(lane.order.lateness(&lane.limits), 7500);
        assert_eq!((lane.order.held(), lane.learnt.len()), (1, 1));
        lane.live((11..500).map(|i| i * SECOND));
        assert_eq!((lane.order.lateness(&lane.limits), lane.order.held()), (7500, 8));
        lane.live((500..1100).map(|i| i * SECOND));
        assert_eq!((lane.order.lateness(&lane.limits), lane.order.held.capacity()), (0, 0));
        assert_eq!(lane.learnt.len(), 1091);
    }

    #[test]
    fn messages_that_come_again_are_no_disorder() {
        let mut lane = Lane::default();
        lane.live((0..20).map(|i| i * SECOND));
        let again = lane.live((10..20).map(|i| i * SECOND));
        assert_eq!(again.last(), Some(&Err(Refused::Duplicate)));
        lane.live((20..30).map(|i| i * SECOND));
        assert_eq!((lane.order.lateness(&lane.limits), lane.learnt.len()), (0, 30));
        // Nor in a stream that is out of order.
        lane.live((30..60).map(|i| (i ^ 1) * SECOND));
        let before = (lane.order.lateness(&lane.limits), lane.order.held(), lane.learnt.len());
        let again = lane.live((46..60).map(|i| (i ^ 1) * SECOND));
        assert!(again.iter().all(|result| *result == Err(Refused::Duplicate)), "{again:?}");
        lane.live([60 * SECOND]);
        assert_eq!((lane.order.lateness(&lane.limits), lane.order.held(), lane.learnt.len() - 1), before);
    }

    #[test]
    fn a_reading_is_never_held_longer_than_the_lateness_after_it_came() {
        let mut lane = Lane::default();
        lane.live([9000, 4000, 10_000, 12_000]);
        let overdue = |lane: &Lane, now| lane.order.overdue(Timestamp(NOW + now), &lane.limits);
        assert_eq!(overdue(&lane, 17_499), None);
        assert_eq!(overdue(&lane, 17_500), Some(Timestamp(NOW + 10_000)));
        assert_eq!(overdue(&lane, 19_500), Some(Timestamp(NOW + 12_000)));
        assert_eq!(overdue(&lane, -HOUR), Some(Timestamp(NOW + 12_000)), "a clock that was set back");
        let until = Timestamp(NOW + 10_000);
        assert_eq!(lane.order.until(until).map(|held| held.at), Some(until));
        assert_eq!(lane.order.until(until), None);
    }

    #[test]
    fn a_clock_set_back_is_followed_and_what_comes_late_in_a_heap_is_not() {
        let mut lane = Lane::default();
        lane.live((0..100).map(|i| i * SECOND));
        // Half an hour back, at the pace of our clock.
        let back = |i: i64| (NOW + i * SECOND - HOUR / 2, NOW + i * SECOND);
        let taken: Vec<_> = (100..120).map(back).map(|(at, arrived)| lane.take(at, arrived)).collect();
        let first = taken.iter().position(Result::is_ok).unwrap();
        assert_eq!(first, 10, "ten seconds, five readings");
        assert!(taken[first..].iter().all(Result::is_ok) && lane.repairs == [Repair::Reset]);
        // What was kept somewhere, a reading a second, comes in within a few: live ones between them or not.
        let mut lane = Lane::default();
        lane.live((0..2000).map(|i| i * SECOND));
        for i in 0..1000 {
            let arrived = NOW + 2000 * SECOND + i * 20;
            assert_eq!(lane.take(NOW + i * SECOND, arrived), Err(Refused::Late), "{i}");
        }
        assert_eq!((lane.learnt.len(), lane.repairs.as_slice()), (2000, &[][..]));
    }

    #[test]
    fn a_device_whose_clock_is_wrong_goes_on_at_the_time_of_arrival() {
        for (own, wrong) in [(5 * SECOND, Refused::Past), (2 * NOW, Refused::Future)] {
            let mut lane = Lane::default();
            let step = |lane: &mut Lane, i: i64| lane.take(own + i * SECOND, NOW + i * SECOND);
            assert!((0..10).all(|i| step(&mut lane, i) == Err(wrong)));
            assert!((10..20).all(|i| step(&mut lane, i) == Ok(())));
            assert!(lane.learnt.iter().copied().eq((10..20).map(|i| NOW + i * SECOND)));
            assert!(lane.repairs.iter().all(|repair| *repair == Repair::Replaced));
            // Its clock is set: at once its own times count, and a wrong one between them is refused.
            assert!(lane.live((20..30).map(|i| i * SECOND)).iter().all(Result::is_ok));
            assert_eq!((step(&mut lane, 30), lane.repairs.len()), (Err(wrong), 10));
        }
        // One that stands still.
        let mut lane = Lane::default();
        let taken = (0..20).filter(|i| lane.take(5 * SECOND, NOW + i * SECOND).is_ok());
        assert_eq!(taken.count(), 10);
    }

    #[test]
    fn a_recording_is_refused_for_ever_and_what_a_link_kept_is_taken() {
        let mut lane = Lane::default();
        let year = 365 * 24 * HOUR;
        let played = |lane: &mut Lane, i: i64| lane.take(NOW - year + i * 300 * SECOND, NOW + i * 10);
        assert!((0..10_000).all(|i| played(&mut lane, i) == Err(Refused::Past)));
        lane.limits.max_past = None;
        assert!((0..10_000).all(|i| played(&mut lane, i) == Ok(())));
        // A channel that is known, and a broker that was away for a day.
        let mut lane = Lane::default();
        lane.live((0..100).map(|i| i * SECOND));
        let kept = |i: i64| (NOW + i * SECOND, NOW + 24 * HOUR + i * 10);
        assert!((100..10_000).map(kept).all(|(at, arrived)| lane.take(at, arrived) == Ok(())));
        assert_eq!((lane.learnt.len(), lane.repairs.len()), (10_000, 0));
    }

    #[test]
    fn a_device_that_was_believed_while_our_clock_was_unset_is_judged_once_it_is_set() {
        let mut lane = Lane::default();
        for i in 0..10 {
            let reading = Held::new(1.0, Timestamp(i * SECOND), Timestamp(i * SECOND));
            assert_eq!(
                lane.order.place(reading, false, &lane.limits),
                Ok((Taken::Now(Timestamp(i * SECOND)), None))
            );
            lane.order.learnt(Timestamp(i * SECOND));
        }
        let taken: Vec<_> = (10..40).map(|i| lane.take(i * SECOND, NOW + i * SECOND)).collect();
        assert!(taken.iter().all(Result::is_ok), "{taken:?}");
        assert_eq!((lane.learnt[0], lane.learnt[29]), (10 * SECOND, NOW + 39 * SECOND));
    }

    #[test]
    fn times_at_the_ends_of_time_are_no_trouble() {
        let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
        for seed in 0..1000 {
            let (mut rng, mut lane) = (Rng::new(seed), Lane::default());
            lane.limits.max_past = seed.is_multiple_of(2).then_some(HOUR);
            let mut any = || ends[below(&mut rng, ends.len() as i64) as usize];
            for _ in 0..50 {
                let _ = lane.take(any(), any());
                let _ = lane.order.overdue(Timestamp(any()), &lane.limits);
            }
        }
    }
}
