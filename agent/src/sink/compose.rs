//! Findings as messages: topics, payloads, and what of it must outlive the process.

use tracing::{error, info, warn};

use super::Topics;
use super::outbox::{Outgoing, Priority};
use crate::alert::{Alert, Change, State};
use crate::worker::Finding;

/// Knows the topics and what is wanted.
#[derive(Debug)]
pub(crate) struct Composer {
    pub(crate) topics: Topics,
    /// Every change of an alert is published, beside its state.
    pub(crate) events: bool,
}

/// What a finding leads to.
#[derive(Debug, Default)]
pub(crate) struct Composed {
    pub(crate) messages: Vec<Outgoing>,
    /// Alerts' states.
    pub(crate) firing: Vec<Firing>,
}

/// An alert's retained state.
#[derive(Debug)]
pub(crate) struct Firing {
    pub(crate) topic: String,
    /// `None` once it is over.
    pub(crate) payload: Option<Vec<u8>>,
    /// It began or ended: that must outlive the process. Repetitions need not.
    pub(crate) is_news: bool,
}

impl Composer {
    /// Adds a finding's messages.
    pub(crate) fn compose(&self, finding: Finding, composed: &mut Composed) {
        match finding {
            Finding::Alert(change, alert) => self.alert(change, &alert, composed),
            Finding::Score(score) => {
                let topic = self.topics.score(&score.device, &score.channel);
                composed.messages.extend(json(topic, &score, false, Priority::Score));
            }
            Finding::Command(ticket, state) => {
                info!(topic = ticket.topic, ?state, "command");
                let payload = ticket.told(&state);
                composed.messages.push(message(ticket.topic, payload, true, Priority::State));
            }
            Finding::Model { device, channel, bytes } => {
                let topic = self.topics.model(&device, &channel);
                composed.messages.push(message(topic, bytes, true, Priority::State));
            }
            Finding::Down { device, frame, .. } => {
                composed.messages.push(message(self.topics.device(&device), frame, false, Priority::State));
            }
        }
    }

    fn alert(&self, change: Change, alert: &Alert, composed: &mut Composed) {
        let topic = self.topics.alert(&alert.device, &alert.channel);
        let priority = if change == Change::Updated { Priority::State } else { Priority::Alert };
        match change {
            Change::Fired => {
                warn!("{}: {}", alert.severity.name(), alert.because.sentence)
            }
            Change::Resolved => info!("{} {}: the alert is over", alert.device, alert.channel),
            Change::Updated => {}
        }
        let state = json(topic.clone(), alert, true, priority);
        let payload =
            state.as_ref().filter(|_| alert.state == State::Firing).map(|state| state.payload.clone());
        composed.firing.push(Firing { topic, payload, is_news: change != Change::Updated });
        composed.messages.extend(state);
        if self.events && change != Change::Updated {
            let topic = self.topics.event(&alert.device, &alert.channel);
            composed.messages.extend(json(topic, alert, false, Priority::Alert));
        }
    }
}

pub(super) fn message(topic: String, payload: Vec<u8>, retain: bool, priority: Priority) -> Outgoing {
    Outgoing { topic, payload, retain, priority, number: None }
}

pub(super) fn json(
    topic: String,
    value: &impl serde::Serialize,
    retain: bool,
    priority: Priority,
) -> Option<Outgoing> {
    match serde_json::to_vec(value) {
        Ok(payload) => Some(message(topic, payload, retain, priority)),
        Err(error) => {
            error!("cannot write JSON for {topic}: {error}");
            None
        }
    }
}
