//! The test's own MQTT client: publishes readings, and watches what the agent says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use brooklet::alert::Alert;
use brooklet::ledger::{Missing, Totals};
use rumqttc::{Event, MqttOptions, Packet, PublishOptions, QoS};
use serde_json::Value;

use crate::PATIENCE;
use crate::agent::STATUS;
use crate::record::Record;

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(20);

/// A message as it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its topic.
    pub topic: String,
    /// Its payload, as text.
    pub payload: String,
    /// The payload as it was.
    pub bytes: Vec<u8>,
    /// Delivered because it was retained.
    pub retained: bool,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let retained = if self.retained { ", retained" } else { "" };
        write!(f, "{}{retained}: {}", self.topic, self.payload)
    }
}

impl Message {
    /// The payload as JSON; `Null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.payload).unwrap_or_default()
    }
}

/// Something the broker confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Confirmation {
    Subscription,
    Message,
}

/// A connection; it connects again, and subscribes again, if it is lost.
pub struct Client {
    client: rumqttc::Client,
    messages: Arc<Record<Message>>,
    confirmed: Arc<Record<Confirmation>>,
    published: AtomicUsize,
    /// Messages before this one are of no interest any more.
    from: AtomicUsize,
    over: Arc<AtomicBool>,
}

impl Client {
    /// Connects to a port of 127.0.0.1, to publish.
    #[must_use]
    pub fn connect(port: u16) -> Self {
        Self::new(port, None)
    }

    /// Connects, subscribes, and waits for the broker's confirmation.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn watch(port: u16, filter: &str) -> Self {
        let client = Self::new(port, Some(filter.to_owned()));
        let subscribed = |one: &Confirmation| (*one == Confirmation::Subscription).then_some(());
        client.confirmed.wait(0, PATIENCE, subscribed).expect("the broker confirms the subscription");
        client
    }

    fn new(port: u16, filter: Option<String>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let id = format!("test-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut options = MqttOptions::new(id, ("127.0.0.1", port));
        options.set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut connection) = rumqttc::Client::builder(options).capacity(1000).build();
        let (messages, confirmed) = (Arc::new(Record::default()), Arc::new(Record::default()));
        let over = Arc::new(AtomicBool::new(false));
        let (inbox, confirmations) = (messages.clone(), confirmed.clone());
        let (subscriber, end) = (client.clone(), over.clone());
        thread::spawn(move || {
            while let Ok(event) = connection.recv() {
                match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        if let Some(filter) = &filter {
                            let _ = subscriber.try_subscribe(filter.clone(), QoS::AtLeastOnce);
                        }
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => confirmations.push(Confirmation::Subscription),
                    Ok(Event::Incoming(Packet::PubAck(_))) => confirmations.push(Confirmation::Message),
                    Ok(Event::Incoming(Packet::Publish(publish))) => inbox.push(Message {
                        topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                        payload: String::from_utf8_lossy(&publish.payload).into_owned(),
                        bytes: publish.payload.to_vec(),
                        retained: publish.retain,
                    }),
                    Ok(_) => {}
                    Err(_) if end.load(Ordering::Relaxed) => return,
                    Err(_) => thread::sleep(PAUSE),
                }
            }
        });
        Self { client, messages, confirmed, published: AtomicUsize::new(0), from: AtomicUsize::new(0), over }
    }

    /// Publishes at QoS 1; [`settle`](Self::settle) waits for the broker.
    ///
    /// # Panics
    /// If the connection's thread has ended.
    pub fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.send(topic, payload.into(), false);
    }

    /// As [`publish`](Self::publish), retained.
    pub fn publish_retained(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        self.send(topic, payload.into(), true);
    }

    fn send(&self, topic: &str, payload: Vec<u8>, retain: bool) {
        let options = PublishOptions::new(QoS::AtLeastOnce).retain(retain);
        self.client.publish(topic, payload, options).expect("the connection lives");
        self.published.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until the broker has all that was published.
    ///
    /// # Panics
    /// If it does not take it.
    pub fn settle(&self) {
        let published = self.published.load(Ordering::Relaxed);
        let mut taken = 0;
        let all = |one: &Confirmation| {
            taken += usize::from(*one == Confirmation::Message);
            (taken == published).then_some(())
        };
        if published > 0 {
            self.confirmed.wait(0, PATIENCE, all).expect("the broker takes what was published");
        }
    }

    /// From now on only new messages count.
    pub fn forget(&self) {
        self.from.store(self.messages.len(), Ordering::Relaxed);
    }

    /// All messages that count, so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Message> {
        let from = self.from.load(Ordering::Relaxed);
        self.messages.look(|all| all.get(from..).unwrap_or_default().to_vec())
    }

    /// Waits for a message on `topic` for which `find` has an answer.
    ///
    /// # Panics
    /// If there is none within [`PATIENCE`].
    pub fn wait<R>(&self, topic: &str, mut find: impl FnMut(&Message) -> Option<R>) -> R {
        let find = |message: &Message| if message.topic == topic { find(message) } else { None };
        self.messages.wait(self.from.load(Ordering::Relaxed), PATIENCE, find).unwrap_or_else(|| {
            let last: Vec<_> =
                self.seen().into_iter().rev().filter(|message| message.topic == topic).take(3).collect();
            panic!("not what was waited for on {topic}; the last messages: {last:#?}")
        })
    }

    /// Waits for a status that is just this text.
    pub fn wait_status(&self, text: &str) {
        self.wait(STATUS, |message| (message.payload == text).then_some(()));
    }

    /// Waits for an alert on `topic` for which `is_it` holds.
    pub fn wait_alert(&self, topic: &str, is_it: impl Fn(&Alert) -> bool) -> Alert {
        self.wait(topic, |message| serde_json::from_str::<Alert>(&message.payload).ok().filter(&is_it))
    }

    /// Waits for a health message whose counts satisfy `is_it`, and returns them.
    pub fn wait_counts(&self, is_it: impl Fn(&Counts) -> bool) -> Counts {
        self.wait(STATUS, |message| Counts::of(&message.json()["counts"]).filter(&is_it))
    }

    /// Waits until `n` readings were learnt.
    pub fn wait_used(&self, n: u64) -> Counts {
        self.wait_counts(|counts| counts.get("readings_used") >= n)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.client.try_disconnect_now();
    }
}

/// The counts of a health message, or those that an agent tells when it stops.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts(Value);

impl Counts {
    /// From the JSON object of counts.
    #[must_use]
    pub fn of(json: &Value) -> Option<Self> {
        json.is_object().then(|| Self(json.clone()))
    }

    /// One count.
    ///
    /// # Panics
    /// If there is none of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap_or_else(|| panic!("no count {name:?} in {}", self.0))
    }

    /// How many messages were refused for a reason.
    #[must_use]
    pub fn refused(&self, reason: &str) -> u64 {
        self.0["refused"][reason].as_u64().unwrap_or(0)
    }

    /// Whether everything that came in has met its fate: nothing is under way.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing() == Missing::default()
    }

    /// Nothing that came in is missing: every message and every reading is counted under one name.
    ///
    /// # Panics
    /// If the counts do not add up.
    pub fn assert_complete(&self) {
        assert!(self.is_complete(), "{:?} in {}", self.missing(), self.0);
    }

    fn missing(&self) -> Missing {
        serde_json::from_value::<Totals>(self.0.clone()).expect("the counts").missing()
    }
}
