//! topic -> stream, device, channel, worker. Decided once a topic, then looked up. Commands and the frames of serial lines go
//! to the worker that has their device.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use brooklet_core::message::Message;
use tokio::sync::{Semaphore, mpsc};
use tracing::warn;

use crate::check::{Plan, StreamPlan};
use crate::command::{Action, Command};
use crate::decode::{MAX_TOPIC, Refusal};
use crate::ledger::{Count, Ledger, Problem};
use crate::reading::{DeviceId, Name, RawMessage, Timestamp};
use crate::source::mqtt::Ack;

/// Commands remembered, so that one that the broker sends again is not done again.
const RECENT: usize = 256;

/// Between two looks at a full queue.
const RELIEF: Duration = Duration::from_millis(20);

/// Where Brooklet's own topics begin.
pub const OWN_PREFIX: &str = "brooklet/";

/// A configured stream and its place in the plan.
#[derive(Debug)]
pub struct Stream {
    /// Its place in the plan.
    pub position: usize,
    /// The stream.
    pub plan: StreamPlan,
}

impl Stream {
    /// The plan's streams.
    #[must_use]
    pub fn all(plan: &Plan) -> Vec<Arc<Self>> {
        let stream = |(position, plan): (usize, &StreamPlan)| Arc::new(Self { position, plan: plan.clone() });
        plan.streams.iter().enumerate().map(stream).collect()
    }
}

/// Bytes of messages that are under way at most, from the broker until they are acknowledged.
pub(crate) const QUEUE_BYTES: usize = 16 << 20;

/// Where the messages of one topic go.
#[derive(Debug)]
pub struct Route {
    /// The stream that the topic belongs to.
    pub stream: Arc<Stream>,
    /// Device of readings that name their channel.
    pub device: DeviceId,
    /// Device of readings without a name: a payload that is nothing but a number.
    pub bare_device: DeviceId,
    /// .. and their channel.
    pub bare_channel: Name,
    worker: usize,
}

#[cfg(test)]
impl Route {
    /// The route of a topic, for tests of what comes behind the router.
    pub(crate) fn of(streams: &[Arc<Stream>], topic: &str) -> Option<Self> {
        streams.iter().find_map(|stream| make_route(stream, topic, &Queues::new(Vec::new())))
    }
}

/// What a worker has to do.
#[derive(Debug)]
pub enum Job {
    /// A message and where it belongs.
    Message(RawMessage, Arc<Route>),
    /// A command, and how to say that it was taken.
    Command(Box<Command>, Option<Ack>),
    /// Something happened on a serial line.
    Line(OnLine),
}

impl Job {
    /// What is left of it once it is handled: how to say that it was.
    pub(crate) fn into_ack(self) -> Option<Ack> {
        match self {
            Self::Message(message, _) => message.ack,
            Self::Command(_, ack) => ack,
            Self::Line(_) => None,
        }
    }
}

/// Something that happened on a serial line.
#[derive(Debug)]
pub struct OnLine {
    /// The line's place in the plan.
    pub line: usize,
    /// The device at its other end.
    pub device: DeviceId,
    /// When.
    pub received: Timestamp,
    /// What.
    pub event: LineEvent,
}

/// What can happen on a serial line.
#[derive(Debug)]
pub enum LineEvent {
    /// It was opened.
    Opened,
    /// A frame came in.
    Frame(u16, Box<Message>),
    /// It was closed, or its device turned out to have another name.
    Closed,
}

/// The workers' queues.
#[derive(Clone, Debug)]
pub struct Queues {
    queues: Vec<mpsc::Sender<Job>>,
    /// The bytes that are left for messages.
    room: Arc<Semaphore>,
}

impl Queues {
    /// These, one a worker.
    #[must_use]
    pub fn new(queues: Vec<mpsc::Sender<Job>>) -> Self {
        Self { queues, room: Arc::new(Semaphore::new(QUEUE_BYTES)) }
    }

    /// The worker that has whatever goes by this key.
    fn worker(&self, key: &str) -> usize {
        hash(key).checked_rem(self.queues.len() as u64).unwrap_or(0) as usize
    }

    /// Hands something of a line to the worker that has its device; waits while the queue is full.
    pub(crate) async fn send(&self, event: OnLine) {
        if let Some(queue) = self.queues.get(self.worker(&event.device.0)) {
            let _ = queue.send(Job::Line(event)).await;
        }
    }
}

/// Routes by topic, and the workers' queues.
#[derive(Debug)]
pub struct Router {
    streams: Vec<Arc<Stream>>,
    routes: HashMap<String, Option<Arc<Route>>>,
    /// Topics remembered; once there are as many, all are forgotten and made anew as they come: who invents topics makes
    /// it slower, no more.
    most_routes: usize,
    queues: Queues,
    /// What the topics of commands begin with.
    commands: String,
    /// The commands that were handed on last, by a hash of topic and payload.
    recent: VecDeque<u64>,
    ledger: Arc<Ledger>,
}

