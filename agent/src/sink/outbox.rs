//! Messages that wait for the broker: bounded, the least important dropped first, in memory.

use std::collections::VecDeque;

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

/// A message for the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) retain: bool,
    pub(crate) priority: Priority,
}

/// First in, first out, up to a number of messages.
#[derive(Debug)]
pub(crate) struct Outbox {
    waiting: VecDeque<Outgoing>,
    most: usize,
}

impl Outbox {
    pub(crate) fn new(most: usize) -> Self {
        Self { waiting: VecDeque::new(), most }
    }

    /// Takes a message; returns how many had to go for it (0 or 1): the oldest of the lowest priority, perhaps the
    /// message itself.
    pub(crate) fn push(&mut self, message: Outgoing) -> u64 {
        self.waiting.push_back(message);
        if self.waiting.len() <= self.most {
            return 0;
        }
        // The first of the lowest: `min_by_key` keeps the first among equals.
        let least = self.waiting.iter().enumerate().min_by_key(|(_, message)| message.priority);
        if let Some((index, _)) = least {
            self.waiting.remove(index);
        }
        1
    }

    pub(crate) fn pop(&mut self) -> Option<Outgoing> {
        self.waiting.pop_front()
    }

    /// Puts messages back to the front, in their order.
    pub(crate) fn put_back(&mut self, messages: impl DoubleEndedIterator<Item = Outgoing>) {
        messages.rev().for_each(|message| self.waiting.push_front(message));
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &str, priority: Priority) -> Outgoing {
        Outgoing { topic: name.to_owned(), payload: Vec::new(), retain: false, priority }
    }

    #[test]
    fn the_oldest_of_the_lowest_priority_goes_first() {
        let mut outbox = Outbox::new(3);
        let dropped: u64 = [
            message("alert 1", Priority::Alert),
            message("score 1", Priority::Score),
            message("score 2", Priority::Score),
            message("alert 2", Priority::Alert),
            message("alert 3", Priority::Alert),
            message("score 3", Priority::Score),
        ]
        .into_iter()
        .map(|message| outbox.push(message))
        .sum();
        assert_eq!(dropped, 3);
        let left: Vec<_> = std::iter::from_fn(|| outbox.pop()).map(|message| message.topic).collect();
        assert_eq!(left, ["alert 1", "alert 2", "alert 3"]);
    }
}
