//! A simulated works for the demo and for tests: five pumps, a cold room and a compressed-air line, with a
//! daily and a weekly rhythm, load steps that are ordinary work, and labelled faults.
//!
//! Pure and deterministic: no clock, no input or output; the same seed gives the same rows (up to the last
//! bit of the platform's `sin` and `exp`, which rounding to the sensors' resolution hides).
//!
//! ```text
//! works (calendar, activity, hall air) ─> pump | cold_room | air ─> sensor (stuck, spike, rounding) ─> Row
//!                        schedule ─> fault ──┘──────────────────────┘
//! ```

mod air;
mod cold_room;
mod device;
mod fault;
mod judge;
mod pump;
mod random;
mod schedule;
mod works;

use std::fmt::Write as _;

pub use device::{Channel, Device};
pub use fault::{Fault, FaultKind};
pub use judge::{Found, GRACE, Judgement, judge};

use crate::reading::Timestamp;
use air::Air;
use cold_room::ColdRoom;
use device::{AIR_AT, COLD_ROOM_AT, DEVICES, PUMPS};
use fault::Active;
use pump::{Pump, RATINGS};
use random::Random;
use works::{DAY, HOUR, Moment, Works};

/// Every device sends one message in so many milliseconds.
pub const INTERVAL: i64 = 5 * works::MINUTE;

/// No run is longer, in days.
const LONGEST: f64 = 3650.0;

/// Devices send one after the other, this far apart (milliseconds).
const STAGGER: i64 = 40_000;

/// One message in so many gets lost.
const LOST: f64 = 1.0 / 500.0;

/// One message of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When it was measured; the payload says the same under `ts`.
    pub time: Timestamp,
    /// The device's name, for example `pump-1`.
    pub device: &'static str,
    /// The MQTT topic, for example `sensors/pump-1`.
    pub topic: String,
    /// A JSON object: `ts` and a number for each channel.
    pub payload: String,
}

/// The works: an iterator over its messages in the order of time.
///
/// ```
/// use brooklet::reading::Timestamp;
/// use brooklet::source::simulate::Plant;
///
/// let mut plant = Plant::new(1, Timestamp(1_767_571_200_000), 20.0);
/// assert_eq!(plant.faults().len(), 10);
/// let row = plant.next().expect("a row");
/// assert_eq!(row.topic, "sensors/pump-1");
/// assert!(row.payload.starts_with(r#"{"ts":"2026-01-05T00:00:0"#));
/// ```
#[derive(Clone, Debug)]
pub struct Plant {
    start: Timestamp,
    end: Timestamp,
    faults: Vec<Fault>,
    works: Works,
    units: Vec<Unit>,
    /// The next message: the how many-th of each device, and which device.
    step: i64,
    device: usize,
    now: Moment,
}

impl Plant {
    /// A works that runs for `days` from `start`, with faults scheduled by `seed` and `days`.
    ///
    /// The first fault comes not before 3 days and not before a quarter of the run, or after half of a run
    /// shorter than 6 days; below 2 days there is none, from 15 days on each kind happens. Beyond ten years
    /// the works stops.
    #[must_use]
    pub fn new(seed: u64, start: Timestamp, days: f64) -> Self {
        let faults = schedule::schedule(seed, start, days.clamp(0.0, LONGEST));
        Self { faults, ..Self::healthy(seed, start, days) }
    }

    /// The same works without any fault: every alert on it is a false one.
    #[must_use]
    pub fn healthy(seed: u64, start: Timestamp, days: f64) -> Self {
        let machines = RATINGS
            .iter()
            .map(|&rating| Machine::Pump(Pump::new(rating)))
            .chain([Machine::ColdRoom(ColdRoom::new()), Machine::Air(Air::new())]);
        let units = machines
            .enumerate()
            .map(|(i, machine)| Unit { machine, random: Random::new(seed, i as u64), stuck: None })
            .collect();
        Self {
            start,
            end: Timestamp(start.0.saturating_add((days.clamp(0.0, LONGEST) * DAY as f64) as i64)),
            faults: Vec::new(),
            works: Works::new(seed, start),
            units,
            step: 0,
            device: 0,
            now: Moment::default(),
        }
    }

