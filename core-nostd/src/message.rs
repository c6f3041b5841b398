//! What devices and gateways tell each other, each message in a [`frame`](crate::frame). Variants and fields are only ever
//! appended: their order is the wire format.

use heapless::String;
use serde::{Deserialize, Serialize};

use crate::anomaly::Because;
use crate::math;
use crate::monitor::Verdict;
use crate::sensor::Fault;
use crate::snapshot;
use crate::stats::Variance;
use crate::traits::{Learner, Statistic};
use crate::transfer::{Offer, Piece, Want};

/// A name on the wire: at most 32 bytes of UTF-8.
/// ```
/// use brooklet_core::message::Label;
/// assert!(Label::try_from("temperature").is_ok());
/// assert!(Label::try_from("a name of more than thirty-two bytes").is_err());
/// ```
pub type Label = String<32>;

/// From a device to its gateway.
/// ```
/// use brooklet_core::{frame, message::{Message, Reading}};
/// let message = Message::Reading(Reading { channel: "temp".try_into().unwrap(), time: None, value: 21.5 });
/// let mut buffer = [0; frame::MAX];
/// let bytes = frame::encode(7, &message, &mut buffer).unwrap();
/// assert_eq!(bytes.len(), 16); // sequence 1, kind 1, name 1 + 4, no time 1, value 4, checksum 4
/// assert_eq!(frame::decode(bytes), Ok((7, message)));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Message {
    /// The first word after power-on, and the answer to [`Command::Identify`].
    Hello(Hello),
    /// A reading, for the gateway to learn from.
    Reading(Reading),
    /// A window of readings in a few figures, for the gateway to learn from.
    Summary(Summary),
    /// What a device that learns by itself made of a reading.
    Judged(Judged),
    /// What became of a command.
    Done(Done),
    /// A model for the gateway.
    Offer(Offer),
    /// Pieces of the gateway's model.
    Want(Want),
    /// A piece of the device's model.
    Piece(Piece),
    /// What a device that learns by itself made of a reading while its sensor is at fault.
    Faulty(Faulty),
}

impl From<Judged> for Message {
    fn from(judged: Judged) -> Self {
        match judged.verdict.fault {
            None => Self::Judged(judged),
            Some(fault) => Self::Faulty(Faulty { judged, fault }),
        }
    }
}

/// Who speaks.
/// ```
/// use brooklet_core::message::{Hello, Mode};
/// let hello = Hello { device: "pico-1".try_into().unwrap(), version: 2, mode: Mode::Verdicts };
/// assert_eq!(postcard::to_slice(&hello, &mut [0; 64]).unwrap().len(), 9);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The device's name.
    pub device: Label,
    /// [`VERSION`] of its messages.
    pub version: u8,
    /// What it sends.
    pub mode: Mode,
}

/// The version of these messages.
/// ```
/// assert_eq!(brooklet_core::message::VERSION, 2);
/// ```
pub const VERSION: u8 = 2;

/// Who does which part of the work.
/// ```
/// assert_eq!(postcard::to_slice(&brooklet_core::message::Mode::Verdicts, &mut [0; 1]).unwrap(), [2]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Readings go up; the gateway learns.
    #[default]
    Raw,
    /// Windows go up in a few figures; the gateway learns from those.
    Features,
    /// The device learns; verdicts go up.
    Verdicts,
}

/// One value of one channel.
/// ```
/// use brooklet_core::message::Reading;
/// let reading = Reading { channel: "temp".try_into().unwrap(), time: Some(0), value: 21.5 };
/// assert_eq!(postcard::to_slice(&reading, &mut [0; 64]).unwrap().len(), 11); // 1 + 4, 1 + 1, 4
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Which channel.
    pub channel: Label,
    /// Milliseconds since 1970-01-01, if the device has a clock.
    pub time: Option<i64>,
    /// The value; receivers refuse what is not finite.
    pub value: f32,
}

