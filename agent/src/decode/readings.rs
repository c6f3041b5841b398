//! The buffer that decoders fill: readings, their names, and what a walk through a document needs to
//! remember.

use std::hash::BuildHasher;

use super::json::Text;
use super::{MAX_FIELDS, MAX_KEYS, MAX_NAMES, MAX_ROWS, MAX_STRING, Refusal};
use crate::reading::{Reading, Timestamp};

/// The readings of one message, in the order of the payload.
///
/// Keep one and hand it to every [`Decoder::decode`](super::Decoder::decode): names and readings live in
/// memory that is used again, so that a warm buffer allocates nothing. At most about 1 MiB, whatever the
/// payload.
#[derive(Debug)]
pub struct Readings {
    entries: Vec<Entry>,
    names: String,
    skipped: u32,
    non_finite: u32,
    rows: usize,
    row_start: usize,
    /// Readings in the row before: where its rows look alike, an array's names are stored once.
    stride: usize,
    row_time: Option<(Rank, Timestamp)>,
    path: String,
    keys: String,
    seen: Vec<Seen>,
    /// Set at random, so that nobody can prepare keys that all collide.
    seed: u64,
    scratch: String,
}

/// One reading; its name is a range of `names`.
#[derive(Clone, Copy, Debug)]
struct Entry {
    time: i64,
    start: u32,
    end: u32,
    value: f32,
}

/// Stands for "the payload gives no time" in [`Entry`]; no decoder yields it as a time.
const NO_TIME: i64 = i64::MIN;

#[derive(Clone, Copy, Debug)]
struct Seen {
    hash: u32,
    start: u32,
    end: u32,
}

/// How much a time key is worth: a smaller one wins over a larger one.
pub(super) type Rank = u8;

/// Where an object's keys begin on the stack of keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    seen: usize,
    keys: usize,
}

impl Default for Readings {
    fn default() -> Self {
        Self::new()
    }
}

impl Readings {
    /// An empty buffer; it allocates on first use.
    #[must_use]
    pub fn new() -> Self {
        Self {
            entries: Vec::new(),
            names: String::new(),
            skipped: 0,
            non_finite: 0,
            rows: 0,
            row_start: 0,
            stride: 0,
            row_time: None,
            path: String::new(),
            keys: String::new(),
            seen: Vec::new(),
            seed: std::hash::RandomState::new().hash_one(0_u8),
            scratch: String::new(),
        }
    }

    /// How many readings there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many places should have held a number (or a time) and held text, null or something else.
    #[must_use]
    pub fn skipped(&self) -> u32 {
        self.skipped
    }

    /// How many numbers were NaN, infinite or beyond the range of an `f32`: readings that nobody gets to see.
    #[must_use]
    pub fn non_finite(&self) -> u32 {
        self.non_finite
    }

