//! Payload to readings: plain functions on bytes, no IO, no clock.
//!
//! ```text
//! payload -> size, UTF-8 -> number | json -> auto | plan | senml -> Readings
//!         -> checksum    -> a device's message
//! ```
//!
//! A payload is read as a whole or refused as a whole, under a name that is counted; only a number that is not finite
//! is left out and counted by itself, where others stand beside it. Whatever the payload,
//! that takes time in proportion to its length and at most about 1 MiB of memory, and with a warm
//! [`Readings`] no allocation.

mod auto;
pub(crate) mod device;
mod json;
mod number;
mod plan;
mod readings;
mod refusal;
mod senml;

use brooklet_core::frame;
use brooklet_core::message::Message;

pub use auto::TIME_KEYS;
pub use number::ON_OFF;
pub use plan::{Field, JsonPlan, PlanError};
pub use readings::Readings;
pub use refusal::Refusal;

/// The longest payload that is read, in bytes.
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// The longest topic whose messages are read, in bytes: names of devices come from it.
pub const MAX_TOPIC: usize = 512;
/// How deep objects and arrays may be nested, the outermost counted.
pub const MAX_DEPTH: usize = 8;
/// The most numbers in one sample.
pub const MAX_FIELDS: usize = 64;
/// The most keys in one object, ignored ones counted.
pub const MAX_KEYS: usize = 256;
/// The most samples in one payload.
pub const MAX_ROWS: usize = 10_000;
/// The longest key, dotted channel name or time text, in bytes.
pub const MAX_STRING: usize = 256;
/// The most bytes of channel names of one payload.
const MAX_NAMES: usize = 128 * 1024;

/// How the payloads of a stream are read.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Decoder {
    /// Finds out by itself: plain values, JSON objects and arrays, SenML, frames of devices.
    #[default]
    Auto,
    /// One plain value: a number, one with a unit, or an on/off word.
    Number,
    /// JSON, with the channels of the plan.
    Json(JsonPlan),
    /// A frame of a device that runs Brooklet.
    Brooklet,
}

/// One line a decoder: its name in the configuration, what it is for, how it is made.
struct Row {
    name: &'static str,
    about: &'static str,
    make: fn(JsonPlan) -> Option<Decoder>,
    is: fn(&Decoder) -> bool,
}

/// The registry: the one place where names and decoders meet.
const ROWS: [Row; 4] = [
    Row {
        name: "auto",
        about: "finds out by itself: plain values, JSON, SenML, frames of devices",
        make: |plan| plan.fields().is_empty().then_some(Decoder::Auto),
        is: |decoder| matches!(decoder, Decoder::Auto),
    },
    Row {
        name: "number",
        about: "one number, with or without a unit, or an on/off word",
        make: |plan| plan.fields().is_empty().then_some(Decoder::Number),
        is: |decoder| matches!(decoder, Decoder::Number),
    },
    Row {
        name: "json",
        about: "JSON, every number or the configured channels",
        make: |plan| Some(Decoder::Json(plan)),
        is: |decoder| matches!(decoder, Decoder::Json(_)),
    },
    Row {
        name: "brooklet",
        about: "a frame of a device that runs Brooklet",
        make: |plan| plan.fields().is_empty().then_some(Decoder::Brooklet),
        is: |decoder| matches!(decoder, Decoder::Brooklet),
    },
];

impl Decoder {
    /// All names with one line about each, for help texts and errors.
    pub fn names() -> impl ExactSizeIterator<Item = (&'static str, &'static str)> {
        ROWS.iter().map(|row| (row.name, row.about))
    }

    /// The decoder of a name, with the configured channels (the default plan if there are none).
    ///
    /// `None` for a name that is not in [`names`](Self::names), and for one that takes no channels but was
    /// given some.
    #[must_use]
    pub fn from_name(name: &str, plan: JsonPlan) -> Option<Self> {
        ROWS.iter().find(|row| row.name == name).and_then(|row| (row.make)(plan))
    }

