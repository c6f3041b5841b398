//! What was learnt outlives the process, exactly.

use brooklet::alert::State;
use brooklet::device::Saved;
use brooklet::reading::{ChannelId, DeviceId};
use brooklet::store::Store;
use brooklet_tests::agent::{self, STOP_WITHIN};
use brooklet_tests::broker::Broker;
use brooklet_tests::client::Client;
use brooklet_tests::{PATIENCE, signal};
use tempfile::TempDir;

/// When the level is shifted.
const FAULT: std::ops::Range<usize> = 700..800;
/// Where the second agent is stopped: in the middle of the fault.
const STOP: usize = 750;
/// Readings that come in while it is stopped.
const MISSED: usize = 20;
const READINGS: usize = 1_100;
const EVENTS: &str = "brooklet/gw/event/boiler/temp";

/// What is stored of `boiler/temp`; only once the agent has ended.
fn stored(state: &TempDir) -> Saved {
    let store = Store::open(state.path()).unwrap();
    store.restored().get(&DeviceId("boiler".into()), &ChannelId("temp".into())).expect("a stored channel")
}

fn publish(sensors: &Client, range: std::ops::Range<usize>) {
    range.for_each(|i| sensors.publish("sensors/boiler", signal::json(i, &FAULT)));
    sensors.settle();
}

#[test]
fn a_restart_changes_not_one_bit_of_what_is_learnt() {
    // One that is left alone ..
    let (broker, straight) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = agent::start(agent::watching(&broker, "sensors/#", straight.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    publish(&Client::connect(broker.port()), 0..READINGS);
    watcher.wait_used(READINGS as u64);
    let alert = watcher.wait_alert(EVENTS, |alert| alert.state == State::Firing);
    agent::stop(&mut agent);

    // .. and one that is stopped while an alert is open, for a while in which readings come in.
    let (broker, halted) = (Broker::start(), TempDir::new().unwrap());
    let command = || agent::watching(&broker, "sensors/#", halted.path());
    let mut agent = agent::start(command());
    let (watcher, sensors) = (Client::watch(broker.port(), "brooklet/#"), Client::connect(broker.port()));
    publish(&sensors, 0..STOP);
    watcher.wait_used(STOP as u64);
    let first = watcher.wait_alert(EVENTS, |alert| alert.state == State::Firing);
    let totals = agent::stop(&mut agent);
    assert_eq!(totals["readings_used"], STOP);
    let open = stored(&halted).alert.expect("an alert that is open");
    assert_eq!((&open.id, open.state), (&first.id, State::Firing));

    publish(&sensors, STOP..STOP + MISSED);
    watcher.forget();
    let mut agent = agent::start(command());
    publish(&sensors, STOP + MISSED..READINGS);
    watcher.wait_used((READINGS - STOP) as u64);
    let over = watcher.wait_alert(EVENTS, |alert| alert.state == State::Resolved);
    let totals = agent::stop(&mut agent);
    assert_eq!((&totals["readings"], &totals["channels_restored"]), (&(READINGS - STOP).into(), &1.into()));

    assert_eq!((&over.id, over.started_at), (&first.id, first.started_at), "the same alert is over");
    assert_eq!(first.id, alert.id, "the same alert in both runs");
    let (straight, halted) = (stored(&straight), stored(&halted));
    assert!(straight.snapshot == halted.snapshot, "the models differ");
    assert_eq!(straight, halted);
}

#[test]
fn an_agent_that_was_killed_leaves_its_will_and_a_state_to_start_from() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let command = || {
        let mut command = agent::watching(&broker, "sensors/#", state.path());
        command.env("BROOKLET_GATEWAY__CHECKPOINT_SECONDS", "1");
        command
    };
    let mut agent = agent::start(command());
    let (watcher, sensors) = (Client::watch(broker.port(), "brooklet/#"), Client::connect(broker.port()));
    publish(&sensors, 0..500);
    watcher.wait_used(500);
    let checkpoint = agent.log().len();
    agent.log().wait(checkpoint, PATIENCE, |line| line.contains(" checkpoint ").then_some(())).or_else(
        || {
            // It may have been written between the last reading and the line above.
            agent.lines(" checkpoint ").pop().map(|_| ())
        },
    );
    agent.kill();
    watcher.wait_status("offline");
    let late = Client::watch(broker.port(), "brooklet/#");
    late.wait_status("offline");

    watcher.forget();
    let mut agent = agent::start(command());
    watcher.wait_status("online");
    publish(&sensors, 500..600);
    // What was in flight when it was killed may come again; what it knows then, it takes for what it is.
    watcher.wait_used(100).assert_complete();
    let totals = agent::stop(&mut agent);
    assert_eq!(totals["channels_restored"], 1, "{totals}");
    assert_eq!(totals["readings_late"], 0, "{totals}");
}

#[test]
fn a_state_folder_belongs_to_one_agent() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut first = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    let (code, log) = agent::refused(agent::watching(&broker, "sensors/#", state.path()));
    assert_eq!(code, Some(75), "try again later: {log}");
    assert!(log.contains("is in use by another brooklet"), "{log}");
    assert!(log.contains(state.path().to_str().unwrap()), "{log}");
    // The first one did not notice.
    assert!(first.is_running());
    agent::stop(&mut first);
    let mut again = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    agent::stop(&mut again);
}

#[test]
fn a_state_folder_that_cannot_be_is_a_mistake_in_the_configuration() {
    let (broker, folder) = (Broker::start(), TempDir::new().unwrap());
    // Below a file there are no folders, not even for root.
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (code, log) = agent::refused(agent::watching(&broker, "sensors/#", &file.join("state")));
    assert_eq!(code, Some(78), "{log}");
    assert!(log.contains("cannot use the state folder") && log.contains("--state-dir"), "{log}");
}

#[test]
fn a_damaged_store_is_kept_and_does_not_keep_the_agent_from_starting() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    std::fs::write(state.path().join("models-a.redb"), vec![7; 10_000]).unwrap();
    let mut agent = agent::start(agent::watching(&broker, "sensors/#", state.path()));
    agent.line("is damaged");
    agent.signal("INT");
    assert!(agent.wait(STOP_WITHIN).success());
    let names = std::fs::read_dir(state.path()).unwrap().flatten().map(|entry| entry.file_name());
    assert!(names.into_iter().any(|name| name.to_string_lossy().contains(".bad-")));
}
