//! Readings whose times are out of order, wrong, or of a time at which no clock was set.

use brooklet::reading::Timestamp;
use brooklet_tests::agent::{self, STATUS};
use brooklet_tests::broker::Broker;
use brooklet_tests::client::{Client, Counts};
use std::process::Command;
use tempfile::TempDir;

const SECOND: i64 = 1000;

/// An agent that judges times as it does unless told otherwise.
fn watching(broker: &Broker, state: &TempDir) -> Command {
    let mut command = agent::watching(broker, "sensors/#", state.path());
    command.env("BROOKLET_GATEWAY__MAX_PAST_SECONDS", "3600").env("BROOKLET_GATEWAY__CLOCK", "trusted");
    command
}

fn reading(at: i64, value: usize) -> String {
    format!(r#"{{"ts":{at},"v":{value}}}"#)
}

fn get<const N: usize>(counts: &Counts, names: [&str; N]) -> [u64; N] {
    names.map(|name| counts.get(name))
}

#[test]
fn what_comes_in_out_of_order_is_put_in_order_and_twice_counted_once() {
    const READINGS: usize = 400;
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = agent::start(watching(&broker, &state));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    // Ten a second, four each time in reverse; every tenth comes twice.
    let begin = Timestamp::now().0 - 60 * SECOND;
    let mut sent = 0;
    for i in (0..READINGS).map(|i| i ^ 3) {
        let payload = reading(begin + i as i64 * 100, i % 12);
        for _ in 0..=usize::from(i % 10 == 0) {
            sensors.publish("sensors/a", payload.clone());
            sent += 1;
        }
    }
    sensors.settle();
    // The last ones are held until no older ones can come any more, and not longer.
    let counts = watcher.wait_counts(|counts| get(counts, ["readings", "readings_held"]) == [sent, 0]);
    counts.assert_complete();
    let [used, late, duplicate, reordered] =
        get(&counts, ["readings_used", "readings_late", "readings_duplicate", "times_reordered"]);
    assert_eq!(used + late + duplicate, sent, "{counts:?}");
    // The first four teach it.
    assert!(late <= 4 && used + 4 >= READINGS as u64, "{counts:?}");
    assert!(duplicate + 1 >= sent - READINGS as u64 && reordered >= 270, "{counts:?}");
    agent::stop(&mut agent);
}

#[test]
fn what_is_held_when_the_agent_stops_is_learnt_after_it() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = agent::start(watching(&broker, &state));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    let begin = Timestamp::now().0 - 600 * SECOND;
    let publish = |second: i64| sensors.publish("sensors/a", reading(begin + second * SECOND, 1));
    // 40 seconds late: from now on readings wait for a minute.
    [40, 0, 41, 42, 43].into_iter().for_each(publish);
    sensors.settle();
    watcher.wait_counts(|counts| counts.get("readings") == 5).assert_complete();
    let totals = agent::stop(&mut agent);
    assert_eq!((&totals["readings_used"], &totals["readings_held"]), (&1.into(), &3.into()), "{totals}");

    watcher.forget();
    let mut agent = agent::start(watching(&broker, &state));
    publish(200);
    sensors.settle();
    let counts = watcher.wait_counts(|counts| counts.get("readings_used") > 0);
    counts.assert_complete();
    assert_eq!(get(&counts, ["readings", "readings_used", "readings_held"]), [4, 3, 1], "{counts:?}");
    agent::stop(&mut agent);
}

#[test]
fn a_device_whose_clock_is_wrong_is_told_of_and_goes_on() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = agent::start(watching(&broker, &state));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    // Boots in 1970, each time a reading comes a little later.
    let mut seen = watcher.wait_used(0);
    let mut sent = 0;
    while seen.get("times_replaced") < 2 {
        let booted = std::time::Duration::from_millis(seen.get("readings") * 900 + 5000);
        let text = format!(r#"{{"time":"1970-01-01T00:00:{:06.3}Z","v":1}}"#, booted.as_secs_f64());
        sensors.publish("sensors/old", text);
        sent += 1;
        assert!(sent < 60, "it stays deaf: {seen:?}");
        watcher.forget();
        seen = watcher.wait_counts(|counts| counts.get("readings") == sent);
    }
    agent.line("gateway.max_past_seconds");
    agent.line("its clock is wrong");
    sensors.publish("sensors/new", r#"{"time":"2099-01-01T00:00:00Z","v":1}"#);
    sensors.publish("sensors/new", r#"{"v":1}"#);
    let counts = watcher.wait_counts(|counts| counts.get("readings") == sent + 2);
    counts.assert_complete();
    let [used, past, future, replaced] =
        get(&counts, ["readings_used", "readings_past", "readings_future", "times_replaced"]);
    assert_eq!((used, future), (replaced + 1, 1), "{counts:?}");
    assert!(past >= 4 && past + replaced == sent, "{counts:?}");
    agent::stop(&mut agent);
}

#[test]
fn a_clock_that_is_not_set_judges_nothing() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut command = watching(&broker, &state);
    command.env("BROOKLET_GATEWAY__CLOCK", "untrusted");
    let mut agent = agent::start(command);
    agent.line("not known to be set");
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    for (device, time) in [("a", "2001-01-01"), ("b", "2099-01-01")] {
        for i in 0..10 {
            sensors
                .publish(&format!("sensors/{device}"), format!(r#"{{"time":"{time}T00:00:0{i}Z","v":1}}"#));
        }
    }
    (0..10).for_each(|i| sensors.publish("sensors/c", format!(r#"{{"v":{i}}}"#)));
    sensors.settle();
    let counts = watcher.wait_counts(|counts| counts.get("readings") == 30);
    counts.assert_complete();
    assert_eq!(counts.get("readings_used"), 30, "{counts:?}");
    watcher.wait(STATUS, |message| (message.json()["clock"]["set"] == false).then_some(()));
    agent::stop(&mut agent);
}
