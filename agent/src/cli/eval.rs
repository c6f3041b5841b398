//! `brooklet eval`: what the detector is worth on labelled recordings.

mod files;
mod nab;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use indicatif::{ProgressBar, ProgressStyle};

use super::exit;
use crate::model::Without;

/// Scores the detector on labelled recordings, or on a benchmark.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct EvalArgs {
    /// A benchmark.
    #[command(subcommand)]
    pub benchmark: Option<Benchmark>,
    /// Recordings of one's own.
    #[command(flatten)]
    pub files: files::FilesArgs,
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
    told(match &args.benchmark {
        Some(Benchmark::Nab(args)) => nab::run(args),
        None => files::run(&args.files),
    })
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

/// What may stand behind `--without`: of `most` of the names in [`Without::all`].
fn without(most: usize) -> impl TypedValueParser<Value = Without> {
    let names: Vec<_> = Without::all().take(most).map(|(name, _)| name).collect();
    PossibleValuesParser::new(names).map(|name| {
        let mut known = Without::all();
        known.find(|(known, _)| *known == name).map_or_else(Without::default, |(_, without)| without)
    })
}

/// A bar on standard error that counts files, if somebody looks at it.
pub(super) fn progress(files: usize, quiet: bool) -> ProgressBar {
    if quiet || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}");
    ProgressBar::new(files as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: EvalArgs,
    }

    #[test]
    fn recordings_or_a_benchmark() {
        let parsed = |words: &[&str]| Cli::try_parse_from(words).map(|cli| cli.args);
        let files = parsed(&["eval", "a.csv", "b.csv", "--label-column", "x"]).unwrap();
        assert!(files.benchmark.is_none() && files.files.files.len() == 2);
        assert!(matches!(parsed(&["eval", "nab", "DIR"]).unwrap().benchmark, Some(Benchmark::Nab(_))));
        assert!(parsed(&["eval"]).is_err());
        assert!(parsed(&["eval", "a.csv", "--labels", "l", "--label-column", "x"]).is_err());
    }
}
