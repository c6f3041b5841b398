//! Makes the channels, spawns the threads, drains them: the only file that does.
//!
//! ```text
//! source ┐                                    ┌> outbox ──> sink ──> broker
//!        ├─jobs──> worker 0..n ──batches──> commit ──frames──> line's writer
//! line's ┘             │                      ^
//! reader               └──chunks──> checkpoints
//! ```
//! Forward only, every channel bounded. To stop, only the sources are told; the rest ends as its input closes.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;
use tracing::{debug, error, info};

use crate::check::Plan;
use crate::clock::Clock;
use crate::commit::{Batch, Committer};
use crate::health::Health;
use crate::ledger::Ledger;
use crate::mqtt::{MqttError, Options, Will};
use crate::reading::Timestamp;
use crate::recovery::State;
use crate::router::{Job, Queues, Router, Stream};
use crate::sink::Topics;
use crate::sink::mqtt::{MqttSink, OFFLINE};
use crate::sink::outbox::Outbox;
use crate::source::mqtt::MqttSource;
use crate::source::serial::SerialSource;
use crate::source::subscription::without_covered;
use crate::status::StatusServer;
use crate::store::{Call, Checkpoints, Chunk, Store};
use crate::supervise::Pulses;
use crate::worker::Worker;

/// Messages on their way to one worker.
const JOBS: usize = 4096;
/// Messages that a worker takes at once.
const BATCH: usize = 256;
/// Batches on their way to the commit.
const BATCHES: usize = 32;
/// Chunks of channels on their way to the checkpoint, and channels in one.
const CHUNKS: usize = 2;
const CHUNK: usize = 32;
/// Frames on their way down to one device: as many as its longest wish for pieces.
const DOWN: usize = 64;
/// Between two looks at what waits for an answer.
const TICK: Duration = Duration::from_millis(250);
/// Between two looks at whether a checkpoint is wanted before its time.
const LOOK: Duration = Duration::from_secs(1);
/// How long the last commit waits for the sink's end.
const LAST_COMMIT: Duration = Duration::from_secs(3);
/// The last commit took so long that there should be no other.
const SLOW: Duration = Duration::from_secs(1);
/// How long stopping may take in all.
const DEADLINE: Duration = Duration::from_millis(4800);

/// Why the agent did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The connection cannot even be tried.
    #[error(transparent)]
    Mqtt(#[from] MqttError),
    /// What an earlier run left cannot be taken up.
    #[error("cannot take up what was learnt before: {0}; the state folder is left as it is")]
    State(std::io::Error),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    stop: watch::Sender<bool>,
    threads: Vec<(String, JoinHandle<()>)>,
    pulses: Pulses,
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
        let clock = Arc::new(Clock::new(plan.gateway.clock, ledger.clone()));
        let topics = Topics::new(&plan.gateway.name);
        let broker = &plan.broker;
        let will = Will { topic: topics.status(), payload: OFFLINE };
        let ingress = Options::new(broker, broker.client_id.clone(), broker.persistent, None)?;
        let egress = Options::new(broker, format!("{}-out", broker.client_id), false, Some(will))?;
        let streams = Stream::all(&plan);

        let (stop, stopping) = watch::channel(false);
        let (batches_to, batches) = mpsc::channel(BATCHES);
        let (chunks_to, chunks) = mpsc::channel(CHUNKS);
        let (queues, jobs): (Vec<_>, Vec<_>) = (0..plan.gateway.workers).map(|_| mpsc::channel(JOBS)).unzip();
        let queues = Queues::new(queues);
        let (lines, down): (Vec<_>, Vec<_>) = plan.serials.iter().map(|_| mpsc::channel(DOWN)).unzip();
        let mut threads = Threads::new(plan.gateway.workers + plan.serials.len() + 5);
        let (commands, any_command) = (topics.commands(), format!("{}+/+", topics.commands()));

        let asked_at = store.as_ref().map(|_| plan.gateway.state_dir.clone());
        let State { outbox, vitals, committer, checkpoints, restored } =
            State::take_up(&plan, store, &topics, lines, &ledger).map_err(StartError::State)?;
        let (calls_to, calls) =
            watch::channel(checkpoints.as_ref().map(Checkpoints::call).unwrap_or_default());
        let (told, spent) = (clock.clone(), ledger.clone());
        let health = Health::new(&plan.gateway.name, ledger.clone())
            .with("state", move || vitals.report())
            .with("clock", move || told.report())
            .with("alert_budget", move || spent.budgets.report(Timestamp::now()));
        let health = Arc::new(health);
        let sink = MqttSink {
            options: egress,
            topics,
            outbox: outbox.clone(),
            ledger: ledger.clone(),
            health: health.clone(),
            health_every: plan.gateway.health,
            longest: broker.max_packet_bytes,
        };
        threads.spawn("sink".to_owned(), sink.run())?;
        if let Some(folder) = asked_at {
            let status = StatusServer { folder, health, stop: stopping.clone() };
            threads.spawn("status".to_owned(), status.run())?;
        }
        threads.spawn("commit".to_owned(), commit(committer, batches, outbox, stopping.clone()))?;
        let (rotate, workers, every) = (batches_to.clone(), plan.gateway.workers, plan.gateway.checkpoint);
        let keep = keep(checkpoints, chunks, rotate, calls_to, workers, every);
        threads.spawn("checkpoints".to_owned(), keep)?;
        for (n, jobs) in jobs.into_iter().enumerate() {
            let worker = Worker::new(plan.clone(), ledger.clone(), clock.clone(), restored.clone());
            let (batches, chunks, calls) = (batches_to.clone(), chunks_to.clone(), calls.clone());
            threads.spawn(format!("worker {n}"), work(worker, jobs, batches, chunks, calls))?;
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
            threads.spawn(format!("line {}", serial.name), source.run())?;
        }
        let filters = plan.streams.iter().map(|s| (s.topic.filter().to_owned(), s.qos));
        let source = MqttSource {
            options: ingress,
            filters: without_covered(filters.chain([(any_command, 1)])),
            router: Router::new(streams, queues, commands, plan.gateway.max_channels, ledger.clone()),
            ledger: ledger.clone(),
            stop: stopping,
        };
        threads.spawn("source".to_owned(), source.run())?;
        let Threads { handles, pulses, ended, .. } = threads;
        Ok(Self { stop, threads: handles, pulses, ended, ledger })
    }

    /// What was counted so far.
    #[must_use]
    pub fn ledger(&self) -> Arc<Ledger> {
        self.ledger.clone()
    }

    /// The pulses of all threads.
    #[must_use]
    pub fn pulses(&self) -> Pulses {
        self.pulses.clone()
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
    pulses: Pulses,
    ended: mpsc::Receiver<String>,
    // Dropped with this struct's temporary use: afterwards only the threads hold senders.
    ending: mpsc::Sender<String>,
}

