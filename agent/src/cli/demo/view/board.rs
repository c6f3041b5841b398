//! What the live table shows, and how it is drawn; no terminal is needed for either.

use std::collections::VecDeque;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::{LineGauge, Widget};

use crate::reading::Timestamp;
use crate::source::simulate::Channel;

/// Values that a history shows at most.
const HISTORY: usize = 60;

/// The evidence that fills the bar: once in 10,000 readings. Detectors fire a little below.
const FULL_LEVEL: f32 = 4.0;

/// Widths of the columns whose content is of a known size.
const VALUE: usize = 12;
const LEVEL: usize = 8;
const STATE: usize = 8;

/// Where the demo stands, for the lines below the table.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Simulated time.
    pub time: Timestamp,
    /// How much of the run is done, `0.0..=1.0`.
    pub fraction: f64,
    /// Readings taken in a second of real time.
    pub readings_per_second: f64,
}

/// The state of the display.
#[derive(Debug)]
pub(super) struct Board {
    rows: Vec<Line>,
    colours: bool,
    alerts: usize,
    open: usize,
}

/// One channel.
#[derive(Debug)]
struct Line {
    device: String,
    channel: String,
    unit: &'static str,
    decimals: Option<usize>,
    history: VecDeque<f32>,
    /// `None` while the channel is learning.
    level: Option<f32>,
    firing: bool,
}

impl Board {
    pub(super) fn new(colours: bool) -> Self {
        Self { rows: Vec::new(), colours, alerts: 0, open: 0 }
    }

    pub(super) fn colours(&self) -> bool {
        self.colours
    }

    pub(super) fn register(&mut self, device: &str, channel: &Channel) {
        let line = self.line(device, channel.name);
        line.unit = channel.unit_for_people();
        line.decimals = Some(channel.decimals);
    }

    pub(super) fn reading(&mut self, device: &str, channel: &str, value: f32) {
        if !value.is_finite() {
            return;
        }
        let history = &mut self.line(device, channel).history;
        if history.len() >= HISTORY {
            history.pop_front();
        }
        history.push_back(value);
    }

    pub(super) fn level(&mut self, device: &str, channel: &str, level: f32, firing: bool) {
        let line = self.line(device, channel);
        line.level = Some(if level.is_finite() { level } else { 0.0 });
        line.firing = firing;
    }

    /// Counts an alert that began or ended.
    pub(super) fn count(&mut self, resolved: bool) {
        if resolved {
            self.open = self.open.saturating_sub(1);
        } else {
            self.alerts += 1;
            self.open += 1;
        }
    }

