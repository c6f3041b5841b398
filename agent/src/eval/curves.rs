//! How well a score ranks rows, whatever the threshold: areas under curves, and volumes that forgive a label's edges.

use super::metrics::Event;

/// The areas under the curves of one recording. Each is 0 to 1, larger is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Areas {
    /// Average precision: the sum over falling thresholds of precision times the gain in recall. Chance level is the share
    /// of labelled rows.
    pub auc_pr: f64,
    /// The probability that a labelled row scores above another one, ties counting half. Chance level is 0.5.
    pub auc_roc: f64,
    /// The best F1 over all thresholds, row by row.
    pub best_f1: f64,
    /// The threshold of it.
    pub best_f1_at: f32,
    /// Volume under the surface of precision and recall over buffers of 0 to N rows around the labels.
    pub vus_pr: f64,
    /// .. of true and false positive rate.
    pub vus_roc: f64,
}

/// Thresholds of the volumes, evenly spaced over the ranks of the scores, as in the authors' own implementation.
const THRESHOLDS: usize = 250;

impl Areas {
    /// Of finite scores and the events among their rows, in order and apart. `None` if no row is labelled, or every one is:
    /// there is nothing to rank then. `buffer` is the longest buffer of the volumes in rows, half of it on either side.
    ///
    /// Takes time in n log n and buffer times (rows near labels + 250), 12 bytes a row.
    ///
    /// Davis and Goadrich 2006, doi:10.1145/1143844.1143874; Paparrizos et al. 2022, doi:10.14778/3551793.3551830.
    #[must_use]
    pub fn new(scores: &[f32], events: &[Event], buffer: usize) -> Option<Self> {
        let labelled: usize = events.iter().map(Event::rows).sum();
        if labelled == 0 || labelled >= scores.len() {
            return None;
        }
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        let score = |row: u32| scores.get(row as usize).copied().unwrap_or_default();
        order.sort_unstable_by(|&a, &b| score(b).total_cmp(&score(a)));
        let mut inside = vec![false; scores.len()];
        for event in events {
            inside.get_mut(event.first..=event.last)?.fill(true);
        }

        let (positives, negatives) = (labelled as f64, (scores.len() - labelled) as f64);
        let (mut hits, mut falses, mut auc_pr, mut auc_roc) = (0.0, 0.0, 0.0, 0.0);
        let (mut best_f1, mut best_f1_at) = (0.0, f32::INFINITY);
        for equals in order.chunk_by(|&a, &b| score(a) == score(b)) {
            let new_hits =
                equals.iter().filter(|&&row| inside.get(row as usize) == Some(&true)).count() as f64;
            let new_falses = equals.len() as f64 - new_hits;
            auc_roc += new_falses * (hits + new_hits / 2.0);
            hits += new_hits;
            falses += new_falses;
            auc_pr += new_hits * hits / (hits + falses);
            let f1 = 2.0 * hits / (positives + hits + falses);
            if f1 > best_f1 {
                (best_f1, best_f1_at) = (f1, equals.first().map_or(f32::INFINITY, |&row| score(row)));
            }
        }
        let (vus_pr, vus_roc) = volumes(&order, scores, events, buffer);
        let (auc_pr, auc_roc) = (auc_pr / positives, auc_roc / (positives * negatives));
        Some(Self { auc_pr, auc_roc, best_f1, best_f1_at, vus_pr, vus_roc })
    }
}

/// One buffer: what each threshold has found of the labels and their soft edges.
struct Surface {
    /// Softly labelled rows that score at least the threshold, weighted.
    soft: [f64; THRESHOLDS],
    /// Stretches of which at least one row scores as much.
    stretches: [f64; THRESHOLDS],
    count: f64,
}

