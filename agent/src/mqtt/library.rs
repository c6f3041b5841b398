//! The only file that names the MQTT client library: one crate for MQTT 3.1.1 and its twin for 5, behind types of our own.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use rumqttc as v4;
use rumqttc5 as v5;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::{Event, Failure, Kind, Message, MqttError, PacketId, Will, is_cut, secret};
use crate::check::{Broker, Version};

/// A filter that is never subscribed to; to unsubscribe from it is a question that every broker answers.
const NO_FILTER: &str = "brooklet/none";

/// Requests that are written before the connection is flushed.
const BATCH: usize = 64;

/// Messages that the library keeps until they are acknowledged. More than the sink submits; MQTT 5's default is 65,535,
/// over all of which it goes each time it writes.
const IN_FLIGHT: u16 = 100;

/// Looks at the connection a keep-alive time.
const LOOKS: u32 = 8;
/// After so many looks at which nothing had come in the broker is asked for a sign of life. The library asks by itself
/// only if nothing goes out either.
const ASK: u32 = LOOKS + 2;
/// .. and after so many the link is dead: within twice the keep-alive time.
const DEAD: u32 = 2 * LOOKS - 1;

/// One text for both versions: `$library` stands for the crate in it.
macro_rules! each {
    ($value:expr, $type:ident, |$library:ident, $inner:ident| $body:expr) => {
        match $value {
            $type::V4($inner) => {
                #[allow(unused_imports)]
                use rumqttc as $library;
                $body
            }
            $type::V5($inner) => {
                #[allow(unused_imports)]
                use rumqttc5 as $library;
                $body
            }
        }
    };
}

/// How to connect: everything read and checked, so that it can be tried again and again.
#[derive(Clone)]
pub(crate) enum Options {
    V4(v4::MqttOptions),
    V5(v5::MqttOptions),
}

impl std::fmt::Debug for Options {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("client_id", &self.client_id()).finish_non_exhaustive()
    }
}

impl Options {
    /// `kept`: the broker is to keep the session while the connection is away.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(crate) fn new(
        broker: &Broker,
        client_id: String,
        kept: bool,
        will: Option<Will>,
    ) -> Result<Self, MqttError> {
        let address = (broker.host.as_str(), broker.port);
        let mut options = match broker.version {
            Version::V3 => {
                let mut options = v4::MqttOptions::new(client_id, address);
                options.set_clean_session(!kept);
                let most = usize::try_from(broker.max_packet_bytes).unwrap_or(usize::MAX);
                options.set_max_packet_size(most, most);
                if let Some(Will { topic, payload }) = will {
                    options.set_last_will(v4::LastWill::new(topic, payload, v4::QoS::AtLeastOnce, true));
                }
                Self::V4(options)
            }
            Version::V5 => {
                let mut options = v5::MqttOptions::new(client_id, address);
                options.set_clean_start(!kept);
                if kept {
                    options.set_session_expiry_interval(Some(broker.session_expiry));
                }
                options.set_receive_maximum(Some(broker.receive_maximum));
                options.set_max_packet_size(Some(broker.max_packet_bytes));
                options.set_outgoing_inflight_upper_limit(IN_FLIGHT);
                if let Some(Will { topic, payload }) = will {
                    let qos = v5::QoS::AtLeastOnce;
                    options.set_last_will(v5::LastWill::new(topic, payload, qos, true, None));
                }
                Self::V5(options)
            }
        };
        let password = broker.password.as_ref().map(secret).transpose()?;
        let tls = broker.tls.as_ref().map(tls).transpose()?;
        each!(&mut options, Self, |library, options| {
            options.set_keep_alive(u16::try_from(broker.keep_alive.as_secs()).unwrap_or(u16::MAX));
            options.set_max_request_batch(BATCH);
            match (&broker.username, password) {
                (Some(user), Some(password)) => {
                    options.set_credentials(user.clone(), password);
                }
                (Some(user), None) => {
                    options.set_username(user.clone());
                }
                _ => {}
            }
            if let Some(tls) = tls {
                options.set_transport(library::Transport::tls_with_config(tls));
            }
        });
        Ok(options)
    }

    /// Messages are acknowledged by [`Client::acknowledge`], not when they come in.
    pub(crate) fn acknowledge_by_hand(&mut self) {
        each!(self, Self, |library, options| {
            options.set_ack_mode(library::AckMode::Manual);
        });
    }

    pub(crate) fn client_id(&self) -> String {
        each!(self, Self, |library, options| options.client_id())
    }

    pub(crate) fn keep_alive(&self) -> Duration {
        each!(self, Self, |library, options| options.keep_alive())
    }

    /// Whether the broker is to keep the session.
    pub(crate) fn is_kept(&self) -> bool {
        match self {
            Self::V4(options) => !options.clean_session(),
            Self::V5(options) => !options.clean_start(),
        }
    }

    /// Reads packets up to this length from now on. With MQTT 5 there is no need: the broker was told the limit.
    pub(crate) fn read_up_to(&mut self, bytes: usize) {
        if let Self::V4(options) = self {
            // The getter's value is the outgoing limit, which stays.
            options.set_max_packet_size(bytes, options.max_packet_size());
        }
    }

    /// A client and its connection, which is made by polling it. `capacity`: requests on their way to it.
    pub(crate) fn connect(&self, capacity: usize) -> (Client, Connection) {
        let (client, events) = match self {
            Self::V4(options) => {
                let (client, events) = v4::AsyncClient::builder(options.clone()).capacity(capacity).build();
                (Client::V4(client), Events::V4(events))
            }
            Self::V5(options) => {
                let mut options = options.clone();
                if !options.clean_start() {
                    options.set_session_store(NothingInFlight::of(&options));
                }
                let (client, events) = v5::AsyncClient::builder(options).capacity(capacity).build();
                (Client::V5(client), Events::V5(events))
            }
        };
        (client.clone(), Connection { client, events, watch: Watch::new(self.keep_alive()) })
    }
}

