//! Checkpoints of the channels, in two generations: two databases, written in turn.
//!
//! Round `n` writes to file `n mod 2` every channel that changed since that file's last round, so that each file by itself
//! holds every channel as of its round or later. The newer of the two records is a channel's state; if it is damaged, the
//! other one is, and the journal since that file's round leads from there to here.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use tracing::{debug, warn};

use super::database::{self, failed, guarded};
use super::disk::Disk;
use super::record::{self, Record};
use crate::device::Saved;
use crate::reading::{ChannelId, DeviceId};

/// Key of the channel -> record.
const MODELS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("models");
/// Records that this version could not use, kept for one that can.
const REFUSED: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("refused");
/// The round, and the first segment of the journal that is newer.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const ROUND: &str = "round";
const SEGMENT: &str = "segment";

/// One file; `None` after it failed, until it can be opened again. Readers hold the lock: a failed one is gone before the
/// file is opened anew.
type Slot = RwLock<Option<Database>>;

/// Both files.
#[derive(Debug)]
pub(crate) struct Models {
    disk: Arc<dyn Disk>,
    slots: [Slot; 2],
}

/// Where a file stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The round that it was written in.
    pub(crate) round: u64,
    /// The segments of the journal from this one on are newer.
    pub(crate) segment: u64,
}

impl Models {
    pub(crate) const FILES: [&str; 2] = ["models-a.redb", "models-b.redb"];

    /// Opens both files, and mends each with what the other has that is newer or whole.
    pub(crate) fn open(disk: Arc<dyn Disk>) -> io::Result<(Self, [Mark; 2])> {
        let [name_a, name_b] = Self::FILES;
        let (a, ..) = database::open(&*disk, name_a, prepare)?;
        let (b, ..) = database::open(&*disk, name_b, prepare)?;
        // First what lacks less: what is only in the other file is then known to be whole.
        let b = brought_up_to_date(&*disk, b, name_b, &a)?;
        let a = brought_up_to_date(&*disk, a, name_a, &b)?;
        let marks = [mark(&a)?, mark(&b)?];
        // Both hold now what either held.
        let newest = marks.into_iter().max_by_key(|mark| mark.round).unwrap_or_default();
        let slots = [Some(a), Some(b)].map(RwLock::new);
        Ok((Self { disk, slots }, [newest; 2]))
    }

    fn slot(&self, round: u64) -> (&Slot, &'static str) {
        let [a, b] = &self.slots;
        let [name_a, name_b] = Self::FILES;
        if round.is_multiple_of(2) { (a, name_a) } else { (b, name_b) }
    }

    /// A channel's newest whole record.
    pub(crate) fn get(&self, device: &DeviceId, channel: &ChannelId) -> Option<Saved> {
        let key = record::key(device, channel);
        let read = |slot: &Slot| {
            let database = slot.read().unwrap_or_else(PoisonError::into_inner);
            let database = database.as_ref()?;
            match guarded(|| read_one(database, &key)).and_then(|read| read) {
                Ok(None) => None,
                Ok(Some(bytes)) => {
                    let saved = record::decode(&bytes);
                    if saved.is_none() {
                        warn!(%device, %channel, "a stored model is damaged; the generation before is tried");
                    }
                    saved
                }
                Err(error) => {
                    warn!(%device, %channel, "a stored model cannot be read ({error}); the generation before is tried");
                    None
                }
            }
        };
        self.slots.iter().filter_map(read).max_by_key(|saved| saved.steps)
    }

    /// Begins to write a round's file.
    pub(crate) fn begin(&self, round: u64) -> io::Result<Round> {
        let (slot, name) = self.slot(round);
        let mut slot = slot.write().unwrap_or_else(PoisonError::into_inner);
        let database = match &*slot {
            Some(database) => database,
            None => {
                let (database, (), is_new) = database::open(&*self.disk, name, prepare)?;
                debug!("{name} is in use again");
                // A round adds only what changed: the rest is in the other file.
                let (other, _) = self.slot(round + 1);
                if is_new && let Some(other) = &*other.read().unwrap_or_else(PoisonError::into_inner) {
                    copy_newer(other, &database)?;
                }
                slot.insert(database)
            }
        };
        let transaction = guarded(|| database.begin_write())?.map_err(|error| failed(error.into()))?;
        Ok(Round { transaction, round })
    }

    /// A file whose writing failed is closed, and opened again in its next round: nothing is known of it.
    pub(crate) fn give_up(&self, round: u64) {
        let (slot, name) = self.slot(round);
        let failed = slot.write().unwrap_or_else(PoisonError::into_inner).take();
        let _ = guarded(|| drop(failed));
        debug!("{name} is closed after an error and will be opened again");
    }

