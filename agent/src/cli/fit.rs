//! `brooklet fit`: will it fit on the microcontroller, and how fast?
#![allow(clippy::print_stdout, reason = "the answer of a command is data")]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::{exit, grouped};
use crate::check::{self, Learn, Plan};

/// What `firmware-examples/measure` found: learner, core, then [`Figures`].
const MEASURED: &str = include_str!("../../data/microcontrollers.csv");
/// The default detector with its alarm: what a task that learns "anomaly" runs.
const MONITOR: &str = "monitor/default";

/// Tell what fits on a microcontroller, how many channels, and how fast.
#[derive(Clone, Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["task", "learner"])))]
pub struct FitArgs {
    /// A configuration file: all its tasks, each with the channels of its streams on one device.
    #[arg(long, value_name = "FILE")]
    pub task: Option<PathBuf>,
    /// One learner instead, by itself, such as stats/mean; monitor/default is the default detector with its alarm.
    #[arg(long, value_name = "FAMILY/ROW")]
    pub learner: Option<String>,
    /// RAM of the device in bytes, or 24k, 1M.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub ram: u64,
    /// Flash of the device.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub flash: u64,
    /// Its processor: Cortex-M0/M0+, M3, M4 with FPU, RISC-V without.
    #[arg(long, value_enum)]
    pub core: Core,
    /// Its clock in MHz [default: m0 48, m3 72, m4f 168, rv32 160].
    #[arg(long, value_name = "MHZ", value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub clock: Option<u32>,
    /// Channels of each task, where the configuration does not list them or others are meant.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub channels: Option<u32>,
    /// RAM kept for the rest of the firmware: its statics, buffers and stack.
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "4k")]
    pub reserve_ram: u64,
    /// Flash kept for the rest of the firmware: drivers, protocol, two model slots.
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "16k")]
    pub reserve_flash: u64,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// A microcontroller's processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the help of --core says what they are")]
pub enum Core {
    M0,
    M3,
    M4f,
    Rv32,
}

impl Core {
    const fn name(self) -> &'static str {
        match self {
            Self::M0 => "m0",
            Self::M3 => "m3",
            Self::M4f => "m4f",
            Self::Rv32 => "rv32",
        }
    }

    /// The clock of parts that are sold in numbers: STM32F0, STM32F1, STM32F4, ESP32-C3.
    const fn usual_mhz(self) -> u32 {
        match self {
            Self::M0 => 48,
            Self::M3 => 72,
            Self::M4f => 168,
            Self::Rv32 => 160,
        }
    }
}

/// Bytes from `24k`, `1M`, `512`; k and M are 1024 and 1024 times that.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        other => return Err(format!("unknown unit `{other}`; write bytes, or 24k, or 1M")),
    };
    let number = digits.parse::<u64>().map_err(|_| "write bytes, or 24k, or 1M".to_owned())?;
    number.checked_mul(unit).ok_or_else(|| "too large".to_owned())
}

/// What a learner takes on a core: bytes, and instructions a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Figures {
    ram: u64,
    flash: u64,
    stack: u64,
    mean: u64,
    worst: u64,
}

impl Figures {
    fn measured(learner: &str, core: Core) -> Option<Self> {
        MEASURED.lines().find_map(|line| {
            let mut fields = line.split(',');
            if fields.next()? != learner || fields.next()? != core.name() {
                return None;
            }
            let mut next = || fields.next()?.parse().ok();
            Some(Self { ram: next()?, flash: next()?, stack: next()?, mean: next()?, worst: next()? })
        })
    }
}

/// The learners of the table, each once.
fn learners() -> impl Iterator<Item = &'static str> {
    let of_m0 = |line: &'static str| line.split_once(",m0,").map(|(learner, _)| learner);
    MEASURED.lines().filter_map(of_m0)
}

/// Something that learns on some channels.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    name: String,
    learner: String,
    channels: u64,
}

/// One line of the answer's first table.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Line {
    name: String,
    learner: String,
    channels: u64,
    /// If nothing else changes; as many as one likes of a learner without state.
    channels_at_most: Option<u64>,
    /// Of one channel.
    state_bytes: u64,
    code_bytes: u64,
    stack_bytes: u64,
    instructions_mean: u64,
    instructions_worst: u64,
    microseconds_mean: f64,
    microseconds_worst: f64,
    /// Over all channels.
    readings_per_second: f64,
}

/// What one kind of memory is made of, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Memory {
    state: u64,
    code: u64,
    stack: u64,
    reserve: u64,
    used: u64,
    available: u64,
}

