use serde::{Deserialize, Serialize};

use crate::math;
use crate::traits::{Learner, Statistic, Validate};

/// Evaluation zones of ISO 20816-1.
/// ```
/// use brooklet_core::prognose::Zone;
/// assert!(Zone::A < Zone::B && Zone::C < Zone::D);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Zone {
    /// As newly commissioned machines.
    A,
    /// Fit for long operation without restriction.
    B,
    /// Not fit for long operation: plan a repair.
    C,
    /// Dangerous for the machine.
    D,
}

/// The zone that a machine's vibration is in, with hysteresis.
///
/// Formula: the zone is given by three bounds; it rises as soon as a value exceeds a bound and falls when a value is below
/// `bound (1 - hysteresis)`.
///
/// The input is what the standard measures: RMS of the vibration velocity in mm/s, 10 Hz to 1 kHz, on the bearing housing,
/// at steady operation. The standard's bounds are guide values; agree on others with the machine's maker where its
/// baseline says so. `hysteresis`: 0 to 0.5. Memory: 20 bytes. Cost: three comparisons.
/// ```
/// use brooklet_core::prognose::{VibrationZones, Zone};
/// use brooklet_core::traits::{Learner, Statistic};
/// let mut zones = VibrationZones::new(VibrationZones::MEDIUM_RIGID, 0.1);
/// let mut seen = [2.9, 2.7, 2.4, 8.0].map(|rms| { zones.learn_one(&rms); zones.value().unwrap() });
/// assert_eq!(seen, [Zone::C, Zone::C, Zone::B, Zone::D]); // 2.8 is the bound; 2.7 is not yet clear of it
/// ```
/// Source: ISO 20816-3:2022, table A.1 and A.2 (machines of 15 kW to 50 MW, 120 to 30000 1/min, measured in situ); ISO
/// 10816-1:1995, annex B, for small machines. Checked by hand.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct VibrationZones {
    bounds: [f32; 3],
    hysteresis: f32,
    zone: Option<Zone>,
}

impl VibrationZones {
    /// ISO 20816-3 group 1: above 300 kW, or electrical machines with a shaft height of 315 mm and more; rigid foundation.
    pub const LARGE_RIGID: [f32; 3] = [2.3, 4.5, 7.1];
    /// ISO 20816-3 group 1, flexible foundation.
    pub const LARGE_FLEXIBLE: [f32; 3] = [3.5, 7.1, 11.0];
    /// ISO 20816-3 group 2: 15 kW to 300 kW, or shaft heights of 160 to 315 mm; rigid foundation.
    pub const MEDIUM_RIGID: [f32; 3] = [1.4, 2.8, 4.5];
    /// ISO 20816-3 group 2, flexible foundation.
    pub const MEDIUM_FLEXIBLE: [f32; 3] = [2.3, 4.5, 7.1];
    /// ISO 10816-1 class I: parts of engines and machines, electric motors up to 15 kW.
    pub const SMALL: [f32; 3] = [0.71, 1.8, 4.5];

    /// Zone A up to the first bound, D above the last. Bounds that are not in order are raised to the one before; they
    /// lie within 1e-6..=1e6.
    #[must_use]
    pub const fn new(bounds: [f32; 3], hysteresis: f32) -> Self {
        let [a, b, c] = bounds;
        let a = math::clamp(a, 1e-6, 1e6);
        let b = math::clamp(b, a, 1e6);
        let c = math::clamp(c, b, 1e6);
        Self { bounds: [a, b, c], hysteresis: math::clamp(hysteresis, 0.0, 0.5), zone: None }
    }

    /// The zone of a value by the bounds times `share`.
    fn zone_of(&self, rms: f32, share: f32) -> Zone {
        let [a, b, c] = self.bounds.map(|bound| bound * share);
        if rms > c {
            Zone::D
        } else if rms > b {
            Zone::C
        } else if rms > a {
            Zone::B
        } else {
            Zone::A
        }
    }
}

impl Learner for VibrationZones {
    /// RMS of the velocity in mm/s.
    type Input = f32;

    fn learn_one(&mut self, rms: &f32) {
        let (up, down) = (self.zone_of(*rms, 1.0), self.zone_of(*rms, 1.0 - self.hysteresis));
        self.zone = Some(match self.zone {
            Some(now) => now.max(up).min(down),
            None => up,
        });
    }

    fn reset(&mut self) {
        self.zone = None;
    }
}

impl Statistic for VibrationZones {
    type Output = Zone;

    fn value(&self) -> Option<Zone> {
        self.zone
    }
}

impl Validate for VibrationZones {
    fn is_valid(&self) -> bool {
        let [a, b, c] = self.bounds;
        (1e-6..=b).contains(&a) && (b..=1e6).contains(&c) && (0.0..=0.5).contains(&self.hysteresis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the registry's checks do for other learners.
    #[test]
    fn snapshot_reset_and_extremes() {
        let new = VibrationZones::new(VibrationZones::LARGE_RIGID, 0.1);
        let mut zones = new;
        for rms in [0.0, 1e-45, -1e30, f32::MAX, f32::MIN, 3.0] {
            zones.learn_one(&rms);
            let mut bytes = [0; 32];
            let used = postcard::to_slice(&zones, &mut bytes).unwrap();
            assert_eq!(postcard::from_bytes::<VibrationZones>(used).unwrap(), zones);
            assert!(zones.is_valid());
        }
        assert_eq!(zones.value(), Some(Zone::B));
        zones.reset();
        assert_eq!(zones, new);
        assert!(VibrationZones::new([f32::MAX, 0.0, -1.0], 9.0).is_valid());
    }
}
