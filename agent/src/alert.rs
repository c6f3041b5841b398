//! What goes upstream: an alert, its life cycle, and the sentence that explains it.

use std::fmt::{self, Write as _};

use brooklet_core::anomaly::{Because, EXPERT_NAMES, JOINT_EXPERT_NAMES, Part};
use brooklet_core::sensor::{Fault, Finding};
use serde::{Deserialize, Serialize};

use crate::reading::{ChannelId, DeviceId, Timestamp};

/// One alert of one channel; as JSON this is what subscribers receive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Stable over repeats: the same alert always has the same id.
    pub id: String,
    /// Whose channel.
    pub device: DeviceId,
    /// Which channel.
    pub channel: ChannelId,
    /// What kind of finding.
    pub kind: Kind,
    /// What is wrong with the sensor; null unless it is a sensor's fault.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// How strong the evidence is.
    pub severity: Severity,
    /// Where in its life it is.
    pub state: State,
    /// Time of the reading that started it, RFC 3339.
    #[serde(with = "rfc3339")]
    pub started_at: Timestamp,
    /// Time of the newest reading it takes account of.
    #[serde(with = "rfc3339")]
    pub updated_at: Timestamp,
    /// Time of the reading that ended it; null while it is firing.
    #[serde(with = "rfc3339_option")]
    pub ended_at: Option<Timestamp>,
    /// Strongest evidence so far, in powers of ten: "once in 10^score readings of what was seen".
    pub score: f32,
    /// Evidence now.
    pub level: f32,
    /// Evidence that it took to fire.
    pub threshold: f32,
    /// Share of the channel's budget of alerts that is used, this one included, 1 for all; null where the device judges.
    #[serde(default)]
    pub budget_used: Option<f32>,
    /// The value that started it.
    pub value: f32,
    /// What was expected instead.
    pub expected: Expected,
    /// Unit of `value` and `expected`, if configured.
    pub unit: Option<String>,
    /// Why.
    pub because: Reasons,
    /// Which model says so.
    pub model: ModelTag,
    /// Counts the messages about this alert, from 1; a repeat carries the same number.
    pub sequence: u32,
}

/// The kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Readings that do not belong to what was learnt.
    Anomaly,
    /// The sensor, or the way from it, is at fault: its readings say nothing and are not learnt.
    SensorFault,
}

/// How strong the evidence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Enough to fire.
    Warning,
    /// At least [`Severity::CRITICAL`].
    Critical,
}

impl Severity {
    /// Evidence from which an alert is critical: once in 30,000 readings, or never near before.
    pub const CRITICAL: f32 = 4.5;

    /// As in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The severity that this evidence deserves.
    #[must_use]
    pub fn of(score: f32) -> Self {
        if score >= Self::CRITICAL { Self::Critical } else { Self::Warning }
    }
}

/// Where in its life an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It holds.
    Firing,
    /// It is over, or another one of the same channel took its place.
    Resolved,
}

/// The expected value and where values usually lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// The value expected.
    pub value: f32,
    /// Lower end of the band.
    pub low: f32,
    /// Upper end of the band.
    pub high: f32,
}

/// Why an alert fired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reasons {
    /// One plain sentence.
    pub sentence: String,
    /// What each expert contributes, largest first; those without evidence are left out.
    pub experts: Vec<Contribution>,
}

/// What one expert contributes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The expert's name.
    pub expert: String,
    /// Its evidence in powers of ten.
    pub evidence: f32,
    /// Its share of the score, 0 to 1.
    pub share: f32,
}

/// Which model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelTag {
    /// The detector's name in configuration files; [`DEVICE`](Self::DEVICE) if the device judged by itself.
    pub name: String,
    /// Brooklet's version; empty for a device's own verdict.
    pub version: String,
    /// Digest of the configuration under which it learns, as eight hexadecimal digits; empty for a device's own verdict.
    pub digest: String,
}

impl ModelTag {
    /// Stands for the model on a device.
    pub const DEVICE: &'static str = "device";

    /// The device's own verdict.
    pub(crate) fn device() -> Self {
        Self { name: Self::DEVICE.to_owned(), version: String::new(), digest: String::new() }
    }
}

/// What happened to an alert with one reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It began.
    Fired,
    /// It goes on, and it is time to say so again.
    Updated,
    /// It ended.
    Resolved,
}

/// A sensor's fault behind an alert.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blame {
    pub(crate) fault: Fault,
    /// In figures, if they are known.
    pub(crate) finding: Option<Finding>,
}

