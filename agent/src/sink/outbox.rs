//! Messages that wait for the broker: bounded in bytes, the oldest of the least important dropped first. Those that must
//! outlive the process have a number, under which they are also on disk.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tracing::error;

use crate::ledger::{Count, Ledger};
use crate::store::told::Message;

/// What a message's packet has beside topic and payload: header, lengths, number, and MQTT 5's empty properties.
const PACKET_OVERHEAD: usize = 10;

/// What must not be dropped comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// Scores: there will be others.
    Score,
    /// Health and repeated states.
    State,
    /// A change of an alert.
    Alert,
}

impl Priority {
    const COUNT: usize = Self::Alert as usize + 1;
}

/// A message for the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) retain: bool,
    pub(crate) priority: Priority,
    /// Under which it is on disk.
    pub(crate) number: Option<u64>,
}

impl Outgoing {
    /// A message that an earlier run left on disk.
    pub(crate) fn left(number: u64, message: &Message) -> Self {
        let Message { topic, payload, retain } = message.clone();
        Self { topic, payload, retain, priority: Priority::Alert, number: Some(number) }
    }

    /// Its text, and what it takes to hold it.
    fn bytes(&self) -> usize {
        self.topic.len() + self.payload.len() + size_of::<Self>() + size_of::<u64>()
    }
}

/// How many messages were dropped for want of room.
#[derive(Default)]
struct Dropped {
    /// Of all kinds.
    all: u64,
    /// Changes of alerts among them.
    alerts: u64,
}

/// Shared by the one who fills it and the one who sends.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Mutex<Queue>,
    /// The longest packet that is sent.
    longest: AtomicU32,
    /// There is something to send, or there will never be again.
    pub(crate) changed: Notify,
    /// The sender has ended.
    pub(crate) ended: Notify,
}

#[derive(Debug)]
struct Queue {
    /// In order, by priority; the first of each pair is the place in the order of all.
    waiting: [VecDeque<(i64, Outgoing)>; Priority::COUNT],
    /// The place of the first and behind the last one.
    first: i64,
    end: i64,
    bytes: usize,
    most_bytes: usize,
    /// Messages that were taken out, and that the broker may have or not.
    out: usize,
    /// Numbers of messages that the broker has, or that were dropped: to be removed from the disk.
    done: Vec<u64>,
    /// The retained states of open alerts: a broker that lost its memory is told again.
    firing: BTreeMap<String, Vec<u8>>,
    closed: bool,
}

