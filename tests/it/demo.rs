//! The demo, as `cargo run --release -- demo --duration .. --json` runs it, with a fixed seed.

use brooklet_tests::agent;
use serde_json::Value;

fn demo(seed: &str) -> Vec<Value> {
    // Twenty simulated days, four a second.
    let arguments = ["demo", "--duration", "5s", "--speed", "345600", "--seed", seed, "--json"];
    let output = agent::run(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect()
}

#[test]
fn the_demo_finds_the_faults_that_it_found_before() {
    let lines = demo("1");
    let (last, alerts) = lines.split_last().unwrap();
    let summary = &last["summary"];
    let count = |name: &str| summary[name].as_u64().unwrap();
    // A change of these figures is a change of what users see: mean it, and say so in the README.
    assert_eq!(
        [count("readings"), count("faults"), count("found"), count("false_alerts")],
        [160_989, 10, 10, 19],
        "{summary:#}"
    );
    assert_eq!(summary["counts"]["readings"], summary["counts"]["readings_used"]);
    let firing: Vec<_> = alerts.iter().filter(|alert| alert["state"] == "firing").collect();
    assert_eq!(firing.len() as u64, count("alerts"));
    for field in [
        "id",
        "device",
        "channel",
        "kind",
        "severity",
        "state",
        "started_at",
        "updated_at",
        "ended_at",
        "score",
        "threshold",
        "value",
        "expected",
        "unit",
        "because",
        "model",
        "sequence",
    ] {
        assert!(alerts.iter().all(|alert| alert.get(field).is_some()), "{field}");
    }
}

#[test]
fn another_seed_is_another_works() {
    let (one, two) = (demo("1"), demo("2"));
    assert_ne!(one.last().unwrap()["summary"]["fault_list"], two.last().unwrap()["summary"]["fault_list"]);
}
