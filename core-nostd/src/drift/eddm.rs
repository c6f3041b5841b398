use serde::{Deserialize, Serialize};

use super::Verdict;
use crate::math;
use crate::traits::{DriftDetector, Learner, Validate};

/// Early drift detection method: the distance between errors against its best so far.
///
/// Formula: mean `m` and standard deviation `s` of the numbers of samples from error to error; the greatest `m + 2 s` is
/// kept; at an error, warning if `(m + 2 s)/max < alpha`, change if `< beta`.
///
/// Sees slow drift sooner than the error rate does, and rings more often without any. A warning stands until the next
/// error: between errors nothing is known. Needs more than 30 errors.
///
/// `alpha`, `beta`: 0 to 1, `beta` at most `alpha`. Input: 1 for an error, 0 for none (from 0.5 on an error). Memory: 32
/// bytes. Cost: two divisions and a square root at an error, nothing else. Good for 4 thousand million samples.
/// ```
/// use brooklet_core::drift::Eddm;
/// use brooklet_core::traits::{DriftDetector, Learner};
/// use brooklet_core::rng::Rng;
/// let (mut rng, mut eddm, mut alarms) = (Rng::new(1), Eddm::new(), [0; 2]);
/// for i in 0..4000 {
///     let wrong = rng.uniform() < if i < 2000 { 0.05 } else { 0.3 };
///     eddm.learn_one(&f32::from(u8::from(wrong)));
///     alarms[i / 2000] += u8::from(eddm.drifted());
/// }
/// assert_eq!(alarms, [3, 13]); // false ones too
/// ```
/// Source: Baena-García and others: Early drift detection method, Fourth international workshop on knowledge discovery
/// from data streams, 2006. Same alarms and warnings as River 0.26's `EDDM`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Eddm {
    alpha: f32,
    beta: f32,
    n: u32,
    last_error: u32,
    errors: u32,
    /// Sum of squared distances from the mean distance.
    squares: f32,
    most: f32,
    grace: u16,
    verdict: Verdict,
}

impl Eddm {
    /// Warns at 0.95 and rings at 0.9, after 30 samples and 30 errors.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_levels(0.95, 0.9, 30)
    }

    /// Warns below `alpha` and rings below `beta`, after `grace` samples and as many errors.
    #[must_use]
    pub const fn with_levels(alpha: f32, beta: f32, grace: u16) -> Self {
        let alpha = math::clamp(alpha, 0.0, 1.0);
        let beta = math::clamp(beta, 0.0, alpha);
        let verdict = Verdict::Calm;
        Self { alpha, beta, n: 0, last_error: 0, errors: 0, squares: 0.0, most: -1.0, grace, verdict }
    }
}

impl Learner for Eddm {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        if self.verdict.drifted() {
            self.reset();
        }
        self.n = self.n.saturating_add(1);
        if *x < 0.5 {
            return;
        }
        let distance = self.n.saturating_sub(self.last_error) as f32;
        // The distances add up to the place of the last error.
        let before = if self.errors == 0 { 0.0 } else { self.last_error as f32 / self.errors as f32 };
        self.last_error = self.n;
        self.errors = self.errors.saturating_add(1);
        let errors = self.errors as f32;
        let mean = self.n as f32 / errors;
        self.squares = math::max(self.squares + (distance - before) * (distance - mean), 0.0);
        let grace = u32::from(self.grace);
        if self.n <= grace {
            return;
        }
        let sd = if self.errors > 1 { math::sqrt(self.squares / (errors - 1.0)) } else { 0.0 };
        let reach = mean + 2.0 * sd;
        if reach > self.most {
            self.most = reach;
        } else if self.errors > grace {
            let level = reach / self.most;
            self.verdict = Verdict::of(level < self.beta, level < self.alpha);
        }
    }

    fn reset(&mut self) {
        *self = Self::with_levels(self.alpha, self.beta, self.grace);
    }
}

impl DriftDetector for Eddm {
    fn drifted(&self) -> bool {
        self.verdict.drifted()
    }

    fn warned(&self) -> bool {
        self.verdict.warned()
    }
}

impl Validate for Eddm {
    fn is_valid(&self) -> bool {
        (0.0..=1.0).contains(&self.alpha)
            && (0.0..=self.alpha).contains(&self.beta)
            && self.last_error <= self.n
            && self.errors <= self.last_error
            && (0.0..=1e30).contains(&self.squares)
            && (-1.0..=1e20).contains(&self.most)
    }
}
