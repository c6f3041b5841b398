//! What travels between devices and gateways: the same types as postcard on a serial line and as JSON over MQTT.

use heapless::String;
use serde::{Deserialize, Serialize};

use crate::monitor::Verdict;

/// A channel's name on the wire: at most 32 bytes of UTF-8.
/// ```
/// use brooklet_core::message::Label;
/// assert!(Label::try_from("temperature").is_ok());
/// assert!(Label::try_from("a name of more than thirty-two bytes").is_err());
/// ```
pub type Label = String<32>;

/// What a device sends. Variants are only ever appended: their order is the wire format.
/// ```
/// use brooklet_core::message::{Label, Message, Reading};
/// let reading = Reading { sequence: 7, channel: "temp".try_into().unwrap(), time: None, value: 21.5 };
/// let mut frame = [0; 64];
/// let bytes = postcard::to_slice(&Message::Reading(reading.clone()), &mut frame).unwrap();
/// assert_eq!(bytes.len(), 12);
/// assert_eq!(postcard::from_bytes::<Message>(bytes), Ok(Message::Reading(reading)));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Message {
    /// A reading, for the gateway to learn from.
    Reading(Reading),
    /// A verdict of a device that learns by itself.
    Judged(Judged),
}

/// One value of one channel.
/// ```
/// use brooklet_core::message::Reading;
/// let reading = Reading { sequence: 7, channel: "temp".try_into().unwrap(), time: None, value: 21.5 };
/// assert_eq!(postcard::to_slice(&reading, &mut [0; 64]).unwrap().len(), 11); // 1, 1 + 4, 1, 4
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Counts up by one a message and wraps; tells losses and repeats.
    pub sequence: u32,
    /// Which channel.
    pub channel: Label,
    /// Milliseconds since 1970-01-01, if the device has a clock.
    pub time: Option<i64>,
    /// The value; receivers refuse what is not finite.
    pub value: f32,
}

/// A reading and what the device made of it.
/// ```
/// use brooklet_core::message::{Judged, Message, Reading};
/// use brooklet_core::monitor::Verdict;
/// let reading = Reading { sequence: 7, channel: "temp".try_into().unwrap(), time: None, value: 99.0 };
/// let verdict = Verdict { score: 3.5, level: 3.5, threshold: 2.2, fired: true, ended: false };
/// let message = Message::Judged(Judged { reading, verdict });
/// let mut frame = [0; 64];
/// let bytes = postcard::to_slice(&message, &mut frame).unwrap();
/// assert_eq!((bytes.len(), postcard::from_bytes(bytes)), (26, Ok(message)));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The reading.
    pub reading: Reading,
    /// The verdict.
    pub verdict: Verdict,
}
