//! One JSON object a line, read by the same decoder as payloads without configuration.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write as _;

use serde::Deserialize;

use crate::decode::{Decoder, Readings, Refusal};

use super::{Columns, Device, Head, Parsed, ReplayError, Row, without_mark};

/// Channels and devices that appear later and are remembered by name, for the note about them.
const MAX_LATE: usize = 16;

/// Channels that a recording may have, over all its devices: what bounds memory if each line invents a name.
const MAX_CHANNELS: usize = 100_000;

/// The key of a line's device, if it is text. `brooklet record` writes it.
pub(crate) const DEVICE: &str = "device";

/// What the lines of one file hold.
#[derive(Debug)]
pub(super) struct JsonLines {
    devices: Vec<Device>,
    /// Where each device stands; the empty name is that of lines without one.
    places: HashMap<String, usize>,
    /// Some line names its device.
    named: bool,
    most: usize,
    ignore: Vec<String>,
    /// .. and whether it was seen.
    ignored: Vec<bool>,
    /// The name of the labels.
    label: Option<String>,
    labelled: bool,
    timed: bool,
    late: Vec<(String, u64)>,
    readings: Readings,
}

impl JsonLines {
    pub(super) fn new(file: &str, lines: Head<'_>, columns: &Columns) -> Result<Self, ReplayError> {
        let mut found = Self {
            devices: Vec::new(),
            places: HashMap::new(),
            named: false,
            most: MAX_CHANNELS,
            ignore: columns.ignore.clone(),
            ignored: vec![false; columns.ignore.len()],
            label: columns.label.clone(),
            labelled: false,
            timed: false,
            late: Vec::new(),
            readings: Readings::new(),
        };
        lines.for_each(|(_, line)| found.look(line));
        if let Some(label) = found.label.as_ref().filter(|_| !found.labelled) {
            let (file, label) = (file.to_owned(), label.clone());
            return Err(ReplayError::NoLabels { file, label, near: String::new() });
        }
        if found.devices.is_empty() {
            return Err(ReplayError::NoChannels { file: file.to_owned(), columns: found.ignore.join(", ") });
        }
        Ok(found)
    }

    /// Takes down the names in a line.
    pub(super) fn look(&mut self, line: &[u8]) {
        if Decoder::Auto.decode(line, &mut self.readings).is_err() {
            return;
        }
        let device = device(line);
        for reading in self.readings.iter() {
            let name = reading.channel;
            self.timed |= reading.time.is_some();
            if self.label.as_deref() == Some(name) {
                self.labelled = true;
            } else if let Some(place) = self.ignore.iter().position(|ignored| ignored == name) {
                self.ignored.get_mut(place).into_iter().for_each(|seen| *seen = true);
            } else if device.is_none() || name != DEVICE {
                let known = self.places.get(device.as_deref().unwrap_or_default()).copied();
                if self.most == 0 {
                    continue;
                }
                let place = known.unwrap_or_else(|| {
                    self.named |= device.is_some();
                    // Names stand in tables and logs: nobody writes lines of them.
                    let name = device.as_deref().map(|name| name.replace(char::is_control, "_"));
                    let key = device.as_deref().unwrap_or_default().to_owned();
                    self.places.insert(key, self.devices.len());
                    self.devices.push(Device { name, channels: Vec::new() });
                    self.devices.len() - 1
                });
                let Some(Device { channels, .. }) = self.devices.get_mut(place) else { continue };
                if !channels.iter().any(|known| known == name) {
                    channels.push(name.to_owned());
                    self.most -= 1;
                }
            }
        }
    }

    /// The devices, each with its channels.
    pub(super) fn devices(&self) -> &[Device] {
        &self.devices
    }

    pub(super) const fn timed(&self) -> bool {
        self.timed
    }

    pub(super) const fn labelled(&self) -> bool {
        self.label.is_some()
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let unknown = self.ignore.iter().zip(&self.ignored).filter(|(_, seen)| !**seen);
        let unknown = unknown.map(|(name, _)| format!("there is no channel `{name}` to ignore"));
        let late = self
            .late
            .iter()
            .map(|(name, line)| format!("channel `{name}` appears only from line {line} on: not used"));
        unknown.chain(late).collect()
    }

