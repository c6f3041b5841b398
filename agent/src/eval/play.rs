//! A recording replayed and kept as a whole: what evaluation and comparison look at. 21 bytes a row and its alerts.

use std::sync::Arc;

use super::labels::{self, LabelError};
use super::metrics::Event;
use super::{Counts, Run};
use crate::alert::{Alert, Change};
use crate::device::ChannelSettings;
use crate::reading::Timestamp;
use crate::source::replay::{Recording, ReplayError, Row};

/// Why a recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlayError {
    /// It cannot be read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Its labels cannot.
    #[error(transparent)]
    Labels(#[from] LabelError),
    /// A cell of the column with labels is something else.
    #[error("{file}:{line}: the label `{cell}` is none: expected is 0 or 1, true or false")]
    Label {
        /// The recording.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What stands there.
        cell: String,
    },
    /// No such detector.
    #[error("there is no detector named `{0}`")]
    Detector(&'static str),
}

/// An alert and where in the recording it came.
#[derive(Clone, Debug)]
pub struct Ring {
    /// The row with which it started, from 0.
    pub row: usize,
    /// The row with which it ended; `None` if it was still firing at the end.
    pub until: Option<usize>,
    /// As it was when it started, or when it ended.
    pub alert: Box<Alert>,
}

/// What became of a recording.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// The channels that were watched.
    pub channels: Vec<String>,
    /// Whether the recording has times.
    pub timed: bool,
    /// The time of each row, if it has one.
    pub times: Vec<Option<Timestamp>>,
    /// The level after each row, in powers of ten.
    pub levels: Vec<f32>,
    /// The alerts in the order of their starts.
    pub rings: Vec<Ring>,
    /// The runs of labelled rows; empty without a column of labels.
    pub labelled: Vec<Event>,
    /// What became of its readings.
    pub counts: Counts,
    /// What a user should know about how it was understood.
    pub notes: Vec<String>,
}

impl Played {
    /// Replays a recording to its end. `settings` says by name how a channel is watched, if at all; `look_on` is called now
    /// and then with the bytes that were read.
    ///
    /// # Errors
    /// Why it cannot be replayed.
    pub fn new(
        device: &str,
        mut recording: Recording,
        settings: impl Fn(&str) -> Option<Arc<ChannelSettings>>,
        mut look_on: impl FnMut(u64),
    ) -> Result<Self, PlayError> {
        let watched: Vec<(usize, String, Arc<ChannelSettings>)> = recording
            .channels()
            .iter()
            .enumerate()
            .filter_map(|(i, name)| Some((i, name.clone(), settings(name)?)))
            .collect();
        let channels: Vec<_> = watched.iter().map(|(_, name, settings)| (name.as_str(), settings)).collect();
        let mut run = Run::with(device, &channels, recording.timed())
            .ok_or(PlayError::Detector(channels.first().map_or("", |(_, settings)| settings.detector)))?;
        let mut played = Self {
            channels: watched.iter().map(|(_, name, _)| name.clone()).collect(),
            timed: recording.timed(),
            ..Self::default()
        };
        let all = watched.len() == recording.channels().len();
        let (file, mut values, mut changes) = (recording.file().to_owned(), Vec::new(), Vec::new());
        let (labelled, mut truth) = (recording.labelled(), Vec::new());
        loop {
            let read = recording.progress().0;
            let Some(row) = recording.next()? else { break };
            let judgement = if all {
                run.step(&row, &mut changes)
            } else {
                values.clear();
                values.extend(watched.iter().map(|&(i, ..)| row.values.get(i).copied().flatten()));
                run.step(&Row { values: &values, ..row }, &mut changes)
            };
            played.times.push(row.time);
            played.levels.push(judgement.level);
            played.ring(&mut changes);
            if labelled {
                // A row that cannot be read belongs to what was before it.
                let before = row.ragged.and(truth.last().copied());
                let wrong = || {
                    let cell = String::from_utf8_lossy(row.label).into_owned();
                    PlayError::Label { file: file.clone(), line: row.line, cell }
                };
                truth.push(labels::label(row.label).or(before).ok_or_else(wrong)?);
            }
            if played.times.len().is_multiple_of(8192) {
                look_on(read);
            }
        }
        if let (Some(level), rest) = (played.levels.last_mut(), run.finish(&mut changes)) {
            *level = rest.level;
        }
        played.ring(&mut changes);
        played.labelled = labels::runs(truth.into_iter());
        played.counts = *run.counts();
        played.notes = recording.notes();
        Ok(played)
    }

    /// Takes down what happened to alerts with the last row.
    fn ring(&mut self, changes: &mut Vec<(Change, Box<Alert>)>) {
        let row = self.levels.len().saturating_sub(1);
        for (change, alert) in changes.drain(..) {
            match change {
                Change::Fired => self.rings.push(Ring { row, until: None, alert }),
                Change::Resolved => {
                    let mut known = self.rings.iter_mut().rev();
                    if let Some(ring) = known.find(|ring| ring.alert.id == alert.id) {
                        (ring.until, ring.alert) = (Some(row), alert);
                    }
                }
                Change::Updated => {}
            }
        }
    }
}