/// The moment an alert starts.
pub(crate) struct Onset<'a> {
    pub(crate) device: &'a DeviceId,
    pub(crate) channel: &'a ChannelId,
    pub(crate) at: Timestamp,
    pub(crate) value: f32,
    pub(crate) unit: Option<&'a str>,
    pub(crate) score: f32,
    pub(crate) threshold: f32,
    pub(crate) because: Because,
    pub(crate) blame: Option<Blame>,
    pub(crate) budget_used: Option<f32>,
    pub(crate) model: ModelTag,
    /// How many alerts this channel had before.
    pub(crate) number: u64,
}

/// The moment an alert of a whole device starts.
pub(crate) struct JointOnset<'a> {
    pub(crate) device: &'a DeviceId,
    /// Of the group.
    pub(crate) channel: &'a ChannelId,
    pub(crate) at: Timestamp,
    pub(crate) score: f32,
    pub(crate) threshold: f32,
    /// In the order of [`JOINT_EXPERT_NAMES`].
    pub(crate) evidence: [f32; JOINT_EXPERT_NAMES.len()],
    /// The channels that contribute most, largest first.
    pub(crate) channels: Vec<Named<'a>>,
    pub(crate) budget_used: f32,
    pub(crate) model: ModelTag,
    /// How many such alerts the device had before.
    pub(crate) number: u64,
}

/// A channel that contributes.
pub(crate) struct Named<'a> {
    pub(crate) name: &'a ChannelId,
    pub(crate) part: Part,
}

impl Alert {
    /// A firing alert of a whole device, whose value is that of the channel that contributes most. `None` if no channel
    /// does.
    pub(crate) fn fire_joint(onset: JointOnset<'_>) -> Option<Self> {
        let part = onset.channels.first()?.part;
        Some(Self {
            id: id(onset.device, onset.channel, onset.at, onset.number),
            device: onset.device.clone(),
            channel: onset.channel.clone(),
            kind: Kind::Anomaly,
            fault: None,
            severity: Severity::of(onset.score),
            state: State::Firing,
            started_at: onset.at,
            updated_at: onset.at,
            ended_at: None,
            score: onset.score,
            level: onset.score,
            threshold: onset.threshold,
            budget_used: Some(onset.budget_used),
            value: part.value,
            expected: Expected {
                value: part.expected,
                low: part.expected - 3.0 * part.sd,
                high: part.expected + 3.0 * part.sd,
            },
            unit: None,
            because: Reasons {
                sentence: joint_sentence(&onset),
                // Fused by the sum of their squares.
                experts: contributions(&JOINT_EXPERT_NAMES, &onset.evidence, 2),
            },
            model: onset.model,
            sequence: 1,
        })
    }

    /// A firing alert.
    pub(crate) fn fire(onset: Onset<'_>) -> Self {
        // Fused by the sum of their cubes.
        let experts = contributions(&EXPERT_NAMES, &onset.because.evidence, 3);
        let sentence = sentence(&onset, experts.first().map_or("", |first| first.expert.as_str()));
        let mut alert = Self {
            id: id(onset.device, onset.channel, onset.at, onset.number),
            device: onset.device.clone(),
            channel: onset.channel.clone(),
            kind: Kind::Anomaly,
            fault: None,
            severity: Severity::of(onset.score),
            state: State::Firing,
            started_at: onset.at,
            updated_at: onset.at,
            ended_at: None,
            score: onset.score,
            level: onset.score,
            threshold: onset.threshold,
            budget_used: onset.budget_used,
            value: onset.value,
            expected: Expected {
                value: onset.because.expected,
                low: onset.because.low,
                high: onset.because.high,
            },
            unit: onset.unit.map(str::to_owned),
            because: Reasons { sentence, experts },
            model: onset.model,
            sequence: 1,
        };
        if let Some(blame) = &onset.blame {
            alert.blame(blame);
        }
        alert
    }

    /// It is the sensor. True if that is news.
    pub(crate) fn blame(&mut self, blame: &Blame) -> bool {
        if self.fault.is_some() {
            return false;
        }
        (self.kind, self.fault) = (Kind::SensorFault, Some(blame.fault));
        self.because.sentence = format!("{} {} {}", self.device, self.channel, self.accusation(blame));
        true
    }