/// A reading and what the device made of it.
/// ```
/// use brooklet_core::{frame, message::{Judged, Message, Reading}, monitor::Verdict};
/// let reading = Reading { channel: "temp".try_into().unwrap(), time: None, value: 99.0 };
/// let verdict = Verdict { score: 3.5, level: 3.5, threshold: 2.2, fired: true, ended: false, fault: None };
/// let message = Message::Judged(Judged { reading, verdict, because: None, firing: true });
/// assert_eq!(frame::encode(1, &message, &mut [0; 64]).unwrap().len(), 32);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The reading.
    pub reading: Reading,
    /// The verdict.
    pub verdict: Verdict,
    /// The reasons, if an alert starts.
    pub because: Option<Because>,
    /// An alert is open now. Said each time, so that a message that is lost costs no alert and leaves none open.
    pub firing: bool,
}

/// As [`Judged`], while the sensor is at fault. A message of its own: a gateway that does not know it loses these alone.
/// ```
/// use brooklet_core::message::{Judged, Message, Reading};
/// use brooklet_core::{frame, monitor::Verdict, sensor::Fault};
/// let reading = Reading { channel: "temp".try_into().unwrap(), time: None, value: -127.0 };
/// let fault = Some(Fault::DropOut);
/// let verdict = Verdict { score: 5.0, level: 5.0, threshold: 2.2, fired: true, ended: false, fault };
/// let judged = Judged { reading, verdict, because: None, firing: true };
/// let mut buffer = [0; 64];
/// let bytes = frame::encode(1, &Message::from(judged.clone()), &mut buffer).unwrap();
/// let (_, Message::Faulty(faulty)) = frame::decode(bytes).unwrap() else { panic!() };
/// assert_eq!(faulty.judged(), judged);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Faulty {
    /// The reading and the verdict, in which the fault does not travel.
    pub judged: Judged,
    /// What is wrong.
    pub fault: Fault,
}

impl Faulty {
    /// The reading and the verdict, the fault in it.
    #[must_use]
    pub fn judged(&self) -> Judged {
        let mut judged = self.judged.clone();
        judged.verdict.fault = Some(self.fault);
        judged
    }
}

/// Some readings of a channel in a few figures.
/// ```
/// use brooklet_core::message::{Message, Summarizer};
/// let mut window = Summarizer::new();
/// for i in 0..3600_u16 { window.learn_one(f32::from(i % 60)); }
/// let summary = window.finish("vibration.x".try_into().unwrap(), Some(1_800_000_000_000)).unwrap();
/// assert_eq!((summary.count, summary.min, summary.max, summary.mean), (3600, 0.0, 59.0, 29.5));
/// let bytes = brooklet_core::frame::encode(65_535, &Message::Summary(summary), &mut [0; 64]).unwrap().len();
/// assert_eq!(bytes, 45); // an hour of 3,600 raw readings is over 64,000
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Which channel.
    pub channel: Label,
    /// Milliseconds since 1970-01-01 of the last reading, if the device has a clock.
    pub time: Option<i64>,
    /// Readings in the window, at least 1.
    pub count: u32,
    /// Their mean.
    pub mean: f32,
    /// Their standard deviation.
    pub sd: f32,
    /// The smallest.
    pub min: f32,
    /// The largest.
    pub max: f32,
}

impl Summary {
    /// Its figures as channels of their own: what is added to the channel's name, and the value.
    #[must_use]
    pub const fn figures(&self) -> [(&'static str, f32); 4] {
        [("mean", self.mean), ("sd", self.sd), ("min", self.min), ("max", self.max)]
    }
}

/// Readings on their way to a [`Summary`].
///
/// Memory: 32 bytes.
/// ```
/// use brooklet_core::message::Summarizer;
/// let mut window = Summarizer::new();
/// assert_eq!(window.finish("t".try_into().unwrap(), None), None);
/// window.learn_one(2.0);
/// let summary = window.finish("t".try_into().unwrap(), None).unwrap();
/// assert_eq!(summary.figures(), [("mean", 2.0), ("sd", 0.0), ("min", 2.0), ("max", 2.0)]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Summarizer {
    variance: Variance,
    min: f32,
    max: f32,
}

