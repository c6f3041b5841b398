use std::collections::BTreeSet;
use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::builder::{Contiguity, Never, Stage};
use super::*;
use crate::rng::Rng;
use crate::snapshot;
use crate::traits::{Learner, Matcher, Validate};

const A: u32 = kind(0);
const B: u32 = kind(1);
const C: u32 = kind(2);
const D: u32 = kind(3);

/// "a b1 d c" as events of kinds A, B, D, C, one a second.
fn events(stream: &str) -> Vec<Event> {
    let names = stream.split_whitespace();
    names.enumerate().map(|(i, name)| Event::new(kind(name.as_bytes()[0] - b'a'), i as i64 * 1000)).collect()
}

/// A match as text: stages apart by "|", each as number of events, first, last.
fn text<const S: usize>(pattern: &Pattern<S>, found: &Match<S>) -> String {
    let stages = found.steps.iter().take(usize::from(pattern.stages()));
    let texts: Vec<_> = stages
        .map(|s| if s.count == 0 { "-".into() } else { format!("{}:{}-{}", s.count, s.first, s.last()) })
        .collect();
    texts.join("|")
}

fn run<const S: usize>(pattern: &Pattern<S>, events: &[Event]) -> Vec<String> {
    let mut nfa = Nfa::<S, 2000>::new(*pattern);
    let mut found = Vec::new();
    for event in events {
        nfa.learn_one(event);
        found.extend(nfa.matches().map(|m| text(pattern, &m)));
        assert!(nfa.is_valid());
    }
    assert_eq!(nfa.dropped(), 0);
    found
}

/// Holds a pattern against what is expected of it on a stream: matches as "a|b1 b2|c", in the order of being told.
fn check<const S: usize>(pattern: Builder<S>, stream: &str, expected: &[&str]) {
    let pattern = pattern.build().unwrap();
    let names: Vec<&str> = stream.split_whitespace().collect();
    let at = |name: &str| names.iter().position(|other| *other == name).unwrap();
    let expected = expected.iter().map(|text| {
        let stages = text.split('|').map(|stage| {
            let taken: Vec<usize> = stage.split_whitespace().map(at).collect();
            match (taken.first(), taken.last()) {
                (Some(first), Some(last)) => format!("{}:{first}-{last}", taken.len()),
                _ => "-".into(),
            }
        });
        stages.collect::<Vec<_>>().join("|")
    });
    assert_eq!(run(&pattern, &events(stream)), expected.collect::<Vec<_>>(), "{stream}");
}

fn begin(any_of: u32) -> Builder<4> {
    Pattern::begin(any_of)
}

// The cases of Flink's documentation, "Event Processing (CEP)", version 1.20.

#[test]
fn contiguity_between_stages() {
    let stream = "a c b1 b2";
    check(begin(A).next(B), stream, &[]);
    check(begin(A).followed_by(B), stream, &["a|b1"]);
    check(begin(A).followed_by_any(B), stream, &["a|b1", "a|b2"]);
}

#[test]
fn contiguity_within_loops() {
    let stream = "a b1 d1 b2 d2 b3 c";
    let start = || begin(A).followed_by_any(B).one_or_more();
    check(start().consecutive().followed_by(C), stream, &["a|b1|c", "a|b2|c", "a|b3|c"]);
    sorted(
        start().followed_by(C),
        stream,
        &["a|b1|c", "a|b1 b2|c", "a|b1 b2 b3|c", "a|b2|c", "a|b2 b3|c", "a|b3|c"],
    );
    sorted(
        start().allow_combinations().followed_by(C),
        stream,
        &["a|b1|c", "a|b1 b2|c", "a|b1 b3|c", "a|b1 b2 b3|c", "a|b2|c", "a|b2 b3|c", "a|b3|c"],
    );
}

/// The same matches in any order: all are told with the same event.
fn sorted<const S: usize>(pattern: Builder<S>, stream: &str, expected: &[&str]) {
    let built = pattern.build().unwrap();
    let names: Vec<&str> = stream.split_whitespace().collect();
    let at = |name: &str| names.iter().position(|other| *other == name).unwrap();
    let mut expected: Vec<_> = expected
        .iter()
        .map(|text| {
            let stages = text.split('|').map(|stage| {
                let taken: Vec<usize> = stage.split_whitespace().map(at).collect();
                format!("{}:{}-{}", taken.len(), taken[0], taken[taken.len() - 1])
            });
            stages.collect::<Vec<_>>().join("|")
        })
        .collect();
    let mut found = run(&built, &events(stream));
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "{stream}");
}

