//! Passwords and certificates: right ones work, wrong ones are refused in words that help, and let nothing through.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::time::Instant;

use brooklet_tests::agent;
use brooklet_tests::broker::{Broker, write_passwords};
use brooklet_tests::child::Child;
use brooklet_tests::client::Client;
use brooklet_tests::signal;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// An authority, as files and to sign with.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // OpenSSL takes a certificate that has its authority's name for one that signed itself.
        params.distinguished_name.push(DnType::CommonName, "the works' authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Writes `<name>.pem` and `<name>.key` for these hosts into `folder`.
    fn sign(&self, folder: &Path, name: &str, hosts: &[&str]) {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(hosts).unwrap().signed_by(&key, &self.issuer).unwrap();
        std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        secret(&folder.join(format!("{name}.key")), &key.serialize_pem());
    }
}

/// Writes a file that only its owner may read.
fn secret(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A broker whose certificate is signed by `authority` for these hosts.
fn tls_broker(authority: &Authority, hosts: &[&str], more: &str) -> Broker {
    Broker::start_with(|folder| {
        authority.sign(folder, "server", hosts);
        let ca = folder.join("ca.pem");
        std::fs::write(&ca, &authority.pem).unwrap();
        let file = |name: &str| folder.join(name).display().to_string();
        format!(
            "allow_anonymous true\ncafile {}\ncertfile {}\nkeyfile {}\n{more}\n",
            file("ca.pem"),
            file("server.pem"),
            file("server.key")
        )
    })
}

/// An agent's configuration: the broker at `url`, and these lines in `[mqtt]`.
fn config(url: &str, mqtt: &str) -> String {
    format!("[mqtt]\nurl = \"{url}\"\n{mqtt}\n[[stream]]\nname = \"all\"\ntopic = \"sensors/#\"\n")
}

/// Checks that readings published on the second listener come through.
fn assert_connected(broker: &Broker, agent: &mut Child) {
    agent::wait_ready(agent, 1);
    let watcher = Client::watch(broker.second_port(), "brooklet/#");
    let sensors = Client::connect(broker.second_port());
    for i in 0..10 {
        sensors.publish("sensors/a", signal::json(i, &(0..0)));
    }
    watcher.wait_used(10);
    agent::stop(agent);
}

/// Checks that the agent keeps trying, says `words` on both connections, and that the broker never let it in.
fn assert_refused(broker: &Broker, agent: &mut Child, words: &[&str]) {
    for part in ["WARN brooklet::source::mqtt: ", "WARN brooklet::sink::mqtt: "] {
        let line = agent.line(part);
        for word in words {
            assert!(line.contains(word), "{word:?} is not in: {line}");
        }
    }
    assert!(agent.is_running());
    let totals = agent::stop(agent);
    assert_eq!(totals["messages"], 0, "{totals}");
    assert_eq!((&totals["subscriptions"], &totals["disconnects"]), (&0.into(), &0.into()), "{totals}");
    let let_in = broker.child().lines(" as brooklet-gw");
    assert!(let_in.is_empty(), "{let_in:#?}");
}

#[test]
fn a_password_from_a_file_is_taken_and_a_wrong_one_refused_until_the_broker_knows_it() {
    let (state, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let passwords = folder.path().join("passwords");
    write_passwords(&passwords, "plant", "not this one");
    let broker =
        Broker::start_with(|_| format!("allow_anonymous false\npassword_file {}\n", passwords.display()));
    secret(&folder.path().join("password"), "hunter2\n");
    let config = config(&broker.url(), "username = \"plant\"\npassword_file = \"password\"");
    let started = Instant::now();
    let mut command = agent::configured(&config, folder.path(), state.path());
    // Everything that the agent and its libraries have to say.
    let mut agent = Child::spawn("brooklet", command.env("RUST_LOG", "trace"));

    for part in ["source::mqtt: ", "sink::mqtt: "] {
        let line = agent.line(&format!("WARN brooklet::{part}"));
        assert!(line.contains("refuses the user name or password"), "{line}");
        assert!(line.contains("mqtt.username") && line.contains("mqtt.password_file"), "{line}");
    }
    let refusal = "not authorised";
    broker.child().nth_line(refusal, 8);
    assert!(agent.is_running());
    write_passwords(&passwords, "plant", "hunter2");
    broker.child().signal("HUP");
    agent::wait_ready(&agent, 1);

    // Two connections, each waiting at least 10 ms, 20 ms, 40 ms, .. between attempts.
    let attempts = broker.child().lines(refusal).len();
    let most = 2 * (2 + (started.elapsed().as_millis() / 10).checked_ilog2().unwrap_or(0) as usize);
    assert!(attempts <= most, "{attempts} attempts in {:?}, {most} allowed", started.elapsed());
    let folder_of_state = state.path().display().to_string();
    let file = folder.path().join("brooklet.toml").display().to_string();
    for arguments in [&["status", "--json", "--state-dir", &folder_of_state][..], &["check", &file]] {
        let Output { stdout, stderr, .. } = agent::run(arguments);
        let told = String::from_utf8([stdout, stderr].concat()).unwrap();
        assert!(told.contains("gw") && !told.contains("hunter2"), "{told}");
    }
    let secrets = agent.lines("hunter2");
    assert!(secrets.is_empty(), "{secrets:?}");
    assert!(agent.lines("refuses the user name").len() <= 2, "said once for each connection");
    assert_connected(&broker, &mut agent);
}

#[test]
fn a_password_that_others_may_read_is_refused_before_it_is_used() {
    let (broker, folder) = (Broker::start(), TempDir::new().unwrap());
    let password = folder.path().join("password");
    secret(&password, "hunter2\n");
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o644)).unwrap();
    let config = config(&broker.url(), "username = \"plant\"\npassword_file = \"password\"");
    let (code, log) = agent::refused(agent::configured(&config, folder.path(), &folder.path().join("state")));
    assert_eq!(code, Some(78));
    assert!(log.contains("chmod 600") && !log.contains("hunter2"), "{log}");
}

