//! From the broker: its own connection, acknowledged by hand once a message was learnt.
//!
//! Polling never waits for anything but the network, with one bounded exception: a full queue is given a moment to
//! drain. If that is not enough the link is dropped: what was not acknowledged comes again, and memory stays flat.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use crate::decode::MAX_PAYLOAD;
use crate::ledger::{Count, Gauge, Ledger};
use crate::mqtt::{Backoff, Client, Connection, Event, Kind, Message, Options, PacketId, STEADY};
use crate::reading::{RawMessage, Timestamp};
use crate::router::{Delivery, Router};

/// Requests (acknowledgements, subscriptions) on their way to the client.
const REQUESTS: usize = 4096;
/// How long a full queue may stay full before the link is dropped.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long stopping waits for acknowledgements.
const LAST_ACKS: Duration = Duration::from_secs(2);

/// The longest message that is read, only to be refused under its name: what cannot be read cannot be acknowledged,
/// and the broker would send it again for ever. A header's length beside it.
const LONGEST: usize = 16 * 1024 * 1024;

/// So many connections cut short in a row are no accident.
const CUT_SHORT: u32 = 3;

/// Everything the source needs.
pub(crate) struct MqttSource {
    pub(crate) options: Options,
    pub(crate) filters: Vec<(String, u8)>,
    pub(crate) router: Router,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl MqttSource {
    /// Runs until told to stop; then lets the workers finish what they have, acknowledges it and disconnects.
    pub(crate) async fn run(mut self) {
        let window = Arc::new(AckWindow::default());
        let mut backoff = Backoff::new();
        let mut last_complaint = String::new();
        let mut cut_short = 0;
        self.options.acknowledge_by_hand();
        loop {
            // A new client for each connection: an acknowledgement of the old one has nowhere to go.
            let (client, connection) = self.options.connect(REQUESTS);
            window.begin(client.clone());
            let began = Instant::now();
            let stopped = stopped(self.stop.clone(), client.clone(), window.clone());
            tokio::select! {
                () = self.connection(&client, connection, &window, &mut last_complaint) => {}
                () = stopped => break,
            }
            let connected = window.is_connected();
            window.end();
            if *self.stop.borrow() {
                break;
            }
            if began.elapsed() >= STEADY {
                backoff.reset();
                cut_short = 0;
            } else if connected {
                cut_short += 1;
                if cut_short == CUT_SHORT {
                    let id = self.options.client_id();
                    warn!(
                        "the broker cuts each connection soon after it was made; does another client use the client \
                           id {id}? mqtt.client_id or gateway.name sets this one's"
                    );
                }
            }
            self.ledger.add(Count::Disconnects, 1);
            self.ledger.set(Gauge::Receiving, 0);
            let mut stop = self.stop.clone();
            tokio::select! {
                () = tokio::time::sleep(backoff.next()) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        // The router goes, and with it the workers' queues end.
    }

    /// One connection, until it is lost or closed.
    async fn connection(
        &mut self,
        client: &Client,
        mut connection: Connection,
        window: &Arc<AckWindow>,
        last_complaint: &mut String,
    ) {
        loop {
            let event = connection.poll().await;
            window.flush();
            match event {
                Ok(Event::Connected { session_present, .. }) => {
                    info!(session_present, "connected to the broker");
                    last_complaint.clear();
                    window.connected();
                    // Every time: a session may have been kept without its subscriptions.
                    if !client.subscribe(self.filters.iter()) {
                        error!("cannot subscribe");
                        return;
                    }
                }
                Ok(Event::Subscribed(refusals)) => {
                    for (refusal, (filter, _)) in refusals.iter().zip(&self.filters) {
                        if let Some(why) = refusal {
                            error!(
                                filter,
                                why, "the broker refuses this subscription; check its access rules"
                            );
                        }
                    }
                    self.ledger.add(Count::Subscribed, 1);
                    self.ledger.set(Gauge::Receiving, 1);
                    info!(filters = self.filters.len(), "subscribed");
                }
                // After the call to stop, what still comes in is not taken: it stays with the broker.
                Ok(Event::Message(_)) if *self.stop.borrow() => {}
                Ok(Event::Message(message)) => {
                    if !self.take(&message, window).await {
                        warn!("the queue stays full: dropping the link, the broker will send again");
                        return;
                    }
                }
                Ok(Event::Written) => window.written(),
                Ok(Event::Answered) => window.answered.notify_one(),
                Ok(Event::Nothing) => {}
                Err(_) if *self.stop.borrow() => return,
                Err(failure) => {
                    if let Kind::TooLong(bytes) = failure.kind
                        && bytes <= LONGEST
                    {
                        let most = bytes.saturating_add(LONGEST / 1024);
                        self.options.read_up_to(most);
                        info!(most, "packets are read up to this length from now on");
                    }
                    let complaint = failure.to_string();
                    if complaint != *last_complaint {
                        warn!("connection to the broker: {complaint}");
                        *last_complaint = complaint;
                    }
                    return;
                }
            }
        }
    }

    /// Copies a message out of the read buffer and hands it on; false if its queue stays full.
    async fn take(&mut self, message: &Message, window: &Arc<AckWindow>) -> bool {
        self.ledger.add(Count::Messages, 1);
        let message = RawMessage {
            topic: String::from_utf8_lossy(&message.topic).into_owned(),
            // Beyond the decoders' limit one byte is as good as a million: it is refused.
            payload: message.payload.get(..=MAX_PAYLOAD).unwrap_or(&message.payload).to_vec(),
            received: Timestamp::now(),
            retained: message.retained,
            ack: message.id.and_then(|id| window.register(id)),
        };
        let comes_again = message.ack.is_some();
        let waiting = match self.router.deliver(message) {
            Delivery::Done => return true,
            Delivery::Full(waiting) => waiting,
        };
        let taken = tokio::time::timeout(PATIENCE, waiting.send()).await.is_ok();
        if !taken {
            self.ledger.add(if comes_again { Count::Returned } else { Count::Dropped }, 1);
        }
        taken
    }
}

/// Waits for the call to stop, then until all messages taken are acknowledged, and closes the connection; ends by
/// itself only if that takes too long or there is no connection. It never cuts a poll short while that matters: the
/// poll ends because the connection does.
async fn stopped(mut stop: watch::Receiver<bool>, client: Client, window: Arc<AckWindow>) {
    if stop.wait_for(|stop| *stop).await.is_err() || !window.is_connected() {
        return;
    }
    let close = async {
        while window.flush() > 0 {
            window.progress.notified().await;
        }
        // The broker works off what it gets in order: its answer means that it has all acknowledgements. Without it
        // they can be lost, since closing a socket on which messages still come in throws away what was sent.
        if client.ask() {
            window.answered.notified().await;
        }
        if client.disconnect_within(LAST_ACKS) {
            std::future::pending::<()>().await;
        }
    };
    if tokio::time::timeout(LAST_ACKS, close).await.is_err() && window.flush() > 0 {
        warn!("stopped before all messages were acknowledged; the broker will send them again");
    }
}

/// Messages that wait for their acknowledgement, in the order of arrival, which is the order in which MQTT wants
/// them acknowledged.
#[derive(Debug, Default)]
pub(crate) struct AckWindow {
    state: Mutex<WindowState>,
    /// Something was acknowledged.
    progress: Notify,
    /// The broker answered to [`Client::ask`].
    answered: Notify,
}

#[derive(Debug, Default)]
struct WindowState {
    /// `None` while there is no connection: what was taken before is sent again by the broker.
    client: Option<Client>,
    /// Counts connections: an acknowledgement from before is void.
    epoch: u64,
    connected: bool,
    /// Number of the first entry in `waiting`.
    first: u64,
    waiting: VecDeque<(PacketId, bool)>,
    /// Acknowledgements handed to the client that it has not written yet: a disconnect would overtake them, and
    /// what was learnt would come again.
    unwritten: usize,
}

/// To be called in once the message is learnt or refused. Dropping it without that leaves the message to be sent
/// again.
#[derive(Debug)]
pub struct Ack {
    window: Arc<AckWindow>,
    epoch: u64,
    number: u64,
}

impl Ack {
    /// The message is dealt with.
    pub fn done(self) {
        let mut state = self.window.lock();
        if state.epoch != self.epoch {
            return;
        }
        let index = self.number.checked_sub(state.first).and_then(|index| usize::try_from(index).ok());
        if let Some((_, done)) = index.and_then(|index| state.waiting.get_mut(index)) {
            *done = true;
        }
        state.flush();
        drop(state);
        self.window.progress.notify_one();
    }
}

impl AckWindow {
    fn lock(&self) -> MutexGuard<'_, WindowState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, client: Client) {
        let mut state = self.lock();
        let epoch = state.epoch + 1;
        *state = WindowState { client: Some(client), epoch, ..WindowState::default() };
    }

    fn connected(&self) {
        self.lock().connected = true;
    }

    fn is_connected(&self) -> bool {
        self.lock().connected
    }

    fn end(&self) {
        let mut state = self.lock();
        let epoch = state.epoch + 1;
        *state = WindowState { epoch, ..WindowState::default() };
    }

    fn register(self: &Arc<Self>, id: PacketId) -> Option<Ack> {
        let mut state = self.lock();
        state.client.as_ref()?;
        let number = state.first + state.waiting.len() as u64;
        state.waiting.push_back((id, false));
        Some(Ack { window: self.clone(), epoch: state.epoch, number })
    }

    /// Sends what can be sent; returns how many acknowledgements are not on their way yet.
    fn flush(&self) -> usize {
        let mut state = self.lock();
        state.flush();
        state.waiting.len() + state.unwritten
    }

    /// The client wrote an acknowledgement.
    fn written(&self) {
        let mut state = self.lock();
        state.unwritten = state.unwritten.saturating_sub(1);
        drop(state);
        self.progress.notify_one();
    }
}

impl WindowState {
    fn flush(&mut self) {
        while let Some((id, true)) = self.waiting.front() {
            let sent = self.client.as_ref().is_some_and(|client| client.acknowledge(*id));
            if !sent {
                return; // no room now: the next event or acknowledgement tries again
            }
            self.waiting.pop_front();
            self.first += 1;
            self.unwritten += 1;
        }
    }
}
