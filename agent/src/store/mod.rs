//! What outlives the process, in one folder: models in two generations, the journal of what changed them since, and what
//! is to be told.
//!
//! ```text
//! models-a.redb, models-b.redb   every channel, each file as of its round     (models, checkpoint)
//! journal-<n>.log                what changed channels since                  (journal)
//! outbox.redb                    what is to be told, and who told it          (told)
//! ```

mod checkpoint;
mod database;
mod disk;
pub mod journal;
mod models;
mod record;
#[cfg(test)]
pub(crate) mod simulated;
pub(crate) mod told;
mod vitals;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::warn;

pub(crate) use checkpoint::{Call, Checkpoints, Chunk};
pub(crate) use disk::{Disk, Folder};
pub(crate) use models::{Mark, Models};
pub use record::Record;
pub use vitals::{Report, Vitals};

use crate::device::Saved;
use crate::reading::{ChannelId, DeviceId};
use journal::{Entry, Tail};
use told::{Left, Told, ToldChannels};

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The folder cannot be made or used.
    #[error("cannot use the state folder {path}: {source}")]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it.
    #[error("the state folder {0} is in use by another brooklet; give each its own gateway.state_dir")]
    InUse(PathBuf),
}

impl StoreError {
    /// Whether a person must do something: a disk that is full or fails may be well another time, and the agent with it.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        use io::ErrorKind::{AlreadyExists, NotADirectory, NotFound, PermissionDenied};
        let lasting = [AlreadyExists, NotADirectory, NotFound, PermissionDenied];
        matches!(self, Self::Folder { source, .. } if lasting.contains(&source.kind()))
    }
}

/// The open store.
#[derive(Debug)]
pub struct Store {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) models: Arc<Models>,
    pub(crate) marks: [Mark; 2],
    pub(crate) told: Told,
    pub(crate) left: Left,
}

impl Store {
    /// Opens or makes the store in a folder (made with mode 0700). A file that is damaged beyond repair is kept under
    /// another name and a new one begun.
    ///
    /// # Errors
    /// A folder that cannot be used, or that another process uses.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let failed = |source: io::Error| StoreError::Folder { path: folder.to_owned(), source };
        let disk = match Folder::open(folder) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(StoreError::InUse(folder.to_owned()));
            }
            disk => disk.map_err(failed)?,
        };
        Self::on(Arc::new(disk)).map_err(failed)
    }

    /// Whether a folder has a store.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        Models::FILES.iter().any(|file| folder.join(file).is_file())
    }

    pub(crate) fn on(disk: Arc<dyn Disk>) -> io::Result<Self> {
        let (models, marks) = Models::open(disk.clone())?;
        let (told, left) = Told::open(disk.clone())?;
        Ok(Self { disk, models: Arc::new(models), marks, told, left })
    }

    /// What is known of channels.
    #[must_use]
    pub fn restored(&self) -> Restored {
        Restored(Some(Source {
            disk: self.disk.clone(),
            models: self.models.clone(),
            told: self.told.channels(),
        }))
    }

    /// Every channel, as it would be restored, in order of their names' lengths and names.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn each(&self, mut each: impl FnMut(&DeviceId, &ChannelId, Saved)) -> io::Result<()> {
        let restored = self.restored();
        self.models.each(|device, channel, saved| {
            let newest = restored.get(device, channel).unwrap_or(saved);
            each(device, channel, newest);
        })
    }

    /// How many steps the journal has that are in no checkpoint: what a crash leaves, and the next start repeats.
    ///
    /// # Errors
    /// What the disk reports.
    pub fn unrepeated(&self) -> io::Result<u64> {
        let (restored, mut newest, mut steps) = (self.restored(), HashMap::new(), 0);
        self.replay(|entry| {
            let names = (DeviceId(entry.device), ChannelId(entry.channel));
            let stored = restored.get(&names.0, &names.1).map_or(0, |saved| saved.steps);
            steps += u64::from(entry.step > *newest.entry(names).or_insert(stored));
        })?;
        Ok(steps)
    }

    /// The numbers of the journal's segments, oldest first.
    pub(crate) fn segments(&self) -> io::Result<Vec<u64>> {
        segments(&*self.disk)
    }

    /// Goes through the journal, oldest first. What is damaged is told and kept, and the rest of its segment passed over:
    /// a power cut leaves such an end, and what was in it was never acknowledged.
    ///
    /// # Errors
    /// What the disk reports.
    pub(crate) fn replay(&self, each: impl FnMut(Entry)) -> io::Result<()> {
        replay(&*self.disk, each)
    }
}

fn segments(disk: &dyn Disk) -> io::Result<Vec<u64>> {
    let mut segments: Vec<_> = disk.list()?.iter().filter_map(|name| journal::segment(name)).collect();
    segments.sort_unstable();
    Ok(segments)
}

fn replay(disk: &dyn Disk, mut each: impl FnMut(Entry)) -> io::Result<()> {
    for segment in segments(disk)? {
        let name = journal::name(segment);
        if let Tail::Torn(bytes) = journal::read(&disk.read(&name)?, &mut each) {
            warn!("{name} ends with {bytes} bytes that are no whole frame, as after a power cut");
        }
    }
    Ok(())
}

/// Channels stored by an earlier run, read when their first reading comes.
#[derive(Clone, Debug, Default)]
pub struct Restored(Option<Source>);

#[derive(Clone, Debug)]
struct Source {
    disk: Arc<dyn Disk>,
    models: Arc<Models>,
    told: ToldChannels,
}

impl Restored {
    /// The newest stored state of a channel.
    #[must_use]
    pub fn get(&self, device: &DeviceId, channel: &ChannelId) -> Option<Saved> {
        let Source { models, told, .. } = self.0.as_ref()?;
        let both = [models.get(device, channel), told.get(device, channel)];
        both.into_iter().flatten().max_by_key(|saved| saved.steps)
    }

    /// Goes through the journal as far as it is on disk.
    pub(crate) fn replay(&self, each: impl FnMut(Entry)) {
        let Some(Source { disk, .. }) = &self.0 else { return };
        if let Err(error) = replay(&**disk, each) {
            warn!("the journal cannot be read: {error}");
        }
    }
}
