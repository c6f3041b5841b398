//! Opening redb databases on a [`Disk`]: damage is kept under another name, and a new one begun.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{Builder, Database, ReadableTable, StorageBackend};
use tracing::error;

use super::disk::Disk;
use crate::reading::Timestamp;

/// Pages kept in memory, of each database. What a long transaction changes goes to the file beyond it.
const CACHE: usize = 2 << 20;

/// Opens or makes a database and lets `prepare` make and read what is in it; true at the end if the one that was there is
/// damaged beyond use, which only reading it shows, and was kept as `<name>.bad-<time>`.
///
/// # Errors
/// What the disk reports.
pub(super) fn open<T>(
    disk: &dyn Disk,
    name: &str,
    prepare: impl Fn(&Database) -> Result<T, redb::Error>,
) -> io::Result<(Database, T, bool)> {
    let ready = || -> io::Result<(Database, T)> {
        let database = attempt(disk.open(name)?)?;
        match guarded(|| prepare(&database)).and_then(|prepared| prepared.map_err(failed)) {
            Ok(prepared) => Ok((database, prepared)),
            Err(problem) => {
                let _ = guarded(|| drop(database));
                Err(problem)
            }
        }
    };
    match ready() {
        Ok((database, prepared)) => Ok((database, prepared, false)),
        Err(problem) if is_damage(&problem) => {
            set_aside(disk, name, &problem)?;
            let (database, prepared) = ready()?;
            Ok((database, prepared, true))
        }
        Err(problem) => Err(problem),
    }
}

/// Keeps a damaged database under another name.
pub(super) fn set_aside(disk: &dyn Disk, name: &str, problem: &io::Error) -> io::Result<()> {
    let kept = format!("{name}.bad-{}", Timestamp::now().0);
    error!("the store {name} is damaged ({problem}); it is kept as {kept}");
    disk.rename(name, &kept)
}

/// Reads a table to its end.
pub(super) fn read_all(table: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<(), redb::Error> {
    for entry in table.iter()? {
        let (key, value) = entry?;
        let _ = (key.value(), value.value());
    }
    Ok(())
}

/// Some kinds of damage make the library panic where it could report: that is damage as well.
fn attempt(file: Box<dyn StorageBackend>) -> io::Result<Database> {
    let opened = guarded(|| Builder::new().set_cache_size(CACHE).create_with_backend(Boxed(file)));
    match opened {
        Ok(Ok(database)) => Ok(database),
        // Whatever a database cannot be opened for, but the disk, is damage.
        Ok(Err(error)) => match redb::Error::from(error) {
            redb::Error::Io(error) => Err(error),
            other => Err(damage(&other)),
        },
        Err(error) => Err(error),
    }
}

/// Runs what may panic over damaged pages.
pub(super) fn guarded<T>(act: impl FnOnce() -> T) -> io::Result<T> {
    let damage = |_| io::Error::new(io::ErrorKind::InvalidData, "it cannot be read");
    catch_unwind(AssertUnwindSafe(act)).map_err(damage)
}

/// A database's own word for what went wrong, as an error of the disk if it is one.
pub(super) fn failed(error: redb::Error) -> io::Error {
    match error {
        redb::Error::Io(error) => error,
        redb::Error::Corrupted(_) | redb::Error::TableTypeMismatch { .. } => damage(&error),
        other => io::Error::other(other.to_string()),
    }
}

fn damage(error: &redb::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

pub(super) fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

#[derive(Debug)]
struct Boxed(Box<dyn StorageBackend>);

impl StorageBackend for Boxed {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}