fn tls(tls: &crate::check::Tls) -> Result<v4::TlsConfiguration, MqttError> {
    let read = |path: &std::path::Path| {
        std::fs::read(path).map_err(|source| MqttError::File { path: path.to_owned(), source })
    };
    let client_auth = match &tls.identity {
        Some(identity) => Some((read(&identity.cert_file)?, secret(&identity.key)?.into_bytes())),
        None => None,
    };
    match &tls.ca_file {
        Some(ca) => Ok(v4::TlsConfiguration::Simple { ca: read(ca)?, alpn: None, client_auth }),
        // `check` refuses a client certificate without a CA of its own.
        None => v4::TlsConfiguration::try_default_rustls()
            .map_err(|error| MqttError::SystemCertificates(error.to_string())),
    }
}

/// What the library knows of a session when it begins: that nothing of its own is in flight. Without that it refuses to
/// go on with a session that the broker kept, since it could have lost messages that were on their way out. Ours are
/// in the outbox.
#[derive(Debug)]
struct NothingInFlight(v5::PersistedSession);

impl NothingInFlight {
    fn of(options: &v5::MqttOptions) -> Self {
        Self(v5::PersistedSession {
            format_version: 1,
            client_id: options.client_id(),
            clean_start: options.clean_start(),
            session_expiry_interval: options.session_expiry_interval(),
            outgoing_inflight_upper_limit: options.get_outgoing_inflight_upper_limit(),
            ack_mode: match options.ack_mode() {
                v5::AckMode::Automatic => v5::PersistedAckMode::Automatic,
                v5::AckMode::Manual => v5::PersistedAckMode::Manual,
            },
            last_pkid: 0,
            last_puback: 0,
            replay: Vec::new(),
            incoming_qos2: Vec::new(),
        })
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, v5::SessionStoreError>> + Send + 'a>>;

impl v5::SessionStore for NothingInFlight {
    fn load<'a>(&'a self, _: &'a v5::SessionStoreKey) -> Answer<'a, Option<v5::PersistedSession>> {
        Box::pin(async { Ok(Some(self.0.clone())) })
    }

    fn save<'a>(&'a self, _: &'a v5::SessionStoreKey, _: &'a v5::PersistedSession) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn clear<'a>(&'a self, _: &'a v5::SessionStoreKey) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// Hands requests to a connection. None of its functions waits; what they return is whether there was room.
#[derive(Clone, Debug)]
pub(crate) enum Client {
    V4(v4::AsyncClient),
    V5(v5::AsyncClient),
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// Its topic is none that MQTT allows.
    Invalid,
    /// There is no room now.
    Full,
}

impl Client {
    /// Filters with the highest quality of service wanted, 0 or 1; answered by [`Event::Subscribed`].
    pub(crate) fn subscribe<'a>(&self, filters: impl Iterator<Item = &'a (String, u8)>) -> bool {
        each!(self, Self, |library, client| {
            let filters = filters.map(|(filter, qos)| {
                let qos = if *qos == 0 { library::QoS::AtMostOnce } else { library::QoS::AtLeastOnce };
                library::SubscribeFilter::new(filter.clone(), qos)
            });
            client.try_subscribe_many(filters).is_ok()
        })
    }

    /// To be called in the order in which the messages came.
    pub(crate) fn acknowledge(&self, id: PacketId) -> bool {
        match self {
            Self::V4(client) => client.try_manual_ack(v4::ManualAck::PubAck(v4::PubAck::new(id.0))).is_ok(),
            Self::V5(client) => {
                client.try_manual_ack(v5::ManualAck::PubAck(v5::PubAck::new(id.0, None))).is_ok()
            }
        }
    }

    /// Asks the broker for an answer, [`Event::Answered`], which comes after all that went before it.
    pub(crate) fn ask(&self) -> bool {
        each!(self, Self, |library, client| client.try_unsubscribe(NO_FILTER).is_ok())
    }

    /// At QoS 0 it is done when it was written, else when the broker has acknowledged it.
    pub(crate) fn publish(
        &self,
        topic: &str,
        payload: Vec<u8>,
        qos: u8,
        retain: bool,
    ) -> Result<Receipt, NotTaken> {
        each!(self, Self, |library, client| {
            let qos = if qos == 0 { library::QoS::AtMostOnce } else { library::QoS::AtLeastOnce };
            let options = library::PublishOptions::new(qos).retain(retain);
            client.try_publish_tracked(topic, payload, options).map(Receipt::from).map_err(
                |error| match error {
                    library::ClientError::InvalidRequest(_) => NotTaken::Invalid,
                    _ => NotTaken::Full,
                },
            )
        })
    }

    /// Publishes at QoS 1, waiting for room; false if the connection is gone.
    #[cfg(feature = "embedded-broker")]
    pub(crate) async fn send(&self, topic: &str, payload: Vec<u8>) -> bool {
        each!(self, Self, |library, client| {
            client.publish(topic, payload, library::PublishOptions::at_least_once()).await.is_ok()
        })
    }

    /// Says goodbye when all that was handed over is through.
    pub(crate) fn disconnect(&self) -> bool {
        each!(self, Self, |library, client| client.try_disconnect().is_ok())
    }

    /// .. or this time has passed.
    pub(crate) fn disconnect_within(&self, patience: Duration) -> bool {
        each!(self, Self, |library, client| client.try_disconnect_with_timeout(patience).is_ok())
    }
}

/// What became of a message that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The broker has it.
    Acknowledged,
    /// The broker does not want it, and would not want it again.
    Refused(String),
    /// The connection was lost: it may have it or not.
    Lost,
}

