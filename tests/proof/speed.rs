//! How fast the whole agent is: beside a bare client on the same broker, and from a reading to its alert.

use std::collections::{HashMap, VecDeque};
use std::thread;
use std::time::{Duration, Instant};

use brooklet::reading::Timestamp;
use brooklet::time::parse_time;
use brooklet_tests::broker::Broker;
use brooklet_tests::signal;
use indicatif::ProgressBar;
use rumqttc::{AckMode, AsyncClient, Event, MqttOptions, Outgoing, Packet, QoS, SubscribeFilter};
use serde_json::Value;

use crate::gateway::{Durability, Gateway};
use crate::peers::{PATIENCE, Publisher, Witness, keep_for};
use crate::readings::{judged, machine};
use crate::report::{Chart, Report, grouped, histogram};
use crate::shared::Shared;

/// The share of a bare client's rate that the agent keeps, at least.
const GOAL: f64 = 0.7;
/// Machines that send; two channels each.
const MACHINES: usize = 1000;
/// The last messages of a backlog: alerts of so many devices, so that every worker has some at the end of its queue.
const LAST: usize = 64;
const EVENTS: &[&str] = &["brooklet/gw/event/+/+"];
/// Unlike the settings shipped: a backlog that takes seconds. At QoS 0 a broker keeps nothing at all for those who are away
/// unless it is told to.
const LONG_QUEUE: &str = "max_queued_messages 2000000\nmax_queued_bytes 0\nqueue_qos0_messages true\n";
const FILTERS: [&str; 2] = ["plant/+", "boards/+"];

