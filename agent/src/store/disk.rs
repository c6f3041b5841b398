//! The files of the state folder, behind a trait: the tests have a disk that loses what was not synced, fills up and fails.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::StorageBackend;

/// A card writes whole pages.
const PAGE: u64 = 4096;

/// Holds the lock on the folder.
const LOCK: &str = "lock";

/// A folder of files. Names have no folders in them.
pub(crate) trait Disk: Debug + Send + Sync {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// A whole file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// A new, empty file to append to; an old one of that name is gone. Its name is durable.
    fn create(&self, name: &str) -> io::Result<Box<dyn Append>>;
    /// Another name for a file; it takes the place of one that has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Away with a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// A file to be read and written anywhere, made if it is not there.
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>>;
    /// Bytes that a card has written for this folder since it was opened: whole pages, and one more for each sync.
    fn written(&self) -> u64;
}

/// A file that only grows.
pub(crate) trait Append: Debug + Send {
    /// Adds to its end; not durable yet.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns once all is durable. After an error nothing is known of what was appended since the last success, and the
    /// file is not to be used any more.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of the file system, locked for this process.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    written: Arc<AtomicU64>,
    /// Locked for as long as it is open.
    _lock: File,
}

impl Folder {
    /// Opens a folder, made with mode 0700 if it is not there. [`io::ErrorKind::WouldBlock`] if another process has it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let lock = options().open(path.join(LOCK))?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(Self { path: path.to_owned(), written: Arc::default(), _lock: lock })
    }

    fn sync_names(&self) -> io::Result<()> {
        self.written.fetch_add(PAGE, Ordering::Relaxed);
        File::open(&self.path)?.sync_all()
    }

    fn file(&self, file: File) -> OpenFile {
        OpenFile { file, written: self.written.clone(), unsynced: 0 }
    }
}

/// For reading and writing, mode 0600.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(name))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let file = options().truncate(true).open(self.path.join(name))?;
        file.sync_all()?;
        self.sync_names()?;
        Ok(Box::new(self.file(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))?;
        self.sync_names()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        let path = self.path.join(name);
        let new = !path.try_exists()?;
        let file = options().open(&path)?;
        // One that was there before may be of an older, laxer version.
        file.set_permissions(Permissions::from_mode(0o600))?;
        if new {
            self.sync_names()?;
        }
        Ok(Box::new(self.file(file)))
    }

    fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

/// A file, and where its bytes are counted.
#[derive(Debug)]
struct OpenFile {
    file: File,
    written: Arc<AtomicU64>,
    /// Bytes appended since the last sync.
    unsynced: u64,
}

impl Append for OpenFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.unsynced += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        // The page where the last sync ended is written again; one more for the file's length.
        let pages = self.unsynced / PAGE + 2;
        self.written.fetch_add(pages * PAGE, Ordering::Relaxed);
        self.unsynced = 0;
        self.file.sync_data()
    }
}

impl StorageBackend for OpenFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.written.fetch_add(PAGE, Ordering::Relaxed);
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let end = offset + data.len() as u64;
        let pages = end.div_ceil(PAGE) - offset / PAGE;
        self.written.fetch_add(pages * PAGE, Ordering::Relaxed);
        self.file.write_all_at(data, offset)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_owners_alone_and_of_one_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let disk = Folder::open(&path).unwrap();
        assert_eq!(Folder::open(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut log = disk.create("log").unwrap();
        log.append(b"12").unwrap();
        log.append(b"3").unwrap();
        log.sync().unwrap();
        disk.open("base").unwrap().write(0, &[1; 10]).unwrap();
        assert_eq!(disk.read("log").unwrap(), b"123");
        let mode = |name: &str| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("."), mode("log"), mode("base"), mode(LOCK)), (0o700, 0o600, 0o600, 0o600));
        // Names twice, two pages for the log, one for the base.
        assert_eq!(disk.written(), 5 * PAGE);
        drop(disk);
        assert!(Folder::open(&path).is_ok());
    }
}