    /// What is wrong with the sensor, as the end of a sentence.
    fn accusation(&self, Blame { fault, finding }: &Blame) -> String {
        let digits = decimals(self.expected.high - self.expected.low);
        let unit = self.unit.as_deref();
        let value = Number { value: self.value, digits, unit };
        // To the bit: that is what is wrong with it.
        let exact = format!("{}{}", self.value, unit.map(|unit| format!(" {unit}")).unwrap_or_default());
        match (fault, finding) {
            (Fault::Stuck, Some(finding)) => {
                let (lasted, usual) = match (finding.millis, finding.usual_millis) {
                    (Some(millis), Some(usual)) => (lasting(millis), lasting(usual)),
                    _ => (readings(finding.readings), readings(finding.usual)),
                };
                format!(
                    "has been stuck at {exact} for {lasted}; it never stood still for more than {usual} before."
                )
            }
            (Fault::Stuck, None) => format!("is stuck at {exact}, as the device itself finds."),
            (Fault::Flat, _) => {
                format!("hardly moves any more at {value}: less than a twentieth of the calmest it ever was.")
            }
            (Fault::DropOut, _) => format!(
                "has dropped out: {exact} looks like no reading at all, but a code or the end of the scale."
            ),
            (Fault::Spike, _) => {
                format!("was {value} for a moment and is back: a spike, further than it ever moved.")
            }
            (Fault::UnitChange, Some(Finding { unit: Some((times, plus)), .. })) => {
                let plus = if *plus == 0.0 { String::new() } else { format!(" plus {plus}") };
                format!(
                    "goes on as before, but in another unit: its readings are {times} times the former{plus}."
                )
            }
            (Fault::UnitChange, _) => "goes on as before, but in another unit.".to_owned(),
            _ => format!("is at fault: {}.", fault.name()),
        }
    }

    /// The device found it, not this side's model.
    pub(crate) fn is_by_device(&self) -> bool {
        self.model.name == ModelTag::DEVICE
    }

    /// Takes in the level of a further reading.
    pub(crate) fn follow(&mut self, level: f32, at: Timestamp) {
        self.level = level;
        self.score = self.score.max(level);
        self.severity = self.severity.max(Severity::of(level));
        self.updated_at = at.max(self.started_at);
    }

    /// Ends it; not before it began, even if a clock was set back since.
    pub(crate) fn resolve(&mut self, at: Timestamp) {
        let at = at.max(self.started_at);
        self.state = State::Resolved;
        self.updated_at = at;
        self.ended_at = Some(at);
        self.sequence = self.sequence.saturating_add(1);
    }
}

/// 64-bit FNV-1a of what makes an alert unique: no state, no clock, no randomness.
fn id(device: &DeviceId, channel: &ChannelId, at: Timestamp, number: u64) -> String {
    let text = format!("{device}\0{channel}\0{}\0{number}", at.0);
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

/// Of experts that were fused by the sum of their powers: these are the shares.
fn contributions(names: &[&str], evidence: &[f32], power: i32) -> Vec<Contribution> {
    let total: f32 = evidence.iter().filter(|e| **e > 0.0).map(|e| e.powi(power)).sum();
    let mut experts: Vec<Contribution> = names
        .iter()
        .zip(evidence)
        .filter(|(_, evidence)| **evidence > 0.0)
        .map(|(name, &evidence)| Contribution {
            expert: (*name).to_owned(),
            evidence,
            // A device may say what overflows.
            share: if total > 0.0 && total.is_finite() { evidence.powi(power) / total } else { 0.0 },
        })
        .collect();
    experts.sort_by(|a, b| b.evidence.total_cmp(&a.evidence));
    experts
}

/// For people who have a plant to run, not a statistics course to pass.
fn sentence(onset: &Onset<'_>, strongest: &str) -> String {
    let because = &onset.because;
    let digits = decimals(because.high - because.low);
    let number = |value: f32| Number { value, digits, unit: onset.unit };
    let mut text = format!("{} {} is {}", onset.device, onset.channel, number(onset.value));
    if strongest.is_empty() {
        return text + " - unusual, as the device itself finds.";
    }
    let finding = match strongest {
        "range" => " - further out than ever seen before",
        "seasonal" => " - unusual for this time of day",
        "cycle" => " - it does not follow its cycle",
        "shift_10" => " - the level of the last 10 readings has shifted",
        "shift_60" => " - the level of the last 60 readings has shifted",
        "unrest" if because.low <= onset.value && onset.value <= because.high => {
            " - it moves far less or far more than usual"
        }
        _ => " - unusual",
    };
    let band = (number(because.low), number(because.high));
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{finding}; expected about {} (usually {} to {}).",
        number(because.expected),
        band.0,
        band.1
    );
    text
}