#[test]
fn consecutive_or_not() {
    // Flink's C D A1 A2 A3 D A4 B with other letters.
    let stream = "a d1 b1 b2 b3 d2 b4 c";
    let start = || begin(A).followed_by(B).one_or_more();
    sorted(start().consecutive().followed_by(C), stream, &["a|b1|c", "a|b1 b2|c", "a|b1 b2 b3|c"]);
    sorted(start().followed_by(C), stream, &["a|b1|c", "a|b1 b2|c", "a|b1 b2 b3|c", "a|b1 b2 b3 b4|c"]);
}

#[test]
fn combinations() {
    let start = || begin(A).followed_by(B).one_or_more();
    sorted(
        start().allow_combinations().followed_by(C),
        "a d1 b1 b2 b3 d2 b4 c",
        &[
            "a|b1|c",
            "a|b1 b2|c",
            "a|b1 b3|c",
            "a|b1 b4|c",
            "a|b1 b2 b3|c",
            "a|b1 b2 b4|c",
            "a|b1 b3 b4|c",
            "a|b1 b2 b3 b4|c",
        ],
    );
}

#[test]
fn skip_strategies_over_a_loop() {
    // Consecutive, so that no loop is left open after c: an open one that began first would hold back the others.
    let pattern = |skip| begin(B).one_or_more().consecutive().next(C).skip(skip);
    let stream = "b1 b2 b3 c";
    let all = ["b1 b2 b3|c", "b2 b3|c", "b3|c"];
    check(pattern(Skip::No), stream, &all);
    check(pattern(Skip::ToNext), stream, &all);
    check(pattern(Skip::PastLast), stream, &["b1 b2 b3|c"]);
    check(pattern(Skip::ToFirst(0)), stream, &all);
    check(pattern(Skip::ToLast(0)), stream, &["b1 b2 b3|c", "b3|c"]);
}

#[test]
fn skip_to_the_first_of_a_stage() {
    // (a | b | c) (b | c) c+.greedy d
    let pattern =
        |skip| begin(A | B | C).next(B | C).next(C).one_or_more().consecutive().greedy().next(D).skip(skip);
    let stream = "a b c1 c2 c3 d";
    check(pattern(Skip::No), stream, &["a|b|c1 c2 c3|d", "b|c1|c2 c3|d", "c1|c2|c3|d"]);
    check(pattern(Skip::ToFirst(2)), stream, &["a|b|c1 c2 c3|d", "c1|c2|c3|d"]);
}

#[test]
fn skip_to_the_next_start() {
    let pattern = |skip| begin(A).next(B).one_or_more().skip(skip);
    let stream = "a b1 b2 b3";
    check(pattern(Skip::No), stream, &["a|b1", "a|b1 b2", "a|b1 b2 b3"]);
    check(pattern(Skip::ToNext), stream, &["a|b1"]);
}

// Worked by hand in the same semantics.

#[test]
fn every_start_makes_its_match() {
    check(begin(A).followed_by(B), "a1 a2 b1 b2", &["a1|b1", "a2|b1"]);
    check(begin(A).followed_by(B).skip(Skip::PastLast), "a1 a2 b1 a3 b2", &["a1|b1", "a3|b2"]);
    check(begin(A).followed_by_any(B).skip(Skip::ToNext), "a1 a2 b1 b2", &["a1|b1", "a2|b1"]);
}

#[test]
fn exactly_so_many_times() {
    check(begin(A).times(2).next(C), "a1 a2 a3 c", &["a2 a3|c"]);
    check(begin(A).times(2).followed_by(C), "a1 a2 a3 c", &["a1 a2|c", "a2 a3|c"]);
    check(begin(A).times(2).consecutive().followed_by(C), "a1 d a2 a3 c", &["a2 a3|c"]);
    check(begin(A).times(2).allow_combinations().next(C), "a1 a2 a3 c", &["a1 a3|c", "a2 a3|c"]);
    check(begin(A).times_between(2, 3), "a1 a2 a3", &["a1 a2", "a1 a2 a3", "a2 a3"]);
    check(begin(A).times_or_more(3), "a1 a2 a3 a4", &["a1 a2 a3", "a1 a2 a3 a4", "a2 a3 a4"]);
}

