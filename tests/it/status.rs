//! `brooklet status`: the agent says how it is, with and without its broker.

use std::path::Path;
use std::process::Output;
use std::time::Instant;

use brooklet::health::Report;
use brooklet::ledger::Missing;
use brooklet_tests::PATIENCE;
use brooklet_tests::agent;
use brooklet_tests::broker::Broker;
use brooklet_tests::client::Client;
use tempfile::TempDir;

fn status(state: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let state = state.display().to_string();
    let Output { status, stdout, stderr } = agent::run(&[&["status", "--state-dir", &state], more].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn the_agent_tells_how_it_is_on_its_socket_also_when_the_broker_is_gone() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    for payload in ["21.5", "21,5", r#"{"a":NaN,"b":1}"#] {
        sensors.publish("sensors/hall/temp", payload);
    }
    watcher.wait_used(2);

    let (code, table, _) = status(state.path(), &[]);
    assert_eq!(code, Some(0), "{table}");
    for part in
        ["on gw, running for", "3; every one is accounted for", "not a number (1)", "21,5", "all is well"]
    {
        assert!(table.contains(part), "{part:?} is not in\n{table}");
    }
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let (_, json, _) = status(state.path(), &["--json"]);
    let report: Report = serde_json::from_str(&json).unwrap();
    assert_eq!((report.counts.get("messages"), report.under_way), (3, Missing::default()));
    assert_eq!(report.refused_samples["non_finite"].payload, r#"{\"a\":NaN,\"b\":1}"#);
    // The status topic tells the same.
    let told = watcher.wait(agent::STATUS, |message| serde_json::from_str::<Report>(&message.payload).ok());
    assert_eq!((told.gateway, told.version), (report.gateway, report.version));

    drop((watcher, sensors, broker));
    let end = Instant::now() + PATIENCE;
    let table = loop {
        let (code, table, _) = status(state.path(), &[]);
        if code == Some(1) {
            break table;
        }
        assert!(Instant::now() < end, "{table}");
    };
    assert!(table.contains("PROBLEM no alerts can go out"), "{table}");
    agent::stop(&mut agent);
    let (code, table, complaint) = status(state.path(), &[]);
    assert_eq!((code, table.as_str()), (Some(75), ""));
    assert!(complaint.contains("no agent runs with the state folder"), "{complaint}");
}

#[test]
fn what_a_killed_agent_leaves_is_not_taken_for_one() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    agent.signal("KILL");
    agent.wait(PATIENCE);
    assert!(state.path().join("status.sock").exists());
    let (code, _, complaint) = status(state.path(), &[]);
    assert_eq!(code, Some(75), "{complaint}");
    let mut agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    assert_eq!(status(state.path(), &[]).0, Some(0));
    agent::stop(&mut agent);
}
