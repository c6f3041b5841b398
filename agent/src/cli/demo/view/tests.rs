//! The display on a terminal made of memory.

use std::sync::{Arc, Mutex};

use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::*;
use crate::source::simulate::Plant;

const NOON: Timestamp = Timestamp(1_767_571_200_000 + 12 * 3_600_000); // Monday 2026-01-05

fn progress() -> Progress {
    Progress { time: NOON, fraction: 0.5, readings_per_second: 51_234.4 }
}

fn alert(resolved: bool) -> AlertLine<'static> {
    AlertLine {
        time: NOON,
        device: "pump-1",
        channel: "vibration",
        sentence: "4.20 mm/s, expected 0.9 to 1.3",
        severity: "warning",
        resolved,
    }
}

fn lines(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width);
    buffer
        .content
        .chunks(width)
        .map(|row| row.iter().map(|c| c.symbol()).collect::<String>().trim_end().to_owned())
        .collect()
}

fn board() -> Board {
    let mut view = View { board: Board::new(true), screen: Screen::Quiet };
    view.register(Plant::devices());
    for i in 0..70 {
        view.reading("pump-1", "vibration", i as f32 / 10.0);
    }
    view.reading("pump-1", "flow", f32::NAN);
    view.reading("cold-room", "temperature", 4.25);
    view.level("pump-1", "vibration", 2.0, false);
    view.level("air", "flow", 5.0, true);
    view.alert(&alert(false)).unwrap();
    std::mem::replace(&mut view.board, Board::new(false))
}

#[test]
fn the_table_shows_values_history_level_and_state() {
    let mut live = Live::new(TestBackend::new(100, 40)).unwrap();
    live.draw(&board(), &progress()).unwrap();
    let buffer = live.terminal.backend().buffer().clone();
    let text = lines(&buffer);
    let all = text.join("\n");
    let row = |name: &str| {
        text.iter().position(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name}:\n{all}"))
    };

    let vibration = &text[row("pump-1.vibration")];
    assert!(vibration.contains("   6.90 mm/s  ▁"), "{all}");
    assert!(vibration.ends_with("█  ████     ok"), "{all}");
    assert!(text[row("pump-1.flow")].ends_with("learning"), "{all}");
    assert!(text[row("pump-1.flow")].contains(" -  "), "{all}");
    // 28 channels, 20 rows: every device is among them, and the alerting one in any case.
    assert!(Plant::devices().iter().all(|d| all.contains(d.name)), "{all}");
    let air = row("air.flow");
    assert!(text[air].ends_with("████████ ALERT"), "{all}");
    assert_eq!(buffer[(0, air as u16)].fg, Color::Red);
    assert_eq!(buffer[(0, row("pump-1.vibration") as u16)].fg, Color::Green);
    assert!(!all.contains("pump-5.power"), "{all}");
    let status = &text[row("Mon 05 Jan 2026 12:00")];
    assert!(status.contains("51,234 readings/s · 1 alert, 1 open · 8 more channels"), "{all}");
    assert!(text[row(" 50 %")].contains("━─"), "{all}");
}

#[test]
fn an_alerting_channel_is_never_hidden() {
    let mut board = board();
    board.level("pump-5", "power", 4.0, true);
    let mut live = Live::new(TestBackend::new(100, 14)).unwrap();
    live.draw(&board, &progress()).unwrap();
    let all = lines(live.terminal.backend().buffer()).join("\n");
    assert!(all.contains("pump-5.power") && all.contains("air.flow"), "{all}");
    assert!(all.contains("22 more channels"), "{all}");
}

#[test]
fn without_colours_there_are_none() {
    let mut board = Board::new(false);
    board.level("air", "flow", 5.0, true);
    let mut live = Live::new(TestBackend::new(80, 24)).unwrap();
    live.draw(&board, &progress()).unwrap();
    live.alert(&alert(false), false).unwrap();
    live.draw(&board, &progress()).unwrap();
    assert!(live.terminal.backend().buffer().content.iter().all(|c| c.fg == Color::Reset));
}

#[test]
fn alerts_stand_above_the_table_and_stay() {
    let mut live = Live::new(TestBackend::new(80, 20)).unwrap();
    let board = board();
    live.draw(&board, &progress()).unwrap();
    live.alert(&alert(false), true).unwrap();
    live.alert(&alert(true), true).unwrap();
    live.draw(&board, &progress()).unwrap();
    let text = lines(live.terminal.backend().buffer());
    assert_eq!(text[0], "ALERT     Mon 05 Jan 12:00  pump-1.vibration  warning  4.20 mm/s, expected 0.9");
    assert_eq!(text[1], "          to 1.3");
    assert!(text[2].starts_with("resolved  Mon 05 Jan 12:00"), "{text:#?}");
    assert!(text[4].starts_with("channel"), "{text:#?}");

    live.finish().unwrap();
    let text = lines(live.terminal.backend().buffer());
    assert!(text[0].starts_with("ALERT"), "{text:#?}");
    assert!(text[4..].iter().all(String::is_empty), "{text:#?}");
}

#[test]
fn a_tiny_terminal_is_no_reason_to_panic() {
    for (width, height) in [(1, 1), (5, 3), (20, 4), (40, 8), (300, 100)] {
        let mut live = Live::new(TestBackend::new(width, height)).unwrap();
        live.draw(&board(), &progress()).unwrap();
        live.alert(&alert(false), true).unwrap();
        live.draw(&board(), &progress()).unwrap();
        live.finish().unwrap();
    }
}

/// A writer whose content can be looked at.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn plain_prints_alerts_and_nothing_else() {
    let out = Shared::default();
    let mut view = View { board: Board::new(true), screen: Screen::Plain(Box::new(out.clone())) };
    view.reading("pump-1", "vibration", 1.0);
    view.draw(&progress()).unwrap();
    view.alert(&alert(false)).unwrap();
    view.alert(&alert(true)).unwrap();
    view.finish().unwrap();
    drop(view);
    let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    let rest = "Mon 05 Jan 12:00  pump-1.vibration  warning  4.20 mm/s, expected 0.9 to 1.3\n";
    assert_eq!(text, format!("ALERT     {rest}resolved  {rest}"));
}

#[test]
fn long_words_and_narrow_lines_wrap() {
    assert_eq!(wrapped("one two three", 8, 2), ["one two", "  three"]);
    assert_eq!(wrapped("abcdefghij", 4, 10), ["abcd", "efgh", "ij"]);
    assert_eq!(wrapped("", 4, 2), [""]);
    assert!(!wrapped("a b", 0, 2).is_empty());
}
