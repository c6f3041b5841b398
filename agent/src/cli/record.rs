//! `brooklet record`: what a broker's messages say, written down for `replay`, `eval` and `backtest`.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brooklet_core::message::Message;
use indicatif::ProgressBar;
use serde_json::json;
use tokio::sync::{mpsc, watch};

use super::{exit, grouped, run::shutdown};
use crate::check::{self, Plan, Problems};
use crate::decode::{self, Decoder, Readings};
use crate::ledger::{Count, Ledger};
use crate::mqtt::{MqttError, Options};
use crate::reading::{Reading, Timestamp};
use crate::router::{Job, Queues, Route, Router, Stream};
use crate::source::mqtt::MqttSource;
use crate::source::replay::DEVICE;
use crate::source::subscription::without_covered;

/// Messages that wait to be written.
const QUEUE: usize = 1024;
/// Between two flushes.
const FLUSH: Duration = Duration::from_secs(1);
/// Begins no topic: commands are not for the recorder.
const NO_COMMANDS: &str = "\0";

/// Writes a broker's readings to a file that `replay`, `eval` and `backtest` read: one JSON object a line.
///
/// Has a session and a client id of its own: an agent that runs meanwhile is not disturbed.
#[derive(Clone, Debug, clap::Args)]
pub struct RecordArgs {
    /// The broker, for example mqtt://localhost:1883.
    #[arg(long, value_name = "URL")]
    pub broker: Option<String>,
    /// Topic filter to listen to; may be repeated; all if none is given.
    #[arg(long, value_name = "FILTER")]
    pub topic: Vec<String>,
    /// Configuration file: its broker, and its streams as `run` reads them.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["broker", "topic"])]
    pub config: Option<PathBuf>,
    /// Stop after this time, for example 90s, 10m, 1h or 7d; without it at Ctrl-C.
    #[arg(long, value_name = "TIME", value_parser = super::seconds)]
    pub duration: Option<f64>,
    /// The file, which must not be there yet; without it standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Allow a broker on another host without user name and certificate.
    #[arg(long, conflicts_with = "config")]
    pub insecure: bool,
    /// Tell at the end what was recorded as a JSON object.
    #[arg(long)]
    pub json: bool,
    /// No counting on the way.
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Config(#[from] Problems),
    #[error(transparent)]
    Mqtt(#[from] MqttError),
    #[error("{0}: is there already; name another file, or remove it first")]
    Exists(PathBuf),
    #[error("{0}: cannot be written: {1}")]
    Output(String, io::Error),
    #[error("cannot start: {0}")]
    Start(io::Error),
}

/// Records until the time is over, or until SIGINT or SIGTERM; 0 if all went well, 1 if the file cannot be written, 2 if it
/// is there already, 78 if the configuration is wrong.
#[must_use]
pub fn run(args: &RecordArgs) -> ExitCode {
    match record(args) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads our output may stop reading it.
        Err(Failure::Output(_, error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(match failure {
                Failure::Config(_) | Failure::Mqtt(_) => exit::CONFIG,
                Failure::Exists(_) => exit::USAGE,
                Failure::Output(..) => exit::FAILED,
                Failure::Start(_) => exit::TEMPORARY,
            })
        }
    }
}

fn plan(args: &RecordArgs) -> Result<Plan, Problems> {
    if let Some(config) = &args.config {
        return check::load(config);
    }
    let mut environment: Vec<_> = check::environment().collect();
    if args.insecure {
        environment.push(("BROOKLET_MQTT__INSECURE".to_owned(), "true".to_owned()));
    }
    check::zero_config_with(args.broker.as_deref(), &args.topic, environment)
}

fn record(args: &RecordArgs) -> Result<(), Failure> {
    let plan = plan(args)?;
    let client_id = format!("brooklet-record-{}-{:x}", std::process::id(), Timestamp::now().0);
    let options = Options::new(&plan.broker, client_id, false, None)?;
    let (name, out) = output(args.out.as_deref())?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Start)?;
    let mut recorder = Recorder::new(out, plan.gateway.max_channels);
    let start = Instant::now();
    let written = runtime.block_on(listen(args, &plan, options, &mut recorder));
    let summary = recorder.summary(start.elapsed(), &name);
    // Standard output holds the recording, unless that went to a file.
    if args.json && args.out.is_some() {
        let _ = writeln!(io::stdout(), "{}", summary.json());
    } else if args.json {
        eprintln!("{}", summary.json());
    } else {
        eprint!("{}", summary.text());
    }
    written.map_err(|error| Failure::Output(name, error))
}

fn output(path: Option<&Path>) -> Result<(String, Box<dyn Write>), Failure> {
    let Some(path) = path else { return Ok(("standard output".to_owned(), Box::new(io::stdout()))) };
    let name = path.display().to_string();
    match File::create_new(path) {
        Ok(file) => Ok((name, Box::new(BufWriter::new(file)))),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Failure::Exists(path.to_owned())),
        Err(error) => Err(Failure::Output(name, error)),
    }
}

