//! Brokers that no real one should be: after each the same agent goes on learning and says so.

use std::time::{Duration, Instant};

use brooklet_tests::agent;
use brooklet_tests::child::Child;
use brooklet_tests::fake_broker::Step::{
    Burst, Deaf, Flood, Ping, Read, Reply, Send, Serve, Slowly, Swallow,
};
use brooklet_tests::fake_broker::{FakeBroker, Script, Side, Step, Version, kind, packet, puback};
use tempfile::TempDir;

/// The agent's setting; a dead link is noticed within twice that.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// .. and on a busy machine, with the pause before the next attempt.
const NOTICED: Duration = Duration::from_millis(4500);
/// A connection that lives so long is a good one to the agent: it forgets what was before.
const STEADY: Duration = Duration::from_millis(2200);
/// How long one script may take in all.
const PATIENCE: Duration = Duration::from_secs(30);
/// By how much the agent's memory may grow in all, in KiB.
const GROWTH: u64 = 40 * 1024;
/// Agents that share the table.
const AGENTS: usize = 12;

/// What is expected of the agent.
#[derive(Clone, Copy, PartialEq)]
enum Expect {
    /// It goes on, on this connection or the next.
    Recovery,
    /// It makes a new connection within twice the keep-alive time.
    Noticed,
}
use Expect::{Noticed, Recovery};

struct Row {
    name: &'static str,
    side: Side,
    expect: Expect,
    times: usize,
    steps: fn(Version) -> Vec<Step>,
}

const fn row(name: &'static str, expect: Expect, steps: fn(Version) -> Vec<Step>) -> Row {
    Row { name, side: Side::In, expect, times: 1, steps }
}

const fn out(name: &'static str, expect: Expect, steps: fn(Version) -> Vec<Step>) -> Row {
    Row { name, side: Side::Out, expect, times: 1, steps }
}

/// Lets the agent in.
fn accept(version: Version) -> Step {
    Send(version.connack(0, 0))
}

/// Lets it in and grants its two subscriptions, then does `steps`.
fn subscribed(version: Version, steps: Vec<Step>) -> Vec<Step> {
    let grant = Reply(Box::new(move |id| version.suback(id, &[1, 1])));
    let mut all = vec![accept(version), Read(kind::SUBSCRIBE), grant];
    all.extend(steps);
    all
}

/// .. sends `bytes`, and goes on as if nothing had been.
fn sends(version: Version, bytes: Vec<u8>) -> Vec<Step> {
    subscribed(version, vec![Send(bytes), Serve])
}

/// Sends `bytes` instead of letting the agent in.
fn instead(bytes: &[u8]) -> Vec<Step> {
    vec![Send(bytes.to_vec()), Swallow]
}

