//! A disk in memory that does what disks do: loses and tears what was not synced when the power goes, fills up, fails, and
//! flips bits. Everything follows from its seed.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brooklet_core::rng::Rng;
use redb::StorageBackend;

use super::disk::{Append, Disk};

/// What is written as a whole or not at all.
const SECTOR: usize = 512;

/// What goes wrong, and when: counted in operations since the power came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The power goes.
    Crash,
    /// No room: writing fails until there was so much of this.
    Full,
    /// Reading and writing fail.
    Broken,
    /// The system has made it read-only.
    ReadOnly,
    /// Syncing fails, and what was not synced is lost.
    SyncFails,
}

#[derive(Clone, Debug)]
pub(crate) struct Simulated(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    rng: Rng,
    files: BTreeMap<String, File>,
    /// Removed, but that may not have reached the disk.
    removed: BTreeMap<String, File>,
    operations: u64,
    /// From which operation on, for how many of them.
    fault: Option<(Fault, u64, u64)>,
    is_off: bool,
    /// A disk that lies: syncing does nothing.
    lies: bool,
}

#[derive(Clone, Debug, Default)]
struct File {
    /// As the system shows it.
    seen: Vec<u8>,
    /// As it is on the platter.
    kept: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Length(length) => bytes.resize(*length, 0),
            Self::Write(offset, data) => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(data);
            }
        }
    }
}

impl Simulated {
    pub(crate) fn new(seed: u64, lies: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            rng: Rng::new(seed),
            files: BTreeMap::new(),
            removed: BTreeMap::new(),
            operations: 0,
            fault: None,
            is_off: false,
            lies,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The power comes back; `fault` strikes at its operation, for so many of them.
    pub(crate) fn power_on(&self, fault: Option<(Fault, u64, u64)>) {
        let mut state = self.lock();
        (state.is_off, state.operations, state.fault) = (false, 0, fault);
    }

    /// The power goes now.
    pub(crate) fn cut(&self) {
        self.lock().cut();
    }

    pub(crate) fn is_off(&self) -> bool {
        self.lock().is_off
    }

    /// Operations since the power came.
    pub(crate) fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Puts a file on the platter.
    pub(crate) fn write(&self, name: &str, bytes: Vec<u8>) {
        let file = File { seen: bytes.clone(), kept: bytes, unsynced: Vec::new() };
        self.lock().files.insert(name.to_owned(), file);
    }

    /// Flips a bit of a file whose name begins so; false if there is none with bytes in it.
    pub(crate) fn flip(&self, prefix: &str) -> bool {
        let state = &mut *self.lock();
        let mut files: Vec<_> = state
            .files
            .iter_mut()
            .filter(|(name, file)| name.starts_with(prefix) && !file.kept.is_empty())
            .collect();
        let Some(which) = state.rng.next_u64().checked_rem(files.len() as u64) else { return false };
        let file = &mut *files[which as usize].1;
        let bit = (state.rng.next_u64() % (file.kept.len() as u64 * 8)) as usize;
        file.kept[bit / 8] ^= 1 << (bit % 8);
        file.seen.clone_from(&file.kept);
        true
    }
}

impl State {
    /// One operation: fails if it must.
    fn step(&mut self, writes: bool, syncs: bool) -> io::Result<()> {
        if self.is_off {
            return Err(io::Error::other("the power is off"));
        }
        self.operations += 1;
        let Some((fault, from, count)) = self.fault else { return Ok(()) };
        if self.operations < from || self.operations - from >= count {
            return Ok(());
        }
        match fault {
            Fault::Crash => {
                self.cut();
                Err(io::Error::other("the power is off"))
            }
            Fault::Full if writes => Err(io::ErrorKind::StorageFull.into()),
            Fault::Broken => Err(io::Error::from_raw_os_error(5)),
            Fault::ReadOnly if writes || syncs => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
            Fault::SyncFails if syncs => {
                for file in self.files.values_mut() {
                    file.unsynced.clear();
                    file.seen.clone_from(&file.kept);
                }
                Err(io::Error::from_raw_os_error(5))
            }
            Fault::Full | Fault::ReadOnly | Fault::SyncFails => Ok(()),
        }
    }

    /// Of what was not synced some is on the platter, in whole sectors, in any order.
    fn cut(&mut self) {
        self.is_off = true;
        for (name, file) in std::mem::take(&mut self.removed) {
            if self.rng.next_u64().is_multiple_of(2) {
                self.files.entry(name).or_insert(file);
            }
        }
        for file in self.files.values_mut() {
            let keep = self.rng.next_u64() % 4;
            for change in std::mem::take(&mut file.unsynced) {
                match change {
                    Change::Length(_) if self.rng.next_u64() % 4 >= keep => {}
                    Change::Length(_) => change.apply(&mut file.kept),
                    Change::Write(offset, data) => {
                        let mut at = 0;
                        while at < data.len() {
                            let end = (SECTOR - (offset + at) % SECTOR + at).min(data.len());
                            if self.rng.next_u64() % 4 < keep {
                                Change::Write(offset + at, data[at..end].to_vec()).apply(&mut file.kept);
                            }
                            at = end;
                        }
                    }
                }
            }
            file.seen.clone_from(&file.kept);
        }
    }

    fn change(&mut self, name: &str, change: Change) -> io::Result<()> {
        self.step(true, false)?;
        let file = self.files.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        change.apply(&mut file.seen);
        file.unsynced.push(change);
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.step(false, true)?;
        if self.lies {
            return Ok(());
        }
        let file = self.files.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        file.unsynced.clear();
        file.kept.clone_from(&file.seen);
        Ok(())
    }

    fn file(&mut self, name: &str) -> io::Result<&mut File> {
        self.step(false, false)?;
        self.files.get_mut(name).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for Simulated {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut state = self.lock();
        state.step(false, false)?;
        Ok(state.files.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        Ok(self.lock().file(name)?.seen.clone())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let mut state = self.lock();
        state.step(true, false)?;
        state.files.insert(name.to_owned(), File::default());
        Ok(Box::new(Open { disk: self.clone(), name: name.to_owned() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.step(true, false)?;
        let file = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.step(true, false)?;
        let file = state.files.remove(name).ok_or(io::ErrorKind::NotFound)?;
        state.removed.insert(name.to_owned(), file);
        Ok(())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        let mut state = self.lock();
        state.step(true, false)?;
        state.files.entry(name.to_owned()).or_default();
        Ok(Box::new(Open { disk: self.clone(), name: name.to_owned() }))
    }

    fn written(&self) -> u64 {
        0
    }
}

#[derive(Debug)]
struct Open {
    disk: Simulated,
    name: String,
}

impl Append for Open {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.lock();
        let length = state.file(&self.name)?.seen.len();
        state.change(&self.name, Change::Write(length, bytes.to_vec()))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.lock().sync(&self.name)
    }
}

impl StorageBackend for Open {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().file(&self.name)?.seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.lock();
        let bytes = &state.file(&self.name)?.seen;
        let bytes =
            bytes.get(offset as usize..offset as usize + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.lock().change(&self.name, Change::Length(len as usize))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.lock().sync(&self.name)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.lock().change(&self.name, Change::Write(offset as usize, data.to_vec()))
    }
}