/// What became of a message.
#[derive(Debug)]
pub(crate) enum Delivery<'a> {
    /// Handed on, or counted and acknowledged.
    Done,
    /// Its worker's queue is full.
    Full(Waiting<'a>),
}

/// A message whose queue is full.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    queue: &'a mpsc::Sender<Job>,
    room: &'a Arc<Semaphore>,
    job: Job,
}

impl Waiting<'_> {
    pub(crate) async fn send(mut self) {
        if let Job::Message(message, _) = &mut self.job
            && message.room.is_none()
        {
            message.room = self.room.clone().acquire_many_owned(bytes(message)).await.ok();
        }
        // A closed queue means that the process is stopping; the message stays unacknowledged.
        let _ = self.queue.send(self.job).await;
    }
}

impl Router {
    /// A router for these streams; the first that matches a topic has it.
    #[must_use]
    pub fn new(
        streams: Vec<Arc<Stream>>,
        queues: Queues,
        commands: String,
        most_routes: usize,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            streams,
            routes: HashMap::new(),
            most_routes,
            queues,
            commands,
            recent: VecDeque::new(),
            ledger,
        }
    }

    /// Waits until every queue is at most half full, and half the bytes are free.
    pub(crate) async fn relieved(&self) {
        // Room is not waited for at the queue itself: that would let nobody else in.
        let full = |queue: &mpsc::Sender<Job>| queue.capacity() < queue.max_capacity() / 2;
        let Queues { queues, room } = &self.queues;
        while queues.iter().any(full) || room.available_permits() < QUEUE_BYTES / 2 {
            tokio::time::sleep(RELIEF).await;
        }
    }

    /// Hands a message to its worker, or counts why not. `again`: the broker may have sent it before.
    pub(crate) fn deliver(&mut self, message: RawMessage, again: bool) -> Delivery<'_> {
        if message.retained {
            return self.pass_over(message, Count::Retained);
        }
        let mut command = None;
        let (worker, mut job) = if message.topic.starts_with(OWN_PREFIX) {
            let Some(parsed) = self.command(&message) else {
                return self.pass_over(message, Count::Own);
            };
            let hash = hash(&(&message.topic, &message.payload));
            // It was done, but the broker did not hear so. What a person sends twice is done twice.
            if again && self.recent.contains(&hash) {
                return self.pass_over(message, Count::Repeated);
            }
            command = Some(hash);
            (self.owner(&parsed), Job::Command(Box::new(parsed), message.ack))
        } else {
            if message.topic.len() > MAX_TOPIC {
                self.ledger.refuse_message(&message.topic, &message.payload, &Refusal::TopicTooLong);
                return Self::done(message);
            }
            let Some(route) = self.route(&message.topic) else {
                if self.ledger.get(Count::Unmapped) == 0 {
                    self.unmapped(&message.topic);
                }
                return self.pass_over(message, Count::Unmapped);
            };
            (route.worker, Job::Message(message, route))
        };
        // There is a queue for every worker.
        let Queues { queues, room } = &self.queues;
        let Some(queue) = queues.get(worker) else { return Delivery::Done };
        if let Job::Message(message, _) = &mut job {
            match room.clone().try_acquire_many_owned(bytes(message)) {
                Ok(permit) => message.room = Some(permit),
                Err(_) => return Delivery::Full(Waiting { queue, room, job }),
            }
        }
        match queue.try_send(job) {
            Ok(()) => {
                if let Some(hash) = command {
                    self.recent.truncate(RECENT - 1);
                    self.recent.push_front(hash);
                }
                Delivery::Done
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Delivery::Done,
            Err(mpsc::error::TrySendError::Full(job)) => Delivery::Full(Waiting { queue, room, job }),
        }
    }

    fn command(&self, message: &RawMessage) -> Option<Command> {
        let (name, id) = message.topic.strip_prefix(&self.commands)?.split_once('/')?;
        if id.contains('/') { None } else { Command::parse(&message.topic, name, &message.payload) }
    }

    /// The worker that has a device: of the topics it was heard on, or of the serial lines. A device of which each channel
    /// has a topic can be spread over workers: there the channel decides.
    fn owner(&self, command: &Command) -> usize {
        let device = &*command.device;
        let routes = || self.routes.values().flatten();
        let has_channel = |route: &&Arc<Route>| match &command.action {
            Ok(Action::Publish(channel)) => {
                *route.bare_device.0 == *device && *route.bare_channel == *channel.as_str()
            }
            _ => false,
        };
        let heard = routes().find(|route| *route.device.0 == *device).or_else(|| routes().find(has_channel));
        heard.map_or_else(|| self.queues.worker(device), |route| route.worker)
    }

    /// Nobody asked for this message in this run. Where an old filter overlaps a new one, brokers may even send messages
    /// twice.
    fn unmapped(&self, topic: &str) {
        let problem = "the broker sends what only an earlier configuration subscribed to, and perhaps some messages twice; \
                       start once with mqtt.persistent = false, which makes it forget, or set another mqtt.client_id";
        warn!(topic, "{problem}");
        self.ledger.problem(Problem::OldSubscription, problem.to_owned());
    }

    fn pass_over(&self, message: RawMessage, count: Count) -> Delivery<'_> {
        self.ledger.add(count, 1);
        Self::done(message)
    }

    /// It is dealt with.
    fn done<'a>(message: RawMessage) -> Delivery<'a> {
        if let Some(ack) = message.ack {
            ack.done();
        }
        Delivery::Done
    }

    fn route(&mut self, topic: &str) -> Option<Arc<Route>> {
        if let Some(route) = self.routes.get(topic) {
            return route.clone();
        }
        let made = self.streams.iter().find_map(|stream| make_route(stream, topic, &self.queues));
        let route = made.map(Arc::new);
        if self.routes.len() >= self.most_routes {
            self.routes.clear();
        }
        self.routes.insert(topic.to_owned(), route.clone());
        route
    }
}

fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// What a message costs while it is under way.
fn bytes(message: &RawMessage) -> u32 {
    let bytes = message.topic.len() + message.payload.len() + size_of::<Job>();
    u32::try_from(bytes.min(QUEUE_BYTES)).unwrap_or(u32::MAX)
}

fn make_route(stream: &Arc<Stream>, topic: &str, queues: &Queues) -> Option<Route> {
    // Some brokers let control characters through, and names stand in the log: nobody writes lines of it.
    let topic = &*topic.replace(char::is_control, "_");
    let captures = stream.plan.topic.captures(topic)?;
    let own = topic.strip_prefix(stream.plan.topic.prefix()).unwrap_or(topic).trim_matches('/');
    let (device, bare_device, bare_channel) = match &stream.plan.device {
        Some(template) => {
            let mut device = String::new();
            template.write(&captures, &mut device);
            let channel = captures.rest().unwrap_or_else(|| last_level(topic));
            (device.clone(), device, channel)
        }
        // Without configuration: `hall/pump/temperature` is a number of `hall/pump`, or a document of its own.
        None => match own.rsplit_once('/') {
            Some((device, channel)) => (own.to_owned(), device.to_owned(), channel),
            None if own.is_empty() => (topic.to_owned(), topic.to_owned(), "value"),
            None => {
                let fixed = stream.plan.topic.prefix().trim_end_matches('/');
                let fixed = if fixed.is_empty() { own } else { fixed };
                (own.to_owned(), fixed.to_owned(), if fixed == own { "value" } else { own })
            }
        },
    };
    // Whatever may belong to one device shares its worker: nothing may be learnt in two places. Without configuration
    // a topic can stand for a device or for one of its channels, so its first own level decides.
    let key =
        if stream.plan.device.is_some() { device.as_str() } else { own.split('/').next().unwrap_or(own) };
    let worker = queues.worker(key);
    Some(Route {
        stream: stream.clone(),
        device: DeviceId(device.into()),
        bare_device: DeviceId(bare_device.into()),
        bare_channel: bare_channel.into(),
        worker,
    })
}

