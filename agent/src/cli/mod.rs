//! The command line: one file a subcommand.

pub mod check;
#[cfg(feature = "embedded-broker")]
pub mod demo;
pub mod eval;
pub mod fit;
pub mod replay;
pub mod run;
pub mod state;
pub mod status;

/// Exit codes: 0 is done.
pub mod exit {
    /// A failed check, what does not fit, or an error while working.
    pub const FAILED: u8 = 1;
    /// What `--help` would have told.
    pub const USAGE: u8 = 2;
    /// Try again later.
    pub const TEMPORARY: u8 = 75;
    /// The configuration is wrong.
    pub const CONFIG: u8 = 78;
}

/// A number as people read it: `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
