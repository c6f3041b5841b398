//! `brooklet demo`: a simulated works, the real agent, and a broker between them.

mod judge;
mod play;
pub mod view;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use self::judge::Report;
use self::view::ViewKind;
use super::exit;
use crate::alert::Alert;

/// Watch Brooklet learn a simulated works and name its faults.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// How long the demo takes, for example 20s or 2m.
    #[arg(long, default_value = "60s", value_parser = duration)]
    duration: Duration,
    /// Seed of the works: the same seed has the same readings and faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Simulated seconds that pass in one second; 86400 is a day a second.
    #[arg(long, default_value_t = 86_400.0, value_parser = speed)]
    speed: f64,
    /// Alerts and the summary as JSON lines on stdout.
    #[arg(long)]
    json: bool,
}

/// Runs the demo.
#[must_use]
pub fn run(args: &DemoArgs) -> ExitCode {
    let kind = if args.json { ViewKind::Quiet } else { ViewKind::detect() };
    let show = play::Show {
        seed: args.seed,
        days: args.duration.as_secs_f64() * args.speed / 86_400.0,
        duration: args.duration,
        kind,
        on_alert: |alert: &Alert| {
            if args.json {
                print_json(alert);
            }
        },
    };
    match show.play() {
        Ok(Some(report)) => {
            tell(&report, args.json);
            ExitCode::SUCCESS
        }
        Ok(None) => {
            eprintln!("stopped before the end");
            ExitCode::from(exit::FAILED)
        }
        Err(problem) => {
            eprintln!("the demo cannot run: {problem}");
            ExitCode::from(exit::FAILED)
        }
    }
}

fn tell(report: &Report, json: bool) {
    if json {
        print_json(&serde_json::json!({ "summary": report.summary() }));
    } else {
        print_line(&report.table());
    }
}

fn print_json(value: &impl serde::Serialize) {
    match serde_json::to_string(value) {
        Ok(line) => print_line(&line),
        Err(problem) => eprintln!("cannot write JSON: {problem}"),
    }
}

/// Whoever reads may stop reading: `| head` is no error.
fn print_line(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let seconds = crate::cli::seconds(text)?;
    if (0.1..=86_400.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("between 100ms and 24h, please".to_owned())
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (1.0..=1e6).contains(&speed) => Ok(speed),
        _ => Err("a number from 1 to 1000000, please; 86400 is a day a second".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_write_them() {
        assert_eq!(duration("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert!(duration("20 parsecs").is_err() && duration("").is_err() && duration("-1s").is_err());
        assert!(duration("NaNs").is_err() && duration("99h").is_err() && speed("0").is_err());
    }
}
