//! The check as a whole: files in, plan or problems out.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::decode::{Decoder, Readings};

/// A folder with these files, the first of which is the configuration itself.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    folder
}

fn check(folder: &TempDir, env: &[(&str, &str)]) -> Result<Plan, Problems> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load_with(&folder.path().join("brooklet.toml"), env)
}

fn plan(text: &str, env: &[(&str, &str)]) -> Plan {
    check(&folder(&[("brooklet.toml", text)]), env).unwrap()
}

/// The problems of these files, a line each, without the folder's own name.
fn problems(files: &[(&str, &str)], env: &[(&str, &str)]) -> Vec<String> {
    let folder = folder(files);
    let here = format!("{}/", folder.path().display());
    let problems = check(&folder, env).unwrap_err();
    assert!(!problems.0.is_empty());
    problems.to_string().replace(&here, "").lines().map(str::to_owned).collect()
}

fn problems_of(text: &str) -> Vec<String> {
    problems(&[("brooklet.toml", text)], &[])
}

const FULL: &str = r#"
[gateway]
name = "hall-3"
state_dir = "state"
workers = 2
checkpoint_seconds = 60
health_seconds = 10
max_channels = 500
max_future_seconds = 0

[mqtt]
url = "mqtts://broker.example:8884"
client_id = "b-${N:-1}"
username = "agent"
password_file = "password"
ca_file = "ca.pem"
cert_file = "cert.pem"
key_file = "key.pem"
keep_alive_seconds = 60
max_packet_bytes = 65536
persistent = false

[alert]
threshold = 7
update_seconds = 30

[publish]
scores = true
scores_every_seconds = 5
events = false

[[stream]]
name = "pumps"
topic = "plant/{site}/{device}/telemetry"
payload = "json"
time = "/ts"
device = "{site}/{device}"
channels = { temperature = { at = "/temp", unit = "Cel", scale = 0.1, offset = -40 }, vibration = { at = "/vib/rms" } }
qos = 0

[[stream]]
name = "rest"
topic = "sensors/#"

[[task]]
name = "pump health"
stream = "pumps"
learn = "anomaly"
channels = ["temp*"]
threshold = 4.5
warm_up = 200
joint = false

[[task]]
name = "all"
"#;

const SECRETS: [(&str, &str); 4] =
    [("password", "hunter2\n"), ("ca.pem", "ca"), ("cert.pem", "cert"), ("key.pem", "-----PRIVATE-----")];