impl Memory {
    const fn fits(&self) -> bool {
        self.used <= self.available
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Fit {
    fits: bool,
    core: Core,
    mhz: u32,
    tasks: Vec<Line>,
    ram: Memory,
    flash: Memory,
    measured: &'static str,
}

/// Tells what fits. Exit codes: 0 it fits, 1 it does not, 2 no such learner, 78 the configuration is wrong.
#[must_use]
pub fn run(args: &FitArgs) -> ExitCode {
    let wanted = match wanted(args) {
        Ok(wanted) => wanted,
        Err((code, message)) => {
            eprintln!("{message}");
            return ExitCode::from(code);
        }
    };
    let fit = match fit(args, &wanted) {
        Ok(fit) => fit,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(exit::USAGE);
        }
    };
    if args.json {
        println!("{}", serde_json::json!(fit));
    } else {
        print!("{}", fit.table());
    }
    if fit.fits { ExitCode::SUCCESS } else { ExitCode::from(exit::FAILED) }
}

fn wanted(args: &FitArgs) -> Result<Vec<Wanted>, (u8, String)> {
    if let Some(learner) = &args.learner {
        let (name, learner) = (learner.clone(), learner.clone());
        return Ok(vec![Wanted { name, learner, channels: args.channels.unwrap_or(1).into() }]);
    }
    let file = args.task.as_deref().unwrap_or_else(|| std::path::Path::new("brooklet.toml"));
    let plan = check::load(file).map_err(|problems| (exit::CONFIG, problems.to_string()))?;
    of_plan(&plan, args.channels).map_err(|message| (exit::CONFIG, format!("{}: {message}", file.display())))
}

fn of_plan(plan: &Plan, channels: Option<u32>) -> Result<Vec<Wanted>, String> {
    let of_task = |task: &check::TaskPlan| {
        let Learn::Anomaly = task.learn else {
            return Err(format!("task `{}`: only tasks that learn \"anomaly\" run on a device", task.name));
        };
        let mut count = 0;
        for (at, stream) in plan.streams.iter().enumerate().filter(|(at, _)| task.streams.contains(at)) {
            if channels.is_some() {
                continue;
            }
            let listed = stream.channels.as_ref().ok_or_else(|| {
                format!(
                    "task `{}`: stream `{}` lists no channels; say how many with --channels N",
                    task.name, stream.name
                )
            })?;
            // A channel is the first task's that covers it.
            let learns = |channel: &str| plan.tasks.iter().find(|any| any.covers(at, channel)) == Some(task);
            count += listed.iter().filter(|channel| learns(&channel.name)).count() as u64;
        }
        // Lines are counted on from the streams.
        let mut lines = (plan.streams.len()..).zip(&plan.serials);
        if channels.is_none()
            && let Some((_, line)) = lines.find(|(at, _)| task.streams.contains(at))
        {
            return Err(format!(
                "task `{}`: the device on line `{}` names its channels itself; say how many with --channels N",
                task.name, line.name
            ));
        }
        let channels = channels.map_or(count, u64::from);
        Ok(Wanted { name: task.name.clone(), learner: MONITOR.to_owned(), channels })
    };
    plan.tasks.iter().map(of_task).collect()
}

fn fit(args: &FitArgs, wanted: &[Wanted]) -> Result<Fit, String> {
    let mhz = args.clock.unwrap_or_else(|| args.core.usual_mhz());
    let mut all = Vec::new();
    let (mut state, mut code, mut stack) = (0, 0, 0);
    for (i, one) in wanted.iter().enumerate() {
        let figures = Figures::measured(&one.learner, args.core).ok_or_else(|| unknown(&one.learner))?;
        all.push((one, figures));
        state = figures.ram.saturating_mul(one.channels).saturating_add(state);
        stack = stack.max(figures.stack);
        // Code is there once, however many tasks use it.
        if !wanted.iter().take(i).any(|before| before.learner == one.learner) {
            code += figures.flash;
        }
    }
    let memory = |state: u64, code: u64, stack: u64, reserve: u64, available| {
        let used = state.saturating_add(code).saturating_add(stack).saturating_add(reserve);
        Memory { state, code, stack, reserve, used, available }
    };
    let ram = memory(state, 0, stack, args.reserve_ram, args.ram);
    let flash = memory(0, code, 0, args.reserve_flash, args.flash);
    let line = |(one, figures): &(&Wanted, Figures)| {
        let own = figures.ram.saturating_mul(one.channels);
        let room = ram.available.saturating_add(own).saturating_sub(ram.used).checked_div(figures.ram);
        let microseconds = |instructions: u64| instructions as f64 / f64::from(mhz);
        Line {
            name: one.name.clone(),
            learner: one.learner.clone(),
            channels: one.channels,
            channels_at_most: if flash.fits() { room } else { Some(0) },
            state_bytes: figures.ram,
            code_bytes: figures.flash,
            stack_bytes: figures.stack,
            instructions_mean: figures.mean,
            instructions_worst: figures.worst,
            microseconds_mean: microseconds(figures.mean),
            microseconds_worst: microseconds(figures.worst),
            readings_per_second: 1e6 / microseconds(figures.mean.max(1)),
        }
    };
    Ok(Fit {
        fits: ram.fits() && flash.fits(),
        core: args.core,
        mhz,
        tasks: all.iter().map(line).collect(),
        ram,
        flash,
        measured: MEASURED.lines().next().unwrap_or_default().trim_start_matches("# "),
    })
}

fn unknown(learner: &str) -> String {
    let suffix = format!("/{learner}");
    let meant =
        learners().find(|known| known.ends_with(&suffix)).or_else(|| check::nearest(learner, learners()));
    let help = meant.map_or_else(
        || "see core-nostd/LEARNERS.md for all".to_owned(),
        |meant| format!("did you mean `{meant}`?"),
    );
    format!("no learner `{learner}`; {help}")
}

/// No more digits than mean anything.
fn microseconds(figure: f64) -> String {
    if figure < 10.0 { format!("{figure:.1}") } else { grouped(figure.round() as u64) }
}

/// `text` in at most `width` characters.
fn short(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some(_) => text.chars().take(width - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

impl Fit {
    /// At most 80 columns.
    fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let mut line = |args: std::fmt::Arguments<'_>| {
            let _ = writeln!(text, "{args}");
        };
        let verdict = match (self.ram.fits(), self.flash.fits()) {
            (true, true) => "fits",
            (false, true) => "does not fit: too little RAM",
            (true, false) => "does not fit: too little flash",
            (false, false) => "does not fit: too little RAM and flash",
        };
        let core = self.core.name();
        line(format_args!("{verdict} ({core} at {} MHz)\n", self.mhz));
        line(format_args!("{:<24} {:<28} {:>12} {:>10}", "task", "learner", "channels", "at most"));
        for task in &self.tasks {
            let (name, learner) = (short(&task.name, 24), short(&task.learner, 28));
            let most = task.channels_at_most.map_or_else(|| "any".to_owned(), grouped);
            let channels = grouped(task.channels);
            line(format_args!("{name:<24} {learner:<28} {channels:>12} {most:>10}"));
        }
        line(format_args!("\n{:<34} {:>12} {:>12}", "bytes", "RAM", "flash"));
        for task in &self.tasks {
            let what = format!("state, {} x {}", grouped(task.channels), grouped(task.state_bytes));
            line(format_args!("{what:<34} {:>12}", grouped(task.channels.saturating_mul(task.state_bytes))));
        }
        let (ram, flash) = (&self.ram, &self.flash);
        line(format_args!("{:<34} {:>12} {:>12}", "code", "", grouped(flash.code)));
        line(format_args!("{:<34} {:>12}", "stack of one reading", grouped(ram.stack)));
        for (what, ram, flash) in [
            ("reserve for the rest (--reserve-..)", ram.reserve, flash.reserve),
            ("used", ram.used, flash.used),
            ("available", ram.available, flash.available),
        ] {
            line(format_args!("{what:<35}{:>12} {:>12}", grouped(ram), grouped(flash)));
        }
        line(format_args!("\n{:<34} {:>12} {:>12} {:>14}", "a reading", "mean", "worst", "a second"));
        let mut told: Vec<&str> = Vec::new();
        for task in &self.tasks {
            if told.contains(&task.learner.as_str()) {
                continue;
            }
            told.push(&task.learner);
            let (mean, worst) = (grouped(task.instructions_mean), grouped(task.instructions_worst));
            let what = format!("{}, instructions", short(&task.learner, 20));
            line(format_args!("{what:<34} {mean:>12} {worst:>12}"));
            let (mean, worst) = (microseconds(task.microseconds_mean), microseconds(task.microseconds_worst));
            let second = grouped(task.readings_per_second as u64);
            line(format_args!("{:<34} {mean:>12} {worst:>12} {second:>14}", "  microseconds"));
        }
        line(format_args!(
            "\nInstructions counted in an emulator; time assumes one instruction a cycle.\n{}",
            self.measured
        ));
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where it fails")]
mod tests;
