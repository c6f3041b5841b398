//! The only door to mathematics beyond + - * /: `libm` on every platform, so that every platform gives the same
//! bits. Never fused multiply-add, never the platform's own functions.

/// Square root.
#[must_use]
pub fn sqrt(x: f32) -> f32 {
    libm::sqrtf(x)
}

/// Cube root.
#[must_use]
pub fn cbrt(x: f32) -> f32 {
    libm::cbrtf(x)
}

/// Logarithm to base 2.
#[must_use]
pub fn log2(x: f32) -> f32 {
    libm::log2f(x)
}

/// Logarithm to base 10.
#[must_use]
pub fn log10(x: f32) -> f32 {
    libm::log10f(x)
}

/// Natural logarithm.
#[must_use]
pub fn ln(x: f32) -> f32 {
    libm::logf(x)
}

/// Natural logarithm of a number of 1e-12 to 1e12 for `const fn`, where `libm` is not to be had: `x = 2^k y`, then the
/// series of `2 artanh((y - 1)/(y + 1))`.
#[must_use]
pub const fn const_ln(x: f32) -> f32 {
    let (mut y, mut k) = (x, 0.0);
    while y > 1.5 {
        y *= 0.5;
        k += 1.0;
    }
    while y < 0.75 {
        y *= 2.0;
        k -= 1.0;
    }
    let t = (y - 1.0) / (y + 1.0);
    let (mut sum, mut odd) = (0.0, 41.0);
    while odd > 0.0 {
        sum = sum * t * t + 1.0 / odd;
        odd -= 2.0;
    }
    k * core::f32::consts::LN_2 + 2.0 * t * sum
}

/// Cosine of an angle in radians.
#[must_use]
pub fn cos(x: f32) -> f32 {
    libm::cosf(x)
}

/// Sine of an angle in radians.
#[must_use]
pub fn sin(x: f32) -> f32 {
    libm::sinf(x)
}

/// The angle in radians, -π/2 to π/2, whose tangent is `x`.
#[must_use]
pub fn atan(x: f32) -> f32 {
    libm::atanf(x)
}

/// Hyperbolic tangent.
#[must_use]
pub fn tanh(x: f32) -> f32 {
    libm::tanhf(x)
}

/// `e^x`; infinite from 89 on.
#[must_use]
pub fn exp(x: f32) -> f32 {
    libm::expf(x)
}

/// `e^x - 1`, exact near 0.
#[must_use]
pub fn exp_m1(x: f32) -> f32 {
    libm::expm1f(x)
}

/// `ln(1 + x)`, exact near 0.
#[must_use]
pub fn ln_1p(x: f32) -> f32 {
    libm::log1pf(x)
}

/// `x^y`.
#[must_use]
pub fn pow(x: f32, y: f32) -> f32 {
    libm::powf(x, y)
}

/// Complementary error function.
#[must_use]
pub fn erfc(x: f32) -> f32 {
    libm::erfcf(x)
}

/// The largest whole number that is not above `x`.
#[must_use]
pub fn floor(x: f32) -> f32 {
    libm::floorf(x)
}

/// The smallest whole number that is not below `x`.
#[must_use]
pub fn ceil(x: f32) -> f32 {
    libm::ceilf(x)
}

/// The nearest whole number; halves go away from 0.
#[must_use]
pub fn round(x: f32) -> f32 {
    libm::roundf(x)
}

/// The logistic function `1 / (1 + e^-x)`, without overflow.
#[must_use]
pub fn sigmoid(x: f32) -> f32 {
    // The same path for both signs: which one comes next cannot be foretold.
    let e = exp(-abs(x));
    let share = if x >= 0.0 { 1.0 } else { e };
    share / (1.0 + e)
}

/// Absolute value.
#[must_use]
pub const fn abs(x: f32) -> f32 {
    x.abs()
}

/// The larger of two numbers; of equal ones the second, so that -0 and 0 have a rule: the standard library leaves that
/// to the platform and the optimiser.
#[must_use]
pub const fn max(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The smaller of two numbers; of equal ones the second.
#[must_use]
pub const fn min(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// The whole number nearest to `x`, which lies in -0.5 to 4,194,303; of halves the even one. Other numbers give any.
/// Unlike a conversion with `as`, which saturates, it is two instructions and vectorises.
#[must_use]
#[allow(clippy::unnecessary_cast, reason = "the bits of an f64, where this is compiled for it, are more")]
pub const fn nearest(x: f32) -> u32 {
    // Where neighbours are 1 apart, the lowest bits are the whole number.
    (x + 1.0 / f32::EPSILON).to_bits() as u32 & 0x3f_ffff
}

/// Numbers that are large enough for every sensor and small enough for their squares and sums to stay finite.
pub const LIMIT: f32 = 1e18;

/// `x` within `low..=high`; never panics, unlike the standard library's.
#[must_use]
pub const fn clamp(x: f32, low: f32, high: f32) -> f32 {
    max(min(x, high), low)
}

/// Brings any finite number into `-LIMIT..=LIMIT`.
#[must_use]
pub const fn limit(x: f32) -> f32 {
    x.clamp(-LIMIT, LIMIT)
}

/// Sorts in ascending order, in place: insertion, for the short slices that learners hold. Unlike the standard
/// library's it has no way to panic.
pub fn sort(values: &mut [f32]) {
    for end in 1..values.len() {
        let Some((value, sorted)) = values.get_mut(..=end).and_then(<[f32]>::split_last_mut) else { return };
        let (new, mut hole) = (*value, value);
        for slot in sorted.iter_mut().rev().take_while(|slot| **slot > new) {
            *hole = *slot;
            hole = slot;
        }
        *hole = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_in_const_fn() {
        for x in [1e-9f32, 0.001, 0.005, 0.5, 0.9, 1.0, 1.4, 2.0, 1000.0, 1e9] {
            assert!((const_ln(x) - ln(x)).abs() <= 2e-7 * ln(x).abs(), "{x}");
        }
    }

    #[test]
    fn sorts() {
        let mut values = [3.0, -1.0, 2.0, 2.0, -0.5, 9.0, 0.0];
        sort(&mut values);
        assert_eq!(values, [-1.0, -0.5, 0.0, 2.0, 2.0, 3.0, 9.0]);
        sort(&mut []);
    }

    #[test]
    fn nearest_whole_number() {
        let whole = [-0.5, 0.0, 0.4, 0.6, 2.5, 65_535.4, 4_194_303.0].map(nearest);
        assert_eq!(whole, [0, 0, 0, 1, 2, 65_535, 4_194_303]);
    }

    #[test]
    fn known_values() {
        assert_eq!([sqrt(6.25), cbrt(27.0), log2(8.0), log10(1000.0)], [2.5, 3.0, 3.0, 3.0]);
        assert_eq!([max(-0.0, 0.0), min(-0.0, 0.0), max(0.0, -0.0)].map(f32::to_bits), [0, 0, 1 << 31]);
        assert_eq!([ln(1.0), cos(0.0), abs(-1.5), limit(f32::MAX)], [0.0, 1.0, 1.5, LIMIT]);
    }
}
