//! Devices that run Brooklet: on a line, and over MQTT.

use brooklet::alert::{ModelTag, State};
use brooklet_core::anomaly::DefaultDetector;
use brooklet_core::frame::{self, MAX};
use brooklet_core::message::{Command, Done, Message, Mode, Request};
use brooklet_core::monitor::Monitor;
use brooklet_core::snapshot;
use brooklet_core::transfer::{Want, pieces};
use brooklet_tests::agent;
use brooklet_tests::board::{Board, CHANNEL, WINDOW, step};
use brooklet_tests::broker::Broker;
use brooklet_tests::child::Child;
use brooklet_tests::client::{Client, Counts};
use serde_json::{Value, json};
use tempfile::TempDir;

/// When the level is shifted.
const FAULT: std::ops::Range<usize> = 700..760;
const EVENTS: &str = "brooklet/gw/event/pico-1/temp";
const MODEL: &str = "brooklet/gw/model/pico-1/temp";
const SCORES: &str = "brooklet/gw/score/pico-1/temp";

/// An agent with a board on a line, plugged in and known by its name.
struct Bench {
    board: Board,
    agent: Child,
    watcher: Client,
    clerk: Client,
    broker: Broker,
    _folders: [TempDir; 2],
}

impl Bench {
    fn new() -> Self {
        Self::with("")
    }

    fn with(more: &str) -> Self {
        let (broker, folder, state) = (Broker::start(), TempDir::new().unwrap(), TempDir::new().unwrap());
        let mut board = Board::new("pico-1");
        let (url, port) = (broker.url(), board.port());
        let config = format!("[mqtt]\nurl = '{url}'\n[[serial]]\nname = 'bench'\nport = '{port}'\n{more}\n");
        let agent = agent::start(agent::configured(&config, folder.path(), state.path()));
        let watcher = Client::watch(broker.port(), "brooklet/#");
        let clerk = Client::connect(broker.port());
        board.plug_in();
        assert_eq!(board.answer().command, Command::Identify);
        agent.line("a device says hello");
        Self { board, agent, watcher, clerk, broker, _folders: [folder, state] }
    }

    /// Publishes a command; returns its topic.
    fn ask(&self, name: &str, id: &str, mut fields: Value) -> String {
        fields["status"] = "init".into();
        let topic = format!("brooklet/gw/cmd/{name}/{id}");
        self.clerk.publish(&topic, fields.to_string());
        topic
    }

    fn state(&self, topic: &str, status: &str) -> Value {
        self.watcher.wait(topic, |message| Some(message.json()).filter(|json| json["status"] == status))
    }

    fn reason(&self, topic: &str) -> String {
        self.state(topic, "failed")["reason"].as_str().unwrap().to_owned()
    }

    fn set_mode(&mut self, mode: &str) {
        let topic = self.ask("set-mode", mode, json!({"device": "pico-1", "mode": mode}));
        // On a slow machine it may be asked for its name once more.
        self.board.answer_until(|_, request| matches!(request.command, Command::SetMode(_)));
        self.state(&topic, "successful");
    }

    /// All readings of `range`; then waits until they were used.
    fn readings(&mut self, range: std::ops::Range<usize>, used: u64) -> Counts {
        for i in range {
            self.board.sense(Board::reading(i, &FAULT));
        }
        self.watcher.wait_used(used)
    }
}

#[test]
fn readings_on_a_line_become_alerts_and_nothing_is_missing_unnamed() {
    let mut bench = Bench::new();
    let mut sent = 2; // hello and done
    for i in 0..800 {
        let mut bytes = bench.board.framed(&Message::Reading(Board::reading(i, &FAULT)));
        match i % 100 {
            // Lost on its way.
            10 | 11 => continue,
            // A byte that was no zero becomes another.
            30 => {
                let at = bytes.len() / 2;
                bytes[at] = if bytes[at] == 0x55 { 0x33 } else { 0x55 };
            }
            // Sent twice.
            50 => bench.board.write(&bytes.clone()),
            _ => {}
        }
        sent += if i % 100 == 50 { 2 } else { 1 };
        bench.board.write(&bytes);
    }
    let alert = bench.watcher.wait_alert(EVENTS, |alert| alert.state == State::Firing);
    assert_eq!(alert.started_at.0, Board::reading(FAULT.start, &FAULT).time.unwrap());
    assert_eq!(alert.model.name, "default");

    let counts = bench.watcher.wait_counts(|counts| counts.get("messages") >= sent);
    counts.assert_complete();
    assert_eq!(counts.get("messages"), sent);
    assert_eq!(counts.get("readings_used"), 800 - 16 - 8);
    assert_eq!((counts.get("messages_repeated"), counts.refused("frame_damaged")), (8, 8), "{counts:?}");
    // What came damaged did not come, as far as the numbers know.
    assert_eq!(counts.get("frames_lost"), 16 + 8);
    agent::stop(&mut bench.agent);
}

