//! Which channels use their budget of alerts up: for the status.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::reading::{ChannelId, DeviceId, Timestamp};

/// Channels that are remembered at most, and that are told.
const MOST: usize = 64;
const TOLD: usize = 5;
/// As in the core: a month after its last alert a channel has e^-1 of it left.
const MONTH: f64 = 30.0 * 86_400_000.0;

/// What channels had used of their budgets at their last alerts.
#[derive(Debug, Default)]
pub struct Budgets(Mutex<HashMap<(DeviceId, ChannelId), Used>>);

#[derive(Clone, Copy, Debug)]
struct Used {
    share: f32,
    at: Timestamp,
}

impl Used {
    fn now(self, now: Timestamp) -> f64 {
        let age = now.0.saturating_sub(self.at.0).max(0) as f64;
        f64::from(self.share) * (-age / MONTH).exp()
    }
}

/// What the status says of budgets.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Channels that have used all of it.
    pub used_up: usize,
    /// `device/channel` and the share that it has used, 1 for all, of the worst.
    pub most_used: Map<String, Value>,
}

impl Budgets {
    /// A channel has used this share of its budget, at a time of its readings.
    pub fn note(&self, device: &DeviceId, channel: &ChannelId, share: f32, at: Timestamp) {
        if share <= 0.0 {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert((device.clone(), channel.clone()), Used { share, at });
        if all.len() > MOST {
            let least = all.iter().min_by(|(_, a), (_, b)| a.now(at).total_cmp(&b.now(at)));
            if let Some(name) = least.map(|(name, _)| name.clone()) {
                all.remove(&name);
            }
        }
    }

    /// How it is now, the worst first.
    #[must_use]
    pub fn report(&self, now: Timestamp) -> Report {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shares: Vec<(f64, String)> = all
            .iter()
            .map(|((device, channel), used)| (used.now(now), format!("{device}/{channel}")))
            .collect();
        drop(all);
        shares.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.cmp(other)));
        let used_up = shares.iter().filter(|(share, _)| *share >= 1.0).count();
        let told = shares.into_iter().take(TOLD);
        let most_used =
            told.map(|(share, name)| (name, Value::from((share * 100.0).round() / 100.0))).collect();
        Report { used_up, most_used }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_are_told_and_a_month_forgets() {
        let budgets = Budgets::default();
        for i in 0..200_u16 {
            let (device, channel) = (DeviceId(format!("d{i}").into()), ChannelId("t".into()));
            budgets.note(&device, &channel, f32::from(i) / 100.0, Timestamp(0));
        }
        let report = budgets.report(Timestamp(0));
        let names: Vec<_> = report.most_used.keys().cloned().collect();
        assert_eq!(names, ["d195/t", "d196/t", "d197/t", "d198/t", "d199/t"]);
        assert_eq!((report.used_up, &report.most_used["d199/t"]), (64, &Value::from(1.99)));
        let later = budgets.report(Timestamp(30 * 86_400_000));
        assert_eq!((later.used_up, &later.most_used["d199/t"]), (0, &Value::from(0.73)));
    }
}
