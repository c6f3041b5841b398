//! The `brooklet` command.

use std::io::IsTerminal;
use std::process::ExitCode;

#[cfg(feature = "embedded-broker")]
use brooklet::cli::demo;
use brooklet::cli::{backtest, check, eval, fit, record, replay, run, state, status};
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Learns your sensors where they are, and tells you when something is wrong.
#[derive(Parser)]
#[command(name = "brooklet", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::RunArgs),
    #[cfg(feature = "embedded-broker")]
    Demo(demo::DemoArgs),
    Record(record::RecordArgs),
    Replay(replay::ReplayArgs),
    Eval(eval::EvalArgs),
    Backtest(backtest::BacktestArgs),
    Fit(fit::FitArgs),
    State(state::StateArgs),
    Status(status::StatusArgs),
    /// Check a configuration and say what it would do.
    Check {
        /// The configuration file.
        #[arg(value_name = "FILE", default_value = "brooklet.toml")]
        config: std::path::PathBuf,
        /// Problems as a JSON array on stdout.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // `run` tells what it does, `record` what keeps it from it; the others speak for themselves.
    log_to_stderr(match arguments.command {
        Command::Run(_) => "brooklet=info,warn,mqtt5=off",
        Command::Record(_) => "brooklet=warn",
        _ => "off",
    });
    match arguments.command {
        Command::Run(args) => run::run(&args),
        #[cfg(feature = "embedded-broker")]
        Command::Demo(args) => demo::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Fit(args) => fit::run(&args),
        Command::State(args) => state::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Check { config, json } => check::run(&config, json),
    }
}

/// `RUST_LOG` overrides what is told.
fn log_to_stderr(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}