#[test]
fn greedy_takes_what_it_can() {
    let pattern = || begin(A).followed_by(B).one_or_more();
    check(pattern().greedy().followed_by(C), "a b1 b2 c", &["a|b1 b2|c"]);
    check(pattern().followed_by(C), "a b1 b2 c", &["a|b1 b2|c", "a|b1|c"]);
    check(pattern().greedy().followed_by(C), "a b1 d b2 c", &["a|b1 b2|c"]);
    // What the loop can take is not for the stage after it.
    check(begin(A).next(B | C).one_or_more().greedy().next(C), "a b c1 c2", &[]);
    check(begin(A).next(B | C).one_or_more().next(C), "a b c1 c2", &["a|b|c1", "a|b c1|c2"]);
}

#[test]
fn optional_stages() {
    check(begin(A).next(B).optional().next(C), "a b c", &["a|b|c"]);
    check(begin(A).next(B).optional().next(C), "a c", &["a||c"]);
    check(begin(A).next(B).optional().next(C), "a d c", &[]);
    check(begin(A).followed_by(B).optional().followed_by(C), "a d b c", &["a|b|c", "a||c"]);
    check(begin(A).optional().next(B), "a b", &["a|b", "|b"]);
    check(begin(A).next(B).one_or_more().optional(), "a b1 b2", &["a|", "a|b1", "a|b1 b2"]);
}

#[test]
fn not_next() {
    let pattern = || begin(A).not_next(B).followed_by(C);
    check(pattern(), "a c", &["a|c"]);
    check(pattern(), "a b c", &[]);
    check(pattern(), "a d b c", &["a|c"]);
    check(begin(A).not_next(B), "a1 a2 b", &["a1"]);
}

#[test]
fn not_followed_by() {
    let pattern = || begin(A).not_followed_by(B).followed_by(C);
    check(pattern(), "a d c", &["a|c"]);
    check(pattern(), "a d b c", &[]);
    check(pattern(), "a1 b a2 c", &["a2|c"]);
    check(begin(A).one_or_more().not_followed_by(B).followed_by(C), "a1 a2 b a3 c", &["a3|c"]);
    check(begin(A).times(2).not_followed_by(B).followed_by(C), "a1 b a2 c", &[]);
}

#[test]
fn what_does_not_happen_in_time() {
    let pattern = || begin(A).not_followed_by(B).within(2500);
    check(pattern(), "a d1 d2 d3", &["a"]);
    check(pattern(), "a d1 b d2 d3", &[]);
    check(pattern(), "a d1 d2 b", &["a"]);
    let mut nfa = Nfa::<4, 4>::new(pattern().build().unwrap());
    events("a d1 d2 d3").iter().for_each(|event| nfa.learn_one(event));
    assert_eq!(nfa.matched().map(|m| (m.start, m.end)), Some((0, 2500)));
}

#[test]
fn within_a_time() {
    // Less than the window, not as long as it.
    check(begin(A).followed_by(B).within(2000), "a d b", &[]);
    check(begin(A).followed_by(B).within(2001), "a d b", &["a|b"]);
    check(begin(A).followed_by(B).one_or_more().within(2500), "a b1 b2 b3", &["a|b1", "a|b1 b2"]);
}

#[test]
fn any_of_and_events_of_several_kinds() {
    check(begin(A | B).next(C | D), "a c b d", &["a|c", "b|d"]);
    let pattern = begin(A).next(B).next(A).build().unwrap();
    let both = [Event::new(A | B, 0), Event::new(A | B, 1), Event::new(A, 2)];
    assert_eq!(run(&pattern, &both), ["1:0-0|1:1-1|1:2-2"]);
}

#[test]
fn a_match_waits_for_an_older_one_that_could_forbid_it() {
    // a1 could still be followed by two more b, and is, so the later match is never told.
    let pattern = |skip| begin(A).followed_by(B).times(3).followed_by(C).optional().skip(skip);
    check(pattern(Skip::No), "a1 b1 a2 b2 b3", &["a1|b1 b2 b3|"]);
    let late = |skip| begin(A | B).followed_by(C).followed_by(D).optional().skip(skip);
    check(late(Skip::No), "a b c", &["a|c|", "b|c|"]);
    check(late(Skip::PastLast), "a b c", &["a|c|"]);
    // b d is complete first, but a began before it and takes b along.
    let held = |skip| {
        Pattern::<3>::begin(A | B)
            .followed_by_any(D)
            .times_between(1, 2)
            .consecutive()
            .followed_by(C)
            .skip(skip)
    };
    check(held(Skip::PastLast), "a b d c", &["a|d|c"]);
}