impl Threads {
    fn new(most: usize) -> Self {
        let (ending, ended) = mpsc::channel(most);
        Self { handles: Vec::new(), pulses: Pulses::new(), ended, ending }
    }

    /// A thread with a runtime of its own, which runs `body` and shows its pulse.
    fn spawn(
        &mut self,
        name: String,
        body: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let ending = Ending(name.clone(), self.ending.clone());
        let pulse = self.pulses.add(&name);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let run = move || {
            let _ending = ending;
            runtime.block_on(async {
                tokio::select! {
                    () = body => {}
                    () = pulse.beat_on() => {}
                }
            });
        };
        self.handles.push((name.clone(), thread::Builder::new().name(name).spawn(run)?));
        Ok(())
    }
}

/// What the commit is asked for.
enum Request {
    Commit(Batch),
    /// Begin a new segment of the journal, and tell its number.
    Rotate(oneshot::Sender<u64>),
}

/// A worker's loop: messages in batches, what came of them to the commit; between them its share of a checkpoint.
async fn work(
    mut worker: Worker,
    mut jobs: mpsc::Receiver<Job>,
    batches: mpsc::Sender<Request>,
    chunks: mpsc::Sender<Chunk>,
    mut calls: watch::Receiver<Call>,
) {
    let mut taken = Vec::with_capacity(BATCH);
    let mut findings = Vec::new();
    let mut moment = tokio::time::interval(TICK);
    moment.set_missed_tick_behavior(MissedTickBehavior::Delay);
    worker.begin_round(*calls.borrow_and_update());
    let mut is_saving = false;
    loop {
        worker.observe(jobs.len() as f32 / JOBS as f32, Instant::now());
        tokio::select! {
            count = jobs.recv_many(&mut taken, BATCH) => if count == 0 { break },
            Ok(()) = calls.changed() => {
                worker.begin_round(*calls.borrow_and_update());
                is_saving = true;
            }
            Ok(permit) = chunks.reserve(), if is_saving => {
                let records = worker.next_records(CHUNK);
                is_saving = !records.is_empty();
                permit.send(if is_saving { Chunk::Records(records) } else { Chunk::Done });
            }
            _ = moment.tick(), if worker.is_waiting() || worker.is_degraded() => worker.tick(Timestamp::now(), &mut findings),
        }
        let mut jobs_left = taken.drain(..).peekable();
        let mut acks = Vec::new();
        loop {
            if let Some(job) = jobs_left.next() {
                worker.handle(&job, &mut findings);
                acks.extend(job.into_ack());
            }
            // One message may have thousands of readings.
            if jobs_left.peek().is_some() && !worker.has_many_entries() {
                continue;
            }
            let batch = Batch {
                entries: worker.take_entries(),
                records: worker.told(&findings),
                findings: std::mem::take(&mut findings),
                acks: std::mem::take(&mut acks),
            };
            if !batch.is_empty() {
                // The commit lives as long as workers do.
                let _ = batches.send(Request::Commit(batch)).await;
            }
            if jobs_left.peek().is_none() {
                break;
            }
            // This thread shows its pulse between batches only.
            tokio::task::yield_now().await;
        }
        drop(jobs_left);
        if worker.has_suspended() {
            // What they did before must be on disk.
            let (answer, done) = oneshot::channel();
            if batches.send(Request::Rotate(answer)).await.is_ok() {
                let _ = done.await;
            }
            worker.resume(&mut findings);
        }
        let refused = worker.take_refused();
        if !refused.is_empty() {
            let _ = chunks.send(Chunk::Refused(refused)).await;
        }
    }
    worker.begin_last_round(*calls.borrow());
    loop {
        let records = worker.next_records(CHUNK);
        if records.is_empty() {
            return;
        }
        let _ = chunks.send(Chunk::Records(records)).await;
    }
}

