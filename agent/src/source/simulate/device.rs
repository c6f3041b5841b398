//! The table of the works: its devices, their channels, and what each sensor can show.

/// One sensor: what it is called, and what its transmitter can show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channel {
    /// The name in the payload, for example `vibration`.
    pub name: &'static str,
    /// The unit as SenML (RFC 8428) writes it where it has one, for example `Cel`; else as people do.
    pub unit: &'static str,
    /// Decimals in the payload: the sensor's resolution.
    pub decimals: usize,
    /// The transmitter's range; no reading lies outside.
    pub range: (f64, f64),
}

/// One device of the works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Device {
    /// The name in the topic, for example `pump-1`.
    pub name: &'static str,
    /// Its sensors, in the order of the payload.
    pub channels: &'static [Channel],
}

impl Channel {
    /// The unit as people write it: `°C` for `Cel`, `%` for `%RH`, `m³/h` for `m3/h`.
    #[must_use]
    pub fn unit_for_people(&self) -> &'static str {
        match self.unit {
            "Cel" => "°C",
            "%RH" => "%",
            "m3/h" => "m³/h",
            other => other,
        }
    }
}

impl Device {
    /// The place of a channel in this device's row.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<usize> {
        self.channels.iter().position(|c| c.name == name)
    }
}

const fn channel(name: &'static str, unit: &'static str, decimals: usize, range: (f64, f64)) -> Channel {
    Channel { name, unit, decimals, range }
}

const PUMP: [Channel; 5] = [
    channel("vibration", "mm/s", 2, (0.0, 25.0)),
    channel("temperature", "Cel", 1, (0.0, 150.0)),
    channel("flow", "m3/h", 1, (0.0, 500.0)),
    channel("pressure", "bar", 2, (0.0, 16.0)),
    channel("power", "kW", 1, (0.0, 75.0)),
];
/// A smaller pump without a power meter.
const METERLESS: [Channel; 4] = [PUMP[0], PUMP[1], PUMP[2], PUMP[3]];
const COLD_ROOM: [Channel; 3] = [
    channel("temperature", "Cel", 1, (-30.0, 60.0)),
    channel("humidity", "%RH", 1, (0.0, 100.0)),
    channel("power", "kW", 2, (0.0, 10.0)),
];
const AIR: [Channel; 2] =
    [channel("pressure", "bar", 2, (0.0, 16.0)), channel("flow", "m3/h", 1, (0.0, 800.0))];

/// How many of [`DEVICES`], from the first on, are pumps.
pub(super) const PUMPS: usize = 5;
/// The cold room's place in [`DEVICES`].
pub(super) const COLD_ROOM_AT: usize = 5;
/// The compressed-air line's place in [`DEVICES`].
pub(super) const AIR_AT: usize = 6;

/// Every device of the works.
pub(super) static DEVICES: [Device; 7] = [
    Device { name: "pump-1", channels: &PUMP },
    Device { name: "pump-2", channels: &METERLESS },
    Device { name: "pump-3", channels: &PUMP },
    Device { name: "pump-4", channels: &METERLESS },
    Device { name: "pump-5", channels: &PUMP },
    Device { name: "cold-room", channels: &COLD_ROOM },
    Device { name: "air", channels: &AIR },
];
