//! `[mqtt]`: the URL taken apart, TLS files and secrets looked at, careless combinations refused.

use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path as FilePath, PathBuf};
use std::time::Duration;

use super::plan::{Broker, Identity, Tls};
use super::secret::{Secret, unreadable};
use super::tree::{Env, PASSWORD, Path, Tree};
use crate::config::Mqtt;

/// Longest user name and client identifier, in bytes: far below MQTT's limit, far above any need.
const MAX_TEXT: usize = 256;

/// Resolves `[mqtt]`; relative paths are relative to `folder`.
pub(super) fn resolve(
    tree: &mut Tree,
    env: &Env,
    folder: &FilePath,
    gateway: &str,
    mqtt: &Mqtt,
) -> Option<Broker> {
    let here = Path::of("mqtt");
    let credentials = env.get("CREDENTIALS_DIRECTORY").filter(|dir| !dir.is_empty()).map(FilePath::new);
    let url = match Url::parse(&mqtt.url) {
        Ok(url) => Some(url),
        Err((message, help)) => {
            tree.report(&here.key("url"), message, help.map(str::to_owned));
            None
        }
    };
    for (key, text) in [("client_id", &mqtt.client_id), ("username", &mqtt.username)] {
        if text.as_ref().is_some_and(|text| text.is_empty() || text.len() > MAX_TEXT || text.contains('\0')) {
            tree.report(&here.key(key), format!("must be 1 to {MAX_TEXT} bytes without NUL"), None);
        }
    }

    let password = password(tree, env, credentials, folder, mqtt);
    if password.is_some() && mqtt.username.is_none() {
        tree.report(&here, "MQTT sends no password without a user's name", Some("set mqtt.username".into()));
    }

    for (key, file) in [("ca_file", &mqtt.ca_file), ("cert_file", &mqtt.cert_file)] {
        if let Some(why) = file.as_ref().and_then(|file| unreadable(&folder.join(file))) {
            tree.report(&here.key(key), why, None);
        }
    }
    let key = mqtt.key_file.as_ref().map(|file| Secret::file(folder.join(file), credentials));
    if let Some((why, help)) = key.as_ref().and_then(Secret::obstacle) {
        tree.report(&here.key("key_file"), why, help);
    }
    let identity = match (&mqtt.cert_file, key) {
        (Some(cert), Some(key)) => Some(Identity { cert_file: folder.join(cert), key }),
        (Some(_), None) => {
            // Not if key_file itself was reported as wrong: then it is there, but not read.
            if !tree.is_hole(&here.key("key_file")) {
                tree.report(&here.key("cert_file"), "a certificate is of no use without its key_file", None);
            }
            None
        }
        (None, Some(_)) => {
            if !tree.is_hole(&here.key("cert_file")) {
                tree.report(&here.key("key_file"), "a key is of no use without its cert_file", None);
            }
            None
        }
        (None, None) => None,
    };

    let url = url?;
    if !url.tls {
        let files =
            [("ca_file", &mqtt.ca_file), ("cert_file", &mqtt.cert_file), ("key_file", &mqtt.key_file)];
        for (key, _) in files.iter().filter(|(_, file)| file.is_some()) {
            let help = "write mqtts:// in mqtt.url for TLS, or leave the file out";
            tree.report(&here.key(key), "has no effect with mqtt://", Some(help.into()));
        }
    }
    if url.tls && identity.is_some() && mqtt.ca_file.is_none() && !tree.is_hole(&here.key("ca_file")) {
        tree.report(
            &here.key("cert_file"),
            "a client certificate is used only together with a CA of one's own",
            Some(
                "set ca_file to that of the broker's certificate, or to /etc/ssl/certs/ca-certificates.crt"
                    .into(),
            ),
        );
    }
    let named = ["username", "cert_file"].iter().any(|key| tree.is_hole(&here.key(key)))
        || mqtt.username.is_some() && (password.is_some() || tree.is_hole(&here.key("password_file")))
        || identity.is_some();
    if !named && !url.is_loopback() && !mqtt.insecure && !tree.is_hole(&here.key("insecure")) {
        tree.report(
            &here.key("url"),
            "a broker on another host that knows its clients by nothing would let anyone send readings and alerts",
            Some("set username and password_file, or cert_file and key_file, or else insecure = true (run --insecure)".into()),
        );
    }

    Some(Broker {
        host: url.host,
        port: url.port,
        tls: url.tls.then(|| Tls { ca_file: mqtt.ca_file.as_ref().map(|file| folder.join(file)), identity }),
        client_id: mqtt.client_id.clone().unwrap_or_else(|| format!("brooklet-{gateway}")),
        username: mqtt.username.clone(),
        password,
        keep_alive: Duration::from_secs(mqtt.keep_alive_seconds.get()),
        max_packet_bytes: u32::try_from(mqtt.max_packet_bytes.get()).unwrap_or(u32::MAX),
        persistent: mqtt.persistent,
        version: mqtt.version,
        session_expiry: u32::try_from(mqtt.session_expiry_seconds.get()).unwrap_or(u32::MAX),
        receive_maximum: u16::try_from(mqtt.receive_maximum.get()).unwrap_or(u16::MAX),
    })
}

