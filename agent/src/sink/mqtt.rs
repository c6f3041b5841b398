//! To the broker: its own connection. A message leaves the outbox only on the broker's acknowledgement.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{error, info, warn};

use super::Topics;
use super::outbox::{Outbox, Outgoing, Priority};
use crate::alert::{Alert, Change, State};
use crate::ledger::{Count, Ledger};
use crate::link::Way;
use crate::mqtt::{Backoff, Client, Event, Kind, NotTaken, Options, Outcome, STEADY};
use crate::reading::Timestamp;
use crate::worker::Finding;

/// What a message's packet has beside topic and payload: header, lengths, number, and MQTT 5's empty properties.
const PACKET_OVERHEAD: usize = 10;
/// Messages submitted and not yet acknowledged.
const IN_FLIGHT: usize = 50;
/// Messages that wait for the broker.
const OUTBOX: usize = 20_000;
/// How long stopping waits for the broker to acknowledge what is left.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long it waits for the broker to close the connection.
const GOODBYE: Duration = Duration::from_millis(500);

pub(crate) const ONLINE: &str = "online";
pub(crate) const OFFLINE: &str = "offline";

/// Everything the sink needs.
pub(crate) struct MqttSink {
    pub(crate) options: Options,
    pub(crate) topics: Topics,
    pub(crate) findings: mpsc::Receiver<Finding>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) health_every: Duration,
    /// Longest packet that is sent, in bytes; the broker may want shorter ones.
    pub(crate) longest: u32,
    pub(crate) events: bool,
    /// What goes down the serial lines, in the order of the plan.
    pub(crate) lines: Vec<mpsc::Sender<Vec<u8>>>,
}

type Acknowledged = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The part of the sink that decides what is sent; the other part only polls.
struct Pump {
    /// `None` while there is no connection.
    client: Option<Client>,
    topics: Topics,
    ledger: Arc<Ledger>,
    /// Longest packet by the configuration, and now.
    limits: (u32, u32),
    events: bool,
    lines: Vec<mpsc::Sender<Vec<u8>>>,
    outbox: Outbox,
    in_flight: VecDeque<(Outgoing, Acknowledged)>,
    /// The retained states of firing alerts: a broker that lost its memory is told again.
    firing: BTreeMap<String, Vec<u8>>,
    started: Instant,
}

/// The connection that the polling side has, if it has one.
#[derive(Clone, Debug)]
struct Link {
    client: Client,
    /// The longest packet that the broker takes, if it said so.
    longest: Option<u32>,
}

impl MqttSink {
    /// Runs until the findings end; then sends what is left, says `offline` and disconnects.
    pub(crate) async fn run(self) {
        let (link_to, link) = watch::channel(None);
        let pump = Pump {
            client: None,
            topics: self.topics,
            ledger: self.ledger,
            limits: (self.longest, self.longest),
            events: self.events,
            lines: self.lines,
            outbox: Outbox::new(OUTBOX),
            in_flight: VecDeque::new(),
            firing: BTreeMap::new(),
            started: Instant::now(),
        };
        // Side by side on one thread, so that publishing never waits in the polling side. A poll is cut short only
        // when everything has been said.
        tokio::select! {
            () = poll(self.options, link_to) => {}
            () = pump.run(self.findings, link, self.health_every) => {}
        }
    }
}

