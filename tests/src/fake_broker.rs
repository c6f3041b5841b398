//! A broker that does what a script says, once, to one of the agent's two connections, and what a broker should do to
//! every other. For what no real broker does, or does when nobody looks.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::agent::STATUS;

/// The longest packet that it reads.
const LONGEST: usize = 1 << 20;

/// Types of packets, as in the first four bits.
pub mod kind {
    #![allow(missing_docs, reason = "MQTT's own names")]
    pub const CONNECT: u8 = 1;
    pub const PUBLISH: u8 = 3;
    pub const PUBACK: u8 = 4;
    pub const SUBSCRIBE: u8 = 8;
    pub const UNSUBSCRIBE: u8 = 10;
    pub const PINGREQ: u8 = 12;
    pub const DISCONNECT: u8 = 14;
}

/// A version of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1.
    V3,
    /// MQTT 5.
    V5,
}

/// One of the agent's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that it listens on.
    In,
    /// The one that it publishes on.
    Out,
}

/// A packet: type and flags, the length of the rest, the rest.
#[must_use]
pub fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = rest.len();
    loop {
        let byte = u8::try_from(length % 128).unwrap_or_default();
        length /= 128;
        packet.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    packet.extend_from_slice(rest);
    packet
}

impl Version {
    /// MQTT 5 has properties in most packets; here none.
    const fn properties(self) -> &'static [u8] {
        match self {
            Self::V3 => &[],
            Self::V5 => &[0],
        }
    }

    /// An answer to CONNECT.
    #[must_use]
    pub fn connack(self, flags: u8, code: u8) -> Vec<u8> {
        packet(0x20, &[&[flags, code], self.properties()].concat())
    }

    /// An answer to SUBSCRIBE.
    #[must_use]
    pub fn suback(self, id: u16, codes: &[u8]) -> Vec<u8> {
        packet(0x90, &[&id.to_be_bytes()[..], self.properties(), codes].concat())
    }

    /// An answer to UNSUBSCRIBE of one filter.
    #[must_use]
    pub fn unsuback(self, id: u16) -> Vec<u8> {
        let codes: &[u8] = if self == Self::V5 { &[0x11] } else { &[] };
        packet(0xb0, &[&id.to_be_bytes()[..], self.properties(), codes].concat())
    }

    /// A message; `flags` are the packet's own: 1 retain, 2 QoS 1, 4 QoS 2, 8 repeated.
    #[must_use]
    pub fn publish(self, flags: u8, topic: &[u8], id: u16, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(topic.len()).unwrap_or(u16::MAX).to_be_bytes();
        let id = if flags & 6 == 0 { Vec::new() } else { id.to_be_bytes().to_vec() };
        packet(0x30 | flags, &[&length[..], topic, &id, self.properties(), payload].concat())
    }
}