impl Summarizer {
    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        Self { variance: Variance::new(0), min: f32::MAX, max: f32::MIN }
    }

    /// Takes a reading in.
    pub fn learn_one(&mut self, value: f32) {
        let value = math::limit(value);
        self.variance.learn_one(&value);
        self.min = math::min(self.min, value);
        self.max = math::max(self.max, value);
    }

    /// Readings in the window.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.variance.count()
    }

    /// Closes the window and begins the next; `None` if it is empty.
    pub fn finish(&mut self, channel: Label, time: Option<i64>) -> Option<Summary> {
        let Self { variance, min, max } = core::mem::take(self);
        let (mean, sd) = (variance.mean()?, math::sqrt(variance.value().unwrap_or(0.0)));
        Some(Summary { channel, time, count: variance.count(), mean, sd, min, max })
    }
}

impl Default for Summarizer {
    fn default() -> Self {
        Self::new()
    }
}

/// From a gateway to a device, answered by [`Done`] with the same number.
/// ```
/// use brooklet_core::{frame, message::{Command, Mode, Request}};
/// let request = Request { number: 3, command: Command::SetMode(Mode::Features) };
/// let mut buffer = [0; frame::MAX];
/// let bytes = frame::encode(0, &request, &mut buffer).unwrap();
/// assert_eq!((bytes.len(), frame::decode(bytes)), (8, Ok((0, request))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Tells requests apart; a device answers a repeated one again, without doing it again. What belongs to a transfer
    /// ([`Command::Want`], [`Command::Piece`]) carries the number of the request that began it.
    pub number: u16,
    /// What to do.
    pub command: Command,
}

/// What a device can be told.
/// ```
/// use brooklet_core::message::Command;
/// assert_eq!(postcard::to_slice(&Command::Identify, &mut [0; 1]).unwrap(), [0]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Say [`Message::Hello`].
    Identify,
    /// Split the work in another way.
    SetMode(Mode),
    /// Forget what this channel learnt.
    Reset(Label),
    /// Send this channel's model: [`Message::Offer`] follows.
    SendModel(Label),
    /// Here is a model: ask for its pieces; [`Done`] follows when it is loaded or refused.
    Offer(Offer),
    /// Pieces of the device's model are wanted; answered by the pieces, not by [`Done`].
    Want(Want),
    /// A piece of the gateway's model; not answered.
    Piece(Piece),
}

/// What became of a request.
/// ```
/// use brooklet_core::message::{Done, Refusal};
/// let done = Done { number: 3, result: Err(Refusal::UnknownChannel) };
/// assert_eq!(postcard::to_slice(&done, &mut [0; 8]).unwrap().len(), 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The request's number.
    pub number: u16,
    /// Done, or why not.
    pub result: Result<(), Refusal>,
}

/// Why a device did not do what it was told.
/// ```
/// use brooklet_core::{message::Refusal, snapshot};
/// let refusal = Refusal::Model(snapshot::Error::Damaged);
/// assert_eq!(refusal.to_string(), "the snapshot is damaged: its checksum does not hold");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Refusal {
    /// It has no such channel.
    UnknownChannel,
    /// The model is longer than it has room for.
    TooLong,
    /// The pieces arrived, but not as they were sent.
    Damaged,
    /// The model is not one that it can run.
    Model(snapshot::Error),
    /// Its flash could not be written: the model runs, but not beyond the next power-off.
    Storage,
    /// It does not know the command.
    Unsupported,
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::UnknownChannel => f.write_str("the device has no such channel"),
            Self::TooLong => f.write_str("the model is longer than the device has room for"),
            Self::Damaged => f.write_str("the model was damaged on its way"),
            Self::Model(error) => error.fmt(f),
            Self::Storage => f.write_str("the device runs the model, but could not keep it in its flash"),
            Self::Unsupported => f.write_str("the device does not know this command"),
        }
    }
}

impl core::error::Error for Refusal {}