fn last_level(topic: &str) -> &str {
    topic.rsplit('/').next().unwrap_or(topic)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use super::*;
    use crate::check;

    #[tokio::test]
    async fn relief_is_half_a_queue() {
        let (queue, mut jobs) = mpsc::channel(8);
        let queues = Queues::new(vec![queue.clone()]);
        let router = Router::new(Vec::new(), queues, String::new(), 0, Arc::default());
        let relieved = || async { tokio::time::timeout(RELIEF * 3, router.relieved()).await.is_ok() };
        assert!(relieved().await, "nothing is in it");
        let event = || LineEvent::Opened;
        let job = || OnLine { line: 0, device: DeviceId("a".into()), received: Timestamp(0), event: event() };
        while queue.try_send(Job::Line(job())).is_ok() {}
        for _ in 0..4 {
            assert!(!relieved().await, "more than half full");
            jobs.try_recv().unwrap();
        }
        assert!(relieved().await);
    }

    #[test]
    fn a_command_goes_where_its_channel_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("brooklet.toml");
        let text = "[mqtt]\nurl = 'mqtt://localhost'\n[[stream]]\nname = 'all'\ntopic = 'hall/#'";
        std::fs::write(&file, text).unwrap();
        let streams = Stream::all(&check::load_with(&file, []).unwrap());
        let (queues, mut jobs): (Vec<_>, Vec<_>) = (0..4).map(|_| mpsc::channel(8)).unzip();
        let commands = "brooklet/gw/cmd/".to_owned();
        let mut router = Router::new(streams, Queues::new(queues), commands, 100, Arc::default());
        // The worker that a message goes to.
        let mut worker = |topic: String, payload: &str, again: bool| {
            let (payload, received) = (payload.as_bytes().to_vec(), Timestamp(0));
            let message = RawMessage { topic, payload, received, retained: false, ack: None, room: None };
            assert!(matches!(router.deliver(message, again), Delivery::Done));
            jobs.iter_mut().position(|jobs| jobs.try_recv().is_ok())
        };
        let topics = (0..20).map(|i| worker(format!("hall/t{i}"), "1", false)).collect::<Vec<_>>();
        assert!(topics.iter().any(|other| other != &topics[0]));
        for (i, topic) in topics.iter().enumerate() {
            let command = format!(r#"{{"status":"init","device":"hall","channel":"t{i}"}}"#);
            let mut worker = |again| worker("brooklet/gw/cmd/publish-model/1".to_owned(), &command, again);
            assert_eq!(worker(true), *topic, "the first time it is new, whatever the broker says");
            assert_eq!(worker(true), None, "the broker sends it again");
            assert_eq!(worker(false), *topic, "somebody sends it again");
        }
    }

    fn router(topic: &str, most_routes: usize) -> (Router, mpsc::Receiver<Job>, Arc<Ledger>) {
        let plan = check::zero_config_with(Some("mqtt://localhost"), &[topic.to_owned()], []).unwrap();
        let (queue, jobs) = mpsc::channel(100_000);
        let ledger = Arc::new(Ledger::default());
        let queues = Queues::new(vec![queue]);
        (Router::new(Stream::all(&plan), queues, "c".to_owned(), most_routes, ledger.clone()), jobs, ledger)
    }

    fn message(topic: String, bytes: usize) -> RawMessage {
        RawMessage {
            topic,
            payload: vec![b'1'; bytes],
            received: Timestamp(0),
            retained: false,
            ack: None,
            room: None,
        }
    }

    #[test]
    fn invented_topics_do_not_pile_up() {
        let (mut router, mut jobs, ledger) = router("#", 100);
        for i in 0..1_000_000 {
            assert!(matches!(router.deliver(message(format!("invented/{i}"), 1), false), Delivery::Done));
            assert!(jobs.try_recv().is_ok() && router.routes.len() <= 100, "{i}");
        }
        assert!(matches!(router.deliver(message("x".repeat(MAX_TOPIC + 1), 1), false), Delivery::Done));
        assert_eq!(ledger.totals().refused["topic_too_long"], 1);
        assert!(jobs.try_recv().is_err());
        assert!(matches!(router.deliver(message("x".repeat(MAX_TOPIC), 1), false), Delivery::Done));
        assert!(jobs.try_recv().is_ok());
    }

    #[test]
    fn no_name_breaks_a_line_of_the_log() {
        let (mut router, mut jobs, _) = router("sensors/#", 100);
        router.deliver(message("sensors/a\nERROR\u{1b}[2J/t\r".to_owned(), 1), false);
        let Ok(Job::Message(_, route)) = jobs.try_recv() else { panic!("it has a route") };
        assert_eq!((&*route.bare_device.0, &*route.bare_channel), ("a_ERROR_[2J", "t_"));
        assert_eq!(&*route.device.0, "a_ERROR_[2J/t_");
    }

    #[test]
    fn messages_under_way_are_bounded_by_their_bytes_and_wait_for_room() {
        let (mut router, mut jobs, _) = router("#", 100);
        let mut taken = 0;
        while let Delivery::Done = router.deliver(message("a/b".to_owned(), 60_000), false) {
            taken += 1;
        }
        assert!(taken * 60_000 <= QUEUE_BYTES && (taken + 1) * 61_000 > QUEUE_BYTES, "{taken}");
        // The queue itself has room for many more.
        let Delivery::Full(waiting) = router.deliver(message("a/b".to_owned(), 60_000), false) else {
            panic!("it was full a moment ago")
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let sent = waiting.send();
            tokio::pin!(sent);
            // Polled first, so that it waits by the time a message is dealt with.
            tokio::select! {
                biased;
                () = &mut sent => panic!("there was no room"),
                job = jobs.recv() => drop(job),
            }
            sent.await;
        });
        assert!(matches!(router.deliver(message("a/b".to_owned(), 60_000), false), Delivery::Full(_)));
    }
}
