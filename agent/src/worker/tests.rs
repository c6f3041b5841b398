use std::time::Instant;

use brooklet_core::frame;
use brooklet_core::message::{Done, Reading, Request};
use brooklet_core::monitor::Verdict;
use brooklet_core::rng::Rng;

use super::*;
use crate::check;
use crate::check::ClockTrust;
use crate::joint::Group;
use crate::ledger::Gauge;
use crate::store::Call;

const TEXT: &str = "[mqtt]\nurl = 'mqtt://localhost'\n[[serial]]\nname = 'pico'\nport = '/dev/ttyACM0'";

/// A worker with a device on a line, which sends.
struct Bench {
    worker: Worker,
    sequence: u16,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("brooklet.toml");
        std::fs::write(&file, TEXT).unwrap();
        let plan = Arc::new(check::load_with(&file, []).unwrap());
        let worker = Worker::new(plan, Arc::default(), Arc::default(), Arc::default());
        Self { worker, sequence: 0 }
    }

    fn hear(&mut self, message: Message) -> Vec<Finding> {
        self.sequence += 1;
        let event = LineEvent::Frame(self.sequence, Box::new(message));
        let (device, received) = (DeviceId("pico".into()), Timestamp(i64::from(self.sequence)));
        let mut findings = Vec::new();
        self.worker.handle(&Job::Line(OnLine { line: 0, device, received, event }), &mut findings);
        findings
    }

    /// The device does what it is told; the changes of alerts that this leads to.
    fn obey(&mut self, name: &str, fields: &str) -> Vec<Change> {
        let text = format!(r#"{{"status":"init","device":"pico",{fields}}}"#);
        let command = crate::command::Command::parse("t", name, text.as_bytes()).unwrap();
        let mut findings = Vec::new();
        self.worker.handle(&Job::Command(Box::new(command), None), &mut findings);
        let number = findings.iter().find_map(|finding| match finding {
            Finding::Down { frame, .. } => {
                let frame = frame.strip_prefix(&[0]).unwrap();
                let mut line = frame::Line::new();
                let bytes = frame.iter().find_map(|byte| Some(line.push(*byte)?.unwrap().to_vec())).unwrap();
                Some(frame::decode::<Request>(&bytes).unwrap().1.number)
            }
            _ => None,
        });
        let done = Done { number: number.unwrap(), result: Ok(()) };
        changes(&self.hear(Message::Done(done)))
    }
}

fn changes(findings: &[Finding]) -> Vec<Change> {
    let change = |finding: &Finding| match finding {
        Finding::Alert(change, _) => Some(*change),
        _ => None,
    };
    findings.iter().filter_map(change).collect()
}

fn judged(fired: bool) -> Message {
    let reading = Reading { channel: "t".try_into().unwrap(), time: None, value: 50.0 };
    let verdict = Verdict { score: 3.0, level: 3.0, threshold: 2.2, fired, ended: false, fault: None };
    Message::Judged(Judged { reading, verdict, because: None, firing: fired })
}

