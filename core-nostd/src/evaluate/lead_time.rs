use serde::{Deserialize, Serialize};

use crate::traits::{Learner, Statistic, Validate};

/// How long before a fault its alarm rang.
///
/// A fault begins where the answer rises above one half; it was alarmed if the prediction was above one half in any of
/// the `horizon` samples before, or as it began. Its lead is the distance from the first of those alarms. An alarm
/// that no fault follows within `horizon` samples was false; alarms during a fault are neither.
///
/// Alarms that repeat within the horizon count as one. `horizon`: in samples. Memory: 24 bytes. Cost: a few comparisons.
/// ```
/// use brooklet_core::evaluate::LeadTime;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut lead = LeadTime::new(10);
/// for pair in [(0.0, 0.0), (1.0, 0.0), (0.0, 0.0), (0.0, 1.0), (0.0, 0.0)] { lead.learn_one(&pair); }
/// assert_eq!(lead.value(), Some(2.0));
/// assert_eq!((lead.found(), lead.missed(), lead.false_alarms()), (1, 0, 0));
/// ```
/// Source: as in Saxena and others: Metrics for evaluating performance of prognostic techniques, 2008,
/// doi:10.1109/PHM.2008.4711436. Checked by hand-worked cases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeadTime {
    horizon: u16,
    /// Samples since the first alarm of an open one.
    open: Option<u16>,
    in_fault: bool,
    found: u32,
    missed: u32,
    false_alarms: u32,
    mean: f32,
}

impl LeadTime {
    /// Nothing seen; `horizon` in samples.
    #[must_use]
    pub const fn new(horizon: u16) -> Self {
        Self { horizon, open: None, in_fault: false, found: 0, missed: 0, false_alarms: 0, mean: 0.0 }
    }

    /// Faults that were alarmed in time.
    #[must_use]
    pub const fn found(&self) -> u32 {
        self.found
    }

    /// Faults that were not.
    #[must_use]
    pub const fn missed(&self) -> u32 {
        self.missed
    }

    /// Alarms that no fault followed.
    #[must_use]
    pub const fn false_alarms(&self) -> u32 {
        self.false_alarms
    }
}

impl Learner for LeadTime {
    /// Alarm, fault: each above one half or not.
    type Input = (f32, f32);

    fn learn_one(&mut self, (alarm, fault): &(f32, f32)) {
        let (alarm, fault) = (*alarm > 0.5, *fault > 0.5);
        self.open = self.open.map(|age| age.saturating_add(1));
        if self.open.is_some_and(|age| age > self.horizon) {
            self.open = None;
            self.false_alarms = self.false_alarms.saturating_add(1);
        }
        if alarm && self.open.is_none() && !self.in_fault {
            self.open = Some(0);
        }
        if fault && !self.in_fault {
            match self.open.take() {
                Some(lead) => {
                    self.found = self.found.saturating_add(1);
                    self.mean += (f32::from(lead) - self.mean) / self.found as f32;
                }
                None => self.missed = self.missed.saturating_add(1),
            }
        }
        self.in_fault = fault;
    }

    fn reset(&mut self) {
        *self = Self::new(self.horizon);
    }
}

impl Statistic for LeadTime {
    type Output = f32;

    /// Mean lead of the faults found, in samples; `None` before the first.
    fn value(&self) -> Option<f32> {
        (self.found > 0).then_some(self.mean)
    }
}

impl Validate for LeadTime {
    fn is_valid(&self) -> bool {
        (0.0..=65_536.0).contains(&self.mean) && self.open.is_none_or(|age| age <= self.horizon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(horizon: u16, rows: &str) -> (Option<f32>, u32, u32, u32) {
        let mut lead = LeadTime::new(horizon);
        for row in rows.chars() {
            let (alarm, fault) = match row {
                'a' => (1.0, 0.0),
                'f' => (0.0, 1.0),
                'b' => (1.0, 1.0),
                _ => (0.0, 0.0),
            };
            lead.learn_one(&(alarm, fault));
            assert!(lead.is_valid());
        }
        (lead.value(), lead.found(), lead.missed(), lead.false_alarms())
    }

    #[test]
    fn hand_worked() {
        assert_eq!(judged(3, "..a..f.."), (Some(3.0), 1, 0, 0), "just in time");
        assert_eq!(judged(3, "..a...f."), (None, 0, 1, 1), "a sample too early is false");
        assert_eq!(judged(3, "..aa.f.."), (Some(3.0), 1, 0, 0), "the first of several counts");
        assert_eq!(
            judged(3, "..bfb..."),
            (Some(0.0), 1, 0, 0),
            "as it begins; alarms in a fault are neither"
        );
        assert_eq!(judged(3, "ff..a.ff"), (Some(2.0), 1, 1, 0), "one fault a stretch");
        assert_eq!(judged(3, "a........a......"), (None, 0, 0, 2));
    }
}
