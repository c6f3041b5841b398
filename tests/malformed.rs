//! The corpus of malformed payloads: each is refused under its reason, within the memory and the work that a payload may
//! cost.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use brooklet::decode::Readings;
use brooklet_tests::malformed::{self, decoder};

/// What a payload may cost in bytes of memory at once, with a buffer that is new.
const MEMORY: u64 = 1 << 20;
/// .. and in allocations: buffers double as they grow, so even the worst payload asks for few. Whatever takes a step that
/// allocates for each byte or key of the payload would need thousands.
const ALLOCATIONS: u64 = 32;

#[test]
fn each_is_refused_under_its_reason_within_its_memory() {
    let all = malformed::all();
    let mut reasons = BTreeMap::new();
    let (mut most, mut often) = (0, 0);
    let mut wrong = Vec::new();
    for one in &all {
        let (decoder, mut out) = (decoder(&one.decoder), Readings::new());
        let mut done = Ok(());
        let cost = allocation_counter::measure(|| done = decoder.decode(&one.payload, &mut out));
        let reason = done.map_or_else(|refusal| refusal.name(), |()| "accepted");
        if reason != one.reason {
            wrong.push(format!("{} {} {}: {reason}", one.decoder, one.reason, one.what));
        }
        assert!(done.is_ok() || out.is_empty() && out.non_finite() == 0, "{}", one.what);
        assert!(cost.bytes_max <= MEMORY, "{}: {} bytes", one.what, cost.bytes_max);
        assert!(cost.count_total <= ALLOCATIONS, "{}: {} allocations", one.what, cost.count_total);
        (most, often) = (most.max(cost.bytes_max), often.max(cost.count_total));
        *reasons.entry(reason).or_insert(0) += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    eprintln!("{} payloads, at most {most} bytes and {often} allocations each: {reasons:?}", all.len());
    // Every reason but those that only the worker gives.
    assert!(reasons.len() >= 17 && all.len() >= 200, "{reasons:?}");
}

#[test]
fn whatever_decoder_they_meet_nothing_that_is_no_number_comes_out() {
    let mut out = Readings::new();
    for one in malformed::all() {
        for decoder in ["auto", "number", "json", "brooklet"].map(decoder) {
            let cost = allocation_counter::measure(|| {
                let _ = decoder.decode(&one.payload, &mut out);
            });
            assert!(cost.bytes_max <= MEMORY, "{}: {} bytes", one.what, cost.bytes_max);
            assert!(
                out.iter().all(|reading| reading.value.is_finite()),
                "{} by {}",
                one.what,
                decoder.name()
            );
        }
    }
}

/// `cargo test --release -p brooklet-tests --test malformed -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn time_of_the_worst() {
    let mut out = Readings::new();
    let mut times: Vec<(Duration, String)> = Vec::new();
    for one in malformed::all() {
        let decoder = decoder(&one.decoder);
        let best = (0..20).map(|_| {
            let start = Instant::now();
            let _ = std::hint::black_box(decoder.decode(std::hint::black_box(&one.payload), &mut out));
            start.elapsed()
        });
        times.push((best.min().unwrap(), format!("{} {}", one.reason, one.what)));
    }
    times.sort();
    for (time, what) in times.iter().rev().take(10) {
        eprintln!("{time:>10.1?} {what}");
    }
}
