//! `brooklet eval`: what the detector is worth on labelled recordings.

mod nab;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};

use super::exit;

/// Scores the detector on labelled recordings.
#[derive(Clone, Debug, clap::Args)]
pub struct EvalArgs {
    /// Which benchmark.
    #[command(subcommand)]
    pub benchmark: Benchmark,
}

/// The benchmarks.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Benchmark {
    /// The Numenta Anomaly Benchmark.
    Nab(nab::NabArgs),
}

/// Scores and prints; 0 if all went well, 1 if something cannot be read.
#[must_use]
pub fn run(args: &EvalArgs) -> ExitCode {
    let Benchmark::Nab(args) = &args.benchmark;
    told(nab::run(args))
}

/// Prints what was found out, or why it was not.
fn told(text: Result<String, String>) -> ExitCode {
    let written = text.and_then(|text| match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(()),
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(exit::FAILED)
        }
    }
}

/// A bar on standard error that counts files, if somebody looks at it.
fn progress(files: usize, quiet: bool) -> ProgressBar {
    if quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}");
    ProgressBar::new(files as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
