//! The configuration as it is written: serde types and their defaults, nothing resolved.
//!
//! A key lives in one place, its field here: the name, the type, the range and the default follow from
//! it, and so do the messages about misspelt names and wrong values. What a configuration *means* (URLs
//! taken apart, topics compiled, references looked up) is the [`Plan`](crate::check::Plan).

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// A whole configuration: one file, its `conf.d` folder and the environment, put together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[gateway]`: this agent and its limits.
    #[serde(default)]
    pub gateway: Gateway,
    /// `[mqtt]`: the broker.
    pub mqtt: Mqtt,
    /// `[alert]`: when and how often alerts are published.
    #[serde(default)]
    pub alert: Alert,
    /// `[publish]`: what is published besides alerts.
    #[serde(default)]
    pub publish: Publish,
    /// `[[stream]]`: which messages, and how they become readings.
    #[serde(default, rename = "stream")]
    pub streams: Vec<Stream>,
    /// `[[serial]]`: devices on a line.
    #[serde(default, rename = "serial")]
    pub serials: Vec<Serial>,
    /// `[[task]]`: what to learn from them; without any, anomalies on every channel.
    #[serde(default, rename = "task")]
    pub tasks: Vec<Task>,
}

/// `[gateway]`: this agent and its limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gateway {
    /// The `<gateway>` level of the topics published; the host's name unless set.
    pub name: Option<String>,
    /// Folder of models and outbox; its default is told in [`GatewayPlan`](crate::check::GatewayPlan::state_dir).
    pub state_dir: Option<PathBuf>,
    /// Threads that learn, 1 to 64; one a processor unless set.
    pub workers: Option<Within<1, 64>>,
    /// Seconds between two checkpoints of the models, 1 to 86400.
    pub checkpoint_seconds: Within<1, 86_400>,
    /// What a power cut may cost.
    pub durability: Durability,
    /// With `durability = "journal"`: milliseconds between two syncs of the journal, 10 to 60000; an alert does not wait.
    pub sync_milliseconds: Within<10, 60_000>,
    /// MiB that checkpoints may write a day, 1 to 1048576: they come less often where they would write more.
    pub checkpoint_mib_a_day: Within<1, 1_048_576>,
    /// GB that the card endures in all, 1 to 1000000: the status tells for how long that is enough. A cheap one of 32 GB
    /// is worth about 10000.
    pub card_endurance_gb: Within<1, 1_000_000>,
    /// MiB of messages that wait for the broker, 1 to 1024; beyond it the least important go, and are counted.
    pub outbox_mib: Within<1, 1024>,
    /// Seconds between two health messages, 1 to 86400.
    pub health_seconds: Within<1, 86_400>,
    /// Channels followed at most, 1 to 1000000; readings of further ones are refused and counted.
    pub max_channels: Within<1, 1_000_000>,
    /// MiB for channels, names and messages under way, 48 to 65536: fewer channels are followed where they would need more.
    pub memory_mib: Within<48, 65_536>,
    /// Seconds of silence after which the channels of a device make room for others, once there is no other room, 60 to
    /// 31536000. They are stored, and come back with their device.
    pub evict_after_seconds: Within<60, 31_536_000>,
    /// Readings that one device may send a second, 1 to 1000000. Ten minutes' worth may come at once; what is beyond is
    /// counted and not learnt.
    pub device_readings_per_second: Within<1, 1_000_000>,
    /// Seconds for which readings must come faster than they can be learnt before the agent does without something, 1 to
    /// 86400: scores first, then learning, then new channels. It takes as long to come back.
    pub degrade_after_seconds: Within<1, 86_400>,
    /// How many seconds a reading's own time may lie ahead of the clock, 0 to 86400.
    pub max_future_seconds: Within<0, 86_400>,
    /// How many seconds it may lie behind the clock, 0 to 315360000; 0 for any. What goes on where its channel stands may
    /// be older: it was kept while a link was down.
    pub max_past_seconds: Within<0, 315_360_000>,
    /// How many seconds a reading is held at most, so that older ones find their place before it, 0 to 3600. Nothing is
    /// held of streams in order.
    pub max_lateness_seconds: Within<0, 3600>,
    /// Whether this machine's clock is believed.
    pub clock: ClockTrust,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            name: None,
            state_dir: None,
            workers: None,
            checkpoint_seconds: Within::of::<300>(),
            durability: Durability::default(),
            sync_milliseconds: Within::of::<1000>(),
            checkpoint_mib_a_day: Within::of::<1024>(),
            card_endurance_gb: Within::of::<10_000>(),
            outbox_mib: Within::of::<16>(),
            health_seconds: Within::of::<30>(),
            max_channels: Within::of::<10_000>(),
            memory_mib: Within::of::<256>(),
            evict_after_seconds: Within::of::<86_400>(),
            device_readings_per_second: Within::of::<1000>(),
            degrade_after_seconds: Within::of::<30>(),
            max_future_seconds: Within::of::<300>(),
            max_past_seconds: Within::of::<3600>(),
            max_lateness_seconds: Within::of::<60>(),
            clock: ClockTrust::default(),
        }
    }
}

