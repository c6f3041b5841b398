//! No alert is lost: devices that judge themselves raise them, agent and broker go down in between.

use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

use brooklet::reading::Timestamp;
use brooklet_tests::broker::Broker;
use indicatif::ProgressBar;
use serde_json::Value;

use crate::gateway::{Durability, Gateway};
use crate::peers::{PATIENCE, Passed, Publisher, Tap, Witness};
use crate::readings::judged;
use crate::report::{Report, grouped};
use crate::shared::Shared;

/// Where every alert is told: its state, and each change.
const TOLD: &[&str] = &["brooklet/gw/alert/+/+", "brooklet/gw/event/+/+"];
/// Frames that may wait at the broker.
const LEAD: u64 = 2_000;
/// How long the last alerts may take once the last frame was acknowledged.
const LAST: Duration = Duration::from_secs(30);

/// What the witness heard.
#[derive(Debug, Default)]
struct Heard {
    /// The id of each alert, by device and the time when it started.
    ids: HashMap<(String, String), HashSet<String>>,
    /// Each state of each alert on each topic.
    seen: HashSet<(String, String, String)>,
    repeats: u64,
}

impl Heard {
    fn hear(&mut self, topic: &str, alert: &Value) {
        let text = |name: &str| alert[name].as_str().unwrap_or_default().to_owned();
        let id = text("id");
        self.ids.entry((text("device"), text("started_at"))).or_default().insert(id.clone());
        // A refresh of an open alert is no repeat: it has a number of its own.
        let state = format!("{} {}", text("state"), alert["sequence"]);
        self.repeats += u64::from(!self.seen.insert((topic.to_owned(), id, state)));
    }

    /// How many of the expected ones were not heard.
    fn missing(&self, expected: &[(String, String)]) -> u64 {
        expected.iter().filter(|alert| !self.ids.contains_key(alert)).count() as u64
    }
}

/// `devices` devices raise `each` alerts and end them; the agent is killed and the broker restarted meanwhile.
pub(crate) fn none_lost(
    (devices, each): (usize, usize),
    (kills, restarts): (usize, usize),
    durability: Durability,
    bar: &ProgressBar,
) -> Report {
    let mut broker = Broker::start_as_shipped("");
    let port = broker.port();
    let tap = Tap::start(port, false);
    let heard: Shared<Heard> = Shared::default();
    let hearing = heard.clone();
    let _witness = Witness::start(port, TOLD, move |message| {
        if let Ok(alert) = serde_json::from_slice::<Value>(message.payload) {
            hearing.with(|heard| heard.hear(message.topic, &alert));
        }
    });
    let mut gateway = Gateway::start(tap.port(), durability, "");
    let rounds = 2 * each;
    let begin = Timestamp::now().0 - i64::try_from(rounds).expect("some rounds") * 1000;
    let time = move |round: usize| begin + i64::try_from(round).expect("some rounds") * 1000;
    let all = (devices * rounds) as u64;
    bar.set_length(all);

    let passed = tap.passed().clone();
    let publisher = thread::spawn(move || {
        let mut publisher = Publisher::new(port, "boards");
        for round in 0..rounds {
            let sequence = u16::try_from(round).expect("some rounds");
            let frame = judged(sequence, time(round), round % 2 == 0);
            for device in 0..devices {
                publisher.publish(&format!("boards/b{device}"), &frame);
            }
            publisher.flush();
            let so_far = ((round + 1) * devices) as u64;
            let near = |passed: &mut Passed| (so_far < passed.acknowledged() + LEAD).then_some(());
            passed.wait(PATIENCE, near).expect("the agent goes on");
        }
        publisher.finish();
        publisher
    });
    for time in 1..=kills + restarts {
        let then = all * time as u64 / (kills + restarts + 1) as u64;
        let reached = tap.passed().wait(PATIENCE, |passed| (passed.acknowledged() >= then).then_some(()));
        reached.unwrap_or_else(|| panic!("nothing moves after {} troubles", time - 1));
        bar.set_position(then);
        // Restarts spread evenly among the kills.
        if time * restarts / (kills + restarts) > (time - 1) * restarts / (kills + restarts) {
            broker.stop();
            broker.start_again();
        } else {
            gateway.kill();
            gateway.start_again();
        }
    }
    tap.drain(&mut publisher.join().expect("the publisher ends well"));
    bar.set_position(all);

    let alert = |device: usize, round: usize| (format!("b{device}"), Timestamp(time(round)).to_string());
    let expected: Vec<_> = (0..rounds)
        .step_by(2)
        .flat_map(|round| (0..devices).map(move |device| alert(device, round)))
        .collect();
    let since = Instant::now();
    let complete = |heard: &mut Heard| (heard.missing(&expected) == 0).then_some(());
    let _ = heard.wait(LAST, complete);
    let waited = since.elapsed();
    gateway.stop();
    heard.with(|heard| {
        let mut report = Report::default();
        report.figure("alerts raised", grouped(expected.len() as u64));
        report.figure("kill -9 of the agent, SIGTERM of the broker", format!("{kills}, {restarts}"));
        report.none("alerts lost", heard.missing(&expected));
        let two = heard.ids.values().filter(|ids| ids.len() > 1).count() as u64;
        report.none("alerts with more than one id", two);
        let strange = heard.ids.len() as u64 + heard.missing(&expected) - expected.len() as u64;
        report.none("alerts that nobody raised", strange);
        report.figure("messages heard twice, to be told by their id", grouped(heard.repeats));
        report.figure("until the last one was heard", format!("{} ms", waited.as_millis()));
        // An alert that is taken away must be missed.
        if let Some(one) = expected.first()
            && heard.ids.remove(one).is_some()
        {
            assert_eq!(heard.missing(std::slice::from_ref(one)), 1);
        }
        report
    })
}
