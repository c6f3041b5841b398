//! Reports: one page of HTML that holds a recording, what was found in it, and all that it takes to look at it.
//!
//! The page is a file by itself: no network, no library. Its head and the table of alerts are plain HTML; the plots are
//! drawn by `page.js` from the data, JSON in a script element. What a recording brings along (names of channels and files)
//! is escaped in both.

mod collect;

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::ser::{SerializeMap as _, SerializeSeq as _, Serializer};

pub use collect::{Band, Bucket, Collector, Found, Lane, Point, Tally, Window};

use crate::alert::{Alert, Kind};
use crate::cli::grouped;
use crate::eval::Counts;
use crate::reading::Timestamp;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// A stretch of the recording that is known to be a fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Its first moment; where a recording has no times, [`crate::eval::time_of_row`].
    pub from: Timestamp,
    /// Its last moment.
    pub to: Timestamp,
    /// The channel that it is about; `None` if it is about all.
    pub channel: Option<String>,
    /// Whether an alert found it.
    pub found: bool,
}

/// A page of reports.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// What it is called.
    pub title: &'a str,
    /// When it is made.
    pub made: Timestamp,
    /// Plain text to stand after the reports; empty for none.
    pub summary: &'a str,
    /// The reports; one of them is seen at a time.
    pub reports: &'a [Report<'a>],
}

/// What is shown of one recording.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The recording's name.
    pub recording: &'a str,
    /// Whether it has times; if not, they are numbers of rows.
    pub timed: bool,
    /// What became of the readings.
    pub counts: &'a Counts,
    /// Channels and alerts.
    pub collected: &'a Collector,
    /// Known faults; `None` if nobody knows.
    pub labels: Option<&'a [Label]>,
}

impl Page<'_> {
    /// Writes the page.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        // In one pass: what is put in is not looked through for places of its own.
        let mut rest = PAGE;
        while let Some((before, after)) = rest.split_once("{{") {
            out.write_all(before.as_bytes())?;
            let (place, after) = after.split_once("}}").unwrap_or((after, ""));
            match place {
                "title" => write!(out, "{}", Html(self.title))?,
                "style" => out.write_all(STYLE.as_bytes())?,
                "script" => out.write_all(SCRIPT.as_bytes())?,
                "data" => serde_json::to_writer(Escaped(&mut *out), self)?,
                "summary" => self.summary(out)?,
                "list" => self.list(out)?,
                "recordings" => {
                    let mut reports = self.reports.iter().enumerate();
                    reports.try_for_each(|(number, report)| {
                        report.section(out, number, self.reports.len() > 1)
                    })?;
                }
                "made" => write!(out, "{}", Moment(self.made, true))?,
                "version" => out.write_all(env!("CARGO_PKG_VERSION").as_bytes())?,
                _ => {}
            }
            rest = after;
        }
        out.write_all(rest.as_bytes())
    }

    /// The text, folded away.
    fn summary(&self, out: &mut impl Write) -> io::Result<()> {
        if !self.summary.is_empty() {
            writeln!(
                out,
                "<details><summary>All figures</summary><pre>{}</pre></details>",
                Html(self.summary)
            )?;
        }
        Ok(())
    }

    /// Where there are several recordings, a list of them.
    fn list(&self, out: &mut impl Write) -> io::Result<()> {
        if self.reports.len() < 2 {
            return Ok(());
        }
        write!(
            out,
            "<div class=\"list\"><table class=\"recordings\"><thead><tr><th scope=\"col\">Recording</th>\
             <th scope=\"col\">Rows</th><th scope=\"col\">Alerts</th><th scope=\"col\">Known faults found</th></tr></thead><tbody>"
        )?;
        for (number, report) in self.reports.iter().enumerate() {
            let faults = report.labels.map_or_else(String::new, |labels| {
                format!("{} of {}", labels.iter().filter(|label| label.found).count(), labels.len())
            });
            writeln!(
                out,
                "<tr><td><a href=\"#recording-{number}\">{}</a></td><td>{}</td><td>{}</td><td>{faults}</td></tr>",
                Html(report.recording),
                grouped(report.counts.rows),
                grouped(report.collected.tally().all)
            )?;
        }
        writeln!(out, "</tbody></table></div>")
    }
}

