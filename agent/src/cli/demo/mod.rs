//! `brooklet demo`: a simulated works, watched live.

pub mod view;

/// Demo.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {}

/// Demo.
pub fn run(_args: &DemoArgs) -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
