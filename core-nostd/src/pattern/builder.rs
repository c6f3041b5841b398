use core::fmt;

use serde::{Deserialize, Serialize};

use crate::traits::Validate;

/// What may lie between two events of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Contiguity {
    /// Nothing.
    Strict,
    /// Anything that is not the event sought: the first one is taken.
    #[default]
    Relaxed,
    /// Anything: each one is taken, in a match of its own.
    Any,
}

/// What becomes of other matches when one is told. Stages are numbered from 0, without negations.
/// ```
/// use brooklet_core::pattern::{Event, Nfa, Pattern, Skip, kind};
/// use brooklet_core::traits::Learner;
/// let told = |skip| {
///     let pattern = Pattern::<1>::begin(kind(0)).one_or_more().within(1000).skip(skip).build().unwrap();
///     let mut nfa = Nfa::<1, 16>::new(pattern);
///     (0..3).map(|i| { nfa.learn_one(&Event::new(kind(0), i)); nfa.matches().count() }).sum::<usize>()
/// };
/// assert_eq!(told(Skip::No), 6); // three of one event, two of two, one of three
/// assert_eq!(told(Skip::PastLast), 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Skip {
    /// All matches are told.
    #[default]
    No,
    /// Of those that begin with the same event only one is told.
    ToNext,
    /// The next match begins after the last event of this one.
    PastLast,
    /// The next match begins with the first event of that stage of this one, or later.
    ToFirst(u8),
    /// The next match begins with the last event of that stage of this one, or later.
    ToLast(u8),
}

/// Why a pattern cannot be built.
/// ```
/// use brooklet_core::pattern::{BuildError, Pattern, kind};
/// let error = Pattern::<2>::begin(kind(0)).not_followed_by(kind(1)).build().unwrap_err();
/// assert_eq!(error, BuildError::EndlessNot);
/// assert_eq!(error.to_string(), "a pattern that ends with a negation needs a window of time");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// A stage or negation without any kind of event.
    NoKinds,
    /// More stages than the pattern has room for.
    TooManyStages,
    /// No time is no window.
    EmptyWindow,
    /// Zero times, or at most fewer times than at least.
    Times,
    /// A stage can be repeated in one way only, and a negation in none.
    Quantifier,
    /// Greedy, consecutive and combinations are said of a stage that repeats.
    NotALoop,
    /// An optional stage beside a negation: build two patterns, one with and one without it.
    OptionalBesideNot,
    /// That something does not happen is known at the end of the window only: say `within`.
    EndlessNot,
    /// Every stage is optional: it would match nothing at all.
    AllOptional,
    /// A strategy that skips to a stage which does not exist.
    NoSuchStage,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKinds => "a stage without any kind of event",
            Self::TooManyStages => "more stages than the pattern has room for",
            Self::EmptyWindow => "a window of no time",
            Self::Times => "a stage repeats at least once, and at most not fewer times than at least",
            Self::Quantifier => "a stage can be repeated in one way only, and a negation in none",
            Self::NotALoop => "only a stage that repeats can be greedy, consecutive or combined",
            Self::OptionalBesideNot => "an optional stage cannot stand beside a negation",
            Self::EndlessNot => "a pattern that ends with a negation needs a window of time",
            Self::AllOptional => "every stage is optional",
            Self::NoSuchStage => "skips to a stage that does not exist",
        })
    }
}

impl core::error::Error for BuildError {}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stage {
    pub(super) kinds: u32,
    /// Kinds that must not come as the very next event after the stage before.
    pub(super) not_next: u32,
    /// Kinds that must not come between the stage before and this one.
    pub(super) not_before: u32,
    pub(super) min: u16,
    /// [`Stage::MANY`] for no limit.
    pub(super) max: u16,
    pub(super) after: Contiguity,
    pub(super) inner: Contiguity,
    pub(super) optional: bool,
    pub(super) greedy: bool,
}

impl Stage {
    pub(super) const MANY: u16 = u16::MAX;
    const NONE: Self = Self {
        kinds: 0,
        not_next: 0,
        not_before: 0,
        min: 1,
        max: 1,
        after: Contiguity::Relaxed,
        inner: Contiguity::Relaxed,
        optional: false,
        greedy: false,
    };