impl Report<'_> {
    /// One recording's part of the page.
    fn section(&self, out: &mut impl Write, number: usize, named: bool) -> io::Result<()> {
        writeln!(out, "<section class=\"recording\" id=\"recording-{number}\">")?;
        if named {
            writeln!(out, "<h2>{}</h2>", Html(self.recording))?;
        }
        write!(out, "<p class=\"about\">")?;
        self.about(out)?;
        write!(out, "</p>\n<dl class=\"figures\">")?;
        self.figures(out)?;
        writeln!(out, "</dl>\n<div class=\"plots\"></div>")?;
        self.faults(out, number)?;
        write!(
            out,
            "<h3>Alerts</h3>\n<table class=\"alerts\"><thead><tr><th scope=\"col\">Start</th><th scope=\"col\">Channel</th>\
             <th scope=\"col\">Severity</th><th scope=\"col\">Because</th></tr></thead>\n<tbody>\n"
        )?;
        self.alerts(out, number)?;
        write!(out, "</tbody></table>\n<p class=\"note\">")?;
        self.thinned(out)?;
        writeln!(out, "</p>\n</section>")
    }

    /// A row for each known fault.
    fn faults(&self, out: &mut impl Write, number: usize) -> io::Result<()> {
        let Some(labels) = self.labels.filter(|labels| !labels.is_empty()) else { return Ok(()) };
        write!(
            out,
            "<h3>Known faults</h3>\n<table class=\"faults\"><thead><tr><th scope=\"col\">Start</th>\
             <th scope=\"col\">Channel</th><th scope=\"col\">Found</th></tr></thead>\n<tbody>\n"
        )?;
        for (i, label) in labels.iter().enumerate() {
            write!(out, "<tr id=\"fault-{number}-{i}\"><td class=\"when\"><a href=\"#fault-{number}-{i}\">")?;
            self.moment(out, label.from)?;
            write!(out, "</a><small>")?;
            self.lasting(out, label.to.0.saturating_sub(label.from.0))?;
            let channel = label.channel.as_deref().unwrap_or("all");
            let found = if label.found { "found" } else { "<span class=\"lost\">lost</span>" };
            writeln!(out, "</small></td><td class=\"channel\">{}</td><td>{found}</td></tr>", Html(channel))?;
        }
        writeln!(out, "</tbody></table>")
    }

    /// First and last moment.
    fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let buckets = || self.collected.lanes().iter().map(|lane| &lane.buckets);
        let from = buckets().filter_map(|b| b.first()).map(|b| b.from).min()?;
        let last = buckets().filter_map(|b| b.last()).map(|b| b.to).max()?;
        Some((from, last))
    }

    /// One line under the title.
    fn about(&self, out: &mut impl Write) -> io::Result<()> {
        let lanes = self.collected.lanes().iter().filter(|lane| !lane.together).count();
        let channels = if lanes == 1 { "channel" } else { "channels" };
        if let (true, Some((from, to))) = (self.timed, self.span()) {
            let (from_text, to_text) = (Moment(from, true), Moment(to, true));
            write!(out, "{from_text} to {to_text} UTC · {} · ", Lasting(to.0.saturating_sub(from.0)))?;
        }
        write!(out, "{} rows · {lanes} {channels}", grouped(self.counts.rows))?;
        if !self.timed {
            write!(out, " · no times in the recording: rows are counted instead")?;
        }
        Ok(())
    }

    /// The figures that matter, as a list of definitions.
    fn figures(&self, out: &mut impl Write) -> io::Result<()> {
        let mut figure = |name: &str, value: &str, more: &str| {
            write!(out, "<div><dt>{name}</dt><dd>{value}<small>{more}</small></dd></div>")
        };
        let Tally { all, critical, firing } = self.collected.tally();
        let mut more =
            format!("{} critical, {} warning", grouped(critical), grouped(all.saturating_sub(critical)));
        if firing > 0 {
            more += &format!("; {} still firing", grouped(firing));
        }
        figure("Alerts", &grouped(all), &more)?;
        if let Some(labels) = self.labels {
            let found = labels.iter().filter(|label| label.found).count();
            let lost = labels.len() - found;
            figure("Known faults found", &format!("{found} of {}", labels.len()), &format!("{lost} lost"))?;
        }
        let Counts { used, reordered, late, duplicate, missing, undated, ragged, .. } = *self.counts;
        let fates = [
            (reordered, "put in order"),
            (late, "late"),
            (duplicate, "duplicate"),
            (missing, "missing"),
            (undated, "undated"),
            (ragged, "ragged rows"),
        ];
        let fates: Vec<String> =
            fates.iter().filter(|f| f.0 > 0).map(|(n, name)| format!("{} {name}", grouped(*n))).collect();
        let more = if fates.is_empty() { "all that there were".to_owned() } else { fates.join(", ") };
        figure("Readings used", &grouped(used), &more)
    }

    /// A row of the table for each alert.
    fn alerts(&self, out: &mut impl Write, number: usize) -> io::Result<()> {
        for (i, found) in self.collected.found().iter().enumerate() {
            let alert = &*found.alert;
            let severity = alert.severity.name();
            write!(out, "<tr id=\"alert-{number}-{i}\"><td class=\"when\"><a href=\"#alert-{number}-{i}\">")?;
            self.moment(out, alert.started_at)?;
            write!(out, "</a><small>")?;
            match alert.ended_at {
                None => write!(out, "still firing")?,
                Some(end) => self.lasting(out, end.0.saturating_sub(alert.started_at.0))?,
            }
            write!(
                out,
                "</small></td><td class=\"channel\">{}</td>\
                 <td><span class=\"severity {severity}\">{severity}</span><small>{}evidence {:.1}</small></td><td>{}",
                Html(&alert.channel.0),
                if alert.kind == Kind::SensorFault { "sensor fault, " } else { "" },
                alert.score,
                Html(&alert.because.sentence)
            )?;
            experts(out, alert)?;
            writeln!(out, "</td></tr>")?;
        }
        if self.collected.found().is_empty() {
            writeln!(out, "<tr><td colspan=\"4\">None: nothing stood clear of what was learnt.</td></tr>")?;
        }
        Ok(())
    }

    fn moment(&self, out: &mut impl Write, at: Timestamp) -> io::Result<()> {
        if self.timed {
            write!(out, "<time datetime=\"{at}\">{}</time>", Moment(at, false))
        } else {
            write!(out, "row {}", grouped(u64::try_from(at.0 / 1000).unwrap_or_default()))
        }
    }

    fn lasting(&self, out: &mut impl Write, millis: i64) -> io::Result<()> {
        if self.timed {
            write!(out, "lasted {}", Lasting(millis))
        } else {
            write!(out, "lasted {} rows", grouped(u64::try_from(millis / 1000).unwrap_or_default()))
        }
    }

    /// What is not shown reading by reading.
    fn thinned(&self, out: &mut impl Write) -> io::Result<()> {
        let lanes = self.collected.lanes();
        let widest = lanes.iter().map(|lane| lane.width).max().unwrap_or(1);
        if widest == 1 {
            write!(out, "Every reading is shown. ")?;
        } else {
            write!(
                out,
                "Thinned: up to {widest} readings share one step, drawn from the least to the greatest with their mean as \
                 a line, so that no spike is lost; the expected band was looked up up to 8 times a step. Around alerts \
                 each reading is shown"
            )?;
            let dropped: u64 = lanes.iter().map(|lane| lane.windows_dropped).sum();
            let kept: usize = lanes.iter().map(|lane| lane.windows.len()).sum();
            if dropped > 0 {
                write!(out, ", around the strongest: at {kept} places of {}", kept as u64 + dropped)?;
            }
            write!(out, ". ")?;
        }
        let (kept, all) = (self.collected.found().len() as u64, self.collected.tally().all);
        if kept < all {
            write!(out, "Of {} alerts the {} strongest are listed. ", grouped(all), grouped(kept))?;
        }
        Ok(())
    }
}

