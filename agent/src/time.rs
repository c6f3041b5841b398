//! Times as devices write them: RFC 3339 and its relatives, and epoch numbers of any unit.
//!
//! The common forms are read by hand, since every message of a busy gateway carries one; the rare ones (RFC
//! 2822, basic ISO 8601, leap seconds, zone annotations) go through jiff. Nothing here reads a clock.

use crate::reading::Timestamp;

/// The longest text that is tried as a time, in bytes.
pub const MAX_TIME_TEXT: usize = 256;

/// Reads a time from text; white space around it is ignored.
///
/// Understood are
/// - RFC 3339: `2026-11-21T05:08:03.123+01:00`, also with a space for the `T` and lower-case `t` and `z`;
/// - the same without a zone (taken as UTC), without seconds, or only the date (midnight UTC);
/// - `2026/11/21 05:08:03`, and offsets written `+0100` or `+01`;
/// - fractions of a second of any length (beyond milliseconds they are cut off), after a point or a comma;
/// - epoch numbers as text, see [`from_number`];
/// - what jiff reads beyond that: `20261121T050803Z`, leap seconds, `Sat, 21 Nov 2026 05:08:03 GMT`.
///
/// ```
/// use brooklet::reading::Timestamp;
/// use brooklet::time::parse_time;
/// assert_eq!(parse_time("2026-11-21T05:08:03.5Z"), Some(Timestamp(1_795_237_683_500)));
/// assert_eq!(parse_time("2026/11/21 06:08+01:00"), Some(Timestamp(1_795_237_680_000)));
/// assert_eq!(parse_time("2026-02-30"), None);
/// ```
#[must_use]
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_TIME_TEXT {
        return None;
    }
    parse_civil(text.as_bytes()).or_else(|| parse_epoch(text)).or_else(|| parse_rare(text))
}

/// [`parse_time`] on bytes; `None` where they are not UTF-8.
#[must_use]
pub fn parse_time_bytes(text: &[u8]) -> Option<Timestamp> {
    // Longer text is refused anyway: do not look through it first.
    if text.len() > 2 * MAX_TIME_TEXT {
        return None;
    }
    std::str::from_utf8(text).ok().and_then(parse_time)
}

/// Reads an epoch number given as text, for example `1795237683.25`; dates are not understood.
#[must_use]
pub fn parse_epoch(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let starts_right = text.as_bytes().first().is_some_and(u8::is_ascii_digit);
    if !starts_right || text.len() > MAX_TIME_TEXT {
        return None;
    }
    match text.parse::<i64>() {
        Ok(integer) => from_integer(integer),
        Err(_) => text.parse::<f64>().ok().and_then(from_number),
    }
}

/// A time from an epoch number whose unit is told by its magnitude.
///
/// | from | below | unit | covers |
/// |---|---|---|---|
/// | 1e8 | 1e11 | seconds | 1973 to 5138 |
/// | 1e11 | 1e14 | milliseconds | 1973 to 5138 |
/// | 1e14 | 1e17 | microseconds | 1973 to 5138 |
/// | 1e17 | 2^63 | nanoseconds | 1973 to April 2262 |
///
/// Everything else, negative numbers and NaN among it, is `None`: a small number is a reading, not a time.
/// Parts of a millisecond are cut off.
///
/// ```
/// use brooklet::reading::Timestamp;
/// use brooklet::time::from_number;
/// assert_eq!(from_number(1_795_237_683.25), Some(Timestamp(1_795_237_683_250)));
/// assert_eq!(from_number(1_795_237_683_250_000.0), Some(Timestamp(1_795_237_683_250)));
/// assert_eq!(from_number(21.5), None);
/// ```
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "the range is checked first; cutting off is the purpose")]
pub fn from_number(number: f64) -> Option<Timestamp> {
    let ms = match number {
        // Rounded to microseconds first: 0.29 s times 1000 is 289.999.. in binary.
        n if (1e8..1e11).contains(&n) => ((n * 1e6).round() / 1e3).floor(),
        n if (1e11..1e14).contains(&n) => n,
        n if (1e14..1e17).contains(&n) => n / 1e3,
        n if (1e17..9_223_372_036_854_775_808.0).contains(&n) => n / 1e6,
        _ => return None,
    };
    Some(Timestamp(ms as i64))
}

