//! To the broker: its own connection. A message leaves the outbox only on the broker's acknowledgement.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{error, info, warn};

use super::Topics;
use super::compose::{json, message};
use super::outbox::{Outbox, Outgoing, Priority};
use crate::health::{Health, ONLINE};
use crate::ledger::{Count, Gauge, Ledger};
use crate::mqtt::{Backoff, Client, Event, Failure, Kind, NotTaken, Options, Outcome, STEADY};

/// Messages submitted and not yet acknowledged.
const IN_FLIGHT: usize = 50;
/// How long stopping waits for the broker to acknowledge what is left.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long it waits for the broker to close the connection.
const GOODBYE: Duration = Duration::from_millis(500);

pub(crate) const OFFLINE: &str = "offline";

/// Everything the sink needs.
pub(crate) struct MqttSink {
    pub(crate) options: Options,
    pub(crate) topics: Topics,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) health: Arc<Health>,
    pub(crate) health_every: Duration,
    /// Longest packet that is sent, in bytes; the broker may want shorter ones.
    pub(crate) longest: u32,
}

type Acknowledged = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The part of the sink that decides what is sent; the other part only polls.
struct Pump {
    /// `None` while there is no connection.
    client: Option<Client>,
    topics: Topics,
    ledger: Arc<Ledger>,
    health: Arc<Health>,
    /// Longest packet by the configuration.
    longest: u32,
    outbox: Arc<Outbox>,
    in_flight: VecDeque<(Outgoing, Acknowledged)>,
    /// When a message was acknowledged last, or the first one submitted.
    progress: Instant,
    /// How long the broker may take to acknowledge one.
    patience: Duration,
    /// It took longer: the connection is to be given up.
    stalled: Arc<Notify>,
}

/// The connection that the polling side has, if it has one.
#[derive(Clone, Debug)]
struct Link {
    client: Client,
    /// The longest packet that the broker takes, if it said so.
    longest: Option<u32>,
}

impl MqttSink {
    /// Runs until the outbox is closed; then sends what is left, says `offline` and disconnects.
    pub(crate) async fn run(self) {
        let outbox = self.outbox.clone();
        let (link_to, link) = watch::channel(None);
        let stalled = Arc::new(Notify::new());
        let pump = Pump {
            client: None,
            topics: self.topics,
            ledger: self.ledger,
            health: self.health,
            longest: self.longest,
            outbox: self.outbox,
            in_flight: VecDeque::new(),
            progress: Instant::now(),
            patience: self.options.keep_alive() * 2,
            stalled: stalled.clone(),
        };
        // Side by side on one thread, so that publishing never waits in the polling side. A poll is cut short only
        // when everything has been said.
        tokio::select! {
            () = poll(self.options, link_to, &stalled) => {}
            () = pump.run(link, self.health_every) => {}
        }
        outbox.ended.notify_one();
    }
}