/// What a power cut may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// What was learnt since the last checkpoint; no alert.
    #[default]
    Checkpoint,
    /// Nothing that was acknowledged: messages are acknowledged once a journal on disk has their readings.
    Journal,
}

/// Whether this machine's clock is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockTrust {
    /// Once it is known to be set: see `docs/time.md`.
    #[default]
    Auto,
    /// Always.
    Trusted,
    /// Never.
    Untrusted,
}

/// `[mqtt]`: the broker. There is no key for a password in the clear: see [`Mqtt::password_file`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mqtt {
    /// `mqtt://host:1883`, or `mqtts://host:8883` for TLS; the port may be left out.
    pub url: String,
    /// The client identifier; `brooklet-<gateway>` unless set. Two agents must not share one.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The user's name at the broker.
    #[serde(default)]
    pub username: Option<String>,
    /// File with the password, readable by its owner only. `BROOKLET_MQTT__PASSWORD` goes before it; without
    /// either, the systemd credential `mqtt_password` is taken.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// PEM file of the authority that signed the broker's certificate; the system's own unless set.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// PEM file of this client's certificate.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// PEM file of this client's key, readable by its owner only.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Seconds of silence after which the broker is asked for a sign of life, 1 to 3600. A link without any for twice
    /// that long is given up.
    #[serde(default = "Mqtt::keep_alive_seconds")]
    pub keep_alive_seconds: Within<1, 3600>,
    /// Longest packet in either direction, in bytes: 1024 to 268435455 (MQTT's own limit).
    #[serde(default = "Mqtt::max_packet_bytes")]
    pub max_packet_bytes: Within<1024, 268_435_455>,
    /// Allow a broker on another host without a user name or a client certificate.
    #[serde(default)]
    pub insecure: bool,
    /// Ask the broker to keep messages while the agent is away (MQTT's `clean_session = false`).
    #[serde(default = "yes")]
    pub persistent: bool,
    /// `"3.1.1"` or `5`; 3.1.1 unless set.
    #[serde(default)]
    pub version: Version,
    /// With MQTT 5, how many seconds the broker keeps messages while the agent is away, 1 to 4294967295, which means
    /// for ever; 7 days unless set. Of no meaning unless [`Mqtt::persistent`].
    #[serde(default = "Mqtt::session_expiry_seconds")]
    pub session_expiry_seconds: Within<1, 4_294_967_295>,
    /// With MQTT 5, how many messages the broker may send before the first of them is acknowledged, 1 to 65535.
    #[serde(default = "Mqtt::receive_maximum")]
    pub receive_maximum: Within<1, 65_535>,
}

impl Mqtt {
    const fn session_expiry_seconds() -> Within<1, 4_294_967_295> {
        Within::of::<604_800>()
    }

    const fn receive_maximum() -> Within<1, 65_535> {
        Within::of::<1000>()
    }

    const fn keep_alive_seconds() -> Within<1, 3600> {
        Within::of::<30>()
    }

    const fn max_packet_bytes() -> Within<1024, 268_435_455> {
        Within::of::<262_144>()
    }
}

