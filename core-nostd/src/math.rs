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

/// Cosine of an angle in radians.
#[must_use]
pub fn cos(x: f32) -> f32 {
    libm::cosf(x)
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

/// Numbers that are large enough for every sensor and small enough for their squares and sums to stay finite.
pub const LIMIT: f32 = 1e18;

/// Brings any finite number into `-LIMIT..=LIMIT`.
#[must_use]
pub const fn limit(x: f32) -> f32 {
    x.clamp(-LIMIT, LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!([sqrt(6.25), cbrt(27.0), log2(8.0), log10(1000.0)], [2.5, 3.0, 3.0, 3.0]);
        assert_eq!([max(-0.0, 0.0), min(-0.0, 0.0), max(0.0, -0.0)].map(f32::to_bits), [0, 0, 1 << 31]);
        assert_eq!([ln(1.0), cos(0.0), abs(-1.5), limit(f32::MAX)], [0.0, 1.0, 1.5, LIMIT]);
    }
}