#[test]
fn an_alert_that_its_device_will_not_end_is_over() {
    let mut bench = Bench::new();
    for (name, fields, over) in [
        ("set-mode", r#""mode":"verdicts""#, false),
        ("reset", r#""channel":"other""#, false),
        ("set-mode", r#""mode":"features""#, true),
        ("set-mode", r#""mode":"raw""#, true),
        ("reset", r#""channel":"t""#, true),
    ] {
        let fired = bench.hear(judged(true));
        assert_eq!(changes(&fired).last(), Some(&Change::Fired));
        let expected: &[Change] = if over { &[Change::Resolved] } else { &[] };
        assert_eq!(bench.obey(name, fields), expected, "{name} {fields}");
    }
}

#[test]
fn what_is_held_is_learnt_when_its_time_is_over_and_each_reading_has_its_fate() {
    let mut bench = Bench::new();
    let now = 1_800_000_000_000;
    let hear = |bench: &mut Bench, at: i64| {
        let reading = Reading { channel: "t".try_into().unwrap(), time: Some(now + at), value: 1.0 };
        bench.sequence += 1;
        let event = LineEvent::Frame(bench.sequence, Box::new(Message::Reading(reading)));
        let (device, received) = (DeviceId("pico".into()), Timestamp(now + at.clamp(0, 5000)));
        let job = Job::Line(OnLine { line: 0, device, received, event });
        bench.worker.handle(&job, &mut Vec::new());
    };
    let counts = |bench: &Bench| {
        assert_eq!(bench.worker.ledger.totals().missing(), Default::default());
        [Count::Used, Count::Held, Count::Late].map(|count| bench.worker.ledger.get(count))
    };
    // Two seconds late: from now on readings wait for three.
    [0, -2000, 1000, 5000].into_iter().for_each(|at| hear(&mut bench, at));
    assert_eq!(counts(&bench), [2, 1, 1]);
    assert!(bench.worker.is_waiting());
    bench.worker.tick(Timestamp(now + 7999), &mut Vec::new());
    assert_eq!(counts(&bench), [2, 1, 1]);
    bench.worker.tick(Timestamp(now + 8000), &mut Vec::new());
    assert_eq!(counts(&bench), [3, 0, 1]);
    [-7_200_000, 7_200_000, 5000].into_iter().for_each(|at| hear(&mut bench, at));
    let refused = [Count::Past, Count::Future, Count::Duplicate];
    assert_eq!(refused.map(|count| bench.worker.ledger.get(count)), [1, 1, 1]);
    assert_eq!(counts(&bench), [3, 0, 1]);
}

/// A worker of an agent with these settings, and what it counts.
fn worker(settings: &[(&str, &str)]) -> (Worker, Arc<Ledger>) {
    let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let plan = check::zero_config_with(Some("mqtt://localhost"), &["#".to_owned()], settings).unwrap();
    let ledger = Arc::new(Ledger::default());
    let clock = Arc::new(Clock::new(ClockTrust::Trusted, ledger.clone()));
    (Worker::new(Arc::new(plan), ledger.clone(), clock, Arc::default()), ledger)
}

/// A reading of `device`, received and measured at a second.
fn read(worker: &mut Worker, device: &str, second: i64) -> Vec<Finding> {
    let mut findings = Vec::new();
    let device = DeviceId(device.into());
    let at = Timestamp(1_800_000_000_000 + second * 1000);
    worker.ledger.add(Count::Readings, 1);
    let from = Origin { position: 0, device: &device, received: at };
    worker.step(from, "t", second as f32, Some(at), None, &mut findings);
    worker.judge_rows(from, &mut findings);
    assert_eq!(worker.ledger.totals().missing().readings, 0);
    findings
}

#[test]
fn a_million_invented_names_are_held_at_the_cap_and_known_channels_are_learnt_on() {
    let (mut worker, ledger) = worker(&[("BROOKLET_GATEWAY__MAX_CHANNELS", "100")]);
    for second in 0..1_000_000 {
        let device = DeviceId(format!("invented-{second}").into());
        let from = Origin { position: 0, device: &device, received: Timestamp(0) };
        worker.step(from, "t", 1.0, None, None, &mut Vec::new());
    }
    assert_eq!((worker.devices.len(), ledger.get(Count::Channels)), (100, 100));
    assert_eq!((ledger.get(Count::Used), ledger.get(Count::OverCap)), (100, 999_900));
    ledger.add(Count::Readings, 1_000_000);
    read(&mut worker, "invented-7", 5);
    assert_eq!(ledger.get(Count::Used), 101);
}

#[test]
fn silent_devices_make_room_once_they_are_stored_and_only_then() {
    let settings =
        [("BROOKLET_GATEWAY__MAX_CHANNELS", "2"), ("BROOKLET_GATEWAY__EVICT_AFTER_SECONDS", "1000")];
    let (mut worker, ledger) = worker(&settings);
    read(&mut worker, "silent", 0);
    read(&mut worker, "alive", 900);
    let fates =
        |ledger: &Ledger| [Count::Used, Count::OverCap, Count::Evicted].map(|count| ledger.get(count));
    // Not silent for long enough; then long enough, but not in the store.
    read(&mut worker, "new", 950);
    read(&mut worker, "new", 1020);
    assert_eq!(fates(&ledger), [2, 2, 0]);
    // Both files have what changed before the second round.
    worker.begin_round(Call { round: 3, since: [1, 1] });
    read(&mut worker, "alive", 1050);
    // The last look was a moment ago.
    read(&mut worker, "new", 1060);
    assert_eq!(fates(&ledger), [3, 3, 0]);
    read(&mut worker, "new", 1081);
    assert_eq!(fates(&ledger), [4, 3, 1]);
    assert!(worker.devices.contains_key("alive") && !worker.devices.contains_key("silent"));
    assert_eq!(ledger.get(Count::Channels), 2);
    // Readings alone do not make room: this one was heard lately.
    read(&mut worker, "silent", 2000);
    assert_eq!(fates(&ledger), [4, 4, 1]);
}

#[test]
fn one_device_gone_wild_is_held_to_its_share() {
    let (mut worker, ledger) = worker(&[("BROOKLET_GATEWAY__DEVICE_READINGS_PER_SECOND", "1")]);
    // The first makes its channel; ten minutes' worth follows at once.
    let device = DeviceId("wild".into());
    let from = Origin { position: 0, device: &device, received: Timestamp(0) };
    for _ in 0..1000 {
        worker.step(from, "t", 1.0, None, None, &mut Vec::new());
    }
    assert_eq!((ledger.get(Count::Used), ledger.get(Count::Flooded)), (601, 399));
    ledger.add(Count::Readings, 1000);
    read(&mut worker, "calm", 1);
    assert_eq!(ledger.get(Count::Used), 602);
}

#[test]
fn under_pressure_learning_rests_then_new_channels_and_alerts_never() {
    let (mut worker, ledger) = worker(&[("BROOKLET_GATEWAY__DEGRADE_AFTER_SECONDS", "10")]);
    let start = Instant::now();
    read(&mut worker, "known", 0);
    let observe = |worker: &mut Worker, seconds: &[u64], fill: f32| {
        seconds.iter().for_each(|second| worker.observe(fill, start + Duration::from_secs(*second)));
    };
    let gauges = |ledger: &Ledger| {
        [Gauge::ThinScores, Gauge::SkipLearning, Gauge::RefuseNew].map(|gauge| ledger.gauge(gauge))
    };
    observe(&mut worker, &[0, 10], 1.0);
    assert_eq!((gauges(&ledger), worker.is_degraded()), ([1, 0, 0], true));
    read(&mut worker, "known", 1);
    observe(&mut worker, &[11, 21], 1.0);
    assert_eq!(gauges(&ledger), [1, 1, 0]);
    read(&mut worker, "known", 2);
    read(&mut worker, "new", 2);
    observe(&mut worker, &[22, 32], 1.0);
    assert_eq!(gauges(&ledger), [1, 1, 1]);
    read(&mut worker, "other", 3);
    let fates = [Count::Used, Count::Skipped, Count::Deferred].map(|count| ledger.get(count));
    assert_eq!(fates, [3, 1, 1]);
    // An open alert is followed whatever comes.
    let from = DeviceId("known".into());
    let at = Timestamp(1_800_000_003_000);
    let verdict = Verdict { score: 3.0, level: 3.0, threshold: 2.2, fired: true, ended: false, fault: None };
    let reading = Reading { channel: "t".try_into().unwrap(), time: Some(at.0), value: 50.0 };
    let judged = Judged { reading, verdict, because: None, firing: true };
    let from = Origin { position: 0, device: &from, received: at };
    let mut findings = Vec::new();
    ledger.add(Count::Readings, 1);
    worker.step(from, "t", 50.0, Some(at), Some(&judged), &mut findings);
    assert_eq!(changes(&findings), [Change::Fired]);
    read(&mut worker, "known", 4);
    assert_eq!(ledger.get(Count::Used), 5);
    observe(&mut worker, &[40, 50, 51, 61, 62, 72], 0.0);
    assert_eq!((gauges(&ledger), worker.is_degraded()), ([0, 0, 0], false));
}

/// The channels of `device` at a second, in one message: all follow one state, and something is added to the second.
fn row(worker: &mut Worker, device: &str, second: i64) -> Vec<Finding> {
    rows(worker, device, &mut Rng::new(1), second, 0.0, false)
}

fn rows(
    worker: &mut Worker,
    device: &str,
    rng: &mut Rng,
    second: i64,
    wrong: f32,
    one_by_one: bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (device, state) = (DeviceId(device.into()), rng.normal());
    for channel in 0..3 {
        let at = Timestamp(1_800_000_000_000 + second * 1000 + 100 * channel);
        let value = state + 0.1 * rng.normal() + if channel == 1 { wrong } else { 0.0 };
        worker.ledger.add(Count::Readings, 1);
        let from = Origin { position: 0, device: &device, received: at };
        worker.step(from, &format!("c{channel}"), value, Some(at), None, &mut findings);
        if one_by_one || channel == 2 {
            worker.judge_rows(from, &mut findings);
        }
    }
    assert_eq!(worker.ledger.totals().missing().readings, 0);
    findings
}

fn joint_counts(ledger: &Ledger) -> [u64; 4] {
    [Count::Rows, Count::RowsOverCap, Count::JointModels, Count::JointBytes].map(|count| ledger.get(count))
}

#[test]
fn channels_that_come_one_by_one_are_judged_together() {
    let (mut worker, ledger) = worker(&[]);
    let (mut found, mut rng) = (Vec::new(), Rng::new(1));
    for second in 0..900 {
        let wrong = if second >= 700 { 1.5 } else { 0.0 };
        found.extend(rows(&mut worker, "pump", &mut rng, second, wrong, true));
        read(&mut worker, "alone", second);
    }
    let alerts = found.iter().filter_map(|finding| match finding {
        Finding::Alert(Change::Fired, alert) if *alert.channel.0 == *joint::CHANNEL => {
            Some((alert.started_at.0 - 1_800_000_000_000) / 1000)
        }
        _ => None,
    });
    let alerts: Vec<_> = alerts.collect();
    assert!(alerts.iter().any(|second| (700..710).contains(second)), "{alerts:?}");
    let bytes = Group::bytes(3) as u64;
    assert_eq!(joint_counts(&ledger), [900, 0, 1, bytes], "none for the one alone");
    assert_eq!(ledger.get(Count::Channels), 4);
    let told = worker.told(&found);
    let told = told.iter().find(|told| *told.channel.0 == *joint::CHANNEL);
    assert_eq!(told.map(|told| told.saved.members.len()), Some(3));
    // Nobody else has its name.
    let device = DeviceId("pump".into());
    let from = Origin { position: 0, device: &device, received: Timestamp(0) };
    worker.step(from, "_joint", 1.0, None, None, &mut Vec::new());
    assert_eq!(ledger.get(Count::Unwatched), 1);
}

#[test]
fn groups_go_with_their_devices_and_take_no_more_than_their_channels_bring() {
    let settings =
        [("BROOKLET_GATEWAY__MAX_CHANNELS", "6"), ("BROOKLET_GATEWAY__EVICT_AFTER_SECONDS", "1000")];
    let (mut worker, ledger) = worker(&settings);
    row(&mut worker, "silent", 0);
    row(&mut worker, "alive", 0);
    let bytes = Group::bytes(3) as u64;
    assert_eq!(joint_counts(&ledger), [2, 0, 2, 2 * bytes]);
    worker.begin_round(Call { round: 3, since: [1, 1] });
    row(&mut worker, "alive", 2000);
    row(&mut worker, "new", 2001);
    assert_eq!(ledger.get(Count::Evicted), 3);
    assert_eq!(joint_counts(&ledger), [4, 0, 2, 2 * bytes]);
    // As if others had taken all of it.
    ledger.add(Count::JointBytes, 6 * crate::device::Channel::SHARE as u64 - 2 * bytes);
    worker.begin_round(Call { round: 5, since: [4, 4] });
    row(&mut worker, "new", 4001);
    row(&mut worker, "more", 4002);
    let [rows, over_cap, ..] = joint_counts(&ledger);
    assert_eq!((rows, over_cap), (6, 0), "that of the silent one is free again");
    ledger.add(Count::JointBytes, bytes);
    worker.begin_round(Call { round: 7, since: [6, 6] });
    row(&mut worker, "more", 6001);
    row(&mut worker, "too many", 6002);
    let [rows, over_cap, ..] = joint_counts(&ledger);
    assert_eq!((rows, over_cap), (7, 1));
}

#[test]
fn a_group_whose_learner_is_gone_rests_or_begins_with_all_its_channels() {
    let (mut worker, ledger) = worker(&[]);
    row(&mut worker, "pump", 0);
    let names = (DeviceId("pump".into()), joint::channel(0));
    let op = Op::Flush(Timestamp(0));
    worker.fail(names.clone(), &op, 0);
    row(&mut worker, "pump", 1);
    assert_eq!((ledger.get(Count::RowsFailed), joint_counts(&ledger)), (1, [1, 0, 0, 0]));
    worker.resume(&mut Vec::new());
    row(&mut worker, "pump", 2);
    assert_eq!(joint_counts(&ledger), [2, 0, 1, Group::bytes(3) as u64]);
    worker.fail(names.clone(), &op, 0);
    worker.fail(names, &op, 0);
    worker.resume(&mut Vec::new());
    row(&mut worker, "pump", 3);
    assert_eq!((ledger.get(Count::RowsFailed), ledger.get(Count::Rows)), (2, 2));
}

/// `cargo test --release -p brooklet --lib -- --ignored --nocapture time_of_judging`
#[test]
#[ignore = "a measurement"]
fn time_of_judging_channels_together() {
    let payload = |i: usize| {
        let mut rng = Rng::new(i as u64);
        let state = rng.normal();
        let cell = |channel| format!(r#""c{channel}":{:.3}"#, state + 0.1 * rng.normal());
        let cells: Vec<String> = (0..8).map(cell).collect();
        format!(r#"{{"ts":{},{}}}"#, 1_700_000_000 + i, cells.join(",")).into_bytes()
    };
    let payloads: Vec<Vec<u8>> = (0..50_000).map(payload).collect();
    let (mut best, mut journal) = ([f64::INFINITY; 2], [[0; 2]; 2]);
    for round in 0..10 {
        let joint = round % 2 == 0;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("brooklet.toml");
        let text = format!(
            "[gateway]\ndurability = 'journal'\nmax_past_seconds = 0\n[mqtt]\nurl = 'mqtt://localhost'\n\
             [[stream]]\nname = 's'\ntopic = 'p/{{device}}'\n[[task]]\nname = 't'\njoint = {joint}\n"
        );
        std::fs::write(&file, text).unwrap();
        let plan = Arc::new(check::load_with(&file, []).unwrap());
        let ledger = Arc::new(Ledger::default());
        let (queue, mut jobs) = tokio::sync::mpsc::channel(1);
        let queues = crate::router::Queues::new(vec![queue]);
        let streams = crate::router::Stream::all(&plan);
        let mut router = crate::router::Router::new(streams, queues, "c".to_owned(), 100, ledger.clone());
        let mut worker = Worker::new(plan, ledger.clone(), Arc::default(), Arc::default());
        let (start, mut findings) = (Instant::now(), Vec::new());
        for (i, payload) in payloads.iter().enumerate() {
            let message = RawMessage {
                topic: "p/d".to_owned(),
                payload: payload.clone(),
                received: Timestamp((1_700_000_000 + i as i64) * 1000),
                retained: false,
                ack: None,
                room: None,
            };
            router.deliver(message, false);
            worker.handle(&jobs.try_recv().unwrap(), &mut findings);
            if worker.has_many_entries() {
                drop(worker.take_entries());
            }
        }
        let took = start.elapsed().as_secs_f64() * 1e9 / (8.0 * payloads.len() as f64);
        assert_eq!(ledger.get(Count::Used), 8 * payloads.len() as u64);
        assert_eq!(ledger.get(Count::Rows), if joint { payloads.len() as u64 } else { 0 });
        best[round % 2] = best[round % 2].min(took);
        let written =
            |entry: Entry| (matches!(entry.op, Op::Row(_)), postcard::to_allocvec(&entry.op).unwrap().len());
        let (of_rows, of_readings): (Vec<_>, Vec<_>) =
            worker.take_entries().into_iter().map(written).partition(|(is_row, _)| *is_row);
        let mean =
            |all: &[(bool, usize)]| all.iter().map(|(_, bytes)| bytes).sum::<usize>() / all.len().max(1);
        journal[round % 2] = [mean(&of_readings), mean(&of_rows)];
    }
    let [[reading, row], _] = journal;
    eprintln!("journal: {reading} bytes a reading, {row} a row of eight");
    eprintln!("{:.0} ns a reading of 8 channels, {:.0} ns judged together too", best[1], best[0]);
}
