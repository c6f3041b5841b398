//! The only door to mathematics beyond + - * /: `libm` on every platform, so that every platform gives the same
//! bits. Never fused multiply-add, never the platform's own functions.

/// Square root.
/// ```
/// assert_eq!(brooklet_core::math::sqrt(6.25), 2.5);
/// ```
#[must_use]
pub fn sqrt(x: f32) -> f32 {
    libm::sqrtf(x)
}

/// Cube root.
/// ```
/// assert_eq!(brooklet_core::math::cbrt(27.0), 3.0);
/// ```
#[must_use]
pub fn cbrt(x: f32) -> f32 {
    #[cfg(target_os = "none")]
    return cbrt_without_f64(x);
    #[cfg(not(target_os = "none"))]
    libm::cbrtf(x)
}

/// What `libm` gives, which is the root correctly rounded, where f64 is slow: an estimate in f32, then its last digit by
/// comparing cubes of integers.
#[cfg(any(test, target_os = "none"))]
fn cbrt_without_f64(x: f32) -> f32 {
    const IMPLICIT: u32 = 1 << 23;
    let size = x.to_bits() & 0x7fff_ffff;
    if size == 0 || size >= f32::INFINITY.to_bits() {
        return x + x;
    }
    // |x| = mantissa 2^(exponent - 173), the mantissa of 24 bits.
    let shift = size.leading_zeros().saturating_sub(8);
    let (mantissa, exponent) = if size < IMPLICIT {
        (size << shift, 24_u32.wrapping_sub(shift))
    } else {
        ((size & (IMPLICIT - 1)) | IMPLICIT, (size >> 23).wrapping_add(23))
    };
    // |x| = wide 2^(3 third - 219), wide a number of 70 to 72 bits, so that its root has 24. Below, differences of such
    // numbers fit 64 bits: theirs may overflow.
    let (third, more) = (exponent / 3, exponent % 3);
    let eight_wide = u64::from(mantissa).wrapping_shl(more.wrapping_add(49));
    let estimate = {
        let x = f32::from_bits((more.wrapping_add(127) << 23) | (mantissa & (IMPLICIT - 1)));
        // A third of the exponent, then Halley's iteration twice.
        let mut y = f32::from_bits((x.to_bits() / 3).wrapping_add(709_960_000));
        for _ in 0..2 {
            let cube = y * y * y;
            y *= (x + x + cube) / (x + cube + cube);
        }
        (y * IMPLICIT as f32) as u32
    };
    let above = |half: u64| (eight_wide.wrapping_sub(half.wrapping_mul(half).wrapping_mul(half)) as i64) > 0;
    let mut twice = 2 * u64::from(estimate);
    while above(twice | 1) {
        twice = twice.wrapping_add(2);
    }
    while !above(twice.wrapping_sub(1)) {
        twice = twice.wrapping_sub(2);
    }
    let scale = f32::from_bits(third.wrapping_add(127 - 73) << 23);
    ((twice / 2) as u32 as f32 * scale).copysign(x)
}

/// Logarithm to base 2.
/// ```
/// assert_eq!(brooklet_core::math::log2(8.0), 3.0);
/// ```
#[must_use]
pub fn log2(x: f32) -> f32 {
    libm::log2f(x)
}

/// Logarithm to base 10.
/// ```
/// assert_eq!(brooklet_core::math::log10(1000.0), 3.0);
/// ```
#[must_use]
pub fn log10(x: f32) -> f32 {
    libm::log10f(x)
}

/// Natural logarithm.
/// ```
/// assert_eq!(brooklet_core::math::ln(1.0), 0.0);
/// ```
#[must_use]
pub fn ln(x: f32) -> f32 {
    libm::logf(x)
}

