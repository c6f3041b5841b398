//! From a device on a line: frames between zeros, over a serial port or TCP. Its other direction is here too, because both
//! share the port; what is written comes from the sink.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use brooklet_core::frame::{self, Line};
use brooklet_core::message::Message;
use serial2_tokio::SerialPort;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::check::{Port, SerialPlan, no_level};
use crate::decode::Refusal;
use crate::ledger::{Count, Ledger};
use crate::mqtt::{Backoff, STEADY};
use crate::reading::{DeviceId, Timestamp};
use crate::router::{LineEvent, OnLine, Queues};

/// Bytes read at once.
const CHUNK: usize = 4096;
/// A line over TCP on which nothing comes in is probed so often.
const PROBE: Duration = Duration::from_secs(15);

/// Everything a line needs.
pub(crate) struct SerialSource {
    /// Its place in the plan.
    pub(crate) line: usize,
    pub(crate) plan: SerialPlan,
    pub(crate) queues: Queues,
    pub(crate) down: mpsc::Receiver<Vec<u8>>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) stop: watch::Receiver<bool>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The side that reads.
struct Reader {
    line: usize,
    plan: SerialPlan,
    queues: Queues,
    ledger: Arc<Ledger>,
    device: DeviceId,
    /// Its name for itself was refused before.
    refused: bool,
}

