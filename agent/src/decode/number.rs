//! Payloads that are one plain value: a number, a number with its unit, or an on/off word.

use super::{Readings, Refusal};

/// The words that count as 1 and 0, in any mixture of upper and lower case.
///
/// Only pairs whose direction nobody doubts; `locked`, `high` or `home` are left to configuration.
pub const ON_OFF: [(&str, &str); 10] = [
    ("on", "off"),
    ("true", "false"),
    ("open", "closed"),
    ("opened", "close"),
    ("online", "offline"),
    ("yes", "no"),
    ("enabled", "disabled"),
    ("active", "inactive"),
    ("connected", "disconnected"),
    ("running", "stopped"),
];

/// The longest unit behind a number, in characters.
const MAX_UNIT: usize = 12;

/// Reads a plain payload: the channel has no name.
pub(super) fn decode(text: &str, out: &mut Readings) -> Result<(), Refusal> {
    out.begin_row()?;
    out.push(plain(text)?)
}

/// A number, a number with a unit, or an on/off word.
pub(super) fn plain(text: &str) -> Result<f64, Refusal> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refusal::Empty);
    }
    if let Some(number) = scan(text, 0) {
        let unit = text.get(number.end..).unwrap_or_default();
        return if is_unit(unit) { Ok(number.value) } else { Err(Refusal::NotANumber) };
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if ["nan", "inf", "infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word)) {
        return Err(Refusal::NonFinite);
    }
    on_off(text).ok_or(Refusal::NotANumber)
}

/// 1 or 0 for one of the words in [`ON_OFF`].
pub(super) fn on_off(text: &str) -> Option<f64> {
    ON_OFF.iter().find_map(|(on, off)| {
        if text.eq_ignore_ascii_case(on) { Some(1.0) } else { text.eq_ignore_ascii_case(off).then_some(0.0) }
    })
}

/// Text that is a finite number and nothing else, as some devices quote their numbers.
pub(super) fn quoted(text: &str) -> Option<f64> {
    let text = text.trim_ascii();
    let number = scan(text, 0)?;
    // Identifiers such as `12e4567` look like numbers: out of range means that it is none.
    (number.end == text.len() && number.value.abs() <= f64::from(f32::MAX)).then_some(number.value)
}

fn is_unit(text: &str) -> bool {
    let unit = text.trim_start();
    let Some(first) = unit.chars().next() else { return true };
    // `21,5`, `1-2`, `10:30` and `3;4` are not numbers with units.
    let starts_right =
        first.is_alphabetic() || matches!(first, '%' | '‰' | '°' | '/' | '\'' | '"' | '$' | '€' | '£');
    let fits = |c: char| !c.is_ascii_digit() && !c.is_control() && !matches!(c, ',' | ';' | ':' | '=');
    starts_right && unit.chars().all(fits) && unit.chars().count() <= MAX_UNIT
}

/// A number found at some place of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanned {
    /// May be infinite.
    pub(super) value: f64,
    /// Where it ends.
    pub(super) end: usize,
    /// Whether it also is a number of JSON: no plus, no leading zero, digits on both sides of the point.
    pub(super) is_json: bool,
}

/// Reads the decimal number that starts at `start`, as far as it goes.
pub(super) fn scan(text: &str, start: usize) -> Option<Scanned> {
    let bytes = text.as_bytes();
    let sign = bytes.get(start).copied().filter(|b| matches!(b, b'-' | b'+'));
    let mut at = start + usize::from(sign.is_some());
    let mut mantissa = Mantissa::default();

    let whole_start = at;
    at = mantissa.take(bytes, at);
    let whole = at - whole_start;
    let leading_zero = whole > 1 && bytes.get(whole_start) == Some(&b'0');
    let mut fraction = 0;
    let mut bare_point = false;
    if bytes.get(at) == Some(&b'.') {
        let after = mantissa.take(bytes, at + 1);
        fraction = after - at - 1;
        if whole + fraction > 0 {
            bare_point = fraction == 0;
            at = after;
        }
    }
    if whole + fraction == 0 {
        return None;
    }
    let (exponent, end) = scan_exponent(bytes, at).unwrap_or((0, at));
    let scale = exponent.saturating_sub(i32::try_from(fraction).unwrap_or(i32::MAX));
    let value = match mantissa.exact(scale) {
        Some(value) if sign == Some(b'-') => -value,
        Some(value) => value,
        None => text.get(start..end)?.parse().ok()?,
    };
    let is_json = sign != Some(b'+') && whole > 0 && !leading_zero && !bare_point;
    Some(Scanned { value, end, is_json })
}

/// The exponent that starts at `at` with its end, if it has digits.
fn scan_exponent(bytes: &[u8], at: usize) -> Option<(i32, usize)> {
    let [b'e' | b'E', rest @ ..] = bytes.get(at..)? else { return None };
    let (negative, signed) = match rest {
        [b'-', ..] => (true, 1),
        [b'+', ..] => (false, 1),
        _ => (false, 0),
    };
    let digits = rest.get(signed..)?;
    let count = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let size = digits
        .iter()
        .take(count)
        .fold(0_i32, |sum, digit| sum.saturating_mul(10).saturating_add(i32::from(digit - b'0')));
    Some((if negative { -size } else { size }, at + 1 + signed + count))
}

