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

fn start(broker: &Broker, state: &TempDir, version: &str) -> Command {
    let mut command = agent::watching(broker, "sensors/#", state.path());
    command.env("BROOKLET_MQTT__VERSION", version);
    command
}

#[test]
fn nothing_is_lost_while_the_broker_restarts() {
    broker_restarts("3.1.1");
}

#[test]
fn nothing_is_lost_while_the_broker_restarts_with_mqtt_5() {
    broker_restarts("5");
}

fn broker_restarts(version: &str) {
    let (mut broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = agent::start(start(&broker, &state, version));
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
    broker_forgets("3.1.1");
}

#[test]
fn a_broker_that_lost_its_memory_is_told_again_with_mqtt_5() {
    broker_forgets("5");
}

fn broker_forgets(version: &str) {
    let (mut broker, state) = (Broker::start(), TempDir::new().unwrap());
    let agent = agent::start(start(&broker, &state, version));
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
    let counts = late.wait_used(READINGS as u64);
    assert_eq!(counts.get("sessions_lost"), 1, "{counts:?}");
    let over = late.wait_alert(EVENTS, |over| over.state == State::Resolved);
    assert_eq!(over.id, alert.id);
}

#[test]
fn an_agent_that_starts_before_its_broker_finds_it() {
    let (mut broker, state) = (Broker::start(), TempDir::new().unwrap());
    broker.stop();
    let mut command = start(&broker, &state, "3.1.1");
    let agent = brooklet_tests::child::Child::spawn("brooklet", &mut command);
    assert!(agent.line("nothing listens there").contains("is the broker running"));
    broker.start_again();
    agent::wait_ready(&agent, 1);
    let watcher = Client::watch(broker.port(), "brooklet/#");
    publish(&broker, 0..10);
    assert_eq!(watcher.wait_used(10).get("disconnects"), 0, "no connection was lost");
    // What does not change is said once.
    let complaints = agent.lines("nothing listens there");
    assert!(complaints.len() <= 2, "once for each connection: {complaints:#?}");
}

#[test]
fn the_broker_keeps_messages_while_the_agent_is_away_with_mqtt_5() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = agent::start(start(&broker, &state, "5"));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    publish(&broker, 0..STOP);
    watcher.wait_used(STOP as u64);
    let alert = watcher.wait_alert(EVENTS, |alert| alert.state == State::Firing);
    assert_eq!(agent::stop(&mut agent)["sessions_lost"], 0);
    watcher.wait_status("offline");
    publish(&broker, STOP..STOP + MISSED);

    watcher.forget();
    let mut agent = agent::start(start(&broker, &state, "5"));
    publish(&broker, STOP + MISSED..READINGS);
    let counts = watcher.wait_used((READINGS - STOP) as u64);
    counts.assert_complete();
    let late = Client::watch(broker.port(), ALERT);
    let kept = late.wait_alert(ALERT, |kept| kept.state == State::Resolved);
    assert_eq!(kept.id, alert.id);
    assert!(agent.line("connected to the broker").contains("session_present=true"));
    agent::stop(&mut agent);
    let versions = broker.child().lines(" as brooklet-gw");
    assert!(!versions.is_empty() && versions.iter().all(|line| line.contains("(p5,")), "{versions:#?}");
}

#[test]
fn a_message_that_is_too_long_does_not_end_the_connection_with_mqtt_5() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut command = start(&broker, &state, "5");
    command.env("BROOKLET_MQTT__MAX_PACKET_BYTES", "10000");
    let mut agent = agent::start(command);
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    sensors.publish("sensors/boiler", vec![b'1'; 20_000]);
    sensors.settle();
    publish(&broker, 0..10);
    let counts = watcher.wait_used(10);
    assert_eq!((counts.get("messages"), counts.get("disconnects")), (10, 0), "{counts:?}");
    agent::stop(&mut agent);
}

