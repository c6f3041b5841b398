//! From the serde types to the plan: everything that is not of one key alone.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use super::broker;
use super::plan::{
    AlertPlan, ChannelPlan, DeviceTemplate, GatewayPlan, Glob, Part, Plan, Port, PublishPlan, SerialPlan,
    StreamPlan, TaskPlan,
};
use super::problem::did_you_mean;
use super::topic::{TopicPattern, covers};
use super::tree::{Env, Path, Tree};
use crate::config::{Channel, Config, Gateway, Learn, Payload, Serial, Stream, Task, Within};
use crate::decode::{Decoder, Field, JsonPlan, MAX_FIELDS};
use crate::device;
use crate::router::{OWN_PREFIX, QUEUE_BYTES};
use crate::siblings::StartFrom;

/// Resolves a configuration, reporting everything wrong; the plan counts only if nothing was.
pub(super) fn plan(tree: &mut Tree, env: &Env, folder: &FilePath, config: &Config) -> Option<Plan> {
    let gateway = gateway(tree, env, folder, &config.gateway);
    let broker = broker::resolve(tree, env, folder, &gateway.name, &config.mqtt);

    let streams = config.streams.iter().map(|stream| ("stream", stream.name.as_str()));
    let serials = config.serials.iter().map(|serial| ("serial", serial.name.as_str()));
    unique(tree, streams.chain(serials));
    unique(tree, config.tasks.iter().map(|task| ("task", task.name.as_str())));
    let nothing = Path::of("stream");
    let holes = tree.is_hole(&nothing) || tree.is_hole(&Path::of("serial"));
    if config.streams.is_empty() && config.serials.is_empty() && !tree.partial && !holes {
        tree.report(
            &nothing,
            "there is nothing to subscribe to",
            Some("add a [[stream]] with name and topic, or a [[serial]] with name and port".into()),
        );
    }
    // All of them, even after one that does not resolve.
    let streams: Vec<_> = config.streams.iter().enumerate().map(|(i, one)| stream(tree, i, one)).collect();
    let serials: Vec<_> = config.serials.iter().enumerate().map(|(i, one)| serial(tree, i, one)).collect();
    apart(tree, config, &serials);
    heard(tree, &streams);
    let mut tasks: Vec<_> =
        config.tasks.iter().enumerate().map(|(i, one)| task(tree, config, i, one)).collect();
    if tasks.is_empty() {
        tasks.push(TaskPlan {
            name: "anomaly".to_owned(),
            learn: Learn::Anomaly,
            streams: (0..streams.len() + serials.len()).collect(),
            channels: None,
            budget: config.alert.budget.map(|budget| budget.get()),
            threshold: config.alert.threshold.map(|threshold| threshold.get()),
            warm_up: None,
            start_from: None,
            joint: true,
        });
    }
    Some(Plan {
        gateway,
        broker: broker?,
        alert: AlertPlan {
            update: seconds(config.alert.update_seconds),
            most_a_minute: whole(config.alert.most_a_minute),
        },
        publish: PublishPlan {
            scores_every: config.publish.scores.then(|| seconds(config.publish.scores_every_seconds)),
            events: config.publish.events,
        },
        streams: streams.into_iter().collect::<Option<_>>()?,
        serials: serials.into_iter().collect::<Option<_>>()?,
        tasks,
    })
}