    /// Every device of the works with its channels.
    #[must_use]
    pub fn devices() -> &'static [Device] {
        &DEVICES
    }

    /// The labelled faults of this run, by start.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// When the run begins.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// When the run ends; every row is earlier.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// How much of the run has been handed out, `0.0..=1.0`.
    #[must_use]
    pub fn progress(&self) -> f64 {
        let length = (self.end.0 - self.start.0) as f64;
        if length > 0.0 { ((self.step * INTERVAL) as f64 / length).min(1.0) } else { 1.0 }
    }
}

impl Iterator for Plant {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        loop {
            let index = self.device;
            let due = message_due(self.start, index, self.step);
            if due >= self.end.0 {
                return None;
            }
            if index == 0 {
                self.now = self.works.tick(due);
            }
            (self.device, self.step) =
                if index + 1 < DEVICES.len() { (index + 1, self.step) } else { (0, self.step + 1) };
            if let Some(row) = self.units[index].send(&DEVICES[index], due, &self.now, &self.faults) {
                return Some(row);
            }
        }
    }
}

/// A device at work: its physics, its own random numbers, and what its sensors hide.
#[derive(Clone, Debug)]
struct Unit {
    machine: Machine,
    random: Random,
    /// The value that a stuck sensor repeats.
    stuck: Option<f64>,
}

#[derive(Clone, Debug)]
enum Machine {
    Pump(Pump),
    ColdRoom(ColdRoom),
    Air(Air),
}

impl Unit {
    /// Moves the machine on by one interval and says what its sensors send; `None` if the message is lost.
    fn send(&mut self, device: &'static Device, due: i64, now: &Moment, faults: &[Fault]) -> Option<Row> {
        let random = &mut self.random;
        let jitter = (random.gauss() * 800.0).clamp(-3000.0, 3000.0);
        let lost = random.uniform() < LOST;
        let time = Timestamp(due + jitter as i64);
        let fault = faults.iter().find(|f| f.device == device.name && f.is_active(time));
        let active = fault.and_then(|f| f.at(time));
        let mut values = self.machine.step(now, active, random);
        if let Some(fault) = fault {
            let shown =
                fault.channels.first().and_then(|c| device.channel(c)).and_then(|c| values.get_mut(c));
            match (fault.kind, shown) {
                (FaultKind::StuckSensor, Some(value)) => *value = *self.stuck.get_or_insert(*value),
                (FaultKind::Spike, Some(value)) => *value = fault.magnitude,
                _ => {}
            }
        } else {
            self.stuck = None;
        }
        if lost && fault.is_none_or(|f| f.kind != FaultKind::Spike) {
            return None;
        }
        let mut payload = format!(r#"{{"ts":"{time}""#);
        for (channel, value) in device.channels.iter().zip(values) {
            let value = rounded(value.clamp(channel.range.0, channel.range.1), channel.decimals);
            // Writing to a String cannot fail.
            let _ = write!(payload, r#","{}":{value:.*}"#, channel.name, channel.decimals);
        }
        payload.push('}');
        Some(Row { time, device: device.name, topic: format!("sensors/{}", device.name), payload })
    }
}

impl Machine {
    fn step(&mut self, now: &Moment, fault: Option<Active>, random: &mut Random) -> [f64; 5] {
        let hours = INTERVAL as f64 / HOUR as f64;
        match self {
            Self::Pump(pump) => pump.step(now, hours, fault, random),
            Self::ColdRoom(room) => room.step(now, hours, fault, random),
            Self::Air(air) => air.step(now, fault, random),
        }
    }
}

/// When the `step`-th message of the device at `index` is due; the real one is up to 3 s early or late.
fn message_due(start: Timestamp, index: usize, step: i64) -> i64 {
    start.0 + 5_000 + index as i64 * STAGGER + step * INTERVAL
}

/// When the device's first message from `from` on is due.
fn next_message(start: Timestamp, device: &str, from: Timestamp) -> i64 {
    let index = DEVICES.iter().position(|d| d.name == device).unwrap_or(0);
    let first = message_due(start, index, 0);
    first + (from.0 - first + INTERVAL - 1).div_euclid(INTERVAL) * INTERVAL
}

/// To so many decimals, and never `-0`.
fn rounded(value: f64, decimals: usize) -> f64 {
    let scale = 10_f64.powi(decimals as i32);
    (value * scale).round() / scale + 0.0
}

const _: () = assert!(RATINGS.len() == PUMPS && COLD_ROOM_AT == PUMPS && AIR_AT + 1 == DEVICES.len());

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a test fails by panicking, and compares bits"
)]
mod tests;
