use super::brooklet::forecast::{
    Autoregression, HoltWinters, LocalLevel, LocalLinearTrend, Naive, Season, SeasonalNaive,
};
use super::brooklet::traits::{Forecaster, Learner};
use super::{golden, Real};
use brooklet_golden::Real as _;

const M: usize = 12;

fn model(season: Season, phi: Option<f64>) -> HoltWinters<M> {
    let model = HoltWinters::new(season, Real::of(0.3), Real::of(0.1), Real::of(0.2));
    match phi {
        Some(phi) => model.damped(Real::of(phi)),
        None => model,
    }
}

#[test]
fn holt_winters_is_statsmodels() {
    let golden = golden("forecast/holt_winters", 1e-10, 1e-4);
    let rows: Vec<_> = golden.rows().collect();
    for (name, column, season, phi) in [
        ("additive", "season", Season::Additive, None),
        ("damped", "season", Season::Additive, Some(0.9)),
        ("multiplicative", "factor", Season::Multiplicative, None),
        ("multiplicative_damped", "factor", Season::Multiplicative, Some(0.9)),
    ] {
        let seasons = std::array::from_fn(|i| rows[i].get(column));
        let mut model = model(season, phi).with_states(Real::of(38.0), Real::of(0.125), &seasons);
        for row in &rows {
            model.learn_one(&row.get("y"));
            row.check(name, model.forecast(1).map(|f| f.value));
        }
        for (row, ahead) in rows.iter().zip(1..=30) {
            row.check_if_given(&format!("{name}_ahead"), model.forecast(ahead).map(|f| f.value));
        }
    }
}

#[test]
fn holt_winters_is_river() {
    let golden = golden("forecast/holt_winters_river", 1e-10, 1e-4);
    let rows: Vec<_> = golden.rows().collect();
    for (name, season) in [("additive", Season::Additive), ("multiplicative", Season::Multiplicative)] {
        let state = |what: &str, i: usize| -> Real { rows[i].get(&format!("{name}_{what}")) };
        let seasons = std::array::from_fn(|i| state("season", i));
        let mut model = model(season, None).with_states(state("level", 0), state("trend", 0), &seasons);
        for row in &rows {
            model.learn_one(&row.get("y"));
            row.check(name, model.forecast(1).map(|f| f.value));
            row.check(&format!("{name}_20"), model.forecast(20).map(|f| f.value));
        }
    }
}

#[test]
fn local_level_is_statsmodels() {
    let golden = golden("forecast/kalman", 1e-10, 1e-4);
    let mut level = LocalLevel::new(Real::of(0.125));
    for row in golden.rows() {
        level.learn_one(&row.get("y"));
        row.check_if_given("level", level.forecast(1).map(|f| f.value));
        row.check_if_given("level_var", Some(level.relative_variance(1)));
        let noise = level.forecast(1).map(|f| f.sd * f.sd / level.relative_variance(1));
        row.check_if_given("level_noise", noise);
    }
    for (row, ahead) in golden.rows().zip(1..=40) {
        row.check("level_ahead", level.forecast(ahead).map(|f| f.value));
        row.check("level_ahead_var", Some(level.relative_variance(ahead)));
    }
}

#[test]
fn local_linear_trend_is_statsmodels() {
    let golden = golden("forecast/kalman", 1e-10, 1e-4);
    let mut trend = LocalLinearTrend::new(Real::of(0.125), Real::of(0.03125));
    for row in golden.rows() {
        trend.learn_one(&row.get("y"));
        row.check_if_given("trend", trend.forecast(1).map(|f| f.value));
        if trend.forecast(1).is_some() {
            row.check_if_given("trend_var", Some(trend.relative_variance(1)));
        }
        let noise = trend.forecast(1).map(|f| f.sd * f.sd / trend.relative_variance(1));
        row.check_if_given("trend_noise", noise);
    }
    for (row, ahead) in golden.rows().zip(1..=40) {
        row.check("trend_ahead", trend.forecast(ahead).map(|f| f.value));
        row.check("trend_ahead_var", Some(trend.relative_variance(ahead)));
    }
}

#[test]
fn autoregression_is_the_plain_recursion() {
    let golden = golden("forecast/autoregression", 1e-10, 1e-4);
    let mut model = Autoregression::<3>::new(Real::of(0.984375));
    for row in golden.rows() {
        model.learn_one(&row.get("y"));
        row.check_if_given("one", model.forecast(1).map(|f| f.value));
        row.check_if_given("far", model.forecast(20).map(|f| f.value));
        row.check_if_given("sd", model.forecast(1).map(|f| f.sd));
        row.check_if_given("far_sd", model.forecast(20).map(|f| f.sd));
    }
}

#[test]
fn naive_and_seasonal_naive() {
    let golden = golden("forecast/naive", 1e-12, 1e-5);
    let (mut naive, mut seasonal) = (Naive::new(), SeasonalNaive::<7>::new());
    for row in golden.rows() {
        naive.learn_one(&row.get("y"));
        seasonal.learn_one(&row.get("y"));
        for ahead in [1, 10] {
            for (name, forecast) in [("naive", naive.forecast(ahead)), ("seasonal", seasonal.forecast(ahead))] {
                row.check(&format!("{name}_{ahead}"), forecast.map(|f| f.value));
                row.check(&format!("{name}_{ahead}_sd"), forecast.map(|f| f.sd));
            }
        }
    }
}