#[test]
fn a_full_configuration_becomes_a_plan() {
    let mut files = vec![("brooklet.toml", FULL)];
    files.extend(SECRETS);
    let folder = folder(&files);
    let plan = check(&folder, &[("N", "7")]).unwrap();

    let gateway = &plan.gateway;
    assert_eq!((gateway.name.as_str(), gateway.workers, gateway.max_channels), ("hall-3", 2, 500));
    assert_eq!(gateway.state_dir, folder.path().join("state"));
    assert_eq!((gateway.checkpoint, gateway.health), (Duration::from_secs(60), Duration::from_secs(10)));
    assert_eq!(gateway.max_future, Duration::ZERO);

    let broker = &plan.broker;
    assert_eq!((broker.host.as_str(), broker.port), ("broker.example", 8884));
    assert_eq!((broker.client_id.as_str(), broker.username.as_deref()), ("b-7", Some("agent")));
    assert_eq!(broker.password.as_ref().unwrap().read().unwrap(), "hunter2");
    let tls = broker.tls.as_ref().unwrap();
    assert_eq!(tls.ca_file, Some(folder.path().join("ca.pem")));
    assert_eq!(tls.identity.as_ref().unwrap().key.read().unwrap(), "-----PRIVATE-----");
    assert_eq!((broker.keep_alive, broker.max_packet_bytes), (Duration::from_secs(60), 65_536));
    assert!(!broker.persistent);

    assert_eq!(plan.alert.update, Duration::from_secs(30));
    assert_eq!(plan.publish.scores_every, Some(Duration::from_secs(5)));
    assert!(!plan.publish.events);

    let [pumps, rest] = plan.streams.as_slice() else { panic!("two streams") };
    assert_eq!((pumps.topic.filter(), pumps.qos, pumps.decoder.name()), ("plant/+/+/telemetry", 0, "json"));
    let mut out = Readings::new();
    pumps.decoder.decode(br#"{"ts":1795237683,"temp":650,"vib":{"rms":0.5}}"#, &mut out).unwrap();
    let seen: Vec<_> =
        out.iter().map(|reading| (reading.channel.to_owned(), reading.value, reading.time)).collect();
    let time = Some(crate::reading::Timestamp(1_795_237_683_000));
    assert_eq!(seen, [("temperature".to_owned(), 25.0, time), ("vibration".to_owned(), 0.5, time)]);
    let mut name = String::new();
    let captures = pumps.topic.captures("plant/north/p1/telemetry").unwrap();
    pumps.device.as_ref().unwrap().write(&captures, &mut name);
    assert_eq!(name, "north/p1");
    let channels = pumps.channels.as_ref().unwrap();
    assert_eq!((channels[0].name.as_str(), channels[0].unit.as_deref()), ("temperature", Some("Cel")));
    assert_eq!(rest.decoder, Decoder::Auto);
    assert_eq!((rest.topic.prefix(), rest.qos, &rest.device, &rest.channels), ("sensors/", 1, &None, &None));

    let [health, all] = plan.tasks.as_slice() else { panic!("two tasks") };
    assert_eq!(
        (health.streams.as_slice(), health.threshold, health.warm_up),
        (&[0][..], Some(4.5), Some(200))
    );
    assert!(health.covers(0, "temperature") && !health.covers(0, "vibration") && !health.covers(1, "temp"));
    assert_eq!((all.streams.as_slice(), all.threshold, all.warm_up), (&[0, 1][..], Some(7.0), None));
    assert!(all.covers(1, "x"));
    assert_eq!((health.joint, all.joint), (false, true));
}

#[test]
fn secrets_are_redacted() {
    let mut files = vec![("brooklet.toml", FULL)];
    files.extend(SECRETS);
    let folder = folder(&files);
    let from_env = check(&folder, &[("BROOKLET_MQTT__PASSWORD", "swordfish")]).unwrap();
    assert_eq!(from_env.broker.password.as_ref().unwrap().read().unwrap(), "swordfish");
    for plan in [check(&folder, &[]).unwrap(), from_env] {
        let shown = format!("{plan:?}");
        assert!(shown.contains("password: Some(***)") && shown.contains("key: ***"), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("swordfish") && !shown.contains("PRIVATE"));
    }
}

#[test]
fn a_small_configuration_is_enough() {
    let plan = plan(
        "[mqtt]\nurl = 'mqtt://localhost'\n[[stream]]\nname = 'a'\ntopic = 'x/{device}'",
        &[("HOME", "/h")],
    );
    assert_eq!(plan.gateway.state_dir, Path::new("/h/.local/state/brooklet"));
    assert_eq!(plan.broker.client_id, format!("brooklet-{}", plan.gateway.name));
    assert!(plan.streams[0].device.is_some());
    assert_eq!((plan.tasks.len(), plan.tasks[0].threshold), (1, None));
    assert_eq!(plan.publish.scores_every, None);
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    let text = r#"[gateway]
nam = "x"
workers = 65

[mqtt]
url = "mqtt://broker.example:99999"
keep_alive_seconds = 0
pasword_file = "x"

[[stream]]
name = "pumps"
topic = "plant/#/telemetry"
paylod = "json"
channels = { temp = { at = "temp" }, vib = { at = "/vib", unti = "mm/s" } }

[[stream]]
topic = "a/b+"
payload = "jsn"

[[stream]]
name = "last"
topic = "x/{site}/{device}"
device = "{siet}"
time = "ts"

[[task]]
name = "health"
stream = "pump"
learn = "forecast"

[[task]]
name = "health"
stream = "last"
threshold = "high"
"#;
    assert_eq!(
        problems_of(text),
        [
            "brooklet.toml:2:1: gateway.nam: unknown key; did you mean `name`?",
            "brooklet.toml:3:11: gateway.workers: must be 1 to 64, not 65",
            "brooklet.toml:6:7: mqtt.url: the port must be 1 to 65535",
            "brooklet.toml:7:22: mqtt.keep_alive_seconds: must be 1 to 3600, not 0",
            "brooklet.toml:8:1: mqtt.pasword_file: unknown key; did you mean `password_file`?",
            "brooklet.toml:12:9: stream[0].topic: `#` stands for the rest of a topic, so it can only be the last level",
            "brooklet.toml:13:1: stream[0].paylod: unknown key; did you mean `payload`?",
            "brooklet.toml:14:28: stream[0].channels.temp.at: `temp` is not a JSON pointer of at most 8 parts: \
             write `/a/b`, with `~1` for `/` and `~0` for `~`; did you mean `/temp`?",
            "brooklet.toml:14:59: stream[0].channels.vib.unti: unknown key; did you mean `unit`?",
            "brooklet.toml:16:1: stream[1].name: missing, and there is no default",
            "brooklet.toml:17:9: stream[1].topic: `+` and `#` must be a level of their own, not part of `b+`",
            "brooklet.toml:18:11: stream[1].payload: unknown word `jsn`; did you mean `json`?",
            "brooklet.toml:23:10: stream[2].device: the topic has no level `{siet}`; did you mean `site`?",
            "brooklet.toml:24:8: stream[2].time: `ts` is not a JSON pointer of at most 8 parts: \
             write `/a/b`, with `~1` for `/` and `~0` for `~`; did you mean `/ts`?",
            "brooklet.toml:29:9: task[0].learn: not available in this version; use \"anomaly\"",
            "brooklet.toml:32:8: task[1].name: another task is called `health`; see brooklet.toml:27",
            "brooklet.toml:34:13: task[1].threshold: expected a number, found a string",
        ]
    );
}

const OK: &str = "[mqtt]\nurl = 'mqtt://localhost'\n[[stream]]\nname = 'pumps'\ntopic = 'a/#'\n";

#[test]
fn references_are_looked_up() {
    let text = format!(
        "{OK}channels = {{ temp = {{ at = '/t' }} }}\n[[task]]\nname = 't'\nstream = 'pump'\n\
                        [[task]]\nname = 'u'\nchannels = ['temp', 'tmp', 'x*']\n[[task]]\nname = 'v'\nchannels = []"
    );
    assert_eq!(
        problems_of(&text),
        [
            "brooklet.toml:9:10: task[0].stream: there is no stream `pump`; did you mean `pumps`?",
            "brooklet.toml:12:21: task[1].channels[1]: no channel is called `tmp`; did you mean `temp`?",
            "brooklet.toml:12:28: task[1].channels[2]: no channel is called `x*`",
            "brooklet.toml:15:12: task[2].channels: names no channel; leave it out to take all of them",
        ]
    );
}

#[test]
fn a_stream_that_no_message_reaches_is_a_mistake() {
    let streams = |topics: &[&str]| {
        let stream = |(i, topic)| format!("[[stream]]\nname = 's{i}'\ntopic = '{topic}'\n");
        let streams: String = topics.iter().enumerate().map(stream).collect();
        format!("[mqtt]\nurl = 'mqtt://localhost'\n{streams}")
    };
    let told = problems_of(&streams(&["a/#", "a/{device}/t", "brooklet/sensors/#", "a/#"]));
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[0].contains("stream[1].topic: no message is left for it: the stream `s0`"), "{}", told[0]);
    assert!(told[1].contains("stream[2].topic: below `brooklet/` are Brooklet's own"), "{}", told[1]);
    assert!(told[2].contains("stream[3].topic: no message is left"), "{}", told[2]);
    plan(&streams(&["a/{device}/t", "a/+/+", "+/b/#", "a/#", "#", "$SYS/#"]), &[]);
}