    fn line(&mut self, device: &str, channel: &str) -> &mut Line {
        let known = self.rows.iter().position(|r| r.channel == channel && r.device == device);
        let at = known.unwrap_or_else(|| {
            self.rows.push(Line {
                device: device.to_owned(),
                channel: channel.to_owned(),
                unit: "",
                decimals: None,
                history: VecDeque::with_capacity(HISTORY),
                level: None,
                firing: false,
            });
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    pub(super) fn render(&self, area: Rect, buffer: &mut Buffer, progress: &Progress) {
        let room = usize::from(area.height.saturating_sub(super::FRAME_LINES));
        let columns = Columns::of(&self.rows, usize::from(area.width));
        let dim = Style::new().add_modifier(Modifier::DIM);
        let heading = columns.join("channel", "value", "history", "level", "state");
        let mut y = area.y;
        let mut put = |text: &str, style: Style| {
            if y < area.bottom() {
                buffer.set_stringn(area.x, y, text, usize::from(area.width), style);
            }
            y += 1;
        };
        put(&heading, dim);
        let shown = self.shown(room);
        for row in &shown {
            let level = bar(row.level.unwrap_or(0.0) / FULL_LEVEL, LEVEL);
            let (state, style) = self.state(row);
            let history = sparkline(&row.history, columns.history);
            put(&columns.join(&row.name(), &row.value(), &history, &level, state), style);
        }
        let hidden = match self.rows.len() - shown.len() {
            0 => String::new(),
            n => format!(" · {n} more channels"),
        };
        let status = format!(
            "{} · {} readings/s · {}, {} open{hidden}",
            clock(progress.time, "%a %d %b %Y %H:%M"),
            grouped(progress.readings_per_second),
            plural(self.alerts, "alert"),
            self.open
        );
        put(&status, Style::new());
        if y < area.bottom() {
            let ratio = if progress.fraction.is_finite() { progress.fraction.clamp(0.0, 1.0) } else { 0.0 };
            let style = if self.colours { Style::new().fg(Color::Blue) } else { Style::new() };
            LineGauge::default()
                .ratio(ratio)
                .label(format!("{:3.0} %", ratio * 100.0))
                .filled_symbol("━")
                .unfilled_symbol("─")
                .filled_style(style)
                .unfilled_style(dim)
                .render(Rect { y, height: 1, ..area }, buffer);
        }
    }

    /// The rows that fit, in their order: alerting ones before any other, then the first channel of every
    /// device, then the second of each, so that no device is hidden by another's many channels.
    fn shown(&self, room: usize) -> Vec<&Line> {
        let place = |at: usize, row: &Line| self.rows[..at].iter().filter(|r| r.device == row.device).count();
        let mut ranked: Vec<(bool, usize, usize)> =
            self.rows.iter().enumerate().map(|(at, row)| (!row.firing, place(at, row), at)).collect();
        ranked.sort_unstable();
        let mut chosen: Vec<usize> = ranked.into_iter().take(room).map(|(_, _, at)| at).collect();
        chosen.sort_unstable();
        chosen.into_iter().map(|at| &self.rows[at]).collect()
    }

    fn state(&self, row: &Line) -> (&'static str, Style) {
        let coloured = |colour| if self.colours { Style::new().fg(colour) } else { Style::new() };
        match (row.firing, row.level) {
            // Without colours it is still to stand out.
            (true, _) => ("ALERT", coloured(Color::Red).add_modifier(Modifier::BOLD)),
            (false, None) => ("learning", coloured(Color::Cyan)),
            (false, Some(level)) if level > FULL_LEVEL / 2.0 => ("ok", coloured(Color::Yellow)),
            (false, Some(_)) => ("ok", coloured(Color::Green)),
        }
    }
}

impl Line {
    fn name(&self) -> String {
        if self.channel.is_empty() {
            self.device.clone()
        } else {
            format!("{}.{}", self.device, self.channel)
        }
    }

    fn value(&self) -> String {
        let Some(&value) = self.history.back() else {
            return "-".to_owned();
        };
        let decimals = self.decimals.unwrap_or(match value.abs() {
            v if v >= 1000.0 => 0,
            v if v >= 100.0 => 1,
            _ => 2,
        });
        format!("{value:.decimals$} {}", self.unit).trim_end().to_owned()
    }
}

/// Widths of the columns that depend on the names and on the terminal.
struct Columns {
    name: usize,
    history: usize,
}

impl Columns {
    fn of(rows: &[Line], width: usize) -> Self {
        let longest = rows.iter().map(|r| r.name().chars().count()).max().unwrap_or(0);
        let name = longest.clamp(7, 28);
        let rest = name + 1 + VALUE + 2 + 2 + LEVEL + 1 + STATE;
        Self { name, history: width.saturating_sub(rest).min(HISTORY) }
    }

    fn join(&self, name: &str, value: &str, history: &str, level: &str, state: &str) -> String {
        let (n, h) = (self.name, self.history);
        // A width pads; only the precision of a string also cuts.
        format!("{name:<n$.n$} {value:>VALUE$}  {history:<h$.h$}  {level:<LEVEL$} {state}")
    }
}

/// The last `width` values as blocks, from the lowest of them to the highest; one that never moves is a flat
/// line.
fn sparkline(values: &VecDeque<f32>, width: usize) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let shown = || values.iter().skip(values.len().saturating_sub(width));
    let low = shown().copied().fold(f32::INFINITY, f32::min);
    let high = shown().copied().fold(f32::NEG_INFINITY, f32::max);
    let scale = if high > low { 7.99 / (high - low) } else { 0.0 };
    shown().map(|v| BLOCKS[(((v - low) * scale) as usize).min(7)]).collect()
}

/// A bar of `width` cells filled to `share`, in eighths of a cell.
fn bar(share: f32, width: usize) -> String {
    const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (share.clamp(0.0, 1.0) * (8 * width) as f32) as usize;
    let mut text: String = std::iter::repeat_n('█', eighths / 8).collect();
    if !eighths.is_multiple_of(8) {
        text.push(PARTS[eighths % 8]);
    }
    text
}

/// A time in the works' zone, UTC.
pub(super) fn clock(time: Timestamp, format: &str) -> String {
    jiff::Timestamp::from_millisecond(time.0)
        .map_or_else(|_| time.to_string(), |t| t.strftime(format).to_string())
}

/// `1 alert`, `2 alerts`.
pub(super) fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A count with commas between thousands; 0 for what is none.
fn grouped(value: f64) -> String {
    crate::cli::grouped(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_span_from_lowest_to_highest() {
        let values: VecDeque<f32> = [1.0, 2.0, 3.0, 8.0].into();
        assert_eq!(sparkline(&values, 10), "▁▂▃█");
        assert_eq!(sparkline(&values, 2), "▁█");
        assert_eq!(sparkline(&[4.0, 4.0].into(), 9), "▁▁");
        assert_eq!(sparkline(&VecDeque::new(), 9), "");
        assert_eq!(sparkline(&[f32::MIN, f32::MAX].into(), 9).chars().count(), 2);
    }

    #[test]
    fn bars_fill_in_eighths() {
        assert_eq!(bar(0.0, 4), "");
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(0.53125, 4), "██▏");
        assert_eq!(bar(7.0, 4), "████");
        assert_eq!(bar(-1.0, 4), "");
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(grouped(0.4), "0");
        assert_eq!(grouped(1234567.0), "1,234,567");
        assert_eq!(grouped(f64::NAN), "0");
        assert_eq!(plural(1, "alert"), "1 alert");
        assert_eq!(clock(Timestamp(1_767_571_200_000), "%a %d %b %H:%M"), "Mon 05 Jan 00:00");
    }
}
