//! A card that is full: the agent lives, alerts flow, and all is well once there is room again. (One that fails or is
//! read-only: on the simulated disk, in agent/src/recovery/tests.rs.)

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use brooklet::alert::State;
use brooklet_tests::agent;
use brooklet_tests::broker::Broker;
use brooklet_tests::child::Child;
use brooklet_tests::client::Client;
use brooklet_tests::signal;
use tempfile::TempDir;

/// When the level is shifted: once while the card is full, once afterwards.
const WHILE_FULL: std::ops::Range<usize> = 700..760;
const AFTER: std::ops::Range<usize> = 1200..1260;
const EVENTS: &str = "brooklet/gw/event/boiler/temp";

/// An agent whose state folder is a small file system of its own, which nobody else sees.
fn on_a_small_card(broker: &Broker, state: &TempDir) -> Child {
    let inner = agent::watching(broker, "sensors/#", state.path());
    let mut command = Command::new("unshare");
    let mount = format!("mount -t tmpfs -o size=6m tmpfs '{}' && exec \"$@\"", state.path().display());
    command.args(["--map-root-user", "--mount", "sh", "-c", &mount, "sh"]);
    command.arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("BROOKLET_GATEWAY__DURABILITY", "journal").env("BROOKLET_GATEWAY__CHECKPOINT_SECONDS", "1");
    agent::start(command)
}

fn publish(sensors: &Client, range: std::ops::Range<usize>) {
    let fault = |i: usize| if i < 800 { WHILE_FULL } else { AFTER };
    range.for_each(|i| sensors.publish("sensors/boiler", signal::json(i, &fault(i))));
    sensors.settle();
}

#[test]
fn alerts_flow_from_memory_while_the_card_is_full_and_all_is_well_afterwards() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let mut agent = on_a_small_card(&broker, &state);
    let (watcher, sensors) = (Client::watch(broker.port(), "brooklet/#"), Client::connect(broker.port()));
    publish(&sensors, 0..WHILE_FULL.start);
    watcher.wait_used(WHILE_FULL.start as u64);
    let problems = |count: &dyn Fn(usize) -> bool| {
        watcher.wait(agent::STATUS, |message| {
            let json = message.json();
            let problems = json["state"]["problems"].as_object()?.len();
            count(problems).then_some(json)
        })
    };
    // As the agent sees it.
    let seen =
        PathBuf::from(format!("/proc/{}/root", agent.id())).join(state.path().strip_prefix("/").unwrap());

    let filler = seen.join("filler");
    while fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&filler)
        .and_then(|mut file| std::io::Write::write_all(&mut file, &[0; 4096]))
        .is_ok()
    {}
    watcher.forget();
    publish(&sensors, WHILE_FULL);
    watcher.wait_alert(EVENTS, |alert| alert.state == State::Firing);
    let told = problems(&|problems| problems > 0);
    assert!(told["problems"].to_string().contains("No space left"), "{told}");
    publish(&sensors, WHILE_FULL.end..AFTER.start);
    watcher.wait_alert(EVENTS, |alert| alert.state == State::Resolved);
    assert!(agent.is_running());
    fs::remove_file(&filler).unwrap();
    watcher.forget();
    problems(&|problems| problems == 0);

    // Nothing of it was lost, and the next alert is on the card again.
    publish(&sensors, AFTER.start..AFTER.end + 300);
    watcher.wait_alert(EVENTS, |alert| alert.state == State::Resolved);
    let counts = watcher.wait_used(AFTER.end as u64 + 300);
    counts.assert_complete();
    let totals = agent::stop(&mut agent);
    assert_eq!(totals["outbox_dropped"], 0, "{totals}");
}
