//! Decoding without configuration: plain values, JSON objects, arrays of samples, SenML.

use super::json::{Reader, Text, Token};
use super::readings::{Rank, Readings};
use super::{MAX_STRING, Refusal, number, senml};
use crate::reading::Timestamp;
use crate::time::{from_number, parse_epoch, parse_time};

/// The keys whose value is a time, in any mixture of upper and lower case; where an object has several, the
/// first in this list wins. `t` is one only with an epoch number, being a temperature elsewhere.
pub const TIME_KEYS: [&str; 13] = [
    "ts",
    "time",
    "timestamp",
    "_timestamp",
    "datetime",
    "date_time",
    "measured_at",
    "sampled_at",
    "date",
    "t",
    "created_at",
    "last_seen",
    "received_at",
];

/// Times are looked for in a sample's own object and in those directly inside it.
const TIME_LEVELS: usize = 2;

/// Reads text that is JSON if it starts like a container or a string, and a plain value otherwise.
pub(super) fn decode(text: &str, out: &mut Readings) -> Result<(), Refusal> {
    match text.trim_ascii_start().as_bytes().first() {
        None => Err(Refusal::Empty),
        Some(b'{' | b'[') => decode_json(text, out),
        Some(b'"') => {
            let mut reader = Reader::new(text);
            let Token::Text(inner) = reader.value()? else { return Err(Refusal::NotANumber) };
            reader.end()?;
            let value = number::plain(inner.plain(out.scratch()))?;
            out.begin_row()?;
            out.push(value)
        }
        Some(_) => number::decode(text, out),
    }
}

/// Reads a JSON document; every number in it becomes a reading.
pub(super) fn decode_json(text: &str, out: &mut Readings) -> Result<(), Refusal> {
    let mut reader = Reader::new(text);
    match reader.value()? {
        Token::Array if senml::is_senml(&reader) => senml::records(&mut reader, out)?,
        Token::Array => samples(&mut reader, out)?,
        other => {
            out.begin_row()?;
            sample(&mut reader, other, out)?;
            out.end_row();
        }
    }
    reader.end()
}

/// The samples of an array at the top: numbers, objects or pairs of time and number.
fn samples(reader: &mut Reader<'_>, out: &mut Readings) -> Result<(), Refusal> {
    let mut row = 0;
    while let Some(token) = reader.item()? {
        out.begin_row()?;
        match token {
            Token::Array => pair(reader, row, out)?,
            other => sample(reader, other, out)?,
        }
        out.end_row();
        row += 1;
    }
    Ok(())
}

/// An object with everything in it, or a single value.
fn sample(reader: &mut Reader<'_>, token: Token<'_>, out: &mut Readings) -> Result<(), Refusal> {
    match token {
        Token::Object => object(reader, 1, out),
        Token::Array => array(reader, 1, out),
        Token::Number(value) => out.push(value),
        Token::Bool(value) => out.push(f64::from(u8::from(value))),
        Token::Text(text) => match quoted(text, out) {
            Some(value) => out.push(value),
            None => {
                out.skip(1);
                Ok(())
            }
        },
        Token::Null => {
            out.skip(1);
            Ok(())
        }
    }
}

/// `[time, number]`, as databases and charts write their rows.
fn pair(reader: &mut Reader<'_>, row: usize, out: &mut Readings) -> Result<(), Refusal> {
    let bad = Refusal::BadRow { row };
    let time = match reader.item()?.ok_or(bad)? {
        Token::Number(number) => from_number(number),
        Token::Text(text) => time_text(text, out, parse_time)?,
        _ => None,
    };
    out.offer_time(0, time.ok_or(bad)?);
    match reader.item()?.ok_or(bad)? {
        Token::Object | Token::Array => return Err(bad),
        value => sample(reader, value, out)?,
    }
    if reader.item()?.is_some() { Err(bad) } else { Ok(()) }
}

