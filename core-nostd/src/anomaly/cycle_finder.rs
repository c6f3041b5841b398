use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// Steps looked at together.
const LEN: usize = 128;
/// Lags of a cycle; up to the last one its multiples are followed.
const LONGEST: u8 = 32;
const LAST: u8 = 96;
/// Readings a step, from the shortest cycles to the longest.
const STRIDE_GROWS: u16 = 4;
const STRIDE_MOST: u16 = 256;
/// The size of a usual step, of 127.
const USUAL: f32 = 16.0;
/// Products a reading, so that no reading takes long.
const PRODUCTS: u8 = 32;
/// A peak is at least this high, and a later one that much higher than the one before it.
const PEAK: f32 = 0.4;
const HIGHER: f32 = 1.2;
/// So far from a multiple, in cycles, a peak is still that of the multiple.
const NEAR: f32 = 0.2;

/// After how many readings a channel repeats itself, whatever the clock says.
///
/// Formula: 128 steps between means of `stride` readings, in units of their usual size and clipped, so that outliers
/// count little; their autocorrelation at lags up to 96, 32 products a reading; the first peak of at least 0.4 after
/// a dip below 0, up to lag 32, is the cycle, and the furthest multiple that peaks too gives its length to a fraction.
/// If there is none, the stride grows from 1 by fours to 256, and starts over.
///
/// For cycles of 2 to 8,000 readings that vary as much as the noise around them, or more. Steps instead of values: a drift or
/// a random walk has no cycle. What it finds is a guess to be proven, as [`CycleProfile`](super::CycleProfile) does. A cycle of
/// `P` readings takes 130 to 170 strides to be found, after the strides before it: some 500 readings for 30, 13,000 for 500.
///
/// Memory: 172 bytes. Cost: an addition a reading; a division each stride; while it compares 32 small integer products.
/// ```
/// use brooklet_core::anomaly::CycleFinder;
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut finder = CycleFinder::new();
/// for i in 0..2000u16 { finder.learn_one(&f32::from(i % 25)); }
/// assert!((finder.value().unwrap() - 25.0).abs() < 0.1);
/// ```
/// Source: the peak of the autocorrelation, Rabiner: On the use of autocorrelation analysis for pitch detection, IEEE
/// Transactions on Acoustics, Speech, and Signal Processing 25(1), 1977, doi:10.1109/TASSP.1977.1162905. Checked by simulation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CycleFinder {
    #[serde(with = "crate::array")]
    steps: [i8; LEN],
    /// Means taken so far, one more than steps.
    means: u8,
    stride: u16,
    /// Readings of the mean that is being taken, and their sum.
    readings: u16,
    sum: f32,
    last: f32,
    /// Sum of the sizes of the steps.
    size: f32,
    /// The lag compared and how far it is; the sum of the products.
    lag: u8,
    compared: u8,
    products: i32,
    /// Mean product at lag 0, and the correlations at the two lags before.
    power: f32,
    before: [f32; 2],
    dipped: bool,
    /// The best peak, and the lag of the cycle in fractions.
    peak: f32,
    cycle: f32,
}

