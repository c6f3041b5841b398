//! The way to the broker: two bounded queues, MQTT at QoS 1 between them, and back-off while the broker is away.

use core::fmt::Write as _;
use core::net::SocketAddrV4;
use core::num::NonZero;
use core::sync::atomic::{AtomicU32, Ordering};

use brooklet_core::frame;
use brooklet_core::message::Message;
use cortex_m_semihosting::heprintln;
use embassy_futures::select::{Either3, select3};
use embassy_net::Stack;
use embassy_net::tcp::{ConnectError, TcpSocket};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::{Channel, TrySendError};
use embassy_time::{Duration, Timer};
use heapless::{String, Vec};
use rust_mqtt::Bytes;
use rust_mqtt::buffer::BumpBuffer;
use rust_mqtt::client::event::Event;
use rust_mqtt::client::options::{
    ConnectOptions, PublicationOptions, SubscriptionOptions, TopicReference, WillOptions,
};
use rust_mqtt::client::{Client, MqttError};
use rust_mqtt::config::KeepAlive;
use rust_mqtt::types::{MqttBinary, MqttString, TopicFilter, TopicName};

/// The longest topic.
const TOPIC: usize = 96;
/// Messages that wait for the broker.
const WAITING: usize = 32;
/// The longest packet that is taken from the broker.
const PACKET: usize = 512;
const KEEP_ALIVE: NonZero<u16> = NonZero::new(30).expect("it is not 0");
/// Without an answer for so long the connection is given up.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Between two attempts to connect: doubled each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A frame, as the device sends and takes it.
pub type Frame = Vec<u8, { frame::MAX }>;

/// What waits for the broker.
static OUT: Channel<CriticalSectionRawMutex, Frame, WAITING> = Channel::new();
/// What came from the gateway.
static IN: Channel<CriticalSectionRawMutex, Frame, 2> = Channel::new();
/// Frames that were dropped because the broker was away for too long.
static LOST: AtomicU32 = AtomicU32::new(0);

/// Queues a frame; the oldest goes, and is counted, if there is no room.
pub fn send(bytes: &[u8]) {
    let Ok(mut frame) = Vec::from_slice(bytes) else { return }; // no frame is that long
    while let Err(TrySendError::Full(again)) = OUT.try_send(frame) {
        if OUT.try_receive().is_ok() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        frame = again;
    }
}

/// Waits for a frame from the gateway.
pub async fn received() -> Frame {
    IN.receive().await
}

/// Waits until there is room in the queue.
pub async fn room() {
    core::future::poll_fn(|cx| OUT.poll_ready_to_send(cx)).await;
}

/// A device's name that no topic can have.
const NO_TOPIC: Fault = Fault("no topic can have this device's name");

/// Why a connection ended.
struct Fault(&'static str);

impl From<ConnectError> for Fault {
    fn from(error: ConnectError) -> Self {
        Self(match error {
            ConnectError::TimedOut => "it does not answer",
            ConnectError::ConnectionReset => "nobody listens there",
            _ => "no way there",
        })
    }
}

impl<const N: usize> From<MqttError<'_, N>> for Fault {
    fn from(error: MqttError<'_, N>) -> Self {
        Self(match error {
            MqttError::Network(_) => "the connection broke",
            MqttError::Disconnect { .. } => "it refused or closed the connection",
            MqttError::Alloc => "it sent a packet larger than the buffer",
            _ => "it did not keep to the protocol",
        })
    }
}