/// Connects and polls until goodbye was said: publishing must never wait here.
async fn poll(options: Options, link: watch::Sender<Option<Link>>) {
    let mut backoff = Backoff::new();
    let mut last_complaint = String::new();
    loop {
        // A new client for each connection: what was handed to the old one is void, and its receipts say so.
        let (client, mut connection) = options.connect(IN_FLIGHT + 10);
        let mut connected_at = None;
        let failure = loop {
            match connection.poll().await {
                Ok(Event::Connected { longest, .. }) => {
                    info!("ready to publish");
                    connected_at = Some(Instant::now());
                    last_complaint.clear();
                    link.send_replace(Some(Link { client: client.clone(), longest }));
                }
                Ok(_) => {}
                Err(failure) => break failure,
            }
        };
        drop(connection);
        link.send_replace(None);
        if failure.kind == Kind::Closed {
            return;
        }
        if connected_at.is_some_and(|at: Instant| at.elapsed() >= STEADY) {
            backoff.reset();
        }
        let complaint = failure.to_string();
        if complaint != last_complaint {
            warn!("publishing connection: {complaint}");
            last_complaint = complaint;
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

/// Waits for the oldest message in flight; for ever if there is none.
async fn acknowledged(in_flight: &mut VecDeque<(Outgoing, Acknowledged)>) -> Outcome {
    match in_flight.front_mut() {
        Some((_, acknowledged)) => acknowledged.await,
        None => std::future::pending().await,
    }
}

impl Pump {
    async fn run(
        mut self,
        mut findings: mpsc::Receiver<Finding>,
        mut link: watch::Receiver<Option<Link>>,
        health_every: Duration,
    ) {
        let mut health = tokio::time::interval(health_every);
        health.set_missed_tick_behavior(MissedTickBehavior::Delay);
        health.reset(); // the first beat comes after `online`
        loop {
            self.submit();
            tokio::select! {
                finding = findings.recv() => match finding {
                    Some(finding) => self.take(finding),
                    None => break,
                },
                outcome = acknowledged(&mut self.in_flight) => self.acknowledged(outcome),
                Ok(()) = link.changed() => {
                    let link = link.borrow_and_update().clone();
                    self.linked(link);
                }
                _ = health.tick() => self.health(),
            }
        }
        let said = self.client.is_some() && tokio::time::timeout(LAST_WORDS, self.finish()).await.is_ok();
        if !said && self.left() > 0 {
            warn!(left = self.left(), "stopped with messages that the broker did not acknowledge");
        }
        if self.client.as_ref().is_some_and(Client::disconnect) {
            // Until the connection is closed, or a moment has passed.
            let _ = tokio::time::timeout(GOODBYE, link.wait_for(Option::is_none)).await;
        }
    }

    fn push(&mut self, message: Outgoing) {
        if !self.fits(&message) {
            return;
        }
        let dropped = self.outbox.push(message);
        if dropped > 0 && self.ledger.add(Count::OutboxDropped, dropped) == 0 {
            error!("the broker has been away too long: the outbox is full and drops messages");
        }
    }

    fn take(&mut self, finding: Finding) {
        match finding {
            Finding::Alert(change, alert) => self.alert(change, &alert),
            Finding::Score(score) => {
                let topic = self.topics.score(&score.device, &score.channel);
                self.push_json(topic, &score, false, Priority::Score);
            }
            Finding::Command(ticket, state) => {
                info!(topic = ticket.topic, ?state, "command");
                let payload = ticket.told(&state);
                self.push(Outgoing { topic: ticket.topic, payload, retain: true, priority: Priority::State });
            }
            Finding::Model { device, channel, bytes } => {
                let topic = self.topics.model(&device, &channel);
                self.push(Outgoing { topic, payload: bytes, retain: true, priority: Priority::State });
            }
            Finding::Down { device, way: Way::Mqtt, frame } => {
                let topic = self.topics.device(&device);
                self.push(Outgoing { topic, payload: frame, retain: false, priority: Priority::State });
            }
            // Never waits: what does not go down now is sent again.
            Finding::Down { way: Way::Line(line), frame, .. } => {
                if self.lines.get(line).is_none_or(|line| line.try_send(frame).is_err()) {
                    self.ledger.add(Count::DownlinkDropped, 1);
                }
            }
        }
    }

    fn alert(&mut self, change: Change, alert: &Alert) {
        let topic = self.topics.alert(&alert.device, &alert.channel);
        let priority = if change == Change::Updated { Priority::State } else { Priority::Alert };
        match change {
            Change::Fired => {
                warn!("{}: {}", alert.severity.name(), alert.because.sentence)
            }
            Change::Resolved => info!("{} {}: the alert is over", alert.device, alert.channel),
            Change::Updated => {}
        }
        if alert.state == State::Firing {
            if let Ok(payload) = serde_json::to_vec(alert) {
                self.firing.insert(topic.clone(), payload);
            }
        } else {
            self.firing.remove(&topic);
        }
        self.push_json(topic, alert, true, priority);
        if self.events && change != Change::Updated {
            let topic = self.topics.event(&alert.device, &alert.channel);
            self.push_json(topic, alert, false, Priority::Alert);
        }
    }

    fn push_json(&mut self, topic: String, value: &impl serde::Serialize, retain: bool, priority: Priority) {
        match serde_json::to_vec(value) {
            Ok(payload) => self.push(Outgoing { topic, payload, retain, priority }),
            Err(error) => error!("cannot write JSON for {topic}: {error}"),
        }
    }

    /// A connection began: say so, and repeat the states that the broker may have forgotten.
    fn greet(&mut self) {
        let online = Outgoing {
            topic: self.topics.status(),
            payload: ONLINE.into(),
            retain: true,
            priority: Priority::State,
        };
        self.push(online);
        self.health();
        for (topic, payload) in std::mem::take(&mut self.firing) {
            self.firing.insert(topic.clone(), payload.clone());
            self.push(Outgoing { topic, payload, retain: true, priority: Priority::State });
        }
    }

    fn health(&mut self) {
        let health = serde_json::json!({
            "status": ONLINE,
            "version": env!("CARGO_PKG_VERSION"),
            "time": Timestamp::now().to_string(),
            "uptime_seconds": self.started.elapsed().as_secs(),
            "outbox": self.outbox.len(),
            "counts": self.ledger.totals(),
        });
        let topic = self.topics.status();
        self.push_json(topic, &health, true, Priority::State);
    }

    /// A connection began, or ended.
    fn linked(&mut self, link: Option<Link>) {
        self.again();
        self.client = None;
        if let Some(Link { client, longest }) = link {
            self.client = Some(client);
            self.limits.1 = longest.unwrap_or(u32::MAX).min(self.limits.0);
            self.greet();
        }
    }

    /// Whether a message may be sent at all. One that is too long would end the connection each time it is tried.
    fn fits(&self, message: &Outgoing) -> bool {
        let bytes = message.topic.len() + message.payload.len() + PACKET_OVERHEAD;
        let fits = u32::try_from(bytes).is_ok_and(|bytes| bytes <= self.limits.1);
        if !fits {
            let (topic, longest) = (&message.topic, self.limits.1);
            error!(
                topic,
                bytes,
                longest,
                "too long for mqtt.max_packet_bytes or for the broker; the message is dropped"
            );
            self.ledger.add(Count::OutboxTooLong, 1);
        }
        fits
    }

    /// Hands messages to the client as far as the window goes.
    fn submit(&mut self) {
        let Some(client) = &self.client else { return };
        while self.in_flight.len() < IN_FLIGHT {
            let Some(message) = self.outbox.pop() else { return };
            // It was taken when the broker's limit was not known.
            if !self.fits(&message) {
                continue;
            }
            let qos = u8::from(message.priority != Priority::Score);
            match client.publish(&message.topic, message.payload.clone(), qos, message.retain) {
                Ok(receipt) => self.in_flight.push_back((message, Box::pin(receipt.outcome()))),
                Err(NotTaken::Invalid) => {
                    error!(topic = message.topic, "not a topic that MQTT allows; the message is dropped");
                    self.ledger.add(Count::OutboxDropped, 1);
                }
                Err(NotTaken::Full) => {
                    self.outbox.put_back(std::iter::once(message));
                    return;
                }
            }
        }
    }

    fn acknowledged(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Acknowledged => {
                self.in_flight.pop_front();
            }
            Outcome::Refused(why) => {
                if let Some((message, _)) = self.in_flight.pop_front() {
                    error!(
                        topic = message.topic,
                        why, "the broker refuses this message; check its access rules"
                    );
                    self.ledger.add(Count::OutboxRefused, 1);
                }
            }
            Outcome::Lost => self.again(),
        }
    }

    /// Forgets what was submitted, to begin again with the oldest: consumers drop repeats by id and sequence.
    fn again(&mut self) {
        let again: Vec<_> = self.in_flight.drain(..).map(|(message, _)| message).collect();
        self.outbox.put_back(again.into_iter());
    }

    fn left(&self) -> usize {
        self.outbox.len() + self.in_flight.len()
    }

    async fn finish(&mut self) {
        let offline = Outgoing {
            topic: self.topics.status(),
            payload: OFFLINE.into(),
            retain: true,
            priority: Priority::Alert,
        };
        self.push(offline);
        while self.left() > 0 {
            self.submit();
            let outcome = acknowledged(&mut self.in_flight).await;
            self.acknowledged(outcome);
        }
    }
}
