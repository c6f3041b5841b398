//! A real mosquitto on a port of its own.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use tempfile::TempDir;

use crate::PATIENCE;
use crate::child::Child;

/// Settings that the agent's documentation recommends, and a log that tells who subscribes.
const SETTINGS: &str = "\
persistence true
max_queued_messages 100000
max_queued_bytes 67108864
max_inflight_messages 1000
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
log_type subscribe
user root
";
/// What the documentation recommends besides, and what only matters on a machine that runs for long.
const SHIPPED: &str = "\
autosave_interval 30
message_size_limit 262144
persistent_client_expiration 7d
";
/// Says that mosquitto listens.
const READY: &str = " running";

/// A running mosquitto, its configuration and its memory.
#[derive(Debug)]
pub struct Broker {
    child: Child,
    folder: TempDir,
    port: u16,
    second_port: u16,
}

impl Broker {
    /// A broker that lets everyone in, on [`port`](Self::port).
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(|_| "allow_anonymous true\n".to_owned())
    }

    /// A broker with the settings that the documentation tells users to take, but open to everyone on this machine;
    /// `more` is added to them.
    #[must_use]
    pub fn start_as_shipped(more: &str) -> Self {
        Self::start_with(|_| format!("allow_anonymous true\n{SHIPPED}{more}"))
    }

    /// A broker whose listener on [`port`](Self::port) has the settings that `listener` returns, given a folder for
    /// files that they name.
    ///
    /// # Panics
    /// If mosquitto is not installed or does not start.
    #[must_use]
    pub fn start_with(listener: impl FnOnce(&Path) -> String) -> Self {
        let folder = TempDir::new().expect("a folder for the broker");
        let (port, second_port) = (free_port(), free_port());
        let config = format!(
            "per_listener_settings true\npersistence_location {}/\n{SETTINGS}\
             listener {port} 127.0.0.1\n{}\n\
             listener {second_port} 127.0.0.1\nallow_anonymous true\n",
            folder.path().display(),
            listener(folder.path())
        );
        std::fs::write(folder.path().join("mosquitto.conf"), config).expect("a file for the broker");
        let child = launch(folder.path(), second_port);
        Self { child, folder, port, second_port }
    }

    /// Where the agent connects, on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// A second way in that asks nobody for anything, on 127.0.0.1: for the test itself.
    #[must_use]
    pub const fn second_port(&self) -> u16 {
        self.second_port
    }

    /// `mqtt://127.0.0.1:PORT` of the first listener.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// The process.
    #[must_use]
    pub const fn child(&self) -> &Child {
        &self.child
    }

    /// Stops it in an orderly way: what it remembers is on disk then.
    ///
    /// # Panics
    /// If it does not stop.
    pub fn stop(&mut self) {
        self.child.signal("TERM");
        assert!(self.child.wait(PATIENCE).success(), "mosquitto did not stop well");
    }

    /// Kills it, as a power cut would: what it did not save is gone.
    pub fn kill(&mut self) {
        self.child.kill();
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill`](Self::kill), on the same ports, with what it remembers.
    pub fn start_again(&mut self) {
        self.child = launch(self.folder.path(), self.second_port);
    }

    /// Makes it forget sessions and retained messages; only while it is stopped.
    ///
    /// # Panics
    /// If there is nothing to forget.
    pub fn forget(&self) {
        std::fs::remove_file(self.folder.path().join("mosquitto.db")).expect("the broker's memory");
    }
}

/// mosquitto's file of users and passwords.
///
/// # Panics
/// If it cannot be written.
pub fn write_passwords(file: &Path, user: &str, password: &str) {
    let made = Command::new("mosquitto_passwd").arg("-b").arg("-c").arg(file).args([user, password]).output();
    assert!(made.is_ok_and(|out| out.status.success()), "mosquitto_passwd: try apt-get install mosquitto");
}

fn launch(folder: &Path, port: u16) -> Child {
    let config = folder.join("mosquitto.conf");
    let mut child = Child::spawn("mosquitto", Command::new(mosquitto()).arg("-c").arg(&config));
    // Whoever looked for a port held it for a moment, and so does each process that was being started at that moment,
    // until it runs.
    for _ in 0..20 {
        let taken = |line: &String| {
            (line.contains(READY) || line.contains("in use")).then(|| line.contains("in use"))
        };
        if child.log().wait(0, PATIENCE, taken) != Some(true) {
            break;
        }
        child.wait(PATIENCE);
        child = Child::spawn("mosquitto", Command::new(mosquitto()).arg("-c").arg(&config));
    }
    child.line(READY);
    // It says so a moment before it is: a signal to stop that comes in between is lost. Whom it lets in, it serves.
    drop(TcpStream::connect(("127.0.0.1", port)).expect("mosquitto listens"));
    child.line("New connection");
    child
}

/// Debian keeps it where users' paths do not look.
fn mosquitto() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = folders.map(|folder| folder.join("mosquitto")).find(|file| file.is_file());
    found.expect("mosquitto is not installed; these tests need it: apt-get install mosquitto")
}

/// A port that nobody has, for a program that listens itself.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn free_port() -> u16 {
    listener().local_addr().expect("its address").port()
}

/// A listener on a port that nobody has. Below the range from which the system takes the ports of outgoing
/// connections: none of those can take it while a broker is away, and a client that tries it cannot be connected to
/// itself.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn listener() -> TcpListener {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes that run at the same time begin at different places.
    let start = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(COUNT)).unwrap_or(0);
    let candidate = || FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
    (0..COUNT).find_map(|_| TcpListener::bind(("127.0.0.1", candidate())).ok()).expect("a free port")
}