/// A version of MQTT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Version {
    /// MQTT 3.1.1, which every broker speaks.
    #[default]
    #[serde(rename = "3.1.1")]
    V3,
    /// MQTT 5.
    #[serde(rename = "5")]
    V5,
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Version;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"3.1.1\" or 5")
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
                match value {
                    "3.1.1" => Ok(Version::V3),
                    "5" | "5.0" => Ok(Version::V5),
                    _ => Err(E::custom(format_args!("must be \"3.1.1\" or 5, not \"{value}\""))),
                }
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                match value {
                    5 => Ok(Version::V5),
                    // What the protocol itself calls 3.1.1.
                    4 => Err(E::custom("must be \"3.1.1\" or 5; MQTT's level 4 is \"3.1.1\"")),
                    _ => Err(E::custom(format_args!("must be \"3.1.1\" or 5, not {value}"))),
                }
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
                self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
                if value == 5.0 {
                    return Ok(Version::V5);
                }
                Err(E::custom(format_args!("must be \"3.1.1\" or 5, not {value}")))
            }

            // What stands for a value already reported as wrong: see check::read.
            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Version::default())
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// `[alert]`: when and how often alerts are published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alert {
    /// Alerts in 30 days that a channel may cost, about, 0.01 to 10000; 10 unless set.
    pub budget: Option<Budget>,
    /// Evidence that raises an alert, in powers of ten; the detector's own unless set.
    pub threshold: Option<Evidence>,
    /// Seconds between two refreshes of a firing alert's retained state, 1 to 86400.
    pub update_seconds: Within<1, 86_400>,
    /// Alerts that may begin within a minute and be told one by one, 1 to 1000000; beyond, their events are held back, and
    /// one alert of the gateway tells how many.
    pub most_a_minute: Within<1, 1_000_000>,
}

impl Default for Alert {
    fn default() -> Self {
        Self {
            budget: None,
            threshold: None,
            update_seconds: Within::of::<60>(),
            most_a_minute: Within::of::<20>(),
        }
    }
}

/// `[publish]`: what is published besides alerts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Publish {
    /// Scores of every channel.
    pub scores: bool,
    /// Seconds between two scores of one channel, 1 to 86400.
    pub scores_every_seconds: Within<1, 86_400>,
    /// Every change of an alert.
    pub events: bool,
}

impl Default for Publish {
    fn default() -> Self {
        Self { scores: false, scores_every_seconds: Within::of::<10>(), events: true }
    }
}

/// `[[stream]]`: which messages, and how they become readings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// The name tasks refer to; unique.
    pub name: String,
    /// MQTT topic filter; a level `{device}`, `{site}`, `{anything}` matches one level, as `+` does, and names it.
    pub topic: String,
    /// What the payload is.
    #[serde(default)]
    pub payload: Payload,
    /// JSON pointer to the reading's time, beside `channels`. Unless set it is found by the usual names, else it
    /// is the arrival time.
    #[serde(default)]
    pub time: Option<String>,
    /// The device's name, with captured levels in braces: `{site}/{device}`. Unless set it is `{device}` if the
    /// topic has it, else derived from the topic.
    #[serde(default)]
    pub device: Option<String>,
    /// The channels by name, at most 64, of a JSON payload; every number of a payload is one unless set.
    #[serde(default)]
    pub channels: Option<BTreeMap<String, Channel>>,
    /// MQTT quality of service, 0 or 1.
    #[serde(default = "Stream::qos")]
    pub qos: Within<0, 1>,
}

impl Stream {
    const fn qos() -> Within<0, 1> {
        Within::of::<1>()
    }
}

/// `[[serial]]`: a device on a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serial {
    /// The name tasks refer to, unique among streams too; the device's name until it says its own.
    pub name: String,
    /// `/dev/ttyACM0`, or `tcp://host:port` for emulators and terminal servers.
    pub port: String,
    /// Bits a second, 300 to 4000000; of no meaning with `tcp://`.
    #[serde(default = "Serial::baud")]
    pub baud: Within<300, 4_000_000>,
    /// The device's name, whatever it says itself.
    #[serde(default)]
    pub device: Option<String>,
}

impl Serial {
    const fn baud() -> Within<300, 4_000_000> {
        Within::of::<115_200>()
    }
}

/// What a stream's payloads are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// Found out message by message; JSON where channels are listed.
    #[default]
    Auto,
    /// One number, or on and off, as text.
    Number,
    /// A JSON document.
    Json,
    /// A frame of a device that runs Brooklet.
    Brooklet,
}