#[test]
fn two_agents_with_one_client_id_are_told_so() {
    let (broker, states) = (Broker::start(), [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    let agent = |name: &str, state: &TempDir| {
        let config = format!(
            "[mqtt]\nurl = \"{}\"\nclient_id = \"twin\"\n[[stream]]\nname = \"all\"\ntopic = \"sensors/#\"\n",
            broker.url()
        );
        let mut command = agent::configured(&config, state.path(), &state.path().join("state"));
        command.env("BROOKLET_GATEWAY__NAME", name);
        brooklet_tests::child::Child::spawn(name, &mut command)
    };
    let watcher = Client::watch(broker.port(), "brooklet/+/status");
    let mut agents = [agent("left", &states[0]), agent("right", &states[1])];
    let told =
        |child: &brooklet_tests::child::Child| child.lines("does another client use the client id twin");
    let deadline = std::time::Instant::now() + brooklet_tests::PATIENCE;
    while agents.iter().all(|agent| told(agent).is_empty()) {
        assert!(std::time::Instant::now() < deadline, "neither noticed");
        let seen = agents[0].log().len();
        agents[0].log().wait(seen, std::time::Duration::from_millis(200), |_| Some(()));
    }
    let line = agents.iter().flat_map(told).next().unwrap();
    let (_, seconds) = line.split_once("the next attempt is in ").unwrap();
    let seconds: u64 = seconds.trim_end_matches(" s").parse().unwrap();
    assert!((60..=180).contains(&seconds), "{line}");
    // The other one has the broker to itself for a while, and the first says what is wrong.
    let loser = agents.iter().position(|agent| !told(agent).is_empty()).unwrap();
    let status = ["brooklet/left/status", "brooklet/right/status"][loser];
    watcher.wait(status, |message| {
        let json = message.json();
        let problems = json["problems"].as_array()?;
        problems
            .iter()
            .any(|problem| problem.as_str().is_some_and(|text| text.contains("twin")))
            .then_some(())
    });
    for agent in &mut agents {
        agent.signal("TERM");
        assert!(agent.wait(agent::STOP_WITHIN).success(), "also while it waits");
    }
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

#[test]
fn filters_that_overlap_bring_each_message_once() {
    // As many brokers do: one message for each filter that matches.
    let broker = Broker::start_as_shipped("allow_duplicate_messages true\n");
    let state = TempDir::new().unwrap();
    let mut command = agent::watching(&broker, "sensors/+/temp", state.path());
    command.args(["--topic", "#"]);
    let mut agent = agent::start(command);
    let watcher = Client::watch(broker.port(), "brooklet/gw/cmd/#");
    let sensors = Client::connect(broker.port());
    for i in 0..10 {
        sensors.publish("sensors/a/temp", i.to_string());
    }
    let command = "brooklet/gw/cmd/publish-model/1";
    sensors.publish(command, r#"{"status":"init","device":"a","channel":"temp"}"#);
    sensors.settle();
    watcher.wait(command, |message| (message.json()["status"] != "init").then_some(()));
    let totals = agent::stop(&mut agent);
    assert_eq!(["readings_used", "messages_commands"].map(|count| &totals[count]), [10, 1], "{totals}");
}

#[test]
fn subscriptions_of_an_earlier_configuration_are_told_and_can_be_forgotten() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut before = agent::start(agent::watching(&broker, "#", state.path()));
    agent::stop(&mut before);
    let watching = || agent::watching(&broker, "sensors/#", state.path());
    let sensors = Client::connect(broker.port());
    let publish = || {
        sensors.publish("elsewhere/a", "1");
        sensors.publish("sensors/a", "1");
        sensors.settle();
    };

    let mut agent = agent::start(watching());
    publish();
    assert!(agent.line("an earlier configuration").contains("elsewhere/a"));
    let watcher = Client::watch(broker.port(), agent::STATUS);
    watcher.wait(agent::STATUS, |message| {
        message.json()["problems"][0].as_str()?.contains("mqtt.persistent = false").then_some(())
    });
    agent::stop(&mut agent);

    // As it says.
    let mut once = watching();
    once.env("BROOKLET_MQTT__PERSISTENT", "false");
    agent::stop(&mut agent::start(once));
    let mut agent = agent::start(watching());
    publish();
    watcher.forget();
    watcher.wait_used(1);
    let totals = agent::stop(&mut agent);
    assert_eq!(["messages_unmapped", "readings_used"].map(|count| &totals[count]), [0, 1], "{totals}");
}
