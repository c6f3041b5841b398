//! Why a payload was not turned into readings.

use brooklet_core::frame;

use super::{MAX_DEPTH, MAX_FIELDS, MAX_KEYS, MAX_PAYLOAD, MAX_ROWS, MAX_STRING, MAX_TOPIC};

/// The reason for which a payload is refused as a whole.
///
/// [`name`](Self::name) is what counters are labelled with: stable, `snake_case`, one a variant. The text
/// says what to do about it. `at` is a byte offset into the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No bytes, or nothing but white space.
    #[error("the payload is empty")]
    Empty,
    /// Longer than [`MAX_PAYLOAD`].
    #[error("the payload has {bytes} bytes, more than the {MAX_PAYLOAD} that are read")]
    TooLarge {
        /// The payload's length.
        bytes: usize,
    },
    /// Not UTF-8, so neither text nor JSON.
    #[error("byte {at} is not UTF-8: is this a binary format, or compressed?")]
    NotUtf8 {
        /// Where the first wrong byte stands.
        at: usize,
    },
    /// Breaks the grammar of JSON.
    #[error("not valid JSON at byte {at}")]
    NotJson {
        /// Where reading stopped.
        at: usize,
    },
    /// Objects and arrays inside each other beyond [`MAX_DEPTH`].
    #[error("objects or arrays are nested more than {MAX_DEPTH} deep at byte {at}")]
    TooDeep {
        /// The bracket that is one too deep.
        at: usize,
    },
    /// More than [`MAX_FIELDS`] numbers in one sample, or more than [`MAX_KEYS`] keys in one object.
    #[error(
        "a sample has more than {MAX_FIELDS} numbers, or an object more than {MAX_KEYS} keys: name the wanted ones in `channels`"
    )]
    TooManyFields,
    /// More than [`MAX_ROWS`] samples in one array.
    #[error("the array has more than {MAX_ROWS} samples: send it in parts")]
    TooManyRows,
    /// A key, a dotted channel name or a time longer than [`MAX_STRING`].
    #[error("a key, channel name or time has more than {MAX_STRING} bytes")]
    StringTooLong,
    /// One key twice in one object: which of the values is meant cannot be known.
    #[error("a key stands twice in one object before byte {at}")]
    DuplicateKey {
        /// Just behind the second one.
        at: usize,
    },
    /// Text that is neither a number nor one of the on/off words.
    #[error("the text is neither a number nor an on/off word (decimals take a point, not a comma)")]
    NotANumber,
    /// NaN, infinity, or a number beyond the range of an `f32`.
    #[error("a number is NaN, infinite or beyond 3.4e38")]
    NonFinite,
    /// A row of an array of arrays is not a time and a number.
    #[error("row {row} of the array is not a [time, number] pair")]
    BadRow {
        /// Counted from zero.
        row: usize,
    },
    /// Not a frame of a device.
    #[error("{0}")]
    Frame(frame::Error),
    /// On a topic longer than [`MAX_TOPIC`].
    #[error("the topic has more than {MAX_TOPIC} bytes")]
    TopicTooLong,
    /// Frames of more devices than channels are followed.
    #[error("there are more devices than gateway.max_channels")]
    TooManyDevices,
    /// A window of no readings, or whose figures contradict each other.
    #[error("the window has no readings, a deviation below 0 or a minimum above its maximum")]
    BadWindow,
    /// Well-formed, but nothing in it is a number, or nothing that was asked for.
    #[error("there is no number in the payload, or none where `channels` points to")]
    NoNumber,
}

impl Refusal {
    /// The stable name of the reason, for counters and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge { .. } => "too_large",
            Self::NotUtf8 { .. } => "not_utf8",
            Self::NotJson { .. } => "not_json",
            Self::TooDeep { .. } => "too_deep",
            Self::TooManyFields => "too_many_fields",
            Self::TooManyRows => "too_many_rows",
            Self::StringTooLong => "string_too_long",
            Self::DuplicateKey { .. } => "duplicate_key",
            Self::NotANumber => "not_a_number",
            Self::NonFinite => "non_finite",
            Self::BadRow { .. } => "bad_row",
            Self::Frame(frame::Error::TooLong) => "frame_too_long",
            Self::Frame(frame::Error::Truncated) => "frame_truncated",
            Self::Frame(frame::Error::Unknown) => "frame_unknown",
            Self::Frame(_) => "frame_damaged",
            Self::TopicTooLong => "topic_too_long",
            Self::TooManyDevices => "too_many_devices",
            Self::BadWindow => "bad_window",
            Self::NoNumber => "no_number",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable_and_texts_helpful() {
        for (refusal, name) in [
            (Refusal::Empty, "empty"),
            (Refusal::TooLarge { bytes: 70_000 }, "too_large"),
            (Refusal::NotUtf8 { at: 3 }, "not_utf8"),
            (Refusal::NotJson { at: 3 }, "not_json"),
            (Refusal::TooDeep { at: 3 }, "too_deep"),
            (Refusal::TooManyFields, "too_many_fields"),
            (Refusal::TooManyRows, "too_many_rows"),
            (Refusal::StringTooLong, "string_too_long"),
            (Refusal::DuplicateKey { at: 3 }, "duplicate_key"),
            (Refusal::NotANumber, "not_a_number"),
            (Refusal::NonFinite, "non_finite"),
            (Refusal::BadRow { row: 3 }, "bad_row"),
            (Refusal::Frame(frame::Error::TooLong), "frame_too_long"),
            (Refusal::Frame(frame::Error::Truncated), "frame_truncated"),
            (Refusal::Frame(frame::Error::Damaged), "frame_damaged"),
            (Refusal::Frame(frame::Error::Unknown), "frame_unknown"),
            (Refusal::TopicTooLong, "topic_too_long"),
            (Refusal::TooManyDevices, "too_many_devices"),
            (Refusal::BadWindow, "bad_window"),
            (Refusal::NoNumber, "no_number"),
        ] {
            assert_eq!(refusal.name(), name);
            assert!(refusal.to_string().len() > 15, "{refusal}");
        }
        assert_eq!(
            Refusal::TooLarge { bytes: 70_000 }.to_string(),
            "the payload has 70000 bytes, more than the 65536 that are read"
        );
    }
}