fn gateway(tree: &mut Tree, env: &Env, folder: &FilePath, gateway: &Gateway) -> GatewayPlan {
    let name = gateway.name.clone().unwrap_or_else(|| clean(&host_name(env)));
    if let Some(why) = no_level(&name) {
        tree.report(&Path::of("gateway").key("name"), why, None);
    }
    let set = |name: &str| env.get(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let state_dir = gateway
        .state_dir
        .as_ref()
        .map(|dir| folder.join(dir))
        // systemd separates several folders by colons.
        .or_else(|| {
            set("STATE_DIRECTORY").map(|dirs| dirs.to_string_lossy().split(':').next().unwrap_or("").into())
        })
        .or_else(|| set("XDG_STATE_HOME").map(|dir| dir.join("brooklet")))
        .or_else(|| set("HOME").map(|dir| dir.join(".local/state/brooklet")))
        .unwrap_or_else(|| PathBuf::from("/var/lib/brooklet"));
    let mib = |mib: u64| usize::try_from(mib << 20).unwrap_or(usize::MAX);
    let outbox = mib(gateway.outbox_mib.get());
    let memory = mib(gateway.memory_mib.get());
    let besides = QUEUE_BYTES + outbox;
    if memory < besides + QUEUE_BYTES {
        let least = (besides + QUEUE_BYTES) >> 20;
        tree.report(
            &Path::of("gateway").key("memory_mib"),
            format!(
                "leaves no room for channels: messages under way and outbox_mib take {} MiB",
                besides >> 20
            ),
            Some(format!("set at least {least}")),
        );
    }
    let budget = memory.saturating_sub(besides);
    let processors = || std::thread::available_parallelism().map_or(1, |count| count.get().min(64));
    GatewayPlan {
        name,
        state_dir,
        workers: gateway.workers.map_or_else(processors, whole),
        checkpoint: seconds(gateway.checkpoint_seconds),
        durability: gateway.durability,
        sync: Duration::from_millis(gateway.sync_milliseconds.get()),
        checkpoint_bytes_a_day: gateway.checkpoint_mib_a_day.get() << 20,
        card_endurance: gateway.card_endurance_gb.get().saturating_mul(1_000_000_000),
        outbox_bytes: whole::<1, 1024>(gateway.outbox_mib) << 20,
        health: seconds(gateway.health_seconds),
        max_channels: whole(gateway.max_channels).min(budget / device::Channel::BYTES).max(1),
        evict_after: seconds(gateway.evict_after_seconds),
        device_rate: u32::try_from(gateway.device_readings_per_second.get()).unwrap_or(u32::MAX),
        degrade_after: seconds(gateway.degrade_after_seconds),
        max_future: seconds(gateway.max_future_seconds),
        max_past: Some(seconds(gateway.max_past_seconds)).filter(|past| !past.is_zero()),
        max_lateness: seconds(gateway.max_lateness_seconds),
        clock: gateway.clock,
    }
}

fn stream(tree: &mut Tree, i: usize, stream: &Stream) -> Option<StreamPlan> {
    let here = Path::of("stream").index(i);
    let topic = match TopicPattern::parse(&stream.topic) {
        Ok(topic) => Some(topic),
        Err(why) => {
            tree.report(&here.key("topic"), why.to_string(), None);
            None
        }
    };
    let decoder = decoder(tree, &here, stream);
    let device = match (&topic, &stream.device) {
        (Some(topic), Some(text)) => Some(template(tree, &here.key("device"), topic, text)),
        (Some(topic), None) => {
            topic.position("device").map(|level| Some(DeviceTemplate(vec![Part::Level(level)])))
        }
        (None, _) => None,
    };
    Some(StreamPlan {
        name: stream.name.clone(),
        topic: topic?,
        qos: u8::try_from(stream.qos.get()).unwrap_or(1),
        decoder: decoder?,
        device: transposed(device)?,
        channels: stream.channels.as_ref().map(|all| {
            let plan = |(name, channel): (&String, &Channel)| ChannelPlan {
                name: name.clone(),
                unit: channel.unit.clone(),
            };
            all.iter().map(plan).collect()
        }),
    })
}

fn serial(tree: &mut Tree, i: usize, serial: &Serial) -> Option<SerialPlan> {
    let here = Path::of("serial").index(i);
    let port = match serial.port.split_once("://") {
        None if serial.port.is_empty() => Err("cannot be empty"),
        None => Ok(Port::Tty {
            path: PathBuf::from(&serial.port),
            baud: u32::try_from(serial.baud.get()).unwrap_or(u32::MAX),
        }),
        Some(("tcp", address)) => broker::host_and_port(address)
            .and_then(|(host, port)| Ok(Port::Tcp { host, port: port.ok_or("the port is missing")? })),
        Some(_) => Err("unknown scheme"),
    };
    if let Err(why) = port
        && !tree.is_hole(&here.key("port"))
    {
        let help = "such as \"/dev/ttyACM0\" or \"tcp://127.0.0.1:7000\"";
        tree.report(&here.key("port"), why, Some(help.into()));
    }
    // An empty name is told as such.
    for (key, text) in
        [("name", Some(&serial.name).filter(|name| !name.is_empty())), ("device", serial.device.as_ref())]
    {
        if let Some(why) = text.and_then(|text| no_level(text)) {
            tree.report(&here.key(key), why, None);
        }
    }
    Some(SerialPlan {
        name: serial.name.clone(),
        port: port.ok()?,
        device: serial.device.as_ref().unwrap_or(&serial.name).clone(),
        named: serial.device.is_some(),
    })
}

/// "Not set" is fine and stays; "set, but wrong" makes the whole `None`.
#[allow(clippy::option_option, reason = "not set, wrong, and right are three things")]
fn transposed<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(None) => None,
        right => right,
    }
}