/// The volumes under both surfaces. `order` are the rows by falling score.
fn volumes(order: &[u32], scores: &[f32], events: &[Event], buffer: usize) -> (f64, f64) {
    let rows = scores.len();
    let score = |row: u32| scores.get(row as usize).copied().unwrap_or_default();
    // The thresholds fall; each row has the first one that it reaches.
    let rank = |k: usize| (k as f64 * ((rows - 1) as f64 / (THRESHOLDS - 1) as f64)) as usize;
    let mut class = vec![0u32; rows];
    let mut predicted = [0.0; THRESHOLDS];
    let mut from = 0;
    for (k, predicted) in predicted.iter_mut().enumerate() {
        let threshold = order.get(rank(k)).map_or(f32::NEG_INFINITY, |&row| score(row));
        while let Some(&row) = order.get(from).filter(|&&row| score(row) >= threshold) {
            if let Some(class) = class.get_mut(row as usize) {
                *class = k as u32;
            }
            from += 1;
        }
        *predicted = from as f64;
    }
    let class = |row: usize| class.get(row).map_or(THRESHOLDS - 1, |&class| class as usize);
    // What lies in the labels themselves is the same for every buffer.
    let mut core = [0.0; THRESHOLDS];
    for row in events.iter().flat_map(|event| event.first..=event.last) {
        core.iter_mut().skip(class(row)).take(1).for_each(|core| *core += 1.0);
    }
    add_up(&mut core);
    let first_reached: Vec<usize> = events
        .iter()
        .map(|event| (event.first..=event.last).map(class).min().unwrap_or(THRESHOLDS))
        .collect();
    let labelled = events.iter().map(Event::rows).sum::<usize>() as f64;

    // The weight of the rows around events: one vector for all buffers, cleared where it was touched.
    let mut weight = vec![0.0f32; rows];
    let (mut pr, mut roc) = (0.0, 0.0);
    for buffer in 0..=buffer {
        let surface = surface(events, &first_reached, buffer, &mut weight, class);
        let (mut last_tpr, mut last_fpr) = (0.0, 0.0);
        for (((&soft, &stretches), &core), &predicted) in
            surface.soft.iter().zip(&surface.stretches).zip(&core).zip(&predicted)
        {
            let found = core + soft;
            // Half of the edges that were reached count as labelled, so that nobody is asked to find all of them.
            let positives = labelled + soft / 2.0;
            let tpr = (found / positives).min(1.0) * stretches / surface.count;
            let fpr = (predicted - found) / (rows as f64 - positives);
            pr += (tpr - last_tpr) * found / predicted;
            roc += (fpr - last_fpr) * (tpr + last_tpr) / 2.0;
            (last_tpr, last_fpr) = (tpr, fpr);
        }
        roc += (1.0 - last_fpr) * (1.0 + last_tpr) / 2.0;
    }
    let buffers = (buffer + 1) as f64;
    (pr / buffers, roc / buffers)
}

/// The labels with soft edges of half a buffer on either side: `sqrt(1 - distance / buffer)`, at most 1 where edges overlap.
/// Events whose edges meet are one stretch.
fn surface(
    events: &[Event],
    first_reached: &[usize],
    buffer: usize,
    weight: &mut [f32],
    class: impl Fn(usize) -> usize,
) -> Surface {
    let mut surface = Surface { soft: [0.0; THRESHOLDS], stretches: [0.0; THRESHOLDS], count: 0.0 };
    let half = buffer / 2;
    let last_row = weight.len().saturating_sub(1);
    let edges = |event: &Event| {
        let before = event.first.saturating_sub(half)..event.first;
        (before, event.last + 1..(event.last + half).min(last_row) + 1)
    };
    let soft = |distance: usize| (1.0 - distance as f32 / buffer as f32).sqrt();
    for event in events {
        let (before, after) = edges(event);
        for row in before {
            weight.iter_mut().skip(row).take(1).for_each(|weight| *weight += soft(event.first - row));
        }
        for row in after {
            weight.iter_mut().skip(row).take(1).for_each(|weight| *weight += soft(row - event.last));
        }
    }
    // An edge may reach into the next event, which is labelled anyway.
    for event in events {
        weight.iter_mut().take(event.last + 1).skip(event.first).for_each(|weight| *weight = 0.0);
    }
    let mut reached = THRESHOLDS;
    for (i, event) in events.iter().enumerate() {
        let (before, after) = edges(event);
        reached = reached.min(first_reached.get(i).copied().unwrap_or(THRESHOLDS));
        for row in before.chain(after) {
            let class = class(row);
            reached = reached.min(class);
            if let (Some(weight), Some(soft)) = (weight.get_mut(row), surface.soft.get_mut(class)) {
                *soft += f64::from(weight.min(1.0));
                *weight = 0.0; // where two edges overlap, once
            }
        }
        let meets = |next: &Event| event.last + half >= next.first.saturating_sub(half);
        if !events.get(i + 1).is_some_and(meets) {
            surface.count += 1.0;
            surface.stretches.iter_mut().skip(reached).take(1).for_each(|count| *count += 1.0);
            reached = THRESHOLDS;
        }
    }
    add_up(&mut surface.soft);
    add_up(&mut surface.stretches);
    surface
}

