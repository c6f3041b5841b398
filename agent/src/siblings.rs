//! What a new channel may start from: the model of the most experienced channel of its name in the same stream.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::reading::{ChannelId, DeviceId, Name};

/// From whom a new channel starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartFrom {
    /// Any device.
    Sibling,
    /// This one.
    Device(Name),
}

impl StartFrom {
    /// The word that stands for any device.
    pub const SIBLING: &'static str = "sibling";

    /// As it is configured.
    #[must_use]
    pub fn of(text: &str) -> Self {
        if text == Self::SIBLING { Self::Sibling } else { Self::Device(text.into()) }
    }

    fn admits(&self, device: &DeviceId) -> bool {
        match self {
            Self::Sibling => true,
            Self::Device(name) => device.0 == *name,
        }
    }
}

/// The best models as of their last checkpoints, for all workers. One a stream and channel name, of tasks that ask for it.
#[derive(Debug, Default)]
pub struct Siblings(Mutex<HashMap<(usize, Name), Model>>);

#[derive(Clone, Debug)]
struct Model {
    device: DeviceId,
    steps: u64,
    snapshot: Arc<[u8]>,
}

impl Siblings {
    /// A channel of the stream at this position has got so far.
    pub fn offer(
        &self,
        from: &StartFrom,
        position: usize,
        device: &DeviceId,
        channel: &ChannelId,
        steps: u64,
        snapshot: &[u8],
    ) {
        if !from.admits(device) {
            return;
        }
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let best = models.get(&(position, channel.0.clone()));
        if best.is_none_or(|best| best.steps < steps) {
            let model = Model { device: device.clone(), steps, snapshot: snapshot.into() };
            models.insert((position, channel.0.clone()), model);
        }
    }

    /// Whose model a new channel of this stream starts from, and the model.
    #[must_use]
    pub fn best(&self, position: usize, channel: &ChannelId) -> Option<(DeviceId, Arc<[u8]>)> {
        let models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let model = models.get(&(position, channel.0.clone()))?;
        Some((model.device.clone(), model.snapshot.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_experienced_of_those_who_may_be_is_taken() {
        let channel = ChannelId("t".into());
        let best = |from: &StartFrom| {
            let siblings = Siblings::default();
            for (name, steps) in [("a", 5), ("b", 9), ("c", 7)] {
                siblings.offer(from, 0, &DeviceId(name.into()), &channel, steps, name.as_bytes());
            }
            assert!(siblings.best(1, &channel).is_none(), "another stream");
            siblings.best(0, &channel).map(|(device, snapshot)| (device.0.to_string(), snapshot.to_vec()))
        };
        assert_eq!(best(&StartFrom::of("sibling")), Some(("b".to_owned(), b"b".to_vec())));
        assert_eq!(best(&StartFrom::of("c")), Some(("c".to_owned(), b"c".to_vec())));
        assert_eq!(best(&StartFrom::of("d")), None);
    }
}
