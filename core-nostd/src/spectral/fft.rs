use core::f64::consts::FRAC_PI_2;

use crate::math;

/// The longest transform.
const LONGEST: usize = 1024;
/// `e^(-2 pi i k / 1024)` for the first half turn. One table for all lengths; shorter transforms take every second,
/// fourth .. entry. Made by the compiler in f64, so it is correctly rounded but for a last bit, and the same everywhere.
static TURN: [[f32; 2]; LONGEST / 2] = turn();

/// Sine of `quarter pi/2` for 0..=1 by its series, which is exact to f64 after 12 terms.
const fn sin_quarter(quarter: f64) -> f64 {
    let x = quarter * FRAC_PI_2;
    let (mut term, mut sum, mut i) = (x, x, 1.0);
    while i < 24.0 {
        term *= -x * x / ((i + 1.0) * (i + 2.0));
        sum += term;
        i += 2.0;
    }
    sum
}

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "done by the compiler")]
const fn turn() -> [[f32; 2]; LONGEST / 2] {
    let mut turn = [[0.0; 2]; LONGEST / 2];
    let quarter = LONGEST / 4;
    let mut k = 0;
    while k < quarter {
        let (sin, cos) = (sin_quarter(k as f64 / 256.0), sin_quarter((quarter - k) as f64 / 256.0));
        turn[k] = [cos as f32, -sin as f32];
        turn[k + quarter] = [-sin as f32, -cos as f32];
        k += 1;
    }
    turn
}

/// `e^(-2 pi i k / N)` for `k` from 0 to `N / 2 - 1`.
pub(super) fn twiddles(n: usize) -> impl Iterator<Item = &'static [f32; 2]> {
    // Not `step_by`: it divides by its step with a check that can panic.
    let step = LONGEST.checked_div(n).unwrap_or(1).max(1);
    (0..LONGEST).map_while(move |k| TURN.get(k.wrapping_mul(step)))
}

fn times([a, b]: [f32; 2], [c, d]: [f32; 2]) -> [f32; 2] {
    [a * c - b * d, a * d + b * c]
}

/// The discrete Fourier transform of complex numbers `[re, im]`, in place.
///
/// Formula: `X[k] = sum of x[n] e^(-2 pi i k n / N)`, radix 2, decimation in time; not scaled.
///
/// `N`: a power of two from 2 to 1024, checked when compiled. Memory: none of its own but 4 kB of constants that all
/// lengths share. Cost: `5 N log2 N` additions and multiplications.
/// ```
/// let mut x = [[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0], [0.0, 0.0]];
/// brooklet_core::spectral::fft(&mut x);
/// assert_eq!(x, [[0.0, 0.0], [2.0, 0.0], [0.0, 0.0], [2.0, 0.0]]);
/// ```
/// Source: J. W. Cooley, J. W. Tukey: An algorithm for the machine calculation of complex Fourier series, 1965,
/// doi:10.1090/S0025-5718-1965-0178586-1. Checked against numpy.fft.
pub fn fft<const N: usize>(x: &mut [[f32; 2]; N]) {
    const { assert!(N.is_power_of_two() && N >= 2 && N <= LONGEST) };
    transform(x);
}

fn transform(x: &mut [[f32; 2]]) {
    let n = x.len();
    // The top `log2 n` bits of the reversed index are the reversed index.
    let shift = n.leading_zeros().saturating_add(1);
    for i in 0..n {
        let j = i.reverse_bits().checked_shr(shift);
        if let Some(j) = j
            && i < j
            && let Ok([a, b]) = x.get_disjoint_mut([i, j])
        {
            core::mem::swap(a, b);
        }
    }
    let mut half = 1;
    while half < n {
        let size = half.saturating_mul(2);
        let mut rest = &mut *x;
        while let Some((block, others)) = rest.split_at_mut_checked(size) {
            if let Some((low, high)) = block.split_at_mut_checked(half) {
                for ((a, b), w) in low.iter_mut().zip(high).zip(twiddles(size)) {
                    let ([re, im], [turned_re, turned_im]) = (*a, times(*b, *w));
                    *a = [re + turned_re, im + turned_im];
                    *b = [re - turned_re, im - turned_im];
                }
            }
            rest = others;
        }
        half = size;
    }
}

