//! The demo's run: broker, agent, a client that plays the works, a client that listens to the alerts.

use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::sync::mpsc;

use super::judge::Report;
use super::view::{AlertLine, Progress, View, ViewKind, human_duration};
use crate::alert::{Alert, State};
use crate::cli::run::shutdown;
use crate::decode::{Decoder, Readings};
use crate::ledger::{Count, Ledger};
use crate::mqtt::{Client, Connection, Event, Options};
use crate::reading::Timestamp;
use crate::sink::mqtt::OFFLINE;
use crate::source::simulate::{Plant, Row};

/// A Monday, so that the same seed gives the same weeks whenever it is run.
const START: Timestamp = Timestamp(1_736_121_600_000); // 2025-01-06T00:00:00Z
const GATEWAY: &str = "demo";
/// Pictures a second.
const FRAMES: f64 = 10.0;
/// How long anything may take that should take no time.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) type Problem = Box<dyn std::error::Error>;

/// What to play.
pub(super) struct Show<F> {
    pub(super) seed: u64,
    pub(super) days: f64,
    pub(super) duration: Duration,
    pub(super) kind: ViewKind,
    /// Called with each change of an alert.
    pub(super) on_alert: F,
}

/// What the listening client hears.
enum Heard {
    Alert(Box<Alert>),
    Score(Box<crate::worker::Score>),
    /// The agent said its last word.
    Offline,
}

impl<F: Fn(&Alert)> Show<F> {
    /// Plays it all; `None` if it was interrupted.
    pub(super) fn play(self) -> Result<Option<Report>, Problem> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            tokio::select! {
                report = self.run() => report.map(Some),
                signal = shutdown() => signal.map(|()| None).map_err(Problem::from),
            }
        })
    }

    async fn run(self) -> Result<Report, Problem> {
        let broker = crate::broker::EmbeddedBroker::start()?;
        let url = format!("mqtt://127.0.0.1:{}", broker.port());
        // Nothing of the user's own settings: a demo is the same everywhere.
        let mut settings = vec![("BROOKLET_GATEWAY__NAME", GATEWAY), ("BROOKLET_GATEWAY__WORKERS", "1")];
        if matches!(self.kind, ViewKind::Live) {
            settings.extend([
                ("BROOKLET_PUBLISH__SCORES", "true"),
                ("BROOKLET_PUBLISH__SCORES_EVERY_SECONDS", "1800"),
            ]);
        }
        let settings = settings.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        let mut plan = crate::check::zero_config_with(Some(&url), &["sensors/#".to_owned()], settings)?;
        // The works lives in its own time, whatever this machine's clock says.
        plan.gateway.max_future = Duration::from_secs(u64::from(u32::MAX) * 100);
        plan.gateway.max_past = None;
        // .. and two weeks of it pass in a moment.
        (plan.gateway.device_rate, plan.alert.most_a_minute) = (u32::MAX, usize::MAX);
        plan.gateway.degrade_after = Duration::MAX;
        let connect = |name: &str| Options::new(&plan.broker, name.to_owned(), false, None);
        let (works, works_events) = connect("demo-works")?.connect(1000);
        let (listener, listener_events) = connect("demo-listener")?.connect(10);
        let (heard_to, heard) = mpsc::channel(10_000);
        tokio::spawn(poll(works_events));
        tokio::spawn(listen(listener, listener_events, heard_to));

        let agent = crate::topology::Agent::start(plan, None)?;
        let ledger = agent.ledger();
        until(|| ledger.get(Count::Subscribed) > 0).await?;
        let mut stage = Stage::new(self.kind, heard, &self.on_alert);
        let started = Instant::now();
        let plant = Plant::new(self.seed, START, self.days);
        let faults = plant.faults().to_vec();
        let sent = stage.perform(plant, &works, self.duration).await?;
        until(|| ledger.get(Count::Readings) >= sent && settled(&ledger)).await?;
        let seconds = started.elapsed().as_secs_f64();
        agent.stop().await.map_err(|late| format!("did not stop: {late:?}"))?;
        stage.listen_to_the_end().await?;
        stage.view.finish()?;
        broker.stop();
        Ok(Report {
            faults,
            alerts: stage.alerts,
            totals: ledger.totals(),
            days: self.days,
            channels: Plant::devices().iter().map(|device| device.channels.len()).sum(),
            seed: self.seed,
            seconds,
        })
    }
}

/// Every reading has met its fate.
fn settled(ledger: &Ledger) -> bool {
    ledger.totals().missing().readings == 0
}