/// The loop of the commit.
async fn commit(
    mut committer: Committer,
    mut requests: mpsc::Receiver<Request>,
    outbox: Arc<Outbox>,
    mut stop: watch::Receiver<bool>,
) {
    let mut stops = false;
    loop {
        let due = committer.due();
        let until_due = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        let mut next = tokio::select! {
            request = requests.recv() => match request {
                Some(request) => Some(request),
                None => break,
            },
            () = until_due => None,
            _ = stop.wait_for(|stop| *stop), if !stops => {
                stops = true;
                committer.hurry();
                None
            }
        };
        while let Some(request) = next {
            match request {
                Request::Commit(batch) => committer.take(batch, Instant::now()),
                Request::Rotate(answer) => {
                    let _ = answer.send(committer.rotate(Instant::now()));
                }
            }
            next = if committer.is_full() { None } else { requests.try_recv().ok() };
        }
        let now = Instant::now();
        if committer.due().is_some_and(|due| due <= now) {
            committer.commit(now);
        }
    }
    let began = Instant::now();
    committer.finish(began);
    let ended = tokio::time::timeout(LAST_COMMIT, outbox.ended.notified()).await.is_ok();
    // On a disk this slow what is left on it is sent once more by the next run, under the same id.
    if ended && began.elapsed() < SLOW {
        committer.clean_up(Instant::now());
    }
}

/// The loop of the checkpoints. A disk that is full or broken does not stop the learning: what could not be written goes
/// with the next round.
async fn keep(
    checkpoints: Option<Checkpoints>,
    mut chunks: mpsc::Receiver<Chunk>,
    rotate: mpsc::Sender<Request>,
    calls: watch::Sender<Call>,
    workers: usize,
    every: Duration,
) {
    let Some(mut checkpoints) = checkpoints else {
        while chunks.recv().await.is_some() {}
        return;
    };
    // Held, it would keep the commit from ending.
    let rotate = rotate.downgrade();
    let mut next = Instant::now() + every;
    // How many workers still have something for the round.
    let mut missing = 0;
    loop {
        tokio::select! {
            chunk = chunks.recv() => match chunk {
                None => break,
                Some(Chunk::Records(records)) => {
                    if missing == 0 {
                        // The workers are stopping.
                        checkpoints.begin_last();
                    }
                    checkpoints.save(&records);
                }
                Some(Chunk::Refused(refused)) => checkpoints.set_aside(refused),
                Some(Chunk::Done) => {
                    missing -= 1;
                    if missing == 0 {
                        next = Instant::now() + checkpoints.finish();
                    }
                }
            },
            () = tokio::time::sleep_until((Instant::now() + LOOK).min(next).into()), if missing == 0 => {
                if next > Instant::now() && !checkpoints.is_wanted() {
                    continue;
                }
                let (answer, segment) = oneshot::channel();
                let Some(rotate) = rotate.upgrade() else { continue };
                if rotate.send(Request::Rotate(answer)).await.is_err() {
                    continue;
                }
                drop(rotate);
                let Ok(segment) = segment.await else { continue };
                checkpoints.begin(segment);
                let _ = calls.send(checkpoints.call());
                missing = workers;
                debug!(segment, "a checkpoint begins");
            }
        }
    }
    checkpoints.finish();
}
