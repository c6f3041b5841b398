use super::brooklet::linear::Aggressive;
use super::brooklet::regress::{Loss, Nlms, PaRegressor, Rls, Sgd};
use super::brooklet::sample::Sample;
use super::brooklet::traits::Regressor;
use super::golden;

/// Predicts, then learns, against one column of a file with four features.
fn follows<M, const N: usize>(file: &str, column: &str, mut model: M)
where
    M: Regressor<Input = Sample<N>>,
{
    for row in golden(file, 1e-8, 1e-3).rows() {
        let x = Sample::new(row.array("x")).unwrap();
        row.check(column, model.predict_one(&x));
        model.learn_one(&x, &row.get("y"));
    }
}

#[test]
fn sgd() {
    follows("regress/sgd", "squared", Sgd::<4>::new(Loss::Squared, 0.03125, 0.0));
    follows("regress/sgd", "squared_l2", Sgd::<4>::new(Loss::Squared, 0.03125, 0.125));
    follows("regress/sgd", "huber", Sgd::<4>::new(Loss::Huber { epsilon: 0.5 }, 0.03125, 0.0));
    follows("regress/sgd", "svr", Sgd::<4>::new(Loss::EpsilonInsensitive { epsilon: 0.25 }, 0.03125, 0.125));
}

#[test]
fn sgd_beside_river() {
    follows("regress/sgd_river", "quantile", Sgd::<4>::new(Loss::Quantile { alpha: 0.75 }, 0.125, 0.015_625));
    follows("regress/sgd_river", "squared", Sgd::<4>::new(Loss::Squared, 0.03125, 0.0));
}

#[test]
fn passive_aggressive() {
    follows("regress/passive_aggressive", "pa1", PaRegressor::<4>::new(Aggressive::I { c: 0.125 }, 0.125));
    follows("regress/passive_aggressive", "pa2", PaRegressor::<4>::new(Aggressive::II { c: 0.125 }, 0.125));
}

#[test]
fn nlms() {
    follows("regress/nlms", "prediction", Nlms::<4>::new(0.25));
}

#[test]
fn rls() {
    follows("regress/rls", "prediction", Rls::<3>::new(0.984_375, 128.0));
}