#[test]
fn a_line_that_goes_is_opened_again_and_one_that_never_was_does_no_harm() {
    let mut bench = Bench::with("[[serial]]\nname = 'absent'\nport = '/nowhere/ttyACM0'");
    let complaint = bench.agent.line("cannot open the line");
    assert!(complaint.contains("/nowhere/ttyACM0") && complaint.contains("plugged in?"), "{complaint}");
    bench.readings(0..10, 10);
    bench.board.unplug();
    bench.agent.line("line closed");
    let topic = bench.ask("set-mode", "1", json!({"device": "pico-1", "mode": "raw"}));
    assert_eq!(bench.reason(&topic), "the device is not connected");
    let lost = bench.board.framed(&Message::Reading(Board::reading(10, &FAULT)));
    bench.board.plug_in();
    // In the middle of a frame.
    bench.board.write(&lost[5..]);
    let counts = bench.readings(11..20, 19);
    assert_eq!((counts.get("frames_lost"), counts.refused("frame_damaged")), (1, 1), "{counts:?}");
    assert_eq!(bench.agent.lines("cannot open the line").len(), 1);
    // It is asked for its name first.
    assert_eq!(bench.board.answer().command, Command::Identify);
    bench.set_mode("raw");
    agent::stop(&mut bench.agent);
}

#[test]
fn the_work_is_split_in_three_ways() {
    let mut bench = Bench::new();
    bench.readings(0..20, 20);

    bench.set_mode("features");
    assert_eq!(bench.board.mode, Mode::Features);
    // Four figures a window.
    let counts = bench.readings(20..40, 20 + 8);
    assert_eq!(counts.get("channels"), 1 + 4, "{counts:?} {WINDOW}");

    bench.set_mode("verdicts");
    for i in 40..1_100 {
        bench.board.sense(Board::reading(i, &FAULT));
    }
    let alert = bench.watcher.wait_alert(EVENTS, |alert| alert.state == State::Firing);
    assert_eq!(alert.model.name, ModelTag::DEVICE);
    assert!(alert.because.experts.iter().any(|expert| expert.evidence > 2.0), "{alert:?}");
    let over = bench.watcher.wait_alert(EVENTS, |alert| alert.state == State::Resolved);
    assert_eq!(over.id, alert.id);
    let counts = bench.watcher.wait_used(28 + 1_060);
    counts.assert_complete();
    assert_eq!(counts.get("channels"), 1 + 4);
    agent::stop(&mut bench.agent);
}

/// The same verdict, bit for bit.
fn bits(score: &Value) -> [u32; 2] {
    let bits = |name: &str| {
        let text = score[name].to_string();
        text.parse::<f32>().unwrap().to_bits()
    };
    [bits("score"), bits("level")]
}