/// The discrete Fourier transform of real numbers, in place, by a complex transform of half the length.
///
/// Afterwards `x` holds `[X[0], X[N/2], re X[1], im X[1], re X[2], im X[2], ..]`: the first two are real, and what is
/// above `N/2` mirrors what is below. Not scaled.
///
/// `N`: a power of two from 4 to 1024, checked when compiled. Memory: none of its own but 4 kB of constants that all
/// lengths share. Cost: about half of [`fft`]'s.
/// ```
/// let mut x = [1.0, 0.0, -1.0, 0.0, 1.0, 0.0, -1.0, 0.0]; // two turns in eight samples
/// brooklet_core::spectral::real_fft(&mut x);
/// assert_eq!(x, [0.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0]);
/// ```
/// Source: H. V. Sorensen et al.: Real-valued fast Fourier transform algorithms, 1987,
/// doi:10.1109/TASSP.1987.1165220. Checked against numpy.fft.rfft.
pub fn real_fft<const N: usize>(x: &mut [f32; N]) {
    const { assert!(N.is_power_of_two() && N >= 4 && N <= LONGEST) };
    let (pairs, _) = x.as_chunks_mut::<2>();
    transform(pairs);
    let Some((first, rest)) = pairs.split_first_mut() else { return };
    let [even, odd] = *first;
    *first = [even + odd, even - odd];
    // Bins k and N/2 - k hold the spectra of the even and of the odd samples, folded; the one in the middle is its own
    // partner.
    let (front, back) = rest.split_at_mut(rest.len() / 2);
    let back = match back.split_first_mut() {
        Some((middle, back)) => {
            let [re, im] = *middle;
            *middle = [re, -im];
            back
        }
        None => return,
    };
    for ((a, b), w) in front.iter_mut().zip(back.iter_mut().rev()).zip(twiddles(N).skip(1)) {
        let ([ar, ai], [br, bi]) = (*a, *b);
        let even = [0.5 * (ar + br), 0.5 * (ai - bi)];
        let odd = times([0.5 * (ai + bi), 0.5 * (br - ar)], *w);
        *a = [even[0] + odd[0], even[1] + odd[1]];
        *b = [even[0] - odd[0], odd[1] - even[1]];
    }
}

/// Squared magnitude.
pub(super) fn square([re, im]: [f32; 2]) -> f32 {
    re * re + im * im
}

/// Magnitude.
pub(super) fn magnitude(x: [f32; 2]) -> f32 {
    math::sqrt(square(x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn the_table_is_the_circle() {
        for (k, [cos, minus_sin]) in TURN.iter().enumerate() {
            let angle = core::f64::consts::TAU * k as f64 / 1024.0;
            assert!((f64::from(*cos) - angle.cos()).abs() < 4e-8, "{k}");
            assert!((f64::from(*minus_sin) + angle.sin()).abs() < 4e-8, "{k}");
        }
        assert_eq!((TURN[0], TURN[256], TURN[128][0]), ([1.0, 0.0], [0.0, -1.0], 0.5f32.sqrt()));
    }

    #[test]
    fn energy_is_kept_and_real_is_complex_without_an_imaginary_part() {
        let mut rng = Rng::new(4);
        let x: [f32; 1024] = core::array::from_fn(|_| rng.normal());
        let (mut complex, mut real) = (x.map(|v| [v, 0.0]), x);
        fft(&mut complex);
        real_fft(&mut real);
        let energy: f32 = complex.iter().map(|v| square(*v)).sum();
        assert!((energy / 1024.0 / x.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-5);
        for (k, pair) in real.as_chunks::<2>().0.iter().enumerate().skip(1) {
            assert!((pair[0] - complex[k][0]).abs() < 1e-3 && (pair[1] - complex[k][1]).abs() < 1e-3, "{k}");
        }
        assert!((real[0] - complex[0][0]).abs() < 1e-3 && (real[1] - complex[512][0]).abs() < 1e-3);
    }
}
