//! Opening redb databases on a [`Disk`]: damage is kept under another name, and a new one begun.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{Builder, Database, StorageBackend};
use tracing::error;

use super::disk::Disk;
use crate::reading::Timestamp;

/// Pages kept in memory, of each database. What a long transaction changes goes to the file beyond it.
const CACHE: usize = 2 << 20;

/// Opens or makes a database; true beside it if the one that was there is damaged beyond use and was kept as
/// `<name>.bad-<time>`.
///
/// # Errors
/// What the disk reports.
pub(super) fn open(disk: &dyn Disk, name: &str) -> io::Result<(Database, bool)> {
    match attempt(disk.open(name)?) {
        Ok(database) => Ok((database, false)),
        Err(problem) if is_damage(&problem) => {
            let kept = format!("{name}.bad-{}", Timestamp::now().0);
            error!("the store {name} is damaged ({problem}); it is kept as {kept}");
            disk.rename(name, &kept)?;
            Ok((attempt(disk.open(name)?)?, true))
        }
        Err(problem) => Err(problem),
    }
}

/// Some kinds of damage make the library panic where it could report: that is damage as well.
fn attempt(file: Box<dyn StorageBackend>) -> io::Result<Database> {
    let damage = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    let opened = guarded(|| Builder::new().set_cache_size(CACHE).create_with_backend(Boxed(file)));
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(error)) => match redb::Error::from(error) {
            redb::Error::Io(error) => Err(error),
            other => Err(damage(other.to_string())),
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
        other => io::Error::other(other.to_string()),
    }
}

fn is_damage(error: &io::Error) -> bool {
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
