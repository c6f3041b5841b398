//! Findings as messages: topics, payloads, and what of it must outlive the process.

use std::sync::Arc;
use std::time::Instant;

use tracing::{error, info, warn};

use super::Topics;
use super::outbox::{Outgoing, Priority};
use crate::alert::{Alert, Change, State};
use crate::ledger::{Count, Ledger};
use crate::reading::{ChannelId, DeviceId, Timestamp};
use crate::storm::{self, Storm};
use crate::worker::Finding;

/// Knows the topics and what is wanted.
#[derive(Debug)]
pub(crate) struct Composer {
    pub(crate) topics: Topics,
    /// Every change of an alert is published, beside its state.
    pub(crate) events: bool,
    pub(crate) storm: Storm,
    pub(crate) ledger: Arc<Ledger>,
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
    pub(crate) fn compose(&mut self, finding: Finding, now: Instant, composed: &mut Composed) {
        match finding {
            Finding::Alert(change, alert) => self.alert(change, &alert, now, composed),
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

    /// Adds what is to be told of a storm of alerts.
    pub(crate) fn look(&mut self, now: Instant, composed: &mut Composed) {
        let Some((summary, is_news)) = self.storm.look(now, Timestamp::now()) else { return };
        let (device, channel) = (DeviceId(storm::DEVICE.into()), ChannelId(storm::CHANNEL.into()));
        let topic = self.topics.alert(&device, &channel);
        let state = json(topic.clone(), &summary, true, Priority::Alert);
        let payload =
            state.as_ref().filter(|_| summary.state == State::Firing).map(|state| state.payload.clone());
        composed.firing.push(Firing { topic, payload, is_news });
        composed.messages.extend(state);
        if !is_news {
            return;
        }
        match summary.state {
            State::Firing => error!("a storm of alerts: further ones are not told one by one"),
            State::Resolved => warn!(held_back = summary.held_back, "the storm of alerts is over"),
        }
        if self.events {
            let topic = self.topics.event(&device, &channel);
            composed.messages.extend(json(topic, &summary, false, Priority::Alert));
        }
    }

    /// Whether the event of a change is held back.
    fn is_held_back(&mut self, change: Change, now: Instant, composed: &mut Composed) -> bool {
        let held = match change {
            Change::Fired => self.storm.onset(now),
            Change::Resolved => self.storm.is_raging(),
            Change::Updated => false,
        };
        self.ledger.add(Count::HeldBack, u64::from(held));
        self.look(now, composed);
        held
    }

    fn alert(&mut self, change: Change, alert: &Alert, now: Instant, composed: &mut Composed) {
        let is_held_back = self.is_held_back(change, now, composed);
        let topic = self.topics.alert(&alert.device, &alert.channel);
        let priority = if change == Change::Updated { Priority::State } else { Priority::Alert };
        match change {
            _ if is_held_back => {}
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
        if self.events && change != Change::Updated && !is_held_back {
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
