use core::cell::Cell;

use serde::{Deserialize, Serialize};

use super::builder::{Contiguity, Never, Stage};
use super::{Event, Pattern, Skip};
use crate::snapshot::Snapshot;
use crate::traits::{Learner, Matcher, Validate};

/// The events that a stage of a match took, numbered from 0 since the start. Memory: 8 bytes.
/// ```
/// use brooklet_core::pattern::{Event, Nfa, Pattern, kind};
/// use brooklet_core::traits::{Learner, Matcher};
/// let mut nfa = Nfa::<1, 4>::new(Pattern::begin(kind(0)).times(2).build().unwrap());
/// for of in [0, 1, 0] { nfa.learn_one(&Event::new(kind(of), 0)); }
/// let step = nfa.matched().unwrap().steps[0];
/// assert_eq!((step.first, step.last(), step.count), (0, 2, 2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The first.
    pub first: u32,
    /// From the first to the last, at most 65,535.
    pub span: u16,
    /// How many, up to 65,535; 0 for an optional stage that was left out.
    pub count: u16,
}

impl Step {
    /// The last.
    #[must_use]
    pub const fn last(&self) -> u32 {
        self.first.wrapping_add(self.span as u32)
    }

    fn take(&mut self, event: u32) {
        if self.count == 0 {
            *self = Self { first: event, span: 0, count: 1 };
        } else {
            self.span = u16::try_from(event.wrapping_sub(self.first)).unwrap_or(u16::MAX);
            self.count = self.count.saturating_add(1);
        }
    }
}

/// A pattern that completed. Memory: `8 S + 16` bytes.
/// ```
/// use brooklet_core::pattern::{Event, Nfa, Pattern, kind};
/// use brooklet_core::traits::{Learner, Matcher};
/// let mut nfa = Nfa::<2, 4>::new(Pattern::begin(kind(0)).next(kind(1)).build().unwrap());
/// for of in [0, 1] { nfa.learn_one(&Event::new(kind(of), i64::from(of) * 500)); }
/// let found = nfa.matched().unwrap();
/// assert_eq!((found.start, found.end, found.steps.map(|step| step.first)), (0, 500, [0, 1]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<const S: usize> {
    /// When its first event happened, in milliseconds since 1970-01-01.
    pub start: i64,
    /// When it was complete: the time of its last event, or the end of the window in which something did not happen.
    pub end: i64,
    /// What each stage took; stages beyond the pattern's took nothing.
    pub steps: [Step; S],
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Part {
    /// In the stage, which has just taken an event: it may take more, or the next stage may begin.
    #[default]
    Taken,
    /// In the stage, having passed over an event: only the stage itself may take more.
    Looping,
    /// Before the stage, having passed over an event.
    Waiting,
    /// After the last stage: something must not happen.
    Guarding,
    /// A match that is not told yet.
    Complete,
    /// A match that is told until the next event.
    Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run<const S: usize> {
    #[serde(with = "crate::array")]
    steps: [Step; S],
    start: i64,
    /// Milliseconds from the start to the end.
    lasted: u32,
    stage: u8,
    part: Part,
}

impl<const S: usize> Default for Run<S> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<const S: usize> Run<S> {
    const NONE: Self = Self {
        steps: [Step { first: 0, span: 0, count: 0 }; S],
        start: 0,
        lasted: 0,
        stage: 0,
        part: Part::Taken,
    };

    /// Number of its first event.
    fn first(&self) -> u32 {
        self.steps.iter().find(|step| step.count > 0).map_or(0, |step| step.first)
    }

    fn last(&self) -> u32 {
        self.steps.iter().rev().find(|step| step.count > 0).map_or(0, Step::last)
    }

    const fn is_live(&self) -> bool {
        !matches!(self.part, Part::Complete | Part::Told)
    }

    fn at(mut self, stage: usize, part: Part) -> Self {
        (self.stage, self.part) = (stage as u8, part);
        self
    }

    fn complete(mut self, end: i64) -> Self {
        let lasted = Ord::max(end.saturating_sub(self.start), 0);
        self.lasted = u32::try_from(lasted).unwrap_or(u32::MAX);
        self.part = Part::Complete;
        self
    }
}

/// Follows a [`Pattern`] over a stream of events: a non-deterministic automaton with room for `R` runs.
///
/// A run is a match that has begun. It ends when it is complete, when it cannot go on, when its window is over, or when a
/// skip strategy says so. An event may make several runs of one; when there is no room the run that began first is given
/// up and counted in [`dropped`](Self::dropped). Loops with combinations and patterns without a window fill the table
/// quickly: give patterns a window.
///
/// One event may complete several matches: [`matches`](Self::matches) gives them all. With a skip strategy a match waits
/// until no run that began before it is left, as in Flink: it could forbid this one. Time only ends windows, it does not
/// sort: events count in the order in which they come.
///
/// What differs from Flink: an event of several kinds that would both complete a match and violate its negation violates it;
/// a stage's last event is told up to 65,535 events after its first.
///
/// `S`: 1..=32; `R`: 1..=65534. Memory: `(8 S + 16) R` bytes, the pattern, 12 bytes, rounded up to eight. Cost: O(runs), and a copy of the table
/// on the stack while an event is learnt.
/// ```
/// use brooklet_core::pattern::{Event, Nfa, Pattern, kind};
/// use brooklet_core::traits::{Learner, Matcher};
/// const DOOR: u32 = kind(0);
/// const COLD: u32 = kind(1);
/// let pattern = Pattern::<2>::begin(DOOR).followed_by(COLD).times(2).within(60_000).build().unwrap();
/// let mut nfa = Nfa::<2, 8>::new(pattern);
/// for (second, kind) in [(0, DOOR), (5, COLD), (9, COLD)] { nfa.learn_one(&Event::new(kind, second * 1000)); }
/// let found = nfa.matched().unwrap();
/// assert_eq!((found.start, found.end, found.steps[1].count), (0, 9000, 2));
/// ```
/// Source: J. Agrawal, Y. Diao, D. Gyllstrom, N. Immerman, Efficient pattern matching over event streams, SIGMOD 2008,
/// doi:10.1145/1376616.1376634. Checked against the cases of Flink CEP's documentation and brute force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nfa<const S: usize, const R: usize> {
    pattern: Pattern<S>,
    /// In the order in which they were made.
    #[serde(with = "crate::array")]
    runs: [Run<S>; R],
    len: u16,
    /// Number of the next event.
    next: u32,
    dropped: u32,
}