/// [`from_number`] for integers, exact where an `f64` would round.
#[must_use]
pub fn from_integer(number: i64) -> Option<Timestamp> {
    let ms = match number {
        100_000_000..100_000_000_000 => number * 1000,
        100_000_000_000..100_000_000_000_000 => number,
        100_000_000_000_000..100_000_000_000_000_000 => number / 1000,
        100_000_000_000_000_000.. => number / 1_000_000,
        _ => return None,
    };
    Some(Timestamp(ms))
}

/// Date, optional time of day, optional fraction, optional zone; anything else is `None`.
fn parse_civil(bytes: &[u8]) -> Option<Timestamp> {
    let [y0, y1, y2, y3, dash, m0, m1, dash2, d0, d1, rest @ ..] = bytes else { return None };
    if dash != dash2 || !matches!(dash, b'-' | b'/') {
        return None;
    }
    let year = two_digits(*y0, *y1)? * 100 + two_digits(*y2, *y3)?;
    let month = two_digits(*m0, *m1)?;
    let day = two_digits(*d0, *d1)?;
    if day == 0 || day > days_in_month(year, month) {
        return None;
    }
    let midnight = days_from_civil(year, month, day) * 86_400_000;
    let [separator, h0, h1, colon, i0, i1, rest @ ..] = rest else {
        return rest.is_empty().then_some(Timestamp(midnight));
    };
    let (hour, minute) = (two_digits(*h0, *h1)?, two_digits(*i0, *i1)?);
    if !matches!(separator, b'T' | b't' | b' ') || *colon != b':' || hour > 23 || minute > 59 {
        return None;
    }
    let (seconds_ms, rest) = match rest {
        [b':', s0, s1, rest @ ..] => {
            let second = two_digits(*s0, *s1)?;
            if second > 59 {
                return None; // a leap second: jiff knows what to do with it
            }
            let (fraction_ms, rest) = parse_fraction(rest)?;
            (second * 1000 + fraction_ms, rest)
        }
        _ => (0, rest),
    };
    let local = midnight + (hour * 60 + minute) * 60_000 + seconds_ms;
    Some(Timestamp(local - parse_offset(rest)? * 60_000))
}

/// Milliseconds of a fraction that starts with a point or comma, and what follows it; further digits are cut
/// off.
fn parse_fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.' | b',', digits @ ..] = bytes else { return Some((0, bytes)) };
    let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at_checked(count)?;
    let ms = match digits {
        [] => return None,
        [a] => i64::from(a - b'0') * 100,
        [a, b] => two_digits(*a, *b)? * 10,
        [a, b, c, ..] => two_digits(*a, *b)? * 10 + i64::from(c - b'0'),
    };
    Some((ms, rest))
}

/// Minutes east of UTC; no zone at all is UTC.
fn parse_offset(bytes: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match bytes {
        [] | [b'Z' | b'z'] | [b' ', b'Z' | b'z'] => return Some(0),
        [b' ', rest @ ..] if matches!(rest, [b'+' | b'-', ..]) => return parse_offset(rest),
        [sign, h0, h1, b':', m0, m1] | [sign, h0, h1, m0, m1] => {
            (sign, two_digits(*h0, *h1)?, two_digits(*m0, *m1)?)
        }
        [sign, h0, h1] => (sign, two_digits(*h0, *h1)?, 0),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    match sign {
        b'+' => Some(hours * 60 + minutes),
        b'-' => Some(-(hours * 60 + minutes)),
        _ => None,
    }
}

/// What jiff reads beyond the forms above.
fn parse_rare(text: &str) -> Option<Timestamp> {
    // A bare year or clock reading is not a time; the shortest rare form is a basic date, `20261121`.
    if text.len() < 8 {
        return None;
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(time.as_millisecond()));
    }
    if let Ok(civil) = text.parse::<jiff::civil::DateTime>() {
        let time = jiff::tz::Offset::UTC.to_timestamp(civil).ok()?;
        return Some(Timestamp(time.as_millisecond()));
    }
    let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp(time.as_millisecond()))
}