#[test]
fn what_is_required_is_missed() {
    assert_eq!(
        problems_of("[gateway]\n"),
        [
            "brooklet.toml:1:1: mqtt: missing, and there is no default",
            "brooklet.toml:1:1: stream: there is nothing to subscribe to; add a [[stream]] with name and topic, \
             or a [[serial]] with name and port",
        ]
    );
    let problems = problems(&[], &[]);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("brooklet.toml: cannot be read: "), "{}", problems[0]);
}

#[test]
fn careless_brokers_are_refused() {
    let with = |lines: &str| {
        let folder = folder(&[
            ("brooklet.toml", &OK.replace("url = 'mqtt://localhost'", lines)),
            ("pem", ""),
            ("open", "hunter2"),
        ]);
        fs::set_permissions(folder.path().join("open"), fs::Permissions::from_mode(0o644)).unwrap();
        check(&folder, &[])
            .map_err(|problems| problems.to_string().replace(&format!("{}/", folder.path().display()), ""))
    };
    for (lines, expected) in [
        ("url = 'mqtt://b'", "2:7: mqtt.url: a broker on another host"),
        ("url = 'mqtts://b'\nca_file = 'pem'", "2:7: mqtt.url: a broker on another host"),
        ("url = 'mqtt://b'\nusername = 'u'", "2:7: mqtt.url: a broker on another host"),
        (
            "url = 'mqtts://b'\ninsecure = true\ncert_file = 'pem'",
            "4:13: mqtt.cert_file: a certificate is of no use",
        ),
        ("url = 'mqtts://b'\ninsecure = true\nkey_file = 'pem'", "4:12: mqtt.key_file: a key is of no use"),
        ("url = 'mqtt://[::1]'\nca_file = 'pem'", "3:11: mqtt.ca_file: has no effect with mqtt://"),
        ("url = 'mqtts://b'\ninsecure = true\nca_file = 'none'", "4:11: mqtt.ca_file: none cannot be read: "),
        (
            "url = 'mqtt://b'\nusername = 'u'\npassword_file = 'open'",
            "4:17: mqtt.password_file: open holds a secret",
        ),
        (
            "url = 'mqtt://b'\nusername = 'u'\npassword_file = 'none'",
            "4:17: mqtt.password_file: none cannot be read: ",
        ),
        ("url = 'mqtt://localhost'\npassword_file = 'pem'", "1:1: mqtt: MQTT sends no password without"),
        (
            "url = 'mqtts://b'\ncert_file = 'pem'\nkey_file = 'pem'",
            "3:13: mqtt.cert_file: a client certificate is used only together with a CA",
        ),
        ("url = 'mqtt://localhost'\nclient_id = ''", "3:13: mqtt.client_id: must be 1 to 256 bytes"),
    ] {
        let problems = with(lines).unwrap_err();
        assert!(problems.starts_with(&format!("brooklet.toml:{expected}")), "{lines}: {problems}");
        assert_eq!(problems.lines().count(), 1, "{lines}: {problems}");
        assert!(!problems.contains("hunter2"));
    }
    assert!(
        with("url = 'mqtt://b'\nusername = 'u'\npassword_file = 'open'").unwrap_err().contains("chmod 600 ")
    );
    for lines in [
        "url = 'mqtt://b'\ninsecure = true",
        "url = 'mqtt://b'\nusername = 'u'\npassword_file = 'pem'",
        "url = 'mqtts://b'\nca_file = 'pem'\ncert_file = 'pem'\nkey_file = 'pem'",
    ] {
        assert!(with(lines).is_ok(), "{lines}: {}", with(lines).unwrap_err());
    }
}

