//! What came in so far, in order, and waiting for more of it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A list that one thread appends to and others wait on.
#[derive(Debug)]
pub struct Record<T> {
    state: Mutex<State<T>>,
    more: Condvar,
}

#[derive(Debug)]
struct State<T> {
    items: Vec<T>,
    closed: bool,
}

impl<T> Default for Record<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { items: Vec::new(), closed: false }), more: Condvar::new() }
    }
}

impl<T> Record<T> {
    /// Appends.
    pub fn push(&self, item: T) {
        self.lock().items.push(item);
        self.more.notify_all();
    }

    /// Nothing more will come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.more.notify_all();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// True if nothing came in yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Looks at all of them.
    pub fn look<R>(&self, look: impl FnOnce(&[T]) -> R) -> R {
        look(&self.lock().items)
    }

    /// The first answer that `find` gives for an item from position `from` on; waits for more items. `None` if
    /// `patience` or the record ends without one.
    pub fn wait<R>(
        &self,
        mut from: usize,
        patience: Duration,
        mut find: impl FnMut(&T) -> Option<R>,
    ) -> Option<R> {
        let end = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            while let Some(item) = state.items.get(from) {
                if let Some(found) = find(item) {
                    return Some(found);
                }
                from += 1;
            }
            let left = end.checked_duration_since(Instant::now())?;
            if state.closed {
                return None;
            }
            state = self.more.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the record is closed; false if that takes longer than `patience`.
    pub fn wait_closed(&self, patience: Duration) -> bool {
        let wait = self.more.wait_timeout_while(self.lock(), patience, |state| !state.closed);
        wait.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