    /// All channels, the newest whole record of each, in order of their keys.
    pub(crate) fn each(&self, mut each: impl FnMut(&DeviceId, &ChannelId, Saved)) -> io::Result<()> {
        let mut keys = std::collections::BTreeSet::new();
        for slot in &self.slots {
            let database = slot.read().unwrap_or_else(PoisonError::into_inner);
            let Some(database) = database.as_ref() else { continue };
            let mut read = || -> Result<(), redb::Error> {
                let table = database.begin_read()?.open_table(MODELS)?;
                for entry in table.iter()? {
                    keys.insert(entry?.0.value().to_owned());
                }
                Ok(())
            };
            guarded(&mut read)?.map_err(failed)?;
        }
        for (device, channel) in keys.iter().filter_map(|key| record::names(key)) {
            if let Some(saved) = self.get(&device, &channel) {
                each(&device, &channel, saved);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
impl Models {
    /// How many records are kept for another version.
    pub(crate) fn refused(&self) -> io::Result<usize> {
        use redb::ReadableTableMetadata;
        let mut most = 0;
        for slot in &self.slots {
            let database = slot.read().unwrap_or_else(PoisonError::into_inner);
            let Some(database) = database.as_ref() else { continue };
            let read =
                || -> Result<u64, redb::Error> { Ok(database.begin_read()?.open_table(REFUSED)?.len()?) };
            most = most.max(read().map_err(failed)? as usize);
        }
        Ok(most)
    }
}

/// A file that is being written: durable as a whole, or not at all.
pub(crate) struct Round {
    transaction: WriteTransaction,
    round: u64,
}

impl Round {
    /// Adds channels.
    pub(crate) fn save(&mut self, records: &[Record]) -> io::Result<()> {
        self.insert(MODELS, records)
    }

    /// Adds records that this version could not use.
    pub(crate) fn set_aside(&mut self, refused: &[Record]) -> io::Result<()> {
        self.insert(REFUSED, refused)
    }

    fn insert(&mut self, table: TableDefinition<'_, &str, &[u8]>, records: &[Record]) -> io::Result<()> {
        let write = || -> Result<(), redb::Error> {
            let mut table = self.transaction.open_table(table)?;
            for record in records {
                table.insert(record.key().as_str(), record::encode(&record.saved).as_slice())?;
            }
            Ok(())
        };
        guarded(write)?.map_err(failed)
    }

    /// Makes it durable. `segment`: the journal from there on is newer.
    pub(crate) fn commit(self, segment: u64) -> io::Result<()> {
        let write = || -> Result<(), redb::Error> {
            {
                let mut meta = self.transaction.open_table(META)?;
                meta.insert(ROUND, self.round)?;
                meta.insert(SEGMENT, segment)?;
            }
            Ok(self.transaction.commit()?)
        };
        guarded(write)?.map_err(failed)
    }
}

/// Makes the tables and reads all that is in them, so that damage is seen now.
fn prepare(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    database::read_all(&transaction.open_table(MODELS)?)?;
    database::read_all(&transaction.open_table(REFUSED)?)?;
    transaction.open_table(META)?;
    Ok(transaction.commit()?)
}

/// A file with what the other has that is newer or whole; made anew if only writing to it shows that it is damaged.
fn brought_up_to_date(disk: &dyn Disk, file: Database, name: &str, other: &Database) -> io::Result<Database> {
    match copy_newer(other, &file) {
        Ok(()) => Ok(file),
        Err(problem) if database::is_damage(&problem) => {
            let _ = guarded(|| drop(file));
            database::set_aside(disk, name, &problem)?;
            let (file, ..) = database::open(disk, name, prepare)?;
            copy_newer(other, &file)?;
            Ok(file)
        }
        Err(problem) => Err(problem),
    }
}

fn mark(database: &Database) -> io::Result<Mark> {
    let read = || -> Result<Mark, redb::Error> {
        let meta = database.begin_read()?.open_table(META)?;
        let value = |key| -> Result<u64, redb::Error> { Ok(meta.get(key)?.map_or(0, |value| value.value())) };
        Ok(Mark { round: value(ROUND)?, segment: value(SEGMENT)? })
    };
    guarded(read)?.map_err(failed)
}

fn read_one(database: &Database, key: &str) -> io::Result<Option<Vec<u8>>> {
    let read = || -> Result<Option<Vec<u8>>, redb::Error> {
        let models = database.begin_read()?.open_table(MODELS)?;
        Ok(models.get(key)?.map(|value| value.value().to_vec()))
    };
    read().map_err(failed)
}

/// Copies what is whole and newer than what the other has, or whole where the other's is not.
fn copy_newer(from: &Database, to: &Database) -> io::Result<()> {
    let copy = || -> Result<(), redb::Error> {
        let newer = from.begin_read()?.open_table(MODELS)?;
        let transaction = to.begin_write()?;
        let mut copied = 0u64;
        {
            let mut older = transaction.open_table(MODELS)?;
            for entry in newer.iter()? {
                let (key, value) = entry?;
                let Some(saved) = record::decode(value.value()) else { continue };
                let has =
                    older.get(key.value())?.and_then(|value| Some(record::decode(value.value())?.steps));
                if has.is_none_or(|steps| steps < saved.steps) {
                    older.insert(key.value(), value.value())?;
                    copied += 1;
                }
            }
        }
        if copied == 0 { Ok(transaction.abort()?) } else { Ok(transaction.commit()?) }
    };
    guarded(copy)?.map_err(failed)
}