#[test]
fn the_environment_overrides() {
    let env = [
        ("BROOKLET_MQTT__URL", "mqtt://127.0.0.1:1999"),
        ("BROOKLET_MQTT__CLIENT_ID", "42"),
        ("BROOKLET_MQTT__KEEP_ALIVE_SECONDS", "90"),
        ("BROOKLET_MQTT__PERSISTENT", "false"),
        ("BROOKLET_STREAM__0__TOPIC", "other/#"),
        ("BROOKLET_LOG", "debug"),
    ];
    let plan = plan(OK, &env);
    assert_eq!((plan.broker.port, plan.broker.client_id.as_str()), (1999, "42"));
    assert_eq!((plan.broker.keep_alive, plan.broker.persistent), (Duration::from_secs(90), false));
    assert_eq!(plan.streams[0].topic.filter(), "other/#");

    let file = [("brooklet.toml", OK)];
    assert_eq!(
        problems(&file, &[("BROOKLET_MQTT__KEEPALIVE_SECONDS", "9"), ("BROOKLET_PUBLISH__SCORES", "often")]),
        [
            "BROOKLET_MQTT__KEEPALIVE_SECONDS: mqtt.keepalive_seconds: unknown key; did you mean `keep_alive_seconds`?",
            "BROOKLET_PUBLISH__SCORES: publish.scores: expected a boolean, found a string",
        ]
    );
}