    const fn loops(&self) -> bool {
        self.max > 1
    }
}

/// A pattern of up to `S` stages, built at compile time by [`Pattern::begin`].
///
/// | the next stage | takes |
/// |---|---|
/// | [`next`](Builder::next) | the very next event, or the match fails |
/// | [`followed_by`](Builder::followed_by) | the first that fits; others are passed over |
/// | [`followed_by_any`](Builder::followed_by_any) | each that fits, in matches of their own |
/// | [`not_next`](Builder::not_next) | nothing: the match fails if such an event is the very next |
/// | [`not_followed_by`](Builder::not_followed_by) | nothing: it fails if one comes before the stage after it |
///
/// Each of them may be told to repeat, and a repeated stage how: [`consecutive`](Builder::consecutive) is strict,
/// [`allow_combinations`](Builder::allow_combinations) takes each event or leaves it, the default takes each that fits.
///
/// `S`: 1..=32. Memory: `20 S + 16` bytes.
/// ```
/// use brooklet_core::pattern::{BuildError, Pattern, Skip, kind};
/// const START: u32 = kind(0);
/// const HIGH: u32 = kind(1);
/// const STOP: u32 = kind(2);
/// const PATTERN: Pattern<3> = match Pattern::begin(START)
///     .followed_by(HIGH).times_or_more(2).greedy()
///     .followed_by(STOP)
///     .within(60_000)
///     .skip(Skip::PastLast)
///     .build()
/// {
///     Ok(pattern) => pattern,
///     Err(_) => panic!("a pattern that cannot be"), // while compiling
/// };
/// assert_eq!(PATTERN.stages(), 3);
/// assert_eq!(Pattern::<1>::begin(HIGH).greedy().build(), Err(BuildError::NotALoop));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern<const S: usize> {
    #[serde(with = "crate::array")]
    pub(super) list: [Stage; S],
    pub(super) len: u8,
    /// What must not come after the last stage.
    pub(super) never: Never,
    /// Milliseconds from the first event to the end, not included; 0 for no limit.
    pub(super) within: u32,
    pub(super) skip: Skip,
}

/// A negation at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Never {
    /// There is none.
    Nothing,
    /// As the very next event.
    Next(u32),
    /// Within the window.
    Within(u32),
}

impl<const S: usize> Pattern<S> {
    const SHAPE: () = assert!(S > 0 && S <= 32);

    /// A pattern that begins with an event of any of these kinds.
    pub const fn begin(any_of: u32) -> Builder<S> {
        let () = Self::SHAPE;
        Builder {
            list: [Stage::NONE; S],
            len: 0,
            stage: Stage { kinds: any_of, ..Stage::NONE },
            not_next: 0,
            not_before: 0,
            quantified: false,
            within: 0,
            skip: Skip::No,
            error: if any_of == 0 { Some(BuildError::NoKinds) } else { None },
        }
    }

    /// How many stages it has, without negations.
    #[must_use]
    pub const fn stages(&self) -> u8 {
        self.len
    }

    pub(super) fn stage(&self, number: usize) -> Option<&Stage> {
        if number < usize::from(self.len) { self.list.get(number) } else { None }
    }
}

impl<const S: usize> Validate for Pattern<S> {
    fn is_valid(&self) -> bool {
        (1..=S).contains(&usize::from(self.len))
            && self.list.iter().all(|stage| 0 < stage.min && stage.min <= stage.max)
    }
}

/// A [`Pattern`] being built.
/// ```
/// use brooklet_core::pattern::{Pattern, kind};
/// let pattern = Pattern::<3>::begin(kind(0)).next(kind(1)).times(2).followed_by(kind(2)).optional().build();
/// assert_eq!(pattern.map(|pattern| pattern.stages()), Ok(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Builder<const S: usize> {
    list: [Stage; S],
    len: u8,
    /// The stage that is being told about.
    stage: Stage,
    /// Negations since that stage.
    not_next: u32,
    not_before: u32,
    quantified: bool,
    within: u32,
    skip: Skip,
    /// The first one.
    error: Option<BuildError>,
}

