//! `brooklet run`: the agent.

use std::path::PathBuf;
use std::process::ExitCode;

use tracing::{error, info};

use super::exit;
use crate::check::{self, Plan, Problems};
use crate::store::{Store, StoreError};
use crate::supervise::Pulses;
use crate::topology::{Agent, StartError};

/// Names the broker where neither an argument nor a file does.
const BROKER_VARIABLE: &str = "BROOKLET_MQTT__URL";

/// Learn from a broker's messages and publish alerts.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Configuration file; without it every number on --topic is watched.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["broker", "topic"])]
    config: Option<PathBuf>,
    /// The broker, for example mqtt://localhost:1883; without it and without --config an embedded one is started.
    #[arg(long, value_name = "URL")]
    broker: Option<String>,
    /// Topic filter to watch; may be repeated [default: #].
    #[arg(long, value_name = "FILTER")]
    topic: Vec<String>,
    /// Where models are kept.
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
    /// Allow a broker on another host without user name and certificate.
    #[arg(long, conflicts_with = "config")]
    insecure: bool,
}

impl RunArgs {
    fn plan(&self, embedded: Option<u16>) -> Result<Plan, Problems> {
        if let Some(config) = &self.config {
            return check::load(config);
        }
        let mut environment: Vec<_> = check::environment().collect();
        if self.insecure {
            environment.push(("BROOKLET_MQTT__INSECURE".to_owned(), "true".to_owned()));
        }
        let own = embedded.map(|port| format!("mqtt://127.0.0.1:{port}"));
        check::zero_config_with(self.broker.as_deref().or(own.as_deref()), &self.topic, environment)
    }
}

/// Runs until SIGINT or SIGTERM.
#[must_use]
pub fn run(args: &RunArgs) -> ExitCode {
    // Lives as long as the agent.
    let named = args.broker.is_some() || args.config.is_some() || std::env::var_os(BROKER_VARIABLE).is_some();
    let broker = if !named {
        match embedded_broker() {
            Ok(broker) => Some(broker),
            Err(message) => {
                error!("{message}");
                return ExitCode::from(exit::TEMPORARY);
            }
        }
    } else {
        None
    };
    let mut plan = match args.plan(broker.as_ref().map(Embedded::port)) {
        Ok(plan) => plan,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(exit::CONFIG);
        }
    };
    if let Some(folder) = &args.state_dir {
        plan.gateway.state_dir.clone_from(folder);
        if args.config.is_none() {
            // Two agents on one machine have two folders, and so need two sessions with the broker.
            let own =
                crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(folder.as_os_str().as_encoded_bytes());
            plan.broker.client_id = format!("{}-{own:08x}", plan.broker.client_id);
        }
    }
    let store = match Store::open(&plan.gateway.state_dir) {
        Ok(store) => store,
        Err(problem @ StoreError::InUse(_)) => {
            error!("{problem}");
            return ExitCode::from(exit::TEMPORARY);
        }
        Err(problem) => {
            error!("{problem}; set gateway.state_dir or --state-dir");
            return ExitCode::from(if problem.is_lasting() { exit::CONFIG } else { exit::TEMPORARY });
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(problem) => {
            error!("cannot start: {problem}");
            return ExitCode::from(exit::TEMPORARY);
        }
    };
    runtime.block_on(serve(plan, store))
}

async fn serve(plan: Plan, store: Store) -> ExitCode {
    let (host, port) = (plan.broker.host.clone(), plan.broker.port);
    let mut agent = match Agent::start(plan, Some(store)) {
        Ok(agent) => agent,
        Err(problem) => {
            error!("{problem}");
            let is_wrong = matches!(problem, StartError::Mqtt(_));
            return ExitCode::from(if is_wrong { exit::CONFIG } else { exit::TEMPORARY });
        }
    };
    info!(broker = format!("{host}:{port}"), "running; Ctrl-C stops");
    let pulses = agent.pulses();
    let broken = tokio::select! {
        () = pulses.watch() => None,
        signal = shutdown() => match signal {
            Ok(()) => None,
            Err(problem) => Some(format!("cannot listen for signals: {problem}")),
        },
        part = agent.broken() => Some(format!("the {part} thread ended unexpectedly")),
    };
    Pulses::stopping();
    if let Some(problem) = &broken {
        error!("{problem}; stopping");
    }
    match (agent.stop().await, broken) {
        (Ok(()), None) => ExitCode::SUCCESS,
        _ => ExitCode::from(exit::FAILED),
    }
}

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn shutdown() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(feature = "embedded-broker")]
type Embedded = crate::broker::EmbeddedBroker;

/// On the port that everybody tries first, else on a free one.
#[cfg(feature = "embedded-broker")]
fn embedded_broker() -> Result<Embedded, String> {
    let broker =
        Embedded::start_on(1883).or_else(|_| Embedded::start()).map_err(|error| error.to_string())?;
    eprintln!(
        "no --broker given: an embedded one listens on mqtt://127.0.0.1:{} (this machine only, keeps nothing)",
        broker.port()
    );
    Ok(broker)
}

/// Stands for the broker that this build does not have.
#[cfg(not(feature = "embedded-broker"))]
enum Embedded {}

#[cfg(not(feature = "embedded-broker"))]
impl Embedded {
    fn port(&self) -> u16 {
        match *self {}
    }
}

#[cfg(not(feature = "embedded-broker"))]
fn embedded_broker() -> Result<Embedded, String> {
    Err("this build has no embedded broker: name one with --broker or --config".to_owned())
}