#[test]
fn a_credential_of_systemd_is_taken() {
    let credentials = folder(&[("mqtt_password", "hunter2\n")]);
    let file = credentials.path().join("mqtt_password");
    fs::set_permissions(file, fs::Permissions::from_mode(0o440)).unwrap();
    let text = OK.replace("'mqtt://localhost'", "'mqtts://b'\nusername = 'u'");
    let plan = plan(&text, &[("CREDENTIALS_DIRECTORY", credentials.path().to_str().unwrap())]);
    assert_eq!(plan.broker.password.unwrap().read().unwrap(), "hunter2");
}

#[test]
fn variables_are_replaced_or_missed() {
    let text = OK.replace("a/#", "${ROOT:-a}/${PLANT}/#");
    assert_eq!(plan(&text, &[("PLANT", "p")]).streams[0].topic.filter(), "a/p/#");
    let problems = problems_of(&text);
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0]
            .starts_with("brooklet.toml:5:9: stream[0].topic: the environment variable PLANT is not set"),
        "{}",
        problems[0]
    );
}

#[test]
fn the_folder_beside_is_joined_in_order() {
    let folder = folder(&[
        ("brooklet.toml", OK),
        ("conf.d/20-b.toml", "[gateway]\nname = 'b'\n[[stream]]\nname = 'third'\ntopic = 'c'"),
        ("conf.d/10-a.toml", "[gateway]\nname = 'a'\nworkers = 3\n[[stream]]\nname = 'second'\ntopic = 'b'"),
        ("conf.d/.#x.toml", "nonsense"),
        ("conf.d/notes.txt", "nonsense"),
    ]);
    let plan = check(&folder, &[]).unwrap();
    assert_eq!((plan.gateway.name.as_str(), plan.gateway.workers), ("b", 3));
    let names: Vec<_> = plan.streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["pumps", "second", "third"]);
}

#[test]
fn problems_of_several_files_name_them() {
    let files = [
        ("brooklet.toml", OK),
        ("conf.d/a.toml", "[[stream]]\nname = 'pumps'\ntopic = ''"),
        ("conf.d/b.toml", "[[task]]\nname = 'x'\nstream = 'in broken file'\n"),
        ("conf.d/c.toml", "x = \n[alert\n[publish]\nscores = 5\n"),
    ];
    let problems = problems(&files, &[]);
    assert_eq!(
        problems[..2],
        [
            "conf.d/a.toml:2:8: stream[1].name: another stream is called `pumps`; see brooklet.toml:4",
            "conf.d/a.toml:3:9: stream[1].topic: a topic filter cannot be empty",
        ]
    );
    assert_eq!(problems.len(), 4, "{problems:#?}");
    assert!(problems[2].starts_with("conf.d/c.toml:1:"), "{}", problems[2]);
    assert!(problems[3].starts_with("conf.d/c.toml:2:"), "{}", problems[3]);
}