/// One entry of a stream's `channels`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// JSON pointer (RFC 6901) to the number; empty for the whole payload.
    pub at: String,
    /// The unit as it is shown, best one of SenML's: `Cel`, `mm/s`.
    #[serde(default)]
    pub unit: Option<String>,
    /// The reading is the payload's number times `scale` plus `offset`; finite, not 0, default 1.
    #[serde(default)]
    pub scale: Factor,
    /// See [`Channel::scale`]; finite, default 0.
    #[serde(default)]
    pub offset: Offset,
}

/// `[[task]]`: what to learn from the streams.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Shown with every alert; unique.
    pub name: String,
    /// The name of a stream or serial line; all of them unless set.
    #[serde(default)]
    pub stream: Option<String>,
    /// What to learn.
    #[serde(default)]
    pub learn: Learn,
    /// Channel names, `*` standing for any text; all of them unless set.
    #[serde(default)]
    pub channels: Option<Vec<String>>,
    /// Alerts in 30 days that a channel may cost, about, 0.01 to 10000; that of `[alert]` unless set.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// For experts: evidence that raises an alert, in powers of ten; that of `[alert]` unless set.
    #[serde(default)]
    pub threshold: Option<Evidence>,
    /// Readings of a channel before it may raise an alert, 1 to 1000000; the detector's own unless set.
    #[serde(default)]
    pub warm_up: Option<Within<1, 1_000_000>>,
    /// Where a new channel starts from: `"sibling"`, the model of the most experienced channel of the same name in the same
    /// stream, or the name of a device, its model; from nothing unless set.
    #[serde(default)]
    pub start_from: Option<String>,
    /// Judge the channels of a device also together.
    #[serde(default = "yes")]
    pub joint: bool,
}

/// What a task learns. Only [`Learn::Anomaly`] runs in this version; the check refuses the others by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is its own word in the configuration")]
pub enum Learn {
    #[default]
    Anomaly,
    Forecast,
    Regression,
    Classification,
    Clusters,
    Pattern,
    RemainingLife,
}

const fn yes() -> bool {
    true
}

/// A whole number from `MIN` to `MAX`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Within<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Within<MIN, MAX> {
    /// `VALUE`, whose range is checked when this is compiled.
    #[must_use]
    pub const fn of<const VALUE: u64>() -> Self {
        const { assert!(MIN <= VALUE && VALUE <= MAX) }
        Self(VALUE)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl<const MIN: u64, const MAX: u64> Serialize for Within<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Within<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Range<const MIN: u64, const MAX: u64>;

        impl<const MIN: u64, const MAX: u64> Visitor<'_> for Range<MIN, MAX> {
            type Value = Within<MIN, MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {MIN} to {MAX}")
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
                if (MIN..=MAX).contains(&value) {
                    return Ok(Within(value));
                }
                Err(E::custom(format_args!("must be {MIN} to {MAX}, not {value}")))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
                match u64::try_from(value) {
                    Ok(value) => self.visit_u64(value),
                    Err(_) => Err(E::custom(format_args!("must be {MIN} to {MAX}, not {value}"))),
                }
            }

            // What stands for a value already reported as wrong: see check::read.
            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Within(MIN))
            }
        }

        deserializer.deserialize_u64(Range)
    }
}

/// A number with a condition, told in words when it does not hold.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident($float:ident), $holds:expr, $words:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(try_from = "f64")]
        pub struct $name($float);

        impl $name {
            /// The number.
            #[must_use]
            pub const fn get(self) -> $float {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = &'static str;

            #[allow(clippy::cast_possible_truncation, reason = "what the condition lets through fits")]
            fn try_from(value: f64) -> Result<Self, Self::Error> {
                let holds: fn(f64) -> bool = $holds;
                if holds(value) { Ok(Self(value as $float)) } else { Err($words) }
            }
        }
    };
}

number! {
    /// Evidence in powers of ten: 6 is "one in a million"; 0.01 to 300.
    Evidence(f32), |x| (0.01..=300.0).contains(&x), "must be 0.01 to 300: evidence in powers of ten"
}
number! {
    /// Alerts in 30 days a channel; 0.01 to 10000.
    Budget(f32), |x| (0.01..=10_000.0).contains(&x), "must be 0.01 to 10000: alerts in 30 days a channel"
}
number! {
    /// A finite number other than 0.
    Factor(f64), |x| x.is_finite() && x != 0.0, "must be a finite number other than 0"
}
number! {
    /// A finite number.
    Offset(f64), |x| x.is_finite(), "must be a finite number"
}

