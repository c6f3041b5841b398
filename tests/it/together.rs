//! The channels of a live device are judged together: the alert that a replay of the same rows gives, over a crash too.

use std::ops::Range;

use brooklet::alert::{Alert, State};
use brooklet::device::Saved;
use brooklet::joint;
use brooklet::reading::{ChannelId, DeviceId};
use brooklet::store::Store;
use brooklet_core::rng::Rng;
use brooklet_tests::agent;
use brooklet_tests::broker::Broker;
use brooklet_tests::client::Client;
use brooklet_tests::signal;
use tempfile::TempDir;

const CHANNELS: usize = 4;
const ROWS: usize = 1000;
/// When the second channel does the opposite of what the others do. No channel shows that by itself.
const FAULT: Range<usize> = 700..800;
/// Where an agent is killed: in the middle of it.
const KILL: usize = 750;
const EVENTS: &str = "brooklet/gw/event/press/_joint";

/// What the channels measure: all follow one state.
fn rows() -> Vec<[String; CHANNELS]> {
    let mut rng = Rng::new(1);
    let row = |i: usize| {
        let state = rng.normal();
        std::array::from_fn(|channel| {
            let state = if channel == 1 && FAULT.contains(&i) { -state } else { state };
            format!("{:.4}", 10.0 * channel as f32 + state + 0.1 * rng.normal())
        })
    };
    (0..ROWS).map(row).collect()
}

/// The alerts for all channels together that a replay of a file with these rows gives.
fn replayed(folder: &TempDir) -> Vec<Alert> {
    let mut text = String::from("time,c0,c1,c2,c3\n");
    for (i, row) in rows().iter().enumerate() {
        text += &format!("{},{}\n", signal::time(i), row.join(","));
    }
    // A device is called as its recording is.
    let file = folder.path().join("press.csv");
    std::fs::write(&file, text).unwrap();
    let output = agent::run(&["replay", file.to_str().unwrap(), "--json"]);
    let lines = String::from_utf8(output.stdout).unwrap();
    let alerts = lines.lines().filter_map(|line| serde_json::from_str::<Alert>(line).ok());
    alerts.filter(|alert| *alert.channel.0 == *joint::CHANNEL).collect()
}

fn publish(sensors: &Client, range: Range<usize>, one_by_one: bool) {
    for (i, row) in rows().iter().enumerate().take(range.end).skip(range.start) {
        let cell = |(channel, value): (usize, &String)| format!(r#""c{channel}":{value}"#);
        let cells: Vec<_> = row.iter().enumerate().map(cell).collect();
        let payloads = if one_by_one { cells } else { vec![cells.join(",")] };
        for payload in payloads {
            sensors.publish("plant/press", format!(r#"{{"ts":{},{payload}}}"#, signal::time(i)));
        }
    }
    sensors.settle();
}

/// What is stored of the channels together; only once the agent has ended.
fn stored(state: &TempDir) -> Saved {
    let store = Store::open(state.path()).unwrap();
    let (device, group) = (DeviceId("press".into()), ChannelId(joint::CHANNEL.into()));
    store.restored().get(&device, &group).expect("a group")
}

/// Beginnings and ends, which must be equal whatever becomes of the agent meanwhile.
fn told(watcher: &Client, alert: &Alert) -> (Alert, Alert) {
    let state = |state| watcher.wait_alert(EVENTS, move |told| told.id == alert.id && told.state == state);
    (state(State::Firing), state(State::Resolved))
}

#[test]
fn live_rows_ring_as_replayed_ones_do_over_a_crash_and_one_by_one() {
    let folder = TempDir::new().unwrap();
    let expected = replayed(&folder);
    let begun: Vec<&Alert> = expected.iter().filter(|alert| alert.state == State::Firing).collect();
    let first = begun.first().expect("an alert");
    assert!(
        (FAULT.start..FAULT.start + 10).any(|i| first.started_at.0 == 1000 * signal::time(i)),
        "{first:?}"
    );

    let mut models = Vec::new();
    for (one_by_one, crash) in [(false, false), (false, true), (true, false), (true, true)] {
        let (broker, state) = (Broker::start(), TempDir::new().unwrap());
        let command = || {
            let mut command = agent::watching(&broker, "plant/#", state.path());
            command.env("BROOKLET_GATEWAY__DURABILITY", "journal");
            command
        };
        let mut agent = agent::start(command());
        let (watcher, sensors) = (Client::watch(broker.port(), "brooklet/#"), Client::connect(broker.port()));
        if crash {
            publish(&sensors, 0..KILL, one_by_one);
            watcher.wait_alert(EVENTS, |alert| alert.state == State::Firing);
            // Whatever it is about.
            agent.kill();
            agent = agent::start(command());
            publish(&sensors, KILL..ROWS, one_by_one);
        } else {
            publish(&sensors, 0..ROWS, one_by_one);
        }
        let (fired, resolved) = told(&watcher, first);
        assert_eq!(fired.because, first.because, "one by one {one_by_one}, crash {crash}");
        assert_eq!(
            (fired.score, fired.value, fired.budget_used),
            (first.score, first.value, first.budget_used)
        );
        let end = expected.iter().find(|alert| alert.id == first.id && alert.state == State::Resolved);
        if !(one_by_one && crash) {
            assert_eq!(Some(resolved.ended_at), end.map(|alert| alert.ended_at));
        }
        // A name that no channel may have, after all others of its device: whatever waits at the broker is taken first.
        sensors.publish("plant/press", r#"{"_joint":1}"#);
        let counts =
            watcher.wait_counts(|counts| counts.get("readings_unwatched") == 1 && counts.is_complete());
        assert_eq!(counts.get("joint_models"), 1);
        let totals = agent::stop(&mut agent);
        if !crash {
            assert_eq!(totals["rows_used"], ROWS, "{totals}");
            assert_eq!(totals["readings_used"], ROWS * CHANNELS, "{totals}");
        }
        models.push(stored(&state));
    }
    // With a message a channel a crash may cost some of the cells of one row.
    let [straight, crashed, one_by_one, both] = <[Saved; 4]>::try_from(models).unwrap();
    assert!(both.steps.abs_diff(straight.steps) < 10, "{} {}", both.steps, straight.steps);
    assert_eq!(straight.alerts, begun.len() as u64);
    assert!(straight.snapshot == crashed.snapshot, "the models differ");
    assert_eq!((&straight, &straight), (&crashed, &one_by_one));
}
