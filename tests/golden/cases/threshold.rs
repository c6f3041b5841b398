use super::brooklet::rng::Rng;
use super::brooklet::threshold::Spot;
use super::brooklet::traits::{Learner, Threshold};
use super::{Real, golden};

/// The streams of make/threshold.py.
fn values(stream: usize) -> Vec<f32> {
    let mut rng = Rng::new(20 + stream as u64);
    let mut uniform = || brooklet_golden::Real::wide(rng.uniform());
    let value = |_: u16| match stream {
        0 => (0..12).map(|_| uniform()).sum::<f64>() - 6.0,
        1 => 1.0 / (1.0 - uniform()).sqrt().sqrt(),
        _ => uniform().max(uniform()) + 0.5 * uniform(),
    };
    (0..5000).map(value).map(|x| x as f32).collect()
}

/// Every fit after every excess. 1e-3 of libspot where libspot finds the maximum of the likelihood, which is seldom;
/// the maximum that scipy finds everywhere.
#[test]
fn spot() {
    let golden = golden("threshold/spot", 1e-6, 1e-3);
    for stream in 0..3 {
        let rows: Vec<_> = golden.rows().filter(|row| row.cell("stream") == Some(stream as f64)).collect();
        let mut spot = Spot::<50>::with_tail(1e-3, rows[0].get("tail"), 1000);
        let mut rows = rows.into_iter().peekable();
        for (i, x) in values(stream).into_iter().enumerate() {
            spot.learn_one(&Real::from(x));
            let Some(row) = rows.next_if(|row| row.cell("index") == Some(i as f64)) else { continue };
            let tail = spot.tail().unwrap();
            row.check("gamma", Some(tail.gamma()));
            row.check("sigma", Some(tail.sigma()));
            row.check("threshold", spot.threshold());
            if let Some(libspot) = row.cell("libspot") {
                let ours = brooklet_golden::Real::wide(spot.threshold().unwrap());
                assert!((ours - libspot).abs() < 1e-3 * libspot, "row {i}: {ours}, not {libspot}");
            }
        }
        assert!(rows.next().is_none());
    }
}
