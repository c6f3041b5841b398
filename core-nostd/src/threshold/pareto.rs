use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::Validate;

/// Generalised Pareto distribution: how far values lie beyond a high threshold.
///
/// Formula: `P(Y > y) = (1 + gamma y/sigma)^(-1/gamma)`, `exp(-y/sigma)` at `gamma` 0. `gamma` < 0: an end; 0: a tail
/// like the normal's; > 0: a heavy one.
///
/// Memory: 8 bytes. Cost of a fit: some dozens of passes over the values; of a quantile: a logarithm and an
/// exponential.
/// ```
/// use brooklet_core::threshold::Pareto;
/// let tail = Pareto::fit(&[0.1, 0.4, 0.2, 1.3, 0.6, 0.3, 2.9, 0.8]).unwrap();
/// assert!((tail.gamma() - 0.0648).abs() < 1e-4 && (tail.sigma() - 0.7721).abs() < 1e-4);
/// assert!((tail.quantile(0.01) - 4.143).abs() < 1e-3); // passed once in a hundred
/// ```
/// Source: Grimshaw: Computing maximum likelihood estimates for the generalized Pareto distribution, Technometrics 1993,
/// doi:10.1080/00401706.1993.10485040. Checked against a maximum found by scipy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pareto {
    gamma: f32,
    sigma: f32,
}

/// Where the search looks: negative ones in units of the end `-1/max`, positive ones of `1/mean`.
const BEFORE: [f32; 12] = [0.9995, 0.998, 0.995, 0.988, 0.97, 0.93, 0.86, 0.75, 0.6, 0.42, 0.25, 0.1];
const BEYOND: [f32; 10] = [0.0, 0.05, 0.15, 0.4, 1.0, 2.5, 6.0, 15.0, 100.0, 1000.0];
/// Products of this many factors stay finite.
const FACTORS: usize = 4;
/// Products made side by side.
const LANES: usize = 4;

impl Pareto {
    /// All excesses are 0.
    pub(super) const NONE: Self = Self { gamma: 0.0, sigma: 0.0 };

    /// The shape.
    #[must_use]
    pub const fn gamma(&self) -> f32 {
        self.gamma
    }

    /// The scale, in units of the value.
    #[must_use]
    pub const fn sigma(&self) -> f32 {
        self.sigma
    }

    /// The value that is passed with probability `p`, 0 to 1.
    #[must_use]
    pub fn quantile(&self, p: f32) -> f32 {
        let decades = -math::ln(math::clamp(p, 1e-30, 1.0));
        let stretched = math::clamp(self.gamma * decades, -80.0, 80.0);
        let units = if math::abs(stretched) < 1e-6 { decades } else { math::exp_m1(stretched) / self.gamma };
        math::limit(self.sigma * units)
    }

    /// The distribution under which the excesses (0 and up, not all 0) are likeliest; where the likelihood has no inner
    /// maximum, the one with their mean and variance. `None` without a positive excess.
    ///
    /// Grimshaw's trick: with `x = gamma/sigma`, `gamma` is the mean of `ln(1 + x y)`, so one dimension is left; its
    /// stationary points are bracketed on a fixed grid and found by the Illinois method.
    #[must_use]
    pub fn fit(excesses: &[f32]) -> Option<Self> {
        let n = excesses.len() as f32;
        let (sum, most) = excesses.iter().fold((0.0, 0.0), |(sum, most), y| (sum + y, math::max(*y, most)));
        let mean = sum / n;
        if !(mean > 0.0 && mean <= math::LIMIT) {
            return None;
        }
        let scaled = Scaled { excesses, per_mean: 1.0 / mean, per_count: 1.0 / n };
        let end = mean / most;
        let grid = BEFORE.iter().map(|share| -share * end).chain(BEYOND);
        let mut best: Option<(f32, Self)> = None;
        let mut left: Option<(f32, f32)> = None;
        for x in grid {
            let slope = scaled.slope(x);
            if let Some((a, above)) = left.filter(|(_, above)| *above > 0.0 && slope <= 0.0) {
                let (likelihood, gamma, sigma) = scaled.at(scaled.root((a, above), (x, slope)));
                if best.is_none_or(|(most, _)| likelihood > most) {
                    best = Some((likelihood, Self { gamma, sigma: sigma * mean }));
                }
            }
            left = Some((x, slope));
        }
        Some(best.map_or_else(|| scaled.by_moments(mean), |(_, fitted)| fitted))
    }
}

