//! Made-up streams that scripts and tests make alike, from the core's random numbers. Values are those of f32.

use brooklet_core::rng::Rng;

/// Three features of which two decide, the threshold changing twice; one answer in ten is wrong.
#[must_use]
pub fn sea() -> Vec<([f64; 3], u8)> {
    let mut rng = Rng::new(11);
    let mut row = |i: usize| {
        let x: [f64; 3] = std::array::from_fn(|_| 10.0 * f64::from(rng.uniform()));
        let over = x[0] + x[1] > [8.0, 9.5, 7.0][i / 7000];
        (x.map(single), u8::from(over != (rng.uniform() < 0.1)))
    };
    (0..20_000).map(&mut row).collect()
}

/// Five features around fifteen centres of three classes.
#[must_use]
pub fn rbf() -> Vec<([f64; 5], u8)> {
    let mut rng = Rng::new(12);
    let mut centre = |_| {
        let place: [f64; 5] = std::array::from_fn(|_| f64::from(rng.uniform()));
        (place, 0.05 + 0.1 * f64::from(rng.uniform()))
    };
    let centres: [([f64; 5], f64); 15] = std::array::from_fn(&mut centre);
    let mut row = |_| {
        let k = ((f64::from(rng.uniform()) * 15.0) as usize).min(14);
        let (place, spread) = centres[k];
        let x = place.map(|p| single(p + spread * (2.0 * f64::from(rng.uniform()) - 1.0) * 1.7));
        (x, (k % 3) as u8)
    };
    (0..20_000).map(&mut row).collect()
}

fn single(x: f64) -> f64 {
    f64::from(x as f32)
}