fn two_digits(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| i64::from(tens * 10 + ones))
}

/// Zero for a month that does not exist, so that no day of it is valid.
fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 0,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar. The year is counted from March, so that the leap day is
/// its last and a month's start is a linear function; 146,097 days make one 400-year era (after Howard
/// Hinnant).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// 2026-11-21T05:08:03Z
    const T: i64 = 1_795_237_683_000;

    fn parsed(text: &str) -> Option<i64> {
        assert_eq!(parse_time(text), parse_time_bytes(text.as_bytes()));
        parse_time(text).map(|time| time.0)
    }

    #[test]
    fn every_written_form() {
        for (text, ms) in [
            ("2026-11-21T05:08:03Z", T),
            ("2026-11-21t05:08:03z", T),
            ("2026-11-21 05:08:03Z", T),
            ("2026-11-21 05:08:03 Z", T),
            ("2026-11-21T05:08:03", T),
            ("  2026-11-21T05:08:03\n", T),
            ("2026-11-21T05:08:03.1Z", T + 100),
            ("2026-11-21T05:08:03.12Z", T + 120),
            ("2026-11-21T05:08:03,123", T + 123),
            ("2026-11-21T05:08:03.123456789Z", T + 123),
            ("2026-11-21T05:08:03.12345678901234567890123Z", T + 123),
            ("2026-11-21T06:08:03+01:00", T),
            ("2026-11-21T06:08:03.000+0100", T),
            ("2026-11-21T04:08:03-01", T),
            ("2026-11-21T10:53:03+05:45", T),
            ("2026-11-21 06:08:03 +01:00", T),
            ("2026-11-21T05:08:03-00:00", T),
            ("2026-11-21T05:08Z", T - 3000),
            ("2026-11-21 05:08", T - 3000),
            ("2026-11-21", T - 18_483_000),
            ("2026/11/21 05:08:03", T),
            ("2026/11/21T05:08:03.250Z", T + 250),
            ("20261121T050803Z", T),
            ("20261121", T - 18_483_000),
            ("Sat, 21 Nov 2026 05:08:03 GMT", T),
            ("2026-11-21T05:08:03+00:00[Etc/UTC]", T),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000),
            ("1795237683", T),
            ("1795237683.25", T + 250),
            ("1795237683250", T + 250),
            ("1795237683250999", T + 250),
            ("1795237683250999999", T + 250),
            ("1970-01-01T00:00:00Z", 0),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000),
            ("2024-02-29", 1_709_164_800_000),
        ] {
            assert_eq!(parsed(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_time() {
        let long = format!("2026-11-21T05:08:03.{}Z", "1".repeat(300));
        for text in [
            "",
            " ",
            "now",
            "12:30",
            "2026",
            "21.5",
            "-1795237683",
            "2026-13-01T00:00:00Z",
            "2026-00-10",
            "2026-02-30T00:00:00Z",
            "2025-02-29",
            "1900-02-29",
            "2026-04-31",
            "2026-11-00",
            "2026-11-21T24:00:01Z",
            "2026-11-21T05:60:00Z",
            "2026-11-21T05:08:61Z",
            "2026-11-21T05:08:03.Z",
            "2026-11-21T05:08:03+26:00",
            "2026-11-21T05:08:03+01:60",
            "2026-11-21T05:08:03Zulu",
            "2026-11/21",
            "2026-1-2",
            "20a6-11-21",
            "2026-11-21T",
            "nan",
            "inf",
            "1e400",
            "2026-11-21T05:08:03\u{fffd}",
            long.as_str(),
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
        assert_eq!(parse_time_bytes(b"2026-11-21T05:08:0\xff"), None);
        assert_eq!(parse_time_bytes(&[b' '; 100_000]), None);
    }

    #[test]
    fn epoch_units_by_magnitude() {
        for (number, ms) in [
            (1e8, Some(100_000_000_000)),
            (99_999_999.0, None),
            (99_999_999_999.0, Some(99_999_999_999_000)),
            (1e11, Some(100_000_000_000)),
            (1e14, Some(100_000_000_000)),
            (1e17, Some(100_000_000_000)),
            (9.2e18, Some(9_200_000_000_000)),
            (9.3e18, None),
            (0.0, None),
            (-1e9, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (1_795_237_683.29, Some(T + 290)),
            (1_795_237_683.999_9, Some(T + 999)),
        ] {
            assert_eq!(from_number(number).map(|t| t.0), ms, "{number}");
        }
        assert_eq!(from_integer(i64::MAX), Some(Timestamp(9_223_372_036_854)));
        assert_eq!(from_integer(i64::MIN), None);
        for exact in [100_000_000_i64, 99_999_999_999, 100_000_000_000, 1_795_237_683_250_999, i64::MAX] {
            let Timestamp(ms) = from_integer(exact).expect("in range");
            assert!(ms >= 100_000_000_000);
        }
    }

    #[test]
    fn by_hand_agrees_with_jiff() {
        let mut seed = 0x5eed_u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let mut valid = 0;
        for _ in 0..50_000 {
            // Days and months that do not exist are drawn too: both sides must refuse them.
            let (year, month, day) = (next(10_000), next(14), next(33));
            let (hour, minute, second, nanos) = (next(25), next(61), next(60), next(1_000_000_000));
            let zone = match next(4) {
                0 => String::from("Z"),
                1 => format!("+{:02}:{:02}", next(24), next(60)),
                _ => format!("-{:02}:{:02}", next(24), next(60)),
            };
            let text =
                format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}{zone}");
            let by_jiff = text.parse::<jiff::Timestamp>().ok();
            let by_hand = parse_civil(text.as_bytes());
            // jiff rounds towards zero; by hand digits are cut off, which before 1970 is towards minus
            // infinity.
            let expected = by_jiff.map(|t| t.as_nanosecond().div_euclid(1_000_000));
            // At both ends of the calendar jiff refuses what an offset carries outside its range.
            if expected.is_none() && (year == 0 || year == 9999) {
                continue;
            }
            assert_eq!(by_hand.map(|t| i128::from(t.0)), expected, "{text}");
            valid += usize::from(by_hand.is_some());
        }
        assert!(valid > 20_000, "only {valid} dates were valid");
    }

    #[test]
    fn damaged_text_never_panics() {
        let whole = "2026-11-21T05:08:03.123+01:00";
        for cut in 0..whole.len() {
            let _ = parse_time(&whole[..cut]);
            for byte in 0..=255_u8 {
                let mut bytes = whole.as_bytes().to_vec();
                bytes[cut] = byte;
                let _ = parse_time_bytes(&bytes);
            }
        }
    }

    /// `cargo test --release -- --ignored --nocapture time_of_parsing`
    #[test]
    #[ignore = "a measurement"]
    fn time_of_parsing() {
        let text = std::hint::black_box("2026-11-21T05:08:03.123Z");
        let start = std::time::Instant::now();
        for _ in 0..2_000_000 {
            std::hint::black_box(parse_time(std::hint::black_box(text)));
        }
        eprintln!("{:.1} ns a time", start.elapsed().as_secs_f64() * 1e9 / 2e6);
    }
}