#[test]
fn models_travel_both_ways_and_go_on_to_the_bit() {
    let mut bench = Bench::with("[publish]\nscores = true\nscores_every_seconds = 1");
    // The gateway learns; somebody else learns the same.
    let mut twin = Monitor::new(DefaultDetector::new());
    for i in 0..720 {
        step(&mut twin, &Board::reading(i, &FAULT));
    }
    bench.readings(0..720, 720);

    // Down: the device goes on where the gateway is.
    let topic = bench.ask("send-model", "1", json!({"device": "pico-1", "channel": CHANNEL}));
    bench.board.answer_until(|board, _| board.is_loaded());
    bench.state(&topic, "executing");
    bench.state(&topic, "successful");
    assert!(bench.board.monitor == twin, "the model has changed on its way");
    let topic = bench.ask("publish-model", "1", json!({"device": "pico-1", "channel": CHANNEL}));
    bench.state(&topic, "successful");
    let published = bench.watcher.wait(MODEL, |message| Some(message.bytes.clone()));
    assert!(published == bench.board.snapshot());

    bench.set_mode("verdicts");
    for i in 720..1000 {
        let reading = Board::reading(i, &FAULT);
        let expected = step(&mut twin, &reading).0;
        assert_eq!(bench.board.sense(reading), Some(expected), "{i}");
    }
    bench.watcher.wait_used(1000);

    // Up: the gateway goes on where the device is, and learns again.
    bench.watcher.forget();
    let topic = bench.ask("fetch-model", "1", json!({"device": "pico-1", "channel": CHANNEL}));
    let own = bench.board.snapshot();
    let mut pieces = 0;
    bench.board.answer_until(|board, request| {
        if let Command::Want(want) = &request.command {
            pieces = usize::from(want.from) / 192 + usize::from(want.most);
        }
        pieces * 192 >= board.snapshot().len()
    });
    bench.state(&topic, "successful");
    assert!(bench.watcher.wait(MODEL, |message| Some(message.bytes.clone())) == own);
    let late = Client::watch(bench.broker.port(), MODEL);
    assert!(late.wait(MODEL, |message| message.retained.then(|| message.bytes.clone())) == own);

    bench.set_mode("raw");
    bench.watcher.forget();
    for i in 1000..1100 {
        let reading = Board::reading(i, &(1050..1060));
        let (verdict, _) = step(&mut twin, &reading);
        let time = reading.time.unwrap();
        bench.board.sense(reading);
        let score =
            bench.watcher.wait(SCORES, |message| Some(message.json()).filter(|json| json["time"] == time));
        assert_eq!(bits(&score), [verdict.score.to_bits(), verdict.level.to_bits()], "{i}");
    }
    agent::stop(&mut bench.agent);
}

#[test]
fn what_cannot_be_done_is_refused_with_a_reason() {
    let mut bench = Bench::new();
    let known = |command: &str| json!({"device": "pico-1", "channel": command});
    for (name, fields, reason) in [
        ("reset", json!({"device": "pico-9", "channel": "temp"}), "no device called pico-9"),
        ("explode", known("temp"), "there is no command of this name"),
        ("set-mode", json!({"device": "pico-1", "mode": "sideways"}), "raw, features, verdicts"),
        ("send-model", known("temp"), "has learnt no channel temp of pico-1"),
        ("publish-model", known("temp"), "has learnt no channel temp of pico-1"),
        ("reset", json!({"device": "pico-1"}), "names no \"channel\""),
    ] {
        let topic = bench.ask(name, "1", fields.clone());
        let why = bench.reason(&topic);
        assert!(why.contains(reason), "{name} {fields}: {why}");
        bench.watcher.forget();
    }
    bench.clerk.publish("brooklet/gw/cmd/reset/json", "{");
    assert!(bench.reason("brooklet/gw/cmd/reset/json").contains("not valid JSON"));

    // What the device says itself.
    for name in ["reset", "fetch-model"] {
        let topic = bench.ask(name, "2", known("pressure"));
        bench.board.answer();
        assert_eq!(bench.reason(&topic), "the device has no such channel");
    }
    // A model of something else: whole, but not what this gateway runs.
    let topic = bench.ask("fetch-model", "3", known("temp"));
    bench.board.request();
    let mut buffer = [0; snapshot::MAX_BYTES];
    let other = snapshot::save(&bench.board.monitor, 7, &mut buffer).unwrap().to_vec();
    bench.board.offer(other);
    bench.answer_wants();
    let why = bench.reason(&topic);
    assert!(why.contains("learnt under another configuration"), "{why}");
    // No answer at all: asked again, with the same number, and given up.
    let topic = bench.ask("set-mode", "4", json!({"device": "pico-1", "mode": "raw"}));
    let tries: Vec<Request> = (0..4).map(|_| bench.board.request()).collect();
    assert!(tries.iter().all(|request| *request == tries[0]), "{tries:?}");
    assert_eq!(bench.reason(&topic), "the device does not answer, asked 4 times");
    // The answer to a repeated request is the answer.
    let topic = bench.ask("set-mode", "5", json!({"device": "pico-1", "mode": "raw"}));
    bench.board.request();
    bench.board.answer();
    bench.state(&topic, "successful");
    // What is retained is an answer or an old question.
    let fields = json!({"status": "init", "device": "pico-1", "mode": "raw"});
    bench.clerk.publish_retained("brooklet/gw/cmd/set-mode/6", fields.to_string());
    bench.state("brooklet/gw/cmd/set-mode/6", "executing");
    bench.board.answer();
    bench.state("brooklet/gw/cmd/set-mode/6", "successful");
    bench.watcher.wait_counts(|counts| counts.get("messages_commands") >= 13).assert_complete();
    agent::stop(&mut bench.agent);
}

