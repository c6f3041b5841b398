//! The three that stand around broker and agent: one publishes, one looks on in between, one hears the alerts. They
//! outlive restarts of both.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use brooklet::reading::Timestamp;

use crate::shared::Shared;
use crate::wire::{self, CONNACK, PINGRESP, Packet, Publish, SUBACK};

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(20);
/// How long nothing may happen before a proof is given up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two messages that say that all is said.
const AGAIN: Duration = Duration::from_millis(500);
/// Messages on their way to the broker.
const WINDOW: usize = 500;
/// Bytes that are worth a write.
const CHUNK: usize = 16 * 1024;

type Handshaken = (TcpStream, BufReader<TcpStream>);

/// Connects, and waits for the broker's welcome.
fn dial(port: u16, id: &str, clean: bool) -> std::io::Result<Handshaken> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.write_all(&wire::connect(id, clean))?;
    let mut reader = BufReader::with_capacity(1 << 16, stream.try_clone()?);
    while Packet::read(&mut reader)?.kind() != CONNACK {}
    Ok((stream, reader))
}

/// Publishes at QoS 1, in order: what the broker has not acknowledged when a connection ends is sent again, from the
/// first such message on.
pub(crate) struct Publisher {
    port: u16,
    id: String,
    connection: Option<Handshaken>,
    /// Not written yet.
    out: Vec<u8>,
    unacknowledged: VecDeque<(u16, Vec<u8>)>,
    next: u16,
}

impl Publisher {
    pub(crate) fn new(port: u16, id: &str) -> Self {
        let id = id.to_owned();
        Self { port, id, connection: None, out: Vec::new(), unacknowledged: VecDeque::new(), next: 1 }
    }

    /// Publishes; waits while too many messages are on their way.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8]) {
        let bytes = wire::publish(topic, payload, self.next);
        self.out.extend_from_slice(&bytes);
        self.unacknowledged.push_back((self.next, bytes));
        self.next = self.next.checked_add(1).unwrap_or(1);
        if self.unacknowledged.len() >= WINDOW {
            self.drain(WINDOW / 2);
        } else if self.out.len() >= CHUNK {
            self.drain(WINDOW);
        }
    }

    /// Writes what is left of it at once.
    pub(crate) fn flush(&mut self) {
        self.drain(usize::MAX);
    }

    /// Waits until the broker has acknowledged everything.
    pub(crate) fn finish(&mut self) {
        self.drain(0);
    }

    fn drain(&mut self, most: usize) {
        let end = Instant::now() + PATIENCE;
        while let Err(error) = self.try_drain(most) {
            assert!(Instant::now() < end, "the broker takes nothing any more: {error}");
            // The broker is away: everything that it has not acknowledged goes again.
            self.connection = None;
            self.out = self.unacknowledged.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
            thread::sleep(PAUSE);
        }
    }

    fn try_drain(&mut self, most: usize) -> std::io::Result<()> {
        let (stream, reader) = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(dial(self.port, &self.id, true)?),
        };
        stream.write_all(&self.out)?;
        self.out.clear();
        while self.unacknowledged.len() > most {
            if let Some(id) = Packet::read(reader)?.acknowledged()
                && let Some(at) = self.unacknowledged.iter().position(|(sent, _)| *sent == id)
            {
                self.unacknowledged.remove(at);
            }
        }
        Ok(())
    }
}

/// Hears what is published, at QoS 1 and in a session that the broker keeps: nothing may pass it by.
pub(crate) struct Witness {
    over: Arc<AtomicBool>,
    stream: Shared<Option<TcpStream>>,
}

impl Witness {
    /// Subscribes, and hands every message to `hear`.
    pub(crate) fn start(
        port: u16,
        filters: &'static [&'static str],
        mut hear: impl FnMut(&Publish<'_>) + Send + 'static,
    ) -> Self {
        let (over, stream) = (Arc::new(AtomicBool::new(false)), Shared::new(None));
        let subscribed = Shared::new(false);
        let (ends, connection, ready) = (over.clone(), stream.clone(), subscribed.clone());
        thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                let mut listen = || -> std::io::Result<()> {
                    let (mut to, mut from) = dial(port, "witness", false)?;
                    connection.with(|connection| *connection = to.try_clone().ok());
                    to.write_all(&wire::subscribe(filters, 1))?;
                    loop {
                        let packet = Packet::read(&mut from)?;
                        if packet.kind() == SUBACK {
                            ready.with(|ready| *ready = true);
                        }
                        if let Some(publish) = packet.publish() {
                            hear(&publish);
                            if let Some(id) = publish.id {
                                to.write_all(&wire::puback(id))?;
                            }
                        }
                    }
                };
                let _ = listen();
                thread::sleep(PAUSE);
            }
        });
        subscribed.wait(PATIENCE, |ready| ready.then_some(())).expect("the broker confirms a subscription");
        Self { over, stream }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.stream.with(|stream| stream.take().map(|stream| stream.shutdown(Shutdown::Both)));
    }
}

