//! Makes the channels, spawns the threads, drains them: the only file that does.
//!
//! ```text
//! source ┐                                   ┌> broker
//!        ├─jobs──> worker 0..n ──findings──> sink ──frames──> line's writer
//! line's ┘             └────────records────> store
//! reader
//! ```
//! Forward only, every channel bounded. To stop, only the sources are told; the rest ends as its input closes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tracing::{error, info};

use crate::check::Plan;
use crate::ledger::Ledger;
use crate::mqtt::{MqttError, Options, Will};
use crate::router::{Job, Queues, Router, Stream};
use crate::sink::Topics;
use crate::sink::mqtt::{MqttSink, OFFLINE};
use crate::source::mqtt::MqttSource;
use crate::source::serial::SerialSource;
use crate::store::{Record, Restored, Store};
use crate::worker::{Finding, Worker};

/// Messages on their way to one worker.
const JOBS: usize = 4096;
/// Messages that a worker takes at once.
const BATCH: usize = 256;
/// Findings on their way to the sink.
const FINDINGS: usize = 1024;
/// Frames on their way down to one device: as many as its longest wish for pieces.
const DOWN: usize = 64;
/// Between two looks at what waits for an answer.
const TICK: Duration = Duration::from_millis(250);
/// How long stopping may take in all.
const DEADLINE: Duration = Duration::from_millis(4800);

/// Why the agent did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The connection cannot even be tried.
    #[error(transparent)]
    Mqtt(#[from] MqttError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    stop: watch::Sender<bool>,
    threads: Vec<(String, JoinHandle<()>)>,
    ended: mpsc::Receiver<String>,
    ledger: Arc<Ledger>,
}

/// Reports its thread's end, also when the thread panics.
struct Ending(String, mpsc::Sender<String>);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.1.try_send(std::mem::take(&mut self.0));
    }
}

impl Agent {
    /// Starts all threads. State is kept in `store`, if there is one.
    ///
    /// # Errors
    /// Certificates that cannot be read, or no threads to be had. That the broker is away is not an error.
    pub fn start(plan: Plan, store: Option<Store>) -> Result<Self, StartError> {
        let plan = Arc::new(plan);
        let ledger = Arc::new(Ledger::default());
        let topics = Topics::new(&plan.gateway.name);
        let broker = &plan.broker;
        let will = Will { topic: topics.status(), payload: OFFLINE };
        let ingress = Options::new(broker, broker.client_id.clone(), broker.persistent, None)?;
        let egress = Options::new(broker, format!("{}-out", broker.client_id), false, Some(will))?;
        let streams = Stream::all(&plan);

        let (stop, stopping) = watch::channel(false);
        let (findings_to, findings) = mpsc::channel(FINDINGS);
        let (records_to, records) = mpsc::channel(plan.gateway.workers);
        let (queues, jobs): (Vec<_>, Vec<_>) = (0..plan.gateway.workers).map(|_| mpsc::channel(JOBS)).unzip();
        let queues = Queues::new(queues);
        let (lines, down): (Vec<_>, Vec<_>) = plan.serials.iter().map(|_| mpsc::channel(DOWN)).unzip();
        let mut threads = Threads::new(plan.gateway.workers + plan.serials.len() + 3);
        let (commands, any_command) = (topics.commands(), format!("{}+/+", topics.commands()));

        let sink = MqttSink {
            options: egress,
            topics,
            findings,
            ledger: ledger.clone(),
            health_every: plan.gateway.health,
            longest: broker.max_packet_bytes,
            events: plan.publish.events,
            lines,
        };
        let runtime = runtime()?;
        threads.spawn("sink".to_owned(), move || runtime.block_on(sink.run()))?;
        let keeper = store.clone();
        threads.spawn("store".to_owned(), move || keep(keeper.as_ref(), records))?;
        let restored = Arc::new(Restored::new(store));
        for (n, jobs) in jobs.into_iter().enumerate() {
            let worker = Worker::new(plan.clone(), ledger.clone(), restored.clone());
            let (findings, records, every) =
                (findings_to.clone(), records_to.clone(), plan.gateway.checkpoint);
            let runtime = self::runtime()?;
            threads.spawn(format!("worker {n}"), move || {
                runtime.block_on(work(worker, jobs, findings, records, every));
            })?;
        }
        for (line, (serial, down)) in plan.serials.iter().zip(down).enumerate() {
            let source = SerialSource {
                line,
                plan: serial.clone(),
                queues: queues.clone(),
                down,
                ledger: ledger.clone(),
                stop: stopping.clone(),
            };
            let runtime = self::runtime()?;
            threads.spawn(format!("line {}", serial.name), move || runtime.block_on(source.run()))?;
        }
        let filters = plan.streams.iter().map(|s| (s.topic.filter().to_owned(), s.qos));
        let source = MqttSource {
            options: ingress,
            filters: filters.chain([(any_command, 1)]).collect(),
            router: Router::new(streams, queues, commands, plan.gateway.max_channels, ledger.clone()),
            ledger: ledger.clone(),
            stop: stopping,
        };
        let runtime = self::runtime()?;
        threads.spawn("source".to_owned(), move || runtime.block_on(source.run()))?;
        Ok(Self { stop, threads: threads.handles, ended: threads.ended, ledger })
    }

