//! Any bytes, every decoder: no panic, and what is accepted keeps its promises.
//!
//! `cargo fuzz run --sanitizer none decode` in `agent/`.
#![no_main]

use std::cell::RefCell;
use std::sync::LazyLock;

use brooklet::decode::{Decoder, Field, JsonPlan, MAX_STRING, Readings};
use libfuzzer_sys::fuzz_target;

static DECODERS: LazyLock<[Decoder; 5]> = LazyLock::new(|| {
    let fields = ["/a", "/b/0", "/c/d", ""];
    let fields = fields.iter().enumerate().map(|(i, at)| Field::new(format!("c{i}"), *at)).collect();
    let plan = JsonPlan::new(fields, Some("/ts")).expect("a plan");
    [
        Decoder::Auto,
        Decoder::Number,
        Decoder::Json(plan),
        Decoder::Json(JsonPlan::default()),
        Decoder::Brooklet,
    ]
});

thread_local! {
    // Reused over all inputs, as the agent does: what one leaves behind must not reach the next.
    static OUT: RefCell<Readings> = RefCell::new(Readings::new());
}

/// Ours also reads NaN, infinity and numbers out of range, so that they silence nothing but themselves.
fn beyond_json(payload: &[u8]) -> bool {
    let lower = payload.to_ascii_lowercase();
    let out_of_range = |error: serde_json::Error| error.to_string().starts_with("number out of range");
    lower.windows(3).any(|word| word == b"nan" || word == b"inf")
        || serde_json::from_slice::<serde_json::Value>(payload).is_err_and(out_of_range)
}

fuzz_target!(|payload: &[u8]| {
    OUT.with_borrow_mut(|out| {
        for decoder in DECODERS.iter() {
            if decoder.decode(payload, out).is_err() {
                assert!(out.is_empty());
                continue;
            }
            assert!(!out.is_empty());
            for reading in out.iter() {
                assert!(reading.value.is_finite());
                assert!(reading.channel.len() <= MAX_STRING);
                assert!(!reading.channel.contains(['/', '+', '#']));
            }
            if matches!(decoder, Decoder::Json(_)) && !beyond_json(payload) {
                assert!(serde_json::from_slice::<serde_json::Value>(payload).is_ok());
            }
        }
    });
});