/// The same backlog, queued at the broker, taken by a bare client and by the agent in turns.
pub(crate) fn throughput(
    qos: u8,
    messages: usize,
    rounds: usize,
    durability: Durability,
    bar: &ProgressBar,
) -> Report {
    let broker = Broker::start_as_shipped(LONG_QUEUE);
    let port = broker.port();
    let heard: Shared<HashMap<String, Timestamp>> = Shared::default();
    let hearing = heard.clone();
    let _witness = Witness::start(port, EVENTS, move |event| {
        let now = Timestamp::now();
        let device = event.topic.split('/').nth(3).unwrap_or_default().to_owned();
        hearing.with(|heard| *heard.entry(device).or_insert(now));
    });
    let stream = |name: &str, more: &str| {
        format!("[[stream]]\nname = \"{name}\"\ntopic = \"{name}/{{device}}\"\nqos = {qos}\n{more}")
    };
    let streams = stream("plant", "") + &stream("boards", "payload = \"brooklet\"\n");
    let mut gateway = Gateway::start_with(port, durability, "", &streams);
    gateway.stop();
    keep_for(port, "bare", &FILTERS, qos).expect("the broker keeps a session");

    let all = messages + LAST;
    let begin = Timestamp::now().0 - 3_000_000;
    let (mut bare_rates, mut agent_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    bar.set_length(rounds as u64);
    for round in 0..rounds {
        let mut publisher = Publisher::new(port, "plant");
        for i in 0..messages {
            let (n, device) = (round * messages + i, i % MACHINES);
            let time = begin + i64::try_from(n / MACHINES).expect("a count") * 1000;
            publisher.publish(&format!("plant/p{device}"), &machine(device, n / MACHINES, time));
        }
        let last = |device: usize| format!("s{round}-{device}");
        for device in 0..LAST {
            let frame = judged(0, Timestamp::now().0, true);
            publisher.publish(&format!("boards/{}", last(device)), &frame);
        }
        publisher.finish();
        let end = format!("boards/{}", last(LAST - 1));
        let take_bare = || all as f64 / bare(port, qos, all, &end).as_secs_f64();
        let mut take_agent = || {
            gateway.start_again();
            // By the time in the log: reading it takes a while on a busy machine.
            let line = gateway.agent().line("connected to the broker");
            let began =
                line.split_whitespace().next().and_then(parse_time).expect("a line begins with its time");
            let through = |heard: &mut HashMap<String, Timestamp>| {
                let all =
                    (0..LAST).map(|device| heard.get(&last(device)).copied()).collect::<Option<Vec<_>>>();
                all?.into_iter().max()
            };
            let ended = heard.wait(PATIENCE, through).expect("the agent comes to the end of the backlog");
            let totals = gateway.stop();
            assert_eq!(
                totals["messages_decoded"].as_u64(),
                Some(all as u64),
                "as many as the bare client: {totals}"
            );
            all as f64 * 1e3 / (ended.0 - began.0).max(1) as f64
        };
        // Who is first alternates: neither always finds the broker warm.
        let (bare_rate, agent_rate) = if round % 2 == 0 {
            let bare_rate = take_bare();
            (bare_rate, take_agent())
        } else {
            let agent_rate = take_agent();
            (take_bare(), agent_rate)
        };
        bare_rates.push(bare_rate);
        agent_rates.push(agent_rate);
        ratios.push(agent_rate / bare_rate);
        bar.inc(1);
    }
    let ratio = median(&mut ratios);
    let mut report = Report::default();
    report.figure("messages, rounds", format!("{}, {rounds}", grouped(all as u64)));
    report.figure("bare client, messages a second (median)", rate(median(&mut bare_rates)));
    report.figure("agent, messages a second (median)", rate(median(&mut agent_rates)));
    report.figure(
        "the agent's share, worst and best round",
        match ratios.as_slice() {
            [worst, .., best] => format!("{worst:.2}, {best:.2}"),
            _ => String::new(),
        },
    );
    report.promise(
        "the agent's share (median)",
        format!("{ratio:.2}"),
        &format!(">= {GOAL:.2}"),
        ratio >= GOAL,
    );
    report
}

/// A subscriber that only counts and acknowledges, by the agent's own client library: how long it takes for the backlog.
fn bare(port: u16, qos: u8, all: usize, end: &str) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut options = MqttOptions::new("bare", ("127.0.0.1", port));
        options.set_clean_session(false);
        options.set_max_packet_size(262_144, 262_144);
        options.set_ack_mode(AckMode::Manual);
        let (client, mut events) = AsyncClient::builder(options).capacity(4096).build();
        let quality = if qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        let (mut began, mut taken, mut written, mut ended) = (None, 0, 0, false);
        let mut waiting = VecDeque::new();
        let mut took = None;
        loop {
            let event = tokio::time::timeout(PATIENCE, events.poll()).await.expect("the broker goes on");
            while let Some(ack) = waiting.front() {
                if client.try_manual_ack(Clone::clone(ack)).is_err() {
                    break;
                }
                waiting.pop_front();
            }
            match event.expect("the connection lives") {
                Event::Incoming(Packet::ConnAck(_)) => {
                    began = Some(Instant::now());
                    let filters = FILTERS.map(|filter| SubscribeFilter::new(filter.to_owned(), quality));
                    client.try_subscribe_many(filters).expect("room for a request");
                }
                Event::Incoming(Packet::Publish(publish)) => {
                    taken += 1;
                    ended |= publish.topic == end.as_bytes();
                    waiting.extend(client.prepare_ack(&publish));
                }
                Event::Outgoing(Outgoing::PubAck(_)) => written += 1,
                Event::Incoming(Packet::UnsubAck(_)) => break,
                _ => {}
            }
            if ended && took.is_none() && (qos == 0 || written == taken) {
                took = began.map(|began| began.elapsed());
                // The answer to this means that the broker has every acknowledgement.
                client.try_unsubscribe("nothing").expect("room for a request");
            }
        }
        assert_eq!(taken, all, "the bare client gets the whole backlog");
        took.expect("a connection that began")
    })
}

fn rate(messages: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
    grouped(messages as u64)
}

/// Sorts them, too.
fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let index = ((values.len() as f64 * part).ceil() as usize).saturating_sub(1);
    values.get(index).copied().unwrap_or(f64::NAN)
}

/// Readings of each device before the first fault.
const WARM_UP: usize = 700;
/// So many of them in a message.
const PACKED: usize = 20;
/// Readings of each device while time is taken.
const LIVE: usize = 10;
/// Between two readings: a hundred a second.
const PACE: Duration = Duration::from_millis(10);
const ALERTS: &[&str] = &["brooklet/gw/alert/+/+", "brooklet/gw/event/+/+", "brooklet/gw/status"];

/// What was heard: when each alert came first, by its device and the time of its first reading; and how many readings were
/// learnt so far.
#[derive(Debug, Default)]
struct Heard {
    alerts: HashMap<(String, String), Instant>,
    used: u64,
}