/// Bars of what each expert contributes.
fn experts(out: &mut impl Write, alert: &Alert) -> io::Result<()> {
    if alert.because.experts.is_empty() {
        return Ok(());
    }
    write!(out, "<ul class=\"experts\" aria-label=\"contributions\">")?;
    for expert in &alert.because.experts {
        let (name, share) = (Html(&expert.expert), (100.0 * expert.share).round());
        write!(
            out,
            "<li><i style=\"--share:{share}%\"></i><b>{name}</b> {:.1} <small>{share} %</small></li>",
            expert.evidence
        )?;
    }
    write!(out, "</ul>")
}

/// The name of a file without those of its folders, which are nobody else's business.
#[must_use]
pub fn name_of(path: &Path) -> Cow<'_, str> {
    path.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy())
}

/// Text between tags or in quoted attributes.
struct Html<'a>(&'a str);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.split_inclusive(['&', '<', '>', '"', '\'']) {
            let special = |c: char| match c {
                '&' => Some("&amp;"),
                '<' => Some("&lt;"),
                '>' => Some("&gt;"),
                '"' => Some("&quot;"),
                '\'' => Some("&#39;"),
                _ => None,
            };
            match part.char_indices().next_back().and_then(|(at, c)| Some((at, special(c)?))) {
                Some((at, escaped)) => write!(f, "{}{escaped}", part.get(..at).unwrap_or_default())?,
                None => f.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// JSON in a script element: nothing in it can end the element or begin a comment. `<` is only ever within a string.
struct Escaped<W>(W);

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|&byte| byte == b'<') {
            match part.split_last() {
                Some((b'<', before)) => {
                    self.0.write_all(before)?;
                    self.0.write_all(b"\\u003c")?;
                }
                _ => self.0.write_all(part)?,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A time in UTC for people; to the minute, or as exact as it is.
struct Moment(Timestamp, bool);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string().replace('T', " ");
        let text = text.trim_end_matches('Z');
        f.write_str(if self.1 { text.get(..16).unwrap_or(text) } else { text })
    }
}

/// A time span in its two largest units, in milliseconds.
struct Lasting(i64);

impl fmt::Display for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(i64, &str); 5] =
            [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"), (1, "ms")];
        let mut rest = self.0.max(0);
        let first = UNITS.iter().position(|(unit, _)| rest >= *unit).unwrap_or(3);
        let mut parts = Vec::new();
        for (unit, name) in UNITS.iter().skip(first).take(2) {
            if rest >= *unit || parts.is_empty() {
                parts.push(format!("{} {name}", rest / unit));
            }
            rest %= unit;
        }
        f.write_str(&parts.join(" "))
    }
}