/// Connects and polls until goodbye was said: publishing must never wait here.
async fn poll(options: Options, link: watch::Sender<Option<Link>>, stalled: &Notify) {
    let mut backoff = Backoff::new();
    let mut last_complaint = String::new();
    loop {
        // A new client for each connection: what was handed to the old one is void, and its receipts say so.
        let (client, mut connection) = options.connect(IN_FLIGHT + 10);
        let mut connected_at = None;
        let failure = loop {
            let event = tokio::select! {
                event = connection.poll() => event,
                () = stalled.notified() => Err(Failure::stalled()),
            };
            match event {
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
    async fn run(mut self, mut link: watch::Receiver<Option<Link>>, health_every: Duration) {
        let outbox = self.outbox.clone();
        let mut health = tokio::time::interval(health_every);
        health.set_missed_tick_behavior(MissedTickBehavior::Delay);
        health.reset(); // the first beat comes after `online`
        while !outbox.is_closed() {
            self.submit();
            tokio::select! {
                () = outbox.changed.notified() => {}
                outcome = acknowledged(&mut self.in_flight) => self.acknowledged(outcome),
                Ok(()) = link.changed() => {
                    let link = link.borrow_and_update().clone();
                    self.linked(link);
                }
                _ = health.tick() => self.health(),
                () = tokio::time::sleep_until(self.progress + self.patience), if !self.in_flight.is_empty() => {
                    self.stalled.notify_one();
                    self.progress = Instant::now();
                }
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

    fn push(&self, message: Option<Outgoing>) {
        self.outbox.push(message, &self.ledger);
    }

    /// A connection began: say so, and repeat the states that the broker may have forgotten.
    fn greet(&mut self) {
        self.push(Some(message(self.topics.status(), ONLINE.into(), true, Priority::State)));
        self.health();
        self.outbox.repeat_firing(&self.ledger);
    }

    /// Nothing while the broker is away: what waited for it would be old news, told one after the other.
    fn health(&mut self) {
        if self.client.is_none() {
            return;
        }
        self.push(json(self.topics.status(), &self.health.report(), true, Priority::State));
    }

    /// A connection began, or ended.
    fn linked(&mut self, link: Option<Link>) {
        self.again();
        self.client = None;
        self.ledger.set(Gauge::Publishing, u64::from(link.is_some()));
        if let Some(Link { client, longest }) = link {
            self.client = Some(client);
            self.outbox.set_longest(longest.unwrap_or(u32::MAX).min(self.longest));
            self.greet();
        }
    }

    /// Hands messages to the client as far as the window goes.
    fn submit(&mut self) {
        let Some(client) = &self.client else { return };
        while self.in_flight.len() < IN_FLIGHT {
            let Some(message) = self.outbox.pop() else { return };
            // It was taken when the broker's limit was not known.
            if !self.outbox.fits(&message, &self.ledger) {
                self.outbox.done(&message);
                continue;
            }
            let qos = u8::from(message.priority != Priority::Score);
            match client.publish(&message.topic, message.payload.clone(), qos, message.retain) {
                Ok(receipt) => {
                    if self.in_flight.is_empty() {
                        self.progress = Instant::now();
                    }
                    self.in_flight.push_back((message, Box::pin(receipt.outcome())));
                }
                Err(NotTaken::Invalid) => {
                    error!(topic = message.topic, "not a topic that MQTT allows; the message is dropped");
                    self.outbox.done(&message);
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
        self.progress = Instant::now();
        match outcome {
            Outcome::Acknowledged => {
                if let Some((message, _)) = self.in_flight.pop_front() {
                    self.outbox.done(&message);
                }
            }
            Outcome::Refused(why) => {
                if let Some((message, _)) = self.in_flight.pop_front() {
                    error!(
                        topic = message.topic,
                        why, "the broker refuses this message; check its access rules"
                    );
                    self.outbox.done(&message);
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
        self.outbox.size().0 + self.in_flight.len()
    }

    async fn finish(&mut self) {
        self.push(Some(message(self.topics.status(), OFFLINE.into(), true, Priority::Alert)));
        while self.left() > 0 {
            self.submit();
            let outcome = acknowledged(&mut self.in_flight).await;
            self.acknowledged(outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_the_agent_was_while_the_broker_was_away_is_not_told_later() {
        let ledger = Arc::new(Ledger::default());
        let mut pump = Pump {
            client: None,
            topics: Topics::new("gw"),
            ledger: ledger.clone(),
            health: Arc::new(Health::new("gw", ledger)),
            longest: 1 << 20,
            outbox: Arc::new(Outbox::new(1 << 20, 1 << 20)),
            in_flight: VecDeque::new(),
            progress: Instant::now(),
            patience: Duration::from_secs(1),
            stalled: Arc::default(),
        };
        (0..100).for_each(|_| pump.health());
        assert_eq!(pump.left(), 0);
    }
}
