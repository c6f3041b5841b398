//! Readings as a sensor sends them, the same ones every time.

use std::ops::Range;

/// 2025-01-01, in seconds since 1970: the first reading's time.
const BEGIN: i64 = 1_735_689_600;
/// Between two readings.
const STEP: i64 = 300;
/// Readings a day.
const DAY: f64 = 288.0;

/// The time of reading `i`, in seconds since 1970.
#[must_use]
pub fn time(i: usize) -> i64 {
    BEGIN + STEP * i64::try_from(i).unwrap_or(i64::MAX)
}

/// Reading `i` of a healthy sensor: warmer by day, colder by night, and a little noise.
#[must_use]
pub fn healthy(i: usize) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a few thousand")]
    let day = (i as f64 / DAY * std::f64::consts::TAU).sin();
    let value = 20.0 + 5.0 * day + noise(i);
    (value * 100.0).round() / 100.0
}

/// As [`healthy`], but shifted up by far while `i` is in `faulty`.
#[must_use]
pub fn shifted(i: usize, faulty: &Range<usize>) -> f64 {
    healthy(i) + if faulty.contains(&i) { 40.0 } else { 0.0 }
}

/// `{"ts": .., "temp": ..}` of [`shifted`].
#[must_use]
pub fn json(i: usize, faulty: &Range<usize>) -> String {
    format!(r#"{{"ts":{},"temp":{:.2}}}"#, time(i), shifted(i, faulty))
}

/// -0.5 to 0.5, evenly spread, without a pattern.
fn noise(i: usize) -> f64 {
    let mut x = (i as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    f64::from(u32::try_from((x ^ (x >> 31)) >> 40).unwrap_or(0)) / f64::from(1 << 24) - 0.5
}
