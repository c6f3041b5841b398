//! The demo's display: a live table at the bottom of the terminal, with alerts as lines above it that stay
//! in the scroll-back; where standard output is not a terminal, the alert lines alone.
//!
//! ```text
//! ALERT     Fri 16 Jan 20:14  cold-room.temperature  warning  8.9 °C, expected 3.2 to 4.9
//! channel               value     history                 level     state
//! pump-1.vibration      1.02 mm/s ▃▄▅▆▆▇▇▆▅▄▃▂▂▁▁▂▃▄▅▆   ▎         ok
//! ...
//! Fri 16 Jan 2026 20:15 · 51,200 readings/s · 3 alerts, 1 open
//! ━━━━━━━━━━━━━━━━━━━━━━━━━ 57 % ───────────────────────
//! ```

mod board;
mod summary;

use std::io::{self, IsTerminal, Stdout, Write};

use ratatui::backend::{Backend, ClearType, CrosstermBackend};
use ratatui::style::{Color, Modifier, Style};
use ratatui::{Terminal, TerminalOptions, Viewport};

pub use board::Progress;
pub use summary::{Summary, human_duration, summary_table};

use crate::reading::Timestamp;
use crate::source::simulate::Device;
use board::Board;

/// Lines of the viewport beside the channels' rows: the heading, the status and the gauge.
const FRAME_LINES: u16 = 3;

/// Rows of channels at most, however tall the terminal is.
const MAX_ROWS: u16 = 20;

/// Lines that the viewport leaves to the alerts above it.
const ALERT_LINES: u16 = 5;

/// How the demo shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewKind {
    /// The live table, alerts above it.
    Live,
    /// Alert lines only.
    Plain,
    /// Nothing.
    Quiet,
}

impl ViewKind {
    /// [`ViewKind::Live`] on a terminal that can move its cursor, else [`ViewKind::Plain`].
    #[must_use]
    pub fn detect() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if io::stdout().is_terminal() && !dumb { Self::Live } else { Self::Plain }
    }
}

/// One line about an alert, when it begins or ends.
#[derive(Clone, Copy, Debug)]
pub struct AlertLine<'a> {
    /// Simulated time of the change.
    pub time: Timestamp,
    /// The device.
    pub device: &'a str,
    /// The channel.
    pub channel: &'a str,
    /// What happened, in plain words.
    pub sentence: &'a str,
    /// For example `warning` or `critical`.
    pub severity: &'a str,
    /// Whether the alert is over.
    pub resolved: bool,
}

impl AlertLine<'_> {
    fn text(&self) -> String {
        format!(
            "{}  {}  {}.{}  {}  {}",
            if self.resolved { "resolved" } else { "ALERT   " },
            board::clock(self.time, "%a %d %b %H:%M"),
            self.device,
            self.channel,
            self.severity,
            self.sentence
        )
    }

    fn style(&self, colours: bool) -> Style {
        match (colours, self.resolved, self.severity) {
            (false, ..) => Style::new(),
            (_, true, _) => Style::new().fg(Color::Green),
            (_, _, "critical") => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
            (_, _, "info") => Style::new().fg(Color::Cyan),
            _ => Style::new().fg(Color::Yellow),
        }
    }
}

/// The demo's display.
///
/// It never reads the keyboard and leaves the terminal's modes alone, so that Ctrl-C works as ever.
pub struct View {
    board: Board,
    screen: Screen,
}

enum Screen {
    Live(Live<CrosstermBackend<Stdout>>),
    Plain(Box<dyn Write + Send>),
    Quiet,
}

impl View {
    /// A display of `kind`. A terminal that does not answer, or is too small, gets [`ViewKind::Plain`].
    /// No colours where the environment has a non-empty `NO_COLOR`.
    #[must_use]
    pub fn new(kind: ViewKind) -> Self {
        let colours = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        let plain = || Screen::Plain(Box::new(io::stdout()));
        let screen = match kind {
            ViewKind::Live => {
                Live::new(CrosstermBackend::new(io::stdout())).map_or_else(|_| plain(), Screen::Live)
            }
            ViewKind::Plain => plain(),
            ViewKind::Quiet => Screen::Quiet,
        };
        Self { board: Board::new(colours), screen }
    }

    /// Names the devices ahead of their readings: their order, units and decimals. Channels that turn up
    /// without being named come last, without a unit.
    pub fn register(&mut self, devices: &[Device]) {
        for device in devices {
            for channel in device.channels {
                self.board.register(device.name, channel);
            }
        }
    }

