//! With a configuration file: streams, units, tasks; and `check`, which reads it without running it.

use brooklet::alert::State;
use brooklet_tests::agent;
use brooklet_tests::broker::Broker;
use brooklet_tests::client::Client;
use brooklet_tests::signal;
use serde_json::Value;
use tempfile::TempDir;

/// When the level is shifted.
const FAULT: std::ops::Range<usize> = 700..760;

const CONFIG: &str = r#"
[mqtt]
url = "mqtt://127.0.0.1:PORT"

[[stream]]
name = "pumps"
topic = "plant/{site}/{device}/telemetry"
payload = "json"
time = "/ts"
device = "{site}/{device}"
channels.temperature = { at = "/temp/f", unit = "Cel", scale = 0.5, offset = -10.0 }
channels.speed = { at = "/rpm" }

[[stream]]
name = "tanks"
topic = "tanks/{device}/level"
payload = "number"

[[task]]
name = "pump health"
stream = "pumps"
channels = ["temp*"]
threshold = 3.0
warm_up = 300

[[task]]
name = "tanks"
stream = "tanks"
"#;

#[test]
fn configured_streams_have_their_devices_units_scales_and_tasks() {
    let (broker, state, folder) = (Broker::start(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let config = CONFIG.replace("PORT", &broker.port().to_string());
    let _agent = agent::start(agent::configured(&config, folder.path(), state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    let readings = 900;
    for i in 0..readings {
        let (ts, raw) = (signal::time(i), 2.0 * (signal::shifted(i, &FAULT) + 10.0));
        let payload = format!(r#"{{"ts":{ts},"temp":{{"f":{raw:.2}}},"rpm":1480,"ignored":7}}"#);
        sensors.publish("plant/north/p1/telemetry", payload);
        sensors.publish("tanks/t1/level", format!("{:.2}", signal::healthy(i)));
    }
    // Not of these streams: not even asked for.
    sensors.publish("plant/north/p1/other", "1");
    sensors.settle();

    let alert =
        watcher.wait_alert("brooklet/gw/event/north.p1/temperature", |alert| alert.state == State::Firing);
    assert_eq!((&*alert.device.0, alert.unit.as_deref()), ("north/p1", Some("Cel")));
    let value = signal::shifted(FAULT.start, &FAULT);
    assert!((f64::from(alert.value) - value).abs() < 0.02, "{} is not {value}: scaled", alert.value);
    assert!(alert.threshold >= 3.0, "{alert:?}");
    assert!(alert.because.sentence.contains(" Cel"), "{alert:?}");

    let n = readings as u64;
    let counts = watcher.wait_counts(|counts| counts.get("messages") >= 2 * n);
    counts.assert_complete();
    assert_eq!(counts.get("readings"), 3 * n);
    assert_eq!((counts.get("readings_used"), counts.get("readings_unwatched")), (2 * n, n), "{counts:?}");
    assert_eq!(counts.get("channels"), 2);
}

#[test]
fn channels_beyond_the_cap_are_counted_and_the_known_ones_go_on() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut command = agent::watching(&broker, "sensors/#", state.path());
    command.env("BROOKLET_GATEWAY__MAX_CHANNELS", "2");
    let _agent = agent::start(command);
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    for i in 0..10 {
        for device in ["a", "b", "c", "d"] {
            sensors.publish(&format!("sensors/{device}"), signal::json(i, &(0..0)));
        }
    }
    let counts = watcher.wait_counts(|counts| counts.get("readings") == 40);
    counts.assert_complete();
    let seen = ["channels", "readings_used", "readings_over_cap"].map(|name| counts.get(name));
    assert_eq!(seen, [2, 20, 20]);
}

#[test]
fn times_that_go_back_stand_still_or_lie_ahead_are_counted_by_name() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let _agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let sensors = Client::connect(broker.port());
    for (i, ts) in [5, 6, 6, 4, 7].into_iter().enumerate() {
        sensors.publish("sensors/a", format!(r#"{{"ts":{},"v":{i}}}"#, signal::time(ts)));
    }
    sensors.publish("sensors/a", r#"{"ts":"2099-01-01T00:00:00Z","v":1}"#);
    let counts = watcher.wait_counts(|counts| counts.get("readings") == 6);
    counts.assert_complete();
    let names = ["readings_used", "readings_duplicate", "readings_late", "readings_future"];
    assert_eq!(names.map(|name| counts.get(name)), [3, 1, 1, 1]);
}

/// Four mistakes, each in a line of its own.
const WRONG: &str = r#"[mqtt]
url = "tcp://localhost"
keep_alive_secnds = 30

[[stream]]
name = "a"
topic = "plant/#/x"

[[task]]
name = "t"
stream = "b"
"#;

#[test]
fn check_tells_every_error_at_once_with_its_place() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("brooklet.toml");
    std::fs::write(&file, WRONG).unwrap();
    let file = file.to_str().unwrap();

    let answer = agent::run(&["check", file]);
    assert_eq!(answer.status.code(), Some(78));
    assert!(answer.stdout.is_empty());
    let told = String::from_utf8(answer.stderr).unwrap();
    let lines: Vec<_> = told.lines().collect();
    let expected = [
        (2, "mqtt.url", "write mqtt://"),
        (3, "mqtt.keep_alive_secnds", "did you mean `keep_alive_seconds`?"),
        (7, "stream[0].topic", "#"),
        (11, "task[0].stream", "b"),
    ];
    assert_eq!(lines.len(), expected.len() + 1, "{told}");
    for (line, (number, key, help)) in lines.iter().zip(expected) {
        let place = line.strip_prefix(&format!("{file}:{number}:")).unwrap_or_else(|| panic!("{line}"));
        let (column, rest) = place.split_once(": ").unwrap();
        assert!(column.parse::<usize>().is_ok_and(|column| column > 0), "{line}");
        assert!(rest.starts_with(&format!("{key}: ")) && rest.contains(help), "{line}");
    }
    assert_eq!(lines[4], "4 problems");

    let answer = agent::run(&["check", "--json", file]);
    assert_eq!((answer.status.code(), answer.stderr.len()), (Some(78), 0));
    let problems: Vec<Value> = serde_json::from_slice(&answer.stdout).unwrap();
    let seen: Vec<_> =
        problems.iter().map(|problem| (problem["line"].as_u64().unwrap(), &problem["path"])).collect();
    let expected: Vec<_> = expected.iter().map(|(number, key, _)| (*number, Value::from(*key))).collect();
    assert_eq!(seen, expected.iter().map(|(number, key)| (*number, key)).collect::<Vec<_>>());

    // What does not pass the check does not run.
    let mut run = agent::brooklet();
    run.args(["run", "--config", file]);
    let (code, log) = agent::refused(run);
    assert_eq!(code, Some(78));
    assert!(log.contains(&format!("{file}:2:")) && log.contains(&format!("{file}:11:")), "{log}");
}

#[test]
fn check_says_what_a_good_configuration_would_do() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("brooklet.toml");
    std::fs::write(&file, CONFIG.replace("PORT", "1883")).unwrap();
    let answer = agent::run(&["check", file.to_str().unwrap()]);
    let told = String::from_utf8(answer.stdout).unwrap();
    assert_eq!((answer.status.code(), answer.stderr.len()), (Some(0), 0), "{told}");
    assert!(told.contains("pumps: plant/+/+/telemetry -> speed, temperature"), "{told}");
    assert!(told.contains("pump health: anomaly on pumps"), "{told}");
    let answer = agent::run(&["check", "--json", file.to_str().unwrap()]);
    assert_eq!(serde_json::from_slice::<Value>(&answer.stdout).unwrap(), Value::Array(Vec::new()));
}

#[test]
fn fit_tells_whether_a_configuration_fits_a_microcontroller() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("brooklet.toml");
    std::fs::write(&file, CONFIG.replace("PORT", "1883")).unwrap();
    let fit = |more: &[&str]| {
        let mut arguments = vec!["fit", "--task", file.to_str().unwrap(), "--flash", "64k", "--core", "m0"];
        arguments.extend(more);
        let answer = agent::run(&arguments);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (answer.status.code(), text(answer.stdout), text(answer.stderr))
    };
    // The tanks' stream lists no channels.
    let (code, _, told) = fit(&["--ram", "24k"]);
    assert!(code == Some(78) && told.contains("`tanks`") && told.contains("--channels"), "{told}");
    let (code, told, _) = fit(&["--ram", "24k", "--channels", "2"]);
    assert!(code == Some(0) && told.starts_with("fits (m0 at 48 MHz)\n"), "{told}");
    let (code, told, _) = fit(&["--ram", "8k", "--channels", "2", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["fits"], &told["tasks"][1]["name"]), (Some(1), &false.into(), &"tanks".into()));
    assert!(told["ram"]["used"].as_u64() > told["ram"]["available"].as_u64(), "{told}");
    assert!(told["tasks"][0]["microseconds_worst"].as_f64() > told["tasks"][0]["microseconds_mean"].as_f64());
    // Usage.
    let unknown = agent::run(&["fit", "--learner", "zscore", "--ram", "1k", "--flash", "1k", "--core", "m3"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("did you mean `anomaly/zscore`?"));
}