#[test]
fn the_table_overflows_in_the_open() {
    let pattern = Pattern::<2>::begin(A).followed_by(B).build().unwrap();
    let mut nfa = Nfa::<2, 3>::new(pattern);
    for i in 0..5 {
        nfa.learn_one(&Event::new(A, i));
    }
    assert_eq!((nfa.dropped(), nfa.open()), (2, 3));
    nfa.learn_one(&Event::new(B, 9));
    let starts: Vec<_> = nfa.matches().map(|m| m.start).collect();
    assert_eq!((starts, nfa.open(), nfa.matched().unwrap().end), (vec![2, 3, 4], 0, 9));
    nfa.learn_one(&Event::new(D, 10));
    assert_eq!(nfa.matched(), None);
}

#[test]
fn mistakes_are_told() {
    let error = |builder: Builder<4>| builder.build().unwrap_err();
    assert_eq!(error(begin(0)), BuildError::NoKinds);
    assert_eq!(error(begin(A).next(B).next(C).next(D).next(A)), BuildError::TooManyStages);
    assert_eq!(error(begin(A).within(0)), BuildError::EmptyWindow);
    assert_eq!(error(begin(A).times(0)), BuildError::Times);
    assert_eq!(error(begin(A).times_between(3, 2)), BuildError::Times);
    assert_eq!(error(begin(A).times(2).one_or_more()), BuildError::Quantifier);
    assert_eq!(error(begin(A).not_next(B).times(2)), BuildError::Quantifier);
    assert_eq!(error(begin(A).greedy()), BuildError::NotALoop);
    assert_eq!(error(begin(A).consecutive()), BuildError::NotALoop);
    assert_eq!(error(begin(A).optional().not_next(B).next(C)), BuildError::OptionalBesideNot);
    assert_eq!(error(begin(A).not_next(B).next(C).optional()), BuildError::OptionalBesideNot);
    assert_eq!(error(begin(A).not_followed_by(B)), BuildError::EndlessNot);
    assert_eq!(error(begin(A).optional()), BuildError::AllOptional);
    assert_eq!(error(begin(A).skip(Skip::ToLast(1))), BuildError::NoSuchStage);
}

/// All matches by trying all choices of events: conditions on the whole instead of steps of an automaton.
struct Brute<'a, const S: usize> {
    pattern: &'a Pattern<S>,
    events: &'a [Event],
    found: BTreeSet<String>,
    all: usize,
}

impl<const S: usize> Brute<'_, S> {
    fn stage(&self, number: usize) -> &Stage {
        &self.pattern.list[number]
    }

    fn fits(&self, event: usize, number: usize) -> bool {
        self.events[event].is(self.stage(number).kinds)
    }

    fn over(&self, first: usize, event: &Event) -> bool {
        let within = i64::from(self.pattern.within);
        within > 0 && event.time() - self.events[first].time() >= within
    }

    /// True if nothing between speaks against it.
    fn clear(&self, how: Contiguity, number: usize, mut between: std::ops::Range<usize>) -> bool {
        match how {
            Contiguity::Strict => between.is_empty(),
            Contiguity::Relaxed => !between.any(|event| self.fits(event, number)),
            Contiguity::Any => true,
        }
    }

    fn extend(&mut self, taken: &mut Vec<(usize, usize)>) {
        let (stages, &(number, last)) = (usize::from(self.pattern.len), taken.last().unwrap());
        let count = taken.iter().filter(|(stage, _)| *stage == number).count() as u16;
        let enough = count >= self.stage(number).min;
        if enough && (number + 1..stages).all(|i| self.stage(i).optional) {
            self.tell(taken);
        }
        for event in last + 1..self.events.len() {
            if self.pattern.within > 0
                && self.events[event].time() - self.events[taken[0].1].time()
                    >= i64::from(self.pattern.within)
            {
                break;
            }
            let between = last + 1..event;
            // Once in the stage before a negation, nothing forbidden may come.
            let (pattern, events) = (self.pattern, self.events);
            let forbidden = |to: usize| {
                to < stages && (last + 1..=event).any(|e| events[e].is(pattern.list[to].not_before))
            };
            // What must not be the next event speaks against the loop before it too, as Flink's stop states do.
            let never_next = match (number + 1 < stages, pattern.never) {
                (true, _) => pattern.list[number + 1].not_next,
                (false, Never::Next(kinds)) => kinds,
                (false, _) => 0,
            };
            let inside = *self.stage(number);
            if self.fits(event, number)
                && (count < inside.max || inside.max == Stage::MANY)
                && self.clear(inside.inner, number, between.clone())
                && !forbidden(number + 1)
                && !(enough && events[last + 1].is(never_next))
            {
                taken.push((number, event));
                self.extend(taken);
                taken.pop();
            }
            let mut to = number + 1;
            while enough && to < stages {
                let next = *self.stage(to);
                let before = *self.stage(to - 1);
                let blocked = before.greedy && (last + 1..=event).any(|e| self.events[e].is(before.kinds));
                if self.fits(event, to)
                    && self.clear(next.after, to, between.clone())
                    && !blocked
                    && !forbidden(to)
                    && !self.events[last + 1].is(next.not_next)
                {
                    taken.push((to, event));
                    self.extend(taken);
                    taken.pop();
                }
                if !next.optional {
                    break;
                }
                to += 1;
            }
        }
    }

    fn tell(&mut self, taken: &[(usize, usize)]) {
        let last = taken[taken.len() - 1].1;
        if let Never::Next(kinds) = self.pattern.never {
            match self.events.get(last + 1) {
                Some(event) if event.is(kinds) => return,
                Some(event) if self.over(taken[0].1, event) => return,
                Some(_) => {}
                None => return,
            }
        }
        let stages = (0..usize::from(self.pattern.len)).map(|i| {
            let own: Vec<usize> = taken.iter().filter(|(stage, _)| *stage == i).map(|(_, e)| *e).collect();
            match (own.first(), own.last()) {
                (Some(a), Some(b)) => format!("{}:{a}-{b}", own.len()),
                _ => "-".into(),
            }
        });
        let text = stages.collect::<Vec<_>>().join("|");
        self.all += 1;
        self.found.insert(text);
    }
}