impl SerialSource {
    /// Runs until told to stop; a line that is not there, or goes, is tried again for ever.
    pub(crate) async fn run(self) {
        let Self { line, plan, queues, mut down, ledger, mut stop } = self;
        let device = DeviceId(plan.device.as_str().into());
        let mut reader = Reader { line, plan, queues, ledger, device, refused: false };
        tokio::select! {
            () = reader.run(&mut down) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        // The queues go, and with them the workers' input ends.
    }
}

impl Reader {
    async fn run(&mut self, down: &mut mpsc::Receiver<Vec<u8>>) {
        let mut backoff = Backoff::new();
        let mut last_complaint = String::new();
        loop {
            match open(&self.plan.port).await {
                Ok(stream) => {
                    info!(line = self.plan.name, port = %self.plan.port, "line opened");
                    last_complaint.clear();
                    let began = Instant::now();
                    // What was meant for before is of no use now.
                    while down.try_recv().is_ok() {}
                    self.tell(LineEvent::Opened).await;
                    let why = self.session(stream, down).await;
                    self.tell(LineEvent::Closed).await;
                    warn!(line = self.plan.name, port = %self.plan.port, "line closed: {why}; it is tried again");
                    if began.elapsed() >= STEADY {
                        backoff.reset();
                    }
                }
                Err(complaint) => {
                    if complaint != last_complaint {
                        let (line, port) = (&self.plan.name, &self.plan.port);
                        warn!(line, %port, "cannot open the line: {complaint}; it is tried again for ever");
                        last_complaint = complaint;
                    }
                }
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// Reads and writes until the line is gone; says why.
    async fn session(&mut self, stream: Box<dyn Stream>, down: &mut mpsc::Receiver<Vec<u8>>) -> String {
        let (mut from, mut to) = tokio::io::split(stream);
        // Side by side: a device that does not listen is still heard.
        let write = async {
            while let Some(frame) = down.recv().await {
                if let Err(error) = to.write_all(&frame).await {
                    return error.to_string();
                }
            }
            std::future::pending().await // stopping: the other side ends first
        };
        let read = async {
            let (mut line, mut chunk) = (Line::new(), vec![0; CHUNK]);
            loop {
                match from.read(&mut chunk).await {
                    Ok(0) => return "the other side hung up".to_owned(),
                    Ok(length) => {
                        for byte in chunk.iter().take(length) {
                            if let Some(found) = line.push(*byte) {
                                self.take(found.and_then(frame::decode)).await;
                            }
                        }
                    }
                    Err(error) => return error.to_string(),
                }
            }
        };
        tokio::select! {
            why = read => why,
            why = write => why,
        }
    }

    /// Hands a frame on, or counts what is none.
    async fn take(&mut self, frame: Result<(u16, Message), frame::Error>) {
        match frame {
            Ok((sequence, message)) => {
                if let Message::Hello(hello) = &message {
                    self.rename(&hello.device).await;
                }
                self.tell(LineEvent::Frame(sequence, Box::new(message))).await;
            }
            Err(error) => {
                self.ledger.add(Count::Messages, 1);
                self.ledger.refuse_message(&self.plan.name, b"", &Refusal::Frame(error));
            }
        }
    }

    /// The device says its name; the one that was assumed until now is not on this line.
    async fn rename(&mut self, name: &str) {
        if self.plan.named || *self.device.0 == *name {
            return;
        }
        if let Some(why) = no_level(name) {
            if !std::mem::replace(&mut self.refused, true) {
                warn!(line = self.plan.name, "the device's name for itself is not taken: it {why}");
            }
            return;
        }
        self.tell(LineEvent::Closed).await;
        self.device = DeviceId(name.into());
    }

    async fn tell(&self, event: LineEvent) {
        let (line, device) = (self.line, self.device.clone());
        self.queues.send(OnLine { line, device, received: Timestamp::now(), event }).await;
    }
}

async fn open(port: &Port) -> Result<Box<dyn Stream>, String> {
    match port {
        Port::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await;
            let stream = stream.map_err(|error| explain(&error, None))?;
            stream.set_nodelay(true).map_err(|error| error.to_string())?;
            // A terminal server that lost its power says nothing: that is noticed within a minute.
            let probe = TcpKeepalive::new().with_time(PROBE).with_interval(PROBE).with_retries(3);
            SockRef::from(&stream).set_tcp_keepalive(&probe).map_err(|error| error.to_string())?;
            Ok(Box::new(stream))
        }
        Port::Tty { path, baud } => match SerialPort::open(path, *baud) {
            Ok(port) => Ok(Box::new(port)),
            Err(error) => Err(explain(&error, Some(path))),
        },
    }
}

/// What is wrong and what to do, for the person who reads the log.
fn explain(error: &std::io::Error, path: Option<&Path>) -> String {
    use std::io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied};
    match (error.kind(), path) {
        (NotFound, Some(_)) => "there is no such port; is the device plugged in?".to_owned(),
        (PermissionDenied, Some(_)) => {
            "no permission; add the user that runs Brooklet to the group of the port (dialout)".to_owned()
        }
        (ConnectionRefused, None) => "nothing listens there".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use brooklet_core::message::Reading;

    use super::*;
    use crate::router::Job;

    /// The pseudo terminals that this process has open.
    fn terminals() -> BTreeSet<PathBuf> {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        open.filter_map(|file| std::fs::read_link(file.path()).ok())
            .filter(|path| {
                path.starts_with("/dev/pts") && path.file_name().is_some_and(|name| name != "ptmx")
            })
            .collect()
    }

    #[tokio::test]
    async fn a_pseudo_terminal_is_a_port_like_others() {
        let before = terminals();
        let (mut device, _port) = SerialPort::pair().unwrap();
        let path = terminals().difference(&before).next().unwrap().clone();
        let reading = Reading { channel: "t".try_into().unwrap(), time: None, value: 1.5 };
        let message = Message::Reading(reading);
        let mut buffer = [0; frame::MAX_LINE];
        let bytes = frame::encode_line(3, &message, &mut buffer).unwrap();

        let (queue, mut jobs) = mpsc::channel(8);
        let (down_to, down) = mpsc::channel(8);
        let (stop, stopping) = watch::channel(false);
        let plan = SerialPlan {
            name: "bench".to_owned(),
            port: Port::Tty { path, baud: 115_200 },
            device: "bench".to_owned(),
            named: false,
        };
        let ledger = Arc::new(Ledger::default());
        let queues = Queues::new(vec![queue]);
        let source = SerialSource { line: 0, plan, queues, down, ledger: ledger.clone(), stop: stopping };
        let events = async {
            let mut next = async || match jobs.recv().await {
                Some(Job::Line(OnLine { event, .. })) => event,
                other => panic!("{other:?}"),
            };
            assert!(matches!(next().await, LineEvent::Opened));
            device.write_all(&[9, 9, 0]).await.unwrap();
            device.write_all(bytes).await.unwrap();
            match next().await {
                LineEvent::Frame(3, seen) => assert_eq!(*seen, message),
                other => panic!("{other:?}"),
            }
            assert_eq!(ledger.totals().refused.get("frame_damaged"), Some(&1));
            // Raw in the other direction too: nothing is translated, nothing is echoed.
            let all: Vec<u8> = (0..=255).collect();
            down_to.send(all.clone()).await.unwrap();
            let mut seen = vec![0; 256];
            device.read_exact(&mut seen).await.unwrap();
            assert_eq!(seen, all);
            stop.send(true).unwrap();
        };
        tokio::join!(source.run(), events);
    }
}
