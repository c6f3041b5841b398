//! The compressed-air line of the hall: tools draw air by day, old couplings leak a little all the time.

use super::fault::{Active, FaultKind};
use super::random::{Random, Wander};
use super::works::Moment;

/// Drawn at rest and by a busy shift, m3/h (free air).
const REST: f64 = 48.0;
const SHIFT: f64 = 230.0;

#[derive(Clone, Debug)]
pub(super) struct Air {
    tools: Wander,
    regulator: Wander,
}

impl Air {
    pub(super) fn new() -> Self {
        Self { tools: Wander::new(0.6), regulator: Wander::new(0.4) }
    }

    /// Pressure (bar) at the end of the line, and flow (m3/h) at its beginning; both settle within seconds.
    pub(super) fn step(&mut self, now: &Moment, fault: Option<Active>, random: &mut Random) -> [f64; 5] {
        let tools = self.tools.next(random);
        let regulator = self.regulator.next(random);
        let noise: [f64; 2] = std::array::from_fn(|_| random.gauss());
        let leak = fault
            .filter(|f| f.kind == FaultKind::AirLeak)
            // A torn hose opens at once or nearly so: a quarter of an hour at the start.
            .map_or(0.0, |f| f.magnitude * (f.elapsed_hours / 0.25).min(1.0));
        let draw = (REST + (SHIFT - REST) * now.activity) * (1.0 + 0.05 * tools);
        let flow = draw + leak;
        // Pressure lost on the way goes with the square of the flow; the branch that leaks is a thin one.
        let pressure = 7.4 - 0.4 * (flow / 320.0).powi(2) - 0.5 * (leak / 100.0).powi(2) + 0.04 * regulator;
        [pressure + 0.008 * noise[0], (flow + 1.0 * noise[1]).max(0.0), 0.0, 0.0, 0.0]
    }
}
