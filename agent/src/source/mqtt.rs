//! From the broker: its own connection, acknowledged by hand once a message was learnt.
//!
//! Polling never waits for anything but the network, with one bounded exception: a full queue is given a moment to
//! drain. If that is not enough the link is dropped: what was not acknowledged comes again, and memory stays flat.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tracing::{info, warn};

use super::subscription::{Filter, Subscription};
use crate::decode::MAX_PAYLOAD;
use crate::ledger::{Count, Gauge, Ledger, Problem};
use crate::mqtt::{Backoff, Client, Connection, Event, Failure, Kind, Message, Options, PacketId, STEADY};
use crate::reading::{RawMessage, Timestamp};
use crate::router::{Delivery, Router};

/// Requests (acknowledgements, subscriptions) on their way to the client.
const REQUESTS: usize = 4096;
/// How long a full queue may stay full before the link is dropped.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long stopping waits for acknowledgements.
const LAST_ACKS: Duration = Duration::from_secs(1);

/// The longest message that is read, only to be refused under its name: what cannot be read cannot be acknowledged,
/// and the broker would send it again for ever. A header's length beside it.
const LONGEST: usize = 16 * 1024 * 1024;

/// So many connections in a row that the broker cut before they were [`STEADY`] are no accident: another client has the
/// same id, and each of the two throws the other out.
const CUT_SHORT: u32 = 5;

/// How a connection ended.
enum End {
    Failed(Kind),
    /// A queue stayed full.
    Full,
    /// The broker did not answer the subscription.
    Unanswered,
}

/// Everything the source needs.
pub(crate) struct MqttSource {
    pub(crate) options: Options,
    pub(crate) filters: Arc<[Filter]>,
    pub(crate) router: Router,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) stop: watch::Receiver<bool>,
}

/// What the broker keeps for this client.
#[derive(Default)]
struct Session {
    /// It should have one: there was a connection before.
    is_kept: bool,
    /// It had forgotten it when the last connection began.
    is_lost: bool,
}

