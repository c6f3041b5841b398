//! Payloads that no decoder takes, and the reasons why: `tests/malformed/<decoder>/<reason>/<number>-<what>.bin`, and
//! those too long to be stored, which are made here.

use std::fs;
use std::path::{Path, PathBuf};

use brooklet::decode::{Decoder, Field, JsonPlan, MAX_PAYLOAD};
use brooklet_core::frame;
use brooklet_core::message::{Message, Reading, Summary};

/// A payload that is refused.
#[derive(Clone, Debug)]
pub struct Malformed {
    /// The decoder that it is meant for.
    pub decoder: String,
    /// The reason for which that one refuses it.
    pub reason: String,
    /// What it is.
    pub what: String,
    /// Itself.
    pub payload: Vec<u8>,
}

/// The decoders by the names of the corpus' folders; `json` wants a channel at `/a`, times ten.
///
/// # Panics
/// If the plan is wrong.
#[must_use]
pub fn decoder(name: &str) -> Decoder {
    let field = Field { scale: 10.0, ..Field::new("a", "/a") };
    let plan =
        if name == "json" { JsonPlan::new(vec![field], None).expect("a plan") } else { JsonPlan::default() };
    Decoder::from_name(name, plan).expect("a folder is called like its decoder")
}

/// All of them: those that are stored, in the order of their names, then those that are made.
///
/// # Panics
/// If the files cannot be read.
#[must_use]
pub fn all() -> Vec<Malformed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("malformed");
    let mut all = Vec::new();
    for decoder in sorted(&root) {
        for reason in sorted(&decoder) {
            for file in sorted(&reason) {
                let payload = fs::read(&file).expect("a payload");
                all.push(Malformed {
                    decoder: name(&decoder),
                    reason: name(&reason),
                    what: name(&file),
                    payload,
                });
            }
        }
    }
    made(&mut all);
    all
}

