//! `brooklet replay`: the interface that scripts rely on.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use brooklet_tests::agent;
use brooklet_tests::signal::{healthy, json, shifted};
use serde_json::Value;

/// A day of rows a second apart is enough for the detector to speak; the fault is near the end.
const ROWS: usize = 3000;
const FAULT: std::ops::Range<usize> = 2600..2900;

fn replay(file: &str, content: &str, arguments: &[&str]) -> (Vec<String>, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path(file), content).unwrap();
    let (input, scores, alerts) = (path(file), path("scores.csv"), path("alerts.jsonl"));
    let fixed = ["replay", &input, "--scores", &scores, "--alerts", &alerts, "--quiet"];
    let output = agent::run(&[&fixed, arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = |path: &str| fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    (lines(&scores), lines(&alerts).iter().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Rows whose anomaly score is above 0, counted from 0.
fn starts(scores: &[String], column: usize) -> Vec<usize> {
    let score = |line: &String| line.split(',').nth(column).unwrap().parse::<f32>().unwrap();
    let rows = scores.iter().skip(1).map(score).enumerate();
    rows.filter(|(_, score)| *score > 0.0)
        .inspect(|(_, score)| assert!(*score <= 1.0))
        .map(|(i, _)| i)
        .collect()
}

fn stamp(i: usize) -> String {
    let minutes = 5 * i;
    format!("2024-03-{:02} {:02}:{:02}:00", 1 + minutes / 1440, minutes / 60 % 24, minutes % 60)
}

#[test]
fn one_channel_gives_its_row_and_two_columns() {
    let mut csv = "timestamp,value\r\n".to_owned();
    for i in 0..ROWS {
        write!(csv, "{},{:.3}\r\n", stamp(i), shifted(i, &FAULT)).unwrap();
    }
    let (scores, alerts) = replay("pump.csv", &csv, &[]);
    assert_eq!(scores[0], "timestamp,value,anomaly_score,level");
    assert_eq!(scores.len(), ROWS + 1);
    for (row, score) in csv.lines().zip(&scores).skip(1) {
        assert!(score.starts_with(&format!("{row},")), "{row} became {score}");
    }
    assert!(starts(&scores, 2).contains(&FAULT.start), "{:?}", starts(&scores, 2));
    let level = |i: usize| scores[i + 1].split(',').nth(3).unwrap().parse::<f32>().unwrap();
    let up = FAULT.filter(|&i| level(i) > 1.1).count();
    assert!(up > FAULT.len() * 9 / 10, "the level is up in {up} of {} rows of the fault", FAULT.len());
    let firing: Vec<_> = alerts.iter().filter(|alert| alert["state"] == "firing").collect();
    assert_eq!(firing.len(), starts(&scores, 2).len());
    assert!(firing.iter().all(|alert| alert["device"] == "pump" && alert["channel"] == "value"));
}

#[test]
fn several_channels_give_one_score_for_the_device() {
    let mut csv = "datetime;a;b;label\n".to_owned();
    for i in 0..ROWS {
        let b = if i % 10 == 3 { String::new() } else { format!("{:.3}", healthy(i + 7)) };
        let label = u8::from(FAULT.contains(&i));
        writeln!(csv, "{};{:.3};{b};{label}", stamp(i), shifted(i, &FAULT)).unwrap();
    }
    let (scores, alerts) = replay("bench.csv", &csv, &["--ignore", "label"]);
    assert_eq!((scores[0].as_str(), scores.len()), ("timestamp,anomaly_score,level", ROWS + 1));
    assert!(starts(&scores, 1).contains(&FAULT.start));
    assert!(alerts.iter().all(|alert| alert["channel"] != "label"));
}

#[test]
fn json_lines_come_through_standard_input() {
    let lines: String = (0..ROWS).map(|i| json(i, &FAULT) + "\n").collect();
    let mut command = agent::brooklet();
    command.args(["replay", "-", "--json", "--quiet"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let last = String::from_utf8(output.stdout).unwrap().lines().last().unwrap().to_owned();
    let summary: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(summary["summary"]["rows"], ROWS, "{summary:#}");
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.csv");
    fs::write(&empty, "").unwrap();
    for (arguments, said) in [
        (vec!["replay", "/none/such.csv"], "/none/such.csv"),
        (vec!["replay", empty.to_str().unwrap()], "empty.csv"),
        (vec!["eval", "nab", folder.path().to_str().unwrap()], "combined_windows.json"),
    ] {
        let output = agent::run(&arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && errors.contains(said), "{arguments:?}: {errors}");
    }
}