fn object(reader: &mut Reader<'_>, level: usize, out: &mut Readings) -> Result<(), Refusal> {
    let scope = out.open_scope();
    while let Some(key) = reader.key()? {
        out.note_key(scope, key, reader.at())?;
        let token = reader.value()?;
        if let Some(rank) = time_rank(out.key())
            && let Some(time) = time_of(token, rank, out)?
        {
            if level <= TIME_LEVELS {
                out.offer_time(rank + if level == 1 { 0 } else { NESTED }, time);
            }
            continue;
        }
        let value = match token {
            Token::Null => continue,
            Token::Text(text) => match quoted(text, out) {
                Some(value) => Token::Number(value),
                None => continue,
            },
            other => other,
        };
        let before = out.enter_key()?;
        member(reader, value, level, out)?;
        out.leave(before);
    }
    out.close_scope(scope);
    Ok(())
}

fn array(reader: &mut Reader<'_>, level: usize, out: &mut Readings) -> Result<(), Refusal> {
    let mut index = 0;
    while let Some(token) = reader.item()? {
        let before = out.enter_index(index)?;
        member(reader, token, level, out)?;
        out.leave(before);
        index += 1;
    }
    Ok(())
}

/// A value inside an object or array, once the path names it.
fn member(
    reader: &mut Reader<'_>,
    token: Token<'_>,
    level: usize,
    out: &mut Readings,
) -> Result<(), Refusal> {
    match token {
        Token::Object => object(reader, level + 1, out),
        Token::Array => array(reader, level + 1, out),
        Token::Number(value) => out.push(value),
        Token::Bool(value) => out.push(f64::from(u8::from(value))),
        Token::Text(text) => quoted(text, out).map_or(Ok(()), |value| out.push(value)),
        Token::Null => Ok(()),
    }
}

/// Added to the rank of a nested time, so that each at the top is worth more.
const NESTED: Rank = 100;

/// The rank of `t`, which counts only with an epoch number.
const T: Rank = 9;

fn time_rank(key: &str) -> Option<Rank> {
    if key.len() > 11 {
        return None;
    }
    let place = TIME_KEYS.iter().position(|known| key.eq_ignore_ascii_case(known))?;
    Rank::try_from(place).ok()
}

fn time_of(token: Token<'_>, rank: Rank, out: &mut Readings) -> Result<Option<Timestamp>, Refusal> {
    match token {
        Token::Number(number) => Ok(from_number(number)),
        Token::Text(text) if rank == T => time_text(text, out, parse_epoch),
        Token::Text(text) => time_text(text, out, parse_time),
        _ => Ok(None),
    }
}

/// Text where a time is expected, read by `parse`.
pub(super) fn time_text(
    text: Text<'_>,
    out: &mut Readings,
    parse: fn(&str) -> Option<Timestamp>,
) -> Result<Option<Timestamp>, Refusal> {
    if text.raw_len() > MAX_STRING {
        return Err(Refusal::StringTooLong);
    }
    Ok(parse(text.plain(out.scratch())))
}

