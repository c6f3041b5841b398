//! What the plant sends: readings with a time of their own, and verdicts of devices that judge themselves.

use brooklet::reading::Timestamp;
use brooklet_core::frame;
use brooklet_core::message::{Judged, Message, Reading};
use brooklet_core::monitor::Verdict;
use brooklet_tests::signal;

/// Between two readings of a device, in milliseconds.
const STEP: i64 = 400;

/// Readings of some devices in turn, one a message, the same ones every time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feed {
    pub(crate) devices: usize,
    pub(crate) readings: usize,
    begin: i64,
}

impl Feed {
    /// So many readings, the last of which was just measured.
    pub(crate) fn until_now(devices: usize, readings: usize) -> Self {
        let each = i64::try_from(readings / devices).expect("a number of readings");
        Self { devices, readings, begin: Timestamp::now().0 - each * STEP }
    }

    /// The `i`th message: topic and payload. Halfway each device has a fault.
    pub(crate) fn message(&self, i: usize) -> (String, Vec<u8>) {
        let (device, n) = (i % self.devices, i / self.devices);
        let half = self.readings / self.devices / 2;
        let time = self.begin + i64::try_from(n).expect("a number of readings") * STEP;
        let value = signal::shifted(n + 100 * device, &(half + 100 * device..half + 100 * device + 50));
        (format!("plant/d{device}"), format!(r#"{{"ts":{time},"temperature":{value:.2}}}"#).into_bytes())
    }
}

/// A frame of a device that judges itself: whether it has an alert open.
pub(crate) fn judged(sequence: u16, time: i64, firing: bool) -> Vec<u8> {
    let channel = "load".try_into().expect("a short name");
    let verdict =
        Verdict { score: 4.0, level: 4.0, threshold: 2.2, fired: firing, ended: !firing, fault: None };
    let reading = Reading { channel, time: Some(time), value: if firing { 9.0 } else { 1.0 } };
    let message = Message::Judged(Judged { reading, verdict, because: None, firing });
    frame::encode(sequence, &message, &mut [0; frame::MAX]).expect("it fits").to_vec()
}

/// Two numbers of a machine, in a message of about a hundred bytes.
pub(crate) fn machine(machine: usize, n: usize, time: i64) -> Vec<u8> {
    let i = n + 37 * machine;
    let (temperature, vibration) = (signal::healthy(i), signal::healthy(i + 50_000) / 10.0);
    let text = format!(
        r#"{{"ts":{time},"unit":"press-{machine}","temperature":{temperature:.2},"vibration":{{"rms":{vibration:.3}}}}}"#
    );
    text.into_bytes()
}

/// One number of a machine.
pub(crate) fn one(machine: usize, n: usize, time: i64) -> Vec<u8> {
    format!(r#"{{"ts":{time},"temperature":{:.2}}}"#, signal::healthy(n + 37 * machine)).into_bytes()
}