    /// The decoder's name in the configuration.
    #[must_use]
    pub fn name(&self) -> &'static str {
        ROWS.iter().find(|row| (row.is)(self)).map_or("", |row| row.name)
    }

    /// Reads a payload into `out`, which is emptied first.
    ///
    /// # Errors
    /// The reason why the payload as a whole is refused; `out` is empty then.
    ///
    /// ```
    /// use brooklet::decode::{Decoder, Readings};
    /// let mut out = Readings::new();
    /// Decoder::Auto.decode(br#"{"ts":1795237683,"temp":21.5,"vib":{"rms":0.5}}"#, &mut out)?;
    /// let seen: Vec<_> = out.iter().map(|r| (r.channel, r.value)).collect();
    /// assert_eq!(seen, [("temp", 21.5), ("vib.rms", 0.5)]);
    /// assert_eq!(Decoder::Auto.decode(b"21,5", &mut out).unwrap_err().name(), "not_a_number");
    /// # Ok::<(), brooklet::decode::Refusal>(())
    /// ```
    pub fn decode(&self, payload: &[u8], out: &mut Readings) -> Result<(), Refusal> {
        out.clear();
        let done = self.read(payload, out);
        if done.is_err() {
            out.clear();
        }
        done
    }

    /// The message of a device, with its number, if this decoder takes the payload for a frame.
    ///
    /// # Errors
    /// Why it is none, or not one that this version knows.
    pub fn frame(&self, payload: &[u8]) -> Option<Result<(u16, Message), Refusal>> {
        match self {
            Self::Brooklet => Some(frame::decode(payload).map_err(Refusal::Frame)),
            Self::Auto if device::may_be(payload) => match frame::decode(payload) {
                Ok(message) => Some(Ok(message)),
                Err(unknown @ frame::Error::Unknown) => Some(Err(Refusal::Frame(unknown))),
                Err(_) => None,
            },
            _ => None,
        }
    }

    fn read(&self, payload: &[u8], out: &mut Readings) -> Result<(), Refusal> {
        if let Some(message) = self.frame(payload) {
            device::readings(&message?.1, out)?;
            return found(out);
        }
        if payload.len() > MAX_PAYLOAD {
            return Err(Refusal::TooLarge { bytes: payload.len() });
        }
        let text = std::str::from_utf8(payload).map_err(|e| Refusal::NotUtf8 { at: e.valid_up_to() })?;
        if text.trim_ascii_start().is_empty() {
            return Err(Refusal::Empty);
        }
        match self {
            Self::Auto => auto::decode(text, out)?,
            Self::Number => number::decode(text, out)?,
            Self::Json(plan) => plan.decode(text, out)?,
            Self::Brooklet => return Err(Refusal::NoNumber),
        }
        found(out)
    }
}