fn add_up(values: &mut [f64]) {
    let mut sum = 0.0;
    for value in values {
        sum += *value;
        *value = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same rows as `tests/golden/make/vus.py` makes.
    fn golden(rows: usize, events: &[(usize, usize)], quantised: bool) -> (Vec<f32>, Vec<Event>) {
        let events: Vec<Event> = events.iter().map(|&(first, last)| Event { first, last }).collect();
        let mut state = 1u64;
        let score = |row: usize| {
            state = (state * 1_103_515_245 + 12_345) % (1 << 31);
            let noise = (state >> 11) as f32 / (1 << 20) as f32;
            let late = |event: &Event| event.first + 3 <= row && row <= event.last + 5;
            let score = noise + if events.iter().any(late) { 0.5 } else { 0.0 };
            if quantised { (score * 8.0).floor() / 8.0 } else { score }
        };
        ((0..rows).map(score).collect(), events)
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    /// vus 0.0.6 (Apache-2.0), `metricor.RangeAUC_volume_opt`; scikit-learn 1.9.1, `average_precision_score` and
    /// `roc_auc_score`. Made by `tests/golden/make/vus.py`.
    #[test]
    fn equal_to_the_authors_implementation() {
        let (scores, events) = golden(400, &[(100, 139)], false);
        let a = Areas::new(&scores, &events, 20).unwrap();
        assert!(near(a.vus_pr, 0.694292501) && near(a.vus_roc, 0.899778655), "{a:?}");
        assert!(near(a.auc_pr, 0.625376607) && near(a.auc_roc, 0.846180556), "{a:?}");
        let (scores, events) = golden(1000, &[(50, 69), (300, 305), (700, 799)], false);
        let a = Areas::new(&scores, &events, 40).unwrap();
        assert!(near(a.vus_pr, 0.748843858) && near(a.vus_roc, 0.910499421), "{a:?}");
        assert!(near(a.auc_pr, 0.681524973) && near(a.auc_roc, 0.861129272), "{a:?}");
        let (scores, events) = golden(1000, &[(0, 9), (100, 104), (112, 118), (990, 999)], false);
        let a = Areas::new(&scores, &events, 33).unwrap();
        assert!(near(a.vus_pr, 0.526046857) && near(a.vus_roc, 0.880065369), "{a:?}");
        assert!(near(a.auc_pr, 0.327741488) && near(a.auc_roc, 0.70396436), "{a:?}");
        let (scores, events) = golden(1000, &[(200, 240), (600, 640)], true);
        let a = Areas::new(&scores, &events, 25).unwrap();
        assert!(near(a.vus_pr, 0.633231132) && near(a.vus_roc, 0.882464217), "{a:?}");
        assert!(near(a.auc_pr, 0.536132179) && near(a.auc_roc, 0.840560072), "{a:?}");
        let (scores, events) = golden(300, &[(100, 180)], true);
        let a = Areas::new(&scores, &events, 0).unwrap();
        assert!(near(a.vus_pr, 0.74058564) && near(a.vus_roc, 0.866424263), "{a:?}");
        assert!(near(a.auc_pr, 0.74058564) && near(a.auc_roc, 0.866424263), "{a:?}");
    }

    #[test]
    fn a_perfect_ranking_and_none_at_all() {
        let events = [Event { first: 40, last: 59 }];
        let scores: Vec<f32> = (0..100).map(|row| if (40..60).contains(&row) { 1.0 } else { 0.0 }).collect();
        let areas = Areas::new(&scores, &events, 0).unwrap();
        assert_eq!((areas.auc_pr, areas.auc_roc, areas.best_f1, areas.best_f1_at), (1.0, 1.0, 1.0, 1.0));
        let flat = Areas::new(&[0.5; 100], &events, 10).unwrap();
        assert_eq!((flat.auc_pr, flat.auc_roc), (0.2, 0.5));
        assert_eq!(Areas::new(&scores, &[], 10), None);
        assert_eq!(Areas::new(&scores, &[Event { first: 0, last: 99 }], 10), None);
    }

    #[test]
    fn many_events_whose_edges_overlap_are_quick_enough() {
        let rows = 100_000;
        let events: Vec<(usize, usize)> = (0..1000).map(|i| (i * 100 + 10, i * 100 + 30)).collect();
        let (scores, events) = golden(rows, &events, false);
        let start = std::time::Instant::now();
        let areas = Areas::new(&scores, &events, 100).unwrap();
        assert!(areas.vus_pr > 0.3 && areas.vus_roc > 0.5, "{areas:?}");
        assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    }
}
