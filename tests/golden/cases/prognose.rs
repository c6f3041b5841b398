use super::brooklet::prognose::{Belief, ExponentialDegradation, FirstPassage, WienerLife};
use super::brooklet::traits::{Learner, Prognoser};
use super::{golden, Real};
use brooklet_golden::Real as _;

#[test]
fn first_passage_is_the_inverse_gaussian() {
    let golden = golden("prognose/first_passage", 1e-8, 1e-4);
    for row in golden.rows() {
        let passage = FirstPassage::new(row.get("distance"), row.get("drift"), row.get("variance"));
        row.check("chance", Some(passage.chance(row.get("time"))));
        row.check("q10", Some(passage.quantile(Real::of(0.1))));
        row.check("q50", Some(passage.quantile(Real::of(0.5))));
        row.check("q90", Some(passage.quantile(Real::of(0.9))));
    }
}

#[test]
fn wiener_life() {
    let golden = golden("prognose/wiener", 1e-8, 1e-4);
    let mut life = WienerLife::<500>::new(Real::of(100.0));
    for row in golden.rows() {
        life.learn_one(&row.get("x"));
        let left = life.remaining();
        row.check_if_given("samples", left.map(|left| left.samples));
        row.check_if_given("soonest", left.map(|left| left.soonest));
        row.check_if_given("latest", left.map(|left| left.latest));
    }
}

#[test]
fn exponential_degradation() {
    let golden = golden("prognose/exponential_degradation", 1e-8, 1e-4);
    let fleet = |mean, variance| Belief { mean: Real::of(mean), variance: Real::of(variance) };
    let noise = Real::of(0.0009765625);
    let (intercept, slope) = (fleet(0.25, 0.5), fleet(0.03125, 0.0009765625));
    let mut crack = ExponentialDegradation::new(Real::of(100.0), noise, intercept, slope);
    for row in golden.rows() {
        crack.learn_one(&row.get("x"));
        row.check("slope", Some(crack.slope().mean));
        row.check("slope_var", Some(crack.slope().variance));
        let left = crack.remaining().unwrap();
        row.check("samples", Some(left.samples));
        row.check("soonest", Some(left.soonest));
        row.check_if_given("latest", Some(left.latest));
    }
}