    /// The readings in the order of the payload.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Reading<'_>> {
        self.entries.iter().map(|entry| Reading {
            channel: name_of(&self.names, *entry),
            time: (entry.time != NO_TIME).then_some(Timestamp(entry.time)),
            value: entry.value,
        })
    }

    /// Forgets all readings and keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.names.clear();
        self.skipped = 0;
        self.non_finite = 0;
        self.rows = 0;
        self.row_start = 0;
        self.stride = 0;
        self.row_time = None;
        self.path.clear();
        self.keys.clear();
        self.seen.clear();
    }

    /// Starts a sample: its readings share one time.
    pub(super) fn begin_row(&mut self) -> Result<(), Refusal> {
        self.rows += 1;
        if self.rows > MAX_ROWS {
            return Err(Refusal::TooManyRows);
        }
        self.stride = self.entries.len() - self.row_start;
        self.row_start = self.entries.len();
        self.row_time = None;
        self.path.clear();
        Ok(())
    }

    /// Proposes a time for the sample; the smallest rank wins, and the first of equals.
    pub(super) fn offer_time(&mut self, rank: Rank, time: Timestamp) {
        if self.row_time.is_none_or(|(best, _)| rank < best) {
            self.row_time = Some((rank, time));
        }
    }

    /// Ends a sample: its time, if one was found, goes to all its readings.
    pub(super) fn end_row(&mut self) {
        let Some((_, time)) = self.row_time else { return };
        for entry in self.entries.iter_mut().skip(self.row_start) {
            entry.time = time.0;
        }
    }

    /// Adds a reading of the channel that the current path names.
    pub(super) fn push(&mut self, value: f64) -> Result<(), Refusal> {
        let path = std::mem::take(&mut self.path);
        let done = self.push_named(&path, value);
        self.path = path;
        done
    }

    /// Adds a reading of a channel, or counts it if it is not finite.
    pub(super) fn push_named(&mut self, channel: &str, value: f64) -> Result<(), Refusal> {
        let Some(value) = narrow(value) else {
            self.non_finite = self.non_finite.saturating_add(1);
            return Ok(());
        };
        if self.entries.len() - self.row_start >= MAX_FIELDS {
            return Err(Refusal::TooManyFields);
        }
        let (start, end) = self.store_name(channel)?;
        self.entries.push(Entry { time: NO_TIME, start, end, value });
        Ok(())
    }

    /// Counts a place that should have held a number.
    pub(super) fn skip(&mut self, places: usize) {
        self.skipped = self.skipped.saturating_add(u32::try_from(places).unwrap_or(u32::MAX));
    }

    /// Replaces the path by a name that is built of two parts.
    pub(super) fn set_path(&mut self, base: Text<'_>, name: Text<'_>) -> Result<(), Refusal> {
        self.path.clear();
        for part in [base, name] {
            let part = part.plain(&mut self.scratch);
            if part.len() > MAX_STRING {
                return Err(Refusal::StringTooLong);
            }
            push_clean(&mut self.path, part);
        }
        self.check_path()
    }

    /// Appends an array index to the path; hand the result to [`leave`](Self::leave).
    pub(super) fn enter_index(&mut self, index: usize) -> Result<usize, Refusal> {
        let before = self.path.len();
        if before > 0 {
            self.path.push('.');
        }
        // Digits by hand: the formatting machinery costs more than the rest of a reading.
        let mut divisor = 1;
        while index / divisor >= 10 {
            divisor *= 10;
        }
        while divisor > 0 {
            let digit = u8::try_from(index / divisor % 10).unwrap_or_default();
            self.path.push(char::from(b'0' + digit));
            divisor /= 10;
        }
        self.check_path()?;
        Ok(before)
    }

    /// Appends the newest key to the path; hand the result to [`leave`](Self::leave).
    pub(super) fn enter_key(&mut self) -> Result<usize, Refusal> {
        let before = self.path.len();
        if before > 0 {
            self.path.push('.');
        }
        let key = newest(&self.keys, &self.seen);
        push_clean(&mut self.path, if key.is_empty() { "_" } else { key });
        self.check_path()?;
        Ok(before)
    }

    /// Takes the path back to where it was.
    pub(super) fn leave(&mut self, before: usize) {
        self.path.truncate(before);
    }

    /// Starts an object: from here on its keys are remembered.
    pub(super) fn open_scope(&self) -> Scope {
        Scope { seen: self.seen.len(), keys: self.keys.len() }
    }

    /// Ends an object and forgets its keys.
    pub(super) fn close_scope(&mut self, scope: Scope) {
        self.seen.truncate(scope.seen);
        self.keys.truncate(scope.keys);
    }

    /// Remembers a key of the object, refuses it if the object has it already.
    pub(super) fn note_key(&mut self, scope: Scope, key: Text<'_>, at: usize) -> Result<(), Refusal> {
        let start = self.keys.len();
        key.push_to(&mut self.keys);
        let key = self.keys.get(start..).unwrap_or_default();
        if key.len() > MAX_STRING {
            return Err(Refusal::StringTooLong);
        }
        let hash = hash(self.seed, key.as_bytes());
        let siblings = self.seen.get(scope.seen..).unwrap_or_default();
        if siblings.len() >= MAX_KEYS {
            return Err(Refusal::TooManyFields);
        }
        if siblings.iter().any(|seen| seen.hash == hash && slice(&self.keys, seen.start, seen.end) == key) {
            return Err(Refusal::DuplicateKey { at });
        }
        let end = self.keys.len();
        self.seen.push(Seen { hash, start: index(start), end: index(end) });
        Ok(())
    }

    /// The key that was noted last.
    pub(super) fn key(&self) -> &str {
        newest(&self.keys, &self.seen)
    }

    /// Memory for text whose escapes have to be resolved.
    pub(super) fn scratch(&mut self) -> &mut String {
        &mut self.scratch
    }

    /// The bytes that the buffer holds on to.
    #[cfg(test)]
    pub(super) fn footprint(&self) -> usize {
        let text = [&self.names, &self.path, &self.keys, &self.scratch].map(String::capacity);
        text.iter().sum::<usize>()
            + self.entries.capacity() * size_of::<Entry>()
            + self.seen.capacity() * size_of::<Seen>()
    }

    fn check_path(&self) -> Result<(), Refusal> {
        if self.path.len() > MAX_STRING { Err(Refusal::StringTooLong) } else { Ok(()) }
    }

    fn store_name(&mut self, name: &str) -> Result<(u32, u32), Refusal> {
        if name.is_empty() {
            return Ok((0, 0));
        }
        if self.stride > 0
            && let Some(twin) = self.entries.len().checked_sub(self.stride).and_then(|i| self.entries.get(i))
            && name_of(&self.names, *twin) == name
        {
            return Ok((twin.start, twin.end));
        }
        let start = self.names.len();
        if start + name.len() > MAX_NAMES {
            return Err(Refusal::StringTooLong);
        }
        self.names.push_str(name);
        Ok((index(start), index(self.names.len())))
    }
}

