//! An emulated Cortex-M3 with Ethernet, straight to the broker: real MQTT from the device on.

use brooklet::alert::State;
use brooklet::reading::Timestamp;
use brooklet_tests::agent;
use brooklet_tests::broker::Broker;
use brooklet_tests::child::Child;
use brooklet_tests::client::Client;
use brooklet_tests::qemu::{self, Machine};
use tempfile::TempDir;

const BOARD: &str = "qemu-cortex-m3-ethernet";
/// The first fault of the simulated sensor, reading 2000 since 2026-01-01 every five minutes: the level is shifted.
const SHIFTED: Timestamp = Timestamp((1_767_225_600 + 2_000 * 300) * 1_000);

/// The device, with this broker: what its network calls 10.0.2.2 is this machine.
fn device(broker: &Broker) -> Child {
    let program = qemu::firmware(BOARD, "brooklet-qemu-cortex-m3-ethernet");
    let broker = format!("arg=10.0.2.2:{}", broker.port());
    Machine::arm("lm3s6965evb")
        .run(&program, &["-nic", "user,model=stellaris", "-semihosting-config", &broker])
}

#[test]
fn a_device_publishes_its_readings_and_the_agent_finds_the_fault() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let _agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let _device = device(&broker);
    let topic = format!("brooklet/{}/event/pump-7/temperature", agent::GATEWAY);
    let alert = watcher.wait_alert(&topic, |alert| alert.state == State::Firing);
    assert_eq!(alert.started_at, SHIFTED, "{alert:?}");
    let counts = watcher.wait_counts(|counts| counts.get("readings_used") > 2_000);
    counts.assert_complete();
}