impl CycleFinder {
    /// Nothing seen.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            steps: [0; LEN],
            means: 0,
            stride: 1,
            readings: 0,
            sum: 0.0,
            last: 0.0,
            size: 0.0,
            lag: 0,
            compared: 0,
            products: 0,
            power: 0.0,
            before: [0.0; 2],
            dipped: false,
            peak: 0.0,
            cycle: 0.0,
        }
    }

    /// Forgets the steps, looks again for cycles of this length.
    pub(super) const fn again(&mut self) {
        *self = Self { stride: self.stride, ..Self::new() };
    }

    /// Forgets the steps, looks for longer cycles, after the longest for the shortest again.
    pub(super) const fn longer(&mut self) {
        let stride = if self.stride < STRIDE_MOST { self.stride.saturating_mul(STRIDE_GROWS) } else { 1 };
        *self = Self { stride, ..Self::new() };
    }

    fn take(&mut self, x: f32) {
        self.sum += x;
        self.readings = self.readings.saturating_add(1);
        if self.readings < self.stride {
            return;
        }
        let mean = self.sum / f32::from(self.stride);
        let step = mean - self.last;
        (self.sum, self.readings, self.last) = (0.0, 0, mean);
        if let Some(at) = self.means.checked_sub(1)
            && let Some(slot) = self.steps.get_mut(usize::from(at))
        {
            self.size += math::abs(step);
            let usual = self.size / f32::from(self.means);
            *slot = if step == 0.0 { 0 } else { (USUAL * (step / usual)).clamp(-127.0, 127.0) as i8 };
        }
        self.means = self.means.saturating_add(1);
    }

    fn compare(&mut self) {
        let from = usize::from(self.compared);
        let later = self.steps.iter().skip(usize::from(self.lag)).skip(from);
        let pairs = self.steps.iter().skip(from).zip(later).take(usize::from(PRODUCTS));
        let product = |(a, b): (&i8, &i8)| i32::from(*a).wrapping_mul(i32::from(*b));
        self.products = pairs.map(product).fold(self.products, i32::wrapping_add);
        self.compared = self.compared.saturating_add(PRODUCTS);
        let all = (LEN as u8).saturating_sub(self.lag);
        if self.compared < all {
            return;
        }
        let mean = self.products as f32 / f32::from(all);
        (self.products, self.compared) = (0, 0);
        if self.lag == 0 {
            self.power = math::max(mean, 1.0);
        } else {
            self.judge(mean / self.power);
        }
        self.lag = self.lag.saturating_add(1);
    }

    /// The correlation at the lag; looks whether there is a peak at the lag before.
    fn judge(&mut self, after: f32) {
        let [before, peak] = self.before;
        self.before = [peak, after];
        self.dipped |= after < 0.0;
        if !self.dipped || peak < PEAK || peak < before || peak <= after {
            return;
        }
        let lag = self.lag.saturating_sub(1);
        // The top of the parabola through the three.
        let aside = 0.5 * (before - after) / (before - 2.0 * peak + after);
        let (place, peak) = (f32::from(lag) + aside, peak - 0.25 * (before - after) * aside);
        if lag <= LONGEST && peak > HIGHER * self.peak {
            (self.peak, self.cycle) = (peak, place);
        } else {
            let multiple = math::nearest(place / self.cycle) as f32;
            if multiple > 1.0 && math::abs(place - multiple * self.cycle) < NEAR * self.cycle {
                self.cycle = place / multiple;
            }
        }
    }
}

impl Default for CycleFinder {
    fn default() -> Self {
        Self::new()
    }
}

impl Learner for CycleFinder {
    type Input = f32;

    fn learn_one(&mut self, x: &f32) {
        if usize::from(self.means) <= LEN {
            self.take(math::limit(*x));
        } else if self.lag <= LAST {
            self.compare();
        } else if self.cycle <= 0.0 {
            self.longer();
        }
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

impl Statistic for CycleFinder {
    type Output = f32;

    /// Readings a cycle.
    fn value(&self) -> Option<f32> {
        (self.lag > LAST && self.cycle > 0.0).then_some(self.cycle * f32::from(self.stride))
    }
}

impl Validate for CycleFinder {
    fn is_valid(&self) -> bool {
        let finite = [self.sum, self.last, self.size, self.power, self.peak];
        (1..=STRIDE_MOST).contains(&self.stride)
            && usize::from(self.means) <= LEN.saturating_add(1)
            && self.readings < self.stride
            && self.lag <= LAST.saturating_add(1)
            && self.compared < LEN as u8
            && finite.iter().chain(&self.before).all(|x| x.is_finite())
            && (0.0..=f32::from(LAST)).contains(&self.cycle)
    }
}