/// Takes messages from the broker and writes them, until the time is over or somebody says so.
async fn listen(args: &RecordArgs, plan: &Plan, options: Options, recorder: &mut Recorder) -> io::Result<()> {
    let (queue, mut jobs) = mpsc::channel(QUEUE);
    let (stop, stopping) = watch::channel(false);
    let filters = plan.streams.iter().map(|stream| (stream.topic.filter().to_owned(), 1));
    let (streams, queues) = (Stream::all(plan), Queues::new(vec![queue]));
    let most = plan.gateway.max_channels;
    let ledger = recorder.ledger.clone();
    let source = MqttSource {
        options,
        filters: without_covered(filters),
        router: Router::new(streams, queues, NO_COMMANDS.to_owned(), most, ledger.clone()),
        ledger,
        stop: stopping,
    };
    let bar = if args.quiet || !io::stderr().is_terminal() {
        ProgressBar::hidden()
    } else {
        ProgressBar::new_spinner()
    };
    let write = async {
        let over = async {
            let end = async {
                match args.duration {
                    Some(seconds) => tokio::time::sleep(Duration::from_secs_f64(seconds)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = end => {}
                _ = shutdown() => {}
            }
        };
        tokio::pin!(over);
        let mut flush = tokio::time::interval(FLUSH);
        let mut stopped = false;
        let mut written = Ok(());
        loop {
            tokio::select! {
                () = &mut over, if !stopped => {
                    stopped = true;
                    stop.send_replace(true);
                }
                _ = flush.tick() => {
                    written = written.and(recorder.out.flush());
                    bar.set_message(recorder.progress());
                    bar.tick();
                }
                job = jobs.recv() => match job {
                    // The source is done, and its queue is empty.
                    None => break,
                    Some(job) => {
                        if let (Ok(()), Job::Message(message, route)) = (&written, &job) {
                            written = recorder.message(&message.payload, message.received, &message.topic, route);
                        }
                        job.into_ack().into_iter().for_each(crate::source::mqtt::Ack::done);
                    }
                },
            }
            if written.is_err() && !stopped {
                stopped = true;
                stop.send_replace(true);
            }
        }
        bar.finish_and_clear();
        written.and(recorder.out.flush())
    };
    let ((), written) = tokio::join!(source.run(), write);
    written
}

/// Writes lines and counts what became of everything.
struct Recorder {
    out: Box<dyn Write>,
    ledger: Arc<Ledger>,
    readings: Readings,
    /// What a line says when it is read again.
    again: Readings,
    line: Vec<u8>,
    /// The channels on the line.
    on_line: Vec<(String, f32)>,
    devices: HashSet<String>,
    channels: HashSet<String>,
    /// Names that are told apart at most; beyond them they are written, but not counted.
    most: usize,
    /// Readings written.
    written: u64,
    /// Readings of frames or payloads that no line can hold, such as a channel that is called like a time.
    unwritable: u64,
    lines: u64,
    bytes: u64,
}

impl Recorder {
    fn new(out: Box<dyn Write>, most: usize) -> Self {
        Self {
            out,
            ledger: Arc::default(),
            readings: Readings::new(),
            again: Readings::new(),
            line: Vec::new(),
            on_line: Vec::new(),
            devices: HashSet::new(),
            channels: HashSet::new(),
            most,
            written: 0,
            unwritable: 0,
            lines: 0,
            bytes: 0,
        }
    }

    /// Decodes a message as the agent does and writes its readings.
    fn message(&mut self, payload: &[u8], received: Timestamp, topic: &str, route: &Route) -> io::Result<()> {
        // Taken out so that it can be read while lines are written.
        let mut readings = std::mem::take(&mut self.readings);
        let decoder = &route.stream.plan.decoder;
        let decoded = match decoder.frame(payload) {
            Some(Ok((_, told))) => {
                readings.clear();
                match told {
                    Message::Reading(_) | Message::Judged(_) | Message::Summary(_) => {
                        decode::device::readings(&told, &mut readings)
                    }
                    // Talk between a device and its gateway.
                    _ => Ok(()),
                }
            }
            Some(Err(refusal)) => Err(refusal),
            None => decoder.decode(payload, &mut readings),
        };
        let written = match decoded {
            Ok(()) => {
                self.ledger.decoded(topic, payload, &readings);
                self.write(readings.iter(), received, route)
            }
            Err(refusal) => {
                self.ledger.refuse_message(topic, payload, &refusal);
                Ok(())
            }
        };
        self.readings = readings;
        written
    }

    /// One line a device and time: readings that belong together stay together.
    fn write<'a>(
        &mut self,
        readings: impl Iterator<Item = Reading<'a>>,
        received: Timestamp,
        route: &Route,
    ) -> io::Result<()> {
        let mut last: Option<(&str, Timestamp)> = None;
        for reading in readings {
            let (device, channel) = if reading.channel.is_empty() {
                (&*route.bare_device.0, &*route.bare_channel)
            } else {
                (&*route.device.0, reading.channel)
            };
            let time = reading.time.unwrap_or(received);
            let twice = self.on_line.iter().any(|(known, _)| known == channel);
            if let Some((device, time)) = last.filter(|&last| twice || last != (device, time)) {
                self.end_line(device, time)?;
            }
            last = Some((device, time));
            self.on_line.push((channel.to_owned(), reading.value));
        }
        last.map_or(Ok(()), |(device, time)| self.end_line(device, time))
    }

    fn end_line(&mut self, device: &str, time: Timestamp) -> io::Result<()> {
        let mut on_line = std::mem::take(&mut self.on_line);
        self.line.clear();
        write!(self.line, "{{\"ts\":\"{time}\",\"{DEVICE}\":{}", json!(device))?;
        for (channel, value) in &on_line {
            write!(self.line, ",{}:", json!(channel))?;
            serde_json::to_writer(&mut self.line, value)?;
        }
        self.line.extend_from_slice(b"}\n");
        let count = on_line.len() as u64;
        if self.reads_as(&on_line, time) {
            for (channel, _) in &on_line {
                if self.channels.len() < self.most {
                    self.channels.insert(format!("{device}\0{channel}"));
                }
            }
            if self.devices.len() < self.most && !self.devices.contains(device) {
                self.devices.insert(device.to_owned());
            }
            self.written += count;
            self.lines += 1;
            self.bytes += self.line.len() as u64;
            self.out.write_all(&self.line)?;
        } else {
            self.unwritable += count;
        }
        on_line.clear();
        self.on_line = on_line;
        Ok(())
    }

    /// Whether replaying the line gives these readings.
    fn reads_as(&mut self, on_line: &[(String, f32)], time: Timestamp) -> bool {
        if Decoder::Auto.decode(&self.line, &mut self.again).is_err() {
            return false;
        }
        let mut again = self.again.iter().filter(|reading| reading.channel != DEVICE);
        let same = on_line.iter().all(|(channel, value)| {
            again.next().is_some_and(|reading| {
                reading.channel == channel && reading.value == *value && reading.time == Some(time)
            })
        });
        same && again.next().is_none()
    }

    fn progress(&self) -> String {
        format!("{} readings of {} devices", grouped(self.written), self.devices.len())
    }

    fn summary(&self, took: Duration, file: &str) -> Summary {
        let totals = self.ledger.totals();
        let count = |count: Count| self.ledger.get(count);
        Summary {
            file: file.to_owned(),
            seconds: took.as_secs_f64(),
            readings: self.written,
            devices: self.devices.len(),
            channels: self.channels.len(),
            lines: self.lines,
            bytes: self.bytes,
            messages: count(Count::Messages),
            retained: count(Count::Retained),
            own: count(Count::Own),
            not_finite: count(Count::NonFinite),
            unwritable: self.unwritable,
            refused: totals.refused.iter().map(|(reason, times)| (reason.to_string(), *times)).collect(),
        }
    }
}

/// What was recorded.
#[derive(Debug, serde::Serialize)]
struct Summary {
    file: String,
    seconds: f64,
    readings: u64,
    devices: usize,
    channels: usize,
    lines: u64,
    bytes: u64,
    messages: u64,
    /// Messages that the broker had kept: not new.
    retained: u64,
    /// Brooklet's own.
    own: u64,
    not_finite: u64,
    unwritable: u64,
    /// Messages that are not understood, by reason.
    refused: BTreeMap<String, u64>,
}

impl Summary {
    fn json(&self) -> serde_json::Value {
        json!(self)
    }

    fn text(&self) -> String {
        let Self { file, seconds, devices, channels, .. } = self;
        let [readings, lines, bytes, messages] =
            [self.readings, self.lines, self.bytes, self.messages].map(grouped);
        let mut text = format!(
            "recorded {readings} readings of {devices} devices ({channels} channels) in {seconds:.0} s\n\
             {file}: {lines} lines, {bytes} bytes\nmessages: {messages}"
        );
        let passed_over = [(self.retained, "retained"), (self.own, "Brooklet's own")];
        let passed_over = passed_over.into_iter().map(|(count, what)| (count, what.to_owned()));
        let refused = self.refused.iter().map(|(reason, times)| (*times, format!("refused as {reason}")));
        let left_out: Vec<String> = passed_over
            .chain(refused)
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", grouped(count)))
            .collect();
        if !left_out.is_empty() {
            text += &format!("; not recorded: {}", left_out.join(", "));
        }
        for (count, what) in
            [(self.not_finite, "not finite"), (self.unwritable, "with names that a line cannot hold")]
        {
            if count > 0 {
                text += &format!("\nreadings left out: {} {what}", grouped(count));
            }
        }
        text + "\n"
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn recorded(payloads: &[(&str, &str)]) -> (Vec<String>, Summary) {
        let plan = check::zero_config_with(Some("mqtt://localhost"), &["s/#".to_owned()], []).unwrap();
        let memory = Memory::default();
        let mut recorder = Recorder::new(Box::new(memory.clone()), 10);
        for (topic, payload) in payloads {
            let route = Route::of(&Stream::all(&plan), topic).unwrap();
            recorder.message(payload.as_bytes(), Timestamp(1_795_237_683_500), topic, &route).unwrap();
        }
        let bytes = memory.0.lock().unwrap().clone();
        let summary = recorder.summary(Duration::from_secs(60), "x.jsonl");
        assert_eq!(summary.bytes, bytes.len() as u64);
        (String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect(), summary)
    }

    #[test]
    fn every_shape_of_payload_becomes_lines() {
        let (lines, summary) = recorded(&[
            ("s/pump-1/temperature", "21.5"),
            ("s/hall/fan", r#"{"ts":1795237683,"vib":{"rms":0.1},"on":true}"#),
            ("s/meter", r#"[{"ts":1795237683,"p":1e30},{"ts":1795237684,"p":-0.125}]"#),
            ("s/x", "{\"a\":"),
            ("s/x", "{\"a\":1e99,\"b\":1}"),
        ]);
        assert_eq!(lines[0], r#"{"ts":"2026-11-21T05:08:03.5Z","device":"pump-1","temperature":21.5}"#);
        assert_eq!(lines[1], r#"{"ts":"2026-11-21T05:08:03Z","device":"hall/fan","vib.rms":0.1,"on":1.0}"#);
        assert_eq!(lines[2], r#"{"ts":"2026-11-21T05:08:03Z","device":"meter","p":1e+30}"#);
        assert_eq!(lines[3], r#"{"ts":"2026-11-21T05:08:04Z","device":"meter","p":-0.125}"#);
        assert_eq!((lines.len(), summary.readings, summary.devices, summary.channels), (5, 6, 4, 5));
        assert_eq!((summary.not_finite, summary.refused.values().sum::<u64>()), (1, 1));
        let text = summary.text();
        assert!(
            text.starts_with("recorded 6 readings of 4 devices (5 channels) in 60 s\nx.jsonl: 5 lines, "),
            "{text}"
        );
    }

    #[test]
    fn what_a_line_cannot_hold_is_counted() {
        // A plain number on a topic that is called like a time would be one.
        let (lines, summary) = recorded(&[("s/pump/ts", "5"), ("s/pump/device", "6"), ("s/on", "7")]);
        assert_eq!((lines.len(), summary.readings + summary.unwritable), (1, 3), "{lines:?}");
        assert!(summary.text().contains("readings left out: 2 with names"), "{}", summary.text());
    }

    #[test]
    fn names_are_escaped() {
        let (lines, _) = recorded(&[("s/a\"b/t", "1")]);
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["device"], "a\"b");
    }
}
