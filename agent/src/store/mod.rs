//! What outlives the process: every channel's model and open alert, in one redb file.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, TableDefinition};
use tracing::{error, warn};

use crate::device::Saved;
use crate::reading::{ChannelId, DeviceId, Timestamp};

const FILE: &str = "models.redb";
/// Device, NUL, channel -> record.
const MODELS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("models");
/// Records that this version could not use, kept for one that can.
const REFUSED: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("refused");

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
        source: std::io::Error,
    },
    /// Another process has it.
    #[error("the state folder {0} is in use by another brooklet; give each its own gateway.state_dir")]
    InUse(PathBuf),
    /// The database reports an error.
    #[error("the store {path}: {message}")]
    Database {
        /// Which file.
        path: PathBuf,
        /// What it says.
        message: String,
    },
}

/// One channel to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Whose channel.
    pub device: DeviceId,
    /// Which channel.
    pub channel: ChannelId,
    /// Its state.
    pub saved: Saved,
}

/// The open store.
#[derive(Clone, Debug)]
pub struct Store {
    database: Arc<Database>,
    path: PathBuf,
}

impl Store {
    /// Opens or makes the store in a folder (made with mode 0700). A file that is damaged beyond repair is kept under
    /// another name and a new one begun.
    ///
    /// # Errors
    /// A folder that cannot be used, or that another process uses.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let in_folder = |source| StoreError::Folder { path: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(in_folder)?;
        let path = folder.join(FILE);
        let database = match create(&path) {
            Ok(database) => database,
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(StoreError::InUse(folder.to_owned())),
            Err(DatabaseError::Storage(StorageError::Io(source)))
                if source.kind() != std::io::ErrorKind::InvalidData =>
            {
                return Err(in_folder(source));
            }
            Err(damage) => {
                let kept = path.with_extension(format!("redb.bad-{}", Timestamp::now().0));
                let (from, to) = (path.display(), kept.display());
                error!("the store {from} is damaged ({damage}); kept as {to}, all channels learn anew");
                std::fs::rename(&path, &kept).map_err(in_folder)?;
                Database::create(&path).map_err(|error| StoreError::Database {
                    path: path.clone(),
                    message: error.to_string(),
                })?
            }
        };
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(in_folder)?;
        Ok(Self { database: Arc::new(database), path })
    }

    /// Stores records in one durable transaction.
    ///
    /// # Errors
    /// What the database reports; nothing of the batch is stored then.
    pub fn save<'a>(&self, records: impl IntoIterator<Item = &'a Record>) -> Result<(), StoreError> {
        let entries: Vec<_> =
            records.into_iter().map(|r| (key(&r.device, &r.channel), encode(&r.saved))).collect();
        self.write(&entries)
    }

    fn write(&self, entries: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            {
                let mut models = transaction.open_table(MODELS)?;
                for (key, value) in entries {
                    models.insert(key.as_str(), value.as_slice())?;
                }
            }
            Ok(transaction.commit()?)
        };
        write().map_err(|error| self.failed(&error))
    }

    /// Reads one channel.
    ///
    /// # Errors
    /// What the database reports.
    pub fn load(&self, device: &DeviceId, channel: &ChannelId) -> Result<Option<Saved>, StoreError> {
        let read = || -> Result<Option<Saved>, redb::Error> {
            let models = self.database.begin_read()?.open_table(MODELS)?;
            let value = models.get(key(device, channel).as_str())?;
            match value.map(|value| decode(value.value())) {
                Some(None) => Err(redb::Error::Corrupted("the record cannot be understood".to_owned())),
                Some(saved) => Ok(saved),
                None => Ok(None),
            }
        };
        read().map_err(|error| self.failed(&error))
    }

    /// Puts a record aside that this version cannot use, before it is overwritten.
    fn put_aside(&self, device: &DeviceId, channel: &ChannelId) -> Result<(), StoreError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            {
                let models = transaction.open_table(MODELS)?;
                let mut refused = transaction.open_table(REFUSED)?;
                let key = key(device, channel);
                if let Some(value) = models.get(key.as_str())? {
                    refused.insert(key.as_str(), value.value())?;
                }
            }
            Ok(transaction.commit()?)
        };
        write().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &redb::Error) -> StoreError {
        StoreError::Database { path: self.path.clone(), message: error.to_string() }
    }
}

/// Channels stored by an earlier run, read when their first reading comes.
#[derive(Clone, Debug, Default)]
pub struct Restored(Option<Store>);

impl Restored {
    /// From a store; none if state is not kept.
    #[must_use]
    pub const fn new(store: Option<Store>) -> Self {
        Self(store)
    }