/// The number that a string is entirely, if it is one.
pub(super) fn quoted(text: Text<'_>, out: &mut Readings) -> Option<f64> {
    if text.raw_len() > MAX_STRING {
        return None;
    }
    number::quoted(text.plain(out.scratch()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::super::tests::{T0, decoded, readings, refused};
    use super::*;

    #[test]
    fn plain_payloads() {
        assert_eq!(readings("21.5"), [("", None, 21.5)]);
        assert_eq!(readings(" 230 V\n"), [("", None, 230.0)]);
        assert_eq!(readings("OFF"), [("", None, 0.0)]);
        assert_eq!(readings("\"21.5\""), [("", None, 21.5)]);
        assert_eq!(readings("\"Online\""), [("", None, 1.0)]);
        assert_eq!(readings("true"), [("", None, 1.0)]);
        assert_eq!(refused("21,5"), "not_a_number");
        assert_eq!(refused("hello"), "not_a_number");
        assert_eq!(refused("null"), "not_a_number");
        assert_eq!(refused("\"hello\""), "not_a_number");
        assert_eq!(refused("\"1\" 2"), "not_json");
        assert_eq!(refused("nan"), "non_finite");
        assert_eq!(refused("1e999"), "non_finite");
        assert_eq!(refused("1e39"), "non_finite");
    }

    #[test]
    fn objects_become_dotted_paths() {
        assert_eq!(
            readings(r#"{"temp":21.5,"vib":{"rms":0.5,"axis":{"x":1}},"accel":[1,2.5],"on":true,"n":"7"}"#),
            [
                ("temp", None, 21.5),
                ("vib.rms", None, 0.5),
                ("vib.axis.x", None, 1.0),
                ("accel.0", None, 1.0),
                ("accel.1", None, 2.5),
                ("on", None, 1.0),
                ("n", None, 7.0),
            ]
        );
        assert_eq!(
            readings(r#"{"a":[{"b":1},[2,{"c":3}],null,"x","4"]}"#),
            [("a.0.b", None, 1.0), ("a.1.0", None, 2.0), ("a.1.1.c", None, 3.0), ("a.4", None, 4.0)]
        );
    }

    #[test]
    fn text_and_null_are_ignored() {
        let long = format!(r#"{{"note":"{}","id":"12e4567","x":null,"y":1}}"#, "z".repeat(5000));
        assert_eq!(readings(&long), [("y", None, 1.0)]);
        assert_eq!(refused(r#"{"state":"ON","x":null}"#), "no_number");
        assert_eq!(refused("{}"), "no_number");
        assert_eq!(refused("[]"), "no_number");
        assert_eq!(refused(r#"{"ts":1795237683}"#), "no_number");
    }

    #[test]
    fn keys_are_cleaned() {
        assert_eq!(
            readings(r#"{"a/b":1,"c+d#":2,"e\u0001\nf":3,"größe":4,"g.h":5,"":6,"\u00b5m":7,"温度":8}"#),
            [
                ("a_b", None, 1.0),
                ("c_d_", None, 2.0),
                ("e__f", None, 3.0),
                ("größe", None, 4.0),
                ("g.h", None, 5.0),
                ("_", None, 6.0),
                ("µm", None, 7.0),
                ("温度", None, 8.0),
            ]
        );
    }

    #[test]
    fn every_time_key_in_any_case() {
        for key in TIME_KEYS {
            for key in [key.to_owned(), key.to_uppercase()] {
                let json = format!(r#"{{"v":1,"{key}":1795237683}}"#);
                assert_eq!(readings(&json), [("v", Some(T0), 1.0)], "{key}");
                let json = format!(r#"{{"{key}":"1795237683000","v":1}}"#);
                assert_eq!(readings(&json), [("v", Some(T0), 1.0)], "{key}");
            }
        }
        assert_eq!(readings(r#"{"Time":"2026-11-21T05:08:03","v":1}"#), [("v", Some(T0), 1.0)]);
        assert_eq!(time_rank("t"), Some(T));
    }

    #[test]
    fn what_does_not_parse_as_a_time_is_ordinary() {
        assert_eq!(readings(r#"{"t":21.5,"time":12}"#), [("t", None, 21.5), ("time", None, 12.0)]);
        assert_eq!(readings(r#"{"t":"2026-11-21","v":1}"#), [("v", None, 1.0)]);
        assert_eq!(readings(r#"{"time":"soon","date":null,"v":1}"#), [("v", None, 1.0)]);
        assert_eq!(readings(r#"{"time":"12","v":1}"#), [("time", None, 12.0), ("v", None, 1.0)]);
        assert_eq!(readings(r#"{"time":{"v":1}}"#), [("time.v", None, 1.0)]);
    }

    #[test]
    fn the_best_time_key_wins() {
        let json = r#"{"last_seen":1795237000,"ts":1795237683,"created_at":"2020-01-01","v":1}"#;
        assert_eq!(readings(json), [("v", Some(T0), 1.0)]);
        let json = r#"{"head":{"ts":1795237000},"received_at":1795237683,"data":{"v":1}}"#;
        assert_eq!(readings(json), [("data.v", Some(T0), 1.0)]);
        let json = r#"{"head":{"ts":1795237683},"data":{"v":1}}"#;
        assert_eq!(readings(json), [("data.v", Some(T0), 1.0)]);
        // Deeper ones say something about a part: no channel, and not the sample's time.
        assert_eq!(readings(r#"{"a":{"b":{"ts":1795237683,"v":1}}}"#), [("a.b.v", None, 1.0)]);
    }

    #[test]
    fn arrays_of_samples() {
        assert_eq!(
            readings("[1, 2.5,true,\"4\"]").iter().map(|r| r.2).collect::<Vec<_>>(),
            [1.0, 2.5, 1.0, 4.0]
        );
        assert_eq!(
            readings(r#"[{"ts":1795237683,"a":1},{"a":2},{"a":{"b":3},"time":"2026-11-21T05:08:03Z"}]"#),
            [("a", Some(T0), 1.0), ("a", None, 2.0), ("a.b", Some(T0), 3.0)]
        );
        let (out, done) = decoded("[1,null,\"x\",2]");
        assert_eq!((done, out.len(), out.skipped()), (Ok(()), 2, 2));
    }

    #[test]
    fn arrays_of_pairs() {
        assert_eq!(
            readings(r#"[[1795237683,1],["2026-11-21T05:08:03Z",2.5],[1795237683000,"3"]]"#),
            [("", Some(T0), 1.0), ("", Some(T0), 2.5), ("", Some(T0), 3.0)]
        );
        for json in [
            "[[1,2],[3,4]]",
            "[[1795237683,1],[2,1]]",
            "[[1795237683]]",
            "[[]]",
            "[[1795237683,1,2]]",
            "[[1795237683,[1]]]",
            "[[null,1]]",
        ] {
            assert_eq!(refused(json), "bad_row", "{json}");
        }
    }

    #[test]
    fn limits_have_names() {
        let fields = |n: usize| {
            let fields: Vec<_> = (0..n).map(|i| format!("\"k{i}\":{i}")).collect();
            format!("{{{}}}", fields.join(","))
        };
        assert_eq!(readings(&fields(64)).len(), 64);
        assert_eq!(refused(&fields(65)), "too_many_fields");
        assert_eq!(refused(&format!("{{\"a\":[{}1]}}", "1,".repeat(64))), "too_many_fields");
        assert_eq!(readings(&format!("[{}1]", "1,".repeat(9_999))).len(), 10_000);
        assert_eq!(refused(&format!("[{}1]", "1,".repeat(10_000))), "too_many_rows");
        let texts: Vec<_> = (0..257).map(|i| format!("\"k{i}\":\"\"")).collect();
        assert_eq!(refused(&format!("{{{}}}", texts.join(","))), "too_many_fields");

        assert_eq!(readings(&format!("{}1{}", "{\"a\":".repeat(8), "}".repeat(8))).len(), 1);
        assert_eq!(refused(&format!("{}1{}", "{\"a\":".repeat(9), "}".repeat(9))), "too_deep");
        assert_eq!(refused(&format!("{{\"a\":{}", "[".repeat(60_000))), "too_deep");

        assert_eq!(readings(&format!("{{\"{}\":1}}", "k".repeat(256))).len(), 1);
        assert_eq!(refused(&format!("{{\"{}\":1}}", "k".repeat(257))), "string_too_long");
        assert_eq!(refused(&format!("{{\"{0}\":{{\"{0}\":1}}}}", "k".repeat(200))), "string_too_long");
        assert_eq!(refused(&format!("{{\"ts\":\"{}\",\"v\":1}}", "1".repeat(257))), "string_too_long");
    }

    #[test]
    fn duplicate_keys_are_refused_everywhere() {
        for json in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":"x","b":1,"a":"x"}"#,
            r#"{"o":{"a":1,"a":2}}"#,
            r#"[{"a":1},{"b":1,"b":2}]"#,
            r#"{"ts":1795237683,"v":1,"ts":1795237683}"#,
            r#"{"":1,"":2}"#,
        ] {
            assert_eq!(refused(json), "duplicate_key", "{json}");
        }
        let apart = r#"{"a":{"a":1,"b":2},"b":{"a":1,"b":2},"A":3}"#;
        assert_eq!(readings(apart).len(), 5);
    }
}
