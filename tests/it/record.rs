//! `brooklet record`: what the agent hears can be replayed, and gives the same alerts.

use brooklet::alert::{Alert, State};
use brooklet_tests::agent::{self, STOP_WITHIN};
use brooklet_tests::broker::Broker;
use brooklet_tests::child::Child;
use brooklet_tests::client::Client;
use brooklet_tests::signal;
use tempfile::TempDir;

const READINGS: usize = 1_400;
const FAULT: std::ops::Range<usize> = 1_100..1_160;

/// What tells two alerts apart, whoever found them.
fn key(alert: &Alert) -> (String, String, String, f32) {
    let Alert { device, channel, started_at, value, .. } = alert;
    (device.to_string(), channel.to_string(), started_at.to_string(), *value)
}

#[test]
fn a_recording_gives_the_alerts_that_the_agent_gave() {
    let (broker, state, folder) = (Broker::start(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = folder.path().join("traffic.jsonl");
    let agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    let mut command = agent::brooklet();
    command.env("RUST_LOG", "brooklet=info");
    command.args(["record", "--broker", &broker.url(), "--topic", "sensors/#", "--out"]).arg(&file);
    let mut recorder = Child::spawn("record", &mut command);
    recorder.nth_line(" subscribed", 1);

    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    for i in 0..READINGS {
        sensors.publish("sensors/boiler", signal::json(i, &FAULT));
        sensors.publish(
            "sensors/hall/fan",
            format!("{{\"at\":{{\"ts\":{}}},\"v\":{}}}", signal::time(i), signal::healthy(i)),
        );
    }
    sensors.publish("sensors/boiler", "{\"temp\":");
    sensors.settle();
    watcher.wait_used(2 * READINGS as u64);
    recorder.signal("INT");
    assert!(recorder.wait(STOP_WITHIN).success());
    drop(agent);

    recorder.line("recorded 2,800 readings of 2 devices (2 channels)");
    recorder.line("messages: 2,801; not recorded: 1 refused as not_json");

    let heard: Vec<Alert> = watcher
        .seen()
        .iter()
        .filter(|message| message.topic.contains("/event/"))
        .filter_map(|message| serde_json::from_str::<Alert>(&message.payload).ok())
        .filter(|alert| alert.state == State::Firing && alert.sequence == 1)
        .collect();
    let alerts = folder.path().join("alerts.jsonl");
    let words = ["replay", file.to_str().unwrap(), "--alerts", alerts.to_str().unwrap(), "--quiet"];
    assert!(agent::run(&words).status.success());
    let lines = std::fs::read_to_string(alerts).unwrap();
    let replayed: Vec<Alert> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let replayed = replayed.iter().filter(|alert| alert.state == State::Firing);
    let (mut heard, mut replayed): (Vec<_>, Vec<_>) =
        (heard.iter().map(key).collect(), replayed.map(key).collect());
    heard.sort_by(|a, b| a.partial_cmp(b).unwrap());
    replayed.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert!(heard.iter().any(|alert| alert.0 == "boiler"), "{heard:?}");
    assert_eq!(heard, replayed);

    // A file that is there is somebody's.
    let words = ["record", "--broker", &broker.url(), "--out", file.to_str().unwrap()];
    let refused = agent::run(&words);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is there already"));
}

#[test]
fn it_ends_after_its_time_and_writes_to_a_pipe() {
    let broker = Broker::start();
    let output = agent::run(&["record", "--broker", &broker.url(), "--duration", "1s", "--quiet"]);
    assert!(output.status.success());
    assert!(output.stdout.is_empty());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("recorded 0 readings of 0 devices (0 channels) in 1 s"), "{told}");
}