impl<const S: usize, const R: usize> Nfa<S, R> {
    const SHAPE: () = assert!(R > 0 && R < 65_535);

    /// Nothing seen.
    #[must_use]
    pub const fn new(pattern: Pattern<S>) -> Self {
        let () = Self::SHAPE;
        Self { pattern, runs: [Run::NONE; R], len: 0, next: 0, dropped: 0 }
    }

    /// How many matches have begun and are neither complete nor given up.
    #[must_use]
    pub fn open(&self) -> usize {
        self.runs().filter(|run| run.is_live()).count()
    }

    /// How many runs were given up for want of room.
    /// ```
    /// use brooklet_core::pattern::{Event, Nfa, Pattern, kind};
    /// use brooklet_core::traits::Learner;
    /// let mut nfa = Nfa::<2, 2>::new(Pattern::begin(kind(0)).followed_by(kind(1)).within(1000).build().unwrap());
    /// for time in 0..3 { nfa.learn_one(&Event::new(kind(0), time)); }
    /// assert_eq!((nfa.open(), nfa.dropped()), (2, 1));
    /// ```
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }

    /// All matches that the last event completed, those that began first in front.
    /// ```
    /// use brooklet_core::pattern::{Event, Nfa, Pattern, kind};
    /// use brooklet_core::traits::Learner;
    /// let mut nfa = Nfa::<2, 8>::new(Pattern::begin(kind(0)).followed_by(kind(1)).within(1000).build().unwrap());
    /// for (of, time) in [(0, 0), (0, 10), (1, 20)] { nfa.learn_one(&Event::new(kind(of), time)); }
    /// assert!(nfa.matches().map(|found| found.start).eq([0, 10]));
    /// ```
    pub fn matches(&self) -> impl Iterator<Item = Match<S>> {
        self.runs().filter(|run| run.part == Part::Told).map(|run| Match {
            start: run.start,
            end: run.start.saturating_add(i64::from(run.lasted)),
            steps: run.steps,
        })
    }

    fn runs(&self) -> impl Iterator<Item = &Run<S>> {
        self.runs.iter().take(usize::from(self.len))
    }

    /// How long ago an event was: works over the end of the numbers too.
    const fn age(&self, event: u32) -> u32 {
        self.next.wrapping_sub(event)
    }

    fn push(&mut self, run: Run<S>) {
        if let Some(slot) = self.runs.get_mut(usize::from(self.len)) {
            *slot = run;
            self.len = self.len.saturating_add(1);
            return;
        }
        self.dropped = self.dropped.saturating_add(1);
        // Matches go last.
        let oldest =
            self.runs.iter().enumerate().rev().max_by_key(|(_, r)| (r.is_live(), self.age(r.first())));
        let oldest = oldest.map_or(0, |(at, _)| at);
        let mut moved = run;
        for slot in self.runs.iter_mut().skip(oldest).rev() {
            core::mem::swap(slot, &mut moved);
        }
    }

    /// What becomes of a run with an event.
    fn advance(&mut self, run: &Run<S>, event: &Event) {
        let within = i64::from(self.pattern.within);
        let over = within > 0 && event.time().saturating_sub(run.start) >= within;
        let stage = usize::from(run.stage);
        match run.part {
            Part::Told => {}
            Part::Complete => self.push(*run),
            Part::Guarding => match self.pattern.never {
                Never::Within(_) if over => self.push(run.complete(run.start.saturating_add(within))),
                Never::Within(kinds) if !event.is(kinds) => self.push(*run),
                Never::Next(kinds) if !over && !event.is(kinds) => self.push(run.complete(event.time())),
                _ => {}
            },
            _ if over => {}
            Part::Waiting => {
                if !self.forbidden(stage, event, false) {
                    self.enter(run, stage, event, false);
                }
            }
            Part::Taken => {
                if !self.forbidden(stage.saturating_add(1), event, self.may_leave(run)) {
                    self.repeat(run, event);
                    if self.may_leave(run) {
                        self.leave(run, stage.saturating_add(1), event, false);
                    }
                }
            }
            Part::Looping => {
                if !self.forbidden(stage.saturating_add(1), event, false) {
                    self.repeat(run, event);
                }
            }
        }
    }

    /// True if a negation before that stage speaks against the event; `next` if the event follows the stage before it.
    fn forbidden(&self, stage: usize, event: &Event, next: bool) -> bool {
        match (self.pattern.stage(stage), self.pattern.never) {
            (Some(stage), _) => event.is(stage.not_before) || (next && event.is(stage.not_next)),
            (None, Never::Within(kinds)) => event.is(kinds),
            (None, Never::Next(kinds)) => next && event.is(kinds),
            (None, Never::Nothing) => false,
        }
    }

    fn may_leave(&self, run: &Run<S>) -> bool {
        let stage = usize::from(run.stage);
        let taken = run.steps.get(stage).map_or(0, |step| step.count);
        self.pattern.stage(stage).is_some_and(|stage| taken >= stage.min)
    }

    /// The run's own stage takes the event, passes it over, or both.
    fn repeat(&mut self, run: &Run<S>, event: &Event) {
        let number = usize::from(run.stage);
        let taken = run.steps.get(number).map_or(0, |step| step.count);
        let Some(stage) = self.pattern.stage(number).copied() else { return };
        if taken >= stage.max && stage.max < Stage::MANY {
            return;
        }
        if event.is(stage.kinds) {
            self.take(*run, number, event);
        }
        if passes(stage.inner, event.is(stage.kinds)) {
            self.push(run.at(number, Part::Looping));
        }
    }

    /// The event may belong to that stage, or to one after it if that stage is optional.
    fn leave(&mut self, run: &Run<S>, from: usize, event: &Event, begins: bool) {
        for number in from..usize::from(self.pattern.len) {
            self.enter(run, number, event, begins);
            if !self.pattern.stage(number).is_some_and(|stage| stage.optional) {
                break;
            }
        }
    }

    /// A stage that has taken nothing takes the event, passes it over, or both. Nothing is passed over before the match
    /// begins.
    fn enter(&mut self, run: &Run<S>, number: usize, event: &Event, begins: bool) {
        let Some(stage) = self.pattern.stage(number).copied() else { return };
        let before = number.checked_sub(1).and_then(|before| self.pattern.stage(before));
        if before.is_some_and(|before| before.greedy && event.is(before.kinds)) {
            return;
        }
        if event.is(stage.kinds) {
            self.take(*run, number, event);
        }
        if !begins && passes(stage.after, event.is(stage.kinds)) {
            self.push(run.at(number, Part::Waiting));
        }
    }

    fn take(&mut self, mut run: Run<S>, number: usize, event: &Event) {
        let mut taken = 0;
        if let Some(step) = run.steps.get_mut(number) {
            step.take(self.next);
            taken = step.count;
        }
        let Some(stage) = self.pattern.stage(number) else { return };
        let last = number.saturating_add(1) >= usize::from(self.pattern.len);
        let full = taken >= stage.max && stage.max < Stage::MANY;
        let whole = taken >= stage.min
            && self
                .pattern
                .list
                .iter()
                .take(usize::from(self.pattern.len))
                .skip(number)
                .skip(1)
                .all(|s| s.optional);
        if !(last && full) {
            self.push(run.at(number, Part::Taken));
        }
        if whole {
            self.push(match self.pattern.never {
                Never::Nothing => run.complete(event.time()),
                Never::Next(_) | Never::Within(_) => run.at(number, Part::Guarding),
            });
        }
    }

    /// Tells matches, and removes what the skip strategy forbids because of them.
    fn tell(&mut self) {
        while let Some((at, done)) = self.first_complete() {
            let first = self.age(done.first());
            let skips = self.pattern.skip != Skip::No;
            if skips && self.runs().any(|run| run.is_live() && self.age(run.first()) > first) {
                return;
            }
            if let Some(run) = self.runs.get_mut(at) {
                run.part = Part::Told;
            }
            let step = |stage: u8| done.steps.get(usize::from(stage)).filter(|step| step.count > 0);
            // Runs that began as long ago as this or longer are removed; one less keeps those that began with it.
            let oldest_kept = match self.pattern.skip {
                Skip::No => None,
                Skip::ToNext => Some(first),
                Skip::PastLast => Some(self.age(done.last())),
                Skip::ToFirst(stage) => step(stage).map(|step| self.age(step.first).saturating_add(1)),
                Skip::ToLast(stage) => step(stage).map(|step| self.age(step.last()).saturating_add(1)),
            };
            if let Some(age) = oldest_kept {
                let next = self.next;
                self.retain(|run| run.part == Part::Told || next.wrapping_sub(run.first()) < age);
            }
        }
    }

    /// The match that began first; of several the one that was made first.
    fn first_complete(&self) -> Option<(usize, Run<S>)> {
        let complete = self
            .runs
            .iter()
            .enumerate()
            .take(usize::from(self.len))
            .filter(|(_, run)| run.part == Part::Complete);
        complete.rev().max_by_key(|(_, run)| self.age(run.first())).map(|(at, run)| (at, *run))
    }

    fn retain(&mut self, keep: impl Fn(&Run<S>) -> bool) {
        let len = usize::from(core::mem::take(&mut self.len));
        let runs = Cell::from_mut(self.runs.as_mut_slice()).as_slice_of_cells();
        for (slot, run) in runs.iter().zip(runs.iter().take(len).map(Cell::get).filter(|run| keep(run))) {
            slot.set(run);
            self.len = self.len.saturating_add(1);
        }
    }
}

