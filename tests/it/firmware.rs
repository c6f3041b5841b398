//! Emulated microcontrollers on a serial line: readings, verdicts and models up, commands and models down.

use brooklet::alert::{Alert, State};
use brooklet::reading::Timestamp;
use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::Detector;
use brooklet_core::monitor::Monitor;
use brooklet_core::snapshot;
use brooklet_tests::agent;
use brooklet_tests::broker::{Broker, free_port};
use brooklet_tests::child::Child;
use brooklet_tests::client::Client;
use brooklet_tests::qemu::{self, Machine};
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "../../firmware-examples/shared/src/signal.rs"]
#[allow(dead_code, unreachable_pub, reason = "the boards' own file")]
mod signal;

/// Readings that the device plays at once; the next part begins when it is told who learns.
const PART: usize = 1500;
/// The first fault of the simulated sensor, reading 2000 since 2026-01-01 every five minutes: the level is shifted.
const SHIFTED: Timestamp = Timestamp((1_767_225_600 + 2_000 * 300) * 1_000);

/// A board that runs the program `device`.
struct Board {
    folder: &'static str,
    machine: Machine,
    arguments: &'static [&'static str],
}

const CORTEX_M4F: Board =
    Board { folder: "qemu-cortex-m4f", machine: Machine::arm("mps2-an386"), arguments: &[] };
/// The part with 32 kB of RAM: 16 are too few to load a model.
const CORTEX_M0: Board = Board {
    folder: "qemu-cortex-m0",
    machine: Machine::arm("microbit"),
    arguments: &["-global", "nrf51-soc.sram-size=32768"],
};
const RISC_V: Board = Board { folder: "qemu-riscv32", machine: Machine::riscv32("virt"), arguments: &[] };

/// A broker, the agent, and a board with the agent at the other end of its line.
struct Bench {
    watcher: Client,
    commands: u16,
    agent: Child,
    _board: Child,
    _broker: Broker,
    _folder: TempDir,
}

impl Bench {
    fn start(board: &Board) -> Self {
        let program = qemu::firmware(board.folder, "device");
        let (broker, folder, port) = (Broker::start(), TempDir::new().unwrap(), free_port());
        let line = format!("tcp:127.0.0.1:{port},server=on,wait=on,nodelay=on");
        let child = board.machine.run(&program, &[board.arguments, &["-serial", &line]].concat());
        let url = broker.url();
        let config = format!(
            "[mqtt]\nurl = {url:?}\n[[serial]]\nname = \"line\"\nport = \"tcp://127.0.0.1:{port}\"\n"
        );
        // All is subscribed before the device says its first word.
        let watcher = Client::watch(broker.port(), "brooklet/#");
        let agent = agent::start(agent::configured(&config, folder.path(), &folder.path().join("state")));
        Self { watcher, commands: 0, agent, _board: child, _broker: broker, _folder: folder }
    }

    /// Gives a command and waits for what became of it.
    fn command(&mut self, name: &str, mut fields: Value) -> Value {
        self.commands += 1;
        let topic = format!("brooklet/{}/cmd/{name}/{}", agent::GATEWAY, self.commands);
        fields["status"] = json!("init");
        fields["device"] = json!("simulated");
        self.watcher.publish(&topic, fields.to_string());
        self.watcher.wait(&topic, |message| {
            let told = message.json();
            matches!(told["status"].as_str(), Some("successful" | "failed")).then_some(told)
        })
    }

    fn done(&mut self, name: &str, fields: Value) {
        let told = self.command(name, fields);
        assert_eq!(told["status"], "successful", "{told}");
    }

    /// A model that goes over the broker.
    fn model(&mut self, command: &str) -> Vec<u8> {
        self.watcher.forget();
        self.done(command, json!({ "channel": "temp" }));
        let topic = format!("brooklet/{}/model/simulated/temp", agent::GATEWAY);
        self.watcher.wait(&topic, |message| Some(message.bytes.clone()))
    }

    fn alert(&self, state: State, by: &str) -> Alert {
        let topic = format!("brooklet/{}/event/simulated/temp", agent::GATEWAY);
        self.watcher.wait_alert(&topic, |alert| alert.state == state && alert.model.name == by)
    }
}

/// What one and the same learner knows after so many readings.
fn learnt(readings: usize) -> Vec<u8> {
    let mut monitor = Monitor::new(Detector::from_name("default").unwrap());
    for moment in signal::Signal::new(1).take(readings) {
        monitor.step(&moment, &Settings::DEFAULT);
    }
    let (digest, mut room) = (snapshot::digest("default"), [0; snapshot::MAX_BYTES]);
    snapshot::save(&monitor, digest, &mut room).unwrap().to_vec()
}

/// The gateway learns the first part, the device the second from where the gateway was, and alerts by itself; its model
/// comes back. All to the bit, whichever processor it was.
fn a_model_goes_down_learns_and_comes_back(board: &Board) {
    let mut bench = Bench::start(board);
    bench.watcher.wait_used(PART as u64);
    assert!(bench.model("publish-model") == learnt(PART));

    bench.done("send-model", json!({ "channel": "temp" }));
    bench.done("set-mode", json!({ "mode": "verdicts" }));
    assert_eq!(bench.alert(State::Firing, "device").started_at, SHIFTED);
    bench.alert(State::Resolved, "device");

    // Until the part is over, its model is that of fewer readings.
    let whole = learnt(2 * PART);
    assert!((0..100).any(|_| bench.model("fetch-model") == whole));
    // The gateway goes on with it.
    assert!(bench.model("publish-model") == learnt(2 * PART));
    bench.done("set-mode", json!({ "mode": "raw" }));
    let told = bench.command("reset", json!({ "channel": "no such" }));
    assert_eq!(told["reason"], "the device has no such channel", "{told}");
    let whole = learnt(3 * PART);
    assert!((0..100).any(|_| bench.model("publish-model") == whole));
    agent::stop(&mut bench.agent);
}

#[test]
fn a_model_goes_down_to_a_cortex_m4f_learns_and_comes_back() {
    a_model_goes_down_learns_and_comes_back(&CORTEX_M4F);
}

#[test]
fn a_model_goes_down_to_a_cortex_m0_learns_and_comes_back() {
    a_model_goes_down_learns_and_comes_back(&CORTEX_M0);
}

#[test]
fn a_model_goes_down_to_a_risc_v_learns_and_comes_back() {
    a_model_goes_down_learns_and_comes_back(&RISC_V);
}

#[test]
fn the_work_can_be_split_in_three_ways() {
    let mut bench = Bench::start(&CORTEX_M4F);
    // The gateway learns from readings, and alerts.
    bench.watcher.wait_used(PART as u64);
    bench.done("set-mode", json!({ "mode": "raw" }));
    assert_eq!(bench.alert(State::Firing, "default").started_at, SHIFTED);
    let counts = bench.watcher.wait_used(2 * PART as u64);
    assert_eq!(counts.get("readings"), 2 * PART as u64);
    // From hours: 1,500 readings are 125 of them, the last is not over, and each is four figures.
    bench.done("set-mode", json!({ "mode": "features" }));
    let counts = bench.watcher.wait_used(2 * PART as u64 + 4 * 124);
    assert_eq!(counts.get("readings"), 2 * PART as u64 + 4 * 124);
    counts.assert_complete();
    // The device learns: nothing but a sign of life an hour while nothing happens.
    bench.done("set-mode", json!({ "mode": "verdicts" }));
    let counts = bench.watcher.wait_used(2 * PART as u64 + 8 * 124);
    counts.assert_complete();
    agent::stop(&mut bench.agent);
}