/// Tells what becomes of a message.
#[derive(Debug)]
pub(crate) enum Receipt {
    V4(v4::PublishNotice),
    V5(v5::PublishNotice),
}

impl From<v4::PublishNotice> for Receipt {
    fn from(notice: v4::PublishNotice) -> Self {
        Self::V4(notice)
    }
}

impl From<v5::PublishNotice> for Receipt {
    fn from(notice: v5::PublishNotice) -> Self {
        Self::V5(notice)
    }
}

impl Receipt {
    pub(crate) async fn outcome(self) -> Outcome {
        use v5::{PubAckReason as Reason, PublishNoticeError as Error, PublishResult};
        match self {
            Self::V4(notice) => match notice.wait_async().await {
                Ok(_) => Outcome::Acknowledged,
                Err(_) => Outcome::Lost,
            },
            Self::V5(notice) => match notice.wait_async().await {
                Ok(PublishResult::Qos1(ack))
                    if !matches!(ack.reason, Reason::Success | Reason::NoMatchingSubscribers) =>
                {
                    let more = ack.properties.and_then(|properties| properties.reason_string);
                    Outcome::Refused(with_reason(words(ack.reason), more))
                }
                Ok(_) => Outcome::Acknowledged,
                Err(Error::RetainNotSupported) => {
                    Outcome::Refused("it keeps no retained messages".to_owned())
                }
                Err(_) => Outcome::Lost,
            },
        }
    }
}

