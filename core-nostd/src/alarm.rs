//! When to ring: from evidence to alerts.
//!
//! A threshold that rises with the rate of a channel (people count alerts a day, not a sample), a short pause after each
//! alert and a bar that asks for more than it had (the same again is no news), a budget of alerts a month that a channel
//! spends, and silence while it cannot know.
//!
//! The budget is adaptive conformal inference on the scale of evidence: the level of the conformal test follows what was
//! spent, a power of ten for each budget that a month's alerts use up. Gibbs, Candès: Adaptive conformal inference under
//! distribution shift, NeurIPS 2021, doi:10.48550/arXiv.2106.00170.

use serde::{Deserialize, Serialize};

use crate::math;
use crate::stats::Period;
use crate::traits::{Learner, Validate};

const HOUR: f32 = 3_600_000.0;
/// By how much the threshold rises for each power of ten in samples a day above one in five minutes.
const RISE_WITH_RATE: f32 = 0.3;
/// Silent for the first day, within these bounds in samples: it holds nothing but records.
const SILENT_HOURS: f32 = 24.0;
const SILENT_LEAST: f32 = 100.0;
const SILENT_MOST: f32 = 300.0;
/// An alert raises the bar to this much above its own evidence, by three powers of ten at most; the bar falls by one in
/// 16 hours, so the same again is news after eight.
const BAR: f32 = 0.5;
const BAR_MOST: f32 = 3.0;
const BAR_HOURS: f32 = 16.0;
const BAR_LEAST: f32 = 50.0;
/// Samples after an alert in which no other follows: an onset builds up over as many as the experts look at.
const PAUSE: u8 = 24;
/// Alerts are forgotten over a month.
const MONTH_HOURS: f32 = 30.0 * 24.0;
/// A budget outside of these bounds counts as the nearer one.
const BUDGET_LEAST: f32 = 0.01;
const BUDGET_MOST: f32 = 10_000.0;
/// An alert ends after this many samples below half the threshold ..
const QUIET_SAMPLES: u16 = 12;
/// .. or after this many samples and a day: what lasts that long is the new normal.
const ACCEPTED_SAMPLES: f32 = 2_000.0;
const ACCEPTED_HOURS: f32 = 24.0;

/// What a user sets; shared by channels, so not part of the state.
/// ```
/// use brooklet_core::alarm::{Alarm, Settings};
/// let calm = Settings { threshold: 4.0, ..Settings::DEFAULT };
/// assert_eq!(Alarm::new().threshold(&calm), 4.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Evidence in powers of ten from which a young, quiet channel rings; 0.5 to 20, default 2.2. Half of it ends an
    /// alert.
    pub threshold: f32,
    /// Samples before the first alert; `None`: a day of samples, at least 100 and at most 300.
    pub warm_up: Option<u32>,
    /// Alerts in 30 days that a channel may cost, about; 0.01 to 10,000, default 10. Half of it asks twice the odds of
    /// each alert, and each alert makes the next one dearer until the month forgets it.
    pub budget: f32,
}

impl Settings {
    /// What holds when nobody configures anything.
    pub const DEFAULT: Self = Self { threshold: 2.2, warm_up: None, budget: 10.0 };

    fn budget(&self) -> f32 {
        self.budget.clamp(BUDGET_LEAST, BUDGET_MOST)
    }

    /// What the budget asks for beyond the threshold, in powers of ten.
    fn odds(&self) -> f32 {
        let times = Self::DEFAULT.budget / self.budget();
        if times == 1.0 { 0.0 } else { math::log10(times) } // spares most the logarithm
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What one sample did to the alarm.
/// ```
/// use brooklet_core::alarm::{Alarm, Change, Settings};
/// let settings = Settings { warm_up: Some(2), ..Settings::DEFAULT };
/// let mut alarm = Alarm::new();
/// let changes = [5.0, 5.0, 5.0].map(|evidence| alarm.step(evidence, None, &settings));
/// assert_eq!(changes, [Change::None, Change::Fired, Change::Noticed]); // warming up, rings, pauses
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// It is unusual enough to ring, but alerts have raised the bar: the level is held, nobody is called.
    Noticed,
    /// An alert starts; a former one that was still open gives way to it.
    Fired,
}

/// The state between samples. Memory: 48 bytes.
/// ```
/// use brooklet_core::alarm::{Alarm, Change, Settings};
/// let mut alarm = Alarm::new();
/// for _ in 0..600 { alarm.step(0.0, None, &Settings::DEFAULT); }
/// assert_eq!(alarm.step(6.0, None, &Settings::DEFAULT), Change::Fired);
/// let quiet = (1..100).find(|_| alarm.settle(0.0, &Settings::DEFAULT));
/// assert_eq!((quiet, alarm.is_open()), (Some(12), false)); // twelve quiet samples end an alert
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    period: Period,
    seen: u32,
    bar: f32,
    /// Alerts of the last 30 days, fading.
    spent: f32,
    pause: u8,
    open: bool,
    quiet: u16,
    age: f32,
}