#[test]
fn a_broker_with_the_right_certificate_is_trusted() {
    let authority = Authority::new();
    let (state, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    let broker = tls_broker(&authority, &["127.0.0.1", "localhost"], "");
    for host in ["127.0.0.1", "localhost"] {
        let config = config(&format!("mqtts://{host}:{}", broker.port()), "ca_file = \"ca.pem\"");
        let mut agent = agent::start(agent::configured(&config, folder.path(), &state.path().join(host)));
        assert_connected(&broker, &mut agent);
    }
}

#[test]
fn a_client_certificate_is_shown_where_the_broker_asks_for_it() {
    let authority = Authority::new();
    let (state, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
    authority.sign(folder.path(), "client", &["gateway"]);
    let broker = tls_broker(&authority, &["127.0.0.1"], "require_certificate true");
    let url = format!("mqtts://127.0.0.1:{}", broker.port());
    let without = "ca_file = \"ca.pem\"";

    let mut command = agent::configured(&config(&url, without), folder.path(), &state.path().join("a"));
    let mut agent = Child::spawn("brooklet", &mut command);
    assert_refused(&broker, &mut agent, &["mqtt.cert_file"]);

    let with = format!("{without}\ncert_file = \"client.pem\"\nkey_file = \"client.key\"");
    let command = agent::configured(&config(&url, &with), folder.path(), &state.path().join("b"));
    assert_connected(&broker, &mut agent::start(command));
}

/// Starts an agent that trusts `trusted` against a broker, and checks that it refuses to talk to it.
fn assert_distrusted(broker: &Broker, trusted: &Authority, words: &[&str]) {
    let (state, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    std::fs::write(folder.path().join("ca.pem"), &trusted.pem).unwrap();
    let config = config(&format!("mqtts://127.0.0.1:{}", broker.port()), "ca_file = \"ca.pem\"");
    let mut command = agent::configured(&config, folder.path(), state.path());
    Client::connect(broker.second_port()).publish_retained("sensors/a", "1");
    assert_refused(broker, &mut Child::spawn("brooklet", &mut command), words);
}

#[test]
fn a_broker_of_another_authority_is_refused() {
    let broker = tls_broker(&Authority::new(), &["127.0.0.1"], "");
    assert_distrusted(&broker, &Authority::new(), &["TLS", "mqtt.ca_file"]);
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let authority = Authority::new();
    let broker = tls_broker(&authority, &["broker.example"], "");
    assert_distrusted(&broker, &authority, &["TLS", "certificate names the broker's host"]);
}

#[test]
fn a_broker_that_does_not_speak_tls_is_told_apart() {
    assert_distrusted(&Broker::start(), &Authority::new(), &["TLS", "mqtt://"]);
}

#[test]
fn a_broker_that_speaks_only_tls_is_told_apart() {
    let (broker, state) = (tls_broker(&Authority::new(), &["127.0.0.1"], ""), TempDir::new().unwrap());
    let mut command = agent::watching(&broker, "sensors/#", state.path());
    assert_refused(&broker, &mut Child::spawn("brooklet", &mut command), &["mqtts://"]);
}
