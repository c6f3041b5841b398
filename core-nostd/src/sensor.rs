//! Is it the sensor rather than the plant? Faults that a sensor's own past gives away.
//!
//! Nothing here is calibrated: each rule compares with the most that this channel ever did by itself, so that a channel which
//! is quantised, constant, on and off, or slow has taught its own limits before it is judged.

use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::Validate;

/// Readings that must have been learnt before anything is judged.
const LEAST: u32 = 300;
/// .. and so many changes, before a step is.
const MOVES: u32 = 30;
/// A step so many times the greatest ever between two readings leaves the channel's course ..
const JUMP: f32 = 4.0;
/// .. if it is also so many times the usual one.
const CLEAR: f32 = 20.0;
/// Readings within which a spike comes back; what stays longer is looked at, or is real.
const SPIKE: u16 = 2;
/// Stuck: so many repeats, so many times the longest run ever, in readings and in time, of a channel that had so many runs.
const STUCK_LEAST: u32 = 24;
const STUCK_TIMES: u32 = 6;
const STUCK_RUNS: u32 = 100;
/// Not learnt any more: so many times the longest run.
const STUCK_SUSPECT: u32 = 2;
/// Flat: so many blocks in a row, each of which moves less than a part of the calmest one ever.
const FLAT_BLOCK: u8 = 16;
const FLAT_PART: f32 = 0.05;
const FLAT_BLOCKS: u8 = 3;
const FLAT_LEAST: u16 = 100;
/// A gap: so many times the longest ever.
const GAP: f32 = 10.0;
/// Readings over which a new unit must explain all there is.
const UNIT: u16 = 24;
/// The usual step, by which the landing of a unit change may be off, and by how many of them it must be away.
const UNIT_OFF: f32 = 4.0;
const UNIT_AWAY: f32 = 12.0;
/// What happened so often is the channel's own: to go to zero, to jump so far and back.
const OWN: u8 = 3;
/// Weight of a step in the usual step.
const ALPHA: f32 = 1.0 / 256.0;
/// A century in milliseconds: no gap is longer.
const LONGEST: f32 = 3.2e12;

/// What drivers and converters say instead of a reading: cut wires, power-on values, and full scales of 8, 10, 12, 15, 16, 31
/// and 32 bits, as they are and in tenths and hundredths. Zero too, but that may also mean "off".
const CODES: [f32; 19] = [
    0.0,
    -127.0,
    85.0,
    127.0,
    255.0,
    1023.0,
    4095.0,
    32_767.0,
    -32_768.0,
    3276.7,
    327.67,
    65_535.0,
    6553.5,
    655.35,
    2_147_483_648.0,
    4_294_967_296.0,
    -999.0,
    -9999.0,
    9999.0,
];

/// The units that are mixed up: the new reading is the old one times the first, plus the second.
const UNITS: [(f32, f32); 15] = [
    (1000.0, 0.0),
    (0.001, 0.0),
    (100.0, 0.0),
    (0.01, 0.0),
    (10.0, 0.0),
    (0.1, 0.0),
    (1.8, 32.0),
    (1.0 / 1.8, -32.0 / 1.8),
    (1.0, 273.15),
    (1.0, -273.15),
    (14.5038, 0.0),
    (1.0 / 14.5038, 0.0),
    (3.6, 0.0),
    (1.0 / 3.6, 0.0),
    (-1.0, 0.0),
];

/// What is wrong with a sensor, or with the way from it. Variants are only ever appended: their order is the wire format.
/// ```
/// use brooklet_core::sensor::Fault;
/// assert_eq!((Fault::Stuck.name(), Fault::Stuck.rings()), ("stuck", true));
/// assert!(!Fault::Gap.rings());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// The same value to the bit, far longer than ever.
    Stuck,
    /// It hardly moves any more.
    Flat,
    /// A value that stands for none: zero, full scale, a driver's code for a cut wire.
    DropOut,
    /// One or two readings far out, and back. Told by the reading that is back.
    Spike,
    /// All is as before, but in another unit.
    UnitChange,
    /// No readings for far longer than ever. Told by the first one after.
    Gap,
    /// The time went back.
    ClockJump,
}