/// Excesses in units of their mean.
struct Scaled<'a> {
    excesses: &'a [f32],
    per_mean: f32,
    per_count: f32,
}

impl Scaled<'_> {
    /// `gamma` at `x`, the mean of `ln(1 + x y)`, and the mean of `x y / (1 + x y)`.
    fn means(&self, x: f32) -> (f32, f32) {
        let (mut logs, mut shares, x) = (0.0, 0.0, x * self.per_mean);
        for chunk in self.excesses.chunks(LANES * FACTORS) {
            // A logarithm and a division for four: the product less 1, so that small ones keep their digits, and the
            // sum of the shares times the product.
            let mut lanes = [(0.0f32, 0.0f32); LANES];
            for ys in chunk.chunks(LANES) {
                for ((product, sum), y) in lanes.iter_mut().zip(ys) {
                    let t = x * y;
                    *sum += t * (1.0 + *product + *sum);
                    *product += t * (1.0 + *product);
                }
            }
            for (product, sum) in lanes {
                logs += math::ln_1p(product);
                shares += sum / (1.0 + product);
            }
        }
        (logs * self.per_count, shares * self.per_count)
    }

    /// Has the sign of the likelihood's slope; smooth at 0.
    fn slope(&self, x: f32) -> f32 {
        if x == 0.0 {
            let squares = |y: &f32| (y * self.per_mean) * (y * self.per_mean);
            return 0.5 * self.per_count * self.excesses.iter().map(squares).sum::<f32>() - 1.0;
        }
        let (gamma, share) = self.means(x);
        (gamma - share - share * gamma) / (x * x)
    }

    /// Log-likelihood of a sample, but for a constant, with its `gamma` and `sigma`.
    fn at(&self, x: f32) -> (f32, f32, f32) {
        let (gamma, _) = self.means(x);
        // Nearly exponential.
        let sigma = if math::abs(x) < 1e-5 { 1.0 } else { gamma / x };
        (-math::ln(math::max(sigma, 1e-30)) - gamma, gamma, sigma)
    }

    /// Where the slope is 0, between a place where it is above and one where it is not.
    fn root(&self, (mut a, mut above): (f32, f32), (mut b, mut below): (f32, f32)) -> f32 {
        let mut side = 0i8;
        for _ in 0..40 {
            if below == 0.0 || math::abs(b - a) <= 4.0 * f32::EPSILON * (math::abs(a) + math::abs(b)) {
                break;
            }
            let x = a + (b - a) * (above / (above - below));
            let slope = self.slope(x);
            // Illinois: an end that stays is halved, so that both move.
            if slope > 0.0 {
                (a, above) = (x, slope);
                below *= if side > 0 { 0.5 } else { 1.0 };
                side = 1;
            } else {
                (b, below) = (x, slope);
                above *= if side < 0 { 0.5 } else { 1.0 };
                side = -1;
            }
        }
        b
    }

    fn by_moments(&self, mean: f32) -> Pareto {
        let squares = |y: &f32| (y * self.per_mean - 1.0) * (y * self.per_mean - 1.0);
        let variance = self.per_count * self.excesses.iter().map(squares).sum::<f32>();
        // Equal excesses have none: the bounds let the smallest variance in that f32 can tell.
        let ratio = 1.0 / math::max(variance, 1e-4);
        Pareto { gamma: 0.5 * (1.0 - ratio), sigma: 0.5 * mean * (1.0 + ratio) }
    }
}

impl Validate for Pareto {
    fn is_valid(&self) -> bool {
        math::abs(self.gamma) <= 1e6 && (0.0..=1e30).contains(&self.sigma)
    }
}
