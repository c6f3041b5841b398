//! A new device starts from what its sibling has learnt, and a broken sensor is told as such.

use brooklet::alert::{Kind, State};
use brooklet::device::ChannelSettings;
use brooklet::model::Model;
use brooklet::reading::{ChannelId, DeviceId, Timestamp};
use brooklet::store::Store;
use brooklet_core::alarm::Settings;
use brooklet_core::sensor::Fault;
use brooklet_tests::agent;
use brooklet_tests::broker::Broker;
use brooklet_tests::client::Client;
use brooklet_tests::signal;
use tempfile::TempDir;

const CONFIG: &str = r#"
[gateway]
durability = "journal"

[mqtt]
url = "mqtt://127.0.0.1:PORT"

[[stream]]
name = "pumps"
topic = "pumps/{device}"
payload = "json"
time = "/ts"
channels.temp = { at = "/temp" }

[[task]]
name = "pump health"
stream = "pumps"
budget = 20
start_from = "sibling"
"#;

/// What the first device learns before the second one comes.
const LEARNT: usize = 700;
/// When the level of the second one is shifted: far from two days after it came.
const FAULT: std::ops::Range<usize> = 830..850;

fn at(i: usize) -> Timestamp {
    Timestamp(1000 * signal::time(i))
}

#[test]
fn a_new_device_starts_from_its_sibling_and_goes_on_so_after_a_crash() {
    let (broker, state, folder) = (Broker::start(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let config = CONFIG.replace("PORT", &broker.port().to_string());
    let command = || agent::configured(&config, folder.path(), state.path());
    let mut agent = agent::start(command());
    let (watcher, sensors) = (Client::watch(broker.port(), "brooklet/#"), Client::connect(broker.port()));
    for i in 0..LEARNT {
        sensors.publish("pumps/old", signal::json(i, &FAULT));
    }
    sensors.settle();
    watcher.wait_used(LEARNT as u64);
    agent::stop(&mut agent);

    watcher.forget();
    let mut agent = agent::start(command());
    // What was stored is there once its device is heard again.
    sensors.publish("pumps/old", signal::json(LEARNT, &FAULT));
    watcher.wait_used(1);
    let new = LEARNT..FAULT.end;
    for i in new.clone() {
        sensors.publish("pumps/new", signal::json(i, &FAULT));
    }
    sensors.settle();
    let alert = watcher.wait_alert("brooklet/gw/event/new/temp", |alert| alert.state == State::Firing);
    assert_eq!((alert.started_at, alert.kind), (at(FAULT.start), Kind::Anomaly), "{alert:?}");
    assert_eq!(alert.budget_used, Some(0.05), "one of twenty");
    watcher.wait_used(1 + new.len() as u64);
    agent.kill();

    let mut agent = agent::start(command());
    agent::stop(&mut agent);
    let store = Store::open(state.path()).unwrap();
    let saved = store.restored().get(&DeviceId("new".into()), &ChannelId("temp".into())).unwrap();
    let model = Model::load(&saved.snapshot, ChannelSettings::default().digest()).unwrap();
    let (seen, warm_up) = model.warm_up(&Settings::DEFAULT);
    assert_eq!(
        (warm_up, seen as usize),
        (288, 288 - 100 + new.len()),
        "a day, of which 100 readings were left"
    );
}

#[test]
fn a_sensor_that_sticks_is_told_by_its_own_kind_of_alert() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let _agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    let (watcher, sensors) = (Client::watch(broker.port(), "brooklet/#"), Client::connect(broker.port()));
    for i in 0..LEARNT {
        sensors.publish("sensors/boiler", signal::json(i, &FAULT));
    }
    let last = signal::healthy(LEARNT - 1);
    for i in LEARNT..LEARNT + 60 {
        sensors.publish("sensors/boiler", format!(r#"{{"ts":{},"temp":{last:.2}}}"#, signal::time(i)));
    }
    sensors.settle();
    let told = watcher.wait_alert("brooklet/gw/alert/boiler/temp", |alert| alert.kind == Kind::SensorFault);
    assert_eq!((told.fault, told.state), (Some(Fault::Stuck), State::Firing), "{told:?}");
    let sentence = &told.because.sentence;
    assert!(sentence.starts_with(&format!("boiler temp has been stuck at {last} for 2 h;")), "{sentence}");
}