    /// What was counted so far.
    #[must_use]
    pub fn ledger(&self) -> Arc<Ledger> {
        self.ledger.clone()
    }

    /// Waits until a part ends by itself, which none should, and names it.
    pub async fn broken(&mut self) -> String {
        self.ended.recv().await.unwrap_or_default()
    }

    /// Stops: messages taken are learnt, alerts sent, models stored. Blocks for less than five seconds; names the
    /// parts that did not end in time.
    ///
    /// # Errors
    /// The names of those parts.
    pub async fn stop(mut self) -> Result<(), Vec<String>> {
        let _ = self.stop.send(true);
        let all = async { while self.ended.recv().await.is_some() {} };
        // `recv` gives `None` once every thread has dropped its sender: all have ended.
        let in_time = tokio::time::timeout(DEADLINE, all).await.is_ok();
        if in_time {
            // The last word about what came in: the status topic ends with a plain `offline`.
            let totals = serde_json::to_string(&self.ledger.totals()).unwrap_or_default();
            info!(%totals, "stopped");
            return Ok(());
        }
        let late: Vec<_> =
            self.threads.into_iter().filter(|(_, t)| !t.is_finished()).map(|(name, _)| name).collect();
        error!(?late, "not all parts stopped in time");
        Err(late)
    }
}

/// Threads to be, and where they report their end.
struct Threads {
    handles: Vec<(String, JoinHandle<()>)>,
    ended: mpsc::Receiver<String>,
    // Dropped with this struct's temporary use: afterwards only the threads hold senders.
    ending: mpsc::Sender<String>,
}

impl Threads {
    fn new(most: usize) -> Self {
        let (ending, ended) = mpsc::channel(most);
        Self { handles: Vec::new(), ended, ending }
    }

    fn spawn(&mut self, name: String, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let ending = Ending(name.clone(), self.ending.clone());
        let run = move || {
            let _ending = ending;
            body();
        };
        self.handles.push((name.clone(), thread::Builder::new().name(name).spawn(run)?));
        Ok(())
    }
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// A worker's loop: messages in batches, findings on, acknowledgement last.
async fn work(
    mut worker: Worker,
    mut jobs: mpsc::Receiver<Job>,
    findings_to: mpsc::Sender<Finding>,
    records_to: mpsc::Sender<Vec<Record>>,
    checkpoint: Duration,
) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut findings = Vec::new();
    let mut tick = tokio::time::interval(checkpoint);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.reset();
    let mut moment = tokio::time::interval(TICK);
    moment.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            taken = jobs.recv_many(&mut batch, BATCH) => if taken == 0 { break },
            _ = tick.tick() => {
                let _ = records_to.send(worker.changed()).await;
            }
            _ = moment.tick(), if worker.has_links() => {
                worker.tick(&mut findings);
                for finding in findings.drain(..) {
                    let _ = findings_to.send(finding).await;
                }
            }
        }
        for job in batch.drain(..) {
            worker.handle(&job, &mut findings);
            let told = worker.told(&findings);
            if !told.is_empty() {
                let _ = records_to.send(told).await;
            }
            for finding in findings.drain(..) {
                // The sink drains as long as workers live.
                let _ = findings_to.send(finding).await;
            }
            job.done();
        }
    }
    let _ = records_to.send(worker.changed()).await;
}

/// The store's loop. A disk that is full or broken does not stop the learning: what could not be written goes with the
/// next batch.
fn keep(store: Option<&Store>, mut records: mpsc::Receiver<Vec<Record>>) {
    let mut pending = BTreeMap::new();
    while let Some(records) = records.blocking_recv() {
        let Some(store) = store else { continue };
        pending.extend(
            records.into_iter().map(|record| ((record.device.clone(), record.channel.clone()), record)),
        );
        if pending.is_empty() {
            continue;
        }
        match store.save(pending.values()) {
            Ok(()) => {
                info!(channels = pending.len(), "checkpoint");
                pending.clear();
            }
            Err(error) => error!("checkpoint not written, the next one will try again: {error}"),
        }
    }
}