/// The decoder with its channels; what it would refuse as a whole is told channel by channel.
fn decoder(tree: &mut Tree, here: &Path, stream: &Stream) -> Option<Decoder> {
    let (at_time, at_channels) = (here.key("time"), here.key("channels"));
    let mut fields = Vec::new();
    for (name, channel) in stream.channels.iter().flatten() {
        let at = at_channels.key(name);
        if let Some(why) = no_level(name) {
            tree.report(&at, format!("not a channel's name: {why}"), None);
        } else if let Err(why) = JsonPlan::new(vec![Field::new("x", channel.at.as_str())], None) {
            tree.report(&at.key("at"), why.to_string(), slashed(&channel.at));
        }
        let (scale, offset) = (channel.scale.get(), channel.offset.get());
        fields.push(Field { channel: name.clone(), at: channel.at.clone(), scale, offset });
    }
    match (&stream.channels, stream.payload) {
        (None, _) => {}
        (Some(_), Payload::Brooklet) => {
            let help = "a device names its channels itself: leave it out";
            tree.report(&at_channels, "frames of devices have no JSON pointers", Some(help.into()));
        }
        (Some(_), Payload::Number) => {
            let help = "for a JSON number write payload = \"json\" and at = \"\"";
            tree.report(
                &at_channels,
                "a payload that is one number has no channels in it",
                Some(help.into()),
            );
        }
        (Some(all), _) if all.is_empty() => {
            tree.report(&at_channels, "names no channel", Some("leave it out to take every number".into()));
        }
        (Some(all), _) if all.len() > MAX_FIELDS => {
            let why = format!("at most {MAX_FIELDS} channels a stream, these are {}", all.len());
            tree.report(&at_channels, why, None);
        }
        _ => {}
    }
    if let Some(time) = &stream.time {
        if stream.payload == Payload::Number {
            tree.report(&at_time, "a payload that is one number has no time in it", None);
        } else if stream.payload == Payload::Brooklet {
            tree.report(&at_time, "frames of devices carry their time themselves", None);
        } else if time.is_empty() {
            tree.report(&at_time, "points at the whole payload", Some("such as \"/ts\"".into()));
        } else if let Err(why) = JsonPlan::new(vec![Field::new("x", "")], Some(time)) {
            tree.report(&at_time, why.to_string(), slashed(time));
        } else if stream.channels.is_none() && !tree.is_hole(&at_channels) {
            let help = "list the channels, or leave it out: times are found by their usual names";
            tree.report(&at_time, "is of use only beside channels", Some(help.into()));
        }
    }
    match stream.payload {
        Payload::Number => Some(Decoder::Number),
        Payload::Brooklet => Some(Decoder::Brooklet),
        Payload::Auto if fields.is_empty() => Some(Decoder::Auto),
        // The same mistakes were told above, each at its own place.
        Payload::Auto | Payload::Json => {
            JsonPlan::new(fields, stream.time.as_deref()).ok().map(Decoder::Json)
        }
    }
}

/// `/vib/rms` for `vib.rms`.
fn slashed(text: &str) -> Option<String> {
    (!text.starts_with('/')).then(|| format!("did you mean `/{}`?", text.replace('.', "/")))
}

