//! Crashes at any operation of the disk: the agent's own parts, without threads, on a simulated disk, against a run that
//! nothing disturbed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use brooklet_core::rng::Rng;

use super::*;
use crate::alert::{Alert, Change};
use crate::check;
use crate::device::Saved;
use crate::joint;
use crate::reading::{RawMessage, Timestamp};
use crate::router::{Job, Queues, Router, Stream};
use crate::store::simulated::{Fault, Simulated};
use crate::worker::Finding;

/// Seeds of the short form; `BROOKLET_SEEDS` asks for more.
const SEEDS: u64 = 20;
const DEVICES: usize = 3;
/// Messages, one of each device in turn.
const MESSAGES: usize = 1500;
/// Messages at once, at most.
const BATCH: usize = 24;
/// Batches between two checkpoints, about.
const ROUND: u64 = 7;
/// Milliseconds between two messages of a device, and those of a long round.
const STEP: i64 = 20_000;
const MOST_LOST: i64 = 2 * ROUND as i64 * BATCH as i64 / DEVICES as i64 * STEP;

fn plan(durability: &str) -> Arc<Plan> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("brooklet.toml");
    let text = format!(
        "[gateway]\nname = 'gw'\ndurability = '{durability}'\n[mqtt]\nurl = 'mqtt://localhost'\n\
         [[stream]]\nname = 's'\ntopic = 'p/{{device}}'\npayload = 'json'\n\
         [[task]]\nname = 'alone'\nchannels = ['alone']\nwarm_up = 20\nthreshold = 1.0\njoint = false\n\
         [[task]]\nname = 't'\nwarm_up = 20\nthreshold = 1.0\n"
    );
    std::fs::write(&file, text).unwrap();
    Arc::new(check::load_with(&file, []).unwrap())
}

