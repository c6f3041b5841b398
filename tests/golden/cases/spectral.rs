use super::brooklet::spectral::{
    real_fft, BandEnergy, CrestFactor, Envelope, Goertzel, Kurtosis, Rms, SlidingDft, SpectralCentroid, Spectrum,
    Taper,
};
use super::brooklet::traits::{Learner, Statistic};
use super::{golden, Real};
use brooklet_golden::Real as _;

fn transform<const N: usize>() {
    // Relative to the largest bin: f32 stays 100 dB below it.
    let golden = golden("spectral/fft", 1e-12, 1e-6);
    let rows: Vec<_> = golden.rows().take(N).collect();
    let mut x: [Real; N] = std::array::from_fn(|i| rows[i].get(&format!("x{N}")));
    real_fft(&mut x);
    let (ends, bins) = x.split_at(2);
    let largest = bins.as_chunks::<2>().0.iter().map(|[re, im]| (re * re + im * im).sqrt());
    let largest = largest.chain(ends.iter().map(|v| v.abs())).fold(0.0, Real::max);
    for (row, v) in rows.iter().zip(x) {
        row.check_if_given(&format!("y{N}"), Some((v / largest).wide()));
    }
}

#[test]
fn fft() {
    transform::<64>();
    transform::<1024>();
}

#[test]
fn figures_of_blocks() {
    // The table of constants is f32 in the core; the twin's shows the formulas.
    let golden = golden("spectral/figures", 1e-10, 1e-5);
    let mut goertzel = Goertzel::<64>::new(Real::of(0.31));
    let mut sliding = SlidingDft::<64>::new(8);
    let (mut rms, mut crest, mut kurtosis) = (Rms::<64>::new(), CrestFactor::<64>::new(), Kurtosis::<64>::new());
    let mut low = BandEnergy::<64>::new(Real::of(0.1), Real::of(0.2));
    let mut high = BandEnergy::<64>::new(Real::of(0.25), Real::of(0.5));
    let mut centroid = SpectralCentroid::<64>::new();
    let mut envelope = Envelope::new(Real::of(0.1));
    let mut spectrum = Spectrum::<64>::new(Taper::Hann);
    for row in golden.rows() {
        let x: Real = row.get("x");
        goertzel.learn_one(&x);
        sliding.learn_one(&x);
        rms.learn_one(&x);
        crest.learn_one(&x);
        kurtosis.learn_one(&x);
        low.learn_one(&x);
        high.learn_one(&x);
        centroid.learn_one(&x);
        envelope.learn_one(&x);
        spectrum.learn_one(&x);
        row.check_if_given("goertzel", goertzel.value());
        row.check_if_given("sliding", sliding.value());
        row.check_if_given("rms", rms.value());
        row.check_if_given("crest", crest.value());
        row.check_if_given("kurtosis", kurtosis.value());
        row.check_if_given("low", low.value());
        row.check_if_given("high", high.value());
        row.check_if_given("centroid", centroid.value());
        row.check_if_given("envelope", envelope.value());
        if let Some(powers) = spectrum.powers() {
            row.check("total", Some(powers.iter().sum::<Real>()));
        }
    }
}