fn template(tree: &mut Tree, path: &Path, topic: &TopicPattern, text: &str) -> Option<DeviceTemplate> {
    let mut parts = Vec::new();
    let mut fine = true;
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            tree.report(path, "`{` without its `}`", None);
            return None;
        };
        parts.push(Part::Literal(literal.to_owned()));
        match topic.position(name) {
            Some(level) => parts.push(Part::Level(level)),
            None => {
                let help = did_you_mean(name, topic.names());
                tree.report(path, format!("the topic has no level `{{{name}}}`"), help);
                fine = false;
            }
        }
        rest = after;
    }
    parts.push(Part::Literal(rest.to_owned()));
    parts.retain(|part| *part != Part::Literal(String::new()));
    // Captured levels cannot hold these: topics of messages do not.
    let odd = |c: char| c.is_control() || matches!(c, '+' | '#' | '}');
    if parts.iter().any(|part| matches!(part, Part::Literal(text) if text.contains(odd))) {
        tree.report(path, "a device's name cannot contain `+`, `#`, `}` or control characters", None);
        fine = false;
    }
    if text.is_empty() {
        tree.report(path, "cannot be empty", None);
        fine = false;
    }
    fine.then_some(DeviceTemplate(parts))
}

fn task(tree: &mut Tree, config: &Config, i: usize, task: &Task) -> TaskPlan {
    let here = Path::of("task").index(i);
    if task.learn != Learn::Anomaly {
        tree.report(&here.key("learn"), "not available in this version", Some("use \"anomaly\"".into()));
    }
    // Lines are counted on from the streams.
    let names: Vec<&str> = config
        .streams
        .iter()
        .map(|stream| stream.name.as_str())
        .chain(config.serials.iter().map(|serial| serial.name.as_str()))
        .collect();
    let streams: Vec<usize> = match &task.stream {
        None => (0..names.len()).collect(),
        Some(name) => (0..names.len()).filter(|i| names[*i] == *name).collect(),
    };
    if let (Some(name), []) = (&task.stream, streams.as_slice()) {
        let unknown = |kind: &str, count: usize| {
            tree.is_hole(&Path::of(kind))
                || (0..count).any(|i| tree.is_hole(&Path::of(kind).index(i).key("name")))
        };
        let unsure = unknown("stream", config.streams.len()) || unknown("serial", config.serials.len());
        if !tree.partial && !unsure {
            let all = || (!names.is_empty()).then(|| format!("known: {}", names.join(", ")));
            let help = did_you_mean(name, names.iter().copied()).or_else(all);
            tree.report(&here.key("stream"), format!("there is no stream `{name}`"), help);
        }
    }
    let globs = task.channels.as_ref().map(|names| {
        let globs: Vec<_> = names.iter().map(|name| Glob(name.clone())).collect();
        let path = here.key("channels");
        if globs.is_empty() {
            tree.report(&path, "names no channel", Some("leave it out to take all of them".into()));
        }
        // Only where every stream lists its channels is it known which ones there will be.
        let listed: Option<Vec<_>> =
            streams.iter().map(|i| config.streams.get(*i)?.channels.as_ref()).collect();
        let known: Vec<&str> =
            listed.iter().flatten().flat_map(|all| all.keys().map(String::as_str)).collect();
        let unsure = streams.iter().any(|i| tree.is_hole(&Path::of("stream").index(*i).key("channels")));
        if listed.is_some() && !streams.is_empty() && !unsure {
            for (i, glob) in globs.iter().enumerate() {
                if !known.iter().any(|name| glob.matches(name)) {
                    let help = did_you_mean(glob.as_str(), known.iter().copied());
                    tree.report(&path.index(i), format!("no channel is called `{}`", glob.as_str()), help);
                }
            }
        }
        globs
    });
    TaskPlan {
        name: task.name.clone(),
        learn: task.learn,
        streams,
        channels: globs,
        budget: task.budget.or(config.alert.budget).map(|budget| budget.get()),
        threshold: task.threshold.or(config.alert.threshold).map(|threshold| threshold.get()),
        warm_up: task.warm_up.map(|count| u32::try_from(count.get()).unwrap_or(u32::MAX)),
        start_from: task.start_from.as_deref().map(StartFrom::of),
        joint: task.joint,
    }
}

