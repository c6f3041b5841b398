//! Memory of what a channel holds: `cargo run -p brooklet-core --example sizes`.
#![allow(clippy::print_stdout, reason = "this is what the example is for")]

use brooklet_core::alarm::Alarm;
use brooklet_core::anomaly::{
    CycleFinder, CycleProfile, DefaultDetector, Detector, LevelShift, Range, SeasonalProfile,
};
use brooklet_core::monitor::Monitor;
use brooklet_core::quantile::LogHistogram;

fn main() {
    for row in Detector::ROWS {
        println!("{:24} {:>5} bytes", row.name, row.bytes);
    }
    println!("{:24} {:>5} bytes", "alarm", size_of::<Alarm>());
    println!("{:24} {:>5} bytes", "default with its alarm", size_of::<Monitor<DefaultDetector>>());
    println!("{:24} {:>5} bytes", "any with its alarm", size_of::<Monitor<Detector>>());
    println!("{:24} {:>5} bytes", "  seasonal profile", size_of::<SeasonalProfile<5000>>());
    println!("{:24} {:>5} bytes", "  cycle profile", size_of::<CycleProfile>());
    println!("{:24} {:>5} bytes", "    cycle finder", size_of::<CycleFinder>());
    println!("{:24} {:>5} bytes", "  range", size_of::<Range>());
    println!("{:24} {:>5} bytes", "  shift 60", size_of::<LevelShift<60, 5000>>());
    println!("{:24} {:>5} bytes", "  calibration histogram", size_of::<LogHistogram<4000>>());
}
