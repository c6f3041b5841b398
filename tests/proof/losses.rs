//! Nothing is lost and nothing learnt twice: the agent killed, the broker restarted, the broker killed.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use brooklet_tests::broker::Broker;
use brooklet_tests::client::Counts;
use indicatif::ProgressBar;
use serde_json::Value;

use crate::gateway::{Difference, Durability, Gateway, Learnt};
use crate::peers::{PATIENCE, Passed, Publisher, Tap, left_for};
use crate::readings::Feed;
use crate::report::{Report, grouped};
use crate::shared::Shared;

/// The publisher is at most so far ahead of the agent. A broker that is stopped in the middle of a burst has not read the
/// acknowledgements that wait in its socket and sends all of it again; with bursts that are long it does so until there is
/// no room left for what is new.
const LEAD: u64 = 2_000;
/// Messages that are published at once where the agent is not waited for.
const BURST: usize = 50;
/// Between two such bursts: a thousand messages a second.
const BURST_EVERY: Duration = Duration::from_millis(50);
/// The agent's session at the broker.
const SESSION: &str = "brooklet-gw";

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    AgentKilled,
    BrokerRestarted,
    BrokerKilled,
}

/// What came out of it.
struct Course {
    learnt: Learnt,
    /// Readings that only say that all is said.
    last: u64,
    /// Of the agent since its last start.
    totals: Value,
    /// Messages that were handed to the agent, repeats included.
    delivered: u64,
    /// Topics that the agent acknowledged.
    acknowledged: HashSet<String>,
    /// What the broker still has for the agent.
    left: u64,
}

/// A feed from its first reading to its last, and troubles spread evenly over it.
fn course(
    feed: Feed,
    durability: Durability,
    trouble: Option<(Trouble, usize)>,
    bar: &ProgressBar,
) -> Course {
    let (mut broker, all) = (Broker::start_as_shipped(""), feed.readings as u64);
    let forgets = matches!(trouble, Some((Trouble::BrokerKilled, _)));
    let tap = Tap::start(broker.port(), forgets);
    let cap = format!("max_channels = {}\n", feed.devices.max(100) + 1);
    let mut gateway = Gateway::start(tap.port(), durability, &cap);
    let port = broker.port();
    let (passed, published) = (tap.passed().clone(), Shared::new(0_u64));
    let progress = published.clone();
    let publisher = thread::spawn(move || {
        let mut publisher = Publisher::new(port, "plant");
        for i in 0..feed.readings {
            let (topic, payload) = feed.message(i);
            publisher.publish(&topic, &payload);
            if (i + 1) % BURST == 0 {
                publisher.flush();
                let so_far = i as u64 + 1;
                progress.with(|published| *published = so_far);
                if forgets {
                    thread::sleep(BURST_EVERY);
                } else {
                    let near = |passed: &mut Passed| (so_far < passed.acknowledged() + LEAD).then_some(());
                    passed.wait(PATIENCE, near).expect("the agent goes on learning");
                }
            }
        }
        publisher.finish();
        publisher
    });
    let (trouble, times) = trouble.map_or((Trouble::AgentKilled, 0), |trouble| trouble);
    for time in 1..=times as u64 {
        let then = all * time / (times as u64 + 1);
        let reached = if forgets {
            published.wait(PATIENCE, |published| (*published >= then).then_some(()))
        } else {
            tap.passed().wait(PATIENCE, |passed| (passed.acknowledged() >= then).then_some(()))
        };
        reached.unwrap_or_else(|| panic!("nothing moves after {} troubles", time - 1));
        bar.set_position(then);
        match trouble {
            Trouble::AgentKilled => {
                gateway.kill();
                gateway.start_again();
            }
            Trouble::BrokerRestarted => {
                broker.stop();
                broker.start_again();
            }
            Trouble::BrokerKilled => {
                broker.kill();
                broker.start_again();
            }
        }
    }
    let mut publisher = publisher.join().expect("the publisher ends well");
    tap.drain(&mut publisher);
    bar.set_position(all);
    let totals = gateway.stop();
    let left = left_for(port, SESSION).expect("the broker answers") as u64;
    let mut learnt = gateway.learnt();
    // The channel of the last message, whose time is the clock's.
    let last =
        learnt.0.remove(&("end".to_owned(), "temperature".to_owned())).map_or(0, |(readings, _)| readings);
    let (delivered, acknowledged) = tap.passed().with(|passed| (passed.delivered, passed.topics.clone()));
    Course { learnt, last, totals, delivered, acknowledged, left }
}

