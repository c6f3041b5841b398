//! Too much of something: it is bounded, told, and counted, and the rest goes on.

use brooklet::alert::Alert;
use brooklet_core::frame;
use brooklet_core::message::{Judged, Message, Reading};
use brooklet_core::monitor::Verdict;
use brooklet_tests::agent;
use brooklet_tests::broker::Broker;
use brooklet_tests::client::Client;
use serde_json::Value;
use tempfile::TempDir;

/// Devices whose alerts begin at once.
const DEVICES: usize = 40;
/// Alerts told one by one.
const TOLD: usize = 10;

/// A device's own verdict that an alert begins.
fn fired() -> Vec<u8> {
    let reading = Reading { channel: "t".try_into().unwrap(), time: None, value: 50.0 };
    let verdict = Verdict { score: 5.0, level: 5.0, threshold: 2.2, fired: true, ended: false, fault: None };
    let message = Message::Judged(Judged { reading, verdict, because: None, firing: true });
    frame::encode(1, &message, &mut [0; frame::MAX]).unwrap().to_vec()
}

#[test]
fn a_storm_of_alerts_rings_once_and_each_state_is_told() {
    let (broker, state, folder) = (Broker::start(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let config = format!(
        "[mqtt]\nurl = \"{}\"\n[alert]\nmost_a_minute = {TOLD}\n[[stream]]\nname = \"all\"\ntopic = \"plant/{{device}}\"\n",
        broker.url()
    );
    let command = || agent::configured(&config, folder.path(), state.path());
    let mut agent = agent::start(command());
    let (watcher, devices) = (Client::watch(broker.port(), "brooklet/#"), Client::connect(broker.port()));
    for i in 0..DEVICES {
        devices.publish(&format!("plant/pump-{i}"), fired());
    }
    let storm = watcher.wait("brooklet/gw/event/_gateway/storm", |message| Some(message.json()));
    assert_eq!((&storm["kind"], &storm["state"]), (&Value::from("storm"), &Value::from("firing")), "{storm}");
    let held_back = (DEVICES - TOLD) as u64;
    let counts =
        watcher.wait_counts(|counts| counts.get("events_held_back") >= held_back && counts.is_complete());
    assert_eq!((counts.get("alerts"), counts.get("events_held_back")), (DEVICES as u64, held_back));
    for i in 0..DEVICES {
        watcher.wait_alert(&format!("brooklet/gw/alert/pump-{i}/t"), |_| true);
    }
    let of = |kind: &str| {
        let topic = format!("brooklet/gw/{kind}/pump-");
        let told = watcher.seen().into_iter().filter(|message| message.topic.starts_with(&topic));
        told.filter(|message| serde_json::from_str::<Alert>(&message.payload).is_ok()).count()
    };
    assert_eq!((of("event"), of("alert")), (TOLD, DEVICES));

    // The next run has no storm: the end of this one is told, and its state taken back.
    agent.kill();
    watcher.forget();
    let mut agent = agent::start(command());
    devices.publish("plant/pump-0", "21.5");
    // What was not acknowledged before the kill comes again first.
    let over = watcher.wait("brooklet/gw/event/_gateway/storm", |message| {
        Some(message.json()).filter(|told| told["state"] == "resolved")
    });
    assert_eq!(over["id"], storm["id"], "{over}");
    agent::stop(&mut agent);
}

#[test]
fn a_device_gone_wild_is_held_to_its_share_and_the_others_are_learnt() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut command = agent::watching(&broker, "sensors/#", state.path());
    command.env("BROOKLET_GATEWAY__DEVICE_READINGS_PER_SECOND", "1");
    let mut agent = agent::start(command);
    let (watcher, sensors) = (Client::watch(broker.port(), "brooklet/#"), Client::connect(broker.port()));
    for _ in 0..2000 {
        sensors.publish("sensors/wild", r#"{"a":1}"#);
    }
    for _ in 0..10 {
        sensors.publish("sensors/calm", r#"{"a":1}"#);
    }
    let counts = watcher.wait_counts(|counts| counts.get("readings") >= 2010 && counts.is_complete());
    // Ten minutes' worth at once; a busy machine takes less than ten more to send the rest.
    let (used, flooded) = (counts.get("readings_used"), counts.get("readings_flooded"));
    assert_eq!(used + flooded, 2010, "{counts:?}");
    assert!((611..1211).contains(&used), "{counts:?}");
    agent.line("readings_flooded");
    agent::stop(&mut agent);
}