impl Fault {
    /// Its name in alerts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Flat => "flat",
            Self::DropOut => "drop_out",
            Self::Spike => "spike",
            Self::UnitChange => "unit_change",
            Self::Gap => "gap",
            Self::ClockJump => "clock_jump",
        }
    }

    /// Whether it is worth an alert by itself. The others are over when they are seen: they only explain.
    #[must_use]
    pub const fn rings(self) -> bool {
        matches!(self, Self::Stuck | Self::Flat | Self::DropOut | Self::UnitChange)
    }
}

/// What one reading says about the sensor.
/// ```
/// use brooklet_core::sensor::{Sensor, Sight};
/// assert_eq!(Sensor::new().step(21.5, None), Sight { fault: None, learn: true });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// A fault, for as long as it lasts.
    pub fault: Option<Fault>,
    /// False for readings of a fault, and for those that may turn out to be: a detector must not learn them.
    pub learn: bool,
}

impl Sight {
    pub(crate) const GOOD: Self = Self { fault: None, learn: true };
    const SUSPECT: Self = Self { fault: None, learn: false };

    const fn lasting(fault: Fault) -> Self {
        Self { fault: Some(fault), learn: false }
    }
}

/// A fault in figures, for those who explain it.
/// ```
/// use brooklet_core::sensor::{Fault, Sensor};
/// let mut sensor = Sensor::new();
/// for i in 0..400_i16 { sensor.step(f32::from(i % 7), Some(i64::from(i) * 1000)); }
/// for i in 400..430 { sensor.step(3.0, Some(i * 1000)); }
/// let finding = sensor.finding().unwrap();
/// assert_eq!((finding.fault, finding.readings, finding.usual), (Fault::Stuck, 30, 1));
/// assert_eq!((finding.millis, finding.usual_millis), (Some(29_000.0), Some(1000.0)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// Which one.
    pub fault: Fault,
    /// Readings that are part of it so far.
    pub readings: u32,
    /// Milliseconds since the first of these, if times are known.
    pub millis: Option<f32>,
    /// [`Fault::Stuck`]: readings of the longest run of equal ones before.
    pub usual: u32,
    /// .. in milliseconds. [`Fault::Gap`]: the longest gap before.
    pub usual_millis: Option<f32>,
    /// [`Fault::UnitChange`]: the reading is now the former one times the first, plus the second.
    pub unit: Option<(f32, f32)>,
}

/// Watches one channel's sensor.
///
/// Each rule needs 300 readings and compares with what the channel did in all its life, faults left out:
/// - **stuck**: 24 repeats or more, to the bit, more than six times the longest run so far in readings and in time. Only
///   after a hundred runs, and only between the least and the greatest value: a pump that stands still stands at an end.
/// - **flat**: three blocks of 16 readings whose mean step is below a twentieth of the calmest block's ever. A channel of which
///   a block stood still is never flat.
/// - **drop-out**: a step of four times the greatest ever to a value that drivers give instead of a reading (zero only if it
///   was never reached; after the third time zero is the channel's own), or to one outside of all so far that then stays
///   the same to the bit.
/// - **spike**: such a step and back within two readings. After the third the channel makes such steps by itself.
/// - **unit**: such a step after which 24 readings go on where the old ones stopped, if they are read in another unit.
/// - **gap**: ten times the longest time between two readings. **Clock**: the time went back.
///
/// A step that turns out to be real is one that the channel makes from then on. What lasts until it is
/// [accepted](Self::accept) is the new normal. Drift against other channels is not looked at here.
///
/// Works for any channel; says nothing of those that repeat, jump or burst by nature. A sensor that sticks at the very end of
/// its range, or from the first day, is not found.
///
/// Memory: 144 bytes. Cost: a division and a few dozen comparisons.
/// ```
/// use brooklet_core::sensor::{Fault, Sensor};
/// let mut sensor = Sensor::new();
/// for i in 0..400u16 { assert!(sensor.step(20.0 + f32::from(i * 7 % 10) / 10.0, None).learn); }
/// let cut = sensor.step(-127.0, None); // what a DS18B20 says without its wire
/// assert_eq!((cut.fault, cut.learn), (Some(Fault::DropOut), false));
/// assert!(sensor.step(20.3, None).learn);
/// ```
/// Source: the rules are those of data quality control for environmental sensors; see J. L. Campbell et al., Quantity is
/// nothing without quality, BioScience 2013, doi:10.1525/bio.2013.63.7.10. Checked by injected faults and by recordings without.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sensor {
    time: Option<i64>,
    /// Time of the first reading of the run or fault.
    since: Option<i64>,
    /// Readings learnt.
    seen: u32,
    last: f32,
    /// The greatest and the usual distance between two readings.
    most_step: f32,
    usual_step: f32,
    /// The longest time between two readings.
    most_gap: f32,
    /// Readings in this run of equal ones, runs so far, the longest.
    run: u32,
    runs: u32,
    most_run: u32,
    most_run_millis: f32,
    low: f32,
    high: f32,
    /// Sum of the steps in this block, the calmest block's mean ever, calm blocks in a row.
    block: f32,
    in_block: u8,
    blocks: u16,
    calmest: f32,
    calm: u8,
    /// The last reading before the course was left, readings since, steps among them, whether all are equal, which units
    /// would explain them.
    before: f32,
    away: u16,
    away_steps: f32,
    same: bool,
    units: u16,
    /// Times that zero was taken for a drop-out.
    zeros: u8,
    /// Spikes since the greatest step was last raised by one.
    spikes: u8,
    open: Option<Fault>,
    /// Readings in the open fault.
    length: u32,
}