/// An acknowledgement of a message.
#[must_use]
pub fn puback(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

/// One thing that the broker does.
pub enum Step {
    /// Reads until a packet of this type came.
    Read(u8),
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Answers the packet that was read last, given its number.
    Reply(Box<dyn Fn(u16) -> Vec<u8> + Send>),
    /// Sends these bytes one by one.
    Slowly(Vec<u8>, Duration),
    /// Sends so many packets, made from 0, 1, ..; reads nothing meanwhile.
    Flood(usize, Box<dyn Fn(usize) -> Vec<u8> + Send>),
    /// As [`Step::Flood`], but does what a broker should do with what comes in meanwhile.
    Burst(usize, Box<dyn Fn(usize) -> Vec<u8> + Send>),
    /// From here on does what a broker should.
    Serve,
    /// Reads whatever comes, says nothing.
    Swallow,
    /// Answers pings, and nothing else.
    Ping,
    /// Reads nothing any more, and leaves the connection open.
    Deaf,
}

/// What is to be done to the next connection of one kind.
pub struct Script {
    /// Which.
    pub side: Side,
    /// How many connections in a row get it.
    pub times: usize,
    /// After the CONNECT packet was read; at the end the connection is closed.
    pub steps: Box<dyn Fn() -> Vec<Step> + Send>,
}

/// A connection on which the broker does what it should.
#[derive(Debug)]
struct Line {
    socket: TcpStream,
    since: Instant,
    subscribed: bool,
}

#[derive(Default)]
struct State {
    armed: VecDeque<Script>,
    /// Connections that got a script.
    played: usize,
    /// .. and when the last of them began.
    began: Option<Instant>,
    lines: [Option<Line>; 2],
    /// Connections of each kind so far.
    made: [usize; 2],
    /// Sockets to be left open.
    deaf: Vec<TcpStream>,
    /// Numbers of messages that the agent acknowledged, on good connections.
    acknowledged: Vec<u16>,
    /// The last health message.
    status: Value,
    statuses: usize,
    version: Option<u8>,
}

/// A fake broker on a port of its own.
pub struct FakeBroker {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let changed = change(&mut self.lock());
        self.changed.notify_all();
        changed
    }

    fn wait<R>(&self, patience: Duration, mut find: impl FnMut(&State) -> Option<R>) -> Option<R> {
        let end = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            if let Some(found) = find(&state) {
                return Some(found);
            }
            let left = end.checked_duration_since(Instant::now())?;
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl FakeBroker {
    /// A broker that is a good one until told otherwise.
    ///
    /// # Panics
    /// If it cannot listen.
    #[must_use]
    pub fn start(version: Version) -> Self {
        // Not let go in between: a process that is being started elsewhere holds a copy until it runs.
        let listener = crate::broker::listener();
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared::default());
        let weak = Arc::downgrade(&shared);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (Ok(socket), Some(shared)) = (socket, weak.upgrade()) else { return };
                // Whatever becomes of a connection: it is the agent's to make another.
                thread::spawn(move || drop(attend(&shared, socket, version)));
            }
        });
        Self { port, shared }
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Plays a script on the next connection, for which the present one is cut.
    pub fn play(&self, script: Script) {
        let side = script.side as usize;
        self.shared.change(|state| {
            state.began = None;
            state.armed.push_back(script);
            if let Some(line) = state.lines[side].take() {
                let _ = line.socket.shutdown(Shutdown::Both);
            }
        });
    }

    /// Waits until every script was begun so often as it says.
    #[must_use]
    pub fn played(&self, patience: Duration) -> Option<Instant> {
        self.shared.wait(patience, |state| if state.armed.is_empty() { state.began } else { None })
    }

    /// Connections of one kind so far.
    #[must_use]
    pub fn made(&self, side: Side) -> usize {
        self.shared.lock().made[side as usize]
    }

    /// Waits for connections of one kind.
    #[must_use]
    pub fn wait_made(&self, side: Side, n: usize, patience: Duration) -> bool {
        self.shared.wait(patience, |state| (state.made[side as usize] >= n).then_some(())).is_some()
    }

    /// Publishes a reading at QoS 1, if the agent listens, and waits until it acknowledged it.
    #[must_use]
    pub fn publish(&self, version: Version, id: u16, topic: &str, payload: &str, patience: Duration) -> bool {
        let packet = version.publish(2, topic.as_bytes(), id, payload.as_bytes());
        let sent = self.shared.change(|state| {
            state.acknowledged.clear();
            let line = state.lines[Side::In as usize].as_mut().filter(|line| line.subscribed);
            line.is_some_and(|line| line.socket.write_all(&packet).is_ok())
        });
        sent && self.shared.wait(patience, |state| state.acknowledged.contains(&id).then_some(())).is_some()
    }

    /// Waits for a health message, from now on, that `is_it`.
    #[must_use]
    pub fn wait_status(&self, patience: Duration, is_it: impl Fn(&Value) -> bool) -> Option<Value> {
        let before = self.shared.lock().statuses;
        self.shared.wait(patience, |state| {
            (state.statuses > before && is_it(&state.status)).then(|| state.status.clone())
        })
    }

    /// The last health message.
    #[must_use]
    pub fn status(&self) -> Value {
        self.shared.lock().status.clone()
    }

    /// How long both connections have been good ones.
    #[must_use]
    pub fn steady_for(&self) -> Duration {
        let state = self.shared.lock();
        let ages = state.lines.iter().map(|line| line.as_ref().map_or(Duration::ZERO, |l| l.since.elapsed()));
        ages.min().unwrap_or_default()
    }

    /// The level of MQTT that the last CONNECT packet named.
    #[must_use]
    pub fn level(&self) -> Option<u8> {
        self.shared.lock().version
    }
}

