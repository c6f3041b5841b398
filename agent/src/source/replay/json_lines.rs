//! One JSON object a line, read by the same decoder as payloads without configuration.

use std::io::Write as _;

use crate::decode::{Decoder, Readings, Refusal};

use super::{Columns, Head, Parsed, ReplayError, Row, without_mark};

/// Channels that appear later and are remembered by name, for the note about them.
const MAX_LATE: usize = 16;

/// What the lines of one file hold.
#[derive(Debug)]
pub(super) struct JsonLines {
    names: Vec<String>,
    ignore: Vec<String>,
    /// The name of the labels.
    label: Option<String>,
    timed: bool,
    late: Vec<(String, u64)>,
    notes: Vec<String>,
    readings: Readings,
}

impl JsonLines {
    pub(super) fn new(file: &str, lines: Head<'_>, columns: &Columns) -> Result<Self, ReplayError> {
        let Columns { ignore, label } = columns;
        let (mut names, mut timed, mut readings): (Vec<String>, _, _) = (Vec::new(), false, Readings::new());
        let (mut ignored, mut labelled) = (vec![false; ignore.len()], false);
        for (_, line) in lines {
            if Decoder::Auto.decode(line, &mut readings).is_err() {
                continue;
            }
            for reading in readings.iter() {
                timed |= reading.time.is_some();
                if label.as_deref() == Some(reading.channel) {
                    labelled = true;
                } else if let Some(place) = ignore.iter().position(|name| name == reading.channel) {
                    ignored.get_mut(place).into_iter().for_each(|seen| *seen = true);
                } else if !names.iter().any(|name| name == reading.channel) {
                    names.push(reading.channel.to_owned());
                }
            }
        }
        if let Some(label) = label.as_ref().filter(|_| !labelled) {
            let (file, label) = (file.to_owned(), label.clone());
            return Err(ReplayError::NoLabels { file, label, near: String::new() });
        }
        if names.is_empty() {
            return Err(ReplayError::NoChannels { file: file.to_owned(), columns: ignore.join(", ") });
        }
        let unknown = ignore.iter().zip(ignored).filter(|(_, seen)| !seen);
        let notes = unknown.map(|(name, _)| format!("there is no channel `{name}` to ignore")).collect();
        let (ignore, label) = (ignore.clone(), label.clone());
        Ok(Self { names, ignore, label, timed, late: Vec::new(), notes, readings })
    }

    pub(super) fn channels(&self) -> &[String] {
        &self.names
    }

    pub(super) const fn timed(&self) -> bool {
        self.timed
    }

    pub(super) const fn labelled(&self) -> bool {
        self.label.is_some()
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let late = self
            .late
            .iter()
            .map(|(name, line)| format!("channel `{name}` appears only from line {line} on: not used"));
        self.notes.iter().cloned().chain(late).collect()
    }

    pub(super) fn row<'a>(&mut self, number: u64, line: &[u8], parsed: &'a mut Parsed) -> Row<'a> {
        let line = if number == 1 { without_mark(line) } else { line };
        match Decoder::Auto.decode(line, &mut self.readings) {
            // An object whose numbers are all null: they are missing, the line is sound.
            Ok(()) | Err(Refusal::NoNumber) => self.fill(number, parsed),
            Err(refusal) => parsed.ragged = refusal.to_string(),
        }
        Row {
            line: number,
            time: parsed.time,
            time_text: &parsed.time_text,
            values: &parsed.values,
            value_text: &parsed.value_text,
            label: &parsed.label,
            ragged: (!parsed.ragged.is_empty()).then_some(parsed.ragged.as_str()),
        }
    }

    fn fill(&mut self, number: u64, parsed: &mut Parsed) {
        for reading in self.readings.iter() {
            parsed.time = parsed.time.or(reading.time);
            if self.label.as_deref() == Some(reading.channel) {
                let _ = write!(parsed.label, "{}", reading.value); // to memory: cannot fail
                continue;
            }
            let Some(place) = self.names.iter().position(|name| name == reading.channel) else {
                let known = |name: &String| name == reading.channel;
                if self.late.len() < MAX_LATE
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
        if let [Some(value)] = *parsed.values {
            let _ = write!(parsed.value_text, "{value}");
        }
    }
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
    fn two_samples_on_a_line_are_refused() {
        let mut r = recording("{\"a\":1}\n[{\"a\":1},{\"a\":2}]\n{\"a\":3}\n", &[]).unwrap();
        assert!(!r.timed());
        let seen = rows(&mut r);
        assert_eq!(seen.iter().map(|row| row.2).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(seen[2].1, [Some(3.0)]);
    }
}