/// Names, each with its kind, must differ: the later one is reported, with the place of the earlier.
fn unique<'a>(tree: &mut Tree, names: impl Iterator<Item = (&'static str, &'a str)>) {
    let mut seen = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for (kind, name) in names {
        let i: &mut usize = counts.entry(kind).or_default();
        let path = Path::of(kind).index(*i).key("name");
        *i += 1;
        if tree.is_hole(&path) {
            continue;
        }
        if name.is_empty() {
            tree.report(&path, "cannot be empty", None);
        } else if let Some((other, first)) = seen.get(name) {
            let first = tree.whereabouts(first);
            tree.report(&path, format!("another {other} is called `{name}`"), Some(format!("see {first}")));
        } else {
            seen.insert(name, (kind, path));
        }
    }
}

/// Lines have ports and devices of their own: the later of two that share one is reported.
fn apart(tree: &mut Tree, config: &Config, serials: &[Option<SerialPlan>]) {
    for (i, line) in serials.iter().enumerate() {
        let Some(line) = line else { continue };
        let here = Path::of("serial").index(i);
        let before = || serials.iter().take(i).flatten();
        let port = line.port.to_string();
        if let Some(other) = before().find(|other| other.port.to_string() == port) {
            tree.report(&here.key("port"), format!("the line `{}` has the same port", other.name), None);
        }
        let named = config.serials.get(i).is_some_and(|line| line.device.is_some());
        let same = |other: &&SerialPlan| other.device == line.device && other.name != line.name;
        if let Some(other) = before().find(same) {
            let why = format!("the device of the line `{}` has the same name", other.name);
            tree.report(&here.key(if named { "device" } else { "name" }), why, None);
        }
    }
}

/// A stream that no message can reach learns nothing, and nobody would notice: the first that matches a topic has it, and
/// Brooklet does not learn what it says itself.
fn heard(tree: &mut Tree, streams: &[Option<StreamPlan>]) {
    for (i, stream) in streams.iter().enumerate() {
        let Some(stream) = stream else { continue };
        let (here, filter) = (Path::of("stream").index(i).key("topic"), stream.topic.filter());
        if filter.starts_with(OWN_PREFIX) {
            let why = format!("below `{OWN_PREFIX}` are Brooklet's own messages, which are not learnt");
            tree.report(&here, why, Some("let the sensors publish elsewhere".into()));
        }
        let before = streams.iter().take(i).flatten();
        if let Some(other) = before.into_iter().find(|other| covers(other.topic.filter(), filter)) {
            let why =
                format!("no message is left for it: the stream `{}` before it has them all", other.name);
            tree.report(&here, why, Some("put the narrower topic first".into()));
        }
    }
}

/// Why `text` cannot be one level of a topic, if so.
pub(crate) fn no_level(text: &str) -> Option<&'static str> {
    let odd = |c: char| c.is_control() || matches!(c, '/' | '+' | '#');
    match text {
        "" => Some("cannot be empty"),
        _ if text.contains(odd) => {
            Some("cannot contain `/`, `+`, `#` or control characters: it is a level of a topic")
        }
        _ if text.len() > 256 => Some("has at most 256 bytes"),
        _ => None,
    }
}

fn host_name(env: &Env) -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| env.get("HOSTNAME").cloned())
        .unwrap_or_default()
}

/// A host's name as a level of topics: the part before the first dot, odd characters as `-`.
fn clean(host: &str) -> String {
    let first = host.trim().split('.').next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = first.chars().map(plain).take(64).collect();
    match name.trim_matches('-') {
        "" => "gateway".to_owned(),
        name => name.to_owned(),
    }
}

fn seconds<const MIN: u64, const MAX: u64>(value: Within<MIN, MAX>) -> Duration {
    Duration::from_secs(value.get())
}

fn whole<const MIN: u64, const MAX: u64>(value: Within<MIN, MAX>) -> usize {
    usize::try_from(value.get()).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    #[test]
    fn host_names_become_levels() {
        assert_eq!(clean("pi-4.local\n"), "pi-4");
        assert_eq!(clean("böse kiste+"), "b-se-kiste");
        assert_eq!(clean(" "), "gateway");
        assert_eq!(clean("#"), "gateway");
    }

    #[test]
    fn levels_of_topics_are_checked() {
        assert!(no_level("pi 4").is_none());
        for text in ["", "a/b", "a+", "#", "a\n"] {
            assert!(no_level(text).is_some(), "{text:?}");
        }
    }
}