enum Events {
    V4(v4::EventLoop),
    V5(v5::EventLoop),
}

/// A connection, for one time: when it fails, the next one is made anew, and nothing of the old one can reach it.
pub(crate) struct Connection {
    client: Client,
    events: Events,
    watch: Watch,
}

impl Connection {
    /// The next thing that happens. Dropping the future is dropping the connection.
    ///
    /// # Errors
    /// The connection is lost, or was not made. Also if nothing comes in for twice the keep-alive time, and if the
    /// library panics.
    pub(crate) async fn poll(&mut self) -> Result<Event, Failure> {
        let Self { client, events, watch } = self;
        match events {
            Events::V4(events) => {
                let event = watch.over(client, events.poll()).await?.map_err(|error| failure_4(&error))?;
                Ok(match event {
                    v4::Event::Incoming(packet) => {
                        watch.silence = 0;
                        match packet {
                            v4::Packet::Publish(publish) => Event::Message(message_4(publish)?),
                            v4::Packet::ConnAck(ack) => watch.connected(Event::Connected {
                                session_present: ack.session_present,
                                longest: None,
                            }),
                            v4::Packet::SubAck(ack) => Event::Subscribed(refusals_4(ack.return_codes, None)),
                            v4::Packet::UnsubAck(_) => watch.answered(),
                            _ => Event::Nothing,
                        }
                    }
                    v4::Event::Outgoing(v4::Outgoing::PubAck(_)) => Event::Written,
                    v4::Event::Outgoing(_) => Event::Nothing,
                })
            }
            Events::V5(events) => {
                let event = watch.over(client, events.poll()).await?.map_err(|error| failure_5(&error))?;
                Ok(match event {
                    v5::Event::Incoming(packet) => {
                        watch.silence = 0;
                        match packet {
                            v5::Packet::Publish(publish) => Event::Message(message_5(publish)?),
                            v5::Packet::ConnAck(ack) => {
                                // It has served its purpose; from here on it would only cost time.
                                events.options.clear_session_store();
                                let longest =
                                    ack.properties.and_then(|properties| properties.max_packet_size);
                                let session_present = ack.session_present;
                                watch.connected(Event::Connected { session_present, longest })
                            }
                            v5::Packet::SubAck(ack) => {
                                let reason = ack.properties.and_then(|properties| properties.reason_string);
                                Event::Subscribed(refusals_5(ack.return_codes, reason))
                            }
                            v5::Packet::UnsubAck(_) => watch.answered(),
                            _ => Event::Nothing,
                        }
                    }
                    v5::Event::Outgoing(v5::Outgoing::PubAck(_)) => Event::Written,
                    _ => Event::Nothing,
                })
            }
        }
    }
}

/// Finds out that the other side is gone although nobody said so.
struct Watch {
    look: Interval,
    /// Looks since something came in.
    silence: u32,
    connected: bool,
    /// Questions of its own that are not answered yet.
    asked: u32,
}

impl Watch {
    fn new(keep_alive: Duration) -> Self {
        let between = (keep_alive / LOOKS).max(Duration::from_millis(1));
        let mut look = tokio::time::interval_at(Instant::now() + between, between);
        // A machine that slept has not been listening.
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { look, silence: 0, connected: false, asked: 0 }
    }

    fn connected(&mut self, event: Event) -> Event {
        self.connected = true;
        event
    }

    fn answered(&mut self) -> Event {
        if self.asked == 0 {
            return Event::Answered;
        }
        self.asked -= 1;
        Event::Nothing
    }

    /// Waits for `poll`, unless nothing comes in for too long. It is not begun anew at each look: what the library was
    /// writing would be lost.
    async fn over<T>(&mut self, client: &Client, poll: impl Future<Output = T>) -> Result<T, Failure> {
        let mut poll = pin!(guarded(poll));
        loop {
            tokio::select! {
                biased;
                done = &mut poll => return done.ok_or_else(|| Failure {
                    kind: Kind::Other,
                    text: "the MQTT library panicked on what the broker sent; please report it".to_owned(),
                }),
                _ = self.look.tick() => {
                    self.silence += 1;
                    if self.silence >= DEAD {
                        let text = "nothing came from the broker for twice mqtt.keep_alive_seconds".to_owned();
                        return Err(Failure { kind: Kind::Other, text });
                    }
                    if self.silence == ASK && self.connected && client.ask() {
                        self.asked += 1;
                    }
                }
            }
        }
    }
}