/// The agent killed, or the broker restarted: what is learnt in the end is bit for bit what is learnt without that.
pub(crate) fn nothing_lost(
    trouble: Trouble,
    times: usize,
    readings: usize,
    durability: Durability,
    bar: &ProgressBar,
) -> Report {
    let feed = Feed::until_now(if readings > 100_000 { 200 } else { 40 }, readings);
    bar.set_length(readings as u64);
    bar.set_message("undisturbed");
    let straight = course(feed, Durability::Checkpoint, None, bar);
    bar.set_message("disturbed");
    let disturbed = course(feed, durability, Some((trouble, times)), bar);
    assert_eq!(straight.learnt.readings(), readings as u64, "the undisturbed run learns all");
    assert_seen(&straight.learnt);

    let mut report = Report::default();
    let Difference { lost, twice, channels } = disturbed.learnt.against(&straight.learnt);
    report.figure("readings, QoS 1", grouped(readings as u64));
    report.figure(
        match trouble {
            Trouble::AgentKilled => "kill -9 of the agent",
            Trouble::BrokerRestarted | Trouble::BrokerKilled => "SIGTERM of the broker",
        },
        times,
    );
    report.none("readings lost", lost);
    report.none("readings learnt twice", twice);
    report.none("channels whose model differs by a bit", channels);
    report.none("messages left at the broker", disturbed.left);
    report.figure(
        "messages that came again",
        grouped(disturbed.delivered.saturating_sub(readings as u64 + disturbed.last)),
    );
    report
}

/// A comparison that sees nothing would prove nothing: damage must show.
fn assert_seen(learnt: &Learnt) {
    let mut damaged = learnt.clone();
    let (_, (readings, _)) = damaged.0.iter_mut().next().expect("a channel");
    *readings -= 1;
    assert_eq!(damaged.against(learnt), Difference { lost: 1, twice: 0, channels: 1 });
}

/// The broker killed: it forgets what it acknowledged. What is missing then is what it lost, and nothing else. Each reading
/// has a device of its own, so that it can be told which.
pub(crate) fn broker_killed(
    times: usize,
    readings: usize,
    durability: Durability,
    bar: &ProgressBar,
) -> Report {
    bar.set_length(readings as u64);
    let feed = Feed::until_now(readings, readings);
    let course = course(feed, durability, Some((Trouble::BrokerKilled, times)), bar);
    let (device, topic) = (|i: usize| format!("d{i}"), |i: usize| format!("plant/d{i}"));
    let learnt = |i: usize| {
        course.learnt.0.get(&(device(i), "temperature".to_owned())).map_or(0, |(readings, _)| *readings)
    };
    // The publisher repeats everything until it is acknowledged, so the broker has acknowledged them all.
    let missing = (0..readings).filter(|i| learnt(*i) == 0).count() as u64;
    let twice = (0..readings).filter(|i| learnt(*i) > 1).count() as u64;
    let own_fault =
        (0..readings).filter(|i| learnt(*i) == 0 && course.acknowledged.contains(&topic(*i))).count();
    let counts = Counts::of(&course.totals).expect("counts");
    counts.assert_complete();

    let mut report = Report::default();
    report.figure("readings, QoS 1, all acknowledged by the broker", grouped(readings as u64));
    report.figure("kill -9 of the broker", times);
    report.figure("readings lost by the broker", grouped(missing));
    report.none("of them acknowledged by the agent", own_fault as u64);
    report.none("of them still at the broker", course.left);
    report.none("readings learnt twice", twice);
    let (used, expected) = (counts.get("readings_used"), readings as u64 - missing + course.last);
    report.promise("readings used, says the ledger", grouped(used), &grouped(expected), used == expected);
    report
}