fn brute<const S: usize>(pattern: &Pattern<S>, events: &[Event]) -> (BTreeSet<String>, usize) {
    let mut brute = Brute { pattern, events, found: BTreeSet::new(), all: 0 };
    for (first, event) in events.iter().enumerate() {
        let mut stage = 0;
        loop {
            let blocked =
                stage > 0 && pattern.list[stage - 1].greedy && event.is(pattern.list[stage - 1].kinds);
            if brute.fits(first, stage) && !blocked {
                brute.extend(&mut vec![(stage, first)]);
            }
            if !pattern.list[stage].optional {
                break;
            }
            stage += 1;
        }
    }
    (brute.found, brute.all)
}

fn random_pattern(rng: &mut Rng) -> Option<Pattern<3>> {
    let mut below = |n: u64| rng.next_u64() % n;
    let mut kinds = || [A, B, C, A | B, B | C][below(5) as usize];
    let (k0, k1, k2, n1, n2) = (kinds(), kinds(), kinds(), kinds(), kinds());
    let mut quantify = |builder: Builder<3>| {
        let builder = match below(6) {
            0 => builder.times(2),
            1 => builder.one_or_more(),
            2 => builder.times_between(1, 2),
            3 => builder.times_or_more(2),
            _ => return if below(4) == 0 { builder.optional() } else { builder },
        };
        let builder = match below(4) {
            0 => builder.consecutive(),
            1 => builder.allow_combinations(),
            _ => builder,
        };
        let builder = if below(3) == 0 { builder.greedy() } else { builder };
        if below(4) == 0 { builder.optional() } else { builder }
    };
    let mut builder = quantify(Pattern::begin(k0));
    let choices = [rng.next_u64(), rng.next_u64()];
    for (choice, (k, n)) in choices.into_iter().zip([(k1, n1), (k2, n2)]) {
        builder = match choice % 8 {
            0 => builder.not_next(n),
            1 => builder.not_followed_by(n),
            _ => builder,
        };
        builder = match (choice >> 8) % 3 {
            0 => builder.next(k),
            1 => builder.followed_by(k),
            _ => builder.followed_by_any(k),
        };
        let mut below = |n: u64| rng.next_u64() % n;
        builder = match below(5) {
            0 => builder.times(2),
            1 => builder.one_or_more(),
            2 => builder.one_or_more().greedy(),
            3 => builder.times_between(1, 3).consecutive(),
            _ => builder,
        };
        if below(5) == 0 {
            builder = builder.optional();
        }
    }
    if rng.uniform() < 0.3 {
        builder = builder.within(4000);
    }
    if rng.uniform() < 0.1 {
        builder = builder.not_next(A);
    }
    builder.build().ok()
}

