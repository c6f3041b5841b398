//! The host computes what the boards are held against.
#![cfg(feature = "proof")]

use std::fs;

use brooklet_firmware::proof;

fn on_a_large_stack<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, run).unwrap();
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// After a meant change: `BROOKLET_WRITE_BITS=1 cargo test --features proof`.
#[test]
fn the_monitor_is_the_golden_one() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../golden/");
    let (text_file, half_file) = (format!("{folder}monitor.txt"), format!("{folder}half.bklt"));
    let run = |half: &[u8], wrong| {
        let mut out = String::new();
        proof::monitor(&mut out, half, wrong).unwrap();
        out
    };
    let first = run(&[], false);
    let half = first.lines().find_map(|line| line.strip_prefix("half: snapshot of ")).unwrap();
    let half = bytes(half.split_once(" bytes ").unwrap().1);
    let text = run(&half, false);
    if std::env::var_os("BROOKLET_WRITE_BITS").is_some() {
        fs::write(&text_file, &text).unwrap();
        fs::write(&half_file, &half).unwrap();
    }
    assert_eq!(fs::read(half_file).unwrap(), half, "golden/half.bklt");
    assert_eq!(fs::read_to_string(text_file).unwrap(), text, "golden/monitor.txt");
    assert_ne!(run(&half, true), text, "a flipped bit is seen");

    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    assert_eq!(line("second: verdicts "), line("loaded, second: verdicts "));
    assert_eq!(line("end: snapshot "), line("loaded, end: snapshot "));
    assert!(text.contains("second: alert at 2000"), "the shifted level is noticed: {text}");
}

#[test]
fn the_learners_are_the_golden_ones() {
    let golden =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../core-nostd/tests/bits.txt")).unwrap();
    let text = on_a_large_stack(|| {
        let mut out = String::new();
        proof::every_learner::<{ usize::MAX }>(&mut out, &mut vec![0; 1 << 20]).unwrap();
        out
    });
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, golden.lines().collect::<Vec<_>>());
}