impl Default for Factor {
    fn default() -> Self {
        Self(1.0)
    }
}

impl Default for Offset {
    fn default() -> Self {
        Self(0.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        toml::from_str(text).map_err(|e| e.message().to_owned())
    }

    #[test]
    fn what_is_left_out_has_its_documented_default() {
        let config = parse("[mqtt]\nurl = 'mqtt://localhost'\n[[stream]]\nname = 'a'\ntopic = 'a'").unwrap();
        assert_eq!(config.gateway.checkpoint_seconds.get(), 300);
        assert_eq!(config.gateway.health_seconds.get(), 30);
        assert_eq!(config.gateway.max_channels.get(), 10_000);
        assert_eq!(config.gateway.max_future_seconds.get(), 300);
        assert_eq!(config.gateway.max_past_seconds.get(), 3600);
        assert_eq!(config.gateway.max_lateness_seconds.get(), 60);
        assert_eq!(config.gateway.clock, ClockTrust::Auto);
        assert_eq!(config.mqtt.keep_alive_seconds.get(), 30);
        assert_eq!(config.mqtt.max_packet_bytes.get(), 262_144);
        assert!(config.mqtt.persistent && !config.mqtt.insecure);
        assert_eq!((config.alert.update_seconds.get(), config.alert.most_a_minute.get()), (60, 20));
        assert_eq!(config.gateway.memory_mib.get(), 256);
        assert_eq!(config.gateway.evict_after_seconds.get(), 86_400);
        assert_eq!(config.gateway.device_readings_per_second.get(), 1000);
        assert_eq!(config.gateway.degrade_after_seconds.get(), 30);
        assert!(config.publish.events && !config.publish.scores);
        assert_eq!(config.publish.scores_every_seconds.get(), 10);
        assert_eq!((config.streams[0].payload, config.streams[0].qos.get()), (Payload::Auto, 1));
    }

    #[test]
    fn numbers_outside_their_range_are_told_with_it() {
        let with = |line: &str| parse(&format!("[mqtt]\nurl = ''\n{line}")).unwrap_err();
        assert_eq!(with("keep_alive_seconds = 0"), "must be 1 to 3600, not 0");
        assert_eq!(with("keep_alive_seconds = -1"), "must be 1 to 3600, not -1");
        assert_eq!(with("receive_maximum = 65536"), "must be 1 to 65535, not 65536");
        assert!(with("[alert]\nthreshold = nan").starts_with("must be 0.01 to 300"));
        assert!(with("[alert]\nthreshold = 0").starts_with("must be 0.01 to 300"));
        assert!(with("[alert]\nbudget = 0").starts_with("must be 0.01 to 10000: alerts in 30 days"));
    }

    #[test]
    fn the_version_of_mqtt_is_a_text_or_a_number() {
        let version = |text: &str| parse(&format!("[mqtt]\nurl = ''\nversion = {text}"));
        for (text, expected) in
            [("'3.1.1'", Version::V3), ("5", Version::V5), ("'5'", Version::V5), ("5.0", Version::V5)]
        {
            assert_eq!(version(text).unwrap().mqtt.version, expected);
        }
        assert_eq!(parse("[mqtt]\nurl = ''").unwrap().mqtt.version, Version::V3);
        for wrong in ["3", "4", "3.1", "'3.1'", "'v5'", "true"] {
            assert!(version(wrong).unwrap_err().contains("\"3.1.1\" or 5"), "{wrong}");
        }
    }

    #[test]
    fn there_is_no_key_for_a_password_in_the_clear() {
        assert!(parse("[mqtt]\nurl = ''\npassword = 'x'").unwrap_err().contains("unknown field `password`"));
    }

    #[test]
    fn a_config_survives_being_written_and_read() {
        let config = parse(
            "[mqtt]\nurl = 'mqtt://localhost'\n[[stream]]\nname = 'a'\ntopic = 'a'\n\
             channels = { t = { at = '/t', scale = 2 } }\n[[task]]\nname = 'x'\nwarm_up = 5",
        )
        .unwrap();
        assert_eq!(parse(&toml::to_string(&config).unwrap()).unwrap(), config);
    }
}
