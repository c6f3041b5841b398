//! A running agent answers how it is on a Unix socket in its state folder: without the broker, without a file that wears
//! the card, and to nobody but its own user and root.

use std::fs::{self, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tracing::warn;

use crate::health::{Health, Report};

const FILE: &str = "status.sock";
/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(2);
/// No answer is longer.
const MOST: u64 = 1 << 20;

/// The side that answers.
pub(crate) struct StatusServer {
    /// The state folder: only one agent at a time has it.
    pub(crate) folder: PathBuf,
    pub(crate) health: Arc<Health>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl StatusServer {
    /// One line of JSON to everybody who connects, one after the other, until told to stop.
    pub(crate) async fn run(mut self) {
        let path = self.folder.join(FILE);
        match bind(&path) {
            Ok(listener) => {
                tokio::select! {
                    () = answer(&listener, &self.health) => {}
                    _ = self.stop.wait_for(|stop| *stop) => {}
                }
                let _ = fs::remove_file(&path);
            }
            Err(error) => {
                warn!(
                    "`brooklet status` will not reach this agent: cannot listen on {}: {error}",
                    path.display()
                );
                let _ = self.stop.wait_for(|stop| *stop).await;
            }
        }
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    // One that an earlier agent left; nobody else has this folder now.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn answer(listener: &UnixListener, health: &Health) {
    loop {
        match listener.accept().await {
            Ok((mut stream, _)) => {
                let mut line = serde_json::to_vec(&health.report()).unwrap_or_default();
                line.push(b'\n');
                // Who does not listen is not waited for.
                let _ = tokio::time::timeout(PATIENCE, stream.write_all(&line)).await;
            }
            // Out of file handles, say: not for long.
            Err(_) => tokio::time::sleep(PATIENCE).await,
        }
    }
}

/// Asks the agent that has this state folder.
///
/// # Errors
/// Nobody answers there, or not in time, or in words that this version does not know.
pub fn ask(folder: &Path) -> io::Result<Report> {
    let stream = UnixStream::connect(folder.join(FILE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = String::new();
    stream.take(MOST).read_to_string(&mut text)?;
    serde_json::from_str(&text).map_err(io::Error::from)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    fn serving<R>(folder: &Path, check: impl FnOnce() -> R + Send) -> R {
        let (stop, stopping) = watch::channel(false);
        let health = Arc::new(Health::new("gw", Arc::default()));
        let server = StatusServer { folder: folder.to_owned(), health, stop: stopping };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        std::thread::scope(|threads| {
            let running = threads.spawn(move || runtime.block_on(server.run()));
            let checked = check();
            stop.send(true).unwrap();
            running.join().unwrap();
            checked
        })
    }

    /// Until the socket is there.
    fn asked(folder: &Path) -> Report {
        loop {
            match ask(folder) {
                Ok(report) => return report,
                Err(_) => std::thread::yield_now(),
            }
        }
    }

    #[test]
    fn whoever_asks_is_answered_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        // What an agent that was killed leaves.
        drop(std::os::unix::net::UnixListener::bind(folder.path().join(FILE)).unwrap());
        serving(folder.path(), || {
            let report = asked(folder.path());
            assert_eq!((report.gateway.as_str(), report.status.as_str()), ("gw", "online"));
            // One that hangs up at once, and another one.
            drop(UnixStream::connect(folder.path().join(FILE)).unwrap());
            asked(folder.path());
            let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        });
        assert_eq!(ask(folder.path()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_socket_that_cannot_be_made_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("x".repeat(200));
        serving(&deep, || assert!(ask(&deep).is_err()));
    }
}
