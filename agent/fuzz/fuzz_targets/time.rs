//! Any bytes as a time: no panic, and RFC 3339 means what jiff says it means.
//!
//! `cargo fuzz run --sanitizer none time` in `agent/`.
#![no_main]

use brooklet::time::{from_integer, from_number, parse_time, parse_time_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let time = parse_time_bytes(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert_eq!(time, parse_time(text));
        if let (Some(time), Ok(strict)) = (time, text.parse::<jiff::Timestamp>()) {
            assert!((time.0 - strict.as_millisecond()).abs() <= 1, "{text}");
        }
    }
    if let Some(eight) = bytes.first_chunk::<8>() {
        let _ = from_number(f64::from_le_bytes(*eight));
        let _ = from_integer(i64::from_le_bytes(*eight));
    }
});