/// `None` if the future panicked: a packet that the library cannot stand ends the connection, not the agent.
async fn guarded<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// Functions of which each version needs its own, from one text.
macro_rules! of_each {
    ($library:ident, $message:ident, $refusals:ident, $failure:ident, $too_long:pat => $bytes:expr, $more:expr) => {
        fn $message(publish: $library::Publish) -> Result<Message, Failure> {
            let id = match publish.qos {
                $library::QoS::AtMostOnce => None,
                $library::QoS::AtLeastOnce => Some(PacketId(publish.pkid)),
                $library::QoS::ExactlyOnce => {
                    let text = "the broker sent a message at QoS 2, for which nobody asked".to_owned();
                    return Err(Failure { kind: Kind::Other, text });
                }
            };
            Ok(Message { topic: publish.topic, payload: publish.payload, retained: publish.retain, again: publish.dup, id })
        }

        fn $refusals(codes: Vec<$library::SubscribeReasonCode>, reason: Option<String>) -> Vec<Option<String>> {
            let refusal = |code| match code {
                $library::SubscribeReasonCode::Success(_) => None,
                refused => Some(with_reason(words(refused), reason.clone())),
            };
            codes.into_iter().map(refusal).collect()
        }

        /// What is wrong with the connection and what to do, for the person who reads the log.
        fn $failure(error: &$library::ConnectionError) -> Failure {
            use $library::{ConnectReturnCode, ConnectionError, StateError};
            let more: fn(&ConnectionError) -> Option<Failure> = $more;
            if let Some(failure) = more(error) {
                return failure;
            }
            let mut kind = Kind::Other;
            let text = match error {
                ConnectionError::RequestsDone | ConnectionError::DisconnectTimeout => {
                    kind = Kind::Closed;
                    error.to_string()
                }
                ConnectionError::ConnectionRefused(
                    ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
                ) => "the broker refuses the user name or password; check mqtt.username and mqtt.password_file"
                    .to_owned(),
                ConnectionError::ConnectionRefused(code) => {
                    format!("the broker refuses the connection: {}", words(code))
                }
                ConnectionError::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    "nothing listens there; is the broker running, and is mqtt.url right?".to_owned()
                }
                ConnectionError::MqttState(StateError::Deserialization($too_long)) => {
                    kind = Kind::TooLong(*$bytes);
                    format!(
                        "a message of {} bytes is longer than mqtt.max_packet_bytes; set the broker's \
                         message_size_limit",
                        $bytes
                    )
                }
                ConnectionError::Tls(error) if is_cut(error) => format!(
                    "TLS: {error}; if the broker does not speak TLS on this port, take another one or mqtt:// in \
                     mqtt.url"
                ),
                ConnectionError::Tls(error) => {
                    format!("TLS: {error}; check mqtt.ca_file and that the certificate names the broker's host")
                }
                // TLS 1.3 tells it only after the handshake, as an error of reading.
                other if other.to_string().contains("received fatal alert") => format!(
                    "{other}; the broker asks for a client's certificate or refuses the one it got: check \
                     mqtt.cert_file and mqtt.key_file"
                ),
                other if is_cut(other) || matches!(other, ConnectionError::MqttState(StateError::ConnectionAborted)) => {
                    kind = Kind::Cut;
                    format!(
                        "{other}; the broker closed the connection - if it always does so at once, it may speak TLS \
                         on this port: write mqtts:// in mqtt.url"
                    )
                }
                other => other.to_string(),
            };
            Failure { kind, text }
        }
    };
}

of_each!(v4, message_4, refusals_4, failure_4, v4::Error::PayloadSizeLimitExceeded(bytes) => bytes, |error| match error {
    v4::ConnectionError::ConnectionRefused(v4::ConnectReturnCode::RefusedProtocolVersion) => Some(Failure {
        kind: Kind::Other,
        text: "the broker does not speak MQTT 3.1.1; try version = 5 in [mqtt]".to_owned(),
    }),
    _ => None,
});