impl Serialize for Page<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("recordings", self.reports)?;
        map.end()
    }
}

impl Serialize for Report<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let span = self.span().unwrap_or((Timestamp(0), Timestamp(0)));
        map.serialize_entry("recording", self.recording)?;
        map.serialize_entry("timed", &self.timed)?;
        map.serialize_entry("from", &self.position(span.0))?;
        map.serialize_entry("to", &self.position(span.1))?;
        map.serialize_entry(
            "lanes",
            &Each(|| self.collected.lanes().iter().map(|lane| LaneData(lane, self))),
        )?;
        map.serialize_entry(
            "alerts",
            &Each(|| self.collected.found().iter().map(|found| AlertData(found, self))),
        )?;
        let labels = || self.labels.unwrap_or_default().iter().map(|label| LabelData(label, self));
        map.serialize_entry("labels", &Each(labels))?;
        map.end()
    }
}

impl Report<'_> {
    /// Where on the axis: milliseconds since 1970 or a row's number.
    const fn position(&self, at: Timestamp) -> i64 {
        if self.timed { at.0 } else { at.0 / 1000 }
    }
}

/// A sequence that is made while it is written.
struct Each<F>(F);

impl<I: Iterator<Item: Serialize>, F: Fn() -> I> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(None)?;
        (self.0)().try_for_each(|item| sequence.serialize_element(&item))?;
        sequence.end()
    }
}