impl Sensor {
    /// Nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            time: None,
            since: None,
            seen: 0,
            last: 0.0,
            most_step: 0.0,
            usual_step: 0.0,
            most_gap: 0.0,
            run: 0,
            runs: 0,
            most_run: 0,
            most_run_millis: 0.0,
            low: 0.0,
            high: 0.0,
            block: 0.0,
            in_block: 0,
            blocks: 0,
            calmest: 0.0,
            calm: 0,
            before: 0.0,
            away: 0,
            away_steps: 0.0,
            same: false,
            units: 0,
            zeros: 0,
            spikes: 0,
            open: None,
            length: 0,
        }
    }

    /// Readings from the onset of a spike to the one that tells it.
    pub(crate) const LONGEST_SPIKE: f32 = SPIKE as f32;

    /// The fault that is open, in figures.
    #[must_use]
    pub fn finding(&self) -> Option<Finding> {
        let fault = self.open?;
        let stuck = fault == Fault::Stuck;
        Some(Finding {
            fault,
            readings: if stuck { self.run } else { self.length },
            millis: self.span(),
            usual: if stuck { self.most_run } else { 0 },
            usual_millis: self.time.filter(|_| stuck).map(|_| self.most_run_millis),
            unit: UNITS
                .get(self.units.trailing_zeros() as usize)
                .copied()
                .filter(|_| fault == Fault::UnitChange),
        })
    }

    /// Milliseconds from `since` to the last reading.
    fn span(&self) -> Option<f32> {
        Some(millis(self.since?, self.time?))
    }

    /// Takes in a reading.
    pub fn step(&mut self, value: f32, time: Option<i64>) -> Sight {
        let value = math::limit(value);
        if self.seen == 0 {
            (self.low, self.high) = (value, value);
            self.begin(value, time);
            self.time = time;
            self.seen = 1;
            return Sight::GOOD;
        }
        let back = matches!((self.time, time), (Some(last), Some(time)) if time < last);
        let gap = match (self.time, time) {
            (Some(last), Some(time)) if !back => millis(last, time),
            _ => 0.0,
        };
        let ready = self.seen >= LEAST;
        let long = ready && gap > GAP * self.most_gap && self.most_gap > 0.0;
        self.time = time.or(self.time);
        if back {
            self.since = time;
        } else if !long {
            self.most_gap = math::max(self.most_gap, gap);
        }
        let sight = match self.open {
            Some(fault) => self.last_on(fault, value),
            None if self.away > 0 => self.stay_away(value),
            // Where it goes on after a gap is its own business; a code is one at any time.
            None if (long || back) && !self.is_code(value) => self.resume(value),
            None => self.go_on(value, ready),
        };
        let fault = match sight.fault {
            None if back => Some(Fault::ClockJump),
            None if long => Some(Fault::Gap),
            fault => fault,
        };
        Sight { fault, ..sight }
    }

    /// What lasts is the new normal, with all that it takes.
    pub fn accept(&mut self) {
        match self.open {
            Some(Fault::Stuck) => self.end_run(),
            Some(Fault::Flat) => self.calmest = 0.0,
            Some(Fault::DropOut) => {
                self.most_step = math::max(self.most_step, math::abs(self.last - self.before));
                self.resume(self.last);
            }
            Some(_) => {
                let (time, zeros) = (self.time, self.zeros);
                *self = Self { zeros, ..Self::new() };
                self.step(self.last, time);
            }
            None => {}
        }
        self.open = None;
    }

    /// A run of equal values begins.
    fn begin(&mut self, value: f32, time: Option<i64>) {
        self.last = value;
        (self.run, self.since) = (1, time);
    }

    /// The run is over, and nothing was wrong with it.
    fn end_run(&mut self) {
        self.runs = self.runs.saturating_add(1);
        self.most_run = self.most_run.max(self.run);
        // Up to the reading that ends it.
        self.most_run_millis = math::max(self.most_run_millis, self.span().unwrap_or(0.0));
    }

    /// Goes on from here without looking at the step to it.
    fn resume(&mut self, value: f32) -> Sight {
        self.low = math::min(self.low, value);
        self.high = math::max(self.high, value);
        (self.away, self.block, self.in_block, self.calm) = (0, 0.0, 0, 0);
        self.begin(value, self.time);
        self.seen = self.seen.saturating_add(1);
        Sight::GOOD
    }

    fn open(&mut self, fault: Fault, length: u32) -> Sight {
        (self.open, self.length) = (Some(fault), length);
        Sight::lasting(fault)
    }

    /// The usual course.
    fn go_on(&mut self, value: f32, ready: bool) -> Sight {
        let step = math::abs(value - self.last);
        if step == 0.0 {
            return self.repeat(ready);
        }
        // Of a code that lies outside of all so far, less is needed: a step as never before.
        let outside = value < self.low || value > self.high;
        let code = outside && value != 0.0 && self.is_code(value);
        let (jump, clear) = if code { (1.0, 1.0) } else { (JUMP, CLEAR) };
        let moves = ready && self.runs >= MOVES;
        if moves && step > jump * self.most_step && step > clear * self.usual_step {
            return self.leave(value, step);
        }
        self.end_run();
        let sight = self.calm_down(step, ready);
        self.begin(value, self.time);
        if sight.learn {
            self.low = math::min(self.low, value);
            self.high = math::max(self.high, value);
            self.most_step = math::max(self.most_step, step);
            self.take(step);
        }
        sight
    }

    /// Learns the step.
    fn take(&mut self, step: f32) {
        self.seen = self.seen.saturating_add(1);
        let weight = math::max(ALPHA, 1.0 / self.seen as f32);
        self.usual_step += weight * (step - self.usual_step);
    }

    fn repeat(&mut self, ready: bool) -> Sight {
        self.run = self.run.saturating_add(1);
        let (run, longest) = (self.run, self.most_run);
        let inside = self.low < self.last && self.last < self.high;
        let judged =
            ready && inside && self.runs >= STUCK_RUNS && run > STUCK_SUSPECT.saturating_mul(longest);
        if judged && run > STUCK_LEAST && run > STUCK_TIMES.saturating_mul(longest) {
            let longer = |span| span > STUCK_TIMES as f32 * self.most_run_millis;
            if self.span().is_none_or(longer) {
                return self.open(Fault::Stuck, run);
            }
        }
        if judged {
            return Sight::SUSPECT;
        }
        let sight = self.calm_down(0.0, ready);
        if sight.learn {
            self.take(0.0);
        }
        sight
    }

    /// Takes a step into its block.
    fn calm_down(&mut self, step: f32, ready: bool) -> Sight {
        self.block += step;
        self.in_block = self.in_block.saturating_add(1);
        let known = ready && self.blocks >= FLAT_LEAST;
        if self.in_block >= FLAT_BLOCK {
            let mean = self.block / f32::from(FLAT_BLOCK);
            (self.block, self.in_block) = (0.0, 0);
            if known && mean > 0.0 && mean < FLAT_PART * self.calmest {
                self.calm = self.calm.saturating_add(1);
            } else {
                self.calm = 0;
                self.calmest = if self.blocks == 0 { mean } else { math::min(self.calmest, mean) };
                self.blocks = self.blocks.saturating_add(1);
            }
        }
        if self.calm == 0 {
            Sight::GOOD
        } else if self.calm < FLAT_BLOCKS {
            Sight::SUSPECT
        } else {
            self.open(Fault::Flat, u32::from(FLAT_BLOCKS).saturating_mul(u32::from(FLAT_BLOCK)))
        }
    }

    /// It stands for no reading.
    fn is_code(&self, value: f32) -> bool {
        if value == 0.0 {
            return self.zeros < OWN && (self.low > 0.0 || self.high < 0.0);
        }
        CODES.contains(&value)
    }

    /// A step that the channel never made.
    fn leave(&mut self, value: f32, step: f32) -> Sight {
        self.end_run();
        self.before = self.last;
        (self.away, self.away_steps, self.same) = (1, 0.0, true);
        self.units = 0;
        for (i, &(times, plus)) in UNITS.iter().enumerate() {
            let off = math::abs((value - plus) / times - self.before);
            let clear = step >= UNIT_AWAY * math::abs(times) * self.usual_step;
            if clear && off <= UNIT_OFF * self.usual_step {
                self.units |= 1_u16.rotate_left(i as u32);
            }
        }
        let code = self.is_code(value);
        self.begin(value, self.time);
        if code && self.units == 0 {
            self.zeros = self.zeros.saturating_add(u8::from(value == 0.0));
            self.away = 0;
            return self.open(Fault::DropOut, 1);
        }
        Sight::SUSPECT
    }

    /// After such a step.
    fn stay_away(&mut self, value: f32) -> Sight {
        let step = math::abs(value - self.last);
        let reach = f32::from(self.away.saturating_add(1)) * self.most_step;
        let away = math::abs(self.last - self.before);
        if math::abs(value - self.before) <= reach {
            let spike = self.away <= SPIKE;
            self.spikes = self.spikes.saturating_add(1);
            if self.spikes >= OWN {
                self.most_step = math::max(self.most_step, away);
                self.spikes = 0;
            }
            let sight = self.resume(value);
            return Sight { fault: spike.then_some(Fault::Spike), ..sight };
        }
        self.away = self.away.saturating_add(1);
        self.away_steps += step;
        self.same &= step == 0.0;
        self.explain(value, step);
        if self.same {
            self.run = self.run.saturating_add(1);
        } else {
            self.last = value;
        }
        let outside = value < self.low || value > self.high;
        if self.away <= SPIKE {
            return Sight::SUSPECT;
        }
        if self.same && outside && value != 0.0 && self.most_run <= u32::from(SPIKE) {
            let length = u32::from(self.away);
            self.away = 0;
            return self.open(Fault::DropOut, length);
        }
        if self.units == 0 {
            // It is real: a step that the channel makes.
            self.most_step = math::max(self.most_step, math::abs(value - self.before));
            return self.resume(value);
        }
        if self.away >= UNIT {
            self.away = 0;
            return self.open(Fault::UnitChange, u32::from(UNIT));
        }
        Sight::SUSPECT
    }

    /// Strikes out the units in which the readings do not go on as before.
    fn explain(&mut self, value: f32, step: f32) {
        let margin = 0.1 * (self.high - self.low) + self.most_step;
        for (i, &(times, plus)) in UNITS.iter().enumerate() {
            let former = (value - plus) / times;
            let inside = (self.low - margin..=self.high + margin).contains(&former);
            let mut holds = inside && step <= 1.5 * math::abs(times) * self.most_step;
            if self.away >= UNIT {
                let usual = self.away_steps / f32::from(UNIT) / math::abs(times);
                holds &= usual > 0.4 * self.usual_step && usual < 2.5 * self.usual_step;
            }
            if !holds {
                self.units &= !1_u16.rotate_left(i as u32);
            }
        }
    }

    /// An open fault goes on, or is over.
    fn last_on(&mut self, fault: Fault, value: f32) -> Sight {
        let step = math::abs(value - self.last);
        let inside = self.low <= value && value <= self.high;
        let over = match fault {
            Fault::Stuck => step > 0.0,
            Fault::Flat => step >= self.calmest,
            Fault::DropOut => inside && step > 0.0,
            _ => inside && step > math::min(JUMP * self.most_step, 0.5 * math::abs(self.last - self.before)),
        };
        if over {
            self.open = None;
            return self.resume(value);
        }
        self.length = self.length.saturating_add(1);
        self.run = self.run.saturating_add(1);
        self.last = value;
        Sight::lasting(fault)
    }
}

