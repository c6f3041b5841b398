//! What the two connections share: how to connect, what can happen on a connection, and how long to wait before the next.
//! `library` alone names the client library; source and sink see these types.

mod library;

use std::time::Duration;

use brooklet_core::rng::Rng;
use bytes::Bytes;

pub(crate) use self::library::{Client, Connection, NotTaken, Options, Outcome};
use crate::check::Secret;

/// Why a connection cannot even be tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MqttError {
    /// A file that the configuration names.
    #[error("cannot read {path}: {source}")]
    File {
        /// Which file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system's certificates.
    #[error("cannot load the system's CA certificates ({0}); set mqtt.ca_file")]
    SystemCertificates(String),
}

/// A will or a birth message: topic and payload, retained, QoS 1.
#[derive(Clone, Debug)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: &'static str,
}

/// Something that happened on a connection.
#[derive(Debug)]
pub(crate) enum Event {
    /// The broker let us in.
    Connected {
        /// It goes on with the session that it kept.
        session_present: bool,
        /// The longest packet it takes, in bytes, if it said so.
        longest: Option<u32>,
    },
    /// A message came in.
    Message(Message),
    /// The answer to [`Client::subscribe`]: for each filter why it is refused, `None` if it is not.
    Subscribed(Vec<Option<String>>),
    /// An acknowledgement was written.
    Written,
    /// The answer to [`Client::ask`].
    Answered,
    /// Nothing that concerns us.
    Nothing,
}

/// A message from the broker. Topic and payload lie in the read buffer: what is kept is copied.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) topic: Bytes,
    pub(crate) payload: Bytes,
    /// Delivered because it was retained, on subscribing.
    pub(crate) retained: bool,
    /// The broker may have sent it before (MQTT's DUP).
    pub(crate) again: bool,
    /// To acknowledge it by; `None` at QoS 0.
    pub(crate) id: Option<PacketId>,
}

/// A message's number on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PacketId(u16);

/// Why a connection was lost, or not made.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// What is wrong and what to do, for the person who reads the log.
    text: String,
}

/// Failures that are not only told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It was closed because we said goodbye.
    Closed,
    /// The broker hung up, perhaps in favour of another client of the same name.
    Cut,
    /// A message was longer than the limit, in bytes; at QoS 1 the broker would send it again for ever.
    TooLong(usize),
    /// Anything else.
    Other,
}

impl Failure {
    /// The broker is there, but does not do its part.
    pub(crate) fn stalled() -> Self {
        let text = "the broker acknowledges nothing for twice mqtt.keep_alive_seconds".to_owned();
        Self { kind: Kind::Other, text }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

fn secret(secret: &Secret) -> Result<String, MqttError> {
    secret.read().map_err(|source| MqttError::File {
        path: secret.path().unwrap_or(std::path::Path::new("")).to_owned(),
        source,
    })
}

/// True if the other side hung up, or spoke something else than was expected.
fn is_cut(error: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, UnexpectedEof};
    let chain = std::iter::successors(Some(error), |error| error.source());
    // An I/O error that carries another error is not the system's: rustls refuses a certificate that way.
    let io = chain
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .find(|io| !io.get_ref().is_some_and(|inner| inner.to_string().contains("certificate")));
    let kinds = [BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, UnexpectedEof];
    io.is_some_and(|io| kinds.contains(&io.kind()))
}

/// A connection that lived this long was a good one: waiting starts over.
pub(crate) const STEADY: Duration = Duration::from_secs(2);

/// Waiting times between attempts: full jitter, doubling from 100 ms to 30 s.
#[derive(Debug)]
pub(crate) struct Backoff {
    rng: Rng,
    attempt: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(30);

    pub(crate) fn new() -> Self {
        let now = crate::reading::Timestamp::now().0.unsigned_abs();
        Self { rng: Rng::new(now ^ (u64::from(std::process::id()) << 40)), attempt: 0 }
    }

    /// A time of another kind: how long to leave the broker to somebody else, one to three minutes.
    pub(crate) fn long() -> Duration {
        Duration::from_secs(60).mul_f32(1.0 + 2.0 * Self::new().rng.uniform())
    }

    pub(crate) fn reset(&mut self) {
        self.attempt = 0;
    }

    pub(crate) fn next(&mut self) -> Duration {
        let most = Self::FIRST.saturating_mul(1 << self.attempt.min(16)).min(Self::LONGEST);
        self.attempt = self.attempt.saturating_add(1);
        most.mul_f32(self.rng.uniform().max(0.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backs_off_up_to_half_a_minute_and_starts_again() {
        let mut backoff = Backoff::new();
        let waits: Vec<_> = (0..100).map(|_| backoff.next()).collect();
        assert!(waits[0] <= Duration::from_millis(100));
        assert!(waits.iter().all(|wait| *wait >= Duration::from_millis(10) && *wait <= Backoff::LONGEST));
        assert!(waits[50..].iter().any(|wait| *wait > Duration::from_secs(5)));
        let long = Backoff::long().as_secs();
        assert!((60..=180).contains(&long), "{long} s");
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
    }
}
