//! The MQTT broker inside the process, and the only file that names its library: for `demo`, and for `run` without
//! `--broker`.
//!
//! Loopback only, anonymous, everything in memory: nothing survives [`EmbeddedBroker::stop`]. It has its own thread
//! and runtime, so it cannot starve the agent's connections, nor they it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use mqtt5::broker::config::{StorageBackend, StorageConfig};
use mqtt5::broker::{BrokerConfig, MqttBroker};
use tokio::sync::oneshot;

/// Largest MQTT packet accepted; the same as the agent's own limit.
pub const MAX_PACKET_SIZE: usize = 256 * 1024;
/// QoS 1 messages sent to one client and not yet acknowledged.
const MAX_INFLIGHT: u16 = 1_000;
/// Messages on their way to one connected client, for each QoS lane. The publisher of QoS 1 waits
/// (briefly) when it is full; QoS 0 beyond it is dropped. Must exceed the retained messages sent to
/// a QoS 0 subscriber at once.
const CLIENT_LANE: usize = 4_096;
/// Queue of one persistent session that is away or behind; the OLDEST go when it is full.
const MAX_QUEUED_MESSAGES: usize = 50_000;
/// The same bound in bytes.
const MAX_QUEUED_BYTES: usize = 32 * 1024 * 1024;
/// Retained topics kept.
const MAX_RETAINED: usize = 10_000;
/// Clients at a time.
const MAX_CLIENTS: usize = 256;
/// How long starting may take.
const START_PATIENCE: Duration = Duration::from_secs(5);
/// How long stopping waits for clients. The broker itself waits 5 s for a connection that never
/// sent CONNECT; ending its runtime closes such a connection at once.
const STOP_PATIENCE: Duration = Duration::from_millis(500);

/// Why the embedded broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedBrokerError {
    /// The thread or its runtime could not be made.
    #[error("cannot start the embedded broker's thread: {0}")]
    Thread(#[source] std::io::Error),
    /// The broker refused its settings, or could not bind the port.
    #[error("the embedded broker did not start: {0}")]
    Broker(String),
    /// It was not ready in time.
    #[error("the embedded broker was not ready within {} s", START_PATIENCE.as_secs())]
    Timeout,
}

type ReadySender = mpsc::SyncSender<Result<u16, EmbeddedBrokerError>>;

/// A running broker; dropping it stops it.
#[derive(Debug)]
pub struct EmbeddedBroker {
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedBroker {
    /// Starts a broker on a free port of 127.0.0.1 and returns once it accepts connections.
    ///
    /// Blocks for a few milliseconds; may be called with or without a Tokio runtime around it.
    pub fn start() -> Result<Self, EmbeddedBrokerError> {
        Self::start_on(0)
    }

    /// As [`EmbeddedBroker::start`], on a chosen port (0: a free one).
    pub fn start_on(port: u16) -> Result<Self, EmbeddedBrokerError> {
        let (ready_tx, ready_rx) = mpsc::sync_channel(1);
        let (stop, stop_rx) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("embedded-broker".to_owned())
            .spawn(move || host(port, &ready_tx, stop_rx))
            .map_err(EmbeddedBrokerError::Thread)?;
        let mut broker = Self { port: 0, stop: Some(stop), thread: Some(thread) };
        match ready_rx.recv_timeout(START_PATIENCE) {
            Ok(Ok(port)) => {
                broker.port = port;
                Ok(broker)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(EmbeddedBrokerError::Timeout), // dropping `broker` stops the thread
        }
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes every connection and waits for the broker's thread to end.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// The body of the broker's thread: its runtime lives and dies here.
fn host(port: u16, ready_tx: &ReadySender, stop: oneshot::Receiver<()>) {
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(EmbeddedBrokerError::Thread)
        .and_then(|runtime| {
            let outcome = runtime.block_on(serve(port, ready_tx, stop));
            runtime.shutdown_timeout(Duration::from_secs(1));
            outcome
        });
    if let Err(error) = outcome {
        // Read only while `start_on` still waits; a later failure shows as a closed port.
        let _ = ready_tx.try_send(Err(error));
    }
}

fn settings(port: u16) -> BrokerConfig {
    BrokerConfig::default()
        .with_bind_address(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .with_max_clients(MAX_CLIENTS)
        .with_max_packet_size(MAX_PACKET_SIZE)
        .with_max_outbound_inflight(MAX_INFLIGHT)
        .with_client_channel_capacity(CLIENT_LANE)
        .with_max_retained_messages(MAX_RETAINED)
        .with_sys_topics_enabled(false)
        // The default writes to ./mqtt_storage. `enable_persistence` must stay on: it is what keeps
        // the sessions' queues, here in memory.
        .with_storage(
            StorageConfig::default()
                .with_backend(StorageBackend::Memory)
                .with_max_queued_messages_per_client(MAX_QUEUED_MESSAGES)
                .with_max_queued_bytes_per_client(MAX_QUEUED_BYTES),
        )
}

async fn serve(
    port: u16,
    ready_tx: &ReadySender,
    mut stop: oneshot::Receiver<()>,
) -> Result<(), EmbeddedBrokerError> {
    // Its messages run over several lines.
    let failed = |error: mqtt5::MqttError| {
        let text = error.to_string();
        EmbeddedBrokerError::Broker(text.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let mut broker = MqttBroker::with_config(settings(port)).await.map_err(failed)?;
    let address =
        broker.local_addr().ok_or_else(|| EmbeddedBrokerError::Broker("no listening socket".to_owned()))?;
    let mut ready = broker.ready_receiver();
    let handle = broker.shutdown_handle();
    let mut run = std::pin::pin!(broker.run());
    tokio::select! {
        ended = &mut run => return ended.map_err(failed),
        _ = ready.wait_for(|ready| *ready) => {}
    }
    let _ = ready_tx.try_send(Ok(address.port()));
    tokio::select! {
        ended = &mut run => ended.map_err(failed),
        _ = &mut stop => {
            handle.shutdown();
            match tokio::time::timeout(STOP_PATIENCE, run).await {
                Ok(ended) => ended.map_err(failed),
                Err(_) => Ok(()), // dropping the runtime closes what is left
            }
        }
    }
}