/// Natural logarithm of a number of 1e-12 to 1e12 for `const fn`, where `libm` is not to be had: `x = 2^k y`, then the
/// series of `2 artanh((y - 1)/(y + 1))`.
/// ```
/// const HALF: f32 = brooklet_core::math::const_ln(0.5);
/// assert_eq!(HALF, -core::f32::consts::LN_2);
/// ```
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
/// ```
/// assert_eq!(brooklet_core::math::cos(0.0), 1.0);
/// ```
#[must_use]
pub fn cos(x: f32) -> f32 {
    libm::cosf(x)
}

/// Sine of an angle in radians.
/// ```
/// assert_eq!(brooklet_core::math::sin(core::f32::consts::FRAC_PI_2), 1.0);
/// ```
#[must_use]
pub fn sin(x: f32) -> f32 {
    libm::sinf(x)
}

/// The angle in radians, -π/2 to π/2, whose tangent is `x`.
/// ```
/// assert_eq!(brooklet_core::math::atan(1.0), core::f32::consts::FRAC_PI_4);
/// ```
#[must_use]
pub fn atan(x: f32) -> f32 {
    libm::atanf(x)
}

/// Hyperbolic tangent.
/// ```
/// assert_eq!(brooklet_core::math::tanh(30.0), 1.0);
/// ```
#[must_use]
pub fn tanh(x: f32) -> f32 {
    libm::tanhf(x)
}

/// `e^x`; infinite from 89 on.
/// ```
/// assert_eq!(brooklet_core::math::exp(1.0), core::f32::consts::E);
/// ```
#[must_use]
pub fn exp(x: f32) -> f32 {
    libm::expf(x)
}

/// `e^x - 1`, exact near 0.
/// ```
/// assert_eq!(brooklet_core::math::exp_m1(1e-10), 1e-10);
/// ```
#[must_use]
pub fn exp_m1(x: f32) -> f32 {
    libm::expm1f(x)
}

/// `ln(1 + x)`, exact near 0.
/// ```
/// assert_eq!(brooklet_core::math::ln_1p(1e-10), 1e-10);
/// ```
#[must_use]
pub fn ln_1p(x: f32) -> f32 {
    libm::log1pf(x)
}

/// `x^y`.
/// ```
/// assert_eq!(brooklet_core::math::pow(2.0, -3.0), 0.125);
/// ```
#[must_use]
pub fn pow(x: f32, y: f32) -> f32 {
    libm::powf(x, y)
}

/// Complementary error function.
/// ```
/// assert_eq!(brooklet_core::math::erfc(0.0), 1.0);
/// ```
#[must_use]
pub fn erfc(x: f32) -> f32 {
    libm::erfcf(x)
}

/// The largest whole number that is not above `x`.
/// ```
/// assert_eq!(brooklet_core::math::floor(-1.5), -2.0);
/// ```
#[must_use]
pub fn floor(x: f32) -> f32 {
    libm::floorf(x)
}

/// The smallest whole number that is not below `x`.
/// ```
/// assert_eq!(brooklet_core::math::ceil(-1.5), -1.0);
/// ```
#[must_use]
pub fn ceil(x: f32) -> f32 {
    libm::ceilf(x)
}

/// The nearest whole number; halves go away from 0.
/// ```
/// assert_eq!(brooklet_core::math::round(-1.5), -2.0);
/// ```
#[must_use]
pub fn round(x: f32) -> f32 {
    libm::roundf(x)
}

/// The logistic function `1 / (1 + e^-x)`, without overflow.
/// ```
/// assert_eq!([-200.0, 0.0, 200.0].map(brooklet_core::math::sigmoid), [0.0, 0.5, 1.0]);
/// ```
#[must_use]
pub fn sigmoid(x: f32) -> f32 {
    // The same path for both signs: which one comes next cannot be foretold.
    let e = exp(-abs(x));
    let share = if x >= 0.0 { 1.0 } else { e };
    share / (1.0 + e)
}

/// Absolute value.
/// ```
/// assert_eq!(brooklet_core::math::abs(-1.5), 1.5);
/// ```
#[must_use]
pub const fn abs(x: f32) -> f32 {
    x.abs()
}