#[test]
fn payload_channels_and_time_must_agree() {
    assert_eq!(
        problems_of(&format!(
            "{OK}payload = 'number'\ntime = '/t'\nchannels = {{ 'a/b' = {{ at = '/x' }} }}"
        )),
        [
            "brooklet.toml:7:8: stream[0].time: a payload that is one number has no time in it",
            "brooklet.toml:8:12: stream[0].channels: a payload that is one number has no channels in it; \
             for a JSON number write payload = \"json\" and at = \"\"",
            "brooklet.toml:8:22: stream[0].channels.\"a/b\": not a channel's name: \
             cannot contain `/`, `+`, `#` or control characters: it is a level of a topic",
        ]
    );
    assert_eq!(
        problems_of(&format!("{OK}time = '/t'")),
        ["brooklet.toml:6:8: stream[0].time: is of use only beside channels; \
             list the channels, or leave it out: times are found by their usual names",]
    );
    let many: Vec<_> = (0..65).map(|i| format!("c{i} = {{ at = '/{i}' }}")).collect();
    assert_eq!(
        problems_of(&format!("{OK}channels = {{ {} }}", many.join(", "))),
        ["brooklet.toml:6:12: stream[0].channels: at most 64 channels a stream, these are 65"]
    );
    let listed = plan(&format!("{OK}channels = {{ t = {{ at = '/t', unit = 'Cel' }} }}"), &[]);
    assert_eq!(listed.streams[0].decoder.name(), "json");
    assert_eq!(listed.streams[0].channels.as_ref().unwrap()[0].unit.as_deref(), Some("Cel"));
}

#[test]
fn every_payload_is_a_decoder() {
    for (name, _) in Decoder::names() {
        let plan = plan(&format!("{OK}payload = '{name}'"), &[]);
        assert_eq!(plan.streams[0].decoder.name(), name);
    }
}

#[test]
fn without_a_file_the_arguments_are_enough() {
    let topics = |all: &[&str]| all.iter().map(|topic| (*topic).to_owned()).collect::<Vec<_>>();
    let plan = zero_config_with(None, &[], []).unwrap();
    assert_eq!((plan.broker.host.as_str(), plan.broker.port), ("localhost", 1883));
    assert_eq!((plan.streams[0].topic.filter(), plan.tasks.len()), ("#", 1));

    let plan = zero_config_with(Some("mqtt://127.0.0.1"), &topics(&["a/#", "b", "a/#"]), []).unwrap();
    assert_eq!(plan.streams.len(), 2);
    assert_eq!(plan.tasks[0].streams, [0, 1]);

    let problems = zero_config_with(Some("mqtt://far"), &topics(&["a/#/b", ""]), []).unwrap_err();
    let lines: Vec<_> = problems.0.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(lines[0].starts_with("--topic: stream[0].topic: `#` stands for"), "{}", lines[0]);
    assert!(lines[2].starts_with("--broker: mqtt.url: a broker on another host"), "{}", lines[2]);
    let allowed = [("BROOKLET_MQTT__INSECURE".to_owned(), "true".to_owned())];
    assert!(zero_config_with(Some("mqtt://far"), &[], allowed).is_ok());
}