of_each!(
    v5,
    message_5,
    refusals_5,
    failure_5,
    v5::Error::PayloadSizeLimitExceeded { pkt_size: bytes, .. } => bytes,
    |error| match error {
        v5::ConnectionError::ConnectionRefused(
            v5::ConnectReturnCode::UnsupportedProtocolVersion | v5::ConnectReturnCode::RefusedProtocolVersion,
        ) => Some(Failure {
            kind: Kind::Other,
            text: "the broker does not speak MQTT 5; leave mqtt.version out".to_owned(),
        }),
        v5::ConnectionError::MqttState(v5::StateError::ServerDisconnect { reason_code, reason_string }) => {
            let taken = *reason_code == v5::DisconnectReasonCode::SessionTakenOver;
            Some(Failure {
                kind: if taken { Kind::Cut } else { Kind::Other },
                text: format!(
                    "the broker ended the connection: {}",
                    with_reason(words(reason_code), reason_string.clone())
                ),
            })
        }
        _ => None,
    }
);

/// The words of a name such as `NotAuthorized`.
fn words(name: impl std::fmt::Debug) -> String {
    let mut words = String::new();
    for c in format!("{name:?}").chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

fn with_reason(text: String, reason: Option<String>) -> String {
    match reason {
        Some(reason) => format!("{text} ({reason})"),
        None => text,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    #[tokio::test]
    async fn a_panic_is_the_end_of_a_connection_only() {
        assert_eq!(guarded(async { 1 }).await, Some(1));
        assert_eq!(guarded(async { panic!("as a test") }).await, None::<()>);
    }

    #[test]
    fn names_become_words() {
        assert_eq!(words(v5::DisconnectReasonCode::SessionTakenOver), "session taken over");
        assert_eq!(with_reason("quota exceeded".into(), Some("ask me".into())), "quota exceeded (ask me)");
    }

    /// Lets the client in, then sends messages at QoS 1 for ever, and reads no acknowledgement.
    async fn talk_only(mut peer: DuplexStream, connack: &[u8], publish: &[u8]) -> io::Result<()> {
        let mut publish = publish.to_vec();
        peer.read_u8().await?;
        let mut connect = vec![0; usize::from(peer.read_u8().await?)];
        peer.read_exact(&mut connect).await?;
        peer.write_all(connack).await?;
        for n in 1..=u16::MAX {
            publish[5..7].copy_from_slice(&n.to_be_bytes());
            peer.write_all(&publish).await?;
        }
        Ok(())
    }

    /// `publish` has its number at 5.
    async fn a_peer_that_stops_reading(mut options: Options, connack: &[u8], publish: &[u8]) {
        // Room for few bytes each way: the client's own writing comes to a halt soon.
        let (ours, peer) = duplex(64);
        let ours = Mutex::new(Some(ours));
        each!(&mut options, Options, |library, options| {
            options.set_keep_alive(1);
            options.set_ack_mode(library::AckMode::Manual);
            options.set_socket_connector(move |_, _| {
                let ours = ours.lock().unwrap().take();
                async { ours.ok_or_else(|| io::ErrorKind::ConnectionRefused.into()) }
            });
        });
        let (client, mut connection) = options.connect(1000);
        let ended = async {
            let mut messages = 0;
            loop {
                match connection.poll().await {
                    Ok(Event::Message(message)) => {
                        messages += 1;
                        client.acknowledge(message.id.unwrap());
                    }
                    Ok(_) => {}
                    Err(failure) => return (messages, failure.to_string()),
                }
            }
        };
        let (messages, why) = tokio::select! {
            ended = ended => ended,
            broken = talk_only(peer, connack, publish) => panic!("{broken:?}"),
            () = tokio::time::sleep(Duration::from_millis(3500)) => panic!("not noticed"),
        };
        assert!(messages > 0 && why.contains("nothing came from the broker"), "{messages}: {why}");
    }

    #[tokio::test]
    async fn a_peer_that_stops_reading_is_noticed() {
        let options = Options::V4(v4::MqttOptions::new("a", ("localhost", 1)));
        a_peer_that_stops_reading(options, &[0x20, 2, 0, 0], b"\x32\x06\0\x01t\0\x011").await;
    }

    #[tokio::test]
    async fn a_peer_that_stops_reading_is_noticed_with_mqtt_5() {
        let options = Options::V5(v5::MqttOptions::new("a", ("localhost", 1)));
        a_peer_that_stops_reading(options, &[0x20, 3, 0, 0, 0], b"\x32\x07\0\x01t\0\x01\x001").await;
    }
}