/// The digits of a number without its point.
#[derive(Clone, Copy, Debug, Default)]
struct Mantissa {
    value: u64,
    digits: usize,
}

impl Mantissa {
    /// Takes the digits from `at` on; returns where they end.
    fn take(&mut self, bytes: &[u8], mut at: usize) -> usize {
        while let Some(digit) = bytes.get(at).map(|b| b.wrapping_sub(b'0')).filter(|digit| *digit <= 9) {
            self.value = self.value.wrapping_mul(10).wrapping_add(u64::from(digit));
            self.digits += 1;
            at += 1;
        }
        at
    }

    /// The value times ten to the `scale`, where both are exact in an `f64`, so that one rounding gives the
    /// nearest (Clinger's fast path); otherwise `None`.
    #[expect(clippy::cast_precision_loss, reason = "at most 2^53: exact")]
    fn exact(self, scale: i32) -> Option<f64> {
        const POWERS: [f64; 23] = [
            1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
            1e18, 1e19, 1e20, 1e21, 1e22,
        ];
        if self.digits > 19 || self.value > 1 << 53 {
            return None;
        }
        let power = POWERS.get(usize::try_from(scale.unsigned_abs()).ok()?)?;
        Some(if scale < 0 { self.value as f64 / power } else { self.value as f64 * power })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_and_without_unit() {
        for (text, value) in [
            ("21.5", 21.5),
            ("-3e2", -300.0),
            ("+5", 5.0),
            (" 7\r\n", 7.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("007", 7.0),
            ("1E-3", 0.001),
            ("-0", 0.0),
            ("21.5 °C", 21.5),
            ("21.5°C", 21.5),
            ("230V", 230.0),
            ("45 %", 45.0),
            ("1.2 m/s", 1.2),
            ("3 kWh", 3.0),
            ("5 Ω", 5.0),
            ("5 eV", 5.0),
            ("5e", 5.0),
            ("12\"", 12.0),
            ("1000 l/min", 1000.0),
            ("1 abcdefghijkl", 1.0),
        ] {
            assert_eq!(plain(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_number() {
        for text in [
            "21,5",
            "1,000",
            "1-2",
            "10:30",
            "3;4",
            "2026-11-21",
            "0x10",
            "1.2.3",
            "- 5",
            "--5",
            ".",
            "-",
            "e5",
            "abc",
            "unavailable",
            "unknown",
            "null",
            "3 m/s2",
            "1 abcdefghijklm",
            "5 a\u{7}",
            "5,",
            "1 2",
            "°C",
            "21.5;",
        ] {
            assert_eq!(plain(text), Err(Refusal::NotANumber), "{text}");
        }
        for text in ["nan", "NaN", "-inf", "Infinity", "+INF"] {
            assert_eq!(plain(text), Err(Refusal::NonFinite), "{text}");
        }
        assert_eq!(plain(" \n"), Err(Refusal::Empty));
        assert_eq!(plain("1e999"), Ok(f64::INFINITY), "the buffer refuses it");
    }

    #[test]
    fn on_off_words() {
        for (on, off) in ON_OFF {
            assert_eq!(plain(on), Ok(1.0));
            assert_eq!(plain(&off.to_uppercase()), Ok(0.0));
        }
        assert_eq!(plain(" Online\n"), Ok(1.0));
        assert_eq!(plain("onn"), Err(Refusal::NotANumber));
    }

    #[test]
    fn quoted_numbers() {
        assert_eq!(quoted(" 21.5 "), Some(21.5));
        assert_eq!(quoted("-3e2"), Some(-300.0));
        for text in ["", "21.5 C", "on", "nan", "12e4567", "1e39", "2026-11-21", "192.168.0.1", "0x1"] {
            assert_eq!(quoted(text), None, "{text}");
        }
    }

    #[test]
    fn every_value_is_the_nearest() {
        let mut seed = 7_u64;
        for _ in 0..100_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let text = match seed >> 62 {
                0 => format!("{}.{:05}", (seed >> 40) & 0xffff, (seed >> 8) % 100_000),
                1 => format!("-{}e{}", seed >> 11, (seed >> 3) as i64 % 40 - 20),
                2 => format!("{seed}.{seed}e-{}", seed % 330),
                _ => format!("{:e}", f64::from_bits(seed & 0x7fef_ffff_ffff_ffff)),
            };
            let number = scan(&text, 0).expect("a number");
            assert_eq!(number.end, text.len());
            assert_eq!(number.value.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        }
    }

    #[test]
    fn endless_digits_are_read_in_linear_time() {
        let digits = "9".repeat(65_000);
        assert_eq!(scan(&digits, 0).map(|n| n.value), Some(f64::INFINITY));
        assert_eq!(scan(&format!("0.{digits}"), 0).map(|n| n.value), Some(1.0));
        assert_eq!(scan(&format!("1e{digits}"), 0).map(|n| n.value), Some(f64::INFINITY));
        assert_eq!(scan(&format!("1e-{digits}"), 0).map(|n| n.value), Some(0.0));
    }
}
