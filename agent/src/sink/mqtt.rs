//! To the broker: its own connection. A message leaves the outbox only on the broker's acknowledgement.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Packet, PublishOptions, QoS};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{debug, error, info, warn};

use super::Topics;
use super::compose::{json, message};
use super::outbox::{Outbox, Outgoing, Priority};
use crate::ledger::{Count, Ledger};
use crate::mqtt::{Backoff, STEADY, explain};
use crate::reading::Timestamp;
use crate::store::Vitals;

/// Messages submitted and not yet acknowledged.
const IN_FLIGHT: usize = 50;
/// How long stopping waits for the broker to acknowledge what is left.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long it waits for the broker to close the connection.
const GOODBYE: Duration = Duration::from_millis(500);

pub(crate) const ONLINE: &str = "online";
pub(crate) const OFFLINE: &str = "offline";

/// Everything the sink needs.
pub(crate) struct MqttSink {
    pub(crate) options: MqttOptions,
    pub(crate) topics: Topics,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) health_every: Duration,
}

type Acknowledged = Pin<Box<dyn Future<Output = bool> + Send>>;

/// The part of the sink that decides what is sent; the other part only polls.
struct Pump {
    client: AsyncClient,
    topics: Topics,
    ledger: Arc<Ledger>,
    vitals: Arc<Vitals>,
    outbox: Arc<Outbox>,
    in_flight: VecDeque<(Outgoing, Acknowledged)>,
    started: Instant,
}

/// What the polling side knows of the connection.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    up: bool,
    /// Counts connections, so that each is noticed.
    connections: u64,
}

impl MqttSink {
    /// Runs until the outbox is closed; then sends what is left, says `offline` and disconnects.
    pub(crate) async fn run(self) {
        let outbox = self.outbox.clone();
        let (client, events) = AsyncClient::builder(self.options).capacity(IN_FLIGHT + 10).build();
        let (link_to, link) = watch::channel(Link::default());
        let pump = Pump {
            client,
            topics: self.topics,
            ledger: self.ledger,
            vitals: self.vitals,
            outbox: self.outbox,
            in_flight: VecDeque::new(),
            started: Instant::now(),
        };
        // Side by side on one thread, so that publishing never waits in the polling side. A poll is cut short only
        // when everything has been said.
        tokio::select! {
            () = poll(events, link_to) => {}
            () = pump.run(link, self.health_every) => {}
        }
        outbox.ended.notify_one();
    }
}

/// Polls for ever: publishing must never wait here.
async fn poll(mut events: EventLoop, link: watch::Sender<Link>) {
    let mut backoff = Backoff::new();
    let mut last_complaint = String::new();
    let mut connected_at = None;
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                info!("ready to publish");
                connected_at = Some(Instant::now());
                last_complaint.clear();
                link.send_modify(|link| *link = Link { up: true, connections: link.connections + 1 });
            }
            Ok(event) => debug!(?event, "mqtt out"),
            // The pump has said goodbye.
            Err(ConnectionError::RequestsDone) => return,
            Err(error) => {
                link.send_modify(|link| link.up = false);
                if connected_at.take().is_some_and(|at| at.elapsed() >= STEADY) {
                    backoff.reset();
                }
                let complaint = explain(&error);
                if complaint != last_complaint {
                    warn!("publishing connection: {complaint}");
                    last_complaint = complaint;
                }
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
}

/// Waits for the oldest message in flight; for ever if there is none.
async fn acknowledged(in_flight: &mut VecDeque<(Outgoing, Acknowledged)>) -> bool {
    match in_flight.front_mut() {
        Some((_, acknowledged)) => acknowledged.await,
        None => std::future::pending().await,
    }
}

impl Pump {
    async fn run(mut self, mut link: watch::Receiver<Link>, health_every: Duration) {
        let outbox = self.outbox.clone();
        let mut health = tokio::time::interval(health_every);
        health.set_missed_tick_behavior(MissedTickBehavior::Delay);
        health.reset(); // the first beat comes after `online`
        while !outbox.is_closed() {
            self.submit();
            tokio::select! {
                () = outbox.changed.notified() => {}
                done = acknowledged(&mut self.in_flight) => self.acknowledged(done),
                Ok(()) = link.changed() => if link.borrow_and_update().up { self.greet() },
                _ = health.tick() => self.health(),
            }
        }
        let up = link.borrow().up;
        let said = up && tokio::time::timeout(LAST_WORDS, self.finish()).await.is_ok();
        if !said && self.left() > 0 {
            warn!(left = self.left(), "stopped with messages that the broker did not acknowledge");
        }
        if up && self.client.try_disconnect().is_ok() {
            // Until the connection is closed, or a moment has passed.
            let _ = tokio::time::timeout(GOODBYE, link.wait_for(|link| !link.up)).await;
        }
    }

    fn push(&mut self, message: Option<Outgoing>) {
        let dropped = self.outbox.push(message);
        self.ledger.add(Count::OutboxDropped, dropped.all);
        self.ledger.add(Count::OutboxDroppedAlerts, dropped.alerts);
    }

    /// A connection began: say so, and repeat the states that the broker may have forgotten.
    fn greet(&mut self) {
        self.push(Some(message(self.topics.status(), ONLINE.into(), true, Priority::State)));
        self.health();
        let dropped = self.outbox.repeat_firing();
        self.ledger.add(Count::OutboxDropped, dropped.all);
    }

    fn health(&mut self) {
        let health = serde_json::json!({
            "status": ONLINE,
            "version": env!("CARGO_PKG_VERSION"),
            "time": Timestamp::now().to_string(),
            "uptime_seconds": self.started.elapsed().as_secs(),
            "state": self.vitals.report(),
            "counts": self.ledger.totals(),
        });
        self.push(json(self.topics.status(), &health, true, Priority::State));
    }

    /// Hands messages to the client as far as the window goes.
    fn submit(&mut self) {
        while self.in_flight.len() < IN_FLIGHT {
            let Some(message) = self.outbox.pop() else { return };
            let qos = if message.priority == Priority::Score { QoS::AtMostOnce } else { QoS::AtLeastOnce };
            let options = PublishOptions::new(qos).retain(message.retain);
            match self.client.try_publish_tracked(message.topic.clone(), message.payload.clone(), options) {
                Ok(notice) => {
                    let acknowledged = Box::pin(async move { notice.wait_async().await.is_ok() });
                    self.in_flight.push_back((message, acknowledged));
                }
                Err(rumqttc::ClientError::InvalidRequest(_)) => {
                    error!(topic = message.topic, "not a topic that MQTT allows; the message is dropped");
                    self.outbox.done(&message);
                    self.ledger.add(Count::OutboxDropped, 1);
                }
                Err(_) => {
                    self.outbox.put_back(std::iter::once(message));
                    return;
                }
            }
        }
    }

    fn acknowledged(&mut self, done: bool) {
        if done {
            if let Some((message, _)) = self.in_flight.pop_front() {
                self.outbox.done(&message);
            }
        } else {
            // Forget what was submitted and begin again with the oldest: consumers drop repeats by id and sequence.
            let again: Vec<_> = self.in_flight.drain(..).map(|(message, _)| message).collect();
            self.outbox.put_back(again.into_iter());
        }
    }

    fn left(&self) -> usize {
        self.outbox.size().0 + self.in_flight.len()
    }

    async fn finish(&mut self) {
        self.push(Some(message(self.topics.status(), OFFLINE.into(), true, Priority::Alert)));
        while self.left() > 0 {
            self.submit();
            let done = acknowledged(&mut self.in_flight).await;
            self.acknowledged(done);
        }
    }
}
