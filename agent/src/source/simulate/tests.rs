//! The whole works: what its rows look like, and that the labels say what the data show.

use std::collections::HashMap;

use super::*;

const MONDAY: Timestamp = Timestamp(1_767_571_200_000); // 2026-01-05T00:00:00Z

type Series = HashMap<(&'static str, &'static str), Vec<(Timestamp, f64)>>;

fn series(plant: Plant) -> Series {
    let mut result = Series::new();
    for row in plant {
        let object: serde_json::Value = serde_json::from_str(&row.payload).unwrap();
        let device = Plant::devices().iter().find(|d| d.name == row.device).unwrap();
        assert_eq!(object.as_object().unwrap().len(), device.channels.len() + 1, "{}", row.payload);
        for channel in device.channels {
            let value = object[channel.name].as_f64().unwrap();
            assert!((channel.range.0..=channel.range.1).contains(&value), "{}", row.payload);
            result.entry((row.device, channel.name)).or_default().push((row.time, value));
        }
    }
    result
}

/// The mean of a channel over `[from, to)`.
fn mean(all: &Series, key: (&'static str, &'static str), from: i64, to: i64) -> f64 {
    let values: Vec<f64> =
        all[&key].iter().filter(|(t, _)| (from..to).contains(&t.0)).map(|(_, v)| *v).collect();
    assert!(!values.is_empty(), "{key:?} has nothing in {from}..{to}");
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn one_seed_one_plant() {
    let rows = |seed| Plant::new(seed, MONDAY, 4.0).collect::<Vec<_>>();
    assert_eq!(rows(1), rows(1));
    assert_ne!(rows(1), rows(2));
}

#[test]
fn rows_come_in_order_within_the_run_and_few_are_missing() {
    let plant = Plant::new(5, MONDAY, 10.0);
    let (start, end) = (plant.start(), plant.end());
    let rows: Vec<Row> = plant.collect();
    assert!(rows.is_sorted_by_key(|r| r.time));
    assert!(rows.iter().all(|r| start <= r.time && r.time < end));
    assert!(rows.iter().all(|r| r.topic == format!("sensors/{}", r.device)));
    let (full, here) = (10 * 288 * Plant::devices().len(), rows.len());
    assert!(here < full && here > full - full / 200, "{here} of {full}");
}

#[test]
fn the_time_in_the_payload_is_the_rows() {
    for row in Plant::new(2, MONDAY, 0.1) {
        let object: serde_json::Value = serde_json::from_str(&row.payload).unwrap();
        let time: jiff::Timestamp = object["ts"].as_str().unwrap().parse().unwrap();
        assert_eq!(Timestamp(time.as_millisecond()), row.time);
    }
}

#[test]
fn progress_goes_from_nothing_to_all() {
    let mut plant = Plant::new(1, MONDAY, 1.0);
    assert!(plant.progress() < 0.001);
    while plant.next().is_some() {}
    assert!(plant.progress() > 0.999);
    assert_eq!(Plant::new(1, MONDAY, 0.0).count(), 0);
    assert_eq!(Plant::new(1, MONDAY, -3.0).progress(), 1.0);
}

#[test]
fn senseless_lengths_do_no_harm() {
    for days in [f64::NAN, f64::NEG_INFINITY, f64::INFINITY, f64::MAX] {
        let mut plant = Plant::new(1, MONDAY, days);
        assert_eq!(plant.next().is_some(), days > 0.0, "{days}");
    }
}

#[test]
fn a_fault_changes_its_device_alone_and_nothing_before_it() {
    let plant = Plant::new(3, MONDAY, 20.0);
    let faults = plant.faults().to_vec();
    for (sick, well) in plant.zip_missing(Plant::healthy(3, MONDAY, 20.0)) {
        let touched = faults.iter().any(|f| {
            // A bearing's heat settles within days to the last digit; a thermostat that was out of step with
            // its healthy twin once stays so.
            let settled = if f.device == "cold-room" { i64::MAX } else { f.end.0 + 2 * DAY };
            f.device == sick.device && f.start <= sick.time && sick.time.0 < settled
        });
        assert!(touched || sick == well, "{} {} {}", sick.device, sick.payload, well.payload);
    }
}

impl Plant {
    /// Pairs the rows of two runs; a spike's row is never lost, so one side can have a row more.
    fn zip_missing(self, other: Self) -> Vec<(Row, Row)> {
        let mut others: HashMap<(&str, Timestamp), Row> = other.map(|r| ((r.device, r.time), r)).collect();
        self.filter_map(|row| others.remove(&(row.device, row.time)).map(|well| (row, well))).collect()
    }
}

#[test]
fn every_label_says_what_the_data_show() {
    for seed in 1..=6 {
        let plant = Plant::new(seed, MONDAY, 20.0);
        let faults = plant.faults().to_vec();
        let sick = series(plant);
        let well = series(Plant::healthy(seed, MONDAY, 20.0));
        for fault in &faults {
            let (start, end) = (fault.start.0, fault.end.0);
            // The last part of the fault, against the same hours of the same works without it.
            let late = (end - (end - start).min(6 * HOUR) / 2, end);
            let ratio = |channel: &'static str| {
                let key = (fault.device, channel);
                mean(&sick, key, late.0, late.1) / mean(&well, key, late.0, late.1)
            };
            let rise = |channel: &'static str| {
                let key = (fault.device, channel);
                mean(&sick, key, late.0, late.1) - mean(&well, key, late.0, late.1)
            };
            let what = format!("seed {seed}: {fault:?}");
            match fault.kind {
                FaultKind::BearingWear => {
                    assert!(ratio("vibration") > 2.0, "{} {what}", ratio("vibration"));
                    let calm = mean(&sick, (fault.device, "vibration"), start - DAY, start);
                    let end = mean(&sick, (fault.device, "vibration"), late.0, late.1);
                    assert!(end > 2.0 * calm, "{end} {calm} {what}");
                    assert!(rise("temperature") > 5.0, "{} {what}", rise("temperature"));
                }
                FaultKind::BlockedFilter => {
                    assert!((0.5..0.8).contains(&ratio("flow")), "{} {what}", ratio("flow"));
                    assert!(ratio("pressure") > 1.05, "{} {what}", ratio("pressure"));
                    if fault.channels.contains(&"power") {
                        assert!(ratio("power") < 0.95, "{} {what}", ratio("power"));
                    }
                }
                FaultKind::StuckSensor => {
                    let within = |s: &Series| -> Vec<f64> {
                        let all = s[&(fault.device, fault.channels[0])].iter();
                        all.filter(|(t, _)| fault.is_active(*t)).map(|(_, v)| *v).collect()
                    };
                    let (stuck, moving) = (within(&sick), within(&well));
                    assert!(stuck.len() > 200 && stuck.iter().all(|v| *v == stuck[0]), "{what}");
                    let spread = moving.iter().copied().fold(f64::MIN, f64::max)
                        - moving.iter().copied().fold(f64::MAX, f64::min);
                    assert!(spread > 0.05 * stuck[0], "{spread} {what}");
                }
                FaultKind::AirLeak => {
                    assert!((60.0..140.0).contains(&rise("flow")), "{what}");
                    assert!(rise("pressure") < -0.25, "{} {what}", rise("pressure"));
                }
                FaultKind::Spike => {
                    let all = &sick[&(fault.device, fault.channels[0])];
                    let wild: Vec<f64> =
                        all.iter().filter(|(t, _)| fault.is_active(*t)).map(|(_, v)| *v).collect();
                    assert!((1..=2).contains(&wild.len()), "{} {what}", wild.len());
                    assert!(wild.iter().all(|v| (v - fault.magnitude).abs() < 0.06), "{what}");
                }
                FaultKind::DoorOpen | FaultKind::CompressorFailure => {
                    assert!(rise("temperature") > 2.0, "{} {what}", rise("temperature"));
                }
            }
        }
    }
}

#[test]
fn load_moves_what_hangs_on_it() {
    let all = series(Plant::healthy(1, MONDAY, 7.0));
    let day = |device, channel, day: i64| {
        let noon = MONDAY.0 + day * DAY + 9 * HOUR;
        mean(&all, (device, channel), noon, noon + 3 * HOUR)
    };
    for channel in ["vibration", "temperature", "flow", "pressure", "power"] {
        let (working, sunday) = (day("pump-1", channel, 1), day("pump-1", channel, 6));
        assert!(working > 1.05 * sunday, "{channel}: {working} {sunday}");
    }
    assert!(day("air", "flow", 1) > 2.0 * day("air", "flow", 6));
    // ISO 20816-3: a healthy pump stays below zone C; a cold room below 7 degrees most of the time.
    assert!(all[&("pump-4", "vibration")].iter().all(|(_, v)| *v < 2.8));
    let room = &all[&("cold-room", "temperature")];
    assert!(room.iter().filter(|(_, v)| *v > 7.0).count() * 50 < room.len());
}
