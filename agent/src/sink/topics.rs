//! Brooklet's own topics: `brooklet/<gateway>/...`.

use crate::reading::{ChannelId, DeviceId};
use crate::router::OWN_PREFIX;

/// The topics of one gateway.
#[derive(Clone, Debug)]
pub struct Topics {
    base: String,
}

impl Topics {
    /// Topics below `brooklet/<gateway>`.
    #[must_use]
    pub fn new(gateway: &str) -> Self {
        Self { base: format!("{OWN_PREFIX}{}", level(gateway)) }
    }

    /// What all of them begin with.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `online`, `offline` (the will), health as JSON; retained.
    #[must_use]
    pub fn status(&self) -> String {
        format!("{}/status", self.base)
    }

    /// The current state of a channel's alert; retained.
    #[must_use]
    pub fn alert(&self, device: &DeviceId, channel: &ChannelId) -> String {
        self.of("alert", device, channel)
    }

    /// Every change of an alert; not retained.
    #[must_use]
    pub fn event(&self, device: &DeviceId, channel: &ChannelId) -> String {
        self.of("event", device, channel)
    }

    /// Scores, thinned; not retained.
    #[must_use]
    pub fn score(&self, device: &DeviceId, channel: &ChannelId) -> String {
        self.of("score", device, channel)
    }

    /// A channel's model; retained.
    #[must_use]
    pub fn model(&self, device: &DeviceId, channel: &ChannelId) -> String {
        self.of("model", device, channel)
    }

    /// Frames for a device that is reached over MQTT.
    #[must_use]
    pub fn device(&self, device: &DeviceId) -> String {
        format!("{}/device/{}", self.base, level(&device.0))
    }

    /// Commands and what became of them; below it their name and an id.
    #[must_use]
    pub fn commands(&self) -> String {
        format!("{}/cmd/", self.base)
    }

    fn of(&self, kind: &str, device: &DeviceId, channel: &ChannelId) -> String {
        format!("{}/{kind}/{}/{}", self.base, level(&device.0), level(&channel.0))
    }
}

/// A name as one topic level: `/` becomes `.`; wildcards and control characters become `_`. The payload carries the
/// exact name.
fn level(name: &str) -> String {
    let plain = |c: char| match c {
        '/' => '.',
        '+' | '#' => '_',
        c if c.is_control() => '_',
        c => c,
    };
    if name.is_empty() { "_".to_owned() } else { name.chars().map(plain).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_one_level() {
        let topics = Topics::new("gw");
        let topic = topics.alert(&DeviceId("hall/pump#1".into()), &ChannelId("vib.rms".into()));
        assert_eq!(topic, "brooklet/gw/alert/hall.pump_1/vib.rms");
        assert_eq!(topics.status(), "brooklet/gw/status");
        assert_eq!(topics.event(&DeviceId("".into()), &ChannelId("\0".into())), "brooklet/gw/event/_/_");
    }
}
