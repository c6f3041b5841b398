//! Without any configuration: whatever the payloads look like, a fault is found, told, and told to be over.

use brooklet::alert::{Alert, Severity, State};
use brooklet::reading::Timestamp;
use brooklet_tests::agent::{self, GATEWAY};
use brooklet_tests::broker::Broker;
use brooklet_tests::client::{Client, Message};
use brooklet_tests::signal;
use serde_json::Value;
use tempfile::TempDir;

/// Seven days of readings every five minutes.
const READINGS: usize = 2_016;
/// Plain numbers without a fault, before these.
const MORE: usize = 5_000;
/// When the level is shifted.
const FAULT: std::ops::Range<usize> = 1_700..1_800;

fn topic(kind: &str, name: &str) -> String {
    format!("brooklet/{GATEWAY}/{kind}/{name}")
}

#[test]
fn every_shape_of_payload_is_watched_without_configuration() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let _agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());

    let none = 0..0;
    // They come thousands a second here: for that many readings a day there must be more to compare with.
    for i in 0..MORE {
        sensors.publish("sensors/pump-1/temperature", format!("{:.2}", signal::shifted(i, &none)));
    }
    for i in 0..READINGS {
        sensors.publish("sensors/pump-1/temperature", format!("{:.2}", signal::shifted(i, &FAULT)));
        sensors.publish("sensors/boiler", signal::json(i, &FAULT));
        sensors.publish("sensors/hall/fan", nested(i));
        sensors.publish("sensors/healthy", signal::json(i, &none));
        if i % 16 == 15 {
            let samples: Vec<_> = (i - 15..=i).map(|i| signal::json(i, &FAULT)).collect();
            sensors.publish("sensors/meter", format!("[{}]", samples.join(",")));
        }
    }
    sensors.settle();
    let sent = (MORE + 5 * READINGS) as u64;
    let counts = watcher.wait_used(sent);
    counts.assert_complete();
    // pump-1/temperature, boiler, hall/fan, healthy, meter
    assert_eq!((counts.get("readings"), counts.get("channels")), (sent, 5));

    for name in ["boiler/temp", "hall.fan/vib.rms", "meter/temp"] {
        let events = events(&watcher, name);
        let first = events.first().unwrap_or_else(|| panic!("no event of {name}"));
        assert_eq!((first.state, first.started_at), (State::Firing, at(FAULT.start)), "{name}: {first:?}");
        assert_resolved(&events, first);
    }
    // Plain numbers have no time of their own: which reading of the fault it takes depends on when they come in.
    let events = events(&watcher, "pump-1/temperature");
    let first = events.first().expect("an event of the plain number");
    assert!(first.value > 50.0, "{first:?}");
    assert_resolved(&events, first);

    let about_healthy = |message: &&Message| message.topic.ends_with("/healthy/temp");
    assert_eq!(watcher.seen().iter().find(about_healthy), None);
}

#[test]
fn an_alert_has_every_field_that_subscribers_were_promised() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let _agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    for i in 0..FAULT.end - 50 {
        sensors.publish("sensors/boiler", signal::json(i, &FAULT));
    }
    let event = watcher.wait(&topic("event", "boiler/temp"), |message| Some(message.clone()));
    assert!(!event.retained);
    assert_fields(&event.json());

    // Firing: whoever comes late finds the state retained, the history not.
    watcher.wait_used(FAULT.end as u64 - 50);
    let late = Client::watch(broker.port(), "brooklet/#");
    let kept = late.wait(&topic("alert", "boiler/temp"), |message| Some(message.clone()));
    assert!(kept.retained);
    let (kept, event): (Value, Value) = (kept.json(), event.json());
    assert_fields(&kept);
    for same in ["id", "device", "channel", "kind", "started_at", "value", "expected", "because", "model"] {
        assert_eq!(kept[same], event[same], "{same}");
    }
    assert!(kept["sequence"].as_u64() > event["sequence"].as_u64(), "{kept}");
    assert_eq!(late.seen().iter().find(|message| message.topic.contains("/event/")), None);

    // Over: the state says so, with the time, and stays.
    for i in FAULT.end - 50..READINGS {
        sensors.publish("sensors/boiler", signal::json(i, &FAULT));
    }
    let id = event["id"].as_str().unwrap().to_owned();
    let over =
        watcher.wait_alert(&topic("event", "boiler/temp"), |a| a.id == id && a.state == State::Resolved);
    assert!(over.ended_at > Some(at(FAULT.end - 1)), "{over:?}");
    watcher.wait_used(READINGS as u64);
    let late = Client::watch(broker.port(), "brooklet/#");
    let kept = late.wait_alert(&topic("alert", "boiler/temp"), |_| true);
    assert_eq!(kept.state, State::Resolved);
}