/// Rows for both versions.
const BOTH: &[Row] = &[
    // Half-open and slow.
    row("never says a word", Noticed, |_| vec![Swallow]),
    row("reads nothing", Noticed, |_| vec![Deaf]),
    row("stops within CONNACK", Noticed, |v| vec![Send(v.connack(0, 0)[..2].to_vec()), Swallow]),
    row("lets in, then swallows everything", Noticed, |v| vec![accept(v), Swallow]),
    row("never answers SUBSCRIBE", Noticed, |v| vec![accept(v), Ping]),
    row("never answers PINGREQ", Noticed, |v| subscribed(v, vec![Swallow])),
    row("stops within PUBLISH", Noticed, |v| {
        let publish = v.publish(2, b"sensors/x", 1, b"12345678");
        subscribed(v, vec![Send(publish[..publish.len() - 3].to_vec()), Swallow])
    }),
    row("sends one PUBLISH for ever", Noticed, |v| {
        let publish = v.publish(2, b"sensors/x", 1, &[b'1'; 400]);
        subscribed(v, vec![Slowly(publish, Duration::from_millis(50)), Swallow])
    }),
    row("stops reading while it sends", Noticed, |v| {
        let message = move |n: usize| v.publish(2, b"sensors/x", (n % 65_535) as u16 + 1, &[b'7'; 60_000]);
        subscribed(v, vec![Flood(200, Box::new(message)), Deaf])
    }),
    row("is slow but right", Recovery, |v| {
        let pause = Duration::from_millis(5);
        vec![
            Slowly(v.connack(0, 0), pause),
            Read(kind::SUBSCRIBE),
            Slowly(v.suback(1, &[1, 1]), pause),
            Slowly(v.publish(2, b"sensors/slow", 7, b"5"), pause),
            Serve,
        ]
    }),
    // Cuts.
    row("closes at once", Recovery, |_| vec![]),
    row("closes within CONNACK", Recovery, |v| vec![Send(v.connack(0, 0)[..3].to_vec())]),
    row("closes before SUBACK", Recovery, |v| vec![accept(v), Read(kind::SUBSCRIBE)]),
    row("closes within PUBLISH", Recovery, |v| {
        subscribed(v, vec![Send(v.publish(2, b"sensors/x", 1, b"12345678")[..9].to_vec())])
    }),
    Row { name: "restarts again and again", side: Side::In, expect: Recovery, times: 5, steps: |_| vec![] },
    // Letting in.
    row("CONNACK with a reserved code", Recovery, |v| instead(&v.connack(0, 77))),
    row("CONNACK with reserved flags", Recovery, |v| vec![Send(v.connack(0xfe, 0)), Serve]),
    row("CONNACK that refuses and resumes", Recovery, |v| {
        instead(&v.connack(1, if v == Version::V5 { 0x80 } else { 3 }))
    }),
    row("CONNACK without content", Recovery, |_| instead(&[0x20, 0])),
    row("SUBACK instead of CONNACK", Recovery, |v| instead(&v.suback(1, &[1]))),
    row("PUBLISH instead of CONNACK", Recovery, |v| instead(&v.publish(0, b"sensors/x", 0, b"1"))),
    row("CONNACK twice", Recovery, |v| vec![accept(v), accept(v), Serve]),
    row("HTTP", Recovery, |_| instead(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")),
    row("TLS", Recovery, |_| instead(&[0x15, 3, 3, 0, 2, 2, 70, 0x16, 3, 3, 0, 4, 14, 0, 0, 0])),
    row("garbage", Recovery, |_| instead(&(0..=255).rev().collect::<Vec<u8>>())),
    // Subscriptions.
    row("PUBLISH before SUBACK", Recovery, |v| {
        vec![accept(v), Send(v.publish(2, b"sensors/early", 3, b"1")), Serve]
    }),
    row("SUBACK with another number", Recovery, |v| {
        vec![accept(v), Read(kind::SUBSCRIBE), Reply(Box::new(move |id| v.suback(id + 1, &[1, 1]))), Serve]
    }),
    row("SUBACK with too few codes", Recovery, |v| {
        vec![accept(v), Read(kind::SUBSCRIBE), Reply(Box::new(move |id| v.suback(id, &[1]))), Serve]
    }),
    row("SUBACK with too many codes", Recovery, |v| {
        vec![accept(v), Read(kind::SUBSCRIBE), Reply(Box::new(move |id| v.suback(id, &[1; 9]))), Serve]
    }),
    row("SUBACK with a reserved code", Recovery, |v| {
        vec![accept(v), Read(kind::SUBSCRIBE), Reply(Box::new(move |id| v.suback(id, &[1, 0x7f]))), Serve]
    }),
    row("SUBACK twice", Recovery, |v| sends(v, v.suback(1, &[1, 1]))),
    row("UNSUBACK that nobody asked for", Recovery, |v| sends(v, v.unsuback(9))),
    // Messages.
    row("PUBLISH at QoS 3", Recovery, |v| sends(v, v.publish(6, b"sensors/x", 1, b"1"))),
    row("PUBLISH at QoS 2", Recovery, |v| sends(v, v.publish(4, b"sensors/x", 1, b"1"))),
    row("PUBLISH without a topic", Recovery, |v| sends(v, v.publish(2, b"", 1, b"1"))),
    row("PUBLISH to a wildcard", Recovery, |v| sends(v, v.publish(2, b"sensors/#", 1, b"1"))),
    row("PUBLISH to a topic that is not UTF-8", Recovery, |v| {
        sends(v, v.publish(2, b"sensors/\xff\xfe", 1, b"1"))
    }),
    row("PUBLISH to a topic with NUL", Recovery, |v| sends(v, v.publish(2, b"sensors/\0", 1, b"1"))),
    row("PUBLISH with the number 0", Recovery, |v| sends(v, v.publish(2, b"sensors/x", 0, b"1"))),
    row("PUBLISH repeated at QoS 0", Recovery, |v| sends(v, v.publish(8, b"sensors/x", 0, b"1"))),
    row("PUBLISH whose topic is longer than itself", Recovery, |v| {
        sends(v, packet(0x32, &[0xff, 0xff, b's']))
    }),
    row("PUBLISH without content", Recovery, |v| sends(v, vec![0x30, 0])),
    row("PUBLISH longer than any limit", Recovery, |v| {
        sends(v, vec![0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b's'])
    }),
    row("PUBLISH longer than the agent's limit", Recovery, |v| {
        sends(v, v.publish(2, b"sensors/x", 1, &vec![b'1'; 300_000]))
    }),
    row("a length of five bytes", Recovery, |v| sends(v, vec![0x32, 0xff, 0xff, 0xff, 0xff, 0x7f])),
    row("the same message 100,000 times", Recovery, |v| {
        subscribed(v, vec![Burst(100_000, Box::new(move |_| v.publish(10, b"sensors/x", 1, b"1"))), Deaf])
    }),
    row("100,000 repeated messages", Recovery, |v| {
        let message = move |n: usize| v.publish(10, b"sensors/x", (n % 65_535) as u16 + 1, b"1");
        subscribed(v, vec![Burst(100_000, Box::new(message)), Deaf])
    }),
    row("retained messages without end", Recovery, |v| {
        let message = move |n: usize| v.publish(1, format!("sensors/r{n}").as_bytes(), 0, &[b'1'; 100]);
        vec![accept(v), Burst(100_000, Box::new(message)), Deaf]
    }),
    // Packets that are none, or not for a client.
    row("type 0", Recovery, |v| sends(v, vec![0x00, 0])),
    row("AUTH out of place", Recovery, |v| sends(v, vec![0xf0, 0])),
    row("CONNECT", Recovery, |v| sends(v, packet(0x10, b"\0\x04MQTT\x04\x02\0\x3c\0\0"))),
    row("SUBSCRIBE", Recovery, |v| sends(v, packet(0x82, b"\0\x01\0\x01a\x01"))),
    row("PINGREQ", Recovery, |v| sends(v, vec![0xc0, 0])),
    row("DISCONNECT", Recovery, |v| sends(v, vec![0xe0, 0])),
    row("PINGRESP 10,000 times", Recovery, |v| sends(v, [0xd0, 0].repeat(10_000))),
    row("PUBACK for nothing", Recovery, |v| sends(v, puback(77))),
    row("PUBACK without content", Recovery, |v| sends(v, vec![0x40, 0])),
    row("PUBREC, PUBREL and PUBCOMP for nothing", Recovery, |v| {
        sends(v, [packet(0x50, &[0, 9]), packet(0x62, &[0, 9]), packet(0x70, &[0, 9])].concat())
    }),
    // The connection that the agent publishes on.
    out("out: never says a word", Noticed, |_| vec![Swallow]),
    out("out: lets in, then swallows everything", Noticed, |v| vec![accept(v), Swallow]),
    out("out: reads nothing", Noticed, |v| vec![accept(v), Deaf]),
    out("out: acknowledges nothing", Noticed, |v| vec![accept(v), Ping]),
    out("out: closes before PUBACK", Recovery, |v| vec![accept(v), Read(kind::PUBLISH)]),
    out("out: PUBACK with another number", Recovery, |v| {
        vec![accept(v), Read(kind::PUBLISH), Reply(Box::new(|id| puback(id + 1000))), Serve]
    }),
    out("out: PUBACK twice", Recovery, |v| {
        vec![accept(v), Read(kind::PUBLISH), Reply(Box::new(|id| [puback(id), puback(id)].concat())), Serve]
    }),
    out("out: PUBACK for number 0", Recovery, |v| {
        vec![accept(v), Read(kind::PUBLISH), Send(puback(0)), Serve]
    }),
    out("out: PUBACKs in another order", Recovery, |v| {
        vec![
            accept(v),
            Read(kind::PUBLISH),
            Read(kind::PUBLISH),
            Reply(Box::new(|id| [puback(id), puback(id - 1)].concat())),
            Serve,
        ]
    }),
    out("out: PUBREC at QoS 1", Recovery, |v| {
        vec![accept(v), Read(kind::PUBLISH), Reply(Box::new(|id| packet(0x50, &id.to_be_bytes()))), Serve]
    }),
    out("out: a message for nobody", Recovery, |v| {
        vec![accept(v), Send(v.publish(2, b"sensors/x", 1, b"1")), Serve]
    }),
    Row {
        name: "out: restarts again and again",
        side: Side::Out,
        expect: Recovery,
        times: 5,
        steps: |_| vec![],
    },
];

/// .. for MQTT 3.1.1 only.
const ONLY_3: &[Row] = &[
    row("refuses the version", Recovery, |v| instead(&v.connack(0, 1))),
    row("refuses the client id", Recovery, |v| instead(&v.connack(0, 2))),
    row("is not available", Recovery, |v| instead(&v.connack(0, 3))),
    row("refuses the password", Recovery, |v| instead(&v.connack(0, 4))),
    row("refuses the client", Recovery, |v| instead(&v.connack(0, 5))),
    row("speaks MQTT 5", Recovery, |_| instead(&Version::V5.connack(0, 0x84))),
];

/// A CONNACK with these properties.
fn connack_with(properties: &[u8]) -> Vec<u8> {
    let length = properties.len() as u8;
    packet(0x20, &[&[0, 0, length], properties].concat())
}

/// .. for MQTT 5 only.
const ONLY_5: &[Row] = &[
    row("refuses the version", Recovery, |v| instead(&v.connack(0, 0x84))),
    row("refuses the client", Recovery, |v| instead(&v.connack(0, 0x87))),
    row("is too busy", Recovery, |v| instead(&v.connack(0, 0x89))),
    row("speaks MQTT 3.1.1", Recovery, |_| instead(&Version::V3.connack(0, 1))),
    row("CONNACK with an unknown property", Recovery, |_| instead(&connack_with(&[0x7d, 1]))),
    row("CONNACK whose properties are longer than itself", Recovery, |_| {
        instead(&packet(0x20, &[0, 0, 0x7f, 1]))
    }),
    row("CONNACK that gives another client id", Recovery, |_| instead(&connack_with(b"\x12\0\x01x"))),
    row("CONNACK with a Receive Maximum of 0", Recovery, |_| instead(&connack_with(&[0x21, 0, 0]))),
    row("CONNACK with a Maximum Packet Size of 0", Recovery, |_| instead(&connack_with(&[0x27, 0, 0, 0, 0]))),
    row("a keep-alive time of its own", Recovery, |_| vec![Send(connack_with(&[0x13, 0, 5])), Serve]),
    row("an alias for a topic", Recovery, |v| {
        sends(v, packet(0x32, b"\0\x09sensors/x\0\x01\x03\x23\0\x01x"))
    }),
    row("an alias that was never given", Recovery, |v| sends(v, packet(0x32, b"\0\0\0\x01\x03\x23\0\x011"))),
    row("PUBLISH with broken properties", Recovery, |v| {
        sends(v, packet(0x32, b"\0\x09sensors/x\0\x01\x7f\x231"))
    }),
    row("shuts down", Recovery, |v| sends(v, packet(0xe0, &[0x8b, 0]))),
    row("says that another client took over", Recovery, |v| sends(v, packet(0xe0, &[0x8e, 0]))),
    row("gives a reason", Recovery, |v| sends(v, packet(0xe0, b"\x97\x08\x1f\0\x05no\xc3\xa9!"))),
    row("gives a reason that is not UTF-8", Recovery, |v| {
        sends(v, packet(0xe0, b"\x97\x05\x1f\0\x02\xff\xfe"))
    }),
    row("gives an unknown reason", Recovery, |v| sends(v, packet(0xe0, &[0x33, 0]))),
    row("asks for more of who we are", Recovery, |_| instead(&packet(0xf0, &[0x18, 0]))),
    out("out: takes one message at a time", Recovery, |_| vec![Send(connack_with(&[0x21, 0, 1])), Serve]),
    out("out: refuses a message", Recovery, |v| {
        let refusal = |id: u16| packet(0x40, &[&id.to_be_bytes()[..], &[0x87, 0]].concat());
        vec![accept(v), Read(kind::PUBLISH), Reply(Box::new(refusal)), Serve]
    }),
    out("out: keeps nothing", Recovery, |_| vec![Send(connack_with(&[0x25, 0])), Read(kind::CONNECT)]),
];

/// An agent and the broker that it is at the mercy of.
struct Pair {
    broker: FakeBroker,
    agent: Child,
    version: Version,
    _folder: TempDir,
    memory: u64,
    learnt: u64,
}

impl Pair {
    fn start(version: Version) -> Self {
        let broker = FakeBroker::start(version);
        let folder = TempDir::new().unwrap();
        let level = if version == Version::V5 { "5" } else { "\"3.1.1\"" };
        let config = format!(
            "[mqtt]\nurl = \"mqtt://127.0.0.1:{}\"\nversion = {level}\nkeep_alive_seconds = {}\n\
             [[stream]]\nname = \"all\"\ntopic = \"sensors/#\"\n",
            broker.port(),
            KEEP_ALIVE.as_secs()
        );
        let agent = agent::start(agent::configured(&config, folder.path(), &folder.path().join("state")));
        assert_eq!(broker.level(), Some(if version == Version::V5 { 5 } else { 4 }));
        let mut pair = Self { broker, agent, version, _folder: folder, memory: 0, learnt: 0 };
        pair.goes_on("a good start");
        pair.memory = pair.agent.memory();
        pair
    }

    /// A reading is learnt and acknowledged, and the status says so, on connections that stay.
    fn goes_on(&mut self, name: &str) {
        let end = Instant::now() + PATIENCE;
        self.learnt += 1;
        let (id, topic) = (self.learnt as u16, format!("sensors/good/{}", self.learnt));
        let used = |status: &serde_json::Value| status["counts"]["readings_used"].as_u64().unwrap_or(0);
        let before = used(&self.broker.status());
        let second = Duration::from_secs(1);
        let left = || assert!(Instant::now() < end, "{name}: the agent does not go on");
        while !self.broker.publish(self.version, id, &topic, "1", second) {
            assert!(self.agent.is_running(), "{name}: the agent has ended");
            left();
            let _ = self.broker.wait_status(second, |_| true);
        }
        while self.broker.wait_status(2 * second, |status| used(status) > before).is_none() {
            left();
        }
        while self.broker.steady_for() < STEADY {
            left();
            let _ = self.broker.wait_status(second, |_| true);
        }
    }

    fn play(&mut self, row: &Row) {
        let (version, steps) = (self.version, row.steps);
        let made = self.broker.made(row.side);
        self.broker.play(Script {
            side: row.side,
            times: row.times,
            steps: Box::new(move || steps(version)),
        });
        let began = self.broker.played(PATIENCE);
        let began = began.unwrap_or_else(|| panic!("{}: the agent does not connect", row.name));
        if row.expect == Noticed {
            let again = self.broker.wait_made(row.side, made + 2, NOTICED);
            assert!(again, "{}: not noticed within {:?}", row.name, began.elapsed());
        }
        self.goes_on(row.name);
        assert!(self.agent.is_running(), "{}: the agent has ended", row.name);
        let panics = self.agent.lines("panicked");
        assert!(panics.is_empty(), "{}: {panics:?}", row.name);
        let grown = self.agent.peak_memory().saturating_sub(self.memory);
        assert!(grown < GROWTH, "{}: {grown} KiB more than at the start", row.name);
    }
}

/// Plays all rows, spread over agents; only those whose name contains `$BROOKLET_SCRIPTS`, if that is set.
fn play(version: Version, tables: &[&[Row]]) {
    let only = std::env::var("BROOKLET_SCRIPTS").unwrap_or_default();
    let rows: Vec<&Row> = tables.iter().copied().flatten().filter(|row| row.name.contains(&only)).collect();
    let results = std::thread::scope(|scope| {
        let agents: Vec<_> = (0..AGENTS.min(rows.len()))
            .map(|first| {
                let rows = &rows;
                scope.spawn(move || {
                    let mut pair = Pair::start(version);
                    for row in rows.iter().skip(first).step_by(AGENTS) {
                        pair.play(row);
                    }
                    let grown = pair.agent.peak_memory().saturating_sub(pair.memory);
                    agent::stop(&mut pair.agent);
                    grown
                })
            })
            .collect();
        agents.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let most = results.iter().flatten().max();
    eprintln!("{} scripts, memory grown by {most:?} KiB at most", rows.len());
    assert!(results.iter().all(Result::is_ok), "see above");
}

#[test]
fn no_broker_of_mqtt_3_1_1_can_stop_the_agent() {
    play(Version::V3, &[BOTH, ONLY_3]);
}

#[test]
fn no_broker_of_mqtt_5_can_stop_the_agent() {
    play(Version::V5, &[BOTH, ONLY_5]);
}

#[test]
fn a_refused_subscription_is_told_and_asked_for_again_until_it_is_granted() {
    let mut pair = Pair::start(Version::V3);
    let refuse = |steps: &mut Vec<Step>| {
        steps.extend([Read(kind::SUBSCRIBE), Reply(Box::new(|id| Version::V3.suback(id, &[0x80])))]);
    };
    let script = move || {
        let grant_one = Reply(Box::new(|id| Version::V3.suback(id, &[0x80, 1])));
        let mut steps = vec![accept(Version::V3), Read(kind::SUBSCRIBE), grant_one];
        // Only what was refused is asked for again.
        refuse(&mut steps);
        refuse(&mut steps);
        steps.push(Serve);
        steps
    };
    pair.broker.play(Script { side: Side::In, times: 1, steps: Box::new(script) });
    let line = pair.agent.line("the broker refuses this subscription");
    assert!(line.contains("sensors/#") && line.contains("access rules"), "{line}");
    pair.agent.line("the broker grants the subscriptions that it refused");
    pair.goes_on("granted in the end");
    let none = |status: &serde_json::Value| status["problems"].as_array().is_some_and(Vec::is_empty);
    pair.broker.wait_status(PATIENCE, none).expect("no problem is left");
    assert_eq!(pair.agent.lines("the broker refuses this subscription").len(), 1, "said once");

    // Both of them, more than once: that is said once too.
    let both = || {
        let mut steps = vec![accept(Version::V3)];
        for _ in 0..3 {
            steps
                .extend([Read(kind::SUBSCRIBE), Reply(Box::new(|id| Version::V3.suback(id, &[0x80, 0x80])))]);
        }
        steps.push(Serve);
        steps
    };
    pair.broker.play(Script { side: Side::In, times: 1, steps: Box::new(both) });
    pair.agent.nth_line("the broker grants the subscriptions that it refused", 2);
    assert_eq!(pair.agent.lines("the broker refuses this subscription").len(), 3, "each once");

    // .. and if it never is, the status says so, also where commands may come in.
    let never = move || {
        let grant_one = Reply(Box::new(|id| Version::V3.suback(id, &[0x80, 1])));
        let mut steps = vec![accept(Version::V3), Read(kind::SUBSCRIBE), grant_one];
        (0..100).for_each(|_| refuse(&mut steps));
        steps
    };
    pair.broker.play(Script { side: Side::In, times: 1, steps: Box::new(never) });
    let told = pair.broker.wait_status(PATIENCE, |status| {
        status["problems"][0].as_str().is_some_and(|text| text.contains("sensors/#"))
            && status["broker"]["receiving"] == false
    });
    told.expect("the status tells the problem");
}

#[test]
fn what_the_broker_does_not_take_is_counted_and_ends_no_connection() {
    let mut pair = Pair::start(Version::V5);
    // It takes less than a health message.
    let short = || vec![Send(connack_with(&[0x27, 0, 0, 0, 200])), Read(kind::PUBLISH), Serve];
    pair.broker.play(Script { side: Side::Out, times: 1, steps: Box::new(short) });
    pair.agent.line("too long for mqtt.max_packet_bytes or for the broker");
    let picky = || {
        let refusal = |id: u16| packet(0x40, &[&id.to_be_bytes()[..], &[0x87, 0]].concat());
        vec![accept(Version::V5), Read(kind::PUBLISH), Reply(Box::new(refusal)), Serve]
    };
    pair.broker.play(Script { side: Side::Out, times: 1, steps: Box::new(picky) });
    let line = pair.agent.line("the broker refuses this message");
    assert!(line.contains("not authorized"), "{line}");
    pair.goes_on("after refusals");
    let counts = pair.broker.status()["counts"].clone();
    assert!(counts["outbox_too_long"].as_u64() > Some(0) && counts["outbox_refused"] == 1, "{counts}");
}

#[test]
fn the_reason_that_a_broker_of_mqtt_5_gives_is_told() {
    let mut pair = Pair::start(Version::V5);
    for (name, words, reason) in [
        ("shutting down", "server shutting down", &[0x8b, 0][..]),
        ("quota", "quota exceeded (too much)", b"\x97\x0b\x1f\0\x08too much"),
        ("taken over", "session taken over", &[0x8e, 0]),
    ] {
        let steps = move || sends(Version::V5, packet(0xe0, reason));
        pair.broker.play(Script { side: Side::In, times: 1, steps: Box::new(steps) });
        pair.agent.line(words);
        pair.goes_on(name);
    }
}
