//! Frames of devices: what of their messages is readings.

use std::borrow::Cow;

use brooklet_core::message::{Faulty, Message};

use super::Refusal;
use super::readings::{Readings, push_clean};
use crate::reading::Timestamp;

/// Kinds of messages that this version knows are fewer.
const KINDS: u8 = 32;

/// Bytes of the shortest frame: its number, the message's kind, the checksum. Four zeros would pass for the checksum of
/// nothing.
const SHORTEST: usize = 6;

/// False for text, which has no control characters behind its first letter: a cheap look before the checksum.
pub(super) fn may_be(payload: &[u8]) -> bool {
    match payload {
        _ if payload.len() < SHORTEST => false,
        // The sequence number is one byte, then comes the kind.
        [0..=0x7f, kind, ..] => *kind < KINDS && !kind.is_ascii_whitespace(),
        [first, ..] => *first >= 0x80,
        [] => false,
    }
}

/// A channel's name with what a topic cannot hold replaced, as in all payloads.
pub(crate) fn channel(label: &str) -> Cow<'_, str> {
    let mut name = String::new();
    push_clean(&mut name, if label.is_empty() { "_" } else { label });
    if name == label { Cow::Borrowed(label) } else { Cow::Owned(name) }
}

/// Whether a channel's name is that of a [`Message::Summary`]'s figure.
pub(crate) fn is_figure(channel: &str) -> bool {
    channel.rsplit_once('.').is_some_and(|(_, figure)| matches!(figure, "mean" | "sd" | "min" | "max"))
}

/// A device's time, unless it is none that can be written down (beyond the years -9999 to 9999).
pub(crate) fn time(millis: Option<i64>) -> Option<Timestamp> {
    millis.filter(|millis| jiff::Timestamp::from_millisecond(*millis).is_ok()).map(Timestamp)
}

/// The readings of a message; none if it has none.
pub(crate) fn readings(message: &Message, out: &mut Readings) -> Result<(), Refusal> {
    let (reading, time) = match message {
        Message::Reading(reading) => (reading, reading.time),
        Message::Judged(judged) | Message::Faulty(Faulty { judged, .. }) => {
            (&judged.reading, judged.reading.time)
        }
        Message::Summary(summary) => {
            if summary.count == 0 || summary.sd < 0.0 || summary.min > summary.max {
                return Err(Refusal::BadWindow);
            }
            out.begin_row()?;
            for (figure, value) in summary.figures() {
                out.push_named(&format!("{}.{figure}", channel(&summary.channel)), f64::from(value))?;
            }
            timed(summary.time, out);
            return Ok(());
        }
        _ => return Ok(()),
    };
    out.begin_row()?;
    out.push_named(&channel(&reading.channel), f64::from(reading.value))?;
    timed(time, out);
    Ok(())
}

fn timed(millis: Option<i64>, out: &mut Readings) {
    if let Some(time) = time(millis) {
        out.offer_time(0, time);
    }
    out.end_row();
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use brooklet_core::frame::{self, MAX};
    use brooklet_core::message::{Message, Reading, Summary};

    use super::super::Decoder;
    use super::super::tests::{decoded_by, listed};
    use super::*;

    fn framed(sequence: u16, message: &Message) -> Vec<u8> {
        frame::encode(sequence, message, &mut [0; MAX]).unwrap().to_vec()
    }

    fn reading(value: f32) -> Message {
        Message::Reading(Reading { channel: "t".try_into().unwrap(), time: Some(7), value })
    }

    #[test]
    fn frames_are_found_among_other_payloads() {
        for sequence in (0..300).chain([16_383, 16_384, u16::MAX]) {
            let payload = framed(sequence, &reading(1.5));
            for decoder in [Decoder::Auto, Decoder::Brooklet] {
                assert_eq!(decoder.frame(&payload), Some(Ok((sequence, reading(1.5)))), "{sequence}");
                assert_eq!(listed(&decoded_by(&decoder, &payload).0), [("t", Some(Timestamp(7)), 1.5)]);
            }
            assert_eq!(Decoder::Number.frame(&payload), None);
        }
        for text in ["1", "21.5", "{\"a\":1}", "[1,2]", " \n{}", "°C", "1\t", ""] {
            assert_eq!(Decoder::Auto.frame(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_damaged_or_unknown_is_told() {
        let mut payload = framed(3, &reading(1.5));
        let last = payload.len() - 1;
        payload[last] ^= 1;
        let name =
            |decoder: &Decoder, payload: &[u8]| decoder.frame(payload).map(|done| done.unwrap_err().name());
        assert_eq!(name(&Decoder::Brooklet, &payload), Some("frame_damaged"));
        assert_eq!(name(&Decoder::Brooklet, b"x"), Some("frame_truncated"));
        assert_eq!(name(&Decoder::Brooklet, &[0; 300]), Some("frame_too_long"));
        let unknown = frame::encode(3, &25_u8, &mut [0; MAX]).unwrap().to_vec();
        assert_eq!(name(&Decoder::Auto, &unknown), Some("frame_unknown"));
        assert_eq!(decoded_by(&Decoder::Auto, &payload).1.unwrap_err().name(), "not_utf8");
    }

    #[test]
    fn a_time_that_cannot_be_written_is_none() {
        for (millis, expected) in [(0, Some(Timestamp(0))), (i64::MIN, None), (-1_000_000_000_000_000, None)]
        {
            assert_eq!(time(Some(millis)), expected);
            let reading = Reading { channel: "t".try_into().unwrap(), time: Some(millis), value: 1.5 };
            let (out, _) = decoded_by(&Decoder::Brooklet, &framed(0, &Message::Reading(reading)));
            assert_eq!(listed(&out), [("t", expected, 1.5)]);
        }
    }

    #[test]
    fn a_summary_is_four_channels_and_what_is_not_finite_none() {
        let channel = "v.x".try_into().unwrap();
        let summary = Summary { channel, time: None, count: 3, mean: 2.0, sd: 1.0, min: 1.0, max: 3.0 };
        for wrong in [
            Summary { count: 0, ..summary.clone() },
            Summary { sd: -1.0, ..summary.clone() },
            Summary { min: 4.0, ..summary.clone() },
        ] {
            let refused = decoded_by(&Decoder::Auto, &framed(0, &Message::Summary(wrong))).1;
            assert_eq!(refused, Err(Refusal::BadWindow));
        }
        let (out, _) = decoded_by(&Decoder::Auto, &framed(0, &Message::Summary(summary)));
        let expected =
            [("v.x.mean", None, 2.0), ("v.x.sd", None, 1.0), ("v.x.min", None, 1.0), ("v.x.max", None, 3.0)];
        assert_eq!(listed(&out), expected);
        assert_eq!(decoded_by(&Decoder::Auto, &framed(0, &reading(f32::NAN))).1, Err(Refusal::NonFinite));
    }
}