impl Bench {
    /// Sends what is asked for until nothing is asked for any more.
    fn answer_wants(&mut self) {
        let mut left = 1;
        while left > 0 {
            let request = self.board.answer();
            let Command::Want(want) = request.command else { panic!("{request:?}") };
            let end = usize::from(want.from) + usize::from(want.most) * 192;
            left = self.board.snapshot().len().saturating_sub(end);
        }
    }
}

#[test]
fn a_peer_that_means_ill_finds_an_agent_that_stays_small() {
    let mut bench = Bench::new();
    bench.readings(0..10, 10);
    let before = bench.agent.memory();
    let mut noise = 1_u32;
    let mut bytes: Vec<u8> = (0..1 << 20)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        })
        .collect();
    bench.board.write(&bytes);
    // Frames without an end.
    bytes.fill(7);
    (0..4).for_each(|_| bench.board.write(&bytes));
    bench.board.write(&[0]);
    // Pieces, offers, wishes and answers that nobody asked for.
    let model = bench.board.snapshot();
    for i in 0..2_000 {
        bench.board.offer(model.clone());
        let want = Want { transfer: i, from: 0, most: u8::MAX };
        let piece = pieces(&model, &want, 192).next().unwrap();
        bench.board.send(&Message::Want(want));
        bench.board.send(&Message::Piece(piece));
        bench.board.send(&Message::Done(Done { number: i, result: Ok(()) }));
    }
    let counts = bench.readings(10..20, 20);
    counts.assert_complete();
    assert!(counts.get("frames_unasked") >= 7_990, "{counts:?}");
    assert!(counts.refused("frame_too_long") > 100 && counts.refused("frame_damaged") > 100, "{counts:?}");
    let more = bench.agent.memory().saturating_sub(before);
    assert!(more < 16 * 1024, "{more} KiB more than before");
    bench.set_mode("features");
    agent::stop(&mut bench.agent);
}

#[test]
fn frames_over_mqtt_are_like_those_of_a_line() {
    let (broker, folder, state) = (Broker::start(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let config = format!(
        "[mqtt]\nurl = '{}'\n[[stream]]\nname = 'boards'\ntopic = 'boards/{{device}}'\npayload = 'brooklet'\n\
         [[stream]]\nname = 'any'\ntopic = 'any/#'\n",
        broker.url()
    );
    let mut agent = agent::start(agent::configured(&config, folder.path(), state.path()));
    let watcher = Client::watch(broker.port(), "brooklet/#");
    let device = Client::connect(broker.port());
    let mut sequence = 0;
    let mut send = |topic: &str, message: Message| {
        sequence += 1;
        device.publish(topic, frame::encode(sequence, &message, &mut [0; MAX]).unwrap().to_vec());
    };
    for i in 0..750 {
        send("boards/pico-1", Message::Reading(Board::reading(i, &FAULT)));
    }
    send("any/pico-2", Message::Reading(Board::reading(0, &FAULT)));
    device.publish("any/pico-3", r#"{"temp": 20.5}"#);
    device.publish("boards/pico-1", "21.5");
    watcher.wait_alert(EVENTS, |alert| alert.state == State::Firing);
    let counts = watcher.wait_used(752);
    counts.assert_complete();
    assert_eq!((counts.refused("frame_damaged"), counts.get("channels")), (1, 3), "{counts:?}");

    let topic = "brooklet/gw/cmd/set-mode/1";
    device.publish(topic, r#"{"status":"init","device":"pico-1","mode":"verdicts"}"#);
    let request: Request =
        watcher.wait("brooklet/gw/device/pico-1", |message| Some(frame::decode(&message.bytes).unwrap().1));
    assert_eq!(request.command, Command::SetMode(Mode::Verdicts));
    send("boards/pico-1", Message::Done(Done { number: request.number, result: Ok(()) }));
    watcher.wait(topic, |message| (message.json()["status"] == "successful").then_some(()));
    agent::stop(&mut agent);
}
