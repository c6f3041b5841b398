//! What a worker does without when readings come faster than they can be learnt: scores, then learning, then new channels.

use std::time::{Duration, Instant};

use crate::ledger::Gauge;

/// Fill of the queue above which a worker is pressed.
const HIGH: f32 = 0.75;
/// Below half the queue it is not pressed any more, and below this it has room.
const MIDDLE: f32 = 0.5;
const LOW: f32 = 0.25;

/// What is done without; each level with all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Nothing.
    #[default]
    Normal,
    /// Scores are published less often.
    ThinScores,
    /// Readings of channels without an open alert are passed over.
    SkipLearning,
    /// No new channels.
    RefuseNew,
}

impl Level {
    /// In the order in which they are entered.
    pub(crate) const ALL: [Self; 4] = [Self::Normal, Self::ThinScores, Self::SkipLearning, Self::RefuseNew];

    /// The gauge of the workers that are at this level or beyond it.
    pub(crate) const fn gauge(self) -> Option<Gauge> {
        match self {
            Self::Normal => None,
            Self::ThinScores => Some(Gauge::ThinScores),
            Self::SkipLearning => Some(Gauge::SkipLearning),
            Self::RefuseNew => Some(Gauge::RefuseNew),
        }
    }

    /// For the person who reads the log.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Normal => "everything is learnt again",
            Self::ThinScores => "scores are published ten times less often",
            Self::SkipLearning => "readings of channels without an open alert are passed over, and counted",
            Self::RefuseNew => "new channels are refused for now, and counted",
        }
    }
}

/// One worker's pressure. A level is entered when the queue stayed nearly full for a while, and left when it stayed nearly
/// empty as long: a burst changes nothing, and nothing flutters.
#[derive(Debug)]
pub(crate) struct Overload {
    level: Level,
    hold: Duration,
    pressed_since: Option<Instant>,
    free_since: Option<Instant>,
}

impl Overload {
    pub(crate) const fn new(hold: Duration) -> Self {
        Self { level: Level::Normal, hold, pressed_since: None, free_since: None }
    }

    pub(crate) const fn level(&self) -> Level {
        self.level
    }

    /// Looks at how full the queue is, 0 to 1; the new level, if it changes.
    pub(crate) fn observe(&mut self, fill: f32, now: Instant) -> Option<Level> {
        if fill >= HIGH {
            self.pressed_since.get_or_insert(now);
        } else if fill < MIDDLE {
            self.pressed_since = None;
        }
        if fill < LOW {
            self.free_since.get_or_insert(now);
        } else if fill >= MIDDLE {
            self.free_since = None;
        }
        let long = |since: Option<Instant>| since.is_some_and(|since| now.duration_since(since) >= self.hold);
        let place = self.level as usize;
        let next = if long(self.pressed_since) {
            place + 1
        } else if long(self.free_since) {
            place.checked_sub(1)?
        } else {
            return None;
        };
        let level = *Level::ALL.get(next)?;
        // The next one takes as long again.
        (self.pressed_since, self.free_since) = (None, None);
        self.level = level;
        Some(level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_come_one_by_one_and_go_the_same_way() {
        let (start, hold) = (Instant::now(), Duration::from_secs(10));
        let mut overload = Overload::new(hold);
        let mut seen = Vec::new();
        for second in 0..120 {
            // Full for a minute, between the marks for a while, then empty.
            let fill = match second {
                0..60 => 1.0,
                60..70 => 0.6,
                _ => 0.1,
            };
            if let Some(level) = overload.observe(fill, start + Duration::from_secs(second)) {
                seen.push((second, level));
            }
        }
        use Level::{Normal, RefuseNew, SkipLearning, ThinScores};
        let expected = [
            (10, ThinScores),
            (21, SkipLearning),
            (32, RefuseNew),
            (80, SkipLearning),
            (91, ThinScores),
            (102, Normal),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn bursts_change_nothing() {
        let (start, hold) = (Instant::now(), Duration::from_secs(10));
        let mut overload = Overload::new(hold);
        for second in 0..1000 {
            let fill = if second % 10 < 9 { 1.0 } else { 0.4 };
            assert_eq!(overload.observe(fill, start + Duration::from_secs(second)), None, "{second}");
        }
    }
}