impl<const S: usize, const R: usize> Learner for Nfa<S, R> {
    type Input = Event;

    fn learn_one(&mut self, event: &Event) {
        if self.len > 0 {
            let before = self.runs;
            let len = usize::from(core::mem::take(&mut self.len));
            for run in before.iter().take(len) {
                self.advance(run, event);
            }
        }
        self.leave(&Run { start: event.time(), ..Run::NONE }, 0, event, true);
        self.tell();
        self.next = self.next.wrapping_add(1);
    }

    fn reset(&mut self) {
        *self = Self::new(self.pattern);
    }
}

impl<const S: usize, const R: usize> Matcher for Nfa<S, R> {
    type Match = Match<S>;

    /// The first of [`matches`](Nfa::matches).
    fn matched(&self) -> Option<Match<S>> {
        self.matches().next()
    }
}

impl<const S: usize, const R: usize> Validate for Nfa<S, R> {
    fn is_valid(&self) -> bool {
        self.pattern.is_valid()
            && usize::from(self.len) <= R
            && self.runs().all(|run| run.stage < self.pattern.stages())
    }
}

impl<const S: usize, const R: usize> Snapshot for Nfa<S, R> {
    const KIND: u16 = 12;
}

/// True if an event may be passed over.
const fn passes(how: Contiguity, fits: bool) -> bool {
    match how {
        Contiguity::Strict => false,
        Contiguity::Relaxed => !fits,
        Contiguity::Any => true,
    }
}
