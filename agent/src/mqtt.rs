//! What the two connections share, and the only file that names the MQTT client library's options: address, TLS,
//! credentials, limits and back-off.

use std::time::Duration;

use brooklet_core::rng::Rng;
use rumqttc::{
    ConnectReturnCode, ConnectionError, LastWill, MqttOptions, QoS, StateError, TlsConfiguration, Transport,
};

use crate::check::{Broker, Secret};

/// Why a connection cannot even be tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MqttError {
    /// A file that the configuration names.
    #[error("cannot read {path}: {source}")]
    File {
        /// Which file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system's certificates.
    #[error("cannot load the system's CA certificates ({0}); set mqtt.ca_file")]
    SystemCertificates(String),
}

/// A will or a birth message: topic and payload, retained, QoS 1.
#[derive(Clone, Debug)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: &'static str,
}

/// The client's options for one connection.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn options(
    broker: &Broker,
    client_id: String,
    clean_session: bool,
    will: Option<Will>,
) -> Result<MqttOptions, MqttError> {
    let mut options = MqttOptions::new(client_id, (broker.host.as_str(), broker.port));
    options.set_keep_alive(u16::try_from(broker.keep_alive.as_secs()).unwrap_or(u16::MAX));
    options.set_clean_session(clean_session);
    let most = usize::try_from(broker.max_packet_bytes).unwrap_or(usize::MAX);
    options.set_max_packet_size(most, most);
    if let Some(will) = will {
        options.set_last_will(LastWill::new(will.topic, will.payload, QoS::AtLeastOnce, true));
    }
    match (&broker.username, &broker.password) {
        (Some(user), Some(password)) => {
            options.set_credentials(user.clone(), secret(password)?);
        }
        (Some(user), None) => {
            options.set_username(user.clone());
        }
        _ => {}
    }
    if let Some(tls) = &broker.tls {
        let read = |path: &std::path::Path| {
            std::fs::read(path).map_err(|source| MqttError::File { path: path.to_owned(), source })
        };
        let client_auth = match &tls.identity {
            Some(identity) => Some((read(&identity.cert_file)?, secret(&identity.key)?.into_bytes())),
            None => None,
        };
        let transport = match &tls.ca_file {
            Some(ca) => Transport::tls_with_config(TlsConfiguration::Simple {
                ca: read(ca)?,
                alpn: None,
                client_auth,
            }),
            // `check` refuses a client certificate without a CA of its own.
            None => Transport::try_tls_with_default_config()
                .map_err(|error| MqttError::SystemCertificates(error.to_string()))?,
        };
        options.set_transport(transport);
    }
    Ok(options)
}

fn secret(secret: &Secret) -> Result<String, MqttError> {
    secret.read().map_err(|source| MqttError::File {
        path: secret.path().unwrap_or(std::path::Path::new("")).to_owned(),
        source,
    })
}

/// What is wrong with the connection and what to do, for the person who reads the log.
pub(crate) fn explain(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
        ) => "the broker refuses the user name or password; check mqtt.username and mqtt.password_file"
            .to_owned(),
        ConnectionError::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            "nothing listens there; is the broker running, and is mqtt.url right?".to_owned()
        }
        ConnectionError::MqttState(StateError::Deserialization(
            rumqttc::Error::PayloadSizeLimitExceeded(bytes),
        )) => format!(
            "a message of {bytes} bytes is longer than mqtt.max_packet_bytes; set the broker's message_size_limit"
        ),
        ConnectionError::Tls(error) if is_cut(error) => format!(
            "TLS: {error}; if the broker does not speak TLS on this port, take another one or mqtt:// in mqtt.url"
        ),
        ConnectionError::Tls(error) => {
            format!("TLS: {error}; check mqtt.ca_file and that the certificate names the broker's host")
        }
        // TLS 1.3 tells it only after the handshake, as an error of reading.
        other if other.to_string().contains("received fatal alert") => format!(
            "{other}; the broker asks for a client's certificate or refuses the one it got: check mqtt.cert_file and \
             mqtt.key_file"
        ),
        other if is_cut(other) => format!(
            "{other}; the broker closed the connection - if it always does so at once, it may speak TLS on this \
             port: write mqtts:// in mqtt.url"
        ),
        other => other.to_string(),
    }
}

/// True if the other side hung up, or spoke something else than was expected.
fn is_cut(error: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, UnexpectedEof};
    let chain = std::iter::successors(Some(error), |error| error.source());
    // An I/O error that carries another error is not the system's: rustls refuses a certificate that way.
    let io = chain
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .find(|io| !io.get_ref().is_some_and(|inner| inner.to_string().contains("certificate")));
    let kinds = [BrokenPipe, ConnectionAborted, ConnectionReset, InvalidData, UnexpectedEof];
    io.is_some_and(|io| kinds.contains(&io.kind()))
}

/// The length of the message that was longer than the limit, if that is why the connection was given up. The broker
/// would send it again for ever.
pub(crate) fn too_long(error: &ConnectionError) -> Option<usize> {
    match error {
        ConnectionError::MqttState(StateError::Deserialization(
            rumqttc::Error::PayloadSizeLimitExceeded(bytes),
        )) => Some(*bytes),
        _ => None,
    }
}

/// A connection that lived this long was a good one: waiting starts over.
pub(crate) const STEADY: Duration = Duration::from_secs(5);

/// Waiting times between attempts: full jitter, doubling from 100 ms to 30 s.
#[derive(Debug)]
pub(crate) struct Backoff {
    rng: Rng,
    attempt: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(30);

    pub(crate) fn new() -> Self {
        let now = crate::reading::Timestamp::now().0.unsigned_abs();
        Self { rng: Rng::new(now ^ (u64::from(std::process::id()) << 40)), attempt: 0 }
    }

    pub(crate) fn reset(&mut self) {
        self.attempt = 0;
    }

    pub(crate) fn next(&mut self) -> Duration {
        let most = Self::FIRST.saturating_mul(1 << self.attempt.min(16)).min(Self::LONGEST);
        self.attempt = self.attempt.saturating_add(1);
        most.mul_f32(self.rng.uniform().max(0.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backs_off_up_to_half_a_minute_and_starts_again() {
        let mut backoff = Backoff::new();
        let waits: Vec<_> = (0..100).map(|_| backoff.next()).collect();
        assert!(waits[0] <= Duration::from_millis(100));
        assert!(waits.iter().all(|wait| *wait >= Duration::from_millis(10) && *wait <= Backoff::LONGEST));
        assert!(waits[50..].iter().any(|wait| *wait > Duration::from_secs(5)));
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
    }
}
