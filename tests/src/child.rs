//! A process that never outlives its test, and what it wrote.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::PATIENCE;
use crate::record::Record;

/// A running process. Dropping it kills it, by its id; if the test is failing its log is printed.
#[derive(Debug)]
pub struct Child {
    name: String,
    process: std::process::Child,
    log: Arc<Record<String>>,
    ended: Option<ExitStatus>,
}

impl Child {
    /// Starts `command`; what it writes to stderr becomes the log, line by line.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn spawn(name: &str, command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let log = Arc::new(Record::default());
        let stderr = process.stderr.take().expect("stderr is a pipe");
        let into = log.clone();
        std::thread::spawn(move || {
            read_lines(stderr, &into);
            into.close();
        });
        Self { name: name.to_owned(), process, log, ended: None }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its log so far.
    #[must_use]
    pub fn log(&self) -> &Record<String> {
        &self.log
    }

    /// The lines of its log that contain `text`, so far.
    #[must_use]
    pub fn lines(&self, text: &str) -> Vec<String> {
        self.log.look(|lines| lines.iter().filter(|line| line.contains(text)).cloned().collect())
    }

    /// Waits for the `n`th line (from 1) of its log that contains `text`.
    ///
    /// # Panics
    /// If there is none within [`PATIENCE`].
    pub fn nth_line(&self, text: &str, n: usize) -> String {
        let mut seen = 0;
        let nth = |line: &String| {
            seen += usize::from(line.contains(text));
            (seen == n).then(|| line.clone())
        };
        self.log.wait(0, PATIENCE, nth).unwrap_or_else(|| panic!("{}: no line {n} with {text:?}", self.name))
    }

    /// Waits for the first line of its log that contains `text`.
    pub fn line(&self, text: &str) -> String {
        self.nth_line(text, 1)
    }

    /// Sends a signal by its name, such as `TERM`.
    ///
    /// # Panics
    /// If there is no such process any more.
    pub fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([format!("-{signal}").as_str(), &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{}: cannot send {signal}", self.name);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it takes longer than `patience`.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        // A process that ends closes its stderr.
        assert!(self.log.wait_closed(patience), "{} did not end within {patience:?}", self.name);
        let status = self.process.wait().expect("a child can be waited for");
        self.ended = Some(status);
        status
    }

    /// The memory that it has, in KiB.
    ///
    /// # Panics
    /// If there is no such process any more.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.of_status("VmRSS:")
    }

    /// What of it is its own: not its program, whose pages come in as they are first used, in KiB.
    ///
    /// # Panics
    /// If there is no such process any more.
    #[must_use]
    pub fn own_memory(&self) -> u64 {
        self.of_status("RssAnon:")
    }

    /// The most memory that it ever had, in KiB.
    ///
    /// # Panics
    /// If there is no such process any more.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        self.of_status("VmHWM:")
    }

    fn of_status(&self, name: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("its memory");
        line.split_whitespace().next().and_then(|size| size.parse().ok()).expect("a number")
    }

    /// The bytes that it caused to be written to a disk.
    ///
    /// # Panics
    /// If there is no such process any more.
    #[must_use]
    pub fn written(&self) -> u64 {
        let io = std::fs::read_to_string(format!("/proc/{}/io", self.process.id())).expect("a process");
        let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).expect("its bytes");
        line.parse().expect("a number")
    }

    /// True if it has not ended.
    ///
    /// # Panics
    /// If the system cannot tell.
    pub fn is_running(&mut self) -> bool {
        self.ended.is_none() && self.process.try_wait().expect("a child can be asked").is_none()
    }

    /// Kills it, as the kernel does when memory runs out.
    pub fn kill(&mut self) {
        if self.ended.is_none() {
            let _ = self.process.kill();
            self.ended = self.process.wait().ok();
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            self.log.wait_closed(Duration::from_secs(1));
            let text = self.log.look(|lines| lines.join("\n"));
            eprintln!("---- log of {} ----\n{text}\n---- end ----", self.name);
        }
    }
}

fn read_lines(from: impl Read, into: &Record<String>) {
    let mut lines = BufReader::new(from).split(b'\n');
    while let Some(Ok(line)) = lines.next() {
        into.push(String::from_utf8_lossy(&line).into_owned());
    }
}
