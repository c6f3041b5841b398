//! The broker goes away and comes back, with and without its memory; what it retains is no news.

use std::process::Command;

use brooklet::alert::State;
use brooklet_tests::agent::{self, STATUS};
use brooklet_tests::broker::Broker;
use brooklet_tests::client::Client;
use brooklet_tests::signal;
use tempfile::TempDir;

/// When the level is shifted.
const FAULT: std::ops::Range<usize> = 700..800;
/// Where the broker is stopped: in the middle of the fault.
const STOP: usize = 750;
/// Readings that come in while the agent is not connected.
const MISSED: usize = 100;
const READINGS: usize = 1_000;
const ALERT: &str = "brooklet/gw/alert/boiler/temp";
const EVENTS: &str = "brooklet/gw/event/boiler/temp";

fn publish(broker: &Broker, range: std::ops::Range<usize>) {
    let sensors = Client::connect(broker.port());
    range.for_each(|i| sensors.publish("sensors/boiler", signal::json(i, &FAULT)));
    sensors.settle();
}

fn start(broker: &Broker, state: &TempDir) -> Command {
    agent::watching(broker, "sensors/#", state.path())
}

#[test]
fn nothing_is_lost_while_the_broker_restarts() {
    let (mut broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = agent::start(start(&broker, &state));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    publish(&broker, 0..STOP);
    watcher.wait_used(STOP as u64);
    let alert = watcher.wait_alert(EVENTS, |alert| alert.state == State::Firing);

    // Halted, so that it certainly is not connected when the broker is back.
    agent.signal("STOP");
    broker.stop();
    broker.start_again();
    publish(&broker, STOP..STOP + MISSED);
    watcher.forget();
    agent.signal("CONT");
    agent::wait_ready(&agent, 2);
    publish(&broker, STOP + MISSED..READINGS);

    let watcher = Client::watch(broker.port(), "brooklet/#");
    let counts = watcher.wait_used(READINGS as u64);
    counts.assert_complete();
    let names = ["readings", "readings_used", "disconnects"];
    assert_eq!(names.map(|name| counts.get(name)), [READINGS as u64, READINGS as u64, 1]);
    // The alert went on over the restart, and is over.
    let kept = watcher.wait_alert(ALERT, |kept| kept.state == State::Resolved);
    assert_eq!((kept.id, kept.started_at), (alert.id, alert.started_at));
    agent::stop(&mut agent);
    watcher.wait_status("offline");
}

#[test]
fn a_broker_that_lost_its_memory_is_told_again() {
    let (mut broker, state) = (Broker::start(), TempDir::new().unwrap());
    let agent = agent::start(start(&broker, &state));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    publish(&broker, 0..STOP);
    watcher.wait_used(STOP as u64);
    let alert = watcher.wait_alert(EVENTS, |alert| alert.state == State::Firing);
    drop(watcher);

    broker.stop();
    broker.forget();
    broker.start_again();
    agent::wait_ready(&agent, 2);
    let late = Client::watch(broker.port(), "brooklet/#");
    let kept = late.wait_alert(ALERT, |_| true);
    assert_eq!((&kept.id, kept.state), (&alert.id, State::Firing));
    late.wait(STATUS, |message| {
        (message.payload == "online" || message.json()["status"] == "online").then_some(())
    });
    // It listens again, too.
    publish(&broker, STOP..READINGS);
    late.wait_used(READINGS as u64);
    let over = late.wait_alert(EVENTS, |over| over.state == State::Resolved);
    assert_eq!(over.id, alert.id);
}

#[test]
fn an_agent_that_starts_before_its_broker_finds_it() {
    let (mut broker, state) = (Broker::start(), TempDir::new().unwrap());
    broker.stop();
    let mut command = start(&broker, &state);
    let agent = brooklet_tests::child::Child::spawn("brooklet", &mut command);
    assert!(agent.line("nothing listens there").contains("is the broker running"));
    broker.start_again();
    agent::wait_ready(&agent, 1);
    let watcher = Client::watch(broker.port(), "brooklet/#");
    publish(&broker, 0..10);
    watcher.wait_used(10);
    // What does not change is said once.
    let complaints = agent.lines("nothing listens there");
    assert!(complaints.len() <= 2, "once for each connection: {complaints:#?}");
}

#[test]
fn what_the_broker_retains_is_no_new_reading() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let sensors = Client::connect(broker.port());
    for device in ["a", "b", "c"] {
        sensors.publish_retained(&format!("sensors/{device}"), signal::json(1, &(0..0)));
    }
    sensors.settle();
    // `#` also brings back what the agent says itself.
    let command = || agent::watching(&broker, "#", state.path());
    let mut agent = agent::start(command());
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let counts = watcher.wait_counts(|counts| counts.get("messages_own") > 2);
    counts.assert_complete();
    assert!(counts.get("messages_retained") >= 3, "{counts:?}");
    assert_eq!((counts.get("readings"), counts.get("channels")), (0, 0));

    // Retained, but sent just now: that is news.
    sensors.publish_retained("sensors/a", signal::json(2, &(0..0)));
    watcher.wait_used(1).assert_complete();
    let totals = agent::stop(&mut agent);
    assert_eq!((&totals["readings"], &totals["messages_refused"]), (&1.into(), &0.into()), "{totals}");

    watcher.forget();
    let mut agent = agent::start(command());
    let counts = watcher.wait_counts(|counts| counts.get("messages_own") > 2);
    assert_eq!(counts.get("readings"), 0, "nor is it after a restart: {counts:?}");
    agent::stop(&mut agent);
}
