//! Whatever comes in, the agent lives, says what it refused and why, and learns what is good.

use brooklet_tests::agent;
use brooklet_tests::broker::Broker;
use brooklet_tests::client::Client;
use brooklet_tests::signal;
use tempfile::TempDir;

/// Bad payloads and the reasons under which they are refused.
fn bad() -> Vec<(&'static str, Vec<u8>)> {
    let text = |reason, payload: &str| (reason, payload.as_bytes().to_vec());
    let many = |n: usize, one: &dyn Fn(usize) -> String| (0..n).map(one).collect::<Vec<_>>().join(",");
    let mut all = vec![
        text("empty", ""),
        text("empty", " \r\n\t"),
        text("not_a_number", "hello"),
        text("not_a_number", "21,5"),
        text("not_a_number", "null"),
        text("not_a_number", "<xml><temp>21</temp></xml>"),
        text("not_json", "{"),
        text("not_json", r#"{"a":1"#),
        text("not_json", r#"{"a":1}}"#),
        text("not_json", r#"{"a":1} {"a":2}"#),
        text("not_json", r#"{'a':1}"#),
        text("not_json", r#"{"a":01}"#),
        text("non_finite", r#"{"a":NaN}"#),
        text("not_json", "[1,2,]"),
        text("non_finite", "NaN"),
        text("non_finite", "-inf"),
        text("non_finite", "1e999"),
        text("non_finite", r#"{"a":1e999}"#),
        text("non_finite", r#"{"a":-1e39}"#),
        text("duplicate_key", r#"{"a":1,"a":2}"#),
        text("duplicate_key", r#"{"o":{"a":1,"\u0061":2}}"#),
        text("no_number", "{}"),
        text("no_number", "[]"),
        text("no_number", r#"{"name":"pump","note":null}"#),
        text("bad_row", "[[1,2],[3,4]]"),
        ("not_utf8", vec![0xff, 0xfe, 0x00, 0x01]),
        ("not_utf8", b"{\"a\":\"\xc3\"}".to_vec()),
        ("not_utf8", vec![0x1f, 0x8b, 0x08, 0x00]),
        ("not_utf8", vec![0; 3].into_iter().chain([0x80; 3]).collect()),
        ("too_large", vec![b'1'; 70_000]),
        ("too_large", format!("{{\"a\":\"{}\"}}", "x".repeat(70_000)).into_bytes()),
    ];
    all.push(text("too_deep", &format!("{}1{}", "{\"a\":".repeat(9), "}".repeat(9))));
    all.push(text("too_deep", "{\"a\":[[[[[[[[["));
    all.push(text("too_many_fields", &format!("{{{}}}", many(65, &|i| format!("\"k{i}\":{i}")))));
    all.push(text("too_many_rows", &format!("[{}]", many(10_001, &|_| "1".to_owned()))));
    all.push(text("string_too_long", &format!("{{\"{}\":1}}", "k".repeat(257))));
    all
}

#[test]
fn malformed_payloads_are_refused_by_name_and_the_good_ones_between_them_learnt() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    let bad = bad();
    assert!(bad.len() >= 25);
    for (i, (_, payload)) in bad.iter().enumerate() {
        sensors.publish("sensors/boiler", signal::json(i, &(0..0)));
        sensors.publish("sensors/boiler", payload.clone());
    }
    sensors.settle();

    let n = bad.len() as u64;
    let counts = watcher.wait_counts(|counts| counts.get("messages_decoded") >= n);
    let counts = if counts.get("messages") < 2 * n {
        watcher.wait_counts(|counts| counts.get("messages") >= 2 * n)
    } else {
        counts
    };
    counts.assert_complete();
    assert_eq!((counts.get("readings_used"), counts.get("messages_refused")), (n, n), "{counts:?}");
    for (reason, _) in &bad {
        let expected = bad.iter().filter(|(other, _)| other == reason).count() as u64;
        assert_eq!(counts.refused(reason), expected, "{reason}: {counts:?}");
        assert!(agent.lines(&format!("reason=\"{reason}\"")).len() <= 3, "{reason}: the log is flooded");
        agent.line(&format!("reason=\"{reason}\""));
    }
    assert!(agent.is_running());
    // Refused is dealt with: nothing comes again.
    agent::stop(&mut agent);
    watcher.forget();
    let mut agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    sensors.publish("sensors/boiler", signal::json(bad.len(), &(0..0)));
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