impl Drop for FakeBroker {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        for line in state.lines.iter_mut().filter_map(Option::take) {
            let _ = line.socket.shutdown(Shutdown::Both);
        }
        state.deaf.clear();
        drop(state);
        // Wakes the thread that listens, which then ends.
        self.shared = Arc::default();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Reads one packet: its first byte and the rest.
fn read(socket: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    socket.read_exact(&mut byte)?;
    let first = byte[0];
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        socket.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut rest = vec![0; length];
    socket.read_exact(&mut rest)?;
    Ok((first, rest))
}

/// The packet's number, where it comes first.
fn number(rest: &[u8]) -> u16 {
    u16::from_be_bytes([rest.first().copied().unwrap_or(0), rest.get(1).copied().unwrap_or(0)])
}

fn attend(shared: &Shared, mut socket: TcpStream, version: Version) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let (first, connect) = read(&mut socket)?;
    if first >> 4 != kind::CONNECT {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let client = connect.windows(4).any(|bytes| bytes == b"-out");
    let side = if client { Side::Out } else { Side::In };
    let script = shared.change(|state| {
        state.version = connect.get(6).copied();
        state.made[side as usize] += 1;
        let script = state.armed.front_mut().filter(|script| script.side == side)?;
        script.times -= 1;
        let (steps, over) = ((script.steps)(), script.times == 0);
        if over {
            state.armed.pop_front();
        }
        state.played += 1;
        state.began = Some(Instant::now());
        Some(steps)
    });
    let Some(steps) = script else {
        socket.write_all(&version.connack(0, 0))?;
        return serve(shared, socket, side, version, false);
    };
    let (mut last, mut subscribed) = (0, false);
    for step in steps {
        match step {
            Step::Read(kind) => loop {
                let (first, rest) = read(&mut socket)?;
                subscribed |= first >> 4 == kind::SUBSCRIBE;
                if first >> 4 == kind {
                    last = if kind == kind::PUBLISH { number_of_message(&rest) } else { number(&rest) };
                    break;
                }
            },
            Step::Send(bytes) => socket.write_all(&bytes)?,
            Step::Reply(reply) => socket.write_all(&reply(last))?,
            Step::Slowly(bytes, pause) => {
                for byte in bytes {
                    socket.write_all(&[byte])?;
                    // Not to let something happen: to be slow is the script.
                    thread::sleep(pause);
                }
            }
            Step::Flood(count, packet) => {
                for n in 0..count {
                    socket.write_all(&packet(n))?;
                }
            }
            Step::Burst(count, packet) => {
                let mut answers = socket.try_clone()?;
                let mut writer = io::BufWriter::new(socket.try_clone()?);
                // What the agent says is read, so that neither waits for the other.
                thread::spawn(move || while read(&mut answers).is_ok() {});
                for n in 0..count {
                    writer.write_all(&packet(n))?;
                }
                writer.flush()?;
                shared.change(|state| state.deaf.push(socket));
                return Ok(());
            }
            Step::Serve => return serve(shared, socket, side, version, subscribed),
            Step::Swallow => while read(&mut socket).is_ok() {},
            Step::Ping => loop {
                let (first, rest) = read(&mut socket)?;
                match first >> 4 {
                    kind::PINGREQ => socket.write_all(&packet(0xd0, &[]))?,
                    kind::UNSUBSCRIBE => socket.write_all(&version.unsuback(number(&rest)))?,
                    _ => {}
                }
            },
            Step::Deaf => {
                shared.change(|state| state.deaf.push(socket));
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The number of a message at QoS 1, which comes after its topic.
fn number_of_message(rest: &[u8]) -> u16 {
    rest.get(2 + usize::from(number(rest))..).map_or(0, number)
}

/// Does what a broker should.
fn serve(
    shared: &Shared,
    socket: TcpStream,
    side: Side,
    version: Version,
    subscribed: bool,
) -> io::Result<()> {
    let mut reader = socket.try_clone()?;
    let line = Line { socket, since: Instant::now(), subscribed };
    let number_of_line = shared.change(|state| {
        state.lines[side as usize] = Some(line);
        state.made[side as usize]
    });
    let end = answer(shared, &mut reader, side, version);
    shared.change(|state| {
        if state.made[side as usize] == number_of_line {
            state.lines[side as usize] = None;
        }
    });
    end
}

fn answer(shared: &Shared, reader: &mut TcpStream, side: Side, version: Version) -> io::Result<()> {
    loop {
        let (first, rest) = read(reader)?;
        let id = number(&rest);
        let reply = match first >> 4 {
            kind::SUBSCRIBE => version.suback(id, &vec![1; filters(&rest, version)]),
            kind::UNSUBSCRIBE => version.unsuback(id),
            kind::PINGREQ => packet(0xd0, &[]),
            kind::PUBLISH if first & 6 != 0 => puback(number_of_message(&rest)),
            kind::DISCONNECT => return Ok(()),
            _ => Vec::new(),
        };
        shared.change(|state| {
            match first >> 4 {
                kind::PUBACK => state.acknowledged.push(id),
                kind::PUBLISH => {
                    let payload = 2 + usize::from(number(&rest)) + if first & 6 == 0 { 0 } else { 2 };
                    let payload = rest.get(payload + version.properties().len()..).unwrap_or_default();
                    if rest[2..].starts_with(STATUS.as_bytes())
                        && let Ok(status) = serde_json::from_slice::<Value>(payload)
                        && status.is_object()
                    {
                        state.status = status;
                        state.statuses += 1;
                    }
                }
                _ => {}
            }
            // Under the same lock as what the test itself sends, so that no packet cuts into another.
            match &mut state.lines[side as usize] {
                Some(line) => {
                    line.subscribed |= first >> 4 == kind::SUBSCRIBE;
                    line.socket.write_all(&reply)
                }
                None => Err(io::ErrorKind::NotConnected.into()),
            }
        })?;
    }
}

/// How many filters a SUBSCRIBE packet has.
fn filters(rest: &[u8], version: Version) -> usize {
    let mut left = rest.get(2 + version.properties().len()..).unwrap_or_default();
    let mut count = 0;
    while left.len() > 2 {
        left = left.get(3 + usize::from(number(left))..).unwrap_or_default();
        count += 1;
    }
    count
}