async fn until(condition: impl Fn() -> bool) -> Result<(), Problem> {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        if Instant::now() > deadline {
            return Err("the agent did not answer in time".into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Keeps a publishing client going.
async fn poll(mut events: Connection) {
    while events.poll().await.is_ok() {}
}

/// Subscribes to what the agent says, as any user's client would.
async fn listen(client: Client, mut events: Connection, heard: mpsc::Sender<Heard>) {
    let own = crate::sink::Topics::new(GATEWAY).base().to_owned();
    while let Ok(event) = events.poll().await {
        match event {
            Event::Connected { .. } => {
                let filters = ["event/#", "score/#", "status"].map(|kind| (format!("{own}/{kind}"), 1));
                if !client.subscribe(filters.iter()) {
                    return;
                }
            }
            Event::Message(message) => {
                let topic = String::from_utf8_lossy(&message.topic);
                let kind = topic.strip_prefix(&own).and_then(|rest| rest.split('/').nth(1));
                let said = match kind {
                    Some("event") => serde_json::from_slice(&message.payload).ok().map(Heard::Alert),
                    Some("score") => serde_json::from_slice(&message.payload).ok().map(Heard::Score),
                    Some("status") if message.payload == OFFLINE => Some(Heard::Offline),
                    _ => None,
                };
                if let Some(said) = said
                    && heard.send(said).await.is_err()
                {
                    return;
                }
            }
            _ => {}
        }
    }
}

/// The works at one end, the listener at the other, the view between them.
struct Stage<'a, F> {
    view: View,
    heard: mpsc::Receiver<Heard>,
    on_alert: &'a F,
    alerts: Vec<Alert>,
    readings: Readings,
    live: bool,
}

impl<'a, F: Fn(&Alert)> Stage<'a, F> {
    fn new(kind: ViewKind, heard: mpsc::Receiver<Heard>, on_alert: &'a F) -> Self {
        let live = matches!(kind, ViewKind::Live);
        let mut view = View::new(kind);
        view.register(Plant::devices());
        Self { view, heard, on_alert, alerts: Vec::new(), readings: Readings::new(), live }
    }

    /// Publishes all rows, evenly over the duration; returns the number of readings in them.
    async fn perform(&mut self, plant: Plant, works: &Client, duration: Duration) -> Result<u64, Problem> {
        let (first, span) = (plant.start().0, (plant.end().0 - plant.start().0).max(1) as f64);
        let mut rows = plant.peekable();
        let (begin, mut sent) = (Instant::now(), 0);
        let mut frames = tokio::time::interval(Duration::from_secs_f64(1.0 / FRAMES / 2.0));
        while rows.peek().is_some() {
            frames.tick().await;
            let fraction = (begin.elapsed().as_secs_f64() / duration.as_secs_f64()).min(1.0);
            let now = Timestamp(first + (span * fraction) as i64);
            while let Some(row) = rows.next_if(|row| row.time <= now || fraction >= 1.0) {
                sent += self.publish(row, works).await?;
            }
            while let Ok(heard) = self.heard.try_recv() {
                self.hear(heard)?;
            }
            let rate = sent as f64 / begin.elapsed().as_secs_f64().max(0.001);
            self.view.draw(&Progress { time: now, fraction, readings_per_second: rate })?;
        }
        Ok(sent)
    }

    async fn publish(&mut self, row: Row, works: &Client) -> Result<u64, Problem> {
        // The readings are counted, and shown, from the payload itself: as the agent will see them.
        Decoder::Auto.decode(row.payload.as_bytes(), &mut self.readings)?;
        if self.live {
            for reading in self.readings.iter() {
                self.view.reading(row.device, reading.channel, reading.value);
            }
        }
        if !works.send(&row.topic, row.payload.into()).await {
            return Err("the works lost its connection".into());
        }
        Ok(self.readings.len() as u64)
    }

    /// True after the agent's last word.
    fn hear(&mut self, heard: Heard) -> Result<bool, Problem> {
        match heard {
            Heard::Alert(alert) => {
                (self.on_alert)(&alert);
                let resolved = alert.state == State::Resolved;
                let lasted = human_duration(alert.updated_at.0.saturating_sub(alert.started_at.0));
                let over = format!("over after {lasted}");
                self.view.level(&alert.device.0, &alert.channel.0, alert.level, !resolved);
                self.view.alert(&AlertLine {
                    time: alert.updated_at,
                    device: &alert.device.0,
                    channel: &alert.channel.0,
                    sentence: if resolved { &over } else { &alert.because.sentence },
                    severity: alert.severity.name(),
                    resolved,
                })?;
                if !resolved {
                    self.alerts.push(*alert);
                }
            }
            Heard::Score(score) => {
                let (device, channel) = (&*score.device.0, &*score.channel.0);
                if score.ready {
                    self.view.level(device, channel, score.level, score.firing);
                }
            }
            Heard::Offline => return Ok(true),
        }
        Ok(false)
    }

    async fn listen_to_the_end(&mut self) -> Result<(), Problem> {
        let all = async {
            while let Some(heard) = self.heard.recv().await {
                if self.hear(heard)? {
                    return Ok(());
                }
            }
            Err(Problem::from("the listener lost its connection"))
        };
        tokio::time::timeout(PATIENCE, all).await?
    }
}
