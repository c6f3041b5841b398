//! Whatever comes in, the agent lives, says what it refused and why, and learns what is good.

use std::collections::BTreeMap;

use brooklet_tests::agent::{self, STATUS};
use brooklet_tests::broker::Broker;
use brooklet_tests::client::Client;
use brooklet_tests::malformed;
use brooklet_tests::signal;
use serde_json::Value;
use tempfile::TempDir;

/// A stream for each decoder of the corpus, and a good one; scores are published, so that there are numbers to look at.
const STREAMS: &str = r#"
[publish]
scores = true
scores_every_seconds = 1

[[stream]]
name = "good"
topic = "sensors/#"

[[stream]]
name = "auto"
topic = "auto/{device}"

[[stream]]
name = "number"
topic = "number/{device}"
payload = "number"

[[stream]]
name = "json"
topic = "json/{device}"
payload = "json"
channels = { a = { at = "/a", scale = 10.0 } }

[[stream]]
name = "brooklet"
topic = "brooks/{device}"
payload = "brooklet"
"#;

/// The topic of a decoder's stream; `brooklet/` is the agent's own.
fn topic(decoder: &str) -> String {
    format!("{}/a", if decoder == "brooklet" { "brooks" } else { decoder })
}

/// What may be null in what the agent says of channels: what is not there, never a number that could not be written.
const MAY_BE_NULL: [&str; 2] = ["ended_at", "unit"];

fn nulls(json: &Value, key: &str, found: &mut Vec<String>) {
    match json {
        Value::Null if !MAY_BE_NULL.contains(&key) => found.push(key.to_owned()),
        Value::Array(all) => all.iter().for_each(|one| nulls(one, key, found)),
        Value::Object(all) => all.iter().for_each(|(key, one)| nulls(one, key, found)),
        _ => {}
    }
}

#[test]
fn malformed_payloads_are_refused_by_name_and_the_good_ones_between_them_learnt() {
    let (broker, state, folder) = (Broker::start(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let config = format!("[mqtt]\nurl = \"{}\"\n{STREAMS}", broker.url());
    let mut agent = agent::start(agent::configured(&config, folder.path(), state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    let bad = malformed::all();
    assert!(bad.len() >= 200);
    let mut good = 0;
    for (i, one) in bad.iter().enumerate() {
        sensors.publish(&topic(&one.decoder), one.payload.clone());
        if i % 4 == 0 {
            sensors.publish("sensors/boiler", signal::json(good, &(0..0)));
            good += 1;
        }
    }
    // Numbers that are none beside one that is, and alone in frames that are well-formed.
    sensors.publish("auto/b", r#"{"a":NaN,"b":1,"c":1e999}"#);
    let frames = malformed::frames_without_a_number();
    frames.iter().for_each(|frame| sensors.publish(&topic("brooklet"), frame.clone()));
    sensors.publish(&topic("brooklet"), malformed::frame_of_a_bad_window());
    sensors.settle();

    let (refused, decoded) = (bad.len() + 1, good + 1 + frames.len());
    let all = (refused + decoded) as u64;
    let counts = watcher.wait_counts(|counts| counts.get("messages") >= all && counts.is_complete());
    counts.assert_complete();
    assert_eq!(
        ["messages_refused", "messages_decoded", "readings_non_finite", "readings_used", "messages"]
            .map(|name| counts.get(name)),
        [refused, decoded, 2 + frames.len(), good + 1, refused + decoded].map(|n| n as u64),
        "{counts:?}"
    );
    let mut reasons = BTreeMap::from([("bad_window", 1)]);
    bad.iter().for_each(|one| *reasons.entry(one.reason.as_str()).or_insert(0) += 1);
    for (reason, times) in reasons {
        assert_eq!(counts.refused(reason), times, "{reason}: {counts:?}");
        let told = agent.lines(&format!("reason=\"{reason}\"")).len();
        assert!((1..=10).contains(&told), "{reason} is told {told} times");
    }
    assert!(agent.is_running());
    // What is published is JSON without a number that is none, or one of two words.
    let own = watcher.seen();
    assert!(own.iter().any(|message| message.topic.starts_with("brooklet/gw/score/")));
    for message in &own {
        let mut found = Vec::new();
        match serde_json::from_str::<Value>(&message.payload) {
            Ok(_) if message.topic == STATUS => {}
            Ok(json) => nulls(&json, "", &mut found),
            Err(_) => assert!(["online", "offline"].contains(&message.payload.as_str()), "{message:?}"),
        }
        assert!(found.is_empty(), "{found:?} in {message:?}");
    }
    // Refused is dealt with: nothing comes again.
    agent::stop(&mut agent);
    watcher.forget();
    let mut agent = agent::start(agent::configured(&config, folder.path(), state.path()));
    sensors.publish("sensors/boiler", signal::json(good, &(0..0)));
    let counts = watcher.wait_used(1);
    assert_eq!(counts.get("messages"), 1, "{counts:?}");
    agent::stop(&mut agent);
}

#[test]
fn strange_names_stay_within_their_topics() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = agent::start(agent::watching(&broker, "#", state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    let long = "x/".repeat(100);
    let topics = ["/", "//", "/a", "a/", "a//b", "ä/°C", "brooklet", "a b/c", "..", "$x/y", &long];
    for topic in topics {
        sensors.publish(topic, "1");
        sensors.publish(topic, r##"{"+":1,"a/b":2,"#":3,"":4,"\u0000":5,"../..":6}"##);
    }
    // `#` leaves out topics that begin with a dollar sign.
    let (n, own) = (topics.len() as u64 - 1, "messages_own");
    let counts = watcher.wait_counts(|counts| {
        counts.get("messages") - counts.get(own) - counts.get("messages_retained") >= 2 * n
    });
    counts.assert_complete();
    assert_eq!(counts.get("readings"), 7 * n, "{counts:?}");
    assert_eq!(counts.get("messages_refused"), 0, "{counts:?}");
    agent::stop(&mut agent);
}

#[test]
fn a_message_beyond_the_packet_limit_does_not_stop_the_others() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    sensors.publish("sensors/a", signal::json(0, &(0..0)));
    sensors.settle();
    watcher.wait_used(1);
    sensors.publish("sensors/a", vec![b'1'; 300_000]);
    sensors.publish("sensors/a", signal::json(1, &(0..0)));
    sensors.settle();
    watcher.wait_used(2);
    assert!(agent.is_running());
    agent::stop(&mut agent);
}