impl Outbox {
    /// `longest`: bytes of a packet, as long as the broker does not want shorter ones.
    pub(crate) fn new(most_bytes: usize, longest: u32) -> Self {
        let queue = Queue {
            waiting: Default::default(),
            first: 0,
            end: 0,
            bytes: 0,
            most_bytes,
            out: 0,
            done: Vec::new(),
            firing: BTreeMap::new(),
            closed: false,
        };
        Self {
            queue: Mutex::new(queue),
            longest: AtomicU32::new(longest),
            changed: Notify::new(),
            ended: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes messages; counts what had to go for them.
    pub(crate) fn push(&self, messages: impl IntoIterator<Item = Outgoing>, ledger: &Ledger) {
        let mut queue = self.lock();
        let mut dropped = Dropped::default();
        for message in messages {
            if self.fits(&message, ledger) {
                let place = queue.end;
                queue.end += 1;
                queue.insert(place, message, false);
                queue.shrink(&mut dropped);
            } else {
                queue.done.extend(message.number);
            }
        }
        drop(queue);
        self.changed.notify_one();
        if dropped.all > 0 {
            ledger.add(Count::OutboxDroppedAlerts, dropped.alerts);
            if ledger.add(Count::OutboxDropped, dropped.all) == 0 {
                error!("the broker has been away too long: the outbox is full and drops messages");
            }
        }
    }

    /// The broker takes no longer packets.
    pub(crate) fn set_longest(&self, longest: u32) {
        self.longest.store(longest, Ordering::Relaxed);
    }

    /// Whether a message may be sent at all, and counts it if not. One that is too long would end the connection each time
    /// it is tried.
    pub(crate) fn fits(&self, message: &Outgoing, ledger: &Ledger) -> bool {
        let bytes = message.topic.len() + message.payload.len() + PACKET_OVERHEAD;
        let longest = self.longest.load(Ordering::Relaxed);
        let fits = u32::try_from(bytes).is_ok_and(|bytes| bytes <= longest);
        if !fits {
            let topic = &message.topic;
            error!(
                topic,
                bytes,
                longest,
                "too long for mqtt.max_packet_bytes or for the broker; the message is dropped"
            );
            ledger.add(Count::OutboxTooLong, 1);
        }
        fits
    }

    /// The next message.
    pub(crate) fn pop(&self) -> Option<Outgoing> {
        self.lock().pop()
    }

    /// Puts messages back to the front, in their order. They are not dropped for it: there are few of them.
    pub(crate) fn put_back(&self, messages: impl DoubleEndedIterator<Item = Outgoing>) {
        let mut queue = self.lock();
        for message in messages.rev() {
            queue.first -= 1;
            let place = queue.first;
            queue.insert(place, message, true);
            queue.out = queue.out.saturating_sub(1);
        }
    }

    /// The broker has this message, or never will.
    pub(crate) fn done(&self, message: &Outgoing) {
        let mut queue = self.lock();
        queue.out = queue.out.saturating_sub(1);
        queue.done.extend(message.number);
    }

    /// Numbers to be removed from the disk, handed over.
    pub(crate) fn take_done(&self) -> Vec<u64> {
        std::mem::take(&mut self.lock().done)
    }

    /// An alert's retained state: open with a payload, over without.
    pub(crate) fn set_firing(&self, topic: String, payload: Option<Vec<u8>>) {
        let mut queue = self.lock();
        match payload {
            Some(payload) => queue.firing.insert(topic, payload),
            None => queue.firing.remove(&topic),
        };
    }

    /// Sends the states of all open alerts once more.
    pub(crate) fn repeat_firing(&self, ledger: &Ledger) {
        let firing = self.lock().firing.clone();
        let repeat = |(topic, payload)| Outgoing {
            topic,
            payload,
            retain: true,
            priority: Priority::State,
            number: None,
        };
        self.push(firing.into_iter().map(repeat), ledger);
    }

    /// Nothing will be added any more.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Nothing waits, for the broker or for the disk.
    pub(crate) fn is_idle(&self) -> bool {
        let queue = self.lock();
        queue.out == 0 && queue.done.is_empty() && queue.waiting.iter().all(VecDeque::is_empty)
    }

    /// Messages and bytes that wait.
    pub(crate) fn size(&self) -> (usize, usize) {
        let queue = self.lock();
        (queue.waiting.iter().map(VecDeque::len).sum(), queue.bytes)
    }
}

impl Queue {
    fn insert(&mut self, place: i64, message: Outgoing, front: bool) {
        self.bytes += message.bytes();
        if let Some(queue) = self.waiting.get_mut(message.priority as usize) {
            if front { queue.push_front((place, message)) } else { queue.push_back((place, message)) }
        }
    }

    fn pop(&mut self) -> Option<Outgoing> {
        let next = self.waiting.iter_mut().filter(|queue| !queue.is_empty());
        let (_, message) = next.min_by_key(|queue| queue.front().map(|(place, _)| *place))?.pop_front()?;
        self.bytes -= message.bytes();
        self.out += 1;
        Some(message)
    }

    fn shrink(&mut self, dropped: &mut Dropped) {
        while self.bytes > self.most_bytes {
            let Some((_, message)) = self.waiting.iter_mut().find_map(VecDeque::pop_front) else { return };
            self.bytes -= message.bytes();
            self.done.extend(message.number);
            dropped.all += 1;
            dropped.alerts += u64::from(message.priority == Priority::Alert);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    fn message(topic: &str, priority: Priority) -> Outgoing {
        let number = (priority == Priority::Alert).then_some(topic.len() as u64);
        Outgoing { topic: topic.to_owned(), payload: vec![0; 100], retain: false, priority, number }
    }

    fn rest(outbox: &Outbox) -> Vec<String> {
        std::iter::from_fn(|| outbox.pop()).map(|message| message.topic).collect()
    }

    #[test]
    fn the_oldest_of_the_lowest_priority_goes_first() {
        let (outbox, ledger) =
            (Outbox::new(3 * message("alert 1", Priority::Alert).bytes(), 200), Ledger::default());
        let push = |topic, priority| outbox.push([message(topic, priority)], &ledger);
        let dropped = || (ledger.get(Count::OutboxDropped), ledger.get(Count::OutboxDroppedAlerts));
        push("alert 1", Priority::Alert);
        push("score 1", Priority::Score);
        push("score 2", Priority::Score);
        push("alert 2", Priority::Alert);
        push("alert 3", Priority::Alert);
        push("score 3", Priority::Score);
        assert_eq!((dropped(), outbox.take_done()), ((3, 0), vec![]));
        push("alert 4", Priority::Alert);
        assert_eq!((dropped(), outbox.take_done()), ((4, 1), vec![7]));
        push(&"long".repeat(30), Priority::Alert);
        assert_eq!((ledger.get(Count::OutboxTooLong), outbox.take_done()), (1, vec![120]));
        assert_eq!(rest(&outbox), ["alert 2", "alert 3", "alert 4"]);
        assert_eq!(outbox.size(), (0, 0));
    }

    #[test]
    fn what_is_put_back_comes_first_and_in_order() {
        let outbox = Outbox::new(1 << 20, 200);
        let all = ["a", "b", "c", "d"]
            .map(|topic| message(topic, if topic == "b" { Priority::State } else { Priority::Alert }));
        outbox.push(all, &Ledger::default());
        let taken: Vec<_> = (0..3).map(|_| outbox.pop().unwrap()).collect();
        outbox.put_back(taken.into_iter());
        assert_eq!(rest(&outbox), ["a", "b", "c", "d"]);
    }
}