/// A payload without a single reading is refused.
fn found(out: &Readings) -> Result<(), Refusal> {
    match (out.is_empty(), out.non_finite()) {
        (false, _) => Ok(()),
        (true, 0) => Err(Refusal::NoNumber),
        (true, _) => Err(Refusal::NonFinite),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::reading::Timestamp;

    /// 1795237683 s
    pub(super) const T0: Timestamp = Timestamp(1_795_237_683_000);

    pub(super) fn decoded_by(decoder: &Decoder, payload: &[u8]) -> (Readings, Result<(), Refusal>) {
        let mut out = Readings::new();
        let done = decoder.decode(payload, &mut out);
        (out, done)
    }

    pub(super) fn decoded(payload: &str) -> (Readings, Result<(), Refusal>) {
        decoded_by(&Decoder::Auto, payload.as_bytes())
    }

    pub(super) fn listed(out: &Readings) -> Vec<(&str, Option<Timestamp>, f32)> {
        out.iter().map(|reading| (reading.channel, reading.time, reading.value)).collect()
    }

    pub(super) fn readings(payload: &str) -> Vec<(&'static str, Option<Timestamp>, f32)> {
        let (out, done) = decoded(payload);
        assert_eq!(done, Ok(()), "{payload}");
        listed(Box::leak(Box::new(out)))
    }

    pub(super) fn refused(payload: &str) -> &'static str {
        let (out, done) = decoded(payload);
        assert!(out.is_empty());
        done.map_or_else(|refusal| refusal.name(), |()| "accepted")
    }

    /// 157 bytes, ten numbers.
    const OBJECT: &str = r#"{"temp":21.53,"hum":48.2,"pres":1013.25,"rpm":1480,"vib_x":0.0123,"vib_y":0.0117,"vib_z":0.0251,"current":12.84,"power":2954.6,"flow":17.29,"site":"north-3"}"#;

    const SAMPLES: [&str; 12] = [
        OBJECT,
        "21.5 °C",
        "ON",
        r#"{"Time":"2026-11-21T05:08:03","ENERGY":{"Total":1.5,"Power":[1,2]},"TempUnit":"C"}"#,
        r#"{"last_seen":"2026-11-21T05:08:03.123Z","linkquality":120,"state":"ON","update":{"installed":-1}}"#,
        r#"[{"ts":1795237683,"a":1},{"ts":1795237684,"a":2}]"#,
        "[[1795237683,1],[1795237684,2.5]]",
        r#"[{"bn":"dev:","bt":1795237683,"n":"a","v":1},{"n":"b","vb":true}]"#,
        r#"{"a\u00b0\ud83d\ude00":"x\"\\","b":[[],{},[{"c":"1e3"}]]}"#,
        "[1,2,3,4.5e-3,-0]",
        "\"21.5\"",
        r#"{"uplink_message":{"f_cnt":7,"decoded_payload":{"t":21.5}},"received_at":"2026-11-21T05:08:03.123456789Z"}"#,
    ];

    fn decoders() -> [Decoder; 4] {
        let fields = ["/temp", "/ENERGY/Power/1", "/a", "", "/b/2/0/c"];
        let fields = fields.iter().enumerate().map(|(i, at)| Field::new(format!("c{i}"), *at)).collect();
        let plan = JsonPlan::new(fields, Some("/ts")).expect("a plan");
        [Decoder::Auto, Decoder::Number, Decoder::Json(plan), Decoder::Json(JsonPlan::default())]
    }

    #[test]
    fn names_and_decoders_match() {
        for (name, about) in Decoder::names() {
            let decoder = Decoder::from_name(name, JsonPlan::default()).expect("a decoder");
            assert_eq!(decoder.name(), name);
            assert!(!about.is_empty());
        }
        assert_eq!(Decoder::from_name("xml", JsonPlan::default()), None);
        let plan = JsonPlan::new(vec![Field::new("a", "/a")], None).expect("a plan");
        assert_eq!(Decoder::from_name("number", plan.clone()), None);
        assert_eq!(Decoder::from_name("json", plan).map(|d| d.name()), Some("json"));
    }

    #[test]
    fn what_every_decoder_refuses() {
        for decoder in decoders() {
            for (payload, name) in [
                (&b""[..], "empty"),
                (b" \r\n", "empty"),
                (b"\xff\xfe", "not_utf8"),
                (b"{\"a\":\"\xc3\"}", "not_utf8"),
                (&[b' '; MAX_PAYLOAD + 1], "too_large"),
            ] {
                let (out, done) = decoded_by(&decoder, payload);
                assert_eq!(done.map_err(|refusal| refusal.name()), Err(name));
                assert!(out.is_empty());
            }
        }
        let longest = format!("{}1", " ".repeat(MAX_PAYLOAD - 1));
        assert_eq!(readings(&longest), [("", None, 1.0)]);
    }

    #[test]
    fn the_number_decoder_reads_no_json() {
        assert_eq!(decoded_by(&Decoder::Number, b"{\"a\":1}").1, Err(Refusal::NotANumber));
        assert_eq!(listed(&decoded_by(&Decoder::Number, b"off").0), [("", None, 0.0)]);
    }

    #[test]
    fn a_refusal_leaves_nothing_of_the_message_before() {
        let mut out = Readings::new();
        assert_eq!(Decoder::Auto.decode(br#"{"a":1,"ts":1795237683}"#, &mut out), Ok(()));
        assert!(Decoder::Auto.decode(br#"{"a":1,"b":"#, &mut out).is_err());
        assert!(out.is_empty());
        assert_eq!(Decoder::Auto.decode(b"2", &mut out), Ok(()));
        assert_eq!(listed(&out), [("", None, 2.0)]);
    }

    /// Whether a text that serde_json refuses may still be one of ours: NaN, infinity, a number out of range.
    fn beyond_json(text: &str) -> bool {
        let lower = text.to_ascii_lowercase();
        let out_of_range = |error: serde_json::Error| error.to_string().starts_with("number out of range");
        lower.contains("nan")
            || lower.contains("inf")
            || serde_json::from_str::<serde_json::Value>(text).is_err_and(out_of_range)
    }

    #[test]
    fn what_is_not_finite_does_not_silence_the_others() {
        for (json, left) in [
            (r#"{"a":NaN,"b":1,"c":-Infinity,"d":[2,1e999]}"#, 3),
            (r#"[1e39,1]"#, 1),
            (r#"[{"bn":"x","n":"a","v":NaN},{"n":"b","v":1}]"#, 1),
            (r#"{"ts":NaN,"a":1}"#, 1),
        ] {
            let (out, done) = decoded(json);
            assert_eq!((done, out.non_finite()), (Ok(()), left), "{json}");
            assert!(!out.is_empty() && out.iter().all(|reading| reading.value.is_finite()), "{json}");
        }
        let plan = JsonPlan::new(vec![Field::new("a", "/a"), Field::new("b", "/b")], None).expect("a plan");
        let (out, _) = decoded_by(&Decoder::Json(plan), br#"{"a":NaN,"b":1,"x":Infinity}"#);
        assert_eq!((listed(&out), out.non_finite()), (vec![("b", None, 1.0)], 1));
    }

    /// Damages valid payloads in every way that comes to mind; whatever comes out must keep its promises.
    #[test]
    fn damaged_payloads_never_panic() {
        let mut seed = 0xb700_c1e7_u64;
        let mut next = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap_or_default() % below.max(1)
        };
        let decoders = decoders();
        let mut out = Readings::new();
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let mut payload = SAMPLES[next(SAMPLES.len())].as_bytes().to_vec();
            for _ in 0..=next(3) {
                let at = next(payload.len());
                match next(5) {
                    0 => payload.truncate(at),
                    1 if !payload.is_empty() => payload[at] = u8::try_from(next(256)).unwrap(),
                    2 => payload.insert(at, b"{}[]\",:\\-+.eE0N"[next(15)]),
                    3 => {
                        let other = SAMPLES[next(SAMPLES.len())].as_bytes();
                        payload.splice(at..at, other[..next(other.len())].iter().copied());
                    }
                    _ => drop(payload.drain(at..(at + next(4)).min(payload.len()))),
                }
            }
            for decoder in &decoders {
                match decoder.decode(&payload, &mut out) {
                    Ok(()) => {
                        taken += 1;
                        assert!(!out.is_empty());
                        for reading in out.iter() {
                            assert!(reading.value.is_finite());
                            assert!(reading.channel.len() <= MAX_STRING);
                            assert!(!reading.channel.contains(['/', '+', '#']));
                        }
                    }
                    Err(refusal) => {
                        refused += 1;
                        assert!(out.is_empty() && !refusal.name().is_empty());
                    }
                }
            }
            // Grammar: what is refused as not JSON must be so for serde_json too, and nothing else may be
            // accepted.
            if let Ok(text) = std::str::from_utf8(&payload) {
                let strict = serde_json::from_str::<serde_json::Value>(text).is_ok();
                match json::skim(text) {
                    // Ours also reads the words for what is not finite.
                    Ok(()) => assert!(strict || beyond_json(text), "{text}"),
                    Err(Refusal::NotJson { .. }) => assert!(!strict, "{text}"),
                    Err(_) => {}
                }
            }
        }
        assert!(taken > 1000 && refused > 1000, "{taken} taken, {refused} refused");
    }

    #[test]
    fn the_worst_payloads_stay_within_time_and_memory() {
        let fill = |head: &str, unit: &dyn Fn(usize) -> String, tail: &str| {
            let mut text = head.to_owned();
            for i in 0.. {
                let unit = unit(i);
                if text.len() + unit.len() + tail.len() > MAX_PAYLOAD {
                    break;
                }
                text.push_str(&unit);
            }
            text + tail
        };
        let key = "k".repeat(240);
        let fields: String = (10..70).map(|i| format!("\"{i}\":1,")).collect();
        let worst = [
            fill("[0", &|_| ",1".into(), "]"),
            fill("[{}", &|i| format!(",{{\"{i:04}\":1}}"), "]"),
            fill("{\"z\":1", &|i| format!(",\"{i:04}\":\"\""), "}"),
            fill("[0", &|_| format!(",{{\"{key}\":{{{fields}\"z\":1}}}}"), "]"),
            fill("[0", &|i| format!(",{{\"{key}{i:04}\":{{{fields}\"z\":1}}}}"), "]"),
            fill(
                "[0",
                &|_| ",{\"a\":[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9]}".into(),
                "]",
            ),
            fill("{\"a\":\"", &|_| "\\u00b0".into(), "\",\"b\":1}"),
            fill("", &|_| "{\"a\":".into(), ""),
            fill("", &|_| "9".into(), ""),
            fill("1 ", &|_| "x".into(), ""),
            fill("[{\"bn\":\"b\"}", &|i| format!(",{{\"n\":\"{i}\",\"v\":1}}"), "]"),
        ];
        for payload in worst {
            for decoder in decoders() {
                let mut out = Readings::new();
                let start = std::time::Instant::now();
                let done = decoder.decode(payload.as_bytes(), &mut out);
                let spent = start.elapsed();
                let head: String = payload.chars().take(40).collect();
                eprintln!("{head:40} {:6} {spent:>10.1?} {:>8} B {done:?}", decoder.name(), out.footprint());
                assert!(out.footprint() <= 1 << 20, "{head}: {} bytes", out.footprint());
                // 1 ms is the promise for an optimised build on a quiet machine; this only catches the
                // quadratic.
                assert!(spent.as_millis() < 200, "{head}: {spent:?}");
            }
        }
    }

    #[test]
    fn a_warm_buffer_does_not_grow() {
        let mut out = Readings::new();
        for sample in SAMPLES {
            let _ = Decoder::Auto.decode(sample.as_bytes(), &mut out);
        }
        let warm = out.footprint();
        for sample in SAMPLES.iter().cycle().take(1000) {
            let _ = Decoder::Auto.decode(sample.as_bytes(), &mut out);
            assert_eq!(out.footprint(), warm);
        }
    }

    /// `cargo test --release --lib -- --ignored --nocapture time_of_decoding`
    #[test]
    #[ignore = "a measurement"]
    fn time_of_decoding() {
        assert_eq!(OBJECT.len(), 157);
        assert_eq!(readings(OBJECT).len(), 10);
        let mut out = Readings::new();
        let fields = ["temp", "hum", "pres", "rpm", "vib_x", "vib_y", "vib_z", "current", "power", "flow"];
        let fields = fields.iter().map(|name| Field::new(*name, format!("/{name}"))).collect();
        let plan = Decoder::Json(JsonPlan::new(fields, None).expect("a plan"));
        for (decoder, payload) in [(Decoder::Auto, OBJECT), (plan, OBJECT), (Decoder::Auto, "21.5")] {
            let mut best = f64::INFINITY;
            for _ in 0..10 {
                let start = std::time::Instant::now();
                for _ in 0..100_000 {
                    let _ = std::hint::black_box(
                        decoder.decode(std::hint::black_box(payload.as_bytes()), &mut out),
                    );
                }
                best = best.min(start.elapsed().as_secs_f64() * 1e9 / 1e5);
            }
            eprintln!("{best:.0} ns a payload of {} bytes, {}", payload.len(), decoder.name());
        }
        let start = std::time::Instant::now();
        for _ in 0..100_000 {
            let _ =
                std::hint::black_box(serde_json::from_str::<serde_json::Value>(std::hint::black_box(OBJECT)));
        }
        eprintln!("{:.0} ns as serde_json::Value", start.elapsed().as_secs_f64() * 1e9 / 1e5);
    }
}