/// From the moment at which a reading is published to the moment at which its alert arrives; a hundred readings a second,
/// every device fails once.
pub(crate) fn latency(devices: usize, durability: Durability, bar: &ProgressBar) -> Report {
    let broker = Broker::start_as_shipped("");
    let port = broker.port();
    let heard: Shared<Heard> = Shared::default();
    let hearing = heard.clone();
    let _witness = Witness::start(port, ALERTS, move |message| {
        let now = Instant::now();
        let Ok(json) = serde_json::from_slice::<Value>(message.payload) else { return };
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        hearing.with(|heard| match json["counts"]["readings_used"].as_u64() {
            Some(used) => heard.used = used,
            None => {
                heard.alerts.entry((text("device"), text("started_at"))).or_insert(now);
            }
        });
    });
    let mut gateway = Gateway::start(port, durability, "");
    let mut publisher = Publisher::new(port, "plant");
    bar.set_length((devices * (WARM_UP + LIVE)) as u64);
    let begin = Timestamp::now().0 - i64::try_from(WARM_UP).expect("a count") * 1000;
    let sample = |device: usize, n: usize| {
        let time = begin + i64::try_from(n).expect("a count") * 1000;
        format!(r#"{{"ts":{time},"temperature":{:.2}}}"#, signal::healthy(n + 37 * device))
    };
    for first in (0..WARM_UP).step_by(PACKED) {
        for device in 0..devices {
            let samples: Vec<_> = (first..first + PACKED).map(|n| sample(device, n)).collect();
            publisher.publish(&format!("plant/d{device}"), format!("[{}]", samples.join(",")).as_bytes());
            bar.inc(PACKED as u64);
        }
    }
    publisher.finish();
    let learnt = (devices * WARM_UP) as u64;
    let warm = |heard: &mut Heard| (heard.used >= learnt).then_some(());
    heard.wait(4 * PATIENCE, warm).expect("what comes before the faults is learnt");

    let mut sent = HashMap::new();
    let began = Instant::now();
    for i in 0..devices * LIVE {
        let (n, device) = (i / devices, i % devices);
        let fault = 1 + device % (LIVE - 2);
        let due = PACE * u32::try_from(i).expect("a count");
        thread::sleep(due.saturating_sub(began.elapsed()));
        let time = Timestamp::now();
        let first = WARM_UP + 37 * device;
        let value = signal::shifted(first + n, &(first + fault..usize::MAX));
        let payload = format!(r#"{{"ts":{},"temperature":{value:.2}}}"#, time.0);
        if n == fault {
            sent.insert((format!("d{device}"), time.to_string()), Instant::now());
        }
        publisher.publish(&format!("plant/d{device}"), payload.as_bytes());
        publisher.flush();
        bar.inc(1);
    }
    publisher.finish();
    let complete =
        |heard: &mut Heard| sent.keys().all(|alert| heard.alerts.contains_key(alert)).then_some(());
    let _ = heard.wait(Duration::from_secs(5), complete);
    gateway.stop();
    let mut milliseconds: Vec<_> = heard.with(|heard| {
        let took = |(alert, at): (&(String, String), &Instant)| {
            Some(heard.alerts.get(alert)?.duration_since(*at).as_secs_f64() * 1e3)
        };
        sent.iter().filter_map(took).collect()
    });

    let mut report = Report::default();
    let (told, faults) = (milliseconds.len(), sent.len());
    report.promise(
        "faults told by their first reading",
        format!("{told} of {faults}"),
        ">= 95 %",
        told * 100 >= faults * 95,
    );
    let mut show = |what: &str, part: f64| {
        let ms = quantile(&mut milliseconds, part);
        report.figure(what, format!("{ms:.2} ms"));
    };
    show("p50", 0.5);
    show("p99", 0.99);
    show("longest", 1.0);
    let title = format!("Reading to alert, durability \"{}\": how often it took how long", durability.name());
    let file = match durability {
        Durability::Checkpoint => "reliability-latency-checkpoint.svg",
        Durability::Journal => "reliability-latency-journal.svg",
    };
    let svg = histogram(&title, &milliseconds);
    report.charts.push(Chart { file, title: "latency".to_owned(), svg });
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let mut values: Vec<_> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(median(&mut values), 100.0);
        assert_eq!((quantile(&mut values, 0.99), quantile(&mut values, 1.0)), (198.0, 200.0));
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert!(median(&mut []).is_nan());
    }
}