#[test]
fn lines_are_taken_apart_and_tasks_find_them() {
    let plan = plan(
        "[mqtt]\nurl = 'mqtt://localhost'\n\
         [[serial]]\nname = 'bench'\nport = '/dev/ttyACM0'\n\
         [[serial]]\nname = 'lab'\nport = 'tcp://[::1]:7000'\ndevice = 'pico-1'\n\
         [[task]]\nname = 't'\nstream = 'lab'\nchannels = ['a']",
        &[],
    );
    let [bench, lab] = plan.serials.as_slice() else { panic!("{:?}", plan.serials) };
    assert_eq!(bench.port, Port::Tty { path: "/dev/ttyACM0".into(), baud: 115_200 });
    assert_eq!((bench.device.as_str(), bench.named), ("bench", false));
    assert_eq!(lab.port, Port::Tcp { host: "::1".into(), port: 7000 });
    assert_eq!((lab.device.as_str(), lab.named), ("pico-1", true));
    assert!(plan.streams.is_empty() && plan.tasks[0].covers(1, "a") && !plan.tasks[0].covers(0, "a"));
}

#[test]
fn two_lines_share_neither_port_nor_device() {
    let text = "[mqtt]\nurl = 'mqtt://localhost'\n\
        [[serial]]\nname = 'a'\nport = '/dev/ttyACM0'\ndevice = 'pico'\n\
        [[serial]]\nname = 'b'\nport = '/dev/ttyACM0'\nbaud = 9600\n\
        [[serial]]\nname = 'c'\nport = '/dev/ttyACM1'\ndevice = 'pico'\n\
        [[serial]]\nname = 'pico'\nport = '/dev/ttyACM2'";
    assert_eq!(
        problems_of(text),
        [
            "brooklet.toml:9:8: serial[1].port: the line `a` has the same port",
            "brooklet.toml:14:10: serial[2].device: the device of the line `a` has the same name",
            "brooklet.toml:16:8: serial[3].name: the device of the line `a` has the same name",
        ]
    );
}

#[test]
fn what_is_wrong_with_lines_is_told_at_its_place() {
    let text = "[mqtt]\nurl = 'mqtt://localhost'\n\
        [[stream]]\nname = 'a'\ntopic = 'a'\npayload = 'brooklet'\ntime = '/t'\nchannels = { t = { at = '/t' } }\n\
        [[serial]]\nname = 'a'\nport = 'usb://x'\nbuad = 9600\n\
        [[serial]]\nname = 'b/c'\nport = 'tcp://host'\nbaud = 1\ndevice = ''\n\
        [[serial]]\nname = 'd'\n\
        [[task]]\nname = 't'\nstream = 'f'";
    let such = "such as \"/dev/ttyACM0\" or \"tcp://127.0.0.1:7000\"";
    assert_eq!(
        problems_of(text),
        [
            "brooklet.toml:7:8: stream[0].time: frames of devices carry their time themselves".to_owned(),
            "brooklet.toml:8:12: stream[0].channels: frames of devices have no JSON pointers; a device names its \
             channels itself: leave it out"
                .to_owned(),
            "brooklet.toml:10:8: serial[0].name: another stream is called `a`; see brooklet.toml:4".to_owned(),
            format!("brooklet.toml:11:8: serial[0].port: unknown scheme; {such}"),
            "brooklet.toml:12:1: serial[0].buad: unknown key; did you mean `baud`?".to_owned(),
            "brooklet.toml:14:8: serial[1].name: cannot contain `/`, `+`, `#` or control characters: it is a level \
             of a topic"
                .to_owned(),
            format!("brooklet.toml:15:8: serial[1].port: the port is missing; {such}"),
            "brooklet.toml:16:8: serial[1].baud: must be 300 to 4000000, not 1".to_owned(),
            "brooklet.toml:17:10: serial[1].device: cannot be empty".to_owned(),
            "brooklet.toml:18:1: serial[2].port: missing, and there is no default".to_owned(),
            "brooklet.toml:22:10: task[0].stream: there is no stream `f`; known: a, a, b/c, d".to_owned(),
        ]
    );
}
