//! A recording replayed and kept as a whole: what evaluation and comparison look at. 21 bytes a row and its alerts.

use std::sync::Arc;

use super::fleet::Fleet;
use super::labels::{self, LabelError};
use super::metrics::{Event, Found, Tally};
use super::{Counts, time_of_row};
use crate::alert::{Alert, Change};
use crate::device::ChannelSettings;
use crate::reading::Timestamp;
use crate::report::{Collector, Label};
use crate::source::replay::{Device, Recording, ReplayError};

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

/// What became of one device of a recording.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// Its name, if the recording says one.
    pub device: Option<String>,
    /// The channels that were watched.
    pub channels: Vec<String>,
    /// Whether the recording has times.
    pub timed: bool,
    /// The time of each of its rows, if it has one.
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
    /// What a report shows, if it was asked for.
    pub collected: Option<Collector>,
}

impl Played {
    /// Replays a recording to its end: what became of each of its devices. `unnamed` is what a device without a name is called,
    /// `settings` says by the names of device and channel how a channel is watched, if at all; `look_on` is called now and
    /// then. What a report shows is kept if this is one of the recordings of a page, `page_of` that many.
    ///
    /// # Errors
    /// Why it cannot be replayed.
    pub fn all(
        unnamed: &str,
        mut recording: Recording,
        settings: impl Fn(&str, &str) -> Option<Arc<ChannelSettings>>,
        page_of: Option<usize>,
        mut look_on: impl FnMut(),
    ) -> Result<Vec<Self>, PlayError> {
        let mut fleet = Fleet::new(unnamed, &recording, settings).map_err(PlayError::Detector)?;
        if let Some(recordings) = page_of {
            fleet.collect(recordings);
        }
        let played = |(i, device): (usize, &Device)| Self {
            device: device.name.clone(),
            channels: fleet.channels(i).to_vec(),
            timed: recording.timed(),
            ..Self::default()
        };
        let mut all: Vec<Self> = recording.devices().iter().enumerate().map(played).collect();
        let mut truth = vec![Vec::new(); all.len()];
        let (file, labelled, mut changes) = (recording.file().to_owned(), recording.labelled(), Vec::new());
        while let Some(row) = recording.next()? {
            let judgement = fleet.step(&row, &mut changes);
            let (Some(played), Some(truth)) = (all.get_mut(row.device), truth.get_mut(row.device)) else {
                continue;
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
                look_on();
            }
        }
        for (i, (played, truth)) in all.iter_mut().zip(truth).enumerate() {
            let rest = fleet.finish(i, &mut changes);
            played.levels.last_mut().into_iter().for_each(|level| *level = rest.level);
            played.ring(&mut changes);
            played.labelled = labels::runs(truth.into_iter());
            played.counts = fleet.counts_of(i);
            played.collected = fleet.take_collected(i);
        }
        if let Some(first) = all.first_mut() {
            first.notes = recording.notes();
        }
        Ok(all)
    }

    /// What it is called beside others: the recording's name, and the device's if it has one.
    #[must_use]
    pub fn name(&self, recording: &str) -> String {
        self.device.as_ref().map_or_else(|| recording.to_owned(), |device| format!("{recording}:{device}"))
    }

    /// What is known of the recording, as a report shows it.
    #[must_use]
    pub fn labels(&self, tally: &Tally) -> Vec<Label> {
        let at = |row: usize| {
            let time = row.checked_sub(1).and_then(|row| self.times.get(row).copied().flatten());
            time.unwrap_or(time_of_row(row as u64))
        };
        let label = |event: &Found| Label {
            from: at(event.first_row),
            to: at(event.last_row),
            channel: None,
            found: event.alert_row.is_some(),
        };
        tally.events.iter().map(label).collect()
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