/// From one time to a later one.
fn millis(from: i64, to: i64) -> f32 {
    math::clamp(to.saturating_sub(from) as f32, 0.0, LONGEST)
}

impl Default for Sensor {
    fn default() -> Self {
        Self::new()
    }
}

impl Validate for Sensor {
    fn is_valid(&self) -> bool {
        let values = [self.last, self.low, self.high, self.before];
        let steps = [self.most_step, self.usual_step, self.block, self.calmest, self.away_steps];
        values.iter().all(|x| math::abs(*x) <= math::LIMIT)
            && self.low <= self.high
            && steps.iter().all(|x| (0.0..=100.0 * math::LIMIT).contains(x))
            && [self.most_gap, self.most_run_millis].iter().all(|x| (0.0..=LONGEST).contains(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use std::vec::Vec;

    const MINUTE: i64 = 60_000;

    /// What comes, and which faults are told, each for so many readings.
    type Case<'a> = (&'a str, Vec<f32>, &'a [(Fault, usize)]);
    type Nature<'a> = &'a mut dyn FnMut(i64, &mut Rng) -> f32;

    /// A sensor after 3,000 readings, a minute apart, of a temperature with a daily cycle.
    fn taught() -> (Sensor, Rng, i64) {
        let (mut sensor, mut rng) = (Sensor::new(), Rng::new(1));
        for i in 0..3000 {
            let sight = sensor.step(temperature(i, &mut rng), Some(i * MINUTE));
            assert_eq!(sight, Sight::GOOD, "{i}");
        }
        (sensor, rng, 3000)
    }

    fn temperature(i: i64, rng: &mut Rng) -> f32 {
        let day = (i % 1440) as f32 / 1440.0;
        20.0 + 40.0 * day * (1.0 - day) + 0.1 * rng.normal()
    }

    /// The faults of these readings, each with how many of them.
    fn told(sensor: &mut Sensor, start: i64, values: impl IntoIterator<Item = f32>) -> Vec<(Fault, usize)> {
        let mut told: Vec<(Fault, usize)> = Vec::new();
        for (i, value) in values.into_iter().enumerate() {
            let Some(fault) = sensor.step(value, Some((start + i as i64) * MINUTE)).fault else { continue };
            match told.last_mut().filter(|(last, _)| *last == fault) {
                Some((_, readings)) => *readings += 1,
                None => told.push((fault, 1)),
            }
        }
        told
    }

    #[test]
    fn each_fault_is_told_for_as_long_as_it_lasts() {
        let (sensor, rng, start) = taught();
        let good = |n: i64| {
            (0..n).map({
                let mut rng = rng.clone();
                move |i| temperature(3000 + i, &mut rng)
            })
        };
        let mut rng = rng.clone();
        let last = good(1).next().unwrap();
        let mut hardly = || last + 0.001 * rng.normal();
        let flat: Vec<f32> = (0..100).map(|_| hardly()).collect();
        let cases: [Case<'_>; 9] = [
            ("nothing", Vec::new(), &[]),
            ("stuck", [last; 60].into(), &[(Fault::Stuck, 61 - 24)]),
            ("stuck for a moment", [last; 20].into(), &[]),
            ("flat", flat, &[(Fault::Flat, 47)]),
            ("a cut wire", [-127.0; 5].into(), &[(Fault::DropOut, 5)]),
            ("full scale of its own", [143.7; 9].into(), &[(Fault::DropOut, 7)]),
            ("spike", [300.0, 290.0].into(), &[(Fault::Spike, 1)]),
            ("real", [70.0, 70.4, 69.8, 70.1, 70.2].into(), &[]),
            ("Fahrenheit", good(100).map(|x| 1.8 * x + 32.0).collect(), &[(Fault::UnitChange, 77)]),
        ];
        for (name, values, wanted) in cases {
            let mut sensor = sensor;
            let start = start + 1;
            sensor.step(last, Some((start - 1) * MINUTE));
            let count = values.len() as i64;
            let seen = told(&mut sensor, start, values.into_iter().chain(good(200).skip(1)));
            assert_eq!(seen, wanted, "{name}, {count}");
            assert!(sensor.finding().is_none() && sensor.is_valid(), "{name}");
        }
    }

    #[test]
    fn times_tell_of_gaps_and_of_clocks() {
        let (mut sensor, ..) = taught();
        let at = |sensor: &mut Sensor, minutes: i64| sensor.step(20.0, Some(minutes * MINUTE)).fault;
        assert_eq!(at(&mut sensor, 3000), None);
        assert_eq!(at(&mut sensor, 3012), Some(Fault::Gap));
        assert_eq!(at(&mut sensor, 3013), None);
        assert_eq!(at(&mut sensor, 2900), Some(Fault::ClockJump));
        assert_eq!(at(&mut sensor, 2901), None);
    }

    #[test]
    fn what_is_accepted_is_no_fault_again() {
        let (sensor, mut rng, start) = taught();
        for fault in [-127.0, 23.0] {
            let mut sensor = sensor;
            assert_eq!(told(&mut sensor, start, [fault; 60]).len(), 1);
            sensor.accept();
            let usual: Vec<f32> = (0..600).map(|i| temperature(i, &mut rng)).collect();
            assert_eq!(told(&mut sensor, start + 60, [fault; 60].into_iter().chain(usual)), [], "{fault}");
            assert_eq!(told(&mut sensor, start + 720, [fault; 60]), [], "{fault}");
        }
    }

    #[test]
    fn zero_is_a_fault_three_times_and_then_the_channels_own() {
        let (mut sensor, mut rng, start) = taught();
        let mut rounds = 0;
        for round in 0..6 {
            let usual = (0..50).map(|i| temperature(i, &mut rng));
            rounds += told(&mut sensor, start + 60 * round, [0.0; 10].into_iter().chain(usual)).len();
        }
        assert_eq!(rounds, 3);
    }

    #[test]
    fn what_repeats_jumps_or_bursts_by_nature_is_left_alone() {
        let (mut walk, mut total) = (0.0, 0.0);
        let mut natures: [(&str, Nature<'_>); 8] = [
            ("constant", &mut |_, _| 5.0),
            ("on and off", &mut |i, _| f32::from(u8::from(i / 700 % 3 == 0))),
            ("quantised", &mut |i, rng| {
                math::round(20.0 + 4.0 * math::sin(i as f32 / 200.0) + 0.1 * rng.normal())
            }),
            ("pump, off at weekends", &mut |i, rng| {
                if i / 1440 % 7 < 5 && i % 20 < 10 { 50.0 + rng.normal() } else { 0.0 }
            }),
            ("random walk", &mut |_, rng| {
                walk += 0.1 * rng.normal();
                walk
            }),
            ("counter", &mut |_, rng| {
                total += (rng.next_u64() % 3) as f32;
                total
            }),
            ("events", &mut |_, rng| {
                if rng.next_u64().is_multiple_of(50) { (rng.next_u64() % 100) as f32 } else { 0.0 }
            }),
            ("setpoint", &mut |i, _| (i / 333 % 7) as f32),
        ];
        for (name, value) in &mut natures {
            let (mut sensor, mut rng) = (Sensor::new(), Rng::new(7));
            let rings = (0..40_000).filter(|&i| {
                sensor.step(value(i, &mut rng), Some(i * MINUTE)).fault.is_some_and(Fault::rings)
            });
            assert_eq!(rings.count(), 0, "{name}");
        }
    }

    #[test]
    fn any_numbers_at_any_times_leave_a_possible_state() {
        let mut rng = Rng::new(3);
        let mut sensor = Sensor::new();
        let extremes = [0.0, -0.0, 1e-45, f32::MAX, f32::MIN, 1.0, -127.0, 65_535.0, 1e18, -1e18];
        for _ in 0..200_000 {
            let value = extremes[(rng.next_u64() % 10) as usize];
            let time = [None, Some(i64::MIN), Some(i64::MAX), Some(rng.next_u64() as i64 >> 20)];
            sensor.step(value, time[(rng.next_u64() % 4) as usize]);
            if rng.next_u64().is_multiple_of(1000) {
                sensor.accept();
            }
            assert!(sensor.is_valid(), "{sensor:?}");
        }
    }
}
