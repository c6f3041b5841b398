//! What the agent runs by: a configuration that was checked, with everything resolved.

use std::path::PathBuf;
use std::time::Duration;

use super::secret::Secret;
use super::topic::{Captures, TopicPattern};
pub use crate::config::{ClockTrust, Durability, Learn, Version};
use crate::decode::Decoder;
use crate::siblings::StartFrom;

/// A checked configuration. Parts can be compared, so that a reload keeps what did not change.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// This agent and its limits.
    pub gateway: GatewayPlan,
    /// The broker and how to reach it.
    pub broker: Broker,
    /// How often alerts are published.
    pub alert: AlertPlan,
    /// What is published besides alerts.
    pub publish: PublishPlan,
    /// What to subscribe to, in the order of the files.
    pub streams: Vec<StreamPlan>,
    /// Devices on lines, in the order of the files; with the streams at least one. Their positions follow those of the
    /// streams.
    pub serials: Vec<SerialPlan>,
    /// What to learn; at least one.
    pub tasks: Vec<TaskPlan>,
}

/// This agent and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayPlan {
    /// The `<gateway>` level of topics: not empty, without `/`, `+`, `#` and control characters.
    pub name: String,
    /// Folder of models and outbox: `state_dir` (relative to the configuration's folder), else
    /// `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/brooklet`, else `~/.local/state/brooklet`, else
    /// `/var/lib/brooklet`.
    pub state_dir: PathBuf,
    /// Threads that learn, 1 to 64.
    pub workers: usize,
    /// Time between two checkpoints.
    pub checkpoint: Duration,
    /// What a power cut may cost.
    pub durability: Durability,
    /// Time between two syncs of the journal.
    pub sync: Duration,
    /// Bytes that checkpoints may write a day.
    pub checkpoint_bytes_a_day: u64,
    /// Bytes that the card endures.
    pub card_endurance: u64,
    /// Bytes of messages that wait for the broker.
    pub outbox_bytes: usize,
    /// Time between two health messages.
    pub health: Duration,
    /// Channels followed at most, by number and by memory.
    pub max_channels: usize,
    /// Silence after which a device's channels may make room for others.
    pub evict_after: Duration,
    /// Readings that one device may send a second.
    pub device_rate: u32,
    /// How long readings must come too fast before something is done without.
    pub degrade_after: Duration,
    /// How far a reading's own time may lie ahead of the clock.
    pub max_future: Duration,
    /// How far it may lie behind the clock; `None` for any.
    pub max_past: Option<Duration>,
    /// How long a reading is held at most, so that older ones find their place.
    pub max_lateness: Duration,
    /// Whether this machine's clock is believed.
    pub clock: ClockTrust,
}

/// The broker and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Name or address, an IPv6 address without its brackets.
    pub host: String,
    /// TCP port, not 0.
    pub port: u16,
    /// `Some` for TLS.
    pub tls: Option<Tls>,
    /// The client identifier, not empty.
    pub client_id: String,
    /// The user's name.
    pub username: Option<String>,
    /// Only together with a user's name.
    pub password: Option<Secret>,
    /// Which MQTT is spoken.
    pub version: Version,
    /// MQTT keep-alive, 1 s to 1 h.
    pub keep_alive: Duration,
    /// Longest packet in either direction, in bytes.
    pub max_packet_bytes: u32,
    /// Whether the broker keeps messages while the agent is away (`clean_session = false`).
    pub persistent: bool,
    /// .. with MQTT 5 for so many seconds.
    pub session_expiry: u32,
    /// Messages that the broker may send before the first is acknowledged, not 0; with MQTT 5 only.
    pub receive_maximum: u16,
}

/// TLS towards the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the authority; the system's own if `None`.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate and key.
    pub identity: Option<Identity>,
}

/// A client's certificate and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// PEM file of the certificate.
    pub cert_file: PathBuf,
    /// The PEM text of the private key.
    pub key: Secret,
}

/// How often alerts are published. Thresholds are with the tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertPlan {
    /// Time between two refreshes of a firing alert's retained state.
    pub update: Duration,
    /// Alerts that may begin within a minute and be told one by one.
    pub most_a_minute: usize,
}

/// What is published besides alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishPlan {
    /// Time between two scores of one channel; `None` if scores are not published.
    pub scores_every: Option<Duration>,
    /// Whether every change of an alert is published.
    pub events: bool,
}

