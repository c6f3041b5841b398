//! How the agent is: the one place where its status is put together, for the status topic and for `brooklet status`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ledger::{Gauge, Ledger, Missing, Sample, Totals};
use crate::overload::Level;
use crate::reading::Timestamp;

/// What a running agent says of itself.
pub(crate) const ONLINE: &str = "online";

/// Puts the status together from what the parts tell; shared by whoever is asked.
pub struct Health {
    gateway: String,
    started: Instant,
    ledger: Arc<Ledger>,
    sections: Vec<(&'static str, Section)>,
}

type Section = Box<dyn Fn() -> Value + Send + Sync>;

/// How the agent is now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `online`.
    pub status: String,
    /// The gateway's name.
    pub gateway: String,
    /// Brooklet's version.
    pub version: String,
    /// When this was told, RFC 3339.
    pub time: String,
    /// Since when the agent runs.
    pub uptime_seconds: u64,
    /// Whether readings can come in and alerts go out.
    pub broker: Links,
    /// What is not well, in sentences; empty if all is.
    pub problems: Vec<String>,
    /// What is done without because readings come too fast: `nothing`, `thin_scores`, `skip_learning` or `refuse_new`.
    pub degraded: String,
    /// What came in and has not met its fate yet.
    pub under_way: Missing,
    /// What became of everything.
    pub counts: Totals,
    /// A refused message of each kind, by reason.
    pub refused_samples: BTreeMap<String, Sample>,
    /// What parts with a section of their own tell.
    #[serde(flatten)]
    pub sections: BTreeMap<String, Value>,
}

/// The two connections to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// The subscriptions are confirmed.
    pub receiving: bool,
    /// The connection for alerts is up.
    pub publishing: bool,
}

impl Health {
    /// Of an agent that starts now.
    #[must_use]
    pub fn new(gateway: &str, ledger: Arc<Ledger>) -> Self {
        Self { gateway: gateway.to_owned(), started: Instant::now(), ledger, sections: Vec::new() }
    }

    /// Adds a section that `tell` fills anew each time. The texts in an object `problems` in it are problems of the agent.
    #[must_use]
    pub fn with<T: Serialize>(
        mut self,
        name: &'static str,
        tell: impl Fn() -> T + Send + Sync + 'static,
    ) -> Self {
        let tell = move || serde_json::to_value(tell()).unwrap_or_default();
        self.sections.push((name, Box::new(tell)));
        self
    }

    /// How it is now.
    #[must_use]
    pub fn report(&self) -> Report {
        let counts = self.ledger.totals();
        let up = |gauge| self.ledger.gauge(gauge) > 0;
        let broker = Links { receiving: up(Gauge::Receiving), publishing: up(Gauge::Publishing) };
        let level =
            Level::ALL.into_iter().rev().find(|level| level.gauge().is_some_and(up)).unwrap_or_default();
        let sections: BTreeMap<_, _> =
            self.sections.iter().map(|(name, tell)| ((*name).to_owned(), tell())).collect();
        let mut report = Report {
            status: ONLINE.to_owned(),
            gateway: self.gateway.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            time: Timestamp::now().to_string(),
            uptime_seconds: self.started.elapsed().as_secs(),
            broker,
            problems: self.ledger.problems(),
            degraded: level.gauge().map_or("nothing", Gauge::name).to_owned(),
            under_way: counts.missing(),
            counts,
            refused_samples: self.ledger.samples(),
            sections,
        };
        let found = report.find_problems();
        report.problems.extend(found);
        if level != Level::Normal {
            report.problems.push(format!("readings come faster than they can be learnt: {}", level.about()));
        }
        report
    }
}

impl Report {
    fn find_problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut when = |holds: bool, text: &str| {
            if holds {
                problems.push(text.to_owned());
            }
        };
        when(!self.broker.receiving, "no readings can come in: the broker has confirmed no subscription");
        when(!self.broker.publishing, "no alerts can go out: the connection to the broker is down");
        let Missing { messages, readings, reasons } = self.under_way;
        when(messages.min(readings).min(reasons) < 0, "the counts do not add up: please report this");
        for section in self.sections.values() {
            let texts = section.get("problems").and_then(Value::as_object).into_iter().flatten();
            problems
                .extend(texts.map(|(what, text)| format!("{what}: {}", text.as_str().unwrap_or_default())));
        }
        problems
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where it fails")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decode::Refusal;
    use crate::ledger::Count;

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let ledger = Arc::new(Ledger::default());
        ledger.refuse_message("a", b"{", &Refusal::NotJson { at: 1 });
        let health = Health::new("gw", ledger).with("state", || json!({ "written_bytes": 5 }));
        let report = health.report();
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["refused_samples"]["not_json"]["payload"], "{");
        assert_eq!(
            (&json["state"]["written_bytes"], &json["counts"]["messages_refused"]),
            (&json!(5), &json!(1))
        );
    }

    #[test]
    fn what_is_not_well_is_told_in_words() {
        let ledger = Arc::new(Ledger::default());
        let health = Health::new("gw", ledger.clone())
            .with("state", || json!({ "problems": { "journal": "no space" } }));
        ledger.add(Count::Used, 1);
        let problems = health.report().problems;
        for part in ["readings", "alerts", "add up", "journal: no space"] {
            assert!(problems.iter().any(|problem| problem.contains(part)), "{part}: {problems:?}");
        }
        ledger.add(Count::Readings, 2);
        ledger.set(Gauge::Receiving, 1);
        ledger.set(Gauge::Publishing, 1);
        let report = health.report();
        assert_eq!((report.problems.len(), report.under_way.readings), (1, 1));
    }
}