/// The larger of two numbers; of equal ones the second, so that -0 and 0 have a rule: the standard library leaves that
/// to the platform and the optimiser.
/// ```
/// use brooklet_core::math::max;
/// assert_eq!(max(1.0, 2.0), 2.0);
/// assert!(max(0.0, -0.0).is_sign_negative());
/// ```
#[must_use]
pub const fn max(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The smaller of two numbers; of equal ones the second.
/// ```
/// use brooklet_core::math::min;
/// assert_eq!(min(1.0, 2.0), 1.0);
/// assert!(min(-0.0, 0.0).is_sign_positive());
/// ```
#[must_use]
pub const fn min(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// The whole number nearest to `x`, which lies in -0.5 to 4,194,303; of halves the even one. Other numbers give any.
/// Unlike a conversion with `as`, which saturates, it is two instructions and vectorises.
/// ```
/// assert_eq!([0.4, 0.6, 2.5].map(brooklet_core::math::nearest), [0, 1, 2]);
/// ```
#[must_use]
#[allow(clippy::unnecessary_cast, reason = "the bits of an f64, where this is compiled for it, are more")]
pub const fn nearest(x: f32) -> u32 {
    // Where neighbours are 1 apart, the lowest bits are the whole number.
    (x + 1.5 / f32::EPSILON).to_bits() as u32 & 0x3f_ffff
}

/// Where a positive number stands between powers of two: `x = 2^octave (1 + fraction / 2^23)`. Other numbers give any, and
/// so do subnormal ones, which are below every octave.
/// ```
/// assert_eq!(brooklet_core::math::octave(12.0), (3, 1 << 22));
/// ```
#[must_use]
#[allow(clippy::unnecessary_cast, reason = "the bits of an f64, where this is compiled for it, are more")]
pub const fn octave(x: f32) -> (i32, u32) {
    const DIGITS: u32 = f32::MANTISSA_DIGITS - 1;
    let octave = (x.to_bits() >> DIGITS) as i32;
    let fraction = (x.to_bits() >> (DIGITS - 23)) as u32 & 0x7f_ffff;
    (octave.wrapping_sub(f32::MAX_EXP).wrapping_add(1), fraction)
}

/// `x 2^fraction`, `fraction` 0..=31, as the nearest whole number; halves go away from 0, what does not fit saturates.
/// By the bits of `x` alone: a multiplication and a conversion cost a processor without an FPU ten times as much.
/// ```
/// use brooklet_core::math::fixed;
/// assert_eq!([fixed(1.5, 8), fixed(-0.002, 8), fixed(1e9, 8)], [384, -1, i32::MAX]);
/// ```
#[must_use]
#[allow(clippy::unnecessary_cast, reason = "the bits of an f64, where this is compiled for it, are more")]
pub const fn fixed(x: f32, fraction: u32) -> i32 {
    const DIGITS: u32 = f32::MANTISSA_DIGITS - 1;
    const EXPONENTS: u32 = 2 * f32::MAX_EXP as u32 - 1;
    // The exponent of 2^-30 when the digits are a whole number.
    const DOWN: u32 = EXPONENTS / 2 + DIGITS - 30;
    const ROUNDED: i32 = 29 - DIGITS as i32;
    const TOO_LARGE: i32 = 60 - DIGITS as i32;
    let bits = x.to_bits();
    let exponent = (bits >> DIGITS) as u32 & EXPONENTS;
    let digits = (bits & ((1 << DIGITS) - 1)) | (1 << DIGITS);
    // The value is digits * 2^(up - 30).
    let up = exponent.wrapping_add(fraction & 31).wrapping_sub(DOWN) as i32;
    let most = i32::MAX as u32;
    let size = if up > TOO_LARGE {
        most
    } else if up >= 30 {
        digits.wrapping_shl(up.wrapping_sub(30) as u32) as u32
    } else if up >= ROUNDED {
        let rounded = digits.wrapping_shr(29_i32.wrapping_sub(up) as u32).wrapping_add(1) >> 1;
        if rounded > most as _ { most } else { rounded as u32 }
    } else {
        0
    };
    if x.is_sign_negative() { (size as i32).wrapping_neg() } else { size as i32 }
}

/// Numbers that are large enough for every sensor and small enough for their squares and sums to stay finite.
/// ```
/// use brooklet_core::math::LIMIT;
/// assert!((100.0 * LIMIT * LIMIT).is_finite());
/// ```
pub const LIMIT: f32 = 1e18;

/// `x` within `low..=high`; never panics, unlike the standard library's.
/// ```
/// assert_eq!(brooklet_core::math::clamp(7.0, 0.0, 1.0), 1.0);
/// ```
#[must_use]
pub const fn clamp(x: f32, low: f32, high: f32) -> f32 {
    max(min(x, high), low)
}

/// Brings any finite number into `-LIMIT..=LIMIT`.
/// ```
/// assert_eq!(brooklet_core::math::limit(f32::MAX), 1e18);
/// ```
#[must_use]
pub const fn limit(x: f32) -> f32 {
    x.clamp(-LIMIT, LIMIT)
}

/// Sorts in ascending order, in place: insertion, for the short slices that learners hold. Unlike the standard
/// library's it has no way to panic.
/// ```
/// let mut values = [3.0, -1.0, 2.0];
/// brooklet_core::math::sort(&mut values);
/// assert_eq!(values, [-1.0, 2.0, 3.0]);
/// ```
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

    /// All numbers were compared once (`step_by(1)`).
    #[test]
    fn cube_roots_without_f64() {
        let edges = [0, 1, 2, 0x7f_ffff, 0x80_0000, 0x7f7f_ffff, 0x7f80_0000].into_iter();
        let cubes = (1..256u16).map(|root| f32::from(root).powi(3).to_bits());
        for size in (0..f32::INFINITY.to_bits()).step_by(1013).chain(edges).chain(cubes) {
            for x in [f32::from_bits(size), -f32::from_bits(size)] {
                assert_eq!(cbrt_without_f64(x).to_bits(), libm::cbrtf(x).to_bits(), "{x:e}");
            }
        }
        assert!(cbrt_without_f64(f32::NAN).is_nan());
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
    fn fixed_point() {
        let mut rng = crate::rng::Rng::new(1);
        let any = core::iter::repeat_with(|| f32::from_bits(rng.next_u64() as u32)).take(200_000);
        let near = (0..400_000u32).map(|i| f32::from_bits((i & 1) << 31 | (0x2f00_0000 + i * 863)));
        let special =
            [0.0, -0.0, 0.5, -0.5, 0.499_999_97, 1e-45, -1e-45, 2_147_483_520.0, f32::MAX, f32::MIN];
        for x in special.into_iter().chain(any).chain(near).filter(|x| x.is_finite()) {
            for fraction in [0, 1, 8, 12, 16, 31] {
                let wide = (f64::from(x) * f64::from(1u32 << fraction)).round();
                let wanted = wide.clamp(-f64::from(i32::MAX), f64::from(i32::MAX)) as i32;
                assert_eq!(fixed(x, fraction), wanted, "{x:e} {fraction}");
            }
        }
    }

    #[test]
    fn known_values() {
        assert_eq!([sqrt(6.25), cbrt(27.0), log2(8.0), log10(1000.0)], [2.5, 3.0, 3.0, 3.0]);
        assert_eq!([max(-0.0, 0.0), min(-0.0, 0.0), max(0.0, -0.0)].map(f32::to_bits), [0, 0, 1 << 31]);
        assert_eq!([ln(1.0), cos(0.0), abs(-1.5), limit(f32::MAX)], [0.0, 1.0, 1.5, LIMIT]);
    }
}
