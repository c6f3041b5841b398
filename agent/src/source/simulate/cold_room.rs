//! A cold room: a thermostat cycles the compressor, people open the door, the goods keep the cold.

use super::fault::{Active, FaultKind};
use super::random::{Random, Wander};
use super::works::{HOUR, MINUTE, Moment};

/// The thermostat is looked at this often (seconds); a row is the average over its interval.
const STEP: f64 = 15.0;

/// Thermostat: compressor on above, off below (degrees Celsius).
const BAND: (f64, f64) = (3.2, 4.8);

/// Exchange of the room's air, a share an hour: through the walls, with the goods, through the open door,
/// and of the goods with the air.
const WALLS: f64 = 0.40;
const GOODS: f64 = 0.8;
const DOOR: f64 = 3.5;
const GOODS_LAG: f64 = 0.04;

/// What the compressor takes out of the air, K/h.
const COOLING: f64 = 20.0;

/// Defrosting: every 8 hours, for 20 minutes, the compressor rests and heaters melt the ice.
const DEFROST: (i64, i64) = (8 * HOUR, 20 * MINUTE);

#[derive(Clone, Debug)]
pub(super) struct ColdRoom {
    air: f64,
    goods: f64,
    humidity: f64,
    cooling: bool,
    /// Seconds the door stays open.
    open: f64,
    draught: Wander,
}

impl ColdRoom {
    pub(super) fn new() -> Self {
        Self { air: 4.2, goods: 4.0, humidity: 78.0, cooling: false, open: 0.0, draught: Wander::new(0.6) }
    }

    /// Air temperature, humidity and compressor power, averaged over the interval of `hours`.
    pub(super) fn step(
        &mut self,
        now: &Moment,
        hours: f64,
        fault: Option<Active>,
        random: &mut Random,
    ) -> [f64; 5] {
        let left_open = fault.is_some_and(|f| f.kind == FaultKind::DoorOpen);
        let failed = fault.is_some_and(|f| f.kind == FaultKind::CompressorFailure);
        let steps = ((hours * 3600.0 / STEP).round() as i64).max(1);
        let dt = hours / steps as f64;
        let openings = openings_an_hour(now);
        let (mut air, mut humidity, mut power) = (0.0, 0.0, 0.0);
        for i in 0..steps {
            let at = now.ms + (i as f64 * STEP * 1000.0) as i64;
            let defrost = at.rem_euclid(DEFROST.0) < DEFROST.1;
            // Drawn whether or not a fault is on: the same people come either way.
            let (comes, stays) = (random.uniform(), random.between(20.0, 110.0));
            if self.open <= 0.0 && comes < openings * dt {
                self.open = stays;
            }
            self.open -= STEP;
            let door = if self.open > 0.0 || left_open { 1.0 } else { 0.0 };
            if self.air > BAND.1 {
                self.cooling = true;
            } else if self.air < BAND.0 {
                self.cooling = false;
            }
            let cold = if self.cooling && !failed && !defrost { 1.0 } else { 0.0 };
            let warmth = if defrost { 2.0 } else { 0.0 };
            self.air += dt
                * ((now.ambient - self.air) * (WALLS + DOOR * door)
                    + (self.goods - self.air) * GOODS
                    + warmth
                    - COOLING * cold);
            self.goods += dt * (self.air - self.goods) * GOODS_LAG;
            // A cold coil dries the air, the goods and every opening of the door wet it.
            let damp = if door > 0.0 { 96.0 } else { 86.0 - 18.0 * cold };
            self.humidity += (damp - self.humidity) * (dt * 2.5 * (1.0 + door)).min(1.0);
            air += self.air;
            humidity += self.humidity;
            power +=
                0.18 + 2.6 * cold * (1.0 + 0.01 * (now.ambient - 20.0)) + if defrost { 1.5 } else { 0.0 };
        }
        let n = steps as f64;
        let draught = self.draught.next(random);
        [
            air / n + 0.05 * draught,
            (humidity / n + 0.4 * random.gauss()).clamp(0.0, 100.0),
            power / n + 0.01 * random.gauss(),
            0.0,
            0.0,
        ]
    }
}

/// How often people open the door: dispatch works from 6 to 18, on Saturday until noon.
fn openings_an_hour(now: &Moment) -> f64 {
    match (now.weekday, now.hour) {
        (0..=4, h) if (6.0..18.0).contains(&h) => 5.0,
        (5, h) if (6.0..12.0).contains(&h) => 3.0,
        _ => 0.05, // the night watch
    }
}