/// The messages that the broker still has for the session `id`: takes the session over and asks.
pub(crate) fn left_for(port: u16, id: &str) -> std::io::Result<usize> {
    let (mut to, mut from) = dial(port, id, false)?;
    to.write_all(&wire::PINGREQ)?;
    let mut left = 0;
    loop {
        let packet = Packet::read(&mut from)?;
        if packet.kind() == PINGRESP {
            return Ok(left);
        }
        left += usize::from(packet.publish().is_some());
    }
}

/// Makes the broker keep what is published to `filters` for a client that comes later.
pub(crate) fn keep_for(port: u16, id: &str, filters: &[&str], qos: u8) -> std::io::Result<()> {
    let (mut to, mut from) = dial(port, id, false)?;
    to.write_all(&wire::subscribe(filters, qos))?;
    while Packet::read(&mut from)?.kind() != SUBACK {}
    Ok(())
}

/// What went by between broker and agent.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// Messages that the broker handed to the agent, repeats included.
    pub(crate) delivered: u64,
    /// Those that the agent acknowledged, each once: by a hash of topic and payload.
    acknowledged: HashSet<u64>,
    /// Their topics, if they are of interest.
    pub(crate) topics: HashSet<String>,
}

impl Passed {
    /// How many different messages the agent acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.len() as u64
    }
}

/// A wire between broker and agent that looks on. It ends with either side, as a wire would.
pub(crate) struct Tap {
    port: u16,
    passed: Shared<Passed>,
}

/// The topic that says that all is said.
pub(crate) const END: &str = "plant/end";

impl Tap {
    /// In front of the broker on `broker`; with `topics`, every topic acknowledged is noted, else [`END`] alone.
    pub(crate) fn start(broker: u16, topics: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let passed = Shared::new(Passed::default());
        let seen = passed.clone();
        thread::spawn(move || {
            for agent in listener.incoming().flatten() {
                let Ok(broker) = TcpStream::connect(("127.0.0.1", broker)) else { continue };
                let waiting: Shared<HashMap<u16, (u64, Option<String>)>> = Shared::default();
                let (Ok(to_agent), Ok(to_broker)) = (agent.try_clone(), broker.try_clone()) else { continue };
                let (down, up) = (seen.clone(), seen.clone());
                let unacknowledged = waiting.clone();
                thread::spawn(move || {
                    pass(broker, to_agent, |packet| {
                        let Some(publish) = packet.publish() else { return };
                        down.with(|passed| passed.delivered += 1);
                        if let Some(id) = publish.id {
                            let hash = BuildHasherDefault::<DefaultHasher>::default()
                                .hash_one((publish.topic, publish.payload));
                            let topic = (topics || publish.topic == END).then(|| publish.topic.to_owned());
                            waiting.with(|waiting| waiting.insert(id, (hash, topic)));
                        }
                    });
                });
                thread::spawn(move || {
                    pass(agent, to_broker, |packet| {
                        let Some(id) = packet.acknowledged() else { return };
                        // The agent's other connection is acknowledged, and acknowledges nothing.
                        let Some((hash, topic)) = unacknowledged.with(|waiting| waiting.remove(&id)) else {
                            return;
                        };
                        up.with(|passed| {
                            passed.acknowledged.insert(hash);
                            passed.topics.extend(topic);
                        });
                    });
                });
            }
        });
        Self { port, passed }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) const fn passed(&self) -> &Shared<Passed> {
        &self.passed
    }

    /// Waits until the agent has dealt with everything that the broker has for it: acknowledgements go in the order of
    /// arrival, so with the last message all before it are. A broker that forgot the agent's session needs it told again.
    pub(crate) fn drain(&self, publisher: &mut Publisher) {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let last = format!(r#"{{"ts":{},"temperature":20}}"#, Timestamp::now().0);
            publisher.publish(END, last.as_bytes());
            publisher.finish();
            if self.passed.wait(AGAIN, |passed| passed.topics.contains(END).then_some(())).is_some() {
                return;
            }
        }
        panic!("the agent does not acknowledge the last message");
    }
}

/// Hands bytes on as they come; shows each whole packet before it goes.
fn pass(mut from: TcpStream, mut to: TcpStream, mut show: impl FnMut(&Packet)) {
    let _ = to.set_nodelay(true);
    let (mut chunk, mut rest) = (vec![0; 1 << 16], Vec::new());
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        let chunk = chunk.get(..length).unwrap_or_default();
        rest.extend_from_slice(chunk);
        let mut taken = 0;
        while let Some((packet, length)) = Packet::first(rest.get(taken..).unwrap_or_default()) {
            show(&packet);
            taken += length;
        }
        rest.drain(..taken);
        if to.write_all(chunk).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