/// Which messages, and how they become readings.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamPlan {
    /// Unique.
    pub name: String,
    /// What to subscribe to.
    pub topic: TopicPattern,
    /// MQTT quality of service, 0 or 1.
    pub qos: u8,
    /// How payloads are read: time, channels and their scale are compiled into it.
    pub decoder: Decoder,
    /// How to name the device; derived from the topic by the router if `None`.
    pub device: Option<DeviceTemplate>,
    /// The channels by name; every number of a payload is one if `None`.
    pub channels: Option<Vec<ChannelPlan>>,
}

/// A device on a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialPlan {
    /// Unique among streams and lines.
    pub name: String,
    /// Where the line is.
    pub port: Port,
    /// The device's name, a valid topic level.
    pub device: String,
    /// The device is called so whatever it says itself.
    pub named: bool,
}

/// Where a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Port {
    /// A serial port.
    Tty {
        /// Its file.
        path: PathBuf,
        /// Bits a second.
        baud: u32,
    },
    /// A TCP connection to an emulator or a terminal server.
    Tcp {
        /// Name or address, an IPv6 address without its brackets.
        host: String,
        /// TCP port, not 0.
        port: u16,
    },
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tty { path, .. } => write!(f, "{}", path.display()),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

/// One channel of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelPlan {
    /// Unique within the stream; a valid topic level.
    pub name: String,
    /// The unit as it is shown.
    pub unit: Option<String>,
}

/// A device's name made of fixed text and levels of the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceTemplate(pub(super) Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    /// A level of the topic, counted from 0.
    Level(usize),
}

impl DeviceTemplate {
    /// Appends the device's name for a topic that the stream's pattern matched.
    pub fn write(&self, captures: &Captures<'_, '_>, out: &mut String) {
        for part in &self.0 {
            out.push_str(match part {
                Part::Literal(text) => text,
                Part::Level(position) => captures.level(*position).unwrap_or_default(),
            });
        }
    }
}

/// What to learn from which channels.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskPlan {
    /// Unique.
    pub name: String,
    /// What to learn.
    pub learn: Learn,
    /// Positions in [`Plan::streams`], and behind those in [`Plan::serials`], at least one.
    pub streams: Vec<usize>,
    /// Which channels; all if `None`.
    pub channels: Option<Vec<Glob>>,
    /// Alerts in 30 days a channel, above 0; the detector's own if `None`.
    pub budget: Option<f32>,
    /// Evidence that raises an alert, in powers of ten, above 0; the detector's own if `None`.
    pub threshold: Option<f32>,
    /// Readings of a channel before it may raise an alert, at least 1; the detector's own if `None`.
    pub warm_up: Option<u32>,
    /// Where a new channel starts from; from nothing if `None`.
    pub start_from: Option<StartFrom>,
    /// The channels of a device are judged also together.
    pub joint: bool,
}

impl TaskPlan {
    /// Whether the task learns from `channel` of the stream at position `stream`.
    #[must_use]
    pub fn covers(&self, stream: usize, channel: &str) -> bool {
        self.streams.contains(&stream)
            && self.channels.as_ref().is_none_or(|globs| globs.iter().any(|glob| glob.matches(channel)))
    }
}

/// A channel's name in which `*` stands for any text, none included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(pub(super) String);

impl Glob {
    /// The glob as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether all of `name` fits. Takes no more steps than the product of both lengths.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == name };
        let Some(mut name) = name.strip_prefix(first) else { return false };
        let mut parts = rest.split('*');
        let last = parts.next_back().unwrap_or_default();
        for part in parts {
            match name.find(part) {
                Some(at) => name = &name[at + part.len()..],
                None => return false,
            }
        }
        name.ends_with(last)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        for (glob, name, expected) in [
            ("temp", "temp", true),
            ("temp", "temperature", false),
            ("temp*", "temperature", true),
            ("temp*", "temp", true),
            ("*", "", true),
            ("*.rms", "vib.x.rms", true),
            ("vib.*.rms", "vib.rms", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
            ("**", "x", true),
        ] {
            assert_eq!(Glob(glob.into()).matches(name), expected, "{glob} on {name}");
        }
    }

    #[test]
    fn device_names_are_put_together() {
        let topic = TopicPattern::parse("plant/{site}/{device}").unwrap();
        let captures = topic.captures("plant/north/p1").unwrap();
        let template = DeviceTemplate(vec![Part::Level(1), Part::Literal("/x-".into()), Part::Level(2)]);
        let mut name = String::new();
        template.write(&captures, &mut name);
        assert_eq!(name, "north/x-p1");
    }
}