    pub(super) fn row<'a>(&mut self, number: u64, line: &[u8], parsed: &'a mut Parsed) -> Row<'a> {
        let line = if number == 1 { without_mark(line) } else { line };
        let name = if self.named { device(line) } else { None };
        let place = self.places.get(name.as_deref().unwrap_or_default()).copied();
        let device = place.unwrap_or_default();
        match (Decoder::Auto.decode(line, &mut self.readings), place) {
            // An object whose numbers are all null: they are missing, the line is sound.
            (Ok(()) | Err(Refusal::NoNumber), Some(place)) => self.fill(number, place, parsed),
            (Ok(()) | Err(Refusal::NoNumber), None) => {
                let name = name.as_deref().unwrap_or("without a name");
                parsed.ragged = format!("its device ({name}) was not found when the file was looked at");
            }
            (Err(refusal), _) => parsed.ragged = refusal.to_string(),
        }
        let channels = self.devices.get(device).map_or(0, |device| device.channels.len());
        Row {
            line: number,
            device,
            time: parsed.time,
            time_text: &parsed.time_text,
            values: parsed.values.get(..channels).unwrap_or_default(),
            value_text: &parsed.value_text,
            label: &parsed.label,
            ragged: (!parsed.ragged.is_empty()).then_some(parsed.ragged.as_str()),
        }
    }

    fn fill(&mut self, number: u64, place: usize, parsed: &mut Parsed) {
        let channels = self.devices.get(place).map_or(&[][..], |device| &device.channels);
        for reading in self.readings.iter() {
            parsed.time = parsed.time.or(reading.time);
            if self.label.as_deref() == Some(reading.channel) {
                let _ = write!(parsed.label, "{}", reading.value); // to memory: cannot fail
                continue;
            }
            let Some(place) = channels.iter().position(|name| name == reading.channel) else {
                let known = |name: &String| name == reading.channel;
                let device = self.named && reading.channel == DEVICE;
                if self.late.len() < MAX_LATE
                    && !device
                    && !self.ignore.iter().any(known)
                    && !self.late.iter().any(|(name, _)| known(name))
                {
                    self.late.push((reading.channel.to_owned(), number));
                }
                continue;
            };
            if let Some(value) = parsed.values.get_mut(place) {
                if value.is_some() {
                    parsed.ragged.push_str("more than one sample on a line");
                    break;
                }
                *value = Some(reading.value);
            }
        }
        if !parsed.ragged.is_empty() {
            parsed.values.fill(None);
        }
        // Writing to memory cannot fail.
        if let Some(time) = parsed.time {
            let _ = write!(parsed.time_text, "{time}");
        }
        if let (1, Some(Some(value))) = (channels.len(), parsed.values.first()) {
            let _ = write!(parsed.value_text, "{value}");
        }
    }
}

/// The device that a line names, if it does so in words: a number would be a channel's.
fn device(line: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        device: Option<Cow<'a, str>>,
    }
    // A cheap look first: most files are about one device, and never name it.
    memchr::memmem::find(line, b"\"device\"")?;
    serde_json::from_slice::<Line<'_>>(line).ok()?.device.filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{recording, rows};

    #[test]
    fn objects_with_times_gaps_and_damage() {
        let text = r#"{"ts":1795237683,"temp":21.5,"vib":{"rms":0.5},"id":7}
{"ts":1795237684,"temp":null}
{"ts":1795237685,"temp":
{"ts":1795237686,"vib":{"rms":0.25}}
"#;
        let mut r = recording(text, &["id", "nothing"]).unwrap();
        assert_eq!(r.channels(), ["temp", "vib.rms"]);
        assert_eq!(r.notes(), ["there is no channel `nothing` to ignore"]);
        assert!(r.timed());
        let seen = rows(&mut r);
        assert_eq!(seen[0], (Some(1_795_237_683_000), vec![Some(21.5), Some(0.5)], false));
        assert_eq!(seen[1].1, [None, None]);
        assert!(!seen[1].2 && seen[2].2);
        assert_eq!(seen[3].1, [None, Some(0.25)]);
    }

    #[test]
    fn each_line_may_name_its_device() {
        let text = r#"{"ts":1795237683,"device":"a","t":1,"u":2}
{"ts":1795237684,"device":"b\/x","v":3}
{"ts":1795237685,"t":4}
{"ts":1795237686,"device":"a","u":5}
"#;
        let mut r = recording(text, &[]).unwrap();
        let devices: Vec<_> = r.devices().iter().map(|d| (d.name.clone(), d.channels.join(" "))).collect();
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(devices, [(named("a"), "t u".into()), (named("b/x"), "v".into()), (None, "t".into())]);
        let mut seen = Vec::new();
        while let Some(row) = r.next().unwrap() {
            seen.push((row.device, row.values.to_vec()));
        }
        let wanted = [
            (0, vec![Some(1.0), Some(2.0)]),
            (1, vec![Some(3.0)]),
            (2, vec![Some(4.0)]),
            (0, vec![None, Some(5.0)]),
        ];
        assert_eq!(seen, wanted);
        assert!(r.notes().is_empty(), "{:?}", r.notes());
        // A number is a channel.
        assert_eq!(recording("{\"device\":7}\n", &[]).unwrap().channels(), ["device"]);
    }

    #[test]
    fn a_device_that_comes_late_in_a_file_is_known_from_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.jsonl");
        let line =
            |i: usize| format!("{{\"ts\":{},\"device\":\"{}\",\"t\":1}}\n", 1_700_000_000 + i, i / 30_000);
        std::fs::write(&path, (0..60_000).map(line).collect::<String>()).unwrap();
        let mut r = crate::source::replay::Recording::open(&path, &[]).unwrap();
        assert_eq!(r.devices().len(), 2);
        assert_eq!(rows(&mut r).iter().filter(|row| row.2).count(), 0);
        // From a pipe nothing can be known but what came first.
        let text = std::fs::read_to_string(&path).unwrap();
        let mut r = recording(&text, &[]).unwrap();
        assert_eq!(r.devices().len(), 1);
        assert_eq!(rows(&mut r).iter().filter(|row| row.2).count(), 30_000);
    }

    #[test]
    fn two_samples_on_a_line_are_refused() {
        let mut r = recording("{\"a\":1}\n[{\"a\":1},{\"a\":2}]\n{\"a\":3}\n", &[]).unwrap();
        assert!(!r.timed());
        let seen = rows(&mut r);
        assert_eq!(seen.iter().map(|row| row.2).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(seen[2].1, [Some(3.0)]);
    }
}
