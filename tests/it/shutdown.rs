//! Stopping is quick, complete, and loses nothing.

use std::time::{Duration, Instant};

use brooklet_tests::agent::{self, STOP_WITHIN};
use brooklet_tests::broker::Broker;
use brooklet_tests::client::Client;
use brooklet_tests::{PATIENCE, signal};
use tempfile::TempDir;

/// Readings published in all.
const READINGS: usize = 12_000;
const DEVICES: usize = 4;

#[test]
fn a_stop_at_full_speed_loses_no_reading() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let command = || agent::watching(&broker, "sensors/#", state.path());
    let mut agent = agent::start(command());
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let (under_way, go) = std::sync::mpsc::channel();
    let first = std::thread::scope(|scope| {
        scope.spawn(|| {
            let sensors = Client::connect(broker.port());
            for i in 0..READINGS {
                sensors.publish(&format!("sensors/d{}", i % DEVICES), signal::json(i / DEVICES, &(0..0)));
                if i == READINGS / 3 {
                    under_way.send(()).unwrap();
                }
            }
            sensors.settle();
        });
        go.recv_timeout(PATIENCE).unwrap();
        let started = Instant::now();
        let first = agent::stop(&mut agent);
        assert!(started.elapsed() < STOP_WITHIN, "{:?}", started.elapsed());
        first
    });
    watcher.wait_status("offline");
    let late = Client::watch(broker.port(), "brooklet/#");
    late.wait_status("offline");

    let used = first["readings_used"].as_u64().unwrap();
    let left = READINGS as u64 - used;
    assert!(used > 0 && left > 0, "stopped in the middle: {used} of {READINGS}");
    watcher.forget();
    let mut agent = agent::start(command());
    watcher.wait_used(left);
    let second = agent::stop(&mut agent);
    // Every reading was learnt once, and nothing that was learnt came again.
    assert_eq!(second["readings_used"], left, "{second}");
    assert_eq!(second["messages"], left, "what was learnt before the stop was not acknowledged: {second}");
    assert_eq!(second["channels_restored"], DEVICES, "{second}");
}

#[test]
fn an_idle_agent_stops_at_once() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    for i in 0..100 {
        sensors.publish("sensors/a", signal::json(i, &(0..0)));
    }
    watcher.wait_used(100);
    let started = Instant::now();
    agent::stop(&mut agent);
    // A few milliseconds on a quiet machine.
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    watcher.wait_status("offline");
}

#[test]
fn a_stop_does_not_wait_for_the_next_sync_of_the_journal_and_nothing_is_learnt_twice() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let command = || {
        let mut command = agent::watching(&broker, "sensors/#", state.path());
        command.env("BROOKLET_GATEWAY__DURABILITY", "journal");
        command.env("BROOKLET_GATEWAY__SYNC_MILLISECONDS", "60000");
        command
    };
    let mut agent = agent::start(command());
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    for _ in 0..100 {
        sensors.publish("sensors/a", "21.5");
    }
    watcher.wait_used(100);
    let started = Instant::now();
    agent::stop(&mut agent);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    let mut agent = agent::start(command());
    watcher.forget();
    sensors.publish("sensors/a", "21.5");
    watcher.wait_used(1);
    assert_eq!(agent::stop(&mut agent)["messages"], 1);
}

#[test]
fn an_agent_whose_broker_is_away_stops_in_time_and_keeps_what_it_learnt() {
    let (mut broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    for i in 0..100 {
        sensors.publish("sensors/a", signal::json(i, &(0..0)));
    }
    watcher.wait_used(100);
    broker.stop();
    agent.line("connection to the broker");
    let totals = agent::stop(&mut agent);
    assert_eq!(totals["readings_used"], 100);
    broker.start_again();
    let mut agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    sensors.publish("sensors/a", signal::json(100, &(0..0)));
    watcher.wait_counts(|counts| counts.get("channels_restored") == 1);
    agent::stop(&mut agent);
}