/// Each number's distance from the one before: short ones. `None` stays.
fn steps(numbers: impl Iterator<Item = Option<i64>>) -> impl Iterator<Item = Option<i64>> {
    numbers.scan(0, |last, number| {
        let step = number.map(|number: i64| number.wrapping_sub(*last));
        *last = number.unwrap_or(*last);
        Some(step)
    })
}

/// Times: mostly the same distance, so distances of distances.
fn times(numbers: impl Iterator<Item = i64>) -> impl Iterator<Item = Option<i64>> {
    steps(steps(numbers.map(Some)))
}

/// Digits behind the point of levels and thresholds.
const LEVEL: i32 = 2;

/// As a whole number, `digits` behind the point.
fn whole(number: f64, digits: i32) -> i64 {
    (number * 10f64.powi(digits)).round() as i64
}

/// A channel as columns of whole numbers; `page.js` has the reverse.
struct LaneData<'a>(&'a Lane, &'a Report<'a>);

impl Serialize for LaneData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(lane, report) = *self;
        let digits = lane.digits();
        let value = |x: f32| whole(f64::from(x), digits);
        let level = |x: f32| whole(f64::from(x), LEVEL);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &lane.name)?;
        map.serialize_entry("together", &lane.together)?;
        map.serialize_entry("unit", &lane.unit)?;
        map.serialize_entry("readings", &lane.readings)?;
        map.serialize_entry("width", &lane.width)?;
        map.serialize_entry("digits", &digits)?;
        let buckets = || lane.buckets.iter();
        map.serialize_entry("time", &Each(|| times(buckets().map(|b| report.position(b.from)))))?;
        map.serialize_entry("min", &Each(|| steps(buckets().map(|b| Some(value(b.min))))))?;
        if lane.width > 1 {
            map.serialize_entry("max", &Each(|| buckets().map(|b| value(b.max) - value(b.min))))?;
            map.serialize_entry("mean", &Each(|| buckets().map(|b| whole(b.mean(), digits) - value(b.min))))?;
        }
        let low = |band: Option<Band>| band.map(|band| value(band.low));
        let height = |band: Option<Band>| band.map(|band| value(band.high) - value(band.low));
        map.serialize_entry("low", &Each(|| steps(buckets().map(|b| low(b.band)))))?;
        map.serialize_entry("height", &Each(|| buckets().map(|b| height(b.band))))?;
        map.serialize_entry("level", &Each(|| steps(buckets().map(|b| Some(level(b.level))))))?;
        map.serialize_entry("threshold", &Each(|| steps(buckets().map(|b| Some(level(b.threshold))))))?;
        // Where every reading is there already, the windows say nothing new.
        let windows = if lane.width > 1 { lane.windows.as_slice() } else { &[] };
        let windows = || windows.iter().map(|window| WindowData(window, digits, report));
        map.serialize_entry("windows", &Each(windows))?;
        map.end()
    }
}

struct WindowData<'a>(&'a Window, i32, &'a Report<'a>);

impl Serialize for WindowData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(window, digits, report) = *self;
        let value = |x: f32| whole(f64::from(x), digits);
        let level = |x: f32| whole(f64::from(x), LEVEL);
        let points = || window.points.iter();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("first", &window.first)?;
        map.serialize_entry("time", &Each(|| times(points().map(|p| report.position(p.at)))))?;
        map.serialize_entry("min", &Each(|| steps(points().map(|p| Some(value(p.value))))))?;
        map.serialize_entry("low", &Each(|| steps(points().map(|p| p.band.map(|b| value(b.low))))))?;
        let height = |band: Option<Band>| band.map(|band| value(band.high) - value(band.low));
        map.serialize_entry("height", &Each(|| points().map(|p| height(p.band))))?;
        map.serialize_entry("level", &Each(|| steps(points().map(|p| Some(level(p.level))))))?;
        map.serialize_entry("threshold", &Each(|| steps(points().map(|p| Some(level(p.threshold))))))?;
        map.end()
    }
}