/// One message of the stream: one channel with bursts, each device's at another time, and two others that go together, but
/// for a while.
fn message(i: usize) -> RawMessage {
    let (device, n) = (i % DEVICES, i / DEVICES);
    let noise = (Rng::new(i as u64).uniform() * 10.0).round();
    let burst = |from: usize| (from..from + 8).contains(&(n - device * 3));
    let value = if n > 20 && burst(150) {
        500.0
    } else if n > 20 && burst(220) {
        5e4
    } else {
        20.0
    } + noise;
    let apart = (400 + device * 9..450 + device * 9).contains(&n);
    let (a, b) = (noise, if apart { 10.0 - noise } else { noise });
    // Those of one device change places.
    let time = 1_700_000_000 + 20 * if device == 0 { n ^ 1 } else { n };
    RawMessage {
        topic: format!("p/d{device}"),
        payload: format!(r#"{{"ts":{time},"alone":{value},"a":{a},"b":{b}}}"#).into_bytes(),
        received: Timestamp((1_700_000_000 + n as i64 * 20) * 1000),
        retained: false,
        ack: None,
        room: None,
    }
}

/// What can be seen of an agent from outside, and what came of it.
#[derive(Debug, Default, PartialEq)]
struct Result {
    /// Id and state of each change of an alert.
    told: BTreeSet<(String, String)>,
    channels: BTreeMap<(String, String), Channel>,
}

/// What must be equal to the bit. Not the steps: a reading that comes again is one.
#[derive(Debug, PartialEq)]
struct Channel {
    model: Vec<u8>,
    last: Option<Timestamp>,
    alerts: u64,
    alert: Option<String>,
}

impl From<Saved> for Channel {
    fn from(saved: Saved) -> Self {
        let alert = saved.alert.map(|alert| alert.id);
        Self { model: saved.snapshot, last: saved.order.last(), alerts: saved.alerts, alert }
    }
}

/// What the lives of an agent have in common.
struct World {
    /// How many messages there are.
    end: usize,
    /// The first message that was not acknowledged.
    next: usize,
    /// Before this message comes one over which its learner panics.
    poison: Option<usize>,
    /// Changes of alerts that an acknowledged message led to, and those that the broker got.
    promised: BTreeSet<(String, String)>,
    told: BTreeSet<(String, String)>,
}

impl World {
    fn new(end: usize) -> Self {
        Self { end, next: 0, poison: None, promised: BTreeSet::new(), told: BTreeSet::new() }
    }
}

/// One life of the agent. True if it saw the end.
fn live(disk: &Simulated, plan: &Arc<Plan>, rng: &mut Rng, world: &mut World) -> bool {
    let ledger = Arc::new(Ledger::default());
    let Ok(store) = Store::on(Arc::new(disk.clone())) else { return false };
    let topics = Topics::new("gw");
    let Ok(mut state) = State::take_up(plan, Some(store), &topics, Vec::new(), &ledger) else { return false };
    let (queue, mut jobs) = mpsc::channel(BATCH);
    let queues = Queues::new(vec![queue]);
    let mut router = Router::new(Stream::all(plan), queues, topics.commands(), 100, ledger.clone());
    let mut worker = Worker::new(plan.clone(), ledger.clone(), Arc::default(), state.restored.clone());
    let checkpoints = state.checkpoints.as_mut().unwrap();
    worker.begin_round(checkpoints.call());
    let mut now = Instant::now();
    while world.next < world.end {
        let count = (1 + rng.next_u64() as usize % BATCH).min(world.end - world.next);
        let mut findings = Vec::new();
        for i in world.next..world.next + count {
            if world.poison == Some(i) {
                world.poison = None;
                let payload = format!(r#"{{"a":{}}}"#, crate::device::tests::PANICS).into_bytes();
                router.deliver(RawMessage { payload, ..message(i) }, false);
                worker.handle(&jobs.try_recv().unwrap(), &mut findings);
                // The batch ends here.
                state.committer.take(Batch { entries: worker.take_entries(), ..Batch::default() }, now);
                assert!(worker.has_suspended());
                state.committer.rotate(now);
                worker.resume(&mut findings);
                assert_eq!((ledger.get(Count::Panics), ledger.totals().missing().readings), (1, 0));
                assert!(ledger.get(Count::Failed) > 0);
            }
            router.deliver(message(i), false);
            let job: Job = jobs.try_recv().unwrap();
            worker.handle(&job, &mut findings);
        }
        let records = worker.told(&findings);
        let entries = worker.take_entries();
        let news = findings.iter().filter_map(|finding| match finding {
            Finding::Alert(change, alert) if *change != Change::Updated => Some(name(alert)),
            _ => None,
        });
        let news: Vec<_> = news.collect();
        state.committer.take(Batch { entries, findings, records, acks: Vec::new() }, now);
        state.committer.commit(now);
        if disk.is_off() {
            return false;
        }
        // Acknowledged.
        world.next += count;
        world.promised.extend(news);
        now += Duration::from_secs(1);
        send(&state.outbox, rng.next_u64() % 6, &mut world.told);
        if rng.next_u64().is_multiple_of(ROUND) {
            let segment = state.committer.rotate(now);
            checkpoints.begin(segment);
            worker.begin_round(checkpoints.call());
            save(checkpoints, &mut worker);
            checkpoints.finish();
        }
    }
    assert_eq!(ledger.totals().missing().readings, 0);
    if ledger.get(Count::Panics) > 0 {
        worker.begin_last_round(crate::store::Call::default());
        let held =
            worker.next_records(usize::MAX).iter().map(|record| record.saved.order.held()).sum::<usize>();
        assert_eq!(ledger.get(Count::Held), held as u64);
    }
    worker.begin_last_round(checkpoints.call());
    checkpoints.begin_last();
    save(checkpoints, &mut worker);
    checkpoints.finish();
    now += Duration::from_secs(60);
    state.committer.finish(now);
    send(&state.outbox, u64::MAX, &mut world.told);
    state.committer.clean_up(now);
    !disk.is_off()
}

fn save(checkpoints: &mut Checkpoints, worker: &mut Worker) {
    loop {
        let records = worker.next_records(4);
        if records.is_empty() {
            return;
        }
        checkpoints.save(&records);
    }
}

fn name(alert: &Alert) -> (String, String) {
    (alert.id.clone(), format!("{:?}", alert.state))
}

/// The broker takes some messages.
fn send(outbox: &Outbox, count: u64, told: &mut BTreeSet<(String, String)>) {
    for _ in 0..count {
        let Some(message) = outbox.pop() else { return };
        if let Ok(alert) = serde_json::from_slice::<Alert>(&message.payload)
            && message.topic.contains("/event/")
        {
            told.insert(name(&alert));
        }
        outbox.done(&message);
    }
}

/// Lives until the end, with these faults in its lives; then what is on the disk.
fn run(
    disk: &Simulated,
    plan: &Arc<Plan>,
    seed: u64,
    faults: impl Iterator<Item = (Fault, u64, u64)>,
) -> Result {
    run_to(MESSAGES, disk, plan, seed, faults)
}

/// The same, with so many messages.
fn run_to(
    end: usize,
    disk: &Simulated,
    plan: &Arc<Plan>,
    seed: u64,
    mut faults: impl Iterator<Item = (Fault, u64, u64)>,
) -> Result {
    let (mut rng, mut world) = (Rng::new(seed), World::new(end));
    let mut result = Result::default();
    loop {
        disk.power_on(faults.next());
        if live(disk, plan, &mut rng, &mut world) {
            break;
        }
        disk.cut();
    }
    let lost: Vec<_> = world.promised.difference(&world.told).collect();
    assert!(lost.is_empty(), "seed {seed}: alerts lost {lost:?}");
    result.told = world.told;
    disk.cut();
    disk.power_on(None);
    Store::on(Arc::new(disk.clone()))
        .unwrap()
        .each(|device, channel, saved| {
            result.channels.insert((device.to_string(), channel.to_string()), saved.into());
        })
        .unwrap();
    result
}

fn undisturbed(plan: &Arc<Plan>) -> (Result, u64) {
    let disk = Simulated::new(0, false);
    let result = run(&disk, plan, 0, std::iter::empty());
    disk.power_on(None);
    live(&disk, plan, &mut Rng::new(0), &mut World::new(MESSAGES));
    assert_eq!(result.channels.len(), 4 * DEVICES, "three channels, and two together");
    assert!(result.told.len() > 2 * DEVICES, "{}", result.told.len());
    let together = result.channels.iter().filter(|((_, channel), _)| channel == joint::CHANNEL);
    let rang: Vec<u64> = together.map(|(_, group)| group.alerts).collect();
    assert!(rang.iter().all(|alerts| *alerts > 0), "for both together: {rang:?}");
    (result, disk.operations())
}

fn seeds() -> u64 {
    std::env::var("BROOKLET_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS)
}

/// Crashes: at each operation once, as far as the seeds go, and a second time at random.
fn crashes(seed: u64, operations: u64) -> impl Iterator<Item = (Fault, u64, u64)> {
    let mut rng = Rng::new(seed ^ 0xc4a5);
    let first = 1 + seed % operations;
    let second = 1 + rng.next_u64() % operations;
    [first, second].into_iter().map(|at| (Fault::Crash, at, 1))
}

#[test]
fn a_crash_at_any_operation_changes_not_one_bit_and_loses_no_alert() {
    let plan = plan("journal");
    let (expected, operations) = undisturbed(&plan);
    for seed in 0..seeds() {
        let disk = Simulated::new(seed, false);
        // Spread over all operations, however few seeds there are.
        let result = run(&disk, &plan, seed, crashes(seed.wrapping_mul(0x9e37_79b9), operations));
        assert!(result == expected, "seed {seed}: {}", difference(&result, &expected));
    }
}

#[test]
fn a_crash_at_each_single_operation_of_a_short_run_changes_not_one_bit() {
    let plan = plan("journal");
    let end = 60;
    let expected = run_to(end, &Simulated::new(0, false), &plan, 0, std::iter::empty());
    let whole = Simulated::new(0, false);
    live(&whole, &plan, &mut Rng::new(0), &mut World::new(end));
    let operations = whole.operations();
    assert!(operations > 100, "{operations}");
    for at in 1..=operations {
        let disk = Simulated::new(at, false);
        let result = run_to(end, &disk, &plan, 0, std::iter::once((Fault::Crash, at, 1)));
        assert!(result == expected, "crash at {at}: {}", difference(&result, &expected));
    }
}

#[test]
fn with_checkpoints_alone_a_crash_costs_what_was_learnt_since_and_no_alert() {
    let plan = plan("checkpoint");
    let (expected, operations) = undisturbed(&plan);
    let mut differ = 0;
    for seed in 0..seeds() {
        let disk = Simulated::new(seed, false);
        // That no alert is lost is checked on the way.
        let result = run(&disk, &plan, seed, crashes(seed.wrapping_mul(0x9e37_79b9), operations));
        let last = |result: &Result| result.channels.values().map(|channel| channel.last).collect::<Vec<_>>();
        // Only the last crash has nothing after it that would be learnt again.
        for (last, expected) in last(&result).into_iter().zip(last(&expected)) {
            let behind = expected.unwrap_or_default().0 - last.unwrap_or_default().0;
            assert!((0..=MOST_LOST).contains(&behind), "seed {seed}: {last:?}, {expected:?}");
        }
        differ += u64::from(result != expected);
    }
    assert!(differ > 0, "then it would be a journal");
}

/// As the threads do it, after a learner panicked.
#[test]
fn a_channel_whose_learner_panics_goes_on_from_checkpoint_and_journal_and_harms_no_other() {
    let plan = plan("journal");
    let (expected, _) = undisturbed(&plan);
    // Sometimes some of its readings are held.
    for poison in (0..4).map(|i| MESSAGES / 2 + i * DEVICES) {
        let disk = Simulated::new(1, false);
        let mut world = World { poison: Some(poison), ..World::new(MESSAGES) };
        assert!(live(&disk, &plan, &mut Rng::new(1), &mut world));
        let mut result = Result { told: world.told, ..Result::default() };
        Store::on(Arc::new(disk.clone()))
            .unwrap()
            .each(|device, channel, saved| {
                result.channels.insert((device.to_string(), channel.to_string()), saved.into());
            })
            .unwrap();
        assert!(result == expected, "{}", difference(&result, &expected));
    }
}

#[test]
fn a_disk_that_does_not_sync_is_found_out() {
    let plan = plan("journal");
    let (expected, operations) = undisturbed(&plan);
    let differs = |seed: u64| {
        let disk = Simulated::new(seed, true);
        let crashes = crashes(seed.wrapping_mul(0x9e37_79b9), operations);
        // What is damaged beyond use may also end in an error.
        std::panic::catch_unwind(|| run(&disk, &plan, seed, crashes))
            .map_or(true, |result| result != expected)
    };
    let found = (0..20).filter(|seed| differs(*seed)).count();
    assert!(found > 10, "the test does not see what a lost sync does: {found} of 20");
}

#[test]
fn a_disk_that_is_full_or_fails_for_a_while_costs_nothing_without_a_crash() {
    let plan = plan("journal");
    let (expected, operations) = undisturbed(&plan);
    for seed in 0..seeds() / 2 {
        let disk = Simulated::new(seed, false);
        let mut rng = Rng::new(seed ^ 0xfa11);
        // Not while it starts: then it does not.
        let from = operations / 20 + rng.next_u64() % operations;
        let count = 1 + rng.next_u64() % (operations / 4);
        let fault = [Fault::Full, Fault::Broken, Fault::ReadOnly, Fault::SyncFails][seed as usize % 4];
        let result = run(&disk, &plan, seed, std::iter::once((fault, from, count)));
        assert_eq!(result.told, expected.told, "seed {seed}: {fault:?} from {from} for {count}");
    }
}

#[test]
fn a_flipped_bit_is_seen_and_never_learnt() {
    let plan = plan("journal");
    let (expected, operations) = undisturbed(&plan);
    for seed in 0..seeds() {
        let disk = Simulated::new(seed, false);
        run(&disk, &plan, seed, std::iter::empty());
        disk.cut();
        let file = ["models-a", "models-b", "outbox"][seed as usize % 3];
        assert!(disk.flip(file));
        disk.power_on(None);
        let Ok(store) = Store::on(Arc::new(disk.clone())) else { continue };
        let mut whole = 0;
        store
            .each(|device, channel, saved| {
                let of = (device.to_string(), channel.to_string());
                whole += usize::from(Channel::from(saved) == expected.channels[&of]);
            })
            .unwrap();
        // The other generation has all of them.
        assert_eq!(whole, expected.channels.len(), "seed {seed}, {file}");
    }
    let history = history(&plan);
    for seed in 0..seeds() {
        let disk = Simulated::new(seed, false);
        let at = 1 + seed.wrapping_mul(0x9e37_79b9) % operations;
        disk.power_on(Some((Fault::Crash, at, 1)));
        live(&disk, &plan, &mut Rng::new(seed), &mut World::new(MESSAGES));
        disk.cut();
        if !disk.flip("journal") {
            continue;
        }
        disk.power_on(None);
        let Ok(store) = Store::on(Arc::new(disk.clone())) else { continue };
        let ledger = Arc::new(Ledger::default());
        State::take_up(&plan, Some(store), &Topics::new("gw"), Vec::new(), &ledger).unwrap();
        if ledger.get(Count::ReplayGaps) > 0 {
            continue;
        }
        // What was learnt is what was learnt by some step of the run that nothing disturbed.
        let check = |device: &_, channel: &_, saved: Saved| {
            let known = &history[&(format!("{device} {channel}"), saved.steps)];
            assert!(saved.snapshot == *known, "seed {seed}: {device} {channel} at {}", saved.steps);
        };
        Store::on(Arc::new(disk.clone())).unwrap().each(check).unwrap();
    }
}

/// The models of a run that nothing disturbs, after each of their steps.
fn history(plan: &Arc<Plan>) -> BTreeMap<(String, u64), Vec<u8>> {
    let (queue, mut jobs) = mpsc::channel(1);
    let mut router =
        Router::new(Stream::all(plan), Queues::new(vec![queue]), "c".to_owned(), 100, Arc::default());
    let mut worker = Worker::new(plan.clone(), Arc::default(), Arc::default(), Arc::default());
    let mut history = BTreeMap::new();
    for i in 0..MESSAGES {
        router.deliver(message(i), false);
        worker.handle(&jobs.try_recv().unwrap(), &mut Vec::new());
        // All of them: they change in a round that never ends.
        worker.begin_last_round(crate::store::Call::default());
        for record in worker.next_records(usize::MAX) {
            let channel = format!("{} {}", record.device, record.channel);
            history.insert((channel, record.saved.steps), record.saved.snapshot);
        }
    }
    history
}

fn difference(result: &Result, expected: &Result) -> String {
    let untold: Vec<_> = expected.told.difference(&result.told).collect();
    let invented: Vec<_> = result.told.difference(&expected.told).collect();
    let other: Vec<_> = expected
        .channels
        .iter()
        .filter(|(name, channel)| result.channels.get(*name) != Some(channel))
        .map(|(name, channel)| {
            let has = result.channels.get(name);
            (
                name,
                channel.last,
                has.map(|has| (has.last, has.alerts, &has.alert)),
                channel.alerts,
                &channel.alert,
            )
        })
        .collect();
    format!("alerts untold {untold:?}, invented {invented:?}; channels {other:?}")
}

#[test]
fn a_damaged_sector_anywhere_does_not_keep_the_agent_from_starting() {
    let plan = plan("journal");
    let disk = Simulated::new(1, false);
    let expected = run(&disk, &plan, 1, std::iter::empty());
    let names = ["models-a.redb", "models-b.redb", "outbox.redb"];
    let whole = names.map(|name| crate::store::Disk::read(&disk, name).unwrap());
    for (name, bytes) in names.iter().zip(&whole) {
        let used = bytes.chunks(512).enumerate().filter(|(_, sector)| sector.iter().any(|byte| *byte != 0));
        for (nth, (sector, _)) in used.enumerate() {
            let fill = [0x00, 0x5a, 0xff][nth % 3];
            let disk = Simulated::new(1, false);
            for (name, bytes) in names.iter().zip(&whole) {
                disk.write(name, bytes.clone());
            }
            let mut damaged = bytes.clone();
            damaged[sector * 512..(sector + 1) * 512].fill(fill);
            disk.write(name, damaged);
            let store = Store::on(Arc::new(disk.clone())).unwrap();
            let mut channels = 0;
            store
                .each(|device, channel, saved| {
                    let of = (device.to_string(), channel.to_string());
                    assert!(
                        Channel::from(saved) == expected.channels[&of],
                        "{name}, sector {sector}: {of:?}"
                    );
                    channels += 1;
                })
                .unwrap();
            assert_eq!(channels, expected.channels.len(), "{name}, sector {sector}");
        }
    }
}

/// A store of an agent that the power left in the middle of its work.
fn left_by_a_crash(plan: &Arc<Plan>) -> Simulated {
    let disk = Simulated::new(1, false);
    disk.power_on(Some((Fault::Crash, undisturbed(plan).1 / 2, 1)));
    assert!(!live(&disk, plan, &mut Rng::new(1), &mut World::new(MESSAGES)));
    disk.cut();
    disk.power_on(None);
    disk
}

#[test]
fn a_journal_of_what_is_not_watched_any_more_is_told_of_and_done_with() {
    let plan = plan("journal");
    let disk = left_by_a_crash(&plan);
    let mut other = (*plan).clone();
    other.streams[0].name = "renamed".to_owned();
    let ledger = Arc::new(Ledger::default());
    let store = Store::on(Arc::new(disk.clone())).unwrap();
    let last = store.segments().unwrap().last().copied().unwrap();
    State::take_up(&Arc::new(other), Some(store), &Topics::new("gw"), Vec::new(), &ledger).unwrap();
    assert_eq!(ledger.get(Count::Replayed), 0);
    assert!(ledger.get(Count::NotReplayed) > 0);
    // Steps that are done from now on have the same numbers.
    assert_eq!(Store::on(Arc::new(disk)).unwrap().segments().unwrap(), [last + 1]);
}

#[test]
fn a_model_that_this_version_cannot_use_is_kept_also_when_the_journal_goes_on_from_it() {
    let plan = plan("journal");
    let disk = left_by_a_crash(&plan);
    let store = Store::on(Arc::new(disk.clone())).unwrap();
    let mut checkpoints = Checkpoints::new(
        store.disk.clone(),
        store.models.clone(),
        Arc::new(Vitals::new(None, 1)),
        store.marks,
        Duration::ZERO,
        1,
    );
    let mut records = Vec::new();
    let other = |device: &DeviceId, channel: &ChannelId, saved: Saved| {
        let saved = Saved { snapshot: b"of another version".to_vec(), ..saved };
        records.push(crate::store::Record { device: device.clone(), channel: channel.clone(), saved });
    };
    store.each(other).unwrap();
    assert!(!records.is_empty());
    for _ in 0..2 {
        checkpoints.begin(0);
        checkpoints.save(&records);
        checkpoints.finish();
    }
    drop((checkpoints, store));
    let ledger = Arc::new(Ledger::default());
    let store = Store::on(Arc::new(disk.clone())).unwrap();
    State::take_up(&plan, Some(store), &Topics::new("gw"), Vec::new(), &ledger).unwrap();
    let refused = ledger.get(Count::NotRestored);
    assert!(refused > 0);
    assert_eq!(Store::on(Arc::new(disk)).unwrap().models.refused().unwrap() as u64, refused);
}

#[test]
fn what_the_broker_has_leaves_the_disk_though_nothing_more_comes_in() {
    let plan = plan("journal");
    let disk = left_by_a_crash(&plan);
    let store = Store::on(Arc::new(disk.clone())).unwrap();
    assert!(!store.left.messages.is_empty());
    let ledger = Arc::default();
    let mut state = State::take_up(&plan, Some(store), &Topics::new("gw"), Vec::new(), &ledger).unwrap();
    let looks = |committer: &mut Committer| {
        (0..10).take_while(|_| committer.due().map(|due| committer.commit(due)).is_some()).count()
    };
    assert_eq!(looks(&mut state.committer), 10);
    send(&state.outbox, u64::MAX, &mut BTreeSet::new());
    assert!(looks(&mut state.committer) < 10, "it looks though there is nothing to see");
    assert_eq!(state.vitals.report().outbox_messages, 0);
    drop(state);
    assert_eq!(Store::on(Arc::new(disk)).unwrap().left.messages, []);
}

#[test]
fn steps_that_were_not_journalled_are_counted() {
    let plan = plan("journal");
    let (disk, ledger) = (Simulated::new(1, false), Arc::new(Ledger::default()));
    let store = Store::on(Arc::new(disk.clone())).unwrap();
    let mut state = State::take_up(&plan, Some(store), &Topics::new("gw"), Vec::new(), &ledger).unwrap();
    disk.power_on(Some((Fault::Full, 1, u64::MAX)));
    let entry = |step| crate::store::journal::Entry {
        device: "d".into(),
        channel: "a".into(),
        source: "s".into(),
        step,
        op: crate::device::Op::Flush(Timestamp(0)),
    };
    let now = Instant::now();
    for step in 1..=3 {
        state.committer.take(Batch { entries: vec![entry(step)], ..Batch::default() }, now);
        state.committer.commit(now);
    }
    assert_eq!(ledger.get(Count::Unjournalled), 3);
}

#[test]
fn an_open_alert_is_not_told_for_ever_under_a_name_that_the_gateway_had() {
    let plan = plan("journal");
    let disk = Simulated::new(1, false);
    let open = ("brooklet/gw/alert/d/a".to_owned(), Some(b"{}".to_vec()));
    let change = crate::store::told::Change { firing: vec![open], ..Default::default() };
    Store::on(Arc::new(disk.clone())).unwrap().told.commit(&change).unwrap();
    let start = |name: &str| {
        let store = Store::on(Arc::new(disk.clone())).unwrap();
        let mut state =
            State::take_up(&plan, Some(store), &Topics::new(name), Vec::new(), &Arc::default()).unwrap();
        state.outbox.repeat_firing(&Ledger::default());
        let told: Vec<_> = std::iter::from_fn(|| state.outbox.pop()).collect();
        told.iter().for_each(|message| state.outbox.done(message));
        let mut now = Instant::now();
        for _ in 0..5 {
            state.committer.commit(now);
            now += Duration::from_secs(5);
        }
        told.into_iter()
            .map(|message| (message.topic, message.payload.len(), message.retain))
            .collect::<Vec<_>>()
    };
    let topic = "brooklet/gw/alert/d/a".to_owned();
    assert_eq!(start("gw"), [(topic.clone(), 2, true)]);
    assert_eq!(start("other"), [(topic, 0, true)]);
    assert_eq!(start("other"), []);
}