    /// A new value of a channel; anything but a finite one is ignored.
    pub fn reading(&mut self, device: &str, channel: &str, value: f32) {
        self.board.reading(device, channel, value);
    }

    /// The channel's evidence in powers of ten, and whether its alert is firing. Until the first call the
    /// channel counts as learning.
    pub fn level(&mut self, device: &str, channel: &str, level: f32, firing: bool) {
        self.board.level(device, channel, level, firing);
    }

    /// Prints an alert above the table.
    ///
    /// # Errors
    /// If standard output cannot be written to.
    pub fn alert(&mut self, line: &AlertLine<'_>) -> io::Result<()> {
        self.board.count(line.resolved);
        match &mut self.screen {
            Screen::Live(live) => live.alert(line, self.board.colours()),
            Screen::Plain(out) => writeln!(out, "{}", line.text()),
            Screen::Quiet => Ok(()),
        }
    }

    /// Draws the table; meant to be called about ten times a second.
    ///
    /// # Errors
    /// If standard output cannot be written to.
    pub fn draw(&mut self, progress: &Progress) -> io::Result<()> {
        match &mut self.screen {
            Screen::Live(live) => live.draw(&self.board, progress),
            Screen::Plain(_) | Screen::Quiet => Ok(()),
        }
    }

    /// Takes the table away and gives the cursor back; the alerts stay. Later alerts are plain lines. Also
    /// done on drop.
    ///
    /// # Errors
    /// If standard output cannot be written to.
    pub fn finish(&mut self) -> io::Result<()> {
        match &mut self.screen {
            Screen::Live(live) => {
                let done = live.finish();
                self.screen = Screen::Plain(Box::new(io::stdout()));
                done
            }
            Screen::Plain(out) => out.flush(),
            Screen::Quiet => Ok(()),
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let _ = self.finish(); // nobody is left to tell
    }
}

/// The inline viewport on any backend.
struct Live<B: Backend> {
    terminal: Terminal<B>,
}

impl<B: Backend> Live<B> {
    fn new(backend: B) -> Result<Self, B::Error> {
        let height = backend.size()?.height;
        let lines = height.saturating_sub(ALERT_LINES).clamp(FRAME_LINES + 1, FRAME_LINES + MAX_ROWS);
        let options = TerminalOptions { viewport: Viewport::Inline(lines) };
        Ok(Self { terminal: Terminal::with_options(backend, options)? })
    }

    fn alert(&mut self, line: &AlertLine<'_>, colours: bool) -> Result<(), B::Error> {
        let width = usize::from(self.terminal.get_frame().area().width);
        let lines = wrapped(&line.text(), width, 10);
        let style = line.style(colours);
        self.terminal.insert_before(lines.len() as u16, |buffer| {
            for (y, text) in (0..).zip(&lines) {
                buffer.set_stringn(0, y, text, width, style);
            }
        })
    }

    fn draw(&mut self, board: &Board, progress: &Progress) -> Result<(), B::Error> {
        self.terminal.draw(|frame| board.render(frame.area(), frame.buffer_mut(), progress)).map(|_| ())
    }

    fn finish(&mut self) -> Result<(), B::Error> {
        let corner = self.terminal.get_frame().area().as_position();
        // Not Terminal::clear: it asks the terminal where the cursor is, and would wait for an answer.
        let backend = self.terminal.backend_mut();
        backend.set_cursor_position(corner)?;
        backend.clear_region(ClearType::AfterCursor)?;
        backend.show_cursor()?;
        backend.flush()
    }
}

/// `text` in lines of at most `width` characters, broken at spaces where there are any; from the second line
/// on indented.
fn wrapped(text: &str, width: usize, indent: usize) -> Vec<String> {
    let indent = if width > 3 * indent { indent } else { 0 };
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_inclusive(' ') {
        let bare = word.trim_end().chars().count();
        if length > 0 && length + bare > width {
            lines.push(std::mem::take(&mut line));
            line.extend(std::iter::repeat_n(' ', indent));
            length = indent;
        }
        for character in word.chars() {
            if length >= width.max(1) && character != ' ' {
                lines.push(std::mem::take(&mut line));
                length = 0;
            }
            line.push(character);
            length += 1;
        }
    }
    lines.push(line);
    lines.iter().map(|l| l.trim_end().to_owned()).collect()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a test fails by panicking, and compares bits"
)]
mod tests;
