//! A centrifugal pump on a variable-speed drive: load moves speed, speed moves everything else.

use super::fault::{Active, FaultKind};
use super::random::{Random, Wander};
use super::works::{HOUR, Moment};

/// What one pump is like at full speed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rating {
    /// m3/h
    pub(super) flow: f64,
    /// bar
    pub(super) pressure: f64,
    /// mm/s RMS: zone A or B of ISO 20816-3 (up to 1.4 and 2.8 for 15-300 kW on a rigid foundation)
    pub(super) vibration: f64,
    /// Share of full speed kept at night and at weekends.
    pub(super) night: f64,
    /// Fills vessels: runs for a few hours, stands still for one or two.
    pub(super) batch: bool,
}

/// The five pumps, 18 to 37 kW at the shaft.
pub(super) const RATINGS: [Rating; 5] = [
    Rating { flow: 180.0, pressure: 4.2, vibration: 1.2, night: 0.74, batch: false },
    Rating { flow: 240.0, pressure: 3.4, vibration: 1.6, night: 0.80, batch: false },
    Rating { flow: 120.0, pressure: 6.2, vibration: 1.0, night: 0.68, batch: false },
    Rating { flow: 320.0, pressure: 2.8, vibration: 1.9, night: 0.76, batch: false },
    Rating { flow: 90.0, pressure: 5.0, vibration: 1.4, night: 0.95, batch: true },
];

/// Product recipes ask for different speeds; changing between them is ordinary work, not a fault.
const RECIPES: [f64; 3] = [0.88, 0.94, 1.0];

/// Share of shaft power that becomes flow and pressure at the best point.
const EFFICIENCY: f64 = 0.68;

/// A bearing housing takes this long (hours) to follow its heat.
const THERMAL_LAG: f64 = 0.75;

#[derive(Clone, Debug)]
pub(super) struct Pump {
    rating: Rating,
    speed: f64,
    recipe: usize,
    next_recipe: i64,
    running: bool,
    next_batch: i64,
    /// Of the bearing housing; `None` until the first step has settled it.
    bearing: Option<f64>,
    demand: Wander,
    rattle: Wander,
    turbulence: Wander,
}

impl Pump {
    pub(super) fn new(rating: Rating) -> Self {
        Self {
            rating,
            speed: rating.night,
            recipe: 1,
            next_recipe: i64::MIN,
            running: true,
            next_batch: i64::MIN,
            bearing: None,
            demand: Wander::new(0.95),
            rattle: Wander::new(0.7),
            turbulence: Wander::new(0.5),
        }
    }

    /// Vibration, bearing temperature, flow, pressure, power. The draws do not depend on the fault, so a
    /// faulty and a healthy run of one seed differ by the fault alone.
    pub(super) fn step(
        &mut self,
        now: &Moment,
        hours: f64,
        fault: Option<Active>,
        random: &mut Random,
    ) -> [f64; 5] {
        self.control(now, random);
        let Rating { flow, pressure, vibration, .. } = self.rating;
        let s = self.speed;
        // One draw of each kind a step, used or not.
        let rattle = self.rattle.next(random);
        let turbulence = self.turbulence.next(random);
        let noise: [f64; 4] = std::array::from_fn(|_| random.gauss());

        let worn = fault.filter(|f| f.kind == FaultKind::BearingWear);
        let blocked = fault
            .filter(|f| f.kind == FaultKind::BlockedFilter)
            // Dirt makes the mesh finer and so catches more dirt: slow first, then fast; full at 80 % of it.
            .map_or(0.0, |f| f.magnitude * (f.progress / 0.8).min(1.0).powf(1.5));

        // Hydraulics: affinity laws, and the pump's own curve p = 1.25 s^2 - 0.25 q^2 when the way is narrowed.
        let fouling = 1.0 - 0.0006 * now.elapsed_days; // deposits in the pipe: harmless
        let q = s * (1.0 - blocked) * fouling;
        let head = 1.25 * s * s - 0.25 * q * q;
        let slip = if s > 0.01 { 1.0 - q / s } else { 0.0 };
        let efficiency = EFFICIENCY * (1.0 - 0.6 * slip * slip);
        let hydraulic = q * flow * head * pressure / 36.0; // m3/h x bar -> kW
        let power = 0.08 + if s > 0.01 { hydraulic / efficiency + 1.2 * s } else { 0.0 };

        // Bearing wear: spall growth is exponential in running time (Paris' law seen from outside).
        let growth = worn.map_or(1.0, |f| (f.magnitude / vibration).max(1.0).powf(f.progress));
        let shaking =
            vibration * (0.35 + 0.65 * s * s) * growth * (1.0 + 0.05 * rattle * growth.sqrt().min(2.0));
        let vibration = if s > 0.01 { shaking } else { 0.12 + 0.01 * rattle }; // the floor carries the neighbours

        // Friction heats the housing, which lags behind; worn, it heats more once the lubrication film fails.
        let heat = 30.0 * s * s + 1.5 * s;
        let extra = worn.map_or(0.0, |f| 24.0 * s * ((f.progress - 0.4).max(0.0) / 0.6).powi(2));
        let aim = now.ambient + heat + extra;
        let bearing = self.bearing.get_or_insert(aim);
        *bearing += (aim - *bearing) * (1.0 - (-hours / THERMAL_LAG).exp());

        [
            (vibration + 0.01 * noise[0]).max(0.0),
            *bearing + 0.08 * noise[1],
            (q * flow * (1.0 + 0.008 * turbulence) + 0.002 * flow * noise[2]).max(0.0) * f64::from(s > 0.01),
            pressure * head * (1.0 + 0.006 * turbulence) + 0.3 + 0.01 * noise[3], // 0.3 bar: the tank above
            power * (1.0 + 0.008 * turbulence),
        ]
    }

    /// What the process control asks for: the day's load, the recipe, and for batches run or stand.
    fn control(&mut self, now: &Moment, random: &mut Random) {
        if now.ms >= self.next_recipe && now.activity > 0.3 {
            self.recipe = (self.recipe + 1 + random.below(RECIPES.len() - 1)) % RECIPES.len();
            self.next_recipe = now.ms + (random.between(8.0, 40.0) * HOUR as f64) as i64;
        }
        if self.rating.batch && now.ms >= self.next_batch {
            self.running = !self.running;
            let hours = if self.running { random.between(2.0, 4.5) } else { random.between(0.6, 1.8) };
            self.next_batch = now.ms + (hours * HOUR as f64) as i64;
        }
        let load = self.rating.night + (1.0 - self.rating.night) * now.activity.min(1.08);
        let aim =
            if self.running { load * RECIPES[self.recipe] + 0.006 * self.demand.next(random) } else { 0.0 };
        // The drive's ramp; a batch pump starts and stops within one step.
        let ramp = if self.rating.batch { 1.0 } else { 0.05 };
        self.speed += (aim - self.speed).clamp(-ramp, ramp);
    }
}