/// What is too long, or too regular, to be stored.
fn made(all: &mut Vec<Malformed>) {
    let mut add = |decoder: &str, reason: &str, what: &str, payload: Vec<u8>| {
        let (decoder, reason, what) = (decoder.to_owned(), reason.to_owned(), what.to_owned());
        all.push(Malformed { decoder, reason, what, payload });
    };
    let long = MAX_PAYLOAD + 1;
    for decoder in ["auto", "number", "json"] {
        add(decoder, "too_large", "digits", vec![b'1'; long]);
        add(decoder, "too_large", "spaces around a number", [&vec![b' '; long], b"1".as_slice()].concat());
        add(decoder, "too_large", "nothing but bytes of 0xff", vec![0xff; long]);
    }
    add("auto", "too_large", "a long text", format!(r#"{{"a":1,"b":"{}"}}"#, "x".repeat(long)).into_bytes());
    add("auto", "too_large", "200,000 bytes", vec![b'['; 200_000]);
    add("auto", "non_finite", "10,000 digits", vec![b'9'; 10_000]);
    add(
        "auto",
        "non_finite",
        "10,000 digits as a field",
        format!(r#"{{"a":{}}}"#, "9".repeat(10_000)).into_bytes(),
    );
    add(
        "auto",
        "non_finite",
        "an exponent of 60,000 digits",
        format!("1e{}", "9".repeat(60_000)).into_bytes(),
    );
    add("auto", "not_a_number", "a unit of 60,000 letters", format!("1 {}", "x".repeat(60_000)).into_bytes());
    add("auto", "empty", "60,000 spaces", vec![b' '; 60_000]);
    add("auto", "not_json", "60,000 spaces in an object", format!("{{{}", " ".repeat(60_000)).into_bytes());
    add(
        "auto",
        "not_json",
        "a text that never ends",
        format!("{{\"a\":\"{}", "\\\\".repeat(30_000)).into_bytes(),
    );
    add("auto", "too_deep", "60,000 brackets", [b"{\"a\":".as_slice(), &[b'['; 60_000]].concat());
    add("auto", "too_deep", "10,000 objects", "{\"a\":".repeat(10_000).into_bytes());
    add("auto", "too_many_rows", "10,001 numbers", format!("[1{}]", ",1".repeat(10_000)).into_bytes());
    add(
        "auto",
        "too_many_rows",
        "10,001 empty objects",
        format!("[{{}}{}]", ",{}".repeat(10_000)).into_bytes(),
    );
    let keys: Vec<_> = (0..5_000).map(|i| format!("\"{i}\":\"\"")).collect();
    add("auto", "too_many_fields", "5,000 keys", format!("{{{}}}", keys.join(",")).into_bytes());
    add(
        "auto",
        "no_number",
        "a text of 60,000 escapes",
        format!("{{\"a\":\"{}\"}}", "\\n".repeat(30_000)).into_bytes(),
    );
    add(
        "auto",
        "not_utf8",
        "a wrong byte at the very end",
        [&vec![b' '; 60_000], b"\xff".as_slice()].concat(),
    );

    // Valid messages cut off at every byte, and the device's with each of their bits turned.
    let samples = [
        r#"{"temp":21.5,"vib":{"rms":0.5,"axis":[1,-2e3]},"on":true,"note":"a\u00b0\n","x":null}"#,
        r#"[{"bn":"urn:dev:","bt":1795237683,"n":"a","u":"Cel","v":21.5},{"n":"b","vb":true}]"#,
        r#"[[1795237683,21.5],["2026-11-21T05:08:03Z",22]]"#,
    ];
    for sample in samples {
        // A row of which not even the time is whole is no row.
        let first = if sample.starts_with("[[") { sample.find(',').unwrap_or_default() } else { 1 };
        for end in first..sample.len() {
            add("auto", "not_json", &format!("{sample} up to byte {end}"), sample.as_bytes()[..end].to_vec());
        }
    }
    let mut buffer = [0; frame::MAX];
    let frame = frame::encode(7, &reading(21.5), &mut buffer).expect("a frame").to_vec();
    for end in 0..frame.len() {
        let reason = if end < 4 { "frame_truncated" } else { "frame_damaged" };
        add("brooklet", reason, &format!("a frame up to byte {end}"), frame[..end].to_vec());
    }
    for bit in 0..frame.len() * 8 {
        let mut damaged = frame.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        add("brooklet", "frame_damaged", &format!("a frame with bit {bit} turned"), damaged);
    }
    add("brooklet", "frame_too_long", "more bytes than any frame has", vec![1; frame::MAX + 1]);
    add("brooklet", "frame_too_long", "60,000 zeros", vec![0; 60_000]);
    add("brooklet", "frame_damaged", "a number as text", b"21.5".to_vec());
    add("brooklet", "frame_damaged", "an object", br#"{"a":1}"#.to_vec());
    for decoder in ["auto", "brooklet"] {
        let frame = frame::encode(7, &31_u8, &mut buffer).expect("a frame").to_vec();
        add(decoder, "frame_unknown", "a kind of message that does not exist yet", frame);
    }
}

/// Well-formed frames whose numbers are none: the agent counts them as readings that are not finite.
///
/// # Panics
/// If they cannot be made.
#[must_use]
pub fn frames_without_a_number() -> Vec<Vec<u8>> {
    let mut buffer = [0; frame::MAX];
    let messages = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(reading);
    let sequences = [1_u16, 2, 3];
    let frames = sequences.iter().zip(&messages);
    frames.map(|(n, message)| frame::encode(*n, message, &mut buffer).expect("a frame").to_vec()).collect()
}

/// A well-formed frame of a window whose figures contradict each other.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn frame_of_a_bad_window() -> Vec<u8> {
    let label = "t".try_into().expect("a label");
    let window = Summary { channel: label, time: None, count: 0, mean: 0.0, sd: 0.0, min: 0.0, max: 0.0 };
    let mut buffer = [0; frame::MAX];
    frame::encode(4, &Message::Summary(window), &mut buffer).expect("a frame").to_vec()
}

fn reading(value: f32) -> Message {
    Message::Reading(Reading { channel: "t".try_into().expect("a label"), time: None, value })
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("the corpus").map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}