#[test]
fn random_patterns_on_random_streams_against_brute_force() {
    let mut rng = Rng::new(77);
    let (mut patterns, mut matches) = (0, 0);
    while patterns < 10_000 {
        let Some(pattern) = random_pattern(&mut rng) else { continue };
        patterns += 1;
        let stream: Vec<Event> =
            (0..7).map(|i| Event::new(kind((rng.next_u64() % 4) as u8), i * 1000)).collect();
        let found = run(&pattern, &stream);
        let (want, all) = brute(&pattern, &stream);
        assert_eq!(found.len(), all, "{pattern:?} {stream:?} {found:?} {want:?}");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), want, "{pattern:?} {stream:?}");
        matches += all;
    }
    assert!(matches > 10_000, "{matches}");
}

/// What every strategy promises, and that it only leaves out: nothing is told that is not a match.
#[test]
fn skip_strategies_on_random_patterns() {
    let (mut rng, mut told) = (Rng::new(5), 0);
    for _ in 0..3000 {
        let Some(plain) = random_pattern(&mut rng) else { continue };
        let stream: Vec<Event> =
            (0..10).map(|i| Event::new(kind((rng.next_u64() % 3) as u8), i * 1000)).collect();
        let all: BTreeSet<String> = run(&plain, &stream).into_iter().collect();
        for skip in [Skip::ToNext, Skip::PastLast, Skip::ToFirst(1), Skip::ToLast(2)] {
            let pattern = Pattern { skip, ..plain };
            let mut nfa = Nfa::<3, 2000>::new(pattern);
            // The number of the event from which on the next match may begin.
            let mut from = 0;
            for event in &stream {
                nfa.learn_one(event);
                for found in nfa.matches() {
                    let taken: Vec<&Step> = found.steps.iter().filter(|step| step.count > 0).collect();
                    let (first, last) = (taken[0].first, taken[taken.len() - 1].last());
                    assert!(first >= from, "{pattern:?} {stream:?}");
                    let step = |stage: usize| Some(&found.steps[stage]).filter(|step| step.count > 0);
                    from = match skip {
                        Skip::No => 0,
                        Skip::ToNext => first + 1,
                        Skip::PastLast => last + 1,
                        Skip::ToFirst(stage) => step(stage.into()).map_or(first, |step| step.first),
                        Skip::ToLast(stage) => step(stage.into()).map_or(first, Step::last),
                    };
                    assert!(all.contains(&text(&pattern, &found)));
                    told += 1;
                }
            }
        }
    }
    assert!(told > 4000, "{told}");
}

#[test]
fn a_snapshot_in_mid_stream_and_reset() {
    let pattern = begin(A).followed_by_any(B).one_or_more().followed_by(C).within(20_000).skip(Skip::ToNext);
    let new = Nfa::<4, 24>::new(pattern.build().unwrap());
    let (mut rng, mut straight) = (Rng::new(3), new.clone());
    let mut bytes = [0; snapshot::MAX_BYTES];
    for i in 0..500 {
        let restored = snapshot::load::<Nfa<4, 24>>(snapshot::save(&straight, 1, &mut bytes).unwrap(), 1);
        assert_eq!(restored.as_ref(), Ok(&straight));
        let (mut restored, event) =
            (restored.unwrap(), Event::new(kind((rng.next_u64() % 4) as u8), i * 1000));
        straight.learn_one(&event);
        restored.learn_one(&event);
        assert_eq!(restored, straight);
    }
    straight.reset();
    assert_eq!(straight, new);
}

/// Any time, any kinds: nothing panics, nothing grows, and a match never ends before it began.
#[test]
fn extremes() {
    let mut rng = Rng::new(9);
    for _ in 0..200 {
        let Some(pattern) = random_pattern(&mut rng) else { continue };
        let mut nfa = Nfa::<3, 6>::new(pattern);
        for _ in 0..300 {
            nfa.learn_one(&Event::new(rng.next_u64() as u32 & 0xF, rng.next_u64() as i64));
            assert!(nfa.is_valid());
            assert!(nfa.matches().all(|m| m.end >= m.start));
        }
    }
}

#[test]
fn memory() {
    assert_eq!(size_of::<Step>(), 8);
    // 16 bytes a stage and run, as soon as there are two stages.
    assert!(size_of::<Nfa<4, 100>>() <= 16 * 4 * 100);
    assert!(size_of::<Nfa<2, 100>>() <= 16 * 2 * 100 + size_of::<Pattern<2>>() + 16);
}
