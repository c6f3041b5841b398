//! SenML (RFC 8428) in JSON: an array of records that share base values.
//!
//! A record's name is `bn` + `n`, its value `bv` + `v` (or `vb` as 1/0), its time `bt` + `t` in seconds.
//! Strings, data and sums (`vs`, `vd`, `s`) are counted as skipped. Times below 2^28 are relative to now by
//! the RFC; a decoder has no clock, so such a record has no time and gets the one of its arrival. Units are
//! not looked at.

use super::json::{Reader, Text, Token};
use super::readings::Readings;
use super::{MAX_STRING, Refusal};
use crate::time::from_number;

/// Times below this many seconds are relative to now.
const RELATIVE_BELOW: f64 = 268_435_456.0;

/// Whether the array that was just opened is SenML: its first record has a name as text, and a value or base
/// name.
pub(super) fn is_senml(reader: &Reader<'_>) -> bool {
    let mut reader = reader.clone();
    let Ok(Some(Token::Object)) = reader.item() else { return false };
    let (mut named, mut valued) = (false, false);
    let mut scratch = String::new();
    while let Ok(Some(key)) = reader.key() {
        let Ok(token) = reader.value() else { return false };
        // Only short labels matter; keys with escapes are none of SenML's.
        let label = if key.raw_len() > 4 { "" } else { key.plain(&mut scratch) };
        match (label, token) {
            (_, Token::Object | Token::Array) => return false,
            ("bn", Token::Text(_)) => return true,
            ("n", Token::Text(_)) => named = true,
            ("v" | "vb" | "vs" | "vd" | "s", _) => valued = true,
            _ => {}
        }
    }
    named && valued
}

/// What holds from one record on for all later ones.
#[derive(Default)]
struct Base<'a> {
    name: Text<'a>,
    time: f64,
    value: f64,
}

/// Reads the records of the array that was just opened.
pub(super) fn records<'a>(reader: &mut Reader<'a>, out: &mut Readings) -> Result<(), Refusal> {
    let mut base = Base::default();
    while let Some(token) = reader.item()? {
        let Token::Object = token else { return Err(Refusal::NotJson { at: reader.at() }) };
        out.begin_row()?;
        record(reader, &mut base, out)?;
        out.end_row();
    }
    Ok(())
}

fn record<'a>(reader: &mut Reader<'a>, base: &mut Base<'a>, out: &mut Readings) -> Result<(), Refusal> {
    let mut name = Text::default();
    let mut value = None;
    let mut time = None;
    let mut other_value = false;
    let scope = out.open_scope();
    while let Some(key) = reader.key()? {
        out.note_key(scope, key, reader.at())?;
        match (out.key(), reader.value()?) {
            ("bn", Token::Text(text)) => base.name = text,
            ("bt", Token::Number(number)) => base.time = number,
            ("bv", Token::Number(number)) => base.value = number,
            ("n", Token::Text(text)) => name = text,
            ("t", Token::Number(number)) => time = Some(number),
            ("v", Token::Number(number)) => value = Some(number),
            ("vb", Token::Bool(on)) => value = Some(f64::from(u8::from(on)) - base.value),
            ("v" | "vb" | "vs" | "vd" | "s", _) => other_value = true,
            // No label of the RFC holds a container; walking into one would need names for what is inside.
            (_, Token::Object | Token::Array) => return Err(Refusal::NotJson { at: reader.at() }),
            _ => {}
        }
    }
    out.close_scope(scope);
    let Some(value) = value else {
        out.skip(usize::from(other_value));
        return Ok(());
    };
    if base.name.raw_len() > MAX_STRING || name.raw_len() > MAX_STRING {
        return Err(Refusal::StringTooLong);
    }
    let seconds = base.time + time.unwrap_or_default();
    if seconds >= RELATIVE_BELOW
        && let Some(time) = from_number(seconds)
    {
        out.offer_time(0, time);
    }
    out.set_path(base.name, name)?;
    out.push(base.value + value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::super::tests::{T0, decoded, readings, refused};
    use crate::reading::Timestamp;

    #[test]
    fn names_values_and_times_are_resolved() {
        let json = r#"[
            {"bn":"urn:dev:ow:10e2073a01080063:","bt":1795237683,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},
            {"n":"current","t":-5,"v":1.2},
            {"n":"open","t":0.5,"vb":true}
        ]"#;
        assert_eq!(
            readings(json),
            [
                ("urn:dev:ow:10e2073a01080063:voltage", Some(T0), 120.1),
                ("urn:dev:ow:10e2073a01080063:current", Some(Timestamp(T0.0 - 5000)), 1.2),
                ("urn:dev:ow:10e2073a01080063:open", Some(Timestamp(T0.0 + 500)), 1.0),
            ]
        );
    }

    #[test]
    fn base_values_and_base_records() {
        let json =
            r#"[{"bn":"pump/","bv":20},{"n":"a","v":1.5},{"n":"b","vb":false},{"bv":0,"bn":"x","v":3}]"#;
        assert_eq!(readings(json), [("pump_a", None, 21.5), ("pump_b", None, 0.0), ("x", None, 3.0)]);
    }

    #[test]
    fn what_is_no_number_is_skipped() {
        let (out, done) =
            decoded(r#"[{"n":"a","v":1,"t":-10},{"n":"b","vs":"text"},{"n":"c","vd":"aGk"},{"n":"d"}]"#);
        assert_eq!((done, out.len(), out.skipped()), (Ok(()), 1, 2));
        assert_eq!(out.iter().next().and_then(|reading| reading.time), None, "relative to now");
        assert_eq!(refused(r#"[{"n":"b","vs":"text"}]"#), "no_number");
    }

    #[test]
    fn ordinary_samples_are_not_taken_for_senml() {
        assert_eq!(readings(r#"[{"n":5,"v":1}]"#), [("n", None, 5.0), ("v", None, 1.0)]);
        assert_eq!(readings(r#"[{"n":"a","value":1}]"#), [("value", None, 1.0)]);
        assert_eq!(readings(r#"[{"n":"a","v":1,"x":[2]}]"#), [("v", None, 1.0), ("x.0", None, 2.0)]);
    }

    #[test]
    fn damage_is_refused() {
        assert_eq!(refused(r#"[{"n":"a","v":1},3]"#), "not_json");
        assert_eq!(refused(r#"[{"n":"a","v":1},{"n":"a","v":{}}]"#), "not_json");
        assert_eq!(refused(r#"[{"n":"a","v":1,"v":2}]"#), "duplicate_key");
        assert_eq!(refused(r#"[{"n":"a","v":1e999}]"#), "non_finite");
        assert_eq!(refused(r#"[{"bn":"","bv":3e38,"v":3e38}]"#), "non_finite");
        assert_eq!(refused(&format!(r#"[{{"bn":"{}","n":"a","v":1}}]"#, "b".repeat(256))), "string_too_long");
    }
}
