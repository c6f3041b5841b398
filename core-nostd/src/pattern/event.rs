use serde::{Deserialize, Serialize};

/// What happened, and when.
///
/// An event may be of several of 32 kinds at once: a high reading of pressure that is also the first of the day.
/// Memory: 16 bytes.
/// ```
/// use brooklet_core::pattern::{Event, kind};
/// const HIGH: u32 = kind(0);
/// const FIRST: u32 = kind(1);
/// assert!(Event::new(HIGH | FIRST, 1_700_000_000_000).is(FIRST));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    kinds: u32,
    time: i64,
}

impl Event {
    /// An event of these kinds, a bit each, at so many milliseconds since 1970-01-01.
    #[must_use]
    pub const fn new(kinds: u32, time: i64) -> Self {
        Self { kinds, time }
    }

    /// True if it is of any of these kinds.
    #[must_use]
    pub const fn is(&self, any_of: u32) -> bool {
        self.kinds & any_of != 0
    }

    /// Milliseconds since 1970-01-01.
    #[must_use]
    pub const fn time(&self) -> i64 {
        self.time
    }
}

/// The bit of a kind, 0 to 31; higher numbers start over at 0.
/// ```
/// assert_eq!(brooklet_core::pattern::kind(3), 8);
/// ```
#[must_use]
pub const fn kind(number: u8) -> u32 {
    1u32.wrapping_shl(number as u32)
}
