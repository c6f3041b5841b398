//! What can go wrong in the works, how bad it is, and how long it lasts.
//!
//! Magnitudes are what a maintenance engineer would call a fault; none was chosen by looking at a detector.

use std::fmt;

use super::device::{AIR_AT, COLD_ROOM_AT, DEVICES, PUMPS};
use super::random::Random;
use super::works::HOUR;
use crate::reading::Timestamp;

/// The kinds of fault that the works knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// A pump's bearing spalls: vibration grows exponentially over 24 to 48 h to 5-8 mm/s RMS at full speed: zone D
    /// of ISO 20816-3 ("severe enough to cause damage", above 4.5 for 15-300 kW on a rigid foundation); past
    /// 40 % of the way the housing warms as well, by 24 K in the end, towards the usual 80-90 degrees limit.
    BearingWear,
    /// A filter behind the pump clogs over 10 to 14 h and stays so until it is changed: flow falls by 25 to
    /// 40 %, pressure rises along the pump's curve, power falls. Filters are changed at a loss of about 1 bar.
    BlockedFilter,
    /// A transmitter of a pump repeats its last value for 18 to 30 h while the load moves.
    StuckSensor,
    /// A torn hose: 70 to 130 m3/h more flow, a hole of 4 to 6 mm at 7 bar, and 0.3 to 1 bar less pressure
    /// at the end of the line, for 4 to 9 h. Tools are rated at 6.3 bar.
    AirLeak,
    /// One or two wild readings of a pump's sensor, at 85 to 100 % of the transmitter's range, as a loose
    /// wire or a burst of interference gives.
    Spike,
    /// The cold room's door stays open for 2 to 4 h after work: towards 10 degrees, where chilled goods are
    /// kept at 7 at most.
    DoorOpen,
    /// The cold room's compressor stops for 4 to 8 h: its power is gone, the room warms through its walls.
    CompressorFailure,
}

impl FaultKind {
    /// Every kind, in the order of the declaration.
    pub const ALL: [Self; 7] = [
        Self::BearingWear,
        Self::BlockedFilter,
        Self::StuckSensor,
        Self::AirLeak,
        Self::Spike,
        Self::DoorOpen,
        Self::CompressorFailure,
    ];

    /// The name for people, for example `bearing wear`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BearingWear => "bearing wear",
            Self::BlockedFilter => "blocked filter",
            Self::StuckSensor => "stuck sensor",
            Self::AirLeak => "air leak",
            Self::Spike => "spike",
            Self::DoorOpen => "door left open",
            Self::CompressorFailure => "compressor failure",
        }
    }

    /// Shortest and longest duration in hours. A spike's are readings of five minutes.
    fn hours(self) -> (f64, f64) {
        match self {
            Self::BearingWear => (24.0, 48.0),
            Self::BlockedFilter => (12.0, 18.0),
            Self::StuckSensor => (18.0, 30.0),
            Self::AirLeak => (4.0, 9.0),
            Self::Spike => (1.0 / 12.0, 2.0 / 12.0),
            Self::DoorOpen => (2.0, 4.0),
            Self::CompressorFailure => (4.0, 8.0),
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One labelled fault: from `start` on the data shows it, at `end` it is repaired.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The device that has it.
    pub device: &'static str,
    /// The channels that show it, the clearest first.
    pub channels: Vec<&'static str>,
    /// What it is.
    pub kind: FaultKind,
    /// The first moment of it.
    pub start: Timestamp,
    /// The repair: the first moment without it. Heat and cold still need an hour or two to settle.
    pub end: Timestamp,
    /// One plain sentence with its magnitude.
    pub description: String,
    /// The kind's own measure: mm/s, share of the flow, m3/h or the wild value.
    pub(super) magnitude: f64,
}

impl Fault {
    /// Whether the fault is there at `time`.
    #[must_use]
    pub fn is_active(&self, time: Timestamp) -> bool {
        self.start <= time && time < self.end
    }

    /// What the machine needs to know of the fault at `time`; `None` outside of it.
    pub(super) fn at(&self, time: Timestamp) -> Option<Active> {
        self.is_active(time).then(|| Active {
            kind: self.kind,
            progress: (time.0 - self.start.0) as f64 / (self.end.0 - self.start.0) as f64,
            elapsed_hours: (time.0 - self.start.0) as f64 / HOUR as f64,
            magnitude: self.magnitude,
        })
    }

    /// Draws a fault of `kind` that starts at `start`: where, how bad, how long.
    pub(super) fn draw(kind: FaultKind, start: Timestamp, random: &mut Random) -> Self {
        use FaultKind as K;
        let (short, long) = kind.hours();
        let device = match kind {
            K::DoorOpen | K::CompressorFailure => COLD_ROOM_AT,
            K::AirLeak => AIR_AT,
            _ => random.below(PUMPS),
        };
        let device = &DEVICES[device];
        let one = device.channels[random.below(device.channels.len())];
        let share = random.uniform();
        let between = |low: f64, high: f64| low + (high - low) * share;
        let duration = if kind == K::Spike {
            if random.uniform() < 0.5 { short } else { long }
        } else {
            random.between(short, long)
        };
        let (channels, magnitude, description): (&[&'static str], f64, String) = match kind {
            K::BearingWear => {
                let m = between(5.0, 8.0);
                let text =
                    format!("vibration grows to about {m:.1} mm/s at full speed, then the bearing warms");
                (&["vibration", "temperature"], m, text)
            }
            K::BlockedFilter => {
                let m = between(0.25, 0.4);
                let text = format!("flow falls by {:.0} %, pressure rises, power falls", m * 100.0);
                (&["flow", "pressure", "power"], m, text)
            }
            K::StuckSensor => {
                (&[one.name], 0.0, format!("{} repeats one value for {duration:.0} h", one.name))
            }
            K::AirLeak => {
                let m = between(70.0, 130.0);
                (&["flow", "pressure"], m, format!("a torn hose loses {m:.0} m³/h, the pressure falls"))
            }
            K::Spike => {
                let m = one.range.1 * between(0.85, 1.0);
                let text = format!("{} jumps to {m:.*} {}", one.name, one.decimals, one.unit_for_people());
                (&[one.name], m, text)
            }
            K::DoorOpen => (
                &["temperature", "humidity", "power"],
                0.0,
                format!("the door stays open for {duration:.1} h, the room warms and gets damp"),
            ),
            K::CompressorFailure => (
                &["temperature", "power", "humidity"],
                0.0,
                format!("the compressor stands for {duration:.1} h, the room warms"),
            ),
        };
        let end = Timestamp(start.0 + (duration * HOUR as f64).round() as i64);
        let channels = channels.iter().copied().filter(|c| device.channel(c).is_some()).collect();
        Self { device: device.name, channels, kind, start, end, description, magnitude }
    }
}

/// A fault as the machine feels it at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Active {
    pub(super) kind: FaultKind,
    /// 0 at the start, 1 at the end.
    pub(super) progress: f64,
    pub(super) elapsed_hours: f64,
    pub(super) magnitude: f64,
}