    /// The stored state of a channel.
    #[must_use]
    pub fn get(&self, device: &DeviceId, channel: &ChannelId) -> Option<Saved> {
        self.0.as_ref()?.load(device, channel).unwrap_or_else(|error| {
            warn!(%device, %channel, "not restored, it learns anew: {error}");
            self.put_aside(device, channel);
            None
        })
    }

    /// Keeps a record that could not be used.
    pub fn put_aside(&self, device: &DeviceId, channel: &ChannelId) {
        if let Some(Err(error)) = self.0.as_ref().map(|store| store.put_aside(device, channel)) {
            warn!(%device, %channel, "the refused model could not be kept: {error}");
        }
    }
}

/// Some kinds of damage make the library panic where it could report: that is damage as well.
fn create(path: &Path) -> Result<Database, DatabaseError> {
    let opened = std::panic::catch_unwind(|| -> Result<Database, redb::Error> {
        let database = Database::create(path)?;
        let transaction = database.begin_write()?;
        transaction.open_table(MODELS)?;
        transaction.open_table(REFUSED)?;
        transaction.commit()?;
        Ok(database)
    });
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(redb::Error::DatabaseAlreadyOpen)) => Err(DatabaseError::DatabaseAlreadyOpen),
        Ok(Err(redb::Error::Io(error))) => Err(DatabaseError::Storage(StorageError::Io(error))),
        Ok(Err(error)) => Err(DatabaseError::Storage(StorageError::Corrupted(error.to_string()))),
        Err(_) => Err(DatabaseError::Storage(StorageError::Corrupted("it cannot be read".to_owned()))),
    }
}

fn key(device: &DeviceId, channel: &ChannelId) -> String {
    format!("{device}\0{channel}")
}

/// Length of the JSON part (4 bytes, little endian), JSON part, snapshot.
fn encode(saved: &Saved) -> Vec<u8> {
    let meta = serde_json::to_vec(saved).unwrap_or_default();
    let length = u32::try_from(meta.len()).unwrap_or(0).to_le_bytes();
    [&length, meta.as_slice(), &saved.snapshot].concat()
}

fn decode(bytes: &[u8]) -> Option<Saved> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (meta, snapshot) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let saved: Saved = serde_json::from_slice(meta).ok()?;
    Some(Saved { snapshot: snapshot.to_vec(), ..saved })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(channel: &str, byte: u8) -> Record {
        let saved =
            Saved { snapshot: vec![byte; 100], last: Some(Timestamp(5)), alerts: 2, ..Saved::default() };
        Record { device: DeviceId("d".into()), channel: ChannelId(channel.into()), saved }
    }

    #[test]
    fn what_was_saved_is_there_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (a, b) = (record("a", 1), record("b", 2));
        let store = Store::open(&path).unwrap();
        assert!(matches!(Store::open(&path), Err(StoreError::InUse(_))));
        store.save(&[a.clone(), b]).unwrap();
        store.save(&[record("b", 3)]).unwrap();
        drop(store);
        let store = Store::open(&path).unwrap();
        assert_eq!(store.load(&a.device, &a.channel).unwrap().as_ref(), Some(&a.saved));
        assert_eq!(store.load(&a.device, &ChannelId("b".into())).unwrap().unwrap().snapshot, [3; 100]);
        assert_eq!(store.load(&a.device, &ChannelId("c".into())).unwrap(), None);
        assert_eq!(std::fs::metadata(path.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_damaged_file_is_kept_and_a_new_one_begun() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), vec![7; 10_000]).unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.save(&[record("a", 1)]).unwrap();
        let bad = std::fs::read_dir(folder.path()).unwrap().flatten();
        let bad: Vec<_> = bad.filter(|file| file.file_name().to_string_lossy().contains(".bad-")).collect();
        assert_eq!(bad.len(), 1);
    }

    #[test]
    fn damage_in_the_middle_is_kept_aside_too() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).unwrap().save(&[record("a", 1)]).unwrap();
        let path = folder.path().join(FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.iter_mut().skip(4096).step_by(97).for_each(|byte| *byte ^= 0xff);
        std::fs::write(&path, bytes).unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.save(&[record("b", 2)]).unwrap();
        assert!(store.load(&DeviceId("d".into()), &ChannelId("b".into())).unwrap().is_some());
    }

    #[test]
    fn a_record_cut_short_is_not_a_record() {
        let bytes = encode(&record("a", 1).saved);
        assert!((0..38).all(|end| decode(&bytes[..end]).is_none()));
        assert_eq!(decode(&bytes), Some(record("a", 1).saved));
    }
}