/// The environment goes before the file, as for every key, and the file before the service's credential.
fn password(
    tree: &mut Tree,
    env: &Env,
    credentials: Option<&FilePath>,
    folder: &FilePath,
    mqtt: &Mqtt,
) -> Option<Secret> {
    if let Some(password) = env.get(PASSWORD).filter(|password| !password.is_empty()) {
        return Some(Secret::text(password.clone()));
    }
    if let Some(file) = &mqtt.password_file {
        let secret = Secret::file(folder.join(file), credentials);
        if let Some((why, help)) = secret.obstacle() {
            tree.report(&Path::of("mqtt").key("password_file"), why, help);
        }
        return Some(secret);
    }
    let credential: PathBuf = credentials?.join("mqtt_password");
    credential.exists().then(|| Secret::file(credential, credentials))
}

/// `host`, `host:port` or `[IPv6 address]:port`, taken apart.
pub(super) fn host_and_port(text: &str) -> Result<(String, Option<u16>), &'static str> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, port)) if host.parse::<Ipv6Addr>().is_ok() => (host, port),
            _ => return Err("not an IPv6 address in brackets"),
        },
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match port.strip_prefix(':').map(str::parse::<u16>) {
        None if port.is_empty() => None,
        Some(Ok(port)) if port > 0 => Some(port),
        _ if port.matches(':').count() > 1 => {
            return Err("an IPv6 address needs brackets, such as [::1]:1883");
        }
        _ => return Err("the port must be 1 to 65535"),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || host.len() > 253 || !host.chars().all(fits) {
        return Err("not the name or address of a host");
    }
    Ok((host.to_owned(), port))
}

#[derive(Debug, PartialEq, Eq)]
struct Url {
    host: String,
    port: u16,
    tls: bool,
}

type BadUrl = (String, Option<&'static str>);

impl Url {
    /// Messages do not repeat the URL: people put passwords there.
    fn parse(text: &str) -> Result<Self, BadUrl> {
        let bad = |why: &str, help| Err((why.to_owned(), help));
        let Some((scheme, rest)) = text.split_once("://") else {
            return bad("not a broker's URL", Some("write it as mqtt://localhost:1883, or mqtts:// for TLS"));
        };
        let tls = match scheme {
            "mqtt" => false,
            "mqtts" => true,
            "tcp" => return bad("unknown scheme `tcp`", Some("write mqtt://")),
            "ssl" | "tls" | "tcps" => return bad("unknown scheme", Some("write mqtts:// for TLS")),
            "ws" | "wss" | "http" | "https" => {
                return bad(
                    "MQTT over websockets is not supported",
                    Some("use the broker's mqtt:// listener"),
                );
            }
            _ => return bad("unknown scheme", Some("write mqtt://, or mqtts:// for TLS")),
        };
        if rest.contains('@') {
            let help = "set mqtt.username and mqtt.password_file";
            return bad("user and password do not belong in the URL, which is shown in logs", Some(help));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return bad("a broker's URL ends after the port", None);
        }
        let (host, port) = host_and_port(rest).map_err(|why| (why.to_owned(), None))?;
        Ok(Self { host, port: port.unwrap_or(if tls { 8883 } else { 1883 }), tls })
    }

    fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (text, host, port, tls, loopback) in [
            ("mqtt://localhost", "localhost", 1883, false, true),
            ("mqtts://broker.example/", "broker.example", 8883, true, false),
            ("mqtt://127.3.2.1:5", "127.3.2.1", 5, false, true),
            ("mqtt://[::1]:1884", "::1", 1884, false, true),
            ("mqtt://[fe80::1]", "fe80::1", 1883, false, false),
            ("mqtt://127.example", "127.example", 1883, false, false),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(
                (url.host.as_str(), url.port, url.tls, url.is_loopback()),
                (host, port, tls, loopback)
            );
        }
    }

    #[test]
    fn what_is_no_url_is_told_without_repeating_it() {
        for (text, why) in [
            ("localhost", "not a broker's URL"),
            ("tcp://x", "unknown scheme `tcp`"),
            ("wss://x", "websockets"),
            ("mqtt://me:hunter2@x", "do not belong in the URL"),
            ("mqtt://x:0", "1 to 65535"),
            ("mqtt://x:70000", "1 to 65535"),
            ("mqtt://x:", "1 to 65535"),
            ("mqtt://::1", "needs brackets"),
            ("mqtt://[x]", "IPv6"),
            ("mqtt://", "not the name"),
            ("mqtt://a b", "not the name"),
            ("mqtt://x/path", "ends after the port"),
        ] {
            let (message, _) = Url::parse(text).unwrap_err();
            assert!(message.contains(why), "{text}: {message}");
            assert!(!message.contains("hunter2"));
        }
    }
}