/// The number as learners take it.
#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is the purpose; the result is checked")]
fn narrow(value: f64) -> Option<f32> {
    Some(value as f32).filter(|value| value.is_finite())
}

fn name_of(names: &str, entry: Entry) -> &str {
    slice(names, entry.start, entry.end)
}

fn newest<'a>(keys: &'a str, seen: &[Seen]) -> &'a str {
    seen.last().map_or("", |seen| slice(keys, seen.start, seen.end))
}

fn slice(text: &str, start: u32, end: u32) -> &str {
    text.get(start as usize..end as usize).unwrap_or_default()
}

/// Positions in the arenas; both are bounded by the payload, far below 4 GiB.
fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// Appends a name with what a topic cannot hold replaced.
pub(super) fn push_clean(out: &mut String, name: &str) {
    let unclean = |c: char| matches!(c, '/' | '+' | '#') || c.is_control();
    if name.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b'+' | b'#')) {
        out.push_str(name);
    } else {
        out.extend(name.chars().map(|c| if unclean(c) { '_' } else { c }));
    }
}

/// Mixes eight bytes a step. It only sorts out candidates: equality is decided on the keys themselves.
fn hash(seed: u64, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut hash = words.iter().fold(seed, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let tail = rest.iter().fold(rest.len() as u64, |tail, byte| tail << 8 | u64::from(*byte));
    hash = mix(hash, tail);
    u32::try_from(hash >> 32).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn names_of_alike_rows_are_stored_once() {
        let mut out = Readings::new();
        for row in 0..100 {
            out.begin_row().unwrap();
            out.push_named("temperature", f64::from(row)).unwrap();
            out.push_named("humidity", 1.0).unwrap();
            out.offer_time(1, Timestamp(row.into()));
            out.end_row();
        }
        assert_eq!(out.names, "temperaturehumidity");
        assert_eq!(out.len(), 200);
        let last = out.iter().last().unwrap();
        assert_eq!((last.channel, last.time, last.value), ("humidity", Some(Timestamp(99)), 1.0));
    }

    #[test]
    fn rows_fields_names_and_values_are_bounded() {
        let mut out = Readings::new();
        for _ in 0..MAX_ROWS {
            out.begin_row().unwrap();
        }
        assert_eq!(out.begin_row(), Err(Refusal::TooManyRows));

        out.clear();
        out.begin_row().unwrap();
        for _ in 0..MAX_FIELDS {
            out.push_named("a", 1.0).unwrap();
        }
        assert_eq!(out.push_named("a", 1.0), Err(Refusal::TooManyFields));

        out.clear();
        let mut stored = 0;
        let refused = 'rows: loop {
            out.begin_row().unwrap();
            for field in 0..=stored % 64 {
                if let Err(refusal) = out.push_named(&format!("{field:0250}{stored}"), 1.0) {
                    break 'rows refusal;
                }
                stored += 1;
            }
        };
        assert_eq!(refused, Refusal::StringTooLong);
        assert!(out.names.len() <= MAX_NAMES);

        out.clear();
        for value in [f64::NAN, f64::INFINITY, 1e39, -1e39] {
            assert_eq!(out.push_named("", value), Ok(()));
        }
        assert_eq!((out.len(), out.non_finite()), (0, 4));
    }

    #[test]
    fn the_best_time_wins_and_the_first_of_equals() {
        let mut out = Readings::new();
        out.begin_row().unwrap();
        out.push_named("a", 1.0).unwrap();
        for (rank, time) in [(3, 30), (2, 20), (2, 21), (5, 50)] {
            out.offer_time(rank, Timestamp(time));
        }
        out.push_named("b", 2.0).unwrap();
        out.end_row();
        assert!(out.iter().all(|reading| reading.time == Some(Timestamp(20))));
    }

    #[test]
    fn indices_are_written_in_decimal() {
        let mut out = Readings::new();
        for i in [0, 7, 10, 99, 100, 9_999, usize::MAX] {
            let before = out.enter_index(i).unwrap();
            assert_eq!(out.path, i.to_string());
            out.leave(before);
        }
    }
}