impl MqttSource {
    /// Runs until told to stop; then lets the workers finish what they have, acknowledges it and disconnects.
    pub(crate) async fn run(mut self) {
        let window = Arc::new(AckWindow::default());
        let mut backoff = Backoff::new();
        let mut last_complaint = String::new();
        let mut cut_short = 0;
        let mut session = Session::default();
        self.options.acknowledge_by_hand();
        let patience = self.options.keep_alive() * 2;
        loop {
            // A new client for each connection: an acknowledgement of the old one has nowhere to go.
            let (client, connection) = self.options.connect(REQUESTS);
            window.begin(client.clone());
            let subscription =
                Subscription::new(client.clone(), self.filters.clone(), patience, self.ledger.clone());
            let stopped = stopped(self.stop.clone(), client, window.clone());
            let end = tokio::select! {
                end = self.connection(connection, &window, &subscription, &mut session, &mut last_complaint) => end,
                () = subscription.keep() => {
                    self.ledger.add(Count::Disconnects, 1);
                    warn!("the broker does not answer the subscription: dropping the link");
                    End::Unanswered
                }
                () = stopped => break,
            };
            let lived = window.connected_for();
            window.end();
            if *self.stop.borrow() {
                break;
            }
            if lived.is_some_and(|lived| lived >= STEADY) {
                backoff.reset();
                cut_short = 0;
            } else if lived.is_some() && matches!(end, End::Failed(Kind::Cut)) {
                // A broker that forgot the session was started anew: nobody took it over.
                cut_short = if session.is_lost { 0 } else { cut_short + 1 };
            }
            self.ledger.set(Gauge::Receiving, 0);
            let pause = if cut_short >= CUT_SHORT { self.contested() } else { backoff.next() };
            let mut stop = self.stop.clone();
            let wait = async {
                tokio::time::sleep(pause).await;
                if matches!(end, End::Full) {
                    self.router.relieved().await;
                }
            };
            tokio::select! {
                () = wait => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        // The router goes, and with it the workers' queues end.
    }

    /// Says that another client has this one's id; returns how long to leave the broker to it. Whoever is left alone
    /// stays connected, and the other one's status tells why it is away.
    fn contested(&self) -> Duration {
        let pause = Backoff::long();
        let problem = format!(
            "the broker cut {CUT_SHORT} connections in a row soon after they were made; does another client use the \
             client id {}? mqtt.client_id or gateway.name sets this one's",
            self.options.client_id()
        );
        warn!("{problem}; the next attempt is in {} s", pause.as_secs());
        self.ledger.problem(Problem::ClientId, problem);
        pause
    }

    /// One connection, until it is lost or closed.
    async fn connection(
        &mut self,
        mut connection: Connection,
        window: &Arc<AckWindow>,
        subscription: &Subscription,
        session: &mut Session,
        last_complaint: &mut String,
    ) -> End {
        loop {
            let event = connection.poll().await;
            window.flush();
            match event {
                Ok(Event::Connected { session_present, .. }) => {
                    info!(session_present, "connected to the broker");
                    session.is_lost = session.is_kept && !session_present;
                    if session.is_lost {
                        self.ledger.add(Count::SessionsLost, 1);
                        warn!("the broker has forgotten this client: messages may have been lost meanwhile");
                    }
                    session.is_kept = self.options.is_kept();
                    last_complaint.clear();
                    window.connected();
                    subscription.begin();
                }
                Ok(Event::Subscribed(refusals)) => subscription.answered(refusals),
                // After the call to stop, what still comes in is not taken: it stays with the broker.
                Ok(Event::Message(_)) if *self.stop.borrow() => {}
                Ok(Event::Message(message)) => {
                    if !self.take(&message, window).await {
                        self.ledger.add(Count::Disconnects, 1);
                        warn!("the queue stays full: dropping the link, the broker will send again");
                        return End::Full;
                    }
                }
                Ok(Event::Written) => window.written(),
                Ok(Event::Answered) => window.answered.notify_one(),
                Ok(Event::Nothing) => {}
                Err(failure) => {
                    if !*self.stop.borrow() {
                        // Counted before it is told: who reads of it can rely on the count. An attempt is no connection.
                        self.ledger.add(Count::Disconnects, u64::from(window.connected_for().is_some()));
                        self.complain(&failure, last_complaint);
                    }
                    return End::Failed(failure.kind);
                }
            }
        }
    }

    /// Says why the connection failed, unless that was said before.
    fn complain(&mut self, failure: &Failure, last_complaint: &mut String) {
        let complaint = failure.to_string();
        match failure.kind {
            Kind::TooLong(bytes) if bytes <= LONGEST => {
                let most = bytes.saturating_add(LONGEST / 1024);
                self.options.read_up_to(most);
                info!(most, "packets are read up to this length from now on");
            }
            // Nobody can read it, and with MQTT 3.1.1 there is no way to refuse it.
            Kind::TooLong(_) => self.ledger.problem(Problem::TooLong, complaint.clone()),
            _ => {}
        }
        if complaint != *last_complaint {
            warn!("connection to the broker: {complaint}");
            *last_complaint = complaint;
        }
    }

    /// Copies a message out of the read buffer and hands it on; false if its queue stays full.
    async fn take(&mut self, message: &Message, window: &Arc<AckWindow>) -> bool {
        self.ledger.add(Count::Messages, 1);
        let again = message.again;
        let message = RawMessage {
            topic: String::from_utf8_lossy(&message.topic).into_owned(),
            // Beyond the decoders' limit one byte is as good as a million: it is refused.
            payload: message.payload.get(..=MAX_PAYLOAD).unwrap_or(&message.payload).to_vec(),
            received: Timestamp::now(),
            retained: message.retained,
            ack: message.id.and_then(|id| window.register(id)),
            room: None,
        };
        let comes_again = message.ack.is_some();
        let waiting = match self.router.deliver(message, again) {
            Delivery::Done => return true,
            Delivery::Full(waiting) => waiting,
        };
        // Counted when dropped: also if the connection is given up while it waits.
        let mut left = Left(Some(if comes_again { Count::Returned } else { Count::Dropped }), &self.ledger);
        let taken = tokio::time::timeout(PATIENCE, waiting.send()).await.is_ok();
        if taken {
            left.0 = None;
        }
        taken
    }
}

/// A message that no worker has taken yet.
struct Left<'a>(Option<Count>, &'a Ledger);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0 {
            self.1.add(count, 1);
        }
    }
}

/// Waits for the call to stop, then until all messages taken are acknowledged, and closes the connection; ends by
/// itself only if that takes too long or there is no connection. It never cuts a poll short while that matters: the
/// poll ends because the connection does.
async fn stopped(mut stop: watch::Receiver<bool>, client: Client, window: Arc<AckWindow>) {
    if stop.wait_for(|stop| *stop).await.is_err() || window.connected_for().is_none() {
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
    connected: Option<Instant>,
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
        self.lock().connected = Some(Instant::now());
    }

    /// How long there has been a connection; `None` if there is none.
    fn connected_for(&self) -> Option<Duration> {
        self.lock().connected.map(|since| since.elapsed())
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
