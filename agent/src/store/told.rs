//! What was told, or is about to be, in one database: messages that the broker has not acknowledged, the alerts that are
//! open, and the channels as they were when they told. All of it changes in one transaction, so that an alert is neither
//! lost nor told twice, whenever the power goes.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use tracing::{debug, error, warn};

use super::database::{self, failed, guarded};
use super::disk::Disk;
use super::record::{self, Record};
use crate::device::Saved;
use crate::reading::{ChannelId, DeviceId};

const FILE: &str = "outbox.redb";
/// Number -> message, in the order in which they are to be sent.
const MESSAGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("messages");
/// Topic -> payload, of the retained states of open alerts.
const FIRING: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("firing");
/// Key of the channel -> record.
const CHANNELS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("channels");

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) retain: bool,
}

/// One transaction's worth.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    /// Messages to be sent, by number.
    pub(crate) messages: Vec<(u64, Message)>,
    /// Messages that the broker has, or that were dropped.
    pub(crate) done: Vec<u64>,
    /// Topics of open alerts, with the payload, and of those that ended, without.
    pub(crate) firing: Vec<(String, Option<Vec<u8>>)>,
    /// Channels that told something.
    pub(crate) channels: Vec<Record>,
}

/// What was there when it was opened.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// In the order in which they are to be sent.
    pub(crate) messages: Vec<(u64, Message)>,
    pub(crate) firing: Vec<(String, Vec<u8>)>,
}

/// The database; `None` after it failed, until it can be opened again. Readers hold the lock.
type Slot = Arc<RwLock<Option<Database>>>;

/// The one who writes.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    disk: Arc<dyn Disk>,
    slot: Slot,
}

impl Told {
    pub(crate) fn open(disk: Arc<dyn Disk>) -> io::Result<(Self, Left)> {
        let (database, left, damaged) = database::open(&*disk, FILE, prepare)?;
        if damaged {
            error!("alerts that waited in {FILE} are lost");
        }
        Ok((Self { disk, slot: Arc::new(RwLock::new(Some(database))) }, left))
    }

    /// Makes a change durable. After an error nothing of it is, and it is to be tried again as a whole.
    pub(crate) fn commit(&self, change: &Change) -> io::Result<()> {
        self.reopen()?;
        let done = match self.slot.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(database) => guarded(|| write(database, change)).and_then(|written| written.map_err(failed)),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        if done.is_err() {
            let failed = self.slot.write().unwrap_or_else(PoisonError::into_inner).take();
            let _ = guarded(|| drop(failed));
        }
        done
    }

    fn reopen(&self) -> io::Result<()> {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() {
            let (database, ..) = database::open(&*self.disk, FILE, prepare)?;
            debug!("{FILE} is in use again");
            *slot = Some(database);
        }
        Ok(())
    }

    /// For reading beside it.
    pub(crate) fn channels(&self) -> ToldChannels {
        ToldChannels(self.slot.clone())
    }
}

/// The channels as they were when they told something, at the last opening and since.
#[derive(Clone, Debug, Default)]
pub(crate) struct ToldChannels(Slot);

impl ToldChannels {
    pub(crate) fn get(&self, device: &DeviceId, channel: &ChannelId) -> Option<Saved> {
        let database = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref()?;
        let read = || -> Result<Option<Saved>, redb::Error> {
            let channels = database.begin_read()?.open_table(CHANNELS)?;
            let value = channels.get(record::key(device, channel).as_str())?;
            Ok(value.and_then(|value| record::decode(value.value())))
        };
        guarded(read).and_then(|read| read.map_err(failed)).unwrap_or_else(|error| {
            warn!(%device, %channel, "what was stored with its last alert cannot be read: {error}");
            None
        })
    }
}

fn write(database: &Database, change: &Change) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut messages = transaction.open_table(MESSAGES)?;
        for (number, message) in &change.messages {
            let bytes =
                postcard::to_allocvec(message).map_err(|error| redb::Error::Corrupted(error.to_string()))?;
            messages.insert(number, bytes.as_slice())?;
        }
        for number in &change.done {
            messages.remove(number)?;
        }
        let mut firing = transaction.open_table(FIRING)?;
        for (topic, payload) in &change.firing {
            match payload {
                Some(payload) => firing.insert(topic.as_str(), payload.as_slice())?,
                None => firing.remove(topic.as_str())?,
            };
        }
        let mut channels = transaction.open_table(CHANNELS)?;
        for record in &change.channels {
            channels.insert(record.key().as_str(), record::encode(&record.saved).as_slice())?;
        }
    }
    Ok(transaction.commit()?)
}

/// Makes the tables and reads all that is in them, so that damage is seen now.
fn prepare(database: &Database) -> Result<Left, redb::Error> {
    let transaction = database.begin_write()?;
    let mut left = Left::default();
    {
        for entry in transaction.open_table(MESSAGES)?.iter()? {
            let (number, value) = entry?;
            match postcard::from_bytes(value.value()) {
                Ok(message) => left.messages.push((number.value(), message)),
                Err(damage) => error!("a message in {FILE} is damaged and lost: {damage}"),
            }
        }
        for entry in transaction.open_table(FIRING)?.iter()? {
            let (topic, payload) = entry?;
            left.firing.push((topic.value().to_owned(), payload.value().to_vec()));
        }
        database::read_all(&transaction.open_table(CHANNELS)?)?;
    }
    transaction.commit()?;
    Ok(left)
}