impl<const S: usize> Builder<S> {
    const fn fail(mut self, error: BuildError) -> Self {
        if self.error.is_none() {
            self.error = Some(error);
        }
        self
    }

    /// Puts the stage into the list.
    const fn close(mut self) -> Self {
        let (mut rest, mut skip): (&mut [Stage], u8) = (&mut self.list, self.len);
        while let Some((first, tail)) = rest.split_first_mut() {
            if skip == 0 {
                *first = self.stage;
                self.len = self.len.saturating_add(1);
                return self;
            }
            skip = skip.saturating_sub(1);
            rest = tail;
        }
        self.fail(BuildError::TooManyStages)
    }

    const fn then(self, any_of: u32, after: Contiguity) -> Self {
        let mut next = self.close();
        if any_of == 0 {
            next = next.fail(BuildError::NoKinds);
        }
        let (not_next, not_before) = (next.not_next, next.not_before);
        next.stage = Stage { kinds: any_of, not_next, not_before, after, ..Stage::NONE };
        (next.not_next, next.not_before, next.quantified) = (0, 0, false);
        next
    }

    /// The very next event must be of any of these kinds.
    pub const fn next(self, any_of: u32) -> Self {
        self.then(any_of, Contiguity::Strict)
    }

    /// The first event of any of these kinds; others in between are passed over.
    pub const fn followed_by(self, any_of: u32) -> Self {
        self.then(any_of, Contiguity::Relaxed)
    }

    /// Any later event of any of these kinds: each makes a match.
    /// ```
    /// use brooklet_core::pattern::{Event, Nfa, Pattern, kind};
    /// use brooklet_core::traits::{Learner, Matcher};
    /// let told = |pattern| {
    ///     let mut nfa = Nfa::<2, 8>::new(pattern);
    ///     [0, 1, 1].iter().filter(|of| { nfa.learn_one(&Event::new(kind(**of), 0)); nfa.matched().is_some() }).count()
    /// };
    /// let (a, b) = (Pattern::begin(kind(0)).within(1000), kind(1));
    /// assert_eq!(told(a.followed_by(b).build().unwrap()), 1);
    /// assert_eq!(told(a.followed_by_any(b).build().unwrap()), 2);
    /// ```
    pub const fn followed_by_any(self, any_of: u32) -> Self {
        self.then(any_of, Contiguity::Any)
    }

    /// The very next event must not be of these kinds. At the end of a pattern the match is told with that event.
    /// ```
    /// use brooklet_core::pattern::{Event, Nfa, Pattern, kind};
    /// use brooklet_core::traits::{Learner, Matcher};
    /// let pattern = Pattern::<2>::begin(kind(0)).not_next(kind(1)).followed_by(kind(2)).build().unwrap();
    /// let matches = |kinds: &[u8]| {
    ///     let mut nfa = Nfa::<2, 8>::new(pattern.clone());
    ///     kinds.iter().any(|of| { nfa.learn_one(&Event::new(kind(*of), 0)); nfa.matched().is_some() })
    /// };
    /// assert!(matches(&[0, 3, 1, 2]) && !matches(&[0, 1, 2]));
    /// ```
    pub const fn not_next(mut self, any_of: u32) -> Self {
        self.not_next |= any_of;
        self.not(any_of)
    }

    /// No event of these kinds until the stage that follows; at the end of a pattern until the window is over, which is
    /// noticed with the first event after it.
    /// ```
    /// use brooklet_core::pattern::{Event, Nfa, Pattern, kind};
    /// use brooklet_core::traits::{Learner, Matcher};
    /// // Started, and no answer within a second: known with the first event after that.
    /// let pattern = Pattern::<1>::begin(kind(0)).not_followed_by(kind(1)).within(1000).build().unwrap();
    /// let mut nfa = Nfa::<1, 8>::new(pattern);
    /// for (of, time) in [(0, 0), (2, 1500)] { nfa.learn_one(&Event::new(kind(of), time)); }
    /// assert_eq!(nfa.matched().map(|found| found.end), Some(1000));
    /// ```
    pub const fn not_followed_by(mut self, any_of: u32) -> Self {
        self.not_before |= any_of;
        self.not(any_of)
    }

