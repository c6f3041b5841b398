//! What flows through the agent: raw messages, readings, and the names of devices and channels.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The wall clock's time now.
    #[must_use]
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_millisecond())
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => time.fmt(f),
            Err(_) => write!(f, "{} ms", self.0), // outside the years -9999..=9999
        }
    }
}

/// A name that is cheap to clone; the name of a device or of a channel.
pub type Name = Arc<str>;

/// A device's name as users see it, for example `pump-1` or `hall/pump-1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceId(pub Name);

/// A channel's name within its device, for example `temperature` or `vib.rms`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelId(pub Name);

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One number of one channel, as a decoder found it; borrowed from the payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading<'a> {
    /// The channel's name; empty for a payload that is nothing but a number.
    pub channel: &'a str,
    /// When it was measured, if the payload says so.
    pub time: Option<Timestamp>,
    /// The value; always finite.
    pub value: f32,
}

/// A message as it came in, and how to say that it was dealt with.
#[derive(Debug)]
pub struct RawMessage {
    /// The full topic.
    pub topic: String,
    /// The payload, copied out of the connection's buffer.
    pub payload: Vec<u8>,
    /// The wall clock when it came in.
    pub received: Timestamp,
    /// Delivered because it was retained, not because it is new.
    pub retained: bool,
    /// To be called in; none for QoS 0.
    pub ack: Option<crate::source::mqtt::Ack>,
    /// Its share of the bytes that may be under way, given back when it is dropped.
    pub(crate) room: Option<tokio::sync::OwnedSemaphorePermit>,
}
