//! An emulated Cortex-M3 with Ethernet that talks MQTT straight to the broker.

use brooklet::alert::State;
use brooklet::reading::Timestamp;
use brooklet_tests::agent;
use brooklet_tests::broker::Broker;
use brooklet_tests::child::Child;
use brooklet_tests::client::{Client, Message};
use brooklet_tests::qemu::{self, Machine};
use serde_json::json;
use tempfile::TempDir;

/// The simulated sensor's first fault, reading 2000 since 2026-01-01 every five minutes: the level is shifted.
const SHIFTED: Timestamp = Timestamp((1_767_225_600 + 2_000 * 300) * 1_000);

/// The device, told its broker: what it sees as 10.0.2.2 is this machine.
fn device(broker: &Broker) -> Child {
    let program = qemu::firmware("qemu-cortex-m3-ethernet", "brooklet-qemu-cortex-m3-ethernet");
    let broker = format!("arg=10.0.2.2:{}", broker.port());
    Machine::arm("lm3s6965evb")
        .run(&program, &["-nic", "user,model=stellaris", "-semihosting-config", &broker])
}

#[test]
fn a_device_publishes_over_ethernet_and_the_agent_finds_the_fault() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let _agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let _device = device(&broker);
    // In steps: each has the whole patience for itself.
    for readings in [500, 1_000, 1_500, 2_000] {
        watcher.wait_used(readings);
    }
    let topic = format!("brooklet/{}/event/pump-7/temperature", agent::GATEWAY);
    let alert = watcher.wait_alert(&topic, |alert| alert.state == State::Firing);
    assert_eq!(alert.started_at, SHIFTED, "{alert:?}");
    // It goes on publishing: between a message and its reading the counts are not complete.
    watcher.wait_counts(|counts| counts.get("readings_used") > 2_000 && counts.is_complete());
}

#[test]
fn commands_and_models_travel_both_ways_over_the_broker() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let _agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let _device = device(&broker);
    watcher.wait_used(500);
    let command = |name: &str, field: &str, value: &str| {
        let topic = format!("brooklet/{}/cmd/{name}/1", agent::GATEWAY);
        let init = json!({"status": "init", "device": "pump-7", field: value});
        watcher.publish(&topic, init.to_string());
        watcher.wait(&topic, |message| {
            let answer = message.json();
            assert_ne!(answer["status"], "failed", "{answer}");
            (answer["status"] == "successful").then_some(())
        });
    };
    // Down: the device goes on with the gateway's model, by itself; its hours go up for a sign of life.
    command("send-model", "channel", "temperature");
    command("set-mode", "mode", "verdicts");
    let before = watcher.wait_counts(|_| true).get("messages_decoded");
    watcher.wait_counts(|counts| counts.get("messages_decoded") > before + 10);
    // Up: the gateway has the device's model.
    command("fetch-model", "channel", "temperature");
    let model = format!("brooklet/{}/model/pump-7/temperature", agent::GATEWAY);
    assert!(watcher.wait(&model, |message| Some(message.bytes.len())) > 1_000);
}

#[test]
fn a_device_without_a_broker_goes_on_counts_what_it_loses_and_comes_back() {
    let mut broker = Broker::start();
    let watcher = Client::watch(broker.port(), "+/pump-7/#");
    let device = device(&broker);
    let reading = |message: &Message| message.payload.starts_with("[[").then_some(());
    watcher.wait("sensors/pump-7/temperature", reading);
    assert_eq!(status(&watcher, |_| true), 0);
    broker.stop();
    // It tells each attempt. Its queue is full at once; then the oldest reading goes for each new one.
    let mut attempt = 0;
    let lost = |line: &str| line.split_once("; ")?.1.split_once(" lost")?.0.parse::<u64>().ok();
    let lost = loop {
        attempt += 1;
        match lost(&device.nth_line(" lost; again in ", attempt)) {
            Some(0) => {}
            Some(lost) => break lost,
            None => panic!("no count of what was lost"),
        }
    };
    watcher.forget();
    broker.start_again();
    assert!(status(&watcher, |now| now >= lost) >= lost);
    watcher.wait("sensors/pump-7/temperature", reading);
}

/// What the device says that it lost, once `is_it` holds for it.
fn status(watcher: &Client, is_it: impl Fn(u64) -> bool) -> u64 {
    watcher.wait("status/pump-7", |message| {
        let status = message.json();
        status["lost"].as_u64().filter(|lost| status["online"] == true && is_it(*lost))
    })
}
