//! What the demo found, how fast, and what was false.

use serde_json::{Value, json};

use super::view::{Summary, summary_table};
use crate::alert::Alert;
use crate::ledger::Totals;
use crate::reading::Timestamp;
use crate::source::simulate::{Fault, GRACE, Judgement, judge};

/// Everything that a finished demo knows.
pub(super) struct Report {
    pub(super) faults: Vec<Fault>,
    /// Alerts in the order in which they started.
    pub(super) alerts: Vec<Alert>,
    pub(super) totals: Totals,
    pub(super) days: f64,
    pub(super) channels: usize,
    pub(super) seed: u64,
    /// Wall-clock seconds.
    pub(super) seconds: f64,
}

impl Report {
    fn starts(&self) -> Vec<(&str, &str, Timestamp)> {
        self.alerts.iter().map(|a| (&*a.device.0, &*a.channel.0, a.started_at)).collect()
    }

    fn judgement(&self) -> Judgement {
        judge(&self.faults, &self.starts(), GRACE)
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        summary_table(&Summary {
            faults: &self.faults,
            alerts: &self.starts(),
            judgement: &self.judgement(),
            days: self.days,
            channels: self.channels,
        })
    }

    /// For machines.
    pub(super) fn summary(&self) -> Value {
        let judgement = self.judgement();
        let details = self.faults.iter().enumerate().map(|(i, fault)| {
            let found = judgement.found.iter().find(|found| found.fault == i);
            json!({
                "device": fault.device,
                "kind": fault.kind.name(),
                "started_at": fault.start.to_string(),
                "ended_at": fault.end.to_string(),
                "found": found.is_some(),
                "delay_seconds": found.map(|found| found.delay_ms / 1000),
                "channel": found.and_then(|found| self.alerts.get(found.alert)).map(|alert| &alert.channel),
            })
        });
        let details: Vec<Value> = details.collect();
        let false_alerts: Vec<Value> = judgement
            .false_alerts
            .iter()
            .filter_map(|i| self.alerts.get(*i))
            .map(
                |a| json!({"device": a.device, "channel": a.channel, "started_at": a.started_at.to_string()}),
            )
            .collect();
        json!({
            "readings": self.totals.counts.get("readings_used"),
            "faults": self.faults.len(),
            "found": judgement.found.len(),
            "false_alerts": judgement.false_alerts.len(),
            "alerts": self.alerts.len(),
            "channels": self.channels,
            "days": self.days,
            "seed": self.seed,
            "seconds": self.seconds,
            "counts": self.totals,
            "fault_list": details,
            "false_alert_list": false_alerts,
        })
    }
}