impl Alarm {
    /// Nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            period: Period::new(),
            seen: 0,
            bar: 0.0,
            spent: 0.0,
            pause: 0,
            open: false,
            quiet: 0,
            age: 0.0,
        }
    }

    /// The level is held: for an alert, or for what would have been one in peace.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Samples since it opened.
    #[must_use]
    pub const fn age(&self) -> f32 {
        self.age
    }

    /// Samples seen, and how many it takes before the first alert.
    /// ```
    /// use brooklet_core::alarm::{Alarm, Settings};
    /// let mut alarm = Alarm::new();
    /// for i in 0..10 { alarm.step(0.0, Some(i * 900_000), &Settings::DEFAULT); } // a quarter of an hour apart
    /// assert_eq!(alarm.warm_up(&Settings::DEFAULT), (10, 100)); // a day, but at least 100
    /// ```
    #[must_use]
    pub fn warm_up(&self, settings: &Settings) -> (u32, u32) {
        let hours = (SILENT_HOURS * self.an_hour()).clamp(SILENT_LEAST, SILENT_MOST);
        (self.seen, settings.warm_up.unwrap_or(hours as u32))
    }

    /// The alarm of a channel that starts from what this one's has learnt; `None` while this one warms up.
    pub(crate) fn sibling(&self, settings: &Settings) -> Option<Self> {
        let (seen, warm_up) = self.warm_up(settings);
        let new =
            Self { period: self.period, seen: warm_up.saturating_sub(SILENT_LEAST as u32), ..Self::new() };
        (seen >= warm_up).then_some(new)
    }

    /// The evidence that rings now, in powers of ten.
    #[must_use]
    pub fn threshold(&self, settings: &Settings) -> f32 {
        self.threshold_in_peace(settings) + self.bar + self.budget_used(settings)
    }

    /// The same if there had been no alerts lately.
    fn threshold_in_peace(&self, settings: &Settings) -> f32 {
        let rate = math::log10(Period::UNKNOWN / self.period.or_unknown().clamp(1.0, Period::UNKNOWN));
        settings.threshold + RISE_WITH_RATE * rate + settings.odds()
    }

    /// Share of the budget that the alerts of the last 30 days have used: 1 is all of it. An alert counts less and less
    /// (e^-1 after 30 days), so the share falls smoothly.
    /// ```
    /// use brooklet_core::alarm::{Alarm, Change, Settings};
    /// let settings = Settings { warm_up: Some(1), budget: 4.0, ..Settings::DEFAULT };
    /// let mut alarm = Alarm::new();
    /// assert_eq!(alarm.step(9.0, None, &settings), Change::Fired);
    /// assert_eq!(alarm.budget_used(&settings), 0.25);
    /// ```
    #[must_use]
    pub fn budget_used(&self, settings: &Settings) -> f32 {
        self.spent / settings.budget()
    }

    /// Samples an hour.
    fn an_hour(&self) -> f32 {
        HOUR / math::max(self.period.or_unknown(), 1.0)
    }

    /// Takes in the evidence of one sample.
    pub fn step(&mut self, evidence: f32, time: Option<i64>, settings: &Settings) -> Change {
        let hour = self.an_hour();
        let fade = math::max(BAR_HOURS * hour, BAR_LEAST);
        self.bar = math::max(self.bar - 1.0 / fade, 0.0);
        self.spent -= self.spent / math::max(MONTH_HOURS * hour, 1.0);
        self.pause = self.pause.saturating_sub(1);
        self.seen = self.seen.saturating_add(1);
        // Little is added to the user's threshold unless the budget is large: below it all else can be spared.
        let noticed = (evidence >= settings.threshold || settings.budget > Settings::DEFAULT.budget)
            && evidence >= self.threshold_in_peace(settings)
            && self.seen >= self.warm_up(settings).1;
        let fired = noticed && self.pause == 0 && evidence >= self.threshold(settings);
        self.period.learn_one(&time);
        if noticed && !self.open {
            (self.open, self.quiet, self.age) = (true, 0, 0.0);
        }
        if fired {
            let own = math::min(evidence - self.threshold_in_peace(settings) + BAR, BAR_MOST);
            self.bar = math::max(self.bar, own);
            self.spent += 1.0;
            self.pause = PAUSE;
            Change::Fired
        } else if noticed {
            Change::Noticed
        } else {
            Change::None
        }
    }

    /// Takes in the level of one sample while an alert is open; true if that ends the alert.
    pub fn settle(&mut self, level: f32, settings: &Settings) -> bool {
        if !self.open {
            return false;
        }
        self.quiet = if level < 0.5 * settings.threshold { self.quiet.saturating_add(1) } else { 0 };
        self.age = math::min(self.age + 1.0, 1e7);
        self.open = self.quiet < QUIET_SAMPLES && self.age < self.accepted_after();
        !self.open
    }

    /// What lasts for so many samples is the new normal.
    pub(crate) fn accepted_after(&self) -> f32 {
        math::max(ACCEPTED_SAMPLES, ACCEPTED_HOURS * self.an_hour())
    }
}