/// A reading as people write it.
struct Number<'a> {
    value: f32,
    /// Behind the point.
    digits: usize,
    unit: Option<&'a str>,
}

impl fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, digits, unit } = self;
        match value.abs() {
            size if size != 0.0 && !(1e-4..1e7).contains(&size) => write!(f, "{value:.2e}")?,
            _ => write!(f, "{value:.digits$}")?,
        }
        unit.map_or(Ok(()), |unit| write!(f, " {unit}"))
    }
}

/// A time span in the largest unit of which there are at least two.
fn lasting(millis: f32) -> String {
    let seconds = millis / 1000.0;
    let units = [(86_400.0, "days"), (3600.0, "h"), (60.0, "min")];
    let (size, name) = units.into_iter().find(|(size, _)| seconds >= 2.0 * size).unwrap_or((1.0, "s"));
    format!("{:.0} {name}", seconds / size)
}

fn readings(count: u32) -> String {
    format!("{count} reading{}", if count == 1 { "" } else { "s" })
}

/// The same for a device: what does not go together, and what was expected instead.
fn joint_sentence(onset: &JointOnset<'_>) -> String {
    let mut text = format!("{} - its channels do not go together as usual: ", onset.device);
    for (i, Named { name, part }) in onset.channels.iter().enumerate() {
        let digits = decimals(6.0 * part.sd);
        let number = |value: f32| Number { value, digits, unit: None };
        let (comma, value, expected) =
            (if i > 0 { ", " } else { "" }, number(part.value), number(part.expected));
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}{name} is {value} (expected about {expected})");
    }
    text + "."
}

/// Digits behind the point that are worth showing for a band of this width: two of the width itself.
fn decimals(width: f32) -> usize {
    let magnitude = width.max(1e-6).log10().floor();
    (1.0 - magnitude).clamp(0.0, 6.0) as usize
}

mod rfc3339 {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::reading::Timestamp;

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time: jiff::Timestamp = text.parse().map_err(D::Error::custom)?;
        Ok(Timestamp(time.as_millisecond()))
    }
}

mod rfc3339_option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::reading::Timestamp;

    #[derive(Serialize, Deserialize)]
    struct Wrapped(#[serde(with = "super::rfc3339")] Timestamp);

    pub(super) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(Wrapped).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert() -> Alert {
        Alert::fire(Onset {
            device: &DeviceId("pump-1".into()),
            channel: &ChannelId("vibration".into()),
            at: Timestamp(1_700_000_000_000),
            value: 7.5,
            unit: Some("mm/s"),
            score: 4.6,
            threshold: 2.4,
            because: Because { evidence: [3.0, 0.0, 2.0, 0.0, 0.0, 0.0], expected: 2.0, low: 1.0, high: 3.0 },
            blame: None,
            budget_used: Some(0.1),
            model: ModelTag { name: "default".into(), version: "0".into(), digest: "0".into() },
            number: 0,
        })
    }

    #[test]
    fn says_what_where_and_why() {
        let alert = alert();
        assert_eq!(
            alert.because.sentence,
            "pump-1 vibration is 7.5 mm/s - further out than ever seen before; expected about 2.0 mm/s \
             (usually 1.0 mm/s to 3.0 mm/s)."
        );
        let names: Vec<_> = alert.because.experts.iter().map(|c| c.expert.as_str()).collect();
        assert_eq!(names, ["range", "shift_10"]);
        let shares: f32 = alert.because.experts.iter().map(|c| c.share).sum();
        assert!((shares - 1.0).abs() < 1e-6);
        assert_eq!(alert.severity, Severity::Critical);
    }

    #[test]
    fn json_round_trip_with_times_people_can_read() {
        let mut alert = alert();
        alert.resolve(Timestamp(1_700_000_060_500));
        let json = serde_json::to_string(&alert).unwrap();
        assert!(json.contains(r#""started_at":"2023-11-14T22:13:20Z""#), "{json}");
        assert!(json.contains(r#""ended_at":"2023-11-14T22:14:20.5Z""#), "{json}");
        assert_eq!(serde_json::from_str::<Alert>(&json).unwrap(), alert);
    }

    #[test]
    fn the_same_onset_has_the_same_id() {
        assert_eq!(alert().id, alert().id);
        assert_eq!(alert().id.len(), 16);
    }
}