    const fn not(self, any_of: u32) -> Self {
        if any_of == 0 {
            self.fail(BuildError::NoKinds)
        } else if self.stage.optional {
            self.fail(BuildError::OptionalBesideNot)
        } else {
            self
        }
    }

    /// Exactly so many times.
    pub const fn times(self, times: u16) -> Self {
        self.times_between(times, times)
    }

    /// At least `least` and at most `most` times.
    /// ```
    /// use brooklet_core::pattern::{BuildError, Pattern, kind};
    /// assert!(Pattern::<1>::begin(kind(0)).times_between(2, 5).build().is_ok());
    /// assert_eq!(Pattern::<1>::begin(kind(0)).times_between(5, 2).build(), Err(BuildError::Times));
    /// ```
    pub const fn times_between(mut self, least: u16, most: u16) -> Self {
        if self.quantified || self.not_next != 0 || self.not_before != 0 {
            return self.fail(BuildError::Quantifier);
        }
        if least == 0 || most < least {
            return self.fail(BuildError::Times);
        }
        (self.stage.min, self.stage.max, self.quantified) = (least, most, true);
        self
    }

    /// So many times or more.
    pub const fn times_or_more(self, least: u16) -> Self {
        self.times_between(least, Stage::MANY)
    }

    /// Once or more.
    pub const fn one_or_more(self) -> Self {
        self.times_or_more(1)
    }

    /// The stage may be left out altogether.
    pub const fn optional(mut self) -> Self {
        if self.not_next != 0 || self.not_before != 0 {
            return self.fail(BuildError::Quantifier);
        }
        if self.stage.not_next != 0 || self.stage.not_before != 0 {
            return self.fail(BuildError::OptionalBesideNot);
        }
        self.stage.optional = true;
        self
    }

    /// What the loop can take, it takes: the stage after it neither takes nor passes over such an event.
    pub const fn greedy(mut self) -> Self {
        self.stage.greedy = true;
        self.of_a_loop()
    }

    /// Nothing may lie between the events of the loop.
    pub const fn consecutive(mut self) -> Self {
        self.stage.inner = Contiguity::Strict;
        self.of_a_loop()
    }

    /// The loop takes any of the events that fit, and leaves any.
    pub const fn allow_combinations(mut self) -> Self {
        self.stage.inner = Contiguity::Any;
        self.of_a_loop()
    }

    const fn of_a_loop(self) -> Self {
        if !self.stage.loops() || self.not_next != 0 || self.not_before != 0 {
            return self.fail(BuildError::NotALoop);
        }
        self
    }

    /// All within so many milliseconds: the last event comes less than that after the first.
    pub const fn within(mut self, millis: u32) -> Self {
        self.within = millis;
        if millis == 0 { self.fail(BuildError::EmptyWindow) } else { self }
    }

    /// What becomes of other matches when one is told.
    pub const fn skip(mut self, skip: Skip) -> Self {
        self.skip = skip;
        self
    }

    /// The pattern.
    ///
    /// # Errors
    /// The first mistake made while building, or what is wrong with the whole.
    pub const fn build(self) -> Result<Pattern<S>, BuildError> {
        let all = self.close();
        if let Some(error) = all.error {
            return Err(error);
        }
        let never = match (all.not_next, all.not_before) {
            (0, 0) => Never::Nothing,
            (kinds, 0) => Never::Next(kinds),
            // What must not be next must not come at all.
            (next, before) => Never::Within(next | before),
        };
        if matches!(never, Never::Within(_)) && all.within == 0 {
            return Err(BuildError::EndlessNot);
        }
        if let Skip::ToFirst(stage) | Skip::ToLast(stage) = all.skip
            && stage >= all.len
        {
            return Err(BuildError::NoSuchStage);
        }
        let (mut rest, mut left): (&[Stage], u8) = (&all.list, all.len);
        let mut required = false;
        while let Some((stage, tail)) = rest.split_first() {
            if left > 0 {
                required |= !stage.optional;
                left = left.saturating_sub(1);
            }
            rest = tail;
        }
        if !required {
            return Err(BuildError::AllOptional);
        }
        Ok(Pattern { list: all.list, len: all.len, never, within: all.within, skip: all.skip })
    }
}
