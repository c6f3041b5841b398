//! The agent under proof: its configuration, its folder, and what it has learnt.

use std::collections::BTreeMap;
use std::path::PathBuf;

use brooklet_tests::agent;
use brooklet_tests::child::Child;
use serde_json::Value;
use tempfile::TempDir;

/// `gateway.durability`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Durability {
    Checkpoint,
    Journal,
}

impl Durability {
    /// Both, the default first.
    pub(crate) const BOTH: [Self; 2] = [Self::Checkpoint, Self::Journal];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Journal => "journal",
        }
    }

    /// As it stands in `[gateway]`.
    const fn key(self) -> &'static str {
        match self {
            Self::Checkpoint => "",
            Self::Journal => "durability = \"journal\"\n",
        }
    }
}

/// Everything below `plant/` as it comes, and devices that judge themselves below `boards/`.
const STREAMS: &str = "\
[[stream]]
name = \"plant\"
topic = \"plant/{device}\"
[[stream]]
name = \"boards\"
topic = \"boards/{device}\"
payload = \"brooklet\"
";

/// An agent that can be killed and started again.
pub(crate) struct Gateway {
    folder: TempDir,
    config: String,
    agent: Child,
}

/// What is proved is what becomes of all readings: none is passed over because a device sends a day's worth in a moment.
const UNBRIDLED: &str = "device_readings_per_second = 1000000\ndegrade_after_seconds = 86400\n";

impl Gateway {
    /// Starts one that knows the broker on `port`, and waits until it has subscribed; `more` goes into `[gateway]`.
    pub(crate) fn start(port: u16, durability: Durability, more: &str) -> Self {
        Self::start_with(port, durability, more, STREAMS)
    }

    /// As [`start`](Self::start), with other streams.
    pub(crate) fn start_with(port: u16, durability: Durability, more: &str, streams: &str) -> Self {
        let durability = durability.key();
        let config = format!(
            "[gateway]\n{durability}{UNBRIDLED}{more}\n[alert]\nmost_a_minute = 1000000\n[mqtt]\nurl = \"mqtt://127.0.0.1:{port}\"\n{streams}"
        );
        let folder = TempDir::new().expect("a folder for the agent");
        let agent = launch(&folder, &config);
        agent::wait_ready(&agent, 1);
        Self { folder, config, agent }
    }

    pub(crate) const fn agent(&self) -> &Child {
        &self.agent
    }

    /// Kills it, as a power cut would.
    pub(crate) fn kill(&mut self) {
        assert!(self.agent.is_running(), "the agent ended by itself");
        self.agent.kill();
    }

    /// Starts it again, without waiting for anything.
    pub(crate) fn start_again(&mut self) {
        self.agent = launch(&self.folder, &self.config);
    }

    /// Stops it well; returns what it counted since its last start.
    pub(crate) fn stop(&mut self) -> Value {
        agent::stop(&mut self.agent)
    }

    /// What it has learnt, by device and channel; only while it is stopped.
    pub(crate) fn learnt(&self) -> Learnt {
        let state = self.state();
        let state = state.to_str().expect("a plain path");
        let told = agent::run(&["state", state, "--json"]);
        assert!(told.status.success(), "brooklet state: {}", String::from_utf8_lossy(&told.stderr));
        Learnt::of(&String::from_utf8_lossy(&told.stdout))
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }
}

fn launch(folder: &TempDir, config: &str) -> Child {
    let state = folder.path().join("state");
    Child::spawn("brooklet", &mut agent::configured(config, folder.path(), &state))
}

/// What is stored of every channel: how many readings it has learnt, and all that is told of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Learnt(pub(crate) BTreeMap<(String, String), (u64, Value)>);

/// How what was learnt differs from what should have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Readings that should have been learnt.
    pub(crate) lost: u64,
    /// Readings that were learnt once too often.
    pub(crate) twice: u64,
    /// Channels that are not bit for bit what they should be.
    pub(crate) channels: u64,
}

impl Learnt {
    /// From lines of JSON, each with `device`, `channel` and `readings` at least. What came again counts as a step, but
    /// changes nothing: steps are left out.
    fn of(lines: &str) -> Self {
        let text = |value: &Value| value.as_str().expect("a name").to_owned();
        let channel = |line: &str| {
            let mut one: Value = serde_json::from_str(line).expect("JSON");
            one["steps"].take();
            let readings = one["readings"].as_u64().expect("a number of readings");
            ((text(&one["device"]), text(&one["channel"])), (readings, one))
        };
        Self(lines.lines().map(channel).collect())
    }

    /// How many readings.
    pub(crate) fn readings(&self) -> u64 {
        self.0.values().map(|(readings, _)| readings).sum()
    }

    /// Compared with what should have been learnt.
    pub(crate) fn against(&self, expected: &Self) -> Difference {
        let none = (0, Value::Null);
        let mut difference = Difference::default();
        let keys: std::collections::BTreeSet<_> = self.0.keys().chain(expected.0.keys()).collect();
        for key in keys {
            let (is, should) = (self.0.get(key).unwrap_or(&none), expected.0.get(key).unwrap_or(&none));
            difference.lost += should.0.saturating_sub(is.0);
            difference.twice += is.0.saturating_sub(should.0);
            difference.channels += u64::from(is != should);
        }
        difference
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_sees_what_is_missing_repeated_or_changed() {
        let all = |readings: [u64; 3], model: &str| {
            let one = |(i, readings): (usize, &u64)| {
                let channel = i.to_string();
                serde_json::json!({ "device": "d", "channel": channel, "readings": readings, "model": model })
                    .to_string()
            };
            Learnt::of(&readings.iter().enumerate().map(one).collect::<Vec<_>>().join("\n"))
        };
        let good = all([5, 6, 7], "a");
        assert_eq!(good.against(&good), Difference::default());
        assert_eq!(all([4, 6, 9], "a").against(&good), Difference { lost: 1, twice: 2, channels: 2 });
        assert_eq!(all([5, 6, 7], "b").against(&good), Difference { lost: 0, twice: 0, channels: 3 });
        let mut less = good.clone();
        less.0.pop_last();
        assert_eq!(less.against(&good), Difference { lost: 7, twice: 0, channels: 1 });
        assert_eq!(good.against(&less), Difference { lost: 0, twice: 7, channels: 1 });
        assert_eq!(good.readings(), 18);
    }
}
