//! Learners in whole numbers, for processors that have neither floating point nor division, such as a Cortex-M0.
//!
//! | learner | sibling in f32 |
//! |---|---|
//! | [`FixedEwMean`](crate::stats::FixedEwMean), [`FixedEwVariance`](crate::stats::FixedEwVariance) | [`EwMeanVar`](crate::stats::EwMeanVar) |
//! | [`FixedRange`](crate::anomaly::FixedRange) | [`Range`](crate::anomaly::Range) |
//! | [`FixedLevelShift`](crate::anomaly::FixedLevelShift) | [`LevelShift`](crate::anomaly::LevelShift) |
//! | [`FixedPageHinkley`](crate::drift::FixedPageHinkley) | [`PageHinkley`](crate::drift::PageHinkley) |
//!
//! A value is an `i32` of `FRACTION` (0..=30) bits below the point: `raw = round(x 2^FRACTION)`. It holds
//! ±2^(31 - `FRACTION`) in steps of 2^-`FRACTION`; what lies outside saturates. Choose `FRACTION` so that a step is at
//! most a quarter of the noise and the largest value fits:
//!
//! | `FRACTION` | range | step |
//! |---|---|---|
//! | 4 | ±134,217,728 | 0.06 |
//! | 8 | ±8,388,608 | 0.004 |
//! | 12 | ±524,288 | 0.00024 |
//! | 16 | ±32,768 | 0.000015 |
//!
//! Each learner learns `f32` by the role it shares with its sibling, or raw numbers by `learn_raw`: a reading of an
//! ADC, shifted left a few bits, never meets a float. Shares are powers of two, so that they are shifts.
//!
//! Instructions are those that `firmware-examples/measure` counts (21 November 2026, rustc 1.95, QEMU 7.2): mean of 500
//! readings, learnt and answered, of code for thumbv6m. They are instructions, not cycles.

use crate::math;

/// The raw number of `x`; saturates.
/// ```
/// use brooklet_core::fixed::to_raw;
/// assert_eq!([to_raw::<8>(1.5), to_raw::<8>(-1e30)], [384, -i32::MAX]);
/// ```
#[must_use]
pub const fn to_raw<const FRACTION: u32>(x: f32) -> i32 {
    const { assert!(FRACTION <= 30) };
    math::fixed(x, FRACTION)
}

/// The number of a raw one.
/// ```
/// assert_eq!(brooklet_core::fixed::to_float::<8>(384), 1.5);
/// ```
#[must_use]
pub const fn to_float<const FRACTION: u32>(raw: i32) -> f32 {
    raw as f32 * step(FRACTION)
}

/// 2^-fraction; `fraction` is below 64.
pub(crate) const fn step(fraction: u32) -> f32 {
    1.0 / 1u64.wrapping_shl(fraction) as f32
}

/// Evidence is counted in 1/256 of a power of ten.
pub(crate) const MOST_EVIDENCE: u16 = 6 * 256;

/// Evidence in powers of ten.
pub(crate) const fn evidence(of: u16) -> f32 {
    // Nearly always; spares what soft float takes.
    if of == 0 { 0.0 } else { of as f32 * step(8) }
}

/// `d²` of three products of 32 bits: an M0 has no others.
pub(crate) const fn square(d: u32) -> u64 {
    let (high, low) = (d >> 16, d & 0xffff);
    let [hh, hl, ll] = [high.wrapping_mul(high), high.wrapping_mul(low), low.wrapping_mul(low)];
    ((hh as u64) << 32).wrapping_add((hl as u64) << 17).wrapping_add(ll as u64)
}

/// `256 over / under`, below 2^13; larger ones, and those of nothing, are 2^13. `under` is below 2^63.
pub(crate) const fn ratio(over: u64, under: u64) -> u32 {
    if under == 0 || over >> 5 >= under {
        return 1 << 13;
    }
    // Thirteen steps of long division, always: the division of 64 bits that is linked otherwise takes many times that.
    let (mut rest, mut whole, mut bit) = (over, 0, 5);
    while bit > 0 {
        bit = u32::wrapping_sub(bit, 1);
        whole <<= 1;
        if rest.wrapping_shr(bit) >= under {
            rest = rest.wrapping_sub(under.wrapping_shl(bit));
            whole |= 1;
        }
    }
    let mut digits = 8;
    while digits > 0 {
        digits = u32::wrapping_sub(digits, 1);
        (rest, whole) = (rest << 1, whole << 1);
        if rest >= under {
            rest = rest.wrapping_sub(under);
            whole |= 1;
        }
    }
    whole
}

/// `256 log2 x` to 5 of these; of 0 as of 1.
pub(crate) const fn log2(x: u32) -> u32 {
    let zeros = (x | 1).leading_zeros();
    let part = ((x | (x == 0) as u32).wrapping_shl(zeros) >> 23) & 0xff;
    // The logarithm between two powers of two is nearly a parabola.
    let bend = part.wrapping_mul(256_u32.wrapping_sub(part)).wrapping_mul(89) >> 16;
    (31_u32.wrapping_sub(zeros) << 8).wrapping_add(part).wrapping_add(bend)
}

/// `256 log10` of what has this [`log2`], at most 8192.
pub(crate) const fn log10_of_log2(log2: u32) -> u32 {
    log2.wrapping_mul(19_728) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn arithmetic() {
        let mut rng = Rng::new(7);
        for _ in 0..20_000 {
            let (a, b, cut) = (rng.next_u64(), rng.next_u64(), rng.next_u64() % 32);
            let d = (a as u32) >> cut;
            assert_eq!(square(d), u64::from(d) * u64::from(d));
            let (over, under) = (a >> 1 >> (b % 60), b >> 1 >> cut);
            let wanted =
                (u128::from(over) * 256).checked_div(u128::from(under)).map_or(8192, |r| r.min(8192));
            assert_eq!(u128::from(ratio(over, under)), wanted, "{over} {under}");
            let exact = 256.0 * f64::from(d.max(1)).log2();
            assert!((f64::from(log2(d)) - exact).abs() <= 5.0, "{d} {} {exact}", log2(d));
        }
        assert_eq!([log2(0), log2(1), log2(8), log10_of_log2(log2(100_000))], [0, 0, 768, 1279]);
    }
}