/// Checks types and meaning of an alert's fields, as the firing of `boiler/temp`.
fn assert_fields(alert: &Value) {
    let number = |name: &str| alert[name].as_f64().unwrap_or_else(|| panic!("{name} in {alert}"));
    assert_eq!(alert["id"].as_str().map(str::len), Some(16), "{alert}");
    assert_eq!((&alert["device"], &alert["channel"]), (&"boiler".into(), &"temp".into()));
    assert_eq!((&alert["kind"], &alert["state"]), (&"anomaly".into(), &"firing".into()));
    assert!(alert["severity"] == "warning" || alert["severity"] == "critical", "{alert}");
    // RFC 3339 with a zone.
    assert_eq!(alert["started_at"], "2025-01-06T21:40:00Z", "{alert}");
    assert!(alert["updated_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{alert}");
    assert!(alert["ended_at"].is_null() && alert.get("ended_at").is_some(), "{alert}");
    assert!(number("score") >= number("threshold") && number("threshold") > 0.0, "{alert}");
    assert!(number("level") > 0.0 && number("sequence") >= 1.0, "{alert}");
    assert!((number("value") - signal::shifted(FAULT.start, &FAULT)).abs() < 0.01, "{alert}");
    let expected = &alert["expected"];
    let (low, value, high) =
        (expected["low"].as_f64(), expected["value"].as_f64(), expected["high"].as_f64());
    assert!(low < value && value < high && high < alert["value"].as_f64(), "{alert}");
    assert!(alert["unit"].is_null() && alert.get("unit").is_some(), "{alert}");
    let because = &alert["because"];
    let sentence = because["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("boiler temp is ") && sentence.ends_with('.'), "{sentence}");
    let experts = because["experts"].as_array().unwrap();
    assert!(!experts.is_empty() && experts.iter().all(|expert| expert["expert"].is_string()), "{alert}");
    let evidence: Vec<_> = experts.iter().map(|expert| expert["evidence"].as_f64().unwrap()).collect();
    assert!(evidence.is_sorted_by(|a, b| a >= b), "largest first: {evidence:?}");
    let shares: f64 = experts.iter().map(|expert| expert["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-3, "{alert}");
    let model = &alert["model"];
    assert!(model["name"] == "default" && model["version"].is_string(), "{alert}");
    assert_eq!(model["digest"].as_str().map(str::len), Some(8), "{alert}");
}

/// `{"time": RFC 3339, "vib": {"rms": ..}, "site": ..}`
fn nested(i: usize) -> String {
    let (time, value) = (at(i), signal::shifted(i, &FAULT));
    format!(r#"{{"time":"{time}","vib":{{"rms":{value:.2}}},"site":"north"}}"#)
}

fn at(i: usize) -> Timestamp {
    Timestamp(signal::time(i) * 1000)
}

/// All events of a channel, so far, oldest first.
fn events(watcher: &Client, name: &str) -> Vec<Alert> {
    let topic = topic("event", name);
    let of_it = watcher.seen().into_iter().filter(|message| message.topic == topic);
    of_it.map(|message| serde_json::from_str(&message.payload).unwrap()).collect()
}

fn assert_resolved(events: &[Alert], first: &Alert) {
    let over = events.iter().find(|alert| alert.id == first.id && alert.state == State::Resolved);
    let over = over.unwrap_or_else(|| panic!("not over: {events:#?}"));
    assert_eq!(over.severity, Severity::of(over.score), "{over:?}");
    assert!(over.ended_at > Some(first.started_at) && over.sequence > first.sequence, "{over:?}");
}