struct AlertData<'a>(&'a Found, &'a Report<'a>);

impl Serialize for AlertData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(Found { lane, alert }, report) = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("lane", lane)?;
        map.serialize_entry("id", &alert.id)?;
        map.serialize_entry("from", &report.position(alert.started_at))?;
        map.serialize_entry("to", &alert.ended_at.map(|end| report.position(end)))?;
        map.serialize_entry("severity", &alert.severity)?;
        map.serialize_entry("score", &alert.score)?;
        map.serialize_entry("value", &alert.value)?;
        map.serialize_entry("sentence", &alert.because.sentence)?;
        map.end()
    }
}

struct LabelData<'a>(&'a Label, &'a Report<'a>);

impl Serialize for LabelData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(label, report) = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("from", &report.position(label.from))?;
        map.serialize_entry("to", &report.position(label.to))?;
        map.serialize_entry("channel", &label.channel)?;
        map.serialize_entry("found", &label.found)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;
    use crate::device::ChannelSettings;
    use crate::eval::Run;
    use crate::source::replay::tests::recording;

    const HOSTILE: &str = "</script><script>alert(1)</script>";

    /// A recording of two channels, the first with a fault, and a page with it.
    fn page(names: [&str; 2], timed: bool, rows: usize, labels: Option<&[Label]>) -> (Collector, String) {
        let head = names.map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
        let mut text = format!("{}{},{}\n", if timed { "time," } else { "" }, head[0], head[1]);
        for i in 0..rows {
            let value = if (1500..1600).contains(&i) { 60 } else { i % 12 };
            let time = if timed { format!("{},", 1_700_000_000 + i * 300) } else { String::new() };
            text +=
                &format!("{time}{value},{}\n", if i % 10 == 3 { String::new() } else { (i % 7).to_string() });
        }
        let mut recording = recording(&text, &[]).unwrap();
        let settings = Arc::new(ChannelSettings { update_every: i64::MAX, ..ChannelSettings::default() });
        let mut run = Run::new("d<b>", recording.channels(), recording.timed(), &settings).unwrap();
        run.collect(2);
        let mut changes = Vec::new();
        while let Some(row) = recording.next().unwrap() {
            run.step(&row, &mut changes);
        }
        run.finish(&mut changes);
        let collected = run.take_collected().unwrap();
        let mut out = Vec::new();
        let name = "<img src=x onerror=alert(1)>{{data}}.csv";
        let (timed, counts) = (recording.timed(), run.counts());
        let report = Report { recording: name, timed, counts, collected: &collected, labels };
        // Twice, to see that both are there.
        let page = Page {
            title: name,
            made: Timestamp(1_795_237_683_500),
            summary: "1 < 2",
            reports: &[report, report],
        };
        page.write(&mut out).unwrap();
        (collected, String::from_utf8(out).unwrap())
    }

    fn data(page: &str) -> Value {
        let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
        let data: Value = serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap();
        assert_eq!(data["recordings"].as_array().unwrap().len(), 2);
        assert_eq!(data["recordings"][0], data["recordings"][1]);
        data["recordings"][0].clone()
    }

    /// As `page.js` does.
    fn sums(steps: &Value) -> Vec<Option<i64>> {
        let mut last = 0;
        let sum = |step: &Value| {
            last += step.as_i64()?;
            Some(last)
        };
        steps.as_array().unwrap().iter().map(sum).collect()
    }

    #[test]
    fn the_page_holds_every_channel_reading_and_alert() {
        let (collected, page) = page(["t", "v"], true, 3000, None);
        let data = data(&page);
        assert_eq!((&data["timed"], &data["from"]), (&Value::Bool(true), &1_700_000_000_000i64.into()));
        let told = data["lanes"].as_array().unwrap();
        assert_eq!((told.len(), told[2]["together"].as_bool()), (3, Some(true)));
        assert_eq!(sums(&told[2]["level"]).len(), 3000);
        for (lane, told) in collected.lanes().iter().zip(told).take(2) {
            assert_eq!(
                (told["name"].as_str(), told["readings"].as_u64()),
                (Some(&*lane.name), Some(lane.readings))
            );
            let scale = 10f64.powi(told["digits"].as_i64().unwrap() as i32);
            let steps = sums(&told["time"]).into_iter().flatten();
            let times = steps.scan(0, |time, step| {
                *time += step;
                Some(*time)
            });
            let values = sums(&told["min"]).into_iter().map(|value| value.unwrap() as f64 / scale);
            let wanted = lane.buckets.iter().map(|bucket| (bucket.from.0, f64::from(bucket.min)));
            assert!(times.zip(values).eq(wanted));
            let lows = sums(&told["low"]);
            assert_eq!(lows.len(), lane.buckets.len());
            assert!(lows.iter().filter(|low| low.is_some()).count() > 2000);
        }
        let alerts = data["alerts"].as_array().unwrap();
        assert_eq!(alerts.len() as u64, collected.tally().all);
        let first = alerts.iter().find(|alert| alert["lane"] == 0).unwrap();
        assert_eq!(first["from"], 1_700_000_000_000i64 + 1500 * 300_000);
        for (i, alert) in alerts.iter().enumerate() {
            let row = page
                .split_once(&format!("<tr id=\"alert-1-{i}\">"))
                .unwrap()
                .1
                .split_once("</tr>")
                .unwrap()
                .0;
            assert!(row.contains(&Html(alert["sentence"].as_str().unwrap()).to_string()), "{row}");
            assert!(row.contains("class=\"experts\""));
        }
    }

    #[test]
    fn rows_are_counted_where_there_are_no_times() {
        let (_, page) = page(["t", "v"], false, 2000, None);
        let data = data(&page);
        assert_eq!((&data["from"], &data["to"]), (&1.into(), &2000.into()));
        let alerts = data["alerts"].as_array().unwrap();
        assert_eq!(alerts.iter().find(|alert| alert["lane"] == 0).unwrap()["from"], 1501);
        assert!(page.contains(">row 1,501</a>") && page.contains("no times in the recording"));
    }

    #[test]
    fn what_a_recording_is_called_does_nothing() {
        let (collected, page) = page([HOSTILE, "'\"&<b>"], true, 2000, None);
        assert_eq!(collected.lanes()[0].name, HOSTILE);
        assert_eq!(data(&page)["lanes"][0]["name"], HOSTILE);
        assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (2, 2));
        assert!(!page.contains("<img") && !page.contains("<b>alert") && !page.contains("d<b>"));
        assert!(page.contains("<h1>&lt;img src=x onerror=alert(1)&gt;{{data}}.csv</h1>"));
        assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;"));
    }

    #[test]
    fn nothing_is_loaded_from_anywhere() {
        let (_, page) = page(["t", "v"], true, 2000, None);
        for word in ["http:", "https:", "src=", "<link", "@import", "url(", "import(", "fetch(", "XMLHttp"] {
            let known = if word == "src=" { page.matches("img src=x").count() } else { 0 };
            assert_eq!(page.matches(word).count(), known, "{word}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn known_faults_are_counted_as_found_and_lost() {
        let label =
            |from, found| Label { from: Timestamp(from), to: Timestamp(from + 1), channel: None, found };
        let labels = [label(1_700_000_000_000, true), label(1_700_000_100_000, false)];
        let (_, page) = page(["t", "v"], true, 2000, Some(&labels));
        assert!(page.contains("1 of 2<small>1 lost</small>") && page.contains("<pre>1 &lt; 2</pre>"));
        assert_eq!(page.matches("<span class=\"lost\">lost</span>").count(), 2);
        assert_eq!(data(&page)["labels"][1]["from"], 1_700_000_100_000i64);
    }

    #[test]
    fn spans_of_time_in_two_units() {
        let text = |millis| Lasting(millis).to_string();
        let all = [0, 999, 61_000, 3_600_000, 90_061_000].map(text);
        assert_eq!(all, ["0 s", "999 ms", "1 min 1 s", "1 h", "1 d 1 h"]);
    }
}