/// Stays connected to `broker` for ever.
#[embassy_executor::task]
pub async fn run(stack: Stack<'static>, broker: SocketAddrV4, device: &'static str) -> ! {
    let (mut receive, mut transmit) = ([0; 1024], [0; 1024]);
    let mut pause = FIRST_PAUSE;
    let mut pending = None;
    loop {
        stack.wait_config_up().await;
        let mut socket = TcpSocket::new(stack, &mut receive, &mut transmit);
        socket.set_timeout(Some(TIMEOUT));
        socket.set_nagle_enabled(false); // a packet is written in several pieces
        let mut connected = false;
        if let Err(Fault(why)) = connection(&mut socket, broker, device, &mut pending, &mut connected).await {
            let lost = LOST.load(Ordering::Relaxed);
            heprintln!("no broker at {}, {}; {} lost; again in {} ms", broker, why, lost, pause.as_millis());
        }
        socket.abort();
        let _ = socket.flush().await;
        if connected {
            pause = FIRST_PAUSE;
        }
        Timer::after(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One connection, until it ends. `pending` is what was sent and not acknowledged: it is sent again by the next one.
async fn connection(
    socket: &mut TcpSocket<'_>,
    broker: SocketAddrV4,
    device: &str,
    pending: &mut Option<Frame>,
    connected: &mut bool,
) -> Result<(), Fault> {
    socket.connect(broker).await?;
    let mut memory = [0; PACKET];
    let mut buffer = BumpBuffer::new(&mut memory);
    // At most one packet of each kind in flight, no user properties, no aliases.
    let mut client = Client::<'_, '_, _, _, 1, 1, 1, 0, 0, 0, 0>::new(&mut buffer);

    let status = topic(format_args!("status/{device}"))?;
    let commands = topic(format_args!("brooklet/+/device/{device}"))?;
    let will = WillOptions::new(name(&status)?, MqttBinary::from_slice_unchecked(br#"{"online":false}"#));
    let options = ConnectOptions::new()
        .clean_start()
        .keep_alive(KeepAlive::Seconds(KEEP_ALIVE))
        .maximum_packet_size(const { NonZero::new(PACKET as u32).expect("it is not 0") })
        .will(will.at_least_once().retain());
    client.connect(socket, &options, Some(text(device)?)).await?;
    // SAFETY: what the broker answered was dropped; nothing else points into the buffer.
    unsafe { client.buffer_mut().reset() };
    let filter = TopicFilter::new(text(&commands)?).ok_or(NO_TOPIC)?;
    client.subscribe(filter, &SubscriptionOptions::new().at_least_once()).await?;
    heprintln!("connected to {}", broker);
    *connected = true;

    let (mut told, mut sent) = (None, false);
    loop {
        if let (Some(frame), false) = (&*pending, sent) {
            let (topic, payload) = written(device, frame)?;
            let options = PublicationOptions::new(TopicReference::Name(name(&topic)?)).at_least_once();
            client.publish(&options, Bytes::from(payload.as_slice())).await?;
            sent = true;
        }
        let lost = LOST.load(Ordering::Relaxed);
        if told != Some(lost) {
            told = Some(lost);
            let mut payload = String::<40>::new();
            let _ = write!(payload, r#"{{"online":true,"lost":{lost}}}"#);
            let options = PublicationOptions::new(TopicReference::Name(name(&status)?)).retain();
            client.publish(&options, Bytes::from(payload.as_bytes())).await?;
        }
        let next =
            async { if pending.is_some() { core::future::pending().await } else { OUT.receive().await } };
        let quiet = Timer::after_secs(u64::from(KEEP_ALIVE.get()) / 2);
        match select3(client.poll_header(), next, quiet).await {
            Either3::First(header) => {
                match client.poll_body(header?).await? {
                    Event::PublishAcknowledged(_) | Event::PublishRejected(_) => *pending = None,
                    // What does not fit is no frame.
                    Event::Publish(publish) => {
                        if let Ok(frame) = Vec::from_slice(&publish.message) {
                            IN.send(frame).await;
                        }
                    }
                    _ => {}
                }
                // SAFETY: the event was dropped with the `match`; nothing else points into the buffer.
                unsafe { client.buffer_mut().reset() };
            }
            Either3::Second(message) => (*pending, sent) = (Some(message), false),
            Either3::Third(()) if pending.is_some() => return Err(Fault("no acknowledgement")),
            Either3::Third(()) => client.ping().await?,
        }
    }
}

/// Topic and payload of a frame. Readings go as text, for everyone: a row of time and value, or the value alone.
fn written(device: &str, frame: &Frame) -> Result<(String<TOPIC>, Frame), Fault> {
    let Ok((_, Message::Reading(reading))) = frame::decode(frame) else {
        return Ok((topic(format_args!("sensors/{device}"))?, frame.clone()));
    };
    let mut text = Frame::new();
    // The longest time and value are far shorter than a frame.
    let _ = match reading.time {
        Some(time) => write!(text, "[[{time},{}]]", reading.value),
        None => write!(text, "{}", reading.value),
    };
    Ok((topic(format_args!("sensors/{device}/{}", reading.channel))?, text))
}

fn topic(words: core::fmt::Arguments<'_>) -> Result<String<TOPIC>, Fault> {
    let mut topic = String::new();
    topic.write_fmt(words).map_err(|_| NO_TOPIC)?;
    Ok(topic)
}

fn text(text: &str) -> Result<MqttString<'_>, Fault> {
    MqttString::from_str(text).map_err(|_| NO_TOPIC)
}

fn name(topic: &str) -> Result<TopicName<'_>, Fault> {
    TopicName::new(text(topic)?).ok_or(NO_TOPIC)
}