impl Validate for Alarm {
    fn is_valid(&self) -> bool {
        let bounded = 0.0..=1e12;
        self.period.is_valid() && [self.bar, self.spent, self.age].iter().all(|x| bounded.contains(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES_5: i64 = 300_000;

    fn feed(alarm: &mut Alarm, range: core::ops::Range<i64>, evidence: f32) -> usize {
        let fired = |&i: &i64| alarm.step(evidence, Some(i * MINUTES_5), &Settings::DEFAULT) == Change::Fired;
        range.filter(fired).count()
    }

    #[test]
    fn silent_while_it_cannot_know() {
        let mut alarm = Alarm::new();
        assert_eq!(feed(&mut alarm, 0..287, 9.0), 0); // a day of five minutes
        assert_eq!(feed(&mut alarm, 287..290, 9.0), 1);
    }

    #[test]
    fn rings_less_and_less_often_for_the_same() {
        let mut alarm = Alarm::new();
        feed(&mut alarm, 0..600, 0.0);
        assert_eq!(feed(&mut alarm, 600..696, 3.0), 1, "the same is no news for hours");
        assert_eq!(feed(&mut alarm, 696..697, 9.0), 1, "but something far stronger is");
        let weeks: [usize; 3] = core::array::from_fn(|week| {
            let start = 697 + 7 * 288 * week as i64;
            feed(&mut alarm, start..start + 7 * 288, 3.0)
        });
        let [first, _, third] = weeks;
        assert!(first <= 10 && third < first, "{weeks:?}");
        assert!(alarm.budget_used(&Settings::DEFAULT) < 1.0);
    }

    #[test]
    fn an_alert_ends_in_quiet_or_is_accepted() {
        let mut alarm = Alarm::new();
        feed(&mut alarm, 0..600, 0.0);
        assert_eq!(feed(&mut alarm, 600..601, 5.0), 1);
        let samples =
            |alarm: &mut Alarm, level: f32| (1..10_000).find(|_| alarm.settle(level, &Settings::DEFAULT));
        assert_eq!(samples(&mut alarm, 1.0), Some(12));
        assert_eq!(feed(&mut alarm, 613..1000, 3.9), 1);
        assert_eq!(samples(&mut alarm, 5.0), Some(2000));
    }

    #[test]
    fn faster_sampling_asks_for_more() {
        let (mut slow, mut fast) = (Alarm::new(), Alarm::new());
        for i in 0..100 {
            slow.step(0.0, Some(i * MINUTES_5), &Settings::DEFAULT);
            fast.step(0.0, Some(i * 1000), &Settings::DEFAULT);
        }
        let more = fast.threshold(&Settings::DEFAULT) - slow.threshold(&Settings::DEFAULT);
        assert!((more - 0.743).abs() < 0.001, "{more}");
    }
}
